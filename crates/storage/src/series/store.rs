//! The keys of a series table: entries and their bytes, in chunks that never move.
//!
//! A copy of a [`Store`] shares its chunks, so that it costs a few references and stays as it was: sorting and merging work on
//! copies while writers go on. The chunk that is being filled is copied by the next entry after that.
//!
//! Always: no two entries have the same bytes; an entry is a spelling (it has a series), a key (it is a series), or both.

use super::SeriesId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Entries of a chunk.
const ENTRIES: usize = 1 << 13;
/// Bits of a place that count bytes within a chunk of text.
const TEXT_BITS: u32 = 20;
/// Bytes of a chunk of text; a longer key has one of its own.
const TEXT_BYTES: usize = 1 << TEXT_BITS;

/// A byte string that is the spelling of a series, or a canonical key, or both.
#[derive(Debug)]
pub(super) struct Entry {
    /// Chunk of its text, place in there, and in the lowest bit whether it is a key.
    place: u64,
    len: u32,
    /// The series that it spells; `NO_SERIES` if nobody wrote it yet.
    series: AtomicU32,
    /// The spelling that followed this one the last time.
    next: AtomicU32,
}

impl Clone for Entry {
    fn clone(&self) -> Self {
        let (series, next) = (self.series.load(Ordering::Relaxed), self.next.load(Ordering::Relaxed));
        Self { series: series.into(), next: next.into(), ..*self }
    }
}

impl Entry {
    /// The series that it spells, or `NO_SERIES`.
    pub(super) fn series(&self) -> SeriesId {
        self.series.load(Ordering::Relaxed)
    }

    /// Says which series it spells.
    pub(super) fn spell(&self, series: SeriesId) {
        self.series.store(series, Ordering::Relaxed);
    }

    /// The number of the spelling that followed the last time; it may not exist.
    pub(super) fn next(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    /// Notes what followed.
    pub(super) fn follow(&self, next: u32) {
        if self.next() != next {
            self.next.store(next, Ordering::Relaxed);
        }
    }

    /// Whether it is a canonical key.
    pub(super) fn is_key(&self) -> bool {
        self.place & 1 == 1
    }
}

/// Entries and their text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    entries: Vec<Arc<Vec<Entry>>>,
    text: Vec<Arc<Vec<u8>>>,
    text_bytes: u64,
}

impl Store {
    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.last().map_or(0, |last| (self.entries.len() - 1) * ENTRIES + last.len())
    }

    /// Number of the next entry.
    pub(super) fn next(&self) -> u32 {
        u32::try_from(self.len()).expect("a table is left long before it has 2^32 entries")
    }

    /// Bytes of memory that the entries take, without the room for more.
    pub(super) fn bytes(&self) -> u64 {
        (self.len() * size_of::<Entry>()) as u64 + self.text_bytes
    }

    /// An entry.
    #[inline]
    pub(super) fn entry(&self, number: u32) -> &Entry {
        &self.entries[number as usize / ENTRIES][number as usize % ENTRIES]
    }

    /// An entry, if there is one of the number.
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&Entry> {
        self.entries.get(number as usize / ENTRIES)?.get(number as usize % ENTRIES)
    }

    /// The bytes of an entry.
    #[inline]
    pub(super) fn text(&self, entry: &Entry) -> &[u8] {
        let place = (entry.place >> 1) as usize;
        let start = place % TEXT_BYTES;
        &self.text[place >> TEXT_BITS][start..start + entry.len as usize]
    }

    /// The canonical key of a series.
    #[inline]
    pub(crate) fn key(&self, series: SeriesId) -> &[u8] {
        self.text(self.entry(series))
    }

    /// Appends an entry and returns its number.
    pub(super) fn push(&mut self, text: &[u8], series: SeriesId, is_key: bool) -> u32 {
        let number = self.next();
        let place = self.push_text(text) << 1 | u64::from(is_key);
        let len = u32::try_from(text.len()).expect("a key is part of a request");
        let entry = Entry { place, len, series: series.into(), next: (number + 1).into() };
        let chunk = open(&mut self.entries, ENTRIES, 1);
        chunk.push(entry);
        number
    }

    /// Makes a key of an entry that was a spelling alone.
    pub(super) fn make_key(&mut self, number: u32) -> SeriesId {
        Arc::make_mut(&mut self.entries[number as usize / ENTRIES])[number as usize % ENTRIES].place |= 1;
        number
    }

    fn push_text(&mut self, text: &[u8]) -> u64 {
        let chunk = open(&mut self.text, TEXT_BYTES, text.len());
        let start = chunk.len() as u64;
        chunk.extend_from_slice(text);
        self.text_bytes += text.len() as u64;
        ((self.text.len() as u64 - 1) << TEXT_BITS) | start
    }
}

/// The last chunk, if it has room for `more` items, or a new one. It is copied first if somebody shares it.
fn open<T: Clone>(chunks: &mut Vec<Arc<Vec<T>>>, size: usize, more: usize) -> &mut Vec<T> {
    if chunks.last().is_none_or(|last| last.len() + more > size) {
        chunks.push(Arc::new(Vec::with_capacity(size.max(more))));
    }
    let last = chunks.len() - 1;
    let chunk = Arc::make_mut(&mut chunks[last]);
    // A copy has no room left.
    chunk.reserve_exact(size.max(chunk.len() + more) - chunk.len());
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_stays_as_it_was() {
        let mut store = Store::default();
        let texts: Vec<Vec<u8>> = (0..20_000u32).map(|i| i.to_le_bytes().repeat(1 + i as usize % 90)).collect();
        let mut copies = Vec::new();
        for (number, text) in (0u32..).zip(&texts) {
            assert_eq!(store.push(text, number, number % 2 == 0), number);
            if number % 3_000 == 7 {
                copies.push((number, store.clone()));
            }
        }
        let long = vec![7; 3 << 20];
        assert_eq!(store.push(&long, 0, true), 20_000);
        assert_eq!(store.push(b"after", 0, true), 20_001);
        assert_eq!((store.key(20_000), store.key(20_001)), (&*long, b"after".as_slice()));
        copies.push((19_999, store));
        for (last, copy) in copies {
            assert!(copy.len() > last as usize);
            for number in 0..=last {
                assert_eq!(copy.key(number), texts[number as usize]);
                assert_eq!(copy.entry(number).is_key(), number % 2 == 0);
            }
            assert!(copy.get(last + 3).is_none());
        }
    }
}
