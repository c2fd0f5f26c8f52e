//! The engine: owns log, runs, segments and manifests of all shards of a node, and does its work in steps.
//!
//! `accept` takes a batch apart, `gather` lets groups of them gather, `commit` makes these durable and visible, `flush` turns rows
//! into segments, `upkeep` does the rest in the background, `open` begins, `missing` misses files, `salvage` saves what is left,
//! `strays` are segments that nobody names. `shard` is what readers see.
//!
//! Always: a `done` with success is called after its rows are durable and visible; rows go from runs to segments in one step
//! under the shard's lock, so that a view sees each of them once; a shard gets the rows of a slot in one step, so that the
//! slot of a flush cuts no batch.

mod accept;
mod commit;
mod delete;
mod flush;
mod full;
mod gather;
mod missing;
mod open;
mod rejected;
mod salvage;
pub(crate) mod shard;
mod stats;
mod strays;
mod upkeep;

use crate::cache::Cache;
use crate::compact::{Compaction, Merges};
use crate::delete::TestReader;
use crate::error::{ErrorKind, StorageError};
use crate::log::append::Writer;
use crate::log::batch::encode_body;
use crate::manifest::Manifests;
use crate::manifest::SegmentEntry;
use crate::run::Chunk;
use crate::segment::{Files, Segment};
use crate::series::SeriesTables;
use crate::view::{ShardSource, View};
use crate::{ShardId, Slot};
use commit::{Condition, Entry, LoggedBatch, Waiting};
use full::FullDisk;
use gather::LastGroup;
use model::{Batch, KeyText, TimeRange};
use open::Orphans;
pub(crate) use open::{check_catalog, check_log, check_shards, check_version, highest};
use parking_lot::{Condvar, Mutex, RwLock};
use platform::World;
pub use rejected::{RejectReason, Rejected, Rejections};
pub use salvage::{Examined, Salvaged};
use shard::Shard;
use stats::EngineStats;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A shard and its span of time. Spans of one policy never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardSpan {
    /// The shard's number.
    pub id: ShardId,
    /// Its span (ns), both ends inclusive.
    pub range: TimeRange,
}

/// Bounds and periods of the engine.
#[derive(Clone, Debug)]
pub struct Options {
    /// Memory for rows that are not yet in segments (bytes): at half of it the engine flushes, at all of it writes wait. The
    /// series that are written have as much again; what they take above that is taken from the rows.
    pub run_bytes: u64,
    /// Greatest length of the log (bytes) before the shards that hold it back are flushed.
    pub log_bytes: u64,
    /// Space on the disk that is set aside for flushes (bytes), but never more than an eighth of the disk: as long as it is not
    /// whole, writes are refused. 0 sets none aside.
    pub reserve_bytes: u64,
    /// Rows older than this are flushed.
    pub flush_age: Duration,
    /// Memory for decoded pages, directories and indexes (bytes).
    pub cache_bytes: u64,
    /// Identity of the data folder, in every file's head.
    pub cluster_id: [u8; 16],
    /// The version of the catalog, kept up to date by its owner: the log remembers it, so that an older one is noticed.
    pub catalog_version: Arc<AtomicU64>,
    /// The catalog has given out no shard from this number on: if there is one, the catalog is an older one than it was.
    pub next_shard: ShardId,
    /// Makes the tests of tag values in deletes from what they told of themselves.
    pub read_test: TestReader,
    /// How merges are held back.
    pub merges: Merges,
    /// Where the engine counts.
    pub stats: platform::Stats,
}

/// What became of a batch, apart from its durability.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Rows that were accepted.
    pub accepted: usize,
    /// Rows that were not.
    pub rejected: Rejections,
}

/// Called once a batch is durable and visible, or will never be.
pub type Done = Box<dyn FnOnce(Result<(), StorageError>) + Send>;

/// What a background step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing is due.
    Idle,
    /// Something was done; there may be more.
    Worked,
}

/// Figures of one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardFigures {
    /// Bytes of its segments on disk.
    pub disk_bytes: u64,
    /// Number of its segments.
    pub segments: u64,
    /// Bytes of its rows in memory.
    pub run_bytes: u64,
    /// Deletes that may still take rows of it.
    pub deletes: u64,
    /// The highest slot applied to it.
    pub slot: Slot,
}

