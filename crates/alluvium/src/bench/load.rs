//! Sends a workload and reports what it cost: the client's clock for speed, `/proc` for the server's processor time and memory.
//!
//! A row counts when its batch was answered with 204; any other answer ends the run with the server's text.

use super::batches::Batches;
use super::figures::{Latencies, print_figures};
use super::files;
use super::http::{Client, Url, query_path};
use anyhow::{Result, anyhow, ensure};
use platform::clock::{Clock, SystemClock};
use platform::process::{Usage, own_usage, usage};
use std::path::PathBuf;
use std::time::Duration;

/// Flags of `bench load`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The server, as http://host:port.
    #[arg(long)]
    url: Url,
    /// The database; it is created if the server has none of the name.
    #[arg(long, value_name = "NAME")]
    db: String,
    /// What `generate` wrote.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Connections, each with a thread.
    #[arg(long, value_name = "N", default_value_t = 2)]
    clients: usize,
    /// Rows in a request.
    #[arg(long, value_name = "ROWS", default_value_t = 10_000)]
    batch: usize,
    /// Send compressed bodies; they are compressed before the clock starts.
    #[arg(long)]
    gzip: bool,
    /// The server's process, to report its processor time and memory.
    #[arg(long)]
    pid: Option<u32>,
    /// The server's folder, to report bytes on disk.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Seconds to wait after the last row, for background work, before disk and processor time are read again.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    settle: u64,
}

/// Loads the file and prints the figures.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(arguments.clients > 0, "there must be a client");
    create_database(&arguments.url, &arguments.db)?;
    let batches = Batches::cut(&arguments.file, arguments.batch, arguments.gzip)?;
    let clock = SystemClock::new();
    let used = || arguments.pid.map(usage).transpose();
    let (before, own_before) = (used()?, own_usage()?);
    let begin = clock.monotonic_ns();
    let latencies = send_all(arguments, &batches, &clock)?;
    let seconds = (clock.monotonic_ns() - begin) as f64 / 1e9;
    let (after, own_after) = (used()?, own_usage()?);
    let mut figures = speed(&batches, seconds, &latencies);
    // What the client took is missing to a server on the same machine.
    let own_cpu = cpu_per_million(batches.rows(), own_before, own_after);
    figures.push(("client-cpu-s/Mrow", own_cpu));
    clock.sleep(Duration::from_secs(arguments.settle));
    if let (Some(before), Some(after), Some(settled)) = (before, after, used()?) {
        figures.extend(costs(batches.rows(), [before, after, settled]));
    }
    if let Some(folder) = &arguments.data_dir {
        let bytes = files::folder_bytes(folder)?;
        figures.push(("disk-MB", format!("{:.1}", bytes as f64 / 1e6)));
        figures.push(("disk-B/value", format!("{:.3}", bytes as f64 / batches.values() as f64)));
    }
    print_figures(&figures)
}

fn create_database(url: &Url, name: &str) -> Result<()> {
    let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
    let path = query_path(None, &format!("CREATE DATABASE \"{quoted}\""));
    let mut client = Client::new(url)?;
    let response = client.send("POST", &path, "", b"")?;
    response.expect(200)?;
    Ok(())
}

/// Has every client send until no batch is left; an error of one stops all.
fn send_all(arguments: &Arguments, batches: &Batches, clock: &SystemClock) -> Result<Latencies> {
    let lists = std::thread::scope(|scope| {
        let work = || {
            let done = send(arguments, batches, clock);
            if done.is_err() {
                batches.stop();
            }
            done
        };
        let threads: Vec<_> = (0..arguments.clients).map(|_| scope.spawn(work)).collect();
        let ended = threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a client panicked"))?);
        ended.collect::<Result<Vec<_>>>()
    })?;
    Ok(Latencies::new(lists.concat()))
}

/// What one client does; returns the latency of each request in nanoseconds.
fn send(arguments: &Arguments, batches: &Batches, clock: &SystemClock) -> Result<Vec<u64>> {
    let path = format!("/write?db={}", super::http::encoded(&arguments.db));
    let headers = if batches.gzip() { "Content-Encoding: gzip\r\n" } else { "" };
    let mut client = Client::new(&arguments.url)?;
    let (mut buffer, mut latencies) = (Vec::new(), Vec::new());
    while let Some(body) = batches.next(&mut buffer)? {
        let begin = clock.monotonic_ns();
        client.send("POST", &path, headers, body)?.expect(204)?;
        latencies.push(clock.monotonic_ns() - begin);
    }
    Ok(latencies)
}

fn speed(batches: &Batches, seconds: f64, latencies: &Latencies) -> Vec<(&'static str, String)> {
    let quantile = |part| format!("{:.1}", latencies.quantile_ms(part));
    vec![
        ("rows", batches.rows().to_string()),
        ("requests", latencies.count().to_string()),
        ("seconds", format!("{seconds:.2}")),
        ("rows/s", format!("{:.0}", batches.rows() as f64 / seconds)),
        ("values/s", format!("{:.0}", batches.values() as f64 / seconds)),
        ("write-p50-ms", quantile(0.5)),
        ("write-p90-ms", quantile(0.9)),
        ("write-p99-ms", quantile(0.99)),
    ]
}

/// Figures of the server's usage before the load, after it and after the wait.
fn costs(rows: u64, [before, after, settled]: [Usage; 3]) -> Vec<(&'static str, String)> {
    let per_million = |usage: Usage| cpu_per_million(rows, before, usage);
    let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    vec![
        ("cpu-s/Mrow", per_million(after)),
        ("cpu-s/Mrow-settled", per_million(settled)),
        ("resident-MB", megabytes(after.resident_bytes)),
        ("resident-MB-settled", megabytes(settled.resident_bytes)),
        ("peak-MB", megabytes(settled.peak_resident_bytes)),
    ]
}

/// Seconds of processor time between two readings, for a million rows.
fn cpu_per_million(rows: u64, from: Usage, to: Usage) -> String {
    format!("{:.2}", (to.cpu_seconds - from.cpu_seconds) / rows as f64 * 1e6)
}
