//! The systems that a workload can be sent to, and when each counts a row as taken.
//!
//! * **InfluxDB** and whatever has its API, Alluvium included: a row counts when its request was answered with 204.
//! * **VictoriaMetrics** takes the same requests, but answers before queries see the rows: the clock stops when its buffers
//!   were flushed (`/internal/force_flush`). They are on disk up to some seconds later; nothing here waits for that.
//! * **QuestDB** is sent lines over a bare TCP connection, which it does not acknowledge: the clock stops when a count over
//!   the table finds all rows.

use super::http::{Client, Response, Url, encoded, query_path};
use anyhow::{Context, Result, ensure};
use platform::clock::{Clock, SystemClock};
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

/// What kind of system is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum System {
    /// Any system with InfluxDB's API.
    Influxdb,
    /// VictoriaMetrics, through its InfluxDB write API.
    Victoriametrics,
    /// QuestDB, through its line protocol over TCP.
    Questdb,
}

/// A system that rows are sent to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// What it is.
    pub(super) system: System,
    /// Its HTTP API.
    pub(super) url: Url,
    /// QuestDB's address for lines, as host:port.
    pub(super) lines: Option<String>,
    /// The database; VictoriaMetrics and QuestDB have none.
    pub(super) db: String,
}

/// How long rows may take to be found once all were sent.
const PATIENCE: Duration = Duration::from_secs(600);

impl Target {
    /// Makes ready to take rows.
    pub(super) fn prepare(&self) -> Result<()> {
        match self.system {
            System::Influxdb => create_database(&self.url, &self.db),
            System::Victoriametrics => Ok(()),
            System::Questdb => self.lines.as_ref().map(drop).context("QuestDB takes lines elsewhere: give --lines"),
        }
    }

    /// A connection of one client.
    pub(super) fn connect(&self, gzip: bool) -> Result<Connection> {
        if let (System::Questdb, Some(lines)) = (self.system, &self.lines) {
            ensure!(!gzip, "QuestDB's lines are not compressed");
            let stream = TcpStream::connect(lines).with_context(|| format!("cannot connect to {lines}"))?;
            return Ok(Connection::Lines(stream));
        }
        let path = format!("/write?db={}", encoded(&self.db));
        let headers = if gzip { "Content-Encoding: gzip\r\n" } else { "" };
        Ok(Connection::Requests { client: Box::new(Client::new(&self.url)?), path, headers })
    }

    /// Returns when queries see all rows of a measurement, of which `rows` were sent.
    pub(super) fn wait(&self, measurement: &str, rows: u64, clock: &SystemClock) -> Result<()> {
        match self.system {
            System::Influxdb => Ok(()),
            System::Victoriametrics => {
                Client::new(&self.url)?.send("GET", "/internal/force_flush", "", b"")?.expect(200).map(drop)
            }
            System::Questdb => self.wait_for_count(measurement, rows, clock),
        }
    }

    fn wait_for_count(&self, measurement: &str, rows: u64, clock: &SystemClock) -> Result<()> {
        let path = format!("/exec?query={}", encoded(&format!("select count() from '{measurement}'")));
        let mut client = Client::new(&self.url)?;
        let begin = clock.monotonic_ns();
        loop {
            let found = count(&client.send("GET", &path, "", b"")?)?;
            ensure!(found <= rows, "there are {found} rows of {rows}: the table was not empty");
            if found == rows {
                return Ok(());
            }
            let waited = Duration::from_nanos(clock.monotonic_ns() - begin);
            ensure!(waited < PATIENCE, "{found} rows of {rows} are there after {waited:?}");
            clock.sleep(Duration::from_millis(10));
        }
    }
}

/// The number in the first row of QuestDB's answer; 0 as long as no line has made the table.
fn count(response: &Response<'_>) -> Result<u64> {
    let answer: serde_json::Value = serde_json::from_slice(response.body)?;
    if answer["error"].as_str().is_some_and(|error| error.starts_with("table does not exist")) {
        return Ok(0);
    }
    answer["dataset"][0][0].as_u64().with_context(|| format!("no count: {answer}"))
}

fn create_database(url: &Url, name: &str) -> Result<()> {
    let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
    let path = query_path(None, &format!("CREATE DATABASE \"{quoted}\""));
    Client::new(url)?.send("POST", &path, "", b"")?.expect(200).map(drop)
}

/// What a client sends bodies over.
#[derive(Debug)]
pub(super) enum Connection {
    /// One request a body.
    Requests {
        /// The connection.
        client: Box<Client>,
        /// Where to.
        path: String,
        /// Whole lines.
        headers: &'static str,
    },
    /// Lines, one after the other.
    Lines(TcpStream),
}

impl Connection {
    /// Sends a body; where the system acknowledges, returns once it has.
    pub(super) fn send(&mut self, body: &[u8]) -> Result<()> {
        match self {
            Self::Requests { client, path, headers } => {
                client.send("POST", path, headers, body)?.expect(204)?;
            }
            Self::Lines(stream) => stream.write_all(body).context("cannot send lines")?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_count() {
        let read = |status, body| count(&Response { status, body });
        assert_eq!(read(200, br#"{"query":"q","columns":[],"dataset":[[12]],"count":1}"#).unwrap(), 12);
        assert_eq!(read(400, br#"{"query":"q","error":"table does not exist [table=cpu]","position":20}"#).unwrap(), 0);
        read(400, br#"{"query":"q","error":"something else"}"#).unwrap_err();
        read(200, br#"{"dataset":[]}"#).unwrap_err();
        read(200, b"nonsense").unwrap_err();
    }

    #[test]
    fn questdb_needs_an_address_for_lines() {
        let url: Url = "http://127.0.0.1:1".parse().unwrap();
        let target = Target { system: System::Questdb, url, lines: None, db: String::new() };
        assert!(target.prepare().unwrap_err().to_string().contains("--lines"));
    }
}
