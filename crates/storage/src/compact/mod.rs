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
mod purge;
#[cfg(test)]
mod tests;

use crate::Slot;
use crate::delete::Tombstone;
use crate::engine::Engine;
use crate::engine::shard::Shard;
use crate::error::{ErrorKind, StorageError};
use crate::manifest::{Manifest, SegmentEntry, SegmentRef};
use crate::segment::{Identity, Segment};
use codec::Level;
use merge::{Order, Sink};
use pace::Pace;
use parking_lot::Mutex;
use platform::{Counter, DiskFile, Gauge, Stats};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Inputs of a job (bytes) up to which its output shares a file with others'.
const SMALL_JOB: u64 = 4 << 20;
/// Inputs of the jobs (bytes) that share a file, about.
const SHARED: u64 = 64 << 20;
/// Jobs that share a file at most.
const MANY_JOBS: usize = 1_024;

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
            merges: stats.counter(
                "storage",
                "merges",
                "Merges of segments that were put in the place of their inputs.",
            ),
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
    /// The deletes that are known, which are applied.
    tombstones: Vec<Arc<Tombstone>>,
    level: Level,
}

impl Job {
    /// What is due in a shard: a merge, a segment to be rewritten without what is deleted, or the last merge.
    /// With `purges_only` it is only for the sake of deletes.
    fn of(shard: &Arc<Shard>, now_ns: u64, cold_after: Duration, purges_only: bool) -> Option<Self> {
        let (segments, tombstones, idle_ns) = {
            let state = shard.state.lock();
            let idle_ns = if state.runs.is_empty() { now_ns.saturating_sub(state.since_ns) } else { 0 };
            (state.segments.clone(), state.tombstones.clone(), idle_ns)
        };
        // Rows that compress to nothing have pages and statistics all the same.
        let size = |segment: &Arc<Segment>| segment.entry().place.len.max(segment.entry().rows);
        let sizes: Vec<u64> = segments.iter().map(size).collect();
        let purge = || purge::choose(&segments, &tombstones, now_ns).map(|at| at..at + 1);
        let last = || {
            let cold: Vec<(u64, bool)> = segments.iter().map(|one| (size(one), one.entry().cold)).collect();
            let is_idle = u128::from(idle_ns) >= cold_after.as_nanos();
            is_idle.then(|| choose::choose_last(&cold)).flatten()
        };
        let merge = if purges_only { None } else { choose::choose(&sizes) };
        let (range, is_last) = match merge.or_else(purge) {
            // What becomes too large for another merge is as good as left alone.
            Some(range) => (range.clone(), range.len() > 1 && sizes[range].iter().sum::<u64>() > choose::FULL),
            None if purges_only => return None,
            None => (last()?, true),
        };
        let inputs = segments[range].to_vec();
        let was_cold = matches!(&inputs[..], [only] if only.entry().cold);
        let level = if is_last || was_cold { Level::Cold } else { Level::Hot };
        Some(Self { shard: shard.clone(), inputs, tombstones, level })
    }

    fn bytes(&self) -> u64 {
        self.inputs.iter().map(|segment| segment.entry().place.len).sum()
    }

    /// Bytes that must be free for it: none where all is deleted.
    fn room(&self) -> u64 {
        match &self.inputs[..] {
            [only] if purge::is_gone(only, &self.tombstones) => 0,
            _ => self.bytes().saturating_mul(2),
        }
    }

    fn stopped(&self, engine: &Engine) -> bool {
        // A shard that is being dropped, and a node that is being closed, wait for no merge.
        self.shard.unmergeable.load(Ordering::Relaxed) || engine.halted()
    }
}

