//! Segments: sorted rows of one shard on disk, immutable, each complete in itself.
//!
//! A segment holds, per measurement, column groups of pages and blocks (`group`), the directory that describes them with
//! the pages' statistics (`directory`, `stats`), and the index of its series (`index`). A [`Writer`] makes one
//! of a stream of series; a [`Segment`] reads one, [`find`] finds them in a file. `reads` counts
//! what a thread reads of them. The bytes stand in [`format`], `directory` and `index`.

mod block;
mod cells;
pub(crate) mod directory;
mod file;
mod find;
pub(crate) mod format;
mod group;
pub(crate) mod index;
mod lanes;
mod reader;
mod reads;
mod stats;
#[cfg(test)]
mod tests;
mod windows;
mod writer;

pub(crate) use block::{PageRows, WholeBlock};
pub(crate) use file::Files;
pub(crate) use find::{contents_of, find};
pub(crate) use format::Identity;
pub(crate) use group::{FILLED_ROWS, Rows};
pub(crate) use lanes::{Plan, SetId};
pub(crate) use reader::{PageId, Segment, inspect};
pub use reads::Reads;
pub(crate) use stats::FieldStats;
pub(crate) use windows::{Stretch, window_of_stretches};
#[cfg(test)]
pub(crate) use writer::write;
pub(crate) use writer::{Summary, Writer};
