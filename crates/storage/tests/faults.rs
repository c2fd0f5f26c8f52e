//! Single faults: an operation fails, the disk is full, a byte decays.

use crate::driver::{Builder, Driver, Plain, SHARDS, options, read};
use model::Value;
use platform::sim::Fault;
use storage::engine::Step;
use storage::{Engine, ErrorKind, StorageError};

/// A history with a fault after `n` operations; then the process starts again, by kill or power cut.
fn history(seed: u64, fault: Fault, n: u64, power: bool) {
    let mut driver = Driver::new(seed);
    driver.open().expect("an empty folder opens");
    driver.sim.disk.fail_after(n, fault);
    let failed = driver.run(80);
    if let Err(error) = &failed {
        assert_ne!(error.kind(), ErrorKind::Bug, "{error}");
        assert_ne!(error.kind(), ErrorKind::Damaged, "{error}");
    }
    driver.restart(power);
    driver.run(10).expect("works after a fault");
    driver.crash();
}

#[test]
fn any_single_fault_loses_nothing() {
    for fault in [Fault::Write, Fault::Full, Fault::ShortWrite, Fault::Sync, Fault::Read] {
        for n in 0..60 {
            for power in [false, true] {
                let result = std::panic::catch_unwind(|| history(n / 7, fault, n, power));
                assert!(result.is_ok(), "{fault:?} after {n}, power cut: {power}");
            }
        }
    }
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    for seed in 0..20 {
        let mut driver = Driver::new(seed);
        driver.open().expect("an empty folder opens");
        driver.run(20).expect("there is room");
        driver.sim.disk.set_capacity(Some(driver.sim.disk.used_bytes() + 2000));
        for _ in 0..200 {
            match driver.step() {
                Ok(()) => {}
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::Full | ErrorKind::Retry), "SEED {seed}: {error}")
                }
            }
            if driver.engine.is_none() {
                break;
            }
        }
        driver.sim.disk.set_capacity(None);
        if driver.engine.is_none() {
            driver.open().expect("opens with room");
        }
        driver.sim.clock.advance(std::time::Duration::from_secs(5));
        // What fills the memory for writes is flushed first.
        while driver.engine.as_ref().expect("open").background_step().expect("there is room") == Step::Worked {}
        driver.submit().expect("writes go on once there is room");
        driver.run(30).expect("works with room");
        driver.crash();
    }
}

/// On a full disk rows in memory still get into segments, writes are refused for want of space and never for want of memory, and
/// all goes on within seconds of there being room.
#[test]
fn what_was_set_aside_flushes_on_a_full_disk() {
    for seed in 0..12 {
        let mut driver = Driver::new(seed);
        driver.open().expect("an empty folder opens");
        driver.run(12).expect("there is room");
        driver.sim.disk.set_capacity(Some(driver.sim.disk.used_bytes() + 100));
        let mut refused = 0;
        for _ in 0..6_000 {
            if refused > 100 {
                break;
            }
            match driver.submit() {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Full => refused += 1,
                Err(error) => panic!("SEED {seed}: {error}"),
            }
            driver.engine().commit_step().expect("what is preallocated can be written");
            driver.settle().expect("whole");
            // As the node does after an error: it waits, and tries again. Flushes have room as long as writes are taken.
            for _ in 0..50 {
                match driver.engine().flush_step() {
                    Ok(Step::Idle) => break,
                    Ok(Step::Worked) => {}
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Full, "SEED {seed}: {error}");
                        break;
                    }
                }
            }
        }
        assert!(refused > 100, "SEED {seed}: refused {refused} times");
        assert!(driver.engine().full_because().is_some_and(|why| why.contains("the disk is full")), "SEED {seed}");
        driver.check().expect("what was acknowledged is there, and nothing of what was refused");
        driver.restart(false);
        // A start empties the log, which may have made room enough.
        if let Err(error) = driver.submit() {
            assert_eq!(error.kind(), ErrorKind::Full, "SEED {seed}: {error}");
        }
        driver.sim.disk.set_capacity(None);
        driver.sim.clock.advance(std::time::Duration::from_secs(2));
        while driver.engine().flush_step().expect("there is room") == Step::Worked {}
        assert_eq!(driver.engine().full_because(), None, "SEED {seed}: before any write");
        driver.submit().expect("writes go on");
        driver.run(20).expect("works with room");
        driver.crash();
    }
}

