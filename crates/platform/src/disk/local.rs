//! The real data folder.
//!
//! Folders are made with mode 0700 and files with 0600: a database is nobody else's to read. A file is never opened through
//! a symbolic link in its last part. A lock file, held by `flock` as long as the [`LocalDisk`] lives, keeps a second process
//! out; the kernel drops it with the process, so a crash leaves nothing to clean up.

#![allow(clippy::disallowed_methods, reason = "this is the module that the ban on std::fs points to")]

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::fs::{FlockOperation, OFlags};

use super::path::{check_dir, check_path, parent};
use super::{Cause, Disk, DiskError, DiskFile, Result};

/// The file in the data folder that is locked while a process uses it; hidden from [`Disk::list`].
pub const LOCK_FILE: &str = "alluvium.lock";

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// A [`Disk`] on a folder of the local file system.
#[derive(Debug)]
pub struct LocalDisk {
    root: PathBuf,
    /// Folders whose names this process has synced: an existing one may be left un-synced by a process that was killed.
    settled: Mutex<BTreeSet<String>>,
    /// Held for its lock.
    /// None where only reads are allowed.
    lock: Option<File>,
}

impl LocalDisk {
    /// Opens a data folder, creating it if missing, and locks it. [`Cause::InUse`] if another holds it, in this process or
    /// another.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        let shown = root.display().to_string();
        let fail = |error: std::io::Error| DiskError::io("open data folder", &shown, &error);
        make_root(root).map_err(fail)?;
        let root = root.canonicalize().map_err(fail)?;
        if is_foreign(&root).map_err(fail)? {
            return Err(DiskError::new("open data folder", &shown, Cause::Foreign));
        }
        let lock = lock_folder(&root, &shown)?;
        Ok(Self { root, settled: Mutex::default(), lock: Some(lock) })
    }

    /// Opens the folder for reading alone: without the lock, so that another process may use it at the same time, and every change
    /// is refused ([`Cause::ReadOnly`]). [`Cause::NoData`] if it is no data folder.
    pub fn look(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        let shown = root.display().to_string();
        if !root.join(LOCK_FILE).exists() {
            return Err(DiskError::new("open data folder", &shown, Cause::NoData));
        }
        let root = root.canonicalize().map_err(|error| DiskError::io("open data folder", &shown, &error))?;
        Ok(Self { root, settled: Mutex::default(), lock: None })
    }

    fn check_writable(&self, operation: &'static str, path: &str) -> Result<()> {
        match self.lock {
            Some(_) => Ok(()),
            None => Err(DiskError::new(operation, path, Cause::ReadOnly)),
        }
    }

    /// The data folder, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn at(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    fn open_with(&self, operation: &'static str, path: &str, options: &OpenOptions) -> Result<Arc<dyn DiskFile>> {
        check_path(operation, path)?;
        let file = options.open(self.at(path)).map_err(|error| DiskError::io(operation, path, &error))?;
        Ok(Arc::new(LocalFile { path: path.to_owned(), file }))
    }
}

/// Whether the folder holds something, but was never a data folder: another program's, InfluxDB's perhaps. Where the lock's file is
/// gone, as in a copy that left it out, a chain of versions tells whose it is.
fn is_foreign(root: &Path) -> std::io::Result<bool> {
    if root.join(LOCK_FILE).exists() {
        return Ok(false);
    }
    let mut holds_something = false;
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != "lost+found" && !name.to_string_lossy().starts_with('.') {
            if is_chain(&entry)? {
                return Ok(false);
            }
            holds_something = true;
        }
    }
    Ok(holds_something)
}

/// Whether it is a folder with a version of a chain of its own name: see [`crate::chain::path`].
fn is_chain(entry: &std::fs::DirEntry) -> std::io::Result<bool> {
    if !entry.file_type()?.is_dir() {
        return Ok(false);
    }
    let prefix = format!("{}-", entry.file_name().to_string_lossy());
    for file in std::fs::read_dir(entry.path())? {
        let name = file?.file_name();
        let name = name.to_string_lossy();
        if name.strip_prefix(&prefix).is_some_and(|rest| rest.len() == 20 && rest.bytes().all(|b| b.is_ascii_digit())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Creates the data folder and what is missing above it.
fn make_root(root: &Path) -> std::io::Result<()> {
    if root.is_dir() {
        return Ok(());
    }
    let above = match root.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => return Ok(()),
    };
    make_root(above)?;
    make_folder(root)?;
    File::open(above)?.sync_all()
}

/// Creates one folder; an existing one is no error.
fn make_folder(path: &Path) -> std::io::Result<()> {
    match DirBuilder::new().mode(FOLDER_MODE).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other,
    }
}

/// Takes the lock, or says who holds it.
fn lock_folder(root: &Path, shown: &str) -> Result<File> {
    let fail = |error: std::io::Error| DiskError::io("lock data folder", shown, &error);
    let mut file = options().create(true).open(root.join(LOCK_FILE)).map_err(fail)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            // The number is only a hint for the operator: unreadable is no error of its own.
            let _ = (&mut file).take(20).read_to_string(&mut holder);
            let holder = holder.trim().parse::<u32>().map_or(String::new(), |pid| format!(" (process {pid})"));
            return Err(DiskError::new("lock data folder", shown, Cause::InUse(holder)));
        }
        Err(error) => return Err(fail(error.into())),
    }
    // A full disk must not keep the database from serving reads, so that the hint is best effort too.
    let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(file)
}

