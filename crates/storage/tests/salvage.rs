//! A salvage keeps what is whole, in segments, in the log or set aside. One that is broken off at any instant throws nothing away,
//! is not taken for done, and ends when it is run again.

use crate::driver::{Builder, Driver, Plain, SHARDS, read};
use model::{TimeRange, Value};
use platform::Disk;
use std::collections::BTreeSet;
use storage::engine::Step;
use storage::{Deletion, Engine, ShardSpan, TagCondition};

/// A data folder with segments and rows in the log, of which one shard's manifest is gone.
fn damaged(seed: u64) -> Driver {
    let mut driver = Driver::new(seed);
    driver.open().expect("an empty folder opens");
    driver.run(60).expect("there is room");
    driver.reopen().expect("closes and opens");
    for _ in 0..4 {
        driver.submit().expect("there is room");
        driver.engine().commit_step().expect("the disk is whole");
    }
    driver.settle().expect("whole");
    driver.views.clear();
    driver.engine = None;
    let disk = driver.sim.world().disk;
    let folders = driver.spans.iter().map(|span| format!("manifests/{}", span.id));
    let folder = folders.into_iter().find(|folder| disk.list(folder).is_ok_and(|names| !names.is_empty()));
    let folder = folder.expect("a shard has segments");
    let newest = disk.list(&folder).expect("it is there").pop().expect("it has a file");
    disk.remove(&format!("{folder}/{newest}")).expect("it is there");
    disk.sync_dir(&folder).expect("whole");
    driver
}

/// The names of all segment files, wherever they are.
fn segments(disk: &dyn Disk) -> BTreeSet<String> {
    let named = |folder: &str| disk.list(folder).unwrap_or_default();
    let kept = named("segments").into_iter();
    let aside = named("damaged").into_iter().filter_map(|name| name.strip_prefix("segments-").map(str::to_owned));
    kept.chain(aside).collect()
}

fn salvage(driver: &Driver) -> Result<bool, storage::StorageError> {
    let salvaged = Engine::salvage(driver.sim.world(), driver.options.clone(), &driver.spans)?;
    Ok(!salvaged.lost.is_empty())
}

/// Opens it as a server does; whether it takes writes.
fn serves(driver: &Driver) -> bool {
    let engine = Engine::open(driver.sim.world(), driver.options.clone(), &driver.spans).expect("it opens to be read");
    if engine.closed_because().is_some() {
        return false;
    }
    while engine.background_step().expect("whole") == Step::Worked {}
    engine.close().expect("whole");
    true
}

#[test]
fn broken_off_at_any_call() {
    let mut interrupted = 0;
    for seed in 0..3 {
        for call in 0..400 {
            let driver = damaged(seed);
            let disk = driver.sim.world().disk;
            let before = segments(&*disk);
            driver.sim.disk.power_off_at(driver.sim.disk.ops() + call);
            let done = salvage(&driver);
            let was_off = driver.sim.disk.is_off();
            driver.sim.crash();
            let nothing_is_gone = || {
                let now = segments(&*driver.sim.world().disk);
                let lost: Vec<_> = before.difference(&now).collect();
                assert!(lost.is_empty(), "SEED {seed}, call {call}: {lost:?} are gone");
            };
            nothing_is_gone();
            if was_off {
                interrupted += 1;
                done.expect_err("the power went");
                // Whoever starts the server in between must not lose what was to be set aside.
                if !serves(&driver) {
                    nothing_is_gone();
                    assert!(salvage(&driver).expect("whole"), "SEED {seed}, call {call}: damage is forgotten");
                    nothing_is_gone();
                }
            }
            assert!(serves(&driver), "SEED {seed}, call {call}: writes are taken");
            if !was_off {
                break;
            }
        }
    }
    assert!(interrupted > 60, "{interrupted}");
}

/// An engine whose log keeps all that it is given.
fn opened() -> Driver {
    let mut driver = Driver::new(0);
    driver.open().expect("an empty folder opens");
    driver
}

