//! A SELECT with its sources: measurements that are stored, and SELECTs, which have sources themselves.
//!
//! First all of them are prepared, the innermost first, since what an inner one shows is what an outer one may name. Then the
//! outermost is executed, and has the inner ones executed: each is told by which tags the outer ones group, so that its rows keep
//! these, and its rows are taken into memory ([`crate::source::rows`]). The same operators read them.

use crate::check::{self, Checked};
use crate::exec::{self, Flow, Job};
use crate::plan::{Bound, Output, Plan};
use crate::resolve::{self, Reference, Schema, Table, Views};
use crate::source::Source;
use crate::source::rows::{Collector, RowSet, Shown, together};
use crate::{Context, Limits, Names, QueryError, Sink};
use influxql::ast::{Expr, Fill, Select, Source as From, WildcardKind};
use model::{FieldType, Text};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Columns that a SELECT may have once `*` is written out: planning looks at them in pairs, and that cannot be stopped.
const MOST_COLUMNS: usize = 20_000;

/// SELECTs that are executed for one at most, all that are its sources for each range: their number may double with each level.
const MOST_SELECTS: usize = 1_000;

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
    /// The same SELECTs for functions that read fewer buckets before the first one than others, by their number of these.
    narrower: Vec<(u32, Vec<Prepared>)>,
    /// Its rows have passed the condition of the one whose source it is.
    passed: bool,
    /// How many SELECTs these are, this one among them.
    selects: usize,
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

    /// Whether rows of this name may be in its answer.
    fn names(&self, name: &Text) -> bool {
        self.stored.iter().any(|table| table.name == *name) || self.inner.iter().any(|inner| inner.names(name))
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
    let inner_checked = std::mem::take(&mut checked.subqueries);
    let mut stored: Vec<Table> = Vec::new();
    for source in &select.sources {
        if let From::Measurement(measurement) = source {
            stored.extend(resolve::tables(measurement, &mut views)?);
        }
    }
    let mut inner = prepare_sources(select, inner_checked, names, context)?;
    let mut stored = resolve::united(stored);
    let mut schema = Schema::new(&stored);
    for prepared in &inner {
        if let Some(plan) = &prepared.plan {
            schema.add_rows(&plan.outputs, &plan.dimensions);
        }
    }
    if stored.len() > 1 && inner.is_empty() {
        checked.condition = resolve::typed_condition(&checked.condition, &schema);
    }
    let expanded = resolve::expand(&checked, &schema)?;
    if expanded.fields.len() > MOST_COLUMNS {
        return Err(QueryError::NotExecuted(format!("SELECT of more than {MOST_COLUMNS} columns")));
    }
    let mut narrower = Vec::new();
    let plan = match expanded.fields.is_empty() {
        true => None,
        false => {
            let plan = Plan::new(select, &checked, expanded, &schema)?;
            let (both, alone) = stored.into_iter().partition(|table| inner.iter().any(|one| one.names(&table.name)));
            stored = alone;
            let whole = (select, names, context);
            narrower = prepare_narrower(whole, &checked, (&plan, &inner), &both)?;
            add_beside(select, &checked, (&plan, &both), context, &mut inner)?;
            Some(plan)
        }
    };
    let sources = inner.iter().chain(narrower.iter().flat_map(|(_, inner)| inner));
    let selects = 1 + sources.map(|source| source.selects).sum::<usize>();
    if selects > MOST_SELECTS {
        let text = format!("more than {MOST_SELECTS} SELECTs for one, each for every range that functions read of it");
        return Err(QueryError::NotExecuted(text));
    }
    Ok(Prepared { select: select.clone(), checked, plan, stored, inner, narrower, passed: false, selects })
}

/// Prepares the SELECTs that are sources of another.
fn prepare_sources(
    select: &Select,
    checked: Vec<Checked>,
    names: &dyn Names,
    context: &Context,
) -> Result<Vec<Prepared>, QueryError> {
    let selects = select.sources.iter().filter_map(|source| match source {
        From::SubQuery(select) => Some(select),
        From::Measurement(_) => None,
    });
    selects.zip(checked).map(|(select, checked)| prepare(select, checked, names, context)).collect()
}

/// Prepares the sources of functions that read fewer buckets before the first one than others, where a SELECT gives other rows for each
/// range: it is executed for each, as in InfluxDB.
fn prepare_narrower(
    (select, names, context): (&Select, &dyn Names, &Context),
    checked: &Checked,
    (plan, inner): (&Plan, &[Prepared]),
    both: &[Table],
) -> Result<Vec<(u32, Vec<Prepared>)>, QueryError> {
    let mut leads: BTreeSet<u32> = plan.calls.iter().map(|call| call.lead).collect();
    leads.pop_last();
    if inner.iter().all(Prepared::is_plain) {
        leads.clear();
    }
    let mut narrower = Vec::new();
    for lead in leads {
        let checked = checked.with_depth(lead);
        let inner_checked = check::check_sources(select, &checked, context)?;
        let mut inner = prepare_sources(select, inner_checked, names, context)?;
        add_beside(select, &checked, (plan, both), context, &mut inner)?;
        narrower.push((lead, inner));
    }
    Ok(narrower)
}

