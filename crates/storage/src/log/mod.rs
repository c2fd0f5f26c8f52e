//! The log: what makes a batch durable before it is in a segment.
//!
//! One log a node, a sequence of files. The committer appends one record for each batch (and flush, and delete) and syncs once for all
//! that wait; a start reads the files back. A file stands alone: it defines the series, measurements and fields that its
//! records name by number, and no number of another file or of memory is in it.
//!
//! * [`format`] – file heads and records, byte by byte
//! * [`batch`], [`flush`] – the payloads of records
//! * [`dictionary`] – the definitions of one file, for writing and for reading; `parts` – series keys in them; `copies` –
//!   where their second copies go
//! * [`append`] – the writer
//! * [`state`] – which files there must be
//! * [`recover`] – what is found at a start: torn tail, damage, rows
//!
//! Always: slots of records ascend by one through all files; a record that was acknowledged is followed, sooner or later, by
//! one that claims it durable, so that its loss is damage and never taken for the end of the log.

pub(crate) mod append;
pub(crate) mod batch;
mod copies;
pub(crate) mod dictionary;
pub(crate) mod flush;
pub(crate) mod format;
mod parts;
pub(crate) mod recover;
pub(crate) mod state;
#[cfg(test)]
mod tests;

/// The folder of the log.
pub(crate) const FOLDER: &str = "log";
