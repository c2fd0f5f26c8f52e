//! Aggregates that need every value of a bucket: values are copied together as they are found, in typed columns, and looked at
//! once, when all are there. Merging is appending. How many there may be is for the query's budget to say.
//!
//! InfluxDB sorts points by value with a sort that leaves open where equal values go; here they keep the order of their times,
//! as they do there while they are few.

use crate::datum::{Datum, order, sort_order};
use crate::functions::{Function, Kernel, Parameter};
use crate::partial::{Partial, Point};
use crate::vector::Vector;
use model::{FieldType, Values};
use std::cmp::Ordering;
use std::ops::Range;

/// Values that are sorted in one go: some 10 ms.
const PIECE: usize = 1 << 17;

/// A member of the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collecting {
    /// The middle value.
    Median,
    /// The most frequent value.
    Mode,
    /// Standard deviation of a sample.
    Stddev,
    /// Number of different values: they are kept once, see [`super::many::Seen`].
    CountDistinct,
    /// The value at a rank, which is a point.
    Percentile,
}

/// The values of a bucket.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Collected {
    values: Values,
    /// Their times (ns), if these decide anything; else empty.
    times: Vec<i64>,
    /// What stands beside them, where it is asked for.
    extra: Vec<Vector>,
}

impl Collected {
    pub(crate) fn new(field_type: FieldType, extra: &[FieldType]) -> Self {
        let extra = extra.iter().map(|&field_type| Vector::new(field_type)).collect();
        Self { values: Values::new(field_type), times: Vec::new(), extra }
    }

    /// Appends `values[range]`; the times too if they are wanted. What stands beside them follows by [`Collected::beside`].
    pub(crate) fn append(&mut self, values: &Values, range: Range<usize>, time: Option<&dyn Fn(usize) -> i64>) {
        if let Some(time) = time {
            self.times.extend(range.clone().map(time));
        }
        self.values.extend_range(values, range);
    }

    /// Where the columns that stand beside the values grow: by a row for each value that was appended.
    pub(crate) fn beside(&mut self) -> &mut [Vector] {
        &mut self.extra
    }

    /// Appends what another one has.
    pub(crate) fn merge(&mut self, other: &Collected) {
        self.values.extend_range(&other.values, 0..other.values.len());
        self.times.extend_from_slice(&other.times);
        for (extra, more) in self.extra.iter_mut().zip(&other.extra) {
            (0..more.rows()).for_each(|row| extra.push(more.get(row)));
        }
    }

    /// Memory it takes (bytes): vectors that grow are up to twice as long as what is in them.
    pub(crate) fn bytes(&self) -> usize {
        let extra: usize = self.extra.iter().map(|extra| extra.values.bytes() + extra.rows()).sum();
        2 * (self.values.bytes() + self.times.len() * size_of::<i64>() + extra)
    }

    /// Memory that [`Collected::finish`] takes beside (bytes): places of the values and, where they are counted, their order, with what a
    /// stable sort takes beside.
    pub(crate) fn bytes_to_finish(&self, function: Function) -> usize {
        let counts = function.entry.kernel == Kernel::Collecting(Collecting::Mode);
        let order = if counts { size_of::<(u64, i64, u32)>() * 3 / 2 } else { 0 };
        self.times.len() * (size_of::<u32>() + order)
    }

    /// What the function makes of all of them; there is at least one.
    /// # Errors
    /// `check` fails, which is asked now and then.
    pub(crate) fn finish<E>(
        mut self,
        function: Function,
        ascending: bool,
        check: &dyn Fn() -> Result<(), E>,
    ) -> Result<Partial, E> {
        let kernel = match function.entry.kernel {
            Kernel::Collecting(kernel) => kernel,
            _ => return Ok(Partial::Empty),
        };
        let value = match kernel {
            Collecting::Median => median(&mut self.values).map(Datum::Float),
            Collecting::Stddev => Some(Datum::Float(stddev(&self.values))),
            Collecting::Mode => self.mode(ascending, check)?,
            Collecting::CountDistinct => None,
            Collecting::Percentile => {
                let Parameter::Percent(percent) = function.parameter else { return Ok(Partial::Empty) };
                let Some(rank) = rank(self.values.len(), percent) else { return Ok(Partial::Empty) };
                if !self.times.is_empty() {
                    return Ok(self.point_at(rank, ascending));
                }
                nth(&mut self.values, rank)
            }
        };
        Ok(value.map_or(Partial::Empty, Partial::Value))
    }

