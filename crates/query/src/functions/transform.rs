//! Functions over a sequence of points: each step takes the next point in order of the answer, and gives a value that has that
//! point's time, or none. The points are raw ones, or what an aggregate gives bucket by bucket, or what another such function
//! gives; the kernels do not know.
//!
//! Points come one by one, as an owned value each ([`Running::step`]), or as columns of many rows, of which a column is made
//! ([`Running::steps`]). Both go through the same step of a type, so a new member is a step in [`Memory`].

use super::technical::{Machine, Settings, Technical};
use crate::datum::Datum;
use model::{Column, Presence, Value, Values};
use std::collections::VecDeque;
use std::ops::Range;

/// A member of the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    /// The change per unit of time.
    Derivative,
    /// The same, where it is not negative.
    NonNegativeDerivative,
    /// The change.
    Difference,
    /// The same, where it is not negative.
    NonNegativeDifference,
    /// The sum so far.
    CumulativeSum,
    /// The mean of the last values.
    MovingAverage,
    /// The time since the point before.
    Elapsed,
    /// A technical function.
    Technical(Technical),
}

impl Transform {
    /// How many buckets before the first one it reads, so that this one has a value.
    #[must_use]
    pub fn lead(self) -> u32 {
        u32::from(self != Self::CumulativeSum)
    }

    /// What InfluxDB calls it where it refuses a type.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Derivative | Self::NonNegativeDerivative => "derivative",
            Self::Difference | Self::NonNegativeDifference => "difference",
            Self::CumulativeSum => "cumulative sum",
            Self::MovingAverage => "moving average",
            Self::Elapsed => "elapsed",
            Self::Technical(technical) => technical.kind(),
        }
    }
}

/// What a call says of its function beside what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    /// The unit (ns), or how many values are averaged.
    Number(i64),
    /// What a technical function is told.
    Technical(Settings),
}

/// A function on its way through a sequence.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    rule: Rule,
    machine: Option<Box<Machine>>,
    /// The time (ns) of the point before, for `elapsed`.
    before: Option<i64>,
    known: Known,
}

/// What a function does with each point.
#[derive(Clone, Copy, Debug)]
struct Rule {
    kernel: Transform,
    /// The unit (ns), or how many values are averaged.
    parameter: i64,
    ascending: bool,
}

/// What is known of the points so far, which all have one type.
#[derive(Clone, Debug)]
enum Known {
    Nothing,
    Float(Memory<f64>),
    Integer(Memory<i64>),
    Unsigned(Memory<u64>),
}

/// What is known of points of one type.
#[derive(Clone, Debug)]
struct Memory<T> {
    last: Last<T>,
    sum: Option<T>,
    window: VecDeque<T>,
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self { last: Last(None), sum: None, window: VecDeque::new() }
    }
}

/// The point before: its time (ns), and its value.
#[derive(Clone, Copy, Debug)]
struct Last<T>(Option<(i64, T)>);

/// Points of some rows: their times (ns) by row, and the values of those rows that have one.
#[derive(Clone, Debug)]
pub(crate) struct Points<'a> {
    times: &'a [i64],
    values: &'a Values,
    /// Which of the values.
    positions: Range<usize>,
    rows: RowsOf<'a>,
}

/// The rows of values.
#[derive(Clone, Copy, Debug)]
enum RowsOf<'a> {
    /// All, from the first one on.
    All,
    /// These, numbered from the one given.
    At(&'a [u32], u32),
}

impl<'a> Points<'a> {
    /// Some rows of a column, whose times `times` are.
    pub(crate) fn of_column(times: &'a [i64], column: &'a Column, rows: Range<usize>) -> Self {
        let all = column.values.len();
        let (positions, rows) = match &column.presence {
            Presence::Dense => (rows.start.min(all)..rows.end.min(all), RowsOf::All),
            Presence::Sparse(present) => {
                let start = present.partition_point(|&row| (row as usize) < rows.start);
                let end = present.partition_point(|&row| (row as usize) < rows.end);
                let first = u32::try_from(rows.start).unwrap_or(u32::MAX);
                (start..end, RowsOf::At(&present[start..end], first))
            }
        };
        Self { times, values: &column.values, positions, rows }
    }

