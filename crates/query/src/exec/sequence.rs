//! Functions over the raw points of one series: cut by cut in order of time, columns of pages are made columns of the answer.
//!
//! The cuts of a series do not overlap and come in order, so that there is nothing to sort, and values are read where the page
//! keeps them. A frame is handed over when it is full, however many pages it took: alive at once are the columns that functions
//! read of one page, or of one cut where pages overlap, and a frame's rows.

use super::cells::{Selected, select_rows};
use super::emit::Emitter;
use super::gather::{Member, member, most_rows};
use super::stream::makes_columns;
use super::{Flow, Group, Job, Meter, Reader, prune, within};
use crate::predicate::Predicate;
use crate::source::{Cut, Scan};
use crate::{QueryError, Sink};
use model::Column;
use platform::budget::Grant;
use std::ops::Range;
use std::sync::Arc;

/// Fields of which whole pages may be in memory at once.
const FEW: usize = 16;
/// What a value takes at least (bytes).
const CELL: usize = 8;

/// Whether a group is walked here.
pub(super) fn fits(job: &Job<'_>, group: &Group) -> bool {
    group.series.len() == 1
        && job.checked.ascending
        && job.table.source.is_stored()
        && job.plan.references.len() <= FEW
        && makes_columns(job)
}

/// The walk over a series.
struct Walk<'j, 'a, 'g> {
    job: &'j Job<'a>,
    group: &'g Group,
    emitter: Emitter<'g>,
    /// Rows of a frame.
    most: usize,
    /// Rows of the shard that are still to come, at most.
    rest: usize,
    /// The columns of a cut, and what is made of them.
    memory: Grant,
}

/// The rows of a group that [`fits`].
pub(super) fn run_group(
    job: &Job<'_>,
    group: &Group,
    (scan, shards): (&mut Scan<'_>, &[usize]),
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    let series = group.series[0];
    let member = member(job, series);
    if matches!(*member.1, Predicate::Always(false)) {
        return Ok(Flow::Continue);
    }
    let most = most_rows(job).min(job.context.frame_rows).max(1);
    let mut walk = Walk { job, group, emitter: Emitter::new(job, group)?, most, rest: 0, memory: job.take(0)? };
    for &shard in shards {
        job.check_cancel()?;
        if walk.emitter.is_full() {
            break;
        }
        let cuts = prune::passing_cuts(job, scan, (series, shard), &job.reach(0), &member.1)?;
        let mut memory = Meter::new(job.context)?;
        memory.add(cuts.iter().map(Cut::bytes).sum())?;
        walk.rest = cuts.iter().map(Cut::rows_max).sum();
        for cut in cuts {
            if let Flow::Stop = walk.cut(&cut, &member, sink)? {
                return Ok(Flow::Stop);
            }
        }
        if let Flow::Stop = walk.emitter.flush(job, group, sink)? {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::Continue)
}

impl Walk<'_, '_, '_> {
    fn cut(&mut self, cut: &Cut, member: &Member<'_>, sink: &mut dyn Sink) -> Result<Flow, QueryError> {
        let Some(pages) = cut.pages_within(&self.job.reach(0)) else { return self.page(cut, member, sink) };
        for page in &pages {
            if let Flow::Stop = self.page(page, member, sink)? {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// A cut that is read at once.
    fn page(&mut self, cut: &Cut, (tags, filter): &Member<'_>, sink: &mut dyn Sink) -> Result<Flow, QueryError> {
        self.job.check_cancel()?;
        if self.emitter.is_full() {
            return Ok(Flow::Continue);
        }
        self.charge(cut.rows_max())?;
        let times = cut.times()?;
        let rows = within(cut, &times, &self.job.reach(0));
        let reader = Reader { cut, inputs: &self.job.bound.inputs, tags };
        let Some(selected) = select_rows(&reader, filter, &times, rows.clone())? else { return Ok(Flow::Continue) };
        self.job.read_points(if let Selected::Some(rows) = &selected { rows.len() } else { rows.len() })?;
        let mut columns = Vec::with_capacity(self.job.plan.references.len());
        for input in 0..self.job.plan.references.len() {
            columns.push(if reader.has(input)? { reader.column(input)? } else { None });
        }
        match selected {
            Selected::All => self.rows(&times, rows, &columns, sink),
            Selected::Some(rows) => {
                let times: Vec<i64> = rows.iter().map(|&row| times[row as usize]).collect();
                let take = |column: Arc<Column>| Arc::new(column.take_ascending(&rows));
                let columns: Vec<Option<Arc<Column>>> = columns.into_iter().map(|column| column.map(take)).collect();
                self.rows(&times, 0..times.len(), &columns, sink)
            }
        }
    }

    /// Charges the columns of so many rows, and of those that are made at once.
    fn charge(&mut self, rows: usize) -> Result<(), QueryError> {
        let read = rows.saturating_mul(self.job.plan.references.len() + 1);
        let made = self.most * (1 + self.job.plan.transforms.len() + self.job.plan.outputs.len());
        let resized = self.memory.resize(read.saturating_add(made).saturating_mul(CELL) as u64);
        resized.map_err(|error| QueryError::Memory(error.to_string()))
    }

    /// Some rows of columns.
    fn rows(
        &mut self,
        times: &[i64],
        rows: Range<usize>,
        columns: &[Option<Arc<Column>>],
        sink: &mut dyn Sink,
    ) -> Result<Flow, QueryError> {
        let mut next = rows.start;
        while next < rows.end && !self.emitter.is_full() {
            let stage = self.job.making_rows();
            let waiting = self.emitter.waiting();
            if waiting == 0 {
                self.emitter.reserve(self.most.min(self.rest));
            }
            let part = next..rows.end.min(next + self.most - waiting);
            next = part.end;
            self.rest = self.rest.saturating_sub(part.len());
            self.emitter.take_points(self.job, times, part, &|reference| columns[reference].as_deref())?;
            drop(stage);
            if self.emitter.waiting() >= self.most
                && let Flow::Stop = self.emitter.flush(self.job, self.group, sink)?
            {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }
}
