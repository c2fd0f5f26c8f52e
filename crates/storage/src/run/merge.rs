//! Sorted runs to one. Where a series' rows of one run end before those of the next begin, they are copied as they are.

use super::assemble::{self, Pieces};
use super::rank::Sources;
use super::sorted::{SortedRun, SortedTable};
use std::borrow::Cow;
use std::collections::BTreeMap;
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

fn merge_some(tables: &[&SortedTable]) -> SortedTable {
    let mut sources = Sources::default();
    tables.iter().for_each(|table| sources.add_list(&table.series));
    let (series, ranks) = sources.rank();
    let (parts, bounds) = deal_out(tables, &ranks, series.len());
    let mut pieces = Pieces::default();
    let mut starts = Vec::with_capacity(bounds.len());
    for bounds in bounds.windows(2) {
        starts.push(pieces.rows());
        merge_series(tables, &parts[bounds[0] as usize..bounds[1] as usize], &mut pieces);
    }
    starts.push(pieces.rows());
    let times: Vec<&[i64]> = tables.iter().map(|table| table.times.as_slice()).collect();
    let columns: Vec<_> = tables.iter().map(|table| table.columns.as_slice()).collect();
    SortedTable {
        measurement: tables[0].measurement.clone(),
        series,
        starts,
        times: assemble::times(&pieces, &times),
        columns: assemble::columns(&pieces, &columns),
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
