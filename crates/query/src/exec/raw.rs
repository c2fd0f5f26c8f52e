//! SELECT without calls, or with functions over raw points: the rows of all series of a group, merged by time, equal times in
//! order of series keys.
//!
//! Time is walked in stretches, backwards for DESC. A stretch is as long as the cuts' bounds say that about so many rows as
//! are wanted lie in it; the cuts that reach into it, without those that bounds of values rule out, are decoded (times first, then the
//! filter's columns, and the others only if rows are left: `gather`), their rows copied out and sorted. So what is alive at once is bounded
//! by the rows of a stretch, a cut that reaches over several stretches is decoded once for each, and with LIMIT only the first stretches
//! are read. Where a group has so many series that their cuts should not be kept, [`sift`](super::sift) walks it; groups of one series and few rows are
//! taken together by [`brief`](super::brief); one series that functions read is walked cut by cut, in [`sequence`](super::sequence).

use super::brief::Batch;
use super::emit::{Emitter, give_in_frames};
use super::gather::{Gathered, Member, Part, gather, member, most_rows, sorted};
use super::stretch::{Spread, beyond, first_part, next_stretch};
use super::{Flow, Group, Job, Meter, columns, give, groups, prune, sequence, sift};
use crate::datum::Datum;
use crate::plan::Input;
use crate::predicate::Predicate;
use crate::source::{Cut, Scan};
use crate::{QueryError, Sink};
use model::{Item, TimeRange};
use platform::budget::Grant;
use std::borrow::Cow;

/// The part of a query's memory that may hold what cuts have read (one in so many).
const KEPT: u64 = 4;
/// A stretch that did not fit is tried again with one so many times shorter.
const LESS: u64 = 4;
/// The least number of rows that a stretch should have, however small the limit.
const LEAST: usize = 16;

/// A cut, of several pages perhaps, and the series that it belongs to (its place in the group).
struct Piece {
    cut: Cut,
    member: usize,
    /// What the cut has read and keeps for the next stretch, as far as it is charged (bytes).
    kept: usize,
}

/// What all cuts of a group have read and keep.
struct Kept {
    bytes: usize,
    grant: Grant,
}

impl Kept {
    /// Lets a cut keep what it has read, if that is not too much.
    fn keep(&mut self, job: &Job<'_>, piece: &mut Piece) {
        let more = piece.cut.kept() - piece.kept;
        let all = (self.bytes + more) as u64;
        if all <= job.context.budget.limit() / KEPT && self.grant.resize(all).is_ok() {
            self.bytes += more;
            piece.kept += more;
        } else {
            piece.cut.forget();
            self.bytes -= piece.kept;
            piece.kept = 0;
        }
    }

    /// Drops the pieces that lie outside of a range.
    fn retain(&mut self, pieces: &mut Vec<Piece>, range: &TimeRange) {
        pieces.retain(|piece| {
            let wanted = piece.cut.range().overlaps(range);
            if !wanted {
                self.bytes -= piece.kept;
            }
            wanted
        });
    }
}

/// What is still to come of a group.
pub(super) struct State<'g> {
    skip: u64,
    pub(super) left: u64,
    opened: bool,
    carried: Vec<Option<Datum>>,
    /// Makes the rows where functions read the points.
    stream: Option<Emitter<'g>>,
}

impl State<'_> {
    /// Rows that are wanted of the group, those included that OFFSET passes over.
    pub(super) fn wanted(&self) -> u64 {
        if self.stream.is_some() { u64::MAX } else { self.left.saturating_add(self.skip) }
    }
}

/// Runs a SELECT without calls over one table.
pub(crate) fn run(job: &Job<'_>, sink: &mut dyn Sink) -> Result<Flow, QueryError> {
    let selected = 0..job.plan.references.len();
    let reads = selected.clone().any(|input| matches!(job.bound.inputs[input], Input::Field(..)));
    if !reads || job.checked.range.is_empty() {
        return Ok(Flow::Continue);
    }
    let mut scan = job.table.source.scan(job.set, &job.bound.scan, job.reach(0))?;
    let shards = shards_to_read(job, &mut scan);
    let (groups, _memory) = groups(job)?;
    let mut batch = Batch::new(job)?;
    if let Some(batch) = &mut batch {
        batch.look_ahead(&groups, &scan, &shards)?;
    }
    for group in groups {
        let flow = match &mut batch {
            Some(batch) if group.series.len() == 1 => batch.take(group, (&mut scan, &shards), sink)?,
            Some(batch) => match batch.flush(sink)? {
                Flow::Continue => run_group(job, &group, (&mut scan, &shards), sink)?,
                Flow::Stop => Flow::Stop,
            },
            None => run_group(job, &group, (&mut scan, &shards), sink)?,
        };
        if let Flow::Stop = flow {
            return Ok(Flow::Stop);
        }
    }
    batch.map_or(Ok(Flow::Continue), |mut batch| batch.flush(sink))
}

