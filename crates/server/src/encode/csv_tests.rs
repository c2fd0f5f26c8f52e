//! CSV against a reader that others have written: it says the same as JSON, row by row.

use super::super::msgpack::tests::{Statement, a_statement, answered};
use super::super::{Form, Layout, TimeForm};
use ::csv::{ReaderBuilder, StringRecord};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

const COLUMNS: [&str; 8] = ["name", "tags", "time", "f", "i", "u", "b", "s"];

/// The records, without those that are headings; blank lines are none.
fn records(bytes: &[u8]) -> Vec<StringRecord> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let records: Result<Vec<StringRecord>, _> = reader.records().collect();
    let is_row = |record: &StringRecord| record != COLUMNS[..] && record != ["error"][..];
    records.unwrap().into_iter().filter(is_row).collect()
}

/// The tag; one without a value is none.
fn tag_of(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| format!("k={value}"))
}

/// The rows and errors of an answer in JSON, as CSV has them.
fn rows_of(json: &[u8]) -> Vec<Vec<Value>> {
    let answer: Value = serde_json::from_slice(json).unwrap();
    let mut rows = Vec::new();
    for result in answer["results"].as_array().unwrap() {
        if let Some(error) = result.get("error") {
            rows.push(vec![error.clone()]);
        }
        for series in result["series"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let tags = series.get("tags").and_then(|tags| tag_of(tags["k"].as_str().unwrap()));
            for row in series["values"].as_array().map(Vec::as_slice).unwrap_or_default() {
                let name = series.get("name").cloned().unwrap_or_else(|| "".into());
                let mut cells = vec![name, tags.clone().unwrap_or_default().into()];
                cells.extend(row.as_array().unwrap().iter().cloned());
                rows.push(cells);
            }
        }
    }
    rows
}

/// Whether a field says what a value of JSON does: nothing is the empty text, and numbers are spelt otherwise.
fn same(field: &str, value: &Value) -> bool {
    match value {
        Value::Null => field.is_empty(),
        Value::String(text) => field == text,
        // The reader of JSON is off by a last digit at times.
        Value::Number(number) if number.is_f64() => {
            let wanted = number.as_f64().unwrap_or(f64::NAN);
            // Below the least normal number the last digit is a larger part.
            let slack = (wanted.abs() * 1e-15).max(f64::from_bits(8));
            field.parse::<f64>().is_ok_and(|found| (found - wanted).abs() <= slack)
        }
        Value::Number(number) => field == number.to_string(),
        Value::Bool(flag) => field == if *flag { "true" } else { "false" },
        Value::Array(_) | Value::Object(_) => false,
    }
}

/// Whether InfluxDB tells an error of such a statement in CSV.
fn is_told(statement: &Statement) -> bool {
    statement.error.as_ref().is_none_or(|error| !error.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn csv_says_what_json_does(
        statements in vec(a_statement().prop_filter("an error has a text", is_told), 1..4),
        times in prop_oneof![Just(TimeForm::Rfc3339), Just(TimeForm::Epoch(1)), Just(TimeForm::Epoch(1_000_000_000))],
    ) {
        let form = Form { times, statements: statements.len(), ..Form::default() };
        let wanted = rows_of(&answered(form, &statements));
        let found = records(&answered(Form { layout: Layout::TextCsv, ..form }, &statements));
        prop_assert_eq!(found.len(), wanted.len());
        for (record, row) in found.iter().zip(&wanted) {
            prop_assert!(record.len() == row.len() && record.iter().zip(row).all(|(field, value)| same(field, value)), "{record:?}\n{row:?}");
        }
    }
}
