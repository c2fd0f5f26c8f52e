//! How long the committer lets a group gather. Clients that were answered together come back together, a little spread: a group
//! begun with the first of them costs all others a whole sync. So after a group of several batches the next one waits for as
//! many again, but no longer than a part of what a sync takes; a lone writer is never waited for.

use super::Engine;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// A group gathers no longer than this part of the last sync.
const SYNC_PART: u64 = 4;
/// And no longer than this (ns): what else waits behind a slow disk must not wait much more.
const LONGEST_NS: u64 = 2_000_000;

/// What the last group was.
#[derive(Debug, Default)]
pub(super) struct LastGroup {
    batches: AtomicUsize,
    sync_ns: AtomicU64,
}

impl LastGroup {
    /// A group of so many batches was written and synced in `sync_ns`.
    pub(super) fn note(&self, batches: usize, sync_ns: u64) {
        self.batches.store(batches, Ordering::Relaxed);
        self.sync_ns.store(sync_ns, Ordering::Relaxed);
    }
}

impl Engine {
    /// Waits until a batch waits for the log, at most `timeout`, and a little longer for those that probably follow; for the
    /// committer's loop.
    pub fn wait_for_batches(&self, timeout: Duration) {
        let mut waiting = self.waiting.lock();
        if waiting.queue.is_empty() {
            self.arrived.wait_for(&mut waiting, timeout);
        }
        let wanted = self.last_group.batches.load(Ordering::Relaxed);
        if waiting.queue.is_empty() || waiting.queue.len() >= wanted {
            return;
        }
        let clock = &self.world.clock;
        let longest = (self.last_group.sync_ns.load(Ordering::Relaxed) / SYNC_PART).min(LONGEST_NS);
        let deadline = clock.monotonic_ns().saturating_add(longest);
        waiting.wanted = wanted;
        while waiting.queue.len() < wanted {
            let left = deadline.saturating_sub(clock.monotonic_ns());
            if left == 0 || self.arrived.wait_for(&mut waiting, Duration::from_nanos(left)).timed_out() {
                break;
            }
        }
        waiting.wanted = 0;
    }
}
