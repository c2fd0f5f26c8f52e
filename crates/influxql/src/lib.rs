//! InfluxQL text to a syntax tree and back.
//!
//! Text goes through [`parse_query`]: a lexer cuts it into tokens that borrow from it, a recursive-descent parser builds
//! [`Statement`]s, and what is wrong comes back as a [`ParseError`] in InfluxDB's own words and places. `Display` prints a tree in
//! InfluxDB's normal form, which parses back to an equal tree. Nothing here knows of stored data, so names are never looked up, and
//! rules that need more than the text (which functions exist, which fields may stand together) are the query compiler's.
//!
//! Hostile text costs time linear in its length and a bounded stack: at most [`MAX_NESTING`] levels of parentheses, calls and
//! subqueries, and expression trees of at most [`MAX_TREE_DEPTH`].

pub mod ast;
mod duration;
mod error;
mod lexer;
mod params;
mod parse;
mod print;
pub mod quote;
pub mod regex;
#[cfg(test)]
mod tests;
mod token;

pub use ast::*;
pub use duration::{format_clock, format_duration, parse_duration};
pub use error::ParseError;
pub use params::{BindValue, JsonValue, Params};
pub use parse::{ZoneCheck, parse_expr, parse_query, parse_query_with_zones, parse_statement};
pub use print::print_query;

/// Most parentheses, calls and subqueries that may be open at once.
pub const MAX_NESTING: usize = 128;

/// Greatest depth of an expression tree; deeper ones are a parse error.
pub const MAX_TREE_DEPTH: usize = 512;
