//! Partial aggregates: what one function knows of some values, and how two such pieces of knowledge add up.
//!
//! The same type holds the figures of a page (from its statistics), of a slice of decoded values, of a shard and of a whole
//! group; [`Partial::merge`] does not care where its two sides come from. It is associative, and, floating-point sums
//! apart, commutative; [`Partial::Empty`] is its neutral element.

use crate::datum::{Datum, order};
use crate::functions::Function;
use codec::reduce;
use model::{FieldType, Value, Values};
use std::cmp::Ordering;
use std::ops::Range;
use storage::Stats;

/// What a function knows of some values of one type.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Partial {
    /// There was no value.
    #[default]
    Empty,
    /// Number of values.
    Count(u64),
    /// Sum.
    Sum(Datum),
    /// Sum and number, for the mean.
    Mean(Datum, u64),
    /// Least and greatest value.
    Spread(Datum, Datum),
    /// A selected point.
    Point(Point),
}

/// A point that a selector chose.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Its time (ns); of values found in statistics the time may be unknown, then it is that of the first value there.
    pub time: i64,
    /// Its value.
    pub value: Datum,
    /// Its other columns, where these were asked for.
    pub extra: Vec<Option<Datum>>,
}

impl Point {
    fn partial(time: i64, value: Datum) -> Partial {
        Partial::Point(Point { time, value, extra: Vec::new() })
    }
}

impl Partial {
    /// Whether there was no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Adds what `other` knows.
    pub fn merge(&mut self, function: Function, other: Partial) {
        match (&mut *self, other) {
            (_, Partial::Empty) => {}
            (Partial::Empty, other) => *self = other,
            (Partial::Count(count), Partial::Count(more)) => *count += more,
            (Partial::Sum(sum), Partial::Sum(more)) => add(sum, &more),
            (Partial::Mean(sum, count), Partial::Mean(more, number)) => {
                add(sum, &more);
                *count += number;
            }
            (Partial::Spread(min, max), Partial::Spread(low, high)) => {
                if order(low.value(), min.value()) == Some(Ordering::Less) {
                    *min = low;
                }
                if order(high.value(), max.value()) == Some(Ordering::Greater) {
                    *max = high;
                }
            }
            (Partial::Point(old), Partial::Point(new)) if replaces(function, old, new.time, new.value.value()) => {
                *old = new;
            }
            // Pieces of knowledge of two functions never meet.
            _ => {}
        }
    }

    /// Whether a point would be chosen instead of the one known.
    #[must_use]
    pub fn yields_to(&self, function: Function, time: i64, value: Value<'_>) -> bool {
        match self {
            Partial::Point(old) => replaces(function, old, time, value),
            _ => true,
        }
    }

