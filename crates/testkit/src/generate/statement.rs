//! Statements for a schema: all that the server executes, in all combinations that make sense and some that do not.

use super::schema::{Kind, Schema};
use crate::Random;
use crate::script::{Step, StepKind};

const ALL: &[Kind] = &[Kind::Float, Kind::Integer, Kind::Text, Kind::Boolean];
const NUMBERS: &[Kind] = &[Kind::Float, Kind::Integer];

/// A statement with what it needs to know while it is put together.
struct Select<'a> {
    schema: &'a Schema,
    aggregates: bool,
    descending: bool,
    sums: bool,
    means: bool,
    /// The lower bound of time, if it was given (ns).
    lower: Option<i64>,
    /// Width and offset of the buckets (ns).
    buckets: (i64, i64),
}

/// One query; the `turn` makes the mix even.
pub(super) fn step(schema: &Schema, random: &mut Random, turn: usize) -> Step {
    if turn % 8 == 7 {
        return Step::new(StepKind::Query, "", show(schema, random));
    }
    let mut select = Select {
        schema,
        aggregates: !turn.is_multiple_of(3),
        descending: random.once_in(3),
        sums: false,
        means: false,
        lower: None,
        buckets: (0, 0),
    };
    let text = select.text(random);
    let mut parameters = Vec::new();
    match random.below(8) {
        0 => parameters.push("epoch=ns".to_owned()),
        1 => parameters.push("epoch=s".to_owned()),
        2 => parameters.push("epoch=ms&chunked=true&chunk_size=7".to_owned()),
        _ => {}
    }
    // InfluxDB adds up means of parts, so even exact sums do not make them exact.
    if select.means || (select.sums && !schema.exact) {
        parameters.push("TOLERANCE=1e-9".to_owned());
    }
    Step::new(StepKind::Query, &parameters.join("&"), text)
}

fn name(text: impl AsRef<str>) -> String {
    format!("\"{}\"", text.as_ref().replace('\\', "\\\\").replace('"', "\\\""))
}

fn quoted(text: impl AsRef<str>) -> String {
    format!("'{}'", text.as_ref().replace('\\', "\\\\").replace('\'', "\\'"))
}

fn source(schema: &Schema, random: &mut Random) -> String {
    let first = &schema.measurements[random.below(schema.measurements.len())];
    match random.below(12) {
        0 => "/./".to_owned(),
        1 => "/^[a-m]/".to_owned(),
        2 if schema.measurements.len() > 1 => schema.measurements.iter().map(name).collect::<Vec<_>>().join(", "),
        3 => format!("d..{}", name(first)),
        4 => format!("autogen.{}", name(first)),
        5 if random.once_in(4) => "nosuch".to_owned(),
        _ => name(first),
    }
}

