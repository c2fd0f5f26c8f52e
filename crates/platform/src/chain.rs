//! Chains of versions: "append entry n+1 if nobody has". Every change of shared state (the catalog, a manifest) is one.
//!
//! A chain is a folder of objects `NAME-VERSION` (20 digits); the highest version is the state. Versions start at 1. A change
//! reads the latest, makes the next, and appends it; who loses the race (`Ok(false)`) reads again and retries. Bytes of an
//! entry: [`format`].
//!
//! A damaged entry is always an error, never stepped over: the one before it is an older state whose files may be gone, and
//! whose successor promised things. Gaps below the latest are no damage: removals may reach the disk in any order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use thiserror::Error;

use crate::blob::Blobs;
use crate::disk::DiskError;
use crate::random::Random;

mod format;

/// Any bytes as a chain's entry, for the fuzz targets: they get the right checksum and must be refused or decoded.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub fn fuzz_entry(bytes: &[u8]) {
    let sum = crc32fast::hash(bytes);
    let whole = [bytes, &sum.to_le_bytes()].concat();
    if let Ok((header, payload)) = format::decode("entry", whole.clone()) {
        assert_eq!(format::encode(&header, &payload), whole);
    }
}

use format::Header;

/// The version of a chain's first entry.
pub const FIRST_VERSION: u64 = 1;

/// Why a chain could not be read or extended.
#[derive(Debug, Clone, Error)]
pub enum ChainError {
    /// The disk failed. After a failed append the entry may exist or not: read the latest again.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// An entry is not what was written. Restore it, or salvage by hand; nothing here goes around it.
    #[error("`{path}` is damaged at offset {offset}: {what}")]
    Damaged {
        /// The entry's file.
        path: String,
        /// Where in the file the contradiction shows.
        offset: u64,
        /// What contradicts.
        what: String,
    },
    /// An entry is whole, but written in a format of a later release: use that.
    #[error("`{path}` has format version {format}, which this release cannot read")]
    UnknownFormat {
        /// The entry's file.
        path: String,
        /// The version that it claims.
        format: u32,
    },
    /// An entry is whole, but belongs elsewhere: another cluster, chain or version. A file was copied to the wrong place.
    #[error("`{path}` belongs to another {what}")]
    Foreign {
        /// The entry's file.
        path: String,
        /// Which of cluster, chain, version differs.
        what: &'static str,
    },
    /// An append that would leave a gap: a bug of the caller.
    #[error("version {version} cannot follow {latest} in chain `{chain}`")]
    Gap {
        /// Folder and name of the chain.
        chain: String,
        /// The version to be appended.
        version: u64,
        /// The latest there is; 0 for none.
        latest: u64,
    },
}

/// A chain. Clones share it; make one for a folder and name, since its lock keeps appends and deletions apart.
#[derive(Debug, Clone)]
pub struct Chain(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    blobs: Blobs,
    folder: String,
    name: String,
    cluster: [u8; 16],
    random: Arc<dyn Random>,
    /// Held over changes; inside, whether what an earlier process left has been made durable.
    settled: Mutex<bool>,
    /// The first entry of an empty chain has a version above this.
    floor: AtomicU64,
}

/// The file of a version of the chain `name` in `folder`.
#[must_use]
pub fn path(folder: &str, name: &str, version: u64) -> String {
    format!("{folder}/{name}-{version:020}")
}

