//! The catalog: databases, retention policies, shards, users, continuous queries and subscriptions of a node, as one chain of versions in the folder `catalog`.
//!
//! A change takes the latest [`State`], makes the next one (`apply`), writes it whole as the chain's next entry (`format`,
//! `commit`), and only when that is durable shows it to readers, who hold an `Arc` of an immutable state (`view`). Where a
//! shard begins and ends is pure arithmetic (`span`).
//!
//! Always: ids of databases, policies and shards are never used again; the shards of a policy do not overlap; names are
//! never part of a path.

mod apply;
mod commit;
mod format;
mod services;
pub(crate) mod span;
mod users;
mod view;

#[cfg(test)]
mod tests;

pub(crate) use commit::Catalog;
pub(crate) use services::{ContinuousQuery, Subscription};
pub(crate) use users::{Granted, StoredHash, User};
pub(crate) use view::{Database, Policy, Shard, State};

/// Any bytes as the payload of a catalog entry, for the fuzz targets.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_payload(bytes: &[u8]) {
    if let Ok(state) = format::decode(1, bytes) {
        let again = format::decode(1, &format::encode(&state)).expect("what was decoded is a catalog");
        assert_eq!(again, state);
    }
}

use platform::{ChainError, DiskError};
use thiserror::Error;

/// Why a name was not found or could not be changed. The texts are InfluxDB's where it has them.
#[derive(Clone, Debug, Error)]
pub enum CatalogError {
    /// A name that is empty, `.`, `..`, or has a slash, a backslash or a control character.
    #[error("invalid name")]
    InvalidName,
    /// No such database.
    #[error("database not found: {0}")]
    DatabaseNotFound(String),
    /// No such policy.
    #[error("retention policy not found: {0}")]
    PolicyNotFound(String),
    /// No such shard.
    #[error("shard not found")]
    ShardNotFound,
    /// A policy of this name exists and is another.
    #[error("retention policy already exists")]
    PolicyExists,
    /// The database's default policy, or which one is the default, is another.
    #[error("retention policy conflicts with an existing policy")]
    PolicyConflict,
    /// A duration below an hour.
    #[error("retention policy duration must be at least 1h0m0s")]
    DurationTooLow,
    /// A duration below the shard duration.
    #[error("retention policy duration must be greater than the shard duration")]
    DurationBelowShard,
    /// No such user.
    #[error("user not found")]
    UserNotFound,
    /// A user of this name exists, with another password or role.
    #[error("user already exists")]
    UserExists,
    /// A password that is empty or longer than 1,024 bytes.
    #[error("a password must have 1 to 1024 bytes")]
    Password,
    /// Too many passwords are hashed.
    #[error("too many passwords are being set or checked, try again later")]
    Busy,
    /// A user without a name.
    #[error("username required")]
    UserNameRequired,
    /// A continuous query of this name exists and is another.
    #[error("continuous query already exists")]
    ContinuousQueryExists,
    /// A subscription of this name exists.
    #[error("subscription already exists")]
    SubscriptionExists,
    /// No such subscription.
    #[error("subscription not found")]
    SubscriptionNotFound,
    /// A destination that is no URL with a scheme, a host and a port.
    #[error("invalid subscription URL: {0}")]
    SubscriptionUrl(String),
    /// The chain cannot be read or extended.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// An entry is whole, but its content breaks a rule.
    #[error("catalog version {version} is damaged: {what}")]
    Damaged {
        /// The version of the chain's entry.
        version: u64,
        /// Which rule.
        what: String,
    },
    /// The node serves readers only: why.
    #[error("nothing is changed: {0}")]
    Frozen(String),
    /// The latest version cannot be read: what is wrong with it.
    #[error(
        "{0}; nothing can be served without the catalog: put back the folder `catalog` from a copy as new as the latest database \
         and shard; docs/damage.md says what else can be done"
    )]
    Lost(String),
    /// The folder has data but no catalog that says whose they are.
    #[error("the data folder has `{0}` but no catalog: restore `catalog/` from a backup, or start in an empty folder")]
    Missing(String),
}

impl CatalogError {
    /// The disk is full.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Disk(error) | Self::Chain(ChainError::Disk(error)) if error.is_full())
    }
}
