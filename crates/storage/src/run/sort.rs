//! Chunks to a sorted run: series are ranked by canonical key, rows are dealt out by rank (a counting sort, so that the order
//! of slots stays), and only series whose times do not ascend are sorted by time.

use super::Chunk;
use super::assemble::{self, Pieces};
use super::rank::Sources;
use super::sorted::{SortedRun, SortedTable};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sorts chunks, given in slot order, to a run.
pub(crate) fn sort(chunks: &[Arc<Chunk>]) -> SortedRun {
    let mut by_measurement: BTreeMap<&[u8], Vec<&Chunk>> = BTreeMap::new();
    for chunk in chunks {
        by_measurement.entry(&chunk.measurement).or_default().push(chunk);
    }
    let low = chunks.iter().map(|chunk| chunk.slots.0).min().unwrap_or(0);
    let high = chunks.iter().map(|chunk| chunk.slots.1).max().unwrap_or(0);
    SortedRun { tables: by_measurement.values().map(|chunks| table(chunks)).collect(), slots: (low, high) }
}

/// One row: where it stands in the chunks.
#[derive(Clone, Copy)]
struct Row {
    source: u32,
    row: u32,
}

fn table(chunks: &[&Chunk]) -> SortedTable {
    let mut sources = Sources::default();
    chunks.iter().for_each(|chunk| sources.add(&chunk.series, &chunk.ids));
    let (series, ranks) = sources.rank();
    let (mut rows, bounds) = deal_out(&ranks, series.len());
    drop(ranks);
    let time = |row: &Row| chunks[row.source as usize].times[row.row as usize];
    let mut pieces = Pieces::default();
    let mut starts = Vec::with_capacity(bounds.len());
    for bounds in bounds.windows(2) {
        let of_series = &mut rows[bounds[0] as usize..bounds[1] as usize];
        if !of_series.is_sorted_by_key(time) {
            of_series.sort_by_key(time);
        }
        starts.push(pieces.rows());
        let mut before = None;
        for row in of_series {
            let now = Some(time(row));
            pieces.push(row.source, row.row, now == before);
            before = now;
        }
    }
    starts.push(pieces.rows());
    drop(rows);
    let times: Vec<&[i64]> = chunks.iter().map(|chunk| chunk.times.as_slice()).collect();
    let columns: Vec<_> = chunks.iter().map(|chunk| chunk.columns.as_slice()).collect();
    SortedTable {
        measurement: chunks[0].measurement.clone(),
        series,
        starts,
        times: assemble::times(&pieces, &times),
        columns: assemble::columns(&pieces, &columns),
        bounds: std::sync::OnceLock::new(),
    }
}

/// The rows of all chunks by rank, in slot order within one, and where each rank begins.
fn deal_out(ranks: &[Vec<u32>], count: usize) -> (Vec<Row>, Vec<u32>) {
    let mut starts = vec![0u32; count + 1];
    for rank in ranks.iter().flatten() {
        starts[*rank as usize + 1] += 1;
    }
    for index in 0..count {
        starts[index + 1] += starts[index];
    }
    let mut next = starts.clone();
    let mut rows = vec![Row { source: 0, row: 0 }; ranks.iter().map(Vec::len).sum()];
    for (source, of_chunk) in (0u32..).zip(ranks) {
        for (row, &rank) in (0u32..).zip(of_chunk) {
            let place = &mut next[rank as usize];
            rows[*place as usize] = Row { source, row };
            *place += 1;
        }
    }
    (rows, starts)
}