/// Adds tables of which another source has rows of the same name: as SELECTs of the fields that a plan reads, under its condition.
fn add_beside(
    select: &Select,
    checked: &Checked,
    (plan, tables): (&Plan, &[Table]),
    context: &Context,
    inner: &mut Vec<Prepared>,
) -> Result<(), QueryError> {
    let mut wanted: BTreeMap<&Text, BTreeSet<FieldType>> = BTreeMap::new();
    for reference in &plan.references {
        if let Reference::Field(name, field_type) = reference {
            wanted.entry(name).or_default().insert(*field_type);
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let is_first = matches!(select.sources.first(), Some(From::Measurement(_)));
    for table in tables.iter().rev() {
        let schema = Schema::new(std::slice::from_ref(table));
        // As the type that it has here, if it is read as that; floats are read as integers, too.
        let field = |(name, types): (&&Text, &BTreeSet<FieldType>)| {
            let own = match schema.resolve(&String::from_utf8_lossy(name), None) {
                Reference::Field(_, own) => types.get(&own),
                Reference::Tag(_) | Reference::Missing => None,
            };
            Some(resolve::field(name, *own.or(types.first())?))
        };
        let select = Select {
            fields: wanted.iter().filter_map(field).collect(),
            target: None,
            sources: Vec::new(),
            dimensions: vec![Expr::Wildcard(WildcardKind::All)],
            fill: Fill::Null,
            order: None,
            limit: 0,
            offset: 0,
            slimit: 0,
            soffset: 0,
            ..select.clone()
        };
        // Times before the bound, too, where a function reads them.
        let checked = check::check_source(&select, checked, context)?.over(checked.widest());
        let plan = Some(Plan::new(&select, &checked, resolve::expand(&checked, &schema)?, &schema)?);
        let (stored, narrower) = (vec![table.clone()], Vec::new());
        let prepared =
            Prepared { select, checked, plan, stored, inner: Vec::new(), narrower, passed: true, selects: 1 };
        inner.insert(if is_first { 0 } else { inner.len() }, prepared);
    }
    Ok(())
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

/// Fails if a measurement has more series than a SELECT may read of each, as InfluxDB counts them.
fn check_series(series: usize, limits: &Limits) -> Result<(), QueryError> {
    match limits.series > 0 && series > limits.series {
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
    let narrower = narrower(prepared, &plan, context)?;
    for table in &tables(prepared, (&prepared.inner, &prepared.stored), &plan, context)? {
        exec::check_cancel(context)?;
        let bound = Bound::new(&plan, checked, table)?;
        let set = table.source.series(&table.name, &bound.tags, context)?;
        if table.source.is_stored() {
            check_series(set.len(), &context.limits)?;
        }
        exec::admit(context, set.len())?;
        let narrower: Vec<(u32, Option<Table>)> = match table.source.is_stored() {
            true => Vec::new(),
            false => narrower.iter().map(|(lead, tables)| (*lead, named(tables, &table.name))).collect(),
        };
        let job = Job { select, checked, plan: &plan, bound: &bound, table, set: &set, context, narrower: &narrower };
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
    for table in &prepared.stored {
        exec::check_cancel(context)?;
        let bound = Bound::new(plan, checked, table)?;
        let set = table.source.series(&table.name, &bound.tags, context)?;
        check_series(set.len(), &context.limits)?;
        give(&Job { select, checked, plan, bound: &bound, table, set: &set, context, narrower: &[] }, depth)?;
    }
    Ok(())
}

fn named(tables: &[Table], name: &Text) -> Option<Table> {
    tables.iter().find(|table| table.name == *name).cloned()
}

/// The tables of functions that read fewer buckets before the first one than others.
fn narrower(prepared: &Prepared, plan: &Plan, context: &Context) -> Result<Vec<(u32, Vec<Table>)>, QueryError> {
    let each = prepared.narrower.iter();
    each.map(|(lead, inner)| Ok((*lead, tables(prepared, (inner, &[]), plan, context)?))).collect()
}

/// The tables of a SELECT in order of the answer, the inner SELECTs executed.
fn tables(
    prepared: &Prepared,
    (inner, stored): (&[Prepared], &[Table]),
    plan: &Plan,
    context: &Context,
) -> Result<Vec<Table>, QueryError> {
    let mut tables = stored.to_vec();
    let mut wanted = plan.dimensions.clone();
    wanted.extend(plan.calls.iter().flat_map(|call| call.by.iter().cloned()));
    let (mut answers, mut tags) = (Vec::new(), wanted.clone());
    for inner in inner {
        answers.push(rows(inner, &wanted, &inner.shown(), context)?);
        tags.extend(inner.plan.iter().flat_map(|plan| plan.dimensions.iter().cloned()));
    }
    tags.sort();
    tags.dedup();
    for (name, rows) in together(answers) {
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
    let mut answer = collector.finish()?;
    if inner.passed {
        answer.iter_mut().for_each(|(_, rows)| rows.pass());
    }
    Ok(answer)
}
