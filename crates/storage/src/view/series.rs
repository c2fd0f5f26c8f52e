//! The series of a measurement over all sources of a view, merged by canonical key.
//!
//! Each source (a segment or a run's table) numbers its series itself; the set knows which of a source's series each of its
//! own is. Sources whose indexes are equal, as those of steady writers are, share that; a source that has few of the
//! series lists only those. So a set costs memory by the different indexes, not by sources, and what was found for some
//! indexes and a condition is kept in the cache: indexes do not change.

use super::condition::{TagCondition, fingerprint, matching};
use super::source::Source;
use super::union::union;
use crate::cache::{Cache, Key, Kind};
use crate::error::StorageError;
use crate::segment::index::{TagIndex, Walk};
use model::{TagSet, Text};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// Some series of one measurement, ascending by canonical key, numbered from 0.
#[derive(Clone, Debug)]
pub struct SeriesSet {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    measurement: Text,
    pub(super) sources: Vec<Source>,
    tag_keys: Vec<Text>,
    found: Arc<Found>,
}

/// Which series there are, without the sources, so that it pins neither rows nor files.
#[derive(Debug)]
struct Found {
    /// For each source which of `parts` its series are.
    part_of: Vec<u32>,
    parts: Vec<Part>,
    /// For each series a part that has it, and its number there; `None` if the first part has them all.
    known: Option<Vec<(u32, u32)>>,
    len: usize,
}

/// The series of sources with equal indexes.
#[derive(Debug)]
struct Part {
    index: Arc<TagIndex>,
    locals: Locals,
}

/// Which of an index's series those of the set are.
#[derive(Debug)]
enum Locals {
    /// The same ones.
    All,
    /// All of the set are in the index: their numbers there.
    Each(Vec<u32>),
    /// Some are: which, and their numbers there.
    Some(Vec<u32>, Vec<u32>),
}

