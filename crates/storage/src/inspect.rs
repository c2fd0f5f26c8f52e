//! What is on disk, for people and for checks: shards, segments, columns, codecs, sizes, cardinality, damage.
//!
//! Everything is read, nothing is written, and no lock is needed: files of segments are never changed, and a shard whose
//! manifest changes while it is read (by a running server) is read again.

use crate::cache::Cache;
use crate::engine::{check_catalog, check_log, check_shards, check_version, highest};
use crate::error::{ErrorKind, StorageError};
use crate::log::batch::LoggedPart;
use crate::log::dictionary::ReaderDictionary;
use crate::log::recover::{Found, Replay, scan};
use crate::loss::{Loss, told};
use crate::manifest::{Manifest, Manifests, SegmentEntry};
use crate::segment::{Files, Segment, inspect};
use crate::{ShardId, Slot};
use model::{FieldType, Text, TimeRange};
use platform::{Blobs, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Memory for what is decoded.
const CACHE: u64 = 16 << 20;
/// How often a shard that changes is read again.
const PATIENCE: usize = 8;

/// Blocks of one codec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodecReport {
    /// How many blocks.
    pub blocks: u64,
    /// Values in them.
    pub values: u64,
    /// Bytes of them, headers included.
    pub bytes: u64,
}

/// A column of a measurement in a segment, over all its column groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnReport {
    /// Name and type of the field; `None` for the timestamps.
    pub field: Option<(Text, FieldType)>,
    /// Pages.
    pub pages: usize,
    /// Values in them.
    pub values: u64,
    /// Bytes of its blocks.
    pub bytes: u64,
    /// Bytes that it takes in the directory: statistics, checksums, offsets.
    pub directory_bytes: u64,
    /// Of these, statistics.
    pub statistics_bytes: u64,
    /// Its blocks by codec.
    pub codecs: BTreeMap<&'static str, CodecReport>,
}

/// A tag key of a measurement in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagReport {
    /// The key.
    pub key: Text,
    /// Distinct values.
    pub values: usize,
}

/// A measurement in a segment.
#[derive(Clone, Debug)]
pub struct MeasurementReport {
    /// Its name.
    pub name: Text,
    /// Rows; one that falls into several column groups counts once in each.
    pub rows: u64,
    /// Series.
    pub series: u32,
    /// Bounds of the times (ns).
    pub range: TimeRange,
    /// Bytes of the index of its series.
    pub index_bytes: u64,
    /// Bytes of the directory of its pages.
    pub directory_bytes: u64,
    /// Column groups.
    pub groups: usize,
    /// Its tag keys.
    pub tags: Vec<TagReport>,
    /// The timestamps, then the fields.
    pub columns: Vec<ColumnReport>,
}

/// A segment.
#[derive(Clone, Debug)]
pub struct SegmentReport {
    /// Its file, relative to the data folder.
    pub file: String,
    /// Where in the file it begins.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// How many merges made it.
    pub level: u32,
    /// The lowest and the highest slot whose rows may be in it.
    pub slots: (Slot, Slot),
    /// Bounds of the times (ns).
    pub range: TimeRange,
    /// Rows.
    pub rows: u64,
    /// Ascending by name.
    pub measurements: Vec<MeasurementReport>,
    /// What is damaged.
    pub damage: Vec<StorageError>,
}

/// A shard.
#[derive(Clone, Debug)]
pub struct ShardReport {
    /// Its number.
    pub id: ShardId,
    /// The version of its manifest; `None` if it has none yet.
    pub version: Option<u64>,
    /// Deletes that are not purged yet.
    pub tombstones: usize,
    /// Ascending by slots; those that only the log names yet come last.
    pub segments: Vec<SegmentReport>,
    /// What is damaged beside segments.
    pub damage: Vec<StorageError>,
}

impl ShardReport {
    /// All that is damaged.
    pub fn all_damage(&self) -> impl Iterator<Item = &StorageError> {
        self.damage.iter().chain(self.segments.iter().flat_map(|segment| &segment.damage))
    }
}

/// The log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogReport {
    /// The slot that the next batch gets.
    pub next_slot: Slot,
    /// What is lost.
    pub damage: Vec<Loss>,
    /// What the next start cuts off, in words: it was never acknowledged.
    pub torn: Option<String>,
}

/// What storage has on disk.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order asked for.
    pub shards: Vec<ShardReport>,
    /// The log.
    pub log: LogReport,
}

/// What is known of the catalog.
#[derive(Clone, Copy, Debug)]
pub struct Catalog {
    /// Its version.
    pub version: u64,
    /// The number of the next shard.
    pub next_shard: ShardId,
}

