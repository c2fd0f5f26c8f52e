//! What stands in the SELECT clause: expressions and calls, each with the arguments that its function's entry asks for.

use super::invalid;
use crate::QueryError;
use crate::datum::Datum;
use crate::functions::many::Many;
use crate::functions::technical::Technical;
use crate::functions::transform::Transform;
use crate::functions::{self, Arguments, Entry, Kernel};
use crate::plan::{literal, math_kernel};
use crate::vector::{Node, Operand, evaluate};
use influxql::ast::{BinaryOp, Expr, WildcardKind};

/// What the fields call for.
#[derive(Default)]
pub(super) struct Found {
    pub(super) calls: usize,
    pub(super) auxiliary: bool,
    /// Something that is no selector.
    pub(super) aggregates: bool,
    pub(super) distinct: bool,
    /// The name of `top` or `bottom`, if it is called.
    pub(super) top: Option<String>,
    /// How many buckets before the first one functions over sequences read at most.
    pub(super) depth: u32,
    /// How many buckets before the first one SELECTs that are sources may read.
    pub(super) extra: u32,
    /// LIMIT, and whether there is an INTO.
    pub(super) limit: u64,
    pub(super) has_target: bool,
    /// Width of the buckets (ns); 0 for none.
    pub(super) interval: i64,
    /// Whether the buckets are those of an outer SELECT.
    pub(super) inherits: bool,
}

/// Checks a side of a comparison in WHERE.
pub(super) fn check_operand(expr: &Expr) -> Result<(), QueryError> {
    if let Expr::Call { name, args } = expr {
        match functions::named(name).map(|entry| (entry.kernel, entry.arguments)) {
            Some((Kernel::Math(_), Arguments::Expressions(expected))) => check_count(name, args, expected)?,
            // The name as it is, also where it would have to be quoted to be read again.
            _ => {
                let args: Vec<String> = args.iter().map(Expr::to_string).collect();
                return invalid(format!("invalid function call in condition: {name}({})", args.join(", ")));
            }
        }
    }
    expr.children().into_iter().try_for_each(check_operand)
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
        Expr::Call { name, args } => math_kernel(name).is_some() && !args.is_empty() && args.iter().all(is_argument),
        other => is_literal(other),
    }
}

/// Whether an argument of a function of single values is constant: a regex is not asked about fields there.
fn is_argument(expr: &Expr) -> bool {
    matches!(expr, Expr::Regex(_)) || is_constant(expr)
}

/// An expression in which functions of constants are the numbers that they come to, as InfluxDB names columns by what is left, and
/// parentheses stand around operators alone, as it prints it in errors.
pub(super) fn reduced(expr: &Expr) -> Expr {
    match expr {
        Expr::Call { name, args } => {
            if let Some(datum) = constant(expr) {
                return number(&datum).unwrap_or_else(|| expr.clone());
            }
            Expr::Call { name: name.clone(), args: args.iter().map(reduced).collect() }
        }
        Expr::Binary { op, lhs, rhs } => {
            let folded = constant(expr).as_ref().and_then(number);
            folded.unwrap_or_else(|| Expr::binary(*op, reduced(lhs), reduced(rhs)))
        }
        Expr::Paren(inner) => match reduced(inner) {
            operation @ (Expr::Binary { .. } | Expr::And(_) | Expr::Or(_)) => Expr::Paren(Box::new(operation)),
            other => other,
        },
        other => other.clone(),
    }
}

fn number(datum: &Datum) -> Option<Expr> {
    Some(match datum {
        Datum::Integer(value) => Expr::Integer(*value),
        Datum::Unsigned(value) => Expr::Unsigned(*value),
        Datum::Float(value) => Expr::Number(*value),
        Datum::Boolean(value) => Expr::Boolean(*value),
        Datum::String(_) => return None,
    })
}

/// Whether it is an operator over constants of which InfluxDB makes no literal.
fn is_left(expr: &Expr) -> bool {
    matches!(expr.without_parens(), Expr::Binary { op, lhs, rhs } if !folds(*op, lhs, rhs))
}

