//! Seeded histories with a power cut at a random operation: nothing acknowledged is lost, nothing is half there, and the
//! engine always opens. CRASH_SEEDS says how many histories to go through, SEED picks one.

use crate::driver::Driver;
use platform::Random;

/// Power cuts of one seed.
const CUTS: usize = 8;

fn history(seed: u64) {
    let mut driver = Driver::new(seed);
    driver.open().expect("an empty folder opens");
    for _ in 0..CUTS {
        let at = driver.sim.disk.ops() + 1 + driver.random.below(120);
        driver.sim.disk.power_off_at(at);
        // Ends with the error of the power cut, or without one if the steps were over before.
        let _ = driver.run(60);
        if driver.random.below(4) == 0 {
            // The power may go again while the engine recovers.
            driver.engine = None;
            driver.sim.crash();
            driver.sim.disk.power_off_at(driver.sim.disk.ops() + driver.random.below(60));
            let _ = storage::Engine::open(driver.sim.world(), driver.options.clone(), &crate::driver::SHARDS);
        }
        driver.crash();
    }
    driver.run(30).expect("a whole machine works");
    driver.reopen().expect("closes and opens");
}

#[test]
fn acknowledged_rows_survive_power_cuts() {
    let seeds = std::env::var("CRASH_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let first = std::env::var("SEED").ok().and_then(|text| text.parse().ok());
    for seed in first.map_or(0..seeds, |seed| seed..seed + 1) {
        let result = std::panic::catch_unwind(|| history(seed));
        assert!(result.is_ok(), "SEED={seed}");
    }
}