    /// The order of two places by value, then as their points come.
    fn compare(&self, left: u32, right: u32, ascending: bool) -> Ordering {
        let value = |at: u32| self.values.get(at as usize);
        let by_value = value(left).zip(value(right)).map(|(left, right)| sort_order(left, right));
        let by_time = self.times[left as usize].cmp(&self.times[right as usize]);
        let by_time = if ascending { by_time } else { by_time.reverse() };
        by_value.unwrap_or(Ordering::Equal).then(by_time).then(left.cmp(&right))
    }

    fn places(&self) -> Vec<u32> {
        (0u32..).take(self.values.len()).collect()
    }

    fn point_at(&self, rank: usize, ascending: bool) -> Partial {
        let mut places = self.places();
        let (_, &mut at, _) = places.select_nth_unstable_by(rank, |&l, &r| self.compare(l, r, ascending));
        let at = at as usize;
        let extra = self.extra.iter().map(|extra| extra.get(at).map(Datum::from)).collect();
        match self.values.get(at) {
            Some(value) => Partial::Point(Point { time: self.times[at], value: value.into(), extra }),
            None => Partial::Empty,
        }
    }

    /// The most frequent value. Of equally frequent ones the one counts that began before the last of the other, seen in order
    /// of values; where no value comes twice it is the least. Of booleans that come equally often it is true.
    fn mode<E>(&self, ascending: bool, check: &dyn Fn() -> Result<(), E>) -> Result<Option<Datum>, E> {
        if let Values::Boolean(values) = &self.values {
            let set = values.iter().filter(|&&value| value).count();
            return Ok(Some(Datum::Boolean(2 * set >= values.len())));
        }
        let places = self.in_order(ascending, check)?;
        let (mut best, mut most, mut ended) = (places[0], 0, self.times[places[0] as usize]);
        for run in places.chunk_by(|&left, &right| self.same(left, right)) {
            let began = self.times[run[0] as usize];
            // A value that comes once replaces nothing; the first one stands for itself.
            let from = if run[0] == places[0] { 1 } else { 2 };
            for count in from..=run.len() {
                if most > count || (most == count && began > ended) {
                    continue;
                }
                (best, most, ended) = (run[0], count, self.times[run[count - 1] as usize]);
            }
        }
        Ok(self.values.get(best as usize).map(Datum::from))
    }

    /// The places of the values in order of values, then as their points come.
    fn in_order<E>(&self, ascending: bool, check: &dyn Fn() -> Result<(), E>) -> Result<Vec<u32>, E> {
        let time = |at: usize| if ascending { self.times[at] } else { !self.times[at] };
        let mut keys: Vec<(u64, i64, u32)> = match &self.values {
            Values::Integer(values) => keyed(values, time, |value| value.cast_unsigned() ^ SIGN),
            Values::Unsigned(values) => keyed(values, time, |value| value),
            // The two zeros are one value.
            Values::Float(values) if !values.iter().any(|value| value.is_nan()) => keyed(values, time, |value| {
                let bits = (value + 0.0).to_bits();
                if bits & SIGN == 0 { bits | SIGN } else { !bits }
            }),
            _ => {
                let mut places = self.places();
                sort_by(&mut places, |left, right| self.compare(*left, *right, ascending), check)?;
                return Ok(places);
            }
        };
        sort_by(&mut keys, Ord::cmp, check)?;
        Ok(keys.into_iter().map(|(.., place)| place).collect())
    }

    fn same(&self, left: u32, right: u32) -> bool {
        let value = |at: u32| self.values.get(at as usize);
        value(left).zip(value(right)).and_then(|(left, right)| order(left, right)) == Some(Ordering::Equal)
    }
}

/// The bit that tells negative numbers from others.
const SIGN: u64 = 1 << 63;

/// Values as numbers that are in the same order, with the times of their points (turned round where these come backwards), and their places.
fn keyed<T: Copy>(values: &[T], time: impl Fn(usize) -> i64, key: impl Fn(T) -> u64) -> Vec<(u64, i64, u32)> {
    (0u32..).zip(values).map(|(at, &value)| (key(value), time(at as usize), at)).collect()
}

/// Sorts, and asks now and then whether that is still wanted: pieces first, then pairs of them, which are two runs each that need only be
/// merged.
pub(super) fn sort_by<T, E>(
    all: &mut [T],
    mut order: impl FnMut(&T, &T) -> Ordering,
    check: &dyn Fn() -> Result<(), E>,
) -> Result<(), E> {
    let mut size = PIECE;
    loop {
        for piece in all.chunks_mut(size) {
            check()?;
            piece.sort_by(&mut order);
        }
        if size >= all.len() {
            return Ok(());
        }
        size *= 2;
    }
}