/// The storage engine of one node.
#[derive(Debug)]
pub struct Engine {
    pub(crate) world: World,
    pub(crate) options: Options,
    series: SeriesTables,
    files: Files,
    pub(crate) cache: Arc<Cache>,
    pub(crate) manifests: Manifests,
    shards: RwLock<BTreeMap<ShardId, Arc<Shard>>>,
    /// Shards that the catalog has dropped since the start.
    dropped: Mutex<BTreeSet<ShardId>>,
    /// Shards whose manifest is damaged, and what is wrong with it. If there is one, nothing is written.
    broken: Mutex<BTreeMap<ShardId, StorageError>>,
    pub(crate) log_id: [u8; 16],
    log: Mutex<Writer>,
    /// Length of the log, as of the last group.
    log_bytes: AtomicU64,
    waiting: Mutex<Waiting>,
    /// Shared from the check of a batch's types until it has its slot.
    deciding: RwLock<()>,
    /// Something waits for the log.
    arrived: Condvar,
    last_group: LastGroup,
    /// Held over a flush: a shard is in one at a time.
    flushing: Mutex<()>,
    /// Bytes charged for rows in memory, those that wait included.
    run_bytes: AtomicU64,
    /// A batch was refused for want of memory or log space.
    pressed: AtomicBool,
    /// No merge begins or goes on.
    halt: AtomicBool,
    /// Tells the files of this start from those of all others.
    incarnation: u64,
    next_segment: AtomicU64,
    orphans: Mutex<Orphans>,
    pub(crate) compaction: Compaction,
    full: FullDisk,
    torn: Option<String>,
    stats: EngineStats,
}

impl Engine {
    /// Opens the data folder: makes durable what it finds, replays the log for the given shards (rows of others are
    /// skipped), and is ready for readers and writers. With a damaged log or manifest it opens for readers only.
    ///
    /// # Errors
    /// The folder cannot be read, or the log is of another folder or a later release.
    pub fn open(world: World, options: Options, shards: &[ShardSpan]) -> Result<Engine, StorageError> {
        Ok(Self::start(world, options, shards, open::Purpose::Serve)?.engine)
    }

    /// Why the engine takes no writes, in words; `None` if it does.
    #[must_use]
    pub fn closed_because(&self) -> Option<String> {
        self.waiting.lock().check_open().err().map(|error| error.to_string())
    }

    /// Rows that are in memory and in the log, and in no segment yet.
    #[must_use]
    pub fn rows_in_memory(&self) -> u64 {
        self.shards.read().values().map(|shard| shard.rows_in_memory()).sum()
    }

    /// Why writes are refused for now, in words, if it is for a full disk.
    #[must_use]
    pub fn full_because(&self) -> Option<String> {
        let need = self.options.log_bytes / 4;
        self.full.because(&*self.world.disk, self.world.clock.monotonic_ns(), need)
    }

    /// What the start has cut off the end of the log, in words: bytes that were never acknowledged.
    #[must_use]
    pub fn torn_tail(&self) -> Option<&str> {
        self.torn.as_deref()
    }

    /// Takes a batch: looks its series up, checks field types, gives it a slot and queues it for the log. Rows are routed to
    /// the given shards (ascending by time) by their timestamps. What was rejected is known at once; `done` is called by a
    /// later [`Engine::commit_step`] when the accepted rows are durable and visible (at once if there are none).
    ///
    /// # Errors
    /// Nothing was taken, and `done` is not called: memory or log space is short, the disk is full, the engine is closed.
    pub fn submit(
        &self,
        mut batch: Batch,
        keys: &dyn KeyText,
        shards: &[ShardSpan],
        done: Done,
    ) -> Result<Outcome, StorageError> {
        self.try_submit(&mut batch, keys, shards, &mut Some(done), true)
    }

