//! Seeded numbers: the same seed gives the same test on every machine.

use std::time::{SystemTime, UNIX_EPOCH};

/// A source of numbers (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The source that this seed names.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, 0 if there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { usize::try_from(self.bits() % bound as u64).unwrap_or(0) }
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.wrapping_sub(low).unsigned_abs().saturating_add(1);
        low.wrapping_add(i64::try_from(self.bits() % span).unwrap_or(0))
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of them.
    ///
    /// # Panics
    /// There are none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// The seed of a test: the variable's value; where that is `fresh`, one from the clock; else always the same, so that a
/// change is judged by what it does and not by chance. Tests print it.
#[must_use]
pub fn seed(variable: &str) -> u64 {
    let given = std::env::var(variable).unwrap_or_default();
    if given == "fresh" {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        return u64::from(now.subsec_nanos()) ^ (now.as_secs() << 20);
    }
    given.parse().unwrap_or(1)
}
