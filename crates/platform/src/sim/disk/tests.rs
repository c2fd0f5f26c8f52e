//! The fault model: what a crash may take, and what it must not.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Files of "d" after a crash, over many seeds: each outcome of `look` that was seen.
fn outcomes<T: Ord>(prepare: impl Fn(&SimDisk), look: impl Fn(&SimDisk) -> T) -> BTreeSet<T> {
    let run = |seed| {
        let disk = SimDisk::new(seed);
        disk.create_dir("d").unwrap();
        prepare(&disk);
        disk.crash(&SeededRandom::new(seed));
        look(&disk)
    };
    (0..200).map(run).collect()
}

fn content(disk: &SimDisk, path: &str) -> Option<Vec<u8>> {
    let file = disk.open(path).ok()?;
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_at(0, &mut bytes).unwrap();
    Some(bytes)
}

fn text(disk: &SimDisk, path: &str) -> Option<String> {
    content(disk, path).map(|bytes| String::from_utf8(bytes).unwrap())
}

fn some(texts: &[&str]) -> BTreeSet<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

/// A file that is durable with its name.
fn durable(disk: &SimDisk, path: &str, bytes: &[u8]) -> Arc<dyn DiskFile> {
    let file = disk.create(path).unwrap();
    file.write_at(0, bytes).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(crate::disk::parent(path)).unwrap();
    file
}

#[test]
fn what_is_synced_stays() {
    let seen = outcomes(|disk| drop(durable(disk, "d/a", b"kept")), |disk| text(disk, "d/a"));
    assert_eq!(seen, some(&["kept"]));
}

#[test]
fn a_synced_file_without_its_folder_may_vanish() {
    let prepare = |disk: &SimDisk| {
        let file = disk.create("d/a").unwrap();
        file.write_at(0, b"kept").unwrap();
        file.sync_all().unwrap();
    };
    let seen = outcomes(prepare, |disk| text(disk, "d/a"));
    assert_eq!(seen, [None, Some("kept".to_owned())].into());
}

#[test]
fn a_removed_file_may_come_back() {
    let prepare = |disk: &SimDisk| {
        drop(durable(disk, "d/a", b"kept"));
        disk.remove("d/a").unwrap();
    };
    assert_eq!(outcomes(prepare, |disk| text(disk, "d/a")).len(), 2);
    let synced = |disk: &SimDisk| {
        prepare(disk);
        disk.sync_dir("d").unwrap();
    };
    assert_eq!(outcomes(synced, |disk| text(disk, "d/a")), [None].into());
}

#[test]
fn a_rename_leaves_the_old_or_the_new_and_never_both() {
    let prepare = |disk: &SimDisk| {
        drop(durable(disk, "d/a", b"old"));
        drop(durable(disk, "d/b", b"new"));
        disk.rename("d/b", "d/a").unwrap();
    };
    let seen = outcomes(prepare, |disk| (text(disk, "d/a").unwrap(), disk.exists("d/b").unwrap()));
    assert_eq!(seen, [("old".to_owned(), true), ("new".to_owned(), false)].into());
}

#[test]
fn names_survive_in_any_order() {
    let prepare = |disk: &SimDisk| ["d/1", "d/2", "d/3"].iter().for_each(|path| drop(disk.create(path).unwrap()));
    assert_eq!(outcomes(prepare, |disk| disk.list("d").unwrap()).len(), 8);
}

#[test]
fn writes_are_torn_by_sectors_and_reordered() {
    let prepare = |disk: &SimDisk| {
        let file = durable(disk, "d/a", &[0; 1536]);
        file.write_at(0, &[1; 1000]).unwrap();
        file.write_at(700, &[2; 800]).unwrap();
    };
    let seen = outcomes(prepare, |disk| content(disk, "d/a").unwrap());
    let second: BTreeSet<_> = seen.iter().map(|bytes| bytes[512..1024].to_vec()).collect();
    let mixed: Vec<u8> = [[1; 188].to_vec(), [2; 324].to_vec()].concat();
    let first_only: Vec<u8> = [[1; 488].to_vec(), [0; 24].to_vec()].concat();
    assert_eq!(second, [vec![0; 512], first_only, mixed].into());
    assert!(seen.iter().any(|bytes| bytes[0] == 0 && bytes[1030] == 2), "the later write alone");
    assert!(seen.iter().any(|bytes| bytes[0] == 1 && bytes[1030] == 0), "the earlier write alone");
}

