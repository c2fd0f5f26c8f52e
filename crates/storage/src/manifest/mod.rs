//! Manifests: what a shard consists of. One chain of versions a shard ([`platform::chain`]), in a folder of its own.
//!
//! A change loads the latest version, makes the next state with pure code, and commits it as version n+1; whoever loses
//! the race reads again and retries. Every state is checked by [`check`] before it is written and after it is read.

mod format;
mod invariants;
mod tables;
#[cfg(test)]
mod tests;

#[cfg(feature = "fuzzing")]
pub(crate) use format::decode;
pub(crate) use format::{put_entry, take_entry};
pub(crate) use invariants::check;
pub(crate) use tables::Tables;

use crate::error::{ErrorKind, StorageError};
use crate::log::state::Known;
use crate::schema::{FieldId, FieldKey};
use crate::{ShardId, Slot};
use model::{Text, TimeRange};
use parking_lot::Mutex;
use platform::{Blobs, Chain, ChainError, Random};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where the folders of the chains are.
pub(crate) const FOLDER: &str = "manifests";
const CHAIN: &str = "manifest";

/// Where a segment lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SegmentRef {
    /// The file, relative to the data folder.
    pub(crate) file: String,
    /// Offset of its first byte.
    pub(crate) offset: u64,
    /// Its length in bytes.
    pub(crate) len: u64,
}

/// A segment as its shard's manifest and the log's flush records name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentEntry {
    /// Where it lies.
    pub(crate) place: SegmentRef,
    /// The lowest and the highest slot whose rows may be in it.
    pub(crate) slots: (Slot, Slot),
    /// Bounds of its times (ns).
    pub(crate) range: TimeRange,
    /// Its rows, as the segment counts them.
    pub(crate) rows: u64,
    /// The measurements that it may have.
    pub(crate) tables: Tables,
    /// How many merges made it: 0 from a flush, else one more than the greatest of its inputs.
    pub(crate) level: u32,
    /// All deletes up to this slot have been applied to its rows; 0 or anything below its highest slot says nothing.
    pub(crate) purged: Slot,
    /// All its blocks are as small as they get: it had its last merge.
    pub(crate) cold: bool,
}

/// The fields of one measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MeasurementSchema {
    /// The measurement.
    pub(crate) measurement: Text,
    /// Its fields, ascending by id.
    pub(crate) fields: Vec<FieldKey>,
}

/// The state of a shard on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// The segments, ascending by slots.
    pub(crate) segments: Vec<SegmentEntry>,
    /// The schema, ascending by measurement.
    pub(crate) schema: Vec<MeasurementSchema>,
    /// Above every field id ever given in this shard.
    pub(crate) next_field: FieldId,
    /// For each log (by its id, ascending) the slot up to which its flush and delete records are folded in here.
    pub(crate) folded: Vec<([u8; 16], Slot)>,
    /// All rows up to this slot are in segments, or deleted.
    pub(crate) flushed: Slot,
    /// The deletes that may still take rows of the segments: slot and predicate, ascending by slot.
    pub(crate) tombstones: Vec<(Slot, Vec<u8>)>,
    /// Whether a delete was ever folded in: the schema may name fields of which no row is left.
    pub(crate) is_deleted: bool,
}

impl Manifest {
    /// The slot up to which flush and delete records are folded in, of whatever log; 0 for none. A log that takes the place of
    /// a lost one goes on above all slots that manifests know.
    pub(crate) fn folded_up_to(&self) -> Slot {
        self.folded.iter().map(|(_, slot)| *slot).max().unwrap_or(0)
    }

    /// Notes that a log's flush records are folded in up to `slot`; never goes back.
    pub(crate) fn fold_up_to(&mut self, log: [u8; 16], slot: Slot) {
        match self.folded.binary_search_by(|(id, _)| id.cmp(&log)) {
            Ok(at) => self.folded[at].1 = self.folded[at].1.max(slot),
            Err(at) => self.folded.insert(at, (log, slot)),
        }
    }

