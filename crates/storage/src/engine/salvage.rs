//! Salvage: a data folder of which something is lost is made fit for writes again.
//!
//! What is whole goes to segments; what is not is set aside under `damaged/`, nothing is thrown away; the log goes on above
//! every slot that is named anywhere. Shards whose manifest is lost, or that the catalog lacks, leave their manifests and their
//! files there, and copies of their segments in files that other shards still use. It may be broken off at any instant and run
//! again: until it has ended, a file says what was lost, and an engine that finds it takes no writes and removes nothing.

use super::open::{Opened, Purpose};
use super::{Engine, Options, ShardSpan};
use crate::error::StorageError;
use crate::loss::{Loss, MissingSegment, Stray};
use crate::manifest;
use crate::{ShardId, Slot};
use platform::{Blobs, Disk, DiskError, World};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Where files go that are damaged or that nothing names any more.
const FOLDER: &str = "damaged";
/// What an unfinished salvage found lost, a line each: text.
const UNFINISHED: &str = "damaged/unfinished";

/// What a salvage did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// What was lost.
    pub lost: Vec<Loss>,
    /// Rows that were in the log alone and are in segments now.
    pub rows: u64,
    /// Files that were set aside: where they were, where they are.
    pub set_aside: Vec<(String, String)>,
    /// The slot at which the log goes on.
    pub next_slot: Slot,
}

/// What is lost in a data folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// What keeps the node from taking writes: a salvage makes an end of it.
    pub lost: Vec<Loss>,
    /// Segments that are gone: writes go on, queries that may need them fail, and only whoever has a copy can mend it.
    pub missing: Vec<MissingSegment>,
    /// What a salvage sets aside of segments: the rows that go with a lost manifest, ascending by shard.
    pub strays: Vec<Stray>,
}

