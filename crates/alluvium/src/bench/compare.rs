//! Asks two servers the same questions, turn about, and compares the answers: a ratio of speeds means nothing if one is wrong.

use super::Questions;
use super::answers::difference;
use super::figures::{Latencies, ms, print_row};
use super::http::Url;
use super::query::Server;
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

/// Asks, and prints a line for each type: queries, both medians and both 99th percentiles in milliseconds, the medians'
/// ratio (above 1: `b` is slower), answers that differ. Fails at the end if there were any.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut servers = [Server::new(&arguments.a, &arguments.db)?, Server::new(&arguments.b, &arguments.db)?];
    print_row("type", &["count", "a-ms", "b-ms", "b/a", "a-p99-ms", "b-p99-ms", "wrong"].map(str::to_owned))?;
    let mut wrong = Vec::new();
    for (name, queries) in arguments.questions.drawn()? {
        let found = wrong.len();
        let [a, b] = ask_both(&mut servers, &queries, arguments.tolerance, &mut wrong)?;
        let ratio = format!("{:.3}", b.median_ms() / a.median_ms());
        let count = a.count().to_string();
        let (tail_a, tail_b) = (ms(a.quantile_ms(0.99)), ms(b.quantile_ms(0.99)));
        let differing = (wrong.len() - found).to_string();
        print_row(name, &[count, ms(a.median_ms()), ms(b.median_ms()), ratio, tail_a, tail_b, differing])?;
    }
    if !wrong.is_empty() {
        let told = wrong[..wrong.len().min(TOLD)].join("\n  ");
        bail!("{} answers differ:\n  {told}", wrong.len());
    }
    Ok(())
}

/// Asks every query of both, the one first that was second before; says in `wrong` which answers differ and where.
fn ask_both(
    servers: &mut [Server<'_>; 2],
    queries: &[String],
    tolerance: f64,
    wrong: &mut Vec<String>,
) -> Result<[Latencies; 2]> {
    let mut latencies = [Vec::new(), Vec::new()];
    for (turn, query) in queries.iter().enumerate() {
        let mut answers = [Value::Null, Value::Null];
        for which in [turn % 2, 1 - turn % 2] {
            let (latency, body) = servers[which].ask(query)?;
            latencies[which].push(latency);
            answers[which] = serde_json::from_slice(body).with_context(|| format!("no JSON answers {query}"))?;
        }
        if let Some(place) = difference(&answers[0], &answers[1], tolerance) {
            wrong.push(format!("{query}\n    {place}"));
        }
    }
    Ok(latencies.map(Latencies::new))
}
