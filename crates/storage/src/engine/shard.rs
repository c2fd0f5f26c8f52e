//! One shard in memory: its schema, its rows, the segments that readers see.
//!
//! All that a reader must see at one instant stands under one lock, [`Shard::state`], which nobody holds for longer than it
//! takes to copy references: sorting, encoding and I/O work on copies.

use crate::log::flush::FlushedShard;
use crate::run::sorted::SortedRun;
use crate::run::{Chunk, ShardRuns};
use crate::schema::Schema;
use crate::segment::Segment;
use crate::{ShardId, Slot};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What readers see of a shard, and what is to be done with it.
#[derive(Debug, Default)]
pub(crate) struct ShardState {
    /// Ascending by slots.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Rows above the segments' slots.
    pub(crate) runs: ShardRuns,
    /// Flush records that the manifest does not have yet, with their slots, ascending.
    pub(crate) unfolded: Vec<(Slot, FlushedShard)>,
    /// The highest slot applied.
    pub(crate) applied: Slot,
    /// All rows up to this slot are in segments.
    pub(crate) flushed: Slot,
    /// When the oldest row in memory came (monotonic, ns).
    pub(crate) since_ns: u64,
    /// The catalog has dropped the shard.
    pub(crate) dropped: bool,
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
    /// Its segments are merged no more in this process: one cannot be read, or the shard is being dropped.
    pub(crate) unmergeable: AtomicBool,
}

/// What a reader or a flush takes of a shard.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) runs: Vec<Arc<SortedRun>>,
}

impl Shard {
    /// A shard as it is on disk.
    pub(crate) fn new(id: ShardId, schema: Schema, state: ShardState) -> Self {
        let (schema, state) = (Mutex::new(schema), Mutex::new(state));
        let (sealing, upkeep, unmergeable) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        Self { id, schema, state, sealing, upkeep, unmergeable }
    }

    /// Makes the rows of one slot visible. Returns the bytes that were charged for them if nobody will see them.
    pub(crate) fn apply(&self, slot: Slot, chunks: Vec<Chunk>, now_ns: u64) -> u64 {
        let mut state = self.state.lock();
        if state.dropped {
            return chunks.iter().map(Chunk::bytes).sum();
        }
        if state.runs.is_empty() {
            state.since_ns = now_ns;
        }
        chunks.into_iter().for_each(|chunk| state.runs.push(Arc::new(chunk)));
        state.applied = state.applied.max(slot);
        0
    }

    /// Sorts what is pending.
    pub(crate) fn seal(&self) {
        let _alone = self.sealing.lock();
        let copy = self.state.lock().runs.clone();
        if copy.pending_bytes() > 0 {
            let sealed = copy.seal();
            self.state.lock().runs.replace(sealed);
        }
    }

    /// What is there now: segments and sorted rows, each row in one of them. Every row that was visible at the call is in it.
    pub(crate) fn picture(&self) -> Picture {
        let _alone = self.sealing.lock();
        let copy = self.state.lock().runs.clone();
        let sealed = (copy.pending_bytes() > 0).then(|| copy.seal());
        let mut state = self.state.lock();
        if let Some(sealed) = sealed {
            state.runs.replace(sealed);
        }
        Picture { segments: state.segments.clone(), runs: state.runs.sorted() }
    }

    /// The rows to be flushed: sorted runs up to a slot that no later run is merged with from now on. `None` if there are none.
    pub(crate) fn begin_flush(&self) -> Option<(Slot, Vec<Arc<SortedRun>>)> {
        let _alone = self.sealing.lock();
        let copy = self.state.lock().runs.clone();
        let sealed = copy.seal();
        let mut state = self.state.lock();
        state.runs.replace(sealed);
        let runs = state.runs.sorted();
        let k = runs.last()?.slots.1;
        state.runs.keep_apart(k);
        (!state.dropped).then_some((k, runs))
    }

    /// Puts a segment in the place of the rows that it was made from. Returns the bytes that were charged for them.
    pub(crate) fn end_flush(&self, slot: Slot, flushed: &FlushedShard, segment: Arc<Segment>, now_ns: u64) -> u64 {
        let mut state = self.state.lock();
        if state.dropped {
            return 0;
        }
        state.segments.push(segment);
        state.flushed = flushed.k;
        state.unfolded.push((slot, flushed.clone()));
        state.since_ns = now_ns;
        state.runs.forget(flushed.k)
    }

    /// Forgets all; readers that hold a picture keep it. Returns the bytes that were charged.
    pub(crate) fn drop_all(&self) -> u64 {
        let _alone = self.sealing.lock();
        let mut state = self.state.lock();
        state.dropped = true;
        state.segments.clear();
        state.unfolded.clear();
        state.runs.forget(Slot::MAX)
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
