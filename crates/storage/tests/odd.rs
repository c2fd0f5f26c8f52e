//! Odd data: many sets of fields, times at the ends of what a number holds, text that is empty or large.

use crate::driver::{Builder, FIELDS, Plain, options};
use model::{Batch, Column, FieldType, KeySpan, Table, TableColumn, TimeRange, Value};
use platform::sim::SimWorld;
use platform::{Random, SeededRandom};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use storage::{Engine, ShardSpan, StorageError, TagCondition};

const ALL: [ShardSpan; 1] = [ShardSpan { id: 1, range: TimeRange::ALL }];

/// Series, time, field and value of each cell.
type Cells = BTreeMap<(Vec<u8>, i64, String), String>;

fn open(sim: &SimWorld) -> Engine {
    Engine::open(sim.world(), options(), &ALL).expect("opens")
}

fn write(engine: &Engine, builder: &mut Builder) {
    let done = Box::new(|result: Result<(), StorageError>| result.expect("the disk is whole"));
    let outcome = engine.submit(builder.build(), &Plain, &ALL, done).expect("there is room");
    assert_eq!(outcome.rejected.rows(), 0);
    engine.commit_step().expect("the disk is whole");
}

/// All cells of the measurement `m`.
fn read(engine: &Engine, fields: &[(String, FieldType)]) -> Cells {
    let view = engine.view(&ALL).expect("whole");
    let set = view.series(b"m", &TagCondition::True).expect("whole");
    let scanned: Vec<_> = fields.iter().map(|(name, kind)| (name.as_bytes().into(), *kind)).collect();
    let mut scan = view.scan(&set, &scanned, TimeRange::ALL).expect("whole");
    let mut cells = Cells::new();
    for series in 0..set.len() {
        for cut in scan.cuts(series, 0).expect("whole") {
            let times = cut.times().expect("whole");
            for (at, (name, _)) in fields.iter().enumerate() {
                let column = cut.column(at).expect("whole");
                for (row, &time) in times.iter().enumerate() {
                    if let Some(value) = column.get(row) {
                        let before = cells.insert((set.key(series), time, name.clone()), format!("{value:?}"));
                        assert_eq!(before, None, "a value is seen twice");
                    }
                }
            }
        }
    }
    cells
}

/// What is read in memory must be read from segments, from merged segments and after a restart.
fn check_everywhere(sim: &SimWorld, engine: Engine, fields: &[(String, FieldType)], expected: &Cells) {
    assert!(read(&engine, fields) == *expected, "in memory");
    engine.flush().expect("there is room");
    assert!(read(&engine, fields) == *expected, "from a segment");
    while engine.background_step().expect("the disk is whole") == storage::engine::Step::Worked {}
    assert!(read(&engine, fields) == *expected, "after background work");
    assert!(engine.view(&ALL).expect("whole").verify().is_empty());
    engine.close().expect("there is room");
    drop(engine);
    assert!(read(&open(sim), fields) == *expected, "after a restart");
}

#[test]
fn more_sets_of_fields_than_column_groups() {
    for (seed, rows, flushes) in [(1u64, 300i64, 1), (2, 3_000, 1), (3, 900, 5)] {
        let (sim, random) = (SimWorld::new(seed), SeededRandom::new(seed));
        let engine = open(&sim);
        let fields: Vec<(String, FieldType)> = (0..9).map(|at| (format!("i{at}"), FieldType::Integer)).collect();
        let mut expected = Cells::new();
        for flush in 0..flushes {
            let mut builder = Builder::default();
            for row in 0..rows {
                let key = format!("m,h={}", row % 2);
                let set = 1 + random.below(511);
                let time = row * 7 + flush;
                let of_row: Vec<_> = fields.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1).collect();
                let values: Vec<(&str, Value<'_>)> = of_row
                    .iter()
                    .map(|(at, (name, _))| (name.as_str(), Value::Integer(row * 10 + *at as i64)))
                    .collect();
                builder.row("m", &key, time, &values);
                for (name, value) in values {
                    expected.insert((key.clone().into_bytes(), time, name.to_owned()), format!("{value:?}"));
                }
            }
            write(&engine, &mut builder);
            if flush + 1 < flushes {
                engine.flush().expect("there is room");
            }
        }
        check_everywhere(&sim, engine, &fields, &expected);
    }
}

