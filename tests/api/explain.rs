//! EXPLAIN and EXPLAIN ANALYZE: one column of lines, whose figures are what the query really reads.

use super::{said, server};
use testkit::{Alluvium, Json};

/// Rows of each of two series, a second apart.
const ROWS: usize = 20_000;

/// A server whose rows all lie in segments that it has not read yet.
fn flushed() -> Alluvium {
    let mut server = server();
    let line = |host: &str, row: usize| format!("cpu,h={host} v={row},s=\"x{row}\" {row}\n");
    let lines: String = (0..ROWS).flat_map(|row| [line("a", row), line("b", row)]).collect();
    let written = server.client().write("db=d&precision=s", lines.as_bytes());
    assert_eq!(said(&written), (204, String::new()));
    assert!(server.stop().success());
    server.launch();
    server
}

/// The lines of the answer's only column, whose name is given.
fn lines(server: &Alluvium, query: &str, column: &str) -> Vec<String> {
    let text = server.client().query("db=d", query).text();
    let json = Json::read(&text).unwrap();
    let series = json.get("results").at(0).get("series").at(0);
    assert_eq!((series.get("name"), series.get("columns").at(0).text()), (&Json::Null, column), "{query}: {text}");
    json.rows().iter().map(|row| row.at(0).text().to_owned()).collect()
}

fn analyzed(server: &Alluvium, select: &str) -> Analyzed {
    Analyzed(lines(server, &format!("EXPLAIN ANALYZE {select}"), "EXPLAIN ANALYZE"))
}

struct Analyzed(Vec<String>);

impl Analyzed {
    /// What stands behind a name, below another.
    fn text(&self, branch: &str, name: &str) -> &str {
        let mut below = self.0.iter().skip_while(|line| !line.ends_with(&format!("── {branch}")));
        let line = below.find(|line| line.contains(&format!("── {name}: ")));
        line.and_then(|line| line.split(": ").nth(1)).unwrap_or_else(|| panic!("{branch} {name}: {:?}", self.0))
    }

    fn count(&self, branch: &str, name: &str) -> usize {
        self.text(branch, name).parse().unwrap()
    }

    /// Pages: answered from statistics, decoded, and taken from the cache decoded.
    fn pages(&self) -> (usize, usize, usize) {
        let of = |name| self.count("pages", name);
        (of("answered_from_statistics"), of("decoded"), of("kept_decoded"))
    }
}

fn planned(server: &Alluvium, select: &str, name: &str) -> String {
    let all = lines(server, &format!("EXPLAIN {select}"), "QUERY PLAN");
    let line = all.iter().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("{name}: {all:?}")).to_owned()
}

fn number(server: &Alluvium, select: &str, name: &str) -> usize {
    planned(server, select, name).parse().unwrap()
}

#[test]
fn statistics_answer_without_a_page() {
    let server = flushed();
    let select = "SELECT count(v) FROM cpu";
    assert_eq!(planned(&server, select, "EXPRESSION"), "count(v::float)");
    assert_eq!(planned(&server, select, "STATISTICS"), "yes, of pages that lie in one bucket");
    let found = analyzed(&server, select);
    // Timestamps lie beside the values.
    let pages = number(&server, select, "NUMBER OF BLOCKS") / 2;
    assert!(pages > 3, "{pages}");
    assert_eq!(found.pages(), (pages, 0, 0));
    let of = |branch, name| found.count(branch, name);
    assert_eq!((of("rows", "looked_at"), of("rows", "series_returned"), of("rows", "returned")), (0, 1, 1));
    assert_eq!((of("pages", "blocks_read"), of("sources", "series"), of("sources", "runs")), (0, 2, 0));
    // Median wants the values.
    let found = analyzed(&server, "SELECT median(v) FROM cpu");
    assert_eq!((found.pages().0, found.count("rows", "looked_at")), (0, 2 * ROWS));
    assert_eq!(
        planned(&server, "SELECT median(v) FROM cpu", "STATISTICS"),
        "no, values are wanted for median(v::float)"
    );
}

#[test]
fn an_edge_decodes_its_pages_alone() {
    let server = flushed();
    let all = number(&server, "SELECT count(v) FROM cpu WHERE h = 'a'", "NUMBER OF BLOCKS") / 2;
    // One page of the series begins before this second and ends after it.
    let edge = "SELECT count(v) FROM cpu WHERE h = 'a' AND time >= 777s";
    let found = analyzed(&server, edge);
    let (answered, decoded, kept) = found.pages();
    assert_eq!((decoded, kept, found.count("pages", "decoded_timestamps")), (2, 0, 1));
    assert!(answered >= 1 && answered < all, "{answered} of {all}");
    let looked = found.count("rows", "looked_at");
    assert!(looked > 0 && looked < ROWS, "{looked}");
    assert_eq!((found.count("sources", "series"), found.count("rows", "returned")), (1, 1));
    // Once more from the cache.
    assert_eq!(analyzed(&server, edge).pages(), (answered, 0, 2));
}

