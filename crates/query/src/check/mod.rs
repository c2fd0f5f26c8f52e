//! What a SELECT says, checked without asking what is stored: bounds, buckets, calls, and the rules that forbid mixtures.
//! Errors come in the order and with the texts of InfluxDB.

mod calls;

use crate::when::{self, Clock, Part};
use crate::windows::Windows;
use crate::{Context, QueryError};
use calls::{Found, argument, check_expr, check_operand, reduced, without_idle_parens};
use influxql::ast::{Expr, Field, Fill, Select, Source};
use model::{TimeRange, Zone};

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
    /// Whether rows come from old to new.
    pub(crate) ascending: bool,
    /// What stands in empty buckets.
    pub(crate) fill: Fill,
    /// How many buckets before the first one functions over sequences read at most.
    depth: u32,
    /// How many buckets before the first one SELECTs that are sources may read.
    extra: u32,
    /// Times beyond which nothing is read: what the outermost SELECT allows, if this is another one.
    outermost: Option<TimeRange>,
    /// The SELECTs that are sources, in order.
    pub(crate) subqueries: Vec<Checked>,
}

impl Checked {
    /// The range, and some buckets more where the answer begins.
    pub(crate) fn reach(&self, lead: u32) -> TimeRange {
        let more = self.windows.interval.saturating_mul(i64::from(lead));
        let mut reach = self.range;
        if self.ascending && self.range.start != i64::MIN {
            reach.start = self.range.start.saturating_sub(more).max(i64::MIN + 1);
        } else if !self.ascending {
            reach.end = self.range.end.saturating_add(more);
        }
        self.outermost.map_or(reach, |outermost| reach.intersect(&outermost))
    }

    /// The same with other calls, order of rows and fill.
    pub(crate) fn part(&self, has_calls: bool, ascending: bool, fill: Fill) -> Checked {
        Checked { has_calls, ascending, fill, ..self.clone() }
    }

    /// The same of functions that read so many buckets before the first one.
    pub(crate) fn with_depth(&self, depth: u32) -> Checked {
        Checked { depth, subqueries: Vec::new(), ..self.clone() }
    }

    /// The same of other times.
    pub(crate) fn over(self, range: TimeRange) -> Checked {
        Checked { range, ..self }
    }

    /// The times of which rows are read at most.
    pub(crate) fn widest(&self) -> TimeRange {
        self.reach(self.depth)
    }
}

/// SELECTs that may stand in each other.
const DEEPEST: usize = 32;

fn invalid<T>(text: impl Into<String>) -> Result<T, QueryError> {
    Err(QueryError::Invalid(text.into()))
}

/// Checks a SELECT, and those that are its sources.
pub(crate) fn check(select: &Select, context: &Context) -> Result<Checked, QueryError> {
    if names_nothing(select) {
        return invalid("invalid measurement");
    }
    check_level(select, context, None, 0)
}

/// Whether a measurement in FROM has the empty name, which InfluxDB looks for before all else.
fn names_nothing(select: &Select) -> bool {
    select.sources.iter().any(|source| match source {
        Source::Measurement(measurement) => measurement.name.is_empty() && measurement.regex.is_none(),
        Source::SubQuery(inner) => names_nothing(inner),
    })
}

/// Checks the SELECTs that are sources of one that was checked.
pub(crate) fn check_sources(select: &Select, outer: &Checked, context: &Context) -> Result<Vec<Checked>, QueryError> {
    let inner = select.sources.iter().filter_map(|source| match source {
        Source::SubQuery(inner) => Some(check_source(inner, outer, context)),
        Source::Measurement(_) => None,
    });
    inner.collect()
}

/// Checks a SELECT that is a source of one that was checked.
pub(crate) fn check_source(select: &Select, outer: &Checked, context: &Context) -> Result<Checked, QueryError> {
    check_level(select, context, Some(outer), 1)
}

