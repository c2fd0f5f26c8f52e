//! A merge changes no answer, whether blocks are copied or not; and what it costs.

use super::*;
use crate::cache::Cache;
use crate::delete::Deletion;
use crate::run::rank::SeriesList;
use crate::run::sorted::{SortedRun, SortedTable};
use crate::schema::FieldKey;
use crate::segment::{Files, Summary};
use crate::view::tests::{CLUSTER, bursts, expected, parts, read, store, view_of};
use crate::view::{Scalar, TagCondition};
use model::{Column, FieldType, Presence, TimeRange, Values};
use platform::sim::SimWorld;
use platform::{Random, SeededRandom, World};
use proptest::prelude::*;

/// Takes what a merge writes, and stops it after some bytes.
struct Gathered {
    bytes: Vec<u8>,
    copied: usize,
    stop_after: Option<usize>,
}

impl Sink for Gathered {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn stopped(&self) -> bool {
        self.stop_after.is_some_and(|limit| self.bytes.len() >= limit)
    }

    fn copied(&mut self, bytes: usize) {
        self.copied += bytes;
    }
}

const IDENTITY: Identity = Identity { cluster: CLUSTER, put_id: [2; 16], shard: 1 };

fn merged(inputs: &[Arc<Segment>], level: Level, copies: bool) -> (Summary, Gathered) {
    let mut sink = Gathered { bytes: Vec::new(), copied: 0, stop_after: None };
    let order = Order { inputs, tombstones: &[], identity: IDENTITY, level, copies: &|_| copies };
    let summary = merge::merge(&order, &mut sink).unwrap().expect("nothing stops it");
    assert_eq!(summary.len, sink.bytes.len() as u64);
    (summary, sink)
}

