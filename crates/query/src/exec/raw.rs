//! SELECT without calls, or with functions over raw points: the rows of all series of a group, merged by time, equal times in
//! order of series keys.
//!
//! Time is walked in stretches, backwards for DESC. A stretch is as long as the cuts' bounds say that about so many rows as
//! are wanted lie in it; the cuts that reach into it, without those that bounds of values rule out, are decoded (times first, then the filter's columns, and the others only
//! if rows are left), their rows copied out and sorted. So what is alive at once is bounded by the rows of a stretch, a cut
//! that reaches over several stretches is decoded once for each, and with LIMIT only the first stretches are read.

use super::cells::{Selected, select_rows};
use super::emit::{Emitter, give_in_frames};
use super::{Flow, Group, Job, Meter, Reader, columns, give, groups, prune};
use crate::datum::Datum;
use crate::plan::Input;
use crate::predicate::Predicate;
use crate::source::{Cut, Scan};
use crate::vector::{Node, Rows, Vector};
use crate::{QueryError, Sink};
use model::{FieldType, Item, TagSet, TimeRange};
use platform::budget::Grant;
use std::borrow::Cow;

/// Rows that a stretch should have.
const STRETCH: usize = 1 << 16;
/// The least that a vector takes for a row (bytes).
const CELL: usize = 8;
/// What a row takes besides: its time and its series (bytes).
const MARK: usize = 12;
/// How often the rows of a stretch are in memory while they are handed over: gathered, in the answer's order, evaluated, and in
/// frames. A slow reader keeps them there.
const COPIES: usize = 4;
/// The part of a query's memory that may hold what cuts have read, and that a stretch should take (one in so many).
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

/// A series of a group: its tags, and the filter of its rows.
pub(super) type Member<'a> = (TagSet, Cow<'a, Predicate>);

