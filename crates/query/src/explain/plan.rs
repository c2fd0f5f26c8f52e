//! EXPLAIN: a list of lines for each measurement that is read, innermost SELECT first. No page is read for it: names, series, segments and
//! pages are looked up, and the most that there is to read is counted.

use crate::exec::Job;
use crate::exec::cells::Wanted;
use crate::nested;
use crate::partial::Partial;
use crate::predicate::Predicate;
use crate::resolve::Reference;
use crate::{Context, Names, QueryError};
use influxql::ast::Select;
use model::{FieldType, TimeRange};
use std::collections::BTreeSet;
use storage::{NumberStats, Scalar, Stats};

/// What a SELECT would do: lines, with an empty one between measurements.
///
/// # Errors
/// As [`crate::select`] before it reads anything.
pub fn plan(select: &Select, names: &dyn Names, context: &Context) -> Result<Vec<String>, QueryError> {
    let checked = crate::check::check(select, context)?;
    nested::check_buckets(&checked, &context.limits)?;
    let prepared = nested::prepare(select, checked, names, context)?;
    let mut lines = Vec::new();
    nested::each_stored(&prepared, context, &mut |job, depth| {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(table(job, depth)?);
        Ok(())
    })?;
    Ok(lines)
}

/// The lines of one measurement.
fn table(job: &Job<'_>, depth: usize) -> Result<Vec<String>, QueryError> {
    let footprint = job.table.source.scan(job.set, &job.bound.scan, job.reach(job.plan.lead()))?.footprint()?;
    let mut lines = vec![format!("EXPRESSION: {}", expressions(job))];
    let references: Vec<String> =
        if job.checked.has_calls { Vec::new() } else { job.plan.references.iter().map(name).collect() };
    if !references.is_empty() {
        lines.push(format!("AUXILIARY FIELDS: {}", references.join(", ")));
    }
    lines.push(format!("MEASUREMENT: {}", String::from_utf8_lossy(&job.table.name)));
    if depth > 0 {
        lines.push(format!("SUBQUERY: {}", job.select));
    }
    lines.push(format!("TIME RANGE: {}", range(&job.checked.range)));
    let interval = job.checked.windows.interval;
    let buckets = (interval > 0).then(|| format!("time({})", model::duration::influxql(interval)));
    let tags = job.plan.dimensions.iter().map(|tag| String::from_utf8_lossy(tag).into_owned());
    let groups: Vec<String> = buckets.into_iter().chain(tags).collect();
    if !groups.is_empty() {
        lines.push(format!("GROUP BY: {}", groups.join(", ")));
    }
    lines.push(format!("STATISTICS: {}", statistics(job)));
    lines.push(format!("NUMBER OF SHARDS: {}", footprint.shards));
    lines.push(format!("NUMBER OF SERIES: {}", job.set.len()));
    lines.push(format!("CACHED VALUES: {}", footprint.cached_values));
    lines.push(format!("NUMBER OF FILES: {}", footprint.segments));
    lines.push(format!("NUMBER OF BLOCKS: {}", footprint.pages));
    lines.push(format!("SIZE OF BLOCKS: {}", footprint.bytes));
    Ok(lines)
}

/// The calls, or InfluxDB's word for none.
fn expressions(job: &Job<'_>) -> String {
    if job.plan.calls.is_empty() {
        return "<nil>".to_owned();
    }
    (0..job.plan.calls.len()).map(|at| call(job, at)).collect::<Vec<_>>().join(", ")
}

fn call(job: &Job<'_>, at: usize) -> String {
    let call = &job.plan.calls[at];
    format!("{}({})", call.function.entry.name, name(&job.plan.references[call.reference]))
}

fn name(reference: &Reference) -> String {
    match reference {
        Reference::Field(name, field_type) => format!("{}::{}", String::from_utf8_lossy(name), field_type.name()),
        Reference::Tag(name) => format!("{}::tag", String::from_utf8_lossy(name)),
        Reference::Missing => "nothing".to_owned(),
    }
}

/// A range of time as text, open ends left out.
fn range(range: &TimeRange) -> String {
    let at = |time| {
        let mut text = Vec::new();
        model::time::push_rfc3339(time, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    };
    match (range.start, range.end) {
        _ if range.is_empty() => "nothing".to_owned(),
        (i64::MIN, i64::MAX) => "all".to_owned(),
        (i64::MIN, end) => format!("until {}", at(end)),
        (start, i64::MAX) => format!("from {}", at(start)),
        (start, end) => format!("from {} until {}", at(start), at(end)),
    }
}

/// Which calls statistics can answer.
fn statistics(job: &Job<'_>) -> String {
    let calls = job.plan.calls.len();
    if calls == 0 || job.plan.is_stream() {
        return "no, rows are wanted".to_owned();
    }
    if !matches!(job.bound.filter, Predicate::Always(_)) {
        return "no, a filter looks at rows; they pass over pages whose bounds no row can pass".to_owned();
    }
    let wanted = Wanted::new(job);
    let answers = |at: &usize| {
        let function = job.plan.calls[*at].function;
        let field = job.field(*at).map(|field| job.bound.scan[field].1);
        wanted.suffices(function) && field.is_some_and(|field| Partial::from_stats(function, &sample(field)).is_some())
    };
    let (known, unknown): (Vec<usize>, Vec<usize>) = (0..calls).partition(answers);
    let list = |calls: &[usize]| {
        let names: BTreeSet<String> = calls.iter().map(|&at| call(job, at)).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    };
    match (known.is_empty(), unknown.is_empty()) {
        (_, true) => "yes, of pages that lie in one bucket".to_owned(),
        (true, _) => format!("no, values are wanted for {}", list(&unknown)),
        _ => format!("of pages that lie in one bucket, for {}; not for {}", list(&known), list(&unknown)),
    }
}

/// Figures as pages of a type have them.
fn sample(field_type: FieldType) -> Stats {
    let numbers = match field_type {
        FieldType::Float => Some(Scalar::Float(1.0)),
        FieldType::Integer => Some(Scalar::Integer(1)),
        FieldType::Unsigned => Some(Scalar::Unsigned(1)),
        FieldType::String | FieldType::Boolean => None,
    };
    let numbers = numbers.map(|one| NumberStats { sum: one, min: one, max: one, first: one, last: one });
    Stats { count: 1, first_time: 0, last_time: 0, numbers }
}
