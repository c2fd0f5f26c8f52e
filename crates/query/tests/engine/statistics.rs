//! Answers from statistics are those from decoded rows: each query is asked twice over random pieces, the second time with a
//! condition that all rows fulfil and that no statistics tell, so that it decodes. And statistics are used: the engine counts
//! the pages that it decodes.

use super::*;
use platform::Stats;
use proptest::prelude::*;
use storage::{Deletion, TagCondition};

const SECOND: i64 = 1_000_000_000;

/// What happens to the engine.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Rows of a host, from a second on, so many seconds apart; which of the fields x, y and s they have, and a seed of values.
    Write {
        host: u8,
        start: i64,
        step: i64,
        rows: i64,
        fields: u8,
        seed: i64,
    },
    Flush,
    Merge,
    /// Of a host, from a second on, for some seconds.
    Delete {
        host: u8,
        start: i64,
        len: i64,
    },
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    let rows = prop_oneof![1i64..20, 64i64..500];
    let write = (0u8..2, 0i64..1_440, prop_oneof![Just(1i64), Just(5), Just(10)], rows, 1u8..8, 0i64..100);
    let write = write.prop_map(|(host, start, step, rows, fields, seed)| Change::Write {
        host,
        start: start * 5,
        step,
        rows,
        fields,
        seed,
    });
    let delete = (0u8..2, 0i64..7_200, 1i64..1_000).prop_map(|(host, start, len)| Change::Delete { host, start, len });
    prop_oneof![6 => write, 3 => Just(Change::Flush), 1 => Just(Change::Merge), 1 => delete]
}

pub(crate) fn apply(engine: &Engine, change: &Change) {
    match *change {
        Change::Write { host, start, step, rows, fields, seed } => {
            write(engine, lines(host, start, step, rows, fields, seed))
        }
        Change::Flush => engine.flush().unwrap(),
        Change::Merge => drop(engine.merge_step().unwrap()),
        Change::Delete { host, start, len } => {
            let deletion = Deletion {
                measurements: None,
                condition: TagCondition::Equal(b"host".as_slice().into(), format!("h{host}").as_bytes().into()),
                range: TimeRange::new(start * SECOND, (start + len) * SECOND),
            };
            engine.delete(&[1, 2], vec![deletion], Box::new(|done| done.unwrap())).unwrap();
            engine.commit_step().unwrap();
        }
    }
}

fn lines(host: u8, start: i64, step: i64, rows: i64, fields: u8, seed: i64) -> String {
    let line = |row: i64| {
        let value = seed + row * (row % 7) % 9 - 30;
        let all = [format!("x={value}i"), format!("y={}", value as f64 / 4.0), format!("s=\"t{value}\"")];
        let some: Vec<String> =
            (0..3).filter(|field| fields >> field & 1 == 1).map(|field| all[field].clone()).collect();
        format!("m,host=h{host} {} {}\n", some.join(","), (start + row * step) * SECOND)
    };
    (0..rows).map(line).collect()
}

const COLUMNS: [&str; 18] = [
    "count(x), sum(x), mean(x), min(x), max(x), first(x), last(x), spread(x)",
    "count(y), sum(y), mean(y), min(y), max(y), first(y), last(y), spread(y)",
    "count(x), max(y), count(s), last(s)",
    "max(x)",
    "min(y)",
    "first(x)",
    "last(x)",
    "last(y)",
    "last(s)",
    "max(x), y",
    "last(y), x",
    "first(x), host",
    "median(x), mode(y), count(distinct(s)), percentile(x, 90), count(y)",
    "percentile(y, 50), x",
    "distinct(x)",
    "top(x, 3)",
    "bottom(y, 2), x, host",
    "top(x, host, 2)",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn answers_are_those_of_decoded_rows(
        changes in proptest::collection::vec(change(), 2..14),
        start in 0i64..7_200,
        len in 1i64..9_000,
    ) {
        let names = Stored(engine());
        changes.iter().for_each(|change| apply(&names.0, change));
        let within = format!("time >= {start}s AND time < {}s", start + len);
        let all = "time >= 0s AND time < 20000s";
        for range in [all, &within, &format!("{all} AND host = 'h1'")] {
            for group in ["", "GROUP BY host", "GROUP BY time(1h), host", "GROUP BY time(7m)"] {
                for columns in COLUMNS {
                    let known = ask(&names, &format!("SELECT {columns} FROM m WHERE {range} {group}"));
                    let all = "(x >= -1000 OR y >= -1000 OR s != 'none')";
                    let decoded = ask(&names, &format!("SELECT {columns} FROM m WHERE {range} AND {all} {group}"));
                    prop_assert_eq!(&known, &decoded, "{} {} {}", columns, range, group);
                    // Rows of a SELECT are a source like any other.
                    let inner = "SELECT x, y, s FROM m GROUP BY host";
                    let nested = ask(&names, &format!("SELECT {columns} FROM ({inner}) WHERE {range} {group}"));
                    prop_assert_eq!(&known, &nested, "{} {} {} nested", columns, range, group);
                }
            }
        }
    }
}

