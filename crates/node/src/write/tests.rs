//! Routing, and what a client is told.

use super::report::Report;
use super::*;
use crate::catalog::State;
use crate::{Node, Options};
use influxql::CreateDatabase;
use model::time::HOUR;
use model::{Column, FieldType, KeyError, KeySpan, MOST_ERROR_BYTES, Table, TableColumn, Values};
use platform::sim::{SimClock, SimDisk};
use platform::{SeededRandom, World};
use std::collections::BTreeSet;
use std::sync::{Arc, mpsc};
use storage::{RejectReason, Rejections};

fn state() -> State {
    let mut state = State::new([1; 16]);
    let create =
        CreateDatabase { name: "d".to_owned(), with_policy: true, shard_duration: Some(HOUR), ..Default::default() };
    state.create_database(&create, true).unwrap();
    state
}

fn batch(times: &[i64]) -> Batch {
    let keys = times.iter().map(|_| KeySpan { start: 0, len: 0 }).collect();
    let table = Table { measurement: b"m".as_slice().into(), keys, times: times.to_vec(), columns: Vec::new() };
    Batch { text: Arc::default(), tables: vec![table] }
}

#[test]
fn every_row_finds_its_shard_after_one_change() {
    let mut state = state();
    let batch = batch(&[5, HOUR * 3, 6, -1, HOUR * 3 + 1, HOUR]);
    let (database, policy) = state.policy("d", None).unwrap();
    let (found, missing) = route(policy, &batch);
    assert_eq!((found.len(), &*missing), (0, &[-HOUR, 0, HOUR, HOUR * 3][..]));
    let (database, policy) = (database.id, policy.id);
    state.ensure_shards(database, policy, missing).unwrap();
    let (found, missing) = route(state.policy("d", None).unwrap().1, &batch);
    assert!(missing.is_empty());
    let starts: Vec<_> = found.iter().map(|span| span.range.start).collect();
    assert_eq!(starts, [-HOUR, 0, HOUR, HOUR * 3]);
}

/// Rows that storage refused: for their keys, for the type of a field.
fn refused(duplicates: usize, conflicts: usize) -> Rejections {
    let mut rejections = Rejections::default();
    (0..duplicates).for_each(|_| rejections.add_key(2, KeyError("duplicate tags".to_owned())));
    let conflict = || RejectReason::TypeConflict {
        measurement: b"m".as_slice().into(),
        field: b"v".as_slice().into(),
        given: FieldType::String,
        existing: FieldType::Float,
    };
    (0..conflicts).for_each(|_| rejections.add(4, conflict));
    rejections
}

fn told(rows: usize, rejected: Rejections, lines: &[(u32, &str)], partial: Option<(&str, u64)>) -> Option<String> {
    let mut report = Report::new(&WriteTarget { database: "d", policy: None }, rows);
    report.policy = "autogen".to_owned();
    report.rejected = rejected;
    let undecoded = Undecoded {
        lines: lines.iter().map(|(offset, text)| (*offset, (*text).to_owned())).collect(),
        more_lines: 0,
        partial: partial.map(|(reason, dropped)| (reason.to_owned(), dropped)),
        line_of_key: &|body, start, error| format!("{} at {start} of {}", error, body.len()),
    };
    report.text(b"body", undecoded)
}

#[test]
fn one_thing_is_told_in_influxdbs_order() {
    assert_eq!(told(3, refused(0, 0), &[], None), None);
    let conflicts = "partial write: field type conflict: input field \"v\" on measurement \"m\" is type string, already \
                     exists as type float dropped=2 for database: d for retention policy: autogen";
    let text = told(3, refused(1, 2), &[(0, "bad line")], None);
    assert_eq!(text.as_deref(), Some(conflicts));
    let partial = told(3, refused(0, 1), &[], Some(("invalid tag key", 4))).unwrap();
    assert_eq!(partial, "partial write: invalid tag key dropped=5 for database: d for retention policy: autogen");
    let mixed = told(2, refused(1, 0), &[(9, "last"), (0, "first")], None).unwrap();
    assert_eq!(mixed, "partial write: first\nduplicate tags at 2 of 4\nlast dropped=0 for database: d");
    assert_eq!(told(1, refused(1, 0), &[(9, "last")], None).unwrap(), "duplicate tags at 2 of 4\nlast");
    assert_eq!(told(0, refused(0, 0), &[(9, "last")], None).unwrap(), "last");
}

