//! What selectors and their rows take is charged to the query: texts of points, other columns beside them, different values. Small
//! budgets refuse, and the same queries pass with enough.

use super::*;

const MIB: u64 = 1 << 20;
/// A text's length, and all texts together (bytes).
const TEXT: usize = 20_000;
const TEXTS: u64 = 400 * TEXT as u64;

/// How many rows an answer has, and the most that was charged for it (bytes).
fn charged(names: &Stored, query: &str) -> (usize, u64) {
    let influxql::Statement::Select(select) = influxql::parse_statement(query).unwrap() else { panic!("{query}") };
    let context = context(1 << 30);
    let mut rows = Rows::default();
    query::select(&select, names, &context, &mut rows).unwrap();
    assert_eq!(context.budget.used(), 0, "{query}");
    (rows.0, context.budget.peak())
}

/// 400 series of one row each, with a number, and with a text of the same length.
fn texts() -> Stored {
    let names = Stored(engine());
    let text = "a".repeat(TEXT);
    for part in 0..4 {
        write(
            &names.0,
            (0..100).map(|at| part * 100 + at).map(|at| format!("t,h={at} s=\"{text}\",v={at}i {at}\n")).collect(),
        );
        names.0.flush().unwrap();
    }
    names
}

fn is_refused(names: &Stored, query: &str, memory: u64) -> bool {
    matches!(count(names, query, memory), Err(QueryError::Memory(_)))
}

#[test]
fn texts_of_selected_points() {
    let names = texts();
    let within = "FROM t WHERE time >= 0 AND time < 400";
    for columns in ["last(s)", "first(s)", "last(s), first(s)", "max(v), s", "last(v), s", "last(v), s, h"] {
        let query = format!("SELECT {columns} {within} GROUP BY time(1ns)");
        assert!(is_refused(&names, &query, 6 * MIB), "{query}");
        let (rows, bytes) = charged(&names, &query);
        assert_eq!(rows, 400, "{query}");
        // The points, and the rows of a lone series in parts.
        let calls = 1 + columns.matches("), first").count() as u64;
        assert!(bytes >= calls * TEXTS && bytes <= calls * TEXTS + 8 * MIB, "{query}: {bytes}");
        assert_eq!(count(&names, &query, calls * TEXTS + 8 * MIB).unwrap(), 400, "{query}");
    }
}

#[test]
fn texts_of_the_rows_of_several_series() {
    let names = texts();
    for columns in ["last(s)", "max(v), s", "mode(s)", "distinct(s)", "top(v, 1), s"] {
        let query = format!("SELECT {columns} FROM t GROUP BY h");
        // The points; their rows, which wait for those of the other series, in vectors that may be half empty.
        assert!(is_refused(&names, &query, 3 * TEXTS), "{query}");
        let (rows, bytes) = charged(&names, &query);
        assert!(rows == 400 && bytes < 5 * TEXTS, "{query}: {bytes}");
        assert_eq!(count(&names, &query, 5 * TEXTS).unwrap(), 400, "{query}");
    }
}

/// A point that gives way to another one gives its memory back.
#[test]
fn texts_of_points_that_were_replaced() {
    let names = texts();
    for query in
        ["SELECT max(v), s FROM t WHERE s != ''", "SELECT last(s) FROM t WHERE v >= 0", "SELECT top(v, 2), s FROM t"]
    {
        let (_, bytes) = charged(&names, query);
        assert!(bytes < TEXTS / 8, "{query}: {bytes}");
    }
}

#[test]
fn texts_that_fill_empty_buckets() {
    let names = Stored(engine());
    let text = "a".repeat(TEXT);
    write(&names.0, format!("t,h=a s=\"{text}\" 0\nt,h=b s=\"{text}\" 0\n"));
    let fill = "SELECT last(s) FROM t WHERE time >= 0 AND time < 4000";
    // 80 MB of texts, and as much for each series: one hands its rows over as they are made.
    assert_eq!(count(&names, &format!("{fill} GROUP BY time(1ns) fill(previous)"), 4 * MIB).unwrap(), 4_000);
    let several = format!("{fill} GROUP BY time(1ns), h fill(previous)");
    assert!(is_refused(&names, &several, 128 * MIB));
    assert_eq!(count(&names, &several, 512 * MIB).unwrap(), 8_000);
    // Each column that shows the same text has a copy of it, and another one in frames.
    let shown = |columns: usize| {
        let columns: Vec<String> = (0..columns).map(|at| format!("last(s) AS s{at}")).collect();
        let within = "FROM t WHERE time >= 0 AND time < 400 GROUP BY time(1ns), h fill(previous)";
        charged(&names, &format!("SELECT {} {within}", columns.join(", "))).1
    };
    assert!(shown(1) > 5 * TEXTS && shown(5) > shown(1) + 11 * TEXTS);
}

/// Rows of buckets that have several are not bounded by the number of buckets.
#[test]
fn rows_of_buckets_with_several() {
    const ROWS: u64 = 100_000;
    let names = Stored(engine());
    write(&names.0, (0..ROWS).map(|row| format!("n,h={} v={row}i,s=\"x{row}\" {row}\n", row % 2)).collect());
    names.0.flush().unwrap();
    // The values, their times and their table; then the values, their order, and in rows times and values, copies included.
    let cases = [
        ("SELECT distinct(v) FROM n GROUP BY h", 52..70),
        ("SELECT distinct(v) FROM n", 42..72),
        // A point with its key and its order; the point alone, and its text and the place of that.
        ("SELECT top(v, 1000000) FROM n", 136..170),
        ("SELECT top(v, 1000000), s FROM n", 166..200),
        // The points with their texts, and their rows: times, values, and texts.
        ("SELECT top(v, 1000000), s FROM n GROUP BY h", 150..180),
    ];
    for (query, each) in cases {
        let (rows, bytes) = charged(&names, query);
        assert_eq!(rows as u64, ROWS, "{query}");
        assert!((each.start * ROWS..each.end * ROWS).contains(&bytes), "{query}: {}", bytes / ROWS);
        assert!(is_refused(&names, query, each.start * ROWS), "{query}");
        assert_eq!(count(&names, query, each.end * ROWS).unwrap() as u64, ROWS, "{query}");
    }
}
