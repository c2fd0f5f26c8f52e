//! The first and the last rows of many series, as dashboards ask for them: the same over stops, kills, late rows and deletes.

use super::{said, server};
use testkit::Alluvium;

const LAST: &str = "SELECT * FROM cpu GROUP BY h ORDER BY time DESC LIMIT 1";

/// The answer's series without what all have in common.
fn ask(server: &Alluvium, query: &str) -> String {
    let (status, text) = said(&server.client().query("db=d&epoch=s", query));
    assert_eq!(status, 200, "{query}: {text}");
    let text = text.trim_end().trim_start_matches(r#"{"results":[{"statement_id":0,"series":["#);
    text.replace(r#""name":"cpu","#, "").replace(r#","columns":["time","u","v"],"values""#, "")
}

fn write(server: &Alluvium, lines: &str) {
    assert_eq!(said(&server.client().write("db=d&precision=s", lines.as_bytes())), (204, String::new()));
}

#[test]
fn last_rows_over_stops_late_rows_and_deletes() {
    let mut server = server();
    let line = |row: i64| (0..30).map(|host| format!("cpu,h={host:02} u={row},v={host} {row}\n")).collect::<String>();
    write(&server, &(0..200).map(line).collect::<String>());
    let host = |host: i64, row: &str| format!(r#"{{"tags":{{"h":"{host:02}"}}:[[{row}]]}}"#);
    let mut expected: Vec<String> = (0..30).map(|at| host(at, &format!("199,199,{at}"))).collect();
    let check = |server: &Alluvium, expected: &[String]| {
        let backwards: Vec<&str> = expected.iter().rev().map(String::as_str).collect();
        for _ in 0..2 {
            assert_eq!(ask(server, LAST), backwards.join(",") + "]}]}");
        }
    };
    check(&server, &expected);
    assert!(server.stop().success());
    server.launch();
    check(&server, &expected);
    // Before the last row, at it, and behind it.
    write(&server, "cpu,h=03 v=-1 100\ncpu,h=04 v=-2 199\ncpu,h=05 u=7 300\n");
    expected[4] = host(4, "199,199,-2");
    expected[5] = host(5, "300,7,null");
    check(&server, &expected);
    server.kill();
    server.launch();
    check(&server, &expected);
    assert!(server.stop().success());
    server.launch();
    check(&server, &expected);
    for condition in ["h = '06' AND time > 150s", "time = 199s AND h = '07'", "h = '05' AND time > 200s", "h = '29'"] {
        assert_eq!(server.client().query("db=d", &format!("DELETE FROM cpu WHERE {condition}")).status, 200);
    }
    expected[6] = host(6, "150,150,6");
    expected[7] = host(7, "198,198,7");
    expected[5] = host(5, "199,199,5");
    expected.pop();
    check(&server, &expected);
    assert!(server.stop().success());
    server.launch();
    check(&server, &expected);
}

#[test]
fn the_first_rows_of_many_series() {
    let mut server = server();
    let lines =
        |time: usize| (0..20_000).map(|at| format!("m2,h={at:05} v={at} {}\n", time + at % 3)).collect::<String>();
    for _ in 0..2 {
        write(&server, &lines(100));
        write(&server, &lines(50));
        let rows = |query: &str| ask(&server, query).matches("],[").count() + 1;
        let first = ask(&server, "SELECT v, h FROM m2 LIMIT 2");
        assert!(first.contains(r#"[[50,0,"00000"],[50,3,"00003"]]"#), "{first}");
        let last = ask(&server, "SELECT v, h FROM m2 ORDER BY time DESC LIMIT 2");
        assert!(last.contains(r#"[[102,19997,"19997"],[102,19994,"19994"]]"#), "{last}");
        let later = ask(&server, "SELECT v FROM m2 WHERE time > 50s AND v > 10 LIMIT 2 OFFSET 1");
        assert!(later.contains("[[51,16],[51,19]]"), "{later}");
        assert_eq!(rows("SELECT v FROM m2"), 40_000);
        assert!(server.stop().success());
        server.launch();
    }
}