/// The rank (from 0) of a percentile among so many values, the nearest one; `None` if there is none.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn rank(count: usize, percent: f64) -> Option<usize> {
    let rank = (count as f64 * percent / 100.0 + 0.5).floor() as i64;
    usize::try_from(rank.checked_sub(1)?).ok().filter(|&rank| rank < count)
}

/// The value at a rank; the order of the values is lost.
fn nth(values: &mut Values, rank: usize) -> Option<Datum> {
    Some(match values {
        Values::Float(values) => Datum::Float(*values.select_nth_unstable_by(rank, f64::total_cmp).1),
        Values::Integer(values) => Datum::Integer(*values.select_nth_unstable(rank).1),
        Values::Unsigned(values) => Datum::Unsigned(*values.select_nth_unstable(rank).1),
        Values::String(_) | Values::Boolean(_) => return None,
    })
}

/// The middle value, or the one half way between the middle two; the order of the values is lost.
#[allow(clippy::cast_precision_loss)]
fn median(values: &mut Values) -> Option<f64> {
    let even = values.len().is_multiple_of(2);
    match values {
        Values::Float(values) => {
            let (low, high) = middle(values, f64::total_cmp);
            Some(if even { low + (high - low) / 2.0 } else { high })
        }
        Values::Integer(values) => {
            let (low, high) = middle(values, i64::cmp);
            Some(if even { low as f64 + high.wrapping_sub(low) as f64 / 2.0 } else { high as f64 })
        }
        Values::Unsigned(values) => {
            let (low, high) = middle(values, u64::cmp);
            Some(if even { low as f64 + high.wrapping_sub(low) as f64 / 2.0 } else { high as f64 })
        }
        Values::String(_) | Values::Boolean(_) => None,
    }
}

/// The value in the middle and the one before it in order; of an odd number only the first counts.
fn middle<T: Copy>(values: &mut [T], order: impl Fn(&T, &T) -> Ordering) -> (T, T) {
    let (before, &mut high, _) = values.select_nth_unstable_by(values.len() / 2, &order);
    let low = before.iter().copied().max_by(&order).unwrap_or(high);
    (low, high)
}

/// Standard deviation of a sample, of those that are numbers; NaN for one value.
#[allow(clippy::cast_precision_loss)]
fn stddev(values: &Values) -> f64 {
    match values {
        Values::Float(values) => deviation(values.iter().copied()),
        Values::Integer(values) => deviation(values.iter().map(|&value| value as f64)),
        Values::Unsigned(values) => deviation(values.iter().map(|&value| value as f64)),
        Values::String(_) | Values::Boolean(_) => f64::NAN,
    }
}

