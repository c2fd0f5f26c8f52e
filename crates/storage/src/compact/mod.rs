//! Compaction: some neighbouring segments of a shard become one. `choose` says which, `merge` writes the new one (`input`,
//! `overlap`), `pace` holds it to a number of bytes a second, and [`step`] commits the manifest and swaps what readers see.
//!
//! It can be killed at any instant: before the commit the new file is an orphan, after it the old ones are; a start removes
//! either. Views that hold the old segments keep them until they are dropped. No lock is held while a merge runs, so that
//! flushes, folds and drops go on beside it; the commit looks whether its inputs are still there.

mod choose;
mod input;
mod merge;
mod overlap;
mod pace;
#[cfg(test)]
mod tests;

use crate::engine::Engine;
use crate::engine::shard::Shard;
use crate::error::{ErrorKind, StorageError};
use crate::manifest::{SegmentEntry, SegmentRef};
use crate::segment::{Identity, Segment};
use codec::Level;
use merge::{Order, Sink};
use pace::Pace;
use parking_lot::Mutex;
use platform::{Counter, DiskFile, Gauge, Stats};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How merges are held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merges {
    /// Bytes a second that merges write at most, over a while; 0: no bound.
    pub rate: u64,
    /// Bytes that they may write at once after a rest.
    pub burst: u64,
    /// A shard that nothing was written to for so long is merged for the last time, as small as it gets.
    pub cold_after: Duration,
}

impl Default for Merges {
    /// As InfluxDB's: 48 MiB a second, four hours.
    fn default() -> Self {
        Self { rate: 48 << 20, burst: 48 << 20, cold_after: Duration::from_secs(4 * 3_600) }
    }
}

/// What the engine keeps for its merges.
#[derive(Debug)]
pub(crate) struct Compaction {
    pace: Pace,
    /// Held over a merge: there is one at a time.
    merging: Mutex<()>,
    merges: Counter,
    flushed_bytes: Counter,
    merged_bytes: Counter,
    copied_bytes: Counter,
    amplification: Gauge,
}

impl Compaction {
    /// Nothing was merged yet.
    pub(crate) fn new(merges: &Merges, stats: &Stats) -> Self {
        Self {
            pace: Pace::new(merges.rate, merges.burst),
            merging: Mutex::default(),
            merges: stats.counter("storage", "merges", "Merges of segments that were put in the place of their inputs."),
            flushed_bytes: stats.counter("storage", "flushedBytes", "Bytes of segments that flushes wrote."),
            merged_bytes: stats.counter("storage", "mergedBytes", "Bytes of segments that merges wrote."),
            copied_bytes: stats.counter("storage", "copiedBytes", "Bytes of blocks that merges took as they were."),
            amplification: stats.gauge(
                "storage",
                "writeAmplificationPercent",
                "Bytes that flushes and merges wrote, in hundredths of those that flushes wrote.",
            ),
        }
    }

    /// Notes that a flush wrote so many bytes.
    pub(crate) fn flushed(&self, bytes: u64) {
        self.flushed_bytes.add(bytes);
        self.weigh();
    }

    fn weigh(&self) {
        let (flushed, merged) = (self.flushed_bytes.get(), self.merged_bytes.get());
        let percent = u128::from(flushed + merged) * 100 / u128::from(flushed.max(1));
        self.amplification.set(i64::try_from(percent).unwrap_or(i64::MAX));
    }
}

/// Neighbours of one shard that shall become one.
struct Job {
    shard: Arc<Shard>,
    inputs: Vec<Arc<Segment>>,
}

impl Job {
    /// What is due in a shard.
    fn of(shard: &Arc<Shard>) -> Option<Self> {
        let segments = shard.state.lock().segments.clone();
        let sizes: Vec<u64> = segments.iter().map(|segment| segment.entry().place.len).collect();
        let range = choose::choose(&sizes)?;
        Some(Self { shard: shard.clone(), inputs: segments[range].to_vec() })
    }

    fn bytes(&self) -> u64 {
        self.inputs.iter().map(|segment| segment.entry().place.len).sum()
    }

    fn stopped(&self, engine: &Engine) -> bool {
        // A shard that is being dropped, and a node that is being closed, wait for no merge.
        self.shard.unmergeable.load(Ordering::Relaxed) || engine.halted()
    }
}

/// Merges some segments, if some should be, and says whether it did.
pub(crate) fn step(engine: &Engine, shards: &[Arc<Shard>]) -> Result<bool, StorageError> {
    let Some(_alone) = engine.compaction.merging.try_lock() else { return Ok(false) };
    for shard in shards.iter().filter(|shard| !shard.unmergeable.load(Ordering::Relaxed)) {
        if engine.halted() {
            return Ok(false);
        }
        let Some(job) = Job::of(shard) else { continue };
        let worked = run(engine, &job).inspect_err(|error| {
            // A file that cannot be read must not keep other shards from being merged, nor be read again and again.
            let damaged = matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Unreadable);
            shard.unmergeable.store(damaged, Ordering::Relaxed);
        })?;
        if worked {
            return Ok(true);
        }
    }
    Ok(false)
}