#[test]
fn an_extension_may_be_there_without_its_bytes() {
    let prepare = |disk: &SimDisk| {
        let file = durable(disk, "d/a", b"");
        file.write_at(0, &[7; 600]).unwrap();
        file.write_at(600, &[7; 600]).unwrap();
    };
    let seen = outcomes(prepare, |disk| content(disk, "d/a").unwrap());
    let lengths: BTreeSet<_> = seen.iter().map(Vec::len).collect();
    assert_eq!(lengths, [0, 600, 1200].into());
    assert!(seen.iter().any(|bytes| bytes.len() == 1200 && bytes[0] == 0 && bytes[1100] == 7));
}

#[test]
fn old_handles_are_dead_and_files_can_be_opened_again() {
    let disk = SimDisk::new(1);
    let file = durable(&disk, "a", b"kept");
    disk.crash(&SeededRandom::new(1));
    assert!(file.write_at(0, b"x").unwrap_err().is_powered_off());
    assert!(file.len().unwrap_err().is_powered_off());
    disk.open("a").unwrap().write_at(0, b"K").unwrap();
    disk.kill();
    assert_eq!(text(&disk, "a").as_deref(), Some("Kept"), "a killed process loses nothing that it wrote");
}

#[test]
fn power_goes_at_the_call_and_comes_back_with_a_crash() {
    let mut applied = BTreeSet::new();
    for seed in 0..50 {
        let disk = SimDisk::new(seed);
        let file = durable(&disk, "a", b"old");
        disk.power_off_at(disk.ops() + 1);
        file.write_at(0, b"new").unwrap();
        assert!(file.sync_data().unwrap_err().is_powered_off());
        let calls = [file.write_at(0, b"x"), disk.exists("a").map(drop), disk.open("a").map(drop), disk.sync_dir("")];
        calls.into_iter().for_each(|call| assert!(call.unwrap_err().is_powered_off()));
        disk.crash(&SeededRandom::new(seed));
        applied.insert(text(&disk, "a"));
    }
    assert_eq!(applied, some(&["old", "new"]));
}

#[test]
fn faults_happen_once_and_only_to_what_they_can_hit() {
    let disk = SimDisk::new(1);
    let file = durable(&disk, "a", b"12345678");
    disk.fail_after(0, Fault::Full);
    disk.fail_after(0, Fault::Read);
    file.write_at(0, b"a").unwrap();
    file.sync_data().unwrap();
    assert!(disk.create("b").unwrap_err().is_full());
    disk.create("b").unwrap();
    assert!(file.read_at(0, &mut [0; 1]).is_err());
    assert_eq!(text(&disk, "a").as_deref(), Some("a2345678"));
    disk.fail_after(0, Fault::Write);
    disk.rename("a", "c").unwrap_err();
    disk.fail_after(0, Fault::ShortWrite);
    file.write_at(0, b"xxxx").unwrap_err();
    assert_eq!(text(&disk, "a").as_deref(), Some("xx345678"));
    assert!(disk.decay("a", 1, 1) && !disk.decay("a", 8, 1));
    assert_eq!(text(&disk, "a").as_deref(), Some("xy345678"));
}

