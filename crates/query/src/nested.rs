//! A SELECT with its sources: measurements that are stored, and SELECTs, which have sources themselves.
//!
//! First all of them are prepared, the innermost first, since what an inner one shows is what an outer one may name. Then the
//! outermost is executed, and has the inner ones executed: each is told by which tags the outer ones group, so that its rows keep
//! these, and its rows are taken into memory ([`crate::source::rows`]). The same operators read them.

use crate::check::Checked;
use crate::exec::{self, Flow, Job};
use crate::plan::{Bound, Output, Plan};
use crate::resolve::{self, Schema, Table, Views};
use crate::source::Source;
use crate::source::rows::{Collector, RowSet, Shown, together};
use crate::{Context, Limits, Names, QueryError, Sink};
use influxql::ast::{Fill, Select, Source as From};
use model::{FieldType, Text};
use std::sync::Arc;

/// Columns that a SELECT may have once `*` is written out: planning looks at them in pairs, and that cannot be stopped.
const MOST_COLUMNS: usize = 20_000;

/// Rows of a frame between two SELECTs.
const FRAME: usize = 1 << 14;

/// A SELECT that only has to be executed.
pub(crate) struct Prepared {
    select: Select,
    checked: Checked,
    /// `None` if it has no columns, and so no rows.
    plan: Option<Plan>,
    stored: Vec<Table>,
    inner: Vec<Prepared>,
}

impl Prepared {
    /// The columns that an outer SELECT may name; of those of one name the first.
    fn shown(&self) -> Vec<Shown> {
        let outputs = self.plan.as_ref().map(|plan| plan.outputs.as_slice()).unwrap_or_default();
        let is_first = |at: usize, output: &Output| outputs[..at].iter().all(|before| before.name != output.name);
        let known = outputs.iter().enumerate().filter(|(at, output)| output.is_known && is_first(*at, output));
        let shown = known.map(|(at, output)| Shown {
            name: output.name.clone(),
            field_type: if output.is_tag { FieldType::String } else { output.field_type },
            output: at,
        });
        shown.collect()
    }

    /// Whether each row depends on nothing but itself, so that it is the same whatever range is asked for.
    fn is_plain(&self) -> bool {
        let Select { limit, offset, fill, .. } = &self.select;
        let alone = !self.checked.has_calls && *limit == 0 && *offset == 0 && *fill != Fill::Previous;
        alone && self.inner.iter().all(Self::is_plain)
    }
}

/// Resolves the names of a SELECT and of all that are its sources.
pub(crate) fn prepare(
    select: &Select,
    mut checked: Checked,
    names: &dyn Names,
    context: &Context,
) -> Result<Prepared, QueryError> {
    let mut views = Views::new(names, context, checked.widest());
    let mut inner_checked = std::mem::take(&mut checked.subqueries).into_iter();
    let (mut stored, mut inner): (Vec<Table>, Vec<Prepared>) = (Vec::new(), Vec::new());
    for source in &select.sources {
        match source {
            From::Measurement(measurement) => stored.extend(resolve::tables(measurement, &mut views)?),
            From::SubQuery(select) => {
                if let Some(checked) = inner_checked.next() {
                    inner.push(prepare(select, checked, names, context)?);
                }
            }
        }
    }
    stored.sort_by(|left, right| left.name.cmp(&right.name));
    if stored.windows(2).any(|pair| pair[0].name == pair[1].name) {
        return Err(QueryError::NotExecuted("the same measurement twice in FROM".into()));
    }
    let mut schema = Schema::new(&stored);
    for prepared in &inner {
        if let Some(plan) = &prepared.plan {
            schema.add_rows(&plan.outputs, &plan.dimensions);
        }
    }
    let expanded = resolve::expand(&checked, &schema)?;
    if expanded.fields.len() > MOST_COLUMNS {
        return Err(QueryError::NotExecuted(format!("SELECT of more than {MOST_COLUMNS} columns")));
    }
    let plan = match expanded.fields.is_empty() {
        true => None,
        false => Some(Plan::new(select, &checked, expanded, &schema)?),
    };
    let differ = |plan: &Plan| plan.calls.windows(2).any(|pair| pair[0].lead != pair[1].lead);
    if plan.as_ref().is_some_and(differ) && !inner.iter().all(Prepared::is_plain) {
        // The inner SELECT would have to be executed for each of the ranges that they read.
        return Err(QueryError::NotExecuted("functions that read different ranges of a subquery".into()));
    }
    Ok(Prepared { select: select.clone(), checked, plan, stored, inner })
}

