//! Files that hold segments: opened when first read, removed when nobody can read them any more. A bounded number is open at a
//! time; beyond it those are closed that were not read for longest, and open again with their next read.

use crate::error::StorageError;
use parking_lot::Mutex;
use platform::{Disk, DiskFile};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// A file of segments. Every segment in it holds it, so it stays as long as a view does.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    disk: Arc<dyn Disk>,
    path: String,
    handle: Mutex<Option<Arc<dyn DiskFile>>>,
    /// It was read since the hand of [`Handles`] passed.
    read: AtomicBool,
    doomed: AtomicBool,
    handles: Arc<Handles>,
    me: Weak<SegmentFile>,
}

/// What can be done about a file that is gone.
pub(super) const WAY_OUT: &str = "put it back from a copy, or give up its shard by DROP SHARD";

/// Files that are open at a time, at most.
const MOST_OPEN: usize = 512;

/// The files that are open, the next to be looked at first.
#[derive(Debug)]
struct Handles {
    most: usize,
    queue: Mutex<VecDeque<Weak<SegmentFile>>>,
    /// Paths of files that were found damaged by who read them.
    hurt: Mutex<BTreeSet<String>>,
    /// Whether one was missed.
    missed: AtomicBool,
}

impl Handles {
    /// Notes a file that was opened, and closes others where there are too many.
    fn add(&self, file: Weak<SegmentFile>) {
        let mut queue = self.queue.lock();
        queue.push_back(file);
        // Each gets a second chance, so that two rounds are enough.
        for _ in 0..2 * queue.len() {
            if queue.len() <= self.most {
                return;
            }
            let Some(file) = queue.pop_front().and_then(|file| file.upgrade()) else { continue };
            if file.read.swap(false, Ordering::Relaxed) {
                queue.push_back(file.me.clone());
            } else {
                *file.handle.lock() = None;
            }
        }
    }
}

impl SegmentFile {
    /// To be called once no manifest and no log record names the file: it is removed when the last segment of it goes.
    pub(crate) fn doom(&self) {
        self.doomed.store(true, Ordering::Release);
    }

    /// `len` bytes from `offset`. A file that is too short or missing is damage.
    pub(crate) fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, StorageError> {
        let handle = self.open()?;
        let damaged = |what: &str| self.damaged(offset, what);
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

    /// The error that it does not hold at an offset what it should; it is noted that it does not.
    pub(super) fn damaged(&self, offset: u64, what: &str) -> StorageError {
        self.handles.hurt.lock().insert(self.path.clone());
        // Another file may be put in its place.
        *self.handle.lock() = None;
        StorageError::Damaged { file: self.path.clone(), offset, what: format!("{what}; {WAY_OUT}") }
    }

    fn open(&self) -> Result<Arc<dyn DiskFile>, StorageError> {
        let mut handle = self.handle.lock();
        self.read.store(true, Ordering::Relaxed);
        if let Some(open) = &*handle {
            return Ok(open.clone());
        }
        let open = self.disk.open(&self.path).map_err(|error| match error.is_not_found() {
            true => {
                self.handles.missed.store(true, Ordering::Relaxed);
                StorageError::Missing { file: self.path.clone(), what: WAY_OUT.to_owned() }
            }
            false => error.into(),
        })?;
        *handle = Some(open.clone());
        drop(handle);
        // If it still is, its reader says so again.
        self.handles.hurt.lock().remove(&self.path);
        self.handles.add(self.me.clone());
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
    handles: Arc<Handles>,
}

impl Files {
    /// Files of a disk; none is opened yet.
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self::with_most(disk, MOST_OPEN)
    }

    fn with_most(disk: Arc<dyn Disk>, most: usize) -> Self {
        let handles =
            Arc::new(Handles { most, queue: Mutex::default(), hurt: Mutex::default(), missed: AtomicBool::new(false) });
        Self { disk, open: Mutex::default(), handles }
    }

    /// Notes that a file is missing.
    pub(crate) fn miss(&self) {
        self.handles.missed.store(true, Ordering::Relaxed);
    }

    /// Whether a file was missing once.
    pub(crate) fn missed(&self) -> bool {
        self.handles.missed.load(Ordering::Relaxed)
    }

    /// Paths of files that were found damaged when they were read, and are still held.
    pub(crate) fn hurt(&self) -> BTreeSet<String> {
        let open = self.open.lock();
        let mut hurt = self.handles.hurt.lock();
        hurt.retain(|path| open.get(path).is_some_and(|file| file.strong_count() > 0));
        hurt.clone()
    }

    /// The file of that path; the same one as long as somebody holds it.
    pub(crate) fn get(&self, path: &str) -> Arc<SegmentFile> {
        let mut open = self.open.lock();
        if let Some(file) = open.get(path).and_then(Weak::upgrade) {
            return file;
        }
        let file = Arc::new_cyclic(|me| SegmentFile {
            disk: self.disk.clone(),
            path: path.to_owned(),
            handle: Mutex::default(),
            read: AtomicBool::new(false),
            doomed: AtomicBool::new(false),
            handles: self.handles.clone(),
            me: me.clone(),
        });
        // Names that nobody holds any more go where there is no room, so that a new one costs little.
        if open.len() == open.capacity() {
            open.retain(|_, file| file.strong_count() > 0);
        }
        open.insert(path.to_owned(), Arc::downgrade(&file));
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::sim::SimWorld;

    #[test]
    fn few_files_are_open() {
        let disk = SimWorld::new(1).world().disk;
        disk.create_dir("segments").unwrap();
        let files = Files::with_most(disk.clone(), 10);
        let path = |at: u8| format!("segments/{at}");
        let held: Vec<Arc<SegmentFile>> = (0..100).map(|at| files.get(&path(at))).collect();
        for at in 0..100 {
            disk.create(&path(at)).unwrap().write_at(0, &[at]).unwrap();
        }
        for (at, file) in (0..).zip(&held).chain((0..).zip(&held)) {
            assert_eq!(file.read(0, 1).unwrap(), [at]);
            assert_eq!(held[0].read(0, 1).unwrap(), [0]);
            assert!(held.iter().filter(|file| file.handle.lock().is_some()).count() <= 10);
        }
        assert!(held[0].handle.lock().is_some(), "what is read all the time stays open");
    }
}