/// Does a merge, or several small ones of many shards, if some are due, and says whether it did.
pub(crate) fn step(engine: &Engine, shards: &[Arc<Shard>]) -> Result<bool, StorageError> {
    let Some(_alone) = engine.compaction.merging.try_lock() else { return Ok(false) };
    let jobs = jobs(engine, shards, engine.world.disk.free_bytes()?);
    if jobs.is_empty() {
        return Ok(false);
    }
    let mut output = Output { engine, path: engine.new_segment_path(), file: None, written: 0 };
    let (made, mut failed) = match make(&jobs, &mut output) {
        Ok((made, failed)) if !engine.halted() => (made, failed),
        other => {
            // Nothing names the file. What cannot be removed now is an orphan for the next start.
            let _ = output.file.take().map(|_| engine.world.disk.remove(&output.path));
            return other.map(|_| false);
        }
    };
    let (mut worked, mut in_use, mut old) = (false, false, Vec::new());
    for (job, made) in made {
        let (entry, is_new) = match made {
            Made::New(entry) => (entry, true),
            Made::Same(entry) => (Some(entry), false),
            Made::Nothing => continue,
        };
        let segment = entry.as_ref().map(|entry| engine.segment(entry));
        match commit(engine, job, segment.as_ref()) {
            Ok(false) => {}
            Ok(true) => {
                engine.compaction.merges.inc();
                old.extend_from_slice(&job.inputs);
                worked = true;
                in_use |= is_new && segment.is_some();
            }
            Err(error) => {
                // The manifest may name the file.
                in_use = true;
                failed.get_or_insert(error);
                break;
            }
        }
    }
    engine.discard(&old);
    if !in_use && output.file.take().is_some() {
        engine.world.disk.remove(&output.path)?;
    }
    failed.map_or(Ok(worked), Err)
}

/// What is due and fits the free bytes: the first job, and if it is a small one, more of them. Many small shards share a file.
/// While writes are refused for want of space, only what frees some.
fn jobs(engine: &Engine, shards: &[Arc<Shard>], mut free: u64) -> Vec<Job> {
    let purges_only = engine.is_full();
    let (now, cold_after) = (engine.world.clock.monotonic_ns(), engine.options.merges.cold_after);
    let (mut jobs, mut bytes) = (Vec::new(), 0);
    let rests =
        |shard: &Shard| shard.unmergeable.load(Ordering::Relaxed) || now < shard.rests_until.load(Ordering::Relaxed);
    for shard in shards.iter().filter(|shard| !rests(shard)) {
        if engine.halted() || bytes >= SHARED || jobs.len() >= MANY_JOBS {
            break;
        }
        let Some(job) = Job::of(shard, now, cold_after, purges_only) else { continue };
        let Some(left) = free.checked_sub(job.room()) else { continue };
        if job.bytes() > SMALL_JOB {
            if jobs.is_empty() {
                return vec![job];
            }
            continue;
        }
        (bytes, free) = (bytes + job.bytes(), left);
        jobs.push(job);
    }
    jobs
}

/// How long a shard rests from merges of which a file is missing, damaged or cannot be opened (ns).
const REST_NS: u64 = 60_000_000_000;

/// What a job came to.
enum Made {
    /// It was told to stop.
    Nothing,
    /// A segment in the output, or none if no row is left.
    New(Option<SegmentEntry>),
    /// The input itself, of which deletes take nothing.
    Same(SegmentEntry),
}

/// Jobs, and what they came to.
type MadeJobs<'a> = Vec<(&'a Job, Made)>;

/// Writes the segments of some jobs and makes them durable; with the first error of those that concern one job alone.
fn make<'a>(jobs: &'a [Job], output: &mut Output<'_>) -> Result<(MadeJobs<'a>, Option<StorageError>), StorageError> {
    let engine = output.engine;
    let (mut made, mut failed) = (Vec::new(), None);
    for job in jobs {
        // A merge replaces what the manifest names, so that it must name all.
        match engine.fold(&job.shard).and_then(|()| output.add(job)) {
            Ok(Made::Nothing) => {}
            Ok(entry) => made.push((job, entry)),
            Err(error) => {
                // A file that cannot be read must not keep other shards from being merged, nor be read again and again.
                if !matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Unreadable) {
                    return Err(error);
                }
                let now = engine.world.clock.monotonic_ns();
                job.shard.rests_until.store(now.saturating_add(REST_NS), Ordering::Relaxed);
                failed.get_or_insert(error);
            }
        }
    }
    if let Some(file) = &output.file {
        file.sync_all()?;
        engine.world.disk.sync_dir(platform::disk::parent(&output.path))?;
    }
    Ok((made, failed))
}

