//! A term of a deletion as a condition on a tag.

use crate::QueryError;
use crate::pattern::{Order, Ordered, Pattern};
use crate::resolve::MEASUREMENT_NAME;
use influxql::ast::{BinaryOp, Expr};
use model::Text;
use std::sync::Arc;
use storage::TagCondition;

/// A term as a condition on a tag.
pub(super) fn condition(expr: &Expr) -> Result<TagCondition, QueryError> {
    let refused = || QueryError::Invalid(format!("not supported in WHERE clause during deletion: {expr}"));
    let (op, lhs, rhs) = match expr {
        Expr::Boolean(true) => return Ok(TagCondition::True),
        Expr::Boolean(false) => return Ok(TagCondition::False),
        Expr::Binary { op, lhs, rhs } => (*op, lhs.without_parens(), rhs.without_parens()),
        _ => return Err(refused()),
    };
    let key = |name: &str| Text::from(name.as_bytes());
    match (lhs, rhs) {
        (Expr::VarRef { name, .. }, Expr::String(value)) | (Expr::String(value), Expr::VarRef { name, .. }) => {
            let order = Order::of(op, matches!(lhs, Expr::String(_)));
            match (op, order) {
                (BinaryOp::Eq, _) => Ok(TagCondition::Equal(key(name), value.as_bytes().into())),
                (BinaryOp::Ne, _) => Ok(TagCondition::NotEqual(key(name), value.as_bytes().into())),
                (_, Some(order)) => {
                    let test = Ordered { order, bound: value.as_str().into() };
                    Ok(TagCondition::Test(key(name), Arc::new(test)))
                }
                _ => Err(refused()),
            }
        }
        (Expr::VarRef { name, .. }, Expr::Regex(regex)) => {
            let test = TagCondition::Test(key(name), Arc::new(Pattern::new(regex)?));
            match op {
                BinaryOp::Matches => Ok(test),
                BinaryOp::NotMatches => Ok(TagCondition::Not(Box::new(test))),
                _ => Err(refused()),
            }
        }
        // Refused where it meets a measurement, as a comparison with a field.
        (Expr::VarRef { .. }, other) | (other, Expr::VarRef { .. }) if !matches!(other, Expr::VarRef { .. }) => {
            Ok(TagCondition::False)
        }
        (left, right) if is_literal(left) && is_literal(right) => match op {
            BinaryOp::Eq | BinaryOp::Ne if (left == right) == (op == BinaryOp::Eq) => Ok(TagCondition::True),
            BinaryOp::Eq | BinaryOp::Ne => Ok(TagCondition::False),
            _ => Err(refused()),
        },
        _ => Err(refused()),
    }
}

fn is_literal(expr: &Expr) -> bool {
    matches!(expr, Expr::Integer(_) | Expr::Unsigned(_) | Expr::Number(_) | Expr::String(_) | Expr::Boolean(_))
}

/// Whether a term compares the name of the measurement with a text.
pub(super) fn is_of_name(expr: &Expr) -> bool {
    let Expr::Binary { lhs, rhs, .. } = expr else { return false };
    match (lhs.without_parens(), rhs.without_parens()) {
        (Expr::VarRef { name, .. }, Expr::String(_) | Expr::Regex(_))
        | (Expr::String(_), Expr::VarRef { name, .. }) => name == MEASUREMENT_NAME,
        _ => false,
    }
}

/// Whether a term is the same for all series.
pub(super) fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Boolean(_) => true,
        Expr::Binary { lhs, rhs, .. } => is_literal(lhs.without_parens()) && is_literal(rhs.without_parens()),
        _ => false,
    }
}

/// What a term takes at least once it is written down (bytes).
pub(super) fn bytes_of(expr: &Expr) -> u64 {
    let Expr::Binary { lhs, rhs, .. } = expr else { return 1 };
    let side = |side: &Expr| match side.without_parens() {
        Expr::VarRef { name: text, .. } | Expr::String(text) | Expr::Regex(text) => text.len() as u64,
        _ => 0,
    };
    1 + side(lhs) + side(rhs)
}
