//! The outside world: disk, chains of versions, clock, randomness, memory budget, counters; and their simulated twins.
//!
//! Everything that a machine may do differently the next time goes through a trait of this crate, so that a test can hand in
//! [`sim`]'s twin instead and replay a crash from a seed. [`World`] bundles the three traits; pass it down, never reach around it.
//!
//! How they stand on each other: [`disk`] is a folder of files; [`blob`] makes an object store of it whose only conditional
//! operation is create-if-absent; [`chain`] makes "append entry n+1 if nobody has" of that. [`budget`] and [`stats`] are
//! plain counting. Nothing here knows of series, segments or queries, and nothing here is asynchronous.

pub mod blob;
pub mod budget;
pub mod chain;
pub mod clock;
pub mod disk;
pub mod process;
pub mod random;
pub mod sim;
pub mod stats;
pub mod thread;
pub mod world;

pub use blob::Blobs;
pub use budget::{Budget, Exhausted, Grant};
pub use chain::{Chain, ChainError};
pub use clock::{Clock, SystemClock};
pub use disk::{Disk, DiskError, DiskFile, LocalDisk};
pub use random::{Random, SeededRandom, SystemRandom};
pub use stats::{Counter, Gauge, Stats};
pub use world::World;
