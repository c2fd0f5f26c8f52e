//! Makes an index of canonical keys, which come sorted: what a key shares with the one before is not looked at again.
//!
//! A column keeps only the series at which its value changes, so a tag that stays costs nothing. A value is sought in a small
//! cache, and noted again where the cache has forgotten it: values are sorted once, at the end, and fall together then. So
//! no table grows with the number of series, and nothing is allocated for one.

use super::order::order;
use super::{Ids, TagColumn, TagIndex};
use ahash::RandomState;
use codec::Strings;
use model::{Text, series_key};
use std::collections::HashMap;
use std::sync::Arc;

/// Slots of a column's cache, at first and at last.
const CACHE: (usize, usize) = (1 << 6, 1 << 14);

/// Makes an index of canonical keys, one after the other.
#[derive(Debug)]
pub(crate) struct Builder {
    series: u32,
    /// The key before, where its measurement ends, and its tags.
    last: Vec<u8>,
    measurement: usize,
    spans: Vec<Span>,
    /// The tags before that the key does not share.
    dropped: Vec<Span>,
    places: HashMap<Text, u32>,
    columns: Vec<ColumnBuilder>,
    hasher: RandomState,
}

/// A tag of the key before: its column, and where in the key it ends.
#[derive(Clone, Copy, Debug)]
struct Span {
    column: u32,
    end: usize,
}

#[derive(Debug)]
struct ColumnBuilder {
    key: Text,
    /// What a tag of the column begins with in canonical keys, `=` included.
    start: Text,
    /// At which series the value becomes which: 0 none, else its place in `values` plus 1.
    changes: Vec<(u32, u32)>,
    values: Strings,
    /// Where a value with this hash was noted last: the hash's upper half, and the place plus 1.
    cache: Vec<(u32, u32)>,
    /// The number after that of the last series whose value was looked at.
    seen: u32,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            series: 0,
            last: Vec::new(),
            measurement: 0,
            spans: Vec::new(),
            dropped: Vec::new(),
            places: HashMap::new(),
            columns: Vec::new(),
            // Hashes choose slots of a cache: nothing depends on them but speed.
            hasher: RandomState::with_seeds(1, 2, 3, 4),
        }
    }
}

impl Builder {
    /// Adds a series, whose key is above those before and has the same measurement.
    pub(crate) fn push(&mut self, key: &[u8]) {
        let shared = shared_prefix(&self.last, key);
        let kept = self.spans.iter().take_while(|span| stays(span.end, shared, key)).count();
        let mut at = match kept.checked_sub(1) {
            Some(last) => self.spans[last].end,
            None => {
                if self.series == 0 || shared <= self.measurement {
                    self.measurement = series_key::measurement_part(key).len();
                }
                self.measurement
            }
        };
        self.dropped.clear();
        self.dropped.extend(self.spans.drain(kept..));
        let mut number = 0;
        while at < key.len() {
            at = self.tag(key, at + 1, number);
            number += 1;
        }
        for span in &self.dropped {
            let column = &mut self.columns[span.column as usize];
            if column.seen != self.series + 1 {
                column.change(self.series, 0);
            }
        }
        self.last.truncate(shared);
        self.last.extend_from_slice(&key[shared..]);
        self.series += 1;
    }

    /// Notes the tag that begins at a place of the key; gives where it ends. `number`: how many dropped tags stood before it.
    fn tag(&mut self, key: &[u8], start: usize, number: usize) -> usize {
        let rest = &key[start..];
        let expected = self.dropped.get(number).map(|span| span.column);
        let expected = expected.filter(|&column| rest.starts_with(&self.columns[column as usize].start));
        let (value_at, name_end) = match expected {
            Some(column) => (start + self.columns[column as usize].start.len(), start),
            None => {
                let end = end_of(key, start, b',');
                let split = end_of(&key[..end], start, b'=');
                ((split + 1).min(end), split)
            }
        };
        let end = end_of(key, value_at, b',');
        if value_at < end {
            let value = &key[value_at..end];
            let column = expected.unwrap_or_else(|| self.column(&key[start..name_end]));
            let builder = &mut self.columns[column as usize];
            builder.seen = self.series + 1;
            match value.contains(&b'\\') {
                false => builder.push(self.series, value, &self.hasher),
                true => builder.push(self.series, &series_key::unescape(value, b",= "), &self.hasher),
            }
            self.spans.push(Span { column, end });
        }
        end
    }