/// What is still to come of a group.
pub(super) struct State<'g> {
    skip: u64,
    left: u64,
    opened: bool,
    pub(super) carried: Vec<Option<Datum>>,
    /// Makes the rows where functions read the points.
    stream: Option<Emitter<'g>>,
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
    for group in groups {
        if let Flow::Stop = run_group(job, &group, (&mut scan, &shards), sink)? {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::Continue)
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

fn run_group(
    job: &Job<'_>,
    group: &Group,
    (scan, shards): (&mut Scan<'_>, &[usize]),
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    let mut memory = Meter::new(job.context)?;
    let mut members: Vec<Member<'_>> = Vec::new();
    for &series in &group.series {
        job.check_cancel()?;
        let tags = job.set.tags(series);
        let filter = job.filter_of(&tags);
        let own = if let Cow::Owned(filter) = &filter { filter.bytes() } else { 0 };
        let tag_bytes: usize = tags.pairs().iter().map(|(key, value)| 32 + key.len() + value.len()).sum();
        memory.add(size_of::<Member<'_>>() + tag_bytes + own)?;
        members.push((tags, filter));
    }
    let mut state = State {
        skip: job.select.offset,
        left: if job.select.limit == 0 { u64::MAX } else { job.select.limit },
        opened: false,
        carried: vec![None; job.plan.references.len()],
        stream: job.plan.is_stream().then(|| Emitter::new(job, group)).transpose()?,
    };
    for &shard in shards {
        let mut pieces = Vec::new();
        let mut piece_memory = Meter::new(job.context)?;
        for (member, &series) in group.series.iter().enumerate() {
            job.check_cancel()?;
            if matches!(*members[member].1, Predicate::Always(false)) {
                continue;
            }
            let cuts = prune::passing_cuts(job, scan, (series, shard), &members[member].1)?;
            piece_memory.add(cuts.iter().map(|cut| cut.bytes() + size_of::<usize>()).sum())?;
            pieces.extend(cuts.into_iter().map(|cut| Piece { cut, member, kept: 0 }));
        }
        if let Flow::Stop = run_shard(job, group, &members, pieces, &mut state, sink)? {
            return Ok(Flow::Stop);
        }
        if state.left == 0 {
            break;
        }
    }
    Ok(Flow::Continue)
}

/// The rows of one shard, stretch by stretch.
fn run_shard(
    job: &Job<'_>,
    group: &Group,
    members: &[Member<'_>],
    mut pieces: Vec<Piece>,
    state: &mut State<'_>,
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    let ascending = job.checked.ascending;
    // What is left of the query's range, from where the walk stands.
    let mut range = job.reach(0);
    let needed = usize::try_from(state.left.saturating_add(state.skip)).unwrap_or(usize::MAX);
    let most = most_rows(job);
    let mut rows = needed.max(LEAST).min(most);
    // How long a stretch may be (ns).
    let mut longest = u64::MAX;
    let mut kept = Kept { bytes: 0, grant: job.take(0)? };
    while state.left > 0 {
        job.check_cancel()?;
        kept.retain(&mut pieces, &range);
        let Some(stretch) = next_stretch(&pieces, &range, rows, ascending) else { break };
        let stretch = first_part(&stretch, longest, ascending);
        let gathered = match gather_all(job, members, (&mut pieces, &mut kept), stretch) {
            // There are more than bounds of cuts tell: rows may lie unevenly.
            Err(QueryError::Memory(_)) if stretch.start < stretch.end => {
                longest = stretch.end.abs_diff(stretch.start) / LESS;
                continue;
            }
            gathered => gathered?,
        };
        if let Flow::Stop = emit(job, group, members, &gathered, state, sink)? {
            return Ok(Flow::Stop);
        }
        if ascending {
            if stretch.end >= range.end {
                break;
            }
            range.start = stretch.end + 1;
        } else {
            if stretch.start <= range.start {
                break;
            }
            range.end = stretch.start - 1;
        }
        rows = rows.saturating_mul(2).min(most);
        longest = longest.saturating_mul(2).max(1);
    }
    Ok(Flow::Continue)
}

/// Rows that a stretch should have at most: with thousands of fields fewer than with some.
fn most_rows(job: &Job<'_>) -> usize {
    let row = (Widths::of(job).sum().max(1) * CELL * COPIES) as u64;
    usize::try_from(job.context.budget.limit() / KEPT / row).unwrap_or(STRETCH).clamp(1, STRETCH)
}

/// The next piece of `range` in which, going by the cuts' bounds, about `rows` rows lie; `None` if none lies in `range`.
fn next_stretch(pieces: &[Piece], range: &TimeRange, rows: usize, ascending: bool) -> Option<TimeRange> {
    let hull = pieces.iter().map(|piece| piece.cut.range()).reduce(|left, right| left.union(&right))?;
    let hull = hull.intersect(range);
    if hull.is_empty() {
        return None;
    }
    let width = hull.end.abs_diff(hull.start);
    let part = |length: u64| first_part(&hull, length, ascending);
    if estimate(pieces, &hull, rows) <= rows {
        return Some(part(width));
    }
    // The longest stretch with not more rows than wanted: one instant at least.
    let (mut low, mut high) = (0, width);
    while high - low > 1 && low < high - high / 16 {
        let middle = low + (high - low) / 2;
        if estimate(pieces, &part(middle), rows) <= rows {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(part(low))
}

/// What of a range the walk reaches first: an instant, and so many nanoseconds beyond it.
fn first_part(range: &TimeRange, length: u64, ascending: bool) -> TimeRange {
    let length = length.min(range.end.abs_diff(range.start));
    match ascending {
        true => TimeRange::new(range.start, range.start.wrapping_add_unsigned(length)),
        false => TimeRange::new(range.end.wrapping_sub_unsigned(length), range.end),
    }
}

/// About how many rows lie in a stretch, if those of a cut are spread evenly; stops counting above `enough`.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn estimate(pieces: &[Piece], stretch: &TimeRange, enough: usize) -> usize {
    let mut rows = 0.0;
    for piece in pieces {
        let range = piece.cut.range();
        let common = range.intersect(stretch);
        if common.is_empty() {
            continue;
        }
        let share = (common.end.abs_diff(common.start) as f64 + 1.0) / (range.end.abs_diff(range.start) as f64 + 1.0);
        rows += piece.cut.rows_max() as f64 * share;
        if rows > enough as f64 {
            break;
        }
    }
    rows as usize
}

/// Rows of a stretch, as vectors of each selected field; the vectors of tags stay empty.
pub(super) struct Gathered {
    times: Vec<i64>,
    pub(super) members: Vec<u32>,
    pub(super) vectors: Vec<Vector>,
    /// What they take, copies included.
    grant: Grant,
    widths: Widths,
}

/// How many columns of a row are in memory.
struct Widths {
    /// For each reference, if it is a field, how often: as gathered, or as often as the answer shows it.
    fields: Vec<usize>,
    /// Columns of the answer that are tags or computed.
    others: usize,
}

impl Widths {
    fn of(job: &Job<'_>) -> Self {
        let inputs = &job.bound.inputs[..job.plan.references.len()];
        let is_field = |input: usize| matches!(inputs.get(input), Some(Input::Field(..)));
        let mut fields = vec![0; inputs.len()];
        let mut others = 0;
        for output in &job.plan.outputs {
            match output.node {
                Node::Input(input) if is_field(input) => fields[input] += 1,
                _ => others += 1,
            }
        }
        // One that is only computed with is gathered all the same.
        fields.iter_mut().enumerate().for_each(|(input, uses)| *uses = (*uses).max(usize::from(is_field(input))));
        Self { fields, others }
    }

    /// All of them.
    fn sum(&self) -> usize {
        self.fields.iter().sum::<usize>() + self.others
    }
}

impl Gathered {
    fn new(job: &Job<'_>) -> Result<Self, QueryError> {
        let types = (0..job.plan.references.len()).map(|at| job.plan.reference_type(at).unwrap_or(FieldType::Float));
        let vectors: Vec<Vector> = types.map(Vector::new).collect();
        let widths = Widths::of(job);
        Ok(Self { times: Vec::new(), members: Vec::new(), vectors, grant: job.take(0)?, widths })
    }

    /// The vectors of fields; tags are the member's, and looked up for the rows that are shown.
    fn fields<'a>(&'a mut self, job: &'a Job<'_>) -> impl Iterator<Item = (usize, &'a mut Vector)> {
        let inputs = self.vectors.iter_mut().enumerate();
        inputs.filter(|(input, _)| matches!(job.bound.inputs[*input], Input::Field(..)))
    }

    /// Charges what is gathered, and some rows more. In the end a vector has a place for every row, whether the field has a value there
    /// or not: fields may be many and nearly empty.
    fn charge(&mut self, more: usize) -> Result<(), QueryError> {
        let rows = self.times.len() + more;
        let least = rows * CELL;
        let vectors = self.vectors.iter().zip(&self.widths.fields);
        let fields = vectors.map(|(vector, uses)| vector.values.bytes().max(least).saturating_mul(*uses));
        let bytes = fields.fold(0, usize::saturating_add).saturating_add(self.widths.others.saturating_mul(least));
        let resized = self.grant.resize((bytes + rows * MARK).saturating_mul(COPIES) as u64);
        resized.map_err(|error| QueryError::Memory(error.to_string()))
    }
}

/// The rows of all cuts that lie in the stretch and pass the filter.
fn gather_all(
    job: &Job<'_>,
    members: &[Member<'_>],
    (pieces, kept): (&mut [Piece], &mut Kept),
    stretch: TimeRange,
) -> Result<Gathered, QueryError> {
    let mut gathered = Gathered::new(job)?;
    for piece in pieces.iter_mut().filter(|piece| piece.cut.range().overlaps(&stretch)) {
        job.check_cancel()?;
        let member = &members[piece.member];
        let Some(pages) = piece.cut.pages_within(&stretch) else {
            gather(job, (&piece.cut, piece.member), member, stretch, &mut gathered)?;
            gathered.charge(0)?;
            kept.keep(job, piece);
            continue;
        };
        for page in &pages {
            gather(job, (page, piece.member), member, stretch, &mut gathered)?;
            gathered.charge(0)?;
        }
    }
    let rows = gathered.times.len();
    gathered.fields(job).for_each(|(_, vector)| vector.pad(rows));
    Ok(gathered)
}

/// Copies the rows of one cut that lie in the stretch and pass the filter.
fn gather(
    job: &Job<'_>,
    (cut, member): (&Cut, usize),
    (tags, filter): &Member<'_>,
    stretch: TimeRange,
    out: &mut Gathered,
) -> Result<(), QueryError> {
    let times = cut.times()?;
    let start = times.partition_point(|&time| time < stretch.start);
    let end = start + times[start..].partition_point(|&time| time <= stretch.end);
    let reader = Reader { cut, inputs: &job.bound.inputs, tags };
    let Some(selected) = select_rows(&reader, filter, &times, start..end)? else { return Ok(()) };
    let rows = match &selected {
        Selected::All => Rows::Range(start, end),
        Selected::Some(rows) => Rows::At(rows),
    };
    out.charge(rows.len())?;
    let before = out.times.len();
    for (input, vector) in out.fields(job) {
        if reader.has(input)?
            && let Some(column) = reader.column(input)?
        {
            vector.pad(before);
            vector.append(&column, &rows);
        }
    }
    out.times.extend((0..rows.len()).map(|row| times[rows.at(row)]));
    let member = u32::try_from(member).unwrap_or(u32::MAX);
    out.members.resize(out.times.len(), member);
    Ok(())
}

/// Which gathered rows have a field, in order of the answer.
fn sorted(gathered: &Gathered, ascending: bool) -> Vec<u32> {
    let mut rows: Vec<u32> = (0u32..).take(gathered.times.len()).collect();
    // Cuts come in order of series and time: the sort finds long runs.
    rows.sort_by_key(|&row| (gathered.times[row as usize], gathered.members[row as usize]));
    if !ascending {
        rows.reverse();
    }
    rows
}

fn emit(
    job: &Job<'_>,
    group: &Group,
    members: &[Member<'_>],
    gathered: &Gathered,
    state: &mut State<'_>,
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    let _stage = job.making_rows();
    let fields: Vec<&Vector> = gathered
        .vectors
        .iter()
        .zip(&job.bound.inputs)
        .filter_map(|(vector, input)| matches!(input, Input::Field(..)).then_some(vector))
        .collect();
    let mut rows = sorted(gathered, job.checked.ascending);
    if job.table.source.is_stored() {
        rows.retain(|&row| fields.iter().any(|field| field.has(row as usize)));
    }
    if let Some(stream) = &mut state.stream {
        stream.take_rows(job, &gathered.times, &gathered.vectors, &rows)?;
        state.left = if stream.is_full() { 0 } else { state.left };
        return stream.flush(job, group, sink);
    }
    let skipped = usize::try_from(state.skip).unwrap_or(usize::MAX).min(rows.len());
    let shown = usize::try_from(state.left).unwrap_or(usize::MAX).min(rows.len() - skipped);
    state.skip -= skipped as u64;
    state.left -= shown as u64;
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
    let times: Vec<i64> = rows.iter().map(|&row| gathered.times[row as usize]).collect();
    let outputs = columns::shown(job, members, (gathered, rows), state)?;
    give_in_frames(job, &times, outputs, sink)
}
