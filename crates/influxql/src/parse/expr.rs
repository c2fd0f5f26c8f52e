//! Expressions. Operators are stacked by binding strength, so a long chain costs no recursion; only parentheses and calls nest.

use super::{Parsed, Parser};
use crate::{
    MAX_TREE_DEPTH, ParseError,
    ast::{BinaryOp, DataType, Expr, WildcardKind},
    lexer::Token,
    token::Tok,
};

/// An operator between two operands.
#[derive(Clone, Copy, PartialEq)]
enum Operator {
    Binary(BinaryOp),
    And,
    Or,
}

impl Operator {
    fn of(tok: Tok) -> Option<Operator> {
        Some(Operator::Binary(match tok {
            Tok::And => return Some(Operator::And),
            Tok::Or => return Some(Operator::Or),
            Tok::Add => BinaryOp::Add,
            Tok::Sub => BinaryOp::Sub,
            Tok::Mul => BinaryOp::Mul,
            Tok::Div => BinaryOp::Div,
            Tok::Mod => BinaryOp::Mod,
            Tok::BitAnd => BinaryOp::BitAnd,
            Tok::BitOr => BinaryOp::BitOr,
            Tok::BitXor => BinaryOp::BitXor,
            Tok::Eq => BinaryOp::Eq,
            Tok::Ne => BinaryOp::Ne,
            Tok::EqRegex => BinaryOp::Matches,
            Tok::NeRegex => BinaryOp::NotMatches,
            Tok::Lt => BinaryOp::Lt,
            Tok::Le => BinaryOp::Le,
            Tok::Gt => BinaryOp::Gt,
            Tok::Ge => BinaryOp::Ge,
            _ => return None,
        }))
    }

    fn precedence(self) -> u8 {
        match self {
            Operator::Or => 1,
            Operator::And => 2,
            Operator::Binary(op) => op.precedence(),
        }
    }

    fn wants_regex(self) -> bool {
        matches!(self, Operator::Binary(BinaryOp::Matches | BinaryOp::NotMatches))
    }
}

/// A finished part and the depth of its tree.
struct Sub {
    expr: Expr,
    depth: usize,
}

impl Sub {
    fn leaf(expr: Expr) -> Sub {
        Sub { expr, depth: 1 }
    }
}

/// Operands waiting for their operators, as in a shunting yard.
#[derive(Default)]
struct Yard {
    operands: Vec<Sub>,
    operators: Vec<Operator>,
}

impl Yard {
    /// Joins the operands of all waiting operators that bind at least as strongly as `precedence`.
    fn reduce(&mut self, precedence: u8) {
        while self.operators.last().is_some_and(|operator| operator.precedence() >= precedence) {
            let (Some(operator), Some(rhs), Some(lhs)) =
                (self.operators.pop(), self.operands.pop(), self.operands.pop())
            else {
                return;
            };
            self.operands.push(join(operator, lhs, rhs));
        }
    }

    fn too_deep(&self) -> bool {
        self.operands.iter().any(|sub| sub.depth > MAX_TREE_DEPTH)
    }
}

fn join(operator: Operator, lhs: Sub, rhs: Sub) -> Sub {
    let deeper = lhs.depth.max(rhs.depth) + 1;
    match (operator, lhs.expr) {
        (Operator::And, Expr::And(mut members)) => {
            members.push(rhs.expr);
            Sub { expr: Expr::And(members), depth: lhs.depth.max(rhs.depth + 1) }
        }
        (Operator::Or, Expr::Or(mut members)) => {
            members.push(rhs.expr);
            Sub { expr: Expr::Or(members), depth: lhs.depth.max(rhs.depth + 1) }
        }
        (Operator::And, lhs) => Sub { expr: Expr::And(vec![lhs, rhs.expr]), depth: deeper },
        (Operator::Or, lhs) => Sub { expr: Expr::Or(vec![lhs, rhs.expr]), depth: deeper },
        (Operator::Binary(op), lhs) => Sub { expr: Expr::binary(op, lhs, rhs.expr), depth: deeper },
    }
}

