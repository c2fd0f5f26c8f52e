//! Which series of some indexes are the same: the indexes are walked together in the order of their keys.
//!
//! Series are compared by the numbers of their tags' values in dictionaries that were merged first, so that equal ones cost a
//! few comparisons of numbers. Only where two differ the bytes of the first differing tag are looked at, and whole keys
//! where one value begins with the other or one series lacks the tag.

use super::{Check, LOOK};
use crate::segment::index::{TagColumn, TagIndex, Walk};
use model::Text;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;

/// A place of one index among all series: which of its series it is, or [`super::series::ABSENT`].
#[derive(Debug, Default)]
pub(super) struct Union {
    /// For each series of the union an index that has it, and its number there.
    pub(super) known: Vec<(u32, u32)>,
    /// For each index, in order: places in the union, and the series that stand there.
    pub(super) places: Vec<(Vec<u32>, Vec<u32>)>,
}

/// Series that are told apart by their keys, if dictionaries have many times as many values.
const FEW: usize = 1 << 12;
const TIMES: usize = 8;

/// The union of some series of each index, ascending.
///
/// # Errors
/// `check` fails, which is asked now and then.
pub(super) fn union<E>(
    measurement: &[u8],
    indexes: &[(&Arc<TagIndex>, &[u32])],
    check: Check<'_, E>,
) -> Result<Union, E> {
    let chosen: usize = indexes.iter().map(|(_, chosen)| chosen.len()).sum();
    let columns = |index: &Arc<TagIndex>| {
        index.keys.iter().filter_map(|key| index.column(key)).map(|column| column.values.len()).sum::<usize>()
    };
    let values: usize = indexes.iter().map(|(index, _)| columns(index)).sum();
    if chosen <= FEW && chosen < values / TIMES {
        return Ok(by_keys(measurement, indexes));
    }
    check(values)?;
    by_numbers(measurement, indexes, check)
}

/// The union by the keys themselves: its cost is that of the series.
fn by_keys(measurement: &[u8], indexes: &[(&Arc<TagIndex>, &[u32])]) -> Union {
    let mut all: Vec<(Vec<u8>, u32, u32)> = Vec::new();
    for (number, (index, chosen)) in (0u32..).zip(indexes) {
        for &series in *chosen {
            let mut key = Vec::new();
            index.push_key(measurement, series as usize, &mut key);
            all.push((key, number, series));
        }
    }
    all.sort_unstable();
    let mut union = Union { known: Vec::new(), places: vec![Default::default(); indexes.len()] };
    for same in all.chunk_by(|left, right| left.0 == right.0) {
        for &(_, number, series) in same {
            let (places, known) = &mut union.places[number as usize];
            places.push(union.known.len() as u32);
            known.push(series);
        }
        union.known.push((same[0].1, same[0].2));
    }
    union
}

/// The union by the numbers that values have over all dictionaries.
fn by_numbers<E>(measurement: &[u8], indexes: &[(&Arc<TagIndex>, &[u32])], check: Check<'_, E>) -> Result<Union, E> {
    let dictionaries = Dictionaries::new(measurement, indexes, check)?;
    let mut heap: BinaryHeap<Reverse<Head>> = BinaryHeap::new();
    for at in 0..indexes.len() {
        heap.extend(Head::new(&dictionaries, at).map(Reverse));
    }
    let mut union = Union { known: Vec::new(), places: vec![Default::default(); indexes.len()] };
    let mut last: Vec<u32> = Vec::new();
    let mut steps = 0;
    while let Some(mut top) = heap.peek_mut() {
        steps += 1;
        if steps % LOOK == 0 {
            check(0)?;
        }
        let head = &mut top.0;
        if union.known.is_empty() || head.ids != last {
            union.known.push((head.index as u32, head.series));
            last.clone_from(&head.ids);
        }
        let (places, series) = &mut union.places[head.index];
        places.push(union.known.len() as u32 - 1);
        series.push(head.series);
        if !head.advance() {
            PeekMut::pop(top);
        }
    }
    Ok(union)
}

/// A column of an index, and for each of its ids the number of the value over all indexes.
type Numbered<'a> = (&'a TagColumn, Vec<u32>);