/// Whether InfluxDB makes one literal of an operator with literals on both sides.
fn folds(op: BinaryOp, lhs: &Expr, rhs: &Expr) -> bool {
    let is_text = |side: &Expr| matches!(side.without_parens(), Expr::String(_));
    let is_span = |side: &Expr| matches!(side.without_parens(), Expr::Duration(_));
    let is_whole = |side: &Expr| matches!(side.without_parens(), Expr::Integer(_));
    let is_number = |side: &Expr| is_whole(side) || matches!(side.without_parens(), Expr::Number(_));
    let texts = op == BinaryOp::Add && is_text(lhs) && is_text(rhs);
    let spans = match op {
        BinaryOp::Add | BinaryOp::Sub => is_span(rhs) && (is_span(lhs) || is_whole(lhs)),
        BinaryOp::Mul | BinaryOp::Div => is_span(lhs) && is_number(rhs),
        _ => false,
    };
    let both = Expr::binary(op, lhs.clone(), rhs.clone());
    texts || spans || constant(&both).is_some()
}

/// What an expression over literals comes to.
fn constant(expr: &Expr) -> Option<Datum> {
    fn node(expr: &Expr) -> Option<Node> {
        match expr.without_parens() {
            Expr::Binary { op, lhs, rhs } => Some(Node::Binary(*op, Box::new(node(lhs)?), Box::new(node(rhs)?))),
            Expr::Call { name, args } => {
                let nodes = args.iter().map(node).collect::<Option<Vec<Node>>>()?;
                Some(Node::Math(math_kernel(name)?, nodes.into()))
            }
            Expr::Duration(_) => None,
            other => literal(other).map(Node::Literal),
        }
    }
    let none = &mut |_| Err(());
    match evaluate(&node(expr)?, 1, none) {
        Ok(Operand::One(datum)) => datum,
        _ => None,
    }
}

/// Checks a selected expression; `wildcards`: it may stand for several.
pub(super) fn check_expr(expr: &Expr, wildcards: bool, found: &mut Found) -> Result<(), QueryError> {
    if is_constant(expr) {
        check_counts(expr)?;
        if is_left(expr) {
            return invalid("cannot perform a binary expression on two literals");
        }
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
                check_constant_counts(side)?;
                if !is_constant(side) || is_left(side) {
                    check_expr(side, false, found)?;
                }
            }
            Ok(())
        }
        _ => invalid("unimplemented"),
    }
}

/// The same of a side of an operator, if it is constant.
fn check_constant_counts(side: &Expr) -> Result<(), QueryError> {
    if is_constant(side) { check_counts(side) } else { Ok(()) }
}

/// Whether functions of constants have as many arguments as they need.
fn check_counts(expr: &Expr) -> Result<(), QueryError> {
    if let Expr::Call { name, args } = expr
        && let Some(Arguments::Expressions(expected)) = functions::named(name).map(|entry| entry.arguments)
    {
        check_count(name, args, expected)?;
    }
    expr.children().into_iter().try_for_each(check_counts)
}

/// An argument in which operators over literals are what they come to, which InfluxDB finds out before it checks.
pub(super) fn argument(expr: &Expr) -> Expr {
    match expr {
        Expr::Paren(inner) => match argument(inner) {
            operation @ (Expr::Binary { .. } | Expr::And(_) | Expr::Or(_)) => Expr::Paren(Box::new(operation)),
            other => other,
        },
        Expr::Binary { op, lhs, rhs } => {
            let (lhs, rhs) = (argument(lhs), argument(rhs));
            let both = is_literal(&lhs) && is_literal(&rhs);
            let folded = if both { literals(*op, &lhs, &rhs) } else { None };
            folded.unwrap_or_else(|| Expr::binary(*op, lhs, rhs))
        }
        other => without_idle_parens(other),
    }
}

/// What an operator makes of two literals, if that is a literal.
#[allow(clippy::cast_possible_truncation)] // as Go
fn literals(op: BinaryOp, lhs: &Expr, rhs: &Expr) -> Option<Expr> {
    let span = |nanoseconds| Some(Expr::Duration(nanoseconds));
    match (op, lhs, rhs) {
        (BinaryOp::Add, Expr::Duration(left), Expr::Duration(right)) => span(left.wrapping_add(*right)),
        (BinaryOp::Sub, Expr::Duration(left), Expr::Duration(right)) => span(left.wrapping_sub(*right)),
        (BinaryOp::Mul, Expr::Duration(left), Expr::Integer(right)) => span(left.wrapping_mul(*right)),
        // InfluxDB heeds no fraction beside a duration.
        (BinaryOp::Mul, Expr::Duration(left), Expr::Number(right)) => span(left.wrapping_mul(*right as i64)),
        (BinaryOp::Div, Expr::Duration(left), Expr::Integer(right)) => span(left.checked_div(*right).unwrap_or(0)),
        (BinaryOp::Div, Expr::Duration(left), Expr::Number(right)) => {
            span(left.checked_div(*right as i64).unwrap_or(0))
        }
        (BinaryOp::Add, Expr::String(left), Expr::String(right)) => Some(Expr::String(format!("{left}{right}"))),
        _ => number(&constant(&Expr::binary(op, lhs.clone(), rhs.clone()))?),
    }
}