fn check_level(
    select: &Select,
    context: &Context,
    outer: Option<&Checked>,
    level: usize,
) -> Result<Checked, QueryError> {
    if level > DEEPEST {
        return Err(QueryError::NotExecuted(format!("more than {DEEPEST} subqueries in each other")));
    }
    let zone = zone_of(select)?;
    let when = when::split(select.condition.as_ref(), Clock { now: context.now, zone })?;
    let mut found = Found { limit: select.limit, has_target: select.target.is_some(), ..Found::default() };
    check_condition(&when.rest)?;
    let windows = check_dimensions(&select.dimensions, zone, context)?;
    let mut checked = Checked {
        range: when.range,
        condition: when.rest,
        windows,
        fields: Vec::new(),
        time_name: "time".to_owned(),
        dimensions: Vec::new(),
        has_calls: false,
        ascending: select.ascending(),
        fill: select.fill,
        depth: 0,
        extra: 0,
        outermost: None,
        subqueries: Vec::new(),
    };
    if checked.windows.interval > 0 && checked.range.end == i64::MAX {
        checked.range.end = context.now;
    }
    if let Some(outer) = outer {
        found.inherits = inherit(select, outer, zone, &mut checked)?;
    }
    found.interval = checked.windows.interval;
    for field in &select.fields {
        if matches!(field.expr.without_parens(), Expr::VarRef { name, .. } if name == "time") {
            checked.time_name = field.alias.clone().unwrap_or(checked.time_name);
            continue;
        }
        let expr = without_idle_parens(&field.expr);
        check_expr(&expr, true, &mut found)?;
        checked.fields.push(Field { expr: reduced(&expr), alias: field.alias.clone() });
    }
    check_mixture(&checked, &found)?;
    (checked.depth, checked.extra) = (found.depth, found.extra);
    checked.has_calls = found.calls > 0;
    // Nulls of empty buckets would be left out by the outer SELECT, or by INTO, anyway; counts of 0 are so too.
    let is_kept = outer.is_some() || select.target.is_some();
    if is_kept && checked.has_calls && checked.fill == Fill::Null {
        checked.fill = Fill::None;
    }
    let grouped = select.dimensions.iter().filter(|dimension| !matches!(dimension, Expr::Call { .. }));
    checked.dimensions = grouped.cloned().collect();
    for source in &select.sources {
        if let Source::SubQuery(inner) = source {
            let inner = check_level(inner, context, Some(&checked), level + 1)?;
            checked.subqueries.push(inner);
        }
    }
    Ok(checked)
}

/// What a SELECT takes from the one whose source it is; whether buckets are among it.
fn inherit(select: &Select, outer: &Checked, zone: Option<&Zone>, checked: &mut Checked) -> Result<bool, QueryError> {
    if select.order.is_some() && checked.ascending != outer.ascending {
        return invalid("subqueries must be ordered in the same direction as the query itself");
    }
    checked.ascending = outer.ascending;
    let reach = outer.widest();
    checked.outermost = Some(outer.outermost.unwrap_or(outer.reach(outer.extra)));
    checked.range = checked.range.intersect(&reach);
    if checked.windows.interval > 0 {
        if checked.fill == Fill::Null {
            checked.fill = Fill::None;
        }
        return Ok(false);
    }
    // Not by the outer clocks, as in InfluxDB.
    checked.windows = outer.windows.within(zone);
    Ok(outer.windows.interval > 0)
}

/// The zone of `tz('..')`.
pub(crate) fn zone_of(select: &Select) -> Result<Option<&'static Zone>, QueryError> {
    let Some(name) = &select.location else { return Ok(None) };
    match Zone::named(name) {
        Some(zone) => Ok(Some(zone)),
        None => invalid(format!("unable to find time zone {name}")),
    }
}

fn check_condition(part: &Part) -> Result<(), QueryError> {
    match part {
        Part::True | Part::Time(_) => Ok(()),
        Part::And(parts) | Part::Or(parts) => parts.iter().try_for_each(check_condition),
        Part::Other(expr) => check_operand(expr),
    }
}