    /// Adds fields to a measurement's schema where they are new, and raises `next_field` above them. One of a name that is
    /// there under a lower id takes its place: all rows with that one are deleted.
    pub(crate) fn add_fields(&mut self, measurement: &[u8], fields: &[FieldKey]) {
        let at = match self.schema.binary_search_by(|entry| (*entry.measurement).cmp(measurement)) {
            Ok(at) => at,
            Err(at) => {
                self.schema.insert(at, MeasurementSchema { measurement: measurement.into(), fields: Vec::new() });
                at
            }
        };
        let known = &mut self.schema[at].fields;
        self.next_field = fields.iter().fold(self.next_field, |next, field| next.max(field.id.saturating_add(1)));
        if fields.iter().all(|field| known.binary_search_by(|key| key.id.cmp(&field.id)).is_ok()) {
            return;
        }
        // By name, as there may be very many.
        let mut newest: BTreeMap<Text, FieldKey> = known.drain(..).map(|key| (key.name.clone(), key)).collect();
        for field in fields {
            let standing = newest.entry(field.name.clone()).or_insert_with(|| field.clone());
            if standing.id < field.id {
                *standing = field.clone();
            }
        }
        known.extend(newest.into_values());
        known.sort_unstable_by_key(|key| key.id);
    }

    /// Puts one segment, or nothing, in the place of some that follow each other; `None` if they are not all there, or not
    /// neighbours.
    #[must_use]
    pub(crate) fn replace(&self, old: &[SegmentRef], new: Option<SegmentEntry>) -> Option<Manifest> {
        let first = self.segments.iter().position(|entry| Some(&entry.place) == old.first())?;
        let range = first..first + old.len();
        let found = self.segments.get(range.clone())?;
        if !found.iter().map(|entry| &entry.place).eq(old) {
            return None;
        }
        let mut next = self.clone();
        next.segments.splice(range, new);
        Some(next)
    }
}

/// A version and its bytes.
type Payload = (u64, Arc<[u8]>);

/// The chains of all shards of a data folder.
#[derive(Debug)]
pub(crate) struct Manifests {
    blobs: Blobs,
    cluster: [u8; 16],
    random: Arc<dyn Random>,
    /// One chain a shard, made when first asked for: its lock keeps appends and deletions apart.
    chains: Mutex<BTreeMap<ShardId, Chain>>,
    /// The versions that this process has seen, for the log's state.
    known: Arc<Known>,
    /// Whether all that earlier processes left is durable.
    is_settled: AtomicBool,
    /// The latest payload of each shard: what a file must hold even if its bytes have changed since.
    kept: Mutex<BTreeMap<ShardId, Payload>>,
}

impl Manifests {
    /// The manifests of a data folder; nothing is read yet.
    pub(crate) fn new(blobs: Blobs, cluster: [u8; 16], random: Arc<dyn Random>) -> Self {
        let (chains, kept, is_settled) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        Self { blobs, cluster, random, chains, known: Arc::default(), is_settled, kept }
    }

    /// The same, telling the versions to `known`.
    pub(crate) fn with_known(mut self, known: Arc<Known>) -> Self {
        self.known = known;
        self
    }

    /// Makes durable what earlier processes left of all manifests, at once: of very many, one by one would take minutes. Where
    /// that fails it is done for each when it is first loaded.
    pub(crate) fn settle_all(&self) {
        self.is_settled.store(self.blobs.settle_all().is_ok(), Ordering::Relaxed);
    }

    /// The latest version of a shard's manifest; `None` if it has none. What it returns is durable. One that this process has
    /// read or written before is returned even if the file has been damaged since: the next commit takes its place.
    pub(crate) fn load(&self, shard: ShardId) -> Result<Option<(u64, Manifest)>, StorageError> {
        let damaged =
            |version: u64, what: String| StorageError::Damaged { file: path(shard, version), offset: 0, what };
        let kept = self.kept.lock().get(&shard).cloned();
        let (version, bytes) = match self.chain(shard).latest().map_err(chain_error) {
            Ok(Some((version, bytes))) if kept.as_ref().is_none_or(|(known, _)| version >= *known) => {
                (version, bytes.into())
            }
            Ok(_) => match kept {
                Some(kept) => kept,
                None => return Ok(None),
            },
            Err(error) if error.kind() == ErrorKind::Damaged => kept.ok_or(error)?,
            Err(error) => return Err(error),
        };
        let manifest = format::decode(&bytes).map_err(|error| damaged(version, error.to_string()))?;
        check(&manifest).map_err(|what| damaged(version, what.to_owned()))?;
        self.keep(shard, version, bytes);
        Ok(Some((version, manifest)))
    }

