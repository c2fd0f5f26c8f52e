//! Dense accumulators [call][group][bucket], filled from the cuts of a stretch of time.
//!
//! A cut that lies in one bucket and is not filtered gives its statistics; any other is clipped, filtered, split at the
//! bucket edges, and reduced slice by slice. Where pieces overlap, a cut falls into leaves, field by field, which have no time
//! in common and add up: pages with statistics, and a rest. A selector whose point is wanted (the time of a least or greatest
//! value, or other columns) uses statistics only to pass over cuts that cannot change anything.

use super::fold::{ColumnRows, segments};
use super::keep::extra_value;
use super::sweep::{self, NOBODY};
use super::{Group, Job, Meter, Reader, prune, within};
use crate::QueryError;
use crate::functions::many::Many;
use crate::functions::ranked::key_of;
use crate::functions::selecting::Selecting;
use crate::functions::{FIRST, Function, Kernel};
use crate::partial::Partial;
use crate::plan::{Call, Input, Plan, Variable};
use crate::predicate::Predicate;
use crate::source::{Cut, Scan};
use crate::trace::{Count, Stage};
use crate::vector::Rows;
use crate::windows::Windows;
use model::{TagSet, TimeRange};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use storage::Stats;

/// What a cell may keep where its results are made on a thread that has other work to do (bytes).
const AT_ONCE: usize = 64 << 10;
/// Calls up to which each is compared with each to find those that share the leaves of a cut.
const SHARED: usize = 64;

/// A stretch of consecutive buckets.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) windows: Windows,
    /// The first bucket.
    pub(crate) first: i64,
    /// How many there are.
    pub(crate) count: usize,
    /// The instants that count.
    pub(crate) range: TimeRange,
}

/// What is known of each bucket of each group.
pub(crate) struct Cells {
    /// For each call, `groups * buckets` cells.
    pub(crate) calls: Vec<Vec<Partial>>,
    pub(crate) buckets: usize,
    /// Memory of values that are kept.
    pub(super) memory: Meter,
    /// And of values that other cells kept, which became these.
    others: Vec<Meter>,
}

impl Cells {
    /// What a cell takes without what it keeps (bytes).
    pub(super) const CELL: usize = size_of::<Partial>();

    /// The cells of groups, of which each part has some, in their order.
    pub(super) fn joined(parts: Vec<Self>) -> Option<Self> {
        let mut parts = parts.into_iter();
        let mut all = parts.next()?;
        for part in parts {
            all.calls.iter_mut().zip(part.calls).for_each(|(cells, more)| cells.extend(more));
            all.others.push(part.memory);
        }
        Some(all)
    }

    /// Adds cells of the same groups.
    pub(super) fn add(&mut self, job: &Job<'_>, part: Self) {
        for ((cells, more), call) in self.calls.iter_mut().zip(part.calls).zip(&job.plan.calls) {
            cells.iter_mut().zip(more).for_each(|(cell, more)| cell.merge(call.function, more));
        }
        self.others.push(part.memory);
    }

    fn new(job: &Job<'_>, groups: usize, buckets: usize) -> Result<Self, QueryError> {
        let cells = |_| std::iter::repeat_with(Partial::default).take(groups * buckets).collect();
        let calls = (0..job.plan.calls.len()).map(cells).collect();
        Ok(Self { calls, buckets, memory: Meter::new(job.context)?, others: Vec::new() })
    }

    /// Everything is accumulated: makes results of what was kept.
    pub(super) fn finish(&mut self, job: &Job<'_>) -> Result<(), QueryError> {
        let ascending = job.checked.ascending;
        let Self { calls, memory, .. } = self;
        for (cells, call) in calls.iter_mut().zip(&job.plan.calls) {
            if !call.function.entry.keeps_values() {
                continue;
            }
            for cell in cells.iter_mut().filter(|cell| !cell.is_empty()) {
                job.check_cancel()?;
                if cell.bytes() > AT_ONCE && job.context.deadline.is_some() {
                    return Err(QueryError::Late);
                }
                let most = cell.bytes() + cell.bytes_to_finish(call.function);
                memory.change(cell.bytes(), most)?;
                cell.finish(call.function, ascending, &|| job.check_cancel())?;
                memory.change(most, cell.bytes())?;
            }
        }
        Ok(())
    }

