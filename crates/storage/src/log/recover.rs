//! What a start finds: which records count, where the log ends, what is lost.
//!
//! Files are walked record by record; where one is bad the walk goes on at the next whole one. Slots must ascend by one
//! through all files, so a bad record shows as a gap. A gap at or below the highest slot that any record or head claims
//! durable is damage; above it nothing was acknowledged, and the log is cut there. Records whose slot is that of a later
//! file are what an earlier cut left behind.
//!
//! Files are read once, as far as memory allows, and the definitions of the last one too: a start is held up by little else.
//!
//! Before anything else is done the part that no record claims is written again and synced: it may have been in the memory
//! of the kernel only.

use super::FOLDER;
use super::append::OldFile;
use super::batch::{self, LoggedPart};
use super::dictionary::ReaderDictionary;
use super::flush::{self, FlushedShard};
use super::format::{BadHead, Head, Kind, RECORDS, Record, SECOND_HEAD, next_record, number_of, path_of, record_at};
use super::state::{LogState, States};
use crate::Slot;
use crate::delete::LoggedDelete;
use crate::error::{ErrorKind, StorageError};
use crate::loss::Loss;
use codec::CodecError;
use parking_lot::Mutex;
use platform::{Blobs, World};
use std::borrow::Cow;
use std::sync::Arc;

/// A record that counts.
#[derive(Clone, Copy, Debug)]
struct Place {
    kind: Kind,
    slot: Slot,
    offset: usize,
    end: usize,
}

impl Place {
    /// Whether it has a slot of its own.
    fn is_of_rows(&self) -> bool {
        matches!(self.kind, Kind::Batch | Kind::Flush | Kind::Delete)
    }
}

/// A file with a head.
#[derive(Debug)]
struct FoundFile {
    head: Head,
    places: Vec<Place>,
}

/// What the log's folder holds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    files: Vec<FoundFile>,
    /// Files that were never begun, or are not needed any more, by path.
    unbegun: Vec<String>,
    /// The version of the log's state; 0 if there is none.
    pub(crate) state_version: u64,
    /// The log's state, if it has one that can be read.
    pub(crate) state: Option<LogState>,
    /// The log's id, if there is a log.
    pub(crate) log_id: Option<[u8; 16]>,
    /// The slot after the last.
    pub(crate) next_slot: Slot,
    /// The number of the next file.
    pub(crate) next_number: u64,
    /// The flush records with their slots, ascending.
    pub(crate) flushes: Vec<(Slot, Vec<FlushedShard>)>,
    /// The delete records with their slots, ascending.
    pub(crate) deletes: Vec<(Slot, LoggedDelete)>,
    /// What is lost; empty if nothing is.
    pub(crate) damage: Vec<Loss>,
    /// What was cut off, in words.
    pub(crate) torn: Option<String>,
    durable: Slot,
    /// What the scan has read, for the replay.
    kept: Mutex<Kept>,
}

/// Bytes of files that are kept from the scan to the replay; what is above is read again.
const KEPT_BYTES: usize = 256 << 20;

/// What a scan has read.
#[derive(Default)]
struct Kept {
    /// For each file its bytes, empty if they are not kept.
    files: Vec<Vec<u8>>,
    bytes: usize,
    /// The definitions of the last file.
    last: Option<ReaderDictionary>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Kept({} bytes)", self.bytes)
    }
}

impl Kept {
    fn push(&mut self, bytes: Vec<u8>) {
        let fits = self.bytes + bytes.len() <= KEPT_BYTES;
        self.bytes += if fits { bytes.len() } else { 0 };
        self.files.push(if fits { bytes } else { Vec::new() });
    }

    /// The bytes of a file, by its place and its number.
    fn bytes(&self, world: &World, at: usize, number: u64) -> Result<Cow<'_, [u8]>, StorageError> {
        match self.files.get(at) {
            Some(bytes) if !bytes.is_empty() => Ok(Cow::Borrowed(bytes)),
            _ => read_file(world, number).map(Cow::Owned),
        }
    }
}

