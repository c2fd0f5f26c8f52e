//! What can go wrong in storage, sorted by what the caller must do.

use platform::DiskError;
use thiserror::Error;

/// What the caller must do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Try again later: memory or log space is short (HTTP 503).
    Retry,
    /// The request is wrong and stays wrong (HTTP 400).
    Invalid,
    /// A file is damaged or missing: tell the operator, serve what is whole.
    Damaged,
    /// The disk is full (HTTP 507).
    Full,
    /// The disk could not read, or a file could not be opened (HTTP 500): what else there is may be whole.
    Unreadable,
    /// The engine has stopped taking writes: shutting down, read-only or poisoned by a failed sync.
    Closed,
    /// A rule of ours is broken.
    Bug,
}

/// An error of the storage engine.
#[derive(Clone, Debug, Error)]
pub enum StorageError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file does not hold what it should.
    #[error("{file} is damaged at offset {offset}: {what}")]
    Damaged {
        /// The file, relative to the data folder.
        file: String,
        /// Offset in it, bytes.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// A file that should be there is not.
    #[error("{file} is missing: {what}")]
    Missing {
        /// The file, relative to the data folder.
        file: String,
        /// Who misses it, or what to do.
        what: String,
    },
    /// Memory for runs or log space is used up.
    #[error("engine: {what} limit exceeded, try again later")]
    Busy {
        /// Which bound was met.
        what: &'static str,
    },
    /// The request cannot be stored as it is.
    #[error("{0}")]
    Invalid(String),
    /// The engine takes no writes any more.
    #[error("engine is closed: {0}")]
    Closed(String),
    /// Something was lost before the start, as it says: what is whole is served, and no writes are taken.
    #[error("no writes are taken until `alluvium salvage` has run, as something is lost: {0}")]
    ReadOnly(String),
    /// A rule of ours is broken.
    #[error("internal error: {0}")]
    Bug(String),
}

impl StorageError {
    /// What the caller must do.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Disk(error) if error.is_full() => ErrorKind::Full,
            Self::Disk(error) if error.is_unreadable() => ErrorKind::Unreadable,
            Self::Disk(_) | Self::Closed(_) | Self::ReadOnly(_) => ErrorKind::Closed,
            Self::Damaged { .. } | Self::Missing { .. } => ErrorKind::Damaged,
            Self::Busy { .. } => ErrorKind::Retry,
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::Bug(_) => ErrorKind::Bug,
        }
    }
}
