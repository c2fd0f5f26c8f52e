//! An object store on a [`Disk`]: whole objects, created once, never changed; later S3 behind the same calls.
//!
//! The only conditional operation is create-if-absent. On a disk it is: look, write aside, sync the file, rename, sync the
//! folder, all under one mutex (the data folder's lock keeps other processes out). So an incomplete object never stands under
//! its final name, and a name that can be seen had its bytes synced before.
//!
//! If the last step, the sync of the folder, fails, the name can be seen but nobody knows whether it lasts. Acting on it could
//! delete files that the older state, back after a power cut, still needs. So the folder becomes doubtful: listing it and
//! putting into it fail until a restart.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::{Cause, Disk, DiskError, Result, parent};

/// The name under which an object is written before it gets its own; one a folder, so that crashes leave one at most.
const ASIDE: &str = "put.aside";

/// Objects by path. Clones share one lock.
#[derive(Debug, Clone)]
pub struct Blobs {
    disk: Arc<dyn Disk>,
    /// Held over every put; inside, the folders whose sync failed.
    doubtful: Arc<Mutex<BTreeSet<String>>>,
}

impl Blobs {
    /// The objects of a disk. Make one for a disk and clone it: puts through two would not exclude each other.
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, doubtful: Arc::default() }
    }

    /// The disk below, for files that are no objects, such as the log.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Creates an object, durable when this returns true; false, and nothing done, if the path is taken. After an error it
    /// exists or not.
    pub fn put_if_absent(&self, path: &str, bytes: &[u8]) -> Result<bool> {
        let folder = parent(path);
        let mut doubtful = self.doubtful.lock();
        refuse_doubtful(&doubtful, "put", path)?;
        self.disk.create_dir(folder)?;
        if self.disk.exists(path)? {
            return Ok(false);
        }
        let aside = join(folder, ASIDE);
        if self.disk.exists(&aside)? {
            self.disk.remove(&aside)?;
        }
        let renamed = self.write_aside(&aside, bytes).and_then(|()| self.disk.rename(&aside, path));
        if let Err(error) = renamed {
            // Best effort: the next put into this folder removes it as well.
            let _ = self.disk.remove(&aside);
            // A rename may have been done and then reported as failed.
            if !matches!(self.disk.exists(path), Ok(false)) {
                doubtful.insert(folder.to_owned());
            }
            return Err(error);
        }
        self.disk.sync_dir(folder).inspect_err(|_| {
            doubtful.insert(folder.to_owned());
        })?;
        Ok(true)
    }

    fn write_aside(&self, aside: &str, bytes: &[u8]) -> Result<()> {
        let file = self.disk.create(aside)?;
        file.write_at(0, bytes)?;
        file.sync_all()
    }

    /// A whole object.
    pub fn get(&self, path: &str) -> Result<Vec<u8>> {
        let file = self.disk.open(path)?;
        let mut bytes = vec![0; file.len()? as usize];
        file.read_at(0, &mut bytes)?;
        Ok(bytes)
    }

    /// `length` bytes of an object from `offset`; an error if it ends before.
    pub fn get_range(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        let file = self.disk.open(path)?;
        let end = file.len()?;
        if offset.checked_add(length as u64).is_none_or(|wanted| wanted > end) {
            // Before the buffer is made: the length may come from a damaged file.
            let cause = Cause::ShortRead { offset, wanted: length as u64, length: end };
            return Err(DiskError::new("read", path, cause));
        }
        let mut bytes = vec![0; length];
        file.read_at(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// The names of a folder's objects and folders, sorted; empty if there is none.
    pub fn list(&self, folder: &str) -> Result<Vec<String>> {
        refuse_doubtful(&self.doubtful.lock(), "list", &join(folder, ""))?;
        let mut names = self.disk.list(folder)?;
        names.retain(|name| name != ASIDE);
        Ok(names)
    }

    /// Deletes an object; one that is not there is no error. It may come back after a power cut.
    pub fn delete(&self, path: &str) -> Result<()> {
        match self.disk.remove(path) {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }

    /// Makes durable what an earlier process may have seen or made and not synced: the folder's names and one object.
    /// To be called before acting on what was found at a start.
    pub fn settle(&self, folder: &str, object: Option<&str>) -> Result<()> {
        let _puts_wait = self.doubtful.lock();
        if let Some(path) = object {
            self.disk.open(path)?.sync_all()?;
        }
        self.disk.sync_dir(folder)
    }

    /// As [`Blobs::settle`], of all folders and objects at once; see [`Disk::sync_file_system`].
    pub fn settle_all(&self) -> Result<()> {
        let _puts_wait = self.doubtful.lock();
        self.disk.sync_file_system()
    }
}

fn refuse_doubtful(doubtful: &BTreeSet<String>, operation: &'static str, path: &str) -> Result<()> {
    match doubtful.contains(parent(path)) {
        true => Err(DiskError::new(operation, path, Cause::Doubtful)),
        false => Ok(()),
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests;
