//! The two threads that step storage.

use super::Stop;
use crate::node::Inner;
use std::time::Duration;
use storage::ErrorKind;
use storage::engine::Step;

/// How long the committer waits for batches before it looks whether it should stop.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long the compactor rests after an error that may pass.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// Commits whatever waits. An error means that the log's state is unknown: nothing may be acknowledged any more.
pub(super) fn commit(inner: &Inner, stop: &Stop) -> Result<(), String> {
    while !stop.asked() {
        inner.engine.wait_for_batches(PATIENCE);
        inner.engine.commit_step().map_err(|error| format!("the log cannot be written: {error}"))?;
    }
    Ok(())
}

/// Does background work while there is some. Full disks and damaged files are told of and tried again later.
pub(super) fn compact(inner: &Inner, stop: &Stop) -> Result<(), String> {
    while !stop.asked() {
        let pause = match inner.engine.background_step() {
            Ok(Step::Worked) => continue,
            Ok(Step::Idle) => inner.options.idle_pause,
            Err(error) if error.kind() == ErrorKind::Closed => return Err(format!("storage has stopped: {error}")),
            Err(error) => {
                tracing::warn!(%error, "background work failed, it will be tried again");
                AFTER_ERROR
            }
        };
        stop.rest(pause);
    }
    Ok(())
}
