//! How long the decoding of a row takes: bodies as TSBS writes them (10 tags, 10 integer fields), the same with floats of full
//! length, and narrow rows of many measurements. `cargo run --release -p ingest --example throughput`

#![expect(clippy::disallowed_methods, reason = "it measures time")]
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

const ROWS: usize = 10_000;
const NAMES: [&str; 10] =
    ["user", "system", "idle", "nice", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"];

fn main() {
    measure("cpu, integers", &wide(|random| format!("{}i", random % 101)));
    measure("cpu, floats", &wide(|random| format!("{}", (random % 1_000_003) as f64 / 1_000_003.0)));
    measure("narrow, 9 measurements", &narrow());
}

fn next(random: &mut u64) -> u64 {
    *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *random >> 33
}

fn wide(value: impl Fn(u64) -> String) -> String {
    let mut random = 1;
    let mut body = String::new();
    let regions = ["eu-west-1", "us-east-1", "ap-southeast-2", "sa-east-1"];
    for row in 0..ROWS {
        let region = regions[next(&mut random) as usize % regions.len()];
        let numbers: Vec<u64> = (0..5).map(|_| next(&mut random) % 100).collect();
        let [rack, os, team, service, version] = numbers[..] else { return body };
        let letter = char::from(b'a' + (rack % 3) as u8);
        let _ = write!(
            body,
            "cpu,hostname=host_{},region={region},datacenter={region}{letter},rack={rack},os=Ubuntu{}.10,arch=x64,\
             team=T{},service={service},service_version={},service_environment=production ",
            row % 4000,
            15 + os % 3,
            team % 4,
            version % 2
        );
        for (index, name) in NAMES.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(body, "{comma}usage_{name}={}", value(next(&mut random)));
        }
        let _ = writeln!(body, " {}", 1_700_000_000_000_000_000_u64 + (row / 4000) as u64 * 10_000_000_000);
    }
    body
}

fn narrow() -> String {
    let mut random = 1;
    let mut body = String::new();
    for row in 0..ROWS {
        let value = next(&mut random) % 1000;
        let _ = writeln!(
            body,
            "metric_{},host=server{:03} value={}.{value} {}",
            row % 9,
            row / 9 % 500,
            row % 50,
            1_700_000_000_000_000_000_u64 + row as u64
        );
    }
    body
}

fn measure(name: &str, body: &str) {
    let mut best = f64::INFINITY;
    for _ in 0..40 {
        let copy = body.as_bytes().to_vec();
        let begin = Instant::now();
        let decoded = black_box(ingest::decode(copy, &ingest::Options::default()));
        best = best.min(begin.elapsed().as_secs_f64());
        assert_eq!((decoded.errors.len(), decoded.batch.rows()), (0, ROWS));
    }
    println!("{name}: {:.0} ns a row of {} bytes", best * 1e9 / ROWS as f64, body.len() / ROWS);
}
