//! A clock that stands still until it is turned.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;

/// A [`Clock`] whose wall time can be set to anything and whose monotonic time only moves ahead. Sleeping advances both.
#[derive(Debug)]
pub struct SimClock {
    wall: AtomicI64,
    monotonic: AtomicU64,
}

impl SimClock {
    /// A clock at this wall time, in nanoseconds since 1970, and monotonic zero.
    pub fn new(wall_ns: i64) -> Self {
        Self { wall: AtomicI64::new(wall_ns), monotonic: AtomicU64::new(0) }
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, span: Duration) {
        let ns = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.wall.fetch_add(i64::try_from(ns).unwrap_or(i64::MAX), Ordering::SeqCst);
        self.monotonic.fetch_add(ns, Ordering::SeqCst);
    }

    /// Makes wall time jump, ahead or back; monotonic time does not notice.
    pub fn set_wall_ns(&self, wall_ns: i64) {
        self.wall.store(wall_ns, Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn wall_ns(&self) -> i64 {
        self.wall.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> u64 {
        self.monotonic.load(Ordering::SeqCst)
    }

    fn sleep(&self, span: Duration) {
        self.advance(span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_jumps_and_monotonic_does_not() {
        let clock = SimClock::new(1_000);
        clock.sleep(Duration::from_nanos(5));
        clock.set_wall_ns(-7);
        assert_eq!((clock.wall_ns(), clock.monotonic_ns()), (-7, 5));
    }
}
