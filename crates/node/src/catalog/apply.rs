//! The changes of a catalog: each takes a state and makes the next one, or says why not and leaves it half done (whoever
//! calls works on a copy). The rules and texts are InfluxDB's.

use super::span::{MIN_DURATION, shard_duration};
use super::{CatalogError, Database, Policy, Shard, State};
use influxql::{AlterRetentionPolicy, CreateDatabase, CreateRetentionPolicy};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use storage::ShardId;

/// The name of the policy that a database gets if none is named.
const DEFAULT_POLICY: &str = "autogen";

/// Whether a database or policy may have this name.
fn check_name(name: &str) -> Result<(), CatalogError> {
    let plain = |c: char| !c.is_control() && c != '/' && c != '\\';
    match name {
        "" | "." | ".." => Err(CatalogError::InvalidName),
        _ if name.chars().all(plain) => Ok(()),
        _ => Err(CatalogError::InvalidName),
    }
}

fn check_duration(duration: Option<i64>) -> Result<(), CatalogError> {
    match duration {
        Some(duration) if duration != 0 && duration < MIN_DURATION => Err(CatalogError::DurationTooLow),
        _ => Ok(()),
    }
}

impl State {
    /// CREATE DATABASE. Without `autocreate` a database that describes no policy gets none.
    pub(crate) fn create_database(&mut self, create: &CreateDatabase, autocreate: bool) -> Result<(), CatalogError> {
        check_name(&create.name)?;
        let described = create.policy_name.as_deref().filter(|name| !name.is_empty());
        described.map_or(Ok(()), check_name)?;
        check_duration(create.duration)?;
        if let Some(database) = self.database(&create.name) {
            return if create.with_policy { matches_default(database, create) } else { Ok(()) };
        }
        let mut database = Database {
            id: self.take_id(),
            name: create.name.clone(),
            default_policy: String::new(),
            policies: Vec::new(),
            continuous_queries: Vec::new(),
            subscriptions: Vec::new(),
        };
        if autocreate || create.with_policy {
            let duration = create.duration.unwrap_or(0);
            let policy = Policy {
                id: self.take_id(),
                name: described.unwrap_or(DEFAULT_POLICY).to_owned(),
                duration,
                shard_duration: shard_duration(create.shard_duration.unwrap_or(0), duration),
                replication: create.replication.unwrap_or(1),
                future_limit: create.future_limit.unwrap_or(0),
                past_limit: create.past_limit.unwrap_or(0),
                shards: BTreeMap::new(),
            };
            check_shard_duration(&policy)?;
            database.default_policy.clone_from(&policy.name);
            database.policies.push(policy);
        }
        self.databases.push(Arc::new(database));
        Ok(())
    }

    /// DROP DATABASE; returns its shards. No error if there is none of that name. What users were granted on it goes too.
    pub(crate) fn drop_database(&mut self, name: &str) -> Vec<ShardId> {
        let shards = self.database(name).map(Database::shard_ids).unwrap_or_default();
        self.databases.retain(|database| database.name != name);
        for user in &mut self.users {
            user.grants.remove(name);
        }
        shards
    }

    /// CREATE RETENTION POLICY.
    pub(crate) fn create_policy(&mut self, create: &CreateRetentionPolicy) -> Result<(), CatalogError> {
        check_name(&create.name)?;
        check_duration(Some(create.duration))?;
        let mut policy = Policy {
            id: 0,
            name: create.name.clone(),
            duration: create.duration,
            shard_duration: shard_duration(create.shard_duration.unwrap_or(0), create.duration),
            replication: create.replication,
            future_limit: create.future_limit.unwrap_or(0),
            past_limit: create.past_limit.unwrap_or(0),
            shards: BTreeMap::new(),
        };
        check_shard_duration(&policy)?;
        let database = self.database_or_error(&create.database)?;
        if let Some(existing) = database.policy(&create.name) {
            let other = existing.replication != policy.replication
                || existing.duration != policy.duration
                || existing.shard_duration != policy.shard_duration;
            let moves_default = create.default && database.default_policy != create.name;
            return match (other, moves_default) {
                (true, _) => Err(CatalogError::PolicyExists),
                (_, true) => Err(CatalogError::PolicyConflict),
                _ => Ok(()),
            };
        }
        policy.id = self.take_id();
        let database = self.database_mut(&create.database)?;
        if create.default {
            database.default_policy.clone_from(&policy.name);
        }
        database.policies.push(policy);
        Ok(())
    }

