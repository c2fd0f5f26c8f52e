//! The bytes of one simulated file: as seen, as durable, and the changes between.
//!
//! After a crash each sector of 512 bytes, or each page of 4096, is as it was at some instant since the last sync (before,
//! after, or between the changes to it), each for itself: writes are lost, torn and reordered, but a sector is never a mixture
//! that never was.
//! The length is one that the file had at some instant. What was never written reads as zeros.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::random::Random;

const SECTOR: usize = 512;
/// What some disks write at once; a multiple of the sector.
const PAGE: usize = 4096;

/// Longer files are refused: they would be held in memory.
pub(super) const LENGTH_MAX: u64 = 1 << 32;

/// A file, named or not.
#[derive(Debug, Default)]
pub(super) struct Inode {
    content: Mutex<Content>,
    /// Handles that are open.
    pub(super) opened: AtomicUsize,
}

#[derive(Debug, Default)]
struct Content {
    live: Vec<u8>,
    synced: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl Inode {
    pub(super) fn len(&self) -> u64 {
        self.content.lock().live.len() as u64
    }

    pub(super) fn is_open(&self) -> bool {
        self.opened.load(Ordering::Relaxed) > 0
    }

    /// Fills `buf`, or says the length of the file.
    pub(super) fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), u64> {
        let content = self.content.lock();
        let length = content.live.len() as u64;
        let end = offset.checked_add(buf.len() as u64).filter(|end| *end <= length);
        match end {
            Some(end) => buf.copy_from_slice(&content.live[offset as usize..end as usize]),
            None if buf.is_empty() => {}
            None => return Err(length),
        }
        Ok(())
    }

    /// Writes; the end is below [`LENGTH_MAX`], as the caller has checked.
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.content.lock().change(Change::Write { offset: offset as usize, bytes: bytes.to_vec() });
        }
    }

    /// Cuts or extends; `len` is below [`LENGTH_MAX`], as the caller has checked.
    pub(super) fn set_len(&self, len: u64) {
        self.content.lock().change(Change::SetLen(len as usize));
    }

    pub(super) fn sync(&self) {
        let Content { synced, pending, .. } = &mut *self.content.lock();
        pending.drain(..).for_each(|change| change.apply(synced));
    }

    /// A sync that fails: half the time nothing happens, else all is marked clean and only some of it is durable.
    pub(super) fn fail_sync(&self, random: &dyn Random) {
        let Content { synced, pending, .. } = &mut *self.content.lock();
        if random.below(2) == 0 {
            pending.drain(..).filter(|_| random.below(2) == 0).for_each(|change| change.apply(synced));
        }
    }

    /// Forgets what a power cut forgets; `random` decides.
    pub(super) fn crash(&self, random: &dyn Random) {
        let content = &mut *self.content.lock();
        let pending = std::mem::take(&mut content.pending);
        match random.below(5) {
            0 => {}
            1 => pending.into_iter().for_each(|change| change.apply(&mut content.synced)),
            2 => tear(&mut content.synced, &pending, PAGE, random),
            _ => tear(&mut content.synced, &pending, SECTOR, random),
        }
        content.live.clone_from(&content.synced);
    }

    pub(super) fn decay(&self, offset: u64, mask: u8) -> bool {
        let content = &mut *self.content.lock();
        let Some(byte) = content.live.get_mut(offset as usize) else { return false };
        *byte ^= mask;
        if let Some(byte) = content.synced.get_mut(offset as usize) {
            *byte ^= mask;
        }
        true
    }
}

impl Content {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.pending.push(change);
    }
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                to.resize(to.len().max(offset + bytes.len()), 0);
                to[*offset..offset + bytes.len()].copy_from_slice(bytes);
            }
            Self::SetLen(len) => to.resize(*len, 0),
        }
    }

    /// The length after it, and the range of bytes that it touches.
    fn reach(&self, length: usize) -> (usize, std::ops::Range<usize>) {
        match self {
            Self::Write { offset, bytes } => (length.max(offset + bytes.len()), *offset..offset + bytes.len()),
            Self::SetLen(len) => (*len, *len..length.max(*len)),
        }
    }

    /// Applies what falls into one sector, which begins at `start`.
    fn apply_within(&self, start: usize, sector: &mut [u8]) {
        let end = start + sector.len();
        match self {
            Self::Write { offset, bytes } => {
                let (from, to) = (start.max(*offset), end.min(offset + bytes.len()));
                sector[from - start..to - start].copy_from_slice(&bytes[from - offset..to - offset]);
            }
            Self::SetLen(len) => sector[start.max(*len) - start..].fill(0),
        }
    }
}

/// Puts each sector of `size` bytes, and the length, at an instant of its own.
fn tear(bytes: &mut Vec<u8>, pending: &[Change], size: usize, random: &dyn Random) {
    let mut lengths = vec![bytes.len()];
    let mut touched: BTreeMap<usize, Vec<&Change>> = BTreeMap::new();
    for change in pending {
        let (length, range) = change.reach(*lengths.last().expect("it begins with one"));
        lengths.push(length);
        for sector in range.start / size..range.end.div_ceil(size) {
            touched.entry(sector).or_default().push(change);
        }
    }
    let longest = lengths.iter().copied().max().unwrap_or(0);
    bytes.resize(longest.next_multiple_of(size), 0);
    for (sector, changes) in touched {
        let start = sector * size;
        let instant = random.below(changes.len() as u64 + 1) as usize;
        for change in &changes[..instant] {
            change.apply_within(start, &mut bytes[start..start + size]);
        }
    }
    bytes.truncate(lengths[random.below(lengths.len() as u64) as usize]);
}
