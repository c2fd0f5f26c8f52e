//! What the real InfluxDB answered and stored, against what this crate decides of it.
//!
//! `testdata/influxdb.txt` was recorded from a running server; `testdata/deviations.txt` has the same form and says what is
//! to happen instead where InfluxDB is wrong, with the reason. The answer is put together here as the server does it.

use super::*;
use crate::{LineKeys, key_error_text};
use model::{KeyText, Table, Value};
use std::collections::BTreeMap;

const RECORDED: &str = include_str!("../testdata/influxdb.txt");
const DEVIATIONS: &str = include_str!("../testdata/deviations.txt");
const NOW: i64 = 1_700_000_000_000_000_000;

/// One recorded request: its answer, and the values it stored by series, time and field.
#[derive(Debug, Default, PartialEq)]
struct Case {
    answer: String,
    stored: BTreeMap<[String; 3], String>,
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match (byte, (byte == b'\\').then(|| bytes.next()).flatten()) {
            (_, Some(b'n')) => b'\n',
            (_, Some(b'r')) => b'\r',
            (_, Some(b't')) => b'\t',
            (_, Some(b'x')) => {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).expect("two hex digits")
            }
            (_, Some(other)) => other,
            (byte, None) => byte,
        });
    }
    out
}

fn cases(text: &str) -> BTreeMap<(String, Vec<u8>), Case> {
    let mut cases = BTreeMap::new();
    let mut request = None;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(rest) = line.strip_prefix("> ") {
            let (precision, body) = rest.split_once(' ').expect("a precision and a body");
            let id = (precision.to_owned(), unescape(body));
            cases.insert(id.clone(), Case::default());
            request = Some(id);
            continue;
        }
        let case = cases.get_mut(request.as_ref().expect("a request first")).expect("inserted above");
        if let Some(answer) = line.strip_prefix("< ") {
            case.answer = String::from_utf8(unescape(answer.trim_end())).expect("text");
        } else if let Some(stored) = line.strip_prefix("= ") {
            let (place, value) = stored_value(stored);
            case.stored.insert(place, value);
        }
    }
    cases
}

fn stored_value(line: &str) -> ([String; 3], String) {
    let line = line.replace("\\|", "\\x7c");
    let parts: Vec<String> =
        line.split('|').map(|part| String::from_utf8_lossy(&unescape(part)).into_owned()).collect();
    let [series, time, field, field_type, value] = parts.as_slice() else { panic!("five parts: {line}") };
    let value = match field_type.as_str() {
        "float" => format!("{:?}", value.parse::<f64>().expect("a float") + 0.0),
        _ => value.clone(),
    };
    ([series.clone(), time.clone(), field.clone()], format!("{field_type} {value}"))
}

/// What this crate makes of a request.
fn ours(precision: &str, body: &[u8]) -> Case {
    let precision = precision.parse().expect("a precision");
    let mut decoded = decode(body.to_vec(), &Options { precision, now: NOW, ..Options::default() });
    let mut stored = BTreeMap::new();
    let mut rows = 0;
    for table in &decoded.batch.tables {
        for row in 0..table.rows() {
            let mut key = Vec::new();
            match LineKeys.canonical(decoded.batch.key(table.keys[row]), &mut key) {
                Ok(()) => {
                    store_row(table, row, &key, &mut stored);
                    rows += 1;
                }
                Err(error) => {
                    let offset = table.keys[row].start;
                    let text = key_error_text(&decoded.batch.text, offset, &error);
                    decoded.errors.push(LineError { offset, problem: LineProblem::DuplicateTags, text });
                }
            }
        }
    }
    decoded.errors.sort_by_key(|error| error.offset);
    Case { answer: answer(&decoded, rows), stored }
}

fn store_row(table: &Table, row: usize, key: &[u8], stored: &mut BTreeMap<[String; 3], String>) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for column in &table.columns {
        let Some(value) = column.column.get(row) else { continue };
        let time = table.times[row];
        let time = if time.abs_diff(NOW) < 7_200_000_000_000 { "now".to_owned() } else { time.to_string() };
        let value = match value {
            Value::Float(value) => format!("float {:?}", value + 0.0),
            Value::Integer(value) => format!("integer {value}"),
            Value::Unsigned(value) => format!("unsigned {value}"),
            Value::String(value) => format!("string {}", text(value)),
            Value::Boolean(value) => format!("boolean {value}"),
        };
        stored.insert([text(key), time, text(&column.name)], value);
    }
}

fn answer(decoded: &Decoded, rows: usize) -> String {
    let texts: Vec<_> = decoded.errors.iter().map(|error| error.text.as_str()).collect();
    let texts = texts.join("\n");
    let dropped = decoded.partial.dropped;
    match decoded.partial.reason() {
        Some(reason) => {
            format!("400 partial write: {reason} dropped={dropped} for database: d for retention policy: autogen")
        }
        None if texts.is_empty() => "204".to_owned(),
        None if rows == 0 => format!("400 {texts}"),
        None => format!("400 partial write: {texts} dropped=0 for database: d"),
    }
}

#[test]
fn agrees_with_influxdb() {
    let mut deviations = cases(DEVIATIONS);
    let mut wrong = String::new();
    let recorded = cases(RECORDED);
    assert!(recorded.len() > 300);
    for (id, theirs) in recorded {
        // types are judged by the storage
        if theirs.answer.contains("field type conflict") {
            continue;
        }
        let ours = ours(&id.0, &id.1);
        let expected = deviations.remove(&id).unwrap_or(theirs);
        if ours != expected {
            wrong += &format!("> {} {}\n ours {ours:?}\n want {expected:?}\n", id.0, id.1.escape_ascii());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(deviations.is_empty(), "deviations from nothing recorded: {deviations:?}");
}
