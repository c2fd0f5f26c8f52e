//! WHERE: bounds of time, and terms over tags and fields.

use super::schema::{Field, Kind, NUMBERS, SECOND, Schema};
use super::statement::{name, quoted};
use crate::Random;

/// A condition, empty if there is none, and its lower bound of time (ns). For buckets there always is an upper one: without it
/// they would reach until today.
pub(super) fn condition(schema: &Schema, random: &mut Random, by_time: bool) -> (String, Option<i64>) {
    let mut parts = Vec::new();
    let mut lower = None;
    if by_time || random.once_in(2) {
        let span = schema.end() - schema.start;
        let from = schema.start.saturating_add(random.between(-span / 4, span / 2)).max(i64::MIN + 1);
        // Up to the greatest integer InfluxDB has no rows of functions.
        let to = schema.end().saturating_sub(random.between(-span / 4, span / 3)).min(i64::MAX - 1);
        if !random.once_in(if by_time { 6 } else { 3 }) {
            lower = Some(from);
            let operator = random.pick(&[">", ">="]);
            parts.push(bound(random, operator, from));
        }
        if by_time || !random.once_in(3) {
            let operator = random.pick(&["<", "<="]);
            parts.push(bound(random, operator, to));
        }
    }
    // Of a field that is read as two types in one condition InfluxDB heeds one of them.
    if random.once_in(25) {
        parts.push(cast(schema, random));
        return (parts.join(" AND "), lower);
    }
    for _ in 0..random.below(3) {
        let first = predicate(schema, random);
        parts.push(match random.below(5) {
            0 => format!("({first} OR {})", predicate(schema, random)),
            1 => format!("({first} AND {})", predicate(schema, random)),
            2 => {
                let (second, third) = (predicate(schema, random), predicate(schema, random));
                format!("(({first} AND {second}) OR {third})")
            }
            _ => first,
        });
    }
    (parts.join(" AND "), lower)
}

/// A field as another type.
fn cast(schema: &Schema, random: &mut Random) -> String {
    let field = random.pick(&schema.fields);
    let operator = random.pick(&["=", "!=", "<", "<=", ">", ">="]);
    let kind = random.pick(&["float", "integer", "string", "boolean"]);
    // What a float beyond all integers becomes is up to the processor.
    let kind = if schema.edges { "string" } else { kind };
    format!("{}::{kind} {operator} {}", name(&field.name), random.between(-50, 500))
}

/// One of the ways to write a bound of time.
fn bound(random: &mut Random, operator: &str, time: i64) -> String {
    match random.below(8) {
        0 => format!("time {operator} '1970-01-01T00:00:00Z' + {time}ns"),
        1 if time % SECOND == 0 => format!("time {operator} {}s", time / SECOND),
        2 => {
            let mirrored = operator.replace('<', "?").replace('>', "<").replace('?', ">");
            format!("{time} {mirrored} time")
        }
        3 => format!("time {operator} '1970-01-02' - 1d + {time}ns"),
        4 if time % 1_000_000 == 0 => format!("\"time\" {operator} {}ms", time / 1_000_000),
        _ => format!("time {operator} {time}"),
    }
}

fn predicate(schema: &Schema, random: &mut Random) -> String {
    if random.once_in(30) {
        return (*random.pick(&[
            "true",
            "false",
            "nosuch = ''",
            "nosuch != ''",
            "nosuch > 1",
            "1 = 1",
            "nosuch =~ /x*/",
        ]))
        .to_owned();
    }
    if !schema.tags.is_empty() && random.once_in(2) {
        return tag(schema, random);
    }
    let field = random.pick(&schema.fields);
    match field.kind {
        Kind::Float | Kind::Integer | Kind::Unsigned => number(schema, field, random),
        Kind::Text => text(field, random),
        Kind::Boolean => {
            format!("{} {} {}", name(&field.name), random.pick(&["=", "!="]), random.pick(&["true", "false"]))
        }
    }
}

