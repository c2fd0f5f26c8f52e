//! Which rows stay, and the texts, compared with what InfluxDB 1.13.2 said.

use super::*;
use model::time::{HOUR, SECOND};
use model::{Column, FieldType, KeyError, TableColumn, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Canonical as they stand.
struct Plain;

impl KeyText for Plain {
    fn canonical(&self, raw: &[u8], key: &mut Vec<u8>) -> Result<(), KeyError> {
        key.extend_from_slice(raw);
        Ok(())
    }
}

const MINUTE: i64 = 60 * SECOND;
/// 2026-11-24T23:53:56Z.
const NOW: i64 = 1_795_564_436 * SECOND;

fn policy(duration: i64, future_limit: i64, past_limit: i64) -> Policy {
    Policy {
        id: 1,
        name: "autogen".to_owned(),
        duration,
        shard_duration: HOUR,
        replication: 1,
        future_limit,
        past_limit,
        shards: BTreeMap::new(),
    }
}

/// One table; each row has the field `a`, every second one `b`.
fn batch(rows: &[(&str, i64)]) -> Batch {
    let mut text = Vec::new();
    let mut keys = Vec::new();
    let (mut a, mut b) = (Column::new(FieldType::Integer), Column::new(FieldType::Integer));
    for (row, (key, _)) in (0u32..).zip(rows) {
        keys.push(KeySpan { start: u32::try_from(text.len()).unwrap(), len: u32::try_from(key.len()).unwrap() });
        text.extend_from_slice(key.as_bytes());
        a.push(row, Value::Integer(i64::from(row)));
        if row % 2 == 1 {
            b.push(row, Value::Integer(i64::from(row)));
        }
    }
    a.seal(rows.len());
    b.seal(rows.len());
    let column = |name: &str, column| TableColumn { name: name.as_bytes().into(), column };
    let times = rows.iter().map(|row| NOW + row.1).collect();
    let table =
        Table { measurement: b"m".as_slice().into(), keys, times, columns: vec![column("a", a), column("b", b)] };
    Batch { text: Arc::new(text), tables: vec![table] }
}

#[test]
fn rows_inside_are_left_alone() {
    let mut given = batch(&[("m", 0), ("m", -HOUR), ("m", HOUR)]);
    let before = given.clone();
    assert_eq!(cut_outside(&mut given, &policy(HOUR, 0, 0), NOW, &Plain), None);
    assert_eq!(given, before);
}

#[test]
fn old_rows_go_with_their_values() {
    let mut given = batch(&[("m", 0), ("m,h=a", -2 * HOUR), ("m", 5), ("m,h=b", -HOUR - 1)]);
    let outside = cut_outside(&mut given, &policy(HOUR, 0, 0), NOW, &Plain).unwrap();
    assert_eq!(outside.dropped(), 2);
    let table = &given.tables[0];
    assert_eq!(table.times, [NOW, NOW + 5]);
    let names: Vec<_> = table.columns.iter().map(|column| &*column.name).collect();
    assert_eq!(names, [b"a"], "b has no value left");
    assert_eq!(table.columns[0].column.get(1), Some(Value::Integer(2)));
    assert_eq!(
        outside.to_string(),
        "dropped 2 points outside retention policy of duration 1h0m0s - oldest point m,h=a at 2026-11-24T21:53:56Z \
         dropped because it violates a Retention Policy Lower Bound at 2026-11-24T22:53:56Z, newest point m,h=b at \
         2026-11-24T22:53:55.999999999Z dropped because it violates a Retention Policy Lower Bound at \
         2026-11-24T22:53:56Z"
    );
}

#[test]
fn the_write_window_is_named() {
    let text = |policy: &Policy, rows: &[(&str, i64)]| {
        let mut given = batch(rows);
        let text = cut_outside(&mut given, policy, NOW, &Plain).unwrap().to_string();
        assert!(given.tables.iter().all(|table| table.rows() > 0));
        text
    };
    assert_eq!(
        text(&policy(0, 0, 30 * MINUTE), &[("m", -2 * HOUR)]),
        "dropped 0 points outside retention policy of duration 0s and 1 points outside write window (-30m0s) - oldest \
         point m at 2026-11-24T21:53:56Z dropped because it violates a Write Window Lower Bound at \
         2026-11-24T23:23:56Z, newest point m at 2026-11-24T21:53:56Z dropped because it violates a Write Window \
         Lower Bound at 2026-11-24T23:23:56Z"
    );
    let both = text(&policy(HOUR, 30 * MINUTE, 10 * MINUTE), &[("m", -2 * HOUR), ("m", -20 * MINUTE), ("m", HOUR)]);
    let expected = "dropped 1 points outside retention policy of duration 1h0m0s and 2 points outside write window (-10m0s to 30m0s) - ";
    assert!(both.starts_with(expected), "{both}");
    assert!(both.ends_with("violates a Write Window Upper Bound at 2026-11-25T00:23:56Z"), "{both}");
    assert!(text(&policy(0, MINUTE, 0), &[("m", HOUR)]).contains("write window (1m0s)"));
}
