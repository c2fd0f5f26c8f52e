//! SHOW statements that list what the catalog holds.

use super::rows::Rows;
use crate::catalog::{CatalogError, Policy, Shard};
use crate::node::Inner;
use crate::read::{ExecuteError, QueryRequest};
use influxql::ast::Privilege;
use model::duration;
use model::time::{SECOND, rfc3339};
use query::Sink;
use std::ops::ControlFlow;

const POLICY: [&str; 7] =
    ["name", "duration", "shardGroupDuration", "replicaN", "futureWriteLimit", "pastWriteLimit", "default"];
const SHARD: [&str; 8] =
    ["id", "database", "retention_policy", "shard_group", "start_time", "end_time", "expiry_time", "owners"];
const SHARD_GROUP: [&str; 6] = ["id", "database", "retention_policy", "start_time", "end_time", "expiry_time"];

/// The databases that the user may read or write.
pub(super) fn databases(inner: &Inner, request: &QueryRequest, sink: &mut dyn Sink) -> ControlFlow<()> {
    let state = inner.catalog.state();
    let may = |privilege, name: &str| state.may(request.user.as_deref(), privilege, name);
    let seen = |name: &str| may(Privilege::Read, name) || may(Privilege::Write, name);
    let mut rows = Rows::new("databases", &["name"]);
    let databases = state.databases.iter().filter(|database| seen(&database.name));
    rows.rows = databases.map(|database| vec![database.name.clone().into()]).collect();
    rows.send(sink)
}

pub(super) fn policies(inner: &Inner, database: &str, sink: &mut dyn Sink) -> Result<(), ExecuteError> {
    let state = inner.catalog.state();
    let found = state.database(database).ok_or_else(|| CatalogError::DatabaseNotFound(database.to_owned()))?;
    let mut rows = Rows::new("", &POLICY);
    for policy in &found.policies {
        rows.rows.push(vec![
            policy.name.clone().into(),
            duration::go(policy.duration).into(),
            duration::go(policy.shard_duration).into(),
            i64::from(policy.replication).into(),
            duration::go(policy.future_limit).into(),
            duration::go(policy.past_limit).into(),
            (policy.name == found.default_policy).into(),
        ]);
    }
    super::done(rows.send(sink))
}

/// Start, end (exclusive) and expiry of a shard, in whole seconds as InfluxDB prints them.
struct Times {
    start: String,
    end: String,
    /// The end itself where rows are kept for ever.
    expiry: String,
}

impl Times {
    fn new(policy: &Policy, shard: &Shard) -> Self {
        let print = |time: i64| rfc3339(time - time.rem_euclid(SECOND));
        let end = shard.range.end.saturating_add(1);
        // The least time lies less than a second above what can be printed.
        let start = shard.range.start.max(i64::MIN + SECOND);
        Self { start: print(start), end: print(end), expiry: print(end.saturating_add(policy.duration)) }
    }
}

pub(super) fn shards(inner: &Inner, sink: &mut dyn Sink) -> ControlFlow<()> {
    for database in &inner.catalog.state().databases {
        let mut rows = Rows::new("", &SHARD);
        for policy in &database.policies {
            for shard in policy.shards.values() {
                let times = Times::new(policy, shard);
                let expiry = if policy.duration == 0 { String::new() } else { times.expiry };
                rows.rows.push(vec![
                    shard.id.into(),
                    database.name.clone().into(),
                    policy.name.clone().into(),
                    shard.id.into(),
                    times.start.into(),
                    times.end.into(),
                    expiry.into(),
                    "".into(),
                ]);
            }
        }
        rows.send_as(&database.name, None, sink)?;
    }
    ControlFlow::Continue(())
}

pub(super) fn shard_groups(inner: &Inner, sink: &mut dyn Sink) -> ControlFlow<()> {
    let mut rows = Rows::new("shard groups", &SHARD_GROUP);
    for (database, policy) in inner.catalog.state().policies() {
        for shard in policy.shards.values() {
            let times = Times::new(policy, shard);
            rows.rows.push(vec![
                shard.id.into(),
                database.name.clone().into(),
                policy.name.clone().into(),
                times.start.into(),
                times.end.into(),
                times.expiry.into(),
            ]);
        }
    }
    rows.send(sink)
}
