//! SELECT whose columns have rows at different times: raw points beside aggregates, functions whose rows have times of their own.
//!
//! The plan falls apart ([`crate::plan::parts`]); each part is executed by itself, over the operators that execute such a plan alone, and
//! its rows are kept as columns, group by group. What functions apart read is taken as it comes, and only what they give is kept. Then
//! the parts of a group meet by time: where several rows of a part have one time, its first one stands beside the first ones of the
//! others, and so on. What a part has not in a row is filled as `fill` says. All that is kept is charged to the query.

use super::emit::{Made, give_in_frames, variable_type};
use super::{Flow, Group, Job, Meter, check_cancel, give, groups};
use crate::datum::Datum;
use crate::functions::integral::Integral;
use crate::functions::transform::Running;
use crate::functions::whole::Machine;
use crate::partial::fill_value;
use crate::plan::{Apart, Bound, Feed, Plan, Step, Variable};
use crate::vector::{Operand, Vector, evaluate};
use crate::{Context, QueryError, Sink};
use ahash::RandomState;
use hashbrown::HashMap;
use influxql::ast::{Fill, Select};
use model::{Column, FieldType, Frame, FrameColumn, Item, Text};
use std::borrow::Cow;
use std::ops::ControlFlow;

/// Rows that are put together at once.
const ROWS: usize = 1 << 14;
/// Rows of a part's frame.
const FRAME: usize = 1 << 14;
/// Rounds between two looks at whether the query was asked to stop.
const ROUNDS: usize = 64;

/// The tags of an output series.
type Tags = Vec<(Text, Text)>;

/// Rows of one group.
#[derive(Debug, Default)]
struct Rows {
    times: Vec<i64>,
    columns: Vec<Vector>,
}

/// Rows of a part, group by group.
type PartRows = HashMap<Tags, Rows, RandomState>;

/// Runs a SELECT of several parts over one table.
pub(crate) fn run(job: &Job<'_>, sink: &mut dyn Sink) -> Result<Flow, QueryError> {
    let mut memory = Meter::new(job.context)?;
    let mut parts: Vec<(PartRows, Vec<usize>)> = Vec::new();
    for part in job.plan.parts(!job.narrower.is_empty()) {
        let types: Vec<FieldType> =
            part.variables.iter().map(|&at| variable_type(job, job.plan.variables[at])).collect();
        let mut kept = Kept::new(&types, &mut memory);
        execute(job, &part.plan, (true, job.checked.ascending), &mut kept)?;
        parts.push((kept.finish()?, part.variables));
    }
    for (at, variable) in job.plan.variables.iter().enumerate() {
        if let Variable::Apart(apart) = variable {
            parts.push((run_apart(job, *apart, &mut memory)?, vec![at]));
        }
    }
    let (groups, _grant) = groups(job)?;
    for group in &groups {
        job.check_cancel()?;
        let tags = job.header(group).tags.unwrap_or_default();
        let own: Vec<(Rows, &[usize])> = parts
            .iter_mut()
            .filter_map(|(rows, variables)| Some((rows.remove(&tags)?, variables.as_slice())))
            .collect();
        if let Flow::Stop = join(job, group, &own, sink)? {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::Continue)
}

/// Executes a plan over the table of a job, without its limits; what it reads raw are points and no rows of calls.
fn execute(
    job: &Job<'_>,
    plan: &Plan,
    (has_calls, ascending): (bool, bool),
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    let fill = if has_calls { job.checked.fill } else { Fill::Null };
    let checked = job.checked.part(has_calls, ascending, fill);
    let plan = &Plan { fill, ..plan.clone() };
    let select = Select { limit: 0, offset: 0, ..job.select.clone() };
    let own = job.narrower.iter().find(|(lead, _)| *lead == plan.lead());
    let Some(table) = own.map_or(Some(job.table), |(_, table)| table.as_ref()) else { return Ok(Flow::Continue) };
    let bound = Bound::new(plan, &checked, table)?;
    let context = &Context { frame_rows: FRAME, ..job.context.clone() };
    let chosen = own.map(|_| table.source.series(&table.name, &bound.tags, context)).transpose()?;
    let set = chosen.as_ref().unwrap_or(job.set);
    let (select, checked, bound) = (&select, &checked, &bound);
    super::run(&Job { select, checked, plan, bound, table, set, context, narrower: &[] }, sink)
}

/// The rows of a function apart.
fn run_apart(job: &Job<'_>, apart: usize, memory: &mut Meter) -> Result<PartRows, QueryError> {
    let apart = &job.plan.aparts[apart];
    let is_area = matches!(apart.step, Step::Integral(..));
    // The area under a line is the same, whichever way it is walked.
    let ascending = job.checked.ascending || is_area;
    let reads_calls = !matches!(apart.feed, Feed::Reference(_));
    let kept = Kept::new(&[apart.result], memory);
    let mut fed = Fed { job, apart, open: None, kept, machine: None, charged: 0 };
    execute(job, &job.plan.fed(apart.feed), (reads_calls, ascending), &mut fed)?;
    let mut rows = fed.finish()?;
    if !job.checked.ascending && is_area {
        rows.values_mut().for_each(Rows::turn);
    }
    Ok(rows)
}

impl Rows {
    fn turn(&mut self) {
        let order: Vec<u32> = (0u32..).take(self.times.len()).collect();
        let order: Vec<u32> = order.into_iter().rev().collect();
        self.times.reverse();
        self.columns.iter_mut().for_each(|column| *column = column.take(&order));
    }
}

/// Takes an answer in, group by group.
struct Kept<'m> {
    types: Vec<FieldType>,
    memory: &'m mut Meter,
    rows: PartRows,
    open: Option<Tags>,
    error: Option<QueryError>,
}

