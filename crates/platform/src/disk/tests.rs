//! What every disk must do, run on the real one and on its twin; and what only the real one does.

#![allow(clippy::disallowed_methods, reason = "the tests look at the folder behind the disk's back")]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::sim::SimDisk;

/// A folder that goes with the test.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("alluvium-disk-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a test on both disks.
fn on_both(test: impl Fn(&dyn Disk)) {
    test(&SimDisk::new(1));
    let folder = TempDir::new();
    test(&LocalDisk::open(&folder.0).unwrap());
}

fn put(disk: &dyn Disk, path: &str, bytes: &[u8]) -> Arc<dyn DiskFile> {
    let file = disk.create(path).unwrap();
    file.write_at(0, bytes).unwrap();
    file
}

fn get(disk: &dyn Disk, path: &str) -> Vec<u8> {
    let mut bytes = vec![0; disk.len(path).unwrap() as usize];
    disk.open(path).unwrap().read_at(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn bytes_written_are_read() {
    on_both(|disk| {
        let file = put(disk, "a", b"hello");
        file.write_at(8, b"x").unwrap();
        file.write_at(20, b"").unwrap();
        assert_eq!(get(disk, "a"), b"hello\0\0\0x");
        file.write_at(1, b"EL").unwrap();
        file.sync_data().unwrap();
        file.sync_all().unwrap();
        assert_eq!(get(disk, "a"), b"hELlo\0\0\0x");
        assert_eq!((file.path(), file.len().unwrap(), file.is_empty().unwrap()), ("a", 9, false));
        file.set_len(2).unwrap();
        file.set_len(4).unwrap();
        assert_eq!(get(disk, "a"), b"hE\0\0");
    });
}

#[test]
fn a_read_past_the_end_says_where() {
    on_both(|disk| {
        let file = put(disk, "a", b"12345");
        for offset in [1, 5, 6, u64::MAX / 2, u64::MAX] {
            let error = file.read_at(offset, &mut [0; 5]).unwrap_err();
            assert!(error.is_short_read() && !error.is_not_found(), "{error}");
            let told = format!("cannot read `a`: 5 bytes at offset {offset} were asked for, but the file ends at 5");
            assert_eq!(error.to_string(), told);
        }
        file.read_at(5, &mut []).unwrap();
    });
}

#[test]
fn preallocation_extends_by_zeros_and_never_overwrites() {
    on_both(|disk| {
        let file = put(disk, "a", b"abc");
        file.preallocate(600_000).unwrap();
        file.preallocate(10).unwrap();
        let bytes = get(disk, "a");
        assert_eq!((bytes.len(), &bytes[..3]), (600_000, &b"abc"[..]));
        assert!(bytes[3..].iter().all(|byte| *byte == 0));
    });
}

#[test]
fn names_come_and_go() {
    on_both(|disk| {
        assert_eq!(disk.list("no/such").unwrap(), Vec::<String>::new());
        disk.create_dir("b/c").unwrap();
        disk.create_dir("b/c").unwrap();
        disk.create_dir("").unwrap();
        ["b/2", "b/1", "z"].iter().for_each(|path| drop(put(disk, path, path.as_bytes())));
        assert_eq!(disk.list("b").unwrap(), ["1", "2", "c"]);
        assert_eq!(disk.list("").unwrap(), ["b", "z"]);
        assert!(disk.exists("b").unwrap() && disk.exists("b/1").unwrap() && !disk.exists("b/1/x").unwrap());
        disk.rename("b/1", "b/2").unwrap();
        disk.rename("b/2", "b/c/3").unwrap();
        disk.rename("b/c/3", "b/c/3").unwrap();
        assert_eq!((disk.list("b").unwrap(), get(disk, "b/c/3")), (vec!["c".to_owned()], b"b/1".to_vec()));
        ["b/c", "b", ""].iter().for_each(|dir| disk.sync_dir(dir).unwrap());
        disk.remove_dir("b/c").unwrap_err();
        disk.remove("b/c/3").unwrap();
        disk.remove_dir("b/c").unwrap();
        assert_eq!(disk.list("b").unwrap(), Vec::<String>::new());
        assert!(disk.free_bytes().unwrap() > 0);
        disk.create_dir("b/c").unwrap();
        drop(put(disk, "b/c/3", b""));
    });
}

#[test]
fn an_open_file_outlives_its_name() {
    on_both(|disk| {
        let file = put(disk, "a", b"old");
        drop(put(disk, "b", b"new"));
        disk.rename("b", "a").unwrap();
        let mut bytes = [0; 3];
        file.read_at(0, &mut bytes).unwrap();
        assert_eq!((&bytes, &get(disk, "a")[..]), (b"old", &b"new"[..]));
        disk.remove("a").unwrap();
        file.write_at(0, b"x").unwrap();
    });
}

#[test]
fn errors_have_their_kind() {
    on_both(|disk| {
        drop(put(disk, "a", b""));
        disk.create_dir("d").unwrap();
        assert!(disk.create("a").unwrap_err().is_already_exists());
        assert!(disk.create("d").unwrap_err().is_already_exists());
        let missing = [
            disk.open("x").map(drop),
            disk.create("x/y").map(drop),
            disk.len("x").map(drop),
            disk.rename("x", "y"),
            disk.rename("a", "x/y"),
            disk.remove("x"),
            disk.remove_dir("x"),
            disk.sync_dir("x"),
        ];
        missing.into_iter().for_each(|result| assert!(result.unwrap_err().is_not_found()));
        disk.open("d").unwrap_err();
        disk.remove("d").unwrap_err();
        disk.create_dir("a").unwrap_err();
        disk.create_dir("a/b").unwrap_err();
        disk.list("a").unwrap_err();
        disk.rename("a", "d").unwrap_err();
    });
}

#[test]
fn paths_stay_inside() {
    on_both(|disk| {
        for path in ["/etc/passwd", "..", "a/../b", "./a", "a//b", "a/", "a\0b"] {
            let refused =
                [disk.create(path).map(drop), disk.open(path).map(drop), disk.remove(path), disk.rename(path, "x")];
            refused.into_iter().for_each(|result| {
                let error = result.unwrap_err();
                assert!(matches!(error.cause, Cause::BadPath), "{error}");
            });
            assert!(matches!(disk.create_dir(path).unwrap_err().cause, Cause::BadPath));
            assert!(matches!(disk.list(path).unwrap_err().cause, Cause::BadPath));
        }
        assert!(matches!(disk.create("").unwrap_err().cause, Cause::BadPath));
    });
}

#[test]
fn a_folder_of_another_program_is_refused() {
    let folder = TempDir::new();
    std::fs::create_dir_all(folder.0.join("_internal")).unwrap();
    let error = LocalDisk::open(&folder.0).unwrap_err();
    assert!(matches!(error.cause, Cause::Foreign), "{error}");
    assert!(!folder.0.join(LOCK_FILE).exists(), "nothing is written into it");
    std::fs::remove_dir(folder.0.join("_internal")).unwrap();
    std::fs::create_dir_all(folder.0.join("lost+found")).unwrap();
    LocalDisk::open(&folder.0).unwrap();
}

#[test]
fn a_data_folder_without_its_lock_file_is_known_by_its_chains() {
    let folder = TempDir::new();
    std::fs::create_dir_all(folder.0.join("catalog")).unwrap();
    std::fs::write(folder.0.join("catalog/other"), b"x").unwrap();
    assert!(matches!(LocalDisk::open(&folder.0).unwrap_err().cause, Cause::Foreign));
    std::fs::write(folder.0.join("catalog/catalog-00000000000000000007"), b"x").unwrap();
    LocalDisk::open(&folder.0).unwrap();
}

#[test]
fn a_second_owner_is_told_which_folder() {
    let folder = TempDir::new();
    let first = LocalDisk::open(&folder.0).unwrap();
    let error = LocalDisk::open(&folder.0).unwrap_err();
    let told = error.to_string();
    assert!(matches!(error.cause, Cause::InUse(_)), "{told}");
    assert!(told.contains(folder.0.to_str().unwrap()) && told.contains(&std::process::id().to_string()), "{told}");
    drop(first);
    LocalDisk::open(&folder.0).unwrap();
}

#[test]
fn nobody_else_may_read_and_links_are_not_followed() {
    let folder = TempDir::new();
    let disk = LocalDisk::open(folder.0.join("deep/data")).unwrap();
    disk.create_dir("d").unwrap();
    drop(put(&disk, "d/f", b"secret"));
    let mode = |path: &str| disk.root().join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("d"), mode("d/f"), mode(LOCK_FILE)), (0o700, 0o700, 0o600, 0o600));
    std::os::unix::fs::symlink("f", disk.root().join("d/link")).unwrap();
    disk.open("d/link").unwrap_err();
    assert_eq!(disk.list("").unwrap(), ["d"]);
}

#[test]
fn text_outside_the_data_folder_is_read() {
    let folder = TempDir::new();
    std::fs::create_dir(&folder.0).unwrap();
    let path = folder.0.join("alluvium.toml");
    assert!(read_text(&path).unwrap_err().is_not_found());
    std::fs::write(&path, "a = 1").unwrap();
    assert_eq!(read_text(&path).unwrap(), "a = 1");
    std::fs::write(&path, [0xff]).unwrap();
    assert!(read_text(&path).unwrap_err().to_string().contains("alluvium.toml"));
}
