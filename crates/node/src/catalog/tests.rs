//! The catalog as a whole: rules of names and durations as InfluxDB 1.13.2 answers, round trips, restarts, damage.

use super::*;
use influxql::ast::{Grantee, Privilege};
use influxql::{Params, Statement, parse_query};
use model::TimeRange;
use model::time::{HOUR, SECOND, rfc3339};
use platform::sim::{SimClock, SimDisk};
use platform::{Disk, SeededRandom, World};
use proptest::prelude::*;
use std::sync::Arc;

fn world(disk: &Arc<SimDisk>) -> World {
    World { disk: disk.clone(), clock: Arc::new(SimClock::new(0)), random: Arc::new(SeededRandom::new(7)) }
}

fn disk() -> Arc<SimDisk> {
    Arc::new(SimDisk::new(1))
}

/// Applies a statement to a catalog; the text of its error, empty if there is none.
fn run(catalog: &Catalog, text: &str) -> String {
    let statement = parse_query(text, &Params::default()).unwrap().remove(0);
    let result = catalog.change(|state| match &statement {
        Statement::CreateDatabase(create) => state.create_database(create, true),
        Statement::CreateRetentionPolicy(create) => state.create_policy(create),
        Statement::AlterRetentionPolicy(alter) => state.alter_policy(alter),
        Statement::DropDatabase(name) => {
            state.drop_database(name);
            Ok(())
        }
        Statement::DropRetentionPolicy { name, database } => {
            state.drop_policy(database, name);
            Ok(())
        }
        other => panic!("{other}"),
    });
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

const INVALID: &str = "invalid name";
const LOW: &str = "retention policy duration must be at least 1h0m0s";
const BELOW: &str = "retention policy duration must be greater than the shard duration";
const CONFLICT: &str = "retention policy conflicts with an existing policy";
const EXISTS: &str = "retention policy already exists";

/// Statements in order, each with the error that InfluxDB 1.13.2 gave.
const RECORDED: &[(&str, &str)] = &[
    (r#"CREATE DATABASE """#, INVALID),
    (r#"CREATE DATABASE "a/b""#, INVALID),
    (r#"CREATE DATABASE "..""#, INVALID),
    (r#"CREATE DATABASE ".""#, INVALID),
    (r#"CREATE DATABASE "a\\b""#, INVALID),
    ("CREATE DATABASE t", ""),
    ("CREATE DATABASE t", ""),
    ("CREATE DATABASE t WITH DURATION 1h", CONFLICT),
    ("CREATE DATABASE t WITH DURATION 0s", ""),
    ("CREATE DATABASE t WITH NAME autogen", ""),
    ("CREATE DATABASE t WITH NAME foo", CONFLICT),
    ("CREATE DATABASE t WITH DURATION 30m", LOW),
    ("CREATE DATABASE t2 WITH DURATION 30m", LOW),
    ("CREATE DATABASE t2 WITH DURATION 1h SHARD DURATION 2h", BELOW),
    ("CREATE DATABASE t2 WITH DURATION 1d", ""),
    ("CREATE DATABASE t2 WITH DURATION 1d SHARD DURATION 1h", ""),
    ("CREATE DATABASE t2 WITH DURATION 24h REPLICATION 2", CONFLICT),
    (r#"CREATE DATABASE t3 WITH REPLICATION 3 FUTURE LIMIT 1h PAST LIMIT 2h NAME "x y""#, ""),
    (r#"CREATE DATABASE t3 WITH REPLICATION 3 NAME "x y""#, ""),
    ("CREATE DATABASE t4 WITH SHARD DURATION 1m", ""),
    (r#"CREATE DATABASE t6 WITH NAME "a/b""#, INVALID),
    ("CREATE RETENTION POLICY p ON t DURATION 2d REPLICATION 1", ""),
    ("CREATE RETENTION POLICY p ON t DURATION 2d REPLICATION 1 SHARD DURATION 1d", ""),
    ("CREATE RETENTION POLICY p ON t DURATION 2d REPLICATION 2", EXISTS),
    ("CREATE RETENTION POLICY p ON t DURATION 2d REPLICATION 1 DEFAULT", CONFLICT),
    ("CREATE RETENTION POLICY p ON t DURATION 2d REPLICATION 1 FUTURE LIMIT 1h", ""),
    ("CREATE RETENTION POLICY p2 ON t DURATION 47h REPLICATION 1", ""),
    ("CREATE RETENTION POLICY p3 ON t DURATION 180d REPLICATION 1", ""),
    ("CREATE RETENTION POLICY p4 ON t DURATION 4319h REPLICATION 1 DEFAULT", ""),
    ("CREATE RETENTION POLICY p5 ON t DURATION 30m REPLICATION 1", LOW),
    ("CREATE RETENTION POLICY p6 ON t DURATION 2h REPLICATION 1 SHARD DURATION 3h", BELOW),
    ("CREATE RETENTION POLICY p7 ON t DURATION 2h REPLICATION 1 SHARD DURATION 2h", ""),
    ("CREATE RETENTION POLICY p9 ON nope DURATION 2h REPLICATION 1", "database not found: nope"),
    (r#"CREATE RETENTION POLICY "a/b" ON t DURATION 2h REPLICATION 1"#, INVALID),
    ("ALTER RETENTION POLICY p ON t DURATION 30m", LOW),
    ("ALTER RETENTION POLICY p ON t DURATION 1h", BELOW),
    ("ALTER RETENTION POLICY p ON t SHARD DURATION 3h", ""),
    ("ALTER RETENTION POLICY p ON t SHARD DURATION 1m", ""),
    ("ALTER RETENTION POLICY p ON t DURATION 30d", ""),
    ("ALTER RETENTION POLICY p ON t SHARD DURATION 0s", ""),
    ("ALTER RETENTION POLICY p ON t REPLICATION 4 DEFAULT FUTURE LIMIT 1h PAST LIMIT 2h", ""),
    ("ALTER RETENTION POLICY nope ON t DEFAULT", "retention policy not found: nope"),
    ("ALTER RETENTION POLICY p ON nope DEFAULT", "database not found: nope"),
    ("DROP RETENTION POLICY nope ON t", ""),
    ("DROP RETENTION POLICY p ON nope", ""),
    ("DROP DATABASE nope", ""),
];

#[test]
fn statements_answer_as_influxdb_does() {
    let catalog = Catalog::open(&world(&disk())).unwrap();
    for (statement, expected) in RECORDED {
        assert_eq!(run(&catalog, statement), *expected, "{statement}");
    }
    let state = catalog.state();
    let hours = |name: &str| {
        let policy = state.policy("t", Some(name)).unwrap().1;
        (policy.duration / HOUR, policy.shard_duration / HOUR)
    };
    let table = ["p", "p2", "p3", "p4", "p7"].map(hours);
    assert_eq!(table, [(720, 24), (47, 1), (4320, 168), (4319, 24), (2, 2)]);
    let default = state.policy("t", None).unwrap().1;
    assert_eq!(
        (&*default.name, default.replication, default.future_limit, default.past_limit),
        ("p", 4, HOUR, 2 * HOUR)
    );
    assert_eq!(state.policy("t4", None).unwrap().1.shard_duration, HOUR);
}

#[test]
fn a_dropped_default_policy_is_missed_by_name() {
    let catalog = Catalog::open(&world(&disk())).unwrap();
    run(&catalog, "CREATE DATABASE t");
    run(&catalog, "DROP RETENTION POLICY autogen ON t");
    let missing = |catalog: &Catalog| catalog.state().policy("t", None).unwrap_err().to_string();
    assert_eq!(missing(&catalog), "retention policy not found: autogen");
    run(&catalog, "CREATE RETENTION POLICY autogen ON t DURATION INF REPLICATION 1");
    assert_eq!(catalog.state().policy("t", Some("")).unwrap().1.name, "autogen");
}

/// Spans of the shards of `autogen` in `t`, as SHOW SHARDS shows them.
fn spans(catalog: &Catalog) -> Vec<(u64, String, String)> {
    let state = catalog.state();
    let policy = state.policy("t", None).unwrap().1;
    let print = |shard: &Shard| (shard.id, rfc3339(shard.range.start), rfc3339(shard.range.end + 1));
    policy.shards.values().map(print).collect()
}

fn ensure(catalog: &Catalog, seconds: &[i64]) {
    let state = catalog.state();
    let (database, policy) = state.policy("t", None).unwrap();
    let times = || seconds.iter().map(|second| second * SECOND);
    catalog.change(|state| state.ensure_shards(database.id, policy.id, times())).unwrap();
}

#[test]
fn a_shard_fills_the_gap_between_its_neighbours() {
    let catalog = Catalog::open(&world(&disk())).unwrap();
    run(&catalog, "CREATE DATABASE t WITH SHARD DURATION 1d");
    ensure(&catalog, &[1_500_000_000]);
    run(&catalog, "ALTER RETENTION POLICY autogen ON t SHARD DURATION 168h");
    ensure(&catalog, &[1_499_800_000]);
    ensure(&catalog, &[1_500_100_000, 1_500_100_001]);
    run(&catalog, "ALTER RETENTION POLICY autogen ON t SHARD DURATION 1h");
    ensure(&catalog, &[1_509_800_000]);
    run(&catalog, "ALTER RETENTION POLICY autogen ON t SHARD DURATION 1d");
    ensure(&catalog, &[1_509_797_900, 1_509_830_000]);
    let recorded = [
        (2, "2017-07-10T00:00:00Z", "2017-07-14T00:00:00Z"),
        (1, "2017-07-14T00:00:00Z", "2017-07-15T00:00:00Z"),
        (3, "2017-07-15T00:00:00Z", "2017-07-17T00:00:00Z"),
        (4, "2017-11-04T12:00:00Z", "2017-11-04T13:00:00Z"),
        (5, "2017-11-04T13:00:00Z", "2017-11-05T00:00:00Z"),
    ];
    assert_eq!(spans(&catalog), recorded.map(|(id, start, end)| (id, start.to_owned(), end.to_owned())));
    let state = catalog.state();
    let found =
        state.policy("t", None).unwrap().1.spans_in(TimeRange::new(1_500_000_000 * SECOND, 1_500_163_200 * SECOND));
    assert_eq!(found.iter().map(|span| span.id).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn shards_expire_and_their_numbers_do_not_return() {
    let disk = disk();
    let catalog = Catalog::open(&world(&disk)).unwrap();
    run(&catalog, "CREATE DATABASE t WITH DURATION 2h");
    ensure(&catalog, &[0, 3_600, 7_200]);
    let expired = |seconds: i64| catalog.state().expired(seconds * SECOND);
    assert_eq!(expired(3 * 3_600), [] as [u64; 0]);
    assert_eq!(expired(3 * 3_600 + 1), [1]);
    assert_eq!(expired(4 * 3_600 + 1), [1, 2]);
    assert_eq!(catalog.change(|state| Ok(state.drop_shards(&[1, 3, 99]))).unwrap(), [1, 3]);
    let again = Catalog::open(&world(&disk)).unwrap();
    ensure(&again, &[0]);
    assert_eq!(spans(&again).iter().map(|span| span.0).collect::<Vec<_>>(), [4, 2]);
    // A later catalog is lost, but not what it made.
    disk.create_dir("manifests/17").unwrap();
    let again = Catalog::open(&world(&disk)).unwrap();
    ensure(&again, &[20 * 3_600]);
    assert_eq!(spans(&again).iter().map(|span| span.0).collect::<Vec<_>>(), [4, 2, 18]);
}

#[test]
fn a_restart_finds_everything_and_a_new_folder_gets_an_identity() {
    let disk = disk();
    let catalog = Catalog::open(&world(&disk)).unwrap();
    run(&catalog, "CREATE DATABASE t");
    ensure(&catalog, &[-1, 0, 1_500_000_000]);
    for number in 0..10 {
        run(&catalog, &format!("CREATE DATABASE \"data base {number}\""));
    }
    let before = catalog.state();
    assert_ne!(before.cluster_id, [0; 16]);
    assert_eq!(*Catalog::open(&world(&disk)).unwrap().state(), *before);
    assert!(world(&disk).disk.list("catalog").unwrap().len() <= 6, "old versions go");
}

#[test]
fn a_change_that_changes_nothing_or_fails_writes_nothing() {
    let disk = disk();
    let catalog = Catalog::open(&world(&disk)).unwrap();
    run(&catalog, "CREATE DATABASE t");
    let names = || world(&disk).disk.list("catalog").unwrap();
    let before = names();
    run(&catalog, "CREATE DATABASE t");
    run(&catalog, "DROP DATABASE nope");
    run(&catalog, "CREATE DATABASE t WITH NAME other");
    assert_eq!(names(), before);
}

#[test]
fn damage_and_loss_are_refused() {
    let disk = disk();
    run(&Catalog::open(&world(&disk)).unwrap(), "CREATE DATABASE t");
    let world = world(&disk);
    let path = format!("catalog/{}", world.disk.list("catalog").unwrap().pop().unwrap());
    let file = world.disk.open(&path).unwrap();
    let mut byte = [0];
    file.read_at(90, &mut byte).unwrap();
    file.write_at(90, &[byte[0] ^ 1]).unwrap();
    let error = Catalog::open(&world).unwrap_err().to_string();
    assert!(error.contains(&path) && error.contains("damaged"), "{error}");
    for name in world.disk.list("catalog").unwrap() {
        world.disk.remove(&format!("catalog/{name}")).unwrap();
    }
    world.disk.create_dir("log").unwrap();
    world.disk.create("log/1").unwrap();
    assert!(matches!(Catalog::open(&world).unwrap_err(), CatalogError::Missing(_)));
}

#[test]
fn payloads_that_break_a_rule_are_damage() {
    let whole = r#"{"format":1,"cluster_id":"000102030405060708090a0b0c0d0e0f","next_id":3,"next_shard":3,"databases":[
        {"id":1,"name":"t","default_policy":"p","policies":[{"id":2,"name":"p","duration_ns":0,"shard_duration_ns":9,
        "replication":1,"future_limit_ns":0,"past_limit_ns":0,"shards":[[1,0,8],[2,9,17]]}],
        "continuous_queries":[{"name":"c","query":"CREATE .."}],
        "subscriptions":[{"policy":"p","name":"s","mode":"ANY","destinations":["udp://h:1"]}]}],
        "users":[{"name":"u","admin":true,"hash":"$argon2id$","grants":{"t":"READ"}}]}"#;
    let state = format::decode(1, whole.as_bytes()).unwrap();
    assert_eq!((state.cluster_id[15], state.databases.len(), state.users.len()), (15, 1, 1));
    assert_eq!(format::decode(2, &format::encode(&state)).unwrap(), state);
    for (from, to) in [
        ("\"format\":1", "\"format\":2"),
        ("[2,9,17]", "[2,8,17]"),
        ("[2,9,17]", "[1,9,17]"),
        ("[2,9,17]", "[3,9,17]"),
        ("[2,9,17]", "[2,9,7]"),
        ("\"id\":2", "\"id\":1"),
        ("\"id\":2", "\"id\":3"),
        ("\"shard_duration_ns\":9", "\"shard_duration_ns\":0"),
        ("0a0b", "0a0"),
        ("\"users\":[", "\"more\":1,\"users\":["),
        ("\"users\":[", "\"users\":[1,"),
        ("\"users\":[", "\"users\":[{\"name\":\"u\",\"admin\":false,\"hash\":\"\",\"grants\":{}},"),
        ("\"READ\"", "\"READS\""),
        ("\"ANY\"", "\"ONE\""),
        ("\"policy\":\"p\"", "\"policy\":\"q\""),
    ] {
        let broken = whole.replacen(from, to, 1);
        assert!(format::decode(1, broken.as_bytes()).is_err(), "{from} -> {to}");
    }
}

proptest! {
    #[test]
    fn states_survive_their_bytes(
        names in proptest::collection::btree_set("[^\\pC/\\\\]{1,6}", 0..4),
        times in proptest::collection::vec(model::time::MIN_TIME..=model::time::MAX_TIME, 0..20),
        hours in 1i64..3_000,
    ) {
        let mut state = State::new([9; 16]);
        for name in names.iter().filter(|name| !matches!(name.as_str(), "." | "..")) {
            let create = influxql::CreateDatabase {
                name: name.clone(), with_policy: true, shard_duration: Some(hours * HOUR), ..Default::default()
            };
            state.create_database(&create, true).unwrap();
            let (database, policy) = state.policy(name, None).map(|(database, policy)| (database.id, policy.id)).unwrap();
            state.ensure_shards(database, policy, times.iter().copied()).unwrap();
            state.create_user(name, StoredHash::new(name.repeat(3)), hours % 2 == 0).unwrap();
            let (user, on) = (name.clone(), names.first().unwrap_or(name).clone());
            let _ = state.grant(&Grantee { privilege: Privilege::Write, database: on, user });
            state.create_continuous_query(name, "c", "CREATE CONTINUOUS QUERY ..").unwrap();
            prop_assert!(times.iter().all(|time| state.policy(name, None).unwrap().1.shard_at(*time).is_some()));
        }
        prop_assert_eq!(format::decode(1, &format::encode(&state)).unwrap(), state);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(format::decode(1, &bytes).is_err());
    }
}
