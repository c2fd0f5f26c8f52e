//! The series table: raw key (as the client wrote it) -> canonical key and its node-local number.
//!
//! A batch is looked up row by row under one read lock: first the same series as the row before, then the one that followed
//! it the last time, then the hash. What misses is gathered, made canonical without a lock and entered under the write lock.
//! Hashes are keyed at random and only ever choose where to look: a hit compares the whole key, so no collision can join two
//! series. Different spellings of one series share its number.
//!
//! A table only grows. [`SeriesTables`] starts a new one when it has outgrown its bound; who holds numbers of the old one (a
//! chunk of rows) holds that table too, so a number always means what it meant when it was given out.

use ahash::RandomState;
use hashbrown::HashTable;
use model::{Batch, KeyError, KeySpan, KeyText};
use parking_lot::{Mutex, RwLock};
use platform::Random;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(test)]
mod tests;

/// A series' number in its table.
pub(crate) type SeriesId = u32;

/// The number of a key that names no series.
pub(crate) const NO_SERIES: SeriesId = u32::MAX;

/// Parts of a hash table, which grow one at a time.
const PARTS: usize = 256;

/// Bytes that an entry takes beside its keys: the entry, its places in both hash tables, its keys' headers.
const ENTRY_BYTES: usize = 120;

/// Hash tables of numbers, cut in parts that grow one at a time.
#[derive(Debug)]
struct Parts(Vec<HashTable<u32>>);

impl Parts {
    fn new() -> Self {
        Self((0..PARTS).map(|_| HashTable::new()).collect())
    }

    fn find(&self, hash: u64, equal: impl Fn(u32) -> bool) -> Option<u32> {
        self.0[part_of(hash)].find(hash, |&number| equal(number)).copied()
    }

    fn insert(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        self.0[part_of(hash)].insert_unique(hash, number, |&number| hash_of(number));
    }
}

/// Bits that the hash table itself does not use first.
fn part_of(hash: u64) -> usize {
    (hash >> 24) as usize % PARTS
}

/// A raw key that was seen.
#[derive(Debug)]
struct Spelling {
    raw: Arc<[u8]>,
    series: SeriesId,
    /// The spelling that followed this one the last time.
    next: AtomicU32,
}

#[derive(Debug)]
struct Inner {
    spellings: Vec<Spelling>,
    by_raw: Parts,
    keys: Vec<Arc<[u8]>>,
    by_key: Parts,
    bytes: u64,
}

/// The canonical order of the series known at some time.
#[derive(Debug, Default)]
struct Ranks(Vec<u32>);

/// One generation of series.
#[derive(Debug)]
pub(crate) struct SeriesTable {
    hasher: RandomState,
    inner: RwLock<Inner>,
    ranks: Mutex<Arc<Ranks>>,
}

/// What [`SeriesTable::resolve`] found.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// For each row its series, [`NO_SERIES`] if its key names none.
    pub(crate) ids: Vec<SeriesId>,
    /// The rows whose key names no series, ascending.
    pub(crate) bad: Vec<(u32, KeyError)>,
}

impl SeriesTable {
    fn new(hasher: RandomState) -> Self {
        let inner =
            Inner { spellings: Vec::new(), by_raw: Parts::new(), keys: Vec::new(), by_key: Parts::new(), bytes: 0 };
        Self { hasher, inner: RwLock::new(inner), ranks: Mutex::default() }
    }

    /// The series of the rows whose raw keys are `spans` of the batch's text.
    pub(crate) fn resolve(&self, batch: &Batch, spans: &[KeySpan], text: &dyn KeyText) -> Resolved {
        let mut resolved = Resolved { ids: vec![NO_SERIES; spans.len()], bad: Vec::new() };
        let missed = self.look_up(batch, spans, &mut resolved.ids);
        if !missed.is_empty() {
            self.enter(batch, spans, &missed, text, &mut resolved);
        }
        resolved
    }

    /// Fills in the series that are known; returns the rows of the others.
    fn look_up(&self, batch: &Batch, spans: &[KeySpan], ids: &mut [SeriesId]) -> Vec<u32> {
        let inner = self.inner.read();
        let mut missed = Vec::new();
        let mut before: Option<&Spelling> = None;
        for (row, (span, id)) in (0u32..).zip(spans.iter().zip(ids)) {
            let raw = batch.key(*span);
            if let Some(same) = before.filter(|spelling| *spelling.raw == *raw) {
                *id = same.series;
                continue;
            }
            match inner.find_after(before, raw, &self.hasher) {
                Some(spelling) => {
                    *id = spelling.series;
                    before = Some(spelling);
                }
                None => missed.push(row),
            }
        }
        missed
    }

    /// Makes the keys of the missed rows canonical and enters them.
    fn enter(&self, batch: &Batch, spans: &[KeySpan], missed: &[u32], text: &dyn KeyText, out: &mut Resolved) {
        let mut made: HashMap<&[u8], Result<Vec<u8>, KeyError>, RandomState> =
            HashMap::with_hasher(self.hasher.clone());
        for &row in missed {
            let raw = batch.key(spans[row as usize]);
            made.entry(raw).or_insert_with(|| {
                let mut key = Vec::with_capacity(raw.len());
                text.canonical(raw, &mut key).map(|()| key)
            });
        }
        let mut inner = self.inner.write();
        for &row in missed {
            let raw = batch.key(spans[row as usize]);
            match &made[raw] {
                Ok(key) => out.ids[row as usize] = inner.enter(raw, key, &self.hasher),
                Err(error) => out.bad.push((row, error.clone())),
            }
        }
    }