    fn keep(&self, shard: ShardId, version: u64, bytes: Arc<[u8]>) {
        self.known.manifests.lock().insert(shard, version);
        self.kept.lock().insert(shard, (version, bytes));
    }

    /// Commits a state as `version`, which must be one above the latest (1 for the first); durable when this returns true.
    /// False: somebody else has committed that version; load again and retry.
    pub(crate) fn commit(&self, shard: ShardId, version: u64, manifest: &Manifest) -> Result<bool, StorageError> {
        check(manifest).map_err(|what| StorageError::Bug(format!("manifest of shard {shard}: {what}")))?;
        let bytes = format::encode(manifest);
        let is_new = self.chain(shard).append(version, &bytes).map_err(chain_error)?;
        if is_new {
            self.keep(shard, version, bytes.into());
        }
        Ok(is_new)
    }

    /// Deletes the versions below `version`.
    pub(crate) fn trim(&self, shard: ShardId, version: u64) -> Result<(), StorageError> {
        self.chain(shard).delete_below(version).map_err(chain_error)
    }

    /// Deletes all versions of a shard that the catalog has dropped.
    pub(crate) fn remove(&self, shard: ShardId) -> Result<(), StorageError> {
        let folder = folder(shard);
        self.forget(shard);
        let names = self.blobs.list(&folder)?;
        if names.is_empty() {
            return Ok(());
        }
        // Oldest first: what a kill in between leaves is a chain, not an older state.
        for name in names {
            self.blobs.delete(&format!("{folder}/{name}"))?;
        }
        self.blobs.disk().remove_dir(&folder)?;
        Ok(())
    }

    /// Forgets what it knows of a shard whose files were taken away.
    pub(crate) fn forget(&self, shard: ShardId) {
        self.chains.lock().remove(&shard);
        self.kept.lock().remove(&shard);
        self.known.manifests.lock().remove(&shard);
    }

    /// Lets the manifest of a shard, whose files were taken away, begin above a version: whoever remembers that one must not take the
    /// new one for older.
    pub(crate) fn begin_above(&self, shard: ShardId, version: u64) {
        self.chain(shard).begin_above(version);
        self.kept.lock().insert(shard, (version, format::encode(&Manifest::default()).into()));
    }

    /// The shards that have a folder here, ascending.
    pub(crate) fn shards(&self) -> Result<Vec<ShardId>, StorageError> {
        let mut shards: Vec<ShardId> = self.blobs.list(FOLDER)?.iter().filter_map(|name| name.parse().ok()).collect();
        shards.sort_unstable();
        Ok(shards)
    }

    fn chain(&self, shard: ShardId) -> Chain {
        let make = || {
            let chain = Chain::new(self.blobs.clone(), &folder(shard), CHAIN, self.cluster, self.random.clone());
            if self.is_settled.load(Ordering::Relaxed) { chain.settled() } else { chain }
        };
        self.chains.lock().entry(shard).or_insert_with(make).clone()
    }
}

/// The folder of a shard's manifest.
pub(crate) fn folder(shard: ShardId) -> String {
    format!("{FOLDER}/{shard}")
}

/// The file of a version.
pub(crate) fn path(shard: ShardId, version: u64) -> String {
    platform::chain::path(&folder(shard), CHAIN, version)
}

/// An error of a chain as one of storage.
pub(crate) fn chain_error(error: ChainError) -> StorageError {
    match error {
        ChainError::Disk(error) => error.into(),
        ChainError::Damaged { path, offset, what } => StorageError::Damaged { file: path, offset, what },
        ChainError::UnknownFormat { ref path, .. } | ChainError::Foreign { ref path, .. } => {
            StorageError::Damaged { file: path.clone(), offset: 0, what: error.to_string() }
        }
        ChainError::Gap { .. } => StorageError::Bug(error.to_string()),
    }
}
