//! Selectors of one point: of any two points one is chosen, so that points of pages, series and shards meet in pairs.

use crate::datum::{Datum, is_nan, sort_order};
use crate::partial::{Partial, Point};
use codec::reduce;
use model::{Value, Values};
use std::cmp::Ordering;
use std::ops::Range;
use storage::Stats;

/// A member of the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selecting {
    /// Least value.
    Min,
    /// Greatest value.
    Max,
    /// The value at the earliest time.
    First,
    /// The value at the latest time.
    Last,
}

/// The chosen point, as statistics tell it; `None` if they do not. The time of a least or greatest value is not known: it is
/// that of the first value.
pub(crate) fn from_stats(kernel: Selecting, stats: &Stats) -> Option<Partial> {
    let numbers = stats.numbers?;
    Some(match kernel {
        Selecting::Min => Point::partial(stats.first_time, numbers.min.into()),
        Selecting::Max => Point::partial(stats.first_time, numbers.max.into()),
        Selecting::First => Point::partial(stats.first_time, numbers.first.into()),
        Selecting::Last => Point::partial(stats.last_time, numbers.last.into()),
    })
}

/// The position and value of the point that is chosen from `values[range]`, which is not empty; times ascend with positions.
pub(crate) fn choose(kernel: Selecting, values: &Values, range: &Range<usize>) -> Option<(usize, Datum)> {
    let at = match kernel {
        Selecting::Min | Selecting::Max => {
            return extreme(values, range, kernel == Selecting::Max).map(|(value, at)| (at, value));
        }
        Selecting::First => range.start,
        Selecting::Last => range.end - 1,
    };
    Some((at, values.get(at)?.into()))
}

/// The rule by which a selector chooses between two points. Equal values: the earlier one. Equal times: the greater value
/// (of booleans, `first` takes false). What is no number is least and greatest only where there is nothing else, wherever it stands.
pub(crate) fn replaces(kernel: Selecting, old: &Point, time: i64, value: Value<'_>) -> bool {
    let by_value = match kernel {
        Selecting::Min | Selecting::Max if is_nan(value) => return is_nan(old.value.value()) && time < old.time,
        Selecting::Min | Selecting::Max if is_nan(old.value.value()) => return true,
        _ => sort_order(value, old.value.value()),
    };
    let earlier = time < old.time;
    match kernel {
        Selecting::Min => by_value == Ordering::Less || (by_value == Ordering::Equal && earlier),
        Selecting::Max => by_value == Ordering::Greater || (by_value == Ordering::Equal && earlier),
        Selecting::First if matches!(value, Value::Boolean(_)) => {
            earlier || (time == old.time && by_value == Ordering::Less)
        }
        Selecting::First => earlier || (time == old.time && by_value == Ordering::Greater),
        Selecting::Last => time > old.time || (time == old.time && by_value == Ordering::Greater),
    }
}

/// The greatest (or least) value and the position of its first occurrence.
pub(crate) fn extreme(values: &Values, range: &Range<usize>, greatest: bool) -> Option<(Datum, usize)> {
    let (start, range) = (range.start, range.clone());
    let (datum, at) = match values {
        Values::Float(values) => {
            let found = if greatest { reduce::max_f64(&values[range]) } else { reduce::min_f64(&values[range]) };
            let (value, at) = found.or_else(|| values.get(start).map(|&value| (value, 0)))?;
            Some((Datum::Float(value), at))
        }
        Values::Integer(values) => {
            let found = if greatest { reduce::max_i64(&values[range]) } else { reduce::min_i64(&values[range]) };
            found.map(|(value, at)| (Datum::Integer(value), at))
        }
        Values::Unsigned(values) => {
            let found = if greatest { reduce::max_u64(&values[range]) } else { reduce::min_u64(&values[range]) };
            found.map(|(value, at)| (Datum::Unsigned(value), at))
        }
        Values::Boolean(values) => {
            let at = values[range].iter().position(|&value| value == greatest);
            let value = if at.is_some() { greatest } else { !greatest };
            Some((Datum::Boolean(value), at.unwrap_or(0)))
        }
        Values::String(_) => None,
    }?;
    Some((datum, start + at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(kernel: Selecting, old: (i64, f64), new: (i64, f64)) -> (i64, f64) {
        let point = Point { time: old.0, value: Datum::Float(old.1), extra: Vec::new() };
        if replaces(kernel, &point, new.0, Value::Float(new.1)) { new } else { old }
    }

    #[test]
    fn ties_are_broken_as_influxdb_does() {
        assert_eq!(chosen(Selecting::Max, (5, 1.0), (3, 1.0)), (3, 1.0));
        assert_eq!(chosen(Selecting::Min, (3, 1.0), (5, 1.0)), (3, 1.0));
        assert_eq!(chosen(Selecting::First, (3, 1.0), (3, 2.0)), (3, 2.0));
        assert_eq!(chosen(Selecting::Last, (3, 2.0), (3, 1.0)), (3, 2.0));
    }

    #[test]
    fn the_first_of_equal_values_is_chosen() {
        let values = Values::Integer(vec![7, 2, 9, 2, 9]);
        assert_eq!(choose(Selecting::Min, &values, &(0..5)), Some((1, Datum::Integer(2))));
        assert_eq!(choose(Selecting::Max, &values, &(3..5)), Some((4, Datum::Integer(9))));
        assert_eq!(choose(Selecting::Last, &values, &(0..4)), Some((3, Datum::Integer(2))));
    }
}
