//! Time. Wall time may jump; monotonic time never goes back.
//!
//! Only defaults of missing timestamps, retention and `now()` read wall time; whatever measures a span takes monotonic time.

#![allow(clippy::disallowed_methods, reason = "this is the module that the ban on reading clocks points to")]

use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source of time.
pub trait Clock: Send + Sync + Debug {
    /// Nanoseconds since 1970-01-01T00:00:00Z; may jump both ways.
    fn wall_ns(&self) -> i64;

    /// Nanoseconds since some fixed instant of this process; never goes back.
    fn monotonic_ns(&self) -> u64;

    /// Lets time pass: blocks the thread on a real clock, turns the hands of a simulated one.
    fn sleep(&self, span: Duration);
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time begins now.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn wall_ns(&self) -> i64 {
        // Saturates where an i64 ends (1677, 2262), as stored timestamps do.
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
        }
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn sleep(&self, span: Duration) {
        std::thread::sleep(span);
    }
}