/// The shards with anything that is read, whatever the group, in the order of the walk.
fn shards_to_read(job: &Job<'_>, scan: &mut Scan<'_>) -> Vec<usize> {
    let shards = job.table.source.shards();
    let mut order: Vec<usize> = (0..shards.len()).filter(|&shard| shards[shard].overlaps(&job.reach(0))).collect();
    if !job.checked.ascending {
        order.reverse();
    }
    order.retain(|&shard| {
        prune::leave_out(job, scan, shard);
        scan.has_left(shard)
    });
    order
}

/// The rows of a group.
pub(super) fn run_group(
    job: &Job<'_>,
    group: &Group,
    (scan, shards): (&mut Scan<'_>, &[usize]),
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    if sequence::fits(job, group) {
        return sequence::run_group(job, group, (scan, shards), sink);
    }
    let mut state = State {
        skip: job.select.offset,
        left: if job.select.limit == 0 { u64::MAX } else { job.select.limit },
        opened: false,
        carried: vec![None; job.plan.references.len()],
        stream: job.plan.is_stream().then(|| Emitter::new(job, group)).transpose()?,
    };
    let sifts = sift::is_better(job, group, &state);
    for &shard in shards {
        let flow = match sifts {
            true => sift::run_shard(job, group, (scan, shard), &mut state, sink)?,
            false => run_shard(job, group, (scan, shard), &mut state, sink)?,
        };
        if let Flow::Stop = flow {
            return Ok(Flow::Stop);
        }
        if state.left == 0 {
            break;
        }
    }
    Ok(Flow::Continue)
}

/// The cuts of all series of a group in one shard, and their filters; counted.
fn pieces_of<'a>(
    job: &Job<'a>,
    group: &Group,
    (scan, shard): (&mut Scan<'_>, usize),
    memory: &mut Meter,
) -> Result<(Vec<Piece>, Vec<Member<'a>>), QueryError> {
    let (mut pieces, mut members) = (Vec::new(), Vec::with_capacity(group.series.len()));
    for (at, &series) in group.series.iter().enumerate() {
        job.check_cancel()?;
        let member = member(job, series);
        let own = if let Cow::Owned(filter) = &member.1 { filter.bytes() } else { 0 };
        let tags: usize = member.0.pairs().iter().map(|(key, value)| 32 + key.len() + value.len()).sum();
        memory.add(size_of::<Member<'_>>() + tags + own)?;
        if !matches!(*member.1, Predicate::Always(false)) {
            let cuts = prune::passing_cuts(job, scan, (series, shard), &job.reach(0), &member.1)?;
            memory.add(cuts.iter().map(|cut| cut.bytes() + size_of::<usize>()).sum())?;
            pieces.extend(cuts.into_iter().map(|cut| Piece { cut, member: at, kept: 0 }));
        }
        members.push(member);
    }
    Ok((pieces, members))
}

/// The rows of one shard, stretch by stretch.
fn run_shard(
    job: &Job<'_>,
    group: &Group,
    (scan, shard): (&mut Scan<'_>, usize),
    state: &mut State<'_>,
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    let ascending = job.checked.ascending;
    let mut memory = Meter::new(job.context)?;
    let (mut pieces, members) = pieces_of(job, group, (scan, shard), &mut memory)?;
    // What is left of the query's range, from where the walk stands.
    let mut range = job.reach(0);
    // Functions over points read some more than they give.
    let needed = usize::try_from(state.left.saturating_add(state.skip)).unwrap_or(usize::MAX);
    let most = most_rows(job);
    let mut rows = needed.max(LEAST).min(most);
    // How long a stretch may be (ns).
    let mut longest = u64::MAX;
    let mut kept = Kept { bytes: 0, grant: job.take(0)? };
    while state.left > 0 {
        job.check_cancel()?;
        kept.retain(&mut pieces, &range);
        let spread: Vec<Spread> = pieces.iter().map(|piece| (piece.cut.range(), piece.cut.rows_max() as u64)).collect();
        let Some(stretch) = next_stretch(&spread, &range, rows as u64, ascending) else { break };
        let stretch = first_part(&stretch, longest, ascending);
        let gathered = match gather_all(job, &members, (&mut pieces, &mut kept), stretch) {
            // There are more than bounds of cuts tell: rows may lie unevenly.
            Err(QueryError::Memory(_)) if stretch.start < stretch.end => {
                longest = stretch.end.abs_diff(stretch.start) / LESS;
                continue;
            }
            gathered => gathered?,
        };
        if let Flow::Stop = emit(job, group, &gathered, state, sink)? {
            return Ok(Flow::Stop);
        }
        let Some(rest) = beyond(&range, &stretch, ascending) else { break };
        range = rest;
        rows = rows.saturating_mul(2).min(most);
        longest = longest.saturating_mul(2).max(1);
    }
    Ok(Flow::Continue)
}

/// The rows of all cuts that lie in the stretch and pass the filter.
fn gather_all(
    job: &Job<'_>,
    members: &[Member<'_>],
    (pieces, kept): (&mut [Piece], &mut Kept),
    stretch: TimeRange,
) -> Result<Gathered, QueryError> {
    let mut gathered = Gathered::new(job)?;
    let part = Part { stretch, most: usize::MAX, ascending: job.checked.ascending };
    for piece in pieces.iter_mut().filter(|piece| piece.cut.range().overlaps(&stretch)) {
        job.check_cancel()?;
        let member = &members[piece.member];
        let Some(pages) = piece.cut.pages_within(&stretch) else {
            gather(job, (&piece.cut, piece.member), member, &part, &mut gathered)?;
            gathered.charge(0)?;
            kept.keep(job, piece);
            continue;
        };
        for page in &pages {
            gather(job, (page, piece.member), member, &part, &mut gathered)?;
            gathered.charge(0)?;
        }
    }
    gathered.pad(job);
    Ok(gathered)
}

/// Hands the rows over that OFFSET and LIMIT leave of those that were gathered, which are the next ones of the answer.
pub(super) fn emit(
    job: &Job<'_>,
    group: &Group,
    gathered: &Gathered,
    state: &mut State<'_>,
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    let _stage = job.making_rows();
    let rows = sorted(job, gathered);
    if let Some(stream) = &mut state.stream {
        job.read_points(rows.len())?;
        stream.take_rows(job, &gathered.times, &gathered.vectors, &rows)?;
        state.left = if stream.is_full() { 0 } else { state.left };
        return stream.flush(job, group, sink);
    }
    let skipped = usize::try_from(state.skip).unwrap_or(usize::MAX).min(rows.len());
    let shown = usize::try_from(state.left).unwrap_or(usize::MAX).min(rows.len() - skipped);
    state.skip -= skipped as u64;
    state.left -= shown as u64;
    job.read_points(skipped + shown)?;
    let rows = &rows[skipped..skipped + shown];
    if rows.is_empty() {
        return Ok(Flow::Continue);
    }
    if !state.opened {
        state.opened = true;
        if let Flow::Stop = give(sink, Item::Series(job.header(group))) {
            return Ok(Flow::Stop);
        }
    }
    show(job, group, (gathered, rows), &mut state.carried, sink)
}

/// Hands rows over, in halves where their tags do not fit all at once.
fn show(
    job: &Job<'_>,
    group: &Group,
    (gathered, rows): (&Gathered, &[u32]),
    carried: &mut Vec<Option<Datum>>,
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    let before = carried.clone();
    let (outputs, _memory) = match columns::shown(job, &group.series, (gathered, rows), carried) {
        Err(QueryError::Memory(_)) if rows.len() > 1 => {
            job.check_cancel()?;
            *carried = before;
            let (first, rest) = rows.split_at(rows.len() / 2);
            return match show(job, group, (gathered, first), carried, sink)? {
                Flow::Stop => Ok(Flow::Stop),
                Flow::Continue => show(job, group, (gathered, rest), carried, sink),
            };
        }
        shown => shown?,
    };
    let times: Vec<i64> = rows.iter().map(|&row| gathered.times[row as usize]).collect();
    give_in_frames(job, times, outputs, sink)
}