impl<'a> Parser<'a> {
    /// An expression as long as operators follow.
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        self.sub_expr().map(|sub| sub.expr)
    }

    fn sub_expr(&mut self) -> Parsed<Sub> {
        let mut yard = Yard::default();
        let first = self.operand()?;
        yard.operands.push(first);
        loop {
            let token = self.scan();
            let Some(operator) = Operator::of(token.tok) else {
                self.unscan();
                break;
            };
            let rhs =
                if operator.wants_regex() { Sub::leaf(Expr::Regex(self.required_regex()?)) } else { self.operand()? };
            yard.reduce(operator.precedence());
            if yard.too_deep() {
                return Err(self.error_at(token.at, format!("expression is deeper than {MAX_TREE_DEPTH} levels")));
            }
            yard.operators.push(operator);
            yard.operands.push(rhs);
        }
        yard.reduce(0);
        match yard.operands.pop() {
            Some(sub) if sub.depth <= MAX_TREE_DEPTH => Ok(sub),
            _ => Err(ParseError::Plain(format!("expression is deeper than {MAX_TREE_DEPTH} levels"))),
        }
    }

    /// One operand: a literal, name, call or parenthesis, perhaps with a sign.
    fn operand(&mut self) -> Parsed<Sub> {
        let token = self.scan();
        match token.tok {
            Tok::LParen => self.nested(Self::paren),
            Tok::Ident => {
                if self.scan_any().tok == Tok::LParen {
                    return self.nested(|parser| parser.call(&token.lit));
                }
                self.unscan();
                self.unscan();
                self.var_ref().map(Sub::leaf)
            }
            Tok::Add | Tok::Sub => self.signed(token.tok == Tok::Sub),
            Tok::Distinct => self.distinct(),
            _ => self.literal(token).map(Sub::leaf),
        }
    }

    fn paren(&mut self) -> Parsed<Sub> {
        let inner = self.sub_expr()?;
        self.expect(&[Tok::RParen])?;
        Ok(Sub { expr: Expr::Paren(Box::new(inner.expr)), depth: inner.depth + 1 })
    }

    fn literal(&mut self, token: Token<'a>) -> Parsed<Expr> {
        match token.tok {
            Tok::Str => Ok(Expr::String(token.lit.into_owned())),
            Tok::Number => match token.lit.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(Expr::Number(value)),
                _ => Err(self.error_at(token.at, "unable to parse number")),
            },
            Tok::Integer => self.integer(&token),
            Tok::True => Ok(Expr::Boolean(true)),
            Tok::False => Ok(Expr::Boolean(false)),
            Tok::DurationVal => {
                crate::duration::parse_duration(&token.lit).map(Expr::Duration).map_err(ParseError::Plain)
            }
            Tok::Mul => self.wildcard(),
            Tok::Regex => self.checked_regex(token).map(Expr::Regex),
            Tok::BoundParam => Err(self.unbound(&token)),
            _ => Err(self.expected(&token, "identifier, string, number, bool")),
        }
    }

    fn integer(&self, token: &Token<'_>) -> Parsed<Expr> {
        if let Ok(value) = token.lit.parse() {
            return Ok(Expr::Integer(value));
        }
        token.lit.parse().map(Expr::Unsigned).map_err(|_| self.error_at(token.at, "unable to parse integer"))
    }

    /// Why a parameter has not been replaced.
    fn unbound(&self, token: &Token<'_>) -> ParseError {
        let name = token.lit.strip_prefix('$').unwrap_or(&token.lit);
        let message =
            if name.is_empty() { "empty bound parameter".to_owned() } else { format!("missing parameter: {name}") };
        ParseError::Plain(message)
    }

    fn wildcard(&mut self) -> Parsed<Expr> {
        if !self.accept_here(Tok::DoubleColon) {
            return Ok(Expr::Wildcard(WildcardKind::All));
        }
        let token = self.scan_any();
        match token.tok {
            Tok::Field => Ok(Expr::Wildcard(WildcardKind::Fields)),
            Tok::Tag => Ok(Expr::Wildcard(WildcardKind::Tags)),
            _ => Err(self.expected(&token, "field, tag")),
        }
    }

    fn distinct(&mut self) -> Parsed<Sub> {
        let token = self.scan_any();
        match token.tok {
            Tok::LParen => self.nested(|parser| parser.call("distinct")),
            Tok::Ws => self.ident().map(|name| Sub::leaf(Expr::Distinct(name))),
            _ => Err(self.expected(&token, "(, identifier")),
        }
    }

    /// What follows a sign: a number or duration takes it, anything else is multiplied by it.
    fn signed(&mut self, negative: bool) -> Parsed<Sub> {
        let token = self.scan();
        if !matches!(token.tok, Tok::Number | Tok::Integer | Tok::DurationVal | Tok::LParen | Tok::Ident) {
            return Err(self.expected(&token, "identifier, number, duration, ("));
        }
        self.unscan();
        let Sub { expr, depth } = self.operand()?;
        let factor: i64 = if negative { -1 } else { 1 };
        const MIN_SIZE: u64 = i64::MIN.unsigned_abs();
        let expr = match expr {
            Expr::Number(value) => Expr::Number(value * factor as f64),
            Expr::Integer(value) => Expr::Integer(value.wrapping_mul(factor)),
            Expr::Duration(value) => Expr::Duration(value.wrapping_mul(factor)),
            Expr::Unsigned(MIN_SIZE) if negative => Expr::Integer(i64::MIN),
            Expr::Unsigned(value) if negative => {
                return Err(ParseError::Plain(format!("constant -{value} underflows int64")));
            }
            Expr::Unsigned(value) => Expr::Unsigned(value),
            other => {
                return Ok(Sub { expr: Expr::binary(BinaryOp::Mul, Expr::Integer(factor), other), depth: depth + 1 });
            }
        };
        Ok(Sub { expr, depth })
    }

    /// A name with an optional type.
    fn var_ref(&mut self) -> Parsed<Expr> {
        let name = self.segments()?.join(".");
        if !self.accept_here(Tok::DoubleColon) {
            return Ok(Expr::VarRef { name, cast: None });
        }
        let token = self.scan_any();
        let cast = match token.tok {
            Tok::Field => DataType::AnyField,
            Tok::Tag => DataType::Tag,
            Tok::Ident => match token.lit.to_ascii_lowercase().as_str() {
                "float" => DataType::Float,
                "integer" => DataType::Integer,
                "unsigned" => DataType::Unsigned,
                "string" => DataType::String,
                "boolean" => DataType::Boolean,
                _ => return Err(self.expected(&token, "float, integer, unsigned, string, boolean, field, tag")),
            },
            _ => return Err(self.expected(&token, "float, integer, string, boolean, field, tag")),
        };
        Ok(Expr::VarRef { name, cast: Some(cast) })
    }

    /// Arguments of a call, of which name and opening parenthesis have been read.
    fn call(&mut self, name: &str) -> Parsed<Sub> {
        let name = name.to_lowercase();
        let mut args = Vec::new();
        let mut depth = 0;
        let first = self.regex()?;
        if first.is_none() && self.accept_here(Tok::RParen) {
            return Ok(Sub::leaf(Expr::Call { name, args }));
        }
        let mut regex = first;
        loop {
            let arg = match regex {
                Some(regex) => Sub::leaf(Expr::Regex(regex)),
                None => self.sub_expr()?,
            };
            depth = depth.max(arg.depth);
            args.push(arg.expr);
            if !self.accept(Tok::Comma) {
                break;
            }
            regex = self.regex()?;
        }
        let token = self.scan_any();
        if token.tok != Tok::RParen {
            return Err(self.expected(&token, ")"));
        }
        Ok(Sub { expr: Expr::Call { name, args }, depth: depth + 1 })
    }
}
