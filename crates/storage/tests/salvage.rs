//! A salvage that is broken off at any instant throws nothing away, is not taken for done, and ends when it is run again.

use crate::driver::Driver;
use platform::Disk;
use std::collections::BTreeSet;
use storage::Engine;

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
    while engine.background_step().expect("whole") == storage::engine::Step::Worked {}
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
