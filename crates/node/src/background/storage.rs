//! The threads that step storage: one makes batches durable, one flushes, which writers wait for when memory or log space
//! is short, one merges, which nobody waits for.

use super::Stop;
use crate::node::Inner;
use std::time::Duration;
use storage::engine::Step;
use storage::{Engine, ErrorKind, StorageError};

/// How long the committer waits for batches before it looks whether it should stop.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long a thread rests after an error that may pass.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// Commits whatever waits. An error means that the log's state is unknown: nothing may be acknowledged any more.
pub(super) fn commit(inner: &Inner, stop: &Stop) -> Result<(), String> {
    while !stop.asked() {
        inner.engine.wait_for_batches(PATIENCE);
        inner.engine.commit_step().map_err(|error| format!("the log cannot be written: {error}"))?;
    }
    Ok(())
}

/// Flushes and trims the log while something is due.
pub(super) fn flush(inner: &Inner, stop: &Stop) -> Result<(), String> {
    work(inner, stop, Engine::flush_step)
}

/// Merges while something is due.
pub(super) fn compact(inner: &Inner, stop: &Stop) -> Result<(), String> {
    work(inner, stop, Engine::merge_step)
}

/// Takes steps while there is work. Full disks and damaged files are told of and tried again later.
fn work(inner: &Inner, stop: &Stop, step: fn(&Engine) -> Result<Step, StorageError>) -> Result<(), String> {
    while !stop.asked() {
        let pause = match step(&inner.engine) {
            Ok(Step::Worked) => continue,
            Ok(Step::Idle) => inner.options.idle_pause,
            Err(error) if error.kind() == ErrorKind::Closed => return Err(format!("storage has stopped: {error}")),
            Err(error) if matches!(error.kind(), ErrorKind::Full | ErrorKind::Damaged) => {
                tracing::error!(%error, "background work failed until somebody acts, it will be tried again");
                AFTER_ERROR
            }
            Err(error) => {
                tracing::warn!(%error, "background work failed, it will be tried again");
                AFTER_ERROR
            }
        };
        stop.rest(pause);
    }
    Ok(())
}
