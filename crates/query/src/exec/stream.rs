//! Functions over sequences of points: fed by the buckets of calls, row by row as these are made, or by the raw points of a
//! group in order of time.
//!
//! Several of them in one SELECT meet by time: where they have different numbers of values at one time, the first ones make
//! a row together, then the second ones, as in InfluxDB.

use super::Job;
use super::emit::Emitter;
use crate::QueryError;
use crate::datum::Datum;
use crate::functions::transform::Running;
use crate::plan::{Feed, Variable};
use crate::vector::Vector;
use influxql::ast::Fill;
use model::FieldType;

/// The functions of a plan, at the beginning.
pub(super) fn start(job: &Job<'_>) -> Vec<Running> {
    let ascending = job.checked.ascending;
    job.plan.transforms.iter().map(|applied| Running::new(applied.kernel, applied.parameter, ascending)).collect()
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
        if let Some(reference) = self.lone_feed(job) {
            self.take_lone(times, &vectors[reference], rows);
            return Ok(());
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

    /// The reference that the only function reads, if its values are the only column of numbers, as they are.
    fn lone_feed(&self, job: &Job<'_>) -> Option<usize> {
        let plain = matches!(job.plan.fill, Fill::Null | Fill::None);
        match (&job.plan.transforms[..], &job.plan.variables[..]) {
            ([applied], [Variable::Transform(0)]) if plain && applied.typed && applied.result != FieldType::String => {
                if let Feed::Reference(reference) = applied.feed {
                    Some(reference)
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// As [`Emitter::take_rows`], for one function alone: rows at one time need not be put together.
    fn take_lone(&mut self, times: &[i64], vector: &Vector, rows: &[u32]) {
        for &row in rows {
            if self.is_full() {
                break;
            }
            let time = times[row as usize];
            let Some(value) = vector.get(row as usize) else { continue };
            let Some(made) = self.running[0].step(time, value) else { continue };
            if self.pass() {
                self.times.push(time);
                self.variables[0].push(Some(made.value()));
            }
        }
    }
}
