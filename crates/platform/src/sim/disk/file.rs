//! A handle on a simulated file.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::fault::{self, Class, Step};
use super::inode::{Inode, LENGTH_MAX};
use super::{SimDisk, State, dead, io_error};
use crate::disk::{Cause, DiskError, DiskFile, Result};
use crate::random::Random;

/// Bytes of a write that the digest takes in: long ones are the log's zeros.
const NOTED: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct SimFile {
    disk: SimDisk,
    path: String,
    inode: Arc<Inode>,
    generation: u64,
}

impl SimFile {
    pub(super) fn new(disk: SimDisk, path: &str, inode: Arc<Inode>, generation: u64) -> Self {
        inode.opened.fetch_add(1, Ordering::Relaxed);
        Self { disk, path: path.to_owned(), inode, generation }
    }

    fn check_alive(&self, state: &State, operation: &'static str) -> Result<()> {
        if state.generation == self.generation { Ok(()) } else { Err(dead(operation, &self.path)) }
    }

    /// Whether the file may become `len` bytes long.
    fn check_room(&self, state: &State, operation: &'static str, len: Option<u64>) -> Result<()> {
        let Some(len) = len.filter(|len| *len < LENGTH_MAX) else {
            return Err(io_error(operation, &self.path, ErrorKind::FileTooLarge));
        };
        let growth = len.saturating_sub(self.inode.len());
        match growth > 0 && growth > state.free_bytes() {
            true => Err(fault::full(operation, &self.path)),
            false => Ok(()),
        }
    }

    fn sync(&self) -> Result<()> {
        let mut state = self.disk.0.lock();
        self.check_alive(&state, "sync")?;
        match state.gate(Class::Sync, "sync", &self.path)? {
            Step::Go | Step::Half => {
                self.inode.sync();
                Ok(())
            }
            Step::SyncFails => {
                self.inode.fail_sync(&state.random);
                Err(fault::eio("sync", &self.path))
            }
            // What the sync reached is what the crash draws.
            Step::PowerFails(error) => Err(error),
        }
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.inode.opened.fetch_sub(1, Ordering::Relaxed);
    }
}

impl DiskFile for SimFile {
    fn path(&self) -> &str {
        &self.path
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.disk.look("read", &self.path, |state| {
            self.check_alive(state, "read")?;
            let wanted = buf.len() as u64;
            self.inode
                .read(offset, buf)
                .map_err(|length| DiskError::new("read", &self.path, Cause::ShortRead { offset, wanted, length }))
        })
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut state = self.disk.0.lock();
        self.check_alive(&state, "write")?;
        let end = offset.checked_add(bytes.len() as u64);
        let grows = end.is_none_or(|end| end > self.inode.len());
        let class = if grows { Class::Write } else { Class::Overwrite };
        let step = state.gate(class, "write", &self.path)?;
        state.note(&offset.to_le_bytes());
        state.note(&bytes[..bytes.len().min(NOTED)]);
        self.check_room(&state, "write", end)?;
        match step {
            Step::Go | Step::SyncFails => {
                self.inode.write(offset, bytes);
                Ok(())
            }
            Step::Half => {
                self.inode.write(offset, &bytes[..bytes.len() / 2]);
                Err(fault::eio("write", &self.path))
            }
            Step::PowerFails(error) => {
                if state.random.below(2) == 0 {
                    self.inode.write(offset, bytes);
                }
                Err(error)
            }
        }
    }

    fn sync_data(&self) -> Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> Result<()> {
        self.sync()
    }

    fn reserve(&self, len: u64) -> Result<()> {
        let now = self.len()?;
        if len > now { self.set_len(len) } else { Ok(()) }
    }

    fn set_len(&self, len: u64) -> Result<()> {
        const DO: &str = "set the length of";
        self.disk.change(Class::Grow, DO, &self.path, |state| {
            self.check_alive(state, DO)?;
            self.check_room(state, DO, Some(len))?;
            self.inode.set_len(len);
            Ok(())
        })
    }

    fn len(&self) -> Result<u64> {
        self.disk.look("measure", &self.path, |state| {
            self.check_alive(state, "measure")?;
            Ok(self.inode.len())
        })
    }
}
