//! From accumulated buckets to rows of one output series: fill, offset and limit, expressions over calls, frames.
//!
//! Buckets come in the order of the answer (backwards for DESC), chunk by chunk. Two rules fill: a call's own missing
//! buckets are filled when the call has begun ([`Emitter::fill_call`]), and what then is missing in a row gets the number of
//! `fill(number)` or, with `fill(previous)`, the value of the row before ([`Emitter::push_row`]).

use super::cells::{Cells, Chunk, Wanted};
use super::{Flow, Group, Job, give, give_rows};
use crate::QueryError;
use crate::Sink;
use crate::datum::Datum;
use crate::functions::Function;
use crate::partial::{Partial, fill_value};
use crate::plan::{Input, Variable};
use crate::vector::{Operand, Vector, evaluate};
use influxql::ast::Fill;
use model::{FieldType, Frame, FrameColumn, Item};
use std::borrow::Cow;

/// Rows of one output series in the making.
pub(crate) struct Emitter {
    skip: u64,
    left: u64,
    times: Vec<i64>,
    variables: Vec<Vector>,
    /// Value of each variable in the last row, for `fill(previous)`.
    carried: Vec<Option<Datum>>,
    /// Last value of each call, for `fill(previous)` and `fill(linear)`: bucket and value.
    previous: Vec<Option<(i64, Datum)>>,
    begun: Vec<bool>,
    /// Empty buckets that become rows only if a value follows: the first one and how many, in order of the answer.
    held: (i64, u64),
    opened: bool,
}

/// Where each call's filled buckets lie in a chunk that is the whole range (ordinals in order of the answer, end excluded).
type Spans = Vec<(usize, usize)>;

impl Emitter {
    pub(crate) fn new(job: &Job<'_>) -> Self {
        let variables = job.plan.variables.iter().map(|variable| Vector::new(variable_type(job, *variable))).collect();
        Self {
            skip: job.select.offset,
            left: if job.select.limit == 0 { u64::MAX } else { job.select.limit },
            times: Vec::new(),
            variables,
            carried: vec![None; job.plan.variables.len()],
            previous: vec![None; job.plan.calls.len()],
            begun: vec![false; job.plan.calls.len()],
            held: (0, 0),
            opened: false,
        }
    }

    /// Whether no more rows are wanted.
    pub(crate) fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Takes the buckets of a chunk for its group (its number in the cells). `whole`: there is no other chunk.
    pub(crate) fn take(&mut self, job: &Job<'_>, cells: &Cells, group: usize, chunk: &Chunk, whole: bool) {
        let columns: Vec<&[Partial]> = (0..job.plan.calls.len()).map(|call| cells.of(call, group)).collect();
        let ascending = job.select.ascending();
        let place = |ordinal: usize| if ascending { ordinal } else { chunk.count - 1 - ordinal };
        let spans = whole.then(|| spans(job, &columns, place));
        for ordinal in 0..chunk.count {
            if self.is_full() {
                return;
            }
            let bucket = place(ordinal);
            self.bucket(job, chunk, &columns, ordinal, bucket, spans.as_ref());
        }
    }

