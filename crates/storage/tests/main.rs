//! The storage engine as its callers see it, on a simulated disk that loses what a power cut may lose.
//!
//! * [`driver`] – an engine, a model of what it must hold, and random steps on both
//! * [`crash`] – power cuts and kills at any operation
//! * [`faults`] – the n-th operation fails, the disk is full, a bit flips
//! * [`odd`] – data at the ends of what is allowed
//! * [`threads`] – writers, readers, committer and background at once
//! * [`writes`] – what becomes of single batches

mod crash;
mod driver;
mod faults;
mod odd;
mod threads;
mod writes;
