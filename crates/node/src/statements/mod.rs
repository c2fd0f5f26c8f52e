//! What each kind of statement does: queries over data go to `query`, the rest is done here on the catalog and the figures.
//!
//! `names` lets `query` see the catalog and the engine; `delete` deletes rows and drops shards; `into` writes
//! what a SELECT answers, `fate` waits for both, `qualify` puts in names that it leaves out; `policies` makes and changes databases and policies; `show` lists
//! them, `users` and `services` do what is about users, continuous queries and subscriptions, `inspect` shows what goes on inside; `rows` turns lists into items. Answers stream into the sink in order.

mod delete;
mod fate;
mod inspect;
mod into;
mod names;
mod policies;
mod qualify;
mod rows;
mod services;
mod show;
mod users;

use crate::catalog::CatalogError;
use crate::node::{Inner, NodeError};
use crate::read::{ExecuteError, QueryRequest};
use influxql::Statement;
use influxql::ast::{Explain, ShowCardinality};
use names::NodeNames;
use query::show::Counted;
use query::{Context, Deadline, QueryError, Sink};
use rows::{Cell, Rows};
pub(crate) use services::promise;

/// A write statement as the warning about it tells it.
pub(crate) fn in_full(inner: &Inner, statement: &Statement, request: &QueryRequest) -> String {
    let state = inner.catalog.state();
    let (database, policy) = (request.database.as_deref(), request.policy.as_deref());
    qualify::Names { state: &state, database, policy }.in_full(statement)
}

/// Runs one statement.
pub(crate) fn run(
    inner: &Inner,
    statement: &Statement,
    request: &QueryRequest,
    sink: &mut dyn Sink,
) -> Result<(), ExecuteError> {
    if let Some(outcome) = over_data(inner, statement, request, sink) {
        return Ok(outcome?);
    }
    match statement {
        Statement::Select(select) => into::run(inner, select, request, sink),
        Statement::CreateDatabase(_)
        | Statement::DropDatabase(_)
        | Statement::CreateRetentionPolicy(_)
        | Statement::AlterRetentionPolicy(_)
        | Statement::DropRetentionPolicy { .. } => policies::run(inner, statement),
        Statement::Delete(_) | Statement::DropSeries(_) | Statement::DropMeasurement(_) | Statement::DropShard(_) => {
            delete::run(inner, statement, request)
        }
        Statement::ShowDatabases => done(show::databases(inner, request, sink)),
        Statement::ShowRetentionPolicies { database } => {
            show::policies(inner, named(database.as_deref(), request)?, sink)
        }
        Statement::ShowShards => done(show::shards(inner, sink)),
        Statement::ShowShardGroups => done(show::shard_groups(inner, sink)),
        Statement::CreateUser(_)
        | Statement::DropUser(_)
        | Statement::SetPassword { .. }
        | Statement::Grant(_)
        | Statement::GrantAdmin(_)
        | Statement::Revoke(_)
        | Statement::RevokeAdmin(_) => users::run(inner, statement),
        Statement::CreateContinuousQuery(_)
        | Statement::DropContinuousQuery { .. }
        | Statement::CreateSubscription(_)
        | Statement::DropSubscription { .. } => services::run(inner, statement, request),
        Statement::ShowContinuousQueries => done(services::continuous_queries(inner, request, sink)),
        Statement::ShowSubscriptions => done(services::subscriptions(inner, sink)),
        Statement::ShowUsers => done(users::list(inner, sink)),
        Statement::ShowGrants(name) => users::grants(inner, name, sink),
        Statement::ShowQueries => done(inspect::queries(inner, sink)),
        Statement::KillQuery { id, .. } => inspect::kill(inner, *id),
        Statement::ShowStats { module } => done(inspect::stats(inner, module_of(module), sink)),
        Statement::ShowDiagnostics { module } => done(inspect::diagnostics(inner, module_of(module), sink)),
        other => Err(QueryError::NotExecuted(other.name().to_owned()).into()),
    }
}

