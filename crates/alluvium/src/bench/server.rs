//! A server that is asked, one question at a time on one connection, and the clock that is held to it.

use super::http::{Client, Url};
use super::rows;
use super::target::System;
use super::wording::Request;
use anyhow::{Context, Result};
use platform::clock::{Clock, SystemClock};

/// Where a server is and what it is.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Address {
    /// The server, as http://host:port.
    #[arg(long)]
    pub(super) url: Url,
    /// What kind of system it is.
    #[arg(long, value_enum, default_value = "influxdb")]
    pub(super) system: System,
    /// The database; VictoriaMetrics and QuestDB have none.
    #[arg(long, value_name = "NAME")]
    pub(super) db: String,
}

/// A connection to a server.
pub(super) struct Server {
    client: Client,
    clock: SystemClock,
}

impl Server {
    /// Connects.
    pub(super) fn new(url: &Url) -> Result<Self> {
        Ok(Self { client: Client::new(url)?, clock: SystemClock::new() })
    }

    /// Asks; returns the nanoseconds from before the request to behind the last byte, and the answer.
    pub(super) fn ask(&mut self, request: &Request) -> Result<(u64, &[u8])> {
        let begin = self.clock.monotonic_ns();
        let response = self.client.send("GET", &request.path, "", b"")?;
        let latency = self.clock.monotonic_ns() - begin;
        let body = response.expect(200).with_context(|| request.text.clone())?;
        Ok((latency, body))
    }

    /// As [`Server::ask`], and looks at the answer once the clock has stopped.
    pub(super) fn ask_checked(&mut self, system: System, request: &Request) -> Result<Asked> {
        let (latency, body) = self.ask(request)?;
        let has_rows = rows::has_any(system, body, &request.rows).with_context(|| request.text.clone())?;
        Ok(Asked { latency, bytes: body.len(), has_rows })
    }
}

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// Nanoseconds.
    pub(super) latency: u64,
    /// Bytes of the answer.
    pub(super) bytes: usize,
    /// Whether there was a row.
    pub(super) has_rows: bool,
}

#[cfg(test)]
pub(super) mod canned {
    //! A server on loopback that gives one answer to everything and remembers what it was asked.

    use super::Url;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    /// Runs `ask` with the server's address, and returns what that does and the paths of all requests in their order;
    /// `connections` is how many `ask` opens, one after the other or at once.
    pub(in crate::bench) fn serving<T: Send>(
        status: u16,
        answer: &str,
        connections: usize,
        ask: impl FnOnce(Url) -> T + Send,
    ) -> (T, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        std::thread::scope(|scope| {
            let asking = scope.spawn(move || ask(url));
            let accepted: Vec<_> = (0..connections)
                .map(|_| {
                    let (mut stream, _) = listener.accept().unwrap();
                    scope.spawn(move || {
                        let mut seen = Vec::new();
                        let mut input = BufReader::new(stream.try_clone().unwrap());
                        while let Some(path) = request(&mut input) {
                            seen.push(path);
                            let length = answer.len();
                            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{answer}");
                            stream.write_all(head.as_bytes()).unwrap();
                        }
                        seen
                    })
                })
                .collect();
            let done = asking.join().unwrap();
            (done, accepted.into_iter().flat_map(|thread| thread.join().unwrap()).collect())
        })
    }

    /// The path of the next GET; none when the client has gone.
    fn request(input: &mut impl BufRead) -> Option<String> {
        let mut lines = input.lines().map_while(Result::ok);
        let path = lines.next()?.split(' ').nth(1).unwrap().to_owned();
        lines.find(String::is_empty)?;
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::super::kinds::chosen;
    use super::super::wording::worded;
    use super::super::{Data, server::canned::serving};
    use super::*;

    /// Asks a question of a server that answers this, as the system's.
    fn asked(system: System, kind: &str, answer: &str) -> (Result<Asked>, String) {
        let question = chosen(kind).unwrap()[0].draw(&Data { hosts: 2, hours: 3 }, 1, 1).remove(0);
        let request = worded(system, &question, "d").unwrap();
        let (asked, mut seen) = serving(200, answer, 1, |url| Server::new(&url).unwrap().ask_checked(system, &request));
        (asked, seen.remove(0))
    }

    #[test]
    fn victoriametrics_is_asked_by_promql_and_its_points_are_counted() {
        let points = vec!["[1,\"2\"]"; 61].join(",");
        let answer = format!(r#"{{"status":"success","data":{{"result":[{{"metric":{{}},"values":[{points}]}}]}}}}"#);
        let (asked_once, path) = asked(System::Victoriametrics, "single-groupby-1-1-1", &answer);
        let asked_once = asked_once.unwrap();
        assert_eq!((asked_once.bytes, asked_once.has_rows), (answer.len(), true));
        assert!(path.starts_with("/api/v1/query_range?query=max%28max_over_time%28cpu_usage_user"), "{path}");
        assert!(path.ends_with("&step=60&nocache=1"), "{path}");
        let empty = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
        let error = asked(System::Victoriametrics, "single-groupby-1-1-1", empty).0.unwrap_err();
        assert!(format!("{error:#}").contains("0 rows answer it, 60 to 61 should"), "{error:#}");
    }

    #[test]
    fn questdb_is_asked_by_sql_and_its_rows_are_counted() {
        let answer = r#"{"query":"q","dataset":[["host_0",1],["host_1",2]],"count":2}"#;
        let (asked_once, path) = asked(System::Questdb, "lastpoint", answer);
        assert!(asked_once.unwrap().has_rows);
        assert_eq!(path, "/exec?query=SELECT%20%2A%20FROM%20cpu%20LATEST%20ON%20timestamp%20PARTITION%20BY%20hostname");
        let error = asked(System::Questdb, "lastpoint", r#"{"dataset":[["host_0",1]],"count":1}"#).0.unwrap_err();
        assert!(format!("{error:#}").contains("1 rows answer it, 2 to 2 should"), "{error:#}");
        let refused = asked(System::Questdb, "lastpoint", r#"{"query":"q","error":"no such table"}"#).0.unwrap_err();
        assert!(format!("{refused:#}").contains("no such table"), "{refused:#}");
    }
}
