//! Clean stops, and two servers that want one folder.

use super::server;
use testkit::Alluvium;

#[test]
fn sigterm_keeps_everything() {
    let mut server = server();
    for round in 0..5 {
        let lines: Vec<String> =
            (0..3_000).map(|at| format!("m,h=h{} v={at}i,s=\"text {at}\" {}", at % 7, round * 10_000 + at)).collect();
        assert_eq!(server.client().write("db=d", lines.join("\n").as_bytes()).status, 204);
        let status = server.stop();
        assert_eq!(status.code(), Some(0), "{}", server.log());
        server.launch();
        let text = server.client().query("db=d", "SELECT count(v), count(s), sum(v) FROM m").text();
        let (rows, sum) = ((round + 1) * 3_000, (round + 1) * 4_498_500);
        assert!(text.contains(&format!("[[\"1970-01-01T00:00:00Z\",{rows},{rows},{sum}]]")), "{text}");
    }
}

#[test]
fn catalog_and_schema_survive() {
    let mut server = server();
    let statements = "CREATE RETENTION POLICY p ON d DURATION 10d REPLICATION 1 SHARD DURATION 2h DEFAULT; CREATE DATABASE \"o'\u{fc} x\"";
    assert_eq!(server.client().query("", statements).status, 200);
    assert_eq!(server.client().write("db=d&rp=autogen", b"m,h=a v=1,i=1i,s=\"x\",b=t 1").status, 204);
    let asked = "SHOW DATABASES; SHOW RETENTION POLICIES ON d; SHOW FIELD KEYS ON d FROM d.autogen.m; SHOW SERIES ON d; SELECT * FROM d.autogen.m";
    let before = server.client().query("db=d", asked).text();
    for kill in [true, false, true] {
        if kill {
            server.kill();
        } else {
            server.stop();
        }
        server.launch();
        assert_eq!(server.client().query("db=d", asked).text(), before);
        let conflict = server.client().write("db=d&rp=autogen", b"m,h=a v=1i 2");
        assert!(conflict.text().contains("field type conflict"), "{}", conflict.text());
    }
}

#[test]
fn dropped_names_stay_dropped() {
    let mut server = server();
    assert_eq!(server.client().write("db=d", b"m v=1 1").status, 204);
    server.client().query("", "DROP DATABASE d; CREATE DATABASE d");
    assert_eq!(server.client().write("db=d", b"m v=\"now a text\" 2").status, 204);
    server.client().query("", "CREATE DATABASE gone");
    assert_eq!(server.client().write("db=gone", b"m v=1 1").status, 204);
    server.client().query("", "DROP DATABASE gone");
    for kill in [true, false] {
        if kill {
            server.kill();
        } else {
            server.stop();
        }
        server.launch();
        let text = server.client().query("db=d", "SELECT * FROM m; SHOW DATABASES").text();
        assert!(text.contains("[[\"1970-01-01T00:00:00.000000002Z\",\"now a text\"]]"), "{text}");
        assert!(text.ends_with("\"values\":[[\"d\"]]}]}]}\n"), "{text}");
    }
}

#[test]
fn a_folder_has_one_server() {
    let first = server();
    let data = first.data().to_string_lossy().into_owned();
    let mut command = std::process::Command::new(crate::BINARY);
    command.args(["serve", "--http-bind-address", "127.0.0.1:0", "--data-dir", &data]);
    let (status, _, said) = testkit::run_to_end(&mut command, std::time::Duration::from_secs(30)).unwrap();
    assert!(!status.success(), "a second server on one folder: {said}");
    assert!(said.contains("alluvium:"), "{said}");
    let text = first.client().write("db=d", b"m v=1 1");
    assert_eq!(text.status, 204);
}

#[test]
fn a_taken_port_is_told() {
    let first: Alluvium = server();
    let folder = testkit::Folder::new("second");
    let mut command = std::process::Command::new(crate::BINARY);
    command.args(["serve", "--http-bind-address", first.client().address(), "--data-dir"]).arg(folder.path());
    let (status, _, said) = testkit::run_to_end(&mut command, std::time::Duration::from_secs(30)).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("cannot listen on"), "{said}");
}
