//! Lines for a schema: dense or with gaps, out of order, points written again in the same request and in later ones.

use super::schema::{Kind, SECOND, Schema};
use crate::Random;
use crate::script::{Step, StepKind};

/// A point without its fields: measurement with tags, and time (ns).
type Head = (String, i64);

/// The writes of a data set, one to three requests and sometimes one that writes points again.
pub(super) fn writes(schema: &Schema, random: &mut Random) -> Vec<Step> {
    let lines = heads(schema, random);
    let requests = 1 + random.below(3);
    let size = lines.len().div_ceil(requests).max(1);
    let mut again: Vec<Head> = lines.iter().filter(|_| random.once_in(10)).cloned().collect();
    again.truncate(20);
    let mut steps = Vec::new();
    if schema.policy {
        // Shards of an hour are many where rows are far apart.
        let far = schema.step > 100 * SECOND;
        let shortest = if far { " SHARD DURATION 1w" } else { " SHARD DURATION 1h" };
        let shards = *random.pick(&["", " SHARD DURATION 1d", shortest]);
        let text = format!("CREATE RETENTION POLICY other ON d DURATION 0s REPLICATION 1{shards}");
        steps.push(Step::new(StepKind::Query, "", text));
    }
    for part in lines.chunks(size) {
        let parameters = if schema.policy && random.once_in(2) { "rp=other" } else { "" };
        steps.push(step(part, parameters, schema, random));
    }
    if !again.is_empty() && random.once_in(2) {
        steps.push(step(&again, "", schema, random));
    }
    steps
}

fn heads(schema: &Schema, random: &mut Random) -> Vec<Head> {
    let mut lines = Vec::new();
    for measurement in &schema.measurements {
        for row in 0..schema.rows {
            let time = schema.start + schema.step * i64::try_from(row).unwrap_or(0);
            let series = if schema.unique_times { 1 } else { 1 + random.below(3) };
            for _ in 0..series {
                let head = head(measurement, schema, random);
                lines.push((head.clone(), time));
                if random.once_in(15) {
                    lines.push((head, time)); // again, with other values
                }
            }
        }
    }
    if random.once_in(3) {
        for at in (1..lines.len()).rev() {
            lines.swap(at, random.below(at + 1));
        }
    }
    lines
}

fn step(lines: &[Head], parameters: &str, schema: &Schema, random: &mut Random) -> Step {
    let text: Vec<String> = lines
        .iter()
        .map(|(head, time)| {
            // A name that is a tag too means that where no row has the field, which not all statements are made for.
            let gaps = if *time == schema.start && schema.shares_names() { 0 } else { schema.gaps };
            format!("{head} {} {time}", fields(schema, gaps, *time, random))
        })
        .collect();
    Step::new(StepKind::Write, parameters, text.join("\n"))
}

fn escape(text: &str, also: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if letter == ',' || letter == ' ' || also.contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

fn head(measurement: &str, schema: &Schema, random: &mut Random) -> String {
    let mut out = escape(measurement, "");
    for (key, values) in &schema.tags {
        if !random.once_in(6) {
            out += &format!(",{}={}", escape(key, "="), escape(random.pick::<String>(values), "="));
        }
    }
    out
}

fn fields(schema: &Schema, gaps: usize, time: i64, random: &mut Random) -> String {
    let mut out = Vec::new();
    for (at, field) in schema.fields.iter().enumerate() {
        let last_chance = out.is_empty() && at + 1 == schema.fields.len();
        if last_chance || gaps == 0 || !random.once_in(gaps) {
            let kind = Schema::kind_at(field, time);
            out.push(format!("{}={}", escape(&field.name, "="), value(kind, schema, random)));
        }
    }
    out.join(",")
}

#[allow(clippy::cast_precision_loss)] // small numbers
fn value(kind: Kind, schema: &Schema, random: &mut Random) -> String {
    match kind {
        Kind::Float if schema.edges && random.once_in(3) => {
            let edges = ["0", "-0", "5e-324", "1e300", "-1e300", "1e21", "123456789012345680", "0.000001", "1e-7"];
            (*random.pick(&edges)).to_owned()
        }
        Kind::Integer if schema.edges && random.once_in(3) => {
            let edges = [i64::MIN, i64::MAX, i64::MAX - 1, 0, -1, (1 << 53) + 1, 1 << 53, -(1 << 53) - 1];
            format!("{}i", random.pick(&edges))
        }
        Kind::Float if schema.exact => format!("{}", random.between(-400, 400) as f64 / 4.0),
        Kind::Float => match random.below(10) {
            // Sums of greater ones beside small ones depend on the order of addition by more than is allowed for.
            0 => format!("{}e{}", random.between(-9, 9), random.between(-9, if schema.edges { 12 } else { 4 })),
            1 => random.between(-5, 5).to_string(),
            _ => format!("{}", random.between(-100_000, 100_000) as f64 / 1_000.0),
        },
        Kind::Integer => format!("{}i", random.between(-20, 1_000)),
        Kind::Unsigned if schema.edges && random.once_in(3) => {
            format!("{}u", random.pick(&[u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1, (1 << 53) + 1, 0]))
        }
        Kind::Unsigned => format!("{}u", random.between(0, 1_000)),
        Kind::Text => {
            let texts = [
                "",
                "on",
                "off",
                "two words",
                "q\\\"uote",
                "ünï",
                "back\\\\slash",
                "a,b=c",
                "zeta",
                "1",
                "true",
                "<a&b>",
                "tab\t",
                "two\nlines",
                "\u{2028}",
                "🙂",
                "O",
                "it's",
            ];
            format!("\"{}\"", random.pick(&texts))
        }
        Kind::Boolean => (*random.pick(&["t", "false"])).to_owned(),
    }
}
