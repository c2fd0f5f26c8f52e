//! Sorted rows: the form in which runs are read, merged and written as segments.
//!
//! Invariants: tables ascend by measurement; in a table series ascend by canonical key, rows of a series ascend strictly by
//! time (equal timestamps have been merged field by field, the later write winning); every row has at least one value.

use super::rank::SeriesList;
use crate::Slot;
use crate::schema::FieldKey;
use model::{Column, Text, TimeRange};
use std::ops::Range;
use std::sync::OnceLock;

/// The rows of one measurement in one shard.
#[derive(Clone, Debug)]
pub(crate) struct SortedTable {
    /// The measurement's name, unescaped.
    pub(crate) measurement: Text,
    /// The series, ascending by key.
    pub(crate) series: SeriesList,
    /// For each series its first row; then the number of rows.
    pub(crate) starts: Vec<u32>,
    /// The timestamp of each row (ns).
    pub(crate) times: Vec<i64>,
    /// The fields, ascending by id; each column speaks of all rows of the table.
    pub(crate) columns: Vec<(FieldKey, Column)>,
    /// What [`SortedTable::range`] has found.
    pub(crate) bounds: OnceLock<TimeRange>,
}

impl SortedTable {
    /// Bounds of its times; empty if it has no row. Looked for once.
    pub(crate) fn range(&self) -> TimeRange {
        *self.bounds.get_or_init(|| {
            let none = TimeRange::new(i64::MAX, i64::MIN);
            let bounds = |rows: &[u32]| TimeRange::new(self.times[rows[0] as usize], self.times[rows[1] as usize - 1]);
            let full = self.starts.windows(2).filter(|rows| rows[0] < rows[1]);
            full.fold(none, |range, rows| range.union(&bounds(rows)))
        })
    }

    /// The rows of a series, one at least.
    #[inline]
    pub(crate) fn rows(&self, series: usize) -> Range<usize> {
        self.starts[series] as usize..self.starts[series + 1] as usize
    }
}

/// The rows of one shard from some batches that follow each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct SortedRun {
    /// Ascending by measurement.
    pub(crate) tables: Vec<SortedTable>,
    /// The lowest and the highest slot whose rows may be in here.
    pub(crate) slots: (Slot, Slot),
}