    /// Whether nothing is known of any bucket.
    pub(super) fn are_empty(&self) -> bool {
        self.calls.iter().flatten().all(Partial::is_empty)
    }

    /// The cells of a call in one group.
    pub(crate) fn of(&self, call: usize, group: usize) -> &[Partial] {
        &self.calls[call][group * self.buckets..(group + 1) * self.buckets]
    }
}

/// How points are wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The selected point itself is wanted: its time, and these references.
    pub(crate) point: Option<Vec<usize>>,
}

impl Wanted {
    pub(crate) fn new(job: &Job<'_>) -> Self {
        let extra: Vec<usize> = job
            .plan
            .variables
            .iter()
            .filter_map(|variable| match variable {
                Variable::Reference(reference) => Some(*reference),
                Variable::Call(_) | Variable::Transform(_) | Variable::Apart(_) => None,
            })
            .collect();
        let alone = !job.plan.is_part && job.plan.calls.len() == 1 && job.plan.calls[0].function.entry.is_selector();
        let own_time = alone && job.checked.windows.interval == 0;
        Self { point: (own_time || !extra.is_empty()).then_some(extra) }
    }

    /// Whether statistics say of a function's point what is wanted: when the first and the last value were, they know.
    pub(crate) fn suffices(&self, function: Function) -> bool {
        let has_time = matches!(function.entry.kernel, Kernel::Selecting(Selecting::First | Selecting::Last));
        self.point.as_ref().is_none_or(|extra| has_time && extra.is_empty())
    }
}

/// Which end of time decides everything: then the walk starts there and stops early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    First,
    Last,
    Neither,
}

pub(super) struct Walk<'j, 'a> {
    pub(super) job: &'j Job<'a>,
    pub(super) chunk: Chunk,
    pub(super) wanted: &'j Wanted,
    pub(super) cells: Cells,
    end: End,
    /// The shard and series that is read.
    pub(super) source: u64,
    /// The calls of this walk.
    pub(super) all: Arc<[usize]>,
}

/// Accumulates some groups over a chunk.
pub(crate) fn accumulate(job: &Job<'_>, groups: &[Group], chunk: &Chunk, wanted: &Wanted) -> Result<Cells, QueryError> {
    let mut cells = collect(job, groups, chunk, wanted)?;
    cells.finish(job)?;
    Ok(cells)
}

/// Takes the rows of some groups, of which no results are made yet. Calls that are wanted in buckets before the first one of the
/// answer see rows that others do not, so that the calls of each such reach have a walk of their own.
pub(super) fn collect(job: &Job<'_>, groups: &[Group], chunk: &Chunk, wanted: &Wanted) -> Result<Cells, QueryError> {
    let mut cells = Cells::new(job, groups.len(), chunk.count)?;
    let leads: BTreeSet<u32> = job.plan.calls.iter().map(|call| call.lead).collect();
    for lead in leads {
        let calls: Arc<[usize]> = (0..job.plan.calls.len()).filter(|&call| job.plan.calls[call].lead == lead).collect();
        let reach = job.reach(lead);
        let chunk = Chunk { range: chunk.range.intersect(&reach), ..chunk.clone() };
        if !chunk.range.is_empty() {
            cells = walk(job, groups, (chunk, calls), wanted, cells)?;
        }
    }
    Ok(cells)
}

