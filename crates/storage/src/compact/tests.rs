//! A merge changes no answer.

use super::*;
use crate::cache::Cache;
use crate::segment::Summary;
use crate::view::tests::{CLUSTER, bursts, expected, parts, read, view_of};
use model::TimeRange;
use platform::World;
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
fn stored(
    world: &World,
    files: &crate::segment::Files,
    cache: &Arc<Cache>,
    summary: &Summary,
    bytes: &[u8],
) -> Arc<Segment> {
    world.disk.create("segments/new").unwrap().write_at(0, bytes).unwrap();
    let place = SegmentRef { file: "segments/new".to_owned(), offset: 0, len: summary.len };
    let entry = SegmentEntry {
        place,
        slots: summary.slots,
        range: summary.range,
        rows: summary.rows,
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
