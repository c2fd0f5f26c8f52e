//! Manifests round trip, refuse broken states, and commit by version.

use super::*;
use model::FieldType;
use platform::sim::SimWorld;
use proptest::prelude::*;

fn entry(number: u64) -> SegmentEntry {
    SegmentEntry {
        place: SegmentRef { file: format!("segments/{}", number / 2), offset: number % 2 * 100, len: 100 },
        slots: (number * 10 + 1, number * 10 + 10),
        range: TimeRange::new(-5, 5),
        rows: 7,
        tables: Tables::new([b"cpu".as_slice()].into_iter().take(number as usize % 2)),
        level: 0,
        purged: 0,
        cold: number.is_multiple_of(3),
    }
}

fn manifest() -> Manifest {
    let mut manifest = Manifest { segments: (0..4).map(entry).collect(), ..Manifest::default() };
    let key = |id, name: &str| FieldKey { name: name.as_bytes().into(), field_type: FieldType::Float, id };
    manifest.add_fields(b"mem", &[key(3, "used")]);
    manifest.add_fields(b"cpu", &[key(0, "user"), key(1, "system")]);
    manifest.add_fields(b"mem", &[key(2, "free"), key(3, "used")]);
    manifest.fold_up_to([1; 16], 40);
    manifest.fold_up_to([1; 16], 30);
    manifest.flushed = 40;
    let condition = crate::TagCondition::True;
    let all = crate::Deletion { measurements: None, condition, range: TimeRange::ALL }.encode().expect("shallow");
    manifest.tombstones = vec![(39, all.clone()), (41, all)];
    manifest
}

#[test]
fn round_trips_and_finds() {
    let manifest = manifest();
    assert_eq!(check(&manifest), Ok(()));
    let bytes = format::encode(&manifest);
    assert_eq!(format::decode(&bytes).as_ref(), Ok(&manifest));
    assert!((0..bytes.len()).all(|len| format::decode(&bytes[..len]).is_err()));
    assert_eq!((manifest.next_field, manifest.folded_up_to()), (4, 40));
}

#[test]
fn broken_states_are_named() {
    let breaks: [fn(&mut Manifest); 7] = [
        |m| m.segments.swap(0, 1),
        |m| m.segments[1].place.offset = 99,
        |m| m.segments[0].range.end = -6,
        |m| m.schema.swap(0, 1),
        |m| m.next_field = 3,
        |m| m.folded.push(([0; 16], 1)),
        |m| m.tombstones.swap(0, 1),
    ];
    let mut texts: Vec<_> = breaks
        .iter()
        .map(|broken| {
            let mut manifest = manifest();
            broken(&mut manifest);
            check(&manifest).expect_err("broken on purpose")
        })
        .collect();
    texts.dedup();
    assert_eq!(texts.len(), breaks.len());
}

#[test]
fn only_neighbours_are_replaced() {
    let manifest = manifest();
    let place = |at: usize| manifest.segments[at].place.clone();
    let merged = SegmentEntry { slots: (11, 30), level: 1, ..entry(9) };
    let next = manifest.replace(&[place(1), place(2)], Some(merged.clone())).expect("neighbours");
    assert_eq!(next.segments, [entry(0), merged.clone(), entry(3)]);
    assert_eq!(manifest.replace(&[place(0), place(2)], Some(merged.clone())), None);
    assert_eq!(next.replace(&[place(1), place(2)], Some(merged)), None);
    let without = manifest.replace(&[place(1), place(2)], None).expect("neighbours");
    assert_eq!(without.segments, [entry(0), entry(3)]);
}

#[test]
fn commits_by_version() {
    let world = SimWorld::new(1).world();
    let manifests = Manifests::new(Blobs::new(world.disk.clone()), [7; 16], world.random.clone());
    assert_eq!(manifests.load(3).unwrap(), None);
    let first = manifest();
    assert!(manifests.commit(3, 1, &first).unwrap());
    assert!(!manifests.commit(3, 1, &first).unwrap(), "the version is taken");
    let mut second = first.clone();
    second.segments.pop();
    assert!(manifests.commit(3, 2, &second).unwrap());
    manifests.trim(3, 2).unwrap();
    assert_eq!(manifests.load(3).unwrap(), Some((2, second.clone())));
    second.next_field = 0;
    assert!(matches!(manifests.commit(3, 3, &second), Err(StorageError::Bug(_))));
    assert_eq!(manifests.shards().unwrap(), [3]);
    manifests.remove(3).unwrap();
    assert_eq!((manifests.load(3).unwrap(), manifests.shards().unwrap()), (None, vec![]));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = format::decode(&bytes);
    }
}

#[test]
fn one_sync_makes_the_manifests_of_many_shards_durable() {
    const SHARDS: u64 = 20;
    for seed in 0..30 {
        let sim = SimWorld::new(seed);
        let world = sim.world();
        let open = || Manifests::new(Blobs::new(world.disk.clone()), [7; 16], world.random.clone());
        let manifests = open();
        for shard in 0..SHARDS {
            assert!(manifests.commit(shard, 1, &manifest()).unwrap());
        }
        // The process is killed before a later version of each has reached the disk, wherever in the commit that is.
        for shard in 0..SHARDS {
            let before = sim.disk.ops();
            sim.disk.power_off_at(before + seed % 8);
            let _ = open().commit(shard, 2, &manifest());
            sim.disk.kill();
        }
        let manifests = open();
        let before = sim.disk.ops();
        manifests.settle_all();
        let version = |manifests: &Manifests, shard| manifests.load(shard).unwrap().map(|(version, _)| version);
        let found: Vec<_> = (0..SHARDS).map(|shard| version(&manifests, shard)).collect();
        assert_eq!(sim.disk.ops() - before, 1, "SEED {seed}");
        sim.disk.crash(&*world.random);
        let again = open();
        assert!((0..SHARDS).map(|shard| version(&again, shard)).eq(found), "SEED {seed}");
    }
}

#[test]
fn where_all_cannot_be_synced_each_is() {
    let sim = SimWorld::new(1);
    let world = sim.world();
    let open = || Manifests::new(Blobs::new(world.disk.clone()), [7; 16], world.random.clone());
    assert!(open().commit(1, 1, &manifest()).unwrap());
    sim.disk.fail_after(0, platform::sim::Fault::Sync);
    let manifests = open();
    manifests.settle_all();
    let before = sim.disk.ops();
    assert!(manifests.load(1).unwrap().is_some());
    assert_eq!(sim.disk.ops() - before, 2, "the file and its folder");
}
