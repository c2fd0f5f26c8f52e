//! A start: what the disk has is made durable, the shards' manifests are read, the log is replayed.

use super::commit::{Condition, Waiting};
use super::full::FullDisk;
use super::gather::LastGroup;
use super::shard::{Change, Shard, ShardState};
use super::stats::EngineStats;
use super::{Engine, Options, ShardSpan};
use crate::SEGMENTS_FOLDER;
use crate::cache::Cache;
use crate::compact::Compaction;
use crate::delete::{LoggedDelete, Tombstone};
use crate::error::{ErrorKind, StorageError};
use crate::log::append::Writer;
use crate::log::batch::LoggedPart;
use crate::log::dictionary::ReaderDictionary;
use crate::log::recover::{Found, Replay, scan};
use crate::log::state::{Known, States};
use crate::loss::{Loss, told};
use crate::manifest::{self, Manifest, Manifests};
use crate::run::Chunk;
use crate::schema::Schema;
use crate::segment::Files;
use crate::series::{NO_SERIES, SeriesId, SeriesTable, SeriesTables};
use crate::{ShardId, Slot};
use parking_lot::{Condvar, Mutex, RwLock};
use platform::{Blobs, World};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A series table is left when it is so many flush ages old, and at least so old (ns).
const SERIES_AGE: u64 = 6;
const SERIES_AGE_NS: u64 = 600_000_000_000;

/// Shards above which their manifests are made durable by one sync of the file system: each takes two otherwise, which is some
/// milliseconds, and the file system may have much of others to write.
const MANY_SHARDS: usize = 64;

/// Files and manifests that nothing names.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    pub(super) files: Vec<String>,
    pub(super) shards: Vec<ShardId>,
}

impl Orphans {
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.shards.is_empty()
    }
}

/// What a data folder is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// For readers, and for writers if nothing is lost.
    Serve,
    /// To save what is left: nothing is changed yet.
    Salvage,
}

/// An engine that has replayed its log, and what was found on the way.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) engine: Engine,
    pub(super) found: Found,
    /// What is lost.
    pub(super) damage: Vec<Loss>,
    /// Shards whose manifest is damaged or missing.
    pub(super) broken: Vec<ShardId>,
}

impl Engine {
    pub(super) fn start(
        world: World,
        options: Options,
        spans: &[ShardSpan],
        purpose: Purpose,
    ) -> Result<Opened, StorageError> {
        let mut found = scan(&world, &options.cluster_id)?;
        let blobs = Blobs::new(world.disk.clone());
        let known = Arc::new(Known { catalog: options.catalog_version.clone(), ..Known::default() });
        let states = States::new(blobs.clone(), options.cluster_id, world.random.clone(), known.clone());
        let manifests = Manifests::new(blobs, options.cluster_id, world.random.clone()).with_known(known);
        if spans.len() > MANY_SHARDS {
            manifests.settle_all();
        }
        let (mut loaded, mut broken) = (BTreeMap::new(), BTreeMap::new());
        for span in spans {
            match manifests.load(span.id).and_then(|manifest| check_version(&found, span.id, manifest)) {
                Ok(manifest) => drop(loaded.insert(span.id, manifest)),
                Err(error) if error.kind() == ErrorKind::Damaged => drop(broken.insert(span.id, error)),
                Err(error) => return Err(error),
            }
        }
        let mut damage = found.damage.clone();
        let found_now: BTreeSet<String> = damage.iter().map(Loss::to_string).collect();
        damage.extend(
            super::salvage::unfinished(&world)?.into_iter().filter(|loss| !found_now.contains(&loss.to_string())),
        );
        // Without a manifest nobody knows which rows of the log are in segments: nothing may be flushed, trimmed or removed.
        damage.extend(broken.iter().map(|(&shard, error)| Loss::from(error).of(shard)));
        damage.extend(check_log(&found, highest(&loaded)));
        damage.extend(check_catalog(&found, options.catalog_version.load(Ordering::SeqCst)));
        damage.extend(check_shards(&found, manifests.shards()?, options.next_shard));
        found.next_slot = found.next_slot.max(highest(&loaded) + 1);
        let lost: Vec<ShardId> = broken.keys().copied().collect();
        if purpose == Purpose::Salvage {
            // What of them is in the log comes back.
            loaded.extend(lost.iter().map(|&shard| (shard, Manifest::default())));
        }
        let engine = Self::assemble(world, options, manifests, states, &found);
        *engine.broken.lock() = broken;
        for (id, manifest) in loaded {
            let shard = engine.shard_of(id, &manifest)?;
            engine.shards.write().insert(id, shard);
        }
        damage.extend(engine.take_flushes(&found, &lost)?);
        let may_flush = damage.is_empty() && purpose == Purpose::Serve;
        if may_flush {
            found.settle(&engine.world)?;
            found.remove_unbegun(&engine.world)?;
            engine.full.renew(&*engine.world.disk, engine.world.clock.monotonic_ns())?;
        }
        damage.extend(engine.replay(&found, may_flush)?);
        if damage.is_empty() {
            *engine.orphans.lock() = engine.find_orphans(spans)?;
        } else {
            engine.waiting.lock().condition = Condition::ReadOnly(told(&damage));
        }
        if !engine.find_missing()?.is_empty() {
            engine.files.miss();
        }
        Ok(Opened { engine, found, damage, broken: lost })
    }

