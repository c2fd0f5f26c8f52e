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

fn salvage(server: &Alluvium, flags: &[&str]) -> String {
    let mut command = Command::new(crate::BINARY);
    command.arg("salvage").arg("--data-dir").arg(server.data()).args(flags);
    let (status, said, errors) = testkit::run_to_end(&mut command, Duration::from_secs(60)).unwrap();
    assert!(status.success(), "{said} {errors}");
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
    let said = salvage(&server, &["--dry-run"]);
    assert!(said.contains("lost: ") && said.contains(named), "{said}");
    assert_eq!(salvage(&server, &["--dry-run"]), said, "a look changes nothing");
    let said = salvage(&server, &[]);
    assert!(said.contains("lost: ") && said.contains(named) && said.contains("set aside: "), "{said}");
    assert_eq!(salvage(&server, &[]), "Nothing is lost; nothing was changed.\n");
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
    assert!(server.log().contains("its heads cannot be read"), "{}", server.log());
    server.kill();
    let said = salvage(&server, &[]);
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
    assert!(!status.success() && said.contains("it is missing"), "{said}");
    server.kill();
    let said = salvage(&server, &[]);
    assert!(said.contains(&name) && said.contains("set aside: segments/"), "{said}");
    server.launch();
    assert_eq!(server.client().write("db=d", b"m v=1i 1000").status, 204);
    assert_eq!(count(&server), 1);
}
