//! One shard in memory: its schema, its rows, the segments that readers see.
//!
//! All that a reader must see at one instant stands under one lock, [`Shard::state`], which nobody holds for longer than it
//! takes to copy references: sorting, encoding and I/O work on copies.

use crate::delete::{Tombstone, needed};
use crate::log::flush::FlushedShard;
use crate::manifest::SegmentEntry;
use crate::run::sorted::SortedRun;
use crate::run::{Chunk, ShardRuns};
use crate::schema::Schema;
use crate::segment::Segment;
use crate::{ShardId, Slot};
use model::Text;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What readers see of a shard, and what is to be done with it.
#[derive(Debug, Default)]
pub(crate) struct ShardState {
    /// Ascending by slots.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Rows above the segments' slots.
    pub(crate) runs: ShardRuns,
    /// Deletes that may still take rows, ascending by slot. In memory and on disk alike they are what this says.
    pub(crate) tombstones: Vec<Arc<Tombstone>>,
    /// Records that the manifest does not have yet, with their slots, ascending.
    pub(crate) unfolded: Vec<(Slot, Change)>,
    /// The highest slot applied.
    pub(crate) applied: Slot,
    /// The manifest has folded records up to this slot in.
    pub(crate) folded: Slot,
    /// All rows up to this slot are in segments, or deleted.
    pub(crate) flushed: Slot,
    /// Measurements that may have lost the last row with some field: see [`super::delete`].
    pub(crate) doubts: Doubts,
    /// When the oldest row in memory came (monotonic, ns).
    pub(crate) since_ns: u64,
    /// The catalog has dropped the shard.
    pub(crate) dropped: bool,
}

/// A record of the log that changes a shard's manifest.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Rows went to a segment.
    Flush(FlushedShard),
    /// Rows were deleted; which is in [`ShardState::tombstones`], unless nothing is below it any more.
    Delete,
}

impl ShardState {
    /// Applies deletes of one slot.
    pub(crate) fn delete(&mut self, slot: Slot, tombstones: &[Arc<Tombstone>]) {
        self.applied = self.applied.max(slot);
        let mut is_noted = false;
        for tombstone in tombstones {
            self.doubts.add(tombstone.deletion.measurements.as_deref());
            if !needed(tombstone, self.segments.iter().map(|segment| segment.entry()), self.runs.oldest()) {
                continue;
            }
            self.tombstones.retain(|known| !tombstone.covers(known));
            let at = self.tombstones.partition_point(|known| known.slot <= slot);
            self.tombstones.insert(at, tombstone.clone());
            if !self.runs.is_empty() {
                self.runs.fence(tombstone.clone());
            }
            is_noted = true;
        }
        // A replay comes by deletes that the manifest has.
        if is_noted && slot > self.folded {
            self.note(slot, Change::Delete);
        }
    }

    /// Notes what the manifest has to learn.
    pub(crate) fn note(&mut self, slot: Slot, change: Change) {
        let at = self.unfolded.partition_point(|(known, _)| *known <= slot);
        self.unfolded.insert(at, (slot, change));
    }

    /// Forgets deletes that have nothing left to take.
    pub(crate) fn forget_spent(&mut self) {
        let (segments, oldest) = (&self.segments, self.runs.oldest());
        self.tombstones.retain(|one| needed(one, segments.iter().map(|segment| segment.entry()), oldest));
    }

    /// The deletes that a manifest must name once it has folded records up to `last` in, if `new` has taken the place of the
    /// segments that `is_old` picks.
    pub(crate) fn tombstones_for(
        &self,
        last: Slot,
        is_old: impl Fn(&Segment) -> bool,
        new: Option<&SegmentEntry>,
    ) -> Vec<(Slot, Vec<u8>)> {
        let oldest = self.runs.oldest();
        let stays = |one: &&Arc<Tombstone>| {
            let others = self.segments.iter().filter(|segment| !is_old(segment)).map(|segment| segment.entry());
            one.slot <= last && needed(one, others.chain(new), oldest)
        };
        self.tombstones.iter().filter(stays).map(|one| (one.slot, one.bytes.clone())).collect()
    }
}

/// Which measurements have lost rows since their fields were last looked up.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    /// All but those in `names`, or just those.
    is_all: bool,
    names: BTreeSet<Text>,
}

impl Doubts {
    /// Whether there is no doubt at all.
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_all && self.names.is_empty()
    }

    /// Doubts some measurements, or all.
    pub(crate) fn add(&mut self, measurements: Option<&[Text]>) {
        match measurements {
            None => (self.is_all, self.names) = (true, BTreeSet::new()),
            Some(names) if self.is_all => self.names.retain(|known| !names.contains(known)),
            Some(names) => self.names.extend(names.iter().cloned()),
        }
    }

    /// Whether a measurement is doubted.
    pub(crate) fn has(&self, measurement: &[u8]) -> bool {
        self.is_all != self.names.contains(measurement)
    }

    /// Doubts a measurement no more.
    pub(crate) fn settle(&mut self, measurement: &[u8]) {
        if self.is_all {
            self.names.insert(measurement.into());
        } else {
            self.names.remove(measurement);
        }
    }
}

/// A shard.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) id: ShardId,
    pub(crate) schema: Mutex<Schema>,
    pub(crate) state: Mutex<ShardState>,
    /// Held while rows are sorted, so that no two threads sort the same.
    sealing: Mutex<()>,
    /// Held by whoever changes the manifest.
    pub(crate) upkeep: Mutex<()>,
    /// Its segments are merged no more: the shard is being dropped.
    pub(crate) unmergeable: AtomicBool,
    /// They are not merged before this instant (monotonic, ns): a file cannot be read, and may be put back.
    pub(crate) rests_until: AtomicU64,
    /// Whether [`ShardState::doubts`] has any: writers look here first.
    pub(crate) is_doubted: AtomicBool,
}

