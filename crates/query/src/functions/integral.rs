//! The area under the line through points in order of time, as a whole or bucket by bucket. Where the line crosses the edge between two
//! buckets its value there is on the line; what lies over empty buckets counts in the bucket of the next point.

use crate::windows::Windows;
use model::time::SECOND;

/// An area on its way.
#[derive(Clone, Debug)]
pub(crate) struct Integral {
    /// The unit of time (ns).
    unit: i64,
    windows: Windows,
    /// The time of the only row, where there are no buckets (ns).
    whole: i64,
    sum: f64,
    last: Option<(i64, f64)>,
    /// The row that is being made: its time, and the first instant behind its bucket, if there is one.
    open: (i64, Option<i64>),
}

/// The unit of time where none is given (ns).
pub(crate) const UNIT: i64 = SECOND;

/// The value at an instant on the line through two points.
#[allow(clippy::cast_precision_loss)]
fn on_line(at: i64, (before, from): (i64, f64), (after, to): (i64, f64)) -> f64 {
    let slope = (to - from) / after.wrapping_sub(before) as f64;
    slope * at.wrapping_sub(before) as f64 + from
}

impl Integral {
    /// At the beginning; without buckets, the row has the time `whole` (ns).
    pub(crate) fn new(unit: i64, windows: Windows, whole: i64) -> Self {
        Self { unit: unit.max(1), windows, whole, sum: 0.0, last: None, open: (whole, None) }
    }

    fn bucket(&self, time: i64) -> (i64, Option<i64>) {
        if self.windows.interval == 0 {
            return (self.whole, None);
        }
        let index = self.windows.index(time);
        (self.windows.start(index), self.windows.end(index).checked_add(1))
    }

    #[allow(clippy::cast_precision_loss)]
    fn add(&mut self, (from, low): (i64, f64), (to, high): (i64, f64)) {
        let span = to.wrapping_sub(from) as f64 / self.unit as f64;
        self.sum += 0.5 * (high + low) * span;
    }

    /// Takes the next point; gives a row if one is complete. Of several points at one time the last counts.
    pub(crate) fn step(&mut self, time: i64, value: f64) -> Option<(i64, f64)> {
        let point = (time, value);
        let Some(mut last) = self.last.replace(point) else {
            self.open = self.bucket(time);
            return None;
        };
        if last.0 == time {
            return None;
        }
        let mut row = None;
        if let Some(end) = self.open.1.filter(|&end| time >= end) {
            if last.0 != end {
                let edge = (end, on_line(end, last, point));
                self.add(last, edge);
                last = edge;
            }
            row = Some((self.open.0, std::mem::take(&mut self.sum)));
            self.open = self.bucket(time);
        }
        self.add(last, point);
        row
    }

    /// The last row. There is none over a lone point where its bucket begins.
    pub(crate) fn finish(&mut self) -> Option<(i64, f64)> {
        let (time, _) = self.last.take()?;
        let sum = std::mem::take(&mut self.sum);
        (time != self.open.0).then_some((self.open.0, sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(unit: i64, windows: &Windows, points: &[(i64, f64)]) -> Vec<(i64, f64)> {
        let mut integral = Integral::new(unit, windows.clone(), -7);
        let mut rows: Vec<_> = points.iter().filter_map(|&(time, value)| integral.step(time, value)).collect();
        rows.extend(integral.finish());
        assert_eq!(integral.finish(), None);
        rows
    }

    #[test]
    fn the_whole_is_one_row() {
        let none = Windows::new(0, 0, None);
        assert_eq!(run(1, &none, &[(0, 1.0), (10, 3.0), (10, 5.0), (20, 5.0)]), [(-7, 70.0)]);
        assert_eq!(run(10, &none, &[(0, 1.0), (10, 3.0)]), [(-7, 2.0)]);
        assert_eq!(run(1, &none, &[(4, 1.0)]), [(-7, 0.0)]);
        assert_eq!(run(1, &none, &[]), []);
        assert_eq!(run(1, &none, &[(-7, 1.0)]), [], "a lone point where the range begins");
    }

    #[test]
    fn buckets_meet_on_the_line() {
        let tens = Windows::new(10, 0, None);
        assert_eq!(run(1, &tens, &[(5, 0.0), (15, 10.0)]), [(0, 12.5), (10, 37.5)]);
        assert_eq!(run(1, &tens, &[(0, 2.0), (10, 2.0)]), [(0, 20.0)], "nothing is left for the last bucket");
        let gap = [(5, 1.0), (35, 1.0), (36, 1.0)];
        assert_eq!(run(1, &tens, &gap), [(0, 5.0), (30, 26.0)], "empty buckets count in the next one");
    }
}