/// Fails if a SELECT asks for more buckets than it may: those from the first instant of its range to its last but one, as InfluxDB counts them.
pub(crate) fn check_buckets(checked: &Checked, limits: &Limits) -> Result<(), QueryError> {
    let (windows, range) = (&checked.windows, checked.range);
    if limits.buckets == 0 || windows.interval == 0 || range.is_empty() || range.start == i64::MIN {
        return Ok(());
    }
    let last = range.end.saturating_sub(1).max(range.start);
    let buckets = windows.index(last).abs_diff(windows.index(range.start)) + 1;
    match buckets > limits.buckets {
        true => Err(QueryError::Buckets { buckets, limit: limits.buckets }),
        false => Ok(()),
    }
}

/// Counts series of a SELECT, and fails if there are more than it may read.
fn check_series(counted: &mut usize, more: usize, limits: &Limits) -> Result<(), QueryError> {
    *counted = counted.saturating_add(more);
    match limits.series > 0 && *counted > limits.series {
        // InfluxDB stops at the first one too many.
        true => Err(QueryError::Series { series: limits.series + 1, limit: limits.series }),
        false => Ok(()),
    }
}

/// Runs a prepared SELECT, grouped by `pushed` tags beside its own.
pub(crate) fn execute(
    prepared: &Prepared,
    pushed: &[Text],
    context: &Context,
    sink: &mut dyn Sink,
) -> Result<Flow, QueryError> {
    let Some(plan) = &prepared.plan else { return Ok(Flow::Continue) };
    let mut plan = plan.clone();
    plan.dimensions.extend(pushed.iter().cloned());
    plan.dimensions.sort();
    plan.dimensions.dedup();
    let (select, checked) = (&prepared.select, &prepared.checked);
    let mut counted = 0;
    for table in &tables(prepared, &plan, context)? {
        exec::check_cancel(context)?;
        let bound = Bound::new(&plan, checked, table)?;
        let set = table.source.series(&table.name, &bound.tags, context)?;
        if table.source.is_stored() {
            check_series(&mut counted, set.len(), &context.limits)?;
        }
        exec::admit(context, set.len())?;
        let job = Job { select, checked, plan: &plan, bound: &bound, table, set: &set, context };
        if matches!(exec::run(&job, sink)?, Flow::Stop) {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::Continue)
}

/// Gives what executing each stored measurement needs, innermost SELECT first, and how deep it lies.
pub(crate) fn each_stored(
    prepared: &Prepared,
    context: &Context,
    give: &mut dyn FnMut(&Job<'_>, usize) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    each_below(prepared, context, 0, give)
}

fn each_below(
    prepared: &Prepared,
    context: &Context,
    depth: usize,
    give: &mut dyn FnMut(&Job<'_>, usize) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    for inner in &prepared.inner {
        each_below(inner, context, depth + 1, give)?;
    }
    let (Some(plan), Prepared { select, checked, .. }) = (&prepared.plan, prepared) else { return Ok(()) };
    let mut counted = 0;
    for table in &prepared.stored {
        exec::check_cancel(context)?;
        let bound = Bound::new(plan, checked, table)?;
        let set = table.source.series(&table.name, &bound.tags, context)?;
        check_series(&mut counted, set.len(), &context.limits)?;
        give(&Job { select, checked, plan, bound: &bound, table, set: &set, context }, depth)?;
    }
    Ok(())
}

/// The tables of a SELECT in order of the answer, the inner SELECTs executed.
fn tables(prepared: &Prepared, plan: &Plan, context: &Context) -> Result<Vec<Table>, QueryError> {
    let mut tables = prepared.stored.clone();
    let mut wanted = plan.dimensions.clone();
    wanted.extend(plan.calls.iter().flat_map(|call| call.by.iter().cloned()));
    let (mut answers, mut tags) = (Vec::new(), wanted.clone());
    for inner in &prepared.inner {
        answers.push(rows(inner, &wanted, &inner.shown(), context)?);
        tags.extend(inner.plan.iter().flat_map(|plan| plan.dimensions.iter().cloned()));
    }
    tags.sort();
    tags.dedup();
    for (name, rows) in together(answers) {
        if tables.iter().any(|table| table.name == name) {
            return Err(QueryError::NotExecuted("a measurement beside a SELECT of it in FROM".into()));
        }
        let fields = rows.columns();
        tables.push(Table { name, source: Source::Rows(Arc::new(rows)), fields, tag_keys: tags.clone() });
    }
    tables.sort_by(|left, right| left.name.cmp(&right.name));
    if !prepared.checked.ascending {
        tables.reverse();
    }
    Ok(tables)
}

/// The answer of an inner SELECT.
fn rows(
    inner: &Prepared,
    pushed: &[Text],
    shown: &[Shown],
    context: &Context,
) -> Result<Vec<(Text, RowSet)>, QueryError> {
    let mut collector = Collector::new(shown, (inner.checked.ascending, !inner.is_plain()), context)?;
    let context = Context { frame_rows: FRAME, ..context.clone() };
    execute(inner, pushed, &context, &mut collector)?;
    collector.finish()
}