    /// As [`Engine::submit`], but `batch` and `done` stay where they are if there is no room for the batch, so that the
    /// caller can wait and try again without a copy. Unless it `may_wait`, what would read or sync files first, or wait for
    /// another that does, is refused in the same way.
    ///
    /// # Errors
    /// As [`Engine::submit`]; batch and `done` are taken unless the error's kind is `Retry` or `Full`.
    pub fn try_submit(
        &self,
        batch: &mut Batch,
        keys: &dyn KeyText,
        shards: &[ShardSpan],
        done: &mut Option<Done>,
        may_wait: bool,
    ) -> Result<Outcome, StorageError> {
        self.check_room(batch)?;
        let owned = shards.iter().map(|span| self.shard(span.id, may_wait)).collect::<Result<Vec<_>, _>>()?;
        self.settle_types(batch, &owned, may_wait)?;
        let decided = if may_wait { Some(self.deciding.read()) } else { self.deciding.try_read() };
        let _decided = decided.ok_or(StorageError::Busy { what: "types of fields" })?;
        let (batch, done) = (std::mem::take(batch), done.take().unwrap_or_else(|| Box::new(|_| ())));
        let (parts, outcome) = accept::accept(batch, keys, &self.series.current(), shards, &owned);
        if parts.is_empty() {
            done(Ok(()));
            return Ok(outcome);
        }
        let batches = accept::split(parts, self.options.log_bytes / 8);
        let encoded: Vec<LoggedBatch> = batches.into_iter().map(encode_batch).collect();
        self.enqueue(encoded, done)?;
        Ok(outcome)
    }

    /// Writes and syncs all batches that wait, applies them in slot order and calls their `done`. Returns how many there were.
    ///
    /// # Errors
    /// A write or sync of the log failed: no batch is acknowledged any more, the process must exit and recover.
    pub fn commit_step(&self) -> Result<usize, StorageError> {
        self.commit()
    }

    /// Does one piece of the work that writers wait for, if some is due: flush, merge of runs, folding of flush records, trim
    /// of the log.
    ///
    /// # Errors
    /// The disk refused or a file is damaged; the engine stays usable unless the error's kind is `Closed`.
    pub fn flush_step(&self) -> Result<Step, StorageError> {
        self.step(upkeep::FLUSHING)
    }

    /// Does one piece of the work that nobody waits for, if some is due: compaction, removal of files. It may take long, so
    /// that it has a thread of its own, beside the one of [`Engine::flush_step`].
    ///
    /// # Errors
    /// As [`Engine::flush_step`].
    pub fn merge_step(&self) -> Result<Step, StorageError> {
        self.step(upkeep::MERGING)
    }

    /// Does one piece of any background work, for those who have one thread.
    ///
    /// # Errors
    /// As [`Engine::flush_step`].
    pub fn background_step(&self) -> Result<Step, StorageError> {
        match self.flush_step()? {
            Step::Worked => Ok(Step::Worked),
            Step::Idle => self.merge_step(),
        }
    }

    /// Puts all rows in memory into segments.
    ///
    /// # Errors
    /// As [`Engine::flush_step`].
    pub fn flush(&self) -> Result<(), StorageError> {
        self.commit()?;
        self.with_reserve(|| self.flush_shards(|_| true)).map(drop)
    }

    /// Takes no more batches, commits those that wait, flushes, and leaves no rows in the log.
    ///
    /// # Errors
    /// As [`Engine::flush_step`].
    pub fn close(&self) -> Result<(), StorageError> {
        {
            let mut waiting = self.waiting.lock();
            match waiting.condition {
                Condition::Open => waiting.condition = Condition::Closing,
                Condition::Closing => {}
                Condition::ReadOnly(_) => return Ok(()),
                Condition::Poisoned(ref why) => return Err(StorageError::Closed(why.clone())),
            }
        }
        self.flush()?;
        self.with_reserve(|| self.fold_up_to(Slot::MAX))?;
        self.with_reserve(|| {
            let mut log = self.log.lock();
            log.end()?;
            self.note_log(&log);
            Ok(())
        })
    }

    /// Breaks a merge off that is under way, within one series, and begins no other: to be called before the thread that
    /// steps the background is waited for. Everything else goes on.
    pub fn halt_merges(&self) {
        self.halt.store(true, Ordering::Relaxed);
    }

    pub(crate) fn halted(&self) -> bool {
        self.halt.load(Ordering::Relaxed)
    }

