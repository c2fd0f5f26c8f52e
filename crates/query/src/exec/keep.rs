//! Cells of functions that keep values: all of them, the different ones, or the best. What they take grows with what they
//! read, and is charged to the query as it does.

use super::Reader;
use super::cells::Walk;
use crate::QueryError;
use crate::datum::Datum;
use crate::functions::Kernel;
use crate::functions::collecting::Collecting;
use crate::functions::many::Many;
use crate::functions::ranked::{Key, Ranked, key_at};
use crate::partial::{Partial, Point};
use crate::plan::{Call, Input};
use crate::vector::{Rows, Vector};
use model::{Column, FieldType, Text, Value, Values};
use std::cell::OnceCell;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;

impl Walk<'_, '_> {
    /// Takes `values[positions]` into the cell of a function that keeps values; `row` gives the row of a position.
    pub(super) fn keep(
        &mut self,
        reader: &Reader<'_>,
        (call, cell): (usize, usize),
        values: &Values,
        positions: Range<usize>,
        times: &[i64],
        row: &dyn Fn(usize) -> usize,
    ) -> Result<(), QueryError> {
        if positions.is_empty() {
            return Ok(());
        }
        let (job, planned) = (self.job, &self.job.plan.calls[call]);
        let extra = self.wanted.point.as_deref().unwrap_or_default();
        let known = &mut self.cells.calls[call][cell];
        if known.is_empty() {
            let types = extra.iter().map(|&at| job.plan.values_type(at));
            let types: Vec<FieldType> = types.collect();
            let held = Partial::holding(planned.function, values.field_type(), &types, job.checked.ascending);
            *known = held.unwrap_or_default();
        }
        let before = known.bytes();
        let time = |position: usize| times[row(position)];
        match known {
            Partial::Collected(collected) => {
                let timed = self.wanted.point.is_some() || planned.function.entry.kernel == MODE;
                collected.append(values, positions.clone(), timed.then_some(&time as &dyn Fn(usize) -> i64));
                for (&reference, vector) in extra.iter().zip(collected.beside()) {
                    append_extra(reader, reference, positions.clone().map(row), vector)?;
                }
            }
            Partial::Sketch(sketch) => sketch.insert(values, positions, self.source),
            Partial::Seen(seen) => seen.insert(values, positions, time),
            Partial::Ranked(ranked) => {
                let beside = Beside { reader, references: extra, columns: vec![OnceCell::new(); extra.len()] };
                rank(planned, &beside, ranked, (values, positions), &time, row)?;
            }
            _ => {}
        }
        self.cells.memory.change(before, known.bytes())
    }
}

/// What stands beside the values of a slice; columns are read when the first of their values is asked for.
struct Beside<'a> {
    reader: &'a Reader<'a>,
    references: &'a [usize],
    columns: Vec<OnceCell<Option<Arc<Column>>>>,
}

impl Beside<'_> {
    fn of_row(&self, row: usize) -> Result<Vec<Option<Datum>>, QueryError> {
        let value = |(&reference, column): (&usize, &OnceCell<Option<Arc<Column>>>)| {
            if let Input::Tag(_) | Input::Missing = &self.reader.inputs[reference] {
                return extra_value(self.reader, reference, row);
            }
            let column = match column.get() {
                Some(column) => column,
                None => {
                    let read = self.reader.column(reference)?;
                    column.get_or_init(|| read)
                }
            };
            Ok(column.as_ref().and_then(|column| column.get(row)).map(Datum::from))
        };
        let mut values = Vec::with_capacity(self.references.len());
        for beside in self.references.iter().zip(&self.columns) {
            values.push(value(beside)?);
        }
        Ok(values)
    }
}

/// Takes those of `values[positions]` that are among the best; `row` gives the row of a position.
fn rank(
    call: &Call,
    beside: &Beside<'_>,
    ranked: &mut Ranked,
    (values, positions): (&Values, Range<usize>),
    time: &dyn Fn(usize) -> i64,
    row: &dyn Fn(usize) -> usize,
) -> Result<(), QueryError> {
    let least = call.function.entry.kernel == Kernel::Many(Many::Bottom);
    let draws = (call.function.entry.kernel == Kernel::Many(Many::Sample)).then(RandomState::new);
    let tag = |key: &Text| Text::from(beside.reader.tags.get(key).unwrap_or_default());
    let tags = (!call.by.is_empty()).then(|| call.by.iter().map(tag).collect::<Vec<_>>());
    for at in positions {
        let drawn = draws.as_ref().map(|draws| Key::from(draws.hash_one(at)));
        let Some(key) = drawn.or_else(|| key_at(values, at, least)) else { break };
        if !ranked.admits(key, time(at), tags.as_deref()) {
            continue;
        }
        let Some(value) = values.get(at).map(Datum::from) else { break };
        ranked.push(key, Point { time: time(at), value, extra: beside.of_row(row(at))? }, tags.as_deref());
    }
    Ok(())
}

/// The kernel that needs the times of values, though no point is wanted.
const MODE: Kernel = Kernel::Collecting(Collecting::Mode);

/// Appends what a reference has in some rows, ascending.
fn append_extra(
    reader: &Reader<'_>,
    reference: usize,
    rows: impl Iterator<Item = usize>,
    vector: &mut Vector,
) -> Result<(), QueryError> {
    let column = reader.column(reference)?;
    let tag = match &reader.inputs[reference] {
        Input::Tag(key) => reader.tags.get(key).map(Value::String),
        _ => None,
    };
    let rows: Vec<u32> = rows.filter_map(|row| u32::try_from(row).ok()).collect();
    match column {
        Some(column) => vector.append(&column, &Rows::At(&rows)),
        None => rows.iter().for_each(|_| vector.push(tag)),
    }
    Ok(())
}

/// What a reference has in a row.
pub(super) fn extra_value(reader: &Reader<'_>, reference: usize, row: usize) -> Result<Option<Datum>, QueryError> {
    match &reader.inputs[reference] {
        Input::Missing => Ok(None),
        Input::Tag(key) => Ok(reader.tags.get(key).map(|value| Datum::String(value.into()))),
        Input::Field(..) => Ok(reader.column(reference)?.and_then(|column| column.get(row).map(Into::into))),
    }
}