impl Select<'_> {
    fn text(&mut self, random: &mut Random) -> String {
        let by_time = self.aggregates && random.once_in(2);
        let by_tags = self.grouping(random);
        let columns = if self.aggregates { self.calls(random, by_time) } else { self.raw(random) };
        let mut out = format!("SELECT {columns} FROM {}", source(self.schema, random));
        let narrow = by_tags.is_empty() || (by_tags.len() == 1 && by_tags[0].starts_with('"'));
        let conditions = self.conditions(random, by_time);
        if !conditions.is_empty() {
            out += &format!(" WHERE {conditions}");
        }
        let mut dimensions = by_tags;
        if by_time {
            dimensions.insert(random.below(dimensions.len() + 1), self.interval(random));
        }
        if !dimensions.is_empty() {
            out += &format!(" GROUP BY {}", dimensions.join(", "));
        }
        if by_time && random.once_in(2) {
            out += &format!(" {}", self.fill(random));
        }
        if self.descending && (self.aggregates || self.schema.unique_times) {
            out += " ORDER BY time DESC";
        }
        let fill_none = out.contains("fill(none)");
        out + &self.limits(random, narrow && conditions.is_empty(), fill_none)
    }

    fn fill(&self, random: &mut Random) -> &'static str {
        let mut fills = vec!["fill(none)", "fill(null)", "fill(previous)"];
        // Before 1970 InfluxDB makes two buckets with an offset one.
        let (width, offset) = self.buckets;
        if offset % width == 0 || self.lower.unwrap_or(self.schema.start) >= width {
            fills.push("fill(linear)");
        }
        // A number in the column of a group without any text is a number in InfluxDB, else an empty text.
        if self.schema.fields.iter().all(|(_, kind)| NUMBERS.contains(kind)) {
            fills.extend(["fill(0)", "fill(-3)"]);
        }
        fills[random.below(fills.len())]
    }

    fn limits(&self, random: &mut Random, unconditional: bool, fill_none: bool) -> String {
        let mut out = String::new();
        for (word, odds, most) in [("LIMIT", 4, 10), ("OFFSET", 3, 5), ("SLIMIT", 10, 3), ("SOFFSET", 14, 2)] {
            // Without LIMIT, OFFSET of rows makes InfluxDB lose rows.
            // SLIMIT it applies to each shard alone, and to series before their rows are looked at.
            let allowed = match word {
                // With fill(none) it counts the rows of each call alone.
                "LIMIT" => !fill_none,
                "OFFSET" => (self.aggregates && !fill_none) || out.contains("LIMIT"),
                "SLIMIT" | "SOFFSET" => unconditional && self.schema.one_shard(),
                _ => true,
            };
            if allowed && random.once_in(odds) {
                out += &format!(" {word} {}", random.between(i64::from(word == "LIMIT"), most));
            }
        }
        out
    }

    fn grouping(&self, random: &mut Random) -> Vec<String> {
        let tags = &self.schema.tags;
        if !self.aggregates && !self.schema.unique_times {
            return vec!["*".to_owned()]; // else rows of several series meet at one time, in no order
        }
        match random.below(8) {
            0 => vec!["*".to_owned()],
            1 => vec!["/[a-h]/".to_owned()],
            2 => vec!["nosuch".to_owned()],
            3 | 4 if !tags.is_empty() => vec![name(&random.pick(tags).0)],
            5 if tags.len() > 1 => tags.iter().rev().map(|(key, _)| name(key)).collect(),
            _ => Vec::new(),
        }
    }

    fn raw(&self, random: &mut Random) -> String {
        match random.below(8) {
            0 | 1 => return "*".to_owned(),
            2 => return "/[a-m]/".to_owned(),
            3 => return "*::field".to_owned(),
            _ => {}
        }
        let mut columns: Vec<String> =
            (0..=random.below(3)).map(|_| name(&random.pick(&self.schema.fields).0)).collect();
        if !self.schema.tags.is_empty() && random.once_in(3) {
            columns.push(name(&random.pick(&self.schema.tags).0));
        }
        if random.once_in(6) {
            columns.push("nosuch".to_owned());
        }
        if random.once_in(6) {
            columns[0] += " AS \"al ias\"";
        }
        columns.join(", ")
    }

    fn call(&mut self, random: &mut Random) -> String {
        let functions: &[(&str, &[Kind])] = if self.schema.unique_times {
            &[
                ("count", ALL),
                ("sum", NUMBERS),
                ("mean", NUMBERS),
                ("min", NUMBERS),
                ("max", NUMBERS),
                ("spread", NUMBERS),
                ("first", ALL),
                ("last", ALL),
            ]
        } else {
            &[("count", ALL), ("sum", NUMBERS), ("mean", NUMBERS), ("spread", NUMBERS)]
        };
        let (function, kinds) = *random.pick(functions);
        self.sums |= function == "sum";
        self.means |= function == "mean";
        let field = self.schema.field(random, kinds).map_or_else(|| "nosuch".to_owned(), |(field, _)| name(&field));
        match random.below(14) {
            0 => format!("{function}(*)"),
            1 => format!("{function}(nosuch)"),
            2 => format!("{function}(/[a-m]/)"),
            _ => format!("{function}({field})"),
        }
    }

    fn calls(&mut self, random: &mut Random, by_time: bool) -> String {
        if self.schema.unique_times && random.once_in(6) {
            let function = random.pick(&["first", "last", "min", "max"]);
            if let Some((field, _)) = self.schema.field(random, NUMBERS) {
                let beside = self.schema.field(random, NUMBERS).map_or_else(String::new, |(beside, _)| name(&beside));
                return format!("{function}({}), {beside}", name(&field));
            }
        }
        let count = if random.once_in(2) { 1 } else { 1 + random.below(3) };
        let mut calls: Vec<String> = (0..count).map(|_| self.call(random)).collect();
        if by_time && random.once_in(8) {
            calls[0] += " AS renamed";
        }
        calls.join(", ")
    }

    fn interval(&mut self, random: &mut Random) -> String {
        let width = self.schema.step * *random.pick(&[1, 2, 5, 7, 30]);
        let offset = if random.once_in(5) { random.between(-3, 3) * self.schema.step + 1 } else { 0 };
        self.buckets = (width, offset);
        if offset == 0 { format!("time({width}ns)") } else { format!("time({width}ns, {offset}ns)") }
    }

    fn conditions(&mut self, random: &mut Random, by_time: bool) -> String {
        let mut parts = Vec::new();
        if by_time || random.once_in(2) {
            let span = self.schema.end() - self.schema.start;
            let from = self.schema.start + random.between(-span / 4, span / 2);
            let to = self.schema.end() - random.between(-span / 4, span / 3);
            let low = if random.once_in(2) { ">" } else { ">=" };
            let high = if random.once_in(2) { "<" } else { "<=" };
            if by_time || !random.once_in(3) {
                self.lower = Some(from);
                parts.push(format!("time {low} {from}"));
            }
            if by_time || !random.once_in(3) {
                parts.push(format!("time {high} {to}"));
            }
        }
        for _ in 0..random.below(3) {
            let first = self.predicate(random);
            parts.push(match random.below(4) {
                0 => format!("({first} OR {})", self.predicate(random)),
                1 => format!("({first} AND {})", self.predicate(random)),
                _ => first,
            });
        }
        parts.join(" AND ")
    }

    fn predicate(&self, random: &mut Random) -> String {
        if !self.schema.tags.is_empty() && random.once_in(2) {
            let (key, values) = random.pick(&self.schema.tags);
            let key = name(key);
            return match random.below(5) {
                0 => format!("{key} =~ /[a-c]/"),
                1 => format!("{key} !~ /^a/"),
                2 => format!("{key} != {}", quoted(random.pick(values))),
                3 => format!("{key} = ''"),
                _ => format!("{key} = {}", quoted(random.pick(values))),
            };
        }
        let (field, kind) = random.pick(&self.schema.fields);
        let field = name(field);
        match kind {
            Kind::Float | Kind::Integer => {
                let operator = random.pick(&["=", "!=", "<", "<=", ">", ">="]);
                let number = random.between(-50, 500);
                let part = random.pick(&["", "", ".5"]);
                format!("{field} {operator} {number}{part}")
            }
            Kind::Text => match random.below(3) {
                0 => format!("{field} =~ /o/"),
                1 => format!("{field} != 'on'"),
                _ => format!("{field} = {}", quoted(random.pick(&["on", "", "two words", "q\"uote"]))),
            },
            Kind::Boolean => format!("{field} {} {}", random.pick(&["=", "!="]), random.pick(&["true", "false"])),
        }
    }
}