    /// What a machine makes of the points.
    fn through(&self, machine: &mut Machine) -> Given {
        match self.values {
            Values::Float(values) => self.step(self.of(values), |_, value| machine.add(value)),
            Values::Integer(values) => self.step(self.of(values), |_, value| machine.add(value.as_f64())),
            Values::Unsigned(values) => self.step(self.of(values), |_, value| machine.add(value.as_f64())),
            Values::String(_) | Values::Boolean(_) => Given::default(),
        }
    }

    fn of<T: Copy>(&self, values: &'a [T]) -> impl Iterator<Item = T> + use<'a, T> {
        values[self.positions.clone()].iter().copied()
    }

    /// Steps through the points, whose values are these.
    fn step<T, R: Number>(&self, values: impl Iterator<Item = T>, step: impl FnMut(i64, T) -> Option<R>) -> Given {
        let (most, times) = (self.positions.len(), self.times);
        match self.rows {
            RowsOf::All => Given::of((0..).zip(times).zip(values), most, step),
            RowsOf::At(rows, from) => {
                let rows = rows.iter().map(|&row| (row - from) as usize);
                Given::of(rows.map(|row| (row, &times[row])).zip(values), most, step)
            }
        }
    }
}

/// What a function gave of some rows.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// The values.
    pub(crate) values: Values,
    /// The first row that has one.
    pub(crate) first: usize,
    /// Which rows have one; `None`: the first one, and those that follow.
    pub(crate) rows: Option<Vec<u32>>,
}

impl Default for Given {
    fn default() -> Self {
        Self { values: Values::Float(Vec::new()), first: 0, rows: None }
    }
}

impl Given {
    fn of<'t, T, R: Number>(
        points: impl Iterator<Item = ((usize, &'t i64), T)>,
        most: usize,
        mut step: impl FnMut(i64, T) -> Option<R>,
    ) -> Self {
        let (mut values, mut first, mut rows) = (Vec::with_capacity(most), 0, None);
        for ((row, &time), value) in points {
            let Some(value) = step(time, value) else { continue };
            if values.is_empty() {
                first = row;
            } else if first + values.len() != row || rows.is_some() {
                rows.get_or_insert_with(|| numbers(first..first + values.len())).push(number(row));
            }
            values.push(value);
        }
        Self { values: R::values(values), first, rows }
    }

    /// Whether it has the same rows as another one.
    pub(crate) fn has_rows_of(&self, other: &Given) -> bool {
        self.values.len() == other.values.len() && self.first == other.first && self.rows == other.rows
    }

    /// The rows that have a value.
    pub(crate) fn to_rows(&self) -> Vec<u32> {
        self.rows.clone().unwrap_or_else(|| numbers(self.first..self.first + self.values.len()))
    }
}

fn as_f64(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Float(value) => Some(value),
        Value::Integer(value) => Some(value.as_f64()),
        Value::Unsigned(value) => Some(value.as_f64()),
        Value::String(_) | Value::Boolean(_) => None,
    }
}

fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

fn numbers(rows: Range<usize>) -> Vec<u32> {
    rows.map(number).collect()
}

/// A type of values that functions compute with.
trait Number: Copy {
    fn values(values: Vec<Self>) -> Values;
    fn datum(self) -> Datum;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn as_f64(self) -> f64;
    /// Whether a value follows a greater one.
    fn is_below(self, before: Self) -> bool;
    /// The change from a value before.
    fn change(self, before: Self) -> f64;
    /// What is known of such points; `None` if those so far have another type.
    fn memory(known: &mut Known) -> Option<&mut Memory<Self>>;
}

