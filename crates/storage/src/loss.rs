//! What a start has found lost, for those who must do something about it: always a file, and whose it is where that is known.
//!
//! The text of a [`Loss`] is one line, `FILE: WHAT`, and is read back from the note of an unfinished salvage.

use crate::ShardId;
use crate::error::StorageError;
use model::{Text, TimeRange};
use std::fmt;

/// Something that is lost or damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The file or folder, relative to the data folder.
    pub file: String,
    /// The shard whose rows it concerns, if there is only one.
    pub shard: Option<ShardId>,
    /// What is wrong with it.
    pub what: String,
}

/// A segment whose file is gone: queries that may need its rows fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingSegment {
    /// Its file, relative to the data folder.
    pub file: String,
    /// Its shard.
    pub shard: ShardId,
    /// Its rows; one that falls into several column groups counts once in each.
    pub rows: u64,
    /// Bounds of the times (ns).
    pub range: TimeRange,
    /// The measurements that it may have, sorted.
    pub measurements: Vec<Text>,
}

/// Segments that no manifest names, of a shard whose manifest is lost or that the catalog does not know: a salvage sets them aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Their shard.
    pub shard: ShardId,
    /// How many there are. Those that were merged into others may be among them, so that rows count twice.
    pub segments: u64,
    /// Their rows.
    pub rows: u64,
    /// Bounds of their times (ns).
    pub range: TimeRange,
}

impl Loss {
    pub(crate) fn new(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self { file: file.into(), shard: None, what: what.into() }
    }

    /// The same, of one shard.
    pub(crate) fn of(self, shard: ShardId) -> Self {
        Self { shard: Some(shard), ..self }
    }

    /// The loss that a text tells of.
    pub(crate) fn read(line: &str) -> Self {
        let (file, what) = line.split_once(": ").unwrap_or(("damaged", line));
        Self::new(file, what)
    }
}

impl From<&StorageError> for Loss {
    fn from(error: &StorageError) -> Self {
        match error {
            StorageError::Damaged { file, offset, what } => Self::new(file, format!("at offset {offset}: {what}")),
            StorageError::Missing { file, what } => Self::new(file, format!("it is missing: {what}")),
            StorageError::Disk(error) => Self::new(&error.path, error.to_string()),
            other => Self::new("", other.to_string()),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.file, self.what)
    }
}

/// Losses as one text.
pub(crate) fn told(losses: &[Loss]) -> String {
    losses.iter().map(Loss::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_names_its_file_and_is_read_back() {
        let damaged = StorageError::Damaged { file: "log/1.log".to_owned(), offset: 7, what: "a: b".to_owned() };
        let loss = Loss::from(&damaged);
        assert_eq!(loss.to_string(), "log/1.log: at offset 7: a: b");
        assert_eq!(Loss::read(&loss.to_string()), loss);
        let missing = StorageError::Missing { file: "manifests/1/m".to_owned(), what: "the log names it".to_owned() };
        assert_eq!(Loss::from(&missing).of(1).to_string(), "manifests/1/m: it is missing: the log names it");
    }
}
