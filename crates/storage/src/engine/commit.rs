//! Group commit: what waits is written and synced together, applied in slot order and acknowledged.
//!
//! Locks, in this order: the log (held over a whole group, so that slots are applied in order), what waits (held for a push
//! or a swap), a shard's state. `done`s are called with no lock held.

use super::shard::Shard;
use super::{Done, Engine};
use crate::delete::Tombstone;
use crate::error::StorageError;
use crate::log::append::{Content, Writer};
use crate::log::flush::FlushedShard;
use crate::run::Chunk;
use crate::segment::Segment;
use crate::{ShardId, Slot};
use std::sync::Arc;

/// Whether the engine takes writes.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    /// It does.
    Open,
    /// Something is lost, as it says; what is whole is served.
    ReadOnly(String),
    /// It is being closed, or is closed.
    Closing,
    /// The log's state is unknown.
    Poisoned(String),
}

/// What waits for the log.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) condition: Condition,
    pub(super) next_slot: Slot,
    pub(super) queue: Vec<Entry>,
    /// Bytes of the queue's records, about.
    pub(super) bytes: u64,
    /// The committer gathers a group and need not be woken before so many wait; 0 if it does not.
    pub(super) wanted: usize,
}

/// The rows of a batch with a slot.
pub(super) struct LoggedBatch {
    pub(super) shards: Vec<Arc<Shard>>,
    pub(super) parts: Vec<(ShardId, Chunk)>,
    pub(super) body: Vec<u8>,
    pub(super) done: Option<Done>,
}

/// One shard of a flush.
#[derive(Debug)]
pub(super) struct Swap {
    pub(super) shard: Arc<Shard>,
    pub(super) flushed: FlushedShard,
    /// `None` if all rows were deleted.
    pub(super) segment: Option<Arc<Segment>>,
}

/// What has a slot.
pub(super) enum Entry {
    Batch(Slot, LoggedBatch),
    Flush(Slot, Vec<u8>, Vec<Swap>, Done),
    Delete(Slot, Vec<u8>, Vec<Arc<Shard>>, Vec<Arc<Tombstone>>, Done),
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Entry({})", self.slot())
    }
}

impl Entry {
    fn slot(&self) -> Slot {
        match self {
            Self::Batch(slot, _) | Self::Flush(slot, ..) | Self::Delete(slot, ..) => *slot,
        }
    }

    fn content(&self) -> Content<'_> {
        match self {
            Self::Batch(_, batch) => Content::Batch(&batch.parts, &batch.body),
            Self::Flush(_, payload, ..) => Content::Flush(payload),
            Self::Delete(_, payload, ..) => Content::Delete(payload),
        }
    }
}

/// A `done` with what to tell it.
type Answer = (Done, Result<(), StorageError>);

impl Waiting {
    /// Fails unless batches are taken.
    pub(super) fn check_open(&self) -> Result<(), StorageError> {
        match &self.condition {
            Condition::Closing => Err(StorageError::Closed("it is shutting down".into())),
            _ => self.check_whole(),
        }
    }

    /// Fails where rows in memory must not be flushed either.
    pub(super) fn check_whole(&self) -> Result<(), StorageError> {
        match &self.condition {
            Condition::Open | Condition::Closing => Ok(()),
            Condition::ReadOnly(why) => Err(StorageError::ReadOnly(why.clone())),
            Condition::Poisoned(why) => Err(StorageError::Closed(why.clone())),
        }
    }

    /// Gives the next slot.
    pub(super) fn take_slot(&mut self) -> Slot {
        let slot = self.next_slot;
        self.next_slot += 1;
        slot
    }
}

impl Engine {
    pub(super) fn commit(&self) -> Result<usize, StorageError> {
        let mut answers = Vec::new();
        let result = self.commit_group(&mut self.log.lock(), &mut answers);
        for (done, answer) in answers {
            done(answer);
        }
        // Nobody waits for the claim.
        if result.is_ok() && self.waiting.lock().queue.is_empty() {
            self.log.lock().claim().inspect_err(|error| self.poison(error))?;
        }
        result
    }