/// The expression without parentheses around what is no operator, which InfluxDB takes away before it checks.
pub(super) fn without_idle_parens(expr: &Expr) -> Expr {
    match expr {
        Expr::Call { name, args } => Expr::Call { name: name.clone(), args: args.iter().map(argument).collect() },
        Expr::Binary { op, lhs, rhs } => Expr::binary(*op, without_idle_parens(lhs), without_idle_parens(rhs)),
        Expr::Paren(inner) => match without_idle_parens(inner) {
            operation @ (Expr::Binary { .. } | Expr::And(_) | Expr::Or(_)) => Expr::Paren(Box::new(operation)),
            other => other,
        },
        other => other.clone(),
    }
}

fn check_call(name: &str, args: &[Expr], wildcards: bool, found: &mut Found) -> Result<(), QueryError> {
    let Some(entry) = functions::named(name) else { return invalid(format!("undefined function {name}()")) };
    if let Arguments::Expressions(expected) = entry.arguments {
        check_count(name, args, expected)?;
        return args.iter().filter(|arg| !is_argument(arg)).try_for_each(|arg| check_expr(arg, wildcards, found));
    }
    found.calls += 1;
    found.aggregates |= !entry.is_selector();
    found.distinct |= entry.kernel == Kernel::Many(Many::Distinct);
    found.extra = found.extra.max(extra(entry, args));
    check_arguments(entry, args, wildcards, found)
}

/// How many buckets before the first one a call lets SELECTs that are sources read.
fn extra(entry: &Entry, args: &[Expr]) -> u32 {
    use Arguments::{FieldOrCallAndCount, FieldOrCallAndPeriod};
    match (entry.kernel, entry.arguments, args.get(1)) {
        (Kernel::Transform(_), FieldOrCallAndCount | FieldOrCallAndPeriod, Some(Expr::Integer(count))) => {
            u32::try_from(*count).unwrap_or(0)
        }
        (Kernel::Transform(_), ..) => 1,
        _ => 0,
    }
}

fn check_arguments(entry: &Entry, args: &[Expr], wildcards: bool, found: &mut Found) -> Result<(), QueryError> {
    let name = entry.name;
    match entry.arguments {
        Arguments::Field => {
            check_count(name, args, 1)?;
            check_symbol(name, &args[0], wildcards, found)
        }
        Arguments::FieldOrDistinct => {
            check_count(name, args, 1)?;
            match &args[0] {
                Expr::Distinct(_) => Ok(()),
                Expr::Call { name: inner, args } if inner == "distinct" => check_one_field(args),
                other => check_symbol(name, other, wildcards, found),
            }
        }
        Arguments::OneField => check_one_field(args),
        Arguments::FieldAndPercent => {
            check_count(name, args, 2)?;
            if !matches!(args[1], Expr::Integer(_) | Expr::Number(_)) {
                return invalid(format!("expected float argument in {name}()"));
            }
            check_symbol(name, &args[0], wildcards, found)
        }
        Arguments::FieldAndCount => {
            check_count(name, args, 2)?;
            match &args[1] {
                Expr::Integer(count) if *count > 0 => check_symbol(name, &args[0], wildcards, found),
                Expr::Integer(count) => invalid(format!("{name} window must be greater than 1, got {count}")),
                _ => invalid(format!("expected integer argument in {name}()")),
            }
        }
        Arguments::FieldAndUnit => {
            check_between(name, args, 1, 2)?;
            check_unit(args.get(1), |_| "second argument must be a duration".to_owned())?;
            check_symbol(name, &args[0], wildcards, found)
        }
        Arguments::FieldOrAnyCall => {
            check_count(name, args, 1)?;
            check_any(name, &args[0], wildcards, found)
        }
        Arguments::CallAndForecast => check_forecast(entry, args, wildcards, found),
        Arguments::FieldOrCall => {
            check_count(name, args, 1)?;
            check_source(entry, &args[0], wildcards, found)
        }
        Arguments::FieldOrCallAndUnit => {
            check_between(name, args, 1, 2)?;
            check_unit(args.get(1), |kind| format!("second argument to {name} must be a duration, got {kind}"))?;
            check_source(entry, &args[0], wildcards, found)
        }
        Arguments::FieldOrCallAndCount => {
            check_window(name, args)?;
            check_source(entry, &args[0], wildcards, found)
        }
        Arguments::FieldOrCallAndPeriod => {
            check_period(entry, args)?;
            check_source(entry, &args[0], wildcards, found)
        }
        Arguments::FieldsAndCount => check_ranked(name, args, found),
        Arguments::Expressions(expected) => check_count(name, args, expected),
    }
}

