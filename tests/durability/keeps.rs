//! What statements change is kept as well: users with their passwords and privileges, continuous queries, subscriptions and what INTO
//! wrote are there after a kill if the statements were answered.

use testkit::{Alluvium, Setting};

const SETTINGS: &[Setting<'_>] = &[("ALLUVIUM_HTTP_AUTH_ENABLED", "true")];
const ROOT: &str = "u=root&p=sesame";

fn ask(server: &Alluvium, who: &str, statement: &str) -> String {
    server.client().query(who, statement).text().trim_end().to_owned()
}

#[test]
fn users_and_services_survive_kills() {
    let mut server = crate::start(SETTINGS);
    let made = [
        ("", "CREATE USER root WITH PASSWORD 'sesame' WITH ALL PRIVILEGES"),
        (ROOT, "CREATE DATABASE d"),
        (ROOT, "CREATE USER reader WITH PASSWORD 'kumquat'"),
        (ROOT, "GRANT ALL ON d TO reader"),
        (ROOT, "REVOKE WRITE ON d FROM reader"),
        (ROOT, "SET PASSWORD FOR reader = 'obelisk'"),
        (ROOT, "CREATE USER gone WITH PASSWORD 'p'"),
        (ROOT, "DROP USER gone"),
        (ROOT, "CREATE CONTINUOUS QUERY c ON d BEGIN SELECT mean(v) INTO x FROM m GROUP BY time(1m) END"),
        (ROOT, "CREATE SUBSCRIPTION s ON d.autogen DESTINATIONS ANY 'udp://h:1', 'http://h:2'"),
    ];
    for (who, statement) in made {
        let said = ask(&server, who, statement);
        assert!(!said.contains("error"), "{statement}: {said}");
        server.kill();
        server.launch();
    }
    let shown = [
        ("SHOW USERS", r#""values":[["root",true],["reader",false]]"#),
        ("SHOW GRANTS FOR reader", r#""values":[["d","READ"]]"#),
        ("SHOW CONTINUOUS QUERIES", "BEGIN SELECT mean(v) INTO d.autogen.x FROM d.autogen.m GROUP BY time(1m) END"),
        ("SHOW SUBSCRIPTIONS", r#"["autogen","s","ANY",["udp://h:1","http://h:2"]]"#),
    ];
    for (statement, wanted) in shown {
        let said = ask(&server, ROOT, statement);
        assert!(said.contains(wanted), "{statement}: {said}");
    }
    assert!(ask(&server, "db=d&u=reader&p=kumquat", "SELECT v FROM m").contains("authorization failed"));
    assert_eq!(ask(&server, "db=d&u=reader&p=obelisk", "SELECT v FROM m"), r#"{"results":[{"statement_id":0}]}"#);
    let log = server.log();
    for password in ["sesame", "kumquat", "obelisk"] {
        assert!(!log.contains(password), "{log}");
    }
}

/// Rows enough for several batches of INTO.
const ROWS: usize = 25_000;

#[test]
fn what_into_wrote_survives_a_kill() {
    let mut server = super::server();
    let lines: Vec<String> = (0..ROWS).map(|row| format!("m,h=h{} v={row}i,s=\"t{row}\" {row}", row % 50)).collect();
    assert_eq!(server.client().write("db=d", lines.join("\n").as_bytes()).status, 204);
    let written = ask(&server, "db=d&epoch=ns", "SELECT * INTO copy FROM m GROUP BY *");
    assert!(written.contains(&format!("[[0,{ROWS}]]")), "{written}");
    server.kill();
    server.launch();
    let sum = |measurement: &str| {
        ask(&server, "db=d&epoch=ns", &format!("SELECT count(s), sum(v) FROM {measurement} GROUP BY h"))
    };
    assert_eq!(sum("copy").replace("\"copy\"", "\"m\""), sum("m"));
    let named = ask(&server, "db=d", "SELECT * INTO rows FROM m; SHOW FIELD KEYS FROM rows; SHOW SERIES FROM rows");
    assert!(named.contains(r#"[["h","string"],["s","string"],["v","integer"]]"#), "{named}");
    assert!(named.contains(r#""values":[["rows"]]"#) && named.contains(&format!(",{ROWS}]]")), "{named}");
}
