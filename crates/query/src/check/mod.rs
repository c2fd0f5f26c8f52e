//! What a SELECT says, checked without asking what is stored: bounds, buckets, calls, and the rules that forbid mixtures.
//! Errors come in the order and with the texts of InfluxDB. What is right but not executed yet is noted on the way and
//! reported only when everything else was found to be right.

mod calls;

use crate::when::{self, Part};
use crate::windows::Windows;
use crate::{Context, QueryError};
use calls::{Found, check_expr, check_operand};
use influxql::ast::{Expr, Field, Fill, Select, Source};
use model::TimeRange;

/// A SELECT that makes sense.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    /// Times that can fulfil the condition; an open lower end is `i64::MIN`.
    pub(crate) range: TimeRange,
    /// The condition beside time.
    pub(crate) condition: Part,
    /// The buckets.
    pub(crate) windows: Windows,
    /// What is selected, `time` left out.
    pub(crate) fields: Vec<Field>,
    /// The name of the time column.
    pub(crate) time_name: String,
    /// GROUP BY without `time(..)`.
    pub(crate) dimensions: Vec<Expr>,
    /// Whether any function is called.
    pub(crate) has_calls: bool,
}

fn invalid<T>(text: impl Into<String>) -> Result<T, QueryError> {
    Err(QueryError::Invalid(text.into()))
}

/// Checks a SELECT.
pub(crate) fn check(select: &Select, context: &Context) -> Result<Checked, QueryError> {
    let when = when::split(select.condition.as_ref(), context.now)?;
    let mut found = Found { limit: select.limit, has_target: select.target.is_some(), ..Found::default() };
    check_condition(&when.rest, &mut found)?;
    let windows = check_dimensions(&select.dimensions, context)?;
    let mut range = when.range;
    if windows.interval > 0 && range.end == i64::MAX {
        range.end = context.now;
    }
    let mut time_name = "time".to_owned();
    let mut fields = Vec::new();
    for field in &select.fields {
        if matches!(&field.expr, Expr::VarRef { name, .. } if name == "time") {
            time_name = field.alias.clone().unwrap_or(time_name);
            continue;
        }
        check_expr(&field.expr, true, &mut found)?;
        fields.push(field.clone());
    }
    check_mixture(select, &fields, &windows, &found)?;
    check_clauses(select, found.not_executed.take())?;
    let dimensions =
        select.dimensions.iter().filter(|dimension| !matches!(dimension, Expr::Call { .. })).cloned().collect();
    Ok(Checked { range, condition: when.rest, windows, fields, time_name, dimensions, has_calls: found.calls > 0 })
}

/// Clauses that are parsed but not executed.
fn check_clauses(select: &Select, function: Option<String>) -> Result<(), QueryError> {
    let not = |what: &str| Err(QueryError::NotExecuted(what.to_owned()));
    if select.sources.iter().any(|source| matches!(source, Source::SubQuery(_))) {
        return not("subqueries");
    }
    if select.target.is_some() {
        return not("SELECT INTO");
    }
    if select.location.is_some() {
        return not("tz()");
    }
    function.map_or(Ok(()), |function| Err(QueryError::NotExecuted(function)))
}

fn check_condition(part: &Part, found: &mut Found) -> Result<(), QueryError> {
    match part {
        Part::True | Part::Time(_) => Ok(()),
        Part::And(parts) | Part::Or(parts) => parts.iter().try_for_each(|part| check_condition(part, found)),
        Part::Other(expr) => check_operand(expr, found),
    }
}

fn check_dimensions(dimensions: &[Expr], context: &Context) -> Result<Windows, QueryError> {
    let mut windows = Windows::new(0, 0);
    for dimension in dimensions {
        match dimension.without_parens() {
            Expr::VarRef { name, .. } if name.eq_ignore_ascii_case("time") => {
                return invalid("time() is a function and expects at least one argument");
            }
            Expr::VarRef { .. } | Expr::Wildcard(_) | Expr::Regex(_) => {}
            Expr::Call { name, args } => {
                if name != "time" {
                    return invalid("only time() calls allowed in dimensions");
                }
                let (interval, offset) = match args.as_slice() {
                    [interval] => (interval, None),
                    [interval, offset] => (interval, Some(offset)),
                    _ => return invalid("time dimension expected 1 or 2 arguments"),
                };
                let Expr::Duration(interval) = interval else {
                    return invalid("time dimension must have duration argument");
                };
                if windows.interval != 0 {
                    return invalid("multiple time dimensions not allowed");
                }
                windows = Windows::new(*interval, offset_of(offset, context)?);
            }
            _ => return invalid("only time and tag dimensions allowed"),
        }
    }
    Ok(windows)
}

fn offset_of(offset: Option<&Expr>, context: &Context) -> Result<i64, QueryError> {
    match offset {
        None => Ok(0),
        Some(Expr::Duration(offset)) => Ok(*offset),
        Some(Expr::Call { name, args }) => match (name.as_str(), args.is_empty()) {
            ("now", true) => Ok(context.now),
            ("now", false) => invalid("time dimension offset now() function requires no arguments"),
            _ => invalid("time dimension offset function must be now()"),
        },
        Some(_) => invalid("time dimension offset must be duration or now()"),
    }
}

