//! Damage leaves a server that answers and takes no writes; `alluvium salvage` says what is lost and lets the next start write.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use testkit::Alluvium;

const ROWS: usize = 40;

/// A killed server whose rows are in the log alone, one request a row.
fn filled() -> Alluvium {
    let mut server = crate::start(&[("ALLUVIUM_FLUSH_AGE", "1h")]);
    assert_eq!(server.client().query("", "CREATE DATABASE d").status, 200);
    for row in 0..ROWS {
        assert_eq!(server.client().write("db=d", format!("m v={row}i {row}").as_bytes()).status, 204);
    }
    server.kill();
    server
}

fn log_file(server: &Alluvium) -> PathBuf {
    let logs = server.files().into_iter().filter(|path| path.extension().is_some_and(|end| end == "log"));
    logs.min().expect("there is a log")
}

/// What a salvage says, and its exit code.
fn run_salvage(server: &Alluvium, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(crate::BINARY);
    command.arg("salvage").arg("--data-dir").arg(server.data()).args(flags);
    let (status, said, errors) = testkit::run_to_end(&mut command, Duration::from_secs(60)).unwrap();
    assert_eq!(errors, "", "{said}");
    (status.code(), said)
}

/// What a salvage says that leaves nothing lost.
fn salvage(server: &Alluvium) -> String {
    let (code, said) = run_salvage(server, &[]);
    assert_eq!(code, Some(0), "{said}");
    said
}

/// What a look says that finds something lost or missing.
fn look(server: &Alluvium) -> String {
    let (code, said) = run_salvage(server, &["--dry-run"]);
    assert_eq!(code, Some(3), "{said}");
    said
}

fn count(server: &Alluvium) -> usize {
    let text = server.client().query("db=d", "SELECT count(v) FROM m").text();
    let count = text.split("00Z\",").nth(1).and_then(|rest| rest.split(']').next());
    count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

/// The server refuses writes and says why; after a salvage it takes them, and has what was whole.
fn mends(mut server: Alluvium, named: &str, left: std::ops::RangeInclusive<usize>) {
    let before = server.log().len();
    server.launch();
    assert!(server.log()[before..].contains(named), "{}", &server.log()[before..]);
    let refused = server.client().write("db=d", b"m v=1i 1000");
    assert!(refused.status >= 500, "{} {}", refused.status, refused.text());
    let health = server.client().get("/health");
    assert!(health.status == 503 && health.text().contains("\"fail\""), "{} {}", health.status, health.text());
    server.kill();
    let said = look(&server);
    assert!(said.contains("lost: ") && said.contains(named), "{said}");
    assert_eq!(look(&server), said, "a look changes nothing");
    let said = salvage(&server);
    assert!(said.contains("lost: ") && said.contains(named) && said.contains("set aside: "), "{said}");
    assert_eq!(salvage(&server), "Nothing is lost; nothing was changed.\n");
    server.launch();
    assert!(left.contains(&count(&server)), "{} rows of {left:?}", count(&server));
    for row in 0..ROWS {
        assert_eq!(server.client().write("db=d", format!("m v={row}i {row}").as_bytes()).status, 204);
    }
    server.stop();
    server.launch();
    assert_eq!(count(&server), ROWS);
}

#[test]
fn records_that_decayed_are_salvaged() {
    let server = filled();
    let path = log_file(&server);
    let mut bytes = std::fs::read(&path).unwrap();
    // Behind the two heads and some records, over more than one record, as some are claims, without which nothing is lost.
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let middle = 8192 + (end - 8192) / 2;
    bytes[middle..middle + 256].iter_mut().step_by(8).for_each(|byte| *byte ^= 0x10);
    std::fs::write(&path, bytes).unwrap();
    mends(server, "slot", ROWS - 8..=ROWS - 1);
}

#[test]
fn a_log_without_heads_is_salvaged() {
    let server = filled();
    let path = log_file(&server);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..8192].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let mut server = server;
    server.launch();
    assert!(server.log().contains("its heads cannot be read") && server.log().contains("ERROR"), "{}", server.log());
    let mut inspect = Command::new(crate::BINARY);
    inspect.arg("inspect").arg(server.data());
    let (_, said, _) = testkit::run_to_end(&mut inspect, Duration::from_secs(60)).unwrap();
    assert!(said.contains("DAMAGED: log/") && said.contains(".log: slots from 1 on are lost"), "{said}");
    server.kill();
    let said = salvage(&server);
    assert!(said.contains("its heads cannot be read") && said.contains("set aside: log/"), "{said}");
    server.launch();
    assert_eq!(server.client().write("db=d", b"m v=1i 1000").status, 204);
    assert_eq!(count(&server), 1);
}

#[test]
fn a_manifest_that_is_gone_is_salvaged() {
    let mut server = crate::start(&[]);
    assert_eq!(server.client().query("", "CREATE DATABASE d").status, 200);
    assert_eq!(server.client().write("db=d", b"m v=1i 1").status, 204);
    server.stop();
    let manifest = server.files().into_iter().find(|path| path.to_string_lossy().contains("manifest-")).expect("one");
    std::fs::remove_file(&manifest).unwrap();
    let name = manifest.file_name().unwrap().to_string_lossy().into_owned();
    server.launch();
    assert!(server.log().contains(&name) && server.log().contains("missing"), "{}", server.log());
    assert!(server.client().write("db=d", b"m v=1i 1000").status >= 500);
    let mut inspect = Command::new(crate::BINARY);
    inspect.arg("inspect").arg(server.data());
    let (status, said, _) = testkit::run_to_end(&mut inspect, Duration::from_secs(60)).unwrap();
    assert!(!status.success() && said.contains(&format!("{name}: it is missing")), "{said}");
    server.kill();
    let said = look(&server);
    let stray = "lost: segments that no manifest names: 1 of shard 1 of \"d\".\"autogen\", 1970-01-01T00:00:00.000000001Z to 1970-01-01T00:00:00.000000001Z; rows: 1 at most\n";
    assert!(said.contains(stray), "{said}");
    let said = salvage(&server);
    assert!(said.contains(&name) && said.contains("set aside: segments/"), "{said}");
    server.launch();
    assert_eq!(server.client().write("db=d", b"m v=1i 1000").status, 204);
    assert_eq!(count(&server), 1);
}

