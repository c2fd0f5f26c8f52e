//! Limits on series and on the values of a tag: what is beyond is told and not stored, what is there goes on, also after a restart,
//! and what was deleted makes room. And limits on what one SELECT may ask for.

use super::server_with;
use testkit::Alluvium;

fn write(server: &Alluvium, lines: &str) -> (u16, String) {
    let reply = server.client().write("db=d", lines.as_bytes());
    (reply.status, reply.text())
}

fn count(server: &Alluvium) -> String {
    let text = server.client().query("db=d", "SHOW SERIES EXACT CARDINALITY; SELECT count(v) FROM m").text();
    let numbers = text.split("\"values\":[").skip(1).filter_map(|part| part.split(']').next());
    numbers.map(|row| row.rsplit(['[', ',']).next().unwrap_or_default()).collect::<Vec<_>>().join(" ")
}

#[test]
fn series_of_a_database() {
    let mut server = server_with(&[("ALLUVIUM_DATA_MAX_SERIES_PER_DATABASE", "3")]);
    assert_eq!(write(&server, "m,h=a v=1 1\nm,h=b v=1 1").0, 204);
    let beyond = |keys: usize, dropped: usize| {
        let reason = format!("max-series-per-database exceeded database=d limit=3 series=3 keys={keys}");
        let told = format!("partial write: {reason} dropped={dropped} for database: d for retention policy: autogen");
        (400, format!("{{\"error\":\"{told}\"}}\n"))
    };
    assert_eq!(write(&server, "m,h=c v=1 1\nm,h=x v=1 1\nm,h=a v=1 2\nm,h=y v=1 1"), beyond(2, 2));
    assert_eq!(count(&server), "3 4");
    assert_eq!(write(&server, "m,h=x v=1 1"), beyond(1, 1));
    assert!(server.stop().success());
    server.launch();
    assert_eq!(write(&server, "m,h=x v=1 1\nm,h=b v=1 2"), beyond(1, 1));
    assert_eq!(server.client().query("db=d", "DROP SERIES FROM m WHERE h = 'a'").status, 200);
    assert_eq!(write(&server, "m,h=x v=1 1").0, 204);
    assert_eq!(write(&server, "m,h=y v=1 1"), beyond(1, 1));
    assert_eq!(count(&server), "3 4");
    // Other databases have their own.
    assert_eq!(server.client().query("", "CREATE DATABASE e").status, 200);
    assert_eq!(server.client().write("db=e", b"m,h=y v=1 1").status, 204);
}

