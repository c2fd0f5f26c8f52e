//! Takes deleted rows out of a sorted run.

use super::Tombstone;
use super::marks::{Marks, left};
use crate::run::assemble::{self, Pieces};
use crate::run::sorted::{SortedRun, SortedTable};
use crate::segment::index::TagIndex;
use model::TimeRange;
use std::sync::Arc;

/// The run without what tombstones take, all of which are above its slots; `None` if they take nothing. Its slots stay, even
/// if no row does.
pub(crate) fn purge(run: &SortedRun, tombstones: &[Arc<Tombstone>]) -> Option<SortedRun> {
    let mut is_changed = false;
    let mut tables = Vec::with_capacity(run.tables.len());
    for table in &run.tables {
        match purge_table(table, tombstones) {
            None => tables.push(table.clone()),
            Some(left) => {
                is_changed = true;
                tables.extend((!left.times.is_empty()).then_some(left));
            }
        }
    }
    is_changed.then_some(SortedRun { tables, slots: run.slots })
}

fn purge_table(table: &SortedTable, tombstones: &[Arc<Tombstone>]) -> Option<SortedTable> {
    let bounds = table.times.iter().fold(TimeRange::new(i64::MAX, i64::MIN), |range, &time| {
        TimeRange::new(range.start.min(time), range.end.max(time))
    });
    let mut touching = tombstones.iter().filter(|one| one.touches(&table.measurement, &bounds)).peekable();
    touching.peek()?;
    let built: std::cell::OnceCell<Arc<TagIndex>> = std::cell::OnceCell::new();
    let build = || Arc::new(TagIndex::build(table.series.keys()));
    let marks = Marks::new(touching, || Ok(built.get_or_init(build).clone())).ok()?;
    if marks.is_empty() {
        return None;
    }
    let mut pieces = Pieces::default();
    let (mut kept, mut starts) = (Vec::new(), vec![0]);
    for number in 0..table.series.len() {
        let start = pieces.rows();
        for rows in left(&table.times, table.rows(number), &marks.ranges(number as u32)) {
            pieces.extend(0, rows.start as u32..rows.end as u32);
        }
        if pieces.rows() > start {
            kept.push(number as u32);
            starts.push(pieces.rows());
        }
    }
    if pieces.rows() as usize == table.times.len() {
        return None;
    }
    let columns = assemble::columns(&pieces, &[&table.columns]);
    Some(SortedTable {
        measurement: table.measurement.clone(),
        series: table.series.take(&kept),
        starts,
        times: assemble::times(&pieces, &[&table.times]),
        columns: columns.into_iter().filter(|(_, column)| !column.values.is_empty()).collect(),
        bounds: std::sync::OnceLock::new(),
    })
}
