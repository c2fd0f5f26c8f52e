//! DELETE and DROP SERIES: which rows a statement names, as storage's [`Deletion`]s.
//!
//! The condition must be over tags, time and `_name`, the name of the measurement. `terms` decides the latter measurement by
//! measurement; what is left falls apart into `alternatives`, each a condition on tags and a range of time, so that times
//! under OR take just the rows that they name. Names are looked up where it matters: measurements for a regular expression
//! or `_name`, fields for a condition, which must not name one. Both without a look at rows where possible.

mod alternatives;
mod condition;
mod terms;
#[cfg(test)]
mod tests;

use crate::exec::check_cancel;
use crate::pattern::Pattern;
use crate::when;
use crate::{Context, Names, QueryError};
use alternatives::{MOST_ALTERNATIVES, Maker};
use influxql::ast::{Expr, Measurement, Source};
use model::{Text, TimeRange};
use std::collections::{BTreeMap, BTreeSet};
use storage::{Deletion, View};
use terms::{Decided, Suspects, Terms};

/// Conditions on names of measurements that may stand beside others in one statement.
const MOST_NAMES: usize = 10_000;

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

/// The rows that a statement names, in the database of the request; `None` if there are none for sure. Nothing is deleted
/// yet.
///
/// # Errors
/// InfluxDB's texts: the database is missing, the condition names a field, several policies, or time in DROP SERIES.
/// Comparisons that it does not carry out as they read are refused, and so are conditions that one deletion cannot hold.
pub fn doomed(
    verb: Verb,
    statement: &influxql::Deletion,
    names: &dyn Names,
    context: &Context,
) -> Result<Option<Doomed>, QueryError> {
    let database = context.database.as_deref().unwrap_or_default();
    let policies = match database {
        "" => return Err(QueryError::DatabaseNotFound(String::new())),
        name => names.policies(name)?,
    };
    let when = when::split(statement.condition.as_ref(), when::Clock::utc(context.now))?;
    if verb == Verb::DropSeries && statement.condition.as_ref().is_some_and(has_time) {
        return Err(QueryError::Invalid("DROP SERIES doesn't support time in WHERE clause".into()));
    }
    let terms = Terms::read(&when.rest, context)?;
    let most = names.most_deletion_bytes();
    check_room(terms.bytes(), most)?;
    let mut sources = Vec::new();
    for source in &statement.sources {
        let Source::Measurement(source) = source else { return Err(QueryError::NotExecuted("subqueries".into())) };
        sources.push(source);
    }
    let known = Known { names, database, policies: &policies };
    let policy = known.one_policy(&sources)?;
    // InfluxDB says nothing of a policy that is not there.
    let of: Vec<&str> =
        policies.iter().map(String::as_str).filter(|name| policy.is_none_or(|one| one == *name)).collect();
    let target = Target { names, database, policies: of, range: when.range };
    let mut maker = Maker::new(context);
    let (mut deletions, mut bytes) = (Vec::new(), 0);
    for (measurements, term) in target.groups(&sources, &terms, context)? {
        let found = maker.alternatives(&term)?;
        target.check_fields(measurements.as_deref(), &Suspects::of(&term), context)?;
        let named = measurements.iter().flatten().map(|name| name.len() as u64 + 1).sum::<u64>();
        bytes += named * found.len() as u64;
        check_room(bytes, most)?;
        for one in found {
            let range = one.range.intersect(&when.range);
            if !range.is_empty() && measurements.as_ref().is_none_or(|names| !names.is_empty()) {
                deletions.push(Deletion { measurements: measurements.clone(), condition: one.condition(), range });
            }
        }
    }
    let nothing = target.policies.is_empty() || deletions.is_empty();
    Ok((!nothing).then(|| Doomed { policy: policy.map(str::to_owned), deletions }))
}

/// Fails if a deletion takes more than `most` bytes. Storage would refuse it too, but only once all is compiled.
fn check_room(bytes: u64, most: u64) -> Result<(), QueryError> {
    if bytes <= most {
        return Ok(());
    }
    Err(QueryError::Invalid(format!("a delete of more than {most} bytes is above an eighth of the log")))
}

/// What there is to delete from.
struct Known<'a> {
    names: &'a dyn Names,
    database: &'a str,
    policies: &'a [String],
}

