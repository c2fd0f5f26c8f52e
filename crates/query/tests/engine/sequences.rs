//! Functions over sequences of points: a LIMIT cuts the rows that there are without it, though these are then made in pieces;
//! and what they give is what the points of a SELECT without them come to.

use super::statistics::{apply, change};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The rows of an answer of one series.
fn rows(answer: &str) -> Vec<String> {
    answer.trim_start_matches("[]").split(';').map(str::trim).filter(|row| !row.is_empty()).map(str::to_owned).collect()
}

const BUCKETS: [&str; 8] = [
    "difference(sum(x))",
    "difference(count(x)), count(x)",
    "derivative(mean(y), 7s), max(x)",
    "cumulative_sum(count(y))",
    "moving_average(max(x), 3), difference(last(y))",
    "elapsed(first(x), 1s), sum(y)",
    "difference(moving_average(sum(x), 2))",
    "cumulative_sum(difference(count(x))) + 1",
];

const POINTS: [&str; 5] = [
    "difference(x)",
    "derivative(y, 3s), cumulative_sum(x)",
    "elapsed(s, 1s)",
    "moving_average(x, 4), elapsed(x, 1s)",
    "cumulative_sum(x) + difference(y)",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn limits_cut_the_rows_that_there_are(
        changes in proptest::collection::vec(change(), 2..10),
        start in 0i64..5_000,
        (limit, offset) in (1usize..9, 0usize..6),
    ) {
        let names = Stored(engine());
        changes.iter().for_each(|change| apply(&names.0, change));
        let check = |query: String| {
            let all = rows(&ask(&names, &query));
            let some = rows(&ask(&names, &format!("{query} LIMIT {limit} OFFSET {offset}")));
            let wanted: Vec<String> = all.into_iter().skip(offset).take(limit).collect();
            prop_assert_eq!(some, wanted, "{} LIMIT {} OFFSET {}", query, limit, offset);
            Ok(())
        };
        let range = format!("time >= {start}s AND time < {}s", start + 3_000);
        for order in ["", "ORDER BY time DESC"] {
            for columns in BUCKETS {
                for fill in ["fill(null)", "fill(none)", "fill(0)", "fill(previous)"] {
                    check(format!("SELECT {columns} FROM m WHERE {range} GROUP BY time(97s) {fill} {order}"))?;
                }
                check(format!("SELECT {columns} FROM m WHERE time < 9000s GROUP BY time(97s) {order}"))?;
            }
            for columns in POINTS {
                check(format!("SELECT {columns} FROM m WHERE {range} {order}"))?;
            }
        }
    }

    /// Functions over buckets are functions over the rows of a SELECT of these buckets, from the second one on.
    #[test]
    fn buckets_are_points(changes in proptest::collection::vec(change(), 2..10)) {
        let names = Stored(engine());
        changes.iter().for_each(|change| apply(&names.0, change));
        for fill in ["fill(none)", "fill(0)", "fill(previous)"] {
            let buckets = format!("WHERE time >= 0s AND time < 9000s GROUP BY time(97s) {fill}");
            for function in ["difference(", "derivative(", "cumulative_sum(", "elapsed("] {
                let unit = match function {
                    "derivative(" | "elapsed(" => ", 5s)",
                    _ => ")",
                };
                let known = ask(&names, &format!("SELECT {function}max(x){unit} FROM m {buckets}"));
                let inner = format!("SELECT max(x) AS x FROM m {buckets}");
                let points = ask(&names, &format!("SELECT {function}x{unit} FROM ({inner})"));
                // The bucket before the first one is filled too.
                let known: Vec<String> = rows(&known).into_iter().filter(|row| !row.starts_with("0 ")).collect();
                let points: Vec<String> = rows(&points).into_iter().filter(|row| !row.starts_with("0 ")).collect();
                prop_assert_eq!(known, points, "{}{}", function, fill);
            }
        }
    }
}