#[test]
fn times_and_values_at_their_ends() {
    let sim = SimWorld::new(1);
    let engine = open(&sim);
    let fields: Vec<(String, FieldType)> = FIELDS.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
    let mut expected = Cells::new();
    let huge = "y".repeat(70_000);
    for flush in 0..5i64 {
        let mut builder = Builder::default();
        let around = [i64::MIN + 2, -3_600_000_000_000, 0, 3_600_000_000_000, i64::MAX - 2_000];
        let edges = [i64::MIN, i64::MIN + 1, i64::MAX, i64::MAX - 1, -1];
        let all = around.iter().flat_map(|&start| (0..200).map(move |i| start + i * 5 + flush)).chain(edges);
        for (at, time) in (0i64..).zip(all) {
            let key = format!("m,h={}", at % 3);
            let float = [0.0, -0.0, f64::MAX, f64::MIN_POSITIVE, -1.5, f64::MIN][at as usize % 6];
            let text = ["", "x", "\"", huge.as_str()][if at % 97 == 0 { 3 } else { at as usize % 3 }];
            let values = [
                ("f", Value::Float(float)),
                ("i", Value::Integer([i64::MIN, i64::MAX, 0, at][at as usize % 4])),
                ("u", Value::Unsigned([u64::MAX, 0, 1 << 63][at as usize % 3])),
                ("s", Value::String(text.as_bytes())),
                ("b", Value::Boolean(at % 2 == 0)),
            ];
            let values = if at % 7 == 0 { &values[3..4] } else { &values[..] };
            builder.row("m", &key, time, values);
            for (name, value) in values {
                expected.insert((key.clone().into_bytes(), time, (*name).to_owned()), format!("{value:?}"));
            }
        }
        // The bounds of the test's engine are below this batch: it is taken when there is nothing else.
        engine.flush().expect("there is room");
        write(&engine, &mut builder);
    }
    check_everywhere(&sim, engine, &fields, &expected);
}

/// The table of series is left for a new one again and again; a value never shows under another series than its own.
#[test]
fn forgotten_series_are_never_mistaken() {
    let (sim, random) = (SimWorld::new(9), SeededRandom::new(9));
    let mut engine = open(&sim);
    let fields = vec![("i".to_owned(), FieldType::Integer)];
    let mut expected = Cells::new();
    for round in 0..120i64 {
        let mut builder = Builder::default();
        for _ in 0..40 {
            let series = random.below(2_000) as i64;
            let time = random.below(50) as i64;
            let value = Value::Integer(series * 1_000 + round);
            builder.row("m", &format!("m,h=a\\ rather\\ long\\ name\\ {series}"), time, &[("i", value)]);
            let key = format!("m,h=a\\ rather\\ long\\ name\\ {series}").into_bytes();
            expected.insert((key, time, "i".to_owned()), format!("{value:?}"));
        }
        write(&engine, &mut builder);
        match random.below(12) {
            0..3 => engine.flush().expect("there is room"),
            3..6 => assert!(engine.background_step().is_ok()),
            6 => assert!(read(&engine, &fields) == expected, "round {round}"),
            7 => {
                drop(engine);
                engine = open(&sim);
            }
            _ => {}
        }
    }
    check_everywhere(&sim, engine, &fields, &expected);
}

