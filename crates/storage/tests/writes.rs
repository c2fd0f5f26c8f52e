//! What becomes of single batches: rejections, types, order, shards.

use crate::driver::{Builder, Plain, SHARDS, State, options, read};
use model::{Batch, FieldType, KeyError, Value};
use parking_lot::Mutex;
use platform::sim::SimWorld;
use std::sync::Arc;
use storage::{Engine, Outcome, RejectReason, StorageError};

fn open(sim: &SimWorld) -> Engine {
    Engine::open(sim.world(), options(), &SHARDS).expect("opens")
}

/// Writes a batch and commits it.
fn write(engine: &Engine, batch: Batch) -> Outcome {
    let told: Arc<Mutex<Option<Result<(), StorageError>>>> = Arc::default();
    let fate = told.clone();
    let outcome = engine.submit(batch, &Plain, &SHARDS, Box::new(move |result| *fate.lock() = Some(result)));
    engine.commit_step().expect("the disk is whole");
    assert!(matches!(*told.lock(), Some(Ok(()))));
    outcome.expect("there is room")
}

fn value(state: &State, key: &str, time: i64, field: &'static str) -> Option<String> {
    let measurement = key.split(',').next().unwrap_or_default().as_bytes().to_vec();
    state.get(&(measurement, key.as_bytes().to_vec(), time, field)).cloned()
}

#[test]
fn rows_are_rejected_one_by_one() {
    let sim = SimWorld::new(1);
    let engine = open(&sim);
    let mut batch = Builder::default();
    batch.row("m", "m,t=1", 5, &[("i", Value::Integer(1))]);
    batch.row("m", "m,t=?", 5, &[("i", Value::Integer(2))]);
    batch.row("m", "m,t=2", 5, &[("i", Value::Float(3.0)), ("f", Value::Float(3.0))]);
    batch.row("m", "m,t=3", 1000, &[("i", Value::Integer(4))]);
    batch.row("m", "m,t=4", 150, &[("i", Value::Float(5.0))]);
    batch.row("m", "m,t=5", 6, &[("f", Value::Float(6.0))]);
    let outcome = write(&engine, batch.build());
    assert_eq!(outcome.accepted, 3);
    let conflict = RejectReason::TypeConflict {
        measurement: b"m".as_slice().into(),
        field: b"i".as_slice().into(),
        given: FieldType::Float,
        existing: FieldType::Integer,
    };
    assert_eq!(outcome.rejected.keys, [(5, KeyError("it asks".into()))]);
    let first = outcome.rejected.first.map(|first| (first.key_start, first.reason));
    assert_eq!((first, outcome.rejected.others), (Some((10, conflict)), 2));
    let state = read(&engine).expect("whole");
    assert_eq!(value(&state, "m,t=1", 5, "i").as_deref(), Some("Integer(1)"));
    assert_eq!(value(&state, "m,t=2", 5, "f"), None, "a row is dropped as a whole");
    assert_eq!(value(&state, "m,t=5", 6, "f").as_deref(), Some("Float(6.0)"));
    // Another shard, another type: it is the first there.
    let view = engine.view(&SHARDS).expect("whole");
    let fields = view.fields(b"m").expect("whole");
    let of_i: Vec<FieldType> = fields.iter().filter(|(name, _)| **name == *b"i").map(|(_, kind)| *kind).collect();
    assert_eq!(of_i, [FieldType::Float, FieldType::Integer]);
}

#[test]
fn a_dropped_row_decides_no_type() {
    let sim = SimWorld::new(2);
    let engine = open(&sim);
    write(&engine, Builder::default().row("m", "m", 1, &[("f", Value::Float(1.0))]).build());
    let mut batch = Builder::default();
    batch.row("m", "m", 2, &[("f", Value::Integer(1)), ("i", Value::String(b"x"))]);
    batch.row("m", "m", 3, &[("i", Value::Integer(7))]);
    batch.row("m", "m", 4, &[("i", Value::String(b"y"))]);
    let outcome = write(&engine, batch.build());
    assert_eq!((outcome.accepted, outcome.rejected.rows()), (1, 2));
    assert_eq!(value(&read(&engine).expect("whole"), "m", 3, "i").as_deref(), Some("Integer(7)"));
}

#[test]
fn the_later_write_wins_field_by_field_across_flush_and_restart() {
    let sim = SimWorld::new(3);
    let engine = open(&sim);
    let mut batch = Builder::default();
    batch.row("m", "m", 1, &[("i", Value::Integer(1)), ("u", Value::Unsigned(9))]);
    batch.row("m", "m", 1, &[("i", Value::Integer(2))]);
    write(&engine, batch.build());
    engine.flush().expect("there is room");
    write(&engine, Builder::default().row("m", "m", 1, &[("s", Value::String(b"new"))]).build());
    write(&engine, Builder::default().row("m", "m", 1, &[("i", Value::Integer(3))]).build());
    let expected = read(&engine).expect("whole");
    assert_eq!(value(&expected, "m", 1, "i").as_deref(), Some("Integer(3)"));
    assert_eq!(value(&expected, "m", 1, "u").as_deref(), Some("Unsigned(9)"));
    drop(engine);
    let engine = open(&sim);
    assert_eq!(read(&engine).expect("whole"), expected);
    engine.close().expect("there is room");
    drop(engine);
    assert_eq!(read(&open(&sim)).expect("whole"), expected);
}

#[test]
fn dropped_shards_are_gone_and_views_of_them_stay() {
    let sim = SimWorld::new(4);
    let engine = open(&sim);
    let mut batch = Builder::default();
    batch.row("m", "m", 1, &[("i", Value::Integer(1))]);
    batch.row("m", "m", 101, &[("i", Value::Integer(2))]);
    write(&engine, batch.build());
    engine.flush().expect("there is room");
    let view = engine.view(&SHARDS).expect("whole");
    engine.drop_shards(&[SHARDS[0].id]).expect("the disk is whole");
    assert_eq!(view.measurements().expect("whole").len(), 1);
    assert_eq!(view.series(b"m", &storage::TagCondition::True).expect("the file is still there").len(), 1);
    drop(view);
    assert_eq!(read(&engine).expect("whole").len(), 1);
    assert_eq!(engine.figures(SHARDS[0].id), storage::engine::ShardFigures::default());
    drop(engine);
    let engine = Engine::open(sim.world(), options(), &SHARDS[1..]).expect("opens");
    assert_eq!(read(&engine).expect("whole").len(), 1);
}

#[test]
fn a_batch_above_an_eighth_of_the_log_is_stored_in_pieces() {
    let sim = SimWorld::new(5);
    let engine = open(&sim);
    let mut batch = Builder::default();
    for row in 0..4000i64 {
        batch.row(
            "m",
            &format!("m,h={}", row % 50),
            row % 300,
            &[("i", Value::Integer(row)), ("u", Value::Unsigned(1))],
        );
    }
    let outcome = write(&engine, batch.build());
    assert_eq!(outcome.accepted, 4000);
    let before = read(&engine).expect("whole");
    assert_eq!(value(&before, "m,h=0", 0, "i").as_deref(), Some("Integer(3900)"));
    assert!(engine.figures(SHARDS[0].id).slot > 1);
    drop(engine);
    assert_eq!(read(&open(&sim)).expect("whole"), before);
}
