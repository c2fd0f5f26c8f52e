//! Statements that make, change or delete databases, policies, continuous queries, subscriptions and data.
//! Durations are nanoseconds; 0 means without end.

use super::{Expr, Select, Source};

/// FROM and WHERE of DELETE and DROP SERIES; at least one of the two is present.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Deletion {
    /// FROM; empty without the clause. No subquery, no database; a policy with DELETE only.
    pub sources: Vec<Source>,
    /// WHERE.
    pub condition: Option<Expr>,
}

/// `CREATE DATABASE name [WITH ..]`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CreateDatabase {
    /// The database.
    pub name: String,
    /// Whether WITH stands there, so that the default policy is described.
    pub with_policy: bool,
    /// DURATION.
    pub duration: Option<i64>,
    /// REPLICATION.
    pub replication: Option<u32>,
    /// SHARD DURATION.
    pub shard_duration: Option<i64>,
    /// FUTURE LIMIT.
    pub future_limit: Option<i64>,
    /// PAST LIMIT.
    pub past_limit: Option<i64>,
    /// NAME of the policy.
    pub policy_name: Option<String>,
}

/// `CREATE RETENTION POLICY name ON database ..`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CreateRetentionPolicy {
    /// The policy.
    pub name: String,
    /// Its database.
    pub database: String,
    /// DURATION.
    pub duration: i64,
    /// REPLICATION, from 1.
    pub replication: u32,
    /// SHARD DURATION.
    pub shard_duration: Option<i64>,
    /// DEFAULT.
    pub default: bool,
    /// FUTURE LIMIT.
    pub future_limit: Option<i64>,
    /// PAST LIMIT.
    pub past_limit: Option<i64>,
}

/// `ALTER RETENTION POLICY name ON database ..`; absent members stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlterRetentionPolicy {
    /// The policy.
    pub name: String,
    /// Its database.
    pub database: String,
    /// DURATION.
    pub duration: Option<i64>,
    /// REPLICATION, from 1.
    pub replication: Option<u32>,
    /// SHARD DURATION.
    pub shard_duration: Option<i64>,
    /// DEFAULT.
    pub default: bool,
    /// FUTURE LIMIT.
    pub future_limit: Option<i64>,
    /// PAST LIMIT.
    pub past_limit: Option<i64>,
}

/// `CREATE CONTINUOUS QUERY name ON database ..`
#[derive(Debug, Clone, PartialEq)]
pub struct CreateContinuousQuery {
    /// The continuous query.
    pub name: String,
    /// Its database.
    pub database: String,
    /// RESAMPLE EVERY, 0 for none.
    pub resample_every: i64,
    /// RESAMPLE FOR, 0 for none.
    pub resample_for: i64,
    /// The statement; it has a target.
    pub select: Box<Select>,
}

/// To which destinations of a subscription each batch goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestinationMode {
    /// To each.
    All,
    /// To one, in turn.
    Any,
}

impl DestinationMode {
    /// `ALL` or `ANY`.
    pub fn word(self) -> &'static str {
        match self {
            DestinationMode::All => "ALL",
            DestinationMode::Any => "ANY",
        }
    }
}

/// `CREATE SUBSCRIPTION name ON database.policy DESTINATIONS ..`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateSubscription {
    /// The subscription.
    pub name: String,
    /// Its database.
    pub database: String,
    /// Its retention policy.
    pub retention_policy: String,
    /// ALL or ANY.
    pub mode: DestinationMode,
    /// Addresses as written.
    pub destinations: Vec<String>,
}