    fn assemble(world: World, options: Options, manifests: Manifests, states: States, found: &Found) -> Self {
        let log_id = found.log_id.unwrap_or_else(|| world.random.id());
        let durable = found.next_slot - 1;
        let writer = Writer::new(world.clone(), options.cluster_id, log_id, options.log_bytes)
            .with_states(states, found.state_version, found.state.clone())
            .behind(found.old_files(), durable, found.next_number);
        let (condition, next_slot) = (Condition::Open, found.next_slot);
        let waiting = Waiting { condition, next_slot, queue: Vec::new(), bytes: 0, wanted: 0 };
        let age = u64::try_from(options.flush_age.as_nanos()).unwrap_or(u64::MAX);
        let series =
            SeriesTables::new(&*world.random, options.run_bytes, age.saturating_mul(SERIES_AGE).max(SERIES_AGE_NS));
        Self {
            series,
            files: Files::new(world.disk.clone()),
            cache: Arc::new(Cache::counting(options.cache_bytes, EngineStats::decoded(&options.stats))),
            shards: RwLock::default(),
            manifests,
            log_id,
            log_bytes: AtomicU64::new(writer.bytes()),
            log: Mutex::new(writer),
            waiting: Mutex::new(waiting),
            deciding: RwLock::default(),
            arrived: Condvar::new(),
            last_group: LastGroup::default(),
            flushing: Mutex::default(),
            pressed: AtomicBool::new(false),
            halt: AtomicBool::new(false),
            run_bytes: AtomicU64::new(0),
            next_segment: AtomicU64::new(1),
            incarnation: world.random.u64(),
            orphans: Mutex::default(),
            dropped: Mutex::default(),
            broken: Mutex::default(),
            compaction: Compaction::new(&options.merges, &options.stats),
            full: FullDisk::new(options.reserve_bytes),
            torn: found.torn.clone(),
            stats: EngineStats::new(&options.stats),
            world,
            options,
        }
    }

    /// A shard as its manifest says.
    ///
    /// # Errors
    /// It has a delete that cannot be understood.
    pub(super) fn shard_of(&self, id: ShardId, manifest: &Manifest) -> Result<Arc<Shard>, StorageError> {
        let mut schema = Schema::default();
        for entry in &manifest.schema {
            entry.fields.iter().for_each(|field| schema.insert(&entry.measurement, field.clone()));
        }
        schema.skip_to(manifest.next_field);
        let segments = manifest.segments.iter().map(|entry| self.segment(entry)).collect();
        let flushed = manifest.segments.last().map_or(0, |entry| entry.slots.1).max(manifest.flushed);
        let tombstone = |(slot, bytes): &(Slot, Vec<u8>)| self.tombstone(*slot, bytes.clone()).map(Arc::new);
        let tombstones = manifest.tombstones.iter().map(tombstone).collect::<Result<_, _>>()?;
        let folded = manifest.folded_up_to();
        let state = ShardState { segments, tombstones, flushed, folded, applied: flushed, ..ShardState::default() };
        let shard = Arc::new(Shard::new(id, schema, state));
        if manifest.is_deleted {
            shard.doubt(|doubts| doubts.add(None));
        }
        Ok(shard)
    }

    fn tombstone(&self, slot: Slot, bytes: Vec<u8>) -> Result<Tombstone, StorageError> {
        let now = self.world.clock.monotonic_ns();
        Tombstone::new(slot, bytes, self.options.read_test, now)
            .map_err(|error| StorageError::Invalid(format!("the delete of slot {slot} cannot be understood: {error}")))
    }

