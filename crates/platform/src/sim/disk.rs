//! A disk in memory that forgets what a power cut may make a real one forget.
//!
//! Two layers are kept apart: what calls see (the page cache), and what is durable. `sync_data` and `sync_all` move a file's
//! changes to the durable layer, `sync_dir` a folder's names. [`SimDisk::crash`] draws from the changes between: bytes per
//! sector ([`inode`]), names with what they depend on ([`names`]). A file that was synced, but not its folder, may vanish; a
//! name may come back; folders themselves are durable at once, as [`Disk::create_dir`] promises.
//!
//! Changing calls are numbered from 0 ([`SimDisk::ops`]); a test runs a workload once to count them, then once for each number
//! with [`SimDisk::power_off_at`]. The call in which the power goes takes effect or not, and its caller does not learn which.

use std::io::ErrorKind;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::{Cause, Disk, DiskError, DiskFile, Result, check_dir, check_path};
use crate::random::{Random, SeededRandom};

mod fault;
mod file;
mod inode;
mod names;

pub use fault::Fault;
use fault::{Class, Faults, Step};
use file::SimFile;
use inode::Inode;
use names::Names;

/// The simulated disk. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    names: Names,
    faults: Faults,
    /// Counts starts of the machine; handles of earlier ones are dead.
    generation: u64,
    capacity: Option<u64>,
    /// Decides what is open in a failing call.
    random: SeededRandom,
    /// A failed sync of a folder has lost changes of names that can still be seen.
    forgot_names: bool,
    /// Of all changing calls so far.
    digest: u64,
    /// What each changing call was, if somebody wants to know.
    trace: Option<Vec<String>>,
}

impl SimDisk {
    /// An empty disk without a bound.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            names: Names::default(),
            faults: Faults::default(),
            generation: 0,
            capacity: None,
            random: SeededRandom::new(seed),
            forgot_names: false,
            digest: 0,
            trace: None,
        })))
    }

    /// Changing calls so far, failed ones included.
    pub fn ops(&self) -> u64 {
        self.0.lock().faults.ops()
    }

    /// A number made of all changing calls so far, their order and their bytes: two runs with the same one did the same.
    pub fn digest(&self) -> u64 {
        self.0.lock().digest
    }

    /// Notes from now on what each changing call is.
    pub fn start_trace(&self) {
        self.0.lock().trace = Some(Vec::new());
    }

    /// The calls noted since the last time this was asked.
    pub fn take_trace(&self) -> Vec<String> {
        self.0.lock().trace.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Lets `fault` happen once, after `n` further calls that it could hit have gone well (0: at the next).
    pub fn fail_after(&self, n: u64, fault: Fault) {
        self.0.lock().faults.arm(n, fault);
    }

    /// Cuts the power in the changing call number `op` (as counted by [`SimDisk::ops`]): that call and all later ones fail
    /// with [`Cause::PoweredOff`] until [`SimDisk::crash`] or [`SimDisk::kill`].
    pub fn power_off_at(&self, op: u64) {
        self.0.lock().faults.power_off_at(op);
    }

    /// Bounds the bytes of all files that have a name or are open; `None` for no bound. Fuller than that already is no error.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.0.lock().capacity = bytes;
    }

    /// Bytes of all files that have a name or are open.
    pub fn used_bytes(&self) -> u64 {
        self.0.lock().names.used_bytes()
    }

    /// Whether the sync of a folder has failed so that names can be seen which no later sync makes durable, until a crash. A
    /// process that is started again cannot know of it; a test that kills one must cut the power instead.
    pub fn forgot_names(&self) -> bool {
        self.0.lock().forgot_names
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        self.0.lock().faults.is_off()
    }

    /// Takes back what [`SimDisk::fail_after`] and [`SimDisk::power_off_at`] armed and has not happened.
    pub fn disarm(&self) {
        self.0.lock().faults.disarm();
    }

    /// Power cut and restart: un-synced changes survive or not, as `random` decides; handles from before are dead; armed
    /// faults are gone, power is back.
    pub fn crash(&self, random: &dyn Random) {
        let mut state = self.0.lock();
        state.names.crash(random);
        state.forgot_names = false;
        state.restart();
    }

    /// The process is killed and starts again, the machine goes on: nothing is lost, nothing more is durable; handles from
    /// before are dead, armed faults are gone. After [`SimDisk::power_off_at`] it was only the process that stopped there.
    pub fn kill(&self) {
        self.0.lock().restart();
    }

    /// Flips the bits of `mask` in the byte at `offset`, durably and unseen by anybody: decay. False if there is no such byte.
    pub fn decay(&self, path: &str, offset: u64, mask: u8) -> bool {
        self.0.lock().names.file(path).is_some_and(|inode| inode.decay(offset, mask))
    }

    /// A call that changes nothing.
    fn look<T>(&self, operation: &'static str, path: &str, act: impl FnOnce(&State) -> Result<T>) -> Result<T> {
        let mut state = self.0.lock();
        state.faults.read(operation, path)?;
        act(&state)
    }

    /// A call that changes something.
    fn change<T>(
        &self,
        class: Class,
        operation: &'static str,
        path: &str,
        act: impl FnOnce(&mut State) -> Result<T>,
    ) -> Result<T> {
        let mut state = self.0.lock();
        match state.gate(class, operation, path)? {
            Step::Go | Step::Half | Step::SyncFails => act(&mut state),
            Step::PowerFails(error) => {
                // Drawn first, so that the draw does not depend on what the call would have said.
                if state.random.below(2) == 0 {
                    let _ = act(&mut state);
                }
                Err(error)
            }
        }
    }

    fn handle(&self, state: &State, path: &str, inode: Arc<Inode>) -> Arc<dyn DiskFile> {
        Arc::new(SimFile::new(self.clone(), path, inode, state.generation))
    }
}

