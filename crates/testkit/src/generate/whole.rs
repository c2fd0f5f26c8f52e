//! SELECT of functions that look at all points of a bucket in their own way: areas, samples, forecasts, sketches. What InfluxDB
//! leaves open, or gets wrong, is left out; each place says which and why.

use super::schema::{ALL, Kind, NUMBERS, Schema};
use super::sequence::{bounds, measurement, tags};
use super::statement::name;
use crate::Random;

/// A statement, and whether its floats depend on the order of addition.
pub(super) fn whole(schema: &Schema, random: &mut Random) -> (String, bool) {
    match random.below(6) {
        // Areas of several points at one time depend on their order; those of numbers at the edges are infinite.
        0 | 1 if schema.unique_times && !schema.edges => (integral(schema, random), true),
        // What a sample keeps is chance, unless it keeps all; their order at one time is open.
        2 if schema.unique_times => (sample(schema, random), false),
        3 | 4 if !schema.edges => (forecast(schema, random), true),
        _ => (sketch(schema, random), false),
    }
}

/// Without tags: InfluxDB gives areas of several groups in any order.
fn integral(schema: &Schema, random: &mut Random) -> String {
    // Areas of integers by buckets are made of the values before their edges.
    let by_time = random.once_in(2);
    let kinds: &[Kind] = if by_time { &[Kind::Float] } else { NUMBERS };
    let mut one = || {
        let field = schema.field(random, kinds).map_or_else(|| "nosuch".to_owned(), |field| name(&field.name));
        match random.below(3) {
            0 => format!("integral({field}, {}ns)", schema.step * random.between(1, 4)),
            1 => format!("integral({field}) / 2"),
            _ => format!("integral({field})"),
        }
    };
    let mut columns = one();
    if !by_time && random.once_in(3) {
        let field = schema.field(random, NUMBERS).map_or_else(|| "nosuch".to_owned(), |field| name(&field.name));
        columns += &format!(", {}({field})", random.pick(&["count", "max", "spread", "integral"]));
    }
    let mut out = format!("SELECT {columns} FROM {} WHERE {}", measurement(schema, random), bounds(schema, random));
    if by_time {
        out += &format!(" GROUP BY time({}ns)", schema.step * random.pick(&[1, 2, 5, 7, 30]));
        out += *random.pick(&["", " fill(none)", " fill(previous)", " fill(0)"]);
    }
    out
}

fn sample(schema: &Schema, random: &mut Random) -> String {
    let field = schema.field(random, ALL).map_or_else(|| "nosuch".to_owned(), |field| name(&field.name));
    let beside = match random.below(4) {
        0 => format!(", {}", name(&random.pick(&schema.fields).name)),
        1 if !schema.tags.is_empty() => format!(", {}", name(&random.pick(&schema.tags).0)),
        _ => String::new(),
    };
    let mut out = format!("SELECT sample({field}, 1000){beside} FROM {}", measurement(schema, random));
    out += &format!(" WHERE {}", bounds(schema, random));
    let mut dimensions = Vec::new();
    if random.once_in(3) {
        dimensions.push(format!("time({}ns)", schema.step * random.pick(&[1, 5, 30])));
    }
    dimensions.extend(tags(schema, random));
    if !dimensions.is_empty() {
        out += &format!(" GROUP BY {}", dimensions.join(", "));
    }
    out
}

/// Without tags: InfluxDB gives forecasts of several groups out of order.
fn forecast(schema: &Schema, random: &mut Random) -> String {
    let field = schema.field(random, NUMBERS).map_or_else(|| "nosuch".to_owned(), |field| name(&field.name));
    let functions: &[&str] = if schema.exact { &["count", "min", "max", "sum"] } else { &["count", "min", "max"] };
    let call = format!("{}({field})", random.pick(functions));
    format!(
        "SELECT {}({call}, {}, {}) FROM {} WHERE {} GROUP BY time({}ns)",
        random.pick(&["holt_winters", "holt_winters_with_fit"]),
        random.between(1, 5),
        random.between(0, 4),
        measurement(schema, random),
        bounds(schema, random),
        schema.step * random.pick(&[1, 2, 5, 7]),
    )
}

fn sketch(schema: &Schema, random: &mut Random) -> String {
    let field = schema.field(random, ALL).map_or_else(|| "nosuch".to_owned(), |field| name(&field.name));
    let call = if random.once_in(3) { format!("sum_hll({field})") } else { format!("count_hll(sum_hll({field}))") };
    let mut out = format!("SELECT {call} FROM {} WHERE {}", measurement(schema, random), bounds(schema, random));
    let mut dimensions = Vec::new();
    if random.once_in(3) {
        dimensions.push(format!("time({}ns)", schema.step * random.pick(&[5, 7, 30])));
    }
    dimensions.extend(tags(schema, random));
    if !dimensions.is_empty() {
        out += &format!(" GROUP BY {}", dimensions.join(", "));
    }
    out
}
