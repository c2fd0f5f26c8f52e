//! The payload of a catalog entry: one JSON object, for machines and for an operator with a text editor. The chain around it
//! gives the checksum, the version and the file name (see `platform::chain`).
//!
//! ```text
//! { "format": 1,
//!   "cluster_id": "32 hex digits",         identity of the data folder and of its log
//!   "next_id": 5, "next_shard": 9,         ids below were given out and are never given out again
//!   "databases": [                         in order of creation
//!     { "id": 1, "name": "telegraf", "default_policy": "autogen",
//!       "policies": [                      in order of creation; times and durations in ns, 0 = without end or limit
//!         { "id": 2, "name": "autogen", "duration_ns": 0, "shard_duration_ns": 604800000000000, "replication": 1,
//!           "future_limit_ns": 0, "past_limit_ns": 0,
//!           "shards": [[7, 1499644800000000000, 1500249599999999999]] } ],   [id, first ns, last ns], ascending by time
//!       "continuous_queries": [            in order of creation; the statement in full, as SHOW CONTINUOUS QUERIES tells it
//!         { "name": "c", "query": "CREATE CONTINUOUS QUERY c ON telegraf BEGIN .. END" } ],
//!       "subscriptions": [                 in order of creation; mode is ALL or ANY
//!         { "policy": "autogen", "name": "s", "mode": "ALL", "destinations": ["udp://h:9090"] } ] } ],
//!   "users": [                             in order of creation
//!     { "name": "u", "admin": false,
//!       "hash": "$argon2id$v=19$..",       of the password, as a PHC string; see `users/password`
//!       "grants": { "telegraf": "READ" } } ] }   by database: READ, WRITE, ALL PRIVILEGES or NO PRIVILEGES
//! ```
//!
//! A member that is missing or unknown is damage: a later release that needs more raises `format`.