fn run(engine: &Engine, job: &Job) -> Result<bool, StorageError> {
    if engine.world.disk.free_bytes()? < job.bytes().saturating_mul(2) {
        return Ok(false);
    }
    // A merge replaces what the manifest names, so that it must name all.
    engine.fold(&job.shard)?;
    let path = engine.new_segment_path();
    let mut output = Output::create(engine, &path)?;
    let entry = output.add(job).and_then(|entry| output.file.sync_all().map(|()| entry).map_err(Into::into));
    let entry = match entry {
        Ok(Some(entry)) => entry,
        other => {
            // Nothing names it yet; what cannot be removed now is an orphan for the next start.
            let _ = engine.world.disk.remove(&path);
            return other.map(|_| false);
        }
    };
    engine.world.disk.sync_dir(platform::disk::parent(&path))?;
    let segment = engine.segment(&entry);
    if commit(engine, job, &segment)? {
        engine.compaction.merges.inc();
        engine.discard(&job.inputs);
        return Ok(true);
    }
    // Somebody changed the manifest meanwhile: nothing names the new file.
    segment.file().doom();
    Ok(false)
}

/// Puts the new segment in the place of the inputs, on disk and for readers; false: they are not there any more.
fn commit(engine: &Engine, job: &Job, new: &Arc<Segment>) -> Result<bool, StorageError> {
    let shard = &job.shard;
    let _alone = shard.upkeep.lock();
    if shard.state.lock().dropped {
        return Ok(false);
    }
    let Some((version, manifest)) = engine.manifests.load(shard.id)? else { return Ok(false) };
    let old: Vec<SegmentRef> = job.inputs.iter().map(|segment| segment.entry().place.clone()).collect();
    let Some(next) = manifest.replace(&old, new.entry().clone()) else { return Ok(false) };
    if !engine.manifests.commit(shard.id, version + 1, &next)? {
        return Ok(false);
    }
    swap(shard, &job.inputs, new.clone());
    engine.manifests.trim(shard.id, version + 1)?;
    Ok(true)
}

/// Puts the new segment where the old ones were.
fn swap(shard: &Shard, old: &[Arc<Segment>], new: Arc<Segment>) {
    let mut state = shard.state.lock();
    let is_old = |segment: &Arc<Segment>| old.iter().any(|old| Arc::ptr_eq(old, segment));
    if let Some(at) = state.segments.iter().position(is_old) {
        state.segments.retain(|segment| !is_old(segment));
        state.segments.insert(at, new);
    }
}

/// A file that merges write, one segment behind the other.
struct Output<'a> {
    engine: &'a Engine,
    path: String,
    file: Arc<dyn DiskFile>,
    written: u64,
}

impl<'a> Output<'a> {
    fn create(engine: &'a Engine, path: &str) -> Result<Self, StorageError> {
        Ok(Self { engine, path: path.to_owned(), file: engine.world.disk.create(path)?, written: 0 })
    }

    /// Merges the inputs of a job; `None`: it was told to stop.
    fn add(&mut self, job: &Job) -> Result<Option<SegmentEntry>, StorageError> {
        let engine = self.engine;
        let (cluster, put_id) = (engine.options.cluster_id, engine.world.random.id());
        let identity = Identity { cluster, put_id, shard: job.shard.id };
        let order = Order { inputs: &job.inputs, identity, level: Level::Hot, copies: &|_| true };
        let offset = self.written;
        let Some(summary) = merge::merge(&order, &mut JobSink { output: self, job })? else { return Ok(None) };
        let level = job.inputs.iter().map(|segment| segment.entry().level).max().unwrap_or(0) + 1;
        let place = SegmentRef { file: self.path.clone(), offset, len: summary.len };
        Ok(Some(SegmentEntry { place, slots: summary.slots, range: summary.range, rows: summary.rows, level }))
    }
}

/// Where a job's bytes go.
struct JobSink<'a, 'b> {
    output: &'a mut Output<'b>,
    job: &'a Job,
}

impl Sink for JobSink<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let engine = self.output.engine;
        self.output.file.write_at(self.output.written, bytes)?;
        let len = bytes.len() as u64;
        self.output.written += len;
        engine.compaction.merged_bytes.add(len);
        engine.compaction.weigh();
        engine.compaction.pace.spend(len, &*engine.world.clock, &|| self.job.stopped(engine));
        Ok(())
    }

    fn stopped(&self) -> bool {
        self.job.stopped(self.output.engine)
    }

    fn copied(&mut self, bytes: usize) {
        self.output.engine.compaction.copied_bytes.add(bytes as u64);
    }
}