/// Runs a statement over stored data; `None` if it is of another kind.
fn over_data(
    inner: &Inner,
    statement: &Statement,
    request: &QueryRequest,
    sink: &mut dyn Sink,
) -> Option<Result<(), QueryError>> {
    let (names, context) = (NodeNames::new(inner, request), context(inner, request));
    let mut cardinality =
        |what, show: &ShowCardinality| query::show::show_cardinality(what, show, &names, &context, &mut *sink);
    Some(match statement {
        Statement::Explain(explain) => explained(inner, explain, (&names, &context), sink),
        Statement::Select(select) if select.target.is_none() => query::select(select, &names, &context, sink),
        Statement::ShowMeasurements(show) => query::show::show_measurements(show, &names, &context, sink),
        Statement::ShowTagKeys(show) => query::show::show_tag_keys(show, &names, &context, sink),
        Statement::ShowTagValues(show) => query::show::show_tag_values(show, &names, &context, sink),
        Statement::ShowFieldKeys(show) => query::show::show_field_keys(show, &names, &context, sink),
        Statement::ShowSeries(show) => query::show::show_series(show, &names, &context, sink),
        Statement::ShowSeriesCardinality(show) => cardinality(Counted::Series, show),
        Statement::ShowMeasurementCardinality(show) => cardinality(Counted::Measurements, show),
        Statement::ShowTagKeyCardinality(show) => cardinality(Counted::TagKeys, show),
        Statement::ShowTagValuesCardinality(show, key) => cardinality(Counted::TagValues(key), show),
        Statement::ShowFieldKeyCardinality(show) => cardinality(Counted::FieldKeys, show),
        _ => return None,
    })
}

/// Tells what a SELECT would do, or does, in one column of text.
fn explained(
    inner: &Inner,
    explain: &Explain,
    (names, context): (&NodeNames<'_>, &Context),
    sink: &mut dyn Sink,
) -> Result<(), QueryError> {
    let (column, lines) = match explain.analyze {
        true => ("EXPLAIN ANALYZE", query::explain::analyze(&explain.select, names, context, &inner.world.clock)?),
        false => ("QUERY PLAN", query::explain::plan(&explain.select, names, context)?),
    };
    let mut rows = Rows::new("", &[column]);
    rows.rows = lines.into_iter().map(|line| vec![Cell::from(line)]).collect();
    // A sink that wants no more ends the statement without an error.
    let _ = rows.send(sink);
    Ok(())
}

/// The module that is asked for; an empty name is none.
fn module_of(module: &Option<String>) -> Option<&str> {
    module.as_deref().filter(|module| !module.is_empty())
}

/// A sink that wants no more ends a statement without an error.
fn done(_flow: std::ops::ControlFlow<()>) -> Result<(), ExecuteError> {
    Ok(())
}

/// The database that a statement names, else the request's.
fn named<'a>(database: Option<&'a str>, request: &'a QueryRequest) -> Result<&'a str, ExecuteError> {
    let given = database.or(request.database.as_deref()).filter(|name| !name.is_empty());
    given.ok_or(ExecuteError::Query(QueryError::DatabaseRequired))
}

fn context(inner: &Inner, request: &QueryRequest) -> Context {
    let clock = &inner.world.clock;
    let deadline = request.within.map(|within| {
        let span = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
        Deadline { clock: clock.clone(), at: clock.monotonic_ns().saturating_add(span) }
    });
    Context {
        database: request.database.clone(),
        policy: request.policy.clone(),
        now: clock.wall_ns(),
        budget: inner.options.memory.child("one-query-memory", inner.options.query_bytes),
        cancel: request.cancel.clone(),
        frame_rows: request.frame_rows,
        limits: inner.options.select_limits,
        deadline,
        trace: None,
        points: std::sync::Arc::default(),
    }
}

impl From<NodeError> for ExecuteError {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Catalog(error) => Self::Catalog(error),
            NodeError::Storage(error) => Self::Storage(error),
            NodeError::Thread(text) => Self::Invalid(text),
        }
    }
}

/// A catalog's "not found" as the query's.
fn query_error(error: CatalogError) -> QueryError {
    match error {
        CatalogError::DatabaseNotFound(name) => QueryError::DatabaseNotFound(name),
        CatalogError::PolicyNotFound(name) => QueryError::PolicyNotFound(name),
        other => QueryError::Invalid(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