/// Describes the shards and the log of a data folder. With `verify` every checksum is compared, every page and every record of the
/// log decoded, and it is looked whether log, manifests and catalog know of later ones of each other.
///
/// # Errors
/// The disk refuses, or the log is of another data folder. Damage is no error: it stands in the report.
pub fn report(
    world: &World,
    cluster: [u8; 16],
    shards: &[ShardId],
    verify: Option<&dyn Fn() -> Option<Catalog>>,
) -> Result<Report, StorageError> {
    let manifests = Manifests::new(Blobs::new(world.disk.clone()), cluster, world.random.clone());
    let found = look_at_log(&|| match verify {
        Some(catalog) => scan_whole(world, &cluster, &manifests, catalog),
        None => scan(world, &cluster),
    })?;
    let files = Files::new(world.disk.clone());
    let reader = Reader { manifests, files, cluster, verify: verify.is_some() };
    let shards = shards.iter().map(|&id| reader.shard(id, &found)).collect::<Result<_, _>>()?;
    let log = LogReport { next_slot: found.next_slot, damage: found.damage, torn: found.torn };
    Ok(Report { shards, log })
}

/// The log as it is. Beside a server, files come and go while they are read: what fails or looks damaged is looked at again as
/// long as it does not look the same twice.
fn look_at_log(scan: &dyn Fn() -> Result<Found, StorageError>) -> Result<Found, StorageError> {
    let (mut before, mut patience) = (None, PATIENCE);
    loop {
        let result = match scan() {
            Err(error @ StorageError::Damaged { .. }) => Ok(Found::of_damage(Loss::from(&error))),
            other => other,
        };
        let told = match &result {
            Ok(found) => told(&found.damage),
            Err(error) => error.to_string(),
        };
        patience -= 1;
        if told.is_empty() || before.as_ref() == Some(&told) || patience == 0 {
            return result;
        }
        before = Some(told);
    }
}

/// Reads the log whole, and looks for what a start would find lost beside what a scan does. Beside a server manifests are read
/// before the log and the catalog after it: each may know less than what is read next, never more.
fn scan_whole(
    world: &World,
    cluster: &[u8; 16],
    manifests: &Manifests,
    catalog: &dyn Fn() -> Option<Catalog>,
) -> Result<Found, StorageError> {
    let known = manifests.shards()?;
    let whole = known.iter().filter_map(|&id| Some((id, manifests.load(id).ok()??.1))).collect();
    let mut found = scan(world, cluster)?;
    let mut lost = found.replay(world, &mut Nobody)?;
    lost.extend(check_log(&found, highest(&whole)));
    if let Some(catalog) = catalog() {
        lost.extend(check_catalog(&found, catalog.version));
        lost.extend(check_shards(&found, known, catalog.next_shard));
    }
    found.damage.extend(lost);
    Ok(found)
}

/// Takes nothing of a replay.
struct Nobody;

impl Replay for Nobody {
    fn begin(&mut self) {}

    fn batch(&mut self, _: Vec<LoggedPart>, _: &ReaderDictionary) -> Result<(), StorageError> {
        Ok(())
    }

    fn delete(&mut self, _: Slot, _: &ReaderDictionary) -> Result<(), StorageError> {
        Ok(())
    }
}

struct Reader {
    manifests: Manifests,
    files: Files,
    cluster: [u8; 16],
    verify: bool,
}

impl Reader {
    fn shard(&self, id: ShardId, found: &Found) -> Result<ShardReport, StorageError> {
        let mut patience = PATIENCE;
        loop {
            let (version, manifest) = match self.manifests.load(id) {
                Ok(Some((version, manifest))) => (Some(version), manifest),
                Ok(None) => (None, Manifest::default()),
                Err(error) if error.kind() == ErrorKind::Damaged => {
                    return Ok(ShardReport {
                        id,
                        version: None,
                        tombstones: 0,
                        segments: Vec::new(),
                        damage: vec![error],
                    });
                }
                Err(error) => return Err(error),
            };
            let mut report = self.describe(id, version, &manifest, found);
            report.damage.extend(check_version(found, id, version.map(|version| (version, manifest))).err());
            patience -= 1;
            if report.all_damage().next().is_none() || patience == 0 {
                return Ok(report);
            }
            // A merge that committed meanwhile has removed files that this manifest names.
            if self.manifests.load(id).is_ok_and(|now| now.map(|(version, _)| version) == version) {
                return Ok(report);
            }
        }
    }

    fn describe(&self, id: ShardId, version: Option<u64>, manifest: &Manifest, found: &Found) -> ShardReport {
        let folded = manifest.folded_up_to();
        let logged = found.flushes.iter().filter(|(slot, _)| *slot > folded).flat_map(|(_, flushed)| flushed);
        let logged = logged.filter(|flushed| flushed.shard == id).filter_map(|flushed| flushed.entry.as_ref());
        let segment = |entry: &SegmentEntry| {
            let file = self.files.get(&entry.place.file);
            let segment = Segment::new(entry.clone(), file, self.cluster, Arc::new(Cache::new(CACHE)));
            inspect::inspect(&segment, self.verify)
        };
        ShardReport {
            id,
            version,
            tombstones: manifest.tombstones.len(),
            segments: manifest.segments.iter().chain(logged).map(segment).collect(),
            damage: Vec::new(),
        }
    }
}
