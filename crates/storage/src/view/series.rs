//! The series of a measurement over all sources of a view, merged by canonical key.
//!
//! Each source (a segment or a run's table) numbers its series itself; the set knows which of a source's series each of its
//! own is. Sources whose indexes are equal, as those of steady writers are, share that; a source that has few of the
//! series lists only those. So a set costs memory by the different indexes, not by sources, and what was found for some
//! indexes and a condition is kept in the cache: indexes do not change.

use super::Check;
use super::condition::{TagCondition, fingerprint, matching};
use super::source::{Source, SourceKind};
use super::union::union;
use crate::cache::{Cache, Key, Kind};
use crate::error::StorageError;
use crate::segment::index::{TagColumn, TagIndex, Walk};
use model::{TagSet, Text};
use std::collections::{BTreeMap, HashMap};
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Weak};

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
    /// The index of each part of `found`.
    indexes: Vec<Arc<TagIndex>>,
    found: Arc<Found>,
}

/// Which series there are, without sources and indexes, so that it pins neither rows nor files nor memory.
#[derive(Debug)]
struct Found {
    /// For each source which of `parts` its series are.
    part_of: Vec<u32>,
    /// The series of sources with equal indexes, and the first of these.
    parts: Vec<(usize, Locals)>,
    /// For each series a part that has it, and its number there; `None` if the first part has them all.
    known: Option<Vec<(u32, u32)>>,
    len: usize,
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

/// Finds the numbers in a set of a source's series, in ascending order.
#[derive(Debug)]
pub(super) struct Numbers<'s> {
    locals: &'s Locals,
    at: usize,
}

impl Numbers<'_> {
    /// The number in the set of a series of the source; not below the one asked for before.
    pub(super) fn find(&mut self, local: u32) -> Option<u32> {
        let locals = match self.locals {
            Locals::All => return Some(local),
            Locals::Each(locals) | Locals::Some(_, locals) => locals,
        };
        while locals.get(self.at).is_some_and(|&other| other < local) {
            self.at += 1;
        }
        if locals.get(self.at) != Some(&local) {
            return None;
        }
        match self.locals {
            Locals::Some(places, _) => places.get(self.at).copied(),
            _ => u32::try_from(self.at).ok(),
        }
    }
}

/// A set in the cache, and what it was found for.
#[derive(Debug)]
struct Kept {
    condition: Vec<u8>,
    indexes: Vec<Weak<TagIndex>>,
    found: Arc<Found>,
}

