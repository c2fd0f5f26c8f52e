//! Rows of cuts as vectors, before they are put in the answer's order; what they take is charged to the query.

use super::cells::{Selected, select_rows};
use super::{Job, Reader, within};
use crate::QueryError;
use crate::plan::Input;
use crate::predicate::Predicate;
use crate::source::Cut;
use crate::vector::{Node, Rows, Vector};
use model::{FieldType, TagSet, Text, TimeRange};
use platform::budget::Grant;
use std::borrow::Cow;
use std::ops::Range;
use storage::LastRows;

/// Rows that a stretch should have.
const STRETCH: usize = 1 << 16;
/// The least that a vector takes for a row (bytes).
const CELL: usize = 8;
/// What a row takes besides: its time and its series (bytes).
const MARK: usize = 12;
/// How often the rows of a stretch are in memory while they are handed over: gathered, in the answer's order, evaluated, and in
/// frames. A slow reader keeps them there.
const COPIES: usize = 4;
/// The part of a query's memory that a stretch should take (one in so many).
const PART: u64 = 4;

/// The filter of a series' rows, and its tags if that reads them.
pub(super) type Member<'a> = (TagSet, Cow<'a, Predicate>);

/// What is to be known of a series before its rows are read. Only a filter looks at tags: the answer's are looked up for rows that are shown.
pub(super) fn member<'a>(job: &Job<'a>, series: usize) -> Member<'a> {
    if job.set.has_passed(series) {
        return (job.set.tags(series), Cow::Owned(Predicate::Always(true)));
    }
    let filter = &job.bound.filter;
    let mut read = job.bound.inputs[job.plan.references.len()..].iter();
    if filter.has_tags() || read.any(|input| matches!(input, Input::Tag(_))) {
        let tags = job.set.tags(series);
        let filter = filter.for_series(&tags);
        (tags, filter)
    } else {
        (TagSet::default(), Cow::Borrowed(filter))
    }
}

/// Rows that a stretch should have at most: with thousands of fields fewer than with some.
pub(super) fn most_rows(job: &Job<'_>) -> usize {
    let row = (Widths::of(job).sum().max(1) * CELL * COPIES) as u64;
    usize::try_from(job.context.budget.limit() / PART / row).unwrap_or(STRETCH).clamp(1, STRETCH)
}

/// Rows of a stretch, as vectors of each selected field; the vectors of tags stay empty.
pub(super) struct Gathered {
    pub(super) times: Vec<i64>,
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
    pub(super) fn new(job: &Job<'_>) -> Result<Self, QueryError> {
        let types = (0..job.plan.references.len()).map(|at| job.plan.values_type(at));
        let vectors: Vec<Vector> = types.map(Vector::new).collect();
        let widths = Widths::of(job);
        Ok(Self { times: Vec::new(), members: Vec::new(), vectors, grant: job.take(0)?, widths })
    }

    /// Adds last rows, ascending by their number among all of these, each of the member beside it. Every field of the answer is one of the
    /// scan, as it is stored.
    pub(super) fn append(&mut self, job: &Job<'_>, last: &LastRows, chosen: &[(u32, u32)]) -> Result<(), QueryError> {
        self.charge(chosen.len())?;
        let before = self.times.len();
        let rows: Vec<u32> = chosen.iter().map(|&(row, _)| row).collect();
        for (vector, input) in self.vectors.iter_mut().zip(&job.bound.inputs) {
            if let Input::Field(read, _) = input {
                vector.pad(before);
                vector.append(&last.columns[read[0]], &Rows::At(&rows));
            }
        }
        self.times.extend(rows.iter().map(|&row| last.times[row as usize]));
        self.members.extend(chosen.iter().map(|&(_, member)| member));
        Ok(())
    }

    /// Gives every vector a place for each row.
    pub(super) fn pad(&mut self, job: &Job<'_>) {
        let rows = self.times.len();
        self.fields(job).for_each(|(_, vector)| vector.pad(rows));
    }

    /// Whether the answer shows a row: a stored one needs a value of a field that is selected.
    pub(super) fn shows(&self, job: &Job<'_>, row: usize) -> bool {
        let mut inputs = self.vectors.iter().zip(&job.bound.inputs);
        !job.table.source.is_stored()
            || inputs.any(|(vector, input)| matches!(input, Input::Field(..)) && vector.has(row))
    }

