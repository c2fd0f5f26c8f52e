//! Files that hold segments: opened when first read, removed when nobody can read them any more.

use crate::error::StorageError;
use parking_lot::Mutex;
use platform::{Disk, DiskFile};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// A file of segments. Every segment in it holds it, so it stays as long as a view does.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    disk: Arc<dyn Disk>,
    path: String,
    handle: Mutex<Option<Arc<dyn DiskFile>>>,
    doomed: AtomicBool,
}

impl SegmentFile {
    /// Its path, relative to the data folder.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// To be called once no manifest and no log record names the file: it is removed when the last segment of it goes.
    pub(crate) fn doom(&self) {
        self.doomed.store(true, Ordering::Release);
    }

    /// `len` bytes from `offset`. A file that is too short or missing is damage.
    pub(crate) fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, StorageError> {
        let handle = self.open()?;
        let damaged = |what: &str| StorageError::Damaged { file: self.path.clone(), offset, what: what.to_owned() };
        let end = offset.checked_add(len as u64).ok_or_else(|| damaged("a length above 64 bits"))?;
        // A file that is cut short is told before a buffer is made for it.
        if len > 1 << 20 && end > handle.len()? {
            return Err(damaged("the file ends before"));
        }
        let mut bytes = vec![0; len];
        match handle.read_at(offset, &mut bytes) {
            Ok(()) => Ok(bytes),
            Err(error) if error.is_short_read() => Err(damaged("the file ends before")),
            Err(error) => Err(error.into()),
        }
    }

    fn open(&self) -> Result<Arc<dyn DiskFile>, StorageError> {
        let mut handle = self.handle.lock();
        if let Some(open) = &*handle {
            return Ok(open.clone());
        }
        let open = self.disk.open(&self.path).map_err(|error| match error.is_not_found() {
            true => {
                StorageError::Damaged { file: self.path.clone(), offset: 0, what: "the file is missing".to_owned() }
            }
            false => error.into(),
        })?;
        *handle = Some(open.clone());
        Ok(open)
    }
}

impl Drop for SegmentFile {
    fn drop(&mut self) {
        if *self.doomed.get_mut() {
            // Best effort: what is left is an orphan that a later start finds.
            let _ = self.disk.remove(&self.path);
        }
    }
}

/// The files of segments that somebody holds, by path.
#[derive(Debug)]
pub(crate) struct Files {
    disk: Arc<dyn Disk>,
    open: Mutex<HashMap<String, Weak<SegmentFile>>>,
}

impl Files {
    /// Files of a disk; none is opened yet.
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, open: Mutex::default() }
    }

    /// The file of that path; the same one as long as somebody holds it.
    pub(crate) fn get(&self, path: &str) -> Arc<SegmentFile> {
        let mut open = self.open.lock();
        if let Some(file) = open.get(path).and_then(Weak::upgrade) {
            return file;
        }
        let file = Arc::new(SegmentFile {
            disk: self.disk.clone(),
            path: path.to_owned(),
            handle: Mutex::default(),
            doomed: AtomicBool::new(false),
        });
        open.retain(|_, file| file.strong_count() > 0);
        open.insert(path.to_owned(), Arc::downgrade(&file));
        file
    }
}
