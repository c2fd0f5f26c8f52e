//! Raw rows of many series, of which most are passed over: the answers are those of a model, whatever the times at which series begin, with
//! ties, several shards, runs and segments, deletes, missing fields, and little memory.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use storage::{Deletion, TagCondition};

/// Series of the model; their tags sort as their numbers do.
const SERIES: u16 = 60;

/// What happens to engine and model.
#[derive(Clone, Debug)]
enum Change {
    /// Rows of some series from one on: time of the first, steps from series to series and from row to row, rows a series, fields, a seed.
    Write {
        first: u16,
        series: u16,
        start: i64,
        skew: i64,
        step: i64,
        rows: i64,
        fields: u8,
        seed: i64,
    },
    Flush,
    Merge,
    Delete {
        series: Option<u16>,
        start: i64,
        len: i64,
    },
}

/// Rows by time and series, each with its fields a and b.
type Model = BTreeMap<(i64, u16), [Option<i64>; 2]>;

fn change() -> impl Strategy<Value = Change> {
    let steps = (prop_oneof![Just(0i64), Just(1), 1i64..70], prop_oneof![Just(0i64), Just(10), 1i64..900]);
    let which = (0..SERIES, 1..SERIES, 1u8..4, 0i64..50);
    let write = (which, 0i64..3_000, steps, prop_oneof![4 => 1i64..4, 1 => 70i64..100]);
    let write = write.prop_map(|((first, series, fields, seed), start, (skew, step), rows)| Change::Write {
        first,
        series,
        start,
        skew,
        step,
        rows,
        fields,
        seed,
    });
    let delete = (proptest::option::of(0..SERIES), 0i64..4_000, 1i64..1_500);
    let delete = delete.prop_map(|(series, start, len)| Change::Delete { series, start, len });
    prop_oneof![6 => write, 3 => Just(Change::Flush), 1 => Just(Change::Merge), 1 => delete]
}

fn apply(engine: &Engine, model: &mut Model, change: &Change) {
    match *change {
        Change::Write { first, series, start, skew, step, rows, fields, seed } => {
            let mut lines = String::new();
            for (at, series) in (first..SERIES.min(first + series)).enumerate() {
                for row in 0..rows {
                    let (time, value) = (start + at as i64 * skew + row * step, (seed + row * 7 + at as i64 * 3) % 50);
                    let new = [0, 1].map(|field| (fields & 1 << field != 0).then_some(value + field * 100));
                    let named =
                        ["a", "b"].iter().zip(new).filter_map(|(name, value)| Some(format!("{name}={}i", value?)));
                    let named: Vec<_> = named.collect();
                    lines += &format!("m,h={series:02},p=p{} {} {time}\n", series % 3, named.join(","));
                    let known = model.entry((time, series)).or_default();
                    new.iter().zip(known).for_each(|(new, known)| *known = new.or(*known));
                }
            }
            write(engine, lines);
        }
        Change::Flush => engine.flush().unwrap(),
        Change::Merge => drop(engine.merge_step().unwrap()),
        Change::Delete { series, start, len } => {
            let equal =
                |series: u16| TagCondition::Equal(b"h".as_slice().into(), format!("{series:02}").as_bytes().into());
            let condition = series.map_or(TagCondition::True, equal);
            let range = TimeRange::new(start, start + len);
            let deletion = Deletion { measurements: None, condition, range };
            engine.delete(&[1, 2], vec![deletion], Box::new(|done| done.unwrap())).unwrap();
            engine.commit_step().unwrap();
            model.retain(|(time, one), _| !range.contains(*time) || series.is_some_and(|series| series != *one));
        }
    }
}

/// A query, and which rows of the model it is for: a row's time, series and fields give what it shows.
#[derive(Clone, Debug)]
struct Ask {
    from: i64,
    to: i64,
    filter: u8,
    columns: u8,
    ascending: bool,
    limit: usize,
    offset: usize,
    /// By which tag rows are grouped, if by any: each series, or every third one together.
    grouped: Option<&'static str>,
}

