//! What is done in the background, one piece a step: flush, sorting, folding and trimming the log, compaction, orphans.

use super::commit::Condition;
use super::shard::{Change, Shard};
use super::{Engine, Step};
use crate::compact;
use crate::error::StorageError;
use crate::log::append::make_spare;
use crate::{ShardId, Slot};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Unsorted rows of a shard are sorted before a reader asks if they are more than this share of the memory for rows.
const SEAL_SHARE: u64 = 8;
/// Deletes that are not applied to a shard's rows in memory, above which they are (number).
const SEAL_FENCES: usize = 64;

/// One kind of work: says whether it did something.
type Work = fn(&Engine) -> Result<bool, StorageError>;

/// What writers wait for, most urgent first.
pub(super) const FLUSHING: &[Work] = &[
    Engine::relieve_log,
    |engine| engine.with_reserve(|| engine.flush_due()),
    Engine::seal_due,
    |engine| engine.with_reserve(|| engine.trim_log()),
    Engine::renew_reserve,
    Engine::prepare_log,
];
/// What nobody waits for.
pub(super) const MERGING: &[Work] = &[Engine::remove_orphans, Engine::compact];

impl Engine {
    pub(super) fn step(&self, steps: &[Work]) -> Result<Step, StorageError> {
        match &self.waiting.lock().condition {
            Condition::Open => {}
            Condition::Closing | Condition::ReadOnly(_) => return Ok(Step::Idle),
            Condition::Poisoned(why) => return Err(StorageError::Closed(why.clone())),
        }
        for step in steps {
            if step(self)? {
                return Ok(Step::Worked);
            }
        }
        Ok(Step::Idle)
    }

    /// Flushes what memory, log or age demand.
    fn flush_due(&self) -> Result<bool, StorageError> {
        if self.pressed.swap(false, Ordering::Relaxed) && self.flush_shards(|_| true)? {
            return Ok(true);
        }
        self.series.forget(self.world.clock.monotonic_ns());
        let rows = self.run_bytes.load(Ordering::Relaxed);
        // A series table that was left goes with the last rows of its series.
        let series_full = rows > 0 && self.series.excess() > 0;
        if rows > self.options.run_bytes / 2 || series_full {
            return self.flush_shards(|shard| !shard.state.lock().runs.is_empty());
        }
        if self.log_bytes.load(Ordering::Relaxed) > self.options.log_bytes / 2
            && let Some(slot) = self.last_old_slot()
            && self.flush_shards(|shard| shard.state.lock().runs.oldest().is_some_and(|oldest| oldest <= slot))?
        {
            return Ok(true);
        }
        let age = u64::try_from(self.options.flush_age.as_nanos()).unwrap_or(u64::MAX);
        let before = self.world.clock.monotonic_ns().saturating_sub(age);
        let aged = |shard: &Shard| {
            let state = shard.state.lock();
            !state.runs.is_empty() && state.since_ns < before
        };
        let any = self.shards.read().values().any(|shard| aged(shard));
        Ok(any && self.flush_shards(aged)?)
    }

    /// The last slot of the older half of the log's files; `None` if one file is all there is.
    fn last_old_slot(&self) -> Option<Slot> {
        let log = self.log.lock();
        let old = log.old_files();
        old.get(old.len() / 2).map(|file| file.last_slot)
    }

    /// Sets space aside again after a full disk.
    fn renew_reserve(&self) -> Result<bool, StorageError> {
        self.full.renew(&*self.world.disk, self.world.clock.monotonic_ns())
    }

    /// Makes the next log file ready before it is needed.
    fn prepare_log(&self) -> Result<bool, StorageError> {
        let Some(len) = self.log.lock().wants_spare()? else { return Ok(false) };
        make_spare(&self.world, len)?;
        self.log.lock().take_spare()?;
        Ok(true)
    }

    /// Sorts the rows of a shard that has many unsorted ones.
    fn seal_due(&self) -> Result<bool, StorageError> {
        let many = |shard: &&Arc<Shard>| {
            let runs = &shard.state.lock().runs;
            runs.pending_bytes() > self.options.run_bytes / SEAL_SHARE || runs.fences() > SEAL_FENCES
        };
        let shard = self.shards.read().values().find(many).cloned();
        if let Some(shard) = &shard {
            let is_large = shard.state.lock().runs.pending_bytes() > self.options.run_bytes / SEAL_SHARE;
            shard.seal(is_large);
        }
        Ok(shard.is_some())
    }