/// A call or a field.
fn check_any(name: &str, arg: &Expr, wildcards: bool, found: &mut Found) -> Result<(), QueryError> {
    match arg {
        Expr::Call { name: inner, args } => check_call(inner, args, wildcards, found),
        other => check_symbol(name, other, wildcards, found),
    }
}

fn check_count(name: &str, args: &[Expr], expected: usize) -> Result<(), QueryError> {
    if args.len() == expected {
        return Ok(());
    }
    invalid(format!("invalid number of arguments for {name}, expected {expected}, got {}", args.len()))
}

fn check_between(name: &str, args: &[Expr], least: usize, most: usize) -> Result<(), QueryError> {
    if (least..=most).contains(&args.len()) {
        return Ok(());
    }
    let text = format!("expected at least {least} but no more than {most}, got {}", args.len());
    invalid(format!("invalid number of arguments for {name}, {text}"))
}

/// How many values are averaged.
fn check_window(name: &str, args: &[Expr]) -> Result<(), QueryError> {
    check_count(name, args, 2)?;
    match &args[1] {
        Expr::Integer(count) if *count > 1 => Ok(()),
        Expr::Integer(count) => invalid(format!("{name} window must be greater than 1, got {count}")),
        other => {
            let kind = literal_kind(other);
            invalid(format!("second argument for {name} must be an integer, got {kind}"))
        }
    }
}

/// A unit of time, if there is one; `refusal` makes the error of what is none, given its kind.
fn check_unit(unit: Option<&Expr>, refusal: impl Fn(&str) -> String) -> Result<(), QueryError> {
    match unit {
        None => Ok(()),
        Some(Expr::Duration(unit)) if *unit > 0 => Ok(()),
        Some(unit @ Expr::Duration(_)) => invalid(format!("duration argument must be positive, got {unit}")),
        Some(other) => invalid(refusal(literal_kind(other))),
    }
}

/// The arguments of a forecast.
fn check_forecast(entry: &Entry, args: &[Expr], wildcards: bool, found: &mut Found) -> Result<(), QueryError> {
    let name = entry.name;
    check_count(name, args, 3)?;
    match &args[1] {
        Expr::Integer(ahead) if *ahead > 0 => {}
        Expr::Integer(ahead) => return invalid(format!("second arg to {name} must be greater than 0, got {ahead}")),
        _ => return invalid(format!("expected integer argument as second arg in {name}")),
    }
    match &args[2] {
        Expr::Integer(season) if *season >= 0 => {}
        Expr::Integer(season) => return invalid(format!("third arg to {name} cannot be negative, got {season}")),
        _ => return invalid(format!("expected integer argument as third arg in {name}")),
    }
    match &args[0] {
        call @ Expr::Call { .. } => check_source(entry, call, wildcards, found),
        _ => invalid(format!("must use aggregate function with {name}")),
    }
}

/// What a technical function is told beside what it reads.
fn check_period(entry: &Entry, args: &[Expr]) -> Result<(), QueryError> {
    let (name, Kernel::Transform(Transform::Technical(kernel))) = (entry.name, entry.kernel) else { return Ok(()) };
    let warmups = kernel.warmups();
    check_between(name, args, 2, if warmups.is_empty() { 3 } else { 4 })?;
    match &args[1] {
        Expr::Integer(period) if *period >= 1 => {}
        Expr::Integer(_) => return invalid(format!("{name} period must be greater than or equal to 1")),
        _ => return invalid(format!("{name} period must be an integer")),
    }
    let least = i64::from(kernel == Technical::TripleDerivative);
    match args.get(2) {
        None | Some(Expr::Integer(-1)) => {}
        Some(Expr::Integer(hold)) if *hold >= least => {}
        Some(Expr::Integer(_)) => {
            return invalid(format!("{name} hold period must be greater than or equal to {least}"));
        }
        Some(_) => return invalid(format!("{name} hold period must be an integer")),
    }
    match args.get(3) {
        None => Ok(()),
        Some(Expr::String(said)) if warmups.iter().any(|(known, _)| known == said) => Ok(()),
        Some(Expr::String(_)) => {
            let names: Vec<String> = warmups.iter().map(|(known, _)| format!("'{known}'")).collect();
            invalid(format!("{name} warmup type must be one of: {}", names.join(" ")))
        }
        Some(_) => invalid(format!("{name} warmup type must be a string")),
    }
}