/// A flipped byte in the log is a cut of what was never acknowledged or a report of damage, never a wrong value.
#[test]
fn a_flipped_byte_in_the_log_is_never_a_wrong_value() {
    for seed in 0..6 {
        for at in 0..200 {
            let mut driver = Driver::new(seed);
            driver.open().expect("an empty folder opens");
            for _ in 0..6 {
                driver.submit().expect("there is room");
                driver.engine.as_ref().expect("open").commit_step().expect("the disk is whole");
            }
            driver.check().expect("whole");
            driver.engine = None;
            let name = driver.sim.world().disk.list("log").expect("there is a log").remove(0);
            let offset = if at < 20 { at * 4 } else { 8192 + (at - 20) * 13 };
            if !driver.sim.disk.decay(&format!("log/{name}"), offset, 0x10) {
                continue;
            }
            driver.sim.disk.kill();
            let engine = Engine::open(driver.sim.world(), options(), &crate::driver::SHARDS).expect("opens to be read");
            let seen = read(&engine).expect("what is whole can be read");
            // A lost batch may let an older value show; a value that nobody wrote never does.
            match engine.closed_because() {
                None => assert!(seen == driver.model.state, "SEED {seed}, byte {offset}: loss without a report"),
                Some(why) => assert!(why.contains("slot"), "{why}"),
            }
        }
    }
}

/// Files that a history leaves, and what a start without one of them says.
#[test]
fn a_missing_file_is_named() {
    for seed in [3, 4, 5] {
        let mut driver = Driver::new(seed);
        driver.open().expect("an empty folder opens");
        driver.run(150).expect("there is room");
        driver.reopen().expect("closes and opens");
        for _ in 0..6 {
            driver.submit().expect("there is room");
            driver.engine().commit_step().expect("the disk is whole");
        }
        driver.settle().expect("whole");
        driver.engine = None;
        let disk = driver.sim.world().disk;
        let mut folders: Vec<String> = driver.spans.iter().map(|span| format!("manifests/{}", span.id)).collect();
        folders.push("log".to_owned());
        let names = |folder: &String| disk.list(folder).expect("it can be listed");
        let files: Vec<String> = folders
            .iter()
            .flat_map(|folder| names(folder).into_iter().map(move |name| format!("{folder}/{name}")))
            .collect();
        for path in files.iter().filter(|path| !["spare", "reserve", "aside"].iter().any(|other| path.ends_with(other)))
        {
            let handle = disk.open(path).expect("it is there");
            let mut bytes = vec![0; handle.len().expect("it is there") as usize];
            handle.read_at(0, &mut bytes).expect("it is whole");
            disk.remove(path).expect("it is there");
            let engine =
                Engine::open(driver.sim.world(), driver.options.clone(), &driver.spans).expect("opens to be read");
            let why = engine.closed_because().unwrap_or_else(|| panic!("SEED {seed}: {path} is not missed"));
            let named = path.trim_start_matches("log/").split('-').next().expect("a first part");
            assert!(why.contains(named), "SEED {seed}: {path} is gone: {why}");
            drop(engine);
            driver.sim.disk.kill();
            disk.create(path).expect("there is room").write_at(0, &bytes).expect("there is room");
        }
        driver.open().unwrap_or_else(|error| panic!("SEED {seed}: all is back: {error}"));
    }
}

/// A manifest that decays while the engine runs is written anew from memory, and the log goes on.
#[test]
fn a_manifest_that_decays_is_written_anew() {
    let mut driver = Driver::new(1);
    driver.open().expect("an empty folder opens");
    segments(&driver, 0, 2);
    driver.engine().close().expect("there is room");
    driver.engine = Some(Engine::open(driver.sim.world(), options(), &SHARDS).expect("opens"));
    let folder = format!("manifests/{}", SHARDS[0].id);
    let name = driver.sim.world().disk.list(&folder).expect("there is one").remove(0);
    assert!(driver.sim.disk.decay(&format!("{folder}/{name}"), 70, 0x10));
    segments(&driver, 0, 1);
    driver.engine().close().expect("the disk is whole");
    driver.engine = None;
    let engine = Engine::open(driver.sim.world(), options(), &SHARDS).expect("opens");
    assert_eq!(engine.closed_because(), None);
    assert_eq!(rows(&engine, 0).expect("whole"), 2, "rows of both are there, the later took the first one's place");
}

/// A shard that is dropped beside one whose manifest is damaged takes no file with it that the other may need.
#[test]
fn drops_beside_damage_leave_files() {
    let mut driver = Driver::new(1);
    driver.open().expect("an empty folder opens");
    let mut both = Builder::default();
    for (row, span) in SHARDS[..2].iter().enumerate() {
        both.row("m", "m,t=1", span.range.start, &[("i", Value::Integer(row as i64))]);
    }
    driver.engine().submit(both.build(), &Plain, &SHARDS, Box::new(|_| ())).expect("there is room");
    driver.engine().flush().expect("there is room");
    driver.engine().close().expect("there is room");
    let folder = format!("manifests/{}", SHARDS[1].id);
    let name = driver.sim.world().disk.list(&folder).expect("there is one").remove(0);
    let flip = |driver: &Driver| assert!(driver.sim.disk.decay(&format!("{folder}/{name}"), 70, 0x10));
    flip(&driver);
    driver.engine = Some(Engine::open(driver.sim.world(), options(), &SHARDS).expect("opens"));
    assert!(driver.engine().closed_because().is_some());
    driver.engine().drop_shards(&[SHARDS[0].id]).expect("whole");
    driver.engine().close().expect("nothing is to be written");
    // The operator brings the manifest back.
    flip(&driver);
    let engine = Engine::open(driver.sim.world(), options(), &SHARDS[1..]).expect("opens");
    assert_eq!(engine.closed_because(), None);
    assert_eq!(rows(&engine, 1).expect("its file is there"), 1);
}