    /// The number of a canonical key; entered if it is new.
    pub(crate) fn enter_key(&self, key: &[u8]) -> SeriesId {
        self.inner.write().enter_key(key, None, &self.hasher)
    }

    /// The canonical keys of some series.
    pub(crate) fn keys(&self, ids: &[SeriesId]) -> Vec<Arc<[u8]>> {
        let inner = self.inner.read();
        ids.iter().map(|&id| inner.keys[id as usize].clone()).collect()
    }

    /// Sorts distinct series by their canonical keys.
    pub(crate) fn sort_by_key(&self, ids: &mut [SeriesId]) {
        let Some(&greatest) = ids.iter().max() else { return };
        let ranks = self.ranks(greatest, ids.len());
        if (greatest as usize) < ranks.0.len() {
            ids.sort_unstable_by_key(|&id| ranks.0[id as usize]);
            return;
        }
        let inner = self.inner.read();
        ids.sort_unstable_by(|&a, &b| inner.keys[a as usize].cmp(&inner.keys[b as usize]));
    }

    /// The order kept of all series; made anew when `wanted` is not in it and enough are asked for to pay for the work.
    fn ranks(&self, wanted: SeriesId, asked: usize) -> Arc<Ranks> {
        let mut kept = self.ranks.lock();
        let inner = self.inner.read();
        if wanted as usize >= kept.0.len() && asked >= inner.keys.len() / 8 {
            let count = u32::try_from(inner.keys.len()).unwrap_or(u32::MAX);
            let mut order: Vec<u32> = (0..count).collect();
            order.sort_unstable_by(|&a, &b| inner.keys[a as usize].cmp(&inner.keys[b as usize]));
            let mut ranks = vec![0; order.len()];
            for (rank, &id) in (0u32..).zip(&order) {
                ranks[id as usize] = rank;
            }
            *kept = Arc::new(Ranks(ranks));
        }
        kept.clone()
    }

    fn bytes(&self) -> u64 {
        self.inner.read().bytes
    }
}

impl Inner {
    /// The spelling `raw`, tried first as the one that followed `before` the last time.
    #[inline]
    fn find_after(&self, before: Option<&Spelling>, raw: &[u8], hasher: &RandomState) -> Option<&Spelling> {
        if let Some(before) = before
            && let Some(hint) = self.spellings.get(before.next.load(Ordering::Relaxed) as usize)
            && *hint.raw == *raw
        {
            return Some(hint);
        }
        let found = self.by_raw.find(hasher.hash_one(raw), |at| *self.spellings[at as usize].raw == *raw)?;
        if let Some(before) = before {
            before.next.store(found, Ordering::Relaxed);
        }
        Some(&self.spellings[found as usize])
    }

    /// Enters a spelling of a canonical key, unless another thread was faster.
    fn enter(&mut self, raw: &[u8], key: &[u8], hasher: &RandomState) -> SeriesId {
        let hash = hasher.hash_one(raw);
        if let Some(at) = self.by_raw.find(hash, |at| *self.spellings[at as usize].raw == *raw) {
            return self.spellings[at as usize].series;
        }
        let raw: Arc<[u8]> = raw.into();
        let series = self.enter_key(key, Some(&raw), hasher);
        let at = u32::try_from(self.spellings.len()).expect("a table is left long before it has 2^32 entries");
        self.bytes += (raw.len() + ENTRY_BYTES) as u64;
        self.spellings.push(Spelling { raw, series, next: AtomicU32::new(at + 1) });
        let spellings = &self.spellings;
        self.by_raw.insert(hash, at, |at| hasher.hash_one(&*spellings[at as usize].raw));
        series
    }

    /// The number of a canonical key; `same` is a copy of it to share, if it is equal.
    fn enter_key(&mut self, key: &[u8], same: Option<&Arc<[u8]>>, hasher: &RandomState) -> SeriesId {
        let hash = hasher.hash_one(key);
        if let Some(id) = self.by_key.find(hash, |id| *self.keys[id as usize] == *key) {
            return id;
        }
        let id = u32::try_from(self.keys.len()).expect("a table is left long before it has 2^32 entries");
        let shared = same.filter(|same| ***same == *key);
        self.bytes += if shared.is_some() { 0 } else { key.len() as u64 };
        self.keys.push(shared.map_or_else(|| key.into(), Arc::clone));
        let keys = &self.keys;
        self.by_key.insert(hash, id, |id| hasher.hash_one(&*keys[id as usize]));
        id
    }
}

/// The table in use, and the making of the next.
#[derive(Debug)]
pub(crate) struct SeriesTables {
    hasher: RandomState,
    bound: u64,
    current: RwLock<Arc<SeriesTable>>,
}

impl SeriesTables {
    /// An empty table, left for a new one when it has more than `bound` bytes.
    pub(crate) fn new(random: &dyn Random, bound: u64) -> Self {
        let hasher = RandomState::with_seeds(random.u64(), random.u64(), random.u64(), random.u64());
        Self { bound, current: RwLock::new(Arc::new(SeriesTable::new(hasher.clone()))), hasher }
    }

    /// The table in use.
    pub(crate) fn current(&self) -> Arc<SeriesTable> {
        self.current.read().clone()
    }

    /// Whether the table has outgrown its bound.
    pub(crate) fn is_full(&self) -> bool {
        self.current().bytes() > self.bound
    }

    /// Begins a new table if this one has outgrown its bound.
    pub(crate) fn forget(&self) {
        if self.is_full() {
            *self.current.write() = Arc::new(SeriesTable::new(self.hasher.clone()));
        }
    }
}
