//! Writes the workloads. A seed decides every byte.
//!
//! * **A and B** are TSBS's `cpu-only`: a row for every host, in order, at each time; 10 tags and 10 integer fields ([`cpu`]).
//!   A is 100 hosts for 72 hours, B 4,000 hosts for 2 hours.
//! * **C** is a million short series: every series, in order, at each of three times ([`series`]).

mod cpu;
mod series;

use super::{files, span};
use anyhow::{Context, Result, ensure};
use platform::SeededRandom;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Flags of `bench generate`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Which workload.
    #[arg(long, value_enum)]
    workload: Workload,
    /// Hosts of A and B [default: 100, 4000].
    #[arg(long, value_name = "N")]
    hosts: Option<u32>,
    /// Hours of A and B [default: 72, 2].
    #[arg(long, value_name = "H")]
    hours: Option<u32>,
    /// Series of C.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    series: u32,
    /// Points of each series of C.
    #[arg(long, value_name = "N", default_value_t = 3)]
    points: u32,
    /// Time between the points of a series.
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = span)]
    step: Duration,
    /// Decides tags and values.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Workload {
    A,
    B,
    C,
}

/// Writes the file.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let step_ns = i64::try_from(arguments.step.as_nanos()).context("the step is too long")?;
    ensure!(step_ns > 0, "the step must be above 0");
    let (hosts, hours) = match arguments.workload {
        Workload::A | Workload::C => (100, 72),
        Workload::B => (4000, 2),
    };
    let (hosts, hours) = (arguments.hosts.unwrap_or(hosts), arguments.hours.unwrap_or(hours));
    let (series, points) = (arguments.series, arguments.points);
    ensure!(hosts > 0 && hours > 0 && series > 0 && points > 0, "hosts, hours, series and points must be above 0");
    let random = SeededRandom::new(arguments.seed);
    let mut out = BufWriter::with_capacity(1 << 20, files::create(&arguments.out)?);
    match arguments.workload {
        Workload::A | Workload::B => cpu::write(hosts, hours, step_ns, &random, &mut out)?,
        Workload::C => series::write(series, points, step_ns, &random, &mut out)?,
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn nothing_to_make_is_refused_and_no_file_made() {
        let folder = testkit::Folder::new("generate");
        let out = folder.path().join("points");
        let run = |flags: &[&str]| {
            let fixed = ["generate", "--workload", "a", "--hours", "1", "--out", out.to_str().unwrap()];
            run(&Line::parse_from(fixed.iter().chain(flags)).arguments)
        };
        for flag in ["--hosts", "--series", "--points"] {
            assert!(run(&[flag, "0"]).unwrap_err().to_string().contains("above 0"), "{flag}");
            assert!(!out.exists(), "{flag}");
        }
        run(&["--hosts", "1"]).unwrap();
        assert!(out.exists());
    }
}
