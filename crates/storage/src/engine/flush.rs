//! Flush: the rows in memory become segments. The segments of all shards of one flush stand in one file; then one record in
//! the log names them. Three syncs, whatever the number of shards.

use super::Engine;
use super::commit::{Entry, Swap};
use super::shard::{Flushable, Shard};
use crate::SEGMENTS_FOLDER;
use crate::error::StorageError;
use crate::log::flush::{self, FlushedShard};
use crate::manifest::{MeasurementSchema, SegmentEntry, SegmentRef};
use crate::run::merge::{by_measurement, fields, merge_slices};
use crate::segment::{Identity, Summary, Writer};
use codec::Level;
use parking_lot::Mutex;
use platform::DiskFile;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Engine {
    /// Flushes the shards that `due` picks. Returns whether there was something to flush.
    pub(super) fn flush_shards(&self, due: impl Fn(&Shard) -> bool) -> Result<bool, StorageError> {
        let _alone = self.flushing.lock();
        self.waiting.lock().check_whole()?;
        // Rows that come from now on may use a new table, so that the old one leaves with those that are flushed.
        self.series.forget(self.world.clock.monotonic_ns());
        let shards: Vec<Arc<Shard>> = self.shards.read().values().filter(|shard| due(shard)).cloned().collect();
        let path = self.new_segment_path();
        let mut file: Option<Arc<dyn DiskFile>> = None;
        let written = self.write_segments(&shards, &path, &mut file);
        let made = file.is_some();
        let result = written.and_then(|flushed| self.log_flush(flushed));
        if result.is_err() && made && !self.poisoned() {
            // Nothing names it. What cannot be removed now is an orphan for the next start.
            let _ = self.world.disk.remove(&path);
        }
        result
    }

    /// A path for a new segment file, never used before.
    pub(crate) fn new_segment_path(&self) -> String {
        let number = self.next_segment.fetch_add(1, Ordering::Relaxed);
        format!("{SEGMENTS_FOLDER}/{:016x}-{number:08}.seg", self.incarnation)
    }

    /// Writes and syncs the segments of some shards, one behind the other.
    fn write_segments(
        &self,
        shards: &[Arc<Shard>],
        path: &str,
        file: &mut Option<Arc<dyn DiskFile>>,
    ) -> Result<Vec<(Arc<Shard>, FlushedShard)>, StorageError> {
        let mut flushed = Vec::new();
        let mut offset = 0;
        for shard in shards {
            let Some(rows) = shard.begin_flush() else { continue };
            if rows.runs.iter().all(|run| run.tables.is_empty()) {
                // All were deleted: the record says so, for the log to be trimmed.
                let one = FlushedShard { shard: shard.id, k: rows.k, entry: None, schema: Vec::new() };
                flushed.push((shard.clone(), one));
                continue;
            }
            let handle = match &file {
                Some(handle) => handle.clone(),
                None => {
                    self.world.disk.create_dir(SEGMENTS_FOLDER)?;
                    file.insert(self.world.disk.create(path)?).clone()
                }
            };
            let (bytes, one) = self.encode(shard, &rows, SegmentRef { file: path.to_owned(), offset, len: 0 })?;
            handle.write_at(offset, &bytes)?;
            offset += bytes.len() as u64;
            flushed.push((shard.clone(), one));
        }
        if let Some(file) = &file {
            self.compaction.flushed(offset);
            file.sync_all()?;
            self.world.disk.sync_dir(SEGMENTS_FOLDER)?;
        }
        Ok(flushed)
    }

    /// The segment of one shard.
    fn encode(
        &self,
        shard: &Shard,
        rows: &Flushable,
        place: SegmentRef,
    ) -> Result<(Vec<u8>, FlushedShard), StorageError> {
        let (k, purged) = (rows.k, rows.purged);
        let lowest = rows.runs.first().map_or(k, |run| run.slots.0);
        let identity = Identity { cluster: self.options.cluster_id, put_id: self.world.random.id(), shard: shard.id };
        let mut writer = Writer::new(&identity, (lowest, k), Level::Hot);
        let mut schema = Vec::new();
        for tables in by_measurement(&rows.runs) {
            let (measurement, fields) = (tables[0].measurement.clone(), fields(&tables));
            writer.begin(&measurement, &fields)?;
            merge_slices(&tables, |slice| writer.rows(slice))?;
            schema.push(MeasurementSchema { measurement, fields });
        }
        let (bytes, summary) = writer.finish()?;
        let place = SegmentRef { len: summary.len, ..place };
        let Summary { slots, range, rows, tables, .. } = summary;
        let entry = SegmentEntry { place, slots, range, rows, tables, level: 0, purged, cold: false };
        Ok((bytes, FlushedShard { shard: shard.id, k, entry: Some(entry), schema }))
    }

    /// Logs the flush and waits until it is applied.
    fn log_flush(&self, flushed: Vec<(Arc<Shard>, FlushedShard)>) -> Result<bool, StorageError> {
        if flushed.is_empty() {
            return Ok(false);
        }
        let records: Vec<FlushedShard> = flushed.iter().map(|(_, flushed)| flushed.clone()).collect();
        let payload = flush::encode(&records);
        let swap = |(shard, flushed): (Arc<Shard>, FlushedShard)| {
            let segment = flushed.entry.as_ref().map(|entry| self.segment(entry));
            Swap { shard, flushed, segment }
        };
        let swaps = flushed.into_iter().map(swap).collect();
        let answer: Arc<Mutex<Option<Result<(), StorageError>>>> = Arc::default();
        let told = answer.clone();
        let done = Box::new(move |result| *told.lock() = Some(result));
        {
            let mut waiting = self.waiting.lock();
            let slot = waiting.take_slot();
            waiting.queue.push(Entry::Flush(slot, payload, swaps, done));
        }
        // Whoever commits the group holds the log until it is applied, so it is done when this returns; only `done` may be
        // late, if another thread took the group.
        let committed = self.commit();
        loop {
            if let Some(result) = answer.lock().take() {
                return result.map(|()| true);
            }
            committed.clone()?;
            std::thread::yield_now();
        }
    }
}