/// A set in the cache, and what it was found for.
#[derive(Debug)]
struct Kept {
    condition: Vec<u8>,
    indexes: Vec<Arc<TagIndex>>,
    found: Arc<Found>,
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
        cache: &Cache,
    ) -> Result<Self, StorageError> {
        let mut tag_keys: Vec<Text> = Vec::new();
        for (source, index) in &sources {
            tag_keys.extend(source.tag_keys(index)?);
        }
        tag_keys.sort_unstable();
        tag_keys.dedup();
        let mut name = Vec::new();
        codec::put_bytes(&mut name, measurement);
        let lasts = fingerprint(condition, &mut name) && sources.iter().all(|(source, _)| source.deleted.is_none());
        let (found, sources) = if lasts {
            let (sources, indexes): (Vec<Source>, Vec<Arc<TagIndex>>) = sources.into_iter().unzip();
            (
                kept(name, indexes, cache, |indexes| {
                    let all = indexes.iter().map(|index| (None, index.clone())).collect::<Vec<_>>();
                    find(measurement, &all, condition)
                })?,
                sources,
            )
        } else {
            let all: Vec<_> = sources.iter().map(|(source, index)| (Some(source), index.clone())).collect();
            let found = Arc::new(find(measurement, &all, condition)?);
            (found, sources.into_iter().map(|(source, _)| source).collect())
        };
        Ok(Self { inner: Arc::new(Inner { measurement: measurement.into(), sources, tag_keys, found }) })
    }

    /// Number of series.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.found.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory, about; the indexes of segments are not counted.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.inner.found.bytes()
    }

    /// The measurement.
    #[must_use]
    pub fn measurement(&self) -> &[u8] {
        &self.inner.measurement
    }

    /// The number of a series in a source of the set, if that has it.
    pub(super) fn local(&self, source: usize, series: usize) -> Option<u32> {
        let found = &self.inner.found;
        found.parts[found.part_of[source] as usize].locals.get(series as u32)
    }

    /// The canonical key of a series.
    #[must_use]
    pub fn key(&self, series: usize) -> Vec<u8> {
        let (index, local) = self.inner.found.known(series);
        let mut key = Vec::new();
        index.push_key(&self.inner.measurement, local, &mut key);
        key
    }

    /// The tags of a series.
    #[must_use]
    pub fn tags(&self, series: usize) -> TagSet {
        let (index, local) = self.inner.found.known(series);
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
        let found = &self.inner.found;
        let columns: Vec<_> = found.parts.iter().map(|part| part.index.column(key)).collect();
        // Per part and value id whether it occurs, later its place among all values.
        const UNUSED: u32 = u32::MAX;
        let mut places: Vec<Vec<u32>> =
            columns.iter().map(|column| vec![UNUSED; column.map_or(0, |column| column.values.len()) + 1]).collect();
        found.each_id(&columns, |part, id| places[part][id as usize] = 0);
        let text = |part: usize, id: usize| columns[part].map_or(&[][..], |column| column.text(id as u32));
        let mut values: BTreeMap<&[u8], u32> = BTreeMap::new();
        if let [used] = &places[..] {
            let all: Vec<Text> = (0..used.len()).filter(|&id| used[id] == 0).map(|id| text(0, id).into()).collect();
            let mut number = 0;
            for place in places[0].iter_mut().filter(|place| **place == 0) {
                *place = number;
                number += 1;
            }
            let mut ids = Vec::with_capacity(self.len());
            found.each_id(&columns, |_, id| ids.push(places[0][id as usize]));
            return (all, ids);
        }
        for (part, used) in places.iter().enumerate() {
            values.extend((0..used.len()).filter(|&id| used[id] == 0).map(|id| (text(part, id), 0)));
        }
        (0u32..).zip(values.values_mut()).for_each(|(place, slot)| *slot = place);
        for (part, used) in places.iter_mut().enumerate() {
            for (id, place) in used.iter_mut().enumerate().filter(|(_, place)| **place == 0) {
                *place = values[text(part, id)];
            }
        }
        let mut ids = Vec::with_capacity(self.len());
        found.each_id(&columns, |part, id| ids.push(places[part][id as usize]));
        (values.into_keys().map(Text::from).collect(), ids)
    }

    /// For each shard of the view, up to the last that has a source, which of the sources are its.
    pub(super) fn by_shard(&self) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for (at, source) in self.inner.sources.iter().enumerate() {
            ranges.resize(ranges.len().max(source.shard + 1), at..at);
            ranges[source.shard].end = at + 1;
        }
        ranges
    }
}

impl Found {
    fn known(&self, series: usize) -> (&TagIndex, usize) {
        let (part, local) = match &self.known {
            Some(known) => known[series],
            None => (0, self.parts[0].locals.get(series as u32).unwrap_or(0)),
        };
        (&self.parts[part as usize].index, local as usize)
    }

    /// Gives for each series the part that is known to have it, and the id of its value in that part's column.
    fn each_id(&self, columns: &[Option<&crate::segment::index::TagColumn>], mut take: impl FnMut(usize, u32)) {
        let mut walks: Vec<Option<Walk<'_>>> =
            columns.iter().map(|column| column.map(|column| column.ids.walk())).collect();
        for series in 0..self.len {
            let (part, local) = match &self.known {
                Some(known) => known[series],
                None => (0, self.parts[0].locals.get(series as u32).unwrap_or(0)),
            };
            take(part as usize, walks[part as usize].as_mut().map_or(0, |walk| walk.get(local)));
        }
    }

    fn bytes(&self) -> usize {
        let locals: usize = self.parts.iter().map(|part| part.locals.bytes() + 64).sum();
        locals + self.known.as_ref().map_or(0, |known| known.len() * 8) + self.part_of.len() * 4 + 128
    }
}

impl Locals {
    fn get(&self, series: u32) -> Option<u32> {
        match self {
            Self::All => Some(series),
            Self::Each(locals) => Some(locals[series as usize]),
            Self::Some(places, locals) => places.binary_search(&series).ok().map(|at| locals[at]),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::All => 0,
            Self::Each(locals) => locals.len() * 4,
            Self::Some(places, locals) => (places.len() + locals.len()) * 4,
        }
    }
}