/// Takes the rows of a chunk for some calls.
fn walk(
    job: &Job<'_>,
    groups: &[Group],
    (chunk, calls): (Chunk, Arc<[usize]>),
    wanted: &Wanted,
    cells: Cells,
) -> Result<Cells, QueryError> {
    let end = deciding_end(job, &chunk, &calls);
    let mut walk = Walk { job, chunk, wanted, cells, end, source: 0, all: calls };
    let sweeps = sweep::pays(job, &walk.all, wanted, groups.iter().map(|group| group.series.len()).sum());
    let owners = sweeps.then(|| owners(job, groups)).transpose()?;
    let mut members = if sweeps { Vec::new() } else { members(groups) };
    let range = walk.chunk.range;
    let mut scan = job.table.source.scan(job.set, &job.bound.scan, range)?;
    let spans = job.table.source.shards();
    let mut shards: Vec<usize> = (0..spans.len()).filter(|&shard| spans[shard].overlaps(&range)).collect();
    if walk.end == End::Last {
        shards.reverse();
    }
    for shard in shards {
        if walk.end != End::Neither {
            members.retain(|&(_, group)| !walk.is_complete(group));
        }
        walk.bands(&mut scan, shard, groups);
        if !scan.has_left(shard) {
            continue;
        }
        if let Some((owners, _)) = &owners {
            if let Some(sweep) = sweep::take(&mut walk, &scan, shard, owners)? {
                let owned = owners.iter().enumerate().filter(|(_, owner)| **owner != NOBODY);
                for (series, &owner) in owned.filter(|(series, _)| sweep.is_alone(*series)) {
                    walk.series(&mut scan, shard, series, owner as usize)?;
                }
                continue;
            }
            if members.is_empty() {
                members = self::members(groups);
            }
        }
        for &(series, group) in &members {
            walk.series(&mut scan, shard, series, group)?;
        }
    }
    Ok(walk.cells)
}

/// All series of some groups, ascending, each with its group.
fn members(groups: &[Group]) -> Vec<(usize, usize)> {
    let each = groups.iter().enumerate();
    let mut members: Vec<(usize, usize)> =
        each.flat_map(|(group, members)| members.series.iter().map(move |&series| (series, group))).collect();
    if !members.is_sorted() {
        members.sort_unstable();
    }
    members
}

/// For each series of the set its group among these, or [`NOBODY`]; and the memory of that.
fn owners(job: &Job<'_>, groups: &[Group]) -> Result<(Vec<u32>, platform::budget::Grant), QueryError> {
    let grant = job.take(job.set.len() * size_of::<u32>())?;
    let mut owners = vec![NOBODY; job.set.len()];
    for (group, owner) in groups.iter().zip(0..) {
        group.series.iter().for_each(|&series| owners[series] = owner);
    }
    Ok((owners, grant))
}

/// The bucket of the first value that a call has in a group, in the whole range.
pub(crate) fn first_bucket(job: &Job<'_>, group: &Group, call: usize) -> Result<Option<i64>, QueryError> {
    let reference = job.plan.calls[call].reference;
    if matches!(job.bound.inputs[reference], Input::Missing) {
        return Ok(None);
    }
    let first = Call { function: Function::plain(&FIRST), reference, ..job.plan.calls[call].clone() };
    let plan = Plan { calls: vec![first], ..job.plan.clone() };
    let job = Job { plan: &plan, ..*job };
    let range = job.reach(job.plan.calls[0].lead);
    let chunk = Chunk { windows: Windows::new(0, 0, None), first: 0, count: 1, range };
    let cells = accumulate(&job, std::slice::from_ref(group), &chunk, &Wanted { point: Some(Vec::new()) })?;
    Ok(match &cells.of(0, 0)[0] {
        Partial::Point(point) => Some(job.checked.windows.index(point.time)),
        _ => None,
    })
}

fn deciding_end(job: &Job<'_>, chunk: &Chunk, calls: &[usize]) -> End {
    let only =
        |kernel| calls.iter().all(|&call| job.plan.calls[call].function.entry.kernel == Kernel::Selecting(kernel));
    match chunk.count {
        1 if only(Selecting::First) => End::First,
        1 if only(Selecting::Last) => End::Last,
        _ => End::Neither,
    }
}

impl Walk<'_, '_> {
    /// Whether all calls that can have a value have one.
    fn is_complete(&self, group: usize) -> bool {
        self.all.iter().all(|&call| {
            matches!(self.job.bound.inputs[self.job.plan.calls[call].reference], Input::Missing)
                || !self.cells.calls[call][group].is_empty()
        })
    }

