//! The storage engine as its callers see it, on a simulated disk that loses what a power cut may lose.
//!
//! * [`driver`], [`model`], [`steps`] – an engine, a model of what it must hold, and random steps on both
//! * [`seeds`] – histories of many seeds, and how one is run again
//! * [`crash`] – power cuts at any operation, and long lives on a disk that fails
//! * [`deletes`] – deletes against a map of rows, over flushes, merges and restarts
//! * [`faults`] – the n-th operation fails, the disk is full, a bit flips
//! * [`large`] – many shards, many fields, long strings
//! * [`odd`] – data at the ends of what is allowed
//! * [`salvage`] – salvages that are broken off
//! * [`threads`] – writers, readers, committer and background at once
//! * [`writes`] – what becomes of single batches

mod crash;
mod deletes;
mod driver;
mod faults;
mod large;
mod model;
mod odd;
mod salvage;
mod seeds;
mod steps;
mod threads;
mod writes;
