//! Segments that are rewritten for the sake of deletes alone, so that deleted rows go from the disk in time and a shard never
//! has many deletes to look at.

use crate::cache::Cache;
use crate::delete::Tombstone;
use crate::engine::ShardSpan;
use crate::error::StorageError;
use crate::manifest::SegmentEntry;
use crate::segment::Segment;
use crate::view::{ShardSource, View};
use model::TimeRange;
use std::sync::Arc;

/// How long deleted rows may stay on the disk while the process runs (ns): a day.
const LONGEST_NS: u64 = 86_400 * 1_000_000_000;
/// Deletes of a shard above which segments are rewritten.
const MANY: usize = 64;

/// The segment (its place) that should be rewritten next, if one should be: at once where that costs nothing, as all of it is
/// deleted. `now_ns` is monotonic.
pub(super) fn choose(segments: &[Arc<Segment>], tombstones: &[Arc<Tombstone>], now_ns: u64) -> Option<usize> {
    let many = tombstones.len() > MANY;
    let due = |tombstone: &&Arc<Tombstone>| many || now_ns.saturating_sub(tombstone.since_ns) > LONGEST_NS;
    let under = |tombstone: &Arc<Tombstone>| segments.iter().position(|segment| tombstone.applies(segment.entry()));
    segments
        .iter()
        .position(|segment| is_gone(segment, tombstones))
        .or_else(|| tombstones.iter().filter(due).find_map(under))
}

/// Whether one delete takes all of a segment, so that nothing is read or written to purge it.
pub(super) fn is_gone(segment: &Segment, tombstones: &[Arc<Tombstone>]) -> bool {
    tombstones.iter().any(|tombstone| tombstone.takes_all(segment.entry()))
}

/// A segment of which deletes take no row stays as it is: its entry, which says so. `None` if they take some.
pub(super) fn unhurt(
    segment: &Arc<Segment>,
    tombstones: &[Arc<Tombstone>],
    cache: &Arc<Cache>,
) -> Result<Option<SegmentEntry>, StorageError> {
    let span = ShardSpan { id: 0, range: TimeRange::ALL };
    let (segments, tombstones) = (vec![segment.clone()], tombstones.to_vec());
    let purged = tombstones.iter().map(|tombstone| tombstone.slot).max().unwrap_or(0);
    let view = View::new(vec![ShardSource { span, segments, runs: Vec::new(), tombstones }], cache.clone());
    Ok(view.is_unhurt()?.then(|| SegmentEntry { purged, ..segment.entry().clone() }))
}