/// The series of an answer: its tags, and its rows with their times.
fn series(answer: &str) -> Vec<(String, Vec<(i64, String)>)> {
    let one = |series: &str| {
        let (tags, rows) = series.split_once(']').unwrap();
        let row = |row: &str| {
            let (time, values) = row.trim().split_once(' ').unwrap();
            (time.parse().unwrap(), values.to_owned())
        };
        (tags.to_owned(), rows.split(';').filter(|row| !row.trim().is_empty()).map(row).collect())
    };
    answer.split('[').skip(1).map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Rows that are filled are made one by one; where none is missing, they are those that columns give.
    #[test]
    fn columns_give_what_rows_do(changes in proptest::collection::vec(change(), 2..10), start in 0i64..5_000) {
        let names = Stored(engine());
        changes.iter().for_each(|change| apply(&names.0, change));
        let functions = [
            "derivative(x, 3s)", "non_negative_derivative(y)", "difference(y)", "non_negative_difference(x)",
            "cumulative_sum(y)", "moving_average(x, 3)", "elapsed(s, 1s)",
        ];
        for filter in ["", "AND x > -5", "AND y < 9 AND host = 'h1'"] {
            let range = format!("WHERE time >= {start}s AND time < {}s {filter}", start + 3_000);
            for function in functions {
                for group in ["GROUP BY host", "GROUP BY absent"] {
                    for order in ["", "ORDER BY time DESC"] {
                        let columns = ask(&names, &format!("SELECT {function} FROM m {range} {group} {order}"));
                        let by_row = format!("SELECT {function} FROM m {range} {group} fill(previous) {order}");
                        prop_assert_eq!(columns, ask(&names, &by_row), "{}", by_row);
                    }
                }
            }
            // Several functions of one series meet by time.
            for (left, right) in functions.iter().zip(&functions[1..]) {
                let query = |what: &str| ask(&names, &format!("SELECT {what} FROM m {range} GROUP BY host"));
                let mut wanted: BTreeMap<(String, i64), [Option<String>; 2]> = BTreeMap::new();
                for (at, function) in [left, right].into_iter().enumerate() {
                    for (tags, rows) in series(&query(function)) {
                        for (time, value) in rows {
                            wanted.entry((tags.clone(), time)).or_default()[at] = Some(value);
                        }
                    }
                }
                let mut found = BTreeMap::new();
                for (tags, rows) in series(&query(&format!("{left} AS l, {right} AS r"))) {
                    for (time, values) in rows {
                        let (l, r) = values.split_once(' ').unwrap();
                        let value = |text: &str| (text != "None").then(|| text.to_owned());
                        found.insert((tags.clone(), time), [value(l), value(r)]);
                    }
                }
                prop_assert_eq!(found, wanted, "{}, {} {}", left, right, filter);
            }
        }
    }
}

#[test]
fn rows_of_a_subquery_are_charged_to_the_query() {
    let names = Stored(engine());
    write(&names.0, (0..100_000).map(|row| format!("m,host=h{} v={row}i {row}\n", row % 7)).collect());
    let query = "SELECT max(v) FROM (SELECT v FROM m)";
    assert!(matches!(count(&names, query, 1 << 20), Err(QueryError::Memory(_))));
    assert_eq!(count(&names, query, 256 << 20).unwrap(), 1);
    // What is left of the inner rows is little.
    let query = "SELECT max(max) FROM (SELECT max(v) FROM m GROUP BY host)";
    assert_eq!(ask(&names, query), "[] 99999 99999;");
    assert_eq!(count(&names, query, 1 << 20).unwrap(), 1);
    let deep = (0..40).fold("m".to_owned(), |inner, _| format!("(SELECT v FROM {inner})"));
    assert!(matches!(count(&names, &format!("SELECT v FROM {deep}"), 1 << 30), Err(QueryError::NotExecuted(_))));
}

#[test]
fn values_that_a_moving_average_keeps_are_charged_to_the_query() {
    const MIB: u64 = 1 << 20;
    let names = Stored(engine());
    write(&names.0, (0..400_000).map(|row| format!("m,host=h v={row}i {row}\n")).collect());
    let few = "SELECT moving_average(v, 2) FROM m LIMIT 10";
    let many = "SELECT moving_average(v, 399990) FROM m";
    let filled = "SELECT moving_average(max(v), 900000) FROM m WHERE time < 1ms GROUP BY time(1ns) fill(0) LIMIT 10";
    for _ in 0..2 {
        assert_eq!(count(&names, many, 256 * MIB).unwrap(), 11);
        assert!(matches!(count(&names, many, 3 * MIB), Err(QueryError::Memory(_))));
        assert!(matches!(count(&names, filled, 8 * MIB), Err(QueryError::Memory(_))));
        names.0.flush().unwrap();
    }
    assert_eq!(count(&names, few, 3 * MIB).unwrap(), 10);
}
