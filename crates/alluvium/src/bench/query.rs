//! Asks one server every question of each type, one after another on one connection, and reports latencies.

use super::Questions;
use super::figures::{Latencies, ms, print_row};
use super::http::{Client, Url, query_path};
use anyhow::{Context, Result};
use platform::clock::{Clock, SystemClock};
use platform::process::usage;

/// What an answer with rows has in it.
const SERIES: &[u8] = b"\"series\"";

/// Flags of `bench query`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The server, as http://host:port.
    #[arg(long)]
    url: Url,
    /// The database.
    #[arg(long, value_name = "NAME")]
    db: String,
    /// The server's process, to report its processor time.
    #[arg(long)]
    pid: Option<u32>,
    #[command(flatten)]
    questions: Questions,
}

/// Asks, and prints a line for each type: queries, latencies in milliseconds, bytes of an answer, processor time of a query.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut server = Server::new(&arguments.url, &arguments.db)?;
    print_row("type", &["count", "median-ms", "p90-ms", "p99-ms", "bytes", "cpu-ms"].map(str::to_owned))?;
    for (name, queries) in arguments.questions.drawn()? {
        let used = || arguments.pid.map(usage).transpose();
        let (before, mut bytes, mut latencies) = (used()?, 0, Vec::with_capacity(queries.len()));
        let mut empty = 0;
        for query in &queries {
            let (latency, body) = server.ask(query)?;
            latencies.push(latency);
            bytes += body.len();
            empty += usize::from(!body.windows(SERIES.len()).any(|part| part == SERIES));
        }
        let cpu_ms = match (before, used()?) {
            (Some(before), Some(after)) => ms((after.cpu_seconds - before.cpu_seconds) * 1e3 / queries.len() as f64),
            _ => "-".to_owned(),
        };
        let latencies = Latencies::new(latencies);
        let quantile = |part| ms(latencies.quantile_ms(part));
        let count = latencies.count().to_string();
        let bytes = (bytes / queries.len()).to_string();
        print_row(name, &[count, quantile(0.5), quantile(0.9), quantile(0.99), bytes, cpu_ms])?;
        if empty > queries.len() / 2 {
            let all = queries.len();
            eprintln!(
                "{name}: {empty} of {all} answers are empty: were the rows made with other --hosts, --hours or --seed?"
            );
        }
    }
    Ok(())
}

/// A server that is asked, and the clock that is held to it.
pub(super) struct Server<'a> {
    client: Client,
    db: &'a str,
    clock: SystemClock,
}

impl<'a> Server<'a> {
    /// Connects.
    pub(super) fn new(url: &Url, db: &'a str) -> Result<Self> {
        Ok(Self { client: Client::new(url)?, db, clock: SystemClock::new() })
    }

    /// Asks; returns the nanoseconds from before the request to behind the last byte, and the answer.
    pub(super) fn ask(&mut self, query: &str) -> Result<(u64, &[u8])> {
        let path = query_path(Some(self.db), query);
        let begin = self.clock.monotonic_ns();
        let response = self.client.send("GET", &path, "", b"")?;
        let latency = self.clock.monotonic_ns() - begin;
        let body = response.expect(200).with_context(|| query.to_owned())?;
        Ok((latency, body))
    }
}