impl State {
    fn gate(&mut self, class: Class, operation: &'static str, path: &str) -> Result<Step> {
        self.note(operation.as_bytes());
        self.note(path.as_bytes());
        let number = self.faults.ops();
        let step = self.faults.change(class, operation, path);
        if let Some(trace) = &mut self.trace {
            let outcome = match &step {
                Ok(Step::Go) => "",
                Ok(Step::Half) => ": done by half",
                Ok(Step::SyncFails) => ": fails",
                Ok(Step::PowerFails(_)) => ": the power goes",
                Err(_) => ": refused",
            };
            trace.push(format!("{number} {operation} {path}{outcome}"));
        }
        step
    }

    /// Takes bytes into the digest (FNV-1a).
    fn note(&mut self, bytes: &[u8]) {
        let step = |digest: u64, byte: &u8| (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        self.digest = bytes.iter().fold(self.digest ^ 0xcbf2_9ce4_8422_2325, step);
    }

    fn restart(&mut self) {
        self.faults.restart();
        self.generation += 1;
    }

    fn free_bytes(&self) -> u64 {
        self.capacity.map_or(1 << 40, |capacity| capacity.saturating_sub(self.names.used_bytes()))
    }
}

/// An error as the operating system would give it.
fn io_error(operation: &'static str, path: &str, kind: ErrorKind) -> DiskError {
    DiskError::io(operation, path, &kind.into())
}

impl Disk for SimDisk {
    fn create_dir(&self, dir: &str) -> Result<()> {
        const DO: &str = "create folder";
        check_dir(DO, dir)?;
        self.change(Class::Grow, DO, dir, |state| state.names.create_dir(dir).map_err(|kind| io_error(DO, dir, kind)))
    }

    fn remove_dir(&self, dir: &str) -> Result<()> {
        const DO: &str = "remove folder";
        check_path(DO, dir)?;
        self.change(Class::Name, DO, dir, |state| state.names.remove_dir(dir).map_err(|kind| io_error(DO, dir, kind)))
    }

    fn list(&self, dir: &str) -> Result<Vec<String>> {
        check_dir("list", dir)?;
        self.look("list", dir, |state| state.names.list(dir).map_err(|kind| io_error("list", dir, kind)))
    }

    fn exists(&self, path: &str) -> Result<bool> {
        check_dir("look up", path)?;
        self.look("look up", path, |state| Ok(state.names.exists(path)))
    }

    fn len(&self, path: &str) -> Result<u64> {
        check_path("measure", path)?;
        self.look("measure", path, |state| {
            let inode = state.names.file(path).ok_or_else(|| io_error("measure", path, ErrorKind::NotFound))?;
            Ok(inode.len())
        })
    }

    fn create(&self, path: &str) -> Result<Arc<dyn DiskFile>> {
        check_path("create", path)?;
        self.change(Class::Grow, "create", path, |state| {
            let inode = state.names.create(path).map_err(|kind| io_error("create", path, kind))?;
            Ok(self.handle(state, path, inode))
        })
    }

    fn open(&self, path: &str) -> Result<Arc<dyn DiskFile>> {
        check_path("open", path)?;
        self.look("open", path, |state| match state.names.file(path) {
            Some(inode) => Ok(self.handle(state, path, inode.clone())),
            None if state.names.exists(path) => Err(io_error("open", path, ErrorKind::IsADirectory)),
            None => Err(io_error("open", path, ErrorKind::NotFound)),
        })
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        check_path("rename", from)?;
        check_path("rename to", to)?;
        self.change(Class::Name, "rename", from, |state| {
            state.names.rename(from, to).map_err(|kind| io_error("rename", from, kind))
        })
    }

    fn remove(&self, path: &str) -> Result<()> {
        check_path("remove", path)?;
        self.change(Class::Name, "remove", path, |state| {
            state.names.remove(path).map_err(|kind| io_error("remove", path, kind))
        })
    }

    fn sync_dir(&self, dir: &str) -> Result<()> {
        const DO: &str = "sync folder";
        check_dir(DO, dir)?;
        let mut state = self.0.lock();
        match state.gate(Class::Sync, DO, dir)? {
            Step::Go | Step::Half => state.names.sync(dir).map_err(|kind| io_error(DO, dir, kind)),
            Step::SyncFails => {
                let State { names, random, forgot_names, .. } = &mut *state;
                *forgot_names |= names.fail_sync(dir, random);
                Err(fault::eio(DO, dir))
            }
            // What the sync reached is what the crash draws.
            Step::PowerFails(error) => Err(error),
        }
    }

    fn sync_file_system(&self) -> Result<()> {
        const DO: &str = "sync file system";
        let mut state = self.0.lock();
        match state.gate(Class::Sync, DO, "")? {
            Step::Go | Step::Half => {
                state.names.sync_all();
                Ok(())
            }
            Step::SyncFails => Err(fault::eio(DO, "")),
            Step::PowerFails(error) => Err(error),
        }
    }

    fn free_bytes(&self) -> Result<u64> {
        self.look("measure", "", |state| Ok(state.free_bytes()))
    }

    fn total_bytes(&self) -> Result<u64> {
        self.look("measure", "", |state| Ok(state.capacity.unwrap_or(1 << 40)))
    }
}

/// The error of a handle from before the last crash.
fn dead(operation: &'static str, path: &str) -> DiskError {
    DiskError::new(operation, path, Cause::PoweredOff)
}

#[cfg(test)]
mod tests;