    /// The column of a tag key, as it stands in canonical keys.
    fn column(&mut self, escaped: &[u8]) -> u32 {
        let key = series_key::unescape(escaped, b",= ");
        if let Some(&column) = self.places.get(&key) {
            return column;
        }
        let column = self.columns.len() as u32;
        self.places.insert(key.clone(), column);
        self.columns.push(ColumnBuilder::new(key, [escaped, b"="].concat().into()));
        column
    }

    /// Series so far.
    pub(crate) fn series(&self) -> usize {
        self.series as usize
    }

    /// The index.
    pub(crate) fn finish(self) -> TagIndex {
        let mut columns = self.columns;
        columns.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let series = self.series as usize;
        let (keys, columns) =
            columns.into_iter().map(|column| (column.key.clone(), Arc::new(column.finish(series)))).unzip();
        TagIndex::new(series, keys, columns)
    }
}

impl ColumnBuilder {
    fn new(key: Text, start: Text) -> Self {
        Self { key, start, changes: Vec::new(), values: Strings::default(), cache: Vec::new(), seen: 0 }
    }

    /// The series has the value.
    fn push(&mut self, series: u32, value: &[u8], hasher: &RandomState) {
        let now = self.changes.last().map_or(0, |change| change.1);
        if now > 0 && self.values.get(now as usize - 1) == value {
            return;
        }
        if self.values.len() >= self.cache.len() && self.cache.len() < CACHE.1 {
            self.cache = vec![(0, 0); (self.cache.len() * 16).clamp(CACHE.0, CACHE.1)];
        }
        let hash = hasher.hash_one(value);
        let (slot, upper) = (hash as usize % self.cache.len(), (hash >> 32) as u32);
        let known = self.cache[slot];
        let fits = known.1 > 0 && known.0 == upper && self.values.get(known.1 as usize - 1) == value;
        let id = if fits {
            known.1
        } else {
            self.values.push(value);
            self.values.len() as u32
        };
        self.cache[slot] = (upper, id);
        self.change(series, id);
    }

    fn change(&mut self, series: u32, id: u32) {
        match self.changes.last_mut() {
            Some(last) if last.0 == series => last.1 = id,
            _ => self.changes.push((series, id)),
        }
    }

    fn finish(mut self, series: usize) -> TagColumn {
        let (values, ranks) = order(self.values);
        for (_, id) in self.changes.iter_mut().filter(|(_, id)| *id > 0) {
            *id = ranks[*id as usize - 1] + 1;
        }
        TagColumn { values, ids: Ids::of_changes(&self.changes, series) }
    }
}

/// Whether a tag that ended there is in a key too that shares so many bytes with the key before.
fn stays(end: usize, shared: usize, key: &[u8]) -> bool {
    shared > end || shared == end && (key.len() == end || key[end] == b',' && key[end - 1] != b'\\')
}

/// How many bytes two keys begin with alike.
fn shared_prefix(a: &[u8], b: &[u8]) -> usize {
    let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    let at = 8 * words.take_while(|(a, b)| a == b).count();
    at + a[at..].iter().zip(&b[at..]).take_while(|(a, b)| a == b).count()
}

/// Where from `from` on the first mark without a backslash before it stands, or the end.
fn end_of(text: &[u8], from: usize, mark: u8) -> usize {
    let mut at = from;
    while let Some(found) = codec::scan::find(&text[at..], mark) {
        let place = at + found;
        if place == from || text[place - 1] != b'\\' {
            return place;
        }
        at = place + 1;
    }
    text.len()
}
