//! Compaction: some neighbouring segments of a shard become one. `choose` says which, `merge` writes the new one, and
//! [`step`] commits the manifest and swaps what readers see.
//!
//! It can be killed at any instant: before the commit the new file is an orphan, after it the old ones are; a start removes
//! either. Views that hold the old segments keep them until they are dropped.

mod choose;
mod merge;
mod purge;
#[cfg(test)]
mod tests;

use crate::Slot;
use crate::delete::Tombstone;
use crate::engine::Engine;
use crate::engine::shard::{Shard, ShardState};
use crate::error::StorageError;
use crate::manifest::{Manifest, SegmentEntry, SegmentRef};
use crate::segment::{Identity, Segment};
use choose::choose;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Whether some of a shard's segments should be merged, or rewritten without what is deleted. `now_ns` is monotonic.
pub(crate) fn is_due(state: &ShardState, now_ns: u64) -> bool {
    choose(&sizes(&state.segments)).is_some() || purge::choose(&state.segments, &state.tombstones, now_ns).is_some()
}

fn sizes(segments: &[Arc<Segment>]) -> Vec<u64> {
    segments.iter().map(|segment| segment.entry().place.len).collect()
}

/// Merges some segments of a shard, if some should be, and says whether it did. The caller holds the shard's upkeep, and the
/// manifest names all segments that were there when it folded.
pub(crate) fn step(engine: &Engine, shard: &Shard) -> Result<bool, StorageError> {
    let Some((version, manifest)) = engine.manifests.load(shard.id)? else { return Ok(false) };
    // A flush may have added segments that the manifest does not name yet: they are above all others and wait.
    let mut segments = shard.state.lock().segments.clone();
    segments.retain(|segment| manifest.segments.iter().any(|entry| entry.place == segment.entry().place));
    let tombstones = shard.state.lock().tombstones.clone();
    let now = engine.world.clock.monotonic_ns();
    let for_deletes = || purge::choose(&segments, &tombstones, now).map(|at| at..at + 1);
    let Some(range) = choose(&sizes(&segments)).or_else(for_deletes) else { return Ok(false) };
    let inputs = &segments[range];
    let total: u64 = inputs.iter().map(|segment| segment.entry().place.len).sum();
    if engine.world.disk.free_bytes()? < total.saturating_mul(2) {
        return Ok(false);
    }
    let identity = Identity { cluster: engine.options.cluster_id, put_id: engine.world.random.id(), shard: shard.id };
    let path = engine.new_segment_path();
    // A shard that is being dropped, and a node that is being closed, wait for no merge.
    let stop = || shard.unmergeable.load(Ordering::Relaxed) || engine.halted();
    let unhurt = if let [only] = inputs { purge::unhurt(only, &tombstones, &engine.cache)? } else { None };
    let is_new = unhurt.is_none();
    let entry = match unhurt {
        Some(entry) => Some(entry),
        None => match merge::merge(inputs, &tombstones, &identity, &engine.world.disk, &path, &stop)? {
            Some(merged) => merged.entry,
            None => return Ok(false),
        },
    };
    let old: Vec<SegmentRef> = inputs.iter().map(|segment| segment.entry().place.clone()).collect();
    let next = if is_complete(shard, inputs, &tombstones) { manifest.replace(&old, entry.clone()) } else { None };
    let folded = manifest.folded_up_to(&engine.log_id);
    let committed = match next.map(|next| with_tombstones(next, shard, inputs, entry.as_ref(), folded)) {
        Some(next) => engine.manifests.commit(shard.id, version + 1, &next)?,
        None => false,
    };
    let segment = entry.as_ref().map(|entry| engine.segment(entry));
    if !committed {
        // Somebody changed the manifest meanwhile: nothing names the new file.
        segment.iter().filter(|_| is_new).for_each(|segment| segment.file().doom());
        return Ok(false);
    }
    swap(shard, inputs, segment);
    engine.discard(inputs);
    engine.manifests.trim(shard.id, version + 1)?;
    Ok(true)
}

/// Whether a merge knew every delete inside the slots of its inputs: one that it missed would apply to its output no more.
fn is_complete(shard: &Shard, inputs: &[Arc<Segment>], known: &[Arc<Tombstone>]) -> bool {
    let last = inputs.last().map_or(0, |segment| segment.entry().slots.1);
    let newest = known.last().map_or(0, |tombstone| tombstone.slot);
    let state = shard.state.lock();
    let mut inside = state.tombstones.iter().filter(|tombstone| tombstone.slot <= last);
    inside.all(|tombstone| tombstone.slot <= newest)
}

/// The state with the deletes that it still needs.
fn with_tombstones(
    mut next: Manifest,
    shard: &Shard,
    old: &[Arc<Segment>],
    new: Option<&SegmentEntry>,
    folded: Slot,
) -> Manifest {
    let is_old = |segment: &Segment| old.iter().any(|old| std::ptr::eq(&**old, segment));
    next.tombstones = shard.state.lock().tombstones_for(folded, is_old, new);
    next
}

/// Puts the new segment where the old ones were; `None` if nothing of them is left.
fn swap(shard: &Shard, old: &[Arc<Segment>], new: Option<Arc<Segment>>) {
    let mut state = shard.state.lock();
    let is_old = |segment: &Arc<Segment>| old.iter().any(|old| Arc::ptr_eq(old, segment));
    if let Some(at) = state.segments.iter().position(is_old) {
        state.segments.retain(|segment| !is_old(segment));
        if let Some(new) = new {
            state.segments.insert(at, new);
        }
    }
    state.forget_spent();
}