    /// Forgets shards that the catalog has dropped: their rows, manifests and files. Views that hold them stay whole.
    ///
    /// # Errors
    /// The disk refused; what is left is removed at the next start.
    pub fn drop_shards(&self, shards: &[ShardId]) -> Result<(), StorageError> {
        self.dropped.lock().extend(shards);
        self.broken.lock().retain(|id, _| !shards.contains(id));
        let _alone = self.flushing.lock();
        let owned: Vec<Option<Arc<Shard>>> = {
            let mut all = self.shards.write();
            shards.iter().map(|id| all.remove(id)).collect()
        };
        let (mut result, is_whole) = (Ok(()), self.closed_because().is_none());
        // A merge under way stops at its next series.
        owned.iter().flatten().for_each(|shard| shard.unmergeable.store(true, Ordering::Relaxed));
        for (id, shard) in shards.iter().zip(owned) {
            let _alone = shard.as_ref().map(|shard| shard.upkeep.lock());
            let segments = shard.as_ref().map(|shard| shard.state.lock().segments.clone()).unwrap_or_default();
            self.release(shard.as_ref().map_or(0, |shard| shard.drop_all()));
            match self.manifests.remove(*id) {
                // Beside damage nobody knows who else needs a file.
                Ok(()) if is_whole => self.discard(&segments),
                Ok(()) => {}
                Err(error) => result = Err(error),
            }
        }
        result
    }

    /// A picture of some shards (ascending by time) as of now: every batch whose `done` was called is in it.
    ///
    /// # Errors
    /// A manifest cannot be read or is damaged.
    pub fn view(&self, shards: &[ShardSpan]) -> Result<View, StorageError> {
        let source = |span: &ShardSpan| {
            if let Some(error) = self.broken.lock().get(&span.id) {
                return Err(error.clone());
            }
            let shard = self.shards.read().get(&span.id).cloned();
            let picture = shard.map(|shard| shard.picture());
            let (segments, runs, tombstones) =
                picture.map(|picture| (picture.segments, picture.runs, picture.tombstones)).unwrap_or_default();
            Ok(ShardSource { span: *span, segments, runs, tombstones })
        };
        Ok(View::new(shards.iter().map(source).collect::<Result<_, _>>()?, self.cache.clone()))
    }

    /// Figures of one shard; zeros if the engine has nothing of it.
    #[must_use]
    pub fn figures(&self, shard: ShardId) -> ShardFigures {
        let Some(shard) = self.shards.read().get(&shard).cloned() else { return ShardFigures::default() };
        let state = shard.state.lock();
        ShardFigures {
            disk_bytes: state.segments.iter().map(|segment| segment.entry().place.len).sum(),
            segments: state.segments.len() as u64,
            run_bytes: state.runs.bytes(),
            deletes: state.tombstones.len() as u64,
            slot: state.applied,
        }
    }

    /// Fails unless the engine takes batches and has room for this one.
    fn check_room(&self, batch: &Batch) -> Result<(), StorageError> {
        let queued = {
            let waiting = self.waiting.lock();
            waiting.check_open()?;
            waiting.bytes
        };
        self.full.check(self.world.clock.monotonic_ns())?;
        let values: usize =
            batch.tables.iter().flat_map(|table| &table.columns).map(|column| column.column.bytes()).sum();
        let bytes = (values + 12 * batch.rows()) as u64;
        let rows = self.run_bytes.load(Ordering::Relaxed);
        let used = rows + self.series.excess();
        let log = self.log_bytes.load(Ordering::Relaxed) + queued;
        let what = match () {
            // What is larger than the whole bound must wait until there is nothing else.
            () if rows == 0 => return Ok(()),
            () if used + bytes > self.options.run_bytes => "memory for writes",
            () if log + bytes > self.options.log_bytes => "log space",
            () => return Ok(()),
        };
        self.pressed.store(true, Ordering::Relaxed);
        Err(StorageError::Busy { what })
    }

