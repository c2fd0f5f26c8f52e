//! Space set aside for what frees space: on a full disk DROP and retention must still write a catalog entry.
//!
//! A file of [`BYTES`] in the data folder. It is given up when a change that takes shards away meets a full disk, and made
//! again by the housekeeper once there is room for it and as much again.

use platform::{Disk, DiskError};

const FILE: &str = "reserve";
/// Some catalog entries, however many databases there are.
const BYTES: u64 = 4 << 20;

/// Sets the space aside unless it is, or the disk is too full for it. Best effort: nothing else depends on it.
pub(crate) fn renew(disk: &dyn Disk) {
    if let Err(error) = keep(disk) {
        tracing::warn!(%error, "no space could be set aside for a full disk");
    }
}

fn keep(disk: &dyn Disk) -> Result<(), DiskError> {
    let there = disk.exists(FILE)?;
    if there && disk.len(FILE)? >= BYTES {
        return Ok(());
    }
    if disk.free_bytes()? < 2 * BYTES {
        return Ok(());
    }
    let file = if there { disk.open(FILE)? } else { disk.create(FILE)? };
    match file.preallocate(BYTES) {
        Err(error) if error.is_full() => Ok(()),
        other => other,
    }
}

/// Gives the space up; whether there was some.
pub(crate) fn give_up(disk: &dyn Disk) -> bool {
    disk.remove(FILE).is_ok()
}