/// Reads the log's folder.
///
/// # Errors
/// The disk refused, or a file is of another data folder or a later release.
pub(crate) fn scan(world: &World, cluster: &[u8; 16]) -> Result<Found, StorageError> {
    let mut found = Found { next_slot: 1, next_number: 1, ..Found::default() };
    found.load_state(world, cluster)?;
    let mut kept = Kept::default();
    for name in world.disk.list(FOLDER)? {
        let Some(number) = number_of(&name) else { continue };
        found.next_number = found.next_number.max(number.saturating_add(1));
        if found.state.as_ref().is_some_and(|state| !(state.oldest..=state.newest).contains(&number)) {
            found.unbegun.push(path_of(number));
            continue;
        }
        let bytes = read_file(world, number)?;
        match read_head(&bytes, number, cluster)? {
            Some(head) if found.is_of_log(&head, &bytes) => {
                found.check_log_id(&head)?;
                found.check_len(&head, bytes.len());
                found.files.push(FoundFile { head, places: Vec::new() });
                kept.push(bytes);
            }
            _ => found.unbegun.push(path_of(number)),
        }
    }
    for at in 0..found.files.len() {
        let bytes = kept.bytes(world, at, found.files[at].head.number)?;
        found.walk(at, &bytes);
    }
    found.follow_slots();
    let last = found.files.last().map(|last| kept.bytes(world, found.files.len() - 1, last.head.number)).transpose()?;
    kept.last = last.and_then(|bytes| found.check_tail(&bytes));
    found.check_state();
    found.read_changes(world, &kept)?;
    found.kept = Mutex::new(kept);
    Ok(found)
}

fn read_file(world: &World, number: u64) -> Result<Vec<u8>, StorageError> {
    let file = world.disk.open(&path_of(number))?;
    let len =
        usize::try_from(file.len()?).map_err(|_| StorageError::Bug("a log file above the address space".into()))?;
    let mut bytes = vec![0; len];
    file.read_at(0, &mut bytes)?;
    Ok(bytes)
}

/// The head of a file; `None` if it was never begun under this number.
fn read_head(bytes: &[u8], number: u64, cluster: &[u8; 16]) -> Result<Option<Head>, StorageError> {
    let damaged = |what: String| StorageError::Damaged { file: path_of(number), offset: 0, what };
    for offset in [0, SECOND_HEAD] {
        match Head::decode(bytes, offset) {
            Ok(head) if head.number != number => {}
            Ok(head) if head.cluster != *cluster => return Err(damaged("it belongs to another data folder".into())),
            Ok(head) => return Ok(Some(head)),
            Err(BadHead::Damaged) => {}
            Err(BadHead::Version(version)) => {
                return Err(damaged(format!("it has format version {version}, which this release cannot read")));
            }
        }
    }
    Ok(None)
}

impl Found {
    /// A log that cannot be read at all.
    pub(crate) fn of_damage(what: Loss) -> Self {
        Self { damage: vec![what], ..Self::default() }
    }

