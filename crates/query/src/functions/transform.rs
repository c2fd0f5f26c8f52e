//! Functions over a sequence of points: each step takes the next point in order of the answer, and gives a value that has that
//! point's time, or none. The points are raw ones, or what an aggregate gives bucket by bucket, or what another such function
//! gives; the kernels do not know.

use crate::datum::Datum;
use model::Value;
use std::collections::VecDeque;

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
        }
    }
}

/// A function on its way through a sequence.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    kernel: Transform,
    /// The unit (ns), or how many values are averaged.
    parameter: i64,
    ascending: bool,
    last: Option<(i64, Datum)>,
    sum: Option<Datum>,
    window: VecDeque<Datum>,
}

impl Running {
    /// At the beginning; `parameter` is the unit (ns) or how many values are averaged.
    pub(crate) fn new(kernel: Transform, parameter: i64, ascending: bool) -> Self {
        Self { kernel, parameter: parameter.max(1), ascending, last: None, sum: None, window: VecDeque::new() }
    }

    /// Takes the next point.
    pub(crate) fn step(&mut self, time: i64, value: Value<'_>) -> Option<Datum> {
        match self.kernel {
            Transform::CumulativeSum => self.add(value.into()),
            Transform::MovingAverage => self.average(value.into()),
            Transform::Elapsed => {
                let (before, _) = self.last.replace((time, value.into()))?;
                Some(Datum::Integer(time.wrapping_sub(before) / self.parameter))
            }
            _ => self.change(time, value.into()),
        }
    }

    fn add(&mut self, value: Datum) -> Option<Datum> {
        let sum = match (&self.sum, &value) {
            (Some(Datum::Float(sum)), Datum::Float(value)) => Datum::Float(sum + value),
            (Some(Datum::Integer(sum)), Datum::Integer(value)) => Datum::Integer(sum.wrapping_add(*value)),
            (Some(Datum::Unsigned(sum)), Datum::Unsigned(value)) => Datum::Unsigned(sum.wrapping_add(*value)),
            (None, _) => value,
            _ => return None,
        };
        self.sum = Some(sum.clone());
        Some(sum)
    }

    /// The sum is that of before, less what leaves: floats come out as in InfluxDB.
    #[allow(clippy::cast_precision_loss)]
    fn average(&mut self, value: Datum) -> Option<Datum> {
        let count = usize::try_from(self.parameter).unwrap_or(usize::MAX);
        if self.window.len() == count
            && let Some(oldest) = self.window.pop_front()
        {
            self.sum = match (&self.sum, &oldest) {
                (Some(Datum::Float(sum)), Datum::Float(oldest)) => Some(Datum::Float(sum - oldest)),
                (Some(Datum::Integer(sum)), Datum::Integer(oldest)) => Some(Datum::Integer(sum.wrapping_sub(*oldest))),
                (Some(Datum::Unsigned(sum)), Datum::Unsigned(oldest)) => {
                    Some(Datum::Unsigned(sum.wrapping_sub(*oldest)))
                }
                _ => return None,
            };
        }
        self.window.push_back(value.clone());
        let sum = self.add(value)?;
        (self.window.len() == count).then_some(Datum::Float(sum.as_f64()? / count as f64))
    }

    /// The change since the point before, as such or per unit. Of several points at one time only the first counts.
    #[allow(clippy::cast_precision_loss)]
    fn change(&mut self, time: i64, value: Datum) -> Option<Datum> {
        if self.last.as_ref().is_some_and(|(last, _)| *last == time) {
            return None;
        }
        let (before, old) = self.last.replace((time, value.clone()))?;
        let falls = match (&old, &value) {
            (Datum::Float(old), Datum::Float(new)) => new - old < 0.0,
            (Datum::Integer(old), Datum::Integer(new)) => new.wrapping_sub(*old) < 0,
            (Datum::Unsigned(old), Datum::Unsigned(new)) => new < old,
            _ => return None,
        };
        if falls && matches!(self.kernel, Transform::NonNegativeDerivative | Transform::NonNegativeDifference) {
            return None;
        }
        if matches!(self.kernel, Transform::Difference | Transform::NonNegativeDifference) {
            return match (old, value) {
                (Datum::Float(old), Datum::Float(new)) => Some(Datum::Float(new - old)),
                (Datum::Integer(old), Datum::Integer(new)) => Some(Datum::Integer(new.wrapping_sub(old))),
                (Datum::Unsigned(old), Datum::Unsigned(new)) => Some(Datum::Unsigned(new.wrapping_sub(old))),
                _ => None,
            };
        }
        let change = match (old, value) {
            (Datum::Float(old), Datum::Float(new)) => new - old,
            (Datum::Integer(old), Datum::Integer(new)) => new.wrapping_sub(old) as f64,
            (Datum::Unsigned(old), Datum::Unsigned(new)) if new > old => (new - old) as f64,
            (Datum::Unsigned(old), Datum::Unsigned(new)) => -((old - new) as f64),
            _ => return None,
        };
        let span = if self.ascending { time.wrapping_sub(before) } else { before.wrapping_sub(time) };
        Some(Datum::Float(change / (span as f64 / self.parameter as f64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(kernel: Transform, parameter: i64, ascending: bool, points: &[(i64, i64)]) -> Vec<Option<Datum>> {
        let mut running = Running::new(kernel, parameter, ascending);
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

    #[test]
    fn unsigned_changes_have_a_sign() {
        let mut running = Running::new(Transform::Derivative, 1, true);
        assert_eq!(running.step(0, Value::Unsigned(9)), None);
        assert_eq!(running.step(2, Value::Unsigned(5)), Some(Datum::Float(-2.0)));
        let mut running = Running::new(Transform::Difference, 1, true);
        assert_eq!(running.step(0, Value::Unsigned(9)), None);
        assert_eq!(running.step(2, Value::Unsigned(5)), Some(Datum::Unsigned(u64::MAX - 3)));
    }
}
