//! Expressions over fields or calls: operators, functions of single values, casts and literals, of types that fit and of some that
//! do not. The same text is an error on both servers where they do not.

use super::schema::{ALL, NUMBERS, Schema};
use super::statement::name;
use crate::Random;

/// An expression over what `leaf` gives, at most that deep.
pub(super) fn expression(random: &mut Random, depth: usize, leaf: &mut dyn FnMut(&mut Random) -> String) -> String {
    if depth == 0 {
        return leaf(random);
    }
    match random.below(10) {
        0 | 1 => math(random, depth - 1, leaf),
        2 => format!("-{}", leaf(random)),
        3 => format!("({})", expression(random, depth - 1, leaf)),
        4 => leaf(random),
        5 => {
            let left = expression(random, depth - 1, leaf);
            format!("{left} {} {}", operator(random), literal(random))
        }
        6 => {
            let right = expression(random, depth - 1, leaf);
            format!("{} {} {right}", literal(random), operator(random))
        }
        _ => {
            let (left, right) = (expression(random, depth - 1, leaf), expression(random, depth - 1, leaf));
            if random.once_in(2) {
                format!("({left}) {} ({right})", operator(random))
            } else {
                format!("{left} {} {right}", operator(random))
            }
        }
    }
}

/// A field, mostly a number, now and then cast, a tag, or one that is not there.
pub(super) fn field(schema: &Schema, random: &mut Random) -> String {
    let kinds = if random.once_in(6) { ALL } else { NUMBERS };
    let field = schema.field(random, kinds).map_or_else(|| "nosuch".to_owned(), |field| name(&field.name));
    match random.below(16) {
        // A float below zero has no value as an unsigned number, and is what the processor makes of it.
        0 => format!("{field}::{}", random.pick(&["float", "integer", "string", "boolean", "field", "tag"])),
        1 if !schema.tags.is_empty() => name(&random.pick(&schema.tags).0),
        2 => "nosuch".to_owned(),
        _ => field,
    }
}

const OPERATORS: &[&str] = &["+", "-", "*", "/", "+", "-", "*", "/", "%", "&", "|", "^"];
const LITERALS: &[&str] =
    &["1", "2", "0", "-3", "1.5", "0.25", "10", "7", "100", "-0.5", "9223372036854775807", "true", "'a'", "2.0"];

fn operator(random: &mut Random) -> &'static str {
    random.pick::<&str>(OPERATORS)
}

fn literal(random: &mut Random) -> &'static str {
    random.pick::<&str>(LITERALS)
}

fn math(random: &mut Random, depth: usize, leaf: &mut dyn FnMut(&mut Random) -> String) -> String {
    let inner = expression(random, depth, leaf);
    let one = [
        "abs", "floor", "ceil", "round", "sin", "cos", "tan", "asin", "acos", "atan", "exp", "ln", "log2", "log10",
        "sqrt",
    ];
    match random.below(20) {
        0 => format!("atan2({inner}, {})", expression(random, depth, leaf)),
        1 => format!("pow({inner}, {})", random.pick(&["2", "0.5", "-1", "3"])),
        2 => format!("log({inner}, {})", random.pick(&["2", "10", "3"])),
        3 => format!("pow({}, {inner})", random.pick(&["2", "1.5"])),
        4 => format!("atan2({}, {inner})", random.pick(&["2", "-1.5"])),
        _ => format!("{}({inner})", random.pick(&one)),
    }
}
