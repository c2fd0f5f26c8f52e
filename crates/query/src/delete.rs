//! DELETE and DROP SERIES: which rows a statement names, as storage's [`Deletion`]s.
//!
//! The condition must be over tags and time. It falls apart into alternatives, each a condition on tags and a range of time,
//! so that times under OR take just the rows that they name. Names are looked up where it matters: measurements for a
//! regular expression, fields for a condition, which must not name one. Both without a look at rows where possible.

use crate::pattern::{Order, Ordered, Pattern};
use crate::when::{self, Part};
use crate::{Context, Names, QueryError};
use influxql::ast::{BinaryOp, DataType, Expr, Measurement, Source};
use model::{Text, TimeRange};
use std::collections::BTreeSet;
use std::sync::Arc;
use storage::{Deletion, TagCondition, View};

/// Alternatives that a condition may fall apart into.
const MOST_ALTERNATIVES: usize = 1_000;

/// Rows to delete.
#[derive(Clone, Debug)]
pub struct Doomed {
    /// Of this policy, or of all.
    pub policy: Option<String>,
    /// Those that fulfil one of these.
    pub deletions: Vec<Deletion>,
}

/// What kind of statement it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// DELETE.
    Delete,
    /// DROP SERIES, which knows no time.
    DropSeries,
}

/// The rows that a statement names, in the database of the request. Nothing is deleted yet.
///
/// # Errors
/// InfluxDB's texts: the database is missing, the condition names a field, or time in DROP SERIES. Comparisons that it
/// does not carry out as they read are refused.
pub fn doomed(
    verb: Verb,
    statement: &influxql::Deletion,
    names: &dyn Names,
    context: &Context,
) -> Result<Vec<Doomed>, QueryError> {
    let database = context.database.as_deref().unwrap_or_default();
    let policies = match database {
        "" => return Err(QueryError::DatabaseNotFound(String::new())),
        name => names.policies(name)?,
    };
    let when = when::split(statement.condition.as_ref(), context.now)?;
    if verb == Verb::DropSeries && statement.condition.as_ref().is_some_and(has_time) {
        return Err(QueryError::Invalid("DROP SERIES doesn't support time in WHERE clause".into()));
    }
    let found = alternatives(&when.rest)?;
    let mut targets: Vec<(Option<&str>, Vec<&Measurement>)> = Vec::new();
    for source in &statement.sources {
        let Source::Measurement(source) = source else { return Err(QueryError::NotExecuted("subqueries".into())) };
        let policy = source.retention_policy.as_deref().filter(|policy| !policy.is_empty());
        match targets.iter_mut().find(|(known, _)| *known == policy) {
            Some((_, sources)) => sources.push(source),
            None => targets.push((policy, vec![source])),
        }
    }
    if targets.is_empty() {
        targets.push((None, Vec::new()));
    }
    let mut all = Vec::new();
    for (policy, sources) in targets {
        let of: Vec<&str> =
            policies.iter().map(String::as_str).filter(|name| policy.is_none_or(|one| one == *name)).collect();
        // InfluxDB says nothing of a policy that is not there.
        let target = Target { names, database, policies: of, range: when.range };
        let measurements = target.measurements(&sources)?;
        target.check_fields(measurements.as_deref(), &when.rest)?;
        let deletion = |(condition, range): &(TagCondition, TimeRange)| Deletion {
            measurements: measurements.clone(),
            condition: condition.clone(),
            range: range.intersect(&when.range),
        };
        let deletions: Vec<Deletion> = found.iter().map(deletion).filter(|one| !one.range.is_empty()).collect();
        if !target.policies.is_empty()
            && measurements.as_ref().is_none_or(|names| !names.is_empty())
            && !deletions.is_empty()
        {
            all.push(Doomed { policy: policy.map(str::to_owned), deletions });
        }
    }
    Ok(all)
}

fn has_time(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(inner) => has_time(inner),
        Expr::And(members) | Expr::Or(members) => members.iter().any(has_time),
        Expr::Binary { lhs, rhs, .. } => has_time(lhs) || has_time(rhs),
        Expr::VarRef { name, .. } => name.eq_ignore_ascii_case("time"),
        _ => false,
    }
}

/// Shards to delete from.
struct Target<'a> {
    names: &'a dyn Names,
    database: &'a str,
    policies: Vec<&'a str>,
    range: TimeRange,
}

