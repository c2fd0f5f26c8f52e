//! Stretches of buckets without rows, where such buckets are no rows of the answer: `fill(none)`, and functions that give several
//! rows a bucket. What a SELECT takes then grows with its rows, not with the buckets that lie between them: nanoseconds of a year are 3e16.
//!
//! It is asked only behind a chunk of buckets in which nothing was, and says no more than where rows may be: to name a bucket that turns
//! out to be empty costs a chunk, to pass over one that is not would lose rows.

use super::{Group, Job};
use crate::QueryError;
use crate::source::{Scan, Source};
use influxql::ast::Fill;
use model::TimeRange;

/// Series up to which the times of each are looked at; of more, only those of whole segments and runs.
const SERIES: usize = 1 << 12;

/// Whether buckets without rows are no rows of the answer.
pub(super) fn are_left_out(job: &Job<'_>) -> bool {
    job.checked.windows.interval > 0 && (job.plan.fill == Fill::None || super::emit::gives_many(job))
}

/// The time (ns) of the row of some groups in `rest` that the answer comes to first, or one before it; `None` if there is none.
pub(super) fn next_row(job: &Job<'_>, groups: &[Group], rest: &TimeRange) -> Result<Option<i64>, QueryError> {
    let source = &job.table.source;
    let few = groups.iter().map(|group| group.series.len()).sum::<usize>() <= SERIES;
    let mut scan = source.scan(job.set, &job.bound.scan, *rest)?;
    let times = source.shards();
    let mut shards: Vec<usize> = (0..times.len()).filter(|&shard| times[shard].overlaps(rest)).collect();
    if !job.checked.ascending {
        shards.reverse();
    }
    for shard in shards {
        job.check_cancel()?;
        // Rows of a SELECT tell no bounds of many.
        let found = match source {
            Source::Stored(..) if !few => of_sources(job, &scan, shard, rest),
            _ => of_series(job, &mut scan, (shard, groups), rest)?,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// By the bounds of what is read in a shard.
fn of_sources(job: &Job<'_>, scan: &Scan<'_>, shard: usize, rest: &TimeRange) -> Option<i64> {
    let bounds = scan.spread(shard).into_iter().map(|(bounds, _)| bounds.intersect(rest));
    let inside = bounds.filter(|bounds| !bounds.is_empty());
    if job.checked.ascending {
        return inside.map(|bounds| bounds.start).min();
    }
    inside.map(|bounds| bounds.end).max()
}

/// By the rows of each series in a shard.
fn of_series(
    job: &Job<'_>,
    scan: &mut Scan<'_>,
    (shard, groups): (usize, &[Group]),
    rest: &TimeRange,
) -> Result<Option<i64>, QueryError> {
    // Only what comes before the best that is known is looked at.
    let (mut part, mut found) = (*rest, None);
    for &series in groups.iter().flat_map(|group| &group.series) {
        job.check_cancel()?;
        if let Some(time) = of_one(job, scan, (shard, series), &part)? {
            found = Some(time);
            if job.checked.ascending && time > i64::MIN {
                part.end = time - 1;
            } else if !job.checked.ascending && time < i64::MAX {
                part.start = time + 1;
            }
            if part.is_empty() {
                break;
            }
        }
    }
    Ok(found)
}

/// The time that comes first of a series' rows in a range of times.
fn of_one(
    job: &Job<'_>,
    scan: &mut Scan<'_>,
    (shard, series): (usize, usize),
    part: &TimeRange,
) -> Result<Option<i64>, QueryError> {
    let mut cuts = scan.cuts_within(series, shard, part)?;
    if !job.checked.ascending {
        cuts.reverse();
    }
    for cut in cuts {
        if !cut.range().overlaps(part) {
            continue;
        }
        let times = cut.times()?;
        let inside = &times[times.partition_point(|time| *time < part.start)..];
        let inside = &inside[..inside.partition_point(|time| *time <= part.end)];
        let first = if job.checked.ascending { inside.first() } else { inside.last() };
        if first.is_some() {
            return Ok(first.copied());
        }
    }
    Ok(None)
}