/// A segment that is gone is told, keeps no other measurement from being read, and can be put back; a copy of a folder without its
/// lock file is still a data folder.
#[test]
fn missing_segments_are_told() {
    let mut server = crate::start(&[]);
    assert_eq!(server.client().query("", "CREATE DATABASE d").status, 200);
    assert_eq!(server.client().write("db=d", b"m v=1i 1").status, 204);
    assert!(server.stop().success());
    let segment = server.files().into_iter().find(|path| path.to_string_lossy().contains("/segments/")).expect("one");
    let name = format!("segments/{}", segment.file_name().unwrap().to_string_lossy());
    server.launch();
    assert_eq!(server.client().write("db=d", b"other v=1i 2").status, 204);
    assert!(server.stop().success());
    let bytes = std::fs::read(&segment).unwrap();
    std::fs::remove_file(&segment).unwrap();
    let said = look(&server);
    let owner = "of shard 1 of \"d\".\"autogen\", 1970-01-01T00:00:00.000000001Z to 1970-01-01T00:00:00.000000001Z";
    let wanted = format!("missing: {name}: {owner}; rows: 1; measurements: \"m\"\n");
    assert!(said.starts_with(&wanted) && said.ends_with("Nothing else is lost; nothing was changed.\n"), "{said}");
    assert_eq!(run_salvage(&server, &[]), (Some(3), said));
    let before = server.log().len();
    server.launch();
    let log = server.log()[before..].to_owned();
    let told = log.lines().find(|line| line.contains(&name)).unwrap_or_else(|| panic!("{log}"));
    assert!(told.contains("ERROR") && told.contains(owner), "{told}");
    let health = server.client().get("/health");
    assert!(health.status == 200 && health.text().contains("\"warn\""), "{} {}", health.status, health.text());
    assert!(health.text().contains(&name), "{}", health.text());
    assert_eq!(server.client().get("/ping").status, 204);
    let failed = server.client().query("db=d", "SELECT count(v) FROM m").text();
    assert!(failed.contains(&format!("{name} is missing")) && failed.contains("DROP SHARD"), "{failed}");
    for query in ["SELECT count(v) FROM other", "SHOW FIELD KEYS FROM other", "SHOW TAG KEYS FROM other"] {
        let reply = server.client().query("db=d", query);
        assert!(reply.status == 200 && !reply.text().contains("error"), "{query}: {}", reply.text());
    }
    let all = server.client().query("db=d", "SHOW MEASUREMENTS").text();
    assert!(all.contains("is missing"), "it might lack one: {all}");
    std::fs::write(&segment, bytes).unwrap();
    assert!(server.client().get("/health").text().contains("\"pass\""));
    assert_eq!(count(&server), 1);
    assert!(server.stop().success());
    std::fs::remove_file(server.data().join("alluvium.lock")).unwrap();
    assert_eq!(salvage(&server), "Nothing is lost; nothing was changed.\n");
    assert_eq!(run_salvage(&server, &["--dry-run"]).0, Some(0));
    server.launch();
    assert_eq!(count(&server), 1);
}

/// A damaged catalog is told once, with what to do. Taken away, the version before it is missed by the shards that it lacks: no writes
/// are taken and nothing is removed until a salvage has set aside what that one does not know.
#[test]
fn an_older_catalog_is_noticed() {
    let mut server = crate::start(&[]);
    assert_eq!(server.client().query("", "CREATE DATABASE d").status, 200);
    assert_eq!(server.client().write("db=d", b"m v=1i 1").status, 204);
    assert_eq!(server.client().write("db=d", b"m v=1i 1700000000000000000").status, 204);
    server.kill();
    let is_catalog = |path: &PathBuf| path.to_string_lossy().contains("/catalog/catalog-");
    let newest = server.files().into_iter().filter(is_catalog).max().expect("one");
    let name = format!("catalog/{}", newest.file_name().unwrap().to_string_lossy());
    let mut bytes = std::fs::read(&newest).unwrap();
    bytes[90] ^= 1;
    std::fs::write(&newest, bytes).unwrap();
    let before = server.log().len();
    assert!(server.try_launch().is_err(), "there is no catalog");
    let said = server.log()[before..].to_owned();
    assert!(said.matches(&name).count() == 1 && said.contains("put back the folder `catalog`"), "{said}");
    std::fs::remove_file(&newest).unwrap();
    server.launch();
    let health = server.client().get("/health");
    assert!(health.status == 503 && health.text().contains("knows nothing of shard 2"), "{}", health.text());
    server.kill();
    let said = look(&server);
    assert!(said.contains("lost: catalog: it is an older one"), "{said}");
    let said = salvage(&server);
    assert!(said.contains("set aside: log/"), "{said}");
    server.launch();
    assert_eq!(count(&server), 1);
    assert_eq!(server.client().write("db=d", b"m v=1i 1700000000000000000").status, 204);
}
