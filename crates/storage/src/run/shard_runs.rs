//! The rows of one shard that are not in segments yet: sorted runs, then the chunks that came since.
//!
//! A reader sorts what is pending to a new run and merges the last runs while the one before is no larger, so that there are
//! O(log n) of them and each row is merged O(log n) times. Sorting works on copies of references, outside the shard's lock:
//! writers only ever append.
//!
//! A delete is a fence between chunks: when they are sorted, what was before it loses the rows that it takes, and only then
//! is merged with what came behind. So sorted runs need no look at deletes.

use super::merge::merge;
use super::sorted::SortedRun;
use super::{Chunk, sort};
use crate::Slot;
use crate::delete::Tombstone;
use crate::delete::purge::purge;
use std::sync::Arc;

/// Pending chunks that are looked at for one that a small batch can be appended to.
const LOOK_BACK: usize = 16;

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
    /// Pending chunks from this one on may still grow.
    unseen: usize,
    /// Deletes that the rows before them still have to go through, ascending by slot.
    fences: Vec<Arc<Tombstone>>,
    /// Deletes up to this slot have been applied to all rows here.
    purged: Slot,
    /// Runs up to this slot are being flushed: no later run is merged with them.
    barrier: Slot,
    /// Rows up to this slot were forgotten.
    forgotten: Slot,
}

impl ShardRuns {
    /// Appends the rows of the next slot: those of a small batch to the chunk of their measurement before, unless somebody has
    /// seen it or a delete lies between. Returns how many bytes less they take than the chunk did.
    pub(crate) fn push(&mut self, mut chunk: Chunk) -> u64 {
        let bytes = chunk.bytes();
        let grown = self.pending.get_mut(self.unseen..).unwrap_or_default();
        let mut last = grown.iter_mut().rev().take(LOOK_BACK).filter_map(Arc::get_mut);
        if let Some(last) = last.find(|last| last.measurement == chunk.measurement) {
            let before = last.bytes();
            match last.append(chunk) {
                Ok(()) => {
                    let more = last.bytes() - before;
                    self.pending_bytes += more;
                    return bytes.saturating_sub(more);
                }
                Err(back) => chunk = back,
            }
        }
        self.pending_bytes += bytes;
        self.pending.push(Arc::new(chunk));
        0
    }

    /// A copy, to be worked on outside the shard's lock; what is in it changes no more.
    pub(crate) fn snapshot(&mut self) -> Self {
        self.unseen = self.pending.len();
        self.clone()
    }

    /// Deletes what is before it of the rows here, once they are sealed.
    pub(crate) fn fence(&mut self, tombstone: Arc<Tombstone>) {
        self.unseen = self.pending.len();
        self.fences.retain(|known| !tombstone.covers(known));
        self.fences.push(tombstone);
    }

    /// Deletes that wait to be applied.
    pub(crate) fn fences(&self) -> usize {
        self.fences.len()
    }

    /// The slot up to which deletes have been applied to the sorted rows.
    pub(crate) fn purged(&self) -> Slot {
        self.purged
    }

    /// Whether rows wait to be sorted, or deletes to be applied.
    pub(crate) fn is_unsealed(&self) -> bool {
        !self.pending.is_empty() || !self.fences.is_empty()
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
        sealed.or_else(|| self.pending.first().map(|chunk| chunk.slots.0))
    }

    /// The sorted runs in slot order, without what is pending.
    pub(crate) fn sorted(&self) -> Vec<Arc<SortedRun>> {
        self.sealed.iter().map(|sealed| sealed.run.clone()).collect()
    }

    /// From now on no run up to slot `k` is merged with a later one, so that [`ShardRuns::forget`] can take them away.
    pub(crate) fn keep_apart(&mut self, k: Slot) {
        self.barrier = self.barrier.max(k);
    }

