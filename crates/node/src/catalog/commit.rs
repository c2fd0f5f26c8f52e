//! How a change of the catalog becomes durable and visible: one at a time, each the next entry of the chain.
//!
//! Readers take the current state without waiting for a change under way. After an append that failed nobody knows whether
//! the entry lasts: the next change reads the chain again first, and fails as long as that cannot be read.

use super::{CatalogError, State, format};
use parking_lot::{Mutex, RwLock};
use platform::chain::FIRST_VERSION;
use platform::{Blobs, Chain, ChainError, World};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use storage::ShardId;

/// The catalog's folder.
const FOLDER: &str = "catalog";
/// The chain's name in it.
const NAME: &str = "catalog";
/// The catalog is where the cluster id stands, so its own entries cannot be asked for it.
const NO_CLUSTER: [u8; 16] = [0; 16];
/// Versions below the latest that are kept, for an operator to compare.
const KEPT: u64 = 4;
/// Folders whose presence means that a missing catalog is damage, not a first start.
const DATA_FOLDERS: [&str; 3] = ["log", "segments", MANIFESTS];
/// Where each shard that ever had a segment has a folder, named by its number, until it is dropped.
const MANIFESTS: &str = "manifests";

/// The catalog of an open data folder.
#[derive(Debug)]
pub(crate) struct Catalog {
    chain: Chain,
    state: RwLock<Arc<State>>,
    /// Held over a change; inside, the version of `state`, or `None` when the chain must be read again.
    version: Mutex<Option<u64>>,
    /// The latest version that was durable, for the log to remember.
    seen: Arc<AtomicU64>,
    /// Numbers of shards below were given out: if the catalog does not know of them it is an older one.
    next_shard: ShardId,
    /// The catalog as it was read had given out the numbers below.
    given_out: ShardId,
    /// Why it must not change, if that is so.
    frozen: OnceLock<String>,
}

impl Catalog {
    /// Reads the latest state, or makes the first one in an empty data folder.
    pub(crate) fn open(world: &World) -> Result<Self, CatalogError> {
        let chain = Chain::new(Blobs::new(world.disk.clone()), FOLDER, NAME, NO_CLUSTER, world.random.clone());
        let next_shard = unused_shard(world)?;
        let (version, state) = match latest(&chain)? {
            Some(latest) => latest,
            None => {
                refuse_orphans(world)?;
                let state = State::new(world.random.id());
                chain.append(FIRST_VERSION, &format::encode(&state))?;
                (FIRST_VERSION, state)
            }
        };
        let given_out = state.next_shard;
        let (state, seen) = (RwLock::new(Arc::new(state.above(next_shard))), Arc::new(AtomicU64::new(version)));
        Ok(Self {
            chain,
            state,
            version: Mutex::new(Some(version)),
            seen,
            next_shard,
            given_out,
            frozen: OnceLock::new(),
        })
    }

    /// The latest version that is durable, as a number that goes on with each change.
    pub(crate) fn version_seen(&self) -> Arc<AtomicU64> {
        self.seen.clone()
    }

    /// The number from which on the catalog, as it was read, had given out no shard.
    pub(crate) fn first_new_shard(&self) -> ShardId {
        self.given_out
    }

    /// The latest version and what it says, without making anything.
    pub(crate) fn look(world: &World) -> Result<(u64, State), CatalogError> {
        let chain = Chain::new(Blobs::new(world.disk.clone()), FOLDER, NAME, NO_CLUSTER, world.random.clone());
        latest(&chain)?.ok_or_else(|| CatalogError::Missing(FOLDER.to_owned()))
    }

    /// From here on changes are refused: something is lost, and they would cover it up or remove more.
    pub(crate) fn freeze(&self, why: String) {
        // The first reason stays.
        let _ = self.frozen.set(why);
    }

    /// Whether changes are refused.
    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.get().is_some()
    }

    /// The current state.
    pub(crate) fn state(&self) -> Arc<State> {
        self.state.read().clone()
    }

    /// Makes a change on a copy of the latest state; what `change` returns is returned once the new state is durable and
    /// visible. A change that changes nothing writes nothing. May be called again if another got in between.
    pub(crate) fn change<T>(
        &self,
        mut change: impl FnMut(&mut State) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        let mut version = self.version.lock();
        loop {
            let current = match *version {
                Some(current) => current,
                None => self.read_again(&mut version)?,
            };
            let before = self.state();
            let mut next = State::clone(&before);
            let result = change(&mut next)?;
            if next == *before {
                return Ok(result);
            }
            if let Some(why) = self.frozen.get() {
                return Err(CatalogError::Frozen(why.clone()));
            }
            *version = None;
            if self.chain.append(current + 1, &format::encode(&next))? {
                *self.state.write() = Arc::new(next);
                *version = Some(current + 1);
                self.seen.store(current + 1, Ordering::SeqCst);
                self.forget_old(current + 1);
                return Ok(result);
            }
        }
    }

    fn read_again(&self, version: &mut Option<u64>) -> Result<u64, CatalogError> {
        let missing = || CatalogError::Missing(FOLDER.to_owned());
        let (latest, state) = latest(&self.chain)?.ok_or_else(missing)?;
        *self.state.write() = Arc::new(state.above(self.next_shard));
        *version = Some(latest);
        Ok(latest)
    }

    fn forget_old(&self, latest: u64) {
        if let Err(error) = self.chain.delete_below(latest.saturating_sub(KEPT)) {
            tracing::warn!(%error, "old catalog entries stay for now");
        }
    }
}

/// The latest version and what it says, if there is one.
fn latest(chain: &Chain) -> Result<Option<(u64, State)>, CatalogError> {
    let read = || match chain.latest()? {
        Some((version, payload)) => Ok(Some((version, format::decode(version, &payload)?))),
        None => Ok(None),
    };
    read().map_err(|error: CatalogError| match error {
        CatalogError::Chain(ChainError::Damaged { .. } | ChainError::Foreign { .. }) | CatalogError::Damaged { .. } => {
            CatalogError::Lost(error.to_string())
        }
        other => other,
    })
}

/// The number above those of all shards that have a folder.
fn unused_shard(world: &World) -> Result<ShardId, CatalogError> {
    let names = world.disk.list(MANIFESTS)?;
    let greatest = names.iter().filter_map(|name| name.parse::<ShardId>().ok()).max();
    Ok(greatest.map_or(0, |greatest| greatest.saturating_add(1)))
}

/// A catalog that is gone while data are there must not be made anew: their shards would count as dropped.
fn refuse_orphans(world: &World) -> Result<(), CatalogError> {
    for folder in DATA_FOLDERS {
        if !world.disk.list(folder)?.is_empty() {
            return Err(CatalogError::Missing(folder.to_owned()));
        }
    }
    Ok(())
}
