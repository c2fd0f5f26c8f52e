//! From accumulated buckets to rows of one output series: fill, offset and limit, expressions over calls, frames.
//!
//! Buckets come in the order of the answer (backwards for DESC), chunk by chunk. Two rules fill: a call's own missing
//! buckets are filled when the call has begun ([`Emitter::fill_call`]), and what then is missing in a row gets the number of
//! `fill(number)` or, with `fill(previous)`, the value of the row before ([`Emitter::push_row`]).
//!
//! Rows of numbers are no more than buckets, which bound them. Texts, and the rows of a bucket that has several, are charged to
//! the query until they are handed over, and a lone series hands them over when there are many.

use super::cells::{Cells, Chunk, Wanted, first_bucket};
use super::plain::is_plain;
use super::{Flow, Group, Job, Meter, give, give_rows, stream};
use crate::QueryError;
use crate::Sink;
use crate::datum::Datum;
use crate::functions::transform::Running;
use crate::functions::{Entry, Function, Kernel};
use crate::partial::{Partial, fill_value};
use crate::plan::{Call, Variable};
use crate::vector::{Node, Operand, Vector, evaluate};
use influxql::ast::Fill;
use model::{FieldType, Frame, FrameColumn, Item, Labels};
use platform::budget::Grant;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Rows of one output series in the making.
pub(crate) struct Emitter<'g> {
    group: &'g Group,
    skip: u64,
    left: u64,
    pub(super) times: Vec<i64>,
    pub(super) variables: Vec<Vector>,
    /// How many outputs show each variable as it is.
    uses: Vec<usize>,
    /// The last output that reads each variable: one that shows it as it is takes it.
    moved: Vec<Option<usize>>,
    /// Memory of texts, and of the rows of buckets that have several.
    memory: Meter,
    /// What is added to that while they are handed over (bytes).
    evaluated: usize,
    /// Above so many bytes rows are handed over where that is possible.
    heavy: usize,
    /// Value of each variable in the last row, for `fill(previous)`.
    carried: Vec<Option<Datum>>,
    /// Last value of each call, for `fill(previous)` and `fill(linear)`: bucket and value.
    previous: Vec<Option<(i64, Datum)>>,
    begun: Vec<bool>,
    /// The bucket of each call's first value in the whole range, as far as it was looked for.
    firsts: Vec<Option<Option<i64>>>,
    /// Empty buckets that become rows only if a value follows: the first one and how many, in order of the answer.
    held: (i64, u64),
    opened: bool,
    /// Whether a row's time is that of the point that the only call selected.
    own_time: bool,
    /// The plan's functions over sequences, as far as this series has got.
    pub(super) running: Vec<Running>,
    /// What these keep from the beginning.
    _machines: Grant,
    /// What these keep of the values that passed.
    pub(super) windows: Grant,
    /// Calls that are columns of their own, or parts of them; others only feed such functions.
    shown: Vec<usize>,
    /// The functions over sequences of which that is true.
    pub(super) shown_made: Vec<usize>,
}

/// Where the rows of a lone output series go while they are made; those of several wait until all are complete.
pub(crate) struct Way<'a> {
    pub(crate) group: &'a Group,
    pub(crate) sink: &'a mut dyn Sink,
}

/// Rows that are handed over together where many empty buckets become rows.
const ROWS: usize = 1 << 16;
/// How often rows are in memory while they are gathered: vectors grow to twice what is in them.
const GATHERED: usize = 2;
/// How often they are while they are handed over: gathered, and evaluated; then, the first gone, evaluated, and in frames that grow
/// alike.
const COPIES: usize = 3;
/// What a row takes for its time and for each variable (bytes).
const CELL: usize = 8;
/// The part of a query's memory that the rows of a lone series may take, and the most that they do (bytes).
const KEPT: u64 = 4;
const HEAVY: usize = 4 << 20;
/// Buckets between two looks at whether the query was asked to stop.
const STEPS: usize = 1 << 12;