#[test]
fn of_many_bad_lines_the_first_are_told_and_the_others_counted() {
    const ROWS: usize = 300_000;
    let mut rejected = Rejections::default();
    (0..ROWS as u32).for_each(|row| rejected.add_key(row, KeyError("duplicate tags".to_owned())));
    let text = told(ROWS, rejected, &[(7, "no point")], None).unwrap();
    assert!((MOST_ERROR_BYTES / 4..MOST_ERROR_BYTES).contains(&text.len()), "{}", text.len());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["duplicate tags at 0 of 4", "duplicate tags at 1 of 4"]);
    assert_eq!(lines[7..9], ["no point", "duplicate tags at 7 of 4"]);
    assert_eq!(lines[lines.len() - 1], format!("{} more lines that are no points", ROWS + 1 - (lines.len() - 1)));
}

#[test]
fn errors_are_sorted_by_what_to_do() {
    let busy = WriteError::from(StorageError::Busy { what: "memory" });
    assert_eq!(busy.kind(), WriteErrorKind::Retry);
    assert_eq!(WriteError::from(StorageError::Closed("x".to_owned())).kind(), WriteErrorKind::Closed);
    let missing = WriteError::from(CatalogError::DatabaseNotFound("x".to_owned()));
    assert_eq!((missing.kind(), &*missing.to_string()), (WriteErrorKind::NotFound, "database not found: \"x\""));
    let policy = WriteError::from(CatalogError::PolicyNotFound("zz".to_owned()));
    assert_eq!((policy.kind(), &*policy.to_string()), (WriteErrorKind::Internal, "retention policy not found: zz"));
}

/// Keys that are canonical as they are.
struct Plain;

impl KeyText for Plain {
    fn canonical(&self, raw: &[u8], key: &mut Vec<u8>) -> Result<(), KeyError> {
        key.extend_from_slice(raw);
        Ok(())
    }
}

#[test]
fn a_request_over_ten_years_of_days_takes_few_syncs() {
    const DAYS: usize = 3650;
    const DAY: i64 = 24 * HOUR;
    let (clock, disk) = (Arc::new(SimClock::new(0)), Arc::new(SimDisk::new(3)));
    let world = World { disk: disk.clone(), clock, random: Arc::new(SeededRandom::new(5)) };
    let node = Node::open(world, Options { on_fatal: Arc::new(|_| {}), ..Options::default() }).unwrap();
    let create =
        CreateDatabase { name: "d".to_owned(), with_policy: true, shard_duration: Some(DAY), ..Default::default() };
    node.inner.catalog.change(|state| state.create_database(&create, true).map(drop)).unwrap();
    let times: Vec<i64> = (0..DAYS as i64).map(|day| day * DAY + 1).collect();
    let column = Column::dense(Values::Integer(times.clone()));
    let table = Table {
        measurement: b"m".as_slice().into(),
        keys: vec![KeySpan { start: 0, len: 1 }; DAYS],
        times,
        columns: vec![TableColumn { name: b"v".as_slice().into(), column }],
    };
    let batch = Batch { text: Arc::new(b"m".to_vec()), tables: vec![table] };
    let target = WriteTarget { database: "d", policy: None };
    let (sender, done) = mpsc::channel();
    let write = Write::new(batch, &Plain, Undecoded::nothing(), Box::new(move |result| sender.send(result).unwrap()));
    disk.start_trace();
    let Err(write) = node.write_at_once(&target, write) else { panic!("shards are made without waiting") };
    assert_eq!(node.write(&target, *write).unwrap(), None);
    done.recv().unwrap().unwrap();
    let calls = disk.take_trace();
    // A folder that is made is synced in its parent; one that is there is not.
    let made: BTreeSet<&str> =
        calls.iter().filter_map(|call| call.split_once("create folder ").map(|(_, folder)| folder)).collect();
    let syncs = calls.iter().filter(|call| call.contains("sync")).count() + made.len();
    assert!(syncs <= 10, "{syncs}: {calls:?}");
    let entries = calls.iter().filter(|call| call.contains("rename catalog")).count();
    assert_eq!(entries, 1, "{calls:?}");
    let shards = node.shard_figures().len();
    assert_eq!(shards, DAYS);
    node.close().unwrap();
}