impl<'m> Kept<'m> {
    fn new(types: &[FieldType], memory: &'m mut Meter) -> Self {
        let rows = PartRows::with_hasher(RandomState::new());
        Self { types: types.to_vec(), memory, rows, open: None, error: None }
    }

    fn open(&mut self, tags: Tags) -> Result<(), QueryError> {
        /// Roughly what a group takes beside its rows (bytes).
        const GROUP: usize = 160;
        let texts: usize = tags.iter().map(|(key, value)| 64 + key.len() + value.len()).sum();
        self.memory.add(GROUP + texts)?;
        self.open = Some(tags);
        Ok(())
    }

    /// The rows of the group that came last.
    fn rows(&mut self) -> &mut Rows {
        let tags = self.open.get_or_insert_default();
        let types = &self.types;
        let new = || Rows { times: Vec::new(), columns: types.iter().map(|&kind| Vector::new(kind)).collect() };
        match self.rows.contains_key(tags) {
            true => {}
            false => drop(self.rows.insert(tags.clone(), new())),
        }
        self.rows.entry(tags.clone()).or_default()
    }

    fn take(&mut self, frame: Frame) -> Result<(), QueryError> {
        let bytes: usize = frame.columns.iter().filter_map(column_of).map(|column| column.bytes()).sum();
        self.memory.add(2 * (bytes + frame.rows * size_of::<i64>()))?;
        let rows = self.rows();
        let before = rows.times.len();
        let mut columns = rows.columns.iter_mut();
        for column in &frame.columns {
            if let FrameColumn::Times(times) = column {
                rows.times.extend_from_slice(times);
            } else if let (Some(column), Some(vector)) = (column_of(column), columns.next()) {
                if column.field_type() == vector.values.field_type() {
                    vector.append(&column, &crate::vector::Rows::Range(0, frame.rows));
                }
                vector.pad(before + frame.rows);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<PartRows, QueryError> {
        self.error.map_or(Ok(self.rows), Err)
    }
}

/// The values of a column of a frame.
fn column_of(column: &FrameColumn) -> Option<Cow<'_, Column>> {
    match column {
        FrameColumn::Times(_) | FrameColumn::Lists(_) => None,
        FrameColumn::Values(column) => Some(Cow::Borrowed(column)),
        FrameColumn::Labels(labels) => Some(Cow::Owned(labels.to_column())),
    }
}

fn flow(result: Result<(), QueryError>, error: &mut Option<QueryError>) -> ControlFlow<()> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(found) => {
            *error = Some(found);
            ControlFlow::Break(())
        }
    }
}

impl Sink for Kept<'_> {
    fn item(&mut self, item: Item) -> ControlFlow<()> {
        let result = match item {
            Item::Series(header) => self.open(header.tags.unwrap_or_default()),
            Item::Rows(frame) => self.take(frame),
            // Groups come together only where few rows of each are wanted.
            Item::Many(_) => Ok(()),
        };
        flow(result, &mut self.error)
    }
}

/// Feeds a function apart with an answer, and keeps what it gives.
struct Fed<'j, 'a, 'm> {
    job: &'j Job<'a>,
    apart: &'j Apart,
    /// The group that is being read.
    open: Option<Tags>,
    kept: Kept<'m>,
    machine: Option<Machine>,
    /// What the machine takes, as far as it is charged (bytes).
    charged: usize,
}

