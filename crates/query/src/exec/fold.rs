//! Rows to buckets: where the rows of a cut change buckets, and values of many short buckets at once.
//!
//! A slice of a minute has a handful of values, so that what is decided for each slice anew takes longer than the values themselves.
//! [`Walk::fold`] decides once for a column; what it makes is what [`Partial::of_slice`] and [`Partial::merge`] make slice by slice.

use super::cells::{Chunk, Walk};
use crate::datum::Datum;
use crate::functions::adding::Adding;
use crate::functions::selecting::Selecting;
use crate::functions::{Function, Kernel};
use crate::partial::{Partial, Point};
use crate::vector::Rows;
use codec::reduce;
use model::{Column, Presence, Values};
use std::ops::Range;

/// Rows of one bucket: its place in the chunk, and which of the rows that were asked about.
pub(super) type Segment = (usize, Range<usize>);

/// Rows (numbered among `rows`, all within the chunk's range) cut at bucket edges.
pub(super) fn segments(chunk: &Chunk, times: &[i64], rows: &Rows<'_>) -> Vec<Segment> {
    let windows = &chunk.windows;
    let (mut segments, mut start) = (Vec::new(), 0);
    let mut known: Option<(i64, i64)> = None;
    while start < rows.len() {
        let time = times[rows.at(start)];
        let (index, edge) = match known {
            Some(known) => windows.after(known, time),
            None => (windows.index(time), windows.end(windows.index(time))),
        };
        known = Some((index, edge));
        let end = run_end(rows.len(), start, |row| times[rows.at(row)] <= edge);
        let bucket = usize::try_from(index - chunk.first).unwrap_or(0).min(chunk.count - 1);
        segments.push((bucket, start..end));
        start = end;
    }
    segments
}

/// The first row from `start` on for which `holds` is false; it holds for `start` and then for a run.
fn run_end(rows: usize, start: usize, holds: impl Fn(usize) -> bool) -> usize {
    let mut step = 1;
    let mut low = start;
    while low + step < rows && holds(low + step) {
        low += step;
        step *= 2;
    }
    let mut high = (low + step).min(rows);
    // The edge lies in (low, high].
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low + 1
}

/// A column seen from row `first` on.
pub(super) struct ColumnRows<'a> {
    pub(super) column: &'a Column,
    pub(super) first: usize,
}

impl ColumnRows<'_> {
    /// The positions of the values that stand in some rows.
    pub(super) fn positions(&self, rows: Range<usize>) -> Range<usize> {
        let (start, end) = (rows.start + self.first, rows.end + self.first);
        match &self.column.presence {
            Presence::Dense => start.min(self.column.values.len())..end.min(self.column.values.len()),
            Presence::Sparse(present) => {
                present.partition_point(|&row| (row as usize) < start)
                    ..present.partition_point(|&row| (row as usize) < end)
            }
        }
    }

    /// The row in which a value stands.
    pub(super) fn row(&self, position: usize) -> usize {
        let row = match &self.column.presence {
            Presence::Dense => position,
            Presence::Sparse(present) => present[position] as usize,
        };
        row - self.first
    }
}

impl Walk<'_, '_> {
    /// Takes the values of some rows into the cells of a call in a group, if a point is no more than its value and its time, and the
    /// function has a kernel for all slices at once. `time` gives that of a position.
    pub(super) fn fold(
        &mut self,
        (call, group): (usize, usize),
        view: &ColumnRows<'_>,
        segments: &[Segment],
        time: impl Fn(usize) -> i64,
    ) -> bool {
        let function = self.job.plan.calls[call].function;
        if self.wanted.point.is_some() {
            return false;
        }
        let buckets = self.chunk.count;
        let cells = &mut self.cells.calls[call][group * buckets..(group + 1) * buckets];
        let slices = Slices { function, view, segments };
        match (function.entry.kernel, &view.column.values) {
            (Kernel::Adding(kernel), values) => slices.add(kernel, values, cells),
            (Kernel::Selecting(kernel), values) => slices.select(kernel, values, time, cells),
            _ => false,
        }
    }
}

/// The slices of a column that lie in buckets.
struct Slices<'a> {
    function: Function,
    view: &'a ColumnRows<'a>,
    segments: &'a [Segment],
}

