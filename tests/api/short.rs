//! Short queries are run by the thread that reads them, and begin anew elsewhere when they turn out not to be: clients see whole answers, and
//! counters each query once.

use super::{said, server};
use testkit::Alluvium;

/// How many queries ran.
fn executed(server: &Alluvium) -> u64 {
    let text = server.client().get("/debug/vars").text();
    let (_, rest) = text.split_once("\"queriesExecuted\":").unwrap_or_else(|| panic!("{text}"));
    rest.split(|letter: char| !letter.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[test]
fn short_and_long_queries_of_one_shape_are_answered_and_counted_once() {
    let server = server();
    let lines: String = (0..20_000).map(|row| format!("m,h=a v={row} {row}\n")).collect();
    assert_eq!(said(&server.client().write("db=d&precision=s", lines.as_bytes())), (204, String::new()));
    let client = server.client();
    let rows = |query: &str| {
        let (status, text) = said(&client.query("db=d&epoch=s", query));
        assert!(
            status == 200 && text.starts_with("{\"results\":[{\"statement_id\":0") && text.ends_with("]}]}\n"),
            "{text}"
        );
        text.matches("],[").count() + 1
    };
    for round in 0..5 {
        let before = executed(&server);
        // Of one shape: a few rows, a few rows of many, more than may be gathered at once, and all.
        for limit in [3, 10, 3_000, 5, 20_000, 7] {
            assert_eq!(rows(&format!("SELECT v FROM m LIMIT {limit}")), limit, "{round}");
            assert_eq!(rows(&format!("SELECT v FROM m WHERE v >= 100 LIMIT {}", limit / 2)), limit / 2, "{round}");
        }
        assert_eq!(rows(&format!("SELECT sum(v) FROM m WHERE time >= {round}s")), 1);
        assert_eq!(executed(&server) - before, 13, "{round}");
    }
    // Errors come once, from wherever the query runs.
    for _ in 0..3 {
        let before = executed(&server);
        let (status, text) = said(&client.query("db=nope", "SELECT v FROM m LIMIT 3"));
        assert_eq!((status, text.matches("database not found").count()), (200, 1), "{text}");
        let (_, text) = said(&client.query("db=d", "SELECT v FROM m LIMIT 1; SELECT v FROM m LIMIT 3000"));
        assert!(text.contains("\"statement_id\":1,\"series\""), "{text}");
        assert_eq!(executed(&server) - before, 3);
    }
}