fn check_dimensions(dimensions: &[Expr], zone: Option<&Zone>, context: &Context) -> Result<Windows, QueryError> {
    let mut windows = Windows::new(0, 0, None);
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
                let args: Vec<Expr> = args.iter().map(argument).collect();
                let (interval, offset) = match args.as_slice() {
                    [interval] => (interval, None),
                    [interval, offset] => (interval, Some(offset)),
                    _ => return invalid("time dimension expected 1 or 2 arguments"),
                };
                let Expr::Duration(interval) = interval.without_parens() else {
                    return invalid("time dimension must have duration argument");
                };
                if windows.interval != 0 {
                    return invalid("multiple time dimensions not allowed");
                }
                windows = Windows::new(*interval, offset_of(offset, context)?, zone);
            }
            _ => return invalid("only time and tag dimensions allowed"),
        }
    }
    Ok(windows)
}

fn offset_of(offset: Option<&Expr>, context: &Context) -> Result<i64, QueryError> {
    match offset {
        None => Ok(0),
        Some(Expr::Paren(inner)) => offset_of(Some(inner), context),
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
fn check_mixture(checked: &Checked, found: &Found) -> Result<(), QueryError> {
    if checked.fields.is_empty() {
        return invalid("at least 1 non-time field must be queried");
    }
    if let Some(top) = found.top.as_ref().filter(|_| found.calls > 1) {
        return invalid(format!("selector function {top}() cannot be combined with other functions"));
    }
    if found.calls == 0 {
        match checked.fill {
            Fill::None => return invalid("fill(none) must be used with a function"),
            Fill::Linear => return invalid("fill(linear) must be used with a function"),
            _ => {}
        }
        if checked.windows.interval > 0 && !found.inherits {
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
            limits: Default::default(),
            deadline: None,
            trace: None,
            points: std::sync::Arc::default(),
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
            ("SELECT integral(v) FROM m", ""),
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
            ("SELECT derivative(v, 0s) FROM m", "duration argument must be positive, got 0s"),
            (
                "SELECT derivative(v, 1) FROM m",
                "second argument to derivative must be a duration, got *influxql.IntegerLiteral",
            ),
            ("SELECT moving_average(v, 1) FROM m", "moving_average window must be greater than 1, got 1"),
            ("SELECT difference(mean(v)) FROM m", "difference aggregate requires a GROUP BY interval"),
            (
                "SELECT difference(v) FROM m GROUP BY time(1s)",
                "aggregate function required inside the call to difference",
            ),
            ("SELECT difference(mean(v)) FROM m GROUP BY time(1s)", ""),
            (
                "SELECT difference(top(v, 2)) FROM m GROUP BY time(1s)",
                "selector function top() cannot be combined with other functions",
            ),
            ("SELECT holt_winters(v, 2) FROM m", "invalid number of arguments for holt_winters, expected 3, got 2"),
            (
                "SELECT integral() FROM m",
                "invalid number of arguments for integral, expected at least 1 but no more than 2, got 0",
            ),
            ("SELECT median(v), v FROM m", "mixing aggregate and non-aggregate queries is not supported"),
            ("SELECT count(distinct(v)) FROM m", ""),
            ("SELECT count(distinct(v, w)) FROM m", "distinct function can only have one argument"),
            ("SELECT v FROM (SELECT v FROM m)", ""),
            ("SELECT v FROM (SELECT integral(v) FROM m)", ""),
            ("SELECT integral(v) FROM (SELECT foo(v) FROM m)", "undefined function foo()"),
            (
                "SELECT v FROM (SELECT v FROM m ORDER BY time DESC)",
                "subqueries must be ordered in the same direction as the query itself",
            ),
            ("SELECT v FROM (SELECT v FROM m GROUP BY time(1s))", "fill(none) must be used with a function"),
            ("SELECT mean(v) FROM (SELECT v FROM m) GROUP BY time(1s)", ""),
            ("SELECT mean(v) FROM (SELECT difference(v) AS v FROM m) GROUP BY time(1s)", ""),
            ("SELECT max(v), h FROM m GROUP BY time(1m, -5s), *", ""),
        ] {
            assert_eq!(error(query), expected, "{query}");
        }
    }
}