    /// The shard of a number; made, as its manifest says, if it is new here and the caller may wait for that.
    fn shard(&self, id: ShardId, may_wait: bool) -> Result<Arc<Shard>, StorageError> {
        if let Some(shard) = self.shards.read().get(&id) {
            return Ok(shard.clone());
        }
        if self.dropped.lock().contains(&id) {
            return Err(StorageError::Invalid(format!("shard {id} was dropped")));
        }
        if !may_wait {
            return Err(StorageError::Busy { what: "a shard" });
        }
        let manifest = self.manifests.load(id)?.map(|(_, manifest)| manifest).unwrap_or_default();
        let shard = self.shard_of(id, &manifest)?;
        Ok(self.shards.write().entry(id).or_insert(shard).clone())
    }

    /// Gives batches of one request their slots; the last one answers for all.
    fn enqueue(&self, mut batches: Vec<LoggedBatch>, done: Done) -> Result<(), StorageError> {
        if let Some(last) = batches.last_mut() {
            last.done = Some(done);
        }
        let chunks = batches.iter().flat_map(|batch| &batch.parts).map(|(_, chunk)| chunk.bytes()).sum();
        let enough = {
            let mut waiting = self.waiting.lock();
            waiting.check_open()?;
            for mut batch in batches {
                let slot = waiting.take_slot();
                batch.parts.iter_mut().for_each(|(_, chunk)| chunk.slots = (slot, slot));
                waiting.bytes += batch.body.len() as u64;
                waiting.queue.push(Entry::Batch(slot, batch));
            }
            let used = self.run_bytes.fetch_add(chunks, Ordering::Relaxed) + chunks;
            self.stats.run_bytes.set(i64::try_from(used).unwrap_or(i64::MAX));
            waiting.queue.len() >= waiting.wanted
        };
        if enough {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// The segment of an entry; nothing is read yet.
    pub(crate) fn segment(&self, entry: &SegmentEntry) -> Arc<Segment> {
        let file = self.files.get(&entry.place.file);
        Arc::new(Segment::new(entry.clone(), file, self.options.cluster_id, self.cache.clone()))
    }

    /// To be called with segments that no manifest and no unfolded flush record names any more, after they have left their
    /// shard's state: files of which no shard has another segment go when the last view of them does.
    pub(crate) fn discard(&self, segments: &[Arc<Segment>]) {
        // No flush may add a segment of one of the files meanwhile; it never does, as each flush makes a file of its own.
        let mut lost: BTreeMap<&str, &Arc<Segment>> =
            segments.iter().map(|segment| (&*segment.entry().place.file, segment)).collect();
        let shards: Vec<Arc<Shard>> = self.shards.read().values().cloned().collect();
        for shard in shards {
            for segment in &shard.state.lock().segments {
                lost.remove(&*segment.entry().place.file);
            }
        }
        lost.values().for_each(|segment| segment.file().doom());
    }

    /// Does what frees memory and log space; on a full disk once more, after the space set aside for it was given up.
    fn with_reserve<T>(&self, work: impl Fn() -> Result<T, StorageError>) -> Result<T, StorageError> {
        match work() {
            Err(error) if error.kind() == ErrorKind::Full && self.full.spend(&*self.world.disk) => work(),
            other => other,
        }
    }

    /// Gives back memory of rows.
    fn release(&self, bytes: u64) {
        let used = self.run_bytes.fetch_sub(bytes, Ordering::Relaxed).saturating_sub(bytes);
        self.stats.run_bytes.set(i64::try_from(used).unwrap_or(i64::MAX));
    }

    fn note_log(&self, log: &Writer) {
        self.log_bytes.store(log.bytes(), Ordering::Relaxed);
        self.stats.log_bytes.set(i64::try_from(log.bytes()).unwrap_or(i64::MAX));
    }

    fn poisoned(&self) -> bool {
        matches!(self.waiting.lock().condition, Condition::Poisoned(_))
    }
}

/// Encodes what of a batch's record depends on no log file.
fn encode_batch(parts: Vec<(Arc<Shard>, Chunk)>) -> LoggedBatch {
    let (shards, parts): (Vec<_>, Vec<_>) = parts
        .into_iter()
        .map(|(shard, chunk)| {
            let id = shard.id;
            (shard, (id, chunk))
        })
        .unzip();
    let mut body = Vec::new();
    encode_body(&parts, &mut body);
    LoggedBatch { shards, parts, body, done: None }
}
