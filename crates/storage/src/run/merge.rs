//! Sorted runs to one. Where a series' rows of one run end before those of the next begin, they are copied as they are.

use super::assemble::{self, Pieces};
use super::sorted::{SeriesRows, SortedRun, SortedTable};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Merges runs that follow each other in slot order.
pub(crate) fn merge(runs: &[Arc<SortedRun>]) -> SortedRun {
    let low = runs.iter().map(|run| run.slots.0).min().unwrap_or(0);
    let high = runs.iter().map(|run| run.slots.1).max().unwrap_or(0);
    SortedRun {
        tables: by_measurement(runs).into_iter().map(|tables| merge_tables(&tables)).collect(),
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
pub(crate) fn merge_tables(tables: &[&SortedTable]) -> SortedTable {
    if let [only] = tables {
        return (*only).clone();
    }
    let mut parts: Vec<(&SeriesRows, u32)> = Vec::new();
    for (source, table) in (0u32..).zip(tables) {
        parts.extend(table.series.iter().map(|series| (series, source)));
    }
    parts.sort_by(|a, b| a.0.key.cmp(&b.0.key));
    let mut pieces = Pieces::default();
    let mut series = Vec::new();
    for group in parts.chunk_by(|a, b| a.0.key == b.0.key) {
        let start = pieces.rows();
        merge_series(tables, group, &mut pieces);
        series.push(SeriesRows { key: group[0].0.key.clone(), start, end: pieces.rows() });
    }
    let times: Vec<&[i64]> = tables.iter().map(|table| table.times.as_slice()).collect();
    let columns: Vec<_> = tables.iter().map(|table| table.columns.as_slice()).collect();
    SortedTable {
        measurement: tables[0].measurement.clone(),
        series,
        times: assemble::times(&pieces, &times),
        columns: assemble::columns(&pieces, &columns),
    }
}

/// Lines up the rows of one series.
fn merge_series(tables: &[&SortedTable], group: &[(&SeriesRows, u32)], pieces: &mut Pieces) {
    let times =
        |(rows, source): &(&SeriesRows, u32)| &tables[*source as usize].times[rows.start as usize..rows.end as usize];
    let apart = group.windows(2).all(|pair| times(&pair[0]).last() < times(&pair[1]).first());
    if apart {
        for (rows, source) in group {
            pieces.extend(*source, rows.start..rows.end);
        }
        return;
    }
    let mut all: Vec<(i64, u32, u32)> = Vec::new();
    for part in group {
        all.extend(times(part).iter().zip(part.0.start..).map(|(&time, row)| (time, part.1, row)));
    }
    // Stable, so that the earlier slot stays first among equal times; it makes use of the sorted stretches.
    all.sort_by_key(|row| row.0);
    let mut before = None;
    for (time, source, row) in all {
        pieces.push(source, row, before == Some(time));
        before = Some(time);
    }
}
