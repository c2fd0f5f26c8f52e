//! Sorted runs to one. Where a series' rows of one run end before those of the next begin, they are copied as they are.
//!
//! A flush takes the merged rows in slices of some series ([`merge_slices`]), each of which is encoded while it is warm: all rows
//! together would be written to fresh memory and read again only once.

use super::assemble::{self, Pieces};
use super::rank::{SeriesList, Sources};
use super::sorted::{SortedRun, SortedTable};
use crate::schema::FieldKey;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Merges runs that follow each other in slot order.
pub(crate) fn merge(runs: &[Arc<SortedRun>]) -> SortedRun {
    let low = runs.iter().map(|run| run.slots.0).min().unwrap_or(0);
    let high = runs.iter().map(|run| run.slots.1).max().unwrap_or(0);
    SortedRun {
        tables: by_measurement(runs).into_iter().map(|tables| merge_tables(&tables).into_owned()).collect(),
        slots: (low, high),
    }
}

/// The tables of runs that follow each other, gathered by measurement, ascending.
pub(crate) fn by_measurement(runs: &[Arc<SortedRun>]) -> Vec<Vec<&SortedTable>> {
    let mut tables: BTreeMap<&[u8], Vec<&SortedTable>> = BTreeMap::new();
    for table in runs.iter().flat_map(|run| &run.tables) {
        tables.entry(&table.measurement).or_default().push(table);
    }
    tables.into_values().collect()
}

/// Merges tables of one measurement, given in slot order; there must be one at least.
pub(crate) fn merge_tables<'a>(tables: &[&'a SortedTable]) -> Cow<'a, SortedTable> {
    match tables {
        [only] => Cow::Borrowed(only),
        _ => Cow::Owned(merge_some(tables)),
    }
}

/// Rows of a slice, about: a few megabytes with ten fields.
const SLICE_ROWS: u32 = 32_768;

/// The fields of some tables, ascending by id.
pub(crate) fn fields(tables: &[&SortedTable]) -> Vec<FieldKey> {
    let all = tables.iter().flat_map(|table| &table.columns);
    let fields: BTreeMap<u32, &FieldKey> = all.map(|(key, _)| (key.id, key)).collect();
    fields.into_values().cloned().collect()
}

/// Merges tables of one measurement, given in slot order, and hands on the rows: one slice after the other, each with all rows
/// of some series; or all at once where a column has no value in some row, since looking for such rows takes time by all of them.
///
/// # Errors
/// Those of `take`.
pub(crate) fn merge_slices<E>(
    tables: &[&SortedTable],
    mut take: impl FnMut(&SortedTable) -> Result<(), E>,
) -> Result<(), E> {
    let dense = |table: &&SortedTable| table.columns.iter().all(|(_, column)| column.values.len() == table.times.len());
    match tables {
        [only] => take(only),
        _ if tables.iter().all(dense) => Parts::new(tables).slices(SLICE_ROWS, take),
        _ => take(&merge_some(tables)),
    }
}

fn merge_some(tables: &[&SortedTable]) -> SortedTable {
    let mut parts = Parts::new(tables);
    let mut pieces = Pieces::default();
    let starts = parts.line_up(0..parts.series.len(), u32::MAX, &mut pieces);
    let series = std::mem::take(&mut parts.series);
    parts.table(&pieces, series, starts)
}

/// Tables, and the rows of all by series.
pub(super) struct Parts<'a> {
    tables: &'a [&'a SortedTable],
    /// All series.
    series: SeriesList,
    /// In the order of the tables within one series.
    list: Vec<Part>,
    /// Where each series begins in the list, and where the last one ends.
    bounds: Vec<u32>,
}

