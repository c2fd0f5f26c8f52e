//! A measurement that is named twice, functions that read different ranges of a SELECT, and tests as values: each is held against queries that
//! say the same in another way.

use super::statistics::{apply, change};
use super::*;
use proptest::prelude::*;

const COLUMNS: [&str; 7] = [
    "count(x), sum(x), min(y), max(x)",
    "mean(x), count(s)",
    "median(y), spread(x)",
    "first(x), last(y)",
    "difference(sum(x)), cumulative_sum(count(y))",
    "top(x, 3)",
    "max(x), s, host",
];

/// What is after the tags of the only series of an answer, row by row.
fn rows(answer: &str) -> Vec<(i64, String)> {
    let row = |row: &str| {
        let (time, values) = row.split_once(' ').unwrap();
        (time.parse().unwrap(), values.to_owned())
    };
    answer.trim_start_matches("[]").split(';').map(str::trim).filter(|text| !text.is_empty()).map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Series that are named twice are read from storage twice; those of a SELECT, and those beside one, are in memory.
    #[test]
    fn named_twice_is_named_beside_a_select(changes in proptest::collection::vec(change(), 2..10), start in 0i64..5_000) {
        let names = Stored(engine());
        changes.iter().for_each(|change| apply(&names.0, change));
        let range = format!("WHERE time >= {start}s AND time < {}s", start + 3_000);
        let whole = "(SELECT x, y, s FROM m GROUP BY host)";
        for filter in ["", "AND x > -5", "AND host = 'h1'", "AND (host = 'h1' OR y < 9)"] {
            for group in ["", "GROUP BY host", "GROUP BY time(97s)", "GROUP BY time(211s), host"] {
                for columns in COLUMNS {
                    if columns.contains("diff") && !group.contains("time") {
                        continue;
                    }
                    let ask = |from: &str| ask(&names, &format!("SELECT {columns} FROM {from} {range} {filter} {group}"));
                    let twice = ask("m, m");
                    prop_assert_eq!(&twice, &ask(&format!("m, {whole}")), "{} {} {}", columns, filter, group);
                    prop_assert_eq!(&twice, &ask(&format!("{whole}, {whole}")), "{} {} {}", columns, filter, group);
                }
            }
            for rest in ["", "ORDER BY time DESC LIMIT 7", "GROUP BY host LIMIT 3", "LIMIT 5 OFFSET 3"] {
                let ask = |from: &str| ask(&names, &format!("SELECT x, y, s, host FROM {from} {range} {filter} {rest}"));
                prop_assert_eq!(ask("m, m"), ask(&format!("{whole}, {whole}")), "{} {}", filter, rest);
            }
        }
    }

    /// Each function has the rows that it has alone.
    #[test]
    fn ranges_of_a_select_are_those_of_each_function(
        changes in proptest::collection::vec(change(), 2..10),
        start in 0i64..5_000,
    ) {
        let names = Stored(engine());
        changes.iter().for_each(|change| apply(&names.0, change));
        let range = format!("WHERE time >= {start}s AND time < {}s", start + 3_000);
        for inner in ["SELECT max(x) AS v FROM m GROUP BY time(31s)", "SELECT x AS v FROM m LIMIT 40", "SELECT cumulative_sum(x) AS v FROM m"] {
            let ask = |columns: &str| {
                rows(&ask(&names, &format!("SELECT {columns} FROM ({inner}) {range} GROUP BY time(97s) fill(none)")))
            };
            let alone = [ask("moving_average(sum(v), 3)"), ask("count(v)"), ask("difference(max(v))")];
            let mut times: Vec<i64> = alone.iter().flatten().map(|row| row.0).collect();
            times.sort_unstable();
            times.dedup();
            let value = |rows: &[(i64, String)], time| {
                rows.iter().find(|row| row.0 == time).map_or("None".to_owned(), |row| row.1.clone())
            };
            let expected: Vec<(i64, String)> = times
                .into_iter()
                .map(|time| (time, alone.each_ref().map(|rows| value(rows, time)).join(" ")))
                .collect();
            prop_assert_eq!(ask("moving_average(sum(v), 3), count(v), difference(max(v))"), expected, "{}", inner);
        }
    }

    #[test]
    fn tests_are_true_or_false(changes in proptest::collection::vec(change(), 2..10)) {
        let names = Stored(engine());
        changes.iter().for_each(|change| apply(&names.0, change));
        let found = |filter: &str| count(&names, &format!("SELECT x, y, s FROM m WHERE {filter}"), 64 << 20).unwrap();
        let all = found("true");
        let tests = ["x > -5", "y < 9", "host = 'h1'", "s =~ /1/", "x > 0 AND y > 0", "host = 'h0' OR y < 4"];
        for one in tests {
            prop_assert_eq!(found(&format!("({one}) = true")), found(one));
            prop_assert_eq!(found(&format!("false != ({one})")), found(one));
            prop_assert_eq!(found(&format!("({one}) = false")), all - found(one));
            for other in tests {
                let both = found(&format!("({one}) AND ({other})"));
                let (first, second) = (found(one), found(other));
                prop_assert_eq!(found(&format!("({one}) = ({other})")), all + 2 * both - first - second);
                prop_assert_eq!(found(&format!("({one}) != ({other})")), first + second - 2 * both);
                prop_assert_eq!(found(&format!("(({one}) & ({other})) = true")), both);
                prop_assert_eq!(found(&format!("(({one}) | ({other})) = false")), all + both - first - second);
            }
        }
    }
}

#[test]
fn selects_that_double_with_each_level_are_bounded() {
    let names = Stored(engine());
    write(&names.0, (0..40).map(|time| format!("m v={} {time}\n", time * time)).collect());
    let nested = |levels: usize| {
        let around = |inner: String, _| {
            format!(
                "SELECT difference(mean(v)) + mean(v) AS v FROM ({inner}) WHERE time >= 0 AND time < 40 GROUP BY time(2ns)"
            )
        };
        (0..levels).fold("SELECT v FROM m".to_owned(), around)
    };
    assert!(count(&names, &nested(6), 64 << 20).unwrap() > 0);
    for levels in [14, 30] {
        let ended = count(&names, &nested(levels), 64 << 20);
        assert!(matches!(ended, Err(QueryError::NotExecuted(_))), "{levels}: {ended:?}");
    }
}