impl Slices<'_> {
    fn add(&self, kernel: Adding, values: &Values, cells: &mut [Partial]) -> bool {
        match (kernel, values) {
            (Adding::Count, _) => self.each(cells, |slice| Partial::Count(slice.len() as u64)),
            (Adding::Sum, Values::Integer(values)) => {
                self.each(cells, |slice| Partial::Sum(Datum::Integer(reduce::sum_i64(&values[slice]))));
            }
            (Adding::Sum, Values::Float(values)) => {
                self.each(cells, |slice| Partial::Sum(Datum::Float(reduce::sum_f64(&values[slice]))));
            }
            (Adding::Mean, Values::Integer(values)) => self.each(cells, |slice| {
                let count = slice.len() as u64;
                Partial::Mean(Datum::Integer(reduce::sum_i64(&values[slice])), count)
            }),
            (Adding::Mean, Values::Float(values)) => self.each(cells, |slice| {
                let count = slice.len() as u64;
                Partial::Mean(Datum::Float(reduce::sum_f64(&values[slice])), count)
            }),
            _ => return false,
        }
        true
    }

    fn select(&self, kernel: Selecting, values: &Values, time: impl Fn(usize) -> i64, cells: &mut [Partial]) -> bool {
        match (kernel, values) {
            (Selecting::Max, Values::Integer(values)) => self.best(values, reduce::max_i64, time, cells),
            (Selecting::Min, Values::Integer(values)) => self.best(values, reduce::min_i64, time, cells),
            (Selecting::Max, Values::Float(values)) => self.best(values, reduce::max_f64, time, cells),
            (Selecting::Min, Values::Float(values)) => self.best(values, reduce::min_f64, time, cells),
            _ => return false,
        }
        true
    }

    /// The first of the best values of each slice.
    fn best<T: Copy + Into<Datum>>(
        &self,
        values: &[T],
        best: impl Fn(&[T]) -> Option<(T, usize)>,
        time: impl Fn(usize) -> i64,
        cells: &mut [Partial],
    ) {
        self.each(cells, |slice| {
            let start = slice.start;
            // Where nothing is a number the first one is taken.
            let found = best(&values[slice.clone()]).or_else(|| values[slice].first().map(|&value| (value, 0)));
            found.map_or(Partial::Empty, |(value, at)| Point::partial(time(start + at), value.into()))
        });
    }

    /// Adds to each cell what is known of its slice, if that has values.
    fn each(&self, cells: &mut [Partial], known: impl Fn(Range<usize>) -> Partial) {
        for (bucket, rows) in self.segments {
            let slice = self.view.positions(rows.clone());
            if slice.is_empty() {
                continue;
            }
            let (cell, partial) = (&mut cells[*bucket], known(slice));
            if cell.is_empty() {
                *cell = partial;
            } else {
                cell.merge(self.function, partial);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_where_the_bucket_does() {
        let times: Vec<i64> = (0..100).collect();
        for start in [0, 1, 42, 98] {
            for edge in start..100 {
                let end = run_end(100, start, |row| times[row] <= i64::try_from(edge).unwrap());
                assert_eq!(end, edge + 1, "{start} {edge}");
            }
        }
    }

    /// Slices taken one by one, as where there is no kernel for all at once.
    fn one_by_one(slices: &Slices<'_>, values: &Values, cells: &mut [Partial]) {
        for (bucket, rows) in slices.segments {
            let slice = slices.view.positions(rows.clone());
            let (partial, _) = Partial::of_slice(slices.function, values, &slice, |at| at as i64 * 7);
            cells[*bucket].merge(slices.function, partial);
        }
    }

    #[test]
    fn all_slices_at_once_are_each_slice() {
        let number = |at: u64| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as i64 % 11 - 5;
        let integers = Values::Integer((0..200).map(number).collect());
        let float = |at: u64| if at % 13 == 5 { f64::NAN } else { number(at) as f64 / 4.0 };
        let floats = Values::Float((0..200).map(float).collect());
        let present: Vec<u32> = (0..300).filter(|row| row % 3 != 1).collect();
        let mut folded = 0;
        for values in [integers, floats] {
            for presence in [Presence::Dense, Presence::Sparse(present.clone())] {
                let column = Column { values: values.clone(), presence };
                let view = ColumnRows { column: &column, first: 5 };
                // Buckets of 0 to 40 rows, some of them twice.
                let ends: Vec<usize> = [0, 1, 3, 9, 9, 30, 70, 100, 140, 190].to_vec();
                let segments: Vec<Segment> =
                    ends.windows(2).enumerate().map(|(at, ends)| (at % 7, ends[0]..ends[1])).collect();
                for entry in crate::functions::FUNCTIONS {
                    let function = Function::plain(entry);
                    let slices = Slices { function, view: &view, segments: &segments };
                    let (mut cells, mut expected) = (vec![Partial::Empty; 7], vec![Partial::Empty; 7]);
                    let took = match entry.kernel {
                        Kernel::Adding(kernel) => slices.add(kernel, &values, &mut cells),
                        Kernel::Selecting(kernel) => slices.select(kernel, &values, |at| at as i64 * 7, &mut cells),
                        _ => false,
                    };
                    if took {
                        folded += 1;
                        one_by_one(&slices, &values, &mut expected);
                        // NaN is not equal to itself.
                        assert_eq!(format!("{cells:?}"), format!("{expected:?}"), "{}", entry.name);
                    }
                }
            }
        }
        assert_eq!(folded, 4 * 5);
    }
}
