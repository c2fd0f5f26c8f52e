//! What is no data is kept as well: users with their passwords and privileges, continuous queries and subscriptions are there after a
//! kill if their statements were answered.

use testkit::{Alluvium, Setting};

const SETTINGS: &[Setting<'_>] = &[("ALLUVIUM_HTTP_AUTH_ENABLED", "true")];
const ROOT: &str = "u=root&p=first";

fn ask(server: &Alluvium, who: &str, statement: &str) -> String {
    server.client().query(who, statement).text().trim_end().to_owned()
}

#[test]
fn users_and_services_survive_kills() {
    let mut server = crate::start(SETTINGS);
    let made = [
        ("", "CREATE USER root WITH PASSWORD 'first' WITH ALL PRIVILEGES"),
        (ROOT, "CREATE DATABASE d"),
        (ROOT, "CREATE USER reader WITH PASSWORD 'second'"),
        (ROOT, "GRANT ALL ON d TO reader"),
        (ROOT, "REVOKE WRITE ON d FROM reader"),
        (ROOT, "SET PASSWORD FOR reader = 'third'"),
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
    assert!(ask(&server, "db=d&u=reader&p=second", "SELECT v FROM m").contains("authorization failed"));
    assert_eq!(ask(&server, "db=d&u=reader&p=third", "SELECT v FROM m"), r#"{"results":[{"statement_id":0}]}"#);
    let log = server.log();
    for password in ["first", "second", "third"] {
        assert!(!log.contains(password), "{log}");
    }
}
