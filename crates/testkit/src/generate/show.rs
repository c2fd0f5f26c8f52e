//! SHOW statements over data.

use super::schema::Schema;
use super::statement::{name, quoted, source};
use crate::Random;

/// One of them.
pub(super) fn show(schema: &Schema, random: &mut Random) -> String {
    let on = if random.once_in(6) { " ON d" } else { "" };
    let from = if random.once_in(2) { format!(" FROM {}", source(schema, random)) } else { String::new() };
    let condition = match condition(schema, random) {
        text if text.is_empty() => text,
        text => format!(" WHERE {text}"),
    };
    let limit = match random.below(5) {
        0 => format!(" LIMIT {}", random.between(1, 4)),
        1 => format!(" LIMIT {} OFFSET {}", random.between(1, 4), random.between(0, 3)),
        2 => format!(" OFFSET {}", random.between(0, 3)),
        _ => String::new(),
    };
    if random.once_in(4) {
        return cardinality(schema, random, &format!("{on}{from}"), &condition);
    }
    match random.below(9) {
        0 => format!("SHOW MEASUREMENTS{on}{condition}{limit}"),
        1 => format!("SHOW MEASUREMENTS{on} WITH MEASUREMENT {}{condition}{limit}", with_measurement(schema, random)),
        2 => format!("SHOW SERIES{on}{from}{condition}{limit}"),
        // The policy of FROM is heeded here, which InfluxDB does not.
        3 if !schema.policy || from.is_empty() => {
            format!("SHOW TAG KEYS{on}{from}{condition}{limit}")
        }
        4 => format!("SHOW TAG VALUES{on}{from} WITH KEY {}{condition}{limit}", with_key(schema, random)),
        5 => format!("SHOW FIELD KEYS{on}{from}{limit}"),
        6 => (*random.pick(&["SHOW RETENTION POLICIES ON d", "SHOW RETENTION POLICIES", "SHOW CONTINUOUS QUERIES"]))
            .to_owned(),
        7 => format!("SHOW SERIES{on}{from}{limit}"),
        _ => format!("SHOW TAG VALUES{on}{from} WITH KEY {}{limit}", with_key(schema, random)),
    }
}

/// A count of names or series. What InfluxDB estimates is left out: it is some per cent off where there are many.
fn cardinality(schema: &Schema, random: &mut Random, of: &str, condition: &str) -> String {
    match random.below(6) {
        0 => format!("SHOW SERIES EXACT CARDINALITY{of}{condition}"),
        1 => format!("SHOW MEASUREMENT EXACT CARDINALITY{of}{condition}"),
        2 => format!("SHOW TAG KEY CARDINALITY{of}{condition}"),
        3 => format!("SHOW TAG VALUES CARDINALITY{of} WITH KEY = {}{condition}", key(schema, random)),
        4 => format!("SHOW FIELD KEY CARDINALITY{of}"),
        _ => format!("SHOW TAG VALUES EXACT CARDINALITY{of} WITH KEY IN ({}){condition}", key(schema, random)),
    }
}

fn key(schema: &Schema, random: &mut Random) -> String {
    if schema.tags.is_empty() { "nosuch".to_owned() } else { name(&random.pick(&schema.tags).0) }
}

fn with_measurement(schema: &Schema, random: &mut Random) -> String {
    let measurement = random.pick::<String>(&schema.measurements);
    let texts = ["=~ /./".to_owned(), "=~ /^[a-m]/".to_owned(), format!("= {}", name(measurement))];
    texts[random.below(texts.len())].clone()
}

fn with_key(schema: &Schema, random: &mut Random) -> String {
    let key = |random: &mut Random| key(schema, random);
    match random.below(7) {
        0 => "=~ /[a-h]/".to_owned(),
        1 => "!~ /[a-h]/".to_owned(),
        2 => format!("!= {}", key(random)),
        3 => format!("IN ({}, {})", key(random), key(random)),
        4 => format!("IN ({}, nosuch)", key(random)),
        _ => format!("= {}", key(random)),
    }
}

/// A condition over tags that are no fields.
fn condition(schema: &Schema, random: &mut Random) -> String {
    let tags: Vec<_> = schema.tags.iter().filter(|(key, _)| !schema.is_field(key)).collect();
    if tags.is_empty() || random.once_in(2) {
        return String::new();
    }
    let term = |random: &mut Random| {
        let (key, values) = random.pick(&tags);
        let (key, value) = (name(key), quoted(random.pick::<String>(values)));
        match random.below(7) {
            0 => format!("{key} =~ /[a-c]/"),
            1 => format!("{key} !~ /[a-c]/"),
            2 => format!("{key} != {value}"),
            3 => format!("{key} = ''"),
            4 => format!("{key} != ''"),
            _ => format!("{key} = {value}"),
        }
    };
    let first = term(random);
    match random.below(5) {
        0 => format!("{first} OR {}", term(random)),
        1 => format!("{first} AND {}", term(random)),
        2 => format!("({first} OR {}) AND {}", term(random), term(random)),
        _ => first,
    }
}
