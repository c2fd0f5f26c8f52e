//! Large and wide data: many shards that one load touches in any order, very many sparse fields, very long strings.

use crate::driver::{Builder, Plain, options_with};
use model::{FieldType, TimeRange, Value};
use platform::sim::SimWorld;
use platform::{Random, SeededRandom};
use std::collections::BTreeMap;
use storage::engine::Step;
use storage::{Engine, Options, ShardSpan, StorageError, TagCondition};

const MB: u64 = 1 << 20;

fn options() -> Options {
    Options { cache_bytes: 64 * MB, ..options_with(256 * MB, 256 * MB) }
}

fn open(sim: &SimWorld, spans: &[ShardSpan]) -> Engine {
    Engine::open(sim.world(), options(), spans).expect("opens")
}

fn write(engine: &Engine, builder: &mut Builder, spans: &[ShardSpan]) {
    let done = Box::new(|result: Result<(), StorageError>| result.expect("the disk is whole"));
    let outcome = engine.submit(builder.build(), &Plain, spans, done).expect("there is room");
    assert_eq!(outcome.rejected.rows(), 0);
    engine.commit_step().expect("the disk is whole");
}

fn settle(engine: &Engine) {
    while engine.background_step().expect("the disk is whole") == Step::Worked {}
}

/// Number and sum of an integer field of the measurement `m`, over all shards.
fn count_and_sum(engine: &Engine, spans: &[ShardSpan]) -> (usize, i64) {
    let view = engine.view(spans).expect("whole");
    let set = view.series(b"m", &TagCondition::True).expect("whole");
    let fields = [(b"v".as_slice().into(), FieldType::Integer)];
    let mut scan = view.scan(&set, &fields, TimeRange::ALL).expect("whole");
    let (mut count, mut sum) = (0, 0);
    for (series, shard) in (0..set.len()).flat_map(|series| (0..spans.len()).map(move |shard| (series, shard))) {
        for cut in scan.cuts(series, shard).expect("whole") {
            let column = cut.column(0).expect("whole");
            let model::Values::Integer(values) = &column.values else { panic!("of another type") };
            count += values.len();
            sum += values.iter().sum::<i64>();
        }
    }
    (count, sum)
}

#[test]
fn ten_years_in_any_order_make_few_files() {
    const DAYS: u64 = 3_650;
    const LOADS: usize = 60;
    let day = |id: u64| ShardSpan { id, range: TimeRange::new(id as i64 * 86_400, id as i64 * 86_400 + 86_399) };
    let spans: Vec<ShardSpan> = (1..=DAYS).map(day).collect();
    let (sim, random) = (SimWorld::new(5), SeededRandom::new(5));
    let disk = sim.world().disk.clone();
    let files = || disk.list("segments").expect("the disk is whole").len();
    let engine = open(&sim, &spans);
    let (mut expected, mut most) = (BTreeMap::new(), 0);
    for load in 0..LOADS as i64 {
        let mut builder = Builder::default();
        for _ in 0..600 {
            let time = spans[random.below(DAYS) as usize].range.start + random.below(86_400) as i64;
            builder.row("m", "m,h=a", time, &[("v", Value::Integer(load))]);
            expected.insert(time, load);
        }
        write(&engine, &mut builder, &spans);
        engine.flush().expect("there is room");
        settle(&engine);
        most = most.max(files());
    }
    let sums = (expected.len(), expected.values().sum::<i64>());
    assert_eq!(count_and_sum(&engine, &spans), sums);
    // A file a flush, and one for each round of merges, which takes many shards together.
    assert!(most <= 2 * LOADS, "{most} files");
    let segments: u64 = spans.iter().map(|span| engine.figures(span.id).segments).sum();
    assert!(segments < DAYS * 5, "{segments} segments");
    engine.close().expect("there is room");
    drop(engine);
    let engine = open(&sim, &spans);
    assert_eq!(count_and_sum(&engine, &spans), sums, "after a restart");
    // A file goes with the last shard that has a segment in it.
    let (old, new) = spans.split_at(spans.len() - 1);
    engine.drop_shards(&old.iter().map(|span| span.id).collect::<Vec<_>>()).expect("the disk is whole");
    assert_eq!(files() as u64, engine.figures(new[0].id).segments);
    engine.drop_shards(&[new[0].id]).expect("the disk is whole");
    assert_eq!(files(), 0);
}

