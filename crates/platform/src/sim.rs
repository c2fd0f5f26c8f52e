//! Simulated twins of disk and clock, and the world made of them. Everything follows from a seed.

mod clock;

pub use clock::SimClock;
