//! Execution: groups of series, reading of cuts, and the ways to answer: [`aggregate`], [`raw`], and [`join`] of these.

pub(crate) mod aggregate;
mod bands;
mod brief;
pub(crate) mod cells;
mod columns;
pub(crate) mod emit;
mod fold;
mod gaps;
mod gather;
pub(crate) mod join;
mod keep;
mod morsels;
mod plain;
mod prune;
pub(crate) mod raw;
mod sequence;
mod sift;
mod stream;
mod stretch;
mod sweep;

use crate::check::Checked;
use crate::datum::cast;
use crate::plan::{Bound, Input, Plan};
use crate::predicate::Predicate;
use crate::resolve::Table;
use crate::source::{Cut, Series};
use crate::trace::{Guard, Stage, enter};
use crate::vector::{Operand, Rows, Vector};
use crate::{Context, QueryError, Sink};
use hashbrown::HashMap;
use influxql::ast::Select;
use model::{Column, FieldType, Frame, Header, Item, TagSet, Text, TimeRange, Value, Values};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Everything that executing one table needs.
pub(crate) struct Job<'a> {
    pub(crate) select: &'a Select,
    pub(crate) checked: &'a Checked,
    pub(crate) plan: &'a Plan,
    pub(crate) bound: &'a Bound,
    pub(crate) table: &'a Table,
    pub(crate) set: &'a Series,
    pub(crate) context: &'a Context,
    /// The tables of functions that read fewer buckets of a SELECT before the first one than others, by their number of these.
    pub(crate) narrower: &'a [(u32, Option<Table>)],
}

impl Job<'_> {
    /// Fails if the query was asked to stop.
    pub(crate) fn check_cancel(&self) -> Result<(), QueryError> {
        check_cancel(self.context)
    }

    /// What opens a group's series.
    pub(crate) fn header(&self, group: &Group) -> Header {
        let tags = (!self.plan.dimensions.is_empty())
            .then(|| self.plan.dimensions.iter().cloned().zip(group.values.iter().cloned()).collect());
        Header { name: self.table.name.clone(), tags, columns: self.plan.columns.clone() }
    }

    /// The row filter for one series.
    pub(crate) fn filter_of(&self, series: usize, tags: &TagSet) -> Cow<'_, Predicate> {
        if self.set.has_passed(series) {
            return Cow::Owned(Predicate::Always(true));
        }
        self.bound.filter.for_series(tags)
    }

    /// The times of rows that count, for calls that are wanted `lead` buckets before the first one of the answer.
    pub(crate) fn reach(&self, lead: u32) -> TimeRange {
        if self.table.source.is_whole() { TimeRange::ALL } else { self.checked.reach(lead) }
    }

    /// The field of the scan that a call reads, if it is a single one, and as it is stored.
    pub(crate) fn field(&self, call: usize) -> Option<usize> {
        self.bound.field(&self.bound.inputs[self.plan.calls[call].reference])
    }

    /// Counts points that are read of what is stored, and fails if there are more than a SELECT may read.
    pub(crate) fn read_points(&self, points: usize) -> Result<(), QueryError> {
        let limit = self.context.limits.points;
        if limit == 0 || !self.table.source.is_stored() {
            return Ok(());
        }
        let points = self.context.points.fetch_add(points as u64, Ordering::Relaxed) + points as u64;
        if points > limit { Err(QueryError::Points { points, limit }) } else { Ok(()) }
    }

    /// The making of rows begins, as far as somebody wants to know.
    pub(crate) fn making_rows(&self) -> Option<Guard<'_>> {
        enter(&self.context.trace, Stage::Rows)
    }

    /// Takes memory for the query.
    pub(crate) fn take(&self, bytes: usize) -> Result<platform::budget::Grant, QueryError> {
        self.context.budget.try_take(bytes as u64).map_err(|error| QueryError::Memory(error.to_string()))
    }
}

/// Counts memory that grows in small steps, and takes it from the query's in larger ones.
#[derive(Debug)]
pub(crate) struct Meter {
    grant: platform::budget::Grant,
    bytes: usize,
}

impl Meter {
    /// Memory that is taken ahead at most (bytes).
    const STEP: usize = 64 << 10;

    pub(crate) fn new(context: &Context) -> Result<Self, QueryError> {
        let grant = context.budget.try_take(0).map_err(|error| QueryError::Memory(error.to_string()))?;
        Ok(Self { grant, bytes: 0 })
    }