macro_rules! number {
    ($type:ty, $variant:ident, $($own:tt)*) => {
        impl Number for $type {
            fn values(values: Vec<Self>) -> Values {
                Values::$variant(values)
            }

            fn datum(self) -> Datum {
                Datum::$variant(self)
            }

            fn memory(known: &mut Known) -> Option<&mut Memory<Self>> {
                if let Known::Nothing = known {
                    *known = Known::$variant(Memory::default());
                }
                if let Known::$variant(memory) = known { Some(memory) } else { None }
            }

            $($own)*
        }
    };
}

number! {f64, Float,
    #[inline]
    fn plus(self, other: Self) -> Self {
        self + other
    }

    #[inline]
    fn minus(self, other: Self) -> Self {
        self - other
    }

    #[inline]
    fn as_f64(self) -> f64 {
        self
    }

    #[inline]
    fn is_below(self, before: Self) -> bool {
        self - before < 0.0
    }

    #[inline]
    fn change(self, before: Self) -> f64 {
        self - before
    }
}

number! {i64, Integer,
    #[inline]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    #[allow(clippy::cast_precision_loss)]
    #[inline]
    fn as_f64(self) -> f64 {
        self as f64
    }

    #[inline]
    fn is_below(self, before: Self) -> bool {
        self.wrapping_sub(before) < 0
    }

    #[inline]
    fn change(self, before: Self) -> f64 {
        self.wrapping_sub(before).as_f64()
    }
}

number! {u64, Unsigned,
    #[inline]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    #[allow(clippy::cast_precision_loss)]
    #[inline]
    fn as_f64(self) -> f64 {
        self as f64
    }

    #[inline]
    fn is_below(self, before: Self) -> bool {
        self < before
    }

    #[inline]
    fn change(self, before: Self) -> f64 {
        if self > before { (self - before).as_f64() } else { -(before - self).as_f64() }
    }
}

impl Rule {
    /// Nanoseconds from a point to the next one, in the order of time.
    #[inline]
    fn span(self, before: i64, time: i64) -> i64 {
        if self.ascending { time.wrapping_sub(before) } else { before.wrapping_sub(time) }
    }

    #[inline]
    fn takes_falls(self) -> bool {
        !matches!(self.kernel, Transform::NonNegativeDerivative | Transform::NonNegativeDifference)
    }
}

/// The last span of time and what it comes to: most points follow each other in the same one, and divisions are dear. No time is
/// nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Span<R> {
    span: i64,
    units: R,
}

impl<R: Copy> Span<R> {
    #[inline]
    fn units(&mut self, span: i64, compute: impl FnOnce(i64) -> R) -> R {
        if self.span != span {
            *self = Self { span, units: compute(span) };
        }
        self.units
    }
}

impl<T: Number> Last<T> {
    /// The point before, if the change from it counts. Of several points at one time only the first does.
    #[inline]
    fn before(&mut self, rule: Rule, time: i64, value: T) -> Option<(i64, T)> {
        if self.0.is_some_and(|(last, _)| last == time) {
            return None;
        }
        let before = self.0.replace((time, value))?;
        (rule.takes_falls() || !value.is_below(before.1)).then_some(before)
    }

    #[inline]
    fn difference(&mut self, rule: Rule, time: i64, value: T) -> Option<T> {
        self.before(rule, time, value).map(|(_, before)| value.minus(before))
    }

    /// The change since the point before, per unit.
    #[inline]
    #[allow(clippy::cast_precision_loss)]
    fn derivative(&mut self, rule: Rule, known: &mut Span<f64>, time: i64, value: T) -> Option<f64> {
        let (last, before) = self.before(rule, time, value)?;
        Some(value.change(before) / known.units(rule.span(last, time), |span| span as f64 / rule.parameter as f64))
    }
}