impl Known<'_> {
    /// The policy that all sources name; `None` if they name none. Judged as by InfluxDB, in the order of their texts once
    /// regular expressions are written out, and not at all if nothing was ever written.
    fn one_policy<'s>(&self, sources: &[&'s Measurement]) -> Result<Option<&'s str>, QueryError> {
        let policy = |source: &'s Measurement| source.retention_policy.as_deref().filter(|policy| !policy.is_empty());
        let first = sources.first().and_then(|source| policy(source));
        if sources.iter().all(|source| policy(source) == first) {
            return Ok(first);
        }
        let mut known: BTreeSet<Text> = BTreeSet::new();
        for of in self.policies {
            known.extend(self.names.known_measurements(self.database, of, TimeRange::ALL)?);
        }
        if known.is_empty() {
            return Ok(first);
        }
        let mut written: BTreeMap<String, Option<&str>> = BTreeMap::new();
        for source in sources {
            let Some(regex) = &source.regex else {
                written.insert(source.to_string(), policy(source));
                continue;
            };
            let pattern = Pattern::new(regex)?;
            for name in known.iter().filter(|name| pattern.matches(name)) {
                let name = String::from_utf8_lossy(name).into_owned();
                written.insert(Measurement { name, regex: None, ..(*source).clone() }.to_string(), policy(source));
            }
        }
        let mut found = written.into_values();
        let wanted = found.next().flatten();
        match found.find(|other| *other != wanted) {
            None => Ok(wanted),
            Some(other) => {
                let (wanted, other) = (wanted.unwrap_or_default(), other.unwrap_or_default());
                let text = format!("mixed retention policies not supported, wanted {wanted:?} got {other:?}");
                Err(QueryError::Invalid(text))
            }
        }
    }
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

/// Measurements (`None`: all of them), and what must hold of their rows.
type Group<'t> = (Option<Vec<Text>>, Decided<'t>);

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
            found.extend(self.known()?.into_iter().filter(|name| pattern.matches(name)));
        }
        Ok((!sources.is_empty()).then(|| found.into_iter().collect()))
    }

    /// Measurements share a group if all conditions on names come out alike for them.
    fn groups<'t>(
        &self,
        sources: &[&Measurement],
        terms: &Terms<'t>,
        context: &Context,
    ) -> Result<Vec<Group<'t>>, QueryError> {
        let measurements = self.measurements(sources)?;
        if terms.names() == 0 {
            return Ok(vec![(measurements, terms.decided(&[]))]);
        }
        let measurements = match measurements {
            Some(measurements) => measurements,
            None => self.known()?.into_iter().collect(),
        };
        let mut groups: BTreeMap<Vec<bool>, Vec<Text>> = BTreeMap::new();
        for name in measurements {
            check_cancel(context)?;
            groups.entry(terms.outcomes(&name)).or_default().push(name);
            if groups.len() > MOST_ALTERNATIVES || terms.names() > MOST_NAMES {
                return Err(QueryError::NotExecuted("so many conditions on _name in a deletion".into()));
            }
        }
        let group = |(outcomes, names): (Vec<bool>, Vec<Text>)| {
            check_cancel(context)?;
            Ok((Some(names), terms.decided(&outcomes)))
        };
        groups.into_iter().map(group).collect()
    }

    fn known(&self) -> Result<BTreeSet<Text>, QueryError> {
        let mut known = BTreeSet::new();
        for policy in &self.policies {
            known.extend(self.names.known_measurements(self.database, policy, self.range)?);
        }
        Ok(known)
    }

    /// Fails if a term of the condition is on a field of one of the measurements. Rows are looked at only where the names of
    /// fields leave it open, so that a delete of few series among very many costs little.
    fn check_fields(
        &self,
        measurements: Option<&[Text]>,
        suspects: &Suspects<'_>,
        context: &Context,
    ) -> Result<(), QueryError> {
        for policy in &self.policies {
            let mut may = suspects.certain;
            for name in &suspects.names {
                check_cancel(context)?;
                // A name of a query is text.
                let name = String::from_utf8_lossy(name);
                may = may || self.names.may_have_field(self.database, policy, self.range, measurements, &name)?;
            }
            if !may {
                continue;
            }
            let view = self.names.view(self.database, Some(policy), self.range)?;
            // Named ones are asked for by name: a segment that is lost may be of others.
            let all = if measurements.is_none() { view.measurements()? } else { Vec::new() };
            for name in measurements.unwrap_or(&all) {
                check_cancel(context)?;
                if measurements.is_none() || view.has_measurement(name)? {
                    check_fields(&view, name, suspects)?;
                }
            }
        }
        Ok(())
    }
}

/// Fails if a term of the condition is on a field of the measurement.
fn check_fields(view: &View, measurement: &[u8], suspects: &Suspects<'_>) -> Result<(), QueryError> {
    if suspects.certain || view.fields(measurement)?.iter().any(|(field, _)| suspects.names.contains(&**field)) {
        let shard = view.shards().iter().map(|span| span.id).min().unwrap_or(0);
        return Err(QueryError::Invalid(format!(
            "shard {shard}: fields not supported in WHERE clause during deletion"
        )));
    }
    Ok(())
}
