//! A data folder: files read and written at offsets, and the names in their folders.
//!
//! Paths are relative to the data folder, parts joined by `/` (`log/0001.log`); `""` is the data folder itself. Two
//! implementations: [`LocalDisk`] on a real folder, [`crate::sim::SimDisk`] in memory, which loses what a power cut may lose.
//!
//! What holds, and what does not, is the contract of POSIX, no more: bytes are durable after `sync_data` of the file *and*
//! `sync_dir` of the folder that names it; before that, any part of them, in any order, may be missing after a crash. A sync
//! that failed may have thrown the bytes away: syncing again proves nothing, the bytes must be written again elsewhere.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use thiserror::Error;

mod local;
mod path;

pub use local::{LOCK_FILE, LocalDisk, read_text};
pub(crate) use path::check_dir;
pub use path::{check_path, parent};

/// What disk operations return.
pub type Result<T, E = DiskError> = std::result::Result<T, E>;

/// An operation on the disk that failed: which, where and why.
#[derive(Debug, Clone, Error)]
#[error("cannot {operation} `{path}`: {cause}")]
pub struct DiskError {
    /// The operation as a verb: "read", "write", "sync" ...
    pub operation: &'static str,
    /// The path as the caller gave it, relative to the data folder.
    pub path: String,
    /// Why it failed.
    pub cause: Cause,
}

/// Why a disk operation failed.
#[derive(Debug, Clone, Error)]
pub enum Cause {
    /// The operating system said no.
    #[error("{text}")]
    Io {
        /// The kind, to decide on.
        kind: io::ErrorKind,
        /// The system's words, to print.
        text: String,
    },
    /// A read reached past the end of the file.
    #[error("{wanted} bytes at offset {offset} were asked for, but the file ends at {length}")]
    ShortRead {
        /// Where the read began.
        offset: u64,
        /// How many bytes it wanted.
        wanted: u64,
        /// The length of the file.
        length: u64,
    },
    /// The path is absolute, empty, or has a part that is empty, `.` or `..`.
    #[error("not a path inside the data folder")]
    BadPath,
    /// Another process holds the data folder.
    #[error("the data folder is in use by another process{0}")]
    InUse(String),
    /// The folder is not empty and was never a data folder.
    #[error("the folder holds files of another program; choose an empty one for the data")]
    Foreign,
    /// The folder is missing, or was never a data folder.
    #[error("not a data folder")]
    NoData,
    /// The data folder was opened for reading alone.
    #[error("the data folder was opened for reading alone")]
    ReadOnly,
    /// An earlier sync of this folder failed, so that nobody knows which of its names are durable; a restart finds out.
    #[error("an earlier sync of this folder failed; restart to go on")]
    Doubtful,
    /// The simulated machine has no power, or the handle is from before its last crash.
    #[error("the power is off")]
    PoweredOff,
}

impl DiskError {
    /// Wraps an error of the operating system.
    pub fn io(operation: &'static str, path: &str, error: &io::Error) -> Self {
        Self { operation, path: path.to_owned(), cause: Cause::Io { kind: error.kind(), text: error.to_string() } }
    }

    /// An error with a cause of our own.
    pub fn new(operation: &'static str, path: &str, cause: Cause) -> Self {
        Self { operation, path: path.to_owned(), cause }
    }

    /// No space left (or the quota is used up): free some and try again.
    pub fn is_full(&self) -> bool {
        matches!(self.kind(), Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }

    /// The file or folder does not exist.
    pub fn is_not_found(&self) -> bool {
        self.kind() == Some(io::ErrorKind::NotFound)
    }

    /// The file exists already.
    pub fn is_already_exists(&self) -> bool {
        self.kind() == Some(io::ErrorKind::AlreadyExists)
    }

    /// The simulated power is off; never from a real disk.
    pub fn is_powered_off(&self) -> bool {
        matches!(self.cause, Cause::PoweredOff)
    }

    /// A read reached past the end of the file.
    pub fn is_short_read(&self) -> bool {
        matches!(self.cause, Cause::ShortRead { .. })
    }

    /// Something that is there could not be read: nothing was changed, and other files may be whole.
    pub fn is_unreadable(&self) -> bool {
        matches!(self.operation, "read" | "open" | "measure" | "list" | "look up") && !self.is_powered_off()
    }

    fn kind(&self) -> Option<io::ErrorKind> {
        match self.cause {
            Cause::Io { kind, .. } => Some(kind),
            _ => None,
        }
    }
}

/// A data folder. All calls block; all may come from several threads at once.
pub trait Disk: Send + Sync + Debug {
    /// Creates a folder and those above it where missing; they are durable when this returns. An existing one is no error.
    fn create_dir(&self, dir: &str) -> Result<()>;

