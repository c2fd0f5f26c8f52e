//! Trees to InfluxDB's normal form: keywords in upper case, names quoted only when needed, one space between parts.
//!
//! What is printed parses back to an equal tree, passwords excepted, which are never shown. Where InfluxDB's own form would lose
//! or change something (WITH KEY of SHOW TAG KEYS, `a / -b`), ours keeps it.

mod data;
mod expr;
mod select;
mod show;

use std::fmt::{self, Display, Formatter, Write};

use crate::{ast::Statement, quote};

/// Prints items with `, ` between them.
fn list<T: Display>(f: &mut Formatter<'_>, items: impl IntoIterator<Item = T>) -> fmt::Result {
    for (index, item) in items.into_iter().enumerate() {
        if index != 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

/// Prints a keyword and what follows it, if there is something.
fn clause(f: &mut Formatter<'_>, keyword: &str, value: Option<impl Display>) -> fmt::Result {
    match value {
        Some(value) => write!(f, " {keyword} {value}"),
        None => Ok(()),
    }
}

/// Prints a keyword and a count other than 0.
fn count(f: &mut Formatter<'_>, keyword: &str, value: u64) -> fmt::Result {
    clause(f, keyword, (value != 0).then_some(value))
}

/// Prints a keyword and a list that is not empty.
fn list_clause<T: Display>(f: &mut Formatter<'_>, keyword: &str, items: &[T]) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    write!(f, " {keyword} ")?;
    list(f, items)
}

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Statement::Select(select) => select.fmt(f),
            Statement::Explain(explain) => explain.fmt(f),
            Statement::ShowRetentionPolicies { database } => {
                f.write_str(self.name())?;
                clause(f, "ON", database.as_deref().map(quote::ident))
            }
            Statement::ShowStats { module } | Statement::ShowDiagnostics { module } => {
                f.write_str(self.name())?;
                clause(f, "FOR", module.as_deref().filter(|module| !module.is_empty()).map(quote::string))
            }
            Statement::ShowGrants(user) => write!(f, "SHOW GRANTS FOR {}", quote::ident(user)),
            Statement::ShowDatabases
            | Statement::ShowContinuousQueries
            | Statement::ShowQueries
            | Statement::ShowUsers
            | Statement::ShowShards
            | Statement::ShowShardGroups
            | Statement::ShowSubscriptions => f.write_str(self.name()),
            Statement::ShowMeasurements(show) => show.fmt(f),
            Statement::ShowSeries(tail) | Statement::ShowFieldKeys(tail) => {
                f.write_str(self.name())?;
                show::from(f, tail)?;
                show::rest(f, tail)
            }
            Statement::ShowTagKeys(show) => show.fmt(f),
            Statement::ShowTagValues(show) => show.fmt(f),
            Statement::ShowSeriesCardinality(show) => show::cardinality(f, "SERIES", show, None),
            Statement::ShowMeasurementCardinality(show) => show::cardinality(f, "MEASUREMENT", show, None),
            Statement::ShowTagKeyCardinality(show) => show::cardinality(f, "TAG KEY", show, None),
            Statement::ShowTagValuesCardinality(show, key) => show::cardinality(f, "TAG VALUES", show, Some(key)),
            Statement::ShowFieldKeyCardinality(show) => show::cardinality(f, "FIELD KEY", show, None),
            other => data::write_statement(f, other),
        }
    }
}

/// Statements as text, one a line.
pub fn print_query(statements: &[Statement]) -> String {
    let mut text = String::new();
    for (index, statement) in statements.iter().enumerate() {
        let separator = if index == 0 { "" } else { ";\n" };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{statement}");
    }
    text
}