impl<T: Number> Memory<T> {
    fn step(&mut self, rule: Rule, time: i64, value: T) -> Option<Datum> {
        match rule.kernel {
            Transform::CumulativeSum => Some(self.add(value).datum()),
            Transform::MovingAverage => self.average(rule, value).map(Datum::Float),
            Transform::Difference | Transform::NonNegativeDifference => {
                self.last.difference(rule, time, value).map(Number::datum)
            }
            _ => self.last.derivative(rule, &mut Span::default(), time, value).map(Datum::Float),
        }
    }

    /// As [`Memory::step`] for many points.
    fn steps(&mut self, rule: Rule, points: &Points<'_>, values: &[T]) -> Given {
        let values = values[points.positions.clone()].iter().copied();
        // A copy of its own stays in registers.
        let mut last = self.last;
        let given = match rule.kernel {
            Transform::CumulativeSum => points.step(values, |_, value| Some(self.add(value))),
            Transform::MovingAverage => points.step(values, |_, value| self.average(rule, value)),
            Transform::Difference | Transform::NonNegativeDifference => {
                points.step(values, |time, value| last.difference(rule, time, value))
            }
            _ => {
                let mut span = Span::default();
                points.step(values, |time, value| last.derivative(rule, &mut span, time, value))
            }
        };
        self.last = last;
        given
    }

    #[inline]
    fn add(&mut self, value: T) -> T {
        let sum = self.sum.map_or(value, |sum| sum.plus(value));
        self.sum = Some(sum);
        sum
    }

    /// The sum is that of before, less what leaves: floats come out as in InfluxDB.
    #[inline]
    #[allow(clippy::cast_precision_loss)]
    fn average(&mut self, rule: Rule, value: T) -> Option<f64> {
        let count = usize::try_from(rule.parameter).unwrap_or(usize::MAX);
        if self.window.len() == count
            && let Some(oldest) = self.window.pop_front()
        {
            self.sum = self.sum.map(|sum| sum.minus(oldest));
        }
        self.window.push_back(value);
        let sum = self.add(value);
        (self.window.len() == count).then(|| sum.as_f64() / count as f64)
    }
}

impl Running {
    /// At the beginning.
    pub(crate) fn new(kernel: Transform, parameter: Parameter, ascending: bool) -> Self {
        let (parameter, machine) = match (kernel, parameter) {
            (Transform::Technical(kernel), Parameter::Technical(settings)) => {
                (1, Some(Box::new(Machine::new(kernel, settings))))
            }
            (_, Parameter::Number(parameter)) => (parameter.max(1), None),
            _ => (1, None),
        };
        Self { rule: Rule { kernel, parameter, ascending }, machine, before: None, known: Known::Nothing }
    }

    /// Memory that it keeps from the beginning (bytes).
    pub(crate) fn bytes(kernel: Transform, parameter: Parameter) -> usize {
        match (kernel, parameter) {
            (Transform::Technical(kernel), Parameter::Technical(settings)) => Machine::bytes(kernel, settings),
            _ => 0,
        }
    }

    /// Memory of the values that it keeps by now (bytes).
    pub(crate) fn window_bytes(&self) -> usize {
        match &self.known {
            Known::Nothing => 0,
            Known::Float(memory) => memory.window.capacity() * size_of::<f64>(),
            Known::Integer(memory) => memory.window.capacity() * size_of::<i64>(),
            Known::Unsigned(memory) => memory.window.capacity() * size_of::<u64>(),
        }
    }

    /// Takes the next point.
    pub(crate) fn step(&mut self, time: i64, value: Value<'_>) -> Option<Datum> {
        let (rule, known) = (self.rule, &mut self.known);
        if let Some(machine) = &mut self.machine {
            return machine.add(as_f64(value)?).map(Datum::Float);
        }
        match value {
            _ if rule.kernel == Transform::Elapsed => self.elapsed(&mut Span::default(), time).map(Datum::Integer),
            Value::Float(value) => f64::memory(known)?.step(rule, time, value),
            Value::Integer(value) => i64::memory(known)?.step(rule, time, value),
            Value::Unsigned(value) => u64::memory(known)?.step(rule, time, value),
            Value::String(_) | Value::Boolean(_) => None,
        }
    }

