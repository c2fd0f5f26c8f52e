//! Segments: sorted rows of one shard on disk, immutable, each complete in itself.
//!
//! A segment holds, per measurement, column groups of pages and blocks (`group`), the directory that describes them with
//! the pages' statistics (`directory`, `stats`), and the index of its series (`index`). A [`Writer`] makes one
//! of a stream of series; a [`Segment`] reads one. The bytes stand in [`format`], `directory` and `index`.

pub(crate) mod directory;
mod file;
pub(crate) mod format;
mod group;
pub(crate) mod index;
mod reader;
mod stats;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use file::Files;
pub(crate) use format::Identity;
pub(crate) use reader::{PageId, Segment};
#[cfg(test)]
pub(crate) use writer::write;
pub(crate) use writer::{Summary, Writer};