/// The indexes, and their values numbered over all of them.
struct Dictionaries<'a> {
    measurement: &'a [u8],
    indexes: &'a [(&'a Arc<TagIndex>, &'a [u32])],
    /// All tag keys, sorted.
    keys: Vec<&'a Text>,
    /// For each index and each of the keys the column, and the common number of each of its ids.
    columns: Vec<Vec<Option<Numbered<'a>>>>,
    /// For each of the keys whether the order of numbers is that of the values in series keys.
    ordered: Vec<bool>,
}

impl<'a> Dictionaries<'a> {
    fn new<E>(
        measurement: &'a [u8],
        indexes: &'a [(&'a Arc<TagIndex>, &'a [u32])],
        check: Check<'_, E>,
    ) -> Result<Self, E> {
        let mut keys: Vec<&Text> = indexes.iter().flat_map(|(index, _)| &index.keys).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut columns: Vec<Vec<_>> = indexes.iter().map(|_| Vec::with_capacity(keys.len())).collect();
        let mut ordered = Vec::with_capacity(keys.len());
        for key in &keys {
            check(0)?;
            let of_key: Vec<Option<&TagColumn>> = indexes.iter().map(|(index, _)| index.column(key)).collect();
            let (numbers, is_ordered) = numbers(&of_key);
            ordered.push(is_ordered);
            for (at, column) in numbers.into_iter().enumerate() {
                columns[at].push(of_key[at].map(|known| (known, column)));
            }
        }
        Ok(Self { measurement, indexes, keys, columns, ordered })
    }

    /// The value of a series' tag (the key's place), if it has it.
    fn value(&self, head: &Head<'_>, key: usize) -> &[u8] {
        self.columns[head.index][key].as_ref().map_or(&[], |(column, _)| column.value(head.series as usize))
    }

    fn key(&self, head: &Head<'_>) -> Vec<u8> {
        let mut key = Vec::new();
        self.indexes[head.index].0.push_key(self.measurement, head.series as usize, &mut key);
        key
    }

    fn compare(&self, a: &Head<'_>, b: &Head<'_>) -> Ordering {
        let Some(key) = (0..self.keys.len()).find(|&key| a.ids[key] != b.ids[key]) else { return Ordering::Equal };
        if self.ordered[key] && a.ids[key] > 0 && b.ids[key] > 0 {
            return a.ids[key].cmp(&b.ids[key]);
        }
        let first = || {
            let (a, b) = (self.value(a, key), self.value(b, key));
            let at = a.iter().zip(b).position(|(a, b)| a != b)?;
            // As they stand in keys; a backslash comes before what needs one.
            let shown = |byte: u8| if matches!(byte, b',' | b'=' | b' ') { b'\\' } else { byte };
            let (a, b) = (shown(a[at]), shown(b[at]));
            (a != b).then(|| a.cmp(&b))
        };
        first().unwrap_or_else(|| self.key(a).cmp(&self.key(b)))
    }
}

/// For each column the numbers of its ids, the same for the same value; 0 is 0. And whether they ascend as the values in
/// series keys do: none begins with another, and none has a byte that keys escape.
fn numbers(columns: &[Option<&TagColumn>]) -> (Vec<Vec<u32>>, bool) {
    let some: Vec<(usize, &TagColumn)> =
        columns.iter().enumerate().filter_map(|(at, column)| column.map(|column| (at, column))).collect();
    let len = |column: &Option<&TagColumn>| column.map_or(0, |column| column.values.len());
    let mut numbers: Vec<Vec<u32>> = columns.iter().map(|column| Vec::with_capacity(len(column) + 1)).collect();
    numbers.iter_mut().for_each(|numbers| numbers.push(0));
    let (mut number, mut last): (u32, &[u8]) = (0, &[]);
    let mut ordered = true;
    each_value(&some.iter().map(|(_, column)| *column).collect::<Vec<_>>(), |at, value| {
        if value != last {
            let plain = || !value.iter().any(|byte| matches!(byte, b',' | b'=' | b' ' | b'\\'));
            ordered = ordered && (number == 0 || !value.starts_with(last)) && plain();
            number += 1;
            last = value;
        }
        numbers[some[at].0].push(number);
        true
    });
    (numbers, ordered)
}

