//! What a data folder holds, read without a lock and without a write: the catalog, and what `storage` has of its shards.

use crate::catalog::{Catalog, CatalogError, State};
use model::TimeRange;
use platform::World;
use storage::inspect::Report;
use storage::{ShardId, StorageError};
use thiserror::Error;

/// Why a data folder cannot be described.
#[derive(Debug, Error)]
pub enum InspectError {
    /// The catalog cannot be read; nothing else means anything without it.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The disk refused, or the log is of another data folder.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Whose a shard is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The database.
    pub database: String,
    /// The retention policy.
    pub policy: String,
    /// The shard.
    pub shard: ShardId,
    /// The times that it takes (ns).
    pub range: TimeRange,
}

/// A data folder.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Its identity.
    pub cluster_id: [u8; 16],
    /// The shards, by database, policy and time.
    pub owners: Vec<Owner>,
    /// The same shards in the same order, and the log.
    pub storage: Report,
}

/// Describes a data folder; with `verify` every checksum is compared and every page decoded.
///
/// # Errors
/// The catalog or the disk cannot be read. Damage elsewhere stands in the report.
pub fn inspect(world: &World, verify: bool) -> Result<Inspection, InspectError> {
    let (_, state) = Catalog::look(world)?;
    let owners = owners(&state);
    let shards: Vec<ShardId> = owners.iter().map(|owner| owner.shard).collect();
    let catalog = || {
        let (version, state) = Catalog::look(world).ok()?;
        Some(storage::inspect::Catalog { version, next_shard: state.next_shard })
    };
    let verify = verify.then_some(&catalog as &dyn Fn() -> Option<storage::inspect::Catalog>);
    let storage = storage::inspect::report(world, state.cluster_id, &shards, verify)?;
    Ok(Inspection { cluster_id: state.cluster_id, owners, storage })
}

/// Whose the shards are, by database, policy and time.
pub(crate) fn owners(state: &State) -> Vec<Owner> {
    let mut owners = Vec::new();
    for database in &state.databases {
        for policy in &database.policies {
            owners.extend(policy.shards.values().map(|shard| Owner {
                database: database.name.clone(),
                policy: policy.name.clone(),
                shard: shard.id,
                range: shard.range,
            }));
        }
    }
    owners
}
