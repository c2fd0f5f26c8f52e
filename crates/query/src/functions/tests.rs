//! The table is whole: names are unique, each has a line of text, and wildcards find the types that InfluxDB's find.

use super::*;
use std::collections::BTreeSet;

#[test]
fn names_are_unique_and_documented() {
    let names: BTreeSet<&str> = FUNCTIONS.iter().map(|entry| entry.name).collect();
    assert_eq!(names.len(), FUNCTIONS.len());
    assert!(FUNCTIONS.iter().all(|entry| entry.doc.ends_with('.') && entry.name == entry.name.to_lowercase()));
}

#[test]
fn types_are_influxdbs() {
    let taken = |name: &str| FieldType::ALL.into_iter().filter(|kind| named(name).unwrap().accepts(*kind)).count();
    assert_eq!(["count", "first", "mode", "distinct"].map(taken), [5; 4]);
    assert_eq!(["min", "max"].map(taken), [4; 2]);
    assert_eq!(["sum", "median", "percentile", "top", "stddev"].map(taken), [3; 5]);
    let given = |name: &str| named(name).unwrap().result(FieldType::Unsigned);
    assert_eq!(["count", "median", "mode"].map(given), [FieldType::Integer, FieldType::Float, FieldType::Unsigned]);
}
