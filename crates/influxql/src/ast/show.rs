//! SHOW statements about what is stored: their shared tail and the few clauses of their own.

use super::{Expr, Measurement, SortOrder, Source};

/// The clauses that the SHOW statements have in common. Limits of 0 mean none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShowTail {
    /// ON.
    pub database: Option<String>,
    /// FROM; empty without the clause. Subqueries never stand here.
    pub sources: Vec<Source>,
    /// WHERE.
    pub condition: Option<Expr>,
    /// ORDER BY.
    pub order: Option<SortOrder>,
    /// LIMIT.
    pub limit: u64,
    /// OFFSET.
    pub offset: u64,
}

/// A name or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameOrAll {
    /// The one of this name.
    Name(String),
    /// All (`*`).
    All,
}

/// `SHOW MEASUREMENTS`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShowMeasurements {
    /// The database part of ON.
    pub database: Option<NameOrAll>,
    /// The part of ON after the dot.
    pub retention_policy: Option<NameOrAll>,
    /// `WITH MEASUREMENT =|=~ ..`
    pub measurement: Option<Measurement>,
    /// WHERE.
    pub condition: Option<Expr>,
    /// ORDER BY.
    pub order: Option<SortOrder>,
    /// LIMIT.
    pub limit: u64,
    /// OFFSET.
    pub offset: u64,
}

/// `WITH KEY ..`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFilter {
    /// `IN (a, b)`
    In(Vec<String>),
    /// `= a`
    Eq(String),
    /// `!= a`
    Ne(String),
    /// `=~ /re/`, source text in Go syntax.
    Matches(String),
    /// `!~ /re/`, source text in Go syntax.
    NotMatches(String),
}

/// `SHOW TAG KEYS`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShowTagKeys {
    /// The common clauses.
    pub tail: ShowTail,
    /// WITH KEY, if given.
    pub key: Option<KeyFilter>,
    /// SLIMIT, 0 for none.
    pub slimit: u64,
    /// SOFFSET.
    pub soffset: u64,
}

/// `SHOW TAG VALUES`.
#[derive(Debug, Clone, PartialEq)]
pub struct ShowTagValues {
    /// The common clauses.
    pub tail: ShowTail,
    /// WITH KEY.
    pub key: KeyFilter,
}

/// Tail of the `SHOW .. CARDINALITY` statements.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShowCardinality {
    /// EXACT.
    pub exact: bool,
    /// The common clauses (never an order).
    pub tail: ShowTail,
    /// GROUP BY.
    pub dimensions: Vec<Expr>,
}
