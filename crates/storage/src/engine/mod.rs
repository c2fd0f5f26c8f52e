//! The engine: owns log, runs, segments and manifests of all shards of a node, and does its work in steps.

use crate::error::StorageError;
use crate::view::View;
use crate::{ShardId, Slot};
use model::{Batch, FieldType, KeyError, KeyText, Text, TimeRange};
use platform::World;
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
    /// Memory for rows that are not yet in segments (bytes): at half of it the engine flushes, at all of it writes wait.
    pub run_bytes: u64,
    /// Greatest length of the log (bytes) before the shards that hold it back are flushed.
    pub log_bytes: u64,
    /// Rows older than this are flushed.
    pub flush_age: Duration,
    /// Memory for decoded pages, directories and indexes (bytes).
    pub cache_bytes: u64,
    /// Identity of the data folder, in every file's head.
    pub cluster_id: [u8; 16],
}

/// What became of a batch, apart from its durability.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Rows that were accepted.
    pub accepted: usize,
    /// Rows that were not, in the order of the request.
    pub rejected: Vec<Rejected>,
}

/// A row that was not accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejected {
    /// Offset of the row's raw key in the batch's text.
    pub key_start: u32,
    /// Why.
    pub reason: RejectReason,
}

/// Why a row was not accepted.
#[derive(Clone, Debug, PartialEq)]
pub enum RejectReason {
    /// Its key names no series.
    Key(KeyError),
    /// A field of it has another type in its shard.
    TypeConflict {
        /// The measurement.
        measurement: Text,
        /// The field.
        field: Text,
        /// The type in the request.
        given: FieldType,
        /// The type in the shard.
        existing: FieldType,
    },
    /// Its time is in none of the given shards.
    NoShard,
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
    /// The highest slot applied to it.
    pub slot: Slot,
}

/// The storage engine of one node.
#[derive(Debug)]
pub struct Engine {}

impl Engine {
    /// Opens the data folder: makes durable what it finds, replays the log for the given shards (rows of others are
    /// skipped), and is ready for readers and writers.
    ///
    /// # Errors
    /// The folder cannot be read, or a file that everything hangs on is damaged.
    pub fn open(_world: World, _options: Options, _shards: &[ShardSpan]) -> Result<Engine, StorageError> {
        todo!()
    }

    /// Takes a batch: looks its series up, checks field types, gives it a slot and queues it for the log. Rows are routed to
    /// the given shards (ascending by time) by their timestamps. What was rejected is known at once; `done` is called by a
    /// later [`Engine::commit_step`] when the accepted rows are durable and visible (at once if there are none).
    ///
    /// # Errors
    /// Nothing was taken, and `done` is not called: memory or log space is short, the disk is full, the engine is closed.
    pub fn submit(
        &self,
        _batch: Batch,
        _keys: &dyn KeyText,
        _shards: &[ShardSpan],
        _done: Done,
    ) -> Result<Outcome, StorageError> {
        todo!()
    }

    /// Writes and syncs all batches that wait, applies them in slot order and calls their `done`. Returns how many there were.
    ///
    /// # Errors
    /// A write or sync of the log failed: no batch is acknowledged any more, the process must exit and recover.
    pub fn commit_step(&self) -> Result<usize, StorageError> {
        todo!()
    }

    /// Waits until a batch waits for the log, at most `timeout`; for the committer's loop.
    pub fn wait_for_batches(&self, _timeout: Duration) {
        todo!()
    }

    /// Does one piece of background work, if some is due: merge of runs, flush, folding of flush records, trim of the log,
    /// compaction, removal of files.
    ///
    /// # Errors
    /// The disk refused or a file is damaged; the engine stays usable unless the error's kind is `Closed`.
    pub fn background_step(&self) -> Result<Step, StorageError> {
        todo!()
    }

    /// Puts all rows in memory into segments.
    ///
    /// # Errors
    /// As [`Engine::background_step`].
    pub fn flush(&self) -> Result<(), StorageError> {
        todo!()
    }

    /// Takes no more batches, commits those that wait, flushes, and leaves no rows in the log.
    ///
    /// # Errors
    /// As [`Engine::background_step`].
    pub fn close(&self) -> Result<(), StorageError> {
        todo!()
    }

    /// Forgets shards that the catalog has dropped: their rows, manifests and files. Views that hold them stay whole.
    ///
    /// # Errors
    /// The disk refused; what is left is removed at the next start.
    pub fn drop_shards(&self, _shards: &[ShardId]) -> Result<(), StorageError> {
        todo!()
    }

    /// A picture of some shards (ascending by time) as of now: every batch whose `done` was called is in it.
    ///
    /// # Errors
    /// A manifest cannot be read or is damaged.
    pub fn view(&self, _shards: &[ShardSpan]) -> Result<View, StorageError> {
        todo!()
    }

    /// Figures of one shard; zeros if the engine has nothing of it.
    #[must_use]
    pub fn figures(&self, _shard: ShardId) -> ShardFigures {
        todo!()
    }
}