/// A segment of these rows: one of a series in each of some shards, with its number as time in the shard.
fn segment(driver: &Driver, shards: &[usize], rows: std::ops::Range<i64>) {
    let mut builder = Builder::default();
    for row in rows {
        for &shard in shards {
            builder.row("m", "m,t=1", SHARDS[shard].range.start + row, &[("i", Value::Integer(row))]);
        }
    }
    driver.engine().submit(builder.build(), &Plain, &SHARDS, Box::new(|_| ())).expect("there is room");
    driver.engine().flush().expect("there is room");
}

fn background(driver: &Driver) {
    while driver.engine().background_step().expect("whole") == Step::Worked {}
}

/// Rows of a shard.
fn rows(driver: &Driver, shard: usize) -> usize {
    let seen = read(driver.engine()).expect("whole");
    seen.keys().filter(|(_, _, time, _)| SHARDS[shard].range.contains(*time)).count()
}

fn remove_all(disk: &dyn Disk, folder: &str) {
    for name in disk.list(folder).expect("it is there") {
        disk.remove(&format!("{folder}/{name}")).expect("it is there");
    }
}

/// Ends the process, lets the folder lose something, salvages it for some shards and opens it for all.
fn lose(driver: &mut Driver, spans: &[ShardSpan], folder: &str) -> storage::engine::Salvaged {
    driver.engine = None;
    driver.sim.disk.kill();
    let world = driver.sim.world();
    remove_all(&*world.disk, folder);
    let engine = Engine::open(world.clone(), driver.options.clone(), spans).expect("it opens to be read");
    engine.closed_because().expect("it is missed");
    drop(engine);
    let salvaged = Engine::salvage(world.clone(), driver.options.clone(), spans).expect("whole");
    let engine = Engine::open(world, driver.options.clone(), &SHARDS).expect("opens");
    assert_eq!(engine.closed_because(), None);
    driver.engine = Some(engine);
    salvaged
}

/// Segments were merged, and the merged one is lost with the manifest: the log has their rows, and those of a later segment.
#[test]
fn rows_that_the_log_has_come_back() {
    for named in [false, true] {
        let mut driver = opened();
        if named {
            // The log's state names the manifest.
            segment(&driver, &[0], 0..1);
            driver.engine().close().expect("there is room");
            driver.engine = Some(
                Engine::open(driver.sim.world(), driver.options.clone(), &SHARDS).expect("it opens to be written"),
            );
        }
        (1..6).for_each(|row| segment(&driver, &[0], row..row + 1));
        background(&driver);
        segment(&driver, &[0], 6..7);
        lose(&mut driver, &SHARDS, "manifests/11");
        assert_eq!(rows(&driver, 0), 6, "{named}");
    }
}

#[test]
fn segments_in_files_of_others_are_copied() {
    let mut driver = opened();
    segment(&driver, &[0, 1, 2], 0..5);
    segment(&driver, &[1, 0], 5..8);
    driver.engine().close().expect("there is room");
    let disk = driver.sim.world().disk;
    let all: Vec<Vec<u8>> =
        disk.list("segments").expect("there are").iter().map(|name| bytes(&*disk, "segments", name)).collect();
    let salvaged = lose(&mut driver, &SHARDS, "manifests/11");
    assert_eq!([0, 1, 2].map(|shard| rows(&driver, shard)), [0, 8, 5]);
    let copies: Vec<&String> = salvaged.set_aside.iter().map(|(_, to)| to).filter(|to| to.contains("-at-")).collect();
    assert_eq!(copies.len(), 2, "{:?}", salvaged.set_aside);
    for copy in copies {
        let copy = bytes(&*disk, "damaged", copy.strip_prefix("damaged/").expect("there"));
        assert!(copy.starts_with(b"ALVSEGMT") && copy[44] == 11);
        assert!(all.iter().any(|file| file.len() > copy.len() && file.windows(copy.len()).any(|part| part == copy)));
    }
}

fn bytes(disk: &dyn Disk, folder: &str, name: &str) -> Vec<u8> {
    let file = disk.open(&format!("{folder}/{name}")).expect("it is there");
    let mut bytes = vec![0; file.len().expect("it is there") as usize];
    file.read_at(0, &mut bytes).expect("whole");
    bytes
}

