//! Accumulates many series at once, page by page (see [`storage::Sweep`]): where a million series have a few rows each, what is done
//! for a series must be no more than for a row.
//!
//! A block's rows are cut into [`Stretch`]es that fall into one cell; each call then folds its column over them into an array of
//! numbers, one a cell, which become [`Partial`]s at the end. Series that cannot be read so are left to the walk series by
//! series; both add up.

use super::cells::{Walk, Wanted};
use super::{Job, admit, check_cancel};
use crate::QueryError;
use crate::datum::Datum;
use crate::functions::adding::Adding;
use crate::functions::selecting::Selecting;
use crate::functions::{Function, Kernel};
use crate::partial::{Partial, Point};
use crate::plan::Input;
use crate::predicate::Predicate;
use crate::source::Scan;
use crate::trace::{Count, Stage, count, enter};
use model::{Column, FieldType, Presence, Values};
use storage::{Block, Sweep};

/// Series from which on it pays to walk over whole shards.
const MANY: usize = 512;
/// The part of a set that must be asked for at least (one in so many): the others are passed over one by one.
const PART: usize = 16;
/// Of a series: it is in no group.
pub(super) const NOBODY: u32 = u32::MAX;

/// What is kept for each cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// The number of values.
    Count,
    /// Their sum.
    Sum,
    /// The least and the greatest.
    Bounds,
}

/// Rows that fall into one cell: places in a block, or of values in a column.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    cell: u32,
    start: u32,
    end: u32,
}

/// What is known of the cells of one call.
struct Figures {
    call: usize,
    field: usize,
    function: Function,
    kept: Kept,
    counts: Vec<u64>,
    /// Sums, or least values.
    low: Values,
    /// Greatest values.
    high: Values,
}

/// How some calls are accumulated, by the field that each reads; `None`: not so.
fn kept(job: &Job<'_>, calls: &[usize]) -> Option<Vec<(usize, usize, Kept)>> {
    let mut all = Vec::new();
    for &call in calls {
        let planned = &job.plan.calls[call];
        if matches!(job.bound.inputs[planned.reference], Input::Missing) {
            continue;
        }
        let field = job.field(call)?;
        let kept = match planned.function.entry.kernel {
            Kernel::Adding(Adding::Count) => Kept::Count,
            Kernel::Adding(Adding::Sum | Adding::Mean) => Kept::Sum,
            Kernel::Adding(Adding::Spread) | Kernel::Selecting(Selecting::Min | Selecting::Max) => Kept::Bounds,
            _ => return None,
        };
        let is_number = !matches!(job.bound.scan[field].1, FieldType::String | FieldType::Boolean);
        if kept != Kept::Count && !is_number {
            return None;
        }
        all.push((call, field, kept));
    }
    Some(all)
}

/// Whether so many series are worth a sweep over all, and no more of their rows is asked than sweeps can tell.
pub(super) fn pays(job: &Job<'_>, calls: &[usize], wanted: &Wanted, series: usize) -> bool {
    let all = job.set.len();
    series >= MANY
        && series >= all / PART
        && wanted.point.is_none()
        && matches!(job.bound.filter, Predicate::Always(true))
        && kept(job, calls).is_some()
}

/// Takes what it can of a shard into the cells of a walk; `owners` are the groups of all series. Gives which series are left, if
/// any were taken.
pub(super) fn take(
    walk: &mut Walk<'_, '_>,
    scan: &Scan<'_>,
    shard: usize,
    owners: &[u32],
) -> Result<Option<Sweep>, QueryError> {
    let job = walk.job;
    let Scan::Stored(scan, trace) = scan else { return Ok(None) };
    let Some(calls) = kept(job, &walk.all) else { return Ok(None) };
    let cells = walk.cells.calls.first().map_or(0, Vec::len);
    let _grant = job.take(Sweep::bytes(owners.len()).saturating_add(calls.len() * cells * 3 * size_of::<u64>()))?;
    let _stage = enter(trace, Stage::Reading);
    let Some(sweep) = scan.sweep(shard, &|work| admit(job.context, work))? else { return Ok(None) };
    let figures = |&(call, field, kept): &(usize, usize, Kept)| Figures::new(job, (call, field, kept), cells);
    let mut figures: Vec<Figures> = calls.iter().map(figures).collect();
    let (mut stretches, mut places) = (Vec::new(), Vec::new());
    scan.blocks(shard, &sweep, &mut |block: &Block<'_>| {
        check_cancel(job.context)?;
        let rows = block.rows.iter().map(|rows| (rows.end - rows.start) as usize).sum();
        count(trace, Count::Rows, rows);
        job.read_points(rows.saturating_mul(figures.len()))?;
        cut(walk, block, owners, &mut stretches);
        for figures in &mut figures {
            let field_type = job.bound.scan[figures.field].1;
            let Some(column) = block.column(figures.field, field_type)? else { continue };
            figures.add(&column, &stretches, &mut places);
        }
        Ok::<_, QueryError>(())
    })?;
    figures.into_iter().for_each(|figures| figures.give(walk));
    Ok(Some(sweep))
}

/// Cuts the rows of a block into those of each cell.
fn cut(walk: &Walk<'_, '_>, block: &Block<'_>, owners: &[u32], out: &mut Vec<Stretch>) {
    out.clear();
    let (windows, buckets) = (walk.chunk.windows.clone(), walk.cells.buckets);
    for rows in block.rows {
        let owner = owners[rows.series as usize];
        if owner == NOBODY {
            continue;
        }
        let first = owner as usize * buckets;
        let mut start = rows.start;
        while start < rows.end {
            let mut end = rows.end;
            let time = block.times[start as usize];
            if windows.interval > 0 {
                let edge = windows.end(windows.index(time));
                let own = &block.times[start as usize..rows.end as usize];
                end = start + own.partition_point(|&time| time <= edge) as u32;
            }
            out.push(Stretch { cell: (first + walk.bucket(time)) as u32, start, end });
            start = end;
        }
    }
}