fn ask_strategy() -> impl Strategy<Value = Ask> {
    let bounds = (prop_oneof![Just(-1i64), 0i64..4_000], prop_oneof![Just(100_000i64), 0i64..6_000]);
    let limits =
        (prop_oneof![1usize..30, Just(1), Just(1_000), Just(0)], prop_oneof![3 => Just(0usize), 1 => 1usize..200]);
    let grouped = prop_oneof![2 => Just(None), 1 => Just(Some("h")), 1 => Just(Some("p"))];
    let shape = (0u8..6, 0u8..4, any::<bool>(), grouped);
    (bounds, shape, limits).prop_map(|((from, to), (filter, columns, ascending, grouped), (limit, offset))| Ask {
        from,
        to,
        filter,
        columns,
        ascending,
        limit,
        offset,
        grouped,
    })
}

impl Ask {
    fn text(&self) -> String {
        let filters = ["", " AND b > 120", " AND a < 40", " AND (a > 30 OR p = 'p1')", " AND p = 'p2'", " AND p != a"];
        let columns = ["a", "a, h", "*", "b"];
        let order = if self.ascending { "ASC" } else { "DESC" };
        let (limit, offset) = match (self.limit, self.offset) {
            (0, _) => (String::new(), String::new()),
            (limit, 0) => (format!(" LIMIT {limit}"), String::new()),
            (limit, offset) => (format!(" LIMIT {limit}"), format!(" OFFSET {offset}")),
        };
        format!(
            "SELECT {} FROM m WHERE time > {} AND time <= {}{}{} ORDER BY time {order}{limit}{offset}",
            columns[self.columns as usize],
            self.from,
            self.to,
            filters[self.filter as usize],
            self.grouped.map_or(String::new(), |tag| format!(" GROUP BY {tag}"))
        )
    }

    fn answer(&self, model: &Model) -> String {
        let mut groups: Vec<String> = match self.grouped {
            None => return self.rows(model.iter(), ""),
            Some("h") => {
                let of = |series: u16| model.iter().filter(move |((_, one), _)| *one == series);
                (0..SERIES).map(|series| self.rows(of(series), &format!("{series:02}"))).collect()
            }
            Some(_) => {
                let of = |part: u16| model.iter().filter(move |((_, one), _)| *one % 3 == part);
                (0..3).map(|part| self.rows(of(part), &format!("p{part}"))).collect()
            }
        };
        if !self.ascending {
            groups.reverse();
        }
        groups.concat()
    }

