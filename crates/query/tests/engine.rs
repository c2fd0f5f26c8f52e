//! SELECTs over the real engine on a simulated machine, rows in memory and rows in segments alike.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use ingest::{LineKeys, Precision};
use model::{FrameColumn, Item, TimeRange};
use query::{Context, Names, QueryError, Sink};
use std::ops::ControlFlow;
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

    fn policies(&self, _: &str) -> Result<Vec<String>, QueryError> {
        Ok(vec!["autogen".to_owned()])
    }
}

#[derive(Default)]
struct Text(String);

impl Sink for Text {
    fn item(&mut self, item: Item) -> ControlFlow<()> {
        match item {
            Item::Series(header) => {
                let tags = header.tags.unwrap_or_default();
                let tags: Vec<_> = tags.iter().map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect();
                self.0 += &format!("[{}]", tags.join(","));
            }
            Item::Rows(frame) => {
                for row in 0..frame.rows {
                    for column in &frame.columns {
                        match column {
                            FrameColumn::Times(times) => self.0 += &format!(" {}", times[row]),
                            FrameColumn::Values(column) => match column.get(row) {
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
        ControlFlow::Continue(())
    }
}

fn engine() -> Engine {
    let options = storage::Options {
        run_bytes: 64 << 20,
        log_bytes: 64 << 20,
        flush_age: Duration::from_secs(600),
        cache_bytes: 16 << 20,
        cluster_id: [7; 16],
        stats: platform::Stats::default(),
    };
    Engine::open(platform::World::sim(1), options, &SHARDS).unwrap()
}

fn write(engine: &Engine, lines: String) {
    let options =
        ingest::Options { precision: Precision::default(), now: 0, max_field_bytes: 1 << 20, validate_utf8: false };
    let decoded = ingest::decode(lines.into_bytes(), &options);
    assert!(decoded.errors.is_empty());
    let outcome = engine.submit(decoded.batch, &LineKeys, &SHARDS, Box::new(|done| done.unwrap())).unwrap();
    assert!(outcome.rejected.is_empty());
    engine.commit_step().unwrap();
}

fn ask(names: &Stored, query: &str) -> String {
    let influxql::Statement::Select(select) = influxql::parse_statement(query).unwrap() else { panic!("{query}") };
    let context = Context {
        database: Some("d".to_owned()),
        policy: None,
        now: 1_000_000,
        budget: platform::budget::Budget::new(64 << 20),
        cancel: std::sync::Arc::default(),
        frame_rows: 1_000,
    };
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
