//! Aggregates over many series of few rows, which are read page by page and not series by series: against a model, wherever
//! rows lie.

use super::*;
use platform::{Random, SeededRandom};
use std::collections::BTreeMap;

/// Enough for them to be swept.
const SERIES: u64 = 1_500;

/// Group, time and field to value, for each series.
type Model = BTreeMap<(u64, i64), BTreeMap<&'static str, i64>>;

fn group(series: u64) -> u64 {
    series % 7
}

/// Writes rows of all series, most at the next times, some late, some over others.
fn fill(names: &Stored, random: &SeededRandom, model: &mut Model, round: i64) {
    let mut lines = String::new();
    for series in 0..SERIES {
        let time = match random.below(20) {
            0 => random.below(4_000) as i64,
            1 => continue,
            _ => round * 700 + (series % 3) as i64,
        };
        let fields: &[&str] = match random.below(10) {
            0 => &["y"],
            1 | 2 => &["x", "y"],
            _ => &["x"],
        };
        let mut texts = Vec::new();
        for field in fields {
            let value = random.below(1_000) as i64 - 500;
            model.entry((series, time)).or_default().insert(if *field == "x" { "x" } else { "y" }, value);
            texts.push(format!("{field}={value}i"));
        }
        lines += &format!("m,g={},s={series:05} {} {time}\n", group(series), texts.join(","));
    }
    // And a few long ones.
    for series in 0..5 {
        for step in 0..40 {
            let (time, value) = (round * 700 + 10 + step, random.below(1_000) as i64);
            model.entry((series, time)).or_default().insert("x", value);
            lines += &format!("m,g={},s={series:05} x={value}i {time}\n", group(series));
        }
    }
    write(&names.0, lines);
}

fn shown(values: &[i64], what: &str) -> String {
    let sum: i64 = values.iter().sum();
    let (min, max) = (values.iter().min(), values.iter().max());
    match (what, min, max) {
        ("count", ..) => values.len().to_string(),
        ("sum", ..) => sum.to_string(),
        ("mean", ..) => (sum as f64 / values.len() as f64).to_string(),
        ("min", Some(min), _) => min.to_string(),
        ("max", _, Some(max)) => max.to_string(),
        ("spread", Some(min), Some(max)) => (max - min).to_string(),
        _ => panic!("{what}"),
    }
}

const CALLS: [&str; 6] = ["count", "sum", "mean", "min", "max", "spread"];

/// What the model says to each function of both fields, by groups (all, or by `g`), in buckets of a width from a range.
fn wanted(model: &Model, by_group: bool, width: i64, range: std::ops::Range<i64>) -> String {
    let mut cells: BTreeMap<(u64, i64), BTreeMap<&str, Vec<i64>>> = BTreeMap::new();
    for (&(series, time), row) in model.iter().filter(|((_, time), _)| range.contains(time)) {
        let bucket = if width > 0 { time.div_euclid(width) * width } else { range.start };
        let cell = cells.entry((if by_group { group(series) } else { 0 }, bucket)).or_default();
        row.iter().for_each(|(field, value)| cell.entry(field).or_default().push(*value));
    }
    let mut text = String::new();
    let mut last = None;
    for ((group, bucket), fields) in cells {
        if last != Some(group) {
            text += &if by_group { format!("[{group}]") } else { "[]".to_owned() };
            last = Some(group);
        }
        text += &format!(" {bucket}");
        for field in ["x", "y"] {
            let values = fields.get(field);
            CALLS.iter().for_each(|call| {
                text += &values.map_or_else(|| " None".to_owned(), |values| format!(" {}", shown(values, call)));
            });
        }
        text.push(';');
    }
    text
}

#[test]
fn many_series_add_up_to_what_the_model_says() {
    let calls: Vec<String> =
        ["x", "y"].iter().flat_map(|field| CALLS.iter().map(move |call| format!("{call}({field})"))).collect();
    let calls = calls.join(", ");
    for seed in 0..3 {
        let random = SeededRandom::new(seed);
        let names = Stored(engine());
        let mut model = Model::new();
        for round in 0..6 {
            fill(&names, &random, &mut model, round);
            // In memory, in segments, and in both.
            if random.below(2) == 0 {
                names.0.flush().unwrap();
            }
            for (by_group, width) in [(false, 0), (true, 0), (false, 500), (true, 333)] {
                let from = random.below(1_500) as i64;
                let range = from..from + 200 + random.below(3_000) as i64;
                let group = if by_group { ", g" } else { "" };
                let buckets = match (width, by_group) {
                    (0, false) => String::new(),
                    (0, true) => "GROUP BY g".to_owned(),
                    _ => format!("GROUP BY time({width}ns){group} fill(none)"),
                };
                let query =
                    format!("SELECT {calls} FROM m WHERE time >= {} AND time < {} {buckets}", range.start, range.end);
                assert_eq!(ask(&names, &query), wanted(&model, by_group, width, range), "{seed} {round} {query}");
            }
        }
    }
}

/// What the model says to functions that need every value, or the first or last one, of `x`.
fn kept(points: &mut [(i64, i64)]) -> String {
    // At one time the greater value is first, and last.
    points.sort_unstable();
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    let at = |time: i64| points.iter().filter(|point| point.0 == time).map(|point| point.1).max().unwrap();
    let (first, last) = (at(first), at(last));
    let mut values: Vec<i64> = points.iter().map(|point| point.1).collect();
    values.sort_unstable();
    let middle = values.len() / 2;
    let median = match values.len() % 2 {
        0 => (values[middle - 1] + values[middle]) as f64 / 2.0,
        _ => values[middle] as f64,
    };
    values.dedup();
    format!(" {median} {} {first} {last}", values.len())
}

#[test]
fn series_on_several_threads_come_to_what_the_model_says() {
    let random = SeededRandom::new(11);
    let names = Stored(engine());
    let mut model = Model::new();
    for round in 0..4 {
        fill(&names, &random, &mut model, round);
        if round % 2 == 0 {
            names.0.flush().unwrap();
        }
    }
    // All together, few groups of many series, and many groups.
    for by in ["", "g", "s"] {
        let mut groups: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
        for (&(series, time), row) in &model {
            let key = match by {
                "" => String::new(),
                "g" => group(series).to_string(),
                _ => format!("{series:05}"),
            };
            groups.entry(key).or_default().extend(row.get("x").map(|value| (time, *value)));
        }
        groups.retain(|_, points| !points.is_empty());
        let wanted: String = groups.iter_mut().map(|(key, points)| format!("[{key}] 0{};", kept(points))).collect();
        let group_by = if by.is_empty() { String::new() } else { format!("GROUP BY {by}") };
        let query =
            format!("SELECT median(x), count(distinct(x)), first(x), last(x) FROM m WHERE time >= 0 {group_by}");
        for _ in 0..3 {
            assert!(ask(&names, &query) == wanted, "{query}");
        }
    }
}