const ALL: [ShardSpan; 1] = [ShardSpan { id: 1, range: TimeRange::ALL }];

#[test]
fn thousands_of_sparse_fields_are_merged() {
    const FIELDS: u64 = 4_096;
    let (sim, random) = (SimWorld::new(6), SeededRandom::new(6));
    let engine = open(&sim, &ALL);
    let names: Vec<String> = (0..FIELDS).map(|at| format!("f{at}")).collect();
    let mut expected: BTreeMap<(usize, i64), i64> = BTreeMap::new();
    for flush in 0..5i64 {
        let mut builder = Builder::default();
        for row in 0..2_000 {
            // Some rows meet those of another flush.
            let time = (flush * 1_500 + row) * 1_000_000_000;
            let mut chosen: Vec<usize> = (0..4).map(|_| random.below(FIELDS) as usize).collect();
            chosen.sort_unstable();
            chosen.dedup();
            let values: Vec<(&str, Value<'_>)> =
                chosen.iter().map(|&at| (names[at].as_str(), Value::Integer(flush * row))).collect();
            builder.row("m", "m,h=a", time, &values);
            expected.extend(chosen.into_iter().map(|at| ((at, time), flush * row)));
        }
        write(&engine, &mut builder, &ALL);
        engine.flush().expect("there is room");
    }
    settle(&engine);
    assert_eq!(engine.figures(1).segments, 1);
    let view = engine.view(&ALL).expect("whole");
    assert!(view.verify().is_empty());
    let set = view.series(b"m", &TagCondition::True).expect("whole");
    let mut found = BTreeMap::new();
    for (at, name) in names.iter().enumerate() {
        let fields = [(name.as_bytes().into(), FieldType::Integer)];
        let mut scan = view.scan(&set, &fields, TimeRange::ALL).expect("whole");
        for cut in scan.cuts(0, 0).expect("whole") {
            let (times, column) = (cut.times().expect("whole"), cut.column(0).expect("whole"));
            for (row, time) in times.iter().enumerate() {
                if let Some(Value::Integer(value)) = column.get(row) {
                    found.insert((at, *time), value);
                }
            }
        }
    }
    assert!(found == expected);
}

#[test]
fn very_long_strings_are_merged() {
    let sim = SimWorld::new(7);
    let engine = open(&sim, &ALL);
    let text = |at: i64| {
        let random = SeededRandom::new(at.cast_unsigned());
        (0..MB / 8).flat_map(|_| random.u64().to_le_bytes().map(|byte| b'a' + byte % 26)).collect::<Vec<u8>>()
    };
    for flush in 0..5 {
        let mut builder = Builder::default();
        for row in 0..6 {
            builder.row("m", "m,h=a", flush * 4 + row, &[("s", Value::String(&text(flush * 100 + row)))]);
        }
        write(&engine, &mut builder, &ALL);
        engine.flush().expect("there is room");
    }
    settle(&engine);
    assert_eq!(engine.figures(1).segments, 1);
    let view = engine.view(&ALL).expect("whole");
    let set = view.series(b"m", &TagCondition::True).expect("whole");
    let mut scan = view.scan(&set, &[(b"s".as_slice().into(), FieldType::String)], TimeRange::ALL).expect("whole");
    let mut rows = 0;
    for cut in scan.cuts(0, 0).expect("whole") {
        // A page holds such a string alone.
        assert!(cut.rows_max() == 1, "{}", cut.rows_max());
        let (times, column) = (cut.times().expect("whole"), cut.column(0).expect("whole"));
        let flush = (times[0] / 4).min(4);
        assert!(column.get(0) == Some(Value::String(&text(flush * 100 + times[0] - flush * 4))), "{times:?}");
        rows += 1;
    }
    assert_eq!(rows, 22);
}
