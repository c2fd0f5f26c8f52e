//! Which call fails, and how: pure counting, no files.

use crate::disk::{Cause, DiskError, Result};

/// A fault that [`super::SimDisk::fail_after`] arms. Each happens once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A call that changes nothing (read, open, list ...) fails with EIO.
    Read,
    /// A write, create, rename or remove fails with EIO and does nothing.
    Write,
    /// A create, or a write or other call that makes a file longer, fails with ENOSPC and does nothing.
    Full,
    /// A write does its first half and fails with EIO.
    ShortWrite,
    /// A sync of a file or folder fails with EIO. What was to be synced stays un-synced, or is marked clean: it can be seen
    /// until a crash, and no later sync makes it durable.
    Sync,
}

/// What kind of change a call is, to match it with faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Makes the file longer.
    Write,
    /// Changes bytes that are there.
    Overwrite,
    /// Takes space, but is no write.
    Grow,
    Name,
    Sync,
}

/// How a changing call goes on.
#[derive(Debug)]
pub(super) enum Step {
    Go,
    /// Only for writes.
    Half,
    /// Only for [`Class::Sync`].
    SyncFails,
    /// The power goes now: the call takes effect or not, and this is its answer.
    PowerFails(DiskError),
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    ops: u64,
    off_at: Option<u64>,
    off: bool,
    /// Calls to go by, and the fault then.
    armed: Vec<(u64, Fault)>,
}

impl Faults {
    pub(super) fn ops(&self) -> u64 {
        self.ops
    }

    pub(super) fn arm(&mut self, n: u64, fault: Fault) {
        self.armed.push((n, fault));
    }

    pub(super) fn power_off_at(&mut self, op: u64) {
        self.off_at = Some(op);
    }

    pub(super) fn is_off(&self) -> bool {
        self.off
    }

    pub(super) fn disarm(&mut self) {
        self.off_at = None;
        self.armed.clear();
    }

    pub(super) fn restart(&mut self) {
        self.off = false;
        self.off_at = None;
        self.armed.clear();
    }

    /// Before a call that changes nothing.
    pub(super) fn read(&mut self, operation: &'static str, path: &str) -> Result<()> {
        if self.off {
            return Err(DiskError::new(operation, path, Cause::PoweredOff));
        }
        match self.fires(|fault| fault == Fault::Read) {
            Some(_) => Err(eio(operation, path)),
            None => Ok(()),
        }
    }

    /// Before a call that changes something.
    pub(super) fn change(&mut self, class: Class, operation: &'static str, path: &str) -> Result<Step> {
        let number = self.ops;
        self.ops += 1;
        let powered_off = || DiskError::new(operation, path, Cause::PoweredOff);
        if self.off {
            return Err(powered_off());
        }
        if self.off_at.is_some_and(|at| number >= at) {
            self.off = true;
            return Ok(Step::PowerFails(powered_off()));
        }
        let hits = |fault| match fault {
            Fault::Read => false,
            Fault::Write => class != Class::Sync,
            Fault::Full => matches!(class, Class::Write | Class::Grow),
            Fault::ShortWrite => matches!(class, Class::Write | Class::Overwrite),
            Fault::Sync => class == Class::Sync,
        };
        match self.fires(hits) {
            None | Some(Fault::Read) => Ok(Step::Go),
            Some(Fault::Write) => Err(eio(operation, path)),
            Some(Fault::Full) => Err(full(operation, path)),
            Some(Fault::ShortWrite) => Ok(Step::Half),
            Some(Fault::Sync) => Ok(Step::SyncFails),
        }
    }

    /// Counts down the faults that could hit this call; the first that is due is taken out.
    fn fires(&mut self, hits: impl Fn(Fault) -> bool) -> Option<Fault> {
        let due = self.armed.iter().position(|(left, fault)| *left == 0 && hits(*fault));
        if let Some(due) = due {
            return Some(self.armed.remove(due).1);
        }
        self.armed.iter_mut().filter(|(_, fault)| hits(*fault)).for_each(|(left, _)| *left -= 1);
        None
    }
}

/// EIO by number: it has no [`std::io::ErrorKind`] of its own.
pub(super) fn eio(operation: &'static str, path: &str) -> DiskError {
    DiskError::io(operation, path, &rustix::io::Errno::IO.into())
}

pub(super) fn full(operation: &'static str, path: &str) -> DiskError {
    DiskError::io(operation, path, &rustix::io::Errno::NOSPC.into())
}
