//! A full disk: what is answered, and the space set aside for it.
//!
//! A file of its own (`log/reserve`) holds space that a flush, the folding of flush records and the trim of the log may need. It is
//! given up when one of them finds the disk full; from then on writes are refused, before they are logged, until it is whole
//! again. So rows in memory always find room, and what was refused is never half there.
//!
//! Apart from that, a batch for which no log file could be made is an answer that holds for a while.

use crate::error::{ErrorKind, StorageError};
use parking_lot::Mutex;
use platform::disk::Cause;
use platform::{Disk, DiskError};
use std::io;

/// How long an answer holds, and how often it is tried to set the space aside again (ns).
const HOLDS_NS: u64 = 1_000_000_000;
/// The file that holds the space.
const RESERVE: &str = "log/reserve";
/// The part of the whole disk that is set aside at most.
const SHARE: u64 = 8;

/// What is known of a disk that was full.
#[derive(Debug)]
pub(super) struct FullDisk {
    /// Bytes to be set aside.
    wanted: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When the log could not go on, and why.
    last: Option<(u64, StorageError)>,
    /// The space is not set aside.
    is_spent: bool,
    /// When it was last tried.
    tried: Option<u64>,
}

impl FullDisk {
    /// Nothing is set aside yet; `wanted` bytes will be, or an eighth of the disk.
    pub(super) fn new(wanted: u64) -> Self {
        Self { wanted, state: Mutex::new(State { last: None, is_spent: true, tried: None }) }
    }

    /// The log could not go on at `now` (monotonic, ns).
    pub(super) fn set(&self, now: u64, error: &StorageError) {
        self.state.lock().last = Some((now, error.clone()));
    }

    /// Fails while the last answer holds, or the space is not set aside.
    pub(super) fn check(&self, now: u64) -> Result<(), StorageError> {
        if self.is_spent() {
            let cause = Cause::Io { kind: io::ErrorKind::StorageFull, text: self.spent() };
            return Err(DiskError::new("write", "log", cause).into());
        }
        self.check_log(now)
    }

    /// Why writes are refused, if it is for a full disk: by the last answer, unless it is old and there are `need` bytes by now. Who
    /// sends no writes to a server that says this must hear of it when there is room.
    pub(super) fn because(&self, disk: &dyn Disk, now: u64, need: u64) -> Option<String> {
        if self.is_spent() {
            return Some(self.spent());
        }
        let (then, error) = self.state.lock().last.clone()?;
        if error.kind() != ErrorKind::Full {
            return None;
        }
        let is_new = now.saturating_sub(then) < HOLDS_NS;
        (is_new || disk.free_bytes().is_ok_and(|free| free < need)).then(|| format!("the disk is full: {error}"))
    }

    fn spent(&self) -> String {
        format!("the disk is full: writes go on once {} more bytes are free", self.wanted)
    }

    /// Fails while the last answer holds.
    pub(super) fn check_log(&self, now: u64) -> Result<(), StorageError> {
        let last = &mut self.state.lock().last;
        match last {
            Some((then, error)) if now.saturating_sub(*then) < HOLDS_NS => Err(error.clone()),
            _ => {
                *last = None;
                Ok(())
            }
        }
    }

    /// Whether the space was given up, or could not be set aside.
    pub(super) fn is_spent(&self) -> bool {
        self.wanted > 0 && self.state.lock().is_spent
    }

    /// Gives the space up. Whether there was some.
    pub(super) fn spend(&self, disk: &dyn Disk) -> bool {
        // A start has not looked yet whether the file is there.
        let was_there = disk.remove(RESERVE).is_ok();
        self.state.lock().is_spent = true;
        was_there
    }

    /// Sets the space aside if it is not and there is room. Whether it did.
    ///
    /// # Errors
    /// The disk refused, and not for being full.
    pub(super) fn renew(&self, disk: &dyn Disk, now: u64) -> Result<bool, StorageError> {
        {
            let mut state = self.state.lock();
            let is_early = state.tried.is_some_and(|then| now.saturating_sub(then) < HOLDS_NS);
            if self.wanted == 0 || !state.is_spent || is_early {
                return Ok(false);
            }
            state.tried = Some(now);
        }
        match set_aside(disk, self.wanted) {
            Ok(done) => {
                self.state.lock().is_spent = !done;
                Ok(done)
            }
            Err(error) if error.is_full() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the space is set aside now.
fn set_aside(disk: &dyn Disk, wanted: u64) -> Result<bool, DiskError> {
    let wanted = wanted.min(disk.total_bytes()? / SHARE);
    let is_there = disk.exists(RESERVE)?;
    let len = if is_there { disk.len(RESERVE)? } else { 0 };
    if len >= wanted && is_there {
        return Ok(true);
    }
    // Some more than that, or the first write would spend it.
    if disk.free_bytes()? < wanted - len + wanted / SHARE {
        return Ok(false);
    }
    disk.create_dir(crate::log::FOLDER)?;
    let file = if is_there { disk.open(RESERVE)? } else { disk.create(RESERVE)? };
    file.reserve(wanted).inspect_err(|_| {
        // Best effort: a file too short is no reserve, and made longer the next time.
        let _ = disk.remove(RESERVE);
    })?;
    Ok(true)
}
