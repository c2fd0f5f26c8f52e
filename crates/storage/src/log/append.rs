//! The writer: puts records together and behind each other, begins new files, forgets old ones.
//!
//! A group is built in memory ([`Writer::add`]) and reaches the file by [`Writer::sync`]: one write, one sync. A file is
//! preallocated, so that neither needs space on the disk; the next file stands ready as a spare where there was time to make
//! one. Nothing of a record is in the log before [`Writer::add`] has found room for all of it, so a full disk is known
//! before anything is logged.

use super::FOLDER;
use super::batch;
use super::copies::{Copies, Piece};
use super::dictionary::WriterDictionary;
use super::format::{Head, Kind, RECORDS, SECOND_HEAD, path_of, put_record, record_len};
use super::state::{LogState, States};
use crate::error::{ErrorKind, StorageError};
use crate::run::Chunk;
use crate::{ShardId, Slot};
use platform::{Blobs, DiskError, DiskFile, World};
use std::sync::Arc;

/// The name of the file that stands ready.
const SPARE: &str = "log/spare";
/// The name under which it is made.
const NEW_SPARE: &str = "log/spare.new";

/// A file that takes no more records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OldFile {
    pub(crate) number: u64,
    /// The highest slot that may be in it.
    pub(crate) last_slot: Slot,
    /// Its length in bytes.
    pub(crate) len: u64,
    /// Whether it may have records: false if it could not be begun.
    pub(crate) is_begun: bool,
}

/// The file that is written.
#[derive(Debug)]
struct Current {
    file: Arc<dyn DiskFile>,
    number: u64,
    put_id: [u8; 16],
    len: u64,
    /// Where the next write goes.
    offset: u64,
    dictionary: WriterDictionary,
    /// Of definitions in it.
    copies: Copies,
}

