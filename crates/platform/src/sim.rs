//! Simulated twins of disk and clock, and the world made of them. Everything follows from a seed.
//!
//! A test keeps the [`SimWorld`], hands its [`SimWorld::world`] to the code under test, lets it run into a fault or a power cut,
//! drops it, calls [`SimWorld::crash`] and starts the code again on what the disk still has.

use std::sync::Arc;

use crate::random::SeededRandom;
use crate::world::World;

mod clock;
mod disk;

pub use clock::SimClock;
pub use disk::{Fault, SimDisk};

/// Wall time at the start of a simulation: 2020-09-13T12:26:40Z.
pub const START_NS: i64 = 1_600_000_000_000_000_000;

/// The typed twins behind a [`World`], to turn and to break. Clones share them.
#[derive(Debug, Clone)]
pub struct SimWorld {
    /// The disk.
    pub disk: SimDisk,
    /// The clock, at [`START_NS`] first.
    pub clock: Arc<SimClock>,
    /// The generator that the code under test draws from.
    pub random: Arc<SeededRandom>,
    /// Draws what a crash leaves, apart, so that code that draws once more does not change the crash.
    fate: Arc<SeededRandom>,
}

impl SimWorld {
    /// A world of this seed.
    pub fn new(seed: u64) -> Self {
        let draw = SeededRandom::new(seed);
        let part = || crate::random::Random::u64(&draw);
        Self {
            disk: SimDisk::new(part()),
            clock: Arc::new(SimClock::new(START_NS)),
            random: Arc::new(SeededRandom::new(part())),
            fate: Arc::new(SeededRandom::new(part())),
        }
    }

    /// The bundle for the code under test.
    pub fn world(&self) -> World {
        World { disk: Arc::new(self.disk.clone()), clock: self.clock.clone(), random: self.random.clone() }
    }

    /// Cuts the power and starts the machine again: see [`SimDisk::crash`].
    pub fn crash(&self) {
        self.disk.crash(&*self.fate);
    }
}
