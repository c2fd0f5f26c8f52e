//! Look-ups of raw keys, in any spelling.

use super::*;
use platform::SeededRandom;
use std::collections::{HashMap, HashSet};

/// Canonical is lower case; a key with a question mark names no series.
struct Lower;

impl KeyText for Lower {
    fn canonical(&self, raw: &[u8], key: &mut Vec<u8>) -> Result<(), KeyError> {
        if raw.contains(&b'?') {
            return Err(KeyError("asks".into()));
        }
        key.extend(raw.to_ascii_lowercase());
        Ok(())
    }
}

fn batch(keys: &[&str]) -> (Batch, Vec<KeySpan>) {
    let mut text = Vec::new();
    let mut spans = Vec::new();
    for key in keys {
        spans.push(KeySpan { start: text.len() as u32, len: key.len() as u32 });
        text.extend_from_slice(key.as_bytes());
    }
    (Batch { text: text.into(), tables: Vec::new() }, spans)
}

/// What was found: for each row its series, and the rows whose key names none.
struct Resolved {
    ids: Vec<SeriesId>,
    bad: Vec<u32>,
}

fn resolve(table: &SeriesTable, keys: &[&str]) -> Resolved {
    let (batch, spans) = batch(keys);
    let mut bad = Vec::new();
    let ids = table.resolve(&batch, &spans, &Lower, &mut |row, _| bad.push(row));
    Resolved { ids, bad }
}

#[test]
fn spellings_share_a_series_and_numbers_stay() {
    let tables = SeriesTables::new(&SeededRandom::new(1), 1 << 20, u64::MAX);
    let table = tables.current();
    let first = resolve(&table, &["b", "B", "a", "x?", "b"]);
    assert_eq!(first.ids[0], first.ids[1]);
    assert_eq!(first.ids[0], first.ids[4]);
    assert_ne!(first.ids[0], first.ids[2]);
    assert_eq!((first.ids[3], first.bad), (NO_SERIES, vec![3]));
    let again = resolve(&table, &["a", "B"]);
    assert_eq!(again.ids, [first.ids[2], first.ids[0]]);
    assert_eq!(table.store().key(again.ids[1]), b"b");
    assert_eq!(table.enter_key(b"a"), again.ids[0]);
}

#[test]
fn a_key_may_spell_another_series() {
    /// Adds a backslash, so that keys are spellings of others.
    struct Longer;
    impl KeyText for Longer {
        fn canonical(&self, raw: &[u8], key: &mut Vec<u8>) -> Result<(), KeyError> {
            key.extend_from_slice(raw);
            key.push(b'!');
            Ok(())
        }
    }
    let table = SeriesTables::new(&SeededRandom::new(4), 1 << 20, u64::MAX).current();
    let resolve = |keys: &[&str]| {
        let (batch, spans) = batch(keys);
        table.resolve(&batch, &spans, &Longer, &mut |_, _| ())
    };
    let ids = resolve(&["a", "a!", "a!!", "a"]);
    assert_eq!(ids[0], ids[3]);
    for (id, key) in ids.iter().zip(["a!", "a!!", "a!!!"]) {
        assert_eq!(table.store().key(*id), key.as_bytes());
        assert_eq!(table.enter_key(key.as_bytes()), *id);
    }
    assert_eq!(resolve(&["a!!", "a!", "a"]), [ids[2], ids[1], ids[0]]);
}

#[test]
fn many_rows_in_any_order_say_what_a_map_says() {
    let random = SeededRandom::new(5);
    let table = SeriesTables::new(&random, 1 << 30, u64::MAX).current();
    let mut known: HashMap<String, SeriesId> = HashMap::new();
    for round in 0..60 {
        let start = random.below(3_000);
        let name = |row: u64| match round % 3 {
            0 => start + row,
            1 => (start + row) / 5,
            _ => random.below(4_000),
        };
        let names: Vec<String> = (0..random.below(700)).map(|row| format!("s{}", name(row))).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let ids = resolve(&table, &names).ids;
        for (name, id) in names.iter().zip(ids) {
            assert_eq!(*known.entry((*name).to_owned()).or_insert(id), id, "{name}");
            assert_eq!(table.store().key(id), name.as_bytes());
        }
    }
    let numbers: HashSet<SeriesId> = known.values().copied().collect();
    assert_eq!(numbers.len(), known.len());
}

#[test]
fn rows_beyond_those_resolved_at_once_are_told_by_their_numbers() {
    let table = SeriesTables::new(&SeededRandom::new(7), 1 << 20, u64::MAX).current();
    let mut keys = vec!["a"; RESOLVED_AT_ONCE * 2 + 3];
    keys[RESOLVED_AT_ONCE - 1] = "x?";
    keys[RESOLVED_AT_ONCE] = "b";
    keys[RESOLVED_AT_ONCE * 2 + 1] = "y?";
    let resolved = resolve(&table, &keys);
    assert_eq!(resolved.bad, [RESOLVED_AT_ONCE as u32 - 1, RESOLVED_AT_ONCE as u32 * 2 + 1]);
    for (key, id) in keys.iter().zip(resolved.ids) {
        match id {
            NO_SERIES => assert!(key.contains('?')),
            id => assert_eq!(table.store().key(id), key.as_bytes()),
        }
    }
}

#[test]
fn an_outgrown_table_is_left_and_its_holders_keep_it() {
    let tables = SeriesTables::new(&SeededRandom::new(3), 10, u64::MAX);
    let old = tables.current();
    let ids = resolve(&old, &["a", "b"]).ids;
    tables.forget(0);
    assert!(!Arc::ptr_eq(&old, &tables.current()));
    assert_eq!(resolve(&tables.current(), &["b"]).ids, [0]);
    assert_eq!(old.store().key(ids[1]), b"b");
}

#[test]
fn a_series_costs_little_beside_its_key() {
    let tables = SeriesTables::new(&SeededRandom::new(6), 1 << 30, u64::MAX);
    let table = tables.current();
    let names: Vec<String> = (0..100_000).map(|i| format!("http,host=host-{},pod=pod-{i}", i % 1_000)).collect();
    let text: usize = names.iter().map(String::len).sum();
    for some in names.chunks(10_000) {
        resolve(&table, &some.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let beside = (tables.of_all.load(Ordering::Relaxed) as f64 - text as f64) / names.len() as f64;
    assert!((24.0..60.0).contains(&beside), "{beside}");
    drop(table);
    *tables.current.write() = (0, Arc::new(SeriesTable::new(tables.hasher.clone(), tables.of_all.clone())));
    assert_eq!(tables.of_all.load(Ordering::Relaxed), 0);
}