/// Puts the new segment in the place of the inputs, on disk and for readers; false: they are not there any more, or a delete
/// came that the merge did not know.
fn commit(engine: &Engine, job: &Job, new: Option<&Arc<Segment>>) -> Result<bool, StorageError> {
    let shard = &job.shard;
    let _alone = shard.upkeep.lock();
    if shard.state.lock().dropped || !is_complete(job) {
        return Ok(false);
    }
    let Some((version, manifest)) = engine.manifests.load(shard.id)? else { return Ok(false) };
    let old: Vec<SegmentRef> = job.inputs.iter().map(|segment| segment.entry().place.clone()).collect();
    let entry = new.map(|segment| segment.entry());
    let Some(next) = manifest.replace(&old, entry.cloned()) else { return Ok(false) };
    let next = with_tombstones(next, job, entry, manifest.folded_up_to());
    if !engine.manifests.commit(shard.id, version + 1, &next)? {
        return Ok(false);
    }
    swap(shard, &job.inputs, new.cloned());
    engine.manifests.trim(shard.id, version + 1)?;
    Ok(true)
}

/// Whether a merge knew every delete inside the slots of its inputs: one that it missed would apply to its output no more.
fn is_complete(job: &Job) -> bool {
    let last = job.inputs.last().map_or(0, |segment| segment.entry().slots.1);
    let newest = job.tombstones.last().map_or(0, |tombstone| tombstone.slot);
    let state = job.shard.state.lock();
    let mut inside = state.tombstones.iter().filter(|tombstone| tombstone.slot <= last);
    inside.all(|tombstone| tombstone.slot <= newest)
}

/// The state with the deletes that it still needs.
fn with_tombstones(mut next: Manifest, job: &Job, new: Option<&SegmentEntry>, folded: Slot) -> Manifest {
    let is_old = |segment: &Segment| job.inputs.iter().any(|old| std::ptr::eq(&**old, segment));
    next.tombstones = job.shard.state.lock().tombstones_for(folded, is_old, new);
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

/// A file that merges write, one segment behind the other.
struct Output<'a> {
    engine: &'a Engine,
    path: String,
    /// Made with the first byte.
    file: Option<Arc<dyn DiskFile>>,
    written: u64,
}

impl Output<'_> {
    /// Does a job.
    fn add(&mut self, job: &Job) -> Result<Made, StorageError> {
        let engine = self.engine;
        if let [only] = &job.inputs[..]
            && only.entry().cold == (job.level == Level::Cold)
            && let Some(entry) = purge::unhurt(only, &job.tombstones, &engine.cache)?
        {
            return Ok(Made::Same(entry));
        }
        let (cluster, put_id) = (engine.options.cluster_id, engine.world.random.id());
        let identity = Identity { cluster, put_id, shard: job.shard.id };
        let is_cold = job.level == Level::Cold;
        let copies = |segment: &Segment| !is_cold || segment.entry().cold;
        let (inputs, tombstones) = (&job.inputs, &job.tombstones);
        let order = Order { inputs, tombstones, identity, level: job.level, copies: &copies };
        let offset = self.written;
        let merged = merge::merge(&order, &mut JobSink { output: self, job })?;
        let Some(summary) = merged else { return Ok(Made::Nothing) };
        if summary.rows == 0 {
            return Ok(Made::New(None));
        }
        // One that is rewritten alone, for deletes, stays what it was.
        let level = inputs.iter().map(|segment| segment.entry().level).max().unwrap_or(0);
        Ok(Made::New(Some(SegmentEntry {
            place: SegmentRef { file: self.path.clone(), offset, len: summary.len },
            slots: summary.slots,
            range: summary.range,
            rows: summary.rows,
            tables: summary.tables,
            level: level + u32::from(inputs.len() > 1),
            purged: tombstones.iter().map(|tombstone| tombstone.slot).max().unwrap_or(0),
            cold: is_cold,
        })))
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
        let file = match &self.output.file {
            Some(file) => file.clone(),
            None => self.output.file.insert(engine.world.disk.create(&self.output.path)?).clone(),
        };
        file.write_at(self.output.written, bytes)?;
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