/// The cells of one group in a chunk, as they are walked.
pub(super) struct Walk<'a> {
    pub(super) chunk: &'a Chunk,
    /// For each call its cells.
    pub(super) columns: Vec<&'a [Partial]>,
    ascending: bool,
    pub(super) spans: Option<Spans>,
    /// For each call the next bucket with a value (ordinal), as far as it was looked for.
    ahead: Vec<usize>,
}

impl Walk<'_> {
    /// The bucket of an ordinal, and back.
    pub(super) fn place(&self, ordinal: usize) -> usize {
        if self.ascending { ordinal } else { self.chunk.count - 1 - ordinal }
    }

    pub(super) fn index(&self, bucket: usize) -> i64 {
        self.chunk.first + i64::try_from(bucket).unwrap_or(0)
    }

    /// The next value of a call after an ordinal. What was found once is kept: all looks of a walk together pass each cell once.
    fn next(&mut self, call: usize, ordinal: usize) -> Option<(i64, Datum)> {
        if self.ahead[call] <= ordinal {
            let mut after = ordinal + 1..self.chunk.count;
            let found = after.find(|&at| !self.columns[call][self.place(at)].is_empty());
            self.ahead[call] = found.unwrap_or(self.chunk.count);
        }
        if self.ahead[call] >= self.chunk.count {
            return None;
        }
        let bucket = self.place(self.ahead[call]);
        Some((self.index(bucket), self.columns[call][bucket].result()?))
    }
}

/// Where each call's filled buckets lie in a chunk that is the whole range (ordinals in order of the answer, end excluded).
pub(super) type Spans = Vec<(usize, usize)>;

impl<'g> Emitter<'g> {
    pub(crate) fn new(job: &Job<'_>, group: &'g Group) -> Result<Self, QueryError> {
        let variables = job.plan.variables.iter().map(|variable| Vector::new(variable_type(job, *variable))).collect();
        let mut uses = vec![0; job.plan.variables.len()];
        let mut moved = vec![None; job.plan.variables.len()];
        for (at, output) in job.plan.outputs.iter().enumerate() {
            output.node.each_input(&mut |input| moved[input] = Some(at));
            if let Node::Input(input) = output.node {
                uses[input] += 1;
            }
        }
        let part = usize::try_from(job.context.budget.limit() / KEPT).unwrap_or(HEAVY);
        let (running, machines) = stream::start(job)?;
        Ok(Self {
            group,
            skip: job.select.offset,
            left: if job.select.limit == 0 { u64::MAX } else { job.select.limit },
            times: Vec::new(),
            variables,
            uses,
            moved,
            memory: Meter::new(job.context)?,
            evaluated: 0,
            heavy: part.min(HEAVY),
            carried: vec![None; job.plan.variables.len()],
            previous: vec![None; job.plan.calls.len()],
            begun: vec![false; job.plan.calls.len()],
            firsts: vec![None; job.plan.calls.len()],
            held: (0, 0),
            opened: false,
            own_time: job.checked.windows.interval == 0 && Wanted::new(job).point.is_some(),
            running,
            _machines: machines,
            windows: job.take(0)?,
            shown: stream::shown(job, job.plan.calls.len(), Variable::Call),
            shown_made: stream::shown(job, job.plan.transforms.len(), Variable::Transform),
        })
    }