fn deviation(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let values = values.filter(|value| !value.is_nan());
    let (mut mean, mut count) = (0.0, 0.0);
    for value in values.clone() {
        count += 1.0;
        mean += (value - mean) / count;
    }
    let variance: f64 = values.map(|value| (value - mean) * (value - mean)).sum();
    (variance / (count - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::named;
    use proptest::prelude::*;

    fn finished(name: &str, parameter: Parameter, values: &Values, times: &[i64], ascending: bool) -> Partial {
        let mut collected = Collected::new(values.field_type(), &[]);
        let time = |at: usize| times[at];
        collected.append(values, 0..values.len(), (!times.is_empty()).then_some(&time as &dyn Fn(usize) -> i64));
        collected.finish::<()>(Function { entry: named(name).unwrap(), parameter }, ascending, &|| Ok(())).unwrap()
    }

    fn mode(values: Values, times: &[i64]) -> Datum {
        match finished("mode", Parameter::None, &values, times, true) {
            Partial::Value(value) => value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_most_frequent_value() {
        let ints = |values: &[i64]| Values::Integer(values.to_vec());
        assert_eq!(mode(ints(&[5, 9, 9, 1]), &[0, 1, 2, 3]), Datum::Integer(9));
        assert_eq!(mode(ints(&[5, 9, 1]), &[0, 1, 2]), Datum::Integer(1));
        assert_eq!(mode(ints(&[1, 1, 2, 2]), &[5, 6, 1, 2]), Datum::Integer(2));
        assert_eq!(mode(ints(&[1, 1, 2, 2]), &[1, 2, 5, 6]), Datum::Integer(1));
        assert_eq!(mode(Values::Boolean(vec![true, false]), &[0, 1]), Datum::Boolean(true));
    }

    proptest! {
        /// By numbers that are in the same order as by the values themselves.
        #[test]
        fn numbers_order_values(values in proptest::collection::vec(prop_oneof![-3i64..4, any::<i64>()], 1..30), ascending: bool) {
            let times: Vec<i64> = (0..values.len() as i64).map(|at| at * 7 % 5 - 2).collect();
            // Both zeros are among them.
            let sign = |at: usize, value: i64| if value == 0 && at.is_multiple_of(2) { -1.0 } else { 1.0 };
            let floats = values.iter().enumerate().map(|(at, &value)| value as f64 / 4.0 * sign(at, value)).collect();
            let unsigned = values.iter().map(|&value| value as u64).collect();
            for values in [Values::Integer(values), Values::Float(floats), Values::Unsigned(unsigned)] {
                let mut collected = Collected::new(values.field_type(), &[]);
                collected.append(&values, 0..values.len(), Some(&|at| times[at]));
                let mut expected = collected.places();
                expected.sort_by(|&left, &right| collected.compare(left, right, ascending));
                prop_assert_eq!(collected.in_order(ascending, &|| Ok::<_, ()>(())).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_sort_that_is_not_wanted_any_longer_ends() {
        let looks = std::cell::Cell::new(0);
        let check = || {
            looks.set(looks.get() + 1);
            if looks.get() == 3 { Err("stop") } else { Ok(()) }
        };
        let mut all: Vec<u32> = (0..4 * PIECE as u32).rev().collect();
        assert_eq!(sort_by(&mut all, u32::cmp, &check), Err("stop"));
        assert_eq!(looks.get(), 3);
    }

    #[test]
    fn what_is_sorted_in_pieces_is_sorted() {
        let number = |at: u64| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44) as u32;
        for len in [0, 1, PIECE, PIECE + 1, 5 * PIECE / 2] {
            let mut all: Vec<u32> = (0..len as u64).map(number).collect();
            let mut expected = all.clone();
            expected.sort_unstable();
            sort_by(&mut all, u32::cmp, &|| Ok::<_, ()>(())).unwrap();
            assert!(all == expected, "{len}");
        }
        assert_eq!(sort_by(&mut [3, 1], i32::cmp, &|| Err("stop")), Err("stop"));
    }

    #[test]
    fn deviations() {
        let of = |values: &[f64]| stddev(&Values::Float(values.to_vec()));
        assert!((of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]) - 2.138_089_935_299_395).abs() < 1e-15);
        assert!(of(&[1.0]).is_nan());
    }

    #[test]
    fn percentiles_out_of_range_have_no_row() {
        let values = Values::Integer(vec![3, 1, 2]);
        let at = |percent| finished("percentile", Parameter::Percent(percent), &values, &[], true);
        assert_eq!(at(0.0), Partial::Empty);
        assert_eq!(at(101.0), Partial::Value(Datum::Integer(3)));
        assert_eq!(at(150.0), Partial::Empty);
        assert_eq!(at(-5.0), Partial::Empty);
    }

    proptest! {
        /// Ranks and the middle are those of the sorted values, with and without points.
        #[test]
        fn ranks_are_those_of_sorted_values(values in proptest::collection::vec(-4_i64..5, 1..40), percent in 0_u32..=100) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let times: Vec<i64> = (0..).take(values.len()).collect();
            let len = sorted.len();
            let half = (sorted[(len - 1) / 2] as f64 + sorted[len / 2] as f64) / 2.0;
            prop_assert_eq!(median(&mut Values::Integer(values.clone())), Some(half));
            let floats = values.iter().map(|&value| value as f64).collect();
            prop_assert_eq!(median(&mut Values::Float(floats)), Some(half));
            let wanted = rank(len, f64::from(percent)).map(|rank| sorted[rank]);
            let values = Values::Integer(values);
            let parameter = Parameter::Percent(f64::from(percent));
            let plain = match finished("percentile", parameter, &values, &[], true) {
                Partial::Value(Datum::Integer(value)) => Some(value),
                _ => None,
            };
            prop_assert_eq!(plain, wanted);
            for ascending in [true, false] {
                let Partial::Point(point) = finished("percentile", parameter, &values, &times, ascending) else {
                    prop_assert_eq!(wanted, None);
                    continue;
                };
                prop_assert_eq!(Some(point.value.clone()), wanted.map(Datum::Integer));
                prop_assert_eq!(values.get(usize::try_from(point.time).unwrap()).map(Datum::from), Some(point.value));
            }
        }
    }
}
