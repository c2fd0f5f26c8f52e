//! The usual way from buckets to rows: every column is a call of one number a bucket, and what is missing depends on the bucket alone.
//! Columns are made one after the other, without a list of values for each row.
//!
//! It makes what [`Emitter::take`] makes row by row, where both can.

use super::Job;
use super::emit::{Emitter, Walk};
use crate::functions::Kernel;
use crate::partial::fill_value;
use crate::plan::Variable;
use crate::{Datum, QueryError};
use influxql::ast::Fill;
use model::FieldType;

/// Whether buckets of a plan become rows in the usual way: `whole`, if all buckets are in one chunk.
pub(super) fn is_plain(job: &Job<'_>, whole: bool) -> bool {
    let fill = match job.plan.fill {
        Fill::None => true,
        Fill::Null | Fill::Integer(_) | Fill::Number(_) => whole,
        Fill::Previous | Fill::Linear => false,
    };
    let is_call = |variable: &Variable| matches!(variable, Variable::Call(_));
    // Texts are charged one by one.
    let is_one = |call: &crate::plan::Call| {
        call.result != FieldType::String && !matches!(call.function.entry.kernel, Kernel::Many(_))
    };
    fill && job.checked.windows.interval > 0
        && job.plan.transforms.is_empty()
        && job.plan.variables.iter().all(is_call)
        && job.plan.calls.iter().all(is_one)
}

impl Emitter<'_> {
    /// Takes the buckets of a chunk of a plan that [`is_plain`].
    pub(super) fn take_plain(&mut self, job: &Job<'_>, walk: &Walk<'_>) -> Result<(), QueryError> {
        let fills = job.plan.fill != Fill::None;
        let in_span = |call: usize, ordinal: usize| {
            let span = walk.spans.as_ref().filter(|_| fills).map(|spans| spans[call]);
            span.is_some_and(|(from, to)| (from..to).contains(&ordinal))
        };
        let mut rows = Vec::with_capacity(walk.chunk.count);
        for ordinal in 0..walk.chunk.count {
            if self.is_full() {
                break;
            }
            let bucket = walk.place(ordinal);
            let shown = walk
                .columns
                .iter()
                .enumerate()
                .any(|(call, cells)| !cells[bucket].is_empty() || in_span(call, ordinal));
            if !shown {
                continue;
            }
            if self.pass() {
                self.times.push(walk.chunk.windows.start(walk.index(bucket)));
                rows.push(ordinal);
            }
        }
        job.check_cancel()?;
        for (at, variable) in job.plan.variables.iter().enumerate() {
            let &Variable::Call(call) = variable else { continue };
            let vector = &mut self.variables[at];
            // A call whose type is that of its field has nothing to fill where no source has such a field.
            let typed = job.plan.is_typed(call);
            let number = match job.plan.fill {
                Fill::Integer(number) => fill_value(&Datum::Integer(number), vector.values.field_type()),
                Fill::Number(number) => fill_value(&Datum::Float(number), vector.values.field_type()),
                Fill::Null if job.plan.calls[call].function.entry.counts() => Some(Datum::Integer(0)),
                _ => None,
            };
            let everywhere = job.plan.fill != Fill::Null;
            for &ordinal in &rows {
                let found = walk.columns[call][walk.place(ordinal)].value();
                let filled = || number.as_ref().filter(|_| everywhere || in_span(call, ordinal)).map(Datum::value);
                vector.push(found.or_else(filled).filter(|_| typed));
            }
        }
        Ok(())
    }
}