impl<'a> Parts<'a> {
    pub(super) fn new(tables: &'a [&'a SortedTable]) -> Self {
        let mut sources = Sources::default();
        tables.iter().for_each(|table| sources.add_list(&table.series));
        let (series, ranks) = sources.rank();
        let (list, bounds) = deal_out(tables, &ranks, series.len());
        Self { tables, series, list, bounds }
    }

    /// Lines up the rows of series, until they are so many; where each of those series begins, and where the last one ends.
    fn line_up(&self, series: Range<usize>, rows: u32, pieces: &mut Pieces) -> Vec<u32> {
        let mut starts = vec![pieces.rows()];
        for bounds in self.bounds[series.start..=series.end].windows(2) {
            if pieces.rows() >= rows {
                break;
            }
            merge_series(self.tables, &self.list[bounds[0] as usize..bounds[1] as usize], pieces);
            starts.push(pieces.rows());
        }
        starts
    }

    /// Puts some series together as a table.
    fn table(&self, pieces: &Pieces, series: SeriesList, starts: Vec<u32>) -> SortedTable {
        let times: Vec<&[i64]> = self.tables.iter().map(|table| table.times.as_slice()).collect();
        let columns: Vec<_> = self.tables.iter().map(|table| table.columns.as_slice()).collect();
        SortedTable {
            measurement: self.tables[0].measurement.clone(),
            series,
            starts,
            times: assemble::times(pieces, &times),
            columns: assemble::columns(pieces, &columns),
            bounds: std::sync::OnceLock::new(),
        }
    }

    /// Hands on all rows, in slices of at least so many, but for the last.
    pub(super) fn slices<E>(&self, rows: u32, mut take: impl FnMut(&SortedTable) -> Result<(), E>) -> Result<(), E> {
        let (mut pieces, mut from) = (Pieces::default(), 0);
        while from < self.series.len() {
            pieces.clear();
            let starts = self.line_up(from..self.series.len(), rows, &mut pieces);
            let to = from + starts.len() - 1;
            take(&self.table(&pieces, self.series.slice(from..to), starts))?;
            from = to;
        }
        Ok(())
    }
}

/// The rows of one series in one source.
#[derive(Clone, Copy, Default)]
struct Part {
    source: u32,
    start: u32,
    end: u32,
}

/// The rows of all tables by series, in the order of the tables within one, and where each series begins.
fn deal_out(tables: &[&SortedTable], ranks: &[Vec<u32>], count: usize) -> (Vec<Part>, Vec<u32>) {
    let mut bounds = vec![0u32; count + 1];
    ranks.iter().flatten().for_each(|&rank| bounds[rank as usize + 1] += 1);
    for index in 0..count {
        bounds[index + 1] += bounds[index];
    }
    let mut next = bounds.clone();
    let mut parts = vec![Part::default(); ranks.iter().map(Vec::len).sum()];
    for ((source, table), ranks) in (0u32..).zip(tables).zip(ranks) {
        for (rows, &rank) in table.starts.windows(2).zip(ranks) {
            let place = &mut next[rank as usize];
            parts[*place as usize] = Part { source, start: rows[0], end: rows[1] };
            *place += 1;
        }
    }
    (parts, bounds)
}

/// Lines up the rows of one series.
fn merge_series(tables: &[&SortedTable], parts: &[Part], pieces: &mut Pieces) {
    let times = |part: &Part| &tables[part.source as usize].times[part.start as usize..part.end as usize];
    let apart = parts.windows(2).all(|pair| times(&pair[0]).last() < times(&pair[1]).first());
    if apart {
        parts.iter().for_each(|part| pieces.extend(part.source, part.start..part.end));
        return;
    }
    let mut all: Vec<(i64, u32, u32)> = Vec::new();
    for part in parts {
        all.extend(times(part).iter().zip(part.start..).map(|(&time, row)| (time, part.source, row)));
    }
    // Stable, so that the earlier slot stays first among equal times; it makes use of the sorted stretches.
    all.sort_by_key(|row| row.0);
    let mut before = None;
    for (time, source, row) in all {
        pieces.push(source, row, before == Some(time));
        before = Some(time);
    }
}