#[test]
fn series_whose_rows_were_refused_take_no_room() {
    let server = server_with(&[("ALLUVIUM_DATA_MAX_SERIES_PER_DATABASE", "3")]);
    assert_eq!(write(&server, "m,h=a v=1 1").0, 204);
    // The field is a float.
    let (status, text) = write(&server, "m,h=b v=\"x\" 1\nm,h=d v=1 1");
    assert!(status == 400 && text.contains("field type conflict"), "{text}");
    assert_eq!(count(&server), "2 2");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    // Counting again may have to wait a little.
    while write(&server, "m,h=e v=1 1").0 != 204 {
        assert!(std::time::Instant::now() < until, "no room for a third series");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(write(&server, "m,h=f v=1 1").0, 400);
    assert_eq!(count(&server), "3 3");
}

#[test]
fn values_of_a_tag() {
    let server = server_with(&[("ALLUVIUM_DATA_MAX_VALUES_PER_TAG", "2")]);
    assert_eq!(write(&server, "m,h=a,r=1 v=1 1\nm,h=b,r=1 v=1 1\nn,h=c v=1 1").0, 204);
    let (status, text) = write(&server, "m,h=c,r=1 v=1 1\nm,h=a,r=2 v=1 1");
    let reason = r#"max-values-per-tag limit exceeded (2/2): measurement=\"m\" tag=\"h\" value=\"c\""#;
    let told = format!("partial write: {reason} dropped=1 for database: d for retention policy: autogen");
    assert_eq!((status, text), (400, format!("{{\"error\":\"{told}\"}}\n")));
    assert_eq!(count(&server), "4 1 4");
    assert_eq!(write(&server, "m,h=b,r=2 v=1 1").0, 204);
    assert_eq!(write(&server, "m,h=b,r=3 v=1 1").0, 400);
}

#[test]
fn a_limit_stops_no_writes_where_a_segment_is_lost() {
    let mut server = server_with(&[("ALLUVIUM_DATA_MAX_SERIES_PER_DATABASE", "1")]);
    assert_eq!(write(&server, "m,h=a v=1 1").0, 204);
    assert!(server.stop().success());
    let segment = server.files().into_iter().find(|path| path.to_string_lossy().contains("/segments/")).expect("one");
    let bytes = std::fs::read(&segment).unwrap();
    std::fs::remove_file(&segment).unwrap();
    server.launch();
    assert_eq!(write(&server, "m,h=a v=1 2\nm,h=b v=1 1").0, 204);
    assert!(server.log().contains("limits on them do not hold for now"), "{}", server.log());
    // With the file it is counted again, after a while or with the next start.
    std::fs::write(&segment, bytes).unwrap();
    assert!(server.stop().success());
    server.launch();
    assert_eq!(write(&server, "m,h=c v=1 1").0, 400);
    assert_eq!(write(&server, "m,h=b v=1 2").0, 204);
}

#[test]
fn series_and_buckets_of_a_select() {
    let server = server_with(&[
        ("ALLUVIUM_COORDINATOR_MAX_SELECT_SERIES", "3"),
        ("ALLUVIUM_COORDINATOR_MAX_SELECT_BUCKETS", "10"),
        ("ALLUVIUM_COORDINATOR_LOG_QUERIES_AFTER", "10s"),
    ]);
    let lines: Vec<String> = (0..5).map(|at| format!("five,h={at} v=1 {at}000000000")).collect();
    assert_eq!(write(&server, &lines.join("\n")).0, 204);
    let few = "three,h=1 v=1 1\nthree,h=2 v=1 1\nthree,h=3 v=1 1\ntwo,h=1 v=1 1\ntwo,h=2 v=1 1";
    assert_eq!(write(&server, few).0, 204);
    let series = "max-select-series limit exceeded: (4/3)";
    for (query, error) in [
        ("SELECT v FROM five", Some(series)),
        ("SELECT count(v) FROM five, m", Some(series)),
        ("SELECT count(v) FROM three, two", None),
        ("SELECT v FROM (SELECT v FROM five)", Some(series)),
        ("EXPLAIN SELECT v FROM five", Some(series)),
        ("SELECT count(v) FROM five WHERE h = '1'", None),
        ("SHOW SERIES", None),
        ("SELECT mean(v) FROM m WHERE time >= 0 AND time <= 10s GROUP BY time(1s)", None),
        (
            "SELECT mean(v) FROM m WHERE time >= 0 AND time < 20s GROUP BY time(1s) LIMIT 2",
            Some("max-select-buckets limit exceeded: (20/10)"),
        ),
        ("SELECT mean(v) FROM m WHERE time < 20s GROUP BY time(1s)", None),
        ("SELECT count(a) FROM (SELECT mean(v) AS a FROM m WHERE time >= 0 AND time < 20s GROUP BY time(1s))", None),
    ] {
        let text = server.client().query("db=d", query).text();
        match error {
            Some(error) => assert!(text.contains(&format!("\"error\":\"{error}\"")), "{query}: {text}"),
            None => assert!(!text.contains("error"), "{query}: {text}"),
        }
    }
}

#[test]
fn what_runs_for_long_is_logged_and_stopped() {
    let server = server_with(&[
        ("ALLUVIUM_COORDINATOR_QUERY_TIMEOUT", "1s"),
        ("ALLUVIUM_COORDINATOR_LOG_QUERIES_AFTER", "200ms"),
        ("ALLUVIUM_COORDINATOR_LOG_TIMEDOUT_QUERIES", "true"),
    ]);
    assert_eq!(write(&server, "m v=1 1\nm v=2 2").0, 204);
    let short = "SELECT v FROM m";
    let long = "SELECT difference(max(v)) FROM m WHERE time >= 0 AND time < 100000s GROUP BY time(1ns) LIMIT 1 OFFSET 99999999999999";
    assert!(server.client().query("db=d", short).text().contains("values"));
    let text = server.client().query("db=d", long).text();
    assert!(text.contains("query-timeout limit exceeded"), "{text}");
    for what in [
        "a query runs for longer than log-queries-after",
        "a query is stopped, as it runs for longer than query-timeout",
    ] {
        // The line may come behind the answer, and the short one may take long on a busy machine.
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !server.log().contains(what) && std::time::Instant::now() < until {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let log = server.log();
        let lines: Vec<&str> =
            log.lines().filter(|line| line.contains(what) && !line.contains("SELECT v FROM m")).collect();
        assert_eq!(lines.len(), 1, "{log}");
        assert!(lines[0].contains("difference") && lines[0].contains("db=d"), "{}", lines[0]);
    }
}

#[test]
fn points_of_a_select() {
    let mut server = server_with(&[("ALLUVIUM_COORDINATOR_MAX_SELECT_POINT", "10")]);
    let lines: Vec<String> = (0..20).map(|at| format!("many,h={} v={at} {at}000000000", at % 2)).collect();
    assert_eq!(write(&server, &lines.join("\n")).0, 204);
    for round in ["in memory", "in a segment"] {
        for (query, fails) in [
            ("SELECT v FROM many", true),
            ("SELECT v FROM many WHERE v < 10", false),
            ("SELECT v FROM many WHERE v < 11", true),
            ("SELECT v FROM many LIMIT 5", false),
            ("SELECT difference(v) FROM many WHERE h = '0'", false),
            ("SELECT difference(v) FROM many WHERE time < 30s", true),
            ("SELECT median(v) FROM many", true),
            ("SELECT median(v) FROM many WHERE h = '1'", false),
            ("SELECT median(v), mode(v) FROM many WHERE h = '1'", true),
            ("SELECT count(v) FROM many WHERE v >= 0", true),
            ("SELECT median(v) FROM (SELECT v FROM many WHERE h = '1')", false),
            ("SELECT v FROM many WHERE h = '1'; SELECT v FROM many WHERE h = '0'", false),
            ("SELECT v INTO other FROM many", true),
            ("SHOW SERIES", false),
        ] {
            let text = server.client().query("db=d", query).text();
            assert_eq!(text.contains("max-select-point limit exceeded: ("), fails, "{round}: {query}: {text}");
        }
        assert!(server.stop().success());
        server.launch();
    }
}

#[test]
fn what_is_configured_is_told() {
    let server = server_with(&[
        ("ALLUVIUM_COORDINATOR_MAX_SELECT_POINT", "10"),
        ("ALLUVIUM_COORDINATOR_QUERY_TIMEOUT", "90s"),
        ("ALLUVIUM_DATA_COMPACT_THROUGHPUT", "12m"),
    ]);
    for (module, expected) in [
        ("config-coordinator", "\"values\":[[\"0s\",false,0,0,10,0,\"1m30s\",\"30s\"]]"),
        ("config-data", "\"12m\""),
        ("config-httpd", "\"flux-enabled\",\"https-enabled\",\"max-connection-limit\",\"max-row-limit\"]"),
        ("config-retention", "\"columns\":[\"check-interval\",\"enabled\"],\"values\":[[\"30m0s\",true]]"),
    ] {
        let text = server.client().query("", &format!("SHOW DIAGNOSTICS FOR '{module}'")).text();
        assert!(text.contains(&format!("\"name\":\"{module}\"")) && text.contains(expected), "{text}");
    }
}
