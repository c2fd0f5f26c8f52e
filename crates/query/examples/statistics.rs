//! What queries over all of a data set cost that statistics can answer or rule out: processor time, and pages decoded.
//! `cargo run --release -p query --example statistics [SERIES [PART OF QUERY]]`
//!
//! Each series has 70 pages of 200 rows of two fields, in one segment; the second time an agent is late: rows in memory lie
//! between the times of the last page of each hundredth series.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::unwrap_used, reason = "it ends where it cannot go on")]

use ingest::{LineKeys, Precision};
use model::{Item, TimeRange};
use platform::Stats;
use query::{Context, Names, QueryError, Sink};
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::time::Duration;
use storage::{Engine, ShardSpan, View};

const SHARDS: [ShardSpan; 1] = [ShardSpan { id: 1, range: TimeRange::ALL }];
const PAGES: usize = 70;
const ROWS: usize = 200;
/// 200 rows a second, so that a page is a second long.
const STEP: usize = 5_000_000;
const QUERIES: [&str; 9] = [
    "SELECT count(x), max(x) FROM m",
    "SELECT count(x), max(y), mean(x) FROM m WHERE time >= 10s AND time < 75s",
    "SELECT count(x), max(x) FROM m WHERE time >= 10500ms AND time < 69500ms",
    "SELECT count(x), max(x) FROM m GROUP BY host",
    "SELECT last(x) FROM m GROUP BY host",
    "SELECT max(x), mean(y) FROM m WHERE time >= 10s AND time < 80s GROUP BY time(10s), host",
    "SELECT max(x) FROM m WHERE time >= 10s AND time < 80s GROUP BY time(1s)",
    "SELECT count(y) FROM m WHERE x > 100000",
    "SELECT y FROM m WHERE x > 1090",
];

struct Stored(Engine);

impl Names for Stored {
    fn view(&self, _: &str, _: Option<&str>, _: TimeRange) -> Result<View, QueryError> {
        Ok(self.0.view(&SHARDS)?)
    }

    fn databases(&self) -> Vec<String> {
        vec!["d".to_owned()]
    }

    fn policies(&self, _: &str) -> Result<Vec<String>, QueryError> {
        Ok(vec!["autogen".to_owned()])
    }
}

/// Counts rows.
struct Rows(usize);

impl Sink for Rows {
    fn item(&mut self, item: Item) -> ControlFlow<()> {
        if let Some(frame) = item.frame() {
            self.0 += frame.rows;
        }
        ControlFlow::Continue(())
    }
}

fn main() {
    let series: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let part = std::env::args().nth(2).unwrap_or_default();
    let queries = || QUERIES.into_iter().filter(|query| query.contains(&part));
    let stats = Stats::default();
    let names = Stored(engine(stats.clone()));
    for row in (0..PAGES * ROWS).step_by(ROWS) {
        write(&names.0, &lines(series, 1, row..row + ROWS, 0));
    }
    names.0.flush().unwrap();
    while names.0.merge_step().unwrap() != storage::engine::Step::Idle {}
    println!("{series} series of {PAGES} pages");
    queries().for_each(|query| measure(&names, &stats, query));
    write(&names.0, &lines(series, 100, (PAGES - 1) * ROWS..PAGES * ROWS, STEP / 2));
    println!("with late rows");
    queries().for_each(|query| measure(&names, &stats, query));
}

fn engine(stats: Stats) -> Engine {
    let options = storage::Options {
        run_bytes: 512 << 20,
        log_bytes: 512 << 20,
        read_test: |_| None,
        flush_age: Duration::from_secs(600),
        cache_bytes: 512 << 20,
        cluster_id: [7; 16],
        merges: storage::Merges::default(),
        reserve_bytes: 0,
        catalog_version: std::sync::Arc::default(),
        next_shard: u64::MAX,
        stats,
    };
    Engine::open(platform::World::sim(1), options, &SHARDS).unwrap()
}

/// Rows of every `nth` series; each series has values around its own.
fn lines(series: usize, nth: usize, rows: std::ops::Range<usize>, shift: usize) -> String {
    let mut out = String::new();
    for host in (0..series).step_by(nth) {
        for row in rows.clone() {
            let time = 10_000_000_000 + row * STEP + shift;
            let value = host % 1_000 + (row * 31 + host) % 100;
            let _ = writeln!(out, "m,host=h{host:06} x={value}i,y={}i {time}", value * 7 % 50);
        }
    }
    out
}

fn write(engine: &Engine, lines: &str) {
    let options =
        ingest::Options { precision: Precision::default(), now: 0, max_field_bytes: 1 << 20, validate_utf8: false };
    let decoded = ingest::decode(lines.as_bytes().to_vec(), &options);
    assert!(decoded.errors.is_empty());
    engine.submit(decoded.batch, &LineKeys, &SHARDS, Box::new(|done| done.unwrap())).unwrap();
    engine.commit_step().unwrap();
    engine.flush_step().unwrap();
}

/// One query: the first answer apart, then as many as take half a second.
fn measure(names: &Stored, stats: &Stats, query: &str) {
    let decoded = || stats.snapshot().iter().find(|sample| sample.name == "pagesDecoded").map_or(0, |s| s.value);
    let cpu = || platform::process::own_usage().unwrap().cpu_seconds;
    let before = decoded();
    let rows = ask(names, query);
    let (begin, mut times) = (cpu(), 0_u32);
    while cpu() - begin < 0.5 {
        ask(names, query);
        times += 1;
    }
    let ms = (cpu() - begin) * 1e3 / f64::from(times);
    println!("{ms:9.3} ms, {:6} pages decoded, {rows:6} rows: {query}", decoded() - before);
}

fn ask(names: &Stored, query: &str) -> usize {
    let influxql::Statement::Select(select) = influxql::parse_statement(query).unwrap() else { return 0 };
    let context = Context {
        database: Some("d".to_owned()),
        policy: None,
        now: 1_000_000_000_000,
        budget: platform::budget::Budget::new(4 << 30),
        cancel: std::sync::Arc::default(),
        frame_rows: 1_000,
        limits: Default::default(),
        deadline: None,
        trace: None,
        points: std::sync::Arc::default(),
    };
    let mut rows = Rows(0);
    query::select(&select, names, &context, &mut rows).unwrap();
    rows.0
}