    /// ALTER RETENTION POLICY. Shards that are there stay as they are.
    pub(crate) fn alter_policy(&mut self, alter: &AlterRetentionPolicy) -> Result<(), CatalogError> {
        let database = self.database_mut(&alter.database)?;
        let found = database.policies.iter_mut().find(|policy| policy.name == alter.name);
        let policy = found.ok_or_else(|| CatalogError::PolicyNotFound(alter.name.clone()))?;
        check_duration(alter.duration)?;
        let duration = alter.duration.unwrap_or(policy.duration);
        let shortest = alter.shard_duration.unwrap_or(policy.shard_duration);
        let touched = alter.duration.is_some() || alter.shard_duration.is_some();
        if touched && duration > 0 && duration < shortest {
            return Err(CatalogError::DurationBelowShard);
        }
        policy.duration = duration;
        if let Some(asked) = alter.shard_duration {
            policy.shard_duration = shard_duration(asked, duration);
        }
        policy.replication = alter.replication.unwrap_or(policy.replication);
        policy.future_limit = alter.future_limit.unwrap_or(policy.future_limit);
        policy.past_limit = alter.past_limit.unwrap_or(policy.past_limit);
        if alter.default {
            database.default_policy.clone_from(&alter.name);
        }
        Ok(())
    }

    /// DROP RETENTION POLICY; returns its shards. No error if there is none.
    pub(crate) fn drop_policy(&mut self, database: &str, name: &str) -> Vec<ShardId> {
        let Ok(database) = self.database_mut(database) else { return Vec::new() };
        let shards = database.policy(name).map(Policy::shard_ids).unwrap_or_default();
        database.policies.retain(|policy| policy.name != name);
        database.subscriptions.retain(|subscription| subscription.policy != name);
        shards
    }

    /// Makes sure that each of `times` (ns) lies in a shard of a policy, named by ids since names may pass to others.
    pub(crate) fn ensure_shards(
        &mut self,
        database: u64,
        policy: u64,
        times: impl IntoIterator<Item = i64>,
    ) -> Result<(), CatalogError> {
        let mut next = self.next_shard;
        let found = self.databases.iter_mut().find(|candidate| candidate.id == database);
        let database = found.ok_or_else(|| CatalogError::DatabaseNotFound(format!("id {database}")))?;
        let found = Arc::make_mut(database).policies.iter_mut().find(|candidate| candidate.id == policy);
        let policy = found.ok_or_else(|| CatalogError::PolicyNotFound(format!("id {policy}")))?;
        for time in times {
            if policy.shard_at(time).is_none() {
                let range = policy.new_span(time);
                policy.shards.insert(range.start, Shard { id: next, range });
                next += 1;
            }
        }
        self.next_shard = next;
        Ok(())
    }

    /// Removes shards; ids that are not there are passed over. Returns those that were.
    pub(crate) fn drop_shards(&mut self, ids: &[ShardId]) -> Vec<ShardId> {
        let ids: BTreeSet<ShardId> = ids.iter().copied().collect();
        let mut dropped = Vec::new();
        for database in &mut self.databases {
            if !database.shard_ids().iter().any(|id| ids.contains(id)) {
                continue;
            }
            for policy in &mut Arc::make_mut(database).policies {
                dropped.extend(policy.shard_ids().into_iter().filter(|id| ids.contains(id)));
                policy.shards.retain(|_, shard| !ids.contains(&shard.id));
            }
        }
        dropped
    }

    /// The same, with numbers for new shards that are not below `next_shard`.
    pub(super) fn above(mut self, next_shard: ShardId) -> Self {
        self.next_shard = self.next_shard.max(next_shard);
        self
    }

    fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    fn database_or_error(&self, name: &str) -> Result<&Database, CatalogError> {
        self.database(name).ok_or_else(|| CatalogError::DatabaseNotFound(name.to_owned()))
    }

    pub(super) fn database_mut(&mut self, name: &str) -> Result<&mut Database, CatalogError> {
        let found = self.databases.iter_mut().find(|database| database.name == name);
        found.map(Arc::make_mut).ok_or_else(|| CatalogError::DatabaseNotFound(name.to_owned()))
    }
}

fn check_shard_duration(policy: &Policy) -> Result<(), CatalogError> {
    match policy.duration > 0 && policy.duration < policy.shard_duration {
        true => Err(CatalogError::DurationBelowShard),
        false => Ok(()),
    }
}

/// Whether CREATE DATABASE describes the default policy that is there; what it leaves out matches, the limits always do.
fn matches_default(database: &Database, create: &CreateDatabase) -> Result<(), CatalogError> {
    let policy = database.policy(&database.default_policy).ok_or(CatalogError::PolicyConflict)?;
    let wanted = create.policy_name.as_deref().filter(|name| !name.is_empty());
    let same = wanted.is_none_or(|name| name == policy.name)
        && create.duration.is_none_or(|duration| duration == policy.duration)
        && create.replication.is_none_or(|replication| replication == policy.replication)
        && shard_duration(create.shard_duration.unwrap_or(0), policy.duration) == policy.shard_duration;
    if same { Ok(()) } else { Err(CatalogError::PolicyConflict) }
}
