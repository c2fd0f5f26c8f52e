//! Sends a workload and reports what it cost: the client's clock for speed, `/proc` for the server's processor time and memory.
//!
//! `target` says when a row counts, for each system; an answer that is no acknowledgement ends the run with the server's text.

use super::batches::Batches;
use super::figures::{Latencies, print_figures};
use super::files;
use super::http::Url;
use super::probe;
use super::target::{System, Target};
use anyhow::{Result, anyhow, ensure};
use platform::clock::{Clock, SystemClock};
use platform::process::{Usage, own_usage, usage};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Flags of `bench load`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The server, as http://host:port.
    #[arg(long)]
    url: Url,
    /// What kind of system it is.
    #[arg(long, value_enum, default_value = "influxdb")]
    system: System,
    /// Where QuestDB takes lines, as host:port.
    #[arg(long, value_name = "ADDRESS")]
    lines: Option<String>,
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
    /// Beside the load, write one row a request on a connection of its own; and, with --data-dir, sync a file beside the data.
    #[arg(long)]
    probe: bool,
    /// Send the file again and again until this file exists, each time later by as many whole hours as the rows take.
    #[arg(long, value_name = "FILE", conflicts_with = "gzip")]
    until: Option<PathBuf>,
    /// Seconds to wait after the last row, for background work, before disk and processor time are read again.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    settle: u64,
}

/// Loads the file and prints the figures.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(arguments.clients > 0, "there must be a client");
    let Arguments { system, url, lines, db, .. } = arguments;
    let target = Target { system: *system, url: url.clone(), lines: lines.clone(), db: db.clone() };
    target.prepare()?;
    let mut batches = Batches::cut(&arguments.file, arguments.batch, arguments.gzip)?;
    if let Some(until) = &arguments.until {
        batches = batches.repeated(until.clone())?;
    }
    let clock = SystemClock::new();
    let used = || arguments.pid.map(usage).transpose();
    let (before, own_before) = (used()?, own_usage()?);
    let begin = clock.monotonic_ns();
    let sent = send_all(arguments, &target, &batches, &clock)?;
    target.wait(batches.measurement(), batches.rows(), &clock)?;
    let seconds = (clock.monotonic_ns() - begin) as f64 / 1e9;
    let (after, own_after) = (used()?, own_usage()?);
    let mut figures = speed(&batches, seconds, &sent);
    // What the client took is missing to a server on the same machine.
    let own_cpu = cpu_per_million(batches.rows(), own_before, own_after);
    figures.push(("client-cpu-s/Mrow", own_cpu));
    clock.sleep(Duration::from_secs(arguments.settle));
    if let (Some(before), Some(after), Some(settled)) = (before, after, used()?) {
        figures.extend(costs(batches.rows(), [before, after, settled]));
    }
    if let Some(folder) = &arguments.data_dir {
        let (log, data) = files::folder_bytes(folder)?;
        figures.push(("log-MB", format!("{:.1}", log as f64 / 1e6)));
        figures.push(("disk-MB", format!("{:.1}", data as f64 / 1e6)));
        figures.push(("disk-B/value", format!("{:.3}", data as f64 / batches.values() as f64)));
    }
    print_figures(&figures)
}

/// Latencies of what was sent: by the clients, and by the probes if there were any.
struct Sent {
    load: Latencies,
    rows: Option<Latencies>,
    syncs: Option<Latencies>,
}

/// Has every client send until no batch is left, and the probes until all clients have ended; an error of one stops all.
fn send_all(arguments: &Arguments, target: &Target, batches: &Batches, clock: &SystemClock) -> Result<Sent> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let work = || {
            let done = send(target, batches, clock);
            if done.is_err() {
                batches.stop();
            }
            done
        };
        let folder = arguments.data_dir.as_ref().filter(|_| arguments.probe);
        let rows = arguments.probe.then(|| scope.spawn(|| probe::write_rows(target, &stop, clock)));
        let syncs = folder.map(|folder| scope.spawn(|| probe::sync_blocks(folder, &stop, clock)));
        let threads: Vec<_> = (0..arguments.clients).map(|_| scope.spawn(work)).collect();
        let ended: Vec<_> = threads.into_iter().map(joined).collect();
        stop.store(true, Ordering::Relaxed);
        let (rows, syncs) = (rows.map(joined).transpose(), syncs.map(joined).transpose());
        let lists = ended.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(Sent { load: Latencies::new(lists.concat()), rows: rows?, syncs: syncs? })
    })
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().map_err(|_| anyhow!("a client panicked"))?
}

/// What one client does; returns the latency of each request in nanoseconds.
fn send(target: &Target, batches: &Batches, clock: &SystemClock) -> Result<Vec<u64>> {
    let mut connection = target.connect(batches.gzip())?;
    let (mut buffer, mut latencies) = (Vec::new(), Vec::new());
    while let Some(body) = batches.next(&mut buffer)? {
        let begin = clock.monotonic_ns();
        connection.send(body)?;
        latencies.push(clock.monotonic_ns() - begin);
    }
    Ok(latencies)
}

fn speed(batches: &Batches, seconds: f64, sent: &Sent) -> Vec<(&'static str, String)> {
    let quantile = |latencies: &Latencies, part| format!("{:.1}", latencies.quantile_ms(part));
    let mut figures = vec![
        ("rows", batches.rows().to_string()),
        ("requests", sent.load.count().to_string()),
        ("seconds", format!("{seconds:.2}")),
        ("rows/s", format!("{:.0}", batches.rows() as f64 / seconds)),
        ("values/s", format!("{:.0}", batches.values() as f64 / seconds)),
        ("write-p50-ms", quantile(&sent.load, 0.5)),
        ("write-p90-ms", quantile(&sent.load, 0.9)),
        ("write-p99-ms", quantile(&sent.load, 0.99)),
    ];
    figures.extend(sent.rows.as_ref().map(|rows| ("row-write-p99-ms", quantile(rows, 0.99))));
    figures.extend(sent.syncs.as_ref().map(|syncs| ("bare-sync-p99-ms", quantile(syncs, 0.99))));
    figures
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
