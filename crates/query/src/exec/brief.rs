//! Groups of one series of which few rows are wanted, as the last row of each host: taken together, so that the columns of the answer are
//! made once for many groups and not for each.
//!
//! A series' cuts are read from the end of the answer's order, page by page, until there are rows enough. Rows of all groups stand one
//! after the other, each with the place of its group for its member, and are handed over in one frame for all groups.

use super::emit::whole_frame;
use super::gather::{Gathered, Member, Part, gather, member, most_rows, shows_all};
use super::stretch::{beyond, first_part};
use super::{Flow, Group, Job, columns, give, prune, raw};
use crate::plan::Input;
use crate::predicate::Predicate;
use crate::source::{Cut, Scan};
use crate::{QueryError, Sink};
use influxql::ast::Fill;
use model::{Item, Many};
use platform::budget::Grant;
use std::ops::Range;
use storage::LastRows;

/// Rows of a group that are few.
const FEW: u64 = 64;
/// Groups that are taken together at most, and so many rows of theirs.
const GROUPS: usize = 256;
const ROWS: usize = 4_096;
/// Rows for which memory is taken at once.
const STEP: usize = 16;
/// Groups whose last rows are asked for at once, if there are not more.
const AHEAD: usize = 1 << 14;

/// Groups that wait for their rows to be made.
pub(super) struct Batch<'a, 'b> {
    job: &'b Job<'a>,
    /// With the places in `rows` that are theirs.
    groups: Vec<(Group, Range<usize>)>,
    series: Vec<usize>,
    gathered: Gathered,
    /// The gathered rows that are shown, group by group in the order of the answer.
    rows: Vec<u32>,
    most: usize,
    shows_all: bool,
    /// Last rows that are known, by the numbers of series.
    last: Vec<(usize, u32)>,
    last_rows: LastRows,
    /// Of groups whose last rows are known and not gathered yet: the row among these, the group's member, and the place in `rows`.
    waiting: Vec<(u32, u32, usize)>,
    memory: Grant,
}

impl<'a, 'b> Batch<'a, 'b> {
    /// An empty one; `None` if the query does not ask for few rows.
    pub(super) fn new(job: &'b Job<'a>) -> Result<Option<Self>, QueryError> {
        let is_stored = job.table.source.is_stored();
        let is_plain = is_stored && matches!(job.plan.fill, Fill::Null | Fill::None) && !job.plan.is_stream();
        let wanted = job.select.limit.saturating_add(job.select.offset);
        if !is_plain || job.select.limit == 0 || wanted > FEW || job.plan.dimensions.is_empty() {
            return Ok(None);
        }
        let (gathered, most, shows_all) = (Gathered::new(job)?, most_rows(job).min(ROWS), shows_all(job));
        Ok(Some(Self {
            job,
            groups: Vec::new(),
            series: Vec::new(),
            gathered,
            rows: Vec::new(),
            most,
            shows_all,
            last: Vec::new(),
            last_rows: LastRows::default(),
            waiting: Vec::new(),
            memory: job.take(0)?,
        }))
    }

    /// Asks for the last rows of all groups of one series that will come, if these are what is wanted and no filter is to be asked.
    pub(super) fn look_ahead(&mut self, groups: &[Group], scan: &Scan<'_>, shards: &[usize]) -> Result<(), QueryError> {
        let job = self.job;
        let is_plain = |input: &Input| !matches!(input, Input::Field(..)) || job.bound.field(input).is_some();
        let is_last = !job.checked.ascending && job.select.limit == 1 && job.select.offset == 0 && self.shows_all;
        let is_plain = is_last && job.bound.inputs.iter().all(is_plain);
        let mut lone: Vec<usize> =
            groups.iter().filter(|group| group.series.len() == 1).map(|group| group.series[0]).collect();
        let (Some(&shard), true) = (shards.first(), is_plain && lone.len() <= AHEAD) else { return Ok(()) };
        if matches!(job.bound.filter, Predicate::Always(true)) {
            lone.sort_unstable();
            let bytes = lone.len() * (job.bound.scan.len() + 3) * size_of::<u64>();
            // Without them cuts are read, one after the other.
            if self.memory.resize(bytes as u64).is_err() {
                return Ok(());
            }
            self.last_rows = scan.last_rows(shard, &lone, job.context)?;
            let known = lone.into_iter().zip(&self.last_rows.rows);
            self.last = known.filter_map(|(series, row)| Some((series, (*row)?))).collect();
        }
        Ok(())
    }