impl Chain {
    /// The chain `name` (1 to 8 bytes of ASCII letters, digits) in `folder`; nothing is read or written yet.
    pub fn new(blobs: Blobs, folder: &str, name: &str, cluster: [u8; 16], random: Arc<dyn Random>) -> Self {
        debug_assert!((1..=8).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric()), "{name}");
        let (folder, name) = (folder.to_owned(), name.to_owned());
        let (settled, floor) = (Mutex::new(false), AtomicU64::new(FIRST_VERSION - 1));
        Self(Arc::new(Inner { blobs, folder, name, cluster, random, settled, floor }))
    }

    /// The same, of which [`Blobs::settle_all`] has made durable all that earlier processes left.
    #[must_use]
    pub fn settled(self) -> Self {
        *self.0.settled.lock() = true;
        self
    }

    /// The latest version and its payload; `None` for a chain without entries. What it returns is durable.
    pub fn latest(&self) -> Result<Option<(u64, Vec<u8>)>, ChainError> {
        loop {
            let Some(&version) = self.versions()?.last() else { return Ok(None) };
            match self.read(version) {
                // Superseded and deleted since it was listed: there is a later one.
                Err(ChainError::Disk(error)) if error.is_not_found() => {}
                other => return other.map(|payload| Some((version, payload))),
            }
        }
    }

    /// The versions that are there, ascending.
    pub fn versions(&self) -> Result<Vec<u64>, ChainError> {
        self.versions_under(&mut self.0.settled.lock())
    }

    /// The payload of one version.
    pub fn read(&self, version: u64) -> Result<Vec<u8>, ChainError> {
        let path = self.path(version);
        let (header, payload) = format::decode(&path, self.0.blobs.get(&path)?)?;
        let foreign = match () {
            () if header.cluster != self.0.cluster => "cluster",
            () if header.kind != format::kind_of(&self.0.name) => "chain",
            () if header.version != version => "version",
            () => return Ok(payload),
        };
        Err(ChainError::Foreign { path, what: foreign })
    }

    /// Appends an entry; durable when this returns true. False if the chain has that version, or a later one, already. It
    /// must be the successor of the latest, or [`FIRST_VERSION`]; see [`Chain::begin_above`].
    pub fn append(&self, version: u64, payload: &[u8]) -> Result<bool, ChainError> {
        let mut settled = self.0.settled.lock();
        let floor = self.0.floor.load(Ordering::SeqCst);
        let latest = self.versions_under(&mut settled)?.last().copied().unwrap_or(floor);
        if version <= latest {
            return Ok(false);
        }
        if version != latest + 1 {
            return Err(ChainError::Gap { chain: format!("{}/{}", self.0.folder, self.0.name), version, latest });
        }
        let kind = format::kind_of(&self.0.name);
        let header = Header { kind, version, cluster: self.0.cluster, put_id: self.0.random.id() };
        Ok(self.0.blobs.put_if_absent(&self.path(version), &format::encode(&header, payload))?)
    }

    /// Lets the chain, which has no entries, begin with the version after `floor`: its entries were taken away, and those to come must
    /// not be taken for older ones.
    pub fn begin_above(&self, floor: u64) {
        self.0.floor.store(floor, Ordering::SeqCst);
    }

    /// Deletes the versions below `version`, but never the latest. A power cut may bring some back, which does no harm.
    pub fn delete_below(&self, version: u64) -> Result<(), ChainError> {
        let mut settled = self.0.settled.lock();
        let versions = self.versions_under(&mut settled)?;
        let Some((_latest, older)) = versions.split_last() else { return Ok(()) };
        for &old in older.iter().take_while(|old| **old < version) {
            self.0.blobs.delete(&self.path(old))?;
        }
        Ok(())
    }

    fn path(&self, version: u64) -> String {
        path(&self.0.folder, &self.0.name, version)
    }

    /// Lists; the first time, makes durable what is found: a process killed between rename and sync left an entry that can be
    /// seen and yet be gone after a power cut.
    fn versions_under(&self, settled: &mut bool) -> Result<Vec<u64>, ChainError> {
        let inner = &*self.0;
        let mut versions = Vec::new();
        for name in inner.blobs.list(&inner.folder)? {
            if let Some(digits) = name.strip_prefix(&inner.name).and_then(|rest| rest.strip_prefix('-')) {
                versions.push(self.parse_version(&name, digits)?);
            }
        }
        if let (false, Some(&head)) = (*settled, versions.last()) {
            inner.blobs.settle(&inner.folder, Some(&self.path(head)))?;
        }
        *settled = true;
        Ok(versions)
    }

    fn parse_version(&self, name: &str, digits: &str) -> Result<u64, ChainError> {
        let plain = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
        let version = digits.parse().ok().filter(|version| plain && *version >= FIRST_VERSION && *version < u64::MAX);
        version.ok_or_else(|| ChainError::Damaged {
            path: format!("{}/{name}", self.0.folder),
            offset: 0,
            what: "its name has no version in 20 digits".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
