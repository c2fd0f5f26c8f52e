//! Logins and privileges on a node in a simulated world.

use super::LoginError;
use crate::node::{Node, Options};
use crate::read::QueryRequest;
use influxql::Params;
use model::Item;
use platform::sim::{SimClock, SimDisk};
use platform::{Disk, SeededRandom, World};
use query::Sink;
use std::ops::ControlFlow;
use std::sync::Arc;

/// An answer that nobody looks at.
struct Unseen;

impl Sink for Unseen {
    fn item(&mut self, _: Item) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

fn open(disk: &Arc<SimDisk>) -> Arc<Node> {
    let clock = Arc::new(SimClock::new(0));
    let world = World { disk: disk.clone(), clock, random: Arc::new(SeededRandom::new(5)) };
    Node::open(world, Options { on_fatal: Arc::new(|_| {}), ..Options::default() }).unwrap()
}

/// The error of the first statement that fails, or nothing.
fn run(node: &Node, text: &str) -> String {
    for statement in node.parse(text, &Params::default()).unwrap() {
        if let Err(error) = node.execute(&statement, &QueryRequest::default(), &mut Unseen) {
            return error.to_string();
        }
    }
    String::new()
}

#[test]
fn passwords_are_checked_and_remembered_until_they_change() {
    let disk = Arc::new(SimDisk::new(3));
    let node = open(&disk);
    assert!(!node.has_admin());
    assert_eq!(run(&node, "CREATE USER root WITH PASSWORD 'secret' WITH ALL PRIVILEGES"), "");
    assert!(node.has_admin() && node.has_user("root") && !node.has_user("Root"));
    assert!(!node.remembers_login("root", "secret"), "nobody has logged in yet");
    assert_eq!(node.login("root", "secret"), Ok(()));
    assert!(node.remembers_login("root", "secret") && !node.remembers_login("root", "Secret"));
    for (name, password) in [("root", "Secret"), ("root", ""), ("nobody", "secret"), ("nobody", "")] {
        assert_eq!(node.login(name, password), Err(LoginError::Wrong), "{name}:{password}");
    }
    assert_eq!(node.login("", "secret"), Err(LoginError::NameRequired));
    assert_eq!(run(&node, "CREATE USER root WITH PASSWORD 'secret' WITH ALL PRIVILEGES"), "");
    assert_eq!(run(&node, "CREATE USER root WITH PASSWORD 'secret'"), "user already exists");
    assert_eq!(run(&node, "CREATE USER root WITH PASSWORD 'x' WITH ALL PRIVILEGES"), "user already exists");
    assert_eq!(run(&node, "SET PASSWORD FOR root = 'other'"), "");
    assert!(!node.remembers_login("root", "secret"));
    assert_eq!((node.login("root", "secret"), node.login("root", "other")), (Err(LoginError::Wrong), Ok(())));
    assert_eq!(run(&node, "CREATE USER u WITH PASSWORD ''"), "a password must have 1 to 1024 bytes");
    node.close().unwrap();
    let files: Vec<String> = disk.list("catalog").unwrap();
    let content = |name: &String| {
        let file = disk.open(&format!("catalog/{name}")).unwrap();
        let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        file.read_at(0, &mut bytes).unwrap();
        bytes
    };
    let kept: Vec<u8> = files.iter().flat_map(content).collect();
    let has = |text: &[u8]| kept.windows(text.len()).any(|window| window == text);
    assert!(has(b"$argon2id$") && !has(b"secret") && !has(b"other"), "only hashes are on disk");
    let node = open(&disk);
    assert_eq!((node.login("root", "other"), node.login("root", "secret")), (Ok(()), Err(LoginError::Wrong)));
    assert_eq!(run(&node, "DROP USER root"), "");
    assert_eq!(node.login("root", "other"), Err(LoginError::Wrong));
    node.close().unwrap();
}

#[test]
fn statements_need_what_they_touch() {
    let node = open(&Arc::new(SimDisk::new(4)));
    let may = |user, text: &str| {
        let statements = node.parse(text, &Params::default()).unwrap();
        node.authorize(user, &statements, "d").err().unwrap_or_default()
    };
    assert_eq!(may(None, "SHOW DATABASES"), "create admin user first or disable authentication");
    assert_eq!(may(None, "CREATE USER u WITH PASSWORD 'p'"), "create admin user first or disable authentication");
    assert_eq!(may(None, "CREATE USER u WITH PASSWORD 'p' WITH ALL PRIVILEGES"), "");
    let made = "CREATE DATABASE d; CREATE DATABASE e; CREATE USER root WITH PASSWORD 'p' WITH ALL PRIVILEGES; \
        CREATE USER r WITH PASSWORD 'p'; GRANT READ ON d TO r; CREATE USER w WITH PASSWORD 'p'; GRANT WRITE ON d TO w";
    assert_eq!(run(&node, made), "");
    assert_eq!(may(None, "SHOW DATABASES"), "no user provided");
    let lacks = |user, text: &str| {
        let told = may(Some(user), text);
        told.rsplit_once(", requires ").map_or(told.clone(), |(_, what)| what.to_owned())
    };
    assert_eq!(
        may(Some("r"), "SELECT v FROM m; SET PASSWORD FOR r = 'x'"),
        "r not authorized to execute statement 'SET PASSWORD FOR r = [REDACTED]', requires admin privilege"
    );
    let needs = [
        ("SELECT v FROM m", "", "READ on d"),
        ("SELECT v FROM d..m, (SELECT v FROM e..m)", "READ on e", "READ on d"),
        ("SELECT v INTO e..x FROM m", "WRITE on e", "READ on d"),
        ("EXPLAIN SELECT v INTO x FROM m", "WRITE on d", "READ on d"),
        ("DELETE FROM m", "WRITE on d", ""),
        ("DROP SERIES FROM m", "WRITE on d", ""),
        ("DROP RETENTION POLICY p ON e", "WRITE on e", "WRITE on e"),
        ("DROP MEASUREMENT m", "admin privilege", "admin privilege"),
        ("SHOW DATABASES", "", ""),
        ("SHOW MEASUREMENTS ON e", "READ on e", "READ on e"),
        ("SHOW MEASUREMENTS ON *.*", "", "READ on d"),
        ("SHOW SERIES FROM e..m", "READ on e", "READ on e"),
        ("SHOW TAG VALUES ON e WITH KEY = h", "READ on e", "READ on e"),
        ("SHOW SERIES EXACT CARDINALITY", "", "READ on d"),
        ("SHOW TAG KEY CARDINALITY FROM e..m", "READ on e", "READ on e"),
        ("SHOW QUERIES", "", "READ on d"),
        ("SHOW USERS", "admin privilege", "admin privilege"),
        (
            "CREATE CONTINUOUS QUERY c ON d BEGIN SELECT mean(v) INTO x FROM m GROUP BY time(1m) END",
            "WRITE on d",
            "READ on d",
        ),
        ("DROP CONTINUOUS QUERY c ON d", "WRITE on d", ""),
        ("KILL QUERY 1", "admin privilege", "admin privilege"),
    ];
    for (text, reader, writer) in needs {
        assert_eq!((lacks("r", text).as_str(), lacks("w", text).as_str()), (reader, writer), "{text}");
        assert_eq!(
            (may(Some("root"), text), lacks("gone", "SHOW DATABASES")),
            (String::new(), String::new()),
            "{text}"
        );
    }
    let writes = |user| node.authorize_write(user, "d").err().unwrap_or_default();
    assert_eq!((writes(Some("w")), writes(Some("root"))), (String::new(), String::new()));
    assert_eq!(writes(Some("r")), "\"r\" user is not authorized to write to database \"d\"");
    assert_eq!(writes(None), "user is required to write to database \"d\"");
    assert_eq!(run(&node, "DROP DATABASE d; CREATE DATABASE d"), "");
    assert_eq!(lacks("r", "SELECT v FROM m"), "READ on d", "what was granted went with the database");
    node.close().unwrap();
}