impl Fed<'_, '_, '_> {
    fn begin(&self) -> Machine {
        let checked = self.job.checked;
        match self.apart.step {
            Step::Each(kernel, parameter) => {
                Machine::Each(Box::new(Running::new(kernel, parameter, checked.ascending)))
            }
            Step::Integral(unit, at_start) => {
                let start = checked.range.start;
                let whole = if at_start && start != i64::MIN { start } else { 0 };
                Machine::Area(Integral::new(unit, checked.windows.clone(), whole))
            }
            Step::Count => Machine::Count,
            Step::Forecast(forecast) => Machine::Forecast(forecast, Vec::new()),
        }
    }

    /// A group begins.
    fn open(&mut self, tags: Tags) -> Result<(), QueryError> {
        self.close()?;
        self.machine = Some(self.begin());
        self.open = Some(tags.clone());
        self.kept.open(tags)
    }

    /// The group that was read has ended.
    fn close(&mut self) -> Result<(), QueryError> {
        let Some(machine) = self.machine.take() else { return Ok(()) };
        let bytes = machine.bytes();
        self.kept.memory.change(self.charged, bytes)?;
        let (context, mut rounds) = (self.job.context, 0_usize);
        let mut check = || {
            rounds += 1;
            if rounds % ROUNDS == 1 { check_cancel(context) } else { Ok(()) }
        };
        let Rows { times, columns } = self.kept.rows();
        machine.finish(&mut check, &mut |time, value| {
            times.push(time);
            columns[0].push(Some(value));
            Ok(())
        })?;
        let made = times.len() * 2 * size_of::<i64>();
        self.charged = 0;
        self.kept.memory.change(bytes, made)
    }

    fn take(&mut self, frame: &Frame) -> Result<(), QueryError> {
        check_cancel(self.job.context)?;
        let [FrameColumn::Times(times), values] = frame.columns.as_slice() else { return Ok(()) };
        let (Some(values), Some(machine)) = (column_of(values), &mut self.machine) else { return Ok(()) };
        let Rows { times: made, columns } = self.kept.rows();
        let before = made.len();
        for (row, &time) in times.iter().enumerate() {
            let Some(value) = values.get(row) else { continue };
            machine.step(time, value, &mut |time, value| {
                made.push(time);
                columns[0].push(Some(value));
                Ok(())
            })?;
        }
        let rows = made.len() - before;
        let bytes = machine.bytes();
        self.kept.memory.add(rows * 2 * size_of::<i64>())?;
        self.kept.memory.change(self.charged, bytes)?;
        self.charged = bytes;
        Ok(())
    }

    fn finish(mut self) -> Result<PartRows, QueryError> {
        if self.kept.error.is_none() {
            self.close()?;
        }
        self.kept.finish()
    }
}

impl Sink for Fed<'_, '_, '_> {
    fn item(&mut self, item: Item) -> ControlFlow<()> {
        let result = match item {
            Item::Series(header) => self.open(header.tags.unwrap_or_default()),
            Item::Rows(frame) => self.take(&frame),
            Item::Many(_) => Ok(()),
        };
        flow(result, &mut self.kept.error)
    }
}

/// Puts the rows of a group together.
fn join(job: &Job<'_>, group: &Group, parts: &[(Rows, &[usize])], sink: &mut dyn Sink) -> Result<Flow, QueryError> {
    let mut joined = Joined::new(job, parts);
    let mut opened = false;
    loop {
        let more = joined.advance(job.checked.ascending);
        if more && joined.times.len() < ROWS {
            continue;
        }
        if !joined.times.is_empty() && !opened {
            opened = true;
            if let Flow::Stop = give(sink, Item::Series(job.header(group))) {
                return Ok(Flow::Stop);
            }
        }
        if let Flow::Stop = joined.flush(job, sink)? {
            return Ok(Flow::Stop);
        }
        if !more {
            return Ok(Flow::Continue);
        }
    }
}

/// The row of a part that has none at a time.
const NONE: u32 = u32::MAX;

/// Rows put together that wait to be handed over.
struct Joined<'r> {
    parts: &'r [(Rows, &'r [usize])],
    /// For each part the next row, and the rows that stand in those that wait.
    next: Vec<usize>,
    rows: Vec<Vec<u32>>,
    times: Vec<i64>,
    types: Vec<FieldType>,
    /// What fills each variable: a number, if `fill` says one, and the value of the row before, if it says so.
    number: Vec<Option<Datum>>,
    carried: Option<Vec<Option<Datum>>>,
    skip: u64,
    left: u64,
}

