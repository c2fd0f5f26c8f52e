//! The series table: raw key (as the client wrote it) -> canonical key and its node-local number.
//!
//! A batch is looked up in blocks of rows under one read lock: each row is first tried as the series of the row before, then
//! as the one that followed that the last time; what is left of a block is hashed, then probed, then compared, so that the
//! waits for memory of many rows overlap. What misses is gathered, made canonical without a lock and entered under the write
//! lock, some rows at a time. Hashes are keyed at random and only ever choose where to look: a hit compares the whole key, so
//! no collision can join two series. Different spellings of one series share its number.
//!
//! A table only grows. [`SeriesTables`] starts a new one when it has outgrown its bound or is old, so that series nobody
//! writes any more leave memory, and those that are written come back by a miss. Who holds numbers of the old one (a chunk of
//! rows) holds that table too, so a number always means what it meant when it was given out.
//!
//! * `store` – the keys; `slots` – the hash table; `order` – sorting of keys

mod order;
mod slots;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use order::order;
pub(crate) use store::Store;

use ahash::RandomState;
use model::{Batch, KeyError, KeySpan, KeyText};
use parking_lot::RwLock;
use platform::Random;
use slots::Slots;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A series' number in its table.
pub(crate) type SeriesId = u32;

/// The number of a key that names no series.
pub(crate) const NO_SERIES: SeriesId = u32::MAX;

/// Rows that are looked up together.
const BLOCK: usize = 32;
/// Rows that are entered under one lock, which takes well under a millisecond.
const ENTERED_AT_ONCE: usize = 512;

/// Rows that are resolved in one go: what is gathered of those that miss is bounded by it, and no table of a usual request is
/// cut.
const RESOLVED_AT_ONCE: usize = 64 << 10;

/// No entry.
const NOBODY: u32 = u32::MAX;

#[derive(Debug)]
struct Inner {
    store: Store,
    slots: Slots,
}

/// One generation of series.
#[derive(Debug)]
pub(crate) struct SeriesTable {
    hasher: RandomState,
    inner: RwLock<Inner>,
    /// Bytes of this table.
    bytes: AtomicU64,
    /// Bytes of all tables that somebody holds.
    of_all: Arc<AtomicU64>,
}

