//! Chains: races, damage, crashes.

use std::collections::BTreeMap;

use super::*;
use crate::disk::Disk;
use crate::random::SeededRandom;
use crate::sim::{SimDisk, SimWorld};
use crate::thread::spawn;

const CLUSTER: [u8; 16] = [9; 16];

fn chain_on(disk: &SimDisk, name: &str, cluster: [u8; 16]) -> Chain {
    let blobs = Blobs::new(Arc::new(disk.clone()));
    Chain::new(blobs, "catalog", name, cluster, Arc::new(SeededRandom::new(3)))
}

fn chain() -> (SimDisk, Chain) {
    let disk = SimDisk::new(1);
    let chain = chain_on(&disk, "cat", CLUSTER);
    (disk, chain)
}

const ENTRY_1: &str = "catalog/cat-00000000000000000001";
const ENTRY_2: &str = "catalog/cat-00000000000000000002";

#[test]
fn entries_follow_each_other() {
    let (disk, chain) = chain();
    assert_eq!(chain.latest().unwrap(), None);
    assert!(matches!(chain.append(2, b"").unwrap_err(), ChainError::Gap { version: 2, latest: 0, .. }));
    assert!(chain.append(1, b"one").unwrap());
    assert!(!chain.append(1, b"uno").unwrap());
    assert!(!chain.append(0, b"").unwrap());
    assert!(chain.append(2, b"").unwrap());
    assert_eq!((chain.latest().unwrap(), chain.read(1).unwrap()), (Some((2, Vec::new())), b"one".to_vec()));
    assert!(chain.append(3, &[7; 5000]).unwrap());
    chain.delete_below(3).unwrap();
    assert_eq!(chain.versions().unwrap(), [3]);
    assert!(!chain.append(2, b"a sleeper").unwrap(), "a deleted version is not made again");
    chain.delete_below(u64::MAX).unwrap();
    assert_eq!(chain_on(&disk, "cat", CLUSTER).latest().unwrap(), Some((3, vec![7; 5000])));
}

#[test]
fn one_of_many_wins_each_version() {
    let (_, chain) = chain();
    let racer = |id: u8| {
        let chain = chain.clone();
        move || {
            let mut won = 0u64;
            while won < 20 {
                let (latest, mut state) = chain.latest().unwrap().unwrap_or_default();
                state.push(id);
                won += u64::from(chain.append(latest + 1, &state).unwrap());
                chain.delete_below(latest).unwrap();
            }
        }
    };
    let threads: Vec<_> = (0..4).map(|id| spawn("racer", racer(id)).unwrap()).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let (version, state) = chain.latest().unwrap().unwrap();
    let mut wins = BTreeMap::new();
    state.iter().for_each(|id| *wins.entry(*id).or_insert(0) += 1);
    assert_eq!((version, wins), (80, BTreeMap::from([(0, 20), (1, 20), (2, 20), (3, 20)])));
}

#[test]
fn a_flip_of_any_bit_or_a_cut_at_any_byte_is_an_error_that_names_the_file() {
    let (disk, chain) = chain();
    chain.append(1, b"older").unwrap();
    chain.append(2, b"payload").unwrap();
    let whole = Blobs::new(Arc::new(disk.clone())).get(ENTRY_2).unwrap();
    assert_eq!(whole.len(), 72 + 7);
    let refused = |what: &str| {
        let error = chain.latest().unwrap_err();
        assert!(matches!(error, ChainError::Damaged { .. }), "{what}: {error}");
        assert!(error.to_string().contains(ENTRY_2), "{what}: {error}");
        assert!(error.to_string().contains("offset"), "{what}: {error}");
    };
    for (offset, bit) in (0..whole.len() as u64).flat_map(|offset| (0..8).map(move |bit| (offset, bit))) {
        assert!(disk.decay(ENTRY_2, offset, 1 << bit));
        refused(&format!("bit {bit} of byte {offset}"));
        assert!(disk.decay(ENTRY_2, offset, 1 << bit));
    }
    chain.latest().unwrap();
    let file = disk.open(ENTRY_2).unwrap();
    file.write_at(whole.len() as u64, b"\0").unwrap();
    refused("one byte more");
    for cut in (0..whole.len()).rev() {
        file.set_len(cut as u64).unwrap();
        refused(&format!("cut at {cut}"));
    }
}