    /// Counts bytes more.
    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), QueryError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes as u64 > self.grant.bytes() {
            // Those who count little are many at times.
            let ahead = Self::STEP.min(self.bytes / 4);
            let wanted = self.bytes.saturating_add(ahead) as u64;
            self.grant.resize(wanted).map_err(|error| QueryError::Memory(error.to_string()))?;
        }
        Ok(())
    }

    /// What took `before` bytes takes `after` now.
    pub(crate) fn change(&mut self, before: usize, after: usize) -> Result<(), QueryError> {
        if after >= before {
            return self.add(after - before);
        }
        self.bytes = self.bytes.saturating_sub(before - after);
        let more = self.grant.bytes().saturating_sub(self.bytes.saturating_add(Self::STEP) as u64);
        self.grant.shrink(more);
        Ok(())
    }

    /// Nothing of what was counted is left.
    pub(crate) fn clear(&mut self) {
        self.grant.shrink(u64::MAX);
        self.bytes = 0;
    }

    /// Bytes counted.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Fails if the query was asked to stop, or takes too long.
pub(crate) fn check_cancel(context: &Context) -> Result<(), QueryError> {
    if context.cancel.load(Ordering::Relaxed) {
        return Err(QueryError::Interrupted);
    }
    match &context.deadline {
        Some(deadline) if deadline.clock.monotonic_ns() > deadline.at => Err(QueryError::Late),
        _ => Ok(()),
    }
}

/// Series or values that are looked at in one go where the thread has other work to do.
const AT_ONCE: usize = 4_096;

/// Fails as [`check_cancel`] does, and before work on many series or values where the thread has other work to do.
pub(crate) fn admit(context: &Context, work: usize) -> Result<(), QueryError> {
    if work > AT_ONCE && context.deadline.is_some() {
        return Err(QueryError::Late);
    }
    check_cancel(context)
}

/// The client went away, or goes on listening.
pub(crate) enum Flow {
    /// Go on.
    Continue,
    /// The client wants no more.
    Stop,
}

/// Hands an item over.
pub(crate) fn give(sink: &mut dyn Sink, item: Item) -> Flow {
    if sink.item(item).is_break() { Flow::Stop } else { Flow::Continue }
}

/// Hands rows over.
pub(crate) fn give_rows(sink: &mut dyn Sink, frame: Frame) -> Flow {
    if frame.rows == 0 { Flow::Continue } else { give(sink, Item::Rows(frame)) }
}

/// Runs a plan over one table.
pub(crate) fn run(job: &Job<'_>, sink: &mut dyn Sink) -> Result<Flow, QueryError> {
    if job.plan.is_joined() || !job.narrower.is_empty() {
        return join::run(job, sink);
    }
    if !job.checked.has_calls || job.plan.is_stream() { raw::run(job, sink) } else { aggregate::run(job, sink) }
}

/// Series that make one output series.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Its values of the plan's dimensions.
    pub(crate) values: Vec<Text>,
    /// Numbers of its series, ascending.
    pub(crate) series: Vec<usize>,
}

/// The different values of a tag, ascending, and for each series the place of its own among them.
type TagColumn = (Vec<Text>, Vec<u32>);

/// Series that have the same values: places among those of their tags.
type Members = (Vec<u32>, Vec<usize>);

/// The groups of a set, ascending by tag values, cut by SLIMIT and SOFFSET, and turned round for DESC; and their memory.
pub(crate) fn groups(job: &Job<'_>) -> Result<(Vec<Group>, Meter), QueryError> {
    let mut meter = Meter::new(job.context)?;
    meter.add(job.set.bytes())?;
    meter.add(job.set.len() * (size_of::<usize>() + job.plan.dimensions.len() * size_of::<u32>()))?;
    let mut columns: Vec<TagColumn> = Vec::with_capacity(job.plan.dimensions.len());
    for key in &job.plan.dimensions {
        job.check_cancel()?;
        columns.push(job.set.tag_column(key));
    }
    let named = by_values(job, &columns, &mut meter)?.into_iter().map(|(key, series)| {
        let values = key.iter().zip(&columns).map(|(&at, (values, _))| values[at as usize].clone()).collect();
        Group { values, series }
    });
    let offset = usize::try_from(job.select.soffset).unwrap_or(usize::MAX);
    // SOFFSET without SLIMIT leaves nothing, as in InfluxDB.
    let limit = if job.select.slimit == 0 && offset == 0 { u64::MAX } else { job.select.slimit };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut groups: Vec<Group> = named.skip(offset).take(limit).collect();
    if !job.checked.ascending {
        groups.reverse();
    }
    Ok((groups, meter))
}