#[test]
fn a_failed_sync_may_lose_what_a_later_one_seems_to_save() {
    let prepare = |disk: &SimDisk| {
        let file = durable(disk, "d/a", b"old");
        file.write_at(0, b"new").unwrap();
        disk.fail_after(0, Fault::Sync);
        file.sync_data().unwrap_err();
        assert_eq!(text(disk, "d/a").as_deref(), Some("new"));
        file.sync_data().unwrap();
    };
    assert_eq!(outcomes(prepare, |disk| text(disk, "d/a")), some(&["old", "new"]));
    let folder = |disk: &SimDisk| {
        disk.create("d/a").unwrap();
        disk.fail_after(0, Fault::Sync);
        disk.sync_dir("d").unwrap_err();
        disk.sync_dir("d").unwrap();
    };
    assert_eq!(outcomes(folder, |disk| disk.exists("d/a").unwrap()), [false, true].into());
}

#[test]
fn a_full_disk_refuses_growth_and_counts_open_files() {
    let disk = SimDisk::new(1);
    disk.set_capacity(Some(1000));
    let file = durable(&disk, "a", &[1; 600]);
    assert!(file.write_at(500, &[2; 501]).unwrap_err().is_full());
    assert!(file.preallocate(1001).unwrap_err().is_full());
    assert_eq!((file.len().unwrap(), disk.free_bytes().unwrap()), (600, 400));
    file.write_at(0, &[2; 600]).unwrap();
    disk.remove("a").unwrap();
    assert_eq!(disk.used_bytes(), 600);
    drop(file);
    assert_eq!(disk.used_bytes(), 0);
    assert!(disk.create("b").unwrap().set_len(u64::MAX).is_err());
}

#[derive(Debug, Clone)]
enum Act {
    Write(u8, u16, u16),
    SetLen(u8, u16),
    Sync(u8),
    Rename(u8, u8),
    Remove(u8),
    SyncDir(bool),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..4u8, 0..3000u16, 0..1500u16).prop_map(|(f, at, n)| Act::Write(f, at, n)),
        1 => (0..4u8, 0..4000u16).prop_map(|(f, n)| Act::SetLen(f, n)),
        2 => (0..4u8).prop_map(Act::Sync),
        2 => (0..4u8, 0..4u8).prop_map(|(a, b)| Act::Rename(a, b)),
        1 => (0..4u8).prop_map(Act::Remove),
        1 => any::<bool>().prop_map(Act::SyncDir),
    ]
}

/// Files 0 and 1 are in `d`, the others in the data folder.
fn name(file: u8) -> String {
    if file < 2 { format!("d/{file}") } else { file.to_string() }
}

fn run(disk: &SimDisk, acts: &[Act]) {
    disk.create_dir("d").unwrap();
    let file = |f: u8| disk.open(&name(f)).or_else(|_| disk.create(&name(f))).unwrap();
    for (i, act) in acts.iter().enumerate() {
        match *act {
            Act::Write(f, at, n) => file(f).write_at(at.into(), &vec![i as u8 + 1; n.into()]).unwrap(),
            Act::SetLen(f, n) => file(f).set_len(n.into()).unwrap(),
            Act::Sync(f) => file(f).sync_all().unwrap(),
            Act::Rename(a, b) => drop(disk.rename(&name(a), &name(b))),
            Act::Remove(f) => drop(disk.remove(&name(f))),
            Act::SyncDir(top) => disk.sync_dir(if top { "" } else { "d" }).unwrap(),
        }
    }
}

fn image(disk: &SimDisk) -> Vec<Option<Vec<u8>>> {
    (0..4).map(|f| content(disk, &name(f))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_seed_decides_everything_and_full_syncs_lose_nothing(acts in prop::collection::vec(act(), 0..40), seed: u64) {
        let (one, two) = (SimDisk::new(seed), SimDisk::new(seed));
        for disk in [&one, &two] {
            run(disk, &acts);
            disk.crash(&SeededRandom::new(seed));
        }
        prop_assert_eq!(image(&one), image(&two));
        prop_assert_eq!(one.ops(), two.ops());

        run(&one, &acts);
        let before = image(&one);
        (0..4).filter_map(|f| one.open(&name(f)).ok()).for_each(|file| file.sync_data().unwrap());
        ["", "d"].iter().for_each(|dir| one.sync_dir(dir).unwrap());
        one.crash(&SeededRandom::new(seed));
        prop_assert_eq!(image(&one), before);
    }
}
