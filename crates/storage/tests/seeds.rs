//! Histories of many seeds. A failing one tells the command that runs it again.
//!
//! SIM_SEED=N runs one seed alone, SIM_TRACE=1 prints its steps and all that they do to the disk, SIM_MORE=N goes through N
//! times as many seeds.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Runs `history` for each seed and adds up what it returns; `None` if one seed alone was asked for.
///
/// `test` is the name of the test as the test program knows it.
pub(crate) fn each(test: &str, seeds: Range<u64>, history: impl Fn(u64) -> usize) -> Option<usize> {
    let only = number("SIM_SEED");
    let more = number("SIM_MORE").unwrap_or(1);
    // Seeds of the default come first, then those of other millions, so that parts of a test do not meet.
    let all = (0..more).flat_map(|turn| seeds.clone().map(move |seed| seed + turn * 1_000_000));
    let mut sum = 0;
    for seed in only.map_or_else(|| all.collect::<Vec<_>>(), |seed| vec![seed]) {
        match catch_unwind(AssertUnwindSafe(|| history(seed))) {
            Ok(count) => sum += count,
            Err(_) => panic!(
                "seed {seed} fails; this runs it again:\nSIM_SEED={seed} SIM_TRACE=1 cargo test -p storage --test engine {test} -- \
                 --exact --nocapture"
            ),
        }
    }
    only.is_none().then_some(sum)
}
