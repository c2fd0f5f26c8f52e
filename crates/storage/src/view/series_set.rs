//! The series of one measurement over all sources of a view.
//!
//! Each source numbers its series alone. Sources with equal indexes (the rule where the same series are written all the time)
//! share one; the series of the different indexes that fulfil the condition are lined up by canonical key. Tags are not
//! copied: a tag of a series is looked up in the first index that has it.

use super::condition::TagCondition;
use super::merge_keys::{NOWHERE, line_up};
use super::source::Part;
use crate::error::StorageError;
use crate::segment::index::{TagColumn, TagIndex};
use model::{TagSet, Text};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One measurement of one source, as the set uses it.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// The shard's place in the view.
    pub(super) shard: usize,
    /// The measurement there.
    pub(super) part: Arc<dyn Part>,
    /// Which of the set's indexes it has.
    index: usize,
}

/// An index, and where in it the series of the set are.
#[derive(Debug)]
struct Lookup {
    index: Arc<TagIndex>,
    /// For each series of the set its number in the index, or [`NOWHERE`].
    locals: Vec<u32>,
}

/// Some series of one measurement, ascending by canonical key, numbered from 0.
#[derive(Clone, Debug)]
pub struct SeriesSet {
    measurement: Text,
    len: usize,
    tag_keys: Vec<Text>,
    lookups: Arc<Vec<Lookup>>,
    members: Vec<Member>,
}

impl SeriesSet {
    /// The series of some parts, each with its shard's place, in slot order within a shard.
    pub(super) fn new(
        measurement: &[u8],
        parts: Vec<(usize, Arc<dyn Part>)>,
        condition: &TagCondition,
    ) -> Result<Self, StorageError> {
        let mut indexes: Vec<Arc<TagIndex>> = Vec::new();
        let mut members = Vec::with_capacity(parts.len());
        for (shard, part) in parts {
            let index = part.index()?;
            let known = indexes.iter().position(|known| same(known, &index));
            members.push(Member { shard, part, index: known.unwrap_or(indexes.len()) });
            if known.is_none() {
                indexes.push(index);
            }
        }
        let tag_keys: BTreeSet<&Text> = indexes.iter().flat_map(|index| &index.keys).collect();
        let tag_keys = tag_keys.into_iter().cloned().collect();
        let pick = |index: Arc<TagIndex>| {
            let picked = condition.pick(&index).list(index.series);
            (index, picked)
        };
        let picked: Vec<(Arc<TagIndex>, Vec<u32>)> = indexes.into_iter().map(pick).collect();
        let (len, locals) = line_up(measurement, &picked);
        let lookups = picked.into_iter().zip(locals).map(|((index, _), locals)| Lookup { index, locals });
        Ok(Self { measurement: measurement.into(), len, tag_keys, lookups: Arc::new(lookups.collect()), members })
    }

    /// The sources that have rows of the measurement, in the order of shards and slots.
    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The measurement.
    pub(super) fn measurement(&self) -> &[u8] {
        &self.measurement
    }

    /// The number that a member has for a series of the set.
    pub(super) fn local(&self, member: &Member, series: usize) -> Option<u32> {
        let local = *self.lookups[member.index].locals.get(series)?;
        (local != NOWHERE).then_some(local)
    }

    /// Number of series.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn find(&self, series: usize) -> Option<(&TagIndex, usize)> {
        let has = |lookup: &&Lookup| lookup.locals.get(series).is_some_and(|&local| local != NOWHERE);
        self.lookups.iter().find(has).map(|lookup| (&*lookup.index, lookup.locals[series] as usize))
    }

    /// The canonical key of a series.
    #[must_use]
    pub fn key(&self, series: usize) -> Vec<u8> {
        let mut key = Vec::new();
        if let Some((index, local)) = self.find(series) {
            index.push_key(&self.measurement, local, &mut key);
        }
        key
    }

    /// The tags of a series.
    #[must_use]
    pub fn tags(&self, series: usize) -> TagSet {
        self.find(series).map(|(index, local)| index.tags(local)).unwrap_or_default()
    }

    /// The tag keys that some series of the measurement has, sorted.
    #[must_use]
    pub fn tag_keys(&self) -> &[Text] {
        &self.tag_keys
    }

    /// One tag of all series: the distinct values that occur in this set, sorted (the empty value, if some series lack the
    /// tag, comes first), and for each series the index of its value among them.
    #[must_use]
    pub fn tag_column(&self, key: &[u8]) -> (Vec<Text>, Vec<u32>) {
        let columns: Vec<(Option<&TagColumn>, &Lookup)> =
            self.lookups.iter().map(|lookup| (lookup.index.column(key), lookup)).collect();
        let mut values: BTreeSet<&[u8]> = BTreeSet::new();
        for (column, lookup) in &columns {
            for (id, _) in used_ids(*column, lookup).iter().enumerate().filter(|(_, used)| **used) {
                values.insert(value(*column, id));
            }
        }
        let values: Vec<&[u8]> = values.into_iter().collect();
        let mut out = vec![0; self.len];
        for (column, lookup) in &columns {
            let place = |(id, used): (usize, bool)| {
                if used { values.binary_search(&value(*column, id)).unwrap_or(0) as u32 } else { 0 }
            };
            let places: Vec<u32> = used_ids(*column, lookup).into_iter().enumerate().map(place).collect();
            for (slot, &local) in out.iter_mut().zip(&lookup.locals).filter(|(_, local)| **local != NOWHERE) {
                *slot = places[column.map_or(0, |column| column.ids[local as usize]) as usize];
            }
        }
        (values.into_iter().map(Text::from).collect(), out)
    }
}

/// For 0 and each value plus 1 whether a series of the set has it.
fn used_ids(column: Option<&TagColumn>, lookup: &Lookup) -> Vec<bool> {
    let mut used = vec![false; column.map_or(0, |column| column.values.len()) + 1];
    for &local in lookup.locals.iter().filter(|local| **local != NOWHERE) {
        used[column.map_or(0, |column| column.ids[local as usize]) as usize] = true;
    }
    used
}

/// The value of an id of a column; empty for 0.
fn value(column: Option<&TagColumn>, id: usize) -> &[u8] {
    match (column, id) {
        (Some(column), 1..) => column.values.get(id - 1),
        _ => &[],
    }
}

/// Whether two indexes are of the same series.
fn same(a: &Arc<TagIndex>, b: &Arc<TagIndex>) -> bool {
    let equal = |(a, b): (&TagColumn, &TagColumn)| {
        a.ids == b.ids && a.values.offsets() == b.values.offsets() && a.values.bytes() == b.values.bytes()
    };
    Arc::ptr_eq(a, b)
        || (a.series == b.series && a.keys == b.keys && a.columns.iter().zip(&b.columns).all(equal))
}
