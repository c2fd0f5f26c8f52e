//! Deletes as version 2 of the API asks for them: a predicate of equalities, and two instants.
//!
//! The predicate is an InfluxQL expression of terms joined by `AND`: `_measurement = "m"` names the measurement, the others are of tags.
//! A name on the right is a text, in double quotes or bare. What comes out is a DELETE as InfluxQL would write it.

use influxql::ast::{Deletion, Measurement, Source};
use influxql::{BinaryOp, Expr, ParseError, Statement, parse_expr};
use thiserror::Error;

/// Why a predicate is none.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum PredicateError {
    /// It is no expression; given is what was read.
    #[error("cannot parse predicate \"{text}\": {error}")]
    Parse {
        /// The predicate with the two instants.
        text: String,
        /// Where it went wrong.
        error: ParseError,
    },
    /// It asks for more than equality and `AND`.
    #[error("predicate only supports equality operators and conjunctions")]
    NotEquality,
    /// One of its terms compares nothing.
    #[error("invalid condition expression: {0}")]
    NoCondition(String),
}

/// The DELETE that a predicate (perhaps empty) asks for, from `start` up to, not including, `stop`, in one policy or in all.
///
/// # Errors
/// The predicate is none.
pub fn deletion(
    predicate: &str,
    (start, stop): (&str, &str),
    policy: Option<&str>,
) -> Result<Statement, PredicateError> {
    let times = format!("time >= '{start}' AND time < '{stop}'");
    let text = if predicate.trim().is_empty() { times } else { format!("{predicate} AND {times}") };
    let parsed = parse_expr(&text).map_err(|error| PredicateError::Parse { text, error })?;
    let Expr::And(members) = parsed else { return Err(PredicateError::NotEquality) };
    // Both instants stand at the end, or a predicate has closed what it did not open.
    let is_bound = |member: &Expr, op, instant: &str| {
        *member == Expr::binary(op, Expr::var("time"), Expr::String(instant.to_owned()))
    };
    match &members[..] {
        [.., from, to] if is_bound(from, BinaryOp::Ge, start) && is_bound(to, BinaryOp::Lt, stop) => {}
        _ => return Err(PredicateError::NotEquality),
    }
    let (mut terms, mut measurements) = (Vec::new(), Vec::new());
    members.into_iter().try_for_each(|member| take(member, &mut terms, &mut measurements))?;
    let named =
        |name: String| Measurement { retention_policy: policy.map(str::to_owned), name, ..Measurement::default() };
    measurements.dedup();
    let sources = match (measurements.len(), policy) {
        (0, None) => Vec::new(),
        (0, Some(_)) => vec![Measurement { regex: Some(".*".to_owned()), ..named(String::new()) }],
        (1, _) => measurements.into_iter().map(named).collect(),
        // No row is of two measurements.
        _ => return Err(PredicateError::NotEquality),
    };
    let sources = sources.into_iter().map(Source::Measurement).collect();
    Ok(Statement::Delete(Deletion { sources, condition: Some(Expr::And(terms)) }))
}

/// Sorts a part of the predicate into terms and names of measurements.
fn take(expr: Expr, terms: &mut Vec<Expr>, measurements: &mut Vec<String>) -> Result<(), PredicateError> {
    match expr {
        Expr::Paren(inner) => take(*inner, terms, measurements),
        Expr::And(members) => members.into_iter().try_for_each(|member| take(member, terms, measurements)),
        Expr::Or(_) => Err(PredicateError::NotEquality),
        Expr::Binary { op, lhs, rhs } if op.is_comparison() => {
            let is_time = matches!(&*lhs, Expr::VarRef { name, .. } if name.eq_ignore_ascii_case("time"));
            if is_time {
                terms.push(Expr::Binary { op, lhs, rhs });
                return Ok(());
            }
            if op != BinaryOp::Eq {
                return Err(PredicateError::NotEquality);
            }
            let rhs = match *rhs {
                Expr::VarRef { name, .. } => Expr::String(name),
                other => other,
            };
            match (*lhs, rhs) {
                (Expr::VarRef { name, .. }, Expr::String(text)) if name == "_measurement" => measurements.push(text),
                (lhs, rhs) => terms.push(Expr::binary(op, lhs, rhs)),
            }
            Ok(())
        }
        other => Err(PredicateError::NoCondition(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(predicate: &str, policy: Option<&str>) -> String {
        match deletion(predicate, ("1970-01-01T00:00:00Z", "1970-01-01T00:00:02Z"), policy) {
            Ok(statement) => statement.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn predicates_are_deletions() {
        let times = "time >= '1970-01-01T00:00:00Z' AND time < '1970-01-01T00:00:02Z'";
        assert_eq!(text("", None), format!("DELETE WHERE {times}"));
        assert_eq!(text(" ", Some("r")), format!("DELETE FROM r./.*/ WHERE {times}"));
        assert_eq!(
            text("_measurement=\"m x\" AND h=\"a\"", None),
            format!("DELETE FROM \"m x\" WHERE h = 'a' AND {times}")
        );
        assert_eq!(
            text("(h=a AND (_measurement = 'm'))", Some("r")),
            format!("DELETE FROM r.m WHERE h = 'a' AND {times}")
        );
        assert_eq!(text("h = 'a' and time > 0", None), format!("DELETE WHERE h = 'a' AND time > 0 AND {times}"));
    }

    #[test]
    fn what_is_no_conjunction_of_equalities_is_refused() {
        let refused = "error: predicate only supports equality operators and conjunctions";
        for predicate in [
            "a='1' OR b='2'",
            "a!=b",
            "a =~ /x/",
            "a='1') OR (b='2'",
            "a='1' OR b='2' --",
            "_measurement=a AND _measurement=b",
        ] {
            let found = text(predicate, None);
            assert!(found == refused || found.starts_with("error: cannot parse predicate"), "{predicate}: {found}");
        }
        assert_eq!(text("garbage", None), "error: invalid condition expression: garbage");
        let broken = text("h=a and", None);
        assert!(broken.ends_with("found AND, expected identifier, string, number, bool at line 1, char 9"), "{broken}");
    }
}