    /// Trims a long log before anything else: writers that come as fast as rows are flushed must not put it off for ever.
    fn relieve_log(&self) -> Result<bool, StorageError> {
        let long = self.log_bytes.load(Ordering::Relaxed) > self.options.log_bytes / 2;
        // An error is told of by the step of its own: it must not keep rows from being flushed.
        Ok(long && self.trim_log().unwrap_or(false))
    }

    /// Removes the log's files whose rows are in segments, after the flush records in them are folded into manifests.
    pub(super) fn trim_log(&self) -> Result<bool, StorageError> {
        let rows = self.oldest(|shard| shard.state.lock().runs.oldest());
        let count = {
            let log = self.log.lock();
            log.old_files().iter().take_while(|file| file.last_slot < rows).map(|file| file.last_slot).last()
        };
        let Some(last_slot) = count else { return Ok(false) };
        self.fold_up_to(last_slot)?;
        let mut log = self.log.lock();
        let unfolded = |shard: &Shard| shard.state.lock().unfolded.first().map(|(slot, _)| *slot);
        let bound = self.oldest(|shard| shard.state.lock().runs.oldest()).min(self.oldest(unfolded));
        let free = log.old_files().iter().take_while(|file| file.last_slot < bound).count();
        log.trim(free)?;
        self.note_log(&log);
        Ok(free > 0)
    }

    fn oldest(&self, of: impl Fn(&Shard) -> Option<Slot>) -> Slot {
        self.shards.read().values().filter_map(|shard| of(shard)).min().unwrap_or(Slot::MAX)
    }

    /// Folds flush records up to a slot into the manifests of their shards.
    pub(super) fn fold_up_to(&self, last_slot: Slot) -> Result<(), StorageError> {
        let due = |shard: &Shard| shard.state.lock().unfolded.first().is_some_and(|(slot, _)| *slot <= last_slot);
        let shards: Vec<Arc<Shard>> = self.shards.read().values().filter(|shard| due(shard)).cloned().collect();
        shards.iter().try_for_each(|shard| self.fold(shard))
    }

    /// Folds all flush records of a shard into its manifest.
    pub(crate) fn fold(&self, shard: &Shard) -> Result<(), StorageError> {
        let _alone = shard.upkeep.lock();
        let unfolded = shard.state.lock().unfolded.clone();
        let Some(last) = unfolded.last().map(|(slot, _)| *slot) else { return Ok(()) };
        loop {
            let (version, mut manifest) = self.manifests.load(shard.id)?.unwrap_or_default();
            let folded = manifest.folded_up_to();
            for (_, change) in unfolded.iter().filter(|(slot, _)| *slot > folded) {
                let Change::Flush(flushed) = change else {
                    manifest.is_deleted = true;
                    continue;
                };
                manifest.segments.extend(flushed.entry.clone());
                manifest.flushed = manifest.flushed.max(flushed.k);
                flushed.schema.iter().for_each(|entry| manifest.add_fields(&entry.measurement, &entry.fields));
            }
            manifest.fold_up_to(self.log_id, last);
            manifest.tombstones = shard.state.lock().tombstones_for(last, |_| false, None);
            if self.manifests.commit(shard.id, version + 1, &manifest)? {
                let mut state = shard.state.lock();
                state.unfolded.retain(|(slot, _)| *slot > last);
                state.folded = state.folded.max(last);
                drop(state);
                return self.manifests.trim(shard.id, version + 1);
            }
        }
    }

    /// Merges segments, if some should be. A merge may take long, so it waits while the log fills: writers would be refused
    /// for it.
    fn compact(&self) -> Result<bool, StorageError> {
        if self.log_bytes.load(Ordering::Relaxed) > self.options.log_bytes / 4 {
            return Ok(false);
        }
        let shards: Vec<Arc<Shard>> = self.shards.read().values().cloned().collect();
        compact::step(self, &shards)
    }

    /// Whether writes are refused for want of space on the disk.
    pub(crate) fn is_full(&self) -> bool {
        self.full.is_spent()
    }

    /// Removes, once, what earlier starts left and nothing names.
    fn remove_orphans(&self) -> Result<bool, StorageError> {
        let orphans = std::mem::take(&mut *self.orphans.lock());
        if orphans.is_empty() {
            return Ok(false);
        }
        for path in orphans.files {
            match self.world.disk.remove(&path) {
                Err(error) if !error.is_not_found() => return Err(error.into()),
                _ => {}
            }
        }
        // A number that is in use by now was given again: an older catalog has taken the place of the latest.
        let is_free = |shard: &ShardId| !self.shards.read().contains_key(shard);
        orphans.shards.into_iter().filter(is_free).try_for_each(|shard| self.manifests.remove(shard))?;
        Ok(true)
    }
}