#[test]
fn a_lost_log_is_damage() {
    let mut driver = Driver::new(1);
    driver.open().expect("an empty folder opens");
    driver.submit().expect("there is room");
    driver.reopen().expect("closes and opens");
    driver.engine = None;
    let disk = driver.sim.world().disk;
    for name in disk.list("log").expect("there is a log") {
        disk.remove(&format!("log/{name}")).expect("it is there");
    }
    let engine = Engine::open(driver.sim.world(), options(), &crate::driver::SHARDS).expect("opens to be read");
    assert!(engine.closed_because().expect("read-only").contains("slot"));
    assert_eq!(read(&engine).expect("segments are whole"), driver.model.state);
    let refused =
        engine.submit(model::Batch::default(), &crate::driver::Plain, &crate::driver::SHARDS, Box::new(|_| ()));
    assert!(matches!(refused, Err(StorageError::ReadOnly(_))));
}

/// Rows of a shard, one segment each.
fn segments(driver: &Driver, shard: usize, count: usize) {
    let engine = driver.engine.as_ref().expect("open");
    for row in 0..count as i64 {
        let time = SHARDS[shard].range.start + row;
        let batch = Builder::default().row("m", "m,t=1", time, &[("i", Value::Integer(row))]).build();
        engine.submit(batch, &Plain, &SHARDS, Box::new(|_| ())).expect("there is room");
        engine.flush().expect("there is room");
    }
}

fn rows(engine: &Engine, shard: usize) -> Result<usize, StorageError> {
    let view = engine.view(&SHARDS[shard..=shard])?;
    let set = view.series(b"m", &storage::TagCondition::True)?;
    let fields = [(b"i".as_slice().into(), model::FieldType::Integer)];
    let mut scan = view.scan(&set, &fields, model::TimeRange::ALL)?;
    let mut count = 0;
    for series in 0..set.len() {
        for cut in scan.cuts(series, 0)? {
            count += cut.times()?.len();
        }
    }
    Ok(count)
}

/// A segment that cannot be merged is told of once, and other shards are merged.
#[test]
fn damage_in_one_shard_stops_no_other_work() {
    let mut driver = Driver::new(1);
    driver.open().expect("an empty folder opens");
    segments(&driver, 0, 5);
    let name = driver.sim.world().disk.list("segments").expect("there are some").remove(0);
    segments(&driver, 1, 5);
    let engine = driver.engine.as_ref().expect("open");
    assert!(driver.sim.disk.decay(&format!("segments/{name}"), 60, 0x10));
    let told = std::iter::repeat_with(|| engine.background_step()).take(20).filter_map(Result::err);
    assert_eq!(told.map(|error| error.kind()).collect::<Vec<_>>(), [ErrorKind::Damaged]);
    let counts = [0, 1].map(|shard| engine.figures(SHARDS[shard].id).segments);
    assert_eq!(counts, [5, 1], "the other shard is merged");
    assert_eq!(rows(engine, 0).expect_err("damaged").kind(), ErrorKind::Damaged);
    assert_eq!(rows(engine, 1).expect("whole"), 5);
}

/// A shard whose manifest is damaged can be dropped; until then all others are served, and nothing is written.
#[test]
fn a_damaged_manifest_closes_its_shard_alone() {
    let mut driver = Driver::new(1);
    driver.open().expect("an empty folder opens");
    segments(&driver, 0, 2);
    segments(&driver, 1, 2);
    driver.engine.as_ref().expect("open").close().expect("there is room");
    driver.engine = None;
    let folder = format!("manifests/{}", SHARDS[0].id);
    let name = driver.sim.world().disk.list(&folder).expect("there is one").remove(0);
    assert!(driver.sim.disk.decay(&format!("{folder}/{name}"), 70, 0x10));
    let open = |spans: &[storage::ShardSpan]| Engine::open(driver.sim.world(), options(), spans).expect("opens");
    let engine = open(&SHARDS);
    assert!(engine.closed_because().expect("read-only").contains(&name));
    assert_eq!(rows(&engine, 0).expect_err("not there").kind(), ErrorKind::Damaged);
    assert_eq!(rows(&engine, 1).expect("whole"), 2);
    engine.drop_shards(&[SHARDS[0].id]).expect("the disk is whole");
    drop(engine);
    let engine = open(&SHARDS[1..]);
    assert_eq!(engine.closed_because(), None);
    assert_eq!(rows(&engine, 1).expect("whole"), 2);
}