#[test]
fn an_entry_of_elsewhere_is_refused() {
    let (disk, chain) = chain();
    chain.append(1, b"here").unwrap();
    chain_on(&disk, "man", CLUSTER).append(1, b"another chain").unwrap();
    let refusal = |chain: &Chain| match chain.latest().unwrap_err() {
        ChainError::Foreign { what, .. } => what,
        other => panic!("{other}"),
    };
    assert_eq!(refusal(&chain_on(&disk, "cat", [1; 16])), "cluster");
    disk.rename("catalog/man-00000000000000000001", ENTRY_2).unwrap();
    assert_eq!(refusal(&chain), "chain");
    disk.rename(ENTRY_1, ENTRY_2).unwrap();
    assert_eq!(refusal(&chain), "version");
    disk.create("catalog/cat-3").unwrap();
    assert!(matches!(chain.latest().unwrap_err(), ChainError::Damaged { .. }));
}

#[test]
fn a_later_format_is_told_from_damage() {
    let (disk, chain) = chain();
    chain.append(1, b"").unwrap();
    let mut bytes = Blobs::new(Arc::new(disk.clone())).get(ENTRY_1).unwrap();
    bytes.truncate(68);
    bytes[8] = 2;
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    disk.open(ENTRY_1).unwrap().write_at(0, &bytes).unwrap();
    assert!(matches!(chain.latest().unwrap_err(), ChainError::UnknownFormat { format: 2, .. }));
}

/// A process is killed between rename and sync; the next one reads that entry and acts on it; then the power goes.
#[test]
fn what_was_read_is_still_there_after_a_power_cut() {
    let mut seen = 0;
    for seed in 0..300 {
        let world = SimWorld::new(seed);
        let chain = chain_on(&world.disk, "cat", CLUSTER);
        chain.append(1, b"one").unwrap();
        world.disk.power_off_at(world.disk.ops() + seed % 6);
        let appended = chain.append(2, b"two").is_ok();
        world.disk.kill();
        let (version, _) = chain_on(&world.disk, "cat", CLUSTER).latest().unwrap().unwrap();
        world.crash();
        let (after, _) = chain_on(&world.disk, "cat", CLUSTER).latest().unwrap().unwrap();
        assert!(after >= version, "seed {seed}: {version} was seen, {after} is left");
        seen += u64::from(version == 2 && !appended);
    }
    assert!(seen > 20, "the case came up {seen} times only");
}

#[test]
fn acknowledged_entries_survive_a_power_cut_at_any_call() {
    for seed in 0..300 {
        let world = SimWorld::new(seed);
        world.disk.power_off_at(seed % 60);
        let chain = chain_on(&world.disk, "cat", CLUSTER);
        let mut acknowledged = 0;
        for version in 1..=8 {
            match chain.append(version, &version.to_le_bytes()) {
                Ok(won) => {
                    assert!(won);
                    acknowledged = version;
                    let _ = chain.delete_below(version);
                }
                Err(_) => break,
            }
        }
        world.crash();
        let chain = chain_on(&world.disk, "cat", CLUSTER);
        let latest = chain.latest().unwrap();
        let (version, payload) = latest.unwrap_or((0, 0u64.to_le_bytes().to_vec()));
        assert!(version == acknowledged || version == acknowledged + 1, "seed {seed}: {version}, {acknowledged}");
        assert_eq!(payload, version.to_le_bytes());
        assert!(chain.append(version + 1, b"next").unwrap());
    }
}