impl<'r> Joined<'r> {
    fn new(job: &Job<'_>, parts: &'r [(Rows, &'r [usize])]) -> Self {
        let plan = job.plan;
        let types: Vec<FieldType> = plan.variables.iter().map(|&variable| variable_type(job, variable)).collect();
        let number = match plan.fill {
            Fill::Integer(number) => Some(Datum::Integer(number)),
            Fill::Number(number) => Some(Datum::Float(number)),
            _ => None,
        };
        let typed = |variable: &Variable| match variable {
            Variable::Call(at) => plan.is_typed(*at),
            Variable::Transform(at) => plan.transforms[*at].typed,
            Variable::Apart(at) => plan.aparts[*at].typed,
            Variable::Reference(_) => true,
        };
        let fills = plan.variables.iter().zip(&types).map(|(variable, &field_type)| {
            number.as_ref().filter(|_| typed(variable)).and_then(|number| fill_value(number, field_type))
        });
        Self {
            parts,
            next: vec![0; parts.len()],
            rows: vec![Vec::new(); parts.len()],
            times: Vec::new(),
            number: fills.collect(),
            carried: (plan.fill == Fill::Previous).then(|| vec![None; types.len()]),
            types,
            skip: job.select.offset,
            left: if job.select.limit == 0 { u64::MAX } else { job.select.limit },
        }
    }

    /// Puts the next row together; whether there was one that is wanted.
    fn advance(&mut self, ascending: bool) -> bool {
        let first = |left: i64, right: i64| if ascending { left.min(right) } else { left.max(right) };
        let heads = self.parts.iter().zip(&self.next).filter_map(|((rows, _), &next)| rows.times.get(next).copied());
        let Some(time) = heads.reduce(first).filter(|_| self.left > 0) else { return false };
        let shown = self.skip == 0;
        for (((rows, _), next), shown_rows) in self.parts.iter().zip(&mut self.next).zip(&mut self.rows) {
            let has = rows.times.get(*next) == Some(&time);
            if shown {
                shown_rows.push(if has { u32::try_from(*next).unwrap_or(NONE) } else { NONE });
            }
            *next += usize::from(has);
        }
        if shown {
            self.left -= 1;
            self.times.push(time);
        } else {
            self.skip -= 1;
        }
        true
    }

    /// The column of a variable, filled.
    fn column(&mut self, variable: usize) -> Vector {
        let found = self.parts.iter().zip(&self.rows).find_map(|((part, variables), rows)| {
            let at = variables.iter().position(|&known| known == variable)?;
            Some((&part.columns[at], rows))
        });
        let mut column = Vector::new(self.types[variable]);
        let number = self.number[variable].as_ref();
        let mut before = self.carried.as_ref().and_then(|carried| carried[variable].clone());
        for row in 0..self.times.len() {
            let value =
                found.and_then(|(part, rows)| if rows[row] == NONE { None } else { part.get(rows[row] as usize) });
            let carried = if self.carried.is_some() { before.as_ref() } else { None };
            column.push(value.or_else(|| number.or(carried).map(Datum::value)));
            if let (Some(value), true) = (value, self.carried.is_some()) {
                before = Some(value.into());
            }
        }
        if let Some(carried) = &mut self.carried {
            carried[variable] = before;
        }
        column
    }

    fn flush(&mut self, job: &Job<'_>, sink: &mut dyn Sink) -> Result<Flow, QueryError> {
        let _stage = job.making_rows();
        let rows = self.times.len();
        if rows == 0 {
            return Ok(Flow::Continue);
        }
        job.check_cancel()?;
        let variables: Vec<Vector> = (0..self.types.len()).map(|variable| self.column(variable)).collect();
        let bytes: usize = variables.iter().map(|variable| variable.values.bytes()).sum();
        let _grant = job.take(2 * bytes)?;
        let mut outputs = Vec::with_capacity(job.plan.outputs.len());
        for output in &job.plan.outputs {
            let operand = evaluate(&output.node, rows, &mut |input| {
                Ok::<_, QueryError>(Operand::Rows(Cow::Borrowed(&variables[input])))
            })?;
            outputs.push(Made::Vector(operand.into_vector(rows, output.field_type)));
        }
        self.rows.iter_mut().for_each(Vec::clear);
        give_in_frames(job, std::mem::take(&mut self.times), outputs, sink)
    }
}