/// What a record is made of.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// The parts of a batch, and their encoded bodies.
    Batch(&'a [(ShardId, Chunk)], &'a [u8]),
    /// The payload of a flush record.
    Flush(&'a [u8]),
    /// The payload of a delete record.
    Delete(&'a [u8]),
}

/// The writer of a log.
#[derive(Debug)]
pub(crate) struct Writer {
    world: World,
    cluster: [u8; 16],
    states: States,
    /// The latest state, and its version.
    state: (u64, LogState),
    file_len: u64,
    current: Option<Current>,
    old: Vec<OldFile>,
    next_number: u64,
    /// Records that are not written yet.
    group: Vec<u8>,
    /// The highest slot that is durable.
    durable: Slot,
    /// The highest slot that was added.
    added: Slot,
    claimed: Slot,
}

impl Writer {
    /// A writer of a new log whose files have a quarter of `log_bytes`; the first record begins a file.
    pub(crate) fn new(world: World, cluster: [u8; 16], log_id: [u8; 16], log_bytes: u64) -> Self {
        let blobs = Blobs::new(world.disk.clone());
        let states = States::new(blobs, cluster, world.random.clone(), Arc::default());
        Self {
            world,
            cluster,
            states,
            state: (0, LogState { log_id, ..LogState::default() }),
            file_len: (log_bytes / 4).max(RECORDS * 2).next_multiple_of(8),
            current: None,
            old: Vec::new(),
            next_number: 1,
            group: Vec::new(),
            durable: 0,
            added: 0,
            claimed: 0,
        }
    }

    /// The same, going on behind a state.
    pub(crate) fn with_states(mut self, states: States, version: u64, state: Option<LogState>) -> Self {
        self.states = states;
        self.state = (version, state.unwrap_or(self.state.1));
        self
    }

    /// The same, going on behind `old` files whose last slot is `durable`.
    pub(crate) fn behind(mut self, old: Vec<OldFile>, durable: Slot, next_number: u64) -> Self {
        (self.old, self.next_number) = (old, next_number);
        (self.durable, self.added, self.claimed) = (durable, durable, durable);
        self
    }

    /// The highest durable slot.
    pub(crate) fn durable(&self) -> Slot {
        self.durable
    }

    /// Bytes of all files, as far as they are written.
    pub(crate) fn bytes(&self) -> u64 {
        self.old.iter().map(|old| old.len).sum::<u64>() + self.current.as_ref().map_or(0, |current| current.offset)
    }

    /// Files that take no more records and may go, oldest first. The newest that was begun stays: its head keeps the next slot.
    pub(crate) fn old_files(&self) -> &[OldFile] {
        match &self.current {
            Some(_) => &self.old,
            None => &self.old[..self.old.iter().rposition(|old| old.is_begun).unwrap_or(0)],
        }
    }

    /// Adds the record of `slot` to the group, beginning a new file if this one has no room.
    ///
    /// # Errors
    /// The new file cannot be made: nothing of this record was added, what was added before is in the log. Or, with the
    /// kind `Closed`, what was added before could not be written.
    pub(crate) fn add(&mut self, slot: Slot, content: &Content<'_>) -> Result<(), StorageError> {
        if let Some(current) = &mut self.current {
            let prepared = Prepared::new(content, &mut current.dictionary);
            if prepared.end(&current.copies, current.offset + self.group.len() as u64) <= current.len {
                self.put(slot, content, prepared);
                return Ok(());
            }
            self.sync()?;
            // The dictionary defines what will never be in that file, so that it is left even if no other can be begun.
            self.retire(slot.saturating_sub(1));
        }
        let mut dictionary = WriterDictionary::default();
        let prepared = Prepared::new(content, &mut dictionary);
        let need = prepared.end(&Copies::default(), RECORDS) - RECORDS;
        self.begin(slot, need, dictionary)?;
        self.put(slot, content, prepared);
        Ok(())
    }

    fn put(&mut self, slot: Slot, content: &Content<'_>, prepared: Prepared) {
        let Some(current) = &mut self.current else { return };
        let (put_id, claimed, group) = (&current.put_id, self.durable, &mut self.group);
        let (pieces, _) = current.copies.plan(current.offset + group.len() as u64, prepared.definitions_len());
        let definitions = prepared.definitions.unwrap_or_default();
        for piece in &pieces {
            match piece {
                Piece::Zeros(count) => group.resize(group.len() + *count as usize, 0),
                Piece::Pending => {
                    if let Some(one) = current.copies.pop() {
                        put_record(put_id, Kind::Define, one.slot, claimed, &[&one.payload], group);
                    }
                }
                Piece::Definitions => put_record(put_id, Kind::Define, slot, claimed, &[&definitions], group),
            }
        }
        if pieces.iter().filter(|piece| **piece == Piece::Definitions).count() == 1 {
            current.copies.push(slot, definitions, current.offset + group.len() as u64);
        }
        match content {
            Content::Batch(_, body) => put_record(put_id, Kind::Batch, slot, claimed, &[&prepared.heads, body], group),
            Content::Flush(payload) => put_record(put_id, Kind::Flush, slot, claimed, &[payload], group),
            Content::Delete(payload) => put_record(put_id, Kind::Delete, slot, claimed, &[payload], group),
        }
        self.claimed = claimed;
        self.added = slot;
    }

    /// Writes and syncs the group. Returns whether there was one.
    ///
    /// # Errors
    /// The disk refused: what of the group is in the log nobody knows before a restart.
    pub(crate) fn sync(&mut self) -> Result<bool, StorageError> {
        if self.group.is_empty() {
            return Ok(false);
        }
        let Some(current) = &mut self.current else {
            return Err(StorageError::Bug("the log has records but no file".into()));
        };
        let written = current.file.write_at(current.offset, &self.group).and_then(|()| current.file.sync_data());
        written.map_err(fatal)?;
        current.offset += self.group.len() as u64;
        self.group.clear();
        self.durable = self.added;
        Ok(true)
    }

    /// Writes a record that claims all durable slots, unless one does; it need not be synced to be of use.
    ///
    /// # Errors
    /// As [`Writer::sync`].
    pub(crate) fn claim(&mut self) -> Result<(), StorageError> {
        let durable = self.durable;
        let Some(current) = &mut self.current else { return Ok(()) };
        if self.claimed >= durable || current.offset + record_len(0) as u64 > current.len {
            return Ok(());
        }
        let mut record = Vec::new();
        put_record(&current.put_id, Kind::Claim, durable, durable, &[], &mut record);
        current.file.write_at(current.offset, &record).map_err(fatal)?;
        current.offset += record.len() as u64;
        self.claimed = durable;
        Ok(())
    }

    /// Begins a new file whose first record has `slot` and takes `need` bytes.
    fn begin(&mut self, slot: Slot, need: u64, dictionary: WriterDictionary) -> Result<(), StorageError> {
        let disk = &self.world.disk;
        let number = self.next_number;
        let len = self.file_len.max((RECORDS + need).next_multiple_of(8));
        disk.create_dir(FOLDER)?;
        let spare = disk.exists(SPARE)? && disk.len(SPARE)? >= len;
        if !spare {
            make_file(&self.world, SPARE, len)?;
        }
        // From here on the number is used up, whatever happens.
        self.next_number += 1;
        let begun = self.put_heads(number, slot, dictionary).and_then(|current| {
            let oldest = self.oldest().unwrap_or(number);
            self.put_state(LogState { oldest, newest: number, first_slot: slot, ..self.state.1.clone() })
                .map(|()| current)
        });
        match begun {
            Ok(current) => {
                self.current = Some(current);
                Ok(())
            }
            Err(error) => {
                let last_slot = slot.saturating_sub(1);
                self.old.push(OldFile { number, last_slot, len: RECORDS, is_begun: false });
                Err(error)
            }
        }
    }

    /// The number of the oldest file that may have records.
    fn oldest(&self) -> Option<u64> {
        let current = self.current.as_ref().map(|current| current.number);
        self.old.iter().find(|old| old.is_begun).map(|old| old.number).or(current)
    }

    fn put_state(&mut self, state: LogState) -> Result<(), StorageError> {
        let (version, _) = self.state;
        match self.states.put(version, state.clone()) {
            Ok(()) => {
                self.state = (version + 1, state);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Full => Err(error),
            Err(error) => Err(StorageError::Closed(format!("the log cannot be written: {error}"))),
        }
    }

    /// The files that take no more records, the newest of all included.
    pub(crate) fn paths_of_old(&self) -> Vec<String> {
        self.old.iter().map(|old| path_of(old.number)).collect()
    }

    /// Versions that the state names and nobody has any more are not missed from the next state on.
    pub(crate) fn forget_damage(&mut self) {
        self.state.1.catalog = 0;
    }

    /// Makes the spare the file of this number, and writes its heads; durable when this returns.
    fn put_heads(&self, number: u64, first_slot: Slot, dictionary: WriterDictionary) -> Result<Current, StorageError> {
        let disk = &self.world.disk;
        let path = path_of(number);
        disk.rename(SPARE, &path)?;
        let file = disk.open(&path)?;
        let put_id = self.world.random.id();
        let len = file.len()?;
        let head = Head { cluster: self.cluster, put_id, log_id: self.state.1.log_id, number, first_slot, len };
        let bytes = head.encode();
        file.write_at(0, &bytes)?;
        file.write_at(SECOND_HEAD, &bytes)?;
        file.sync_all().and_then(|()| disk.sync_dir(FOLDER)).map_err(fatal)?;
        Ok(Current { file, number, put_id, len, offset: RECORDS, dictionary, copies: Copies::default() })
    }

    /// The current file takes no more records.
    fn retire(&mut self, last_slot: Slot) {
        if let Some(current) = self.current.take() {
            self.old.push(OldFile { number: current.number, last_slot, len: current.offset, is_begun: true });
        }
    }

    /// The length of the file that should stand ready by now; `None` if there is one, or it is too early.
    ///
    /// # Errors
    /// The disk refused.
    pub(crate) fn wants_spare(&self) -> Result<Option<u64>, StorageError> {
        let half = |current: &Current| current.offset > current.len / 2;
        let wanted = self.current.as_ref().is_some_and(half) && !self.world.disk.exists(SPARE)?;
        Ok(wanted.then_some(self.file_len))
    }

    /// Takes what [`make_spare`] made; drops it if there is one already.
    ///
    /// # Errors
    /// The disk refused.
    pub(crate) fn take_spare(&self) -> Result<(), StorageError> {
        let disk = &self.world.disk;
        if disk.exists(SPARE)? {
            disk.remove(NEW_SPARE)?;
        } else {
            disk.rename(NEW_SPARE, SPARE)?;
        }
        Ok(())
    }

    /// Ends the log so that it holds nothing but the next slot: a new file with a head alone; the others go.
    ///
    /// # Errors
    /// The disk refused; the log is as it was, or longer.
    pub(crate) fn end(&mut self) -> Result<(), StorageError> {
        if self.current.is_none() && self.old.is_empty() && self.state.0 == 0 && self.added == 0 {
            return Ok(());
        }
        if self.world.disk.exists(SPARE)? {
            self.world.disk.remove(SPARE)?;
        }
        self.retire(self.added);
        let usual = std::mem::replace(&mut self.file_len, RECORDS);
        let begun = self.begin(self.added + 1, 0, WriterDictionary::default());
        self.file_len = usual;
        begun?;
        self.trim(self.old.len())?;
        if self.world.disk.exists(SPARE)? {
            self.world.disk.remove(SPARE)?;
        }
        Ok(())
    }

    /// Removes the oldest `count` files; one of them becomes the spare if there is none. The state says first that they are not
    /// needed, so that one which comes back is no file of the log.
    ///
    /// # Errors
    /// The disk refused.
    pub(crate) fn trim(&mut self, count: usize) -> Result<(), StorageError> {
        let count = count.min(self.old_files().len());
        let rest = self.old[count..].iter().find(|old| old.is_begun).map(|old| old.number);
        let Some(oldest) = rest.or(self.current.as_ref().map(|current| current.number)) else { return Ok(()) };
        if oldest > self.state.1.oldest {
            self.put_state(LogState { oldest, ..self.state.1.clone() })?;
        }
        let disk = &self.world.disk;
        for _ in 0..count {
            let path = path_of(self.old[0].number);
            if disk.exists(&path)? {
                let usable = disk.len(&path)? == self.file_len && !disk.exists(SPARE)?;
                if usable { disk.rename(&path, SPARE)? } else { disk.remove(&path)? }
            }
            self.old.remove(0);
        }
        Ok(())
    }
}

/// What follows from a sync that failed, or a write to the file in use: nobody knows what of the log is on the disk.
fn fatal(error: DiskError) -> StorageError {
    StorageError::Closed(format!("the log cannot be written: {error}"))
}

/// Makes a file to stand ready; takes a while, and needs no lock on the log.
///
/// # Errors
/// The disk refused.
pub(crate) fn make_spare(world: &World, len: u64) -> Result<(), StorageError> {
    Ok(make_file(world, NEW_SPARE, len)?)
}

/// Makes a preallocated file.
fn make_file(world: &World, path: &str, len: u64) -> Result<(), DiskError> {
    let disk = &world.disk;
    if disk.exists(path)? {
        disk.remove(path)?;
    }
    disk.create(path)?.preallocate(len).inspect_err(|_| {
        // Best effort: a file too short is made anew the next time.
        let _ = disk.remove(path);
    })
}

/// What a record and the definitions before it hold, apart from its body.
struct Prepared {
    definitions: Option<Vec<u8>>,
    heads: Vec<u8>,
    /// Length of the record's payload.
    payload: usize,
}

impl Prepared {
    fn new(content: &Content<'_>, dictionary: &mut WriterDictionary) -> Self {
        let mut heads = Vec::new();
        let rest = match content {
            Content::Batch(parts, body) => {
                batch::encode_heads(parts, dictionary, &mut heads);
                body.len()
            }
            Content::Flush(payload) | Content::Delete(payload) => payload.len(),
        };
        Self { definitions: dictionary.take_definitions(), payload: heads.len() + rest, heads }
    }

    fn definitions_len(&self) -> Option<usize> {
        self.definitions.as_ref().map(Vec::len)
    }

    /// The offset behind it if it goes to offset `at` of a file, with a claim behind.
    fn end(&self, copies: &Copies, at: u64) -> u64 {
        let (_, start) = copies.plan(at, self.definitions_len());
        start + (record_len(self.payload) + record_len(0)) as u64
    }
}