/// The series of a set by their values of some tags, ascending by these; and the memory of it all.
fn by_values(job: &Job<'_>, columns: &[TagColumn], meter: &mut Meter) -> Result<Vec<Members>, QueryError> {
    /// Roughly what a group takes beside its values (bytes).
    const GROUP: usize = 160;
    let all = job.set.len();
    match columns {
        _ if all == 0 => Ok(Vec::new()),
        [] => Ok(vec![(Vec::new(), (0..all).collect())]),
        [(values, places)] => {
            meter.add(values.iter().map(|value| GROUP + 24 + value.len()).sum())?;
            let mut members: Vec<Vec<usize>> = vec![Vec::new(); values.len()];
            for (series, &place) in places.iter().enumerate() {
                if series % 4_096 == 0 {
                    job.check_cancel()?;
                }
                members[place as usize].push(series);
            }
            let some = (0u32..).zip(members).filter(|(_, series)| !series.is_empty());
            Ok(some.map(|(place, series)| (vec![place], series)).collect())
        }
        _ => {
            let mut known: HashMap<Vec<u32>, usize, _> = HashMap::with_hasher(ahash::RandomState::new());
            let mut members: Vec<Members> = Vec::new();
            let mut key = Vec::new();
            for series in 0..all {
                if series % 4_096 == 0 {
                    job.check_cancel()?;
                }
                key.clear();
                key.extend(columns.iter().map(|(_, places)| places[series]));
                if let Some(&at) = known.get(&key) {
                    members[at].1.push(series);
                    continue;
                }
                let texts = columns.iter().zip(&key).map(|((values, _), &at)| 24 + values[at as usize].len());
                meter.add(GROUP + texts.sum::<usize>())?;
                known.insert(key.clone(), members.len());
                members.push((key.clone(), vec![series]));
            }
            members.sort_unstable();
            Ok(members)
        }
    }
}

/// Which rows of a cut, whose times these are, lie in a range.
pub(crate) fn within(cut: &Cut, times: &[i64], range: &TimeRange) -> Range<usize> {
    // What lies within the range need not be looked through: times of many pages are in no processor's cache.
    if range.covers(&cut.range()) {
        return 0..times.len();
    }
    let start = times.partition_point(|&time| time < range.start);
    start..start + times[start..].partition_point(|&time| time <= range.end)
}

/// Reads the inputs of a plan from one cut.
pub(crate) struct Reader<'a> {
    pub(crate) cut: &'a Cut,
    pub(crate) inputs: &'a [Input],
    pub(crate) tags: &'a TagSet,
}

impl Reader<'_> {
    /// Whether a row of the cut has a value of a field input.
    pub(crate) fn has(&self, input: usize) -> Result<bool, QueryError> {
        let Input::Field(physical, _) = &self.inputs[input] else { return Ok(false) };
        for &field in physical {
            if self.cut.has(field)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The column of a field input; `None` if the input is no field.
    pub(crate) fn column(&self, input: usize) -> Result<Option<Arc<Column>>, QueryError> {
        let Input::Field(physical, wanted) = &self.inputs[input] else { return Ok(None) };
        let mut found = self.cut.column(physical[0])?;
        for &other in &physical[1..] {
            if !found.values.is_empty() {
                break;
            }
            found = self.cut.column(other)?;
        }
        if found.field_type() == *wanted {
            return Ok(Some(found));
        }
        Ok(Some(Arc::new(cast_column(&found, *wanted))))
    }

    /// The operand of an input in some rows.
    pub(crate) fn operand<'b>(&self, input: usize, rows: &Rows<'_>) -> Result<Operand<'b>, QueryError> {
        match &self.inputs[input] {
            Input::Missing => Ok(Operand::One(None)),
            Input::Tag(key) => {
                let value = self.tags.get(key).unwrap_or_default();
                Ok(Operand::One(Some(Value::String(value).into())))
            }
            Input::Field(_, field_type) => {
                let mut vector = Vector::new(*field_type);
                if let Some(column) = self.column(input)? {
                    vector.append(&column, rows);
                }
                Ok(Operand::Rows(Cow::Owned(vector)))
            }
        }
    }
}

/// A column as another type; one that cannot be converted as a whole has no values.
pub(crate) fn cast_column(column: &Column, wanted: FieldType) -> Column {
    let mut values = Values::new(wanted);
    for at in 0..column.values.len() {
        if let Some(datum) = column.values.get(at).and_then(|value| cast(value, wanted)) {
            values.push(datum.value());
        }
    }
    if values.len() != column.values.len() {
        return Column::empty(wanted);
    }
    Column { values, presence: column.presence.clone() }
}
