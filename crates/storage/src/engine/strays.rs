//! Segments that no manifest names, of shards whose manifest is lost or that the catalog does not know: found by their heads and
//! footers, whole, in what of the files belongs to nobody.

use super::Engine;
use crate::error::StorageError;
use crate::loss::Stray;
use crate::segment::{Identity, contents_of, find};
use crate::{SEGMENTS_FOLDER, ShardId};
use model::TimeRange;
use std::collections::BTreeMap;
use std::ops::Range;

/// The bounds of nothing.
const NO_RANGE: TimeRange = TimeRange { start: i64::MAX, end: i64::MIN };

/// Files of segments, and what shards have in them: offset and length, ascending.
pub(super) type Places = BTreeMap<String, Vec<(u64, u64)>>;

impl Engine {
    /// Gives the strays in some files, with path and offset; files that are gone or cannot be read are stepped over.
    pub(super) fn each_stray(
        &self,
        files: Places,
        broken: &[ShardId],
        mut give: impl FnMut(&str, u64, &[u8], &Identity) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let disk = &*self.world.disk;
        let is_lost = |shard: &ShardId| broken.contains(shard) || !self.shards.read().contains_key(shard);
        for (path, named) in files {
            if !disk.exists(&path)? {
                continue;
            }
            let file = disk.open(&path)?;
            for gap in gaps(&named, file.len()?) {
                let mut bytes = vec![0; usize::try_from(gap.end - gap.start).unwrap_or(usize::MAX)];
                match file.read_at(gap.start, &mut bytes) {
                    Err(error) if error.is_unreadable() => continue,
                    other => other?,
                }
                for (range, identity) in find(&bytes) {
                    if identity.cluster == self.options.cluster_id && is_lost(&identity.shard) {
                        give(&path, gap.start + range.start as u64, &bytes[range], &identity)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The strays in all files, ascending by shard. One whose contents are damaged is counted without its rows.
    pub(super) fn count_strays(&self, broken: &[ShardId]) -> Result<Vec<Stray>, StorageError> {
        let mut files = self.named_places();
        for name in self.world.disk.list(SEGMENTS_FOLDER)? {
            files.entry(format!("{SEGMENTS_FOLDER}/{name}")).or_default();
        }
        let mut strays: BTreeMap<ShardId, Stray> = BTreeMap::new();
        self.each_stray(files, broken, |_, _, bytes, identity| {
            let shard = identity.shard;
            let stray = strays.entry(shard).or_insert(Stray { shard, segments: 0, rows: 0, range: NO_RANGE });
            stray.segments += 1;
            for entry in contents_of(bytes).iter().flat_map(|contents| &contents.measurements) {
                stray.rows += entry.rows;
                stray.range = stray.range.union(&entry.range);
            }
            Ok(())
        })?;
        Ok(strays.into_values().collect())
    }
}

/// What of a file of `len` bytes is in none of some places.
fn gaps(places: &[(u64, u64)], len: u64) -> Vec<Range<u64>> {
    let mut gaps = Vec::new();
    let mut end = 0;
    for &(offset, len) in places.iter().chain([&(len, 0)]) {
        if offset > end {
            gaps.push(end..offset);
        }
        end = end.max(offset.saturating_add(len));
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_what_is_left() {
        assert_eq!(gaps(&[(10, 5), (15, 5), (30, 70)], 100), [0..10, 20..30]);
        assert_eq!(gaps(&[(0, 7), (8, 1)], 10), [7..8, 9..10]);
        assert_eq!(gaps(&[(0, 7)], 7), []);
    }
}
