//! SHOW statements.

use std::fmt::{self, Display, Formatter};

use super::{clause, count, expr::Slashed, list, list_clause};
use crate::{
    ast::{KeyFilter, NameOrAll, ShowCardinality, ShowMeasurements, ShowTagKeys, ShowTagValues, ShowTail},
    quote,
};

/// ON and FROM.
pub(super) fn from(f: &mut Formatter<'_>, tail: &ShowTail) -> fmt::Result {
    clause(f, "ON", tail.database.as_deref().map(quote::ident))?;
    list_clause(f, "FROM", &tail.sources)
}

/// WHERE, ORDER BY and the limits.
pub(super) fn rest(f: &mut Formatter<'_>, tail: &ShowTail) -> fmt::Result {
    clause(f, "WHERE", tail.condition.as_ref())?;
    clause(f, "ORDER BY", tail.order)?;
    count(f, "LIMIT", tail.limit)?;
    count(f, "OFFSET", tail.offset)
}

/// `SHOW what [EXACT] CARDINALITY ..`
pub(super) fn cardinality(
    f: &mut Formatter<'_>,
    what: &str,
    show: &ShowCardinality,
    key: Option<&KeyFilter>,
) -> fmt::Result {
    write!(f, "SHOW {what}{} CARDINALITY", if show.exact { " EXACT" } else { "" })?;
    from(f, &show.tail)?;
    clause(f, "WITH KEY", key)?;
    clause(f, "WHERE", show.tail.condition.as_ref())?;
    list_clause(f, "GROUP BY", &show.dimensions)?;
    count(f, "LIMIT", show.tail.limit)?;
    count(f, "OFFSET", show.tail.offset)
}

impl Display for KeyFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            KeyFilter::In(keys) => {
                f.write_str("IN (")?;
                list(f, keys.iter().map(|key| quote::ident(key)))?;
                f.write_str(")")
            }
            KeyFilter::Eq(key) => write!(f, "= {}", quote::ident(key)),
            KeyFilter::Ne(key) => write!(f, "!= {}", quote::ident(key)),
            KeyFilter::Matches(regex) => write!(f, "=~ {}", Slashed(regex)),
            KeyFilter::NotMatches(regex) => write!(f, "!~ {}", Slashed(regex)),
        }
    }
}

impl Display for NameOrAll {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            NameOrAll::Name(name) => write!(f, "{}", quote::ident(name)),
            NameOrAll::All => f.write_str("*"),
        }
    }
}

impl Display for ShowMeasurements {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SHOW MEASUREMENTS")?;
        clause(f, "ON", self.database.as_ref())?;
        if let Some(policy) = &self.retention_policy {
            write!(f, ".{policy}")?;
        }
        if let Some(measurement) = &self.measurement {
            let operator = if measurement.regex.is_some() { "=~" } else { "=" };
            write!(f, " WITH MEASUREMENT {operator} {measurement}")?;
        }
        clause(f, "WHERE", self.condition.as_ref())?;
        clause(f, "ORDER BY", self.order)?;
        count(f, "LIMIT", self.limit)?;
        count(f, "OFFSET", self.offset)
    }
}

impl Display for ShowTagKeys {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SHOW TAG KEYS")?;
        from(f, &self.tail)?;
        clause(f, "WITH KEY", self.key.as_ref())?;
        rest(f, &self.tail)?;
        count(f, "SLIMIT", self.slimit)?;
        count(f, "SOFFSET", self.soffset)
    }
}

impl Display for ShowTagValues {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SHOW TAG VALUES")?;
        from(f, &self.tail)?;
        clause(f, "WITH KEY", Some(&self.key))?;
        rest(f, &self.tail)
    }
}
