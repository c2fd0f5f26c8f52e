//! Continuous queries and subscriptions: kept in the catalog, checked as InfluxDB does.

use super::qualify::Names;
use super::rows::{Cell, Rows};
use crate::catalog::State;
use crate::node::Inner;
use crate::read::{ExecuteError, QueryRequest};
use influxql::Statement;
use influxql::ast::{CreateContinuousQuery, Privilege, Select, Source};
use query::{QueryError, Sink};
use std::ops::ControlFlow;

/// What is told of a continuous query that was made.
const NOT_RUN: &str = "the continuous query is stored, but this version of Alluvium does not run it yet";
/// What is told of a subscription that was made.
const NOT_SENT: &str = "the subscription is stored, but this version of Alluvium does not send points to it yet";

/// What is told of a statement that was run, if more is promised by it than is done.
pub(crate) fn promise(statement: &Statement) -> Option<&'static str> {
    match statement {
        Statement::CreateContinuousQuery(_) => Some(NOT_RUN),
        Statement::CreateSubscription(_) => Some(NOT_SENT),
        _ => None,
    }
}

/// Runs one that changes something; others do nothing.
pub(super) fn run(inner: &Inner, statement: &Statement, request: &QueryRequest) -> Result<(), ExecuteError> {
    let catalog = &inner.catalog;
    match statement {
        Statement::CreateContinuousQuery(create) => create_continuous_query(inner, create, request)?,
        Statement::DropContinuousQuery { name, database } => {
            catalog.change(|state| {
                state.drop_continuous_query(database, name);
                Ok(())
            })?;
        }
        Statement::CreateSubscription(create) => catalog.change(|state| state.create_subscription(create))?,
        Statement::DropSubscription { name, database, retention_policy } => {
            catalog.change(|state| state.drop_subscription(database, retention_policy, name))?;
        }
        _ => {}
    }
    Ok(())
}

/// Names that stand alone are put in full: those of the request, else of the database that the query is made on.
fn create_continuous_query(
    inner: &Inner,
    create: &CreateContinuousQuery,
    request: &QueryRequest,
) -> Result<(), ExecuteError> {
    let state = inner.catalog.state();
    let given = request.database.as_deref().filter(|name| !name.is_empty());
    let names = Names { state: &state, database: given.or(Some(&create.database)), policy: request.policy.as_deref() };
    let mut full = create.clone();
    *full.select = names.qualify(&create.select)?;
    check_policies(&state, &full.select)?;
    let query = full.to_string();
    inner.catalog.change(|state| state.create_continuous_query(&create.database, &create.name, &query))?;
    Ok(())
}

/// Whether all policies are there that a SELECT names.
fn check_policies(state: &State, select: &Select) -> Result<(), QueryError> {
    let check = |database: Option<&str>, policy: Option<&str>| {
        let (database, policy) = (database.unwrap_or_default(), policy.unwrap_or_default());
        match state.policy(database, Some(policy)) {
            Ok(_) => Ok(()),
            Err(_) => Err(QueryError::PolicyNotFound(format!("{database}.{policy}"))),
        }
    };
    for source in &select.sources {
        match source {
            Source::Measurement(one) => check(one.database.as_deref(), one.retention_policy.as_deref())?,
            Source::SubQuery(inner) => check_policies(state, inner)?,
        }
    }
    let target = select.target.as_ref();
    target.map_or(Ok(()), |target| check(target.database.as_deref(), target.retention_policy.as_deref()))
}

/// SHOW CONTINUOUS QUERIES: every database that may be read, even one without any.
pub(super) fn continuous_queries(inner: &Inner, request: &QueryRequest, sink: &mut dyn Sink) -> ControlFlow<()> {
    let state = inner.catalog.state();
    let seen = |name: &str| state.may(request.user.as_deref(), Privilege::Read, name);
    for database in state.databases.iter().filter(|database| seen(&database.name)) {
        let mut rows = Rows::new("", &["name", "query"]);
        let queries = database.continuous_queries.iter();
        rows.rows = queries.map(|one| vec![one.name.clone().into(), one.query.clone().into()]).collect();
        rows.send_as(&database.name, None, sink)?;
    }
    ControlFlow::Continue(())
}

/// SHOW SUBSCRIPTIONS: the databases that have one, in the order of their policies.
pub(super) fn subscriptions(inner: &Inner, sink: &mut dyn Sink) -> ControlFlow<()> {
    for database in &inner.catalog.state().databases {
        let mut rows = Rows::new("", &["retention_policy", "name", "mode", "destinations"]);
        for policy in &database.policies {
            for one in database.subscriptions.iter().filter(|one| one.policy == policy.name) {
                rows.rows.push(vec![
                    one.policy.clone().into(),
                    one.name.clone().into(),
                    one.mode.word().into(),
                    Cell::List(one.destinations.clone()),
                ]);
            }
        }
        if !rows.rows.is_empty() {
            rows.send_as(&database.name, None, sink)?;
        }
    }
    ControlFlow::Continue(())
}