/// A shard is dropped while its rows are written, flushed and merged: nothing fails, and nothing of it comes back.
#[test]
fn shards_are_dropped_beside_flush_and_merge() {
    const EARLIER: ShardSpan = ShardSpan { id: 50, range: TimeRange { start: 0, end: 999 } };
    for seed in 0..20u64 {
        let sim = SimWorld::new(seed);
        let engine = Arc::new(Engine::open(sim.world(), options(), &[EARLIER]).expect("opens"));
        let stop = Arc::new(AtomicBool::new(false));
        let work = |run: fn(&Engine)| {
            let (engine, stop) = (engine.clone(), stop.clone());
            let until = move || {
                while !stop.load(Ordering::SeqCst) {
                    run(&engine)
                }
            };
            platform::thread::spawn("worker", until).expect("room for a thread")
        };
        let threads = [
            work(|engine| assert!(engine.background_step().is_ok())),
            work(|engine| engine.flush().expect("there is room")),
        ];
        for shard in 100..110u64 {
            let spans = [EARLIER, ShardSpan { id: shard, range: TimeRange { start: 1_000, end: 2_000 } }];
            for row in 0..12i64 {
                let mut builder = Builder::default();
                builder.row("m", "m", shard as i64, &[("i", Value::Integer(row))]);
                builder.row("m", "m", 1_000 + row, &[("i", Value::Integer(row))]);
                let batch = builder.build();
                let done = Box::new(|result: Result<(), StorageError>| result.expect("the disk is whole"));
                engine.submit(batch, &Plain, &spans, done).expect("there is room");
                engine.commit_step().expect("the disk is whole");
            }
            engine.drop_shards(&[shard]).expect("the disk is whole");
            assert_eq!(engine.figures(shard), storage::engine::ShardFigures::default());
        }
        stop.store(true, Ordering::SeqCst);
        assert!(threads.into_iter().all(|thread| thread.join().is_ok()), "SEED {seed}");
        engine.close().expect("there is room");
        drop(engine);
        let engine = Engine::open(sim.world(), options(), &[EARLIER]).expect("opens");
        assert_eq!(engine.closed_because(), None);
        while engine.background_step().expect("the disk is whole") == storage::engine::Step::Worked {}
        assert_eq!(engine.figures(50).run_bytes, 0);
        let view = engine.view(&[EARLIER]).expect("whole");
        let set = view.series(b"m", &TagCondition::True).expect("whole");
        let fields = [(b"i".as_slice().into(), FieldType::Integer)];
        let mut scan = view.scan(&set, &fields, TimeRange::ALL).expect("whole");
        let cuts = scan.cuts(0, 0).expect("whole");
        let times: usize = cuts.iter().map(|cut| cut.times().expect("whole").len()).sum();
        assert_eq!(times, 10, "SEED {seed}");
        let manifests = sim.world().disk.list("manifests").expect("there is one");
        assert_eq!(manifests, ["50"], "SEED {seed}");
        drop((scan, cuts));
        drop((set, view, engine));
        let files = sim.world().disk.list("segments").expect("there are some").len();
        assert!(files <= 4, "SEED {seed}: {files} files");
    }
}

/// One row a field: `fields` of them, from number `first` on, the first `wrong` as text.
fn a_field_a_row(first: usize, fields: usize, wrong: usize) -> Batch {
    let column = |row: usize| {
        let value = if row < wrong { Value::String(b"x") } else { Value::Integer(1) };
        let mut column = Column::new(value.field_type());
        assert!(column.push(row as u32, value));
        column.seal(fields);
        TableColumn { name: format!("f{}", first + row).into_bytes().into(), column }
    };
    let table = Table {
        measurement: b"m".as_slice().into(),
        keys: vec![KeySpan { start: 0, len: 1 }; fields],
        times: (0..fields as i64).collect(),
        columns: (0..fields).map(column).collect(),
    };
    Batch { text: Arc::new(b"m".to_vec()), tables: vec![table] }
}

/// A batch may name fields by the hundred thousand. The schema is locked meanwhile: steps by the square of their number would
/// keep all other writers out for minutes. No time is asserted, as machines differ; who makes it quadratic again will wait.
#[test]
fn many_new_fields_are_decided() {
    const FIELDS: usize = 40_000;
    let sim = SimWorld::new(1);
    // As large as in earnest: a batch is cut by the size of the log.
    let options = storage::Options { log_bytes: 128 << 20, run_bytes: 256 << 20, ..options() };
    let engine = Engine::open(sim.world(), options, &ALL).expect("opens");
    let submit = |batch| engine.submit(batch, &Plain, &ALL, Box::new(|_| ())).expect("there is room");
    let outcome = submit(a_field_a_row(0, FIELDS, 0));
    assert_eq!((outcome.accepted, outcome.rejected.rows()), (FIELDS, 0));
    engine.commit_step().expect("the disk is whole");
    // Half of the fields are known with another type, half are new.
    let outcome = submit(a_field_a_row(FIELDS / 2, FIELDS, FIELDS / 2));
    assert_eq!((outcome.accepted, outcome.rejected.rows()), (FIELDS / 2, FIELDS / 2));
}