    fn rows<'a>(
        &self,
        model: impl DoubleEndedIterator<Item = (&'a (i64, u16), &'a [Option<i64>; 2])>,
        group: &str,
    ) -> String {
        let passes = |series: u16, [a, b]: [Option<i64>; 2]| match self.filter {
            1 => b.is_some_and(|b| b > 120),
            2 => a.is_some_and(|a| a < 40),
            3 => a.is_some_and(|a| a > 30) || series % 3 == 1,
            4 => series % 3 == 2,
            // A text and a number do not compare.
            5 => false,
            _ => true,
        };
        let shows = |[a, b]: [Option<i64>; 2]| match self.columns {
            0 | 1 => a.is_some(),
            2 => a.is_some() || b.is_some(),
            _ => b.is_some(),
        };
        let number = |value: Option<i64>| value.map_or("None".to_owned(), |value| value.to_string());
        let text = |text: String| format!("{:?}", Some(model::Value::String(text.as_bytes())));
        let host = |series: u16| text(format!("{series:02}"));
        let row = |(&(time, series), &[a, b]): (&(i64, u16), &[Option<i64>; 2])| {
            let shown = match self.columns {
                0 => number(a),
                1 => format!("{} {}", number(a), host(series)),
                2 if self.grouped == Some("h") => {
                    format!("{} {} {}", number(a), number(b), text(format!("p{}", series % 3)))
                }
                2 if self.grouped.is_some() => format!("{} {} {}", number(a), number(b), host(series)),
                2 => format!("{} {} {} {}", number(a), number(b), host(series), text(format!("p{}", series % 3))),
                _ => number(b),
            };
            format!(" {time} {shown};")
        };
        let within = model.filter(|((time, series), fields)| {
            self.from < *time && *time <= self.to && passes(*series, **fields) && shows(**fields)
        });
        let limit = if self.limit == 0 { usize::MAX } else { self.limit };
        let offset = if self.limit == 0 { 0 } else { self.offset };
        let rows: String = match self.ascending {
            true => within.skip(offset).take(limit).map(row).collect(),
            false => within.rev().skip(offset).take(limit).map(row).collect(),
        };
        if rows.is_empty() { rows } else { format!("[{group}]{rows}") }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn answers_are_those_of_a_model(
        changes in proptest::collection::vec(change(), 1..14),
        asks in proptest::collection::vec(ask_strategy(), 12),
    ) {
        let names = Stored(engine());
        let mut model = Model::new();
        // All fields are known from the start.
        apply(&names.0, &mut model, &Change::Write { first: 0, series: 1, start: 0, skew: 0, step: 0, rows: 1, fields: 3, seed: 1 });
        for change in &changes {
            apply(&names.0, &mut model, change);
        }
        for _ in 0..2 {
            for one in &asks {
                // What deletes leave no row of is no column of `*`.
                let has = |field: usize| model.values().any(|row| row[field].is_some());
                if one.columns != 2 || (has(0) && has(1)) {
                    prop_assert_eq!(ask(&names, &one.text()), one.answer(&model), "{}", one.text());
                }
            }
            names.0.flush().unwrap();
        }
    }
}

/// More series than cuts are kept of, in little memory, so that the walk has many passes, with and without ties.
#[test]
fn all_rows_of_many_series_come_in_order() {
    const MANY: u32 = 18_000;
    let names = Stored(engine());
    let mut model: Vec<(i64, u32)> = Vec::new();
    for part in 0..4u32 {
        let mut lines = String::new();
        for series in (0..MANY).filter(|series| series % 4 != part) {
            let time = match part {
                0 => 1_000,
                1 => i64::from(series.wrapping_mul(2_654_435_761) % 5_000),
                2 => 1_000 + i64::from(series % 7) * 300,
                _ => -i64::from(series % 2) * 1_000_000_000,
            };
            lines += &format!("m,h=h{series:05} v={series}i {time}\n");
            model.push((time, series));
        }
        write(&names.0, lines);
        if part != 2 {
            names.0.flush().unwrap();
        }
    }
    model.sort_unstable();
    model.dedup();
    let row = |(time, series): &(i64, u32)| format!(" {time} {series};");
    let forwards: String = model.iter().map(row).collect();
    let backwards: String = model.iter().rev().map(row).collect();
    for memory in [3 << 20, 64 << 20] {
        let asked = |query: &str| within(&names, query, memory);
        assert!(asked("SELECT v FROM m") == format!("[]{forwards}"), "{memory}");
        assert!(asked("SELECT v FROM m ORDER BY time DESC") == format!("[]{backwards}"), "{memory}");
        let from = model.len() / 2;
        let some: String = model[from..from + 5].iter().map(row).collect();
        assert_eq!(asked(&format!("SELECT v FROM m LIMIT 5 OFFSET {from}")), format!("[]{some}"));
    }
}

