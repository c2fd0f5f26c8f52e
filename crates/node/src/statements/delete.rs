//! DELETE, DROP SERIES, DROP MEASUREMENT and DROP SHARD.
//!
//! The first three say which rows go (`query::delete`); storage makes that one record in the log, durable and visible when the
//! statement ends. They wait for room as writes do. DROP SHARD takes a shard out of the catalog, as the end of its policy
//! would.

use super::fate::Fate;
use super::{NodeNames, context};
use crate::catalog::CatalogError;
use crate::node::{Gate, Inner};
use crate::read::{ExecuteError, QueryRequest};
use influxql::Statement;
use model::TimeRange;
use query::QueryError;
use query::delete::{Doomed, Verb, doomed};
use std::time::Duration;
use storage::{Deletion, ErrorKind, ShardId, StorageError, TagCondition};

/// How long a delete that waits for room sleeps between two attempts.
const PAUSE: Duration = Duration::from_millis(5);

/// Runs one of them; others do nothing.
pub(super) fn run(inner: &Inner, statement: &Statement, request: &QueryRequest) -> Result<(), ExecuteError> {
    let names = NodeNames::new(inner, request);
    let context = context(inner, request);
    let found = match statement {
        Statement::Delete(deletion) => doomed(Verb::Delete, deletion, &names, &context)?,
        Statement::DropSeries(deletion) => doomed(Verb::DropSeries, deletion, &names, &context)?,
        Statement::DropMeasurement(name) => Some(whole(name)),
        Statement::DropShard(id) => return drop_shard(inner, *id),
        _ => return Ok(()),
    };
    let database = request.database.as_deref().unwrap_or_default();
    if inner.catalog.state().database(database).is_none() {
        return Err(QueryError::DatabaseNotFound(database.to_owned()).into());
    }
    found.map_or(Ok(()), |doomed| delete(inner, database, &doomed))
}

/// All rows of a measurement in all policies.
fn whole(measurement: &str) -> Doomed {
    let measurements = Some(vec![measurement.as_bytes().into()]);
    Doomed {
        policy: None,
        deletions: vec![Deletion { measurements, condition: TagCondition::True, range: TimeRange::ALL }],
    }
}

fn delete(inner: &Inner, database: &str, doomed: &Doomed) -> Result<(), ExecuteError> {
    let clock = &inner.world.clock;
    let wait = u64::try_from(inner.options.write_wait.as_nanos()).unwrap_or(u64::MAX);
    let deadline = clock.monotonic_ns().saturating_add(wait);
    loop {
        match attempt(inner, database, doomed) {
            Err(error) if error.kind() == ErrorKind::Retry && clock.monotonic_ns() < deadline => clock.sleep(PAUSE),
            other => return Ok(other?),
        }
    }
}

/// One attempt, inside the gate: shards cannot go between the look at the catalog and the engine.
fn attempt(inner: &Inner, database: &str, doomed: &Doomed) -> Result<(), StorageError> {
    let fate = Fate::new();
    {
        let gate = inner.gate.read();
        if *gate == Gate::Shut {
            return Err(StorageError::Closed("the node is closed".to_owned()));
        }
        let hull = doomed.deletions.iter().map(|deletion| deletion.range).reduce(|left, right| left.union(&right));
        let state = inner.catalog.state();
        let policies = state.database(database).map(|database| &database.policies[..]).unwrap_or_default();
        let named = policies.iter().filter(|policy| doomed.policy.as_ref().is_none_or(|name| *name == policy.name));
        let shards: Vec<ShardId> =
            named.flat_map(|policy| policy.spans_in(hull.unwrap_or(TimeRange::ALL))).map(|span| span.id).collect();
        inner.engine.delete(&shards, doomed.deletions.clone(), fate.teller())?;
    }
    let result = fate.wait();
    inner.counted.forget();
    result
}

fn drop_shard(inner: &Inner, id: ShardId) -> Result<(), ExecuteError> {
    if inner.change_and_drop(|state| Ok(state.drop_shards(&[id])))? == 0 {
        return Err(CatalogError::ShardNotFound.into());
    }
    Ok(())
}
