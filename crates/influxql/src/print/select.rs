//! SELECT and its parts.

use std::fmt::{self, Display, Formatter};

use super::{clause, count, expr::Slashed, list, list_clause};
use crate::{
    ast::{Explain, Field, Fill, Measurement, Select, SortOrder, Source, Target},
    quote,
};

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT ")?;
        list(f, &self.fields)?;
        clause(f, "INTO", self.target.as_ref())?;
        list_clause(f, "FROM", &self.sources)?;
        clause(f, "WHERE", self.condition.as_ref())?;
        list_clause(f, "GROUP BY", &self.dimensions)?;
        match self.fill {
            Fill::Null => {}
            Fill::None => f.write_str(" fill(none)")?,
            Fill::Integer(value) => write!(f, " fill({value})")?,
            Fill::Number(value) => write!(f, " fill({value})")?,
            Fill::Previous => f.write_str(" fill(previous)")?,
            Fill::Linear => f.write_str(" fill(linear)")?,
        }
        clause(f, "ORDER BY", self.order)?;
        count(f, "LIMIT", self.limit)?;
        count(f, "OFFSET", self.offset)?;
        count(f, "SLIMIT", self.slimit)?;
        count(f, "SOFFSET", self.soffset)?;
        self.location.as_ref().map_or(Ok(()), |name| write!(f, " TZ('{name}')"))
    }
}

impl Display for Explain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let analyze = if self.analyze { "ANALYZE " } else { "" };
        let verbose = if self.verbose { "VERBOSE " } else { "" };
        write!(f, "EXPLAIN {analyze}{verbose}{}", self.select)
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)?;
        clause(f, "AS", self.alias.as_deref().map(quote::ident))
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Source::Measurement(measurement) => measurement.fmt(f),
            Source::SubQuery(select) => write!(f, "({select})"),
        }
    }
}

impl Display for Measurement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        qualifier(f, self.database.as_deref(), self.retention_policy.as_deref())?;
        match &self.regex {
            Some(regex) => Slashed(regex).fmt(f),
            None => write!(f, "{}", quote::ident(&self.name)),
        }
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        qualifier(f, self.database.as_deref(), self.retention_policy.as_deref())?;
        match &self.name {
            Some(name) => write!(f, "{}", quote::ident(name)),
            None => f.write_str(":MEASUREMENT"),
        }
    }
}

/// `db.rp.`, `db..`, `rp.` or nothing.
fn qualifier(f: &mut Formatter<'_>, database: Option<&str>, policy: Option<&str>) -> fmt::Result {
    if let Some(database) = database {
        write!(f, "{}.", quote::ident(database))?;
    }
    if let Some(policy) = policy {
        write!(f, "{}", quote::ident(policy))?;
    }
    if database.is_some() || policy.is_some() { f.write_str(".") } else { Ok(()) }
}

impl Display for SortOrder {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.named { "time " } else { "" })?;
        f.write_str(if self.ascending { "ASC" } else { "DESC" })
    }
}