/// The last rows of long series are kept as columns; what is written, overwritten or deleted later counts all the same.
#[test]
fn last_rows_are_right_after_any_change() {
    let names = Stored(engine());
    let mut model = Model::new();
    let write = |first, series, start, rows, fields, seed| Change::Write {
        first,
        series,
        start,
        skew: 0,
        step: 10,
        rows,
        fields,
        seed,
    };
    let asks: Vec<Ask> = (0..4)
        .flat_map(|columns| {
            let ask = move |(from, to)| Ask {
                from,
                to,
                filter: 0,
                columns,
                ascending: false,
                limit: 1,
                offset: 0,
                grouped: Some("h"),
            };
            [(-1, 100_000), (-1, 2_500), (2_500, 100_000)].map(ask)
        })
        .collect();
    let changes = [
        write(0, SERIES, 1_500, 300, 3, 1),
        Change::Flush,
        // Out of order, late, at the last time of others, with one field only, and beyond.
        write(0, 10, 1_000, 80, 3, 2),
        write(10, 10, 1_500, 300, 1, 3),
        write(20, 10, 4_490, 1, 2, 4),
        write(30, 5, 4_495, 1, 2, 5),
        Change::Flush,
        write(30, 10, 4_500, 90, 2, 6),
        Change::Delete { series: Some(40), start: 4_000, len: 10_000 },
        Change::Flush,
        Change::Merge,
        Change::Delete { series: None, start: 4_480, len: 20 },
        write(41, 3, 4_490, 1, 1, 7),
        Change::Flush,
        Change::Merge,
    ];
    for change in &changes {
        apply(&names.0, &mut model, change);
        for one in &asks {
            // The second time out of the cache.
            for _ in 0..2 {
                assert_eq!(ask(&names, &one.text()), one.answer(&model), "{change:?}: {}", one.text());
            }
        }
    }
}

#[test]
fn rows_of_a_subquery_at_one_time_are_all_there() {
    let names = Stored(engine());
    let lines = |host: u32| (0..4).map(move |value| format!("m,h=h{host:05} v={}i {value}\n", value * 7 % 4));
    write(&names.0, (0..17_000).flat_map(lines).collect());
    let inner = "(SELECT distinct(v) AS d FROM m WHERE time >= 0 AND time < 1000 GROUP BY time(1000ns), h)";
    for order in ["", " ORDER BY time DESC"] {
        let all = ask(&names, &format!("SELECT d FROM {inner}{order}"));
        assert_eq!(all.matches(';').count(), 4 * 17_000, "{order}");
        let some = ask(&names, &format!("SELECT d FROM {inner}{order} LIMIT 7 OFFSET 2"));
        let wanted: Vec<&str> = all.trim_start_matches("[]").split_inclusive(';').skip(2).take(7).collect();
        assert_eq!(some, format!("[]{}", wanted.concat()), "{order}");
    }
}

/// Series of a group that lie far apart among those of others, each with rows of its own at the first times and late ones.
#[test]
fn groups_that_lie_apart_have_their_own_rows() {
    const GROUPS: usize = 20;
    let names = Stored(engine());
    let line = |series: usize, row: usize| {
        let time = row * 100 + (series * 7 % 50);
        format!("m,h={series:03},g=g{:02} v={}i {time}\n", series % GROUPS, series + 1_000 * row)
    };
    for (rows, all) in [(0..3, 3), (3..5, 5)] {
        write(&names.0, rows.flat_map(|row| (0..600).map(move |series| line(series, row))).collect());
        for (order, limit, offset) in [("ASC", 3, 0), ("ASC", 40, 7), ("DESC", 3, 0), ("DESC", 40, 7)] {
            let query = format!("SELECT v FROM m GROUP BY g ORDER BY time {order} LIMIT {limit} OFFSET {offset}");
            let mut groups: Vec<String> = Vec::new();
            for group in 0..GROUPS {
                let own = (0..all).flat_map(|row| (group..600).step_by(GROUPS).map(move |series| (row, series)));
                let mut rows: Vec<(usize, usize, usize)> =
                    own.map(|(row, series)| (row * 100 + (series * 7 % 50), series, series + 1_000 * row)).collect();
                rows.sort_unstable();
                if order == "DESC" {
                    rows.reverse();
                }
                let shown = rows.iter().skip(offset).take(limit).map(|(time, _, value)| format!(" {time} {value};"));
                groups.push(format!("[g{group:02}]{}", shown.collect::<String>()));
            }
            if order == "DESC" {
                groups.reverse();
            }
            assert_eq!(ask(&names, &query), groups.concat(), "{query}");
        }
        names.0.flush().unwrap();
    }
}