fn show(schema: &Schema, random: &mut Random) -> String {
    let from = if random.once_in(2) { format!(" FROM {}", source(schema, random)) } else { String::new() };
    let key = schema.tags.first().map_or_else(|| "nosuch".to_owned(), |(key, _)| name(key));
    let value = schema.tags.first().map_or_else(String::new, |(_, values)| random.pick(values).clone());
    let condition = match random.below(4) {
        0 => format!(" WHERE {key} = {}", quoted(&value)),
        1 => format!(" WHERE {key} =~ /[a-c]/"),
        _ => String::new(),
    };
    let limit = match random.below(4) {
        0 => format!(" LIMIT {}", random.between(1, 4)),
        1 => format!(" LIMIT {} OFFSET {}", random.between(1, 4), random.between(0, 3)),
        _ => String::new(),
    };
    match random.below(6) {
        0 => format!("SHOW MEASUREMENTS{condition}{limit}"),
        1 => format!("SHOW SERIES{from}{condition}{limit}"),
        2 => format!("SHOW TAG KEYS{from}{condition}{limit}"),
        3 => format!("SHOW TAG VALUES{from} WITH KEY = {key}{condition}{limit}"),
        4 => format!("SHOW TAG VALUES{from} WITH KEY =~ /[a-h]/{limit}"),
        _ => format!("SHOW FIELD KEYS{from}{limit}"),
    }
}
