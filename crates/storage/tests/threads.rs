//! Writers, a committer, background work, flushes and readers at once: a view that is opened after an acknowledgement has the
//! row, and has it once, whatever goes on beside it.

use crate::driver::{Builder, Plain, SHARDS, options};
use model::{FieldType, TimeRange, Value};
use platform::sim::SimWorld;
use platform::thread::spawn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use storage::{Engine, StorageError, TagCondition};

const ROWS: i64 = 290;
const ROUNDS: u64 = 30;

/// The times of the one series of a measurement, each as often as it is seen, ascending.
fn times(engine: &Engine, measurement: &str) -> Vec<i64> {
    let view = engine.view(&SHARDS).expect("whole");
    let set = view.series(measurement.as_bytes(), &TagCondition::True).expect("whole");
    let fields = [(b"i".as_slice().into(), FieldType::Integer)];
    let mut scan = view.scan(&set, &fields, TimeRange::ALL).expect("whole");
    let mut seen = Vec::new();
    for shard in (0..SHARDS.len()).filter(|_| !set.is_empty()) {
        for cut in scan.cuts(0, shard).expect("whole") {
            seen.extend(cut.times().expect("whole").iter());
        }
    }
    seen
}

/// Writes row after row and notes how many were acknowledged.
fn write(engine: &Engine, measurement: &str, acked: &Arc<AtomicI64>) {
    for row in 0..ROWS {
        loop {
            let batch = Builder::default().row(measurement, measurement, row, &[("i", Value::Integer(row))]).build();
            let acked = acked.clone();
            let done = Box::new(move |result: Result<(), StorageError>| {
                result.expect("the disk is whole");
                acked.fetch_max(row + 1, Ordering::SeqCst);
            });
            match engine.submit(batch, &Plain, &SHARDS, done) {
                Err(StorageError::Busy { .. }) => std::thread::yield_now(),
                other => break drop(other.expect("there is room")),
            }
        }
        // Not too far ahead, so that groups are small and many.
        while acked.load(Ordering::SeqCst) + 3 < row {
            std::thread::yield_now();
        }
    }
}

fn read(engine: &Engine, measurement: &str, acked: &AtomicI64) {
    let mut last = 0;
    while last < ROWS {
        let before = acked.load(Ordering::SeqCst);
        let seen = times(engine, measurement);
        // A view takes its shards one after the other, so of what comes meanwhile it may have the later rows alone.
        assert!(seen.is_sorted_by(|a, b| a < b), "a row is seen twice: {seen:?}");
        assert!(seen.iter().copied().take(before as usize).eq(0..before), "{before} rows were acknowledged: {seen:?}");
        last = seen.len() as i64;
    }
}

fn round(seed: u64) {
    let sim = SimWorld::new(seed);
    let engine = Arc::new(Engine::open(sim.world(), options(), &SHARDS).expect("an empty folder opens"));
    let stop = Arc::new(AtomicBool::new(false));
    let mut helpers = Vec::new();
    let loops: [fn(&Engine); 3] = [
        |engine| {
            engine.wait_for_batches(Duration::from_millis(1));
            engine.commit_step().expect("the disk is whole");
        },
        |engine| {
            engine.background_step().expect("the disk is whole");
        },
        |engine| engine.flush().expect("the disk is whole"),
    ];
    for work in loops {
        let (engine, stop) = (engine.clone(), stop.clone());
        let run = move || {
            while !stop.load(Ordering::SeqCst) {
                work(&engine);
            }
        };
        helpers.push(spawn("helper", run).expect("room for a thread"));
    }
    let mut clients = Vec::new();
    for measurement in ["a", "b"] {
        let acked = Arc::new(AtomicI64::new(0));
        let (one, counter) = (engine.clone(), acked.clone());
        clients.push(spawn("writer", move || write(&one, measurement, &counter)).expect("room for a thread"));
        let one = engine.clone();
        clients.push(spawn("reader", move || read(&one, measurement, &acked)).expect("room for a thread"));
    }
    let ended: Vec<bool> = clients.into_iter().map(|client| client.join().is_ok()).collect();
    stop.store(true, Ordering::SeqCst);
    assert!(
        helpers.into_iter().all(|helper| helper.join().is_ok()) && ended.iter().all(|ended| *ended),
        "round {seed}"
    );
    engine.close().expect("the disk is whole");
    drop(engine);
    let engine = Engine::open(sim.world(), options(), &SHARDS).expect("opens");
    assert_eq!(times(&engine, "a").len() as i64, ROWS);
}

#[test]
fn each_acknowledged_row_is_seen_once_beside_flush_and_compaction() {
    (0..ROUNDS).for_each(round);
}