/// The segment that a merge has written.
fn stored(world: &World, files: &Files, cache: &Arc<Cache>, summary: &Summary, bytes: &[u8]) -> Arc<Segment> {
    let _ = world.disk.remove("segments/new");
    world.disk.create("segments/new").unwrap().write_at(0, bytes).unwrap();
    let place = SegmentRef { file: "segments/new".to_owned(), offset: 0, len: summary.len };
    let entry = SegmentEntry {
        place,
        slots: summary.slots,
        range: summary.range,
        rows: summary.rows,
        tables: summary.tables.clone(),
        level: 1,
        purged: 0,
        cold: false,
    };
    Arc::new(Segment::new(entry, files.get("segments/new"), CLUSTER, cache.clone()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn merged_segments_answer_as_before(bursts in bursts(), cold: bool, copies: bool) {
        let cache = Arc::new(Cache::new(1 << 24));
        let (world, files, view, model) = parts(&bursts, 0, &cache);
        let inputs = view.segments(0);
        let order = Order { inputs: &inputs, tombstones: &[], identity: IDENTITY, level: Level::Hot, copies: &|_| true };
        let mut sink = Gathered { bytes: Vec::new(), copied: 0, stop_after: Some(0) };
        prop_assert!(merge::merge(&order, &mut sink).unwrap().is_none(), "it was stopped");
        let (summary, sink) = merged(&inputs, if cold { Level::Cold } else { Level::Hot }, copies);
        prop_assert_eq!(summary.slots, (1, bursts.len() as u64));
        let segment = stored(&world, &files, &cache, &summary, &sink.bytes);
        segment.verify().unwrap();
        let all = [0, 1, 2, 3, 4];
        prop_assert_eq!(read(&view_of(vec![segment], Vec::new(), &cache), &all, TimeRange::ALL).unwrap(), expected(&model, &all, TimeRange::ALL));
    }
}

/// Integers that walk, one a second from `start` on, in each of some series, with the rows that `keep` leaves.
fn walk(slot: u64, series: u32, start: i64, rows: i64, step: i64) -> SortedRun {
    let random = SeededRandom::new(slot);
    let keys: Vec<Vec<u8>> = (0..series).map(|at| format!("cpu,host=h{at:07}").into_bytes()).collect();
    let mut at = 50i64;
    let mut values = || {
        at = (at + random.below(3) as i64 - 1).clamp(0, 100);
        at
    };
    let count = series * rows as u32;
    let key = |id: u32| FieldKey { name: format!("f{id}").into_bytes().into(), field_type: FieldType::Integer, id };
    let column = |id| (key(id), Column::dense(Values::Integer((0..count).map(|_| values()).collect())));
    let table = SortedTable {
        measurement: b"cpu".as_slice().into(),
        series: SeriesList::of_keys(keys.iter().map(Vec::as_slice)),
        starts: (0..=series).map(|at| at * rows as u32).collect(),
        times: (0..series).flat_map(|_| (0..rows).map(|row| (start + row * step) * 1_000_000_000)).collect(),
        columns: (0..2).map(column).collect(),
        bounds: std::sync::OnceLock::new(),
    };
    SortedRun { tables: vec![table], slots: (slot, slot) }
}

/// Segments of some runs.
fn segments(world: &World, files: &Files, cache: &Arc<Cache>, runs: &[SortedRun]) -> Vec<Arc<Segment>> {
    runs.iter().map(|run| store(world, files, cache, &format!("segments/{}", run.slots.0), run)).collect()
}

/// All rows of a view: series, times and values one after the other.
fn rows_of(segments: Vec<Arc<Segment>>, cache: &Arc<Cache>) -> Vec<(Vec<u8>, Vec<i64>, Vec<i64>)> {
    let view = view_of(segments, Vec::new(), cache);
    let set = view.series(b"cpu", &TagCondition::True).unwrap();
    let fields = [0, 1].map(|at| (format!("f{at}").into_bytes().into(), FieldType::Integer));
    let mut scan = view.scan(&set, &fields, TimeRange::ALL).unwrap();
    let series = |series| {
        let (mut times, mut values) = (Vec::new(), Vec::new());
        for cut in scan.cuts(series, 0).unwrap() {
            times.extend_from_slice(&cut.times().unwrap());
            for field in 0..2 {
                let column = cut.column(field).unwrap();
                let Values::Integer(own) = &column.values else { panic!("of another type") };
                if let Some(stats) = cut.stats(field) {
                    assert_eq!(stats.count, own.len() as u64);
                    let sum = stats.numbers.map(|numbers| numbers.sum);
                    assert_eq!(sum, (!own.is_empty()).then(|| Scalar::Integer(own.iter().sum())));
                }
                values.extend(own.iter().enumerate().map(|(row, value)| (row as i64, field as i64, *value)));
            }
        }
        // By field and time, wherever the cuts are.
        let sums = values.iter().map(|(_, field, value)| field * 1_000 + value).collect();
        (set.key(series), times, sums)
    };
    (0..set.len()).map(series).collect()
}

fn sums(rows: &[(Vec<u8>, Vec<i64>, Vec<i64>)]) -> Vec<(Vec<u8>, Vec<i64>, i64)> {
    rows.iter().map(|(key, times, values)| (key.clone(), times.clone(), values.iter().sum())).collect()
}

#[test]
fn blocks_that_nothing_overlaps_are_copied() {
    let world = SimWorld::new(1).world();
    let (files, cache) = (Files::new(world.disk.clone()), Arc::new(Cache::new(1 << 26)));
    // Two days after each other of three series, and a second of one of them that was late.
    let runs = [walk(1, 3, 0, 40_000, 1), walk(2, 3, 40_000, 40_000, 1)];
    let inputs = segments(&world, &files, &cache, &runs);
    let before = sums(&rows_of(inputs.clone(), &cache));
    let total: u64 = inputs.iter().map(|segment| segment.entry().place.len).sum();
    let check = |inputs: &[Arc<Segment>], before: &Vec<_>, tombstones: &[Arc<Tombstone>], copies: bool| {
        let mut sink = Gathered { bytes: Vec::new(), copied: 0, stop_after: None };
        let order = Order { inputs, tombstones, identity: IDENTITY, level: Level::Hot, copies: &|_| copies };
        let summary = merge::merge(&order, &mut sink).unwrap().expect("nothing stops it");
        let segment = stored(&world, &files, &cache, &summary, &sink.bytes);
        segment.verify().unwrap();
        assert_eq!(sums(&rows_of(vec![segment], &cache)), *before);
        sink.copied as u64
    };
    assert_eq!(check(&inputs, &before, &[], false), 0);
    let all = check(&inputs, &before, &[], true);
    assert!(all * 10 > total * 7, "{all} of {total} bytes were copied");
    let late = segments(&world, &files, &cache, &[walk(3, 1, 20_000, 1, 1)]);
    let inputs = [inputs, late].concat();
    let before = sums(&rows_of(inputs.clone(), &cache));
    let some = check(&inputs, &before, &[], true);
    assert!(some < all && some * 10 > all * 5, "one late row costs a block: {some} of {all} bytes");
    // A delete that cuts a page of one series leaves the blocks of the others.
    let deletion = Deletion {
        measurements: None,
        condition: TagCondition::Equal(b"host".as_slice().into(), b"h0000001".as_slice().into()),
        range: TimeRange::new(100_500_000_000, 30_000_500_000_000),
    };
    let tombstone = Tombstone::new(9, deletion.encode().unwrap(), |_| None, 0).unwrap();
    let mut left = rows_of(inputs.clone(), &cache);
    let gone = |time: &i64| deletion.range.contains(*time);
    assert_eq!(left[1].1.iter().filter(|time| gone(time)).count(), 29_900);
    let mut sink = Gathered { bytes: Vec::new(), copied: 0, stop_after: None };
    let tombstones = [Arc::new(tombstone)];
    let order =
        Order { inputs: &inputs, tombstones: &tombstones, identity: IDENTITY, level: Level::Cold, copies: &|_| true };
    let summary = merge::merge(&order, &mut sink).unwrap().expect("nothing stops it");
    let after = rows_of(vec![stored(&world, &files, &cache, &summary, &sink.bytes)], &cache);
    left[1].1.retain(|time| !gone(time));
    assert!(left.iter().map(|series| &series.1).eq(after.iter().map(|series| &series.1)));
    assert!(sink.copied > 0);
}

/// A block that is copied may end inside a page of the same series with other fields, which a late row then meets.
#[test]
fn blocks_end_inside_pages_of_other_fields() {
    let world = SimWorld::new(1).world();
    let (files, cache) = (Files::new(world.disk.clone()), Arc::new(Cache::new(1 << 26)));
    let mut both = walk(1, 1, 0, 50_000, 13);
    // The second field is there in every sixth row only.
    let column = &mut both.tables[0].columns[1].1;
    let sixth: Vec<u32> = (0..50_000).step_by(6).collect();
    let Values::Integer(all) = &column.values else { panic!("of another type") };
    let values = Values::Integer(sixth.iter().map(|&row| all[row as usize]).collect());
    *column = Column { values, presence: Presence::Sparse(sixth) };
    let inputs = segments(&world, &files, &cache, &[both]);
    let mut copied = 0;
    for late in (0..650_000).step_by(7_919) {
        let mut row = walk(2 + late as u64, 1, late + 5, 1, 1);
        if late % 2 == 0 {
            row.tables[0].columns.truncate(1);
        }
        let inputs = [inputs.clone(), segments(&world, &files, &cache, &[row])].concat();
        let before = sums(&rows_of(inputs.clone(), &cache));
        let (summary, sink) = merged(&inputs, Level::Hot, true);
        copied += usize::from(sink.copied > 0);
        let segment = stored(&world, &files, &cache, &summary, &sink.bytes);
        segment.verify().unwrap();
        assert_eq!(sums(&rows_of(vec![segment], &cache)), before, "late at {late}");
    }
    assert!(copied > 50, "{copied} merges copied a block");
}

/// What merges cost: `cargo test -p storage --lib costs_of_merges -- --ignored --nocapture`.
#[test]
#[ignore = "prints figures, checks nothing"]
fn costs_of_merges() {
    let cases: [(&str, Vec<SortedRun>); 4] = [
        (
            "a million series, a row each in three inputs",
            (1..=3).map(|i| walk(i, 1_000_000, i as i64 * 10, 1, 1)).collect(),
        ),
        (
            "a million series, three rows each in one of two inputs",
            (1..=2).map(|i| walk(i, 500_000, i as i64 * 10, 3, 1)).collect(),
        ),
        (
            "100 series, 6,480 rows each in four inputs",
            (1..=4).map(|i| walk(i, 100, i as i64 * 64_800, 6_480, 10)).collect(),
        ),
        (
            "10 series, 100,000 rows each in four inputs",
            (1..=4).map(|i| walk(i, 10, i as i64 * 1_000_000, 100_000, 10)).collect(),
        ),
    ];
    for (name, runs) in cases {
        let world = SimWorld::new(1).world();
        let (files, cache) = (Files::new(world.disk.clone()), Arc::new(Cache::new(1 << 26)));
        let inputs = segments(&world, &files, &cache, &runs);
        for (level, copies) in [(Level::Hot, true), (Level::Hot, false), (Level::Cold, false)] {
            #[expect(clippy::disallowed_methods, reason = "a figure, not a test")]
            let start = std::time::Instant::now();
            let (summary, sink) = merged(&inputs, level, copies);
            println!(
                "{name}, {level:?}, copies {copies}: {:?}, {} rows, {} of {} bytes copied",
                start.elapsed(),
                summary.rows,
                sink.copied,
                summary.len
            );
        }
    }
}