/// A catalog that knows less gives the number of a shard again.
#[test]
fn a_shard_that_the_catalog_lacks_is_set_aside() {
    let mut driver = opened();
    segment(&driver, &[0], 0..5);
    segment(&driver, &[1, 0], 0..5);
    driver.engine().close().expect("there is room");
    let salvaged = lose(&mut driver, &SHARDS[1..2], "log");
    assert!(salvaged.set_aside.iter().any(|(from, _)| from.starts_with("manifests/11/")));
    assert_eq!([0, 1].map(|shard| rows(&driver, shard)), [0, 5]);
    segment(&driver, &[0], 0..1);
    background(&driver);
    driver.engine().close().expect("there is room");
    driver.engine = Some(Engine::open(driver.sim.world(), driver.options.clone(), &SHARDS).expect("opens"));
    assert_eq!([0, 1].map(|shard| rows(&driver, shard)), [1, 5]);
    let aside = driver.sim.world().disk.list("damaged").expect("there is one");
    assert_eq!(aside.iter().filter(|name| name.starts_with("segments-")).count(), 2, "{aside:?}");
}

/// Deletes that only manifests know outlive the log in which they came.
#[test]
fn what_was_deleted_stays_so() {
    let mut driver = opened();
    segment(&driver, &[0], 0..2);
    // As many as one merge takes: the first one stays beside them.
    (2..18).for_each(|row| segment(&driver, &[0], row..row + 1));
    let range = TimeRange { start: 0, end: 0 };
    let deletion = Deletion { measurements: None, condition: TagCondition::True, range };
    driver.engine().delete(&[11], vec![deletion], Box::new(|_| ())).expect("there is room");
    driver.engine().close().expect("there is room");
    assert_eq!(rows(&driver, 0), 17);
    lose(&mut driver, &SHARDS, "log");
    assert_eq!(rows(&driver, 0), 17);
    background(&driver);
    assert_eq!(driver.engine().figures(11).segments, 2, "one stays, the others are merged");
    driver.engine().close().expect("there is room");
    driver.engine = Some(Engine::open(driver.sim.world(), driver.options.clone(), &SHARDS).expect("opens"));
    assert_eq!(rows(&driver, 0), 17);
}

/// What a first salvage saved is still served when it was broken off and run again.
#[test]
fn what_was_saved_stays_saved() {
    let damaged = || {
        let mut driver = opened();
        let reopen = |driver: &mut Driver| {
            driver.engine().close().expect("there is room");
            driver.engine = Some(Engine::open(driver.sim.world(), driver.options.clone(), &SHARDS).expect("it opens"));
        };
        // Two versions of the manifest, which the log's state names.
        segment(&driver, &[0], 0..1);
        reopen(&mut driver);
        segment(&driver, &[0], 1..2);
        reopen(&mut driver);
        // A flush that no manifest has folded in; no row is in the log alone.
        segment(&driver, &[0], 2..5);
        driver.engine = None;
        driver.sim.disk.kill();
        let disk = driver.sim.world().disk;
        remove_all(&*disk, "manifests/11");
        disk.sync_dir("manifests/11").expect("whole");
        driver
    };
    let open = |driver: &mut Driver| {
        let engine = Engine::open(driver.sim.world(), driver.options.clone(), &SHARDS).expect("opens");
        driver.engine = Some(engine);
    };
    let salvage = |driver: &Driver| Engine::salvage(driver.sim.world(), driver.options.clone(), &SHARDS);
    let mut whole = damaged();
    salvage(&whole).expect("whole");
    open(&mut whole);
    let expected = rows(&whole, 0);
    assert_ne!(expected, 0);
    for call in 0..400 {
        let mut driver = damaged();
        driver.sim.disk.power_off_at(driver.sim.disk.ops() + call);
        let done = salvage(&driver).is_ok();
        let was_off = driver.sim.disk.is_off();
        driver.sim.crash();
        if !done {
            salvage(&driver).expect("whole");
        }
        open(&mut driver);
        assert_eq!(driver.engine().closed_because(), None);
        assert_eq!(rows(&driver, 0), expected, "broken off at call {call}");
        if !was_off {
            break;
        }
    }
}
