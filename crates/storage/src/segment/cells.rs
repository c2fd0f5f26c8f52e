//! Rows that have values of some fields only, row by row: which fields, and where in its column each value stands. Memory and
//! time follow the values that there are, never rows times fields.

use model::{Column, Presence};
use std::ops::Range;

/// A value: its field's place, and the value's place in the column.
pub(super) type Cell = (u32, u32);

/// Rows of a chunk at most.
const CHUNK_ROWS: usize = 16_384;
/// Values of a chunk, about, at most.
const CHUNK_VALUES: usize = 1 << 22;

/// The values of some rows.
#[derive(Debug, Default)]
pub(super) struct Cells {
    first: usize,
    /// The cell after each row's last.
    ends: Vec<u32>,
    /// Row by row, ascending by field.
    cells: Vec<Cell>,
}

/// How many rows of these columns are taken at a time.
pub(super) fn chunk_rows<'a>(rows: usize, columns: impl Iterator<Item = &'a Column>) -> usize {
    let values: usize = columns.map(|column| column.values.len()).sum();
    (CHUNK_VALUES / (values / rows.max(1) + 1)).clamp(1, CHUNK_ROWS)
}

impl Cells {
    /// The values in some rows of columns, which come with their fields' places, ascending.
    pub(super) fn of<'a>(columns: impl Iterator<Item = (u32, &'a Column)> + Clone, rows: Range<usize>) -> Self {
        let mut counts = vec![0u32; rows.len()];
        for (_, column) in columns.clone() {
            match &column.presence {
                Presence::Dense if column.values.is_empty() => {}
                Presence::Dense => counts.iter_mut().for_each(|count| *count += 1),
                Presence::Sparse(present) => {
                    present[within(present, &rows)].iter().for_each(|&row| counts[row as usize - rows.start] += 1);
                }
            }
        }
        // Where each row's next cell goes; in the end these are the ends.
        let mut next = 0;
        let mut ends: Vec<u32> = Vec::with_capacity(counts.len());
        for count in counts {
            ends.push(next);
            next += count;
        }
        let mut cells = vec![(0, 0); next as usize];
        for (field, column) in columns {
            let mut put = |row: usize, value: usize| {
                let end = &mut ends[row - rows.start];
                cells[*end as usize] = (field, value as u32);
                *end += 1;
            };
            match &column.presence {
                Presence::Dense if column.values.is_empty() => {}
                Presence::Dense => rows.clone().for_each(|row| put(row, row)),
                Presence::Sparse(present) => {
                    within(present, &rows).for_each(|value| put(present[value] as usize, value));
                }
            }
        }
        Self { first: rows.start, ends, cells }
    }

    /// The values of a row.
    pub(super) fn row(&self, row: usize) -> &[Cell] {
        let at = row - self.first;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.cells[start..self.ends[at] as usize]
    }
}

/// Which of the ascending rows lie in a range.
fn within(present: &[u32], rows: &Range<usize>) -> Range<usize> {
    let from = present.partition_point(|&row| (row as usize) < rows.start);
    from..from + present[from..].partition_point(|&row| (row as usize) < rows.end)
}
