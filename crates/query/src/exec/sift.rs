//! Raw rows of many series: the first rows of all that are left, without a cut of the series that have none of them.
//!
//! A pass walks the series in the order of the answer and keeps the best rows found so far, as many as are wanted, or as fit. Once so
//! many are kept, only what comes before the last of them is looked at: of rows at one time that of the earlier series is first, so that
//! a later series must have an earlier row. Storage names the series that may have one by bounds and timestamps alone. Where all series
//! have a row at the first instant, a pass for n rows ends after n series.
//!
//! With a small LIMIT one pass over all time is enough. Else a pass takes a stretch of it; and where more rows lie at the time of its
//! last row, the next one begins there, behind that row's series. Nothing is kept of a series from pass to pass.

use super::gather::{Gathered, Member, Part, gather, member, most_rows, shows_all, sorted};
use super::raw::{State, emit};
use super::stretch::{Spread, beyond, first_part, next_stretch};
use super::{Flow, Group, Job, prune};
use crate::predicate::Predicate;
use crate::source::{Cut, Scan};
use crate::{QueryError, Sink};
use model::TimeRange;
use std::collections::BinaryHeap;
use std::ops::Range;

/// Series that storage is asked for at once, at first and at most.
const CHUNKS: (usize, usize) = (256, 1 << 14);
/// Series of a group above which it is not worth to keep cuts of all.
const MANY: usize = 1 << 14;
/// With a small LIMIT.
const SEVERAL: usize = 16;
/// Such a LIMIT, with OFFSET (rows).
const SMALL: u64 = 4_096;
/// Series that may lie between two of a group for storage to be asked for both together.
const NEAR: usize = 8;
/// A pass that did not fit is tried again with one so many times fewer rows; one that found few is followed by one for more.
const LESS: usize = 4;
/// Rows that may be gathered beyond twice those that are kept.
const SLACK: usize = 1_024;

/// Whether a group is walked like this. Rows of another SELECT may have series and time in common.
pub(super) fn is_better(job: &Job<'_>, group: &Group, state: &State<'_>) -> bool {
    let series = group.series.len();
    let is_many = series > MANY || (series > SEVERAL && state.wanted() <= SMALL);
    is_many && job.table.source.is_stored()
}

