//! Functions of which a bucket gives several rows: the N best points, or N at random ([`super::ranked`]), and each different value once.
//!
//! The rows of `top`, `bottom` and `sample` have their points' own times, whatever the buckets are; those of `distinct` that of their
//! bucket. No empty bucket is ever filled.

use super::collecting::sort_by;
use crate::datum::sort_order;
use crate::partial::Partial;
use hashbrown::HashTable;
use model::{FieldType, Value, Values};
use std::cmp::Ordering;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

/// A member of the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Many {
    /// Each different value once.
    Distinct,
    /// The greatest values.
    Top,
    /// The least values.
    Bottom,
    /// Values at random: each point draws a number, and the greatest numbers stay.
    Sample,
}

/// Different values, each with the time at which it comes first in order of the answer.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    values: Values,
    times: Vec<i64>,
    /// Places in `values`, by the hash of what is there.
    places: HashTable<u32>,
    hasher: RandomState,
    ascending: bool,
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values && self.times == other.times
    }
}

/// The bits by which values of one type are equal or not; both zeros are the same.
fn hash(hasher: &RandomState, value: Value<'_>) -> u64 {
    match value {
        Value::Float(value) => hasher.hash_one((value + 0.0).to_bits()),
        Value::Integer(value) => hasher.hash_one(value),
        Value::Unsigned(value) => hasher.hash_one(value),
        Value::String(value) => hasher.hash_one(value),
        Value::Boolean(value) => hasher.hash_one(value),
    }
}

impl Seen {
    /// Nothing yet; `ascending`: the answer's order of time.
    pub(crate) fn new(field_type: FieldType, ascending: bool) -> Self {
        let (values, hasher) = (Values::new(field_type), RandomState::new());
        Self { values, times: Vec::new(), places: HashTable::new(), hasher, ascending }
    }

    /// Takes `values[range]`; `time` gives the time (ns) of a position.
    pub(crate) fn insert(&mut self, values: &Values, range: Range<usize>, time: impl Fn(usize) -> i64) {
        for at in range {
            if let Some(value) = values.get(at) {
                self.insert_one(value, time(at));
            }
        }
    }

    fn insert_one(&mut self, value: Value<'_>, time: i64) {
        let Self { values, times, places, hasher, ascending } = self;
        let is_same = |&place: &u32| values.get(place as usize) == Some(value);
        if let Some(&place) = places.find(hash(hasher, value), is_same) {
            let known = &mut times[place as usize];
            let earlier = if *ascending { time < *known } else { time > *known };
            if earlier {
                *known = time;
                // Of both zeros the first one is shown.
                if let (Values::Float(values), Value::Float(value)) = (values, value) {
                    values[place as usize] = value;
                }
            }
            return;
        }
        let place = u32::try_from(times.len()).unwrap_or(u32::MAX);
        values.push(value);
        times.push(time);
        places.insert_unique(hash(hasher, value), place, |&place| {
            values.get(place as usize).map_or(0, |value| hash(hasher, value))
        });
    }

    /// Takes what another one has.
    pub(crate) fn merge(&mut self, other: &Seen) {
        self.insert(&other.values, 0..other.values.len(), |at| other.times[at]);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// Memory it takes (bytes): what grows is up to twice as long as what is in it.
    pub(crate) fn bytes(&self) -> usize {
        2 * (self.values.bytes() + self.times.len() * (size_of::<i64>() + size_of::<u32>() + 1))
    }

    /// The values in the order in which they came first, those of one time by value. The order takes no more memory than the
    /// table, which goes before.
    ///
    /// # Errors
    /// `check` fails, which is asked now and then.
    pub(crate) fn finish<E>(self, check: &dyn Fn() -> Result<(), E>) -> Result<Partial, E> {
        let Self { values, times, places, ascending, .. } = self;
        drop(places);
        let order = in_order(&values, &times, ascending, check)?;
        Ok(Partial::Listed(Box::new(Listed { values, order })))
    }
}

/// The places of values in order of their times (backwards if not `ascending`), those of one time by value.
fn in_order<E>(
    values: &Values,
    times: &[i64],
    ascending: bool,
    check: &dyn Fn() -> Result<(), E>,
) -> Result<Vec<u32>, E> {
    let mut places: Vec<u32> = (0u32..).take(times.len()).collect();
    // Values come in order of series and time: the sort finds long runs.
    let compare = |&left: &u32, &right: &u32| {
        let (left, right) = (left as usize, right as usize);
        let by_time = times[left].cmp(&times[right]);
        let by_time = if ascending { by_time } else { by_time.reverse() };
        by_time.then_with(|| {
            let both = values.get(left).zip(values.get(right));
            both.map_or(Ordering::Equal, |(left, right)| sort_order(left, right))
        })
    };
    sort_by(&mut places, compare, check)?;
    Ok(places)
}

/// Different values in order of the answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listed {
    values: Values,
    /// Their places, in order.
    order: Vec<u32>,
}

