//! InfluxQL text to a syntax tree and back.

pub mod ast;

/// Greatest depth of an expression tree; deeper ones are a parse error.
pub const MAX_TREE_DEPTH: usize = 512;

pub use ast::*;
