//! Partial aggregates: what one function knows of some values, and how two such pieces of knowledge add up.
//!
//! The same type holds the figures of a page (from its statistics), of a slice of decoded values, of a shard and of a whole
//! group; [`Partial::merge`] does not care where its two sides come from. It is associative, and, floating-point sums and
//! the order of collected values apart, commutative; [`Partial::Empty`] is its neutral element. When all is merged,
//! [`Partial::finish`] makes the result of those functions that kept their values. The classes of functions have their
//! kernels in [`crate::functions`].

use crate::datum::Datum;
use crate::functions::collecting::{Collected, Collecting};
use crate::functions::many::{Listed, Many, Seen};
use crate::functions::ranked::Ranked;
use crate::functions::sketch::Sketch;
use crate::functions::{Function, Kernel, Parameter, adding, selecting};
use model::{FieldType, Value, Values};
use std::ops::Range;
use storage::Stats;

/// What a function knows of some values of one type.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Partial {
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
    /// All values.
    Collected(Box<Collected>),
    /// The different values.
    Seen(Box<Seen>),
    /// A sketch of the different values.
    Sketch(Box<Sketch>),
    /// The best points.
    Ranked(Box<Ranked>),
    /// Finished: the result.
    Value(Datum),
    /// Finished: the points of several rows, at least one, in order of the answer.
    Points(Vec<Point>),
    /// Finished: the values of several rows, at least one, in order of the answer.
    Listed(Box<Listed>),
}

/// A point that a selector chose.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    /// Its time (ns); of values found in statistics the time may be unknown, then it is that of the first value there.
    pub(crate) time: i64,
    /// Its value.
    pub(crate) value: Datum,
    /// Its other columns, where these were asked for.
    pub(crate) extra: Vec<Option<Datum>>,
}

impl Point {
    pub(crate) fn partial(time: i64, value: Datum) -> Partial {
        Partial::Point(Point { time, value, extra: Vec::new() })
    }

    /// Memory beside the point itself, of its texts and its other columns (bytes).
    pub(crate) fn text_bytes(&self) -> usize {
        let text = |datum: &Datum| if let Datum::String(text) = datum { text.len() } else { 0 };
        let extra: usize = self.extra.iter().flatten().map(text).sum();
        text(&self.value) + extra + self.extra.capacity() * size_of::<Option<Datum>>()
    }
}

impl Partial {
    /// What a function starts from that keeps more of its values than a few figures; `None` for other functions. `extra` are
    /// the types of the columns that stand beside its points.
    pub(crate) fn holding(
        function: Function,
        field_type: FieldType,
        extra: &[FieldType],
        ascending: bool,
    ) -> Option<Partial> {
        match (function.entry.kernel, function.parameter) {
            (Kernel::Collecting(Collecting::CountDistinct) | Kernel::Many(Many::Distinct), _) => {
                Some(Partial::Seen(Box::new(Seen::new(field_type, ascending))))
            }
            (Kernel::Sketch, _) => Some(Partial::Sketch(Box::default())),
            (Kernel::Collecting(_), _) => Some(Partial::Collected(Box::new(Collected::new(field_type, extra)))),
            (Kernel::Many(Many::Top | Many::Bottom | Many::Sample), Parameter::Count(most)) => {
                Some(Partial::Ranked(Box::new(Ranked::new(most))))
            }
            _ => None,
        }
    }

    /// Whether there was no value.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Adds what `other` knows.
    pub(crate) fn merge(&mut self, function: Function, other: Partial) {
        match (&mut *self, other) {
            (_, Partial::Empty) => {}
            (Partial::Empty, other) => *self = other,
            (Partial::Count(count), Partial::Count(more)) => *count += more,
            (Partial::Sum(sum), Partial::Sum(more)) => adding::add(sum, &more),
            (Partial::Mean(sum, count), Partial::Mean(more, number)) => {
                adding::add(sum, &more);
                *count += number;
            }
            (Partial::Spread(min, max), Partial::Spread(low, high)) => adding::widen((min, max), (low, high)),
            (Partial::Point(old), Partial::Point(new)) if replaces(function, old, new.time, new.value.value()) => {
                *old = new;
            }
            (Partial::Collected(values), Partial::Collected(more)) => values.merge(&more),
            (Partial::Seen(values), Partial::Seen(more)) => values.merge(&more),
            (Partial::Sketch(sketch), Partial::Sketch(more)) => sketch.merge(*more),
            (Partial::Ranked(points), Partial::Ranked(more)) => points.merge(*more),
            // Pieces of knowledge of two functions never meet.
            _ => {}
        }
    }

    /// Whether a point would be chosen instead of the one known.
    pub(crate) fn yields_to(&self, function: Function, time: i64, value: Value<'_>) -> bool {
        match self {
            Partial::Point(old) => replaces(function, old, time, value),
            _ => true,
        }
    }

