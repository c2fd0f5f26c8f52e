//! What each statement needs, and whether a user has it.
//!
//! InfluxDB asks for nothing where exact cardinality is asked without FROM, for READ on the request's database where FROM names another one,
//! and for no WRITE where a continuous query writes to a database that INTO does not name. Here READ on every database that is read
//! and WRITE on every one that is written is needed.

use crate::catalog::State;
use influxql::Statement;
use influxql::ast::{CreateContinuousQuery, NameOrAll, Privilege, Select, ShowCardinality, ShowTail, Source};

/// What a statement needs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Need {
    Admin,
    On(Privilege, String),
}

use Privilege::{Read, Write};

/// Whether a user may run all statements.
pub(super) fn check(state: &State, user: Option<&str>, statements: &[Statement], database: &str) -> Result<(), String> {
    let Some(name) = user else { return first_admin(state, statements) };
    for statement in statements {
        for need in needs(statement, database) {
            let (has, what) = match &need {
                Need::Admin => (state.user(name).is_some_and(|user| user.admin), "admin privilege".to_owned()),
                Need::On(privilege, on) => (state.may(user, *privilege, on), format!("{} on {on}", privilege.word())),
            };
            if !has {
                return Err(format!("{name} not authorized to execute statement '{statement}', requires {what}"));
            }
        }
    }
    Ok(())
}

/// Without a user nothing is allowed but to make the first one, who must be an administrator; what stands behind that in the same
/// request runs with it, as in InfluxDB.
fn first_admin(state: &State, statements: &[Statement]) -> Result<(), String> {
    if !state.users.is_empty() {
        return Err("no user provided".to_owned());
    }
    match statements.first() {
        Some(Statement::CreateUser(create)) if create.admin => Ok(()),
        _ => Err("create admin user first or disable authentication".to_owned()),
    }
}

fn needs(statement: &Statement, database: &str) -> Vec<Need> {
    let on = |privilege, named: &str| vec![Need::On(privilege, named.to_owned())];
    match statement {
        Statement::Select(select) => of_select(select, database, database),
        Statement::Explain(explain) => of_select(&explain.select, database, database),
        Statement::Delete(_) | Statement::DropSeries(_) => on(Write, database),
        Statement::DropRetentionPolicy { database, .. } | Statement::DropContinuousQuery { database, .. } => {
            on(Write, database)
        }
        Statement::CreateContinuousQuery(create) => of_continuous_query(create, database),
        Statement::ShowDatabases => Vec::new(),
        Statement::ShowContinuousQueries | Statement::ShowQueries => on(Read, database),
        other => of_show(other, database).unwrap_or_else(|| vec![Need::Admin]),
    }
}

/// What a SHOW over data needs; none for other statements.
fn of_show(statement: &Statement, database: &str) -> Option<Vec<Need>> {
    let tail = |tail: &ShowTail| of_tail(tail, database);
    let counted = |show: &ShowCardinality| Some(of_tail(&show.tail, database));
    match statement {
        Statement::ShowRetentionPolicies { database: named } => {
            Some(vec![Need::On(Read, named.as_deref().unwrap_or(database).to_owned())])
        }
        Statement::ShowMeasurements(show) => {
            let named = match &show.database {
                Some(NameOrAll::Name(name)) => name,
                // All databases: those that the user may not read are left out.
                _ => database,
            };
            Some(vec![Need::On(Read, named.to_owned())])
        }
        Statement::ShowSeries(show) | Statement::ShowFieldKeys(show) => Some(tail(show)),
        Statement::ShowTagKeys(show) => Some(tail(&show.tail)),
        Statement::ShowTagValues(show) => Some(tail(&show.tail)),
        Statement::ShowSeriesCardinality(show)
        | Statement::ShowMeasurementCardinality(show)
        | Statement::ShowTagKeyCardinality(show)
        | Statement::ShowTagValuesCardinality(show, _)
        | Statement::ShowFieldKeyCardinality(show) => counted(show),
        _ => None,
    }
}

/// READ on the database of ON, else on the request's if a source names none, and on those that sources name.
fn of_tail(tail: &ShowTail, database: &str) -> Vec<Need> {
    let default = tail.database.as_deref().unwrap_or(database);
    let mut needs = of_sources(&tail.sources, default);
    if needs.is_empty() || tail.database.is_some() {
        needs.insert(0, Need::On(Read, default.to_owned()));
    }
    needs
}

fn of_select(select: &Select, reads: &str, writes: &str) -> Vec<Need> {
    let mut needs = of_sources(&select.sources, reads);
    if let Some(target) = &select.target {
        needs.push(Need::On(Write, target.database.as_deref().unwrap_or(writes).to_owned()));
    }
    needs
}

fn of_sources(sources: &[Source], database: &str) -> Vec<Need> {
    let of_source = |source: &Source| match source {
        Source::Measurement(one) => vec![Need::On(Read, one.database.as_deref().unwrap_or(database).to_owned())],
        Source::SubQuery(select) => of_sources(&select.sources, database),
    };
    sources.iter().flat_map(of_source).collect()
}

/// READ on its database first, as InfluxDB; names that stand alone are the request's, else its own.
fn of_continuous_query(create: &CreateContinuousQuery, database: &str) -> Vec<Need> {
    let default = if database.is_empty() { &create.database } else { database };
    let mut needs = vec![Need::On(Read, create.database.clone())];
    needs.extend(of_select(&create.select, default, default));
    needs
}
