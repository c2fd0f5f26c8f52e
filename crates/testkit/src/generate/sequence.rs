//! SELECT of functions over sequences of points, and SELECT from a SELECT. What InfluxDB leaves open, or gets wrong, is left
//! out; each place says which and why.

use super::schema::{ALL, Kind, NUMBERS, Schema};
use super::statement::name;
use crate::Random;

/// A statement, and whether its floats depend on the order of addition.
pub(super) fn sequence(schema: &Schema, random: &mut Random) -> (String, bool) {
    let by_time = random.once_in(2) || !schema.unique_times;
    (if by_time { buckets(schema, random) } else { points(schema, random) }, true)
}

fn field(schema: &Schema, random: &mut Random, kinds: &[Kind]) -> String {
    schema.field(random, kinds).map_or_else(|| "nosuch".to_owned(), |field| name(&field.name))
}

pub(super) fn measurement(schema: &Schema, random: &mut Random) -> String {
    name(random.pick(&schema.measurements))
}

/// Two bounds of time, so that there is a first bucket: without a lower bound InfluxDB has no rows for most functions.
pub(super) fn bounds(schema: &Schema, random: &mut Random) -> String {
    let span = schema.end() - schema.start;
    let from = schema.start.saturating_add(random.between(-span / 4, span / 2));
    let to = schema.end().saturating_add(random.between(-span / 4, span / 4));
    format!("time >= {from} AND time < {to}")
}

fn order(random: &mut Random) -> &'static str {
    if random.once_in(3) { " ORDER BY time DESC" } else { "" }
}

/// A function over the points of an argument.
pub(super) fn around(schema: &Schema, random: &mut Random, argument: &str) -> String {
    // Changes of numbers at the edges may be infinite, of which no answer can be made there.
    if !schema.edges && random.once_in(4) {
        return technical(random, argument);
    }
    match random.below(8) {
        0..3 if schema.edges => format!("difference({argument})"),
        0 => format!("derivative({argument})"),
        1 => format!("derivative({argument}, {}ns)", schema.step * 3),
        2 => format!("non_negative_derivative({argument}, {}ns)", schema.step),
        3 => format!("non_negative_difference({argument})"),
        4 => format!("cumulative_sum({argument})"),
        5 => format!("moving_average({argument}, {})", random.pick(&["2", "3", "4", "1 + 1", "(5 - 2)", "2 * 2"])),
        6 => format!("elapsed({argument}, {}ns{})", schema.step, random.pick(&["", "", " * 2", " + 1ns"])),
        _ => format!("difference({argument})"),
    }
}

/// A function of a period over an argument.
fn technical(random: &mut Random, argument: &str) -> String {
    let functions = [
        "exponential_moving_average",
        "double_exponential_moving_average",
        "triple_exponential_moving_average",
        "relative_strength_index",
        "triple_exponential_derivative",
        "kaufmans_efficiency_ratio",
        "kaufmans_adaptive_moving_average",
        "chande_momentum_oscillator",
    ];
    let function = *random.pick(&functions);
    // Of one point InfluxDB's oscillator is an error of its insides.
    let period = random.between(2, 6);
    let warm = match random.below(4) {
        0 => format!(", {}", random.between(0, 6)),
        1 => ", -1".to_owned(),
        _ => String::new(),
    };
    let kinds: &[&str] = match function {
        _ if warm.is_empty() || function.starts_with("kaufmans") => &[],
        "chande_momentum_oscillator" => &["none", "exponential", "simple"],
        _ => &["exponential", "simple"],
    };
    let kind =
        if kinds.is_empty() || random.once_in(2) { String::new() } else { format!(", '{}'", random.pick(kinds)) };
    format!("{function}({argument}, {period}{warm}{kind})")
}

/// Functions over raw points.
fn points(schema: &Schema, random: &mut Random) -> String {
    let one = |random: &mut Random| match random.below(10) {
        0 => "elapsed(*, 1ns)".to_owned(),
        1 if !schema.edges => "cumulative_sum(*)".to_owned(),
        2 => format!("elapsed({})", field(schema, random, ALL)),
        _ => {
            let argument = field(schema, random, NUMBERS);
            around(schema, random, &argument)
        }
    };
    let columns: Vec<String> = (0..=random.below(2)).map(|_| one(random)).collect();
    let lone = columns.len() == 1 && !columns[0].contains('*');
    let mut out = format!("SELECT {} FROM {}", columns.join(", "), measurement(schema, random));
    if random.once_in(2) {
        out += &format!(" WHERE {}", bounds(schema, random));
    }
    out += &tags(schema, random).map_or_else(String::new, |tags| format!(" GROUP BY {tags}"));
    out += order(random);
    // Of several functions each one's rows are counted alone.
    if lone && random.once_in(3) {
        out += &format!(" LIMIT {}", random.between(1, 5));
    }
    out
}

pub(super) fn tags(schema: &Schema, random: &mut Random) -> Option<String> {
    match random.below(4) {
        0 => Some("*".to_owned()),
        1 if !schema.tags.is_empty() => Some(name(&random.pick(&schema.tags).0)),
        _ => None,
    }
}

/// An aggregate of numbers.
fn aggregate(schema: &Schema, random: &mut Random) -> String {
    let mut functions = vec!["count", "min", "max", "median", "spread"];
    if !schema.edges {
        functions.extend(["sum", "mean"]);
    }
    if schema.unique_times {
        functions.extend(["first", "last"]);
    }
    format!("{}({})", random.pick(&functions), field(schema, random, NUMBERS))
}