/// A comparison that bounds of values decide on, and the same in a form that none do.
fn comparison() -> impl Strategy<Value = (String, String)> {
    let operators = proptest::sample::select(vec!["<", "<=", ">", ">=", "=", "!="]);
    (proptest::sample::select(vec!["x", "y"]), operators, -35i64..75, any::<bool>()).prop_map(
        |(field, operator, value, turned)| {
            let side = |side: &str| match turned {
                false => format!("{side} {operator} {value}"),
                true => format!("{value} {operator} {side}"),
            };
            (side(field), side(&format!("({field} + 0)")))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_bounds_rule_out_has_no_row(
        changes in proptest::collection::vec(change(), 1..10),
        (one, plain_one) in comparison(),
        (two, plain_two) in comparison(),
    ) {
        let names = Stored(engine());
        changes.iter().for_each(|change| apply(&names.0, change));
        for columns in ["x, y, s", "count(x), sum(y), last(s)", "max(x)", "first(y), x"] {
            for group in ["", "GROUP BY host"] {
                let ask = |condition: &str| {
                    ask(&names, &format!("SELECT {columns} FROM m WHERE time < 20000s AND ({condition}) {group}"))
                };
                prop_assert_eq!(ask(&one), ask(&plain_one), "{} {}", columns, &one);
                for (known, plain) in [("AND", "AND"), ("OR", "OR"), ("AND host = 'h1' AND", "AND host = 'h1' AND")] {
                    let (known, plain) = (format!("{one} {known} {two}"), format!("{plain_one} {plain} {plain_two}"));
                    prop_assert_eq!(ask(&known), ask(&plain), "{} {}", columns, &known);
                }
            }
        }
    }
}

/// Totals of a segment do not hold for what a delete has left of it.
#[test]
fn deletes_turn_totals_off() {
    let stats = Stats::default();
    let names = Stored(counting_engine(stats.clone()));
    (0..3).for_each(|host| write(&names.0, lines(host, 3_600, 10, 12 * 360, 3, 1)));
    names.0.flush().unwrap();
    let query = "SELECT count(x), count(y) FROM m WHERE time > 1s";
    let (rows, left) = (3 * 12 * 360, 3 * 12 * 360 - 500);
    assert_eq!(ask_counting(&names, &stats, query), (format!("[] 1000000001 {rows} {rows};"), 0));
    apply(&names.0, &Change::Delete { host: 1, start: 10_000, len: 4_999 });
    // Two pages are cut by the delete.
    assert_eq!(ask_counting(&names, &stats, query), (format!("[] 1000000001 {left} {left};"), 4));
}

/// More calls than are compared with each other, of two column groups.
#[test]
fn many_fields_have_leaves_each() {
    let stats = Stats::default();
    let names = Stored(counting_engine(stats.clone()));
    let rows = |shift: i64, group: usize| -> String {
        let fields: Vec<String> = (group * 40..group * 40 + 40).map(|at| format!("f{at}={at}i")).collect();
        (360..720).map(|row| format!("w {} {}\n", fields.join(","), (row * 10 + shift) * SECOND)).collect()
    };
    for (shift, group) in [(0, 0), (1, 1), (2, 0), (3, 1)] {
        write(&names.0, rows(shift, group));
        names.0.flush().unwrap();
    }
    let query = "SELECT count(*), max(*) FROM w WHERE time >= 1s";
    let (known, decoded) = ask_counting(&names, &stats, query);
    assert_eq!((known.matches(" 720").count(), decoded), (80, 0));
    assert_eq!(known, ask(&names, &format!("{query} AND (f0 >= 0 OR f40 >= 0)")));
}

/// A filter reads the pages in which some row may pass, and no others.
#[test]
fn filters_pass_over_pages_series_and_segments() {
    let stats = Stats::default();
    let names = Stored(counting_engine(stats.clone()));
    (0..3).for_each(|host| write(&names.0, lines(host, 3_600, 10, 12 * 360, 3, 1)));
    write(&names.0, "m,host=h1 x=1000i,y=1 18003000000000\n".to_owned());
    names.0.flush().unwrap();
    let cases = [
        ("x > 1000", "", 0),
        ("x > 60 AND x < -30", "", 0),
        ("x > 900", "[] 18003000000000 1;", 2),
        // What is read was read before.
        ("x = 1000 OR y > 18", "[] 18003000000000 1;", 0),
        ("x = 1000 AND y > 18", "", 0),
    ];
    for (condition, expected, pages) in cases {
        let found = ask_counting(&names, &stats, &format!("SELECT y FROM m WHERE time >= 1s AND ({condition})"));
        assert_eq!(found, (expected.to_owned(), pages), "{condition}");
        let count = ask_counting(&names, &stats, &format!("SELECT count(y) FROM m WHERE time >= 1s AND ({condition})"));
        assert_eq!(count, (if expected.is_empty() { "" } else { "[] 1000000000 1;" }.to_owned(), 0), "{condition}");
    }
}

/// The answer of a query, and how many pages of values were decoded for it.
pub(crate) fn ask_counting(names: &Stored, stats: &Stats, query: &str) -> (String, i64) {
    let decoded = || stats.snapshot().iter().find(|sample| sample.name == "pagesDecoded").unwrap().value;
    let before = decoded();
    (ask(names, query), decoded() - before)
}

/// Twelve hours of three hosts; an agent that writes for one of them an hour late, between its times; a second segment with
/// the odd seconds of another.
#[test]
fn late_and_interleaved_rows_leave_large_pages_alone() {
    let stats = Stats::default();
    let names = Stored(counting_engine(stats.clone()));
    (0..3).for_each(|host| write(&names.0, lines(host, 3_600, 10, 12 * 360, 3, 1)));
    names.0.flush().unwrap();
    write(&names.0, lines(1, 3_605, 10, 12 * 360, 3, 2));
    names.0.flush().unwrap();
    write(&names.0, lines(0, 36_002, 10, 400, 1, 3));
    let all = "time >= 3600s AND time < 46800s";
    let hours = format!("SELECT count(x), sum(x), max(x), mean(y) FROM m WHERE {all} GROUP BY time(1h), host");
    let total = format!("SELECT count(x), max(x), last(x) FROM m WHERE {all}");
    let (by_hour, decoded) = ask_counting(&names, &stats, &hours);
    assert_eq!(decoded, 0);
    let (in_all, decoded) = ask_counting(&names, &stats, &total);
    assert_eq!(decoded, 0);
    assert!(in_all.contains(&format!(" {}", 4 * 12 * 360 + 400)), "{in_all}");
    // The same by decoded rows: x and y in 48 pages.
    let condition = format!("{all} AND (x >= -1000 OR y >= -1000)");
    let (expected, decoded) = ask_counting(&names, &stats, &hours.replace(all, &condition));
    assert_eq!((by_hour, decoded), (expected, 96));
    assert_eq!(in_all, ask(&names, &total.replace(all, &condition)));
    // A row that is written again costs the page of its hour and field.
    let names = Stored(counting_engine(stats.clone()));
    write(&names.0, lines(0, 3_600, 10, 12 * 360, 3, 1));
    names.0.flush().unwrap();
    write(&names.0, "m,host=h0 x=1i 7210000000000\n".to_owned());
    let (by_hour, decoded) = ask_counting(&names, &stats, &hours);
    assert_eq!(decoded, 1);
    assert_eq!(by_hour, ask(&names, &hours.replace(all, &condition)));
}