    /// Adds the segments of flush records that manifests do not have. Where one is gone, of a shard that is not among `lost`, that
    /// is returned.
    ///
    /// If a manifest is lost there may be records of segments that were merged since. Behind one that is gone no other is
    /// taken of which the log has the rows: a replay brings back rows above those of segments only.
    fn take_flushes(&self, found: &Found, lost: &[ShardId]) -> Result<Vec<Loss>, StorageError> {
        let shards = self.shards.read();
        let (mut missed, mut damage) = (BTreeSet::new(), Vec::new());
        for (slot, flushes) in &found.flushes {
            for flushed in flushes {
                let Some(shard) = shards.get(&flushed.shard) else { continue };
                let mut state = shard.state.lock();
                // Slots of a shard's segments ascend, so what its manifest has folded in is not above them.
                if flushed.k <= state.flushed {
                    continue;
                }
                let entry = flushed.entry.as_ref();
                if let Some(file) = entry.map(|entry| &entry.place.file)
                    && !self.world.disk.exists(file)?
                {
                    if missed.insert(shard.id) && !lost.contains(&shard.id) {
                        damage.push(Loss::new(file, "it is missing: the log names it").of(shard.id));
                    }
                    continue;
                }
                let lowest = entry.map_or(flushed.k, |entry| entry.slots.0);
                if missed.contains(&shard.id) && lowest >= found.first_slot() {
                    continue;
                }
                state.segments.extend(entry.map(|entry| self.segment(entry)));
                state.flushed = flushed.k;
                state.applied = flushed.k;
                state.note(*slot, Change::Flush(flushed.clone()));
                drop(state);
                shard.learn(flushed);
            }
        }
        Ok(damage)
    }

    /// Brings back the rows that are in no segment. Flushes on the way if memory is short and the log may be written.
    fn replay(&self, found: &Found, may_flush: bool) -> Result<Vec<Loss>, StorageError> {
        let table = self.series.current();
        let mut sink = Sink {
            engine: self,
            deletes: &found.deletes,
            may_flush,
            table,
            series: Vec::new(),
            fields: 0,
            strange: None,
        };
        let mut damage = found.replay(&self.world, &mut sink)?;
        damage.extend(sink.strange.map(older_catalog));
        Ok(damage)
    }

    pub(super) fn find_orphans(&self, spans: &[ShardSpan]) -> Result<Orphans, StorageError> {
        let named = self.named_places();
        let own = format!("{:016x}-", self.incarnation);
        let names = self.world.disk.list(SEGMENTS_FOLDER)?;
        let foreign = names.into_iter().filter(|name| !name.starts_with(&own));
        let files = foreign.map(|name| format!("{SEGMENTS_FOLDER}/{name}")).filter(|path| !named.contains_key(path));
        let live: BTreeSet<ShardId> = spans.iter().map(|span| span.id).collect();
        let shards = self.manifests.shards()?.into_iter().filter(|shard| !live.contains(shard));
        Ok(Orphans { files: files.collect(), shards: shards.collect() })
    }
}

/// The latest manifest of a shard, unless the log's state knows of a later one.
pub(crate) fn check_version(
    found: &Found,
    shard: ShardId,
    manifest: Option<(u64, Manifest)>,
) -> Result<Manifest, StorageError> {
    let (version, manifest) = manifest.unwrap_or_default();
    let named = found.state.iter().flat_map(|state| &state.manifests).find(|(id, _)| *id == shard);
    match named {
        Some(&(_, named)) if named > version => {
            let what = "the log's state names it".to_owned();
            Err(StorageError::Missing { file: manifest::path(shard, named), what })
        }
        _ => Ok(manifest),
    }
}

/// Whether the catalog is an older one than the log's state knows of: its shards are not all, or too many.
pub(crate) fn check_catalog(found: &Found, version: u64) -> Option<Loss> {
    let named = found.state.as_ref().map_or(0, |state| state.catalog);
    (named > version)
        .then(|| Loss::new("catalog", format!("version {named} is missing, the latest found is {version}")))
}

/// Whether manifests or flush records name a shard that the catalog has not given out yet.
pub(crate) fn check_shards(found: &Found, manifests: Vec<ShardId>, next_shard: ShardId) -> Option<Loss> {
    let flushed = found.flushes.iter().flat_map(|(_, flushed)| flushed).map(|flushed| flushed.shard);
    manifests.into_iter().chain(flushed).find(|&shard| shard >= next_shard).map(older_catalog)
}

/// What it means that there is something of a shard that the catalog has not given out.
fn older_catalog(shard: ShardId) -> Loss {
    Loss::new("catalog", format!("it is an older one: it knows nothing of shard {shard}, which has rows")).of(shard)
}

