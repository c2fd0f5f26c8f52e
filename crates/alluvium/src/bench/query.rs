//! Asks one server every question of each type, one after another on one connection, and reports latencies.

use super::figures::{Latencies, ms, print_row};
use super::server::{Address, Server};
use super::wording::{Request, worded};
use super::{Drawn, Questions};
use anyhow::{Result, bail};
use platform::process::usage;

/// Flags of `bench query`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    address: Address,
    /// The server's process, to report its processor time.
    #[arg(long)]
    pid: Option<u32>,
    #[command(flatten)]
    questions: Questions,
}

/// What is printed of a type.
const COLUMNS: [&str; 7] = ["count", "median-ms", "p90-ms", "p99-ms", "bytes", "cpu-ms", "values/s"];

/// Asks, and prints a line for each type: queries, latencies in milliseconds, bytes of an answer, processor time of a query,
/// and for scans the values that are read in a second at the median. A type that the system has no words for has none of
/// them, and neither has one that it refuses or answers with too few rows, which fails the whole at the end.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    print_row("type", &COLUMNS.map(str::to_owned))?;
    let mut failed = 0;
    for drawn in arguments.questions.drawn()? {
        let cells = match asked(arguments, &drawn) {
            Ok(Some(cells)) => cells,
            Ok(None) => COLUMNS.map(|_| "-".to_owned()),
            Err(error) => {
                failed += 1;
                eprintln!("{}: {error:#}", drawn.kind.name);
                COLUMNS.map(|_| "-".to_owned())
            }
        };
        print_row(drawn.kind.name, &cells)?;
    }
    if failed > 0 {
        bail!("{failed} types were not answered");
    }
    Ok(())
}

/// Asks the questions of a type and returns its cells; none if the system has no words for it.
fn asked(arguments: &Arguments, drawn: &Drawn) -> Result<Option<[String; COLUMNS.len()]>> {
    let Address { url, system, db } = &arguments.address;
    let all = |questions: &[_]| questions.iter().map(|question| worded(*system, question, db)).collect();
    let (Some(warm), Some(counted)): (Option<Vec<Request>>, Option<Vec<Request>>) =
        (all(&drawn.warm), all(&drawn.counted))
    else {
        return Ok(None);
    };
    let mut server = Server::new(url)?;
    for request in &warm {
        server.ask_checked(*system, request)?;
    }
    let used = || arguments.pid.map(usage).transpose();
    let before = used()?;
    let all = counted.iter().map(|request| server.ask_checked(*system, request)).collect::<Result<Vec<_>>>()?;
    let cpu_ms = match (before, used()?) {
        (Some(before), Some(after)) => ms((after.cpu_seconds - before.cpu_seconds) * 1e3 / all.len() as f64),
        _ => "-".to_owned(),
    };
    let empty = all.iter().filter(|asked| !asked.has_rows).count();
    if empty > all.len() / 2 {
        let (name, all) = (drawn.kind.name, all.len());
        eprintln!(
            "{name}: {empty} of {all} answers are empty: were the rows made with other --hosts, --hours or --seed?"
        );
    }
    let latencies = Latencies::new(all.iter().map(|asked| asked.latency).collect());
    let quantile = |part| ms(latencies.quantile_ms(part));
    let bytes = all.iter().map(|asked| asked.bytes).sum::<usize>() / all.len();
    let (count, values) = (latencies.count().to_string(), latencies.per_second(counted[0].values));
    Ok(Some([count, quantile(0.5), quantile(0.9), quantile(0.99), bytes.to_string(), cpu_ms, values]))
}

#[cfg(test)]
mod tests {
    use super::super::Data;
    use super::super::server::canned::serving;
    use super::super::target::System;
    use super::*;

    /// Asks questions of a server that answers this to all of them, on so many connections.
    fn asked(types: &str, warm: usize, answer: (u16, &str), connections: usize) -> (Result<()>, Vec<String>) {
        serving(answer.0, answer.1, connections, |url| {
            let address = Address { url, system: System::Victoriametrics, db: String::new() };
            let data = Data { hosts: 2, hours: 3 };
            let questions = Questions { data, types: types.to_owned(), count: 3, warm, seed: 1 };
            run(&Arguments { address, pid: None, questions })
        })
    }

    #[test]
    fn what_warms_up_is_asked_first() {
        let one = r#"{"status":"success","data":{"result":[{"metric":{},"value":[1,"2"]}]}}"#;
        let (done, seen) = asked("series-count", 1, (200, one), 1);
        done.unwrap();
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn a_type_without_words_is_not_asked_and_no_failure() {
        let (done, seen) = asked("lastpoint,high-cpu-all", 0, (200, ""), 0);
        done.unwrap();
        assert!(seen.is_empty());
    }

    #[test]
    fn a_refused_type_fails_the_whole_behind_the_others() {
        let (done, seen) = asked("series-count,series-sum", 0, (422, "too many series"), 2);
        assert_eq!(done.unwrap_err().to_string(), "2 types were not answered");
        assert_eq!(seen.len(), 2);
    }
}
