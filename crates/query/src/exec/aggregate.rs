//! SELECT with calls: groups in batches, buckets in chunks, so that the cells alive at once are bounded whatever is asked.
//!
//! Many groups with few buckets go together; one group with many buckets goes chunk by chunk and is handed over as it goes, and
//! over buckets without rows at once where they are none of the answer.
//! With LIMIT the first chunk is just as long as the limit and the next ones grow, so that the walk ends when all groups
//! have their rows.

use super::cells::{Cells, Chunk, Wanted};
use super::emit::{Emitter, Way};
use super::morsels::accumulate_all;
use super::{Flow, Group, Job, gaps, groups};
use crate::partial::Partial;
use crate::{QueryError, Sink};
use influxql::ast::Fill;
use model::TimeRange;

/// Cells (calls x groups x buckets) alive at once.
const CELLS: usize = 1 << 18;

/// Roughly what an output series in the making takes for each variable, without its rows (bytes).
const EMITTED: usize = 256;

/// The buckets of a query in one table.
#[derive(Clone, Copy, Debug)]
struct Span {
    range: TimeRange,
    first: i64,
    buckets: u64,
}

/// Runs a SELECT with calls over one table.
pub(crate) fn run(job: &Job<'_>, sink: &mut dyn Sink) -> Result<Flow, QueryError> {
    let Some(span) = span(job)? else { return Ok(Flow::Continue) };
    let (groups, _memory) = groups(job)?;
    let calls = job.plan.calls.len().max(1);
    let limit = job.select.limit.saturating_add(job.select.offset);
    let progressive = job.select.limit > 0 && job.plan.fill != Fill::Linear && limit < span.buckets;
    let held = if progressive { limit } else { span.buckets };
    let room = CELLS / calls;
    let batch = usize::try_from((room as u64 / held.max(1)).clamp(1, groups.len().max(1) as u64)).unwrap_or(1);
    let wanted = Wanted::new(job);
    for members in groups.chunks(batch) {
        if let Flow::Stop = run_batch(job, members, span, progressive, &wanted, sink)? {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::Continue)
}

/// The buckets to go through; `None` if there are none.
fn span(job: &Job<'_>) -> Result<Option<Span>, QueryError> {
    let lead = job.plan.lead();
    let mut range = job.checked.reach(lead);
    let windows = &job.checked.windows;
    if job.checked.range.is_empty() || job.bound.scan.is_empty() {
        return Ok(None);
    }
    if windows.interval == 0 {
        return Ok(Some(Span { range: job.reach(lead), first: 0, buckets: 1 }));
    }
    let Some(bounds) = job.table.source.time_bounds(&job.table.name)? else { return Ok(None) };
    if !bounds.overlaps(&job.reach(lead)) {
        return Ok(None);
    }
    if range.start == i64::MIN {
        range.start = bounds.start;
    }
    let first = windows.index(range.start);
    let last = windows.index(range.end);
    Ok(Some(Span { range, first, buckets: last.abs_diff(first) + 1 }))
}

/// The chunk of `count` buckets that begins `done` buckets from where the answer does.
fn chunk(job: &Job<'_>, span: &Span, done: u64, count: usize) -> Chunk {
    let windows = &job.checked.windows;
    let count_here = (count as u64).min(span.buckets - done);
    let skip = if job.checked.ascending { done } else { span.buckets - done - count_here };
    let first = span.first.wrapping_add_unsigned(skip);
    let last = first.wrapping_add_unsigned(count_here - 1);
    let inside = TimeRange { start: windows.start(first), end: windows.end(last) };
    let mut range = span.range.intersect(&inside);
    if job.table.source.is_whole() {
        // What lies beyond the buckets counts in the first or the last one.
        range.start = if first == span.first { i64::MIN } else { range.start };
        range.end = if skip + count_here == span.buckets { i64::MAX } else { range.end };
    }
    Chunk { windows: windows.clone(), first, count: usize::try_from(count_here).unwrap_or(count), range }
}

/// How many buckets of a span are done with, if `done` of them are, and those without rows behind them are no rows of the answer.
fn behind_gap(job: &Job<'_>, members: &[Group], span: &Span, done: u64) -> Result<u64, QueryError> {
    let rest = chunk(job, span, done, usize::MAX).range.intersect(&job.reach(job.plan.lead()));
    let next = if rest.is_empty() { None } else { gaps::next_row(job, members, &rest)? };
    let Some(time) = next else { return Ok(span.buckets) };
    // A row of a SELECT may lie beyond the buckets.
    let last = span.first.wrapping_add_unsigned(span.buckets - 1);
    let index = job.checked.windows.index(time).clamp(span.first, last);
    let before = if job.checked.ascending { index.abs_diff(span.first) } else { last.abs_diff(index) };
    Ok(before.max(done))
}

fn run_batch(
    job: &Job<'_>,
    members: &[Group],
    span: Span,
    progressive: bool,
    wanted: &Wanted,
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    let cells = members.len() * job.plan.calls.len().max(1);
    let most = if job.plan.fill == Fill::Linear {
        usize::try_from(span.buckets).unwrap_or(usize::MAX)
    } else {
        (CELLS / cells).max(1)
    };
    let limit = job.select.limit.saturating_add(job.select.offset);
    let mut count = if progressive { usize::try_from(limit).unwrap_or(most).clamp(1, most) } else { most };
    let emitters = members.iter().map(|group| Emitter::new(job, group));
    let mut emitters = emitters.collect::<Result<Vec<_>, _>>()?;
    let may_skip = gaps::are_left_out(job) && span.buckets > count as u64;
    let (mut done, mut empty) = (0, true);
    while done < span.buckets && !emitters.iter().all(Emitter::is_full) {
        job.check_cancel()?;
        if may_skip && empty {
            done = behind_gap(job, members, &span, done)?;
            if done >= span.buckets {
                break;
            }
        }
        let chunk = chunk(job, &span, done, count);
        let rows = size_of::<Emitter>() + job.plan.variables.len() * EMITTED;
        let bytes = chunk.count.saturating_mul(cells).saturating_mul(size_of::<Partial>());
        let bytes = bytes.saturating_add(members.len().saturating_mul(rows));
        let _grant = job.take(bytes)?;
        let filled = accumulate_all(job, members, &chunk, wanted)?;
        empty = may_skip && filled.are_empty();
        done += chunk.count as u64;
        if let Flow::Stop = emit(job, &mut emitters, members, (&filled, &chunk), (&span, done), sink)? {
            return Ok(Flow::Stop);
        }
        count = count.saturating_mul(2).min(most);
    }
    for (group, emitter) in members.iter().zip(&mut emitters) {
        if let Flow::Stop = emitter.flush(job, group, sink)? {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::Continue)
}

/// Makes rows of a chunk, with which `done` buckets of the span are; those of a lone group are handed over.
fn emit(
    job: &Job<'_>,
    emitters: &mut [Emitter<'_>],
    members: &[Group],
    (filled, chunk): (&Cells, &Chunk),
    (span, done): (&Span, u64),
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    let whole = chunk.count as u64 == span.buckets;
    let lone = if let [group] = members { Some(group) } else { None };
    for (number, emitter) in emitters.iter_mut().enumerate() {
        let mut way = lone.map(|group| Way { group, sink: &mut *sink });
        if let Flow::Stop = emitter.take(job, filled, number, (chunk, whole), &mut way)? {
            return Ok(Flow::Stop);
        }
        if done >= span.buckets
            && let Flow::Stop = emitter.finish(job, chunk, &mut way)?
        {
            return Ok(Flow::Stop);
        }
        if let Some(group) = lone
            && let Flow::Stop = emitter.flush(job, group, sink)?
        {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::Continue)
}
