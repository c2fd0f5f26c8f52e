//! Holds merges to a number of bytes a second, so that they leave the disk to writers and readers.

use parking_lot::Mutex;
use platform::Clock;
use std::time::Duration;

/// The longest nap between two looks at whether the merge shall stop.
const NAP: Duration = Duration::from_millis(50);
const SECOND: u64 = 1_000_000_000;

/// A budget that fills with time.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Bytes a second; 0: no bound.
    rate: u64,
    /// Bytes that may be written at once after a rest.
    burst: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes that may be written now; below zero what was written ahead.
    left: i128,
    /// When it was last filled (monotonic, ns).
    filled_ns: u64,
}

impl Pace {
    /// A full budget.
    pub(crate) fn new(rate: u64, burst: u64) -> Self {
        Self { rate, burst, state: Mutex::new(State { left: i128::from(burst), filled_ns: 0 }) }
    }

    /// Notes that bytes were written, and rests until the budget is made up, or until it is told to stop.
    pub(crate) fn spend(&self, bytes: u64, clock: &dyn Clock, stopped: &dyn Fn() -> bool) {
        if self.rate == 0 {
            return;
        }
        {
            let mut state = self.state.lock();
            self.fill(&mut state, clock.monotonic_ns());
            state.left -= i128::from(bytes);
        }
        while let Some(wait) = self.wait(clock.monotonic_ns()) {
            if stopped() {
                return;
            }
            clock.sleep(wait.min(NAP));
        }
    }

    fn fill(&self, state: &mut State, now_ns: u64) {
        let passed = now_ns.saturating_sub(state.filled_ns);
        let new = i128::from(passed) * i128::from(self.rate) / i128::from(SECOND);
        if new > 0 {
            // What is left over of the division is kept in the time.
            let used = new * i128::from(SECOND) / i128::from(self.rate);
            state.filled_ns = state.filled_ns.saturating_add(u64::try_from(used).unwrap_or(passed));
            state.left = (state.left + new).min(i128::from(self.burst));
        }
    }

    /// How long it takes until the budget is made up; `None`: it is.
    fn wait(&self, now_ns: u64) -> Option<Duration> {
        let mut state = self.state.lock();
        self.fill(&mut state, now_ns);
        let missing = u64::try_from(-state.left).ok().filter(|missing| *missing > 0)?;
        let wait = u128::from(missing) * u128::from(SECOND) / u128::from(self.rate);
        Some(Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX).max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::sim::SimWorld;
    use std::cell::Cell;

    #[test]
    fn bytes_take_their_time() {
        let world = SimWorld::new(1).world();
        let clock = &*world.clock;
        let pace = Pace::new(1_000_000, 500_000);
        let start = clock.monotonic_ns();
        // The burst is free, the other 4.5 MB take 4.5 s, whatever the pieces.
        (0..500).for_each(|_| pace.spend(10_000, clock, &|| false));
        let taken = clock.monotonic_ns() - start;
        assert!((4_499_000_000..4_600_000_000).contains(&taken), "{taken}");
        // A rest brings no more than a burst.
        clock.sleep(Duration::from_secs(60));
        let start = clock.monotonic_ns();
        pace.spend(1_500_000, clock, &|| false);
        let taken = clock.monotonic_ns() - start;
        assert!((999_000_000..1_100_000_000).contains(&taken), "{taken}");
    }

    #[test]
    fn a_stop_is_not_waited_for() {
        let world = SimWorld::new(1).world();
        let clock = &*world.clock;
        let pace = Pace::new(1, 0);
        let asked = Cell::new(0);
        let stopped = || asked.replace(asked.get() + 1) == 3;
        pace.spend(1 << 40, clock, &stopped);
        assert_eq!(asked.get(), 4);
        Pace::new(0, 0).spend(u64::MAX, clock, &|| panic!("there is no bound"));
    }
}
