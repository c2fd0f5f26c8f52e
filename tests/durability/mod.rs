//! Kills, stops and damage: what was acknowledged is there once, what was not is there wholly or not at all, and a damaged file
//! is reported instead of served.

mod damage;
mod keeps;
mod kills;
mod salvage;
mod stops;

use testkit::Setting;

/// Limits so small that a short test flushes, trims and compacts; the tests' own environment may set others.
fn small() -> Vec<(String, String)> {
    let defaults = [("ALLUVIUM_RUN_MEMORY", "256k"), ("ALLUVIUM_LOG_SIZE", "1m"), ("ALLUVIUM_FLUSH_AGE", "200ms")];
    let given = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    defaults.iter().map(|&(name, default)| (name.to_owned(), given(name, default))).collect()
}

/// A server with these limits and database `d`.
fn server() -> testkit::Alluvium {
    let settings = small();
    let settings: Vec<Setting<'_>> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let server = crate::start(&settings);
    assert_eq!(server.client().query("", "CREATE DATABASE d").status, 200);
    server
}
