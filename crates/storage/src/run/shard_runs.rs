//! The rows of one shard that are not in segments yet: sorted runs, then the chunks that came since.
//!
//! A reader sorts what is pending to a new run and merges the last runs while the one before is no larger, so that there are
//! O(log n) of them and each row is merged O(log n) times. Sorting works on copies of references, outside the shard's lock:
//! writers only ever append.

use super::merge::merge;
use super::sorted::SortedRun;
use super::{Chunk, sort};
use crate::Slot;
use std::sync::Arc;

/// A sorted run with its memory.
#[derive(Clone, Debug)]
struct Sealed {
    run: Arc<SortedRun>,
    rows: usize,
    /// Bytes charged for its chunks.
    bytes: u64,
}

/// The rows of one shard in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShardRuns {
    sealed: Vec<Sealed>,
    pending: Vec<Arc<Chunk>>,
    pending_bytes: u64,
    /// Runs up to this slot are being flushed: no later run is merged with them.
    barrier: Slot,
    /// Rows up to this slot were forgotten.
    forgotten: Slot,
}

impl ShardRuns {
    /// Appends the rows of the next slot.
    pub(crate) fn push(&mut self, chunk: Arc<Chunk>) {
        self.pending_bytes += chunk.bytes();
        self.pending.push(chunk);
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.pending.is_empty()
    }

    /// Bytes charged for all rows.
    pub(crate) fn bytes(&self) -> u64 {
        self.pending_bytes + self.sealed.iter().map(|sealed| sealed.bytes).sum::<u64>()
    }

    /// Bytes of the chunks that are not sorted yet.
    pub(crate) fn pending_bytes(&self) -> u64 {
        self.pending_bytes
    }

    /// The lowest slot that has rows here.
    pub(crate) fn oldest(&self) -> Option<Slot> {
        let sealed = self.sealed.first().map(|sealed| sealed.run.slots.0);
        sealed.or_else(|| self.pending.first().map(|chunk| chunk.slot))
    }

    /// The sorted runs in slot order, without what is pending.
    pub(crate) fn sorted(&self) -> Vec<Arc<SortedRun>> {
        self.sealed.iter().map(|sealed| sealed.run.clone()).collect()
    }

    /// From now on no run up to slot `k` is merged with a later one, so that [`ShardRuns::forget`] can take them away.
    pub(crate) fn keep_apart(&mut self, k: Slot) {
        self.barrier = self.barrier.max(k);
    }

    /// The same rows with nothing pending: sorts and merges, so call it on a copy, outside the shard's lock.
    pub(crate) fn seal(mut self) -> Self {
        if self.pending.is_empty() {
            return self;
        }
        let run = Arc::new(sort(&self.pending));
        self.pending.clear();
        let bytes = std::mem::take(&mut self.pending_bytes);
        let mut last = Sealed { rows: rows(&run), run, bytes };
        let barrier = self.barrier;
        let small = |before: &mut Sealed, last: &Sealed| before.rows <= last.rows && before.run.slots.1 > barrier;
        while let Some(before) = self.sealed.pop_if(|before| small(before, &last)) {
            let run = Arc::new(merge(&[before.run, last.run]));
            last = Sealed { rows: rows(&run), run, bytes: before.bytes + last.bytes };
        }
        self.sealed.push(last);
        self
    }

    /// The highest slot that has rows here; 0 without rows.
    pub(crate) fn newest(&self) -> Slot {
        let sealed = self.sealed.last().map_or(0, |sealed| sealed.run.slots.1);
        self.pending.last().map_or(sealed, |chunk| chunk.slot)
    }

    /// Puts a sealed copy in the place of the rows that it was made from. Since the copy was taken `self` may have got later
    /// rows, and forgotten some that were kept apart.
    pub(crate) fn replace(&mut self, sealed: Self) {
        let newest = sealed.newest();
        self.pending.retain(|chunk| chunk.slot > newest);
        self.pending_bytes = self.pending.iter().map(|chunk| chunk.bytes()).sum();
        self.sealed = sealed.sealed;
        self.sealed.retain(|sealed| sealed.run.slots.1 > self.forgotten);
    }

    /// Forgets the rows up to slot `k`, which must have been kept apart; returns the bytes that were charged for them.
    pub(crate) fn forget(&mut self, k: Slot) -> u64 {
        let before = self.bytes();
        self.forgotten = k;
        self.sealed.retain(|sealed| sealed.run.slots.1 > k);
        self.pending.retain(|chunk| chunk.slot > k);
        self.pending_bytes = self.pending.iter().map(|chunk| chunk.bytes()).sum();
        before - self.bytes()
    }
}

fn rows(run: &SortedRun) -> usize {
    run.tables.iter().map(|table| table.times.len()).sum()
}
