//! What a query does, written down while it does it: how long each stage takes, and how much it looks at.
//!
//! A query has a trace only if somebody asks for it (EXPLAIN ANALYZE); without one all that is written down costs a look at an
//! `Option`, once a cut, a page or a list of series, never once a row.
//!
//! Always: each nanosecond from the beginning on belongs to one stage, the innermost that has begun, so that the stages add up to the
//! whole. A query runs on one thread; another one that writes here at the same time makes figures wrong, nothing else.

use platform::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use storage::{Reads, SeriesSet};

/// What a query spends its time with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Whatever is none of the others: values are folded to buckets, rows gathered.
    Folding,
    /// Names and types are resolved, the plan is made.
    Planning,
    /// The series that fulfil the condition on tags are found.
    Series,
    /// Sources are opened, and their pieces arranged to cuts.
    Cuts,
    /// Figures of pages are looked at.
    Statistics,
    /// Pages that overlap nothing are read and decoded.
    Reading,
    /// Pieces that overlap are read, decoded and merged.
    Merging,
    /// Rows are tested.
    Filtering,
    /// Rows of the answer are made and handed over.
    Rows,
}

impl Stage {
    /// All, as they are told, and their names.
    pub(crate) const ALL: [(Self, &'static str); 9] = [
        (Self::Planning, "planning"),
        (Self::Series, "series_set"),
        (Self::Cuts, "arranging_cuts"),
        (Self::Statistics, "statistics"),
        (Self::Reading, "reading_pages"),
        (Self::Merging, "reading_and_merging"),
        (Self::Filtering, "filtering"),
        (Self::Folding, "folding"),
        (Self::Rows, "making_rows"),
    ];
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// Measurements that were executed.
    Tables,
    Shards,
    Segments,
    /// Sets of rows in memory.
    Runs,
    Series,
    Cuts,
    /// Cuts of several pieces.
    CutsMerged,
    /// Pages whose statistics answered, once for each call.
    PagesAnswered,
    /// Pages that statistics ruled out.
    PagesPassedOver,
    /// Rows of cuts that were read.
    Rows,
}

const STAGES: usize = Stage::ALL.len();
const COUNTS: usize = Count::Rows as usize + 1;

/// A query's record.
#[derive(Debug)]
pub struct Trace {
    clock: Arc<dyn Clock>,
    /// When the stage under way began, or went on (monotonic ns).
    since: AtomicU64,
    stage: AtomicUsize,
    /// Time of each stage (ns).
    times: [AtomicU64; STAGES],
    counts: [AtomicU64; COUNTS],
    before: Reads,
}

impl Trace {
    /// The record of a query that begins now, on this thread.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            since: AtomicU64::new(clock.monotonic_ns()),
            clock,
            stage: AtomicUsize::new(Stage::Folding as usize),
            times: Default::default(),
            counts: Default::default(),
            before: Reads::so_far(),
        }
    }

    /// Goes to a stage; the time until now belongs to the one before, which is returned. Kept out of the way of queries that nobody asks
    /// about.
    #[cold]
    #[inline(never)]
    fn turn(&self, stage: usize) -> usize {
        let now = self.clock.monotonic_ns();
        let before = self.stage.swap(stage, Ordering::Relaxed);
        let since = self.since.swap(now, Ordering::Relaxed);
        self.times[before].fetch_add(now.saturating_sub(since), Ordering::Relaxed);
        before
    }

    /// Ends the stage under way; the time of each stage so far (ns).
    pub(crate) fn times(&self) -> impl Fn(Stage) -> u64 + '_ {
        self.turn(self.stage.load(Ordering::Relaxed));
        |stage| self.times[stage as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn get(&self, count: Count) -> u64 {
        self.counts[count as usize].load(Ordering::Relaxed)
    }

    fn add(&self, count: Count, more: usize) {
        self.counts[count as usize].fetch_add(more as u64, Ordering::Relaxed);
    }

    /// Counts a measurement's series and where they lie.
    pub(crate) fn add_set(&self, set: &SeriesSet) {
        let (shards, segments, runs) = set.sources();
        for (count, more) in [
            (Count::Tables, 1),
            (Count::Shards, shards),
            (Count::Segments, segments),
            (Count::Runs, runs),
            (Count::Series, set.len()),
        ] {
            self.add(count, more);
        }
    }

    /// What this thread has read of segments since the query began.
    pub(crate) fn reads(&self) -> Reads {
        Reads::so_far().since(self.before)
    }
}

/// A stage under way; it ends with this, and the one before goes on.
pub(crate) struct Guard<'a> {
    trace: &'a Trace,
    before: usize,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.trace.turn(self.before);
    }
}

/// Begins a stage, if somebody wants to know.
#[inline]
pub(crate) fn enter(trace: &Option<Arc<Trace>>, stage: Stage) -> Option<Guard<'_>> {
    trace.as_deref().map(|trace| Guard { before: trace.turn(stage as usize), trace })
}

/// Counts, if somebody wants to know.
#[inline]
pub(crate) fn count(trace: &Option<Arc<Trace>>, what: Count, more: usize) {
    if let Some(trace) = trace {
        trace.add(what, more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::SystemClock;
    use std::time::Duration;

    #[test]
    fn stages_add_up_to_the_whole() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let begin = clock.monotonic_ns();
        let trace = Arc::new(Trace::new(clock.clone()));
        let kept = Some(trace.clone());
        {
            let _planning = enter(&kept, Stage::Planning);
            clock.sleep(Duration::from_millis(2));
            {
                let _reading = enter(&kept, Stage::Reading);
                clock.sleep(Duration::from_millis(3));
            }
            clock.sleep(Duration::from_millis(2));
        }
        let times = trace.times();
        let total: u64 = Stage::ALL.iter().map(|(stage, _)| times(*stage)).sum();
        assert!(times(Stage::Planning) >= 4_000_000 && times(Stage::Reading) >= 3_000_000);
        assert!(times(Stage::Reading) <= total - times(Stage::Planning));
        assert!(total <= clock.monotonic_ns() - begin && times(Stage::Merging) == 0);
    }
}