    fn commit_group(&self, log: &mut Writer, answers: &mut Vec<Answer>) -> Result<usize, StorageError> {
        let (queue, condition) = {
            let mut waiting = self.waiting.lock();
            waiting.bytes = 0;
            (std::mem::take(&mut waiting.queue), waiting.condition.clone())
        };
        if let Condition::Poisoned(why) = condition {
            let error = StorageError::Closed(why);
            self.refuse(queue, &error, answers);
            return Err(error);
        }
        if queue.is_empty() {
            return Ok(0);
        }
        let begun = self.world.clock.monotonic_ns();
        let failed = queue.iter().try_fold(0, |added, entry| {
            log.add(entry.slot(), &entry.content()).map(|()| added + 1).map_err(|error| (added, error))
        });
        let synced = match &failed {
            Err((_, StorageError::Closed(why))) => Err(StorageError::Closed(why.clone())),
            _ => log.sync().map(drop),
        };
        let mut queue = queue;
        let rest = queue.split_off(queue.partition_point(|entry| entry.slot() <= log.durable()));
        let batches = queue.iter().filter(|entry| matches!(entry, Entry::Batch(..))).count();
        queue.into_iter().for_each(|entry| self.apply(entry, answers));
        self.note_log(log);
        self.stats.syncs.inc();
        self.last_group.note(batches, self.world.clock.monotonic_ns().saturating_sub(begun));
        if let Err(error) = synced {
            self.poison(&error);
            self.refuse(rest, &error, answers);
            let late = std::mem::take(&mut self.waiting.lock().queue);
            self.refuse(late, &error, answers);
            return Err(error);
        }
        if let Err((_, error)) = failed {
            self.give_back(rest, &error, answers);
        }
        Ok(batches)
    }

    /// Takes no more batches: nobody knows what is in the log.
    fn poison(&self, error: &StorageError) {
        self.waiting.lock().condition = Condition::Poisoned(error.to_string());
    }

    /// Answers entries that were not logged, and all that wait behind them, with an error; their slots are free again.
    fn give_back(&self, rest: Vec<Entry>, error: &StorageError, answers: &mut Vec<Answer>) {
        let mut waiting = self.waiting.lock();
        if let Some(first) = rest.first() {
            waiting.next_slot = first.slot();
        }
        waiting.bytes = 0;
        let late = std::mem::take(&mut waiting.queue);
        drop(waiting);
        self.full.set(self.world.clock.monotonic_ns(), error);
        self.refuse(rest, error, answers);
        self.refuse(late, error, answers);
    }

    fn refuse(&self, entries: Vec<Entry>, error: &StorageError, answers: &mut Vec<Answer>) {
        for entry in entries {
            let done = match entry {
                Entry::Batch(_, batch) => {
                    self.release(batch.parts.iter().map(|(_, chunk)| chunk.bytes()).sum());
                    batch.done
                }
                Entry::Flush(.., done) | Entry::Delete(.., done) => Some(done),
            };
            answers.extend(done.map(|done| (done, Err(error.clone()))));
        }
    }

    /// Makes a durable entry visible.
    fn apply(&self, entry: Entry, answers: &mut Vec<Answer>) {
        let now = self.world.clock.monotonic_ns();
        match entry {
            Entry::Batch(slot, batch) => {
                let mut parts =
                    batch.shards.into_iter().zip(batch.parts.into_iter().map(|(_, chunk)| chunk)).peekable();
                while let Some((shard, chunk)) = parts.next() {
                    self.stats.rows.add(chunk.times.len() as u64);
                    let mut chunks = vec![chunk];
                    while let Some((_, chunk)) = parts.next_if(|(other, _)| Arc::ptr_eq(other, &shard)) {
                        self.stats.rows.add(chunk.times.len() as u64);
                        chunks.push(chunk);
                    }
                    self.release(shard.apply(slot, chunks, now));
                }
                self.stats.batches.inc();
                answers.extend(batch.done.map(|done| (done, Ok(()))));
            }
            Entry::Flush(slot, _, swaps, done) => {
                for swap in swaps {
                    self.release(swap.shard.end_flush(slot, &swap.flushed, swap.segment, now));
                }
                self.stats.flushes.inc();
                answers.push((done, Ok(())));
            }
            Entry::Delete(slot, _, shards, tombstones, done) => {
                shards.iter().for_each(|shard| shard.delete(slot, &tombstones));
                self.stats.deletes.inc();
                answers.push((done, Ok(())));
            }
        }
    }
}