/// Functions over the buckets of aggregates.
fn buckets(schema: &Schema, random: &mut Random) -> String {
    let one = |random: &mut Random| {
        let call = aggregate(schema, random);
        match random.below(8) {
            0 => call,
            1 => {
                // Otherwise InfluxDB does not read all buckets before the first one that they need.
                let inner = around(schema, random, &call);
                format!("moving_average({inner}, {})", random.between(2, 4))
            }
            _ => around(schema, random, &call),
        }
    };
    let columns: Vec<String> = (0..=random.below(2)).map(|_| one(random)).collect();
    let mut dimensions = vec![format!("time({}ns)", schema.step * random.pick(&[1, 2, 5, 7, 30]))];
    dimensions.extend(tags(schema, random));
    let mut out = format!(
        "SELECT {} FROM {} WHERE {} GROUP BY {}",
        columns.join(", "),
        measurement(schema, random),
        bounds(schema, random),
        dimensions.join(", ")
    );
    let mut fills = vec!["", "", " fill(none)", " fill(previous)", " fill(0)"];
    // A line up to the greatest integer ends at the least one.
    if !schema.edges && !schema.has_unsigned() {
        fills.push(" fill(linear)");
    }
    out += *random.pick(&fills);
    out + order(random)
}

/// A SELECT from a SELECT.
pub(super) fn nested(schema: &Schema, random: &mut Random) -> String {
    let tag = (!schema.tags.is_empty() && random.once_in(2)).then(|| name(&random.pick(&schema.tags).0));
    let raw = random.once_in(2);
    let mut changes = false;
    let width = (!raw && random.once_in(2)).then(|| schema.step * *random.pick(&[1, 2, 5]));
    let mut inner = match raw {
        true => {
            let (x, y) = (field(schema, random, NUMBERS), field(schema, random, ALL));
            format!("SELECT {x} AS x, {y} AS y FROM {}", measurement(schema, random))
        }
        false => {
            let call = aggregate(schema, random);
            changes = width.is_some() && random.once_in(4);
            let column = if changes { around(schema, random, &call) } else { call };
            format!("SELECT {column} AS x FROM {}", measurement(schema, random))
        }
    };
    let within = bounds(schema, random);
    if width.is_some() || random.once_in(3) {
        inner += &format!(" WHERE {within}");
    }
    let mut dimensions = Vec::new();
    if let Some(width) = width {
        dimensions.push(format!("time({width}ns)"));
    }
    dimensions.extend(tag.clone());
    if !dimensions.is_empty() {
        inner += &format!(" GROUP BY {}", dimensions.join(", "));
    }
    outer(schema, random, &inner, tag, (raw, width), changes)
}

/// The SELECT around one, which reads raw points or buckets of a width (ns), or how these change.
fn outer(
    schema: &Schema,
    random: &mut Random,
    inner: &str,
    tag: Option<String>,
    (raw, width): (bool, Option<i64>),
    changes: bool,
) -> String {
    // Of rows with equal times of several groups the order is open.
    if raw && schema.unique_times && random.once_in(3) {
        let columns = if tag.is_some() { "*" } else { *random.pick(&["x", "y, x", "x, nosuch", "*"]) };
        return format!("SELECT {columns} FROM ({inner}){}", order(random));
    }
    if width.is_some() && tag.is_none() && random.once_in(3) {
        let call = if random.once_in(2) { "x".to_owned() } else { around(schema, random, "x") };
        let within = bounds(schema, random);
        return format!("SELECT {call} FROM ({inner}) WHERE {within}{}", order(random));
    }
    let mut functions = vec!["count", "min", "max", "median", "spread", "count(distinct"];
    // Of changes that make up for each other nothing but rounding may be left.
    if !changes {
        functions.extend(["sum", "mean"]);
    }
    if schema.unique_times && raw {
        functions.extend(["first", "last", "stddev"]);
    }
    let function = *random.pick(&functions);
    let end = if function.contains('(') { "))" } else { ")" };
    let by_time = random.once_in(2);
    let mut call = format!("{function}(x{end}");
    if by_time && random.once_in(4) {
        call = around(schema, random, &call);
    }
    let mut out = format!("SELECT {call} FROM ({inner})");
    let mut conditions = Vec::new();
    // `count(distinct())` is lost where the range ends before 1970.
    let early = function.contains('(') && schema.start < 0;
    // Without buckets InfluxDB loses all rows where the first inner bucket begins before the outer range.
    if by_time || (random.once_in(2) && !early && width.is_none()) {
        conditions.push(bounds(schema, random));
    }
    if random.once_in(3) {
        conditions.push(format!("x {} {}", random.pick(&["<", ">=", "!="]), random.between(-5, 50)));
    }
    if !conditions.is_empty() {
        out += &format!(" WHERE {}", conditions.join(" AND "));
    }
    let mut dimensions = Vec::new();
    if by_time {
        // An inner bucket that begins before the outer ones has a row of its own in InfluxDB.
        let width = match width {
            Some(width) => width * *random.pick(&[1, 3, 6]),
            None => schema.step * *random.pick(&[5, 7, 30]),
        };
        dimensions.push(format!("time({width}ns)"));
    }
    dimensions.extend(tag.filter(|_| random.once_in(2)));
    if !dimensions.is_empty() {
        out += &format!(" GROUP BY {}", dimensions.join(", "));
    }
    out + order(random)
}