impl Target<'_> {
    /// The measurements that sources name; `None`: all of them. Some may not be there, which does no harm.
    fn measurements(&self, sources: &[&Measurement]) -> Result<Option<Vec<Text>>, QueryError> {
        let mut found: BTreeSet<Text> = BTreeSet::new();
        for source in sources {
            let Some(regex) = &source.regex else {
                found.insert(source.name.as_bytes().into());
                continue;
            };
            let pattern = Pattern::new(regex)?;
            for policy in &self.policies {
                let known = self.names.known_measurements(self.database, policy, self.range)?;
                found.extend(known.into_iter().filter(|name| pattern.matches(name)));
            }
        }
        Ok((!sources.is_empty()).then(|| found.into_iter().collect()))
    }

    /// Fails if a term of the condition is on a field of one of the measurements. Rows are looked at only where the names of
    /// fields leave it open, so that a delete of few series among very many costs little.
    fn check_fields(&self, measurements: Option<&[Text]>, rest: &Part) -> Result<(), QueryError> {
        for policy in &self.policies {
            let may = |name: &str| self.names.may_have_field(self.database, policy, self.range, measurements, name);
            if !names_field(rest, &mut |name, cast| match cast {
                Some(cast) => Ok(cast != DataType::Tag),
                None => may(name),
            })? {
                continue;
            }
            let view = self.names.view(self.database, Some(policy), self.range)?;
            for name in view.measurements()? {
                if measurements.is_none_or(|names| names.binary_search(&name).is_ok()) {
                    check_fields(&view, &name, rest)?;
                }
            }
        }
        Ok(())
    }
}

/// Fails if a term of the condition is on a field of the measurement.
fn check_fields(view: &View, measurement: &[u8], rest: &Part) -> Result<(), QueryError> {
    let fields = view.fields(measurement)?;
    let mut is_field = |name: &str, cast: Option<DataType>| {
        Ok(match cast {
            Some(cast) => cast != DataType::Tag,
            None => fields.iter().any(|(field, _)| **field == *name.as_bytes()),
        })
    };
    if names_field(rest, &mut is_field)? {
        let shard = view.shards().iter().map(|span| span.id).min().unwrap_or(0);
        return Err(QueryError::Invalid(format!(
            "shard {shard}: fields not supported in WHERE clause during deletion"
        )));
    }
    Ok(())
}

/// Whether a name in a term is a field's.
type IsField<'a> = dyn FnMut(&str, Option<DataType>) -> Result<bool, QueryError> + 'a;

fn names_field(part: &Part, is_field: &mut IsField<'_>) -> Result<bool, QueryError> {
    match part {
        Part::And(parts) | Part::Or(parts) => {
            for part in parts {
                if names_field(part, is_field)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Part::Other(Expr::Binary { lhs, rhs, .. }) => match (lhs.without_parens(), rhs.without_parens()) {
            (Expr::VarRef { name, cast }, other) | (other, Expr::VarRef { name, cast }) => {
                // A tag is a string; what is compared with anything else is taken for a field.
                let is_text = matches!(other, Expr::String(_) | Expr::Regex(_) | Expr::VarRef { .. });
                Ok(!is_text || is_field(name, *cast)?)
            }
            _ => Ok(false),
        },
        Part::True | Part::Time(_) | Part::Other(_) => Ok(false),
    }
}

type Alternative = (TagCondition, TimeRange);

/// What must hold: one of some conditions on tags at times in a range.
fn alternatives(part: &Part) -> Result<Vec<Alternative>, QueryError> {
    match part {
        Part::True => Ok(vec![(TagCondition::True, TimeRange::ALL)]),
        Part::Time(range) => Ok(vec![(TagCondition::True, *range)]),
        Part::Other(expr) => Ok(vec![(condition(expr)?, TimeRange::ALL)]),
        Part::And(parts) => {
            let mut all: Vec<Alternative> = vec![(TagCondition::True, TimeRange::ALL)];
            for part in parts {
                let more = alternatives(part)?;
                if all.len() * more.len() > MOST_ALTERNATIVES {
                    return Err(QueryError::NotExecuted("so many alternatives of time in a deletion".into()));
                }
                let both = |(left, range): &Alternative| {
                    let joined = more.iter().map(|(right, other)| (and(left, right), range.intersect(other)));
                    joined.filter(|(_, range)| !range.is_empty()).collect::<Vec<_>>()
                };
                all = all.iter().flat_map(both).collect();
            }
            Ok(all)
        }
        Part::Or(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(alternatives(part)?);
                if all.len() > MOST_ALTERNATIVES && all.iter().any(|(_, range)| *range != TimeRange::ALL) {
                    return Err(QueryError::NotExecuted("so many alternatives of time in a deletion".into()));
                }
            }
            if all.iter().all(|(_, range)| *range == TimeRange::ALL) {
                let conditions = all.into_iter().map(|(condition, _)| condition).collect();
                return Ok(vec![(TagCondition::Or(conditions), TimeRange::ALL)]);
            }
            Ok(all)
        }
    }
}

fn and(left: &TagCondition, right: &TagCondition) -> TagCondition {
    match (left, right) {
        (TagCondition::True, other) | (other, TagCondition::True) => other.clone(),
        (TagCondition::And(members), other) => TagCondition::And(members.iter().chain([other]).cloned().collect()),
        _ => TagCondition::And(vec![left.clone(), right.clone()]),
    }
}

/// A term as a condition on a tag.
fn condition(expr: &Expr) -> Result<TagCondition, QueryError> {
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
