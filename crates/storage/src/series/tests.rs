//! Look-ups of raw keys, in any spelling.

use super::*;
use platform::SeededRandom;

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

fn resolve(table: &SeriesTable, keys: &[&str]) -> Resolved {
    let (batch, spans) = batch(keys);
    table.resolve(&batch, &spans, &Lower)
}

#[test]
fn spellings_share_a_series_and_numbers_stay() {
    let tables = SeriesTables::new(&SeededRandom::new(1), 1 << 20);
    let table = tables.current();
    let first = resolve(&table, &["b", "B", "a", "x?", "b"]);
    assert_eq!(first.ids[0], first.ids[1]);
    assert_eq!(first.ids[0], first.ids[4]);
    assert_ne!(first.ids[0], first.ids[2]);
    assert_eq!((first.ids[3], first.bad.len(), first.bad[0].0), (NO_SERIES, 1, 3));
    let again = resolve(&table, &["a", "B"]);
    assert_eq!(again.ids, [first.ids[2], first.ids[0]]);
    assert_eq!(&*table.keys(&again.ids)[1], b"b");
    assert_eq!(table.enter_key(b"a"), again.ids[0]);
}

#[test]
fn sorts_by_key_whether_ranks_are_known_or_not() {
    let tables = SeriesTables::new(&SeededRandom::new(2), 1 << 20);
    let table = tables.current();
    let names: Vec<String> = (0..1000).map(|i| format!("s{}", (i * 7919) % 1000)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut ids = resolve(&table, &names).ids;
    for _ in 0..2 {
        table.sort_by_key(&mut ids);
        assert!(table.keys(&ids).is_sorted());
    }
    let mut few = resolve(&table, &["zz", "s5", "aa"]).ids;
    table.sort_by_key(&mut few);
    assert!(table.keys(&few).is_sorted());
}

#[test]
fn an_outgrown_table_is_left_and_its_holders_keep_it() {
    let tables = SeriesTables::new(&SeededRandom::new(3), 10);
    let old = tables.current();
    let ids = resolve(&old, &["a", "b"]).ids;
    tables.forget();
    assert!(!Arc::ptr_eq(&old, &tables.current()));
    assert_eq!(resolve(&tables.current(), &["b"]).ids, [0]);
    assert_eq!(&*old.keys(&ids)[1], b"b");
}
