//! The storage engine of one node: what is written becomes durable, visible and, in time, compact.
//!
//! A write goes `engine::submit` -> `series` (raw key to node-local id) -> `log` (one record a request, group commit) ->
//! `run` (rows in memory, visible) -> flush -> `segment` (pages, statistics, index, checksums) -> `manifest` (one chain of
//! versions a shard). A query takes a [`View`]: an immutable picture of some shards (manifest version, unfolded flush
//! records, runs up to a slot), asks it for a [`SeriesSet`] and walks each series as [`Cut`]s, whose statistics answer
//! whole pages and whose columns decode on demand; before that, a [`Band`] may answer or be ruled out with all its series.
//!
//! There is no hidden thread here: whoever owns the [`Engine`] calls [`Engine::commit_step`] and
//! [`Engine::background_step`]. Files, clock and randomness come from `platform`, so that a simulator can take over.
//!
//! Storage knows nothing of queries, HTTP, users or names of databases: shards are numbers that the catalog gave out.

mod cache;
mod compact;
mod delete;
pub mod engine;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod inspect;
mod log;
mod loss;
mod manifest;
mod run;
pub mod schema;
mod segment;
mod series;
pub mod view;

pub use compact::Merges;
pub use delete::{Deletion, TestReader};
pub use engine::{Engine, Options, Outcome, RejectReason, Rejected, Rejections, ShardSpan};
pub use error::{ErrorKind, StorageError};
pub use loss::{Loss, MissingSegment, Stray};
pub use schema::{FieldId, FieldKey};
pub use segment::Reads;
pub use view::{
    Band, Block, Bounds, Check, Cut, Footprint, LastRows, NumberStats, Scalar, Scan, SeriesRows, SeriesSet, Stats,
    Sweep, TagCondition, TagTest, View,
};

/// A shard's number: given out by the catalog, never used again.
pub type ShardId = u64;
/// A place in the log, which is also the version of the batch that stands there. Slots begin at 1.
pub type Slot = u64;

/// Where segments are.
const SEGMENTS_FOLDER: &str = "segments";