/// What the cache has of these indexes and this condition, else what `find` gives.
fn kept(
    condition: Vec<u8>,
    indexes: Vec<Arc<TagIndex>>,
    cache: &Cache,
    find: impl FnOnce(&[Arc<TagIndex>]) -> Result<Found, StorageError>,
) -> Result<Arc<Found>, StorageError> {
    let addresses: Vec<usize> = indexes.iter().map(|index| Arc::as_ptr(index).addr()).collect();
    let hash = ahash::RandomState::with_seeds(9, 10, 11, 12).hash_one((&condition, &addresses));
    let key = Key { owner: hash, kind: Kind::Series, place: [indexes.len() as u32, 0, 0, 0] };
    if let Some(kept) = cache.get::<Kept>(&key) {
        let same =
            kept.indexes.len() == indexes.len() && kept.indexes.iter().zip(&indexes).all(|(a, b)| Arc::ptr_eq(a, b));
        if same && kept.condition == condition {
            return Ok(kept.found.clone());
        }
    }
    let found = Arc::new(find(&indexes)?);
    let bytes = found.bytes() + condition.len() + indexes.len() * 8 + 128;
    cache.put(key, Arc::new(Kept { condition, indexes, found: found.clone() }), bytes as u64);
    Ok(found)
}

/// Finds the series of some indexes that fulfil a condition, and, where a source is given, have a row left.
fn find(
    measurement: &[u8],
    sources: &[(Option<&Source>, Arc<TagIndex>)],
    condition: &TagCondition,
) -> Result<Found, StorageError> {
    // Equal indexes make one part, unless deletes leave them different series.
    let mut by_digest: HashMap<u64, Vec<u32>> = HashMap::new();
    let mut chosen: Vec<(Arc<TagIndex>, Vec<u32>)> = Vec::new();
    let mut part_of = Vec::with_capacity(sources.len());
    for (source, index) in sources {
        let whole = source.is_none_or(|source| source.deleted.is_none());
        // A lone index needs no digest.
        let alike = (whole && sources.len() > 1).then(|| by_digest.entry(index.digest()).or_default());
        let known = alike.as_ref().and_then(|alike| {
            alike.iter().copied().find(|&part| {
                let other = &chosen[part as usize].0;
                Arc::ptr_eq(other, index) || other == index
            })
        });
        part_of.push(known.unwrap_or(chosen.len() as u32));
        if known.is_none() {
            if let Some(alike) = alike {
                alike.push(chosen.len() as u32);
            }
            let mut series = matching(index, condition);
            if let Some(source) = source {
                source.retain_live(&mut series)?;
            }
            chosen.push((index.clone(), series));
        }
    }
    Ok(found(measurement, chosen, part_of))
}

fn found(measurement: &[u8], mut chosen: Vec<(Arc<TagIndex>, Vec<u32>)>, part_of: Vec<u32>) -> Found {
    if chosen.len() <= 1 {
        let len = chosen.first().map_or(0, |(_, series)| series.len());
        let whole = |index: &TagIndex, series: Vec<u32>| match series.len() == index.series {
            true => Locals::All,
            false => Locals::Each(series),
        };
        let parts = chosen.drain(..).map(|(index, series)| Part { locals: whole(&index, series), index }).collect();
        return Found { part_of, parts, known: None, len };
    }
    let pairs: Vec<(&Arc<TagIndex>, &[u32])> =
        chosen.iter().map(|(index, series)| (index, series.as_slice())).collect();
    let union = union(measurement, &pairs);
    let len = union.known.len();
    let locals = |(places, series): (Vec<u32>, Vec<u32>)| match places.len() == len {
        true => Locals::Each(series),
        false => Locals::Some(places, series),
    };
    let parts = chosen.into_iter().zip(union.places);
    let parts: Vec<Part> = parts.map(|((index, _), places)| Part { index, locals: locals(places) }).collect();
    let first_has_all = matches!(parts[0].locals, Locals::Each(_));
    Found { part_of, known: (!first_has_all).then_some(union.known), parts, len }
}