/// The highest slot that manifests name.
pub(crate) fn highest(manifests: &BTreeMap<ShardId, Manifest>) -> Slot {
    let last = |manifest: &Manifest| {
        let segments = manifest.segments.last().map_or(0, |entry| entry.slots.1).max(manifest.flushed);
        segments.max(manifest.folded_up_to())
    };
    manifests.values().map(last).max().unwrap_or(0)
}

/// What manifests know and the log does not.
pub(crate) fn check_log(found: &Found, highest: Slot) -> Option<Loss> {
    let what = || format!("the log ends before slot {}, but a manifest knows slot {highest}", found.next_slot);
    (highest >= found.next_slot).then(|| Loss::new(found.newest_path(), what()))
}

/// Takes the rows of a replay into memory.
struct Sink<'a> {
    engine: &'a Engine,
    deletes: &'a [(Slot, LoggedDelete)],
    may_flush: bool,
    table: Arc<SeriesTable>,
    /// The series of each number of the file, as far as they were asked for.
    series: Vec<SeriesId>,
    /// Fields of the file that the schemas have taken in.
    fields: usize,
    /// A shard that the catalog has not given out.
    strange: Option<ShardId>,
}

impl Replay for Sink<'_> {
    fn begin(&mut self) {
        self.table = self.engine.series.current();
        self.series.clear();
        self.fields = 0;
    }

    fn batch(&mut self, parts: Vec<LoggedPart>, dictionary: &ReaderDictionary) -> Result<(), StorageError> {
        self.learn(dictionary);
        let mut by_shard: BTreeMap<ShardId, (Arc<Shard>, Vec<Chunk>)> = BTreeMap::new();
        let mut slot = 0;
        for part in parts {
            slot = part.slot;
            let Some(shard) = self.engine.shards.read().get(&part.shard).cloned() else { continue };
            if part.slot <= shard.state.lock().flushed {
                continue;
            }
            let chunk = self.chunk(part, dictionary);
            self.engine.run_bytes.fetch_add(chunk.bytes(), Ordering::Relaxed);
            by_shard.entry(shard.id).or_insert_with(|| (shard, Vec::new())).1.push(chunk);
        }
        let now = self.engine.world.clock.monotonic_ns();
        for (shard, chunks) in by_shard.into_values() {
            self.engine.release(shard.apply(slot, chunks, now));
        }
        let short = self.engine.run_bytes.load(Ordering::Relaxed) > self.engine.options.run_bytes / 2;
        if self.may_flush && short {
            match self.engine.with_reserve(|| self.engine.flush_shards(|_| true)) {
                // A start on a full disk serves reads, if need be above the bound for memory.
                Err(error) if error.kind() == ErrorKind::Full => self.may_flush = false,
                other => drop(other?),
            }
        }
        Ok(())
    }

    fn delete(&mut self, slot: Slot, dictionary: &ReaderDictionary) -> Result<(), StorageError> {
        self.learn(dictionary);
        let Ok(at) = self.deletes.binary_search_by_key(&slot, |(slot, _)| *slot) else { return Ok(()) };
        let delete = &self.deletes[at].1;
        let tombstone = |bytes: &Vec<u8>| self.engine.tombstone(slot, bytes.clone()).map(Arc::new);
        let tombstones = delete.predicates.iter().map(tombstone).collect::<Result<Vec<_>, _>>()?;
        for id in &delete.shards {
            if let Some(shard) = self.engine.shards.read().get(id).cloned() {
                shard.delete(slot, &tombstones);
            }
        }
        Ok(())
    }
}

impl Sink<'_> {
    /// Enters the fields that the file has defined since the last batch.
    fn learn(&mut self, dictionary: &ReaderDictionary) {
        let shards = self.engine.shards.read();
        for field in &dictionary.fields[self.fields..] {
            if let Some(shard) = shards.get(&field.shard) {
                let measurement = &dictionary.measurements[field.measurement as usize];
                shard.schema.lock().insert(measurement, field.key.clone());
            } else if field.shard >= self.engine.options.next_shard {
                self.strange = Some(field.shard);
            }
        }
        self.fields = dictionary.fields.len();
    }

    fn chunk(&mut self, part: LoggedPart, dictionary: &ReaderDictionary) -> Chunk {
        self.series.resize(dictionary.series.len(), NO_SERIES);
        let mut ids = part.series;
        for id in &mut ids {
            let known = &mut self.series[*id as usize];
            if *known == NO_SERIES {
                *known = self.table.enter_key(dictionary.series.key(*id));
            }
            *id = *known;
        }
        let (slot, measurement, times, columns) = (part.slot, part.measurement, part.times, part.columns);
        Chunk { slots: (slot, slot), measurement, series: self.table.clone(), ids, times, columns }
    }
}
