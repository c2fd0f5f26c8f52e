//! The series of a measurement over all sources of a view, merged by canonical key.
//!
//! Each source (a segment or a run's table) numbers its series itself; the set keeps, for each source, which of its series
//! each of the set's series is, and for each series one source that can tell its tags.

use super::condition::{TagCondition, matching};
use super::source::Source;
use crate::error::StorageError;
use crate::segment::index::TagIndex;
use model::{TagSet, Text};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

/// No series of that source.
pub(super) const ABSENT: u32 = u32::MAX;

/// A source of a set.
#[derive(Debug)]
pub(super) struct SetSource {
    pub(super) source: Source,
    index: Arc<TagIndex>,
    /// For each series of the set its number in the source, or [`ABSENT`].
    pub(super) locals: Vec<u32>,
}

/// Some series of one measurement, ascending by canonical key, numbered from 0.
#[derive(Clone, Debug)]
pub struct SeriesSet {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    measurement: Text,
    pub(super) sources: Vec<SetSource>,
    /// For each series a source that has it, and its number there.
    known: Vec<(u32, u32)>,
    tag_keys: Vec<Text>,
}

impl SeriesSet {
    /// The series that fulfil the condition, out of sources with their indexes.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(super) fn merge(
        measurement: &[u8],
        sources: Vec<(Source, Arc<TagIndex>)>,
        condition: &TagCondition,
    ) -> Result<Self, StorageError> {
        let mut tag_keys: Vec<Text> = Vec::new();
        for (source, index) in &sources {
            tag_keys.extend(source.tag_keys(index)?);
        }
        tag_keys.sort_unstable();
        tag_keys.dedup();
        let matched = |(source, index): &(Source, Arc<TagIndex>)| {
            let mut series = matching(index, condition);
            source.retain_live(&mut series)?;
            Ok(series)
        };
        let matched: Vec<Vec<u32>> = sources.iter().map(matched).collect::<Result<_, StorageError>>()?;
        let (known, locals) = if let [only] = &matched[..] {
            (only.iter().map(|&local| (0, local)).collect(), matched)
        } else {
            merge_keys(measurement, &sources, &matched)
        };
        let sources = sources
            .into_iter()
            .zip(locals)
            .map(|((source, index), locals)| SetSource { source, index, locals })
            .collect();
        Ok(Self { inner: Arc::new(Inner { measurement: measurement.into(), sources, known, tag_keys }) })
    }

    /// Number of series.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.known.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The measurement.
    #[must_use]
    pub fn measurement(&self) -> &[u8] {
        &self.inner.measurement
    }

    fn known(&self, series: usize) -> (&TagIndex, usize) {
        let (source, local) = self.inner.known[series];
        (&self.inner.sources[source as usize].index, local as usize)
    }

    /// The canonical key of a series.
    #[must_use]
    pub fn key(&self, series: usize) -> Vec<u8> {
        let (index, local) = self.known(series);
        let mut key = Vec::new();
        index.push_key(&self.inner.measurement, local, &mut key);
        key
    }

    /// The tags of a series.
    #[must_use]
    pub fn tags(&self, series: usize) -> TagSet {
        let (index, local) = self.known(series);
        index.tags(local)
    }

    /// The tag keys that some series of the measurement has, sorted.
    #[must_use]
    pub fn tag_keys(&self) -> &[Text] {
        &self.inner.tag_keys
    }

    /// One tag of all series: the distinct values that occur in this set, sorted (the empty value, if some series lack the
    /// tag, comes first), and for each series the index of its value among them.
    #[must_use]
    pub fn tag_column(&self, key: &[u8]) -> (Vec<Text>, Vec<u32>) {
        let columns: Vec<_> = self.inner.sources.iter().map(|source| source.index.column(key)).collect();
        // Per source and value id whether it occurs, later its place among all values.
        let mut places: Vec<Vec<u32>> =
            columns.iter().map(|column| vec![ABSENT; column.map_or(0, |column| column.values.len()) + 1]).collect();
        let id = |source: u32, local: u32| columns[source as usize].map_or(0, |column| column.ids.get(local as usize));
        for &(source, local) in &self.inner.known {
            places[source as usize][id(source, local) as usize] = 0;
        }
        let value = |source: usize, id: usize| match (id, columns[source]) {
            (1.., Some(column)) => column.values.get(id - 1),
            _ => &[],
        };
        let mut values: BTreeMap<&[u8], u32> = BTreeMap::new();
        for (source, used) in places.iter().enumerate() {
            values.extend((0..used.len()).filter(|&id| used[id] == 0).map(|id| (value(source, id), 0)));
        }
        (0u32..).zip(values.values_mut()).for_each(|(place, slot)| *slot = place);
        for (source, used) in places.iter_mut().enumerate() {
            for (id, place) in used.iter_mut().enumerate().filter(|(_, place)| **place == 0) {
                *place = values[value(source, id)];
            }
        }
        let ids = self.inner.known.iter().map(|&(s, local)| places[s as usize][id(s, local) as usize]).collect();
        (values.into_keys().map(Text::from).collect(), ids)
    }
}

type Merged = (Vec<(u32, u32)>, Vec<Vec<u32>>);

/// A merge of sorted lists of keys, which are put together as they are needed.
fn merge_keys(measurement: &[u8], sources: &[(Source, Arc<TagIndex>)], matched: &[Vec<u32>]) -> Merged {
    let key = |source: usize, at: usize, mut buffer: Vec<u8>| {
        buffer.clear();
        sources[source].1.push_key(measurement, matched[source][at] as usize, &mut buffer);
        buffer
    };
    let mut heap = BinaryHeap::new();
    for source in (0..sources.len()).filter(|&source| !matched[source].is_empty()) {
        heap.push(Reverse((key(source, 0, Vec::new()), source, 0usize)));
    }
    let mut known = Vec::new();
    let mut locals: Vec<Vec<u32>> = vec![Vec::new(); sources.len()];
    let mut last: Vec<u8> = Vec::new();
    while let Some(Reverse((mut buffer, source, at))) = heap.pop() {
        let local = matched[source][at];
        if known.is_empty() || buffer != last {
            known.push((source as u32, local));
            std::mem::swap(&mut last, &mut buffer);
        }
        locals[source].resize(known.len() - 1, ABSENT);
        locals[source].push(local);
        if at + 1 < matched[source].len() {
            heap.push(Reverse((key(source, at + 1, buffer), source, at + 1)));
        }
    }
    locals.iter_mut().for_each(|list| list.resize(known.len(), ABSENT));
    (known, locals)
}