/// Runs of one field each, whose rows meet in every combination: more sets of fields than there are groups, and then rows with all.
#[test]
fn rows_with_all_fields_after_many_sets() {
    const FIELDS: usize = 7;
    let sim = SimWorld::new(1);
    let engine = Engine::open(sim.world(), crate::driver::options_with(64 << 20, 64 << 20), &ALL).expect("opens");
    let names: Vec<String> = (0..FIELDS).map(|at| format!("i{at}")).collect();
    for (field, name) in names.iter().enumerate() {
        let mut builder = Builder::default();
        let value = [(name.as_str(), Value::Integer(1))];
        for mask in (1..(1usize << FIELDS) - 1).filter(|mask| mask >> field & 1 == 1) {
            builder.row("m", &format!("m,h=a{mask:03}"), 1, &value);
        }
        if field == 0 {
            for time in 0..40_000 {
                builder.row("m", "m,h=y", time, &value);
            }
        }
        // Each run is smaller than the one before, so that a reader does not merge them.
        for time in 0..200 - field as i64 {
            builder.row("m", &format!("m,h=b{field}"), time, &value);
        }
        builder.row("m", "m,h=z", 1, &value);
        write(&engine, &mut builder);
        drop(engine.view(&ALL).expect("whole"));
    }
    engine.flush().expect("a flush works");
    engine.close().expect("there is room");
}

/// A delete costs a shard by the names that it has, not by those that the delete has.
#[test]
fn a_delete_of_many_names_is_small_in_each_shard() {
    const COUNT: u64 = 20;
    let span = |id: u64| ShardSpan { id: id + 1, range: TimeRange::new(id as i64 * 10, id as i64 * 10 + 9) };
    let spans: Vec<ShardSpan> = (0..COUNT).map(span).collect();
    let sim = SimWorld::new(1);
    let options = || crate::driver::options_with(64 << 20, 64 << 20);
    let open = || Engine::open(sim.world(), options(), &spans).expect("opens");
    let engine = open();
    let mut builder = Builder::default();
    for id in 0..COUNT as i64 {
        builder.row("m", "m,h=y", id * 10, &[("i", Value::Integer(1))]);
        builder.row("n", "n,h=y", id * 10, &[("i", Value::Integer(1))]);
    }
    let done = Box::new(|result: Result<(), StorageError>| result.expect("whole"));
    engine.submit(builder.build(), &Plain, &spans, done).expect("room");
    engine.close().expect("room");
    let engine = open();
    let names = (0..20_000).map(|at| format!("{at:06}").into_bytes().into());
    let names = names.chain([b"m".as_slice().into()]).collect();
    let deletion =
        storage::Deletion { measurements: Some(names), condition: TagCondition::True, range: TimeRange::ALL };
    let ids: Vec<u64> = spans.iter().map(|span| span.id).collect();
    engine.delete(&ids, vec![deletion], Box::new(|result| result.expect("whole"))).expect("room");
    engine.commit_step().expect("whole");
    let check = |engine: &Engine| {
        let view = engine.view(&spans).expect("whole");
        let series = |name: &[u8]| view.series(name, &TagCondition::True).expect("whole").len();
        assert_eq!((series(b"m"), series(b"n")), (0, 1));
    };
    check(&engine);
    engine.close().expect("room");
    let disk = sim.world().disk;
    let len = |name: &String| disk.open(&format!("manifests/1/{name}")).and_then(|file| file.len()).expect("whole");
    let longest = disk.list("manifests/1").expect("whole").iter().map(len).max();
    assert!(longest.is_some_and(|len| len < 2_000), "{longest:?} bytes");
    check(&open());
}