/// What a reader or a flush takes of a shard.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) runs: Vec<Arc<SortedRun>>,
    /// What is deleted of the segments.
    pub(crate) tombstones: Vec<Arc<Tombstone>>,
}

/// The rows of a shard that a flush takes.
#[derive(Debug)]
pub(crate) struct Flushable {
    /// All rows up to this slot.
    pub(crate) k: Slot,
    /// Deletes up to this slot have been applied to them.
    pub(crate) purged: Slot,
    pub(crate) runs: Vec<Arc<SortedRun>>,
}

impl Shard {
    /// A shard as it is on disk.
    pub(crate) fn new(id: ShardId, schema: Schema, state: ShardState) -> Self {
        let (schema, state) = (Mutex::new(schema), Mutex::new(state));
        let (sealing, upkeep, unmergeable) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        let is_doubted = AtomicBool::new(false);
        Self { id, schema, state, sealing, upkeep, unmergeable, rests_until: AtomicU64::new(0), is_doubted }
    }

    /// Makes the rows of one slot visible. Returns the bytes that were charged for them and are not needed.
    pub(crate) fn apply(&self, slot: Slot, chunks: Vec<Chunk>, now_ns: u64) -> u64 {
        let mut state = self.state.lock();
        if state.dropped {
            return chunks.iter().map(Chunk::bytes).sum();
        }
        if state.runs.is_empty() {
            state.since_ns = now_ns;
        }
        let spared = chunks.into_iter().map(|chunk| state.runs.push(chunk)).sum();
        state.applied = state.applied.max(slot);
        spared
    }

    /// Sorts what is pending; `apart`: without merging it with what was sorted before, which the flush does once for all.
    pub(crate) fn seal(&self, apart: bool) {
        let _alone = self.sealing.lock();
        let copy = self.state.lock().runs.snapshot();
        if copy.is_unsealed() {
            let sealed = if apart { copy.apart().seal() } else { copy.seal() };
            self.state.lock().runs.replace(sealed);
        }
    }

    /// What is there now: segments and sorted rows, each row in one of them. Every row that was visible at the call is in it.
    pub(crate) fn picture(&self) -> Picture {
        let _alone = self.sealing.lock();
        let copy = self.state.lock().runs.snapshot();
        let sealed = copy.is_unsealed().then(|| copy.seal());
        let mut state = self.state.lock();
        if let Some(sealed) = sealed {
            state.runs.replace(sealed);
        }
        Picture { segments: state.segments.clone(), runs: state.runs.sorted(), tombstones: state.tombstones.clone() }
    }

    /// The rows to be flushed: sorted runs up to a slot that no later run is merged with from now on. `None` if there are none.
    pub(crate) fn begin_flush(&self) -> Option<Flushable> {
        let _alone = self.sealing.lock();
        let copy = self.state.lock().runs.snapshot();
        let sealed = copy.apart().seal();
        let mut state = self.state.lock();
        state.runs.replace(sealed);
        let runs = state.runs.sorted();
        let k = runs.last()?.slots.1;
        state.runs.keep_apart(k);
        let purged = state.runs.purged();
        (!state.dropped).then_some(Flushable { k, purged, runs })
    }

    /// Applies deletes of one slot: what they say of measurements that were never here is left out, so that a delete of many names
    /// costs each shard by those that it has.
    pub(crate) fn delete(&self, slot: Slot, tombstones: &[Arc<Tombstone>]) {
        let own: Vec<Arc<Tombstone>> = {
            let schema = self.schema.lock();
            tombstones.iter().filter_map(|one| one.narrowed(&schema)).collect()
        };
        let mut state = self.state.lock();
        if !state.dropped {
            state.delete(slot, &own);
            self.is_doubted.store(!state.doubts.is_empty(), Ordering::Relaxed);
        }
    }

    /// Puts a segment in the place of the rows that it was made from, nothing if all were deleted. Returns the bytes that
    /// were charged for them.
    pub(crate) fn end_flush(
        &self,
        slot: Slot,
        flushed: &FlushedShard,
        segment: Option<Arc<Segment>>,
        now_ns: u64,
    ) -> u64 {
        let mut state = self.state.lock();
        if state.dropped {
            return 0;
        }
        state.segments.extend(segment);
        state.flushed = flushed.k;
        state.note(slot, Change::Flush(flushed.clone()));
        state.since_ns = now_ns;
        let freed = state.runs.forget(flushed.k);
        state.forget_spent();
        freed
    }

    /// Forgets all; readers that hold a picture keep it. Returns the bytes that were charged.
    pub(crate) fn drop_all(&self) -> u64 {
        let _alone = self.sealing.lock();
        let mut state = self.state.lock();
        state.dropped = true;
        state.segments.clear();
        state.unfolded.clear();
        state.tombstones.clear();
        state.runs.forget(Slot::MAX)
    }

    /// Its rows that are in no segment yet.
    pub(crate) fn rows_in_memory(&self) -> u64 {
        let picture = self.picture();
        picture.runs.iter().flat_map(|run| &run.tables).map(|table| table.times.len() as u64).sum()
    }

    /// Adds what a flush record says of the schema.
    pub(crate) fn learn(&self, flushed: &FlushedShard) {
        let mut schema = self.schema.lock();
        for measurement in &flushed.schema {
            for field in &measurement.fields {
                schema.insert(&measurement.measurement, field.clone());
            }
        }
    }
}