    /// Takes a group of one series, and hands those before over if there is no room else.
    pub(super) fn take(
        &mut self,
        group: Group,
        (scan, shards): (&mut Scan<'_>, &[usize]),
        sink: &mut dyn Sink,
    ) -> Result<Flow, QueryError> {
        let rows = self.gathered.times.len() + self.waiting.len();
        if (rows >= self.most || self.groups.len() >= GROUPS)
            && let Flow::Stop = self.flush(sink)?
        {
            return Ok(Flow::Stop);
        }
        match self.gather(group.series[0], scan, shards) {
            // Less is read at once there.
            Err(QueryError::Memory(_)) => {
                self.rows.truncate(self.groups.last().map_or(0, |(_, rows)| rows.end));
                match self.flush(sink)? {
                    Flow::Stop => Ok(Flow::Stop),
                    Flow::Continue => raw::run_group(self.job, &group, (scan, shards), sink),
                }
            }
            rows => {
                self.groups.push((group, rows?));
                Ok(Flow::Continue)
            }
        }
    }

    /// Gathers the rows of a series; where they are in `rows`.
    fn gather(&mut self, series: usize, scan: &mut Scan<'_>, shards: &[usize]) -> Result<Range<usize>, QueryError> {
        let (job, ascending) = (self.job, self.job.checked.ascending);
        job.check_cancel()?;
        let from = self.rows.len();
        let wanted = (job.select.limit + job.select.offset) as usize;
        self.series.push(series);
        if let Ok(at) = self.last.binary_search_by_key(&series, |&(series, _)| series) {
            if self.waiting.len().is_multiple_of(STEP) {
                self.gathered.charge(self.waiting.len() + STEP)?;
            }
            self.waiting.push((self.last[at].1, self.series.len() as u32 - 1, from));
            self.rows.push(0);
            return Ok(from..self.rows.len());
        }
        self.settle()?;
        let member = member(job, series);
        for &shard in shards {
            if self.rows.len() - from >= wanted || matches!(*member.1, Predicate::Always(false)) {
                break;
            }
            let mut cuts = prune::passing_cuts(job, scan, (series, shard), &job.reach(0), &member.1)?;
            let _memory = job.take(cuts.iter().map(Cut::bytes).sum())?;
            if !ascending {
                cuts.reverse();
            }
            for cut in &cuts {
                self.gather_cut(cut, &member, (from, wanted))?;
            }
        }
        let skipped = self.rows.len().min(from + job.select.offset as usize);
        self.rows.drain(from..skipped);
        self.rows.truncate(from + job.select.limit as usize);
        Ok(from..self.rows.len())
    }

    /// Gathers the rows that are known and wait.
    fn settle(&mut self) -> Result<(), QueryError> {
        // First of all, so that none is lost where it fails.
        self.gathered.charge(self.waiting.len())?;
        // In order of rows, whatever the order of groups.
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_unstable();
        let before = self.gathered.times.len() as u32;
        let chosen: Vec<(u32, u32)> = waiting.iter().map(|&(row, member, _)| (row, member)).collect();
        if !chosen.is_empty() {
            self.gathered.append(self.job, &self.last_rows, &chosen)?;
        }
        for (gathered, (_, _, place)) in (before..).zip(waiting) {
            self.rows[place] = gathered;
        }
        Ok(())
    }

    /// Gathers rows of a cut until as many are there as are wanted from a place in `rows` on.
    fn gather_cut(&mut self, cut: &Cut, member: &Member<'_>, (from, wanted): (usize, usize)) -> Result<(), QueryError> {
        let (job, ascending) = (self.job, self.job.checked.ascending);
        let range = cut.range().intersect(&job.reach(0));
        // Of several pages the one at the end, which mostly is enough.
        let Some(near) = cut.pages_within(&first_part(&range, 0, ascending)) else {
            return self.gather_page(cut, member, (from, wanted));
        };
        let rest = near.first().map_or(Some(range), |page| beyond(&range, &page.range(), ascending));
        for page in &near {
            self.gather_page(page, member, (from, wanted))?;
        }
        if let Some(rest) = rest.filter(|_| self.rows.len() - from < wanted) {
            let mut pages = cut.pages_within(&rest).unwrap_or_default();
            if !ascending {
                pages.reverse();
            }
            for page in &pages {
                self.gather_page(page, member, (from, wanted))?;
            }
        }
        Ok(())
    }

    /// The same of a page, or a cut that is merged.
    fn gather_page(
        &mut self,
        page: &Cut,
        member: &Member<'_>,
        (from, wanted): (usize, usize),
    ) -> Result<(), QueryError> {
        let missing = wanted.saturating_sub(self.rows.len() - from);
        if missing == 0 {
            return Ok(());
        }
        let (job, ascending) = (self.job, self.job.checked.ascending);
        job.check_cancel()?;
        let most = if self.shows_all { missing } else { usize::MAX };
        let before = self.gathered.times.len();
        let part = Part { stretch: job.reach(0), most, ascending };
        gather(job, (page, self.series.len() - 1), member, &part, &mut self.gathered)?;
        let mut new: Vec<u32> = (before as u32..self.gathered.times.len() as u32).collect();
        if !self.shows_all {
            self.gathered.pad(job);
            new.retain(|&row| self.gathered.shows(job, row as usize));
        }
        if !ascending {
            new.reverse();
        }
        self.rows.extend(new.into_iter().take(missing));
        Ok(())
    }

    /// Makes the rows of the groups that wait, and hands them over.
    pub(super) fn flush(&mut self, sink: &mut dyn Sink) -> Result<Flow, QueryError> {
        let _stage = self.job.making_rows();
        self.settle()?;
        let mut gathered = std::mem::replace(&mut self.gathered, Gathered::new(self.job)?);
        let (groups, series) = (std::mem::take(&mut self.groups), std::mem::take(&mut self.series));
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(Flow::Continue);
        }
        self.job.read_points(rows.len())?;
        gathered.pad(self.job);
        let groups: Vec<(Group, Range<usize>)> = groups.into_iter().filter(|(_, part)| !part.is_empty()).collect();
        show(self.job, &groups, &series, (&gathered, &rows), sink)
    }
}

/// Hands the rows of groups over, of half of them at a time where their tags do not fit all at once.
fn show(
    job: &Job<'_>,
    groups: &[(Group, Range<usize>)],
    series: &[usize],
    (gathered, rows): (&Gathered, &[u32]),
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    let (Some((_, first)), Some((_, last))) = (groups.first(), groups.last()) else { return Ok(Flow::Continue) };
    let shown = &rows[first.start..last.end];
    let mut none = vec![None; job.plan.references.len()];
    let (outputs, _memory) = match columns::shown(job, series, (gathered, shown), &mut none) {
        Err(QueryError::Memory(_)) if groups.len() > 1 => {
            job.check_cancel()?;
            let (first, rest) = groups.split_at(groups.len() / 2);
            return match show(job, first, series, (gathered, rows), sink)? {
                Flow::Stop => Ok(Flow::Stop),
                Flow::Continue => show(job, rest, series, (gathered, rows), sink),
            };
        }
        shown => shown?,
    };
    let times = shown.iter().map(|&row| gathered.times[row as usize]).collect();
    let frame = whole_frame(times, outputs);
    let series = groups.iter().map(|(group, part)| (job.header(group), part.len())).collect();
    Ok(give(sink, Item::Many(Many { series, frame })))
}