    fn series(&mut self, scan: &mut Scan<'_>, shard: usize, series: usize, group: usize) -> Result<(), QueryError> {
        self.job.check_cancel()?;
        self.source = (shard as u64) << 40 | series as u64;
        let tags = if self.needs_tags() { self.job.set.tags(series) } else { TagSet::default() };
        let job = self.job;
        let filter = job.filter_of(series, &tags);
        if matches!(*filter, Predicate::Always(false)) {
            return Ok(());
        }
        let windows = &self.chunk.windows;
        let mut cuts = scan.coarse_cuts(series, shard, &|time| windows.end(windows.index(time)))?;
        if self.end == End::Last {
            cuts.reverse();
        }
        // What a cut has read goes with it.
        for cut in cuts {
            self.job.check_cancel()?;
            self.cut(&cut, group, &tags, &filter)?;
        }
        Ok(())
    }

    fn needs_tags(&self) -> bool {
        !matches!(self.job.bound.filter, Predicate::Always(_))
            || self.job.plan.calls.iter().any(|call| !call.by.is_empty())
            || self.job.bound.inputs.iter().any(|input| matches!(input, Input::Tag(_)))
    }

    fn cut(&mut self, cut: &Cut, group: usize, tags: &TagSet, filter: &Predicate) -> Result<(), QueryError> {
        if !cut.range().overlaps(&self.chunk.range) {
            return Ok(());
        }
        let all = self.all.clone();
        if cut.is_merged() && self.adds_up(filter) {
            let whole = self.leaves(cut, all.to_vec(), group, tags, filter)?;
            return self.part(cut, &whole, group, tags, filter);
        }
        self.part(cut, &all, group, tags, filter)
    }

    /// Whether values count one by one: no filter looks at other fields of their rows, and no other fields are wanted.
    fn adds_up(&self, filter: &Predicate) -> bool {
        let is_field = |&reference: &usize| matches!(self.job.bound.inputs[reference], Input::Field(..));
        let reads = self.wanted.point.as_ref().is_some_and(|extra| extra.iter().any(is_field));
        matches!(filter, Predicate::Always(true)) && !reads
    }

    /// Takes a cut leaf by leaf for the calls for which it has leaves; gives the others back.
    fn leaves(
        &mut self,
        cut: &Cut,
        mut calls: Vec<usize>,
        group: usize,
        tags: &TagSet,
        filter: &Predicate,
    ) -> Result<Vec<usize>, QueryError> {
        let range = self.chunk.range;
        let shares = calls.len() <= SHARED;
        let mut whole = Vec::new();
        while let Some(&call) = calls.first() {
            let field = self.field(call);
            let is_alike = |&other: &usize| match (field, self.field(other)) {
                (Some(field), Some(other)) => field == other || (shares && cut.is_alike(field, other)),
                _ => other == call,
            };
            let (alike, others): (Vec<usize>, Vec<usize>) = calls.into_iter().partition(is_alike);
            calls = others;
            match field.map(|field| cut.leaves(field)).transpose()?.flatten() {
                None => whole.extend(alike),
                Some(mut leaves) => {
                    if self.end == End::Last {
                        leaves.reverse();
                    }
                    for leaf in leaves.iter().filter(|leaf| leaf.range().overlaps(&range)) {
                        self.part(leaf, &alike, group, tags, filter)?;
                    }
                }
            }
        }
        Ok(whole)
    }

