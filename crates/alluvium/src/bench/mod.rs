//! `alluvium bench`: measures this database, or one of those that it is compared with, from outside.
//!
//! `generate` writes a workload to a file, so that nothing but sending happens while a clock runs; `load` sends the file and
//! reports what the server paid for it; `query` asks the fifteen TSBS query types and some more, each system in its own
//! words; `compare` asks two servers the same questions, alternating, and compares the answers; `mixed` has many clients ask
//! at once. A seed decides data and questions: the same seed, the same bytes, on every machine. Nothing here knows how the
//! database works inside; it is reached by URL, its costs by process id.

mod answers;
mod batches;
mod compare;
mod figures;
mod files;
mod generate;
mod http;
mod kinds;
mod load;
mod mixed;
mod moment;
mod probe;
mod query;
mod question;
mod rows;
mod server;
mod target;
mod wording;

use anyhow::{Context, Result, ensure};
use question::Question;
use std::time::Duration;

/// Flags of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write a workload to a file, as line protocol.
    Generate(generate::Arguments),
    /// Send a file to a server and report speed and costs.
    Load(load::Arguments),
    /// Ask a server the TSBS queries, or others, and report latencies.
    Query(query::Arguments),
    /// Ask two servers the same queries, alternating, and compare their answers.
    Compare(compare::Arguments),
    /// Have many clients ask a server at once and report queries a second.
    Mixed(mixed::Arguments),
}

/// Runs one of the subcommands; the report goes to standard output.
///
/// # Errors
/// A file or a server cannot be reached, a server refuses something, or (`compare`) answers differ.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Command::Generate(arguments) => generate::run(arguments),
        Command::Load(arguments) => load::run(arguments),
        Command::Query(arguments) => query::run(arguments),
        Command::Compare(arguments) => compare::run(arguments),
        Command::Mixed(arguments) => mixed::run(arguments),
    }
}

/// What a question is about: the hosts and hours that `generate` was told.
#[derive(Debug, Clone, clap::Args)]
struct Data {
    /// Hosts in the data.
    #[arg(long, value_name = "N", default_value_t = 100)]
    hosts: u32,
    /// Hours of data; a query whose window is longer asks for all of them.
    #[arg(long, value_name = "H", default_value_t = 72)]
    hours: u32,
}

/// Which questions are asked, and how many of each.
#[derive(Debug, Clone, clap::Args)]
struct Questions {
    #[command(flatten)]
    data: Data,
    /// The types, with commas between them: names, `all` for TSBS's fifteen, `scans` for whole columns of workload A,
    /// `series` for the questions on workload C.
    #[arg(long, value_name = "LIST", default_value = "all")]
    types: String,
    /// Queries of each type; of those that go over everything (`scans`, `series`) 10 at most.
    #[arg(long, value_name = "N", default_value_t = 100)]
    count: usize,
    /// Queries of each type that are asked beforehand and not counted; of those that go over everything one at most.
    #[arg(long, value_name = "N", default_value_t = 0)]
    warm: usize,
    /// Decides windows and hosts.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

/// A type with its questions.
struct Drawn {
    kind: &'static kinds::Kind,
    /// What is asked first and not counted.
    warm: Vec<Question>,
    counted: Vec<Question>,
}

impl Questions {
    /// The chosen types, each with its questions.
    fn drawn(&self) -> Result<Vec<Drawn>> {
        ensure!(self.count > 0 && self.data.hosts > 0 && self.data.hours > 0, "count, hosts and hours must be above 0");
        let draw = |kind: &'static kinds::Kind| {
            let (warm, count) =
                if kind.is_whole() { (self.warm.min(1), self.count.min(10)) } else { (self.warm, self.count) };
            // What warms up is drawn last: the counted questions of a seed are the same with and without.
            let mut counted = kind.draw(&self.data, self.seed, count + warm);
            Drawn { kind, warm: counted.split_off(count), counted }
        };
        Ok(kinds::chosen(&self.types)?.into_iter().map(draw).collect())
    }
}

/// Reads a length of time: a whole number and `ms`, `s`, `m` or `h`.
fn span(text: &str) -> Result<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().with_context(|| format!("'{text}' does not begin with a number"))?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => anyhow::bail!("'{text}' does not end with ms, s, m or h"),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).with_context(|| format!("'{text}' is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warming_up_does_not_change_what_is_counted() {
        let drawn = |warm, types: &str| {
            let data = Data { hosts: 100, hours: 72 };
            Questions { data, types: types.to_owned(), count: 20, warm, seed: 1 }.drawn().unwrap().remove(0)
        };
        let (cold, warmed) = (drawn(0, "double-groupby-1"), drawn(5, "double-groupby-1"));
        assert_eq!(cold.counted, warmed.counted);
        assert_eq!((cold.counted.len(), cold.warm.len(), warmed.warm.len()), (20, 0, 5));
        assert!(warmed.warm.iter().all(|question| !warmed.counted.contains(question)));
        let scan = drawn(5, "scan-median");
        assert_eq!((scan.counted.len(), scan.warm.len()), (10, 1));
    }

    #[test]
    fn reads_spans() {
        assert_eq!(span("10s").unwrap(), Duration::from_secs(10));
        assert_eq!(span("2h").unwrap(), Duration::from_secs(7200));
        assert_eq!(span("500ms").unwrap(), Duration::from_millis(500));
        for wrong in ["", "s", "10", "10d", "-1s", "18446744073709551615h"] {
            span(wrong).unwrap_err();
        }
    }
}