impl Figures {
    fn new(job: &Job<'_>, (call, field, kept): (usize, usize, Kept), cells: usize) -> Self {
        let field_type = job.bound.scan[field].1;
        let numbers = |wanted: bool| {
            let cells = if wanted { cells } else { 0 };
            match field_type {
                FieldType::Float => Values::Float(vec![0.0; cells]),
                FieldType::Integer => Values::Integer(vec![0; cells]),
                FieldType::Unsigned => Values::Unsigned(vec![0; cells]),
                other => Values::new(other),
            }
        };
        let function = job.plan.calls[call].function;
        let (low, high) = (numbers(kept != Kept::Count), numbers(kept == Kept::Bounds));
        Self { call, field, function, kept, counts: vec![0; cells], low, high }
    }

    /// Adds the values that a column has in some rows; `places` is room for work.
    fn add(&mut self, column: &Column, rows: &[Stretch], places: &mut Vec<Stretch>) {
        let stretches = match &column.presence {
            Presence::Dense => rows,
            Presence::Sparse(present) => {
                positions(present, rows, places);
                &**places
            }
        };
        match (self.kept, &column.values, &mut self.low, &mut self.high) {
            (Kept::Count, ..) => {}
            (Kept::Sum, Values::Float(values), Values::Float(sums), _) => {
                fold(values, stretches, |cell, value| sums[cell] += value);
            }
            (Kept::Sum, Values::Integer(values), Values::Integer(sums), _) => {
                fold(values, stretches, |cell, value| sums[cell] = sums[cell].wrapping_add(value));
            }
            (Kept::Sum, Values::Unsigned(values), Values::Unsigned(sums), _) => {
                fold(values, stretches, |cell, value| sums[cell] = sums[cell].wrapping_add(value));
            }
            (Kept::Bounds, Values::Float(values), Values::Float(low), Values::Float(high)) => {
                widen(values, stretches, &mut self.counts, (low, high));
            }
            (Kept::Bounds, Values::Integer(values), Values::Integer(low), Values::Integer(high)) => {
                widen(values, stretches, &mut self.counts, (low, high));
            }
            (Kept::Bounds, Values::Unsigned(values), Values::Unsigned(low), Values::Unsigned(high)) => {
                widen(values, stretches, &mut self.counts, (low, high));
            }
            // A column has the type that the scan names.
            _ => return,
        }
        for stretch in stretches.iter().filter(|_| self.kept != Kept::Bounds) {
            self.counts[stretch.cell as usize] += u64::from(stretch.end - stretch.start);
        }
    }

    /// Hands over what is known of each cell.
    fn give(self, walk: &mut Walk<'_, '_>) {
        let number = |values: &Values, cell: usize| values.get(cell).map(Datum::from);
        let start = walk.chunk.range.start;
        for (cell, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let (low, high) = (number(&self.low, cell), number(&self.high, cell));
            let partial = match (self.function.entry.kernel, low, high) {
                (Kernel::Adding(Adding::Count), ..) => Partial::Count(count),
                (Kernel::Adding(Adding::Sum), Some(sum), _) => Partial::Sum(sum),
                (Kernel::Adding(Adding::Mean), Some(sum), _) => Partial::Mean(sum, count),
                (Kernel::Adding(Adding::Spread), Some(low), Some(high)) => Partial::Spread(low, high),
                // Its time is not wanted.
                (Kernel::Selecting(Selecting::Min), Some(low), _) => Point::partial(start, low),
                (Kernel::Selecting(Selecting::Max), _, Some(high)) => Point::partial(start, high),
                _ => Partial::Empty,
            };
            walk.cells.calls[self.call][cell].merge(self.function, partial);
        }
    }
}

/// Gives the values of stretches with their cells.
fn fold<T: Copy>(values: &[T], stretches: &[Stretch], mut give: impl FnMut(usize, T)) {
    for stretch in stretches {
        for &value in &values[stretch.start as usize..stretch.end as usize] {
            give(stretch.cell as usize, value);
        }
    }
}

/// Widens the bounds of cells, and counts their values; a cell without a count has no bounds yet.
fn widen<T: Copy + PartialOrd>(
    values: &[T],
    stretches: &[Stretch],
    counts: &mut [u64],
    (low, high): (&mut [T], &mut [T]),
) {
    for stretch in stretches {
        let cell = stretch.cell as usize;
        let own = &values[stretch.start as usize..stretch.end as usize];
        if let (0, Some(&first)) = (counts[cell], own.first()) {
            (low[cell], high[cell]) = (first, first);
        }
        for &value in own {
            if value < low[cell] {
                low[cell] = value;
            }
            if value > high[cell] {
                high[cell] = value;
            }
        }
        counts[cell] += own.len() as u64;
    }
}

/// Where the values of some rows are, of a column that has values in `present`; rows ascend.
fn positions(present: &[u32], rows: &[Stretch], out: &mut Vec<Stretch>) {
    out.clear();
    let mut at = 0;
    for stretch in rows {
        at += present[at..].partition_point(|&row| row < stretch.start);
        let start = at;
        at += present[at..].partition_point(|&row| row < stretch.end);
        if at > start {
            out.push(Stretch { start: start as u32, end: at as u32, ..*stretch });
        }
    }
}
