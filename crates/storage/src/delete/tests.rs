//! What a delete says survives the disk; what it takes of a source is what its parts say one by one.

use super::format::{decode_predicate, encode_predicate};
use super::marks::{covered, left};
use super::*;
use proptest::prelude::*;

#[derive(Debug)]
struct Prefix(String);

impl TagTest for Prefix {
    fn passes(&self, value: &[u8]) -> bool {
        value.starts_with(self.0.as_bytes())
    }

    fn source(&self) -> Option<String> {
        Some(self.0.clone())
    }
}

fn read_test(source: &str) -> Option<Arc<dyn TagTest>> {
    Some(Arc::new(Prefix(source.to_owned())))
}

fn text() -> impl Strategy<Value = Text> {
    "[a-c]{0,2}".prop_map(|text| text.into_bytes().into())
}

fn condition() -> impl Strategy<Value = TagCondition> {
    let leaf = prop_oneof![
        Just(TagCondition::True),
        Just(TagCondition::False),
        (text(), text()).prop_map(|(key, value)| TagCondition::Equal(key, value)),
        (text(), text()).prop_map(|(key, value)| TagCondition::NotEqual(key, value)),
        (text(), "[a-c]{0,2}").prop_map(|(key, prefix)| TagCondition::Test(key, Arc::new(Prefix(prefix)))),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(TagCondition::And),
            proptest::collection::vec(inner.clone(), 0..3).prop_map(TagCondition::Or),
            inner.prop_map(|inner| TagCondition::Not(Box::new(inner))),
        ]
    })
}

fn deletion() -> impl Strategy<Value = Deletion> {
    let names = proptest::option::of(proptest::collection::btree_set(text(), 0..3));
    (names, condition(), any::<i64>(), any::<i64>()).prop_map(|(names, condition, one, other)| Deletion {
        measurements: names.map(|names| names.into_iter().collect()),
        condition,
        range: TimeRange::new(one.min(other), one.max(other)),
    })
}

fn tombstone(slot: Slot, names: Option<&[&str]>, condition: TagCondition, range: TimeRange) -> Tombstone {
    let measurements = names.map(|names| names.iter().map(|name| name.as_bytes().into()).collect());
    let bytes = Deletion { measurements, condition, range }.encode().expect("shallow");
    Tombstone::new(slot, bytes, read_test, 0).expect("just written")
}

proptest! {
    #[test]
    fn deletions_come_back(deletion in deletion()) {
        let bytes = encode_predicate(&deletion).unwrap();
        let again = decode_predicate(&bytes, &mut |source| read_test(source)).unwrap();
        prop_assert_eq!(format!("{again:?}"), format!("{deletion:?}"));
        prop_assert_eq!(encode_predicate(&again).unwrap(), bytes.clone());
        for len in 0..bytes.len() {
            prop_assert!(check_predicate(&bytes[..len]).is_err());
        }
        let record = LoggedDelete { shards: vec![1, 900], predicates: vec![bytes.clone(), bytes] };
        let payload = encode_record(&record.shards, &record.predicates);
        prop_assert_eq!(LoggedDelete::decode(&payload), Ok(record));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = LoggedDelete::decode(&bytes);
        let _ = check_predicate(&bytes);
    }

    #[test]
    fn what_is_left_is_what_no_range_has(
        times in proptest::collection::btree_set(-20i64..20, 0..20),
        bounds in proptest::collection::btree_set(-25i64..25, 0..8),
    ) {
        let times: Vec<i64> = times.into_iter().collect();
        let bounds: Vec<i64> = bounds.into_iter().collect();
        let ranges: Vec<TimeRange> = bounds.chunks_exact(2).map(|pair| TimeRange::new(pair[0], pair[1])).collect();
        let rows: Vec<i64> = left(&times, 0..times.len(), &ranges).into_iter().flat_map(|rows| times[rows].to_vec()).collect();
        let expected: Vec<i64> =
            times.iter().copied().filter(|&time| !ranges.iter().any(|range| range.contains(time))).collect();
        prop_assert_eq!(rows, expected);
        for range in &ranges {
            prop_assert!(covered(&ranges, range));
        }
    }
}

#[test]
fn a_condition_nested_too_deeply_is_refused() {
    let mut condition = TagCondition::True;
    for _ in 0..300 {
        condition = TagCondition::Not(Box::new(condition));
    }
    let deletion = Deletion { measurements: None, condition, range: TimeRange::ALL };
    assert!(matches!(deletion.encode(), Err(StorageError::Invalid(_))));
    let mut bytes =
        Deletion { measurements: None, condition: TagCondition::True, range: TimeRange::ALL }.encode().unwrap();
    bytes.splice(bytes.len() - 1.., [7; 100_000]);
    assert!(check_predicate(&bytes).is_err());
}

#[test]
fn a_later_delete_covers_an_earlier_one_if_it_takes_as_much() {
    let equal = || TagCondition::Equal(b"h".as_slice().into(), b"a".as_slice().into());
    let (all, short) = (TimeRange::ALL, TimeRange::new(0, 9));
    let old = tombstone(5, Some(&["cpu", "mem"]), equal(), short);
    assert!(tombstone(6, Some(&["cpu", "mem"]), equal(), short).covers(&old));
    assert!(tombstone(6, None, equal(), all).covers(&old));
    assert!(tombstone(6, None, TagCondition::True, short).covers(&old));
    assert!(!tombstone(4, None, TagCondition::True, all).covers(&old), "it is earlier");
    assert!(!tombstone(6, Some(&["cpu"]), TagCondition::True, all).covers(&old));
    assert!(!tombstone(6, None, equal(), TimeRange::new(0, 8)).covers(&old));
    let other = TagCondition::Equal(b"h".as_slice().into(), b"b".as_slice().into());
    assert!(!tombstone(6, None, other, all).covers(&old));
}
