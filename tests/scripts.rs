//! Scripts against Alluvium: once as they are, once with a restart between writes and queries, so that answers come from
//! segments and not from memory. Beside a live InfluxDB the recordings are checked too, and statements made at random compared.

use crate::{number, start};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use testkit::{Failure, Peer, Script, compare_live, generate, record, replay, reset, seed};

/// The build that statements made at random are compared with: it takes unsigned fields.
const GENERATED_PEER: &str = "influxdb-uint";
/// Statements of one seed.
const GENERATED_AT_ONCE: usize = 500;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts")
}

fn read(name: &str) -> Script {
    let path = folder().join(name).with_extension("txt");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Script::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn report(name: &str, failures: &[Failure], of: usize) {
    let shown: String =
        failures.iter().take(number("ALLUVIUM_SHOWN", 25)).map(|failure| format!("{failure}\n")).collect();
    assert!(failures.is_empty(), "{name}: {} of {of} steps differ\n{shown}", failures.len());
}

fn plain(name: &str) {
    let (script, server) = (read(name), start(&[]));
    reset(server.client());
    let failures = replay(&script, &mut |step, _| step.send(server.client()), false);
    report(name, &failures, script.steps.len());
}

fn flushed(name: &str) {
    let (script, mut server) = (read(name), start(&[]));
    reset(server.client());
    let mut send = |step: &testkit::Step, wrote: bool| {
        if wrote {
            let status = server.stop();
            assert!(status.success(), "a clean stop: {status}\n{}", server.log());
            server.launch();
        }
        step.send(server.client())
    };
    let failures = replay(&script, &mut send, false);
    report(name, &failures, script.steps.len());
}

macro_rules! scripts {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        mod as_written { $(#[test] fn $name() { super::plain(stringify!($name)); })* }
        mod from_disk { $(#[test] fn $name() { super::flushed(stringify!($name)); })* }
    };
}

scripts!(admin again aggregates arguments cardinality collecting conditions databases deletes errors generated group into lines many math msgpack names nan odd output select sequences services show sketches subqueries technical unsigned users whole zones);

#[test]
fn every_script_is_run() {
    let mut found: Vec<String> = std::fs::read_dir(folder())
        .expect("the folder of scripts")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().trim_end_matches(".txt").to_owned())
        .collect();
    found.sort();
    assert_eq!(found, NAMES);
}

#[test]
fn recordings_are_true() {
    if !Peer::wanted() {
        eprintln!("left out: ALLUVIUM_PEER is not `live`");
        return;
    }
    let recording = std::env::var("ALLUVIUM_RECORD").is_ok_and(|value| value == "1");
    let systems =
        ["influxdb", "influxdb-uint"].into_iter().filter(|system| *system == "influxdb" || Peer::is_built(system));
    let peers: Vec<_> = systems.map(|system| (system, Peer::start(system))).collect();
    for name in NAMES {
        let mut script = read(name);
        let Some((_, peer)) = peers.iter().find(|(system, _)| *system == script.peer) else {
            eprintln!("left out: {name}, as {} is not built", script.peer);
            continue;
        };
        if recording {
            record(&mut script, peer.client());
            std::fs::write(folder().join(name).with_extension("txt"), script.print())
                .expect("the script can be written");
        }
        reset(peer.client());
        let failures = replay(&script, &mut |step, _| step.send(peer.client()), true);
        report(name, &failures, script.steps.len());
    }
}

#[test]
fn random_statements_are_answered_alike() {
    if !Peer::wanted() || !Peer::is_built(GENERATED_PEER) {
        eprintln!("left out: ALLUVIUM_PEER is not `live`, or {GENERATED_PEER} is not built");
        return;
    }
    let peer = Peer::start_with(GENERATED_PEER, &[("INFLUXDB_COORDINATOR_QUERY_TIMEOUT", "20s")]);
    let server = start(&[]);
    let (first, wanted) = (seed("ALLUVIUM_SEED"), number("ALLUVIUM_GENERATED", 3_000));
    eprintln!("ALLUVIUM_SEED={first} ALLUVIUM_GENERATED={wanted}");
    let (mut failures, mut known, mut queries) = (Vec::new(), BTreeMap::new(), 0);
    for (seed, from) in (first..).zip((0..wanted).step_by(GENERATED_AT_ONCE)) {
        let script = generate(seed, GENERATED_AT_ONCE.min(wanted - from));
        reset(peer.client());
        reset(server.client());
        let compared = compare_live(&script, server.client(), peer.client());
        keep(seed, &script, &compared.failures);
        queries += compared.queries;
        compared.known.into_iter().for_each(|(kind, count)| *known.entry(kind).or_insert(0) += count);
        failures.extend(compared.failures);
    }
    eprintln!("{queries} queries, {} answered otherwise, known differences {known:?}", failures.len());
    report(&format!("seeds from {first}"), &failures, queries);
}

/// Writes a script for each failure, if a folder for them is named.
fn keep(seed: u64, script: &Script, failures: &[Failure]) {
    let Some(folder) = std::env::var_os("ALLUVIUM_FAILED").map(PathBuf::from) else { return };
    for (at, failure) in failures.iter().enumerate() {
        let path = folder.join(format!("{seed}-{at}.txt"));
        std::fs::write(path, failure.script(script).print()).expect("the folder can be written");
    }
}
