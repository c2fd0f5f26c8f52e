//! A full disk is answered at once for a while, then asked again.

use crate::error::StorageError;
use parking_lot::Mutex;

/// How long the answer holds (ns).
const HOLDS_NS: u64 = 1_000_000_000;

/// The last answer of a full disk.
#[derive(Debug, Default)]
pub(super) struct FullDisk(Mutex<Option<(u64, StorageError)>>);

impl FullDisk {
    /// The log could not go on at `now` (monotonic, ns).
    pub(super) fn set(&self, now: u64, error: &StorageError) {
        *self.0.lock() = Some((now, error.clone()));
    }

    /// Fails while the last answer holds.
    pub(super) fn check(&self, now: u64) -> Result<(), StorageError> {
        let mut last = self.0.lock();
        match &*last {
            Some((then, error)) if now.saturating_sub(*then) < HOLDS_NS => Err(error.clone()),
            _ => {
                *last = None;
                Ok(())
            }
        }
    }
}
