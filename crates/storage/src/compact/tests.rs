//! A merge changes no answer.

use super::*;
use crate::cache::Cache;
use crate::view::tests::{CLUSTER, bursts, expected, parts, read, view_of};
use model::TimeRange;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn merged_segments_answer_as_before(bursts in bursts()) {
        let cache = Arc::new(Cache::new(1 << 24));
        let (world, files, view, model) = parts(&bursts, 0, &cache);
        let inputs = view.segments(0);
        let identity = Identity { cluster: CLUSTER, put_id: [2; 16], shard: 1 };
        prop_assert!(merge::merge(&inputs, &[], &identity, &world.disk, "segments/new", &|| true).unwrap().is_none());
        prop_assert!(!world.disk.exists("segments/new").unwrap(), "what was stopped leaves nothing");
        let entry = merge::merge(&inputs, &[], &identity, &world.disk, "segments/new", &|| false).unwrap().unwrap().entry.unwrap();
        prop_assert_eq!(entry.slots, (1, bursts.len() as u64));
        prop_assert_eq!(entry.level, 1);
        let merged = Arc::new(Segment::new(entry, files.get("segments/new"), CLUSTER, cache.clone()));
        merged.verify().unwrap();
        let all = [0, 1, 2, 3, 4];
        prop_assert_eq!(read(&view_of(vec![merged], Vec::new(), &cache), &all, TimeRange::ALL).unwrap(), expected(&model, &all, TimeRange::ALL));
    }
}
