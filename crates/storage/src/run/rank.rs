//! The order of series: those of several sources get a rank each, by canonical key. Sorting and merging share it.
//!
//! Whatever the tables that the numbers of the sources are of: each distinct number is looked at once, distinct keys are
//! sorted once, and the rest is array look-ups. No key is copied: a list of series is a list of numbers with their tables.

use crate::series::{SeriesId, SeriesTable, Store, order};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// A series by its number in one of several tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeriesRef {
    table: u32,
    id: SeriesId,
}

/// Series, ascending by canonical key.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeriesList {
    /// The tables that the series are of, with their keys as of when the list was made.
    tables: Vec<(Arc<SeriesTable>, Store)>,
    list: Vec<SeriesRef>,
}

impl SeriesList {
    /// Number of series.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The canonical key of a series.
    #[inline]
    pub(crate) fn key(&self, series: usize) -> &[u8] {
        let SeriesRef { table, id } = self.list[series];
        self.tables[table as usize].1.key(id)
    }

    /// All keys, ascending.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|series| self.key(series))
    }

    /// The series of a range.
    pub(super) fn slice(&self, series: Range<usize>) -> Self {
        Self { tables: self.tables.clone(), list: self.list[series].to_vec() }
    }

    /// Some of the series, ascending.
    pub(crate) fn take(&self, series: &[u32]) -> Self {
        let list = series.iter().map(|&at| self.list[at as usize]).collect();
        Self { tables: self.tables.clone(), list }
    }

    /// A list of these keys, which must ascend.
    #[cfg(test)]
    pub(crate) fn of_keys<'a>(keys: impl Iterator<Item = &'a [u8]>) -> Self {
        let random = platform::SeededRandom::new(1);
        let table = crate::series::SeriesTables::new(&random, u64::MAX, u64::MAX).current();
        let list = keys.map(|key| SeriesRef { table: 0, id: table.enter_key(key) }).collect();
        let store = table.store();
        Self { tables: vec![(table, store)], list }
    }
}

/// Sources of series, gathered to be ranked.
#[derive(Default)]
pub(super) struct Sources {
    tables: Vec<Arc<SeriesTable>>,
    /// For each source its series, in whatever order, as often as it likes.
    series: Vec<Vec<SeriesRef>>,
}

impl Sources {
    /// Adds a source whose series are of one table.
    pub(super) fn add(&mut self, table: &Arc<SeriesTable>, ids: &[SeriesId]) {
        let table = self.number(table);
        self.series.push(ids.iter().map(|&id| SeriesRef { table, id }).collect());
    }

    /// Adds a list as a source.
    pub(super) fn add_list(&mut self, list: &SeriesList) {
        let numbers: Vec<u32> = list.tables.iter().map(|(table, _)| self.number(table)).collect();
        let renumbered = |one: &SeriesRef| SeriesRef { table: numbers[one.table as usize], id: one.id };
        self.series.push(list.list.iter().map(renumbered).collect());
    }

    fn number(&mut self, table: &Arc<SeriesTable>) -> u32 {
        let known = self.tables.iter().position(|known| Arc::ptr_eq(known, table));
        let at = known.unwrap_or_else(|| {
            self.tables.push(table.clone());
            self.tables.len() - 1
        });
        at as u32
    }

    /// All distinct series, ascending by key, and for each source the place of each of its series among them.
    pub(super) fn rank(self) -> (SeriesList, Vec<Vec<u32>>) {
        let (distinct, mut places) = self.distinct();
        let tables: Vec<(Arc<SeriesTable>, Store)> = self
            .tables
            .into_iter()
            .map(|table| {
                let store = table.store();
                (table, store)
            })
            .collect();
        let keys: Vec<&[u8]> = distinct.iter().map(|one| tables[one.table as usize].1.key(one.id)).collect();
        let mut ranks = vec![0u32; distinct.len()];
        let mut list: Vec<SeriesRef> = Vec::with_capacity(distinct.len());
        let mut before: Option<&[u8]> = None;
        for place in order(&keys) {
            // The same series in two tables has the same key.
            let key = keys[place as usize];
            if tables.len() == 1 || before != Some(key) {
                list.push(distinct[place as usize]);
                before = Some(key);
            }
            ranks[place as usize] = list.len() as u32 - 1;
        }
        places.iter_mut().flatten().for_each(|place| *place = ranks[*place as usize]);
        (SeriesList { tables, list }, places)
    }

    /// The distinct series in order of first appearance, and for each source the places of its series among them.
    fn distinct(&self) -> (Vec<SeriesRef>, Vec<Vec<u32>>) {
        let mut seen: Vec<Seen> = (0u32..).zip(&self.tables).map(|(table, _)| self.seen(table)).collect();
        let mut distinct = Vec::new();
        let mut place = |one: &SeriesRef| {
            let place = seen[one.table as usize].place(one.id);
            if *place == NEW {
                *place = distinct.len() as u32;
                distinct.push(*one);
            }
            *place
        };
        let places = self.series.iter().map(|series| series.iter().map(&mut place).collect()).collect();
        (distinct, places)
    }

    /// Where series of a table are noted: in an array where it costs no more than the series, so that cost follows what is
    /// there and not the size of the table.
    fn seen(&self, table: u32) -> Seen {
        let (mut least, mut greatest, mut count) = (SeriesId::MAX, 0, 0usize);
        for one in self.series.iter().flatten().filter(|one| one.table == table) {
            (least, greatest, count) = (least.min(one.id), greatest.max(one.id), count + 1);
        }
        let span = (greatest as usize + 1).saturating_sub(least as usize);
        if span <= count * 4 + 1_024 { Seen::Array(least, vec![NEW; span]) } else { Seen::Map(HashMap::default()) }
    }
}

/// The place of a series that has none yet.
const NEW: u32 = u32::MAX;

enum Seen {
    Array(SeriesId, Vec<u32>),
    Map(HashMap<SeriesId, u32>),
}

impl Seen {
    fn place(&mut self, id: SeriesId) -> &mut u32 {
        match self {
            Self::Array(least, places) => &mut places[(id - *least) as usize],
            Self::Map(places) => places.entry(id).or_insert(NEW),
        }
    }
}