    /// Removes an empty folder; not durable before the folder above is synced.
    fn remove_dir(&self, dir: &str) -> Result<()>;

    /// The names (not paths) of files and folders in a folder, sorted by bytes; empty if the folder is missing.
    fn list(&self, dir: &str) -> Result<Vec<String>>;

    /// Whether a file or folder of this path exists.
    fn exists(&self, path: &str) -> Result<bool>;

    /// The length of a file in bytes.
    fn len(&self, path: &str) -> Result<u64>;

    /// Creates an empty file for reading and writing; fails ([`DiskError::is_already_exists`]) if it exists.
    fn create(&self, path: &str) -> Result<Arc<dyn DiskFile>>;

    /// Opens an existing file for reading and writing.
    fn open(&self, path: &str) -> Result<Arc<dyn DiskFile>>;

    /// Renames a file, replacing `to` if it exists: after a crash `to` is the old or the new file, never neither. Open handles
    /// go on with the file, not with its name.
    fn rename(&self, from: &str, to: &str) -> Result<()>;

    /// Removes a file; open handles can still use it. Not durable before its folder is synced.
    fn remove(&self, path: &str) -> Result<()>;

    /// Makes the names in a folder durable: what was created, renamed or removed in it.
    fn sync_dir(&self, dir: &str) -> Result<()>;

    /// Makes all names and bytes of the data folder durable, and whatever else waits on its file system: one call for very many
    /// files, which takes as long as all of that does.
    fn sync_file_system(&self) -> Result<()>;

    /// Bytes that this process could still write.
    fn free_bytes(&self) -> Result<u64>;

    /// Bytes of the whole file system, used or not.
    fn total_bytes(&self) -> Result<u64>;
}

/// An open file.
pub trait DiskFile: Send + Sync + Debug {
    /// The path that it was opened under.
    fn path(&self) -> &str;

    /// Fills `buf` from `offset`; a file that ends before is [`Cause::ShortRead`].
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()>;

    /// Writes all of `bytes` at `offset`; a gap behind the end reads as zeros. After an error any part may be written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()>;

    /// Makes written bytes, and the length needed to read them, durable (fdatasync).
    fn sync_data(&self) -> Result<()>;

    /// Makes bytes and metadata durable (fsync).
    fn sync_all(&self) -> Result<()>;

    /// Cuts the file, or extends it by zeros that may take no space yet.
    fn set_len(&self, len: u64) -> Result<()>;

    /// The length in bytes.
    fn len(&self) -> Result<u64>;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Extends the file to `len` and takes the space for that, so that nobody else gets it; not durable, what it reads as is
    /// left open. Where the file system cannot do so the zeros are written.
    fn reserve(&self, len: u64) -> Result<()>;

    /// Extends the file to `len` by written and synced zeros, so that overwriting them later needs neither space nor a sync of
    /// metadata. Bytes that are there stay. If it fails (disk full), the file is cut back to what it was.
    fn preallocate(&self, len: u64) -> Result<()> {
        const ZEROS: &[u8] = &[0; 1 << 18];
        let start = self.len()?;
        let extend = || {
            let mut at = start;
            while at < len {
                let n = (len - at).min(ZEROS.len() as u64);
                self.write_at(at, &ZEROS[..n as usize])?;
                at += n;
            }
            self.sync_all()
        };
        extend().inspect_err(|_| {
            // Best effort: the caller gets the first error, and a file too long is no harm.
            let _ = self.set_len(start);
        })
    }
}

#[cfg(test)]
mod tests;
