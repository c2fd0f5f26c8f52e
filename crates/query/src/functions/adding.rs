//! Aggregates that add up: what is known of two sets of values is enough to know it of both together, so that statistics of
//! pages, series and segments answer, and only edges are decoded.

use super::selecting::extreme;
use crate::datum::{Datum, is_nan, order};
use crate::partial::Partial;
use codec::reduce;
use model::{Value, Values};
use std::cmp::Ordering;
use std::ops::Range;
use storage::Stats;

/// A member of the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adding {
    /// Number of values.
    Count,
    /// Sum; integers wrap.
    Sum,
    /// Arithmetic mean.
    Mean,
    /// Greatest minus least value.
    Spread,
}

/// What statistics tell; `None` if they do not.
pub(crate) fn from_stats(kernel: Adding, stats: &Stats) -> Option<Partial> {
    if kernel == Adding::Count {
        return Some(Partial::Count(stats.count));
    }
    let numbers = stats.numbers?;
    Some(match kernel {
        Adding::Count => Partial::Count(stats.count),
        Adding::Sum => Partial::Sum(numbers.sum.into()),
        Adding::Mean => Partial::Mean(numbers.sum.into(), stats.count),
        Adding::Spread => Partial::Spread(numbers.min.into(), numbers.max.into()),
    })
}

/// What is known of `values[range]`, which is not empty.
pub(crate) fn of_slice(kernel: Adding, values: &Values, range: &Range<usize>) -> Partial {
    let count = range.len() as u64;
    match kernel {
        Adding::Count => Partial::Count(count),
        Adding::Sum => sum(values, range).map_or(Partial::Empty, Partial::Sum),
        Adding::Mean => sum(values, range).map_or(Partial::Empty, |sum| Partial::Mean(sum, count)),
        Adding::Spread => match (extreme(values, range, false), extreme(values, range, true)) {
            (Some((min, _)), Some((max, _))) => Partial::Spread(min, max),
            _ => Partial::Empty,
        },
    }
}

/// Adds a sum to another.
pub(crate) fn add(sum: &mut Datum, more: &Datum) {
    match (sum, more) {
        (Datum::Float(sum), Datum::Float(more)) => *sum += more,
        (Datum::Integer(sum), Datum::Integer(more)) => *sum = sum.wrapping_add(*more),
        (Datum::Unsigned(sum), Datum::Unsigned(more)) => *sum = sum.wrapping_add(*more),
        _ => {}
    }
}

/// Widens bounds to others.
pub(crate) fn widen((min, max): (&mut Datum, &mut Datum), (low, high): (Datum, Datum)) {
    if order(low.value(), min.value()) == Some(Ordering::Less) || is_nan(min.value()) {
        *min = low;
    }
    if order(high.value(), max.value()) == Some(Ordering::Greater) || is_nan(max.value()) {
        *max = high;
    }
}

/// The distance of two bounds.
pub(crate) fn spread(min: &Datum, max: &Datum) -> Option<Value<'static>> {
    Some(match (min, max) {
        (Datum::Float(min), Datum::Float(max)) => Value::Float(max - min),
        (Datum::Integer(min), Datum::Integer(max)) => Value::Integer(max.wrapping_sub(*min)),
        (Datum::Unsigned(min), Datum::Unsigned(max)) => Value::Unsigned(max.wrapping_sub(*min)),
        _ => return None,
    })
}

fn sum(values: &Values, range: &Range<usize>) -> Option<Datum> {
    let range = range.clone();
    Some(match values {
        Values::Float(values) => Datum::Float(reduce::sum_f64(&values[range])),
        Values::Integer(values) => Datum::Integer(reduce::sum_i64(&values[range])),
        Values::Unsigned(values) => Datum::Unsigned(reduce::sum_u64(&values[range])),
        Values::String(_) | Values::Boolean(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_widen_and_integers_wrap() {
        let (mut min, mut max) = (Datum::Integer(3), Datum::Integer(5));
        widen((&mut min, &mut max), (Datum::Integer(4), Datum::Integer(9)));
        assert_eq!(spread(&min, &max), Some(Value::Integer(6)));
        let mut sum = Datum::Integer(i64::MAX);
        add(&mut sum, &Datum::Integer(1));
        assert_eq!(sum, Datum::Integer(i64::MIN));
    }

    #[test]
    fn a_slice_is_reduced() {
        let values = Values::Float(vec![1.0, 2.5, -4.0]);
        assert_eq!(of_slice(Adding::Mean, &values, &(1..3)), Partial::Mean(Datum::Float(-1.5), 2));
        assert_eq!(of_slice(Adding::Spread, &values, &(0..3)), Partial::Spread(Datum::Float(-4.0), Datum::Float(2.5)));
        assert_eq!(of_slice(Adding::Sum, &Values::Boolean(vec![true]), &(0..1)), Partial::Empty);
    }
}