    /// Takes the next points, as [`Running::step`] does one by one.
    pub(crate) fn steps(&mut self, points: &Points<'_>) -> Given {
        let (rule, known) = (self.rule, &mut self.known);
        if let Some(machine) = &mut self.machine {
            return points.through(machine);
        }
        if rule.kernel == Transform::Elapsed {
            let mut span = Span::default();
            return points.step(points.positions.clone(), |time, _| self.elapsed(&mut span, time));
        }
        let given = match points.values {
            Values::Float(values) => f64::memory(known).map(|memory| memory.steps(rule, points, values)),
            Values::Integer(values) => i64::memory(known).map(|memory| memory.steps(rule, points, values)),
            Values::Unsigned(values) => u64::memory(known).map(|memory| memory.steps(rule, points, values)),
            Values::String(_) | Values::Boolean(_) => None,
        };
        given.unwrap_or_default()
    }

    #[inline]
    fn elapsed(&mut self, known: &mut Span<i64>, time: i64) -> Option<i64> {
        let span = time.wrapping_sub(self.before.replace(time)?);
        Some(known.units(span, |span| span / self.rule.parameter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::FieldType;
    use proptest::prelude::*;

    fn run(kernel: Transform, parameter: i64, ascending: bool, points: &[(i64, i64)]) -> Vec<Option<Datum>> {
        let mut running = Running::new(kernel, Parameter::Number(parameter), ascending);
        points.iter().map(|&(time, value)| running.step(time, Value::Integer(value))).collect()
    }

    fn floats(values: &[f64]) -> Vec<Option<Datum>> {
        values.iter().map(|&value| (!value.is_nan()).then_some(Datum::Float(value))).collect()
    }

    fn integers(values: &[i64]) -> Vec<Option<Datum>> {
        values.iter().map(|&value| (value != i64::MIN).then_some(Datum::Integer(value))).collect()
    }

    const NONE: i64 = i64::MIN;
    const POINTS: [(i64, i64); 5] = [(0, 5), (10, 9), (10, 100), (14, 1), (24, 1)];

    #[test]
    fn changes_skip_further_points_of_a_time() {
        let nan = f64::NAN;
        assert_eq!(run(Transform::Difference, 1, true, &POINTS), integers(&[NONE, 4, NONE, -8, 0]));
        assert_eq!(run(Transform::NonNegativeDifference, 1, true, &POINTS), integers(&[NONE, 4, NONE, NONE, 0]));
        assert_eq!(run(Transform::Derivative, 2, true, &POINTS), floats(&[nan, 0.8, nan, -4.0, 0.0]));
        assert_eq!(run(Transform::NonNegativeDerivative, 2, true, &POINTS), floats(&[nan, 0.8, nan, nan, 0.0]));
    }

    #[test]
    fn backwards_the_change_is_that_of_the_answer() {
        let points = [(24, 1), (14, 3), (10, 1)];
        assert_eq!(run(Transform::Derivative, 10, false, &points), floats(&[f64::NAN, 2.0, -5.0]));
        assert_eq!(run(Transform::Elapsed, 3, false, &points), integers(&[NONE, -3, -1]));
    }

    #[test]
    fn sums_and_averages_take_every_point() {
        assert_eq!(run(Transform::CumulativeSum, 1, true, &POINTS), integers(&[5, 14, 114, 115, 116]));
        let nan = f64::NAN;
        assert_eq!(run(Transform::MovingAverage, 2, true, &POINTS), floats(&[nan, 7.0, 54.5, 50.5, 1.0]));
        assert_eq!(run(Transform::Elapsed, 1, true, &POINTS), integers(&[NONE, 10, 0, 4, 10]));
    }

    const KERNELS: [Transform; 7] = [
        Transform::Derivative,
        Transform::NonNegativeDerivative,
        Transform::Difference,
        Transform::NonNegativeDifference,
        Transform::CumulativeSum,
        Transform::MovingAverage,
        Transform::Elapsed,
    ];

    /// What a function gives of a column in pieces of so many rows, by row.
    fn in_pieces(running: &mut Running, times: &[i64], column: &Column, rows: usize) -> Vec<Option<Datum>> {
        let mut all = Vec::new();
        for start in (0..times.len()).step_by(rows) {
            let part = start..(start + rows).min(times.len());
            let mut made = vec![None; part.len()];
            let given = running.steps(&Points::of_column(&times[part.clone()], column, part));
            for (at, row) in given.to_rows().into_iter().enumerate() {
                made[row as usize] = given.values.get(at).map(Datum::from);
            }
            all.extend(made);
        }
        all
    }

    /// Every step with its bits: NaN and the sign of zero count.
    fn bits(made: &[Option<Datum>]) -> Vec<Option<(bool, u64)>> {
        let of = |datum: &Datum| match datum {
            Datum::Float(value) => (true, value.to_bits()),
            Datum::Integer(value) => (false, value.cast_unsigned()),
            Datum::Unsigned(value) => (false, *value),
            _ => (false, 0),
        };
        made.iter().map(|made| made.as_ref().map(of)).collect()
    }

    proptest! {
        /// Columns are made as points are one by one, however they are cut.
        #[test]
        fn columns_are_made_as_points_are(
            points in proptest::collection::vec((0i64..4, proptest::option::weighted(0.8, -9i64..9)), 0..60),
            dense in any::<bool>(),
            (pieces, parameter, ascending) in (1usize..40, 1i64..5, any::<bool>()),
            field_type in prop_oneof![
                Just(FieldType::Float), Just(FieldType::Integer), Just(FieldType::Unsigned), Just(FieldType::Boolean)
            ],
        ) {
            let mut time = 0;
            let mut times: Vec<i64> = points.iter().map(|(step, _)| { time += step; time }).collect();
            if !ascending {
                times.reverse();
            }
            let mut column = Column::new(field_type);
            for (row, (_, value)) in (0u32..).zip(&points) {
                let value = if dense { Some(value.unwrap_or(3)) } else { *value };
                let value = value.map(|value| match field_type {
                    FieldType::Float if value == 8 => Value::Float(f64::NAN),
                    FieldType::Float => Value::Float(value as f64 / 8.0),
                    FieldType::Integer if value == 8 => Value::Integer(i64::MIN),
                    FieldType::Integer => Value::Integer(value),
                    FieldType::Unsigned => Value::Unsigned(value.unsigned_abs()),
                    _ => Value::Boolean(value > 0),
                });
                if let Some(value) = value {
                    column.push(row, value);
                }
            }
            column.seal(times.len());
            for kernel in KERNELS {
                let mut running = Running::new(kernel, Parameter::Number(parameter), ascending);
                let step = |(row, &time): (usize, &i64)| column.get(row).and_then(|value| running.step(time, value));
                let by_point: Vec<Option<Datum>> = times.iter().enumerate().map(step).collect();
                let mut running = Running::new(kernel, Parameter::Number(parameter), ascending);
                let by_column = in_pieces(&mut running, &times, &column, pieces);
                prop_assert_eq!(bits(&by_column), bits(&by_point), "{:?}", kernel);
            }
        }
    }

    #[test]
    fn unsigned_changes_have_a_sign() {
        let mut running = Running::new(Transform::Derivative, Parameter::Number(1), true);
        assert_eq!(running.step(0, Value::Unsigned(9)), None);
        assert_eq!(running.step(2, Value::Unsigned(5)), Some(Datum::Float(-2.0)));
        let mut running = Running::new(Transform::Difference, Parameter::Number(1), true);
        assert_eq!(running.step(0, Value::Unsigned(9)), None);
        assert_eq!(running.step(2, Value::Unsigned(5)), Some(Datum::Unsigned(u64::MAX - 3)));
    }
}