    fn bucket(
        &mut self,
        job: &Job<'_>,
        chunk: &Chunk,
        columns: &[&[Partial]],
        ordinal: usize,
        bucket: usize,
        spans: Option<&Spans>,
    ) {
        let index = chunk.first + i64::try_from(bucket).unwrap_or(0);
        let empty = columns.iter().all(|cells| cells[bucket].is_empty());
        let fills = chunk.windows.interval > 0 && job.plan.fill != Fill::None;
        if empty {
            let wanted = match spans {
                Some(spans) => spans.iter().any(|span| (span.0..span.1).contains(&ordinal)),
                None => true,
            };
            if !fills || !wanted {
                return;
            }
            let lower = job.checked.range.start != i64::MIN;
            let begun = self.begun.contains(&true);
            if spans.is_none() && job.select.ascending() && !lower && !begun {
                return;
            }
            if spans.is_none() && (!begun || !(job.select.ascending() || lower)) {
                self.held = if self.held.1 == 0 { (index, 1) } else { (self.held.0, self.held.1 + 1) };
                return;
            }
        } else {
            self.push_held(job, chunk);
        }
        let values = columns
            .iter()
            .enumerate()
            .map(|(call, cells)| match cells[bucket].result() {
                Some(value) => {
                    self.begun[call] = true;
                    self.previous[call] = Some((index, value.clone()));
                    Some(value)
                }
                None if !fills => None,
                None => {
                    let ahead = job.select.ascending() && job.checked.range.start != i64::MIN;
                    let inside = spans
                        .map_or(ahead || self.begun[call], |spans| (spans[call].0..spans[call].1).contains(&ordinal));
                    let next = || next_value(cells, bucket, job.select.ascending(), chunk.first);
                    inside.then(|| self.fill_call(job, call, index, next())).flatten()
                }
            })
            .collect();
        let point = match columns {
            [cells] => match &cells[bucket] {
                Partial::Point(point) => Some(point),
                _ => None,
            },
            _ => None,
        };
        let time = match point {
            Some(point) if chunk.windows.interval == 0 && Wanted::new(job).point.is_some() => point.time,
            _ if chunk.windows.interval == 0 => {
                if job.checked.range.start == i64::MIN {
                    0
                } else {
                    job.checked.range.start
                }
            }
            _ => chunk.windows.start(index),
        };
        self.push_row(job, time, values, point.map(|point| point.extra.as_slice()));
    }

    /// What a call has in a bucket without values.
    fn fill_call(&self, job: &Job<'_>, call: usize, index: i64, next: Option<(i64, Datum)>) -> Option<Datum> {
        let planned = &job.plan.calls[call];
        match job.plan.fill {
            Fill::Null if planned.function == Function::Count => Some(Datum::Integer(0)),
            Fill::Null | Fill::None => None,
            Fill::Integer(number) => fill_value(&Datum::Integer(number), planned.result),
            Fill::Number(number) => fill_value(&Datum::Float(number), planned.result),
            Fill::Previous => self.previous[call].as_ref().map(|(_, value)| value.clone()),
            Fill::Linear => linear(index, self.previous[call].as_ref()?, &next?),
        }
    }

    fn push_row(&mut self, job: &Job<'_>, time: i64, calls: Vec<Option<Datum>>, extra: Option<&[Option<Datum>]>) {
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
                Variable::Reference(_) => extra.next().cloned().flatten(),
            };
            // A call whose type is that of its field has nothing to fill where the field is not there.
            let is_missing = |call: usize| {
                let planned = &job.plan.calls[call];
                let typed = matches!(planned.function, Function::Count | Function::Mean);
                !typed && matches!(job.bound.inputs[planned.reference], Input::Missing)
            };
            if matches!(variable, Variable::Call(call) if is_missing(*call)) {
                value = None;
            } else if value.is_none() {
                if let Some(number) = &number {
                    value = fill_value(number, self.variables[at].values.field_type());
                } else if job.plan.fill == Fill::Previous {
                    value = self.carried[at].clone();
                }
            }
            if show {
                self.variables[at].push(value.as_ref().map(Datum::value));
            }
            self.carried[at] = value;
        }
        if show {
            self.times.push(time);
            self.left -= 1;
        } else if self.skip > 0 {
            self.skip -= 1;
        }
    }

    /// Rows are at an end: what was held back and is wanted all the same becomes rows.
    pub(crate) fn finish(&mut self, job: &Job<'_>, chunk: &Chunk) {
        let lower = job.checked.range.start != i64::MIN;
        if self.begun.contains(&true) && (lower || job.select.ascending()) {
            self.push_held(job, chunk);
        }
    }

    /// The buckets that were held back become rows.
    fn push_held(&mut self, job: &Job<'_>, chunk: &Chunk) {
        let (first, count) = std::mem::take(&mut self.held);
        for step in 0..count {
            if self.is_full() {
                return;
            }
            let index = if job.select.ascending() {
                first.wrapping_add_unsigned(step)
            } else {
                first.wrapping_sub_unsigned(step)
            };
            let values = (0..job.plan.calls.len()).map(|call| self.fill_call(job, call, index, None)).collect();
            self.push_row(job, chunk.windows.start(index), values, None);
        }
    }

    /// Hands the rows over.
    pub(crate) fn flush(&mut self, job: &Job<'_>, group: &Group, sink: &mut dyn Sink) -> Result<Flow, QueryError> {
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
        let times = std::mem::take(&mut self.times);
        let variables: Vec<Vector> = self
            .variables
            .iter_mut()
            .map(|variable| {
                let empty = Vector::new(variable.values.field_type());
                std::mem::replace(variable, empty)
            })
            .collect();
        let mut outputs = Vec::with_capacity(job.plan.outputs.len());
        for output in &job.plan.outputs {
            let operand = evaluate(&output.node, rows, &mut |input| {
                Ok::<_, QueryError>(Operand::Rows(Cow::Borrowed(&variables[input])))
            })?;
            outputs.push(operand.into_vector(rows, output.field_type).without_nan());
        }
        give_in_frames(job, &times, outputs, sink)
    }
}

