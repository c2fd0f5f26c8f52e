//! Statements on a whole node in a simulated world, and lists as items.

use super::rows::Rows;
use crate::node::{Node, Options};
use crate::read::QueryRequest;
use influxql::Params;
use model::time::{HOUR, SECOND};
use model::{Column, FrameColumn, Item, Value};
use platform::sim::{SimClock, SimDisk};
use platform::{SeededRandom, World};
use query::Sink;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// Keeps an answer as text: `name{columns}` a header, `a|b` a row.
#[derive(Default)]
struct Kept(Vec<String>);

impl Sink for Kept {
    fn item(&mut self, item: Item) -> ControlFlow<()> {
        match item {
            Item::Series(header) => {
                let columns: Vec<_> = header.columns.iter().map(|column| String::from_utf8_lossy(column)).collect();
                self.0.push(format!("{}{{{}}}", String::from_utf8_lossy(&header.name), columns.join(",")));
            }
            Item::Rows(frame) => {
                for row in 0..frame.rows {
                    let cells: Vec<_> = frame.columns.iter().map(|column| cell(column, row)).collect();
                    self.0.push(cells.join("|"));
                }
            }
            // SELECT alone makes these.
            Item::Many(many) => panic!("{many:?}"),
        }
        ControlFlow::Continue(())
    }
}

fn cell(column: &FrameColumn, row: usize) -> String {
    match column.get(row) {
        Some(Value::String(text)) => String::from_utf8_lossy(text).into_owned(),
        Some(Value::Integer(number)) => number.to_string(),
        Some(Value::Boolean(truth)) => truth.to_string(),
        other => match column {
            FrameColumn::Times(times) => times[row].to_string(),
            _ => format!("{other:?}"),
        },
    }
}

#[test]
fn rows_become_a_header_and_a_frame() {
    let mut kept = Kept::default();
    let mut rows = Rows::new("x", &["a", "b", "c"]);
    rows.rows = vec![vec!["p".into(), 1i64.into(), true.into()], vec!["q".into(), 2u64.into(), false.into()]];
    assert!(rows.send(&mut kept).is_continue());
    assert!(Rows::new("", &["user"]).send(&mut kept).is_continue());
    assert_eq!(kept.0, ["x{a,b,c}", "p|1|true", "q|2|false", "{user}"]);
}

struct Bench {
    node: Arc<Node>,
    clock: Arc<SimClock>,
    disk: Arc<SimDisk>,
}

fn bench() -> Bench {
    let (clock, disk) = (Arc::new(SimClock::new(0)), Arc::new(SimDisk::new(3)));
    let world = World { disk: disk.clone(), clock: clock.clone(), random: Arc::new(SeededRandom::new(5)) };
    let options = Options { on_fatal: Arc::new(|_| {}), ..Options::default() };
    Bench { node: Node::open(world, options).unwrap(), clock, disk }
}

impl Bench {
    /// The answer to one statement; an error or a warning as its last line.
    fn ask(&self, text: &str, request: &QueryRequest) -> Vec<String> {
        let statement = self.node.parse(text, &Params::default()).unwrap().remove(0);
        let mut kept = Kept::default();
        match self.node.execute(&statement, request, &mut kept) {
            Ok(warnings) => kept.0.extend(warnings),
            Err(error) => kept.0.push(error.to_string()),
        }
        kept.0
    }
}

#[test]
fn names_are_made_shown_and_dropped() {
    let bench = bench();
    let request = QueryRequest { read_only: true, ..QueryRequest::default() };
    let ask = |text: &str| bench.ask(text, &request);
    let warning = "deprecated use of 'CREATE DATABASE t' in a read only context, please use a POST request instead";
    assert_eq!(ask("CREATE DATABASE t"), [warning]);
    assert_eq!(ask("SHOW DATABASES"), ["databases{name}", "t"]);
    assert_eq!(ask("SHOW RETENTION POLICIES"), ["database name required"]);
    assert_eq!(ask("SHOW RETENTION POLICIES ON nope"), ["database not found: nope"]);
    let columns = "{name,duration,shardGroupDuration,replicaN,futureWriteLimit,pastWriteLimit,default}";
    assert_eq!(ask("SHOW RETENTION POLICIES ON t"), [columns, "autogen|0s|168h0m0s|1|0s|0s|true"]);
    assert_eq!(ask("SHOW USERS"), ["{user,admin}"]);
    assert_eq!(ask("SHOW CONTINUOUS QUERIES"), ["t{name,query}"]);
    assert_eq!(ask("SHOW DIAGNOSTICS FOR 'build'")[0], "build{Branch,Build Time,Commit,Version}");
    assert_eq!(ask("KILL QUERY 99"), ["no such query id: 99"]);
    assert_eq!(ask("DROP DATABASE t").len(), 1);
    assert_eq!(ask("SHOW DATABASES"), ["databases{name}"]);
    bench.node.close().unwrap();
}

