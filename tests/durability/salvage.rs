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

/// Cuts the only log file in the middle of its records.
fn cut_log(server: &Alluvium) {
    let path = log_file(server);
    let bytes = std::fs::read(&path).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    std::fs::write(&path, &bytes[..8192 + (end - 8192) / 2]).unwrap();
}

fn verify(server: &Alluvium) -> String {
    let mut inspect = Command::new(crate::BINARY);
    inspect.arg("inspect").arg(server.data()).arg("--verify");
    let (status, said, errors) = testkit::run_to_end(&mut inspect, Duration::from_secs(60)).unwrap();
    assert_eq!((status.success(), errors.as_str()), (!said.contains("DAMAGED"), ""), "{said}");
    said
}

#[test]
fn a_log_that_was_cut_short_is_salvaged() {
    let server = filled();
    assert!(verify(&server).contains("verified: no damage"));
    cut_log(&server);
    let said = verify(&server);
    assert!(said.contains("DAMAGED: log/") && said.contains("it has been cut to"), "{said}");
    mends(server, "it has been cut to", 1..=ROWS - 1);
}

#[test]
fn nothing_is_changed_or_removed_while_something_is_lost() {
    let mut server = filled();
    server.launch();
    assert!(server.log().contains("read back from the log") && server.log().contains(&format!("rows={ROWS}")));
    let text = server.client().query("", "ALTER RETENTION POLICY autogen ON d DURATION 30d").text();
    assert!(!text.contains("error"), "{text}");
    server.kill();
    cut_log(&server);
    // The rows are of 1970.
    server.set("INFLUXDB_RETENTION_CHECK_INTERVAL", "20ms");
    server.launch();
    let left = count(&server);
    let changes = [
        "CREATE DATABASE e",
        "DROP DATABASE d",
        "DROP SHARD 1",
        "CREATE RETENTION POLICY r ON d DURATION 1d REPLICATION 1",
        "ALTER RETENTION POLICY autogen ON d DURATION INF",
        "DROP RETENTION POLICY autogen ON d",
        "DROP MEASUREMENT m",
    ];
    for change in changes {
        let text = server.client().query("db=d", change).text();
        assert!(text.contains("\"error\"") && text.contains("it has been cut to"), "{change}: {text}");
    }
    // What changes nothing goes on: clients say it when they connect.
    assert!(!server.client().query("", "CREATE DATABASE d").text().contains("error"));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(count(&server), left);
    server.kill();
    assert!(look(&server).contains("it has been cut to"));
}

#[test]
fn an_inspection_finds_what_a_start_does() {
    let server = filled();
    let newest = |start: &str| {
        let named = server.files().into_iter().filter(|path| path.to_string_lossy().contains(start));
        named.max().expect("there is one")
    };
    let catalog = newest("/catalog/catalog-");
    let bytes = std::fs::read(&catalog).unwrap();
    std::fs::remove_file(&catalog).unwrap();
    assert!(look(&server).contains("catalog: version"));
    assert!(verify(&server).contains("DAMAGED: catalog: version"), "{}", verify(&server));
    std::fs::write(&catalog, bytes).unwrap();
    assert!(verify(&server).contains("verified: no damage"));
    // The first definitions: no slot is missing, but what uses them cannot be read. Their copy stands elsewhere.
    let path = log_file(&server);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8192 + 32] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (code, said) = run_salvage(&server, &["--dry-run"]);
    assert_eq!(verify(&server).contains("DAMAGED: log/"), code == Some(3), "{said}");
}

#[test]
fn a_segment_that_goes_while_the_server_runs_is_told() {
    let mut server = crate::start(&[]);
    assert_eq!(server.client().query("", "CREATE DATABASE d").status, 200);
    assert_eq!(server.client().write("db=d", b"m v=1i 1\nm v=4i 2").status, 204);
    server.stop();
    server.launch();
    let segment = server.files().into_iter().find(|path| path.to_string_lossy().contains("/segments/")).expect("one");
    let bytes = std::fs::read(&segment).unwrap();
    std::fs::remove_file(&segment).unwrap();
    assert!(server.client().query("db=d", "SELECT v FROM m").text().contains("is missing"));
    let health = server.client().get("/health").text();
    let name = segment.file_name().unwrap().to_string_lossy().into_owned();
    assert!(health.contains("\"warn\"") && health.contains(&name), "{health}");
    std::fs::write(&segment, bytes).unwrap();
    assert!(server.client().query("db=d", "SELECT v FROM m").text().contains("4]"));
    let health = server.client().get("/health").text();
    assert!(health.contains("\"pass\""), "{health}");
}

#[test]
fn a_damaged_segment_is_told_once_it_was_read() {
    let mut server = crate::start(&[]);
    assert_eq!(server.client().query("", "CREATE DATABASE d").status, 200);
    assert_eq!(server.client().write("db=d", b"m v=1i 1\nm v=4i 2").status, 204);
    server.stop();
    let segment = server.files().into_iter().find(|path| path.to_string_lossy().contains("/segments/")).expect("one");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes.iter_mut().for_each(|byte| *byte ^= 1);
    std::fs::write(&segment, bytes).unwrap();
    server.launch();
    assert!(server.client().get("/health").text().contains("\"pass\""));
    let text = server.client().query("db=d", "SELECT v FROM m").text();
    assert!(text.contains("is damaged at offset") && text.contains("put it back from a copy"), "{text}");
    let health = server.client().get("/health");
    let name = segment.file_name().unwrap().to_string_lossy().into_owned();
    assert!(
        health.status == 200 && health.text().contains("\"warn\"") && health.text().contains(&name),
        "{}",
        health.text()
    );
    assert_eq!(server.client().write("db=d", b"n v=1i 1").status, 204);
    // Put back as tools do that restore files: a new one under the old name.
    let damaged = std::fs::read(&segment).unwrap();
    let whole: Vec<u8> = damaged.iter().map(|byte| byte ^ 1).collect();
    let other = segment.with_extension("restored");
    let replace = |bytes: &[u8]| {
        std::fs::write(&other, bytes).unwrap();
        std::fs::rename(&other, &segment).unwrap();
    };
    replace(&whole);
    assert!(server.client().query("db=d", "SELECT v FROM m").text().contains("4]"));
    assert!(server.client().get("/health").text().contains("\"pass\""));
    assert!(!server.client().query("db=d", "DROP SHARD 1").text().contains("error"));
    assert!(server.client().get("/health").text().contains("\"pass\""));
}
