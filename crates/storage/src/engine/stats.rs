//! The engine's counters.

use platform::{Counter, Gauge, Stats};

/// Handles of the counters.
#[derive(Debug)]
pub(super) struct EngineStats {
    pub(super) rows: Counter,
    pub(super) batches: Counter,
    pub(super) syncs: Counter,
    pub(super) flushes: Counter,
    pub(super) deletes: Counter,
    pub(super) log_bytes: Gauge,
    pub(super) run_bytes: Gauge,
}

impl EngineStats {
    /// Pages that queries had to decode.
    pub(super) fn decoded(stats: &Stats) -> Counter {
        let help = "Pages of values decoded for queries: neither statistics nor the cache had the answer.";
        stats.counter("storage", "pagesDecoded", help)
    }

    pub(super) fn new(stats: &Stats) -> Self {
        Self {
            rows: stats.counter("storage", "rows", "Rows made durable and visible."),
            batches: stats.counter("storage", "batches", "Batches made durable and visible."),
            syncs: stats.counter("storage", "logSyncs", "Groups of batches written to the log and synced."),
            flushes: stats.counter("storage", "flushes", "Times that rows in memory were put into segments."),
            deletes: stats.counter("storage", "deletes", "Deletes made durable and visible."),
            log_bytes: stats.gauge("storage", "logBytes", "Length of the log."),
            run_bytes: stats.gauge("storage", "runBytes", "Memory of rows that are not in segments yet."),
        }
    }
}