    fn load_state(&mut self, world: &World, cluster: &[u8; 16]) -> Result<(), StorageError> {
        let blobs = Blobs::new(world.disk.clone());
        let states = States::new(blobs, *cluster, world.random.clone(), Arc::default());
        match states.load() {
            Ok(Some((version, state))) => {
                self.log_id = Some(state.log_id);
                self.durable = state.first_slot.saturating_sub(1);
                self.next_number = state.newest.saturating_add(1);
                (self.state_version, self.state) = (version, Some(state));
            }
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::Damaged => {
                self.state_version = states.latest_version()?;
                self.damage.push(Loss::from(&error));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whether a file with a head has been begun. Without a state none was, unless there are records: then the state is lost.
    fn is_of_log(&mut self, head: &Head, bytes: &[u8]) -> bool {
        if self.state.is_some() || !self.damage.is_empty() {
            return true;
        }
        let any = next_record(bytes, RECORDS as usize, &head.put_id).is_some();
        if any {
            self.damage.push(Loss::new(FOLDER, "the file `state-NUMBER` that names the log's files is missing"));
        }
        any
    }

    /// Misses files that the state names.
    fn check_state(&mut self) {
        let Some(state) = &self.state else { return };
        let has = |number: u64| self.files.iter().any(|file| file.head.number == number);
        let missing: Vec<u64> = [state.oldest, state.newest].into_iter().filter(|&number| !has(number)).collect();
        let (newest, first_slot) = (state.newest, state.first_slot);
        for number in missing {
            let slots = if number == newest { format!("slots from {first_slot} on") } else { "slots".to_owned() };
            let what = format!("{slots} are lost: the file is missing, or its heads cannot be read");
            let what = Loss::new(path_of(number), what);
            self.damage.extend((!self.damage.contains(&what)).then_some(what));
        }
        self.next_slot = self.next_slot.max(first_slot);
    }

    /// Misses the end of a file that is shorter than it was made.
    fn check_len(&mut self, head: &Head, len: usize) {
        if (len as u64) < head.len {
            let what = format!("it has been cut to {len} of {} bytes: what stood behind is lost", head.len);
            self.damage.push(Loss::new(path_of(head.number), what));
        }
    }

    fn check_log_id(&mut self, head: &Head) -> Result<(), StorageError> {
        match self.log_id {
            Some(known) if known != head.log_id => {
                let what = "it belongs to another log than the file before".to_owned();
                Err(StorageError::Damaged { file: path_of(head.number), offset: 0, what })
            }
            _ => {
                self.log_id = Some(head.log_id);
                Ok(())
            }
        }
    }

    /// Notes the whole records of a file, and what they claim.
    fn walk(&mut self, at: usize, bytes: &[u8]) {
        let limit = self.files.get(at + 1).map_or(Slot::MAX, |next| next.head.first_slot);
        let file = &mut self.files[at];
        self.durable = self.durable.max(file.head.first_slot.saturating_sub(1));
        let mut offset = RECORDS as usize;
        while let Some((start, record, end)) = next_record(bytes, offset, &file.head.put_id) {
            offset = end;
            if record.slot >= limit {
                break;
            }
            self.durable = self.durable.max(record.claimed);
            file.places.push(Place { kind: record.kind, slot: record.slot, offset: start, end });
        }
    }

    /// Looks for gaps in the slots: damage, or the end of the log.
    fn follow_slots(&mut self) {
        let Some(first) = self.files.first() else { return };
        let mut expected = first.head.first_slot;
        let mut cut = None;
        for (at, file) in self.files.iter().enumerate() {
            if file.head.first_slot > expected {
                self.damage.push(lost(expected, file.head.first_slot - 1, file.head.number));
            }
            expected = expected.max(file.head.first_slot);
            for place in file.places.iter().filter(|place| place.is_of_rows()) {
                if place.slot > expected && expected > self.durable {
                    cut = Some((at, expected));
                    break;
                }
                if place.slot > expected {
                    self.damage.push(lost(expected, place.slot - 1, file.head.number));
                }
                expected = expected.max(place.slot + 1);
            }
        }
        if expected <= self.durable {
            let number = self.files.last().map_or(0, |file| file.head.number);
            self.damage.push(lost(expected, self.durable, number));
        }
        self.next_slot = expected.max(self.durable + 1);
        if let Some((at, slot)) = cut {
            self.cut(at, slot);
        } else if let Some(last) = self.files.last_mut() {
            // Definitions whose batch is not there.
            last.places.retain(|place| place.slot < self.next_slot);
        }
    }

    /// Leaves out the records from `slot` on, which was never acknowledged.
    fn cut(&mut self, at: usize, slot: Slot) {
        let file = &mut self.files[at];
        let first = file.places.iter().find(|place| place.slot >= slot).map_or(0, |place| place.offset);
        self.torn =
            Some(format!("{}: the log was cut at offset {first}, before slot {slot}", path_of(file.head.number)));
        file.places.retain(|place| place.slot < slot);
        self.files.truncate(at + 1);
        self.next_slot = slot;
    }

    /// Cuts the part of the last file that no record claims where it cannot be understood. Returns the file's definitions, if
    /// nothing was cut.
    fn check_tail(&mut self, bytes: &[u8]) -> Option<ReaderDictionary> {
        let at = self.files.len().checked_sub(1)?;
        let file = &self.files[at];
        let mut dictionary = ReaderDictionary::default();
        for place in &file.places {
            let Some((record, _)) = record_at(bytes, place.offset, &file.head.put_id) else { continue };
            let read = match record.kind {
                // A gap in the definitions shows when they are used.
                Kind::Define => {
                    let _ = dictionary.read(record.payload);
                    Ok(())
                }
                Kind::Batch if record.slot > self.durable => {
                    batch::decode(record.slot, record.payload, &dictionary).map(drop)
                }
                Kind::Flush if record.slot > self.durable => flush::decode(record.payload).map(drop),
                Kind::Delete if record.slot > self.durable => LoggedDelete::decode(record.payload).map(drop),
                _ => Ok(()),
            };
            if read.is_err() {
                let slot = record.slot;
                self.cut(at, slot);
                return None;
            }
        }
        // What begins as a record of this file and is none: written in part, or changed since.
        let end = file.places.last().map_or(RECORDS as usize, |place| place.end).next_multiple_of(8);
        let begins = bytes.get(end..end + 4) == Some(&file.head.put_id[..4]);
        if self.torn.is_none() && begins {
            let (path, slot) = (path_of(file.head.number), self.next_slot);
            self.torn = Some(format!("{path}: the log was cut at offset {end}, before slot {slot}"));
        }
        Some(dictionary)
    }

    fn read_changes(&mut self, world: &World, kept: &Kept) -> Result<(), StorageError> {
        let (mut flushes, mut deletes) = (Vec::new(), Vec::new());
        let mut damage = Vec::new();
        for (at, file) in self.files.iter().enumerate() {
            if !file.places.iter().any(|place| matches!(place.kind, Kind::Flush | Kind::Delete)) {
                continue;
            }
            let bytes = kept.bytes(world, at, file.head.number)?;
            for record in file.records(&bytes) {
                let read = match record.kind {
                    Kind::Flush => flush::decode(record.payload).map(|shards| flushes.push((record.slot, shards))),
                    Kind::Delete => {
                        LoggedDelete::decode(record.payload).map(|delete| deletes.push((record.slot, delete)))
                    }
                    _ => Ok(()),
                };
                if let Err(error) = read {
                    damage.push(lost_record(record.slot, file.head.number, &error));
                }
            }
        }
        (self.flushes, self.deletes) = (flushes, deletes);
        self.damage.append(&mut damage);
        Ok(())
    }

    /// Writes again what no record claims, and makes the folder durable. Call it before anything found is shown.
    ///
    /// # Errors
    /// The disk refused.
    pub(crate) fn settle(&self, world: &World) -> Result<(), StorageError> {
        let Some(file) = self.files.last() else { return Ok(()) };
        // What follows the last record that is claimed, second copies of earlier definitions among it.
        let claimed = file.places.iter().rposition(|place| place.is_of_rows() && place.slot <= self.durable);
        let unclaimed = &file.places[claimed.map_or(0, |at| at + 1)..];
        if let (Some(first), Some(last)) = (unclaimed.first(), unclaimed.last()) {
            let handle = world.disk.open(&path_of(file.head.number))?;
            let mut bytes = vec![0; last.end - first.offset];
            handle.read_at(first.offset as u64, &mut bytes)?;
            handle.write_at(first.offset as u64, &bytes)?;
            handle.sync_data()?;
        }
        Ok(world.disk.sync_dir(FOLDER)?)
    }

    /// Removes files that were never begun or are not needed any more.
    ///
    /// # Errors
    /// The disk refused.
    pub(crate) fn remove_unbegun(&self, world: &World) -> Result<(), StorageError> {
        for path in &self.unbegun {
            world.disk.remove(path)?;
        }
        Ok(())
    }

    /// The lowest slot that may be in the log; the next one if nothing is.
    pub(crate) fn first_slot(&self) -> Slot {
        self.files.first().map_or(self.next_slot, |file| file.head.first_slot)
    }

    /// Files that were never begun, are not needed any more, or have lost their heads.
    pub(crate) fn unbegun(&self) -> &[String] {
        &self.unbegun
    }

    /// The newest file; the folder if there is none.
    pub(crate) fn newest_path(&self) -> String {
        self.files.last().map_or_else(|| FOLDER.to_owned(), |file| path_of(file.head.number))
    }

    /// The files, for the writer.
    pub(crate) fn old_files(&self) -> Vec<OldFile> {
        let old = |(at, file): (usize, &FoundFile)| OldFile {
            number: file.head.number,
            last_slot: self.files.get(at + 1).map_or(self.next_slot, |next| next.head.first_slot) - 1,
            len: file.places.last().map_or(RECORDS, |place| place.end as u64),
            is_begun: true,
        };
        self.files.iter().enumerate().map(old).collect()
    }

    /// Gives the rows of all batches, and the slots of deletes, in slot order to `sink`, with the dictionary of their file;
    /// `begin` is called before each file. What cannot be read is returned.
    ///
    /// # Errors
    /// The disk refused, or the sink did.
    pub(crate) fn replay(&self, world: &World, sink: &mut dyn Replay) -> Result<Vec<Loss>, StorageError> {
        let mut damage = Vec::new();
        let mut kept = std::mem::take(&mut *self.kept.lock());
        for (at, file) in self.files.iter().enumerate() {
            let is_last = at + 1 == self.files.len();
            // Records that it was made from are second copies to it.
            let mut dictionary = if is_last { kept.last.take() } else { None }.unwrap_or_default();
            let bytes = kept.bytes(world, at, file.head.number)?;
            sink.begin();
            for record in file.records(&bytes) {
                match record.kind {
                    // A gap in the definitions shows when they are used.
                    Kind::Define => {
                        let _ = dictionary.read(record.payload);
                    }
                    Kind::Batch => match batch::decode(record.slot, record.payload, &dictionary) {
                        Ok(parts) => sink.batch(parts, &dictionary)?,
                        Err(error) => {
                            damage.push(lost_record(record.slot, file.head.number, &error));
                        }
                    },
                    Kind::Delete => sink.delete(record.slot, &dictionary)?,
                    Kind::Flush | Kind::Claim => {}
                }
            }
            drop(bytes);
            if let Some(bytes) = kept.files.get_mut(at) {
                *bytes = Vec::new();
            }
        }
        Ok(damage)
    }
}

impl FoundFile {
    fn records<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Record<'a>> {
        self.places.iter().filter_map(|place| record_at(bytes, place.offset, &self.head.put_id)).map(|found| found.0)
    }
}

/// Who takes the rows of a replay.
pub(crate) trait Replay {
    /// Another file begins: numbers of series mean others from here on.
    fn begin(&mut self);

    /// The parts of one batch.
    ///
    /// # Errors
    /// They cannot be taken; the replay ends.
    fn batch(&mut self, parts: Vec<LoggedPart>, dictionary: &ReaderDictionary) -> Result<(), StorageError>;

    /// The delete of this slot comes here, among [`Found::deletes`].
    ///
    /// # Errors
    /// It cannot be applied; the replay ends.
    fn delete(&mut self, slot: Slot, dictionary: &ReaderDictionary) -> Result<(), StorageError>;
}

fn lost(low: Slot, high: Slot, number: u64) -> Loss {
    let slots = if low == high { format!("slot {low}") } else { format!("slots {low} to {high}") };
    Loss::new(path_of(number), format!("{slots} cannot be read"))
}

fn lost_record(slot: Slot, number: u64, error: &CodecError) -> Loss {
    Loss::new(path_of(number), format!("slot {slot} cannot be read ({error})"))
}
