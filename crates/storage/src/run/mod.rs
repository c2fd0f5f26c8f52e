//! Rows in memory. An applied batch is a list of chunks (one a shard and measurement), which change no more once
//! somebody has seen them; they are sorted when a reader or the flush needs them, and neighbours in slot order merge by size tiers.
//!
//! * [`Chunk`] – the rows of one batch, one shard and one measurement, as they came; small ones grow together
//! * [`sorted`] – the form in which rows are read and flushed
//! * `sort` – chunks to a sorted run; `merge` – sorted runs to one; `rank` and `assemble` – what both do
//!   with the series and with the columns
//! * `shard_runs` – the rows of one shard that are not in segments yet
//!
//! Always: of two rows with the same series and time the one from the later slot (in a batch: the later row) wins, field by
//! field.

pub(crate) mod assemble;
pub(crate) mod merge;
pub(crate) mod rank;
mod shard_runs;
mod sort;
pub(crate) mod sorted;
#[cfg(test)]
mod tests;

pub(crate) use shard_runs::ShardRuns;
pub(crate) use sort::sort;

use crate::Slot;
use crate::schema::FieldKey;
use crate::series::{SeriesId, SeriesTable};
use model::{Column, Presence, Text};
use std::sync::Arc;

/// Bytes that a chunk takes beside its values.
const CHUNK_BYTES: usize = 256;
/// Rows of a batch up to which it is appended to the one before: a row of its own takes ten times the memory of its values.
const FEW_ROWS: usize = 64;
/// Rows that a chunk of several batches has at most.
const GROWN_ROWS: usize = 4_096;

/// The rows of one batch, one shard and one measurement, in the order of the request; or of several small batches that follow
/// each other.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The slots of the first batch and of the last.
    pub(crate) slots: (Slot, Slot),
    /// The measurement.
    pub(crate) measurement: Text,
    /// The table that `ids` belong to.
    pub(crate) series: Arc<SeriesTable>,
    /// The series of each row.
    pub(crate) ids: Vec<SeriesId>,
    /// The time of each row (ns).
    pub(crate) times: Vec<i64>,
    /// The fields; no two have the same id.
    pub(crate) columns: Vec<(FieldKey, Column)>,
}

impl Chunk {
    /// Bytes of memory that the chunk takes.
    pub(crate) fn bytes(&self) -> u64 {
        let columns: usize = self.columns.iter().map(|(key, column)| 64 + key.name.len() + column.bytes()).sum();
        (CHUNK_BYTES + self.ids.len() * 4 + self.times.len() * 8 + columns) as u64
    }

    /// Appends the rows of a later batch, if both are small and have the same fields in every row; gives it back otherwise.
    fn append(&mut self, mut later: Self) -> Result<(), Self> {
        let (rows, more) = (self.times.len(), later.times.len());
        let is_dense = |column: &Column, rows: usize| column.presence == Presence::Dense && column.values.len() == rows;
        let mut pairs = self.columns.iter().zip(&later.columns);
        let fits = more <= FEW_ROWS
            && rows + more <= GROWN_ROWS
            && Arc::ptr_eq(&self.series, &later.series)
            && self.columns.len() == later.columns.len()
            && pairs.all(|((left, old), (right, new))| left == right && is_dense(old, rows) && is_dense(new, more));
        if !fits {
            return Err(later);
        }
        self.slots.1 = later.slots.1;
        self.ids.append(&mut later.ids);
        self.times.append(&mut later.times);
        for ((_, column), (_, new)) in self.columns.iter_mut().zip(&later.columns) {
            column.values.extend_range(&new.values, 0..more);
        }
        Ok(())
    }

    /// Some of its rows, ascending; fields that none of them has are left out.
    pub(crate) fn take(&self, rows: &[u32]) -> Self {
        let columns = self.columns.iter().map(|(key, column)| (key.clone(), column.take_ascending(rows)));
        Self {
            slots: self.slots,
            measurement: self.measurement.clone(),
            series: self.series.clone(),
            ids: rows.iter().map(|&row| self.ids[row as usize]).collect(),
            times: rows.iter().map(|&row| self.times[row as usize]).collect(),
            columns: columns.filter(|(_, column)| !column.values.is_empty()).collect(),
        }
    }
}
