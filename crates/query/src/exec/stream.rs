//! Functions over sequences of points: fed by the buckets of calls, row by row as these are made, or by the raw points of a
//! group in order of time.
//!
//! Several of them in one SELECT meet by time: where they have different numbers of values at one time, the first ones make
//! a row together, then the second ones, as in InfluxDB.
//!
//! Raw points come in columns and are made columns, function by function ([`Emitter::take_points`]). Row by row goes what
//! that cannot tell: several functions over points that share their times, and rows filled from those before.

use super::Job;
use super::emit::Emitter;
use crate::QueryError;
use crate::datum::Datum;
use crate::functions::transform::{Given, Points, Running};
use crate::plan::{Applied, Feed, Variable};
use crate::vector::{Rows, Vector};
use influxql::ast::Fill;
use model::{Column, FieldType, Presence};
use platform::budget::Grant;
use std::ops::Range;

/// The functions of a plan, at the beginning, and the memory of those that keep values from it on.
pub(super) fn start(job: &Job<'_>) -> Result<(Vec<Running>, Grant), QueryError> {
    let bytes = job.plan.transforms.iter().map(|applied| Running::bytes(applied.kernel, applied.parameter));
    let grant = job.take(bytes.fold(0, usize::saturating_add))?;
    let start = |applied: &Applied| Running::new(applied.kernel, applied.parameter, job.checked.ascending);
    Ok((job.plan.transforms.iter().map(start).collect(), grant))
}

/// Which of so many calls or functions are columns, or parts of them; of no interest where no function reads a sequence.
pub(super) fn shown(job: &Job<'_>, count: usize, variable: fn(usize) -> Variable) -> Vec<usize> {
    if job.plan.transforms.is_empty() {
        return Vec::new();
    }
    (0..count).filter(|&at| job.plan.variables.contains(&variable(at))).collect()
}

