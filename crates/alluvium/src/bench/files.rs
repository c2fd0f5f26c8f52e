//! The files that a measurement touches: workloads, and the measured server's data folder. None is a file of this database's.

#![allow(
    clippy::disallowed_methods,
    reason = "workloads and another process's folder lie outside every data folder of ours"
)]

use anyhow::{Context, Result};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Creates or empties a file.
pub(super) fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("cannot create {}", path.display()))
}

/// Opens a file for reading.
pub(super) fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("cannot open {}", path.display()))
}

/// Removes a file.
pub(super) fn remove(path: &Path) -> Result<()> {
    std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))
}

/// Folders of what is allocated ahead and used again: of Alluvium's log, of InfluxDB's.
const LOGS: [&str; 2] = ["log", "wal"];

/// Bytes that a folder takes on the disk, as `du` counts (whole blocks, holes left out): those of logs, those of all else.
pub(super) fn folder_bytes(path: &Path) -> Result<(u64, u64)> {
    let (mut log, mut data) = (0, 0);
    for entry in std::fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))? {
        let entry = entry?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => {
                let (of_logs, of_data) = folder_bytes(&entry.path())?;
                let is_log = LOGS.iter().any(|name| entry.file_name() == *name);
                log += of_logs + if is_log { of_data } else { 0 };
                data += if is_log { 0 } else { of_data };
            }
            Ok(metadata) => data += metadata.blocks() * 512,
            // The server may be deleting what it has merged.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot look at {}", entry.path().display())),
        }
    }
    Ok((log, data))
}

#[cfg(test)]
pub(super) mod scratch {
    //! A folder of one test's own, gone afterwards.

    use std::path::{Path, PathBuf};

    pub(in crate::bench) struct Scratch(PathBuf);

    impl Scratch {
        pub(in crate::bench) fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("alluvium-bench-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub(in crate::bench) fn file(&self, name: &str, text: &[u8]) -> PathBuf {
            let path = self.0.join(name);
            std::fs::write(&path, text).unwrap();
            path
        }

        pub(in crate::bench) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_blocks_of_a_folder() {
        let scratch = scratch::Scratch::new("folder");
        scratch.file("a", &[1; 10_000]);
        std::fs::create_dir(scratch.path().join("b")).unwrap();
        scratch.file("b/c", &[1; 10_000]);
        std::fs::create_dir(scratch.path().join("b/wal")).unwrap();
        scratch.file("b/wal/d", &[1; 400_000]);
        let (log, data) = folder_bytes(scratch.path()).unwrap();
        assert!((20_000..200_000).contains(&data), "{data}");
        assert!((400_000..500_000).contains(&log), "{log}");
        folder_bytes(&scratch.path().join("nowhere")).unwrap_err();
    }
}
