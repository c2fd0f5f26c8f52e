//! A bounded cache of what was read and decoded: pages, opened blocks, directories, indexes.
//!
//! Entries are found by a [`Key`] whose owner number is never used again in this process, so an entry is never stale. The
//! cache is cut in parts with a lock each; the bound is on all parts together. Eviction is second chance: an entry that was
//! read since the hand passed last stays for another round. An entry above half of the bound is not kept at all.

use ahash::RandomState;
use parking_lot::Mutex;
use platform::Counter;
use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const PARTS: usize = 16;

/// What kind of thing an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A decoded page: of timestamps or of a field.
    Page,
    /// A block whose checksum was checked and whose model is open.
    Block,
    /// The directory of a measurement in a segment.
    Directory,
    /// The index of a measurement in a segment.
    Index,
    /// The index of a measurement by its digest, whatever segments have it; whoever asks compares.
    SharedIndex,
    /// The tag keys of a measurement in a segment, alone.
    TagKeys,
    /// One tag of a measurement in a segment, alone.
    TagColumn,
    /// The index of a table of a run.
    RunIndex,
    /// The series that some indexes have for a condition; the owner is a hash, and whoever asks compares.
    Series,
    /// What is deleted of a measurement in a segment.
    Deleted,
    /// The last values that the series of a column group have of a field.
    Ends,
}

/// The name of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Whose it is; see [`Cache::owner`].
    pub(crate) owner: u64,
    /// What it is.
    pub(crate) kind: Kind,
    /// Measurement or table, column group, column, page or block; zeros where there is none.
    pub(crate) place: [u32; 4],
}

type Value = Arc<dyn Any + Send + Sync>;

#[derive(Debug)]
struct Entry {
    value: Value,
    bytes: u64,
    read: bool,
}

#[derive(Debug)]
struct Part {
    entries: HashMap<Key, Entry, RandomState>,
    /// Every key of `entries` once, the next to be looked at first.
    queue: VecDeque<Key>,
}

impl Part {
    fn new() -> Self {
        Self { entries: HashMap::with_hasher(RandomState::new()), queue: VecDeque::new() }
    }
}

/// A bounded cache. Share it by `Arc`.
#[derive(Debug)]
pub(crate) struct Cache {
    parts: Vec<Mutex<Part>>,
    hasher: RandomState,
    limit: u64,
    used: AtomicU64,
    hand: AtomicUsize,
    owners: AtomicU64,
    /// Pages of values that were decoded because they were not here.
    decoded: Counter,
}

impl Cache {
    /// A cache of at most about `limit` bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Self::counting(limit, Counter::default())
    }

    /// A cache of at most about `limit` bytes that counts the pages of values which are decoded for it.
    pub(crate) fn counting(limit: u64, decoded: Counter) -> Self {
        Self {
            decoded,
            parts: (0..PARTS).map(|_| Mutex::new(Part::new())).collect(),
            hasher: RandomState::new(),
            limit,
            used: AtomicU64::new(0),
            hand: AtomicUsize::new(0),
            owners: AtomicU64::new(0),
        }
    }

    /// A number for a new owner of entries.
    pub(crate) fn owner(&self) -> u64 {
        self.owners.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts a page of values that was decoded.
    pub(crate) fn count_decoded(&self) {
        self.decoded.inc();
    }

    /// Bytes that the entries take, as they were declared.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// The entry of that name, if it is there and of type `T`.
    pub(crate) fn get<T: Any + Send + Sync>(&self, key: &Key) -> Option<Arc<T>> {
        let mut part = self.part(key).lock();
        let entry = part.entries.get_mut(key)?;
        entry.read = true;
        let value = entry.value.clone();
        drop(part);
        value.downcast().ok()
    }

    /// Keeps `value`, which takes about `bytes`, and evicts others where needed.
    pub(crate) fn put<T: Any + Send + Sync>(&self, key: Key, value: Arc<T>, bytes: u64) {
        if bytes > self.limit / 2 {
            return;
        }
        let before = {
            let mut part = self.part(&key).lock();
            let before = part.entries.insert(key, Entry { value, bytes, read: false });
            if before.is_none() {
                part.queue.push_back(key);
            }
            before.map_or(0, |entry| entry.bytes)
        };
        self.used.fetch_add(bytes, Ordering::Relaxed);
        self.used.fetch_sub(before, Ordering::Relaxed);
        self.shrink();
    }

    /// The entry of that name, or what `make` gives with its size in bytes, which is then kept.
    pub(crate) fn get_or<T: Any + Send + Sync, E>(
        &self,
        key: Key,
        make: impl FnOnce() -> Result<(T, u64), E>,
    ) -> Result<Arc<T>, E> {
        if let Some(value) = self.get(&key) {
            return Ok(value);
        }
        let (value, bytes) = make()?;
        let value = Arc::new(value);
        self.put(key, value.clone(), bytes);
        Ok(value)
    }

    fn part(&self, key: &Key) -> &Mutex<Part> {
        &self.parts[(self.hasher.hash_one(key) >> 32) as usize % PARTS]
    }

    /// Evicts, part after part, until the bound is kept. Every part gets two rounds at most: the first may only take marks off.
    fn shrink(&self) {
        for _ in 0..2 * PARTS {
            if self.used() <= self.limit {
                return;
            }
            let hand = self.hand.fetch_add(1, Ordering::Relaxed) % PARTS;
            self.shrink_part(&mut self.parts[hand].lock());
        }
    }

    fn shrink_part(&self, part: &mut Part) {
        for _ in 0..part.queue.len() {
            if self.used() <= self.limit {
                return;
            }
            let Some(key) = part.queue.pop_front() else { return };
            match part.entries.get_mut(&key) {
                Some(entry) if entry.read => {
                    entry.read = false;
                    part.queue.push_back(key);
                }
                _ => {
                    let bytes = part.entries.remove(&key).map_or(0, |entry| entry.bytes);
                    self.used.fetch_sub(bytes, Ordering::Relaxed);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(page: u32) -> Key {
        Key { owner: 0, kind: Kind::Page, place: [0, 0, 0, page] }
    }

    #[test]
    fn keeps_its_bound_and_what_is_read() {
        let cache = Cache::new(10_000);
        for page in 0..1_000 {
            cache.put(key(page), Arc::new(page), 100);
            assert_eq!(cache.get::<u32>(&key(0)).as_deref(), Some(&0), "read after every put");
            assert!(cache.used() <= 10_000);
        }
        assert!(cache.used() > 8_000);
        assert!(cache.get::<u64>(&key(0)).is_none(), "of another type");
    }

    #[test]
    fn refuses_what_is_too_large() {
        let cache = Cache::new(1_000);
        cache.put(key(0), Arc::new(1u8), 501);
        assert!(cache.get::<u8>(&key(0)).is_none());
        cache.put(key(0), Arc::new(1u8), 400);
        cache.put(key(0), Arc::new(2u8), 300);
        assert_eq!((cache.used(), cache.get::<u8>(&key(0)).as_deref()), (300, Some(&2)));
        let made = cache.get_or::<u8, ()>(key(1), || Ok((3, 10)));
        assert_eq!((made.as_deref(), cache.used()), (Ok(&3), 310));
    }
}