/// A term over a tag. Orders of tags, and tags beside tags, are left out: what InfluxDB says depends on its index.
fn tag(schema: &Schema, random: &mut Random) -> String {
    let (key, values) = random.pick(&schema.tags);
    let cast = if random.once_in(6) { "::tag" } else { "" };
    let key = format!("{}{cast}", name(key));
    let value = random.pick::<String>(values);
    match random.below(10) {
        0 => format!("{key} =~ /[a-c]/"),
        1 => format!("{key} !~ /^a/"),
        2 => format!("{key} != {}", quoted(value)),
        3 => format!("{key} = ''"),
        4 => format!("{key} != ''"),
        5 => format!(
            "{key} {} {}",
            random.pick(&["=~", "!~"]),
            random.pick(&["/^$/", "/.*/", "/^(a|b)$/", "/(?i)A/", "/ü|温/", "/\\d/"])
        ),
        6 => format!("{} = {key}", quoted(value)),
        _ => format!("{key} = {}", quoted(value)),
    }
}

fn number(schema: &Schema, field: &Field, random: &mut Random) -> String {
    let operator = random.pick(&["=", "!=", "<", "<=", ">", ">="]);
    let other = schema.field(random, NUMBERS).map_or_else(|| "0".to_owned(), |field| name(&field.name));
    let number = random.between(-50, 500);
    // Where no row has the field, a tag of its name would be meant: that is no number, and depends on the index.
    let is_tag = schema.gaps > 0 && schema.tags.iter().any(|(key, _)| *key == field.name);
    let kind = field.kind;
    let field = if is_tag { format!("{}::field", name(&field.name)) } else { name(&field.name) };
    let any = random.pick(&schema.fields);
    // The least integer equals the greatest unsigned one but a bit.
    let least = if kind == Kind::Unsigned { "0.5" } else { "-9223372036854775808" };
    match random.below(20) {
        0 => format!("{number} {operator} {field}"),
        7 if schema.gaps == 0 && !schema.edges => format!("{field} {operator} {}", name(&any.name)),
        8 => format!("({field} {} {number}) {operator} {other}", random.pick(&["&", "|", "^"])),
        9 => format!("{field}::field {operator} {number}"),
        10 => {
            let function = random.pick(&["abs", "floor", "ceil", "round", "sqrt", "sin", "exp", "ln"]);
            format!("{function}({field}) {operator} {number}")
        }
        11 => format!("-{field} {operator} {number}"),
        12 => format!("{field} {} true", random.pick(&["=", "!="])),
        13 => format!("{field} + {other} {operator} {field} * 2"),
        // Names of fields that no row has are tags, and these beside each other depend on the index; an integer below zero
        // equals an unsigned one.
        1 if schema.gaps == 0 && !schema.edges => format!("{field} {operator} {other}"),
        2 => format!("{field} {} 2 {operator} {other}", random.pick(&["+", "-", "*", "/", "%"])),
        3 => format!("{field} {operator} -{}.25", random.below(60)),
        4 => format!("{field} {} 'on'", random.pick(&["=", "!="])),
        5 => format!("{field} =~ /1/"),
        6 if schema.edges => format!(
            "{field} {operator} {}",
            random.pick(&["9223372036854775807", "9007199254740993", least, "0", "1", "0.000001"])
        ),
        _ => format!("{field} {operator} {number}{}", random.pick(&["", "", ".5", ".0"])),
    }
}

fn text(field: &Field, random: &mut Random) -> String {
    let field = name(&field.name);
    let values = ["on", "", "two words", "q\"uote", "back\\slash", "two\nlines", "ünï", "it's", "1"];
    match random.below(8) {
        0 => format!("{field} =~ /o/"),
        1 => format!("{field} !~ /^o|ü/"),
        2 => format!("{field} != 'on'"),
        3 => format!("{field} {} 1", random.pick(&["=", "!=", "<"])),
        4 => format!("{} = {field}", quoted(random.pick(&values))),
        _ => format!("{field} = {}", quoted(random.pick(&values))),
    }
}
