//! What a small write waits for while a load runs: one row a request on a connection of its own, at a steady beat; and what
//! the disk alone asks for, by syncing a file of its own at the same beat.

use super::figures::Latencies;
use super::moment::START_NS;
use super::target::Target;
use anyhow::{Context, Result};
use platform::clock::{Clock, SystemClock};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time between the begins of two probes.
const BEAT: Duration = Duration::from_millis(20);
/// Bytes of a synced write.
const BLOCK: usize = 4096;
/// Bytes of the file that is synced, written before the first sync.
const FILE: usize = 4 << 20;

/// Writes one row after the other until told to stop; one at least.
pub(super) fn write_rows(target: &Target, stop: &AtomicBool, clock: &SystemClock) -> Result<Latencies> {
    let mut connection = target.connect(false)?;
    let mut row = 0;
    beat(stop, clock, || {
        row += 1;
        connection.send(format!("probe,client=bench value={row}i {}\n", START_NS + row).as_bytes())
    })
}

/// Overwrites blocks of a file in `folder` and syncs each, until told to stop, one at least. The file is gone afterwards.
pub(super) fn sync_blocks(folder: &Path, stop: &AtomicBool, clock: &SystemClock) -> Result<Latencies> {
    let path = folder.join(format!("bench-sync-{}", std::process::id()));
    let file = super::files::create(&path)?;
    let done =
        file.write_all_at(&vec![1; FILE], 0).and_then(|()| file.sync_all()).context("cannot write beside the data");
    let mut at = 0;
    let result = done.and_then(|()| {
        beat(stop, clock, || {
            at = (at + BLOCK) % FILE;
            Ok(file.write_all_at(&[2; BLOCK], at as u64).and_then(|()| file.sync_data())?)
        })
    });
    super::files::remove(&path)?;
    result
}

fn beat(stop: &AtomicBool, clock: &SystemClock, mut act: impl FnMut() -> Result<()>) -> Result<Latencies> {
    let mut latencies = Vec::new();
    loop {
        let begin = clock.monotonic_ns();
        act()?;
        let taken = clock.monotonic_ns() - begin;
        latencies.push(taken);
        if stop.load(Ordering::Relaxed) {
            return Ok(Latencies::new(latencies));
        }
        clock.sleep(BEAT.saturating_sub(Duration::from_nanos(taken)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::{folder_bytes, scratch::Scratch};
    use super::*;

    #[test]
    fn syncing_leaves_nothing_behind() {
        let scratch = Scratch::new("sync");
        let latencies = sync_blocks(scratch.path(), &AtomicBool::new(true), &SystemClock::new()).unwrap();
        assert_eq!(latencies.count(), 1);
        assert_eq!(folder_bytes(scratch.path()).unwrap(), (0, 0));
    }
}
