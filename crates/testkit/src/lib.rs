//! For tests only: what black-box tests need to run Alluvium and a real InfluxDB side by side.
//!
//! `Alluvium` starts the binary on a free port with a folder of its own and cleans up when dropped; `Peer` does the same with a
//! real InfluxDB. `Client` speaks HTTP to either. A `Script` is a list of writes and queries with the answers of a real
//! InfluxDB; `generate` makes scripts at random from a seed; `compare` says where two answers differ. Nothing here panics on
//! what a server answers, except helpers that say so: they are for tests, where a panic is a failure with a text.
#![allow(clippy::disallowed_methods)] // tests are the outside world: they start processes, read files and take the time themselves

mod alluvium;
mod client;
mod compare;
mod folder;
mod generate;
mod json;
mod known;
mod peer;
mod random;
mod replay;
mod script;

pub use alluvium::{Alluvium, Setting, run_to_end};
pub use client::{Client, Reply, encode, gunzip, gzip};
pub use compare::{Tolerance, difference};
pub use folder::Folder;
pub use generate::generate;
pub use json::Json;
pub use peer::Peer;
pub use random::{Random, seed};
pub use replay::{Compared, Failure, compare_live, record, record_ours, replay, reset};
pub use script::{Answer, Script, Step, StepKind};