/// Those of some series (ascending) that may have a row in a range, and perhaps some that lie between them.
fn reaching(
    job: &Job<'_>,
    (scan, shard): (&Scan<'_>, usize),
    range: &TimeRange,
    series: &[usize],
) -> Result<Vec<usize>, QueryError> {
    let mut found = Vec::new();
    for near in series.chunk_by(|left, right| right - left <= NEAR) {
        job.check_cancel()?;
        found.extend(scan.reaching(shard, range, near[0]..=near[near.len() - 1])?);
    }
    Ok(found)
}

/// The rows of one shard.
pub(super) fn run_shard(
    job: &Job<'_>,
    group: &Group,
    (scan, shard): (&mut Scan<'_>, usize),
    state: &mut State<'_>,
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    let ascending = job.checked.ascending;
    let spread = scan.spread(shard);
    let mut most = most_rows(job);
    let highest = most;
    let mut range = job.reach(0);
    let mut expected = (most / 2) as u64;
    // The member behind which the walk stands at the first instant of the range.
    let mut behind = None;
    while state.left > 0 {
        let wanted = usize::try_from(state.wanted()).unwrap_or(usize::MAX).min(most);
        let expected_now = if wanted < most { u64::MAX } else { expected.max(1) };
        let Some((stretch, members)) = next(group, &spread, (&range, behind), expected_now, ascending) else { break };
        let mut pass = Pass::new(job, group, stretch, wanted)?;
        let last = match pass.walk(scan, shard, members).and_then(|()| pass.finish()) {
            Err(QueryError::Memory(_)) if wanted > 1 => {
                most = (wanted / LESS).max(1);
                continue;
            }
            last => last?,
        };
        if let Flow::Stop = emit(job, group, &pass.gathered, state, sink)? {
            return Ok(Flow::Stop);
        }
        // Rows here may be long, and short again behind.
        most = most.saturating_mul(2).min(highest);
        if let Some((time, member)) = last {
            range = if ascending { TimeRange::new(time, range.end) } else { TimeRange::new(range.start, time) };
            behind = Some(member);
            expected = (most / 2) as u64;
        } else {
            let Some(rest) = beyond(&range, &stretch, ascending) else { break };
            if behind.take().is_none() && pass.gathered.times.len() < wanted / LESS {
                expected = expected.saturating_mul(LESS as u64);
            }
            range = rest;
        }
    }
    Ok(Flow::Continue)
}

/// What the next pass walks: a stretch of time, and members of the group.
fn next(
    group: &Group,
    spread: &[Spread],
    (range, behind): (&TimeRange, Option<usize>),
    rows: u64,
    ascending: bool,
) -> Option<(TimeRange, Range<usize>)> {
    let all = group.series.len();
    match behind {
        None => Some((next_stretch(spread, range, rows, ascending)?, 0..all)),
        Some(member) if ascending => Some((first_part(range, 0, true), member + 1..all)),
        Some(member) => Some((first_part(range, 0, false), 0..member)),
    }
}

/// A walk over series for the best rows of a stretch.
struct Pass<'a, 'b> {
    job: &'b Job<'a>,
    group: &'b Group,
    stretch: TimeRange,
    /// Rows that are kept.
    most: usize,
    gathered: Gathered,
    shows_all: bool,
    /// The times of the best rows, the last one on top; those of a walk backwards with all bits turned, which turns their order.
    best: BinaryHeap<i64>,
}

impl<'a, 'b> Pass<'a, 'b> {
    fn new(job: &'b Job<'a>, group: &'b Group, stretch: TimeRange, most: usize) -> Result<Self, QueryError> {
        let (gathered, shows_all) = (Gathered::new(job)?, shows_all(job));
        Ok(Self { job, group, stretch, most, gathered, shows_all, best: BinaryHeap::new() })
    }

    fn is_full(&self) -> bool {
        self.best.len() >= self.most
    }

    /// Where a row must lie to be among the best.
    fn open(&self) -> TimeRange {
        let mut open = self.stretch;
        if let Some(&last) = self.best.peek().filter(|_| self.is_full()) {
            match self.job.checked.ascending {
                true => open.end = open.end.min(last.saturating_sub(1)),
                false => open.start = open.start.max((!last).saturating_add(1)),
            }
            // There is nothing before the first instant.
            if self.ordered(if self.job.checked.ascending { open.start } else { open.end }) >= last {
                return TimeRange::new(i64::MAX, i64::MIN);
            }
        }
        open
    }

    fn ordered(&self, time: i64) -> i64 {
        if self.job.checked.ascending { time } else { !time }
    }

    fn walk(&mut self, scan: &mut Scan<'_>, shard: usize, mut members: Range<usize>) -> Result<(), QueryError> {
        let ascending = self.job.checked.ascending;
        let mut step = CHUNKS.0;
        while !members.is_empty() && !self.open().is_empty() {
            self.job.check_cancel()?;
            let chunk = match ascending {
                true => members.start..members.end.min(members.start + step),
                false => members.end.saturating_sub(step).max(members.start)..members.end,
            };
            let series = &self.group.series[chunk.clone()];
            let mut reaching = reaching(self.job, (scan, shard), &self.open(), series)?;
            if !ascending {
                reaching.reverse();
            }
            for one in reaching {
                let Ok(at) = series.binary_search(&one) else { continue };
                let open = self.open();
                if open.is_empty() {
                    return Ok(());
                }
                self.take_member(scan, (one, shard), chunk.start + at, &open)?;
            }
            match ascending {
                true => members.start = chunk.end,
                false => members.end = chunk.start,
            }
            step = (step * 2).min(CHUNKS.1);
        }
        Ok(())
    }

    fn take_member(
        &mut self,
        scan: &mut Scan<'_>,
        (series, shard): (usize, usize),
        place: usize,
        open: &TimeRange,
    ) -> Result<(), QueryError> {
        self.job.check_cancel()?;
        let member = member(self.job, series);
        if matches!(*member.1, Predicate::Always(false)) {
            return Ok(());
        }
        let mut cuts = prune::passing_cuts(self.job, scan, (series, shard), open, &member.1)?;
        let _memory = self.job.take(cuts.iter().map(Cut::bytes).sum())?;
        if !self.job.checked.ascending {
            cuts.reverse();
        }
        for cut in cuts {
            let mut pages = cut.pages_within(&self.open()).unwrap_or_else(|| vec![cut]);
            if !self.job.checked.ascending {
                pages.reverse();
            }
            for page in &pages {
                self.job.check_cancel()?;
                self.take(page, place, &member)?;
            }
        }
        Ok(())
    }

    /// Gathers what of a cut may be among the best.
    fn take(&mut self, cut: &Cut, place: usize, member: &Member<'_>) -> Result<(), QueryError> {
        let open = self.open();
        if !cut.range().overlaps(&open) {
            return Ok(());
        }
        let most = if self.shows_all { self.most } else { usize::MAX };
        let part = Part { stretch: open, most, ascending: self.job.checked.ascending };
        let before = self.gathered.times.len();
        gather(self.job, (cut, place), member, &part, &mut self.gathered)?;
        self.gathered.charge(0)?;
        if !self.shows_all {
            self.gathered.pad(self.job);
        }
        for row in before..self.gathered.times.len() {
            if self.shows_all || self.gathered.shows(self.job, row) {
                self.best.push(self.ordered(self.gathered.times[row]));
                if self.best.len() > self.most {
                    self.best.pop();
                }
            }
        }
        if self.gathered.times.len() > self.most.saturating_mul(2).saturating_add(SLACK) {
            self.keep_best()?;
        }
        Ok(())
    }

    /// Drops the rows that are not among the best.
    fn keep_best(&mut self) -> Result<(), QueryError> {
        self.gathered.pad(self.job);
        let mut rows = sorted(self.job, &self.gathered);
        rows.truncate(self.most);
        self.gathered.take(self.job, &rows);
        self.gathered.charge(0)
    }

    /// The time and the member of the last of the rows, if there may be more.
    fn finish(&mut self) -> Result<Option<(i64, usize)>, QueryError> {
        self.keep_best()?;
        let last = self.gathered.times.last().zip(self.gathered.members.last());
        Ok(last.filter(|_| self.is_full()).map(|(&time, &member)| (time, member as usize)))
    }
}