    /// The function's result.
    #[must_use]
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_wrap)]
    pub fn result(&self) -> Option<Datum> {
        Some(match self {
            Partial::Empty => return None,
            Partial::Count(count) => Datum::Integer(*count as i64),
            Partial::Sum(sum) => sum.clone(),
            Partial::Mean(sum, count) => Datum::Float(sum.as_f64()? / *count as f64),
            Partial::Spread(min, max) => match (min, max) {
                (Datum::Float(min), Datum::Float(max)) => Datum::Float(max - min),
                (Datum::Integer(min), Datum::Integer(max)) => Datum::Integer(max.wrapping_sub(*min)),
                (Datum::Unsigned(min), Datum::Unsigned(max)) => Datum::Unsigned(max.wrapping_sub(*min)),
                _ => return None,
            },
            Partial::Point(point) => point.value.clone(),
        })
    }

    /// What a function knows of a cut from its statistics; `None` if these do not tell.
    #[must_use]
    pub fn from_stats(function: Function, stats: &Stats) -> Option<Partial> {
        if stats.count == 0 {
            return Some(Partial::Empty);
        }
        if function == Function::Count {
            return Some(Partial::Count(stats.count));
        }
        let numbers = stats.numbers?;
        Some(match function {
            Function::Count => Partial::Count(stats.count),
            Function::Sum => Partial::Sum(numbers.sum.into()),
            Function::Mean => Partial::Mean(numbers.sum.into(), stats.count),
            Function::Spread => Partial::Spread(numbers.min.into(), numbers.max.into()),
            Function::Min => Point::partial(stats.first_time, numbers.min.into()),
            Function::Max => Point::partial(stats.first_time, numbers.max.into()),
            Function::First => Point::partial(stats.first_time, numbers.first.into()),
            Function::Last => Point::partial(stats.last_time, numbers.last.into()),
        })
    }

    /// What a function knows of `values[range]`, and the position of the value it chose, if it is a selector. `time` gives
    /// the time (ns) of a position; times ascend with positions.
    #[must_use]
    pub fn of_slice(
        function: Function,
        values: &Values,
        range: Range<usize>,
        time: impl Fn(usize) -> i64,
    ) -> (Partial, Option<usize>) {
        if range.is_empty() {
            return (Partial::Empty, None);
        }
        match function {
            Function::Count => (Partial::Count(range.len() as u64), None),
            Function::Sum => (sum(values, &range).map_or(Partial::Empty, Partial::Sum), None),
            Function::Mean => {
                let count = range.len() as u64;
                (sum(values, &range).map_or(Partial::Empty, |sum| Partial::Mean(sum, count)), None)
            }
            Function::Spread => match (extreme(values, &range, false), extreme(values, &range, true)) {
                (Some((min, _)), Some((max, _))) => (Partial::Spread(min, max), None),
                _ => (Partial::Empty, None),
            },
            Function::Min | Function::Max => match extreme(values, &range, function == Function::Max) {
                Some((value, at)) => (Point::partial(time(at), value), Some(at)),
                None => (Partial::Empty, None),
            },
            Function::First | Function::Last => {
                let at = if function == Function::First { range.start } else { range.end - 1 };
                match values.get(at) {
                    Some(value) => (Point::partial(time(at), value.into()), Some(at)),
                    None => (Partial::Empty, None),
                }
            }
        }
    }
}

/// The rule by which a selector chooses between two points. Equal values: the earlier one. Equal times: the greater value
/// (of booleans, `first` takes false).
fn replaces(function: Function, old: &Point, time: i64, value: Value<'_>) -> bool {
    let by_value = order(value, old.value.value()).unwrap_or(Ordering::Equal);
    let earlier = time < old.time;
    match function {
        Function::Min => by_value == Ordering::Less || (by_value == Ordering::Equal && earlier),
        Function::Max => by_value == Ordering::Greater || (by_value == Ordering::Equal && earlier),
        Function::First if matches!(value, Value::Boolean(_)) => {
            earlier || (time == old.time && by_value == Ordering::Less)
        }
        Function::First => earlier || (time == old.time && by_value == Ordering::Greater),
        Function::Last => time > old.time || (time == old.time && by_value == Ordering::Greater),
        _ => false,
    }
}

fn add(sum: &mut Datum, more: &Datum) {
    match (sum, more) {
        (Datum::Float(sum), Datum::Float(more)) => *sum += more,
        (Datum::Integer(sum), Datum::Integer(more)) => *sum = sum.wrapping_add(*more),
        (Datum::Unsigned(sum), Datum::Unsigned(more)) => *sum = sum.wrapping_add(*more),
        _ => {}
    }
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

/// The greatest (or least) value and the position of its first occurrence.
fn extreme(values: &Values, range: &Range<usize>, greatest: bool) -> Option<(Datum, usize)> {
    let (start, range) = (range.start, range.clone());
    let (datum, at) = match values {
        Values::Float(values) => {
            let found = if greatest { reduce::max_f64(&values[range]) } else { reduce::min_f64(&values[range]) };
            found.map(|(value, at)| (Datum::Float(value), at))
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

/// A number of any numeric type or a value of it, for `fill(number)`: what it is in a column of a type.
#[must_use]
pub fn fill_value(number: &Datum, field_type: FieldType) -> Option<Datum> {
    match field_type {
        FieldType::String => Some(Datum::String(Box::default())),
        FieldType::Boolean => Some(Datum::Boolean(false)),
        _ => number.cast(field_type),
    }
}

#[cfg(test)]
mod tests;