    /// Memory beside the partial itself that values, and not a few figures, take (bytes).
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Partial::Collected(values) => values.bytes(),
            Partial::Seen(values) => values.bytes(),
            Partial::Sketch(sketch) => sketch.bytes(),
            Partial::Ranked(points) => points.bytes(),
            Partial::Point(point) => point.text_bytes(),
            Partial::Value(Datum::String(text)) => text.len(),
            Partial::Points(points) => points.iter().map(|point| size_of::<Point>() + point.text_bytes()).sum(),
            Partial::Listed(listed) => listed.bytes(),
            _ => 0,
        }
    }

    /// Memory that [`Partial::finish`] takes beside what is there (bytes).
    pub(crate) fn bytes_to_finish(&self, function: Function) -> usize {
        match self {
            Partial::Collected(values) => values.bytes_to_finish(function),
            Partial::Sketch(sketch) => sketch.bytes_to_finish(),
            Partial::Ranked(points) => points.bytes_to_finish(),
            // What is made of different values takes the place of their table.
            _ => 0,
        }
    }

    /// All values are there: what the function makes of them takes their place. What adds up stays as it is.
    ///
    /// # Errors
    /// `check` fails, which is asked now and then.
    pub(crate) fn finish<E>(
        &mut self,
        function: Function,
        ascending: bool,
        check: &dyn Fn() -> Result<(), E>,
    ) -> Result<(), E> {
        *self = match std::mem::take(self) {
            Partial::Collected(values) => values.finish(function, ascending, check)?,
            Partial::Seen(values) if function.entry.kernel == Kernel::Many(Many::Distinct) => values.finish(check)?,
            Partial::Seen(values) => Partial::Count(values.len() as u64),
            Partial::Sketch(sketch) => sketch.finish(),
            Partial::Ranked(points) => points.finish(ascending),
            other => other,
        };
        Ok(())
    }

    /// The function's result, if it is one value.
    pub(crate) fn result(&self) -> Option<Datum> {
        self.value().map(Datum::from)
    }

    /// The same, borrowed.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_wrap)]
    pub(crate) fn value(&self) -> Option<Value<'_>> {
        Some(match self {
            Partial::Count(count) => Value::Integer(*count as i64),
            Partial::Sum(value) | Partial::Value(value) => value.value(),
            Partial::Mean(sum, count) => Value::Float(sum.as_f64()? / *count as f64),
            Partial::Spread(min, max) => adding::spread(min, max)?,
            Partial::Point(point) => point.value.value(),
            Partial::Empty | Partial::Collected(_) | Partial::Seen(_) | Partial::Ranked(_) => return None,
            Partial::Sketch(_) => return None,
            Partial::Points(_) | Partial::Listed(_) => return None,
        })
    }

    /// What a function knows of a cut from its statistics; `None` if these do not tell.
    pub(crate) fn from_stats(function: Function, stats: &Stats) -> Option<Partial> {
        if stats.count == 0 {
            return Some(Partial::Empty);
        }
        match function.entry.kernel {
            Kernel::Adding(kernel) => adding::from_stats(kernel, stats),
            Kernel::Selecting(kernel) => selecting::from_stats(kernel, stats),
            _ => None,
        }
    }

    /// What a function that adds up or selects knows of `values[range]`, and the position of the value it chose, if it is a
    /// selector. `time` gives the time (ns) of a position; times ascend with positions.
    pub(crate) fn of_slice(
        function: Function,
        values: &Values,
        range: &Range<usize>,
        time: impl Fn(usize) -> i64,
    ) -> (Partial, Option<usize>) {
        if range.is_empty() {
            return (Partial::Empty, None);
        }
        match function.entry.kernel {
            Kernel::Adding(kernel) => (adding::of_slice(kernel, values, range), None),
            Kernel::Selecting(kernel) => match selecting::choose(kernel, values, range) {
                Some((at, value)) => (Point::partial(time(at), value), Some(at)),
                None => (Partial::Empty, None),
            },
            _ => (Partial::Empty, None),
        }
    }
}

fn replaces(function: Function, old: &Point, time: i64, value: Value<'_>) -> bool {
    matches!(function.entry.kernel, Kernel::Selecting(kernel) if selecting::replaces(kernel, old, time, value))
}

/// A number of any numeric type or a value of it, for `fill(number)`: what it is in a column of a type.
pub(crate) fn fill_value(number: &Datum, field_type: FieldType) -> Option<Datum> {
    match field_type {
        FieldType::String => Some(Datum::String(Box::default())),
        FieldType::Boolean => Some(Datum::Boolean(false)),
        _ => number.cast(field_type),
    }
}

#[cfg(test)]
mod tests;
