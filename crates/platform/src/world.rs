//! The three traits in one bundle, handed down from the binary (or a test) to whoever needs the outside.

use std::path::Path;
use std::sync::Arc;

use crate::clock::{Clock, SystemClock};
use crate::disk::{Disk, LocalDisk, Result};
use crate::random::{Random, SystemRandom};
use crate::sim::SimWorld;

/// Disk, clock and randomness. Clones share them.
#[derive(Debug, Clone)]
pub struct World {
    /// The data folder.
    pub disk: Arc<dyn Disk>,
    /// Wall and monotonic time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub random: Arc<dyn Random>,
}

impl World {
    /// The real machine, with its data in `data_dir`, which is locked as long as a clone lives.
    pub fn real(data_dir: impl AsRef<Path>) -> Result<Self> {
        Ok(Self {
            disk: Arc::new(LocalDisk::open(data_dir)?),
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
        })
    }

    /// The real machine, with data in `data_dir` that are only read: see [`LocalDisk::look`].
    pub fn look(data_dir: impl AsRef<Path>) -> Result<Self> {
        Ok(Self {
            disk: Arc::new(LocalDisk::look(data_dir)?),
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
        })
    }

    /// A simulated machine that does the same for the same seed. To crash it or to turn its clock, keep a [`SimWorld`].
    pub fn sim(seed: u64) -> Self {
        SimWorld::new(seed).world()
    }
}
