//! Black-box tests: each starts the binary that was just built, on a free port with a folder of its own, and speaks to it as
//! clients do. They run side by side and leave nothing behind.
//!
//! `scripts` compares answers with those of a real InfluxDB, recorded in `scripts/*.txt`; `api` tells what holds of HTTP;
//! `durability` kills the server; `clients` lets real clients loose on it; `inspect` reads its files; `memory` looks at how much it takes. What steers them: `ALLUVIUM_PEER=live` compares with a
//! running InfluxDB too, `ALLUVIUM_RECORD=1` beside it writes the recordings anew, `ALLUVIUM_GENERATED=N` and
//! `ALLUVIUM_SEED=S` name the statements made at random, `ALLUVIUM_FAILED=DIR` keeps a script of each that differs, `ALLUVIUM_KILLS=N` the number of kills, `ALLUVIUM_SKIP_CLIENTS=1` leaves
//! `clients` out.
#![allow(clippy::disallowed_methods)] // black-box tests are the outside world: files, threads and time are theirs
#![allow(clippy::unwrap_used)] // a panic is how a test fails
#![allow(clippy::print_stderr)] // seeds and what was left out are told

mod api;
mod clients;
mod durability;
mod inspect;
mod memory;
mod scripts;

use testkit::{Alluvium, Setting};

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_alluvium");

/// A new server.
fn start(settings: &[Setting<'_>]) -> Alluvium {
    Alluvium::start(BINARY, settings)
}

/// A number that steers the tests.
fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
