//! Alluvium's command line. The binary reads configuration and arguments, wires the crates together and decides nothing.
//!
//! `serve` runs the database; `salvage` mends a data folder that has lost something; `bench` measures it, or any server with an
//! InfluxDB write API; `inspect` describes and checks a data folder; `version` prints what this is.
//! Flags may have one dash, as InfluxDB's have: `alluvium -config FILE` is `alluvium serve --config FILE`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the binary talks to its user")]

mod bench;
mod config;
mod inspect;
mod salvage;
mod serve;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Measured against the C library's: a third less time in queries, which make and drop many vectors.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "alluvium",
    bin_name = "alluvium",
    version,
    about = "A time series database that speaks InfluxDB 1.x.",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the database.
    Serve(serve::Arguments),
    /// Make a data folder of which something is lost fit for writes again.
    Salvage(salvage::Arguments),
    /// Measure a database.
    Bench(bench::Arguments),
    /// Describe and check a data folder.
    Inspect(inspect::Arguments),
    /// Print the version.
    Version,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse_from(normalised(std::env::args().collect()));
    let done = match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Salvage(arguments) => match salvage::run(&arguments) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Inspect(arguments) => match inspect::run(&arguments) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Version => {
            println!(
                "Alluvium v{} (InfluxDB API {})",
                env!("CARGO_PKG_VERSION"),
                server::Settings::default().api_version
            );
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("alluvium: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// One dash before a long flag becomes two, and a command line that starts with flags is one of `serve`, as scripts and unit
/// files written for `influxd` expect.
fn normalised(arguments: Vec<String>) -> Vec<String> {
    let mut out: Vec<String> = arguments
        .into_iter()
        .map(|argument| match argument.strip_prefix('-') {
            Some(rest)
                if rest.len() > 1 && !rest.starts_with('-') && !rest.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                format!("--{rest}")
            }
            _ => argument,
        })
        .collect();
    let own = ["-h", "--help", "-V", "--version"];
    match out.get(1).map(String::as_str) {
        Some("run") => "serve".clone_into(&mut out[1]),
        Some(first) if first.starts_with('-') && !own.contains(&first) => out.insert(1, "serve".to_owned()),
        _ => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_command_lines_of_influxd() {
        let read = |text: &str| normalised(text.split(' ').map(str::to_owned).collect()).join(" ");
        assert_eq!(read("alluvium -config a.conf"), "alluvium serve --config a.conf");
        assert_eq!(read("alluvium run -config a.conf"), "alluvium serve --config a.conf");
        assert_eq!(read("alluvium serve --data-dir d"), "alluvium serve --data-dir d");
        assert_eq!(read("alluvium --help"), "alluvium --help");
        assert_eq!(read("alluvium version"), "alluvium version");
    }
}