impl Drop for SeriesTable {
    fn drop(&mut self) {
        self.of_all.fetch_sub(self.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// A row whose raw key is not in the table.
struct Missed {
    row: u32,
    hash: u32,
    /// Its canonical key, among all that were made; empty if it is the raw key.
    key: std::ops::Range<usize>,
    key_hash: u32,
}

/// A row of a block that no hint found.
#[derive(Clone, Copy, Default)]
struct Probe {
    /// Its place in the block.
    at: usize,
    hash: u32,
    candidate: u32,
}

impl SeriesTable {
    fn new(hasher: RandomState, of_all: Arc<AtomicU64>) -> Self {
        let inner = RwLock::new(Inner { store: Store::default(), slots: Slots::new() });
        Self { hasher, inner, bytes: AtomicU64::new(0), of_all }
    }

    /// A hash of which all bits depend on all of the key.
    #[inline]
    fn hash(&self, key: &[u8]) -> u32 {
        (self.hasher.hash_one(key) >> 32) as u32
    }

    /// For each row its series, the raw keys being `spans` of the batch's text; [`NO_SERIES`] if its key names none, which
    /// `refuse` is told, with the row, in their order.
    pub(crate) fn resolve(
        &self,
        batch: &Batch,
        spans: &[KeySpan],
        text: &dyn KeyText,
        refuse: &mut dyn FnMut(u32, KeyError),
    ) -> Vec<SeriesId> {
        let mut ids = vec![NO_SERIES; spans.len()];
        let pieces = spans.chunks(RESOLVED_AT_ONCE).zip(ids.chunks_mut(RESOLVED_AT_ONCE));
        for (first, (spans, ids)) in (0u32..).step_by(RESOLVED_AT_ONCE).zip(pieces) {
            let missed = self.look_up(batch, spans, ids);
            if !missed.is_empty() {
                self.enter(batch, spans, missed, text, ids, &mut |row, error| refuse(first + row, error));
            }
        }
        ids
    }

    /// Fills in the series that are known; returns the rows of the others.
    fn look_up(&self, batch: &Batch, spans: &[KeySpan], ids: &mut [SeriesId]) -> Vec<Missed> {
        let inner = self.inner.read();
        let mut missed = Vec::new();
        let mut before = NOBODY;
        for (index, (spans, ids)) in spans.chunks(BLOCK).zip(ids.chunks_mut(BLOCK)).enumerate() {
            let mut found = [NOBODY; BLOCK];
            let mut probes = [Probe::default(); BLOCK];
            let mut count = 0;
            for (at, span) in spans.iter().enumerate() {
                let raw = batch.key(*span);
                found[at] = inner.store.hinted(if at == 0 { before } else { found[at - 1] }, raw);
                if found[at] == NOBODY {
                    probes[count] = Probe { at, hash: self.hash(raw), candidate: NOBODY };
                    count += 1;
                }
            }
            if count > 0 {
                inner.probe(batch, spans, &mut probes[..count], &mut found);
                for probe in probes[..count].iter().filter(|probe| found[probe.at] == NOBODY) {
                    let row = (index * BLOCK + probe.at) as u32;
                    missed.push(Missed { row, hash: probe.hash, key: 0..0, key_hash: 0 });
                }
                inner.link(before, &found[..spans.len()]);
            }
            before = found[spans.len() - 1];
            for (id, number) in ids.iter_mut().zip(found).filter(|(_, number)| *number != NOBODY) {
                *id = inner.store.entry(number).series();
            }
        }
        missed
    }

    /// Makes the keys of the missed rows canonical and enters them.
    fn enter(
        &self,
        batch: &Batch,
        spans: &[KeySpan],
        mut missed: Vec<Missed>,
        text: &dyn KeyText,
        ids: &mut [SeriesId],
        refuse: &mut dyn FnMut(u32, KeyError),
    ) {
        let mut keys = Vec::new();
        missed.retain_mut(|missed| {
            let raw = batch.key(spans[missed.row as usize]);
            let start = keys.len();
            if let Err(error) = text.canonical(raw, &mut keys) {
                keys.truncate(start);
                refuse(missed.row, error);
                return false;
            }
            if keys[start..] == *raw {
                keys.truncate(start);
            } else {
                missed.key = start..keys.len();
                missed.key_hash = self.hash(&keys[start..]);
            }
            true
        });
        for some in missed.chunks(ENTERED_AT_ONCE) {
            let mut inner = self.inner.write();
            for missed in some {
                let raw = batch.key(spans[missed.row as usize]);
                let other = (!missed.key.is_empty()).then(|| (&keys[missed.key.clone()], missed.key_hash));
                ids[missed.row as usize] = inner.enter(raw, missed.hash, other);
            }
            self.note_bytes(&inner);
        }
    }

    /// Charges what the table has grown by.
    fn note_bytes(&self, inner: &Inner) {
        let bytes = inner.bytes();
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        self.of_all.fetch_add(bytes - before, Ordering::Relaxed);
    }

    /// The number of a canonical key; entered if it is new.
    pub(crate) fn enter_key(&self, key: &[u8]) -> SeriesId {
        let mut inner = self.inner.write();
        let known = inner.store.len();
        let id = inner.enter_key(key, self.hash(key));
        if inner.store.len() > known {
            self.note_bytes(&inner);
        }
        id
    }

    /// Tells the canonical keys of some series.
    pub(crate) fn keys(&self, ids: &[SeriesId], mut tell: impl FnMut(&[u8])) {
        let inner = self.inner.read();
        ids.iter().for_each(|&id| tell(inner.store.key(id)));
    }

    /// The keys as of now, to be read without the table's lock.
    pub(crate) fn store(&self) -> Store {
        self.inner.read().store.clone()
    }
}

impl Store {
    /// The number of the spelling `raw`, if it is the one before or the one that followed that the last time.
    #[inline]
    fn hinted(&self, before: u32, raw: &[u8]) -> u32 {
        let Some(entry) = self.get(before) else { return NOBODY };
        let next = entry.next();
        match self.get(next) {
            Some(hint) if hint.series() != NO_SERIES && self.text(hint) == raw => next,
            _ if self.text(entry) == raw => before,
            _ => NOBODY,
        }
    }
}

impl Inner {
    fn bytes(&self) -> u64 {
        self.store.bytes() + self.slots.bytes()
    }

    /// Looks up the rows of a block that no hint has found. Step by step, so that the waits for memory overlap.
    fn probe(&self, batch: &Batch, spans: &[KeySpan], probes: &mut [Probe], found: &mut [u32; BLOCK]) {
        for probe in probes.iter_mut() {
            probe.candidate = self.slots.with(probe.hash).next().unwrap_or(NOBODY);
        }
        let mut entries = [None; BLOCK];
        for (entry, probe) in entries.iter_mut().zip(probes.iter()) {
            *entry = self.store.get(probe.candidate).filter(|entry| entry.series() != NO_SERIES);
        }
        for (entry, probe) in entries.iter().zip(probes.iter()).filter(|(_, probe)| probe.candidate != NOBODY) {
            let raw = batch.key(spans[probe.at]);
            found[probe.at] = match entry {
                Some(entry) if self.store.text(entry) == raw => probe.candidate,
                _ => self.find(raw, probe.hash).filter(|&at| self.is_spelling(at)).unwrap_or(NOBODY),
            };
        }
    }

    /// Notes which spelling followed which.
    fn link(&self, before: u32, found: &[u32]) {
        let mut before = before;
        for &number in found {
            if before != NOBODY && number != NOBODY && before != number {
                self.store.entry(before).follow(number);
            }
            before = number;
        }
    }

    fn is_spelling(&self, number: u32) -> bool {
        self.store.entry(number).series() != NO_SERIES
    }

    /// The number of the entry with these bytes.
    fn find(&self, text: &[u8], hash: u32) -> Option<u32> {
        self.slots.with(hash).find(|&number| self.store.key(number) == text)
    }

    /// Enters a spelling, unless it is known by now: of the key `other` with its hash, or of a key of the same bytes.
    fn enter(&mut self, raw: &[u8], hash: u32, other: Option<(&[u8], u32)>) -> SeriesId {
        let known = self.find(raw, hash);
        if let Some(number) = known.filter(|&number| self.is_spelling(number)) {
            return self.store.entry(number).series();
        }
        let series = match (other, known) {
            (Some((key, key_hash)), _) => self.enter_key(key, key_hash),
            (None, Some(_)) => self.enter_key(raw, hash),
            (None, None) => return self.push(raw, hash, self.store.next(), true),
        };
        match known {
            Some(number) => self.store.entry(number).spell(series),
            None => drop(self.push(raw, hash, series, false)),
        }
        series
    }

    /// The number of a canonical key.
    fn enter_key(&mut self, key: &[u8], hash: u32) -> SeriesId {
        match self.find(key, hash) {
            Some(number) if self.store.entry(number).is_key() => number,
            Some(number) => self.store.make_key(number),
            None => self.push(key, hash, NO_SERIES, true),
        }
    }

    fn push(&mut self, text: &[u8], hash: u32, series: SeriesId, is_key: bool) -> u32 {
        let number = self.store.push(text, series, is_key);
        self.slots.insert(hash, number);
        number
    }
}

/// The table in use, and the making of the next.
#[derive(Debug)]
pub(crate) struct SeriesTables {
    hasher: RandomState,
    bound: u64,
    max_age_ns: u64,
    /// Since when it is in use (monotonic, ns), and the table.
    current: RwLock<(u64, Arc<SeriesTable>)>,
    of_all: Arc<AtomicU64>,
}

impl SeriesTables {
    /// An empty table, left for a new one when it has more than `bound` bytes or is older than `max_age_ns`.
    pub(crate) fn new(random: &dyn Random, bound: u64, max_age_ns: u64) -> Self {
        let hasher = RandomState::with_seeds(random.u64(), random.u64(), random.u64(), random.u64());
        let of_all = Arc::new(AtomicU64::new(0));
        let first = Arc::new(SeriesTable::new(hasher.clone(), of_all.clone()));
        Self { bound, max_age_ns, current: RwLock::new((0, first)), hasher, of_all }
    }

    /// The table in use.
    pub(crate) fn current(&self) -> Arc<SeriesTable> {
        self.current.read().1.clone()
    }

    /// Bytes of memory above the bound: tables that have been left and are still held.
    pub(crate) fn excess(&self) -> u64 {
        self.of_all.load(Ordering::Relaxed).saturating_sub(self.bound)
    }

    /// Begins a new table if this one has outgrown its bound or is too old now (monotonic, ns).
    pub(crate) fn forget(&self, now_ns: u64) {
        let mut current = self.current.write();
        let bytes = current.1.bytes.load(Ordering::Relaxed);
        if bytes > self.bound || now_ns.saturating_sub(current.0) > self.max_age_ns {
            *current = (now_ns, Arc::new(SeriesTable::new(self.hasher.clone(), self.of_all.clone())));
        }
    }
}
