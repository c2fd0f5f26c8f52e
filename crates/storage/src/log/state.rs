//! What the log consists of, in a chain of versions of its own in the log's folder (`log/state-NUMBER`, see
//! [`platform::chain`]): the oldest file that is needed and the newest that was begun. So a file that somebody removed, or whose
//! heads are lost, is missed, and one that came back after its removal is not.
//!
//! It also names the versions of the catalog and of the manifests as of when it was written: an older one than that is not
//! the latest, however whole it looks.
//!
//! A version is written before the first record goes to a new file, and before files are removed.
//!
//! ```text
//! payload
//!   format                1 byte: 1
//!   log id                16 bytes
//!   oldest file, newest file, first slot of the newest, version of the catalog: varints
//!   number of shards (varint); each: shard, version of its manifest (varints)
//! ```

use super::FOLDER;
use crate::error::StorageError;
use crate::manifest::chain_error;
use crate::{ShardId, Slot};
use codec::{CodecError, Reader, put_u64};
use parking_lot::Mutex;
use platform::{Blobs, Chain, Random, chain};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const CHAIN: &str = "state";
const FORMAT: u8 = 1;

/// Versions of what is kept elsewhere, as this process knows them.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Of the catalog.
    pub(crate) catalog: Arc<AtomicU64>,
    /// Of the manifests.
    pub(crate) manifests: Mutex<BTreeMap<ShardId, u64>>,
}

/// The state of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogState {
    pub(crate) log_id: [u8; 16],
    /// The number of the oldest file that is needed.
    pub(crate) oldest: u64,
    /// The number of the newest file that may have a record.
    pub(crate) newest: u64,
    /// The first slot of the newest.
    pub(crate) first_slot: Slot,
    /// The version of the catalog, at least.
    pub(crate) catalog: u64,
    /// The versions of the manifests, at least.
    pub(crate) manifests: Vec<(ShardId, u64)>,
}

impl LogState {
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        out.extend_from_slice(&self.log_id);
        for number in [self.oldest, self.newest, self.first_slot, self.catalog, self.manifests.len() as u64] {
            put_u64(&mut out, number);
        }
        for (shard, version) in &self.manifests {
            put_u64(&mut out, *shard);
            put_u64(&mut out, *version);
        }
        out
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// It is no such payload.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != FORMAT {
            return Err(CodecError::Invalid("the log's state has a format of a later release"));
        }
        let log_id = *reader.take(16)?.first_chunk().ok_or(CodecError::Invalid("log id"))?;
        let (oldest, newest, first_slot, catalog) =
            (reader.varint()?, reader.varint()?, reader.varint()?, reader.varint()?);
        let mut manifests = Vec::new();
        for _ in 0..reader.count(reader.remaining())? {
            manifests.push((reader.varint()?, reader.varint()?));
        }
        reader.finish()?;
        Ok(Self { log_id, oldest, newest, first_slot, catalog, manifests })
    }
}

/// The chain of states.
#[derive(Clone, Debug)]
pub(crate) struct States {
    chain: Chain,
    known: Arc<Known>,
}

impl States {
    /// The states of the log of a data folder; nothing is read yet.
    pub(crate) fn new(blobs: Blobs, cluster: [u8; 16], random: Arc<dyn Random>, known: Arc<Known>) -> Self {
        Self { chain: Chain::new(blobs, FOLDER, CHAIN, cluster, random), known }
    }

    /// The latest state with its version; `None` if no file was ever begun.
    ///
    /// # Errors
    /// The disk refused, or the state is damaged.
    pub(crate) fn load(&self) -> Result<Option<(u64, LogState)>, StorageError> {
        let Some((version, bytes)) = self.chain.latest().map_err(chain_error)? else { return Ok(None) };
        let damaged = |error: CodecError| StorageError::Damaged {
            file: chain::path(FOLDER, CHAIN, version),
            offset: 0,
            what: error.to_string(),
        };
        Ok(Some((version, LogState::decode(&bytes).map_err(damaged)?)))
    }

    /// The latest version by name, readable or not; 0 if there is none.
    ///
    /// # Errors
    /// The disk refused.
    pub(crate) fn latest_version(&self) -> Result<u64, StorageError> {
        Ok(self.chain.versions().map_err(chain_error)?.last().copied().unwrap_or(0))
    }

    /// Writes a state, with the versions that are known, as the successor of `version`; durable when this returns.
    ///
    /// # Errors
    /// The disk refused: whether it was written nobody knows, unless the disk is full.
    pub(crate) fn put(&self, version: u64, mut state: LogState) -> Result<(), StorageError> {
        state.catalog = state.catalog.max(self.known.catalog.load(Ordering::SeqCst));
        state.manifests = self.known.manifests.lock().iter().map(|(&shard, &version)| (shard, version)).collect();
        if !self.chain.append(version + 1, &state.encode()).map_err(chain_error)? {
            return Err(StorageError::Bug(format!("the log's state {} was written by another", version + 1)));
        }
        // What cannot be removed now goes with the next one.
        let _ = self.chain.delete_below(version + 1);
        Ok(())
    }
}
