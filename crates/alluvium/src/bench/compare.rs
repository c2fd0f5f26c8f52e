//! Asks two servers the same questions, turn about, and compares the answers: a ratio of speeds means nothing if one is wrong.

use super::Questions;
use super::answers::difference;
use super::figures::{Latencies, ms, print_row};
use super::http::Url;
use super::kinds::Same;
use super::question::Question;
use super::server::Server;
use super::target::System;
use super::wording::worded;
use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Wrong answers that are told of in full.
const TOLD: usize = 5;

/// Flags of `bench compare`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The server to compare with, as http://host:port.
    #[arg(long)]
    a: Url,
    /// The server that is measured against it.
    #[arg(long)]
    b: Url,
    /// The database, the same on both.
    #[arg(long, value_name = "NAME")]
    db: String,
    /// How far apart two floats may be, as a part of the larger: sums in another order differ in their last digits.
    #[arg(long, value_name = "PART", default_value_t = 1e-12)]
    tolerance: f64,
    #[command(flatten)]
    questions: Questions,
}

/// What is printed of a type.
const COLUMNS: [&str; 9] =
    ["count", "a-ms", "b-ms", "b/a", "a-p99-ms", "b-p99-ms", "wrong", "a-values/s", "b-values/s"];

/// Asks, and prints a line for each type: queries, both medians and both 99th percentiles in milliseconds, the medians'
/// ratio (above 1: `b` is slower), answers that differ, and for scans the values that are read in a second at the median.
/// Fails at the end if answers differ. Answers to what warms up are compared as well.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut servers = [Server::new(&arguments.a)?, Server::new(&arguments.b)?];
    print_row("type", &COLUMNS.map(str::to_owned))?;
    let mut wrong = Vec::new();
    for drawn in arguments.questions.drawn()? {
        let found = wrong.len();
        let mut ask = |questions| ask_both(&mut servers, arguments, questions, drawn.kind.same, &mut wrong);
        ask(&drawn.warm)?;
        let [a, b] = ask(&drawn.counted)?;
        let ratio = format!("{:.3}", b.median_ms() / a.median_ms());
        let count = a.count().to_string();
        let (tail_a, tail_b) = (ms(a.quantile_ms(0.99)), ms(b.quantile_ms(0.99)));
        let differing = (wrong.len() - found).to_string();
        let values = worded(System::Influxdb, &drawn.counted[0], &arguments.db).and_then(|request| request.values);
        let [values_a, values_b] = [&a, &b].map(|latencies| latencies.per_second(values));
        let (a, b) = (ms(a.median_ms()), ms(b.median_ms()));
        print_row(drawn.kind.name, &[count, a, b, ratio, tail_a, tail_b, differing, values_a, values_b])?;
    }
    if !wrong.is_empty() {
        let told = wrong[..wrong.len().min(TOLD)].join("\n  ");
        bail!("{} answers differ:\n  {told}", wrong.len());
    }
    Ok(())
}

/// Asks every question of both, the one first that was second before; says in `wrong` which answers differ and where.
fn ask_both(
    servers: &mut [Server; 2],
    arguments: &Arguments,
    questions: &[Question],
    same: Same,
    wrong: &mut Vec<String>,
) -> Result<[Latencies; 2]> {
    let mut latencies = [Vec::new(), Vec::new()];
    for (turn, question) in questions.iter().enumerate() {
        let request = worded(System::Influxdb, question, &arguments.db).context("InfluxQL has words for everything")?;
        let mut answers = [Value::Null, Value::Null];
        for which in [turn % 2, 1 - turn % 2] {
            let (latency, body) = servers[which].ask(&request)?;
            latencies[which].push(latency);
            answers[which] =
                serde_json::from_slice(body).with_context(|| format!("no JSON answers {}", request.text))?;
        }
        if let Some(place) = difference(&answers[0], &answers[1], same, arguments.tolerance) {
            wrong.push(format!("{}\n    {place}", request.text));
        }
    }
    Ok(latencies.map(Latencies::new))
}
