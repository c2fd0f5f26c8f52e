//! Seeded histories of power cuts at any call that changes the disk, those of a start, and of a start after that, included:
//! nothing acknowledged is lost, nothing is half there, and the engine always opens. How seeds are chosen and replayed:
//! [`crate::seeds`].

use crate::driver::Driver;
use crate::seeds;
use platform::Random;

/// Lives of one history, each of which a power cut ends.
const LIVES: usize = 26;
/// Histories of power cuts, of faults.
const CUT_SEEDS: u64 = 192;
const FAULT_SEEDS: u64 = 320;

/// A few steps, then the power goes, many times. Returns how often it went.
fn power_cuts(seed: u64) -> usize {
    let mut driver = Driver::new(seed);
    driver.open().expect("an empty folder opens");
    driver.is_shaky = true;
    for _ in 0..LIVES {
        let calls = driver.random.below(1 << (2 + driver.random.below(6)));
        driver.sim.disk.power_off_at(driver.sim.disk.ops() + calls);
        driver.live(25);
        driver.crash();
    }
    end(driver)
}

/// A long life on a disk that fails, gets full and has room again, and loses power now and then.
fn faults(seed: u64) -> usize {
    let mut driver = Driver::new(seed);
    driver.open().expect("an empty folder opens");
    (driver.is_faulty, driver.is_shaky) = (true, true);
    for _ in 0..4 {
        if driver.live(60) {
            let power = driver.sim.disk.is_off() || driver.random.below(2) == 0;
            driver.restart(power);
        }
    }
    end(driver)
}

/// Whatever happened, a whole disk with room works again.
fn end(mut driver: Driver) -> usize {
    (driver.is_faulty, driver.is_shaky) = (false, false);
    driver.sim.disk.set_capacity(None);
    driver.crash();
    while driver.live(40) {
        driver.crash();
    }
    driver.sim.disk.disarm();
    driver.reopen().expect("closes and opens");
    assert!(driver.engine().view(&driver.spans).expect("whole").verify().is_empty(), "a file is damaged");
    driver.crashes
}

fn cuts_of(quarter: u64) {
    let (first, count) = (quarter * CUT_SEEDS / 4, CUT_SEEDS / 4);
    let test = format!("crash::acknowledged_rows_survive_power_cuts_{}", quarter + 1);
    if let Some(cuts) = seeds::each(&test, first..first + count, power_cuts) {
        assert!(cuts > 5_000 / 4, "only {cuts} power cuts");
    }
}

fn faults_of(quarter: u64) {
    let (first, count) = (quarter * FAULT_SEEDS / 4, FAULT_SEEDS / 4);
    let test = format!("crash::faults_lose_nothing_{}", quarter + 1);
    seeds::each(&test, first..first + count, faults);
}

/// Parts, so that they run on all cores.
macro_rules! parts {
    ($($name:ident: $run:ident($part:literal);)*) => {
        $(#[test]
        fn $name() {
            $run($part);
        })*
    };
}

parts! {
    acknowledged_rows_survive_power_cuts_1: cuts_of(0);
    acknowledged_rows_survive_power_cuts_2: cuts_of(1);
    acknowledged_rows_survive_power_cuts_3: cuts_of(2);
    acknowledged_rows_survive_power_cuts_4: cuts_of(3);
    faults_lose_nothing_1: faults_of(0);
    faults_lose_nothing_2: faults_of(1);
    faults_lose_nothing_3: faults_of(2);
    faults_lose_nothing_4: faults_of(3);
}

/// Without this no seed could be replayed.
#[test]
fn a_seed_decides_everything() {
    let digest = |seed: u64| {
        let mut driver = Driver::new(seed);
        driver.open().expect("an empty folder opens");
        (driver.is_faulty, driver.is_shaky) = (true, true);
        for _ in 0..4 {
            driver.sim.disk.power_off_at(driver.sim.disk.ops() + driver.random.below(60));
            driver.live(40);
            driver.crash();
        }
        (driver.sim.disk.ops(), driver.sim.disk.digest())
    };
    (900..912).for_each(|seed| assert_eq!(digest(seed), digest(seed), "seed {seed}"));
}