    /// The same rows with nothing pending and the deletes applied: sorts and merges, so call it on a copy, outside the shard's
    /// lock.
    pub(crate) fn seal(mut self) -> Self {
        let (pending, fences) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.fences));
        self.pending_bytes = 0;
        let mut rest = &pending[..];
        // Deletes without rows between them are applied together.
        let behind = |fence: &Arc<Tombstone>| pending.partition_point(|chunk| chunk.slots.1 < fence.slot);
        for together in fences.chunk_by(|left, right| behind(left) == behind(right)) {
            let (before, after) = rest.split_at(rest.len() + behind(&together[0]) - pending.len());
            self.add(before);
            self.purge(together);
            rest = after;
        }
        self.add(rest);
        self
    }

    /// Applies deletes to all sorted runs.
    fn purge(&mut self, tombstones: &[Arc<Tombstone>]) {
        for sealed in &mut self.sealed {
            if let Some(left) = purge(&sealed.run, tombstones) {
                sealed.rows = rows(&left);
                sealed.run = Arc::new(left);
            }
        }
        self.purged = tombstones.iter().fold(self.purged, |purged, tombstone| purged.max(tombstone.slot));
    }

    /// The same, but what is sealed from now on is not merged with what is there: a flush merges all at once.
    pub(crate) fn apart(mut self) -> Self {
        self.barrier = Slot::MAX;
        self
    }

    /// Sorts chunks to a run behind the others, merged with those before that are no larger than all behind them.
    fn add(&mut self, chunks: &[Arc<Chunk>]) {
        if chunks.is_empty() {
            return;
        }
        let run = Arc::new(sort(chunks));
        let bytes = chunks.iter().map(|chunk| chunk.bytes()).sum();
        let mut last = Sealed { rows: rows(&run), run, bytes };
        let barrier = self.barrier;
        let mut small = Vec::new();
        let mut total = last.rows;
        while let Some(before) = self.sealed.pop_if(|before| before.rows <= total && before.run.slots.1 > barrier) {
            total += before.rows;
            small.push(before);
        }
        if !small.is_empty() {
            let bytes = last.bytes + small.iter().map(|sealed| sealed.bytes).sum::<u64>();
            let runs: Vec<_> = small.into_iter().rev().chain([last]).map(|sealed| sealed.run).collect();
            let run = Arc::new(merge(&runs));
            last = Sealed { rows: rows(&run), run, bytes };
        }
        self.sealed.push(last);
    }

    /// The highest slot that has rows here; 0 without rows.
    pub(crate) fn newest(&self) -> Slot {
        let sealed = self.sealed.last().map_or(0, |sealed| sealed.run.slots.1);
        self.pending.iter().map(|chunk| chunk.slots.1).max().unwrap_or(sealed)
    }

    /// Puts a sealed copy in the place of the rows that it was made from. Since the copy was taken `self` may have got later
    /// rows, and forgotten some that were kept apart.
    pub(crate) fn replace(&mut self, sealed: Self) {
        let newest = sealed.newest();
        let before = self.pending.len();
        self.pending.retain(|chunk| chunk.slots.0 > newest);
        // What went stood before the copy was taken.
        self.unseen = self.unseen.saturating_sub(before - self.pending.len());
        self.pending_bytes = self.pending.iter().map(|chunk| chunk.bytes()).sum();
        self.fences.retain(|fence| fence.slot > sealed.purged);
        self.purged = sealed.purged;
        self.sealed = sealed.sealed;
        self.sealed.retain(|sealed| sealed.run.slots.1 > self.forgotten);
    }

    /// Forgets the rows up to slot `k`, which must have been kept apart; returns the bytes that were charged for them.
    pub(crate) fn forget(&mut self, k: Slot) -> u64 {
        let before = self.bytes();
        self.forgotten = k;
        self.sealed.retain(|sealed| sealed.run.slots.1 > k);
        self.pending.retain(|chunk| chunk.slots.0 > k);
        self.unseen = self.pending.len();
        self.pending_bytes = self.pending.iter().map(|chunk| chunk.bytes()).sum();
        before - self.bytes()
    }
}

fn rows(run: &SortedRun) -> usize {
    run.tables.iter().map(|table| table.times.len()).sum()
}