/// The field of an aggregate or selector.
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
        _ => invalid(format!("expected field argument in {name}()")),
    }
}

/// What a function over a sequence of points reads: a field, or a call whose buckets are the points.
fn check_source(entry: &Entry, source: &Expr, wildcards: bool, found: &mut Found) -> Result<(), QueryError> {
    let name = entry.name;
    // To InfluxDB, `distinct` inside the technical functions stands alone.
    let nests_distinct = entry.arguments != Arguments::FieldOrCallAndPeriod;
    match source {
        Expr::Call { .. } if found.interval == 0 => invalid(format!("{name} aggregate requires a GROUP BY interval")),
        Expr::Call { name: inner, args } if inner == "distinct" && nests_distinct => check_one_field(args),
        Expr::Call { name: inner, args } => {
            let before = std::mem::take(&mut found.depth);
            check_call(inner, args, wildcards, found)?;
            let lead = entry.lead();
            found.depth = before.max(found.depth + lead);
            Ok(())
        }
        _ if found.interval != 0 && !found.inherits => {
            invalid(format!("aggregate function required inside the call to {name}"))
        }
        field => check_symbol(name, field, wildcards, found),
    }
}

/// What InfluxDB calls an expression in its errors.
fn literal_kind(expr: &Expr) -> &'static str {
    match expr {
        Expr::Integer(_) => "*influxql.IntegerLiteral",
        Expr::Unsigned(_) => "*influxql.UnsignedLiteral",
        Expr::Number(_) => "*influxql.NumberLiteral",
        Expr::String(_) => "*influxql.StringLiteral",
        Expr::Boolean(_) => "*influxql.BooleanLiteral",
        Expr::Duration(_) => "*influxql.DurationLiteral",
        Expr::Regex(_) => "*influxql.RegexLiteral",
        Expr::VarRef { .. } => "*influxql.VarRef",
        Expr::Wildcard(_) => "*influxql.Wildcard",
        Expr::Call { .. } => "*influxql.Call",
        Expr::Distinct(_) => "*influxql.Distinct",
        Expr::Paren(_) => "*influxql.ParenExpr",
        _ => "*influxql.BinaryExpr",
    }
}

/// The arguments of `distinct`.
fn check_one_field(args: &[Expr]) -> Result<(), QueryError> {
    match args {
        [] => invalid("distinct function requires at least one argument"),
        [Expr::VarRef { .. }] => Ok(()),
        [_] => invalid("expected field argument in distinct()"),
        _ => invalid("distinct function can only have one argument"),
    }
}

/// The arguments of `top` and `bottom`.
fn check_ranked(name: &str, args: &[Expr], found: &mut Found) -> Result<(), QueryError> {
    if let Some(top) = &found.top {
        return invalid(format!("selector function {top}() cannot be combined with other functions"));
    }
    let [first, beside @ .., last] = args else {
        return invalid(format!("invalid number of arguments for {name}, expected at least 2, got {}", args.len()));
    };
    let limit = match last {
        Expr::Integer(limit) => *limit,
        _ => return invalid(format!("expected integer as last argument in {name}(), found {last}")),
    };
    if limit <= 0 {
        return invalid(format!("limit ({limit}) in {name} function must be at least 1"));
    }
    if found.limit > 0 && limit.cast_unsigned() > found.limit {
        let text = format!("can not be larger than the LIMIT ({}) in the select statement", found.limit);
        return invalid(format!("limit ({limit}) in {name} function {text}"));
    }
    if !matches!(first, Expr::VarRef { .. }) {
        return invalid(format!("expected first argument to be a field in {name}(), found {first}"));
    }
    if let Some(other) = beside.iter().find(|arg| !matches!(arg, Expr::VarRef { .. })) {
        return invalid(format!("only fields or tags are allowed in {name}(), found {other}"));
    }
    found.auxiliary |= !beside.is_empty() && !found.has_target;
    found.top = Some(name.to_owned());
    Ok(())
}