#[test]
fn rows_are_read_as_planned() {
    let server = flushed();
    let select = "SELECT v FROM cpu";
    let pages = number(&server, select, "NUMBER OF BLOCKS");
    let bytes = number(&server, select, "SIZE OF BLOCKS");
    assert_eq!(planned(&server, select, "AUXILIARY FIELDS"), "v::float");
    assert_eq!(number(&server, select, "CACHED VALUES"), 0);
    assert_eq!((number(&server, select, "NUMBER OF SHARDS"), number(&server, select, "NUMBER OF FILES")), (1, 1));
    let found = analyzed(&server, select);
    assert_eq!((found.count("pages", "decoded"), found.count("pages", "passed_over")), (pages, 0));
    assert!(found.count("pages", "bytes_read") >= bytes && found.count("pages", "blocks_read") > 0);
    assert_eq!((found.count("rows", "looked_at"), found.count("rows", "returned")), (2 * ROWS, 2 * ROWS));
    assert!(found.count("select", "peak_memory") > 2 * ROWS * 8);
    let again = analyzed(&server, select);
    assert_eq!((again.count("pages", "decoded"), again.count("pages", "bytes_read")), (0, 0));
    assert!(again.count("pages", "kept_decoded") >= pages);
    // Bounds of values rule out all pages but those of the last rows.
    let found = analyzed(&server, &format!("{select} WHERE v >= {}", ROWS - 5));
    assert_eq!(found.count("rows", "returned"), 10);
    assert!(found.count("rows", "looked_at") < 2 * ROWS && found.count("pages", "passed_over") > 0);
    // Rows in memory are no pages.
    assert_eq!(server.client().write("db=d", b"mem a=1,b=2 1\nmem a=1 2").status, 204);
    assert_eq!(number(&server, "SELECT a, b FROM mem", "CACHED VALUES"), 3);
    let found = analyzed(&server, "SELECT a, b FROM mem");
    assert_eq!((found.pages(), found.count("rows", "returned"), found.count("sources", "runs")), ((0, 0, 0), 2, 1));
}

/// A duration as Go prints it, up to seconds (ns).
fn nanos(text: &str) -> f64 {
    for (unit, size) in [("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)] {
        if let Some(number) = text.strip_suffix(unit)
            && let Ok(number) = number.parse::<f64>()
        {
            return number * size;
        }
    }
    panic!("no duration: {text}")
}

#[test]
fn times_add_up() {
    let server = flushed();
    for select in [
        "SELECT mean(v) FROM cpu WHERE time >= 10s AND time < 250m GROUP BY time(7s), h",
        "SELECT * FROM cpu WHERE v > 100 AND s =~ /7$/",
        "SELECT max(c) FROM (SELECT count(v) AS c FROM cpu GROUP BY h)",
    ] {
        let begin = std::time::Instant::now();
        let found = analyzed(&server, select);
        let took = begin.elapsed().as_nanos();
        let total = nanos(found.text("select", "total_time"));
        let names = ["planning", "series_set", "arranging_cuts", "statistics", "reading_pages", "reading_and_merging"];
        let stages = names.into_iter().chain(["filtering", "folding", "making_rows"]);
        let sum: f64 = stages.map(|stage| nanos(found.text("stages", stage))).sum();
        assert!((total - sum).abs() < 1.0, "{select}: {total} {sum}");
        #[allow(clippy::cast_precision_loss, reason = "a few seconds")]
        let took = took as f64;
        assert!(total > 0.0 && total < took, "{select}: {total} of {took}");
        assert_eq!(found.text("labels", "statement"), select.to_owned());
    }
}

#[test]
fn subqueries_and_failures() {
    let server = flushed();
    let select = "SELECT max(c) FROM (SELECT count(v) AS c FROM cpu GROUP BY h)";
    assert_eq!(planned(&server, select, "SUBQUERY"), "SELECT count(v) AS c FROM cpu GROUP BY h");
    let found = analyzed(&server, select);
    assert!(found.pages().0 > 3 && found.pages().1 == 0);
    assert_eq!((found.count("rows", "returned"), found.count("sources", "measurements")), (1, 1));
    for (query, error) in [
        ("SELECT foo(v) FROM cpu", "undefined function foo()"),
        ("SELECT v FROM nope..cpu", "database not found: nope"),
        ("SELECT v FROM nope.cpu", "retention policy not found: nope"),
    ] {
        for explain in ["EXPLAIN", "EXPLAIN ANALYZE"] {
            let text = server.client().query("db=d", &format!("{explain} {query}")).text();
            let wanted = server.client().query("db=d", query).text();
            assert!(text == wanted && text.contains(error), "{text}");
        }
    }
    assert_eq!(lines(&server, "EXPLAIN SELECT v FROM nosuch", "QUERY PLAN"), [""; 0]);
    assert_eq!(analyzed(&server, "SELECT v FROM nosuch").count("rows", "returned"), 0);
}