    /// Takes a cut, or a leaf of one, for some calls: from its statistics, else from its rows.
    fn part(
        &mut self,
        cut: &Cut,
        calls: &[usize],
        group: usize,
        tags: &TagSet,
        filter: &Predicate,
    ) -> Result<(), QueryError> {
        if !prune::may_pass(self.job, filter, cut) {
            return Ok(());
        }
        let inside = self.lone_bucket(&cut.range());
        let whole = inside.is_some() && matches!(filter, Predicate::Always(true));
        let cell = group * self.chunk.count + self.bucket(cut.range().start);
        let mut decode = Vec::new();
        for &call in calls {
            let planned = &self.job.plan.calls[call];
            let known = if whole && self.suffice(planned.function) { self.stats(call, cut) } else { None };
            match known.and_then(|stats| Partial::from_stats(planned.function, &stats)) {
                Some(partial) => {
                    cut.spared(Count::PagesAnswered);
                    self.cells.calls[call][cell].merge(planned.function, partial);
                }
                None if self.is_decided(call, cell, cut, whole) => cut.spared(Count::PagesPassedOver),
                None => decode.push(call),
            }
        }
        if decode.is_empty() {
            return Ok(());
        }
        let Some(mut pages) = cut.pages() else { return self.decode(cut, group, tags, filter, &decode) };
        if self.end == End::Last {
            pages.reverse();
        }
        pages.iter().try_for_each(|page| {
            self.job.check_cancel()?;
            self.part(page, &decode, group, tags, filter)
        })
    }

    /// The place in the chunk of the only bucket that a range of time lies in, all of it; `None` if there is none.
    pub(super) fn lone_bucket(&self, range: &TimeRange) -> Option<usize> {
        let windows = &self.chunk.windows;
        let inside = self.chunk.range.covers(range) && windows.index(range.start) == windows.index(range.end);
        inside.then(|| self.bucket(range.start))
    }

    /// The place of an instant's bucket in the chunk.
    pub(super) fn bucket(&self, time: i64) -> usize {
        let index = self.chunk.windows.index(time.max(self.chunk.range.start)) - self.chunk.first;
        usize::try_from(index).unwrap_or(0).min(self.chunk.count - 1)
    }

    /// See [`Wanted::suffices`].
    pub(super) fn suffice(&self, function: Function) -> bool {
        self.wanted.suffices(function)
    }

    fn stats(&self, call: usize, cut: &Cut) -> Option<Stats> {
        self.field(call).and_then(|field| cut.stats(field))
    }

    /// See [`Job::field`].
    pub(super) fn field(&self, call: usize) -> Option<usize> {
        self.job.field(call)
    }

    /// Whether the cut cannot change what the call knows.
    fn is_decided(&self, call: usize, cell: usize, cut: &Cut, whole: bool) -> bool {
        let planned = &self.job.plan.calls[call];
        if matches!(self.job.bound.inputs[planned.reference], Input::Missing | Input::Tag(_)) {
            return true;
        }
        let known = &self.cells.calls[call][cell];
        if self.end != End::Neither
            && let Partial::Point(point) = known
        {
            let range = cut.range();
            let kernel = planned.function.entry.kernel;
            let late = kernel == Kernel::Selecting(Selecting::First) && range.start > point.time;
            let early = kernel == Kernel::Selecting(Selecting::Last) && range.end < point.time;
            if late || early {
                return true;
            }
        }
        if !whole || known.is_empty() || !planned.function.entry.is_selector() {
            return false;
        }
        // A point of the cut is at best as the statistics say.
        let Some(stats) = self.stats(call, cut) else { return false };
        if let (Partial::Ranked(ranked), Kernel::Many(kernel)) = (known, planned.function.entry.kernel) {
            let least = kernel == Many::Bottom;
            let best =
                stats.numbers.and_then(|numbers| key_of(&if least { numbers.min } else { numbers.max }.into(), least));
            return kernel != Many::Sample
                && planned.by.is_empty()
                && best.is_some_and(|key| !ranked.admits(key, stats.first_time, None));
        }
        match Partial::from_stats(planned.function, &stats) {
            Some(Partial::Empty) => true,
            Some(Partial::Point(best)) => !known.yields_to(planned.function, best.time, best.value.value()),
            _ => false,
        }
    }

