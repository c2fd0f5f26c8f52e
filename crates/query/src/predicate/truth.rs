//! Tests as values: `(a > 1) = true`, `(a > 1) != b`, `(a > 1) & b`.
//!
//! A test holds in a row or it does not; one of a missing value does not. So a comparison of tests becomes a predicate over predicates, which
//! keeps what it says of tags for the index. A boolean field stands beside tests as they do, except that where it is missing no comparison
//! with it holds, unless its rows are those of a SELECT, as in InfluxDB.

use super::{Intern, Predicate, all, any, leaf, operandum};
use crate::QueryError;
use crate::datum::Datum;
use crate::predicate::Operandum;
use crate::resolve::Schema;
use crate::vector::Node;
use influxql::ast::{BinaryOp, Expr};
use model::FieldType;
use storage::TagCondition;

/// When a value is true, and when it is false.
struct Truth {
    holds: Predicate,
    fails: Predicate,
}

impl Truth {
    fn of(holds: Predicate) -> Self {
        Self { fails: not(holds.clone()), holds }
    }
}

/// Where a predicate does not hold.
pub(super) fn not(predicate: Predicate) -> Predicate {
    match predicate {
        Predicate::Always(holds) => Predicate::Always(!holds),
        Predicate::Tag(TagCondition::Not(inner)) => Predicate::Tag(*inner),
        Predicate::Tag(condition) => Predicate::Tag(TagCondition::Not(Box::new(condition))),
        Predicate::Not(inner) => *inner,
        other => Predicate::Not(Box::new(other)),
    }
}

/// Whether an expression is true or false by what it says, and no value.
pub(super) fn is_test(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(inner) => is_test(inner),
        Expr::And(_) | Expr::Or(_) => true,
        Expr::Binary { op, .. } if op.is_comparison() || matches!(op, BinaryOp::Matches | BinaryOp::NotMatches) => true,
        Expr::Binary { op, lhs, rhs } => is_bitwise(*op) && (is_test(lhs) || is_test(rhs)),
        _ => false,
    }
}

/// Whether what stands between two expressions is decided by when they are true.
pub(super) fn decides(lhs: &Expr, rhs: &Expr, schema: &Schema) -> bool {
    let is_literal = |expr: &Expr| matches!(expr.without_parens(), Expr::Boolean(_));
    is_test(lhs) || is_test(rhs) || (schema.reads_tags && (is_literal(lhs) || is_literal(rhs)))
}

fn is_bitwise(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor)
}

/// How many operators between tests may stand in each other: what they say is written out for true and for false, twice for each.
const DEEPEST: u32 = 6;

/// How many operators between tests stand in each other.
fn depth(expr: &Expr) -> u32 {
    let below = expr.children().into_iter().map(depth).max().unwrap_or(0);
    let is_between = matches!(expr, Expr::Binary { lhs, rhs, .. } if is_test(lhs) || is_test(rhs));
    below + u32::from(is_between)
}

/// An operator between two expressions of which one at least is a test.
pub(super) fn between(
    op: BinaryOp,
    (lhs, rhs): (&Expr, &Expr),
    schema: &Schema,
    intern: &mut Intern<'_>,
) -> Result<Predicate, QueryError> {
    if depth(lhs).max(depth(rhs)) >= DEEPEST {
        return Err(QueryError::NotExecuted(format!("more than {DEEPEST} tests as values in each other")));
    }
    let (left, right) = (truth(lhs, schema, intern)?, truth(rhs, schema, intern)?);
    // Nothing else can be the same as a test.
    let (Some(left), Some(right)) = (left, right) else { return Ok(Predicate::Always(false)) };
    Ok(match op {
        BinaryOp::Eq => any(vec![all(vec![left.holds, right.holds]), all(vec![left.fails, right.fails])]),
        BinaryOp::Ne | BinaryOp::BitXor => {
            any(vec![all(vec![left.holds, right.fails]), all(vec![left.fails, right.holds])])
        }
        BinaryOp::BitAnd => all(vec![left.holds, right.holds]),
        BinaryOp::BitOr => any(vec![left.holds, right.holds]),
        // They have no order, and are no numbers.
        _ => Predicate::Always(false),
    })
}

/// When an expression is true; `None` if it is neither true nor false.
fn truth(expr: &Expr, schema: &Schema, intern: &mut Intern<'_>) -> Result<Option<Truth>, QueryError> {
    let expr = expr.without_parens();
    let mut each = |members: &[Expr]| -> Result<Vec<Predicate>, QueryError> {
        let hold = |member| Ok(truth(member, schema, intern)?.map_or(Predicate::Always(false), |truth| truth.holds));
        members.iter().map(hold).collect()
    };
    match expr {
        Expr::And(members) => return Ok(Some(Truth::of(all(each(members)?)))),
        Expr::Or(members) => return Ok(Some(Truth::of(any(each(members)?)))),
        _ => {}
    }
    if is_test(expr) || matches!(expr, Expr::Boolean(_)) {
        return leaf(expr, schema, intern).map(|holds| Some(Truth::of(holds)));
    }
    Ok(match operandum(expr, schema, intern)? {
        Operandum::Other(node, Some(FieldType::Boolean)) => {
            let is = |value| Predicate::Compare(BinaryOp::Eq, node.clone(), Node::Literal(Datum::Boolean(value)));
            let holds = is(true);
            // In rows of a SELECT what is missing is false.
            let fails = if schema.reads_tags { not(holds.clone()) } else { is(false) };
            Some(Truth { holds, fails })
        }
        Operandum::Other(node @ Node::Binary(op, ..), _) if is_bitwise(op) => {
            let is_true = Predicate::Compare(BinaryOp::Eq, node, Node::Literal(Datum::Boolean(true)));
            Some(Truth::of(is_true))
        }
        _ => None,
    })
}
