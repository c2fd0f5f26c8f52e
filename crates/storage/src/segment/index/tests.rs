//! An index answers as its keys do.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Tag sets over a few awkward keys and values.
pub(crate) fn tag_sets() -> impl Strategy<Value = BTreeSet<Vec<(Vec<u8>, Vec<u8>)>>> {
    let key = prop_oneof![Just("a"), Just("b c"), Just("host"), Just("z=,"), Just("pod"), Just("hos"), Just("a b")];
    let value = prop_oneof![
        "[ab,= ]{1,3}",
        (0u32..400).prop_map(|n| format!("pod-{:08x}", n.wrapping_mul(0x9e37_79b9))),
        (0u32..4).prop_map(|n| format!("{n}")),
        Just("a-value-of-many-bytes-that-many-series-share".to_owned()),
    ];
    let tags = proptest::collection::btree_map(key.prop_map(|key| key.as_bytes().to_vec()), value, 0..5);
    proptest::collection::btree_set(
        tags.prop_map(|tags: BTreeMap<Vec<u8>, String>| {
            tags.into_iter().map(|(key, value)| (key, value.into_bytes())).collect()
        }),
        0..150,
    )
}

pub(crate) fn keys_of(measurement: &[u8], sets: &BTreeSet<Vec<(Vec<u8>, Vec<u8>)>>) -> Vec<Vec<u8>> {
    let text = |bytes: &Vec<u8>| Text::from(bytes.as_slice());
    let set = |pairs: &Vec<(Vec<u8>, Vec<u8>)>| TagSet::new(pairs.iter().map(|(k, v)| (text(k), text(v))).collect());
    let keys: BTreeSet<Vec<u8>> = sets.iter().map(|pairs| series_key::key(measurement, &set(pairs))).collect();
    keys.into_iter().collect()
}

fn check(measurement: &[u8], keys: &[Vec<u8>]) {
    let built = TagIndex::build(keys.iter().map(Vec::as_slice));
    let mut bytes = Vec::new();
    built.encode(&mut bytes);
    let index = TagIndex::decode(&bytes, keys.len() as u32).unwrap();
    let all: Vec<TagSet> = keys.iter().map(|key| series_key::parse(key).1).collect();
    let names: BTreeSet<&[u8]> = all.iter().flat_map(|tags| tags.pairs().iter().map(|pair| &*pair.0)).collect();
    assert!(index.keys.iter().map(|key| &**key).eq(names));
    for (series, key) in keys.iter().enumerate() {
        let mut out = Vec::new();
        index.push_key(measurement, series, &mut out);
        assert_eq!(&out, key);
        assert_eq!(index.tags(series), all[series]);
    }
    for (name, column) in index.keys.iter().zip(&index.columns) {
        let (names, alone) = TagIndex::decode_part(&bytes, keys.len() as u32, Some(name)).unwrap();
        assert_eq!((&names, alone.as_ref()), (&index.keys, Some(&**column)));
        let values: BTreeSet<&[u8]> = all.iter().filter_map(|tags| tags.get(name)).collect();
        assert!(column.values.iter().eq(values.iter().copied()));
        let mut walk = column.ids.walk();
        let mut listed = Vec::new();
        column.ids.each(|run, id| listed.resize(run.end as usize, id));
        for (series, tags) in all.iter().enumerate() {
            let id = column.id(tags.get(name).unwrap_or_default()).unwrap();
            assert_eq!((column.ids.get(series), listed[series]), (id, id));
            if series % 3 != 1 {
                assert_eq!(walk.get(series as u32), id);
            }
        }
        assert_eq!(column.id(b"never"), None);
    }
}

proptest! {
    #[test]
    fn an_index_answers_as_its_keys(sets in tag_sets()) {
        let keys = keys_of(b"c, pu", &sets);
        check(b"c, pu", &keys);
    }

    #[test]
    fn damage_is_read_or_refused(sets in tag_sets(), at: proptest::sample::Index, bit in 0u8..8) {
        let keys = keys_of(b"m", &sets);
        let mut bytes = Vec::new();
        TagIndex::build(keys.iter().map(Vec::as_slice)).encode(&mut bytes);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok((_, Some(column))) = TagIndex::decode_part(&bytes, keys.len() as u32, Some(b"host")) {
            (0..keys.len()).for_each(|series| drop(column.value(series).to_vec()));
        }
        if let Ok(index) = TagIndex::decode(&bytes, keys.len() as u32) {
            (0..keys.len()).for_each(|series| drop(index.tags(series)));
        }
    }
}

#[test]
fn many_series_and_values() {
    let keys: BTreeSet<Vec<u8>> = (0..40_000u32)
        .map(|i| {
            let (host, path, hash) = (i % 100, i % 7, i.wrapping_mul(0x9e37_79b9));
            format!("m,host=host-{host},path=/api/v{path},pod=pod-{}-{hash:08x}", i / 10).into_bytes()
        })
        .collect();
    check(b"m", &keys.into_iter().collect::<Vec<_>>());
}

#[test]
fn a_cut_off_index_is_refused() {
    let keys: [&[u8]; 4] = [br"c\ pu", br"c\ pu,a=1,host=x\,y", br"c\ pu,b=2", br"c\ pu,host=x"];
    let mut bytes = Vec::new();
    TagIndex::build(keys.into_iter()).encode(&mut bytes);
    assert!((0..bytes.len()).all(|len| TagIndex::decode(&bytes[..len], 4).is_err()));
}

/// Prints what an index of a million series costs: `cargo test --profile quick -p storage -- --ignored --nocapture costs_of`.
#[test]
#[ignore = "prints figures, checks nothing"]
#[allow(clippy::print_stdout, clippy::disallowed_methods)]
fn costs_of_a_million_series() {
    let mixed = |i: u32| (i ^ i >> 16).wrapping_mul(0x7feb_352d) ^ i.rotate_left(11);
    let mut keys: Vec<Vec<u8>> = (0..1_000_000u32)
        .map(|i| {
            let (host, path) = (i % 1000, i % 7);
            format!("http_requests,host=host-{host},path=/api/v{path},pod=pod-{}-{:08x}", i / 10, mixed(i)).into_bytes()
        })
        .collect();
    keys.sort();
    let cpu = || -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split(' ').next().unwrap().parse::<u64>().unwrap() / 1_000_000
    };
    let start = cpu();
    let mut builder = Builder::default();
    keys.iter().for_each(|key| builder.push(key));
    println!("push {} ms", cpu() - start);
    let index = builder.finish();
    println!("build {} ms", cpu() - start);
    let start = cpu();
    let mut bytes = Vec::new();
    index.encode(&mut bytes);
    println!("encode {} ms, {} bytes", cpu() - start, bytes.len());
    for (key, column) in index.keys.iter().zip(&index.columns) {
        let (mut values, mut ids) = (Vec::new(), Vec::new());
        codec::encode_sorted_strings(column.values.iter(), &mut values);
        column.ids.encode(column.values.len() as u32, &mut ids);
        println!("{}: values {}, ids {}", String::from_utf8_lossy(key), values.len(), ids.len());
    }
    let start = cpu();
    TagIndex::decode(&bytes, keys.len() as u32).unwrap();
    println!("decode {} ms, {} bytes of memory", cpu() - start, index.bytes());
}