impl Listed {
    /// The values in order.
    pub(crate) fn values(&self) -> impl Iterator<Item = Value<'_>> {
        self.order.iter().filter_map(|&place| self.values.get(place as usize))
    }

    /// Memory it takes (bytes): the values are as [`Seen`] has gathered them.
    pub(crate) fn bytes(&self) -> usize {
        2 * self.values.bytes() + self.order.len() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datum::Datum;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn shown(seen: Seen) -> Vec<(i64, Datum)> {
        let mut times = seen.times.clone();
        times.sort_unstable_by_key(|&time| if seen.ascending { time } else { -time });
        match seen.finish::<()>(&|| Ok(())).unwrap() {
            Partial::Listed(listed) => times.into_iter().zip(listed.values().map(Datum::from)).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_come_in_order_of_first_appearance() {
        let mut seen = Seen::new(FieldType::Float, true);
        seen.insert(&Values::Float(vec![2.0, 0.0, 2.0, -0.0, 1.0]), 0..5, |at| [0, 1, 2, 3, 1][at]);
        let float = Datum::Float;
        assert_eq!(shown(seen), [(0, float(2.0)), (1, float(0.0)), (1, float(1.0))]);
    }

    #[test]
    fn the_answer_takes_no_more_than_the_table() {
        for values in
            [(0..5_000).map(Value::Integer).collect::<Vec<_>>(), vec![Value::String(b"text"), Value::String(b"")]]
        {
            let mut seen = Seen::new(values[0].field_type(), true);
            (0..).zip(&values).for_each(|(time, &value)| seen.insert_one(value, time));
            let before = seen.bytes();
            // Sorting takes as much as the order once more, for a while.
            let sorting = values.len() * size_of::<u32>();
            assert!(
                seen.finish::<()>(&|| Ok(())).unwrap().bytes() + values.len() * size_of::<i64>() + sorting <= before
            );
        }
    }

    #[test]
    fn of_both_zeros_the_first_is_shown() {
        for (ascending, shown_as) in [(true, 0.0_f64), (false, -0.0)] {
            for turned in [false, true] {
                let mut seen = Seen::new(FieldType::Float, ascending);
                let time = |at: usize| i64::try_from(at).unwrap();
                let column = Values::Float(vec![0.0, -0.0]);
                for at in if turned { [1, 0] } else { [0, 1] } {
                    seen.insert(&column, at..at + 1, time);
                }
                let values = shown(seen);
                let Datum::Float(value) = values[0].1 else { panic!("{values:?}") };
                assert_eq!((values.len(), value.to_bits()), (1, shown_as.to_bits()));
            }
        }
    }

    proptest! {
        /// Each value once, with its first time (its last, backwards), whatever way the values are cut.
        #[test]
        fn each_value_once(values in proptest::collection::vec(-9_i64..10, 0..80), cut in 0_usize..80, ascending: bool) {
            let time = |at: usize| i64::try_from(at).unwrap();
            let cut = cut.min(values.len());
            let column = Values::Integer(values.clone());
            let (mut left, mut right) = (Seen::new(FieldType::Integer, ascending), Seen::new(FieldType::Integer, ascending));
            left.insert(&column, 0..cut, time);
            right.insert(&column, cut..values.len(), time);
            left.merge(&right);
            let mut times: BTreeMap<i64, i64> = BTreeMap::new();
            for (at, &value) in values.iter().enumerate() {
                let known = times.entry(value).or_insert(time(at));
                if !ascending {
                    *known = time(at);
                }
            }
            let mut wanted: Vec<(i64, Datum)> = times.iter().map(|(&value, &time)| (time, Datum::Integer(value))).collect();
            wanted.sort_by_key(|&(time, _)| if ascending { time } else { -time });
            prop_assert_eq!(left.len(), wanted.len());
            prop_assert_eq!(shown(left), wanted);
        }
    }
}
