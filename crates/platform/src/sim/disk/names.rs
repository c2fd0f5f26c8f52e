//! The names of a simulated disk: as seen, as durable, and the changes between.
//!
//! Changes of names reach the disk one by one, in any order, except that a change never goes before an earlier one of the same
//! name: what survives a crash is closed under that dependence, so that a renamed file has its old or its new name, one at
//! least and never both.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::sync::{Arc, Weak};

use super::inode::Inode;
use crate::disk::parent;
use crate::random::Random;

type Files = BTreeMap<String, Arc<Inode>>;

#[derive(Debug, Default)]
pub(super) struct Names {
    live: Files,
    durable: Files,
    pending: Vec<Change>,
    /// Folders but the data folder itself.
    folders: BTreeSet<String>,
    /// Removed, but the folder above is not yet synced.
    folders_removed: BTreeSet<String>,
    /// All files ever made that may still be held.
    inodes: Vec<Weak<Inode>>,
}

/// A change of one or two names: what goes, and what comes.
#[derive(Debug, Clone)]
struct Change {
    gone: Option<String>,
    made: Option<(String, Arc<Inode>)>,
}

impl Change {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.gone.as_deref().into_iter().chain(self.made.as_ref().map(|(name, _)| name.as_str()))
    }

    fn apply(self, files: &mut Files) {
        if let Some(name) = self.gone {
            files.remove(&name);
        }
        if let Some((name, inode)) = self.made {
            files.insert(name, inode);
        }
    }
}

impl Names {
    pub(super) fn file(&self, path: &str) -> Option<&Arc<Inode>> {
        self.live.get(path)
    }

    fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.folders.contains(path)
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.is_folder(path) || self.live.contains_key(path)
    }

    pub(super) fn list(&self, dir: &str) -> Result<Vec<String>, ErrorKind> {
        if self.live.contains_key(dir) {
            return Err(ErrorKind::NotADirectory);
        }
        let inside = |path: &&String| parent(path) == dir;
        let paths = self.live.keys().chain(&self.folders).filter(inside);
        let mut names: Vec<_> = paths.map(|path| path[path.rfind('/').map_or(0, |at| at + 1)..].to_owned()).collect();
        names.sort_unstable();
        Ok(names)
    }

    pub(super) fn create_dir(&mut self, dir: &str) -> Result<(), ErrorKind> {
        let mut path = dir;
        while !path.is_empty() {
            if self.live.contains_key(path) {
                return Err(if path == dir { ErrorKind::AlreadyExists } else { ErrorKind::NotADirectory });
            }
            path = parent(path);
        }
        self.add_folders(dir);
        Ok(())
    }

    fn add_folders(&mut self, dir: &str) {
        let mut path = dir;
        while !path.is_empty() {
            self.folders_removed.remove(path);
            self.folders.insert(path.to_owned());
            path = parent(path);
        }
    }

    pub(super) fn remove_dir(&mut self, dir: &str) -> Result<(), ErrorKind> {
        if self.live.contains_key(dir) {
            return Err(ErrorKind::NotADirectory);
        }
        if !self.list(dir)?.is_empty() {
            return Err(ErrorKind::DirectoryNotEmpty);
        }
        if !self.folders.remove(dir) {
            return Err(ErrorKind::NotFound);
        }
        self.folders_removed.insert(dir.to_owned());
        Ok(())
    }

    pub(super) fn create(&mut self, path: &str) -> Result<Arc<Inode>, ErrorKind> {
        if self.exists(path) {
            return Err(ErrorKind::AlreadyExists);
        }
        self.check_parent(path)?;
        let inode = Arc::new(Inode::default());
        self.inodes.retain(|weak| weak.strong_count() > 0);
        self.inodes.push(Arc::downgrade(&inode));
        self.change(Change { gone: None, made: Some((path.to_owned(), inode.clone())) });
        Ok(inode)
    }

    fn check_parent(&self, path: &str) -> Result<(), ErrorKind> {
        let dir = parent(path);
        match () {
            () if self.is_folder(dir) => Ok(()),
            () if self.live.contains_key(dir) => Err(ErrorKind::NotADirectory),
            () => Err(ErrorKind::NotFound),
        }
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> Result<(), ErrorKind> {
        let inode = self.live.get(from).ok_or(ErrorKind::NotFound)?.clone();
        if self.is_folder(to) {
            return Err(ErrorKind::IsADirectory);
        }
        self.check_parent(to)?;
        if from != to {
            self.change(Change { gone: Some(from.to_owned()), made: Some((to.to_owned(), inode)) });
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &str) -> Result<(), ErrorKind> {
        if !self.live.contains_key(path) {
            return Err(if self.is_folder(path) { ErrorKind::IsADirectory } else { ErrorKind::NotFound });
        }
        self.change(Change { gone: Some(path.to_owned()), made: None });
        Ok(())
    }

    fn change(&mut self, change: Change) {
        change.clone().apply(&mut self.live);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self, dir: &str) -> Result<(), ErrorKind> {
        if !self.is_folder(dir) {
            return Err(ErrorKind::NotFound);
        }
        self.settle(|change| change.names().any(|name| parent(name) == dir));
        self.folders_removed.retain(|folder| parent(folder) != dir);
        Ok(())
    }

    /// Makes all names durable, and the bytes of all files that have one.
    pub(super) fn sync_all(&mut self) {
        self.settle(|_| true);
        self.folders_removed.clear();
        self.live.values().for_each(|inode| inode.sync());
    }

    /// A sync that fails: half the time nothing happens, else the folder's changes are taken for done and are not. Whether
    /// changes were forgotten so.
    pub(super) fn fail_sync(&mut self, dir: &str, random: &dyn Random) -> bool {
        let before = self.pending.len();
        if random.below(2) == 0 {
            self.pending.retain(|change| change.names().all(|name| parent(name) != dir));
        }
        self.pending.len() < before
    }

    /// Makes the chosen changes durable, and the earlier ones that they depend on.
    fn settle(&mut self, mut chosen: impl FnMut(&Change) -> bool) {
        let mut needed: BTreeSet<String> = BTreeSet::new();
        let mut goes = vec![false; self.pending.len()];
        for (change, goes) in self.pending.iter().zip(&mut goes).rev() {
            // Asked for each, so that drawing from a seed does not depend on names.
            *goes = chosen(change) | change.names().any(|name| needed.contains(name));
            if *goes {
                needed.extend(change.names().map(str::to_owned));
            }
        }
        for (change, goes) in std::mem::take(&mut self.pending).into_iter().zip(goes) {
            if goes { change.apply(&mut self.durable) } else { self.pending.push(change) }
        }
    }

    /// Forgets what a power cut forgets, of names and of bytes; `random` decides.
    pub(super) fn crash(&mut self, random: &dyn Random) {
        match random.below(4) {
            0 => {}
            1 => self.settle(|_| true),
            _ => self.settle(|_| random.below(2) == 0),
        }
        self.pending.clear();
        self.live.clone_from(&self.durable);
        for folder in std::mem::take(&mut self.folders_removed) {
            if random.below(2) == 0 {
                self.add_folders(&folder);
            }
        }
        for path in self.live.keys().cloned().collect::<Vec<_>>() {
            self.add_folders(parent(&path));
        }
        self.live.values().for_each(|inode| inode.crash(random));
    }

    pub(super) fn used_bytes(&self) -> u64 {
        let named: BTreeSet<_> = self.live.values().map(Arc::as_ptr).collect();
        let held = |inode: &Arc<Inode>| inode.is_open() || named.contains(&Arc::as_ptr(inode));
        self.inodes.iter().filter_map(Weak::upgrade).filter(held).map(|inode| inode.len()).sum()
    }
}