impl Emitter<'_> {
    /// What the functions make of a bucket in which calls have these values.
    pub(super) fn transform(&mut self, job: &Job<'_>, time: i64, calls: &[Option<Datum>]) -> Vec<Option<Datum>> {
        self.step(job, time, |feed| match feed {
            Feed::Call(call) => calls[call].clone(),
            _ => None,
        })
    }

    /// Whether a function that is a column has a value among what all of them made.
    pub(super) fn makes_row(&self, made: &[Option<Datum>]) -> bool {
        self.shown_made.iter().any(|&at| made[at].is_some())
    }

    fn step(&mut self, job: &Job<'_>, time: i64, feed: impl Fn(Feed) -> Option<Datum>) -> Vec<Option<Datum>> {
        let mut made: Vec<Option<Datum>> = Vec::with_capacity(self.running.len());
        for (applied, running) in job.plan.transforms.iter().zip(&mut self.running) {
            let value = match applied.feed {
                Feed::Transform(at) => made[at].clone(),
                other => feed(other),
            };
            made.push(value.and_then(|value| running.step(time, value.value())));
        }
        made
    }

    /// Takes raw rows (places in the vectors of the references) in order of time; stops when no more are wanted.
    pub(super) fn take_rows(
        &mut self,
        job: &Job<'_>,
        times: &[i64],
        vectors: &[Vector],
        rows: &[u32],
    ) -> Result<(), QueryError> {
        if makes_columns(job) {
            let times: Vec<i64> = rows.iter().map(|&row| times[row as usize]).collect();
            if job.plan.transforms.len() == 1 || times.windows(2).all(|pair| pair[0] != pair[1]) {
                let column = |vector: &Vector| (vector.rows() > 0).then(|| vector.take(rows).into_column());
                let columns: Vec<Option<Column>> = vectors.iter().map(column).collect();
                return self.take_points(job, &times, 0..times.len(), &|reference| columns[reference].as_ref());
            }
        }
        for same in rows.chunk_by(|&left, &right| times[left as usize] == times[right as usize]) {
            if self.is_full() {
                break;
            }
            let time = times[same[0] as usize];
            let mut columns: Vec<Vec<Datum>> = vec![Vec::new(); self.running.len()];
            for &row in same {
                let made = self.step(job, time, |feed| match feed {
                    Feed::Reference(reference) => vectors[reference].get(row as usize).map(Datum::from),
                    _ => None,
                });
                for (column, value) in columns.iter_mut().zip(made) {
                    column.extend(value);
                }
            }
            for at in 0..self.shown_made.iter().map(|&at| columns[at].len()).max().unwrap_or(0) {
                let made: Vec<Option<Datum>> = columns.iter().map(|column| column.get(at).cloned()).collect();
                self.push_row(job, time, (&[], &made), None)?;
            }
        }
        Ok(())
    }

    /// Takes some rows in order of time, which have the times `times`; `column` gives the column of a reference, of all rows.
    /// For plans that [`makes_columns`], and where rows are at different times or one function alone reads them.
    pub(super) fn take_points<'c>(
        &mut self,
        job: &Job<'_>,
        times: &[i64],
        rows: Range<usize>,
        column: &dyn Fn(usize) -> Option<&'c Column>,
    ) -> Result<(), QueryError> {
        let times = &times[rows.clone()];
        let mut given: Vec<Given> = Vec::with_capacity(self.running.len());
        for (applied, running) in job.plan.transforms.iter().zip(&mut self.running) {
            let column = if let Feed::Reference(reference) = applied.feed { column(reference) } else { None };
            let points = column.map(|column| Points::of_column(times, column, rows.clone()));
            given.push(points.map(|points| running.steps(&points)).unwrap_or_default());
        }
        let made = |variable: &Variable| if let Variable::Transform(at) = variable { Some(*at) } else { None };
        let shown: Vec<usize> = job.plan.variables.iter().filter_map(made).collect();
        self.push_given(times, given, &shown);
        self.charge_windows()
    }

    /// Charges what the functions keep of the values that passed.
    pub(super) fn charge_windows(&mut self) -> Result<(), QueryError> {
        let bytes = self.running.iter().map(Running::window_bytes).sum::<usize>();
        self.windows.resize(bytes as u64).map_err(|error| QueryError::Memory(error.to_string()))
    }

    /// Makes room for so many rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.times.reserve_exact(rows);
        self.variables.iter_mut().for_each(|variable| variable.values.reserve_exact(rows));
    }

    /// Rows of what the functions gave, where one of those that are shown has a value: `shown` has one for each variable.
    fn push_given(&mut self, times: &[i64], mut given: Vec<Given>, shown: &[usize]) {
        let Some(&first) = shown.first() else { return };
        let alike = shown.iter().all(|&at| given[at].has_rows_of(&given[first]));
        let rows = if alike { None } else { Some(rows_of_any(times.len(), shown.iter().map(|&at| &given[at]))) };
        let count = rows.as_ref().map_or(given[first].values.len(), Vec::len);
        let part = self.pass_many(count);
        if part.is_empty() {
            return;
        }
        let places = match (&rows, &given[first].rows) {
            (Some(rows), _) | (None, Some(rows)) => Rows::At(&rows[part.clone()]),
            (None, None) => Rows::Range(given[first].first + part.start, given[first].first + part.end),
        };
        match places {
            Rows::Range(start, end) => self.times.extend_from_slice(&times[start..end]),
            Rows::At(rows) => self.times.extend(rows.iter().map(|&row| times[row as usize])),
        }
        for (variable, &at) in self.variables.iter_mut().zip(shown) {
            if given[at].values.is_empty() {
                variable.pad(self.times.len());
                continue;
            }
            let vector = match &rows {
                None => Vector { values: std::mem::take(&mut given[at]).values, valid: None },
                Some(rows) => spread(std::mem::take(&mut given[at]), rows),
            };
            let all = part.len() == vector.rows();
            variable.extend(if all { vector } else { vector.slice(part.clone()) });
        }
    }
}

/// Whether functions over raw points make columns: what is missing in a row is so whatever is in others.
pub(super) fn makes_columns(job: &Job<'_>) -> bool {
    let is_plain = |applied: &Applied| {
        matches!(applied.feed, Feed::Reference(_)) && applied.typed && applied.result != FieldType::String
    };
    matches!(job.plan.fill, Fill::Null | Fill::None)
        && job.plan.is_stream()
        && job.plan.variables.iter().all(|variable| matches!(variable, Variable::Transform(_)))
        && job.plan.transforms.iter().all(is_plain)
}

/// Of so many rows those in which one of several has a value.
fn rows_of_any<'g>(count: usize, given: impl Iterator<Item = &'g Given>) -> Vec<u32> {
    let mut any = vec![false; count];
    given.flat_map(Given::to_rows).for_each(|row| any[row as usize] = true);
    (0u32..).zip(&any).filter_map(|(row, &any)| any.then_some(row)).collect()
}

/// What was given, in some rows: all those that have a value are among them.
fn spread(given: Given, rows: &[u32]) -> Vector {
    let present = given.to_rows();
    let column = Column { values: given.values, presence: Presence::Sparse(present) };
    let mut vector = Vector::new(column.field_type());
    vector.append(&column, &Rows::At(rows));
    vector
}
