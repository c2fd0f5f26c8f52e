//! Deletes against a model: seeded histories of writes, deletes, flushes, merges, restarts and kills, after each of which all
//! that a view shows must be what a map of rows says: values, measurements, fields and their types, series, tags. DELETE_SEEDS
//! says how many histories to go through, SEED picks one.

use crate::driver::{Builder, Plain, SHARDS, options};
use model::{FieldType, TagSet, Text, TimeRange, Value, series_key};
use parking_lot::Mutex;
use platform::sim::SimWorld;
use platform::{Random, SeededRandom};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use storage::engine::{Done, Step};
use storage::{Deletion, Engine, ErrorKind, Options, RejectReason, ShardId, StorageError, TagCondition, TagTest};

const MEASUREMENTS: [&str; 3] = ["cpu", "disk", "mem"];

/// A row: its fields by name, each a type and a printed value.
type Row = BTreeMap<&'static str, (FieldType, String)>;
type Tags = Vec<(&'static str, String)>;
/// Measurement, tags, time.
type Rows = BTreeMap<(&'static str, Tags, i64), Row>;
/// Whether a condition holds for tags.
type Says = Box<dyn Fn(&[(&'static str, String)]) -> bool>;

/// Passes values that begin with a text, which is its source.
#[derive(Debug)]
struct Prefix(String);

impl TagTest for Prefix {
    fn passes(&self, value: &[u8]) -> bool {
        value.starts_with(self.0.as_bytes())
    }

    fn source(&self) -> Option<String> {
        Some(self.0.clone())
    }
}

fn read_test(source: &str) -> Option<Arc<dyn TagTest>> {
    Some(Arc::new(Prefix(source.to_owned())))
}

struct History {
    sim: SimWorld,
    options: Options,
    random: SeededRandom,
    engine: Option<Engine>,
    rows: Rows,
    counter: i64,
}

fn text(text: &str) -> Text {
    text.as_bytes().into()
}

impl History {
    fn new(seed: u64) -> Self {
        let sim = SimWorld::new(seed);
        let mut options = options();
        options.read_test = read_test;
        let engine = Some(Engine::open(sim.world(), options.clone(), &SHARDS).expect("an empty folder opens"));
        Self { sim, options, random: SeededRandom::new(seed), engine, rows: Rows::new(), counter: 0 }
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("open")
    }

    fn below(&self, bound: u64) -> usize {
        self.random.below(bound) as usize
    }

    fn tags(&self) -> Vec<(&'static str, String)> {
        let mut tags = Vec::new();
        if self.below(4) > 0 {
            tags.push(("area", format!("a{}", self.below(3))));
        }
        if self.below(8) > 0 {
            tags.push(("host", format!("h{}", self.below(4))));
        }
        tags
    }

    /// Submits a batch of a few rows; the model takes those that have no field of another type.
    fn write(&mut self) {
        let measurement = MEASUREMENTS[self.below(3)];
        let long = self.below(6) == 0;
        let mut builder = Builder::default();
        let mut written: Vec<(Tags, i64, Row)> = Vec::new();
        let as_float = self.below(2) == 0;
        for _ in 0..1 + self.below(8) {
            let (tags, start) = (self.tags(), self.below(300) as i64);
            let count = if long { 70 } else { 1 };
            for step in 0..count {
                self.counter += 1;
                let time = (start + step).min(299);
                let pairs = tags.iter().map(|(key, value)| (text(key), text(value))).collect();
                let key = series_key::key(measurement.as_bytes(), &TagSet::new(pairs));
                let key = String::from_utf8(key).expect("plain");
                let mut fields = vec![];
                if as_float {
                    fields.push(("x", Value::Float(self.counter as f64)));
                } else {
                    fields.push(("x", Value::Integer(self.counter)));
                }
                if !long && self.below(2) == 0 {
                    fields.push(("y", Value::Integer(-self.counter)));
                }
                if !long && self.below(4) == 0 {
                    fields.remove(0);
                }
                if fields.is_empty() {
                    fields.push(("z", Value::Boolean(true)));
                }
                builder.row(measurement, &key, time, &fields);
                let row = fields.iter().map(|(name, value)| (*name, (value.field_type(), format!("{value:?}"))));
                written.push((tags.clone(), time, row.collect()));
            }
        }
        let acknowledged: Arc<Mutex<bool>> = Arc::default();
        let told = acknowledged.clone();
        let done = Box::new(move |result: Result<(), StorageError>| *told.lock() = result.is_ok());
        let outcome = match self.engine().submit(builder.build(), &Plain, &SHARDS, done) {
            Err(error) if error.kind() == ErrorKind::Retry => return self.relieve(),
            other => other.expect("the engine takes batches"),
        };
        self.engine().commit_step().expect("the disk is whole");
        assert!(*acknowledged.lock());
        let standing = self.types_of(measurement);
        let mut rejected = 0;
        for (tags, time, row) in written {
            let shard = SHARDS.iter().position(|span| span.range.contains(time)).expect("inside");
            let clashes = |(name, (kind, _)): (&&'static str, &(FieldType, String))| {
                standing.get(&(shard, *name)).is_some_and(|known| known != kind)
            };
            if row.iter().any(clashes) {
                rejected += 1;
            } else {
                self.rows.entry((measurement, tags, time)).or_default().extend(row);
            }
        }
        let reason = outcome.rejected.first.as_ref().map(|first| &first.reason);
        assert!(matches!(reason, None | Some(RejectReason::TypeConflict { .. })));
        assert!(outcome.rejected.keys.is_empty());
        assert_eq!(outcome.rejected.rows(), rejected, "rows refused for their types");
    }

    /// The types of a measurement's fields by shard: they last as long as some row has the field.
    fn types_of(&self, measurement: &str) -> BTreeMap<(usize, &'static str), FieldType> {
        let mut types = BTreeMap::new();
        for ((name, _, time), row) in &self.rows {
            let shard = SHARDS.iter().position(|span| span.range.contains(*time)).expect("inside");
            let own = row.iter().filter(|_| *name == measurement);
            types.extend(own.map(|(field, (kind, _))| ((shard, *field), *kind)));
        }
        types
    }

    fn condition(&self, depth: u32) -> (TagCondition, Says) {
        let key = ["area", "host", "none"][self.below(3)];
        let value = format!("{}{}", &key[..1], self.below(4));
        let of = move |tags: &[(&'static str, String)]| {
            tags.iter().find(|(known, _)| *known == key).map_or(String::new(), |(_, value)| value.clone())
        };
        match self.below(if depth > 2 { 3 } else { 8 }) {
            0 => (TagCondition::Equal(text(key), text(&value)), Box::new(move |tags| of(tags) == value)),
            1 => (TagCondition::NotEqual(text(key), text(&value)), Box::new(move |tags| of(tags) != value)),
            2 => {
                let test = TagCondition::Test(text(key), Arc::new(Prefix(value.clone())));
                (test, Box::new(move |tags| of(tags).starts_with(&value)))
            }
            3 => {
                let (inner, says) = self.condition(depth + 1);
                (TagCondition::Not(Box::new(inner)), Box::new(move |tags| !says(tags)))
            }
            4 => {
                let ((left, says), (right, too)) = (self.condition(depth + 1), self.condition(depth + 1));
                (TagCondition::And(vec![left, right]), Box::new(move |tags| says(tags) && too(tags)))
            }
            5 => {
                let ((left, says), (right, too)) = (self.condition(depth + 1), self.condition(depth + 1));
                (TagCondition::Or(vec![left, right]), Box::new(move |tags| says(tags) || too(tags)))
            }
            _ => (TagCondition::True, Box::new(|_| true)),
        }
    }

    fn delete(&mut self) {
        let measurements: Option<Vec<&'static str>> = match self.below(4) {
            0 => None,
            1 => Some(vec![MEASUREMENTS[self.below(3)], MEASUREMENTS[self.below(3)]]),
            _ => Some(vec![MEASUREMENTS[self.below(3)]]),
        };
        let (condition, says) = self.condition(0);
        let (start, len) = (self.below(300) as i64 - 20, self.below(200) as i64);
        let range = match self.below(4) {
            0 => TimeRange::new(start, start + len),
            1 => TimeRange::new(i64::MIN, start + len),
            2 => TimeRange::new(start, i64::MAX),
            _ => TimeRange::ALL,
        };
        let shards: Vec<ShardId> = match self.below(3) {
            0 => vec![SHARDS[self.below(3)].id],
            _ => SHARDS.iter().map(|span| span.id).collect(),
        };
        let names = measurements.as_ref().map(|names| names.iter().map(|name| text(name)).collect());
        let deletion = Deletion { measurements: names, condition, range };
        let acknowledged: Arc<Mutex<bool>> = Arc::default();
        let told = acknowledged.clone();
        let done = Box::new(move |result: Result<(), StorageError>| *told.lock() = result.is_ok());
        match self.engine().delete(&shards, vec![deletion], done) {
            Err(error) if error.kind() == ErrorKind::Retry => return self.relieve(),
            other => other.expect("the engine takes deletes"),
        }
        self.engine().commit_step().expect("the disk is whole");
        assert!(*acknowledged.lock());
        self.rows.retain(|(measurement, tags, time), _| {
            let is_in = SHARDS.iter().any(|span| shards.contains(&span.id) && span.range.contains(*time));
            let named = measurements.as_ref().is_none_or(|names| names.contains(measurement));
            !(is_in && named && range.contains(*time) && says(tags))
        });
    }

    fn relieve(&self) {
        self.engine().flush().expect("the disk is whole");
        while self.engine().background_step().expect("the disk is whole") == Step::Worked {}
    }

    fn step(&mut self) {
        match self.below(100) {
            0..45 => self.write(),
            45..70 => self.delete(),
            70..80 => self.engine().flush().expect("the disk is whole"),
            80..88 => while self.engine().background_step().expect("the disk is whole") == Step::Worked {},
            88..90 => self.sim.clock.advance(Duration::from_secs(11)),
            90 => self.sim.clock.advance(Duration::from_secs(90_000)),
            91..94 => {
                self.engine().close().expect("closes");
                self.reopen();
            }
            94..97 => {
                self.engine = None;
                self.sim.disk.kill();
                self.reopen();
            }
            _ => {
                self.engine = None;
                self.sim.crash();
                self.reopen();
            }
        }
    }

    fn reopen(&mut self) {
        self.engine = None;
        let engine = Engine::open(self.sim.world(), self.options.clone(), &SHARDS).expect("opens");
        assert_eq!(engine.closed_because(), None);
        self.engine = Some(engine);
    }

    /// All that a view shows is what the model says.
    fn check(&self) {
        let view = self.engine().view(&SHARDS).expect("whole");
        let names: BTreeSet<Text> = self.rows.keys().map(|(name, ..)| text(name)).collect();
        assert_eq!(view.measurements().expect("whole"), names.into_iter().collect::<Vec<_>>(), "measurements");
        for measurement in MEASUREMENTS {
            let own: Vec<_> = self.rows.iter().filter(|((name, ..), _)| *name == measurement).collect();
            let fields: BTreeSet<(Text, FieldType)> =
                own.iter().flat_map(|(_, row)| row.iter().map(|(name, (kind, _))| (text(name), *kind))).collect();
            let fields: Vec<_> = fields.into_iter().collect();
            assert_eq!(view.fields(measurement.as_bytes()).expect("whole"), fields, "fields of {measurement}");
            let keys: BTreeSet<Text> =
                own.iter().flat_map(|((_, tags, _), _)| tags.iter().map(|(key, _)| text(key))).collect();
            assert_eq!(view.tag_keys(measurement.as_bytes()).expect("whole"), keys.iter().cloned().collect::<Vec<_>>());
            let set = view.series(measurement.as_bytes(), &TagCondition::True).expect("whole");
            let series: BTreeSet<&Vec<(&str, String)>> = own.iter().map(|((_, tags, _), _)| tags).collect();
            assert_eq!(set.len(), series.len(), "series of {measurement}");
            for key in keys {
                let values: BTreeSet<&str> = series
                    .iter()
                    .map(|tags| tags.iter().find(|(known, _)| *known.as_bytes() == *key).map_or("", |(_, value)| value))
                    .collect();
                let values: Vec<Text> = values.into_iter().map(text).collect();
                assert_eq!(set.tag_column(&key).0, values, "values of {measurement}");
            }
            let mut found = Rows::new();
            let mut scan = view.scan(&set, &fields, TimeRange::ALL).expect("whole");
            for one in 0..set.len() {
                let of = |key: &'static str| {
                    set.tags(one).get(key.as_bytes()).map(|value| (key, String::from_utf8_lossy(value).into_owned()))
                };
                let tags: Vec<_> = ["area", "host"].into_iter().filter_map(of).collect();
                for shard in 0..SHARDS.len() {
                    for cut in scan.cuts(one, shard).expect("whole") {
                        for (at, (name, kind)) in fields.iter().enumerate() {
                            let name = ["x", "y", "z"].into_iter().find(|known| *known.as_bytes() == **name);
                            let column = cut.column(at).expect("whole");
                            if let Some(stats) = cut.stats(at) {
                                assert_eq!(stats.count, column.values.len() as u64, "statistics of a cut");
                            }
                            for (row, &time) in cut.times().expect("whole").iter().enumerate() {
                                if let Some(value) = column.get(row) {
                                    let row = found.entry((measurement, tags.clone(), time)).or_default();
                                    row.insert(name.expect("one of them"), (*kind, format!("{value:?}")));
                                }
                            }
                        }
                    }
                }
            }
            let expected: Rows = own.into_iter().map(|(place, row)| (place.clone(), row.clone())).collect();
            assert!(found == expected, "rows of {measurement}: found {found:?}, expected {expected:?}");
        }
    }
}

fn history(seed: u64) {
    let mut history = History::new(seed);
    for _ in 0..60 {
        history.step();
        history.check();
    }
    history.engine().close().expect("closes");
    history.reopen();
    history.check();
}

#[test]
fn deletes_do_what_a_map_does() {
    let seeds = std::env::var("DELETE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let first = std::env::var("SEED").ok().and_then(|text| text.parse().ok());
    for seed in first.map_or(0..seeds, |seed| seed..seed + 1) {
        let result = std::panic::catch_unwind(|| history(seed));
        assert!(result.is_ok(), "SEED={seed}");
    }
}

fn delete(engine: &Engine, measurement: Option<&str>, condition: TagCondition) {
    let measurements = measurement.map(|name| vec![text(name)]);
    let deletion = Deletion { measurements, condition, range: TimeRange::ALL };
    let shards: Vec<ShardId> = SHARDS.iter().map(|span| span.id).collect();
    engine.delete(&shards, vec![deletion], Box::new(|result| result.expect("durable"))).expect("there is room");
    engine.commit_step().expect("the disk is whole");
}

fn background(engine: &Engine) {
    while engine.background_step().expect("the disk is whole") == Step::Worked {}
}

#[test]
fn a_segment_goes_with_its_last_row_and_many_deletes_are_purged() {
    let mut history = History::new(1);
    let mut builder = Builder::default();
    for row in 0..150 {
        builder.row("cpu", &format!("cpu,host=h{row}"), row, &[("x", Value::Integer(1))]);
    }
    let (batch, engine) = (builder.build(), history.engine());
    engine.submit(batch, &Plain, &SHARDS, Box::new(|result| result.expect("durable"))).expect("there is room");
    engine.flush().expect("the disk is whole");
    let figures = |at: usize| engine.figures(SHARDS[at].id);
    // More than a shard keeps, all different; none takes a row of the second shard.
    for host in 0..70 {
        delete(engine, Some("cpu"), TagCondition::Equal(text("host"), text(&format!("h{host}"))));
    }
    assert_eq!(figures(0).deletes, 70);
    let before = figures(1).disk_bytes;
    background(engine);
    assert_eq!((figures(0).deletes, figures(0).segments), (0, 1));
    assert_eq!((figures(1).deletes, figures(1).disk_bytes), (0, before), "what loses nothing is not rewritten");
    (0..70).for_each(|_| delete(engine, Some("cpu"), TagCondition::Equal(text("host"), text("nobody"))));
    assert_eq!(figures(0).deletes, 1, "the last one covers the others");
    delete(engine, Some("mem"), TagCondition::True);
    assert_eq!(figures(0).deletes, 1, "of a measurement that was never here nothing is kept");
    delete(engine, None, TagCondition::True);
    background(engine);
    for at in 0..SHARDS.len() {
        assert_eq!((figures(at).segments, figures(at).disk_bytes, figures(at).deletes), (0, 0, 0));
    }
    history.reopen();
    history.check();
}

#[test]
fn who_may_not_wait_gets_the_batch_back_where_files_would_be_read_or_synced() {
    let sim = SimWorld::new(4);
    // The engine does not know the last shard yet.
    let engine = Engine::open(sim.world(), options(), &SHARDS[..2]).expect("opens");
    let try_submit = |time: i64, value: Value<'_>, may_wait: bool| {
        let mut batch = Builder::default().row("m", "m", time, &[("x", value)]).build();
        let mut done: Option<Done> = Some(Box::new(|result| result.expect("durable")));
        // Its shard alone, as a router gives it.
        let spans: Vec<_> = SHARDS.into_iter().filter(|span| span.range.contains(time)).collect();
        let result = engine.try_submit(&mut batch, &Plain, &spans, &mut done, may_wait);
        assert_eq!(result.is_err(), batch.rows() == 1 && done.is_some(), "what is refused stays");
        result.map(|outcome| outcome.accepted).map_err(|error| error.kind())
    };
    let busy = Err(ErrorKind::Retry);
    assert_eq!(try_submit(250, Value::Integer(1), false), busy, "a shard that is not loaded");
    assert_eq!(try_submit(250, Value::Integer(1), true), Ok(1));
    assert_eq!(try_submit(250, Value::Integer(1), false), Ok(1));
    assert_eq!(try_submit(250, Value::Float(1.0), false), Ok(0), "another type, and no doubt");
    engine.commit_step().expect("the disk is whole");
    delete(&engine, Some("m"), TagCondition::True);
    assert_eq!(try_submit(250, Value::Integer(2), false), Ok(1), "the same type needs no look");
    engine.commit_step().expect("the disk is whole");
    delete(&engine, Some("m"), TagCondition::True);
    sim.disk.start_trace();
    assert_eq!(try_submit(250, Value::Float(1.0), false), busy, "the types must be looked up");
    assert_eq!(sim.disk.take_trace(), [""; 0]);
    assert_eq!(try_submit(250, Value::Float(1.0), true), Ok(1));
    assert_eq!(try_submit(250, Value::Float(1.0), false), Ok(1));
}

#[test]
fn types_are_settled_whether_the_batch_or_the_shard_has_more_measurements() {
    let sim = SimWorld::new(5);
    let engine = Engine::open(sim.world(), options(), &SHARDS).expect("opens");
    let write = |measurements: std::ops::Range<usize>, value: Value<'_>| {
        let mut builder = Builder::default();
        for name in measurements.map(|at| format!("m{at}")) {
            for time in [50, 150] {
                builder.row(&name, &name, time, &[("x", value)]);
            }
        }
        let done = Box::new(|result: Result<(), StorageError>| result.expect("durable"));
        let outcome = engine.submit(builder.build(), &Plain, &SHARDS, done).expect("there is room");
        engine.commit_step().expect("the disk is whole");
        (outcome.accepted, outcome.rejected.others)
    };
    assert_eq!(write(0..10, Value::Integer(1)), (20, 0));
    delete(&engine, Some("m3"), TagCondition::True);
    delete(&engine, Some("m4"), TagCondition::True);
    assert_eq!(write(2..4, Value::Float(1.0)), (2, 2), "fewer than the shards have");
    assert_eq!(write(0..30, Value::Float(1.0)), (44, 16), "more than those");
    delete(&engine, None, TagCondition::True);
    assert_eq!(write(0..30, Value::Boolean(true)), (60, 0));
}
