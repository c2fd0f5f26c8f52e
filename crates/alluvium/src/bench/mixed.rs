//! Many clients at once, each on a connection of its own: how many questions a second a server answers, and how long one waits.
//!
//! The mix is TSBS's six `single-groupby` types by turns, what a dashboard asks. Before the clock starts every client asks one
//! question of each type, and whether enough rows come is looked at then; later only that an answer has rows.

use super::Data;
use super::figures::{Latencies, ms, print_figures};
use super::kinds::curves;
use super::rows::has_any;
use super::server::{Address, Server};
use super::wording::{Request, worded};
use anyhow::{Context, Result, anyhow, ensure};
use platform::clock::{Clock, SystemClock};
use platform::process::usage;
use std::sync::Barrier;

/// Questions of each type that a client goes through, again and again.
const OF_EACH: usize = 32;

/// Flags of `bench mixed`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    address: Address,
    /// The server's process, to report its processor time.
    #[arg(long)]
    pid: Option<u32>,
    #[command(flatten)]
    data: Data,
    /// Connections, each with a thread.
    #[arg(long, value_name = "N", default_value_t = 32)]
    clients: u32,
    /// How long they ask.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    seconds: u32,
    /// Decides windows and hosts.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

/// Asks, and prints queries a second, quantiles of latencies in milliseconds and the server's processor time of a query.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(arguments.clients > 0 && arguments.seconds > 0, "clients and seconds must be above 0");
    ensure!(arguments.data.hosts > 0 && arguments.data.hours > 0, "hosts and hours must be above 0");
    let clock = SystemClock::new();
    // The clients and this thread, which holds the clock.
    let start = Barrier::new(arguments.clients as usize + 1);
    let used = || arguments.pid.map(usage).transpose();
    let (latencies, nanoseconds, cpu_seconds) = std::thread::scope(|scope| -> Result<_> {
        let (start, clock) = (&start, &clock);
        let client = |number| scope.spawn(move || ask(arguments, number, start, clock));
        let clients: Vec<_> = (0..arguments.clients).map(client).collect();
        start.wait();
        let (begin, before) = (clock.monotonic_ns(), used());
        let joined = clients.into_iter().map(|client| client.join().map_err(|_| anyhow!("a client panicked"))?);
        let lists = joined.collect::<Result<Vec<_>>>()?;
        let cpu_seconds = before?.zip(used()?).map(|(before, after)| after.cpu_seconds - before.cpu_seconds);
        Ok((Latencies::new(lists.concat()), clock.monotonic_ns() - begin, cpu_seconds))
    })?;
    let count = latencies.count() as f64;
    let mut figures = vec![
        ("mixed-queries/s", format!("{:.0}", count / (nanoseconds as f64 / 1e9))),
        ("mixed-p50-ms", ms(latencies.quantile_ms(0.5))),
        ("mixed-p90-ms", ms(latencies.quantile_ms(0.9))),
        ("mixed-p99-ms", ms(latencies.quantile_ms(0.99))),
    ];
    figures.extend(cpu_seconds.map(|seconds| ("mixed-cpu-ms", ms(seconds * 1e3 / count))));
    print_figures(&figures)
}

/// What one client does; returns the latency of each question in nanoseconds.
fn ask(arguments: &Arguments, number: u32, start: &Barrier, clock: &SystemClock) -> Result<Vec<u64>> {
    let warmed = warm(arguments, number);
    // Whoever fails must not keep the others waiting.
    start.wait();
    let (mut server, requests) = warmed?;
    let system = arguments.address.system;
    let end = clock.monotonic_ns() + u64::from(arguments.seconds) * 1_000_000_000;
    let mut latencies = Vec::new();
    for request in requests.iter().cycle() {
        if clock.monotonic_ns() >= end {
            break;
        }
        let (latency, body) = server.ask(request)?;
        ensure!(has_any(system, body, &(0..=u64::MAX))?, "no rows answer {}", request.text);
        latencies.push(latency);
    }
    Ok(latencies)
}

/// Connects and asks the first question of each type.
fn warm(arguments: &Arguments, number: u32) -> Result<(Server, Vec<Request>)> {
    let Address { url, system, db } = &arguments.address;
    // Seeds of neighbours are apart, so that no two clients ask the same.
    let seed = arguments.seed ^ (u64::from(number) << 32);
    let drawn: Vec<_> = curves().iter().map(|kind| kind.draw(&arguments.data, seed, OF_EACH)).collect();
    let by_turns = (0..OF_EACH).flat_map(|turn| drawn.iter().map(move |questions| &questions[turn]));
    let requests: Option<Vec<_>> = by_turns.map(|question| worded(*system, question, db)).collect();
    let requests = requests.context("the system has no words for a question")?;
    let mut server = Server::new(url)?;
    for request in &requests[..curves().len()] {
        server.ask_checked(*system, request)?;
    }
    Ok((server, requests))
}

#[cfg(test)]
mod tests {
    use super::super::server::canned::serving;
    use super::super::target::System;
    use super::*;
    use std::collections::HashSet;

    /// Has two clients ask for a second.
    fn asked(answer: &str) -> (Result<()>, Vec<String>) {
        serving(200, answer, 2, |url| {
            let address = Address { url, system: System::Questdb, db: String::new() };
            let data = Data { hosts: 100, hours: 1 };
            run(&Arguments { address, pid: None, data, clients: 2, seconds: 1, seed: 1 })
        })
    }

    #[test]
    fn clients_ask_all_types_by_turns_and_not_the_same() {
        let rows = vec!["[1]"; 60].join(",");
        let (done, seen) = asked(&format!(r#"{{"dataset":[{rows}]}}"#));
        done.unwrap();
        assert!(seen.len() > 12, "{}", seen.len());
        assert!(seen.iter().all(|path| path.starts_with("/exec?query=SELECT%20timestamp%2C%20max%28usage_user%29")));
        assert!(seen.iter().collect::<HashSet<_>>().len() > 12);
    }

    #[test]
    fn too_few_rows_end_it() {
        let (done, seen) = asked(r#"{"dataset":[[1]]}"#);
        assert!(format!("{:#}", done.unwrap_err()).contains("1 rows answer it"));
        assert_eq!(seen.len(), 2);
    }
}