    /// Whether no more rows are wanted.
    pub(crate) fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Takes the buckets of a chunk for its group (its number in the cells). `whole`: there is no other chunk.
    pub(crate) fn take(
        &mut self,
        job: &Job<'_>,
        cells: &Cells,
        group: usize,
        (chunk, whole): (&Chunk, bool),
        way: &mut Option<Way<'_>>,
    ) -> Result<Flow, QueryError> {
        let _stage = job.making_rows();
        let columns: Vec<&[Partial]> = (0..job.plan.calls.len()).map(|call| cells.of(call, group)).collect();
        let ahead = vec![0; columns.len()];
        let mut walk = Walk { chunk, columns, ascending: job.checked.ascending, spans: None, ahead };
        walk.spans = whole.then(|| spans(job, &walk));
        if is_plain(job, whole) {
            self.take_plain(job, &walk)?;
            return Ok(Flow::Continue);
        }
        for ordinal in 0..chunk.count {
            if self.is_full() {
                break;
            }
            if ordinal % STEPS == 0 {
                job.check_cancel()?;
            }
            if let Flow::Stop = self.bucket(job, &mut walk, ordinal, way)? {
                return Ok(Flow::Stop);
            }
            if let Flow::Stop = self.hand_over(job, way)? {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    fn bucket(
        &mut self,
        job: &Job<'_>,
        walk: &mut Walk<'_>,
        ordinal: usize,
        way: &mut Option<Way<'_>>,
    ) -> Result<Flow, QueryError> {
        let (chunk, bucket) = (walk.chunk, walk.place(ordinal));
        let index = walk.index(bucket);
        let start = chunk.windows.start(index);
        match walk.columns[..] {
            [cells] if let Partial::Points(points) = &cells[bucket] => {
                let rows = points.iter().map(|point| (point.time, point.value.clone(), point.extra.as_slice()));
                return self.push_rows(job, rows, way);
            }
            [cells] if let Partial::Listed(listed) = &cells[bucket] => {
                let time = bucket_time(job, start);
                let rows = listed.values().map(|value| (time, value.into(), &[][..]));
                return self.push_rows(job, rows, way);
            }
            _ => {}
        }
        let fills = chunk.windows.interval > 0 && job.plan.fill != Fill::None && !gives_many(job);
        if walk.columns.iter().all(|cells| cells[bucket].is_empty()) {
            if !fills || !self.fills_empty(job, walk, ordinal, index) {
                return Ok(Flow::Continue);
            }
        } else if let Flow::Stop = self.push_held(job, chunk, way)? {
            return Ok(Flow::Stop);
        }
        let calls = 0..walk.columns.len();
        let values =
            calls.map(|call| self.call_value(job, walk, (call, ordinal), fills)).collect::<Result<Vec<_>, _>>()?;
        let mut made = Vec::new();
        if !job.plan.transforms.is_empty() {
            made = self.transform(job, bucket_time(job, start), &values);
            if !self.makes_row(&made) && !self.is_shown(job, walk, ordinal, fills)? {
                return Ok(Flow::Continue);
            }
        }
        let point = match walk.columns[..] {
            [cells] => match &cells[bucket] {
                Partial::Point(point) => Some(point),
                _ => None,
            },
            _ => None,
        };
        let time = match point {
            Some(point) if self.own_time => point.time,
            _ => bucket_time(job, start),
        };
        self.push_row(job, time, (&values, &made), point.map(|point| point.extra.as_slice()))?;
        Ok(Flow::Continue)
    }

    /// Whether a call that is a column has a row in a bucket, with a value or without.
    fn is_shown(&mut self, job: &Job<'_>, walk: &Walk<'_>, ordinal: usize, fills: bool) -> Result<bool, QueryError> {
        let bucket = walk.place(ordinal);
        for at in 0..self.shown.len() {
            let call = self.shown[at];
            let filled = match &walk.spans {
                _ if !fills => false,
                Some(spans) => (spans[call].0..spans[call].1).contains(&ordinal),
                None => self.is_filled(job, call, walk.index(bucket))?,
            };
            if filled || !walk.columns[call][bucket].is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The rows of a bucket that has several.
    fn push_rows<'p>(
        &mut self,
        job: &Job<'_>,
        rows: impl Iterator<Item = (i64, Datum, &'p [Option<Datum>])>,
        way: &mut Option<Way<'_>>,
    ) -> Result<Flow, QueryError> {
        let row = CELL * (1 + self.variables.len());
        for (time, value, extra) in rows {
            if self.is_full() {
                break;
            }
            self.memory.add(GATHERED * row)?;
            self.evaluated += CELL * (1 + job.plan.outputs.len());
            self.push_row(job, time, (&[Some(value)], &[]), Some(extra))?;
            if let Flow::Stop = self.hand_over(job, way)? {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Hands the rows of a lone series over if they take much memory.
    fn hand_over(&mut self, job: &Job<'_>, way: &mut Option<Way<'_>>) -> Result<Flow, QueryError> {
        match way {
            Some(Way { group, sink }) if self.memory.bytes() + self.evaluated > self.heavy => {
                job.check_cancel()?;
                self.flush(job, group, *sink)
            }
            _ => Ok(Flow::Continue),
        }
    }

    /// Whether a bucket without any value becomes a row now; it may be held back.
    fn fills_empty(&mut self, job: &Job<'_>, walk: &Walk<'_>, ordinal: usize, index: i64) -> bool {
        if let Some(spans) = &walk.spans {
            return spans.iter().any(|span| (span.0..span.1).contains(&ordinal));
        }
        let lower = job.checked.range.start != i64::MIN;
        let begun = self.begun.contains(&true);
        if walk.ascending && !lower && !begun {
            return false;
        }
        if !begun || !(walk.ascending || lower) {
            self.held = if self.held.1 == 0 { (index, 1) } else { (self.held.0, self.held.1 + 1) };
            return false;
        }
        true
    }

    /// The value of a call in a bucket, filled if there is none.
    fn call_value(
        &mut self,
        job: &Job<'_>,
        walk: &mut Walk<'_>,
        (call, ordinal): (usize, usize),
        fills: bool,
    ) -> Result<Option<Datum>, QueryError> {
        let bucket = walk.place(ordinal);
        let index = walk.index(bucket);
        if let Some(value) = walk.columns[call][bucket].result() {
            self.begun[call] = true;
            if matches!(job.plan.fill, Fill::Previous | Fill::Linear) {
                self.previous[call] = Some((index, value.clone()));
            }
            return Ok(Some(value));
        }
        if !fills {
            return Ok(None);
        }
        if let Some(spans) = &walk.spans {
            if !(spans[call].0..spans[call].1).contains(&ordinal) {
                return Ok(None);
            }
            let next = if job.plan.fill == Fill::Linear { walk.next(call, ordinal) } else { None };
            return Ok(self.fill_call(job, call, index, next));
        }
        if self.is_filled(job, call, index)? { Ok(self.fill_call(job, call, index, None)) } else { Ok(None) }
    }

    /// Whether a call's empty bucket is filled, where the range is walked in chunks. It is not if the call has no value at all,
    /// nor before its first one if the range has no lower bound, nor where it is not wanted.
    fn is_filled(&mut self, job: &Job<'_>, call: usize, index: i64) -> Result<bool, QueryError> {
        // Where nothing depends on it, only counts are filled with something that would not be put there anyway.
        let plain = job.plan.fill != Fill::Null || !job.plan.calls[call].function.entry.counts();
        if plain && job.plan.transforms.is_empty() {
            return Ok(true);
        }
        if !is_wanted(job, call, index) {
            return Ok(false);
        }
        let lower = job.checked.range.start != i64::MIN;
        if self.begun[call] && (lower || job.checked.ascending) {
            return Ok(true);
        }
        let first = match self.firsts[call] {
            Some(known) => known,
            None => *self.firsts[call].insert(first_bucket(job, self.group, call)?),
        };
        Ok(first.is_some_and(|first| lower || first <= index))
    }

    /// What a call has in a bucket without values.
    fn fill_call(&self, job: &Job<'_>, call: usize, index: i64, next: Option<(i64, Datum)>) -> Option<Datum> {
        let planned = &job.plan.calls[call];
        match job.plan.fill {
            Fill::Null if planned.function.entry.counts() => Some(Datum::Integer(0)),
            Fill::Null | Fill::None => None,
            Fill::Integer(number) => fill_value(&Datum::Integer(number), planned.result),
            Fill::Number(number) => fill_value(&Datum::Float(number), planned.result),
            Fill::Previous => self.previous[call].as_ref().map(|(_, value)| value.clone()),
            Fill::Linear => linear(index, self.previous[call].as_ref()?, &next?),
        }
    }

    /// A row: the values of the calls, of the functions over sequences, and of what stands beside a selected point.
    pub(super) fn push_row(
        &mut self,
        job: &Job<'_>,
        time: i64,
        (calls, made): (&[Option<Datum>], &[Option<Datum>]),
        extra: Option<&[Option<Datum>]>,
    ) -> Result<(), QueryError> {
        let mut extra = extra.unwrap_or_default().iter();
        let number = match job.plan.fill {
            Fill::Integer(number) => Some(Datum::Integer(number)),
            Fill::Number(number) => Some(Datum::Float(number)),
            _ => None,
        };
        let show = self.skip == 0 && self.left > 0;
        for (at, variable) in job.plan.variables.iter().enumerate() {
            let mut value = match variable {
                Variable::Call(call) => calls[*call].clone(),
                Variable::Transform(at) => made[*at].clone(),
                Variable::Apart(_) => None,
                Variable::Reference(_) => extra.next().cloned().flatten(),
            };
            // A call whose type is that of its field has nothing to fill where no source has such a field.
            let is_missing = match variable {
                Variable::Call(call) => !job.plan.is_typed(*call),
                Variable::Transform(at) => !job.plan.transforms[*at].typed,
                Variable::Reference(_) | Variable::Apart(_) => false,
            };
            if is_missing {
                value = None;
            } else if value.is_none() {
                if let Some(number) = &number {
                    value = fill_value(number, self.variables[at].values.field_type());
                } else if job.plan.fill == Fill::Previous {
                    value = self.carried[at].clone();
                }
            }
            // A row that is passed over is not carried on; what a call had in it is, by `previous`.
            if show {
                if let Some(Datum::String(text)) = &value {
                    self.memory.add(GATHERED * text.len())?;
                    self.evaluated += (COPIES * self.uses[at]).saturating_sub(GATHERED) * text.len();
                }
                self.variables[at].push(value.as_ref().map(Datum::value));
                if job.plan.fill == Fill::Previous {
                    self.carried[at] = value;
                }
            }
        }
        if self.pass() {
            self.times.push(time);
        }
        Ok(())
    }

    /// Counts a row; whether it is shown.
    pub(super) fn pass(&mut self) -> bool {
        let show = self.skip == 0 && self.left > 0;
        if show {
            self.left -= 1;
        } else if self.skip > 0 {
            self.skip -= 1;
        }
        show
    }

    /// How many rows wait.
    pub(super) fn waiting(&self) -> usize {
        self.times.len()
    }

    /// Counts so many rows; which of them are shown.
    pub(super) fn pass_many(&mut self, rows: usize) -> Range<usize> {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(rows);
        let shown = usize::try_from(self.left).unwrap_or(usize::MAX).min(rows - skipped);
        self.skip -= skipped as u64;
        self.left -= shown as u64;
        skipped..skipped + shown
    }

    /// Rows are at an end: what was held back and is wanted all the same becomes rows.
    pub(crate) fn finish(
        &mut self,
        job: &Job<'_>,
        chunk: &Chunk,
        way: &mut Option<Way<'_>>,
    ) -> Result<Flow, QueryError> {
        let lower = job.checked.range.start != i64::MIN;
        if self.begun.contains(&true) && (lower || job.checked.ascending) {
            return self.push_held(job, chunk, way);
        }
        Ok(Flow::Continue)
    }

    /// The buckets that were held back become rows. They may be more than memory holds, so a lone series hands them over as
    /// it goes; where there are several, the buckets of all of them lie in one chunk, which bounds them.
    fn push_held(&mut self, job: &Job<'_>, chunk: &Chunk, way: &mut Option<Way<'_>>) -> Result<Flow, QueryError> {
        let (first, count) = std::mem::take(&mut self.held);
        for step in 0..count {
            if self.is_full() {
                break;
            }
            if step % STEPS as u64 == 0 {
                job.check_cancel()?;
                self.charge_windows()?;
            }
            let index = if job.checked.ascending {
                first.wrapping_add_unsigned(step)
            } else {
                first.wrapping_sub_unsigned(step)
            };
            let mut values = Vec::with_capacity(job.plan.calls.len());
            let mut shown = job.plan.transforms.is_empty();
            for call in 0..job.plan.calls.len() {
                let filled = self.is_filled(job, call, index)?;
                shown |= filled && self.shown.contains(&call);
                values.push(if filled { self.fill_call(job, call, index, None) } else { None });
            }
            let time = chunk.windows.start(index);
            let made = self.transform(job, time, &values);
            if shown || self.makes_row(&made) {
                self.push_row(job, time, (&values, &made), None)?;
            }
            if self.times.len() >= ROWS
                && let Some(Way { group, sink }) = way
                && let Flow::Stop = self.flush(job, group, *sink)?
            {
                return Ok(Flow::Stop);
            }
            if let Flow::Stop = self.hand_over(job, way)? {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Hands the rows over.
    pub(crate) fn flush(&mut self, job: &Job<'_>, group: &Group, sink: &mut dyn Sink) -> Result<Flow, QueryError> {
        let _stage = job.making_rows();
        self.charge_windows()?;
        let rows = self.times.len();
        if rows == 0 {
            return Ok(Flow::Continue);
        }
        if !self.opened {
            self.opened = true;
            if let Flow::Stop = give(sink, Item::Series(job.header(group))) {
                return Ok(Flow::Stop);
            }
        }
        self.memory.add(std::mem::take(&mut self.evaluated))?;
        let times = std::mem::take(&mut self.times);
        let mut variables: Vec<Vector> = self
            .variables
            .iter_mut()
            .map(|variable| {
                let empty = Vector::new(variable.values.field_type());
                std::mem::replace(variable, empty)
            })
            .collect();
        let mut outputs = Vec::with_capacity(job.plan.outputs.len());
        for (at, output) in job.plan.outputs.iter().enumerate() {
            if let Node::Input(input) = output.node
                && self.moved[input] == Some(at)
            {
                let empty = Vector::new(variables[input].values.field_type());
                let mut vector = std::mem::replace(&mut variables[input], empty);
                vector.values.shrink();
                outputs.push(Made::Vector(vector));
                continue;
            }
            let operand = evaluate(&output.node, rows, &mut |input| {
                Ok::<_, QueryError>(Operand::Rows(Cow::Borrowed(&variables[input])))
            })?;
            outputs.push(Made::Vector(operand.into_vector(rows, output.field_type)));
        }
        drop(variables);
        let flow = give_in_frames(job, times, outputs, sink)?;
        self.memory.clear();
        Ok(flow)
    }
}

/// A column of an answer, before it is cut into frames.
pub(crate) enum Made {
    /// Values.
    Vector(Vector),
    /// Texts of which few differ; those that share their rows stand side by side, as a rule.
    Labels(Labels),
}

/// Hands rows over in frames of the size asked for.
pub(crate) fn give_in_frames(
    job: &Job<'_>,
    times: Vec<i64>,
    outputs: Vec<Made>,
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    let size = job.context.frame_rows.max(1);
    if times.len() <= size {
        return Ok(give_rows(sink, whole_frame(times, outputs)));
    }
    for start in (0..times.len()).step_by(size) {
        job.check_cancel()?;
        let part = start..(start + size).min(times.len());
        let mut columns = vec![FrameColumn::Times(times[part.clone()].to_vec())];
        columns.extend(parts(&outputs, &part));
        if let Flow::Stop = give_rows(sink, Frame { rows: part.len(), columns }) {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::Continue)
}

/// All rows in one frame.
pub(super) fn whole_frame(times: Vec<i64>, outputs: Vec<Made>) -> Frame {
    let rows = times.len();
    let mut columns = Vec::with_capacity(outputs.len() + 1);
    columns.push(FrameColumn::Times(times));
    columns.extend(outputs.into_iter().map(|output| match output {
        Made::Vector(vector) => FrameColumn::Values(vector.into_column()),
        Made::Labels(labels) => FrameColumn::Labels(labels),
    }));
    Frame { rows, columns }
}

/// Some rows of columns; labels that shared their rows do so again.
fn parts(outputs: &[Made], part: &Range<usize>) -> Vec<FrameColumn> {
    // The places of the last labels, of all rows and of these.
    let (mut last, mut places): (Option<&Arc<[u32]>>, Arc<[u32]>) = (None, Arc::default());
    let mut columns = Vec::with_capacity(outputs.len());
    for output in outputs {
        columns.push(match output {
            Made::Vector(vector) => FrameColumn::Values(vector.slice(part.clone()).into_column()),
            Made::Labels(Labels { texts, rows }) => {
                if !last.is_some_and(|last| Arc::ptr_eq(last, rows)) {
                    places = rows[part.clone()].into();
                }
                last = Some(rows);
                FrameColumn::Labels(Labels { texts: Arc::clone(texts), rows: Arc::clone(&places) })
            }
        });
    }
    columns
}

/// The time (ns) of a row that has none of its own; `start` is that of its bucket.
fn bucket_time(job: &Job<'_>, start: i64) -> i64 {
    if job.checked.windows.interval > 0 {
        return start;
    }
    if job.checked.range.start == i64::MIN { 0 } else { job.checked.range.start }
}

/// Whether buckets have several rows: then empty ones have none.
pub(super) fn gives_many(job: &Job<'_>) -> bool {
    matches!(job.plan.calls[..], [Call { function: Function { entry: Entry { kernel: Kernel::Many(_), .. }, .. }, .. }])
}

/// Whether a call is wanted in a bucket: in those of the answer, and in as many before the first one as functions over it read.
fn is_wanted(job: &Job<'_>, call: usize, index: i64) -> bool {
    let (windows, range) = (&job.checked.windows, job.checked.range);
    let lead = i64::from(job.plan.calls[call].lead);
    if job.checked.ascending {
        return range.start == i64::MIN || index >= windows.index(range.start).saturating_sub(lead);
    }
    index <= windows.index(range.end).saturating_add(lead)
}

pub(super) fn variable_type(job: &Job<'_>, variable: Variable) -> FieldType {
    match variable {
        Variable::Transform(at) => job.plan.transforms[at].result,
        Variable::Apart(at) => job.plan.aparts[at].result,
        Variable::Call(call) => job.plan.calls[call].result,
        Variable::Reference(reference) => job.plan.values_type(reference),
    }
}

fn spans(job: &Job<'_>, walk: &Walk<'_>) -> Spans {
    let lower = job.checked.range.start != i64::MIN;
    // Without a lower bound nothing lies before the first bucket.
    let grid = if walk.ascending && !lower { 0 } else { job.plan.lead() };
    let span = |(cells, call): (&&[Partial], &Call)| {
        let begin = grid.saturating_sub(call.lead) as usize;
        let full = |ordinal: &usize| !cells[walk.place(*ordinal)].is_empty();
        let Some(first) = (0..cells.len()).find(full) else { return (0, 0) };
        let last = (0..cells.len()).rev().find(full).unwrap_or(first);
        match (walk.ascending, lower) {
            (_, true) => (begin, cells.len()),
            (true, false) => (first, cells.len()),
            (false, false) => (begin, last + 1),
        }
    };
    walk.columns.iter().zip(&job.plan.calls).map(span).collect()
}

/// The value of a bucket on the line between two others; integers are truncated.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn linear(at: i64, (before, from): &(i64, Datum), (after, to): &(i64, Datum)) -> Option<Datum> {
    let span = (after - before) as f64;
    let along = (at - before) as f64;
    Some(match (from, to) {
        (Datum::Float(from), Datum::Float(to)) => Datum::Float((to - from) / span * along + from),
        (Datum::Integer(from), Datum::Integer(to)) => {
            Datum::Integer((to.wrapping_sub(*from) as f64 / span * along + *from as f64) as i64)
        }
        (Datum::Unsigned(from), Datum::Unsigned(to)) => {
            Datum::Unsigned(((*to as f64 - *from as f64) / span * along + *from as f64) as u64)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_straight_and_integers_truncated() {
        let float = |value| Datum::Float(value);
        assert_eq!(linear(2, &(1, float(1.0)), &(3, float(2.0))), Some(float(1.5)));
        assert_eq!(linear(2, &(3, float(2.0)), &(1, float(1.0))), Some(float(1.5)));
        assert_eq!(linear(1, &(0, Datum::Integer(0)), &(3, Datum::Integer(5))), Some(Datum::Integer(1)));
        assert_eq!(linear(1, &(0, Datum::Boolean(true)), &(3, Datum::Boolean(true))), None);
    }
}
