//! Objects: created once, whole or not at all.

use super::*;
use crate::random::SeededRandom;
use crate::sim::{Fault, SimDisk};

fn store() -> (SimDisk, Blobs) {
    let disk = SimDisk::new(1);
    (disk.clone(), Blobs::new(Arc::new(disk)))
}

#[test]
fn the_first_put_wins() {
    let (_, blobs) = store();
    assert!(blobs.put_if_absent("s/1", b"first").unwrap());
    assert!(!blobs.put_if_absent("s/1", b"second").unwrap());
    assert!(blobs.put_if_absent("top", b"").unwrap());
    assert_eq!((blobs.get("s/1").unwrap(), blobs.get("top").unwrap()), (b"first".to_vec(), Vec::new()));
    assert_eq!((blobs.list("s").unwrap(), blobs.list("").unwrap()), (vec!["1".into()], vec!["s".into(), "top".into()]));
    blobs.delete("s/1").unwrap();
    blobs.delete("s/1").unwrap();
    assert!(blobs.get("s/1").unwrap_err().is_not_found());
}

#[test]
fn ranges_are_checked_before_memory_is_taken() {
    let (_, blobs) = store();
    blobs.put_if_absent("a", b"0123456789").unwrap();
    assert_eq!(blobs.get_range("a", 3, 4).unwrap(), b"3456");
    assert_eq!(blobs.get_range("a", 10, 0).unwrap(), b"");
    for (offset, length) in [(7, 4), (11, 0), (0, usize::MAX), (u64::MAX, 1)] {
        assert!(blobs.get_range("a", offset, length).unwrap_err().is_short_read());
    }
}

#[test]
fn a_put_is_whole_or_absent_wherever_the_power_goes() {
    let bytes: Vec<u8> = (0..3000u32).map(|i| i as u8).collect();
    let mut unfinished = 0;
    for seed in 0..400 {
        let (disk, blobs) = store();
        disk.create_dir("s").unwrap();
        let cut = seed % 8;
        disk.power_off_at(disk.ops() + cut);
        let put = blobs.put_if_absent("s/1", &bytes);
        disk.crash(&SeededRandom::new(seed));
        let blobs = Blobs::new(Arc::new(disk));
        match blobs.list("s").unwrap().as_slice() {
            [] => {
                assert!(put.is_err(), "an acknowledged object is gone");
                unfinished += 1;
                assert!(blobs.put_if_absent("s/1", &bytes).unwrap());
            }
            [name] => assert_eq!(name, "1"),
            more => panic!("{more:?}"),
        }
        assert_eq!(blobs.get("s/1").unwrap(), bytes);
    }
    assert!((100..400).contains(&unfinished));
}

#[test]
fn a_put_that_fails_leaves_no_name() {
    for fault in [Fault::Full, Fault::Write, Fault::ShortWrite, Fault::Sync] {
        let (disk, blobs) = store();
        disk.create_dir("s").unwrap();
        disk.fail_after(u64::from(matches!(fault, Fault::Full | Fault::Write)), fault);
        blobs.put_if_absent("s/1", b"bytes").unwrap_err();
        assert_eq!(disk.list("s").unwrap(), Vec::<String>::new());
        assert!(blobs.put_if_absent("s/1", b"bytes").unwrap());
    }
}

#[test]
fn a_folder_whose_sync_failed_is_doubtful_until_a_restart() {
    let (disk, blobs) = store();
    disk.fail_after(1, Fault::Sync);
    blobs.put_if_absent("s/1", b"bytes").unwrap_err();
    for error in [blobs.list("s").unwrap_err(), blobs.put_if_absent("s/2", b"").unwrap_err()] {
        assert!(matches!(error.cause, Cause::Doubtful), "{error}");
    }
    assert!(blobs.put_if_absent("t/1", b"").unwrap(), "other folders go on");
    disk.crash(&SeededRandom::new(1));
    let again = Blobs::new(Arc::new(disk));
    again.list("s").unwrap();
    assert!(again.put_if_absent("s/2", b"").unwrap());
}