impl Engine {
    /// What is lost in a data folder. Changes nothing.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn examine(world: World, options: Options, shards: &[ShardSpan]) -> Result<Examined, StorageError> {
        let opened = Self::start(world, options, shards, Purpose::Salvage)?;
        let Opened { engine, damage, broken, .. } = opened;
        let strays = if damage.is_empty() { Vec::new() } else { engine.count_strays(&broken)? };
        Ok(Examined { missing: engine.find_missing()?, lost: damage, strays })
    }

    /// Makes a damaged data folder fit for writes; does nothing if nothing is lost.
    ///
    /// # Errors
    /// The disk refused: some may be done, and it can be run again.
    pub fn salvage(world: World, options: Options, shards: &[ShardSpan]) -> Result<Salvaged, StorageError> {
        let opened = Self::start(world, options, shards, Purpose::Salvage)?;
        if opened.damage.is_empty() {
            return Ok(Salvaged::default());
        }
        let Opened { engine, found, damage, broken } = opened;
        let disk = &*engine.world.disk;
        // False: an earlier salvage was broken off, and its findings are among the damage.
        Blobs::new(engine.world.disk.clone()).put_if_absent(UNFINISHED, note(&damage).as_bytes())?;
        let mut set_aside = Vec::new();
        // First, as it is known by the lost manifests what is to be copied.
        engine.copy_segments(&broken, &mut set_aside)?;
        let strange = engine.find_orphans(shards)?.shards;
        for &shard in broken.iter().chain(&strange) {
            engine.set_manifests_aside(shard, &mut set_aside)?;
        }
        // Until the log's state is written anew it names versions that are gone: if this is broken off, the next salvage must not
        // take what this one has saved for older ones.
        let named = found.state.iter().flat_map(|state| &state.manifests).filter(|(shard, _)| broken.contains(shard));
        named.for_each(|&(shard, version)| engine.manifests.begin_above(shard, version));
        engine.take_writes();
        let rows = engine.rows_in_memory();
        engine.log.lock().forget_damage();
        engine.flush()?;
        engine.fold_up_to(Slot::MAX)?;
        let old = engine.log.lock().paths_of_old();
        for path in old.iter().chain(found.unbegun()) {
            move_aside(disk, path, &mut set_aside)?;
        }
        for path in engine.find_orphans(shards)?.files {
            move_aside(disk, &path, &mut set_aside)?;
        }
        let next_slot = engine.waiting.lock().next_slot;
        engine.close()?;
        disk.remove(UNFINISHED)?;
        disk.sync_dir(FOLDER)?;
        Ok(Salvaged { lost: damage, rows, set_aside, next_slot })
    }

    /// The files of a manifest that cannot be read; the shard begins a new one.
    fn set_manifests_aside(&self, shard: ShardId, moved: &mut Vec<(String, String)>) -> Result<(), StorageError> {
        let folder = manifest::folder(shard);
        let names = self.world.disk.list(&folder)?;
        for name in &names {
            move_aside(&*self.world.disk, &format!("{folder}/{name}"), moved)?;
        }
        self.manifests.forget(shard);
        if !names.is_empty() {
            self.world.disk.remove_dir(&folder)?;
        }
        Ok(())
    }

    /// Copies the segments that nobody names of shards that are broken or not known, out of files that stay for the sake of other
    /// shards.
    fn copy_segments(&self, broken: &[ShardId], copied: &mut Vec<(String, String)>) -> Result<(), StorageError> {
        let disk = &*self.world.disk;
        self.each_stray(self.named_places(), broken, |path, at, bytes, identity| {
            let to = format!("{FOLDER}/{}-at-{at}", path.replace('/', "-"));
            put_copy(disk, &to, bytes)?;
            copied.push((format!("{path} from byte {at} on, of shard {}", identity.shard), to));
            Ok(())
        })
    }

    /// The files of segments, and what shards have in them: offset and length, ascending.
    pub(super) fn named_places(&self) -> BTreeMap<String, Vec<(u64, u64)>> {
        let mut named: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        for shard in self.shards.read().values() {
            for segment in &shard.state.lock().segments {
                let place = &segment.entry().place;
                named.entry(place.file.clone()).or_default().push((place.offset, place.len));
            }
        }
        named.values_mut().for_each(|places| places.sort_unstable());
        named
    }

    /// From now on rows may be flushed.
    fn take_writes(&self) {
        self.waiting.lock().condition = super::commit::Condition::Open;
        self.broken.lock().clear();
        self.halt.store(true, Ordering::Relaxed);
    }
}

/// What a salvage that was broken off found lost; nothing if there was none.
///
/// # Errors
/// The disk refused.
pub(super) fn unfinished(world: &World) -> Result<Vec<Loss>, DiskError> {
    if !world.disk.exists(UNFINISHED)? {
        return Ok(Vec::new());
    }
    let text = Blobs::new(world.disk.clone()).get(UNFINISHED)?;
    Ok(String::from_utf8_lossy(&text).lines().map(Loss::read).collect())
}

/// The text that [`unfinished`] reads.
fn note(damage: &[Loss]) -> String {
    damage.iter().map(|loss| format!("{loss}\n")).collect()
}

/// Writes bytes to a file of the folder of damaged files; if there is one of this name it is what a salvage that was broken
/// off has left of the same bytes.
fn put_copy(disk: &dyn Disk, to: &str, bytes: &[u8]) -> Result<(), DiskError> {
    if disk.exists(to)? {
        disk.remove(to)?;
    }
    let file = disk.create(to)?;
    file.write_at(0, bytes)?;
    file.sync_all()?;
    disk.sync_dir(FOLDER)
}

/// Gives a file a name of its own in the folder of damaged files.
fn move_aside(disk: &dyn Disk, path: &str, moved: &mut Vec<(String, String)>) -> Result<(), DiskError> {
    if !disk.exists(path)? {
        return Ok(());
    }
    let plain = format!("{FOLDER}/{}", path.replace('/', "-"));
    let mut to = plain.clone();
    for turn in 1u32.. {
        if !disk.exists(&to)? {
            break;
        }
        to = format!("{plain}-{turn}");
    }
    disk.rename(path, &to)?;
    disk.sync_dir(FOLDER)?;
    moved.push((path.to_owned(), to));
    Ok(())
}