    /// Whether each row is shown, since there is a field of which none lacks a value.
    fn shows_each(&self, job: &Job<'_>) -> bool {
        let mut inputs = self.vectors.iter().zip(&job.bound.inputs);
        let is_full = |vector: &Vector| vector.valid.is_none() && vector.rows() == self.times.len();
        !job.table.source.is_stored()
            || inputs.any(|(vector, input)| matches!(input, Input::Field(..)) && is_full(vector))
    }

    /// Leaves some rows, in this order.
    pub(super) fn take(&mut self, job: &Job<'_>, rows: &[u32]) {
        self.fields(job).for_each(|(_, vector)| *vector = vector.take(rows));
        self.times = rows.iter().map(|&row| self.times[row as usize]).collect();
        self.members = rows.iter().map(|&row| self.members[row as usize]).collect();
    }

    /// The vectors of fields; tags are the member's, and looked up for the rows that are shown.
    fn fields<'a>(&'a mut self, job: &'a Job<'_>) -> impl Iterator<Item = (usize, &'a mut Vector)> {
        let inputs = self.vectors.iter_mut().enumerate();
        inputs.filter(|(input, _)| matches!(job.bound.inputs[*input], Input::Field(..)))
    }

    /// Charges what is gathered, and some rows more. In the end a vector has a place for every row, whether the field has a value there
    /// or not: fields may be many and nearly empty.
    pub(super) fn charge(&mut self, more: usize) -> Result<(), QueryError> {
        let rows = self.times.len() + more;
        let least = rows * CELL;
        let vectors = self.vectors.iter().zip(&self.widths.fields);
        let fields = vectors.map(|(vector, uses)| vector.values.bytes().max(least).saturating_mul(*uses));
        let bytes = fields.fold(0, usize::saturating_add).saturating_add(self.widths.others.saturating_mul(least));
        let resized = self.grant.resize((bytes + rows * MARK).saturating_mul(COPIES) as u64);
        resized.map_err(|error| QueryError::Memory(error.to_string()))
    }
}

/// Which rows of a cut are wanted.
pub(super) struct Part {
    /// Those of this stretch of time.
    pub(super) stretch: TimeRange,
    /// The first ones that pass the filter, in the order of the answer, so many at most.
    pub(super) most: usize,
    /// The order of the answer.
    pub(super) ascending: bool,
}

impl Part {
    /// Of so many rows the places of those that are wanted.
    fn first(&self, rows: usize) -> Range<usize> {
        let most = rows.min(self.most);
        if self.ascending { 0..most } else { rows - most..rows }
    }
}

/// Copies the rows of one cut that are wanted and pass the filter.
pub(super) fn gather(
    job: &Job<'_>,
    (cut, member): (&Cut, usize),
    (tags, filter): &Member<'_>,
    part: &Part,
    out: &mut Gathered,
) -> Result<(), QueryError> {
    let times = cut.times()?;
    let Range { start, end } = within(cut, &times, &part.stretch);
    let reader = Reader { cut, inputs: &job.bound.inputs, tags };
    let Some(selected) = select_rows(&reader, filter, &times, start..end)? else { return Ok(()) };
    let rows = match &selected {
        Selected::All => {
            let first = part.first(end - start);
            Rows::Range(start + first.start, start + first.end)
        }
        Selected::Some(rows) => Rows::At(&rows[part.first(rows.len())]),
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

/// The gathered rows that the answer shows, in its order.
pub(super) fn sorted(job: &Job<'_>, gathered: &Gathered) -> Vec<u32> {
    let mut rows: Vec<u32> = (0u32..).take(gathered.times.len()).collect();
    let Gathered { times, members, .. } = gathered;
    if !times.windows(2).all(|pair| pair[0] < pair[1]) {
        // Cuts come in order of series and time: the sort finds long runs.
        rows.sort_by_key(|&row| (times[row as usize], members[row as usize]));
    }
    if !job.checked.ascending {
        rows.reverse();
    }
    if !gathered.shows_each(job) {
        rows.retain(|&row| gathered.shows(job, row as usize));
    }
    rows
}

/// Whether the answer shows every row that is read: the scan has no field that is not selected as it is.
pub(super) fn shows_all(job: &Job<'_>) -> bool {
    let selected = &job.bound.inputs[..job.plan.references.len()];
    let is_shown = |(at, (_, field_type)): (usize, &(Text, FieldType))| {
        let shows =
            |input: &Input| matches!(input, Input::Field(read, wanted) if read[..] == [at] && wanted == field_type);
        selected.iter().any(shows)
    };
    !job.table.source.is_stored() || job.bound.scan.iter().enumerate().all(is_shown)
}