/// Hands rows over in frames of the size asked for.
pub(crate) fn give_in_frames(
    job: &Job<'_>,
    times: &[i64],
    outputs: Vec<Vector>,
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    let size = job.context.frame_rows.max(1);
    if times.len() <= size {
        let mut columns = vec![FrameColumn::Times(times.to_vec())];
        columns.extend(outputs.into_iter().map(|output| FrameColumn::Values(output.into_column())));
        return Ok(give_rows(sink, Frame { rows: times.len(), columns }));
    }
    for start in (0..times.len()).step_by(size) {
        job.check_cancel()?;
        let end = (start + size).min(times.len());
        let rows: Vec<u32> = (start..end).filter_map(|row| u32::try_from(row).ok()).collect();
        let mut columns = vec![FrameColumn::Times(times[start..end].to_vec())];
        columns.extend(outputs.iter().map(|output| FrameColumn::Values(output.take(&rows).into_column())));
        if let Flow::Stop = give_rows(sink, Frame { rows: end - start, columns }) {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::Continue)
}

fn variable_type(job: &Job<'_>, variable: Variable) -> FieldType {
    match variable {
        Variable::Call(call) => job.plan.calls[call].result,
        Variable::Reference(reference) => job.plan.reference_type(reference).unwrap_or(FieldType::Float),
    }
}

fn spans(job: &Job<'_>, columns: &[&[Partial]], place: impl Fn(usize) -> usize) -> Spans {
    let lower = job.checked.range.start != i64::MIN;
    let span = |cells: &&[Partial]| {
        let full = |ordinal: &usize| !cells[place(*ordinal)].is_empty();
        let Some(first) = (0..cells.len()).find(full) else { return (0, 0) };
        let last = (0..cells.len()).rev().find(full).unwrap_or(first);
        match (job.select.ascending(), lower) {
            (_, true) => (0, cells.len()),
            (true, false) => (first, cells.len()),
            (false, false) => (0, last + 1),
        }
    };
    columns.iter().map(span).collect()
}

/// The next value in order of the answer after a bucket.
fn next_value(cells: &[Partial], bucket: usize, ascending: bool, first: i64) -> Option<(i64, Datum)> {
    let value = |at: usize| Some((first + i64::try_from(at).ok()?, cells[at].result()?));
    if ascending { (bucket + 1..cells.len()).find_map(value) } else { (0..bucket).rev().find_map(value) }
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