    fn decode(
        &mut self,
        cut: &Cut,
        group: usize,
        tags: &TagSet,
        filter: &Predicate,
        calls: &[usize],
    ) -> Result<(), QueryError> {
        let times = cut.times()?;
        let Range { start, end } = within(cut, &times, &self.chunk.range);
        let reader = Reader { cut, inputs: &self.job.bound.inputs, tags };
        let Some(selected) = select_rows(&reader, filter, &times, start..end)? else { return Ok(()) };
        let rows = match &selected {
            Selected::All => Rows::Range(start, end),
            Selected::Some(rows) => Rows::At(rows),
        };
        if rows.len() == 0 {
            return Ok(());
        }
        if matches!(cut, Cut::Stored(..)) {
            self.job.read_points(rows.len().saturating_mul(calls.len()))?;
        }
        let segments = segments(&self.chunk, &times, &rows);
        for &call in calls {
            let reference = self.job.plan.calls[call].reference;
            let Some(column) = reader.column(reference)? else { continue };
            let compact = match &selected {
                Selected::All => None,
                Selected::Some(rows) => Some(column.take(rows)),
            };
            let column = compact.as_ref().unwrap_or(&column);
            let view = ColumnRows { column, first: if compact.is_some() { 0 } else { start } };
            if self.fold((call, group), &view, &segments, |position| times[rows.at(view.row(position))]) {
                continue;
            }
            for (bucket, segment) in &segments {
                let cell = group * self.chunk.count + bucket;
                self.reduce(&reader, (call, cell), &view, segment.clone(), &times, &rows)?;
            }
        }
        Ok(())
    }

    /// Takes the values of some rows into a cell.
    fn reduce(
        &mut self,
        reader: &Reader<'_>,
        (call, cell): (usize, usize),
        view: &ColumnRows<'_>,
        segment: Range<usize>,
        times: &[i64],
        rows: &Rows<'_>,
    ) -> Result<(), QueryError> {
        let function = self.job.plan.calls[call].function;
        let positions = view.positions(segment);
        let time = |position: usize| times[rows.at(view.row(position))];
        if function.entry.keeps_values() {
            let row = |position: usize| rows.at(view.row(position));
            return self.keep(reader, (call, cell), &view.column.values, positions, times, &row);
        }
        let (mut partial, chosen) = Partial::of_slice(function, &view.column.values, &positions, time);
        let known = &mut self.cells.calls[call][cell];
        if let (Partial::Point(point), Some(chosen), Some(extra)) = (&mut partial, chosen, &self.wanted.point) {
            if !known.yields_to(function, point.time, point.value.value()) {
                return Ok(());
            }
            let row = rows.at(view.row(chosen));
            point.extra.reserve_exact(extra.len());
            for &reference in extra {
                point.extra.push(extra_value(reader, reference, row)?);
            }
        }
        let before = known.bytes();
        known.merge(function, partial);
        let after = known.bytes();
        if before == after { Ok(()) } else { self.cells.memory.change(before, after) }
    }
}

/// Rows that a filter lets through.
pub(crate) enum Selected {
    /// All of the range asked about.
    All,
    /// These, ascending.
    Some(Vec<u32>),
}

/// The rows of a range that fulfil the filter; `None` if there are none.
pub(crate) fn select_rows(
    reader: &Reader<'_>,
    filter: &Predicate,
    times: &[i64],
    range: Range<usize>,
) -> Result<Option<Selected>, QueryError> {
    if range.is_empty() {
        return Ok(None);
    }
    match filter {
        Predicate::Always(true) => return Ok(Some(Selected::All)),
        Predicate::Always(false) => return Ok(None),
        _ => {}
    }
    let _stage = reader.cut.stage(Stage::Filtering);
    let rows = Rows::Range(range.start, range.end);
    let mask = filter.mask(&times[range.clone()], &mut |input| reader.operand(input, &rows))?;
    let first = u32::try_from(range.start).unwrap_or(u32::MAX);
    let chosen: Vec<u32> = (first..).zip(&mask).filter_map(|(row, &holds)| holds.then_some(row)).collect();
    Ok(match chosen.len() {
        0 => None,
        all if all == mask.len() => Some(Selected::All),
        _ => Some(Selected::Some(chosen)),
    })
}