impl SeriesSet {
    /// The series that fulfil the condition, out of sources with their indexes.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, or `check` fails.
    pub(super) fn merge<E: From<StorageError>>(
        measurement: &[u8],
        sources: Vec<(Source, Arc<TagIndex>)>,
        condition: &TagCondition,
        (cache, check): (&Cache, Check<'_, E>),
    ) -> Result<Self, E> {
        let mut tag_keys: Vec<Text> = Vec::new();
        for (source, index) in &sources {
            tag_keys.extend(source.tag_keys(index)?);
        }
        tag_keys.sort_unstable();
        tag_keys.dedup();
        let mut name = Vec::new();
        codec::put_bytes(&mut name, measurement);
        let lasts = fingerprint(condition, &mut name) && sources.iter().all(|(source, _)| source.deleted.is_none());
        let (sources, indexes): (Vec<Source>, Vec<Arc<TagIndex>>) = sources.into_iter().unzip();
        let find = || find(measurement, &sources, &indexes, (condition, check));
        let found = if lasts { kept(name, &indexes, cache, find)? } else { Arc::new(find()?) };
        let indexes = found.parts.iter().map(|(first, _)| indexes[*first].clone()).collect();
        Ok(Self { inner: Arc::new(Inner { measurement: measurement.into(), sources, tag_keys, indexes, found }) })
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

    /// How many shards, segments and sets of rows in memory have the measurement.
    #[must_use]
    pub fn sources(&self) -> (usize, usize, usize) {
        let shards = self.by_shard().iter().filter(|sources| !sources.is_empty()).count();
        let is_segment = |source: &&Source| matches!(source.kind, SourceKind::Segment(..));
        let segments = self.inner.sources.iter().filter(is_segment).count();
        (shards, segments, self.inner.sources.len() - segments)
    }

    /// The number of a series in a source of the set, if that has it.
    pub(super) fn local(&self, source: usize, series: usize) -> Option<u32> {
        let found = &self.inner.found;
        found.parts[found.part_of[source] as usize].1.get(series as u32)
    }

    /// The numbers in the set of a source's series, which are asked for in ascending order.
    pub(super) fn numbers(&self, source: usize) -> Numbers<'_> {
        let found = &self.inner.found;
        Numbers { locals: &found.parts[found.part_of[source] as usize].1, at: 0 }
    }

    /// The numbers that some series, which follow each other, have in a source: the set's others are not among them.
    pub(super) fn locals(&self, source: usize, series: &RangeInclusive<usize>) -> Range<u32> {
        let found = &self.inner.found;
        let series = *series.start() as u32..(*series.end() as u32 + 1).min(found.len as u32);
        found.parts[found.part_of[source] as usize].1.within(series)
    }

    /// The series that has a number in a source.
    pub(super) fn series_of(&self, source: usize, local: u32) -> Option<usize> {
        let found = &self.inner.found;
        found.parts[found.part_of[source] as usize].1.series(local).map(|series| series as usize)
    }

    /// Whether all series of a source's index are in the set.
    pub(super) fn has_all(&self, source: usize) -> bool {
        let part = self.inner.found.part_of[source] as usize;
        match &self.inner.found.parts[part].1 {
            Locals::All => true,
            Locals::Each(locals) | Locals::Some(_, locals) => locals.len() == self.inner.indexes[part].series,
        }
    }

    /// The canonical key of a series.
    #[must_use]
    pub fn key(&self, series: usize) -> Vec<u8> {
        let (index, local) = self.inner.known(series);
        let mut key = Vec::new();
        index.push_key(&self.inner.measurement, local, &mut key);
        key
    }

    /// The tags of a series.
    #[must_use]
    pub fn tags(&self, series: usize) -> TagSet {
        let (index, local) = self.inner.known(series);
        index.tags(local)
    }

    /// Gives the values of a tag of some series, of those that have it.
    ///
    /// # Errors
    /// Those of `give`.
    pub fn tag_of<E>(
        &self,
        key: &[u8],
        series: impl Iterator<Item = usize>,
        mut give: impl FnMut(Option<&[u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        let columns: Vec<Option<&TagColumn>> = self.inner.indexes.iter().map(|index| index.column(key)).collect();
        for series in series {
            let (part, local) = self.inner.found.known(series);
            let value = columns[part as usize].map_or(&[][..], |column| column.value(local as usize));
            give((!value.is_empty()).then_some(value))?;
        }
        Ok(())
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
        let columns: Vec<_> = self.inner.indexes.iter().map(|index| index.column(key)).collect();
        let all: usize = columns.iter().flatten().map(|column| column.values.len()).sum();
        if self.len() < all / 4 {
            return self.few(&columns);
        }
        // Per part and value id whether it occurs, later its place among all values.
        const UNUSED: u32 = u32::MAX;
        let mut places: Vec<Vec<u32>> =
            columns.iter().map(|column| vec![UNUSED; column.map_or(0, |column| column.values.len()) + 1]).collect();
        found.each_id(&columns, |part, id| places[part][id as usize] = 0);
        let text = |part: usize, id: usize| columns[part].map_or(&[][..], |column| column.text(id as u32));
        let mut values: BTreeMap<&[u8], u32> = BTreeMap::new();
        if let [used] = &places[..] {
            let all: Vec<Text> = (0..used.len()).filter(|&id| used[id] == 0).map(|id| text(0, id).into()).collect();
            for (number, place) in (0u32..).zip(places[0].iter_mut().filter(|place| **place == 0)) {
                *place = number;
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

    /// What [`SeriesSet::tag_column`] gives, at a cost that follows the series and not the dictionaries.
    fn few(&self, columns: &[Option<&TagColumn>]) -> (Vec<Text>, Vec<u32>) {
        let mut used: Vec<(usize, u32)> = Vec::with_capacity(self.len());
        self.inner.found.each_id(columns, |part, id| used.push((part, id)));
        let text = |(part, id): (usize, u32)| columns[part].map_or(&[][..], |column| column.text(id));
        let mut distinct = used.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let mut values: Vec<&[u8]> = distinct.iter().map(|&place| text(place)).collect();
        values.sort_unstable();
        values.dedup();
        let place = |value: &[u8]| values.partition_point(|other| *other < value) as u32;
        let places: Vec<u32> = distinct.iter().map(|&of| place(text(of))).collect();
        let ids = used.iter().map(|of| places[distinct.partition_point(|other| other < of)]).collect();
        (values.into_iter().map(Text::from).collect(), ids)
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

impl Inner {
    /// An index that has a series, and its number there.
    fn known(&self, series: usize) -> (&TagIndex, usize) {
        let (part, local) = self.found.known(series);
        (&self.indexes[part as usize], local as usize)
    }
}

impl Found {
    fn known(&self, series: usize) -> (u32, u32) {
        match &self.known {
            Some(known) => known[series],
            None => (0, self.parts[0].1.get(series as u32).unwrap_or(0)),
        }
    }

    /// Gives for each series the part that is known to have it, and the id of its value in that part's column.
    fn each_id(&self, columns: &[Option<&TagColumn>], mut take: impl FnMut(usize, u32)) {
        let mut walks: Vec<Option<Walk<'_>>> =
            columns.iter().map(|column| column.map(|column| column.ids.walk())).collect();
        for series in 0..self.len {
            let (part, local) = self.known(series);
            take(part as usize, walks[part as usize].as_mut().map_or(0, |walk| walk.get(local)));
        }
    }

    fn bytes(&self) -> usize {
        let locals: usize = self.parts.iter().map(|(_, locals)| locals.bytes() + 64).sum();
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

    /// The numbers of those of some series that it has, from the first to behind the last.
    fn within(&self, series: Range<u32>) -> Range<u32> {
        let some = match self {
            Self::All => return series,
            Self::Each(locals) => &locals[series.start as usize..series.end as usize],
            Self::Some(places, locals) => {
                let place = |series: u32| places.partition_point(|&other| other < series);
                &locals[place(series.start)..place(series.end)]
            }
        };
        match some {
            [first, .., last] | [first @ last] => *first..last + 1,
            [] => 0..0,
        }
    }

    /// The series of a number; the numbers ascend as the series do.
    fn series(&self, local: u32) -> Option<u32> {
        match self {
            Self::All => Some(local),
            Self::Each(locals) => locals.binary_search(&local).ok().map(|series| series as u32),
            Self::Some(places, locals) => locals.binary_search(&local).ok().map(|at| places[at]),
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
fn kept<E>(
    condition: Vec<u8>,
    indexes: &[Arc<TagIndex>],
    cache: &Cache,
    find: impl FnOnce() -> Result<Found, E>,
) -> Result<Arc<Found>, E> {
    let addresses: Vec<usize> = indexes.iter().map(|index| Arc::as_ptr(index).addr()).collect();
    let hash = ahash::RandomState::with_seeds(9, 10, 11, 12).hash_one((&condition, &addresses));
    let key = Key { owner: hash, kind: Kind::Series, place: [indexes.len() as u32, 0, 0, 0] };
    if let Some(kept) = cache.get::<Kept>(&key) {
        // A weak reference keeps another index from taking the address.
        let same = |(kept, index): (&Weak<TagIndex>, &Arc<TagIndex>)| std::ptr::eq(kept.as_ptr(), Arc::as_ptr(index));
        let all = kept.indexes.len() == indexes.len() && kept.indexes.iter().zip(indexes).all(same);
        if all && kept.condition == condition {
            return Ok(kept.found.clone());
        }
    }
    let found = Arc::new(find()?);
    let bytes = found.bytes() + condition.len() + indexes.len() * 8 + 128;
    let weak = indexes.iter().map(Arc::downgrade).collect();
    cache.put(key, Arc::new(Kept { condition, indexes: weak, found: found.clone() }), bytes as u64);
    Ok(found)
}

/// Finds the series that fulfil a condition and have a row left, of sources with their indexes.
fn find<E: From<StorageError>>(
    measurement: &[u8],
    sources: &[Source],
    indexes: &[Arc<TagIndex>],
    (condition, check): (&TagCondition, Check<'_, E>),
) -> Result<Found, E> {
    // Equal indexes make one part, unless deletes leave them different series.
    let mut by_digest: HashMap<u64, Vec<u32>> = HashMap::new();
    let mut parts: Vec<(usize, Vec<u32>)> = Vec::new();
    let mut part_of = Vec::with_capacity(sources.len());
    for (at, (source, index)) in sources.iter().zip(indexes).enumerate() {
        // A lone index needs no digest.
        let shares = source.deleted.is_none() && sources.len() > 1;
        let alike = shares.then(|| by_digest.entry(index.digest()).or_default());
        let is_equal = |part: &u32| {
            let other = &indexes[parts[*part as usize].0];
            Arc::ptr_eq(other, index) || other == index
        };
        if let Some(part) = alike.as_ref().and_then(|alike| alike.iter().copied().find(is_equal)) {
            part_of.push(part);
            continue;
        }
        alike.into_iter().for_each(|alike| alike.push(parts.len() as u32));
        part_of.push(parts.len() as u32);
        check(index.series)?;
        let mut series = matching(index, condition);
        source.retain_live(&mut series)?;
        parts.push((at, series));
    }
    unite(measurement, indexes, (parts, part_of), check)
}

fn unite<E>(
    measurement: &[u8],
    indexes: &[Arc<TagIndex>],
    (mut chosen, part_of): (Vec<(usize, Vec<u32>)>, Vec<u32>),
    check: Check<'_, E>,
) -> Result<Found, E> {
    if chosen.len() <= 1 {
        let len = chosen.first().map_or(0, |(_, series)| series.len());
        let whole = |(first, series): (usize, Vec<u32>)| match series.len() == indexes[first].series {
            true => (first, Locals::All),
            false => (first, Locals::Each(series)),
        };
        return Ok(Found { part_of, parts: chosen.drain(..).map(whole).collect(), known: None, len });
    }
    let pairs: Vec<(&Arc<TagIndex>, &[u32])> =
        chosen.iter().map(|(first, series)| (&indexes[*first], series.as_slice())).collect();
    let union = union(measurement, &pairs, check)?;
    let len = union.known.len();
    let locals = |(places, series): (Vec<u32>, Vec<u32>)| match places.len() == len {
        true => Locals::Each(series),
        false => Locals::Some(places, series),
    };
    let firsts = chosen.into_iter().map(|(first, _)| first);
    let parts: Vec<(usize, Locals)> = firsts.zip(union.places.into_iter().map(locals)).collect();
    let first_has_all = matches!(parts[0].1, Locals::Each(_));
    Ok(Found { part_of, known: (!first_has_all).then_some(union.known), parts, len })
}