/// Gives the values of all columns, ascending, each with the column that has it, until `take` wants no more.
pub(super) fn each_value<'a>(columns: &[&'a TagColumn], mut take: impl FnMut(usize, &'a [u8]) -> bool) {
    let mut places = vec![0; columns.len()];
    let mut heap: BinaryHeap<Reverse<(&[u8], usize)>> = BinaryHeap::new();
    heap.extend(
        (0..columns.len())
            .filter(|&at| !columns[at].values.is_empty())
            .map(|at| Reverse((columns[at].values.get(0), at))),
    );
    while let Some(mut top) = heap.peek_mut() {
        let Reverse((value, at)) = *top;
        if !take(at, value) {
            return;
        }
        places[at] += 1;
        if places[at] < columns[at].values.len() {
            *top = Reverse((columns[at].values.get(places[at]), at));
        } else {
            PeekMut::pop(top);
        }
    }
}

/// Where in an index the walk is.
struct Head<'a> {
    dictionaries: &'a Dictionaries<'a>,
    index: usize,
    /// Its place among the index's series that take part, and its number.
    at: usize,
    series: u32,
    walks: Vec<Option<Walk<'a>>>,
    /// For each tag key the number of its value.
    ids: Vec<u32>,
}

impl<'a> Head<'a> {
    fn new(dictionaries: &'a Dictionaries<'a>, index: usize) -> Option<Self> {
        let series = *dictionaries.indexes[index].1.first()?;
        let columns = &dictionaries.columns[index];
        let walks = columns.iter().map(|column| column.as_ref().map(|(column, _)| column.ids.walk())).collect();
        let mut head = Self { dictionaries, index, at: 0, series, walks, ids: vec![0; columns.len()] };
        head.read();
        Some(head)
    }

    fn read(&mut self) {
        let columns = &self.dictionaries.columns[self.index];
        for ((id, walk), column) in self.ids.iter_mut().zip(&mut self.walks).zip(columns) {
            if let (Some(walk), Some((_, numbers))) = (walk, column) {
                *id = numbers[walk.get(self.series) as usize];
            }
        }
    }

    /// Goes on to the next series; false if there is none.
    fn advance(&mut self) -> bool {
        self.at += 1;
        let Some(&series) = self.dictionaries.indexes[self.index].1.get(self.at) else { return false };
        self.series = series;
        self.read();
        true
    }
}

impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.dictionaries.compare(self, other).then(self.index.cmp(&other.index))
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::index::tests::{keys_of, tag_sets};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_union_is_that_of_the_keys(parts in proptest::collection::vec(tag_sets(), 1..5), step in 1usize..3) {
            let keys: Vec<Vec<Vec<u8>>> = parts.iter().map(|part| keys_of(b"c pu", part)).collect();
            let indexes: Vec<_> = keys.iter().map(|keys| Arc::new(TagIndex::build(keys.iter().map(Vec::as_slice)))).collect();
            let chosen: Vec<Vec<u32>> = keys.iter().map(|keys| (0..keys.len() as u32).step_by(step).collect()).collect();
            let pairs: Vec<_> = indexes.iter().zip(&chosen).map(|(index, chosen)| (index, chosen.as_slice())).collect();
            let numbers = by_numbers::<()>(b"c pu", &pairs, &|_| Ok(())).unwrap();
            for union in [numbers, by_keys(b"c pu", &pairs)] {
            let key = |index: usize, series: u32| &keys[index][series as usize];
            let expected: BTreeSet<_> = (0..keys.len()).flat_map(|at| chosen[at].iter().map(move |&series| key(at, series))).collect();
            let found: Vec<_> = union.known.iter().map(|&(index, series)| key(index as usize, series)).collect();
            prop_assert_eq!(&found, &expected.into_iter().collect::<Vec<_>>());
            for (index, (places, series)) in union.places.iter().enumerate() {
                prop_assert_eq!(series, &chosen[index]);
                prop_assert!(places.iter().zip(series).all(|(&place, &series)| found[place as usize] == key(index, series)));
            }
            }
        }
    }
}