#[test]
fn expired_shards_go() {
    let bench = bench();
    let ask = |text: &str| bench.ask(text, &QueryRequest::default());
    ask("CREATE DATABASE t WITH DURATION 2h");
    let catalog = &bench.node.inner.catalog;
    let state = catalog.state();
    let (database, policy) = state.policy("t", None).map(|(database, policy)| (database.id, policy.id)).unwrap();
    catalog.change(|state| state.ensure_shards(database, policy, [0, HOUR])).unwrap();
    let columns = "t{id,database,retention_policy,shard_group,start_time,end_time,expiry_time,owners}";
    let first = "1|t|autogen|1|1970-01-01T00:00:00Z|1970-01-01T01:00:00Z|1970-01-01T03:00:00Z|";
    let second = "2|t|autogen|2|1970-01-01T01:00:00Z|1970-01-01T02:00:00Z|1970-01-01T04:00:00Z|";
    assert_eq!(ask("SHOW SHARDS"), [columns, first, second]);
    bench.clock.set_wall_ns(3 * HOUR);
    assert_eq!(bench.node.enforce_retention().unwrap(), 0);
    bench.clock.advance(Duration::from_nanos(u64::try_from(SECOND).unwrap()));
    assert_eq!(bench.node.enforce_retention().unwrap(), 1);
    assert_eq!(ask("SHOW SHARDS"), [columns, second]);
    bench.node.close().unwrap();
}

#[test]
fn a_full_disk_lets_databases_be_dropped() {
    let bench = bench();
    let ask = |text: &str| bench.ask(text, &QueryRequest::default());
    assert_eq!(ask("CREATE DATABASE t"), [""; 0]);
    bench.disk.set_capacity(Some(bench.disk.used_bytes()));
    assert_eq!(ask("CREATE DATABASE u").len(), 1, "there is no room");
    assert_eq!(ask("DROP DATABASE t"), [""; 0]);
    assert_eq!(ask("SHOW DATABASES"), ["databases{name}"]);
    bench.node.close().unwrap();
}

/// Writes one row of measurement m with tag h and field f, and waits until it is durable.
fn write(bench: &Bench, tag: &str, time: i64) {
    let key = format!("m,h={tag}");
    let span = model::KeySpan { start: 0, len: u32::try_from(key.len()).unwrap() };
    let column =
        model::TableColumn { name: b"f".as_slice().into(), column: Column::dense(model::Values::Integer(vec![1])) };
    let measurement = b"m".as_slice().into();
    let table = model::Table { measurement, keys: vec![span], times: vec![time], columns: vec![column] };
    let batch = model::Batch { text: Arc::new(key.into_bytes()), tables: vec![table] };
    let (told, heard) = std::sync::mpsc::channel();
    let done = Box::new(move |result: Result<(), crate::write::WriteError>| told.send(result.is_ok()).unwrap());
    let target = crate::write::WriteTarget { database: "t", policy: None };
    let write = crate::write::Write::new(batch, &Canonical, crate::write::Undecoded::nothing(), done);
    let left_out = bench.node.write(&target, write).unwrap();
    assert!(left_out.is_none() && heard.recv().unwrap());
}

/// Raw keys that are canonical.
struct Canonical;

impl model::KeyText for Canonical {
    fn canonical(&self, raw: &[u8], key: &mut Vec<u8>) -> Result<(), model::KeyError> {
        key.extend_from_slice(raw);
        Ok(())
    }
}

#[test]
fn deletes_tell_what_they_cannot_do_and_shards_are_dropped() {
    let bench = bench();
    let request = QueryRequest { database: Some("t".to_owned()), ..QueryRequest::default() };
    let ask = |text: &str| bench.ask(text, &request);
    assert_eq!(ask("DELETE FROM m"), ["database not found: t"]);
    ask("CREATE DATABASE t WITH DURATION INF SHARD DURATION 1h");
    write(&bench, "a", 0);
    write(&bench, "b", 2 * HOUR);
    let on_field = ["shard 1: fields not supported in WHERE clause during deletion"];
    assert_eq!(ask("DELETE FROM m WHERE f = 1"), on_field);
    assert_eq!(ask("DELETE WHERE h = 'a' AND f > 'x'"), on_field);
    assert_eq!(ask("DROP SERIES FROM m WHERE h = 3"), on_field);
    assert_eq!(ask("DELETE FROM m WHERE h = g"), ["not supported in WHERE clause during deletion: h = g"]);
    assert_eq!(ask("DROP SHARD 3"), ["shard not found"]);
    assert_eq!(ask("SHOW SERIES"), ["{key}", "m,h=a", "m,h=b"]);
    assert_eq!(ask("DROP SHARD 1"), [""; 0]);
    assert_eq!(ask("SHOW SERIES"), ["{key}", "m,h=b"]);
    write(&bench, "c", 1);
    assert_eq!(ask("SHOW SERIES"), ["{key}", "m,h=b", "m,h=c"]);
    assert!(ask("SHOW SHARDS")[1].starts_with("3|t|autogen|3|1970-01-01T00:00:00Z"), "a new number");
    assert_eq!(ask("DELETE FROM /m/ WHERE h !~ /b/"), [""; 0]);
    assert_eq!(ask("SHOW SERIES"), ["{key}", "m,h=b"]);
    bench.node.close().unwrap();
}
