//! What a SELECT says, checked without asking what is stored: bounds, buckets, calls, and the rules that forbid mixtures.
//! Errors come in the order and with the texts of InfluxDB. What is right but not executed yet is noted on the way and
//! reported only when everything else was found to be right.

use crate::when::{self, Part};
use crate::windows::Windows;
use crate::{Context, QueryError, functions};
use influxql::ast::{Expr, Field, Fill, Select, Source, WildcardKind};
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

/// What the fields call for.
#[derive(Default)]
struct Found {
    calls: usize,
    auxiliary: bool,
    aggregates: bool,
    distinct: bool,
    top: Option<String>,
    not_executed: Option<String>,
}

fn invalid<T>(text: impl Into<String>) -> Result<T, QueryError> {
    Err(QueryError::Invalid(text.into()))
}

/// Checks a SELECT.
pub(crate) fn check(select: &Select, context: &Context) -> Result<Checked, QueryError> {
    let when = when::split(select.condition.as_ref(), context.now)?;
    let mut found = Found::default();
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

fn check_operand(expr: &Expr, found: &mut Found) -> Result<(), QueryError> {
    if let Expr::Call { name, args } = expr {
        if !functions::is_math(name) {
            return invalid(format!("invalid function call in condition: {expr}"));
        }
        let expected = if matches!(name.as_str(), "atan2" | "pow" | "log") { 2 } else { 1 };
        check_arguments(name, args, expected)?;
        found.not_executed.get_or_insert_with(|| format!("function {name}() in WHERE"));
    }
    expr.children().into_iter().try_for_each(|child| check_operand(child, found))
}

fn check_arguments(name: &str, args: &[Expr], expected: usize) -> Result<(), QueryError> {
    if args.len() == expected {
        return Ok(());
    }
    invalid(format!("invalid number of arguments for {name}, expected {expected}, got {}", args.len()))
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

fn is_literal(expr: &Expr) -> bool {
    matches!(
        expr.without_parens(),
        Expr::String(_) | Expr::Integer(_) | Expr::Unsigned(_) | Expr::Number(_) | Expr::Boolean(_) | Expr::Duration(_)
    )
}

fn is_constant(expr: &Expr) -> bool {
    match expr.without_parens() {
        Expr::Binary { lhs, rhs, .. } => is_constant(lhs) && is_constant(rhs),
        other => is_literal(other),
    }
}

fn check_expr(expr: &Expr, wildcards: bool, found: &mut Found) -> Result<(), QueryError> {
    if is_constant(expr) {
        return invalid("field must contain at least one variable");
    }
    match expr {
        Expr::VarRef { .. } => {
            found.auxiliary = true;
            Ok(())
        }
        Expr::Wildcard(_) | Expr::Regex(_) if !wildcards => {
            let what = if matches!(expr, Expr::Regex(_)) { "regex" } else { "wildcard" };
            invalid(format!("unable to use {what} in a binary expression"))
        }
        Expr::Wildcard(_) | Expr::Regex(_) => {
            found.auxiliary = true;
            Ok(())
        }
        Expr::Call { name, args } => check_call(name, args, wildcards, found),
        Expr::Distinct(name) => check_call("distinct", &[Expr::var(name.as_str())], wildcards, found),
        Expr::Paren(inner) => check_expr(inner, wildcards, found),
        Expr::Binary { lhs, rhs, .. } => {
            for side in [lhs, rhs] {
                if !is_constant(side) {
                    check_expr(side, false, found)?;
                }
            }
            Ok(())
        }
        _ => invalid("unimplemented"),
    }
}

fn check_call(name: &str, args: &[Expr], wildcards: bool, found: &mut Found) -> Result<(), QueryError> {
    if functions::is_math(name) {
        let expected = if matches!(name, "atan2" | "pow" | "log") { 2 } else { 1 };
        check_arguments(name, args, expected)?;
        note(found, name);
        return args.iter().filter(|arg| !is_constant(arg)).try_for_each(|arg| check_expr(arg, false, found));
    }
    found.calls += 1;
    match name {
        "max" | "min" | "first" | "last" => {}
        "count" | "sum" | "mean" | "spread" => found.aggregates = true,
        "median" | "mode" | "stddev" | "sum_hll" | "count_hll" => {
            found.aggregates = true;
            note(found, name);
        }
        _ => return check_other_call(name, args, found),
    }
    check_arguments(name, args, 1)?;
    check_symbol(name, &args[0], wildcards, found)
}

fn note(found: &mut Found, name: &str) {
    found.not_executed.get_or_insert_with(|| format!("function {name}()"));
}

/// The argument of an aggregate or selector.
fn check_symbol(name: &str, argument: &Expr, wildcards: bool, found: &mut Found) -> Result<(), QueryError> {
    match argument {
        Expr::VarRef { .. } => Ok(()),
        Expr::Wildcard(WildcardKind::Tags) => invalid(format!("unable to use tag wildcard in {name}()")),
        Expr::Wildcard(_) | Expr::Regex(_) => {
            if !wildcards {
                let what = if matches!(argument, Expr::Regex(_)) { "regex field" } else { "wildcard" };
                return invalid(format!("unsupported expression with {what}: {name}()"));
            }
            found.aggregates = true;
            Ok(())
        }
        Expr::Distinct(_) if name == "count" => {
            found.not_executed.get_or_insert_with(|| "count(distinct())".to_owned());
            Ok(())
        }
        Expr::Call { name: inner, args } if name == "count" && inner == "distinct" => {
            found.not_executed.get_or_insert_with(|| "count(distinct())".to_owned());
            check_distinct_arguments(args)
        }
        _ => invalid(format!("expected field argument in {name}()")),
    }
}

fn check_distinct_arguments(args: &[Expr]) -> Result<(), QueryError> {
    match args {
        [] => invalid("distinct function requires at least one argument"),
        [Expr::VarRef { .. }] => Ok(()),
        [Expr::Wildcard(_)] => invalid("distinct() does not support wildcards"),
        [_] => invalid("expected field argument in distinct()"),
        _ => invalid("distinct function can only have one argument"),
    }
}

/// Functions that are not executed: the checks that are simple are made all the same.
fn check_other_call(name: &str, args: &[Expr], found: &mut Found) -> Result<(), QueryError> {
    if !functions::is_known(name) {
        return invalid(format!("undefined function {name}()"));
    }
    note(found, name);
    match name {
        "distinct" => {
            found.distinct = true;
            found.aggregates = true;
            check_distinct_arguments(args)
        }
        "top" | "bottom" => {
            found.top = Some(name.to_owned());
            if args.len() < 2 {
                return invalid(format!(
                    "invalid number of arguments for {name}, expected at least 2, got {}",
                    args.len()
                ));
            }
            Ok(())
        }
        "percentile" | "sample" => check_arguments(name, args, 2),
        _ => {
            found.aggregates = true;
            if args.is_empty() {
                let (least, most) = if matches!(name, "difference" | "non_negative_difference" | "cumulative_sum") {
                    return check_arguments(name, args, 1);
                } else {
                    (1, 2)
                };
                let text = format!("expected at least {least} but no more than {most}, got 0");
                return invalid(format!("invalid number of arguments for {name}, {text}"));
            }
            Ok(())
        }
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
            ("SELECT median(v) FROM m", "not executed yet: function median()"),
            ("SELECT median(v), v FROM m", "mixing aggregate and non-aggregate queries is not supported"),
            ("SELECT count(distinct(v)) FROM m", "not executed yet: count(distinct())"),
            ("SELECT v FROM (SELECT v FROM m)", "not executed yet: subqueries"),
            ("SELECT max(v), h FROM m GROUP BY time(1m, -5s), *", ""),
        ] {
            assert_eq!(error(query), expected, "{query}");
        }
    }
}
