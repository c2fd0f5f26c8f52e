//! Expressions.

use std::fmt::{self, Display, Formatter};

use super::list;
use crate::{
    ast::{BinaryOp, Expr, WildcardKind},
    duration::format_duration,
    quote,
};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Binary { op, lhs, rhs } => {
                operand(f, lhs, op.precedence())?;
                write!(f, " {} ", op.symbol())?;
                let least = if folds(*op, rhs) { op.precedence() } else { op.precedence() + 1 };
                operand(f, rhs, least)
            }
            Expr::And(members) => joined(f, members, " AND ", 2),
            Expr::Or(members) => joined(f, members, " OR ", 1),
            Expr::Paren(inner) => write!(f, "({inner})"),
            Expr::Call { name, args } => {
                call_name(f, name)?;
                f.write_str("(")?;
                list(f, args)?;
                f.write_str(")")
            }
            Expr::VarRef { name, cast } => {
                write!(f, "{}", quote::ident(name))?;
                cast.map_or(Ok(()), |cast| write!(f, "::{}", cast.word()))
            }
            Expr::Distinct(name) => write!(f, "DISTINCT {}", quote::ident(name)),
            Expr::Wildcard(WildcardKind::All) => f.write_str("*"),
            Expr::Wildcard(WildcardKind::Fields) => f.write_str("*::field"),
            Expr::Wildcard(WildcardKind::Tags) => f.write_str("*::tag"),
            Expr::Regex(source) => write!(f, "{}", Slashed(source)),
            Expr::String(text) => write!(f, "{}", quote::string(text)),
            Expr::Integer(value) => write!(f, "{value}"),
            Expr::Unsigned(value) => write!(f, "{value}"),
            Expr::Number(value) => number(f, *value),
            Expr::Boolean(value) => write!(f, "{value}"),
            Expr::Duration(nanos) => f.write_str(&format_duration(*nanos)),
        }
    }
}

/// A regex between slashes.
pub(super) struct Slashed<'a>(pub(super) &'a str);

impl Display for Slashed<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("/")?;
        for (index, part) in self.0.split('/').enumerate() {
            f.write_str(if index == 0 { "" } else { "\\/" })?;
            f.write_str(part)?;
        }
        f.write_str("/")
    }
}

/// Binding strength of an expression's outermost operator; 6 if it has none.
fn precedence(expr: &Expr) -> u8 {
    match expr {
        Expr::Or(_) => 1,
        Expr::And(_) => 2,
        Expr::Binary { op, .. } => op.precedence(),
        _ => 6,
    }
}

/// Whether `a op -b` means the same when `-1 * b` is printed without parentheses: only beneath another product.
fn folds(op: BinaryOp, rhs: &Expr) -> bool {
    op == BinaryOp::Mul && matches!(rhs, Expr::Binary { op: BinaryOp::Mul, .. })
}

/// Prints an operand, in parentheses if it binds less than `least`.
fn operand(f: &mut Formatter<'_>, expr: &Expr, least: u8) -> fmt::Result {
    if precedence(expr) < least { write!(f, "({expr})") } else { expr.fmt(f) }
}

fn joined(f: &mut Formatter<'_>, members: &[Expr], separator: &str, least: u8) -> fmt::Result {
    for (index, member) in members.iter().enumerate() {
        if index != 0 {
            f.write_str(separator)?;
        }
        operand(f, member, least)?;
    }
    Ok(())
}

fn call_name(f: &mut Formatter<'_>, name: &str) -> fmt::Result {
    if name == "distinct" { f.write_str(name) } else { write!(f, "{}", quote::ident(name)) }
}

/// A number always shows a point, so that it stays a number when read again.
fn number(f: &mut Formatter<'_>, value: f64) -> fmt::Result {
    let whole = value.fract() == 0.0;
    write!(f, "{value}{}", if whole { ".0" } else { "" })
}
