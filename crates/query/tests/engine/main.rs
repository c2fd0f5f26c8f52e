//! SELECTs over the real engine on a simulated machine, rows in memory and rows in segments alike.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod again;
mod functions;
mod gaps;
mod late;
mod memory;
mod raw;
mod sequences;
mod sift;
mod statistics;
mod sweep;

use ingest::{LineKeys, Precision};
use model::{Frame, FrameColumn, Header, Item, TimeRange};
use query::{Context, Names, QueryError, Sink};
use std::ops::{ControlFlow, Range};
use std::time::Duration;
use storage::{Engine, ShardSpan, View};

const SHARDS: [ShardSpan; 2] = [
    ShardSpan { id: 1, range: TimeRange { start: i64::MIN, end: 1_999 } },
    ShardSpan { id: 2, range: TimeRange { start: 2_000, end: i64::MAX } },
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

#[derive(Default)]
struct Text(String);

impl Text {
    fn header(&mut self, header: Header) {
        let tags = header.tags.unwrap_or_default();
        let tags: Vec<_> = tags.iter().map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect();
        self.0 += &format!("[{}]", tags.join(","));
    }

    fn rows(&mut self, frame: &Frame, rows: Range<usize>) {
        for row in rows {
            for column in &frame.columns {
                match column {
                    FrameColumn::Times(times) => self.0 += &format!(" {}", times[row]),
                    column => match column.get(row) {
                        Some(model::Value::Float(value)) => self.0 += &format!(" {value}"),
                        Some(model::Value::Integer(value)) => self.0 += &format!(" {value}"),
                        other => self.0 += &format!(" {other:?}"),
                    },
                }
            }
            self.0.push(';');
        }
    }
}

impl Sink for Text {
    fn item(&mut self, item: Item) -> ControlFlow<()> {
        match item {
            Item::Series(header) => self.header(header),
            Item::Rows(frame) => self.rows(&frame, 0..frame.rows),
            Item::Many(many) => {
                let mut from = 0;
                for (header, rows) in many.series {
                    self.header(header);
                    self.rows(&many.frame, from..from + rows);
                    from += rows;
                }
                assert_eq!(from, many.frame.rows);
            }
        }
        ControlFlow::Continue(())
    }
}

fn engine() -> Engine {
    counting_engine(platform::Stats::default())
}

fn counting_engine(stats: platform::Stats) -> Engine {
    let options = storage::Options {
        run_bytes: 64 << 20,
        log_bytes: 64 << 20,
        read_test: |_| None,
        flush_age: Duration::from_secs(600),
        cache_bytes: 16 << 20,
        cluster_id: [7; 16],
        merges: storage::Merges::default(),
        reserve_bytes: 0,
        catalog_version: std::sync::Arc::default(),
        next_shard: u64::MAX,
        stats,
    };
    Engine::open(platform::World::sim(1), options, &SHARDS).unwrap()
}

fn write(engine: &Engine, lines: String) {
    let options =
        ingest::Options { precision: Precision::default(), now: 0, max_field_bytes: 1 << 20, validate_utf8: false };
    let decoded = ingest::decode(lines.into_bytes(), &options);
    assert!(decoded.errors.is_empty());
    let outcome = engine.submit(decoded.batch, &LineKeys, &SHARDS, Box::new(|done| done.unwrap())).unwrap();
    assert_eq!(outcome.rejected.rows(), 0);
    engine.commit_step().unwrap();
}

/// A request with so much memory (bytes).
fn context(memory: u64) -> Context {
    Context {
        database: Some("d".to_owned()),
        policy: None,
        now: 1_000_000_000,
        budget: platform::budget::Budget::new(memory),
        cancel: std::sync::Arc::default(),
        frame_rows: 1_000,
        limits: Default::default(),
        deadline: None,
        trace: None,
        points: std::sync::Arc::default(),
    }
}

fn ask(names: &Stored, query: &str) -> String {
    within(names, query, 64 << 20)
}

/// The answer with so much memory (bytes).
fn within(names: &Stored, query: &str, memory: u64) -> String {
    let influxql::Statement::Select(select) = influxql::parse_statement(query).unwrap() else { panic!("{query}") };
    let context = context(memory);
    let mut out = Text::default();
    query::select(&select, names, &context, &mut out).unwrap_or_else(|error| panic!("{query}: {error}"));
    out.0
}

#[test]
fn answers_do_not_depend_on_where_rows_lie() {
    let mut rows = Vec::new();
    for time in 0..4_000_i64 {
        rows.push(("a", time, time % 97));
        if time % 3 == 0 {
            rows.push(("b", time, -(time % 31)));
        }
    }
    let lines = |rows: &[(&str, i64, i64)]| {
        rows.iter().map(|(host, time, value)| format!("m,host={host} v={value}i {time}\n")).collect::<String>()
    };
    let names = Stored(engine());
    write(&names.0, lines(&rows[..3_000]));
    names.0.flush().unwrap();
    write(&names.0, lines(&rows[3_000..]));
    // The later write of a point wins.
    write(&names.0, "m,host=a v=1000i 1500\n".to_owned());
    rows.retain(|&(host, time, _)| (host, time) != ("a", 1_500));
    rows.push(("a", 1_500, 1_000));
    let sum = |host: &str, from: i64, to: i64| -> i64 {
        rows.iter().filter(|row| row.0 == host && from <= row.1 && row.1 < to).map(|row| row.2).sum()
    };
    for _ in 0..2 {
        let expected = format!("[a] 0 {};[b] 0 {};", sum("a", 0, 4_000), sum("b", 0, 4_000));
        assert_eq!(ask(&names, "SELECT sum(v) FROM m GROUP BY host"), expected);
        let buckets: String =
            (0..4).map(|at| format!(" {} {};", at * 1_000, sum("a", at * 1_000, at * 1_000 + 1_000))).collect();
        let query = "SELECT sum(v) FROM m WHERE host = 'a' AND time >= 0 AND time < 4000 GROUP BY time(1u)";
        assert_eq!(ask(&names, query), format!("[]{buckets}"));
        assert_eq!(ask(&names, "SELECT max(v), host FROM m"), "[] 1500 1000 Some(String([97]));");
        assert_eq!(ask(&names, "SELECT last(v) FROM m GROUP BY host"), "[a] 3999 22;[b] 3999 0;".to_owned());
        assert_eq!(ask(&names, "SELECT v FROM m ORDER BY time DESC LIMIT 2"), "[] 3999 0; 3999 22;");
        assert_eq!(ask(&names, "SELECT v FROM m WHERE v > 900"), "[] 1500 1000;");
        names.0.flush().unwrap();
    }
}

/// Counts rows, and does not keep them.
#[derive(Default)]
struct Rows(usize);

impl Sink for Rows {
    fn item(&mut self, item: Item) -> ControlFlow<()> {
        if let Some(frame) = item.frame() {
            self.0 += frame.rows;
        }
        ControlFlow::Continue(())
    }
}

fn count(names: &Stored, query: &str, memory: u64) -> Result<usize, QueryError> {
    let influxql::Statement::Select(select) = influxql::parse_statement(query).unwrap() else { panic!("{query}") };
    let context = context(memory);
    let mut rows = Rows::default();
    query::select(&select, names, &context, &mut rows).map(|()| rows.0)
}

#[test]
fn tests_as_values_in_each_other_are_few() {
    let names = Stored(engine());
    write(&names.0, "m v=1i 0\nm v=9i 1\n".to_owned());
    let nested =
        |levels: usize| (0..levels).fold("(v > 5)".to_owned(), |test, level| format!("({test} = (v > {level}))"));
    let rows = |levels| count(&names, &format!("SELECT v FROM m WHERE {}", nested(levels)), 8 << 20);
    // Of 9 all tests hold; of 1 the first two fail, which is a test that holds, and so on.
    for levels in 1..=6 {
        let one = (0..levels).fold(false, |holds, level| holds == (1 > level));
        assert_eq!(rows(levels).unwrap(), 1 + usize::from(one), "{levels}");
    }
    for levels in [7, 20, 60] {
        assert!(matches!(rows(levels), Err(QueryError::NotExecuted(_))), "{levels}");
    }
}

#[test]
fn empty_buckets_cost_time_by_their_number_alone() {
    let names = Stored(engine());
    write(&names.0, "m v=1i 0\nm v=3i 199999\n".to_owned());
    let buckets = |fill: &str| {
        let query = format!("SELECT max(v), min(v) FROM m WHERE time >= 0 AND time < 200000 GROUP BY time(1ns) {fill}");
        count(&names, &query, 64 << 20).unwrap()
    };
    // With a look ahead for each bucket these are some 10^10 steps.
    for fill in ["fill(null)", "fill(linear)", "fill(previous)", "fill(7)"] {
        assert_eq!(buckets(fill), 200_000, "{fill}");
    }
    assert_eq!(
        ask(&names, "SELECT max(v) FROM m WHERE time >= 199997 AND time < 200001 GROUP BY time(1ns) fill(linear)"),
        "[] 199997 None; 199998 None; 199999 3; 200000 None;"
    );
}

#[test]
fn buckets_before_the_first_value_are_handed_over_as_they_become_rows() {
    struct Frames(usize, usize);
    impl Sink for Frames {
        fn item(&mut self, item: Item) -> ControlFlow<()> {
            if let Some(frame) = item.frame() {
                self.0 += frame.rows;
                self.1 += 1;
            }
            // Had the rows been gathered first, stopping here would not keep the rest from being made.
            if self.1 > 200 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    let names = Stored(engine());
    write(&names.0, "m v=1i 5000000000000\n".to_owned());
    let query = "SELECT max(v) FROM m WHERE time >= 4999000000000 AND time <= 5000000000000 GROUP BY time(500ns)";
    let influxql::Statement::Select(select) = influxql::parse_statement(query).unwrap() else { panic!("{query}") };
    let context = context(64 << 20);
    let mut frames = Frames(0, 0);
    query::select(&select, &names, &context, &mut frames).unwrap();
    assert_eq!(frames.0, 201 * 1_000 - frames_short(frames.1), "{}", frames.0);
}

/// Each 65,536 rows end in a frame that is not full.
fn frames_short(frames: usize) -> usize {
    frames / 66 * (1_000 - 536)
}

#[test]
fn many_groups_with_a_long_condition_stay_within_memory() {
    let names = Stored(engine());
    let lines: String = (0..3_000).map(|host| format!("m,host=h{host} v={host}i 1\n")).collect();
    write(&names.0, lines);
    let terms: Vec<String> = (0..300).map(|value| format!("v = {value}")).collect();
    let condition = format!("host =~ /h/ AND ({} OR host = 'x')", terms.join(" OR "));
    let query = format!("SELECT v FROM m WHERE {condition}");
    assert_eq!(count(&names, &query, 1 << 30).unwrap(), 300);
    // The filter of each series is its own: 3,000 times 300 terms.
    assert!(matches!(count(&names, &query, 8 << 20), Err(QueryError::Memory(_))));
    // Without tags all share one.
    let shared = format!("SELECT v FROM m WHERE {}", terms.join(" OR "));
    assert_eq!(count(&names, &shared, 8 << 20).unwrap(), 300);
    assert!(matches!(count(&names, "SELECT v FROM m GROUP BY host", 200_000), Err(QueryError::Memory(_))));
}

#[test]
fn many_nearly_empty_fields_take_the_memory_of_some_rows() {
    let names = Stored(engine());
    write(&names.0, (0..3_000).map(|at| format!("m f{at}=1 {at}\n")).collect());
    assert_eq!(count(&names, "SELECT * FROM m", 1 << 30).unwrap(), 3_000);
    assert_eq!(count(&names, "SELECT * FROM m", 8 << 20).unwrap(), 3_000);
    // Not even one.
    assert!(matches!(count(&names, "SELECT * FROM m", 64 << 10), Err(QueryError::Memory(_))));
    write(&names.0, (0..20_001).map(|at| format!("wide f{at}=1 1\n")).collect());
    assert!(matches!(count(&names, "SELECT * FROM wide", 1 << 30), Err(QueryError::NotExecuted(_))));
    assert_eq!(count(&names, "SELECT f7, f20000 FROM wide", 64 << 20).unwrap(), 1);
}