use super::{CatalogError, ContinuousQuery, Database, Granted, Policy, Shard, State, StoredHash, Subscription, User};
use influxql::ast::DestinationMode;
use model::TimeRange;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogRecord {
    format: u32,
    cluster_id: String,
    next_id: u64,
    next_shard: u64,
    databases: Vec<DatabaseRecord>,
    users: Vec<UserRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DatabaseRecord {
    id: u64,
    name: String,
    default_policy: String,
    policies: Vec<PolicyRecord>,
    continuous_queries: Vec<QueryRecord>,
    subscriptions: Vec<SubscriptionRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryRecord {
    name: String,
    query: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscriptionRecord {
    policy: String,
    name: String,
    mode: String,
    destinations: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserRecord {
    name: String,
    admin: bool,
    hash: String,
    grants: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyRecord {
    id: u64,
    name: String,
    duration_ns: i64,
    shard_duration_ns: i64,
    replication: u32,
    future_limit_ns: i64,
    past_limit_ns: i64,
    shards: Vec<(u64, i64, i64)>,
}

/// Only what tells the format apart, so that "from a newer release" is not called damage.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

/// The payload of a state.
pub(super) fn encode(state: &State) -> Vec<u8> {
    let record = CatalogRecord {
        format: FORMAT,
        cluster_id: state.cluster_id.iter().map(|byte| format!("{byte:02x}")).collect(),
        next_id: state.next_id,
        next_shard: state.next_shard,
        databases: state.databases.iter().map(|database| database_record(database)).collect(),
        users: state.users.iter().map(user_record).collect(),
    };
    serde_json::to_vec(&record).expect("strings, numbers and lists of them always have a JSON form")
}

fn database_record(database: &Database) -> DatabaseRecord {
    DatabaseRecord {
        id: database.id,
        name: database.name.clone(),
        default_policy: database.default_policy.clone(),
        policies: database.policies.iter().map(policy_record).collect(),
        continuous_queries: database
            .continuous_queries
            .iter()
            .map(|one| QueryRecord { name: one.name.clone(), query: one.query.clone() })
            .collect(),
        subscriptions: database.subscriptions.iter().map(subscription_record).collect(),
    }
}

fn subscription_record(subscription: &Subscription) -> SubscriptionRecord {
    SubscriptionRecord {
        policy: subscription.policy.clone(),
        name: subscription.name.clone(),
        mode: subscription.mode.word().to_owned(),
        destinations: subscription.destinations.clone(),
    }
}

fn user_record(user: &User) -> UserRecord {
    UserRecord {
        name: user.name.clone(),
        admin: user.admin,
        hash: user.hash.text().to_owned(),
        grants: user.grants.iter().map(|(database, granted)| (database.clone(), granted.word().to_owned())).collect(),
    }
}

fn policy_record(policy: &Policy) -> PolicyRecord {
    PolicyRecord {
        id: policy.id,
        name: policy.name.clone(),
        duration_ns: policy.duration,
        shard_duration_ns: policy.shard_duration,
        replication: policy.replication,
        future_limit_ns: policy.future_limit,
        past_limit_ns: policy.past_limit,
        shards: policy.shards.values().map(|shard| (shard.id, shard.range.start, shard.range.end)).collect(),
    }
}

/// The state of a payload; `version` is for the errors.
pub(super) fn decode(version: u64, payload: &[u8]) -> Result<State, CatalogError> {
    let damaged = |what: String| CatalogError::Damaged { version, what };
    let FormatOnly { format } = serde_json::from_slice(payload).map_err(|error| damaged(error.to_string()))?;
    if format != FORMAT {
        return Err(damaged(format!("it has format {format}, this release reads format {FORMAT}")));
    }
    let record: CatalogRecord = serde_json::from_slice(payload).map_err(|error| damaged(error.to_string()))?;
    let cluster_id =
        parse_id(&record.cluster_id).ok_or_else(|| damaged("cluster_id is no 32 hex digits".to_owned()))?;
    let mut databases = Vec::with_capacity(record.databases.len());
    for database in record.databases {
        databases.push(Arc::new(database_state(database).map_err(damaged)?));
    }
    let mut users = Vec::with_capacity(record.users.len());
    for user in record.users {
        users.push(user_state(user).map_err(damaged)?);
    }
    let state = State { cluster_id, next_id: record.next_id, next_shard: record.next_shard, databases, users };
    check(&state).map_err(damaged)?;
    Ok(state)
}

fn parse_id(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

fn database_state(record: DatabaseRecord) -> Result<Database, String> {
    let mut policies = Vec::with_capacity(record.policies.len());
    for policy in record.policies {
        policies.push(policy_state(policy)?);
    }
    let mut subscriptions = Vec::with_capacity(record.subscriptions.len());
    for subscription in record.subscriptions {
        subscriptions.push(subscription_state(subscription)?);
    }
    let query = |record: QueryRecord| ContinuousQuery { name: record.name, query: record.query };
    Ok(Database {
        id: record.id,
        name: record.name,
        default_policy: record.default_policy,
        policies,
        continuous_queries: record.continuous_queries.into_iter().map(query).collect(),
        subscriptions,
    })
}

fn subscription_state(record: SubscriptionRecord) -> Result<Subscription, String> {
    let modes = [DestinationMode::All, DestinationMode::Any];
    let mode = modes.into_iter().find(|mode| mode.word() == record.mode);
    let mode = mode.ok_or_else(|| format!("subscription `{}` has no mode", record.name))?;
    Ok(Subscription { policy: record.policy, name: record.name, mode, destinations: record.destinations })
}

fn user_state(record: UserRecord) -> Result<User, String> {
    let mut grants = BTreeMap::new();
    for (database, word) in record.grants {
        let granted = Granted::named(&word);
        let granted = granted.ok_or_else(|| format!("user `{}` has an unknown privilege", record.name))?;
        grants.insert(database, granted);
    }
    Ok(User { name: record.name, admin: record.admin, hash: StoredHash::new(record.hash), grants })
}

fn policy_state(record: PolicyRecord) -> Result<Policy, String> {
    let mut shards = BTreeMap::new();
    let mut last_end = None;
    for (id, start, end) in record.shards {
        if start > end || last_end.is_some_and(|last| start <= last) {
            return Err(format!(
                "shard {id} of policy `{}` overlaps the one before it, or ends before it begins",
                record.name
            ));
        }
        last_end = Some(end);
        shards.insert(start, Shard { id, range: TimeRange::new(start, end) });
    }
    let positive = record.shard_duration_ns > 0 && record.duration_ns >= 0;
    if !positive || record.future_limit_ns < 0 || record.past_limit_ns < 0 {
        return Err(format!("policy `{}` has a duration that cannot be", record.name));
    }
    Ok(Policy {
        id: record.id,
        name: record.name,
        duration: record.duration_ns,
        shard_duration: record.shard_duration_ns,
        replication: record.replication,
        future_limit: record.future_limit_ns,
        past_limit: record.past_limit_ns,
        shards,
    })
}

/// Ids stand once and below the next one, names stand once.
fn check(state: &State) -> Result<(), String> {
    let mut ids = BTreeSet::new();
    let mut shards = BTreeSet::new();
    let mut names = BTreeSet::new();
    for database in &state.databases {
        if !names.insert((database.name.as_str(), None)) {
            return Err(format!("database `{}` stands twice", database.name));
        }
        let policy_ids = database.policies.iter().map(|policy| policy.id);
        for id in policy_ids.chain([database.id]) {
            if id >= state.next_id || !ids.insert(id) {
                return Err(format!("id {id} stands twice or was never given out"));
            }
        }
        for subscription in &database.subscriptions {
            if database.policy(&subscription.policy).is_none() {
                return Err(format!("subscription `{}` belongs to no policy", subscription.name));
            }
        }
        for policy in &database.policies {
            if !names.insert((database.name.as_str(), Some(policy.name.as_str()))) {
                return Err(format!("policy `{}` of `{}` stands twice", policy.name, database.name));
            }
        }
        for id in database.shard_ids() {
            if id >= state.next_shard || !shards.insert(id) {
                return Err(format!("shard {id} stands twice or was never given out"));
            }
        }
    }
    let mut users = BTreeSet::new();
    match state.users.iter().find(|user| !users.insert(&user.name)) {
        Some(user) => Err(format!("user `{}` stands twice", user.name)),
        None => Ok(()),
    }
}
