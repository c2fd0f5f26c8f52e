//! What the catalog holds: an immutable state, and how to find things in it.

use super::{CatalogError, ContinuousQuery, Subscription, User, span};
use model::TimeRange;
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::{ShardId, ShardSpan};

/// Everything that the catalog knows, at one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// Identity of the data folder and of its log; made at the first start.
    pub(crate) cluster_id: [u8; 16],
    /// The next id of a database or policy.
    pub(crate) next_id: u64,
    /// The next id of a shard.
    pub(crate) next_shard: ShardId,
    /// In order of creation.
    pub(crate) databases: Vec<Arc<Database>>,
    /// In order of creation.
    pub(crate) users: Vec<User>,
}

/// A database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Database {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// The default policy; empty for none. Its name stays when the policy is dropped, and is found missing then.
    pub(crate) default_policy: String,
    /// In order of creation.
    pub(crate) policies: Vec<Policy>,
    /// In order of creation.
    pub(crate) continuous_queries: Vec<ContinuousQuery>,
    /// In order of creation; each names a policy that is there.
    pub(crate) subscriptions: Vec<Subscription>,
}

/// A retention policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// How long rows are kept (ns), 0 for ever.
    pub(crate) duration: i64,
    /// Length of its shards (ns).
    pub(crate) shard_duration: i64,
    pub(crate) replication: u32,
    /// How far ahead of now a row may lie (ns), 0 for no limit.
    pub(crate) future_limit: i64,
    /// How far behind now a row may lie (ns), 0 for no limit.
    pub(crate) past_limit: i64,
    /// By their starts; they do not overlap.
    pub(crate) shards: BTreeMap<i64, Shard>,
}

/// A shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    pub(crate) id: ShardId,
    pub(crate) range: TimeRange,
}

impl Shard {
    pub(crate) fn span(&self) -> ShardSpan {
        ShardSpan { id: self.id, range: self.range }
    }
}

impl State {
    /// The state of a new data folder.
    pub(crate) fn new(cluster_id: [u8; 16]) -> Self {
        Self { cluster_id, next_id: 1, next_shard: 1, databases: Vec::new(), users: Vec::new() }
    }

    pub(crate) fn database(&self, name: &str) -> Option<&Database> {
        self.databases.iter().find(|database| database.name == name).map(|database| &**database)
    }

    /// A policy of a database, the default one for `None` or an empty name.
    pub(crate) fn policy(&self, database: &str, policy: Option<&str>) -> Result<(&Database, &Policy), CatalogError> {
        let database = self.database(database).ok_or_else(|| CatalogError::DatabaseNotFound(database.to_owned()))?;
        let name = policy.filter(|name| !name.is_empty()).unwrap_or(&database.default_policy);
        let policy = database.policy(name).ok_or_else(|| CatalogError::PolicyNotFound(name.to_owned()))?;
        Ok((database, policy))
    }

    /// Every policy with its database.
    pub(crate) fn policies(&self) -> impl Iterator<Item = (&Database, &Policy)> {
        self.databases.iter().flat_map(|database| database.policies.iter().map(move |policy| (&**database, policy)))
    }

    /// Every shard, for the engine's start.
    pub(crate) fn all_spans(&self) -> Vec<ShardSpan> {
        self.policies().flat_map(|(_, policy)| policy.shards.values().map(Shard::span)).collect()
    }

    /// The shards that have expired at `now` (ns).
    pub(crate) fn expired(&self, now: i64) -> Vec<ShardId> {
        let expired = |policy: &Policy| {
            let bound = if policy.duration == 0 { i64::MIN } else { now.saturating_sub(policy.duration) };
            let old = policy.shards.values().take_while(move |shard| shard.range.end.saturating_add(1) < bound);
            old.map(|shard| shard.id).collect::<Vec<_>>()
        };
        self.policies().flat_map(|(_, policy)| expired(policy)).collect()
    }
}

impl Database {
    pub(crate) fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name == name)
    }

    /// All shards of the database.
    pub(crate) fn shard_ids(&self) -> Vec<ShardId> {
        self.policies.iter().flat_map(Policy::shard_ids).collect()
    }
}

impl Policy {
    pub(crate) fn shard_ids(&self) -> Vec<ShardId> {
        self.shards.values().map(|shard| shard.id).collect()
    }

    /// The shard whose span holds `time` (ns).
    pub(crate) fn shard_at(&self, time: i64) -> Option<Shard> {
        let (_, shard) = self.shards.range(..=time).next_back()?;
        shard.range.contains(time).then_some(*shard)
    }

    /// The span that a new shard for `time` (ns), which no shard holds, would have.
    pub(crate) fn new_span(&self, time: i64) -> TimeRange {
        let before = self.shards.range(..time).next_back().map(|(_, shard)| shard.range);
        let after = self.shards.range(time..).next().map(|(_, shard)| shard.range);
        span::fit(time, self.shard_duration, before, after)
    }

    /// The shards that overlap `range`, ascending by time.
    pub(crate) fn spans_in(&self, range: TimeRange) -> Vec<ShardSpan> {
        let first = self.shards.range(..range.start).next_back().map(|(_, shard)| shard);
        let rest = self.shards.range(range.start..).map(|(_, shard)| shard);
        let near = first.into_iter().chain(rest).take_while(|shard| shard.range.start <= range.end);
        near.filter(|shard| shard.range.overlaps(&range)).map(Shard::span).collect()
    }
}
