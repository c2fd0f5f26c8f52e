//! Segments whose files are gone: the start looks for them, so that an operator hears of them before a query does.

use super::Engine;
use super::shard::Shard;
use crate::SEGMENTS_FOLDER;
use crate::error::StorageError;
use crate::loss::MissingSegment;
use crate::segment::Segment;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Engine {
    /// Segments whose files are not there, by file and shard: queries that may need them fail. Nothing is looked at where neither
    /// the start nor a reader has missed one; those whose files are put back, or whose shards are dropped, are not among them any more.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn missing_segments(&self) -> Result<Vec<MissingSegment>, StorageError> {
        if self.files.missed() { self.find_missing() } else { Ok(Vec::new()) }
    }

    /// Files of segments that were found damaged since the start by who read them, and are still named.
    #[must_use]
    pub fn damaged_segments(&self) -> BTreeSet<String> {
        self.files.hurt()
    }

    pub(super) fn find_missing(&self) -> Result<Vec<MissingSegment>, StorageError> {
        let names = self.world.disk.list(SEGMENTS_FOLDER)?;
        let there: BTreeSet<String> = names.iter().map(|name| format!("{SEGMENTS_FOLDER}/{name}")).collect();
        let shards: Vec<Arc<Shard>> = self.shards.read().values().cloned().collect();
        let mut missing = Vec::new();
        for shard in shards {
            let is_listed = |segment: &&Arc<Segment>| there.contains(&segment.entry().place.file);
            let all = shard.state.lock().segments.clone();
            for segment in all.iter().filter(|segment| !is_listed(segment)) {
                // It may be newer than the list; held, it does not go meanwhile.
                if !self.world.disk.exists(&segment.entry().place.file)? {
                    missing.push(describe(&shard, segment));
                }
            }
        }
        missing.sort_by(|a, b| (&a.file, a.shard).cmp(&(&b.file, b.shard)));
        Ok(missing)
    }
}

fn describe(shard: &Shard, segment: &Segment) -> MissingSegment {
    let entry = segment.entry();
    let measurements = shard.schema.lock().known().filter(|name| entry.tables.may_have(name)).cloned().collect();
    MissingSegment {
        file: entry.place.file.clone(),
        shard: shard.id,
        rows: entry.rows,
        range: entry.range,
        measurements,
    }
}