/// What may stand beside what.
fn check_mixture(select: &Select, fields: &[Field], windows: &Windows, found: &Found) -> Result<(), QueryError> {
    if fields.is_empty() {
        return invalid("at least 1 non-time field must be queried");
    }
    if let Some(top) = found.top.as_ref().filter(|_| found.calls > 1) {
        return invalid(format!("selector function {top}() cannot be combined with other functions"));
    }
    if found.calls == 0 {
        match select.fill {
            Fill::None => return invalid("fill(none) must be used with a function"),
            Fill::Linear => return invalid("fill(linear) must be used with a function"),
            _ => {}
        }
        if windows.interval > 0 {
            return invalid("GROUP BY requires at least one aggregate function");
        }
    }
    if found.distinct && (found.calls != 1 || found.auxiliary) {
        return invalid("aggregate function distinct() cannot be combined with other functions or fields");
    }
    if found.auxiliary && found.calls > 0 {
        if found.aggregates {
            return invalid("mixing aggregate and non-aggregate queries is not supported");
        }
        if found.calls > 1 {
            return invalid("mixing multiple selector functions with tags or fields is not supported");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use influxql::ast::Statement;

    fn error(text: &str) -> String {
        let Statement::Select(select) = influxql::parse_statement(text).unwrap() else { panic!("{text}") };
        let context = Context {
            database: None,
            policy: None,
            now: 0,
            budget: platform::budget::Budget::new(1 << 20),
            cancel: std::sync::Arc::default(),
            frame_rows: 10,
        };
        match check(&select, &context) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn texts() {
        for (query, expected) in [
            ("SELECT time FROM m", "at least 1 non-time field must be queried"),
            ("SELECT 1 FROM m", "field must contain at least one variable"),
            ("SELECT 1 + 2 FROM m", "field must contain at least one variable"),
            ("SELECT mean(v), v FROM m", "mixing aggregate and non-aggregate queries is not supported"),
            (
                "SELECT max(v), min(v), h FROM m",
                "mixing multiple selector functions with tags or fields is not supported",
            ),
            ("SELECT v FROM m GROUP BY time(1m)", "GROUP BY requires at least one aggregate function"),
            ("SELECT foo(v) FROM m", "undefined function foo()"),
            ("SELECT mean(1) FROM m", "expected field argument in mean()"),
            ("SELECT mean(v, w) FROM m", "invalid number of arguments for mean, expected 1, got 2"),
            ("SELECT mean(v) FROM m GROUP BY time(1)", "time dimension must have duration argument"),
            ("SELECT mean(v) FROM m GROUP BY time(1m, 1)", "time dimension offset must be duration or now()"),
            ("SELECT mean(v) FROM m GROUP BY time(1m), time(2m)", "multiple time dimensions not allowed"),
            ("SELECT mean(v) FROM m GROUP BY foo(1m)", "only time() calls allowed in dimensions"),
            ("SELECT v FROM m WHERE count(v) = 1", "invalid function call in condition: count(v)"),
            ("SELECT v FROM m fill(none)", "fill(none) must be used with a function"),
            ("SELECT * + 1 FROM m", "unable to use wildcard in a binary expression"),
            ("SELECT mean(*) + 1 FROM m", "unsupported expression with wildcard: mean()"),
            ("SELECT integral(v) FROM m", "not executed yet: function integral()"),
            ("SELECT median(v) FROM m", ""),
            ("SELECT percentile(v) FROM m", "invalid number of arguments for percentile, expected 2, got 1"),
            ("SELECT percentile(v, 'a') FROM m", "expected float argument in percentile()"),
            ("SELECT percentile(v, 90), h FROM m", ""),
            (
                "SELECT distinct(v), h FROM m",
                "aggregate function distinct() cannot be combined with other functions or fields",
            ),
            ("SELECT distinct(*) FROM m", "expected field argument in distinct()"),
            ("SELECT top(v) FROM m", "invalid number of arguments for top, expected at least 2, got 1"),
            ("SELECT top(v, h) FROM m", "expected integer as last argument in top(), found h"),
            ("SELECT top(v, 0) FROM m", "limit (0) in top function must be at least 1"),
            (
                "SELECT top(v, 3) FROM m LIMIT 2",
                "limit (3) in top function can not be larger than the LIMIT (2) in the select statement",
            ),
            ("SELECT top(*, 3) FROM m", "expected first argument to be a field in top(), found *"),
            ("SELECT bottom(v, 1, 3) FROM m", "only fields or tags are allowed in bottom(), found 1"),
            ("SELECT top(v, 3), max(v) FROM m", "selector function top() cannot be combined with other functions"),
            ("SELECT holt_winters(v, 2) FROM m", "invalid number of arguments for holt_winters, expected 3, got 2"),
            (
                "SELECT integral() FROM m",
                "invalid number of arguments for integral, expected at least 1 but no more than 2, got 0",
            ),
            ("SELECT median(v), v FROM m", "mixing aggregate and non-aggregate queries is not supported"),
            ("SELECT count(distinct(v)) FROM m", ""),
            ("SELECT count(distinct(v, w)) FROM m", "distinct function can only have one argument"),
            ("SELECT v FROM (SELECT v FROM m)", "not executed yet: subqueries"),
            ("SELECT max(v), h FROM m GROUP BY time(1m, -5s), *", ""),
        ] {
            assert_eq!(error(query), expected, "{query}");
        }
    }
}