/// Reads a small text file outside every data folder, such as the configuration: at most 16 MiB of UTF-8.
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    const MOST: u64 = 16 << 20;
    let path = path.as_ref();
    let read = || {
        let mut text = String::new();
        // One byte more than allowed, to tell a file that ends there from a longer one.
        File::open(path)?.take(MOST + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MOST { Err(ErrorKind::FileTooLarge.into()) } else { Ok(text) }
    };
    read().map_err(|error| DiskError::io("read", &path.display().to_string(), &error))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(FILE_MODE).custom_flags((OFlags::NOFOLLOW | OFlags::CLOEXEC).bits() as i32);
    options
}

impl Disk for LocalDisk {
    fn create_dir(&self, dir: &str) -> Result<()> {
        const DO: &str = "create folder";
        check_dir(DO, dir)?;
        self.check_writable(DO, dir)?;
        if dir.is_empty() || (self.settled.lock().contains(dir) && self.at(dir).is_dir()) {
            return Ok(());
        }
        self.create_dir(parent(dir))?;
        make_folder(&self.at(dir)).map_err(|error| DiskError::io(DO, dir, &error))?;
        self.sync_dir(parent(dir))?;
        self.settled.lock().insert(dir.to_owned());
        Ok(())
    }

    fn remove_dir(&self, dir: &str) -> Result<()> {
        check_path("remove folder", dir)?;
        self.check_writable("remove folder", dir)?;
        self.settled.lock().remove(dir);
        std::fs::remove_dir(self.at(dir)).map_err(|error| DiskError::io("remove folder", dir, &error))
    }

    fn list(&self, dir: &str) -> Result<Vec<String>> {
        check_dir("list", dir)?;
        let fail = |error: std::io::Error| DiskError::io("list", dir, &error);
        let entries = match std::fs::read_dir(self.at(dir)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(fail)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry.map_err(fail)?.file_name().into_string() {
                names.push(name);
            }
        }
        names.retain(|name| !(dir.is_empty() && name == LOCK_FILE));
        names.sort_unstable();
        Ok(names)
    }

    fn exists(&self, path: &str) -> Result<bool> {
        check_dir("look up", path)?;
        match std::fs::symlink_metadata(self.at(path)) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(DiskError::io("look up", path, &error)),
        }
    }

    fn len(&self, path: &str) -> Result<u64> {
        check_path("measure", path)?;
        let metadata = std::fs::symlink_metadata(self.at(path)).map_err(|e| DiskError::io("measure", path, &e))?;
        Ok(metadata.len())
    }

    fn create(&self, path: &str) -> Result<Arc<dyn DiskFile>> {
        self.check_writable("create", path)?;
        self.open_with("create", path, options().create_new(true))
    }

    fn open(&self, path: &str) -> Result<Arc<dyn DiskFile>> {
        self.open_with("open", path, options().write(self.lock.is_some()))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        check_path("rename", from)?;
        check_path("rename to", to)?;
        self.check_writable("rename", from)?;
        std::fs::rename(self.at(from), self.at(to)).map_err(|error| DiskError::io("rename", from, &error))
    }

    fn remove(&self, path: &str) -> Result<()> {
        check_path("remove", path)?;
        self.check_writable("remove", path)?;
        std::fs::remove_file(self.at(path)).map_err(|error| DiskError::io("remove", path, &error))
    }

    fn sync_dir(&self, dir: &str) -> Result<()> {
        check_dir("sync folder", dir)?;
        let sync = || File::open(self.at(dir))?.sync_all();
        sync().map_err(|error| DiskError::io("sync folder", dir, &error))
    }

    fn sync_file_system(&self) -> Result<()> {
        let sync = || Ok(rustix::fs::syncfs(File::open(&self.root)?)?);
        sync().map_err(|error: std::io::Error| DiskError::io("sync file system", "", &error))
    }

    fn free_bytes(&self) -> Result<u64> {
        let vfs = rustix::fs::statvfs(&self.root).map_err(|error| DiskError::io("measure", "", &error.into()))?;
        Ok(vfs.f_bavail.saturating_mul(vfs.f_frsize))
    }

    fn total_bytes(&self) -> Result<u64> {
        let vfs = rustix::fs::statvfs(&self.root).map_err(|error| DiskError::io("measure", "", &error.into()))?;
        Ok(vfs.f_blocks.saturating_mul(vfs.f_frsize))
    }
}

/// A [`DiskFile`] of a [`LocalDisk`].
#[derive(Debug)]
struct LocalFile {
    path: String,
    file: File,
}

impl LocalFile {
    fn fail(&self, operation: &'static str) -> impl Fn(std::io::Error) -> DiskError {
        move |error| DiskError::io(operation, &self.path, &error)
    }
}

impl DiskFile for LocalFile {
    fn path(&self) -> &str {
        &self.path
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        match self.file.read_exact_at(buf, offset) {
            Ok(()) => Ok(()),
            // The second is the kernel's word for an offset that no file can have.
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidInput) => {
                let cause = Cause::ShortRead { offset, wanted: buf.len() as u64, length: self.len()? };
                Err(DiskError::new("read", &self.path, cause))
            }
            Err(error) => Err(self.fail("read")(error)),
        }
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file.write_all_at(bytes, offset).map_err(self.fail("write"))
    }

    fn sync_data(&self) -> Result<()> {
        self.file.sync_data().map_err(self.fail("sync"))
    }

    fn sync_all(&self) -> Result<()> {
        self.file.sync_all().map_err(self.fail("sync"))
    }

    fn reserve(&self, len: u64) -> Result<()> {
        match rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::empty(), 0, len) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => self.preallocate(len),
            Err(error) => Err(self.fail("extend")(error.into())),
        }
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.file.set_len(len).map_err(self.fail("set the length of"))
    }

    fn len(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(self.fail("measure"))?.len())
    }
}
