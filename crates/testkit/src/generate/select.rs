//! SELECT: its columns and clauses. What InfluxDB leaves open, or gets wrong, is left out; each place says which and why.

use super::condition::condition;
use super::expression::expression;
use super::schema::{ALL, Kind, NUMBERS, Schema};
use super::statement::{name, source};
use crate::Random;

/// A statement with what it needs to know while it is put together.
pub(super) struct Select<'a> {
    schema: &'a Schema,
    aggregates: bool,
    descending: bool,
    sums: bool,
    means: bool,
    /// Calls whose rows InfluxDB counts apart.
    calls: usize,
    /// A tag, or a cast to text or truth, is among the columns, or may be.
    texts: bool,
    /// `top` or `bottom` is called.
    ranked: bool,
    /// The lower bound of time, if it was given (ns).
    lower: Option<i64>,
    /// Width and offset of the buckets (ns).
    buckets: (i64, i64),
    by_time: bool,
    by_tags: bool,
}

impl<'a> Select<'a> {
    pub(super) fn new(schema: &'a Schema, aggregates: bool, random: &mut Random) -> Self {
        Self {
            schema,
            aggregates,
            descending: random.once_in(3),
            sums: false,
            means: false,
            calls: 0,
            texts: false,
            ranked: false,
            lower: None,
            buckets: (0, 0),
            by_time: false,
            by_tags: false,
        }
    }

    /// Whether its floats depend on the order of addition.
    pub(super) fn is_inexact(&self) -> bool {
        self.means || (self.sums && !self.schema.exact)
    }

    pub(super) fn text(&mut self, random: &mut Random) -> String {
        let by_time = self.aggregates && !self.schema.at_the_ends() && random.once_in(2);
        let by_tags = self.grouping(random);
        (self.by_time, self.by_tags) = (by_time, !by_tags.is_empty());
        let columns = if self.aggregates { self.calls(random, by_time) } else { self.raw(random) };
        let mut out = format!("SELECT {columns} FROM {}", source(self.schema, random));
        let narrow = by_tags.is_empty() || (by_tags.len() == 1 && by_tags[0].starts_with('"'));
        let (conditions, lower) = condition(self.schema, random, by_time);
        self.lower = lower;
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
        let filled = random.once_in(if self.aggregates { 2 } else { 5 });
        if filled && (by_time || !self.aggregates) {
            out += &format!(" {}", self.fill(random));
        }
        if self.descending {
            out += *random.pick(&[" ORDER BY time DESC", " ORDER BY DESC"]);
        } else if random.once_in(12) {
            out += *random.pick(&[" ORDER BY time", " ORDER BY time ASC"]);
        }
        let fill_none = out.contains("fill(none)");
        out += &self.limits(random, narrow && conditions.is_empty(), fill_none);
        // Times in texts are those of the zone's clocks: hours would be added to a range of nanoseconds.
        if conditions.contains("'1970-") { out } else { out + &self.zone(random, by_time) }
    }

    /// A zone by whose clocks buckets begin and times are printed. Buckets over changes of clocks InfluxDB loses rows of, so that they
    /// have zones whose clocks are never moved; in early times all were, and offsets before 1970 make two buckets one.
    fn zone(&self, random: &mut Random, by_time: bool) -> String {
        let is_late = self.schema.start > 0 && self.schema.end() < 4_000_000_000_000_000_000;
        if !is_late || !random.once_in(12) {
            return String::new();
        }
        let mut zones = vec!["UTC", "Asia/Kolkata", "Asia/Tokyo", "Etc/GMT+11", "Pacific/Kiritimati"];
        if !by_time {
            zones.extend(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Nowhere/None"]);
        }
        format!(" tz('{}')", random.pick(&zones))
    }

    fn fill(&self, random: &mut Random) -> &'static str {
        let mut fills = vec!["fill(null)", "fill(previous)"];
        if self.aggregates {
            fills.push("fill(none)");
            // Before 1970 InfluxDB makes two buckets with an offset one.
            let (width, offset) = self.buckets;
            let early = offset % width != 0 && self.lower.unwrap_or(self.schema.start) < width;
            // A line up to the greatest integer ends at the least one.
            // One of unsigned numbers that falls is lost.
            let floats = self.schema.all_fields(&[Kind::Float]);
            let steep = (self.schema.edges && !floats) || self.schema.has_unsigned();
            if !early && !steep {
                fills.push("fill(linear)");
            }
        }
        // A number in the column of a group without any text is a number in InfluxDB, else an empty text.
        if self.schema.all_fields(NUMBERS) && !self.texts {
            fills.extend(["fill(0)", "fill(-3)", "fill(2.5)"]);
        }
        fills[random.below(fills.len())]
    }

    fn limits(&self, random: &mut Random, unconditional: bool, fill_none: bool) -> String {
        let mut out = String::new();
        for (word, odds, most) in [("LIMIT", 4, 10), ("OFFSET", 3, 5), ("SLIMIT", 10, 3), ("SOFFSET", 14, 2)] {
            // Without LIMIT, OFFSET of rows makes InfluxDB lose rows.
            // SLIMIT it applies to each shard alone, and to series before their rows are looked at.
            let allowed = match word {
                // With fill(none), and where each call begins in a bucket of its own, it counts the rows of each call alone.
                "LIMIT" => !fill_none && !self.ranked && (self.calls < 2 || self.lower.is_some()),
                "OFFSET" => {
                    (self.aggregates && !self.ranked && !fill_none && (self.calls < 2 || self.lower.is_some()))
                        || out.contains("LIMIT")
                }
                "SLIMIT" | "SOFFSET" => unconditional && self.schema.one_shard() && !self.schema.policy,
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

    fn raw(&mut self, random: &mut Random) -> String {
        let columns = ["*", "*", "/[a-m]/", "*::field", "*::tag, *::field", "*, time AS t"];
        if random.once_in(2) {
            self.texts = true;
            return (*random.pick(&columns)).to_owned();
        }
        let mut columns: Vec<String> = (0..=random.below(3)).map(|_| self.raw_column(random)).collect();
        if !self.schema.tags.is_empty() && random.once_in(3) {
            self.texts = true;
            let tag = name(&random.pick(&self.schema.tags).0);
            columns.push(if random.once_in(4) { format!("{tag}::tag") } else { tag });
        }
        if random.once_in(6) {
            columns.push("nosuch".to_owned());
        }
        if random.once_in(6) {
            columns[0] += " AS \"al ias\"";
        }
        columns.join(", ")
    }

    fn raw_column(&mut self, random: &mut Random) -> String {
        let field = name(&random.pick(&self.schema.fields).name);
        match random.below(8) {
            0 => format!("{field}{}", self.cast(random)),
            1 | 2 => self.arithmetic(random, field),
            3 => {
                // They may be texts, and values at the edges may become what the processor makes of them.
                self.texts = true;
                let depth = 1 + random.below(3);
                let text = expression(random, depth, &mut |random| super::expression::field(self.schema, random));
                if self.schema.edges { field } else { text }
            }
            _ => field,
        }
    }

    fn cast(&mut self, random: &mut Random) -> &'static str {
        let casts = ["::field", "::float", "::string", "::boolean", "::integer"];
        // A float too great for an integer becomes what the processor makes of it.
        let cast = casts[random.below(if self.schema.edges { 4 } else { 5 })];
        self.texts |= cast == "::string" || cast == "::boolean";
        cast
    }

    /// Arithmetic over fields, now and then of types that do not fit.
    fn arithmetic(&self, random: &mut Random, any: String) -> String {
        let number = |random: &mut Random| self.schema.field(random, NUMBERS).map(|field| name(&field.name));
        let (Some(left), Some(right)) = (number(random), number(random)) else { return any };
        if self.schema.edges {
            // Nothing that could become infinite.
            let operator = random.pick(&["+", "-", "%"]);
            return format!("{left} {operator} {}", random.pick(&["1", "0.5", "3", "0", "-7"]));
        }
        let operator = random.pick(&["+", "-", "*", "/", "%"]);
        match random.below(9) {
            0 => format!("{left} {operator} {right}"),
            1 => format!("{left} {operator} {}", random.pick(&["2", "0", "1.5", "-1", "10"])),
            2 => format!("{} {operator} {left}", random.pick(&["2", "0", "1.5", "100"])),
            3 => format!("({left} + 1) {operator} ({right} - 2)"),
            4 => format!("-{left}"),
            5 => format!("{left} {} {right}", random.pick(&["&", "|", "^"])),
            6 => format!("{any} {operator} {left}"),
            7 => format!("{left}::float {operator} {right}::integer"),
            _ => format!("{left} + {right} {operator} 2"),
        }
    }

    fn call(&mut self, random: &mut Random) -> String {
        let mut functions: Vec<(&str, &[Kind])> =
            vec![("count", ALL), ("min", NUMBERS), ("max", NUMBERS), ("spread", NUMBERS)];
        if !self.schema.edges {
            functions.extend([("sum", NUMBERS), ("mean", NUMBERS), ("mean", NUMBERS)]);
        } else if self.schema.all_fields(&[Kind::Integer]) {
            functions.push(("sum", NUMBERS));
        }
        // Of several series' points at one time it is open which one is first.
        if self.schema.unique_times {
            functions.extend([("first", ALL), ("last", ALL)]);
        }
        functions.push(("median", NUMBERS));
        // Without buckets InfluxDB loses it where the range ends before 1970.
        if self.by_time || self.schema.start >= 0 {
            functions.push(("count(distinct", ALL));
        }
        // Deviations of numbers at the edges are lost in rounding.
        if !self.schema.edges {
            functions.push(("stddev", NUMBERS));
        }
        // Of equal values it is open which one's time is shown.
        if self.by_time {
            functions.push(("percentile", NUMBERS));
        }
        // Its ties are open too where there are more points than are sorted by insertion.
        if self.schema.unique_times && self.schema.rows <= 12 {
            functions.push(("mode", ALL));
        }
        let (function, kinds) = *random.pick(&functions);
        self.calls += 1;
        self.sums |= function == "sum";
        // Of both zeros it is open which one is in the middle.
        self.means |= matches!(function, "mean" | "stddev" | "median" | "percentile");
        let field = self.schema.field(random, kinds).map_or_else(|| "nosuch".to_owned(), |field| name(&field.name));
        let end = match function {
            // Where the rank of a percentile lies below the first value InfluxDB leaves out all rows that follow.
            "percentile" => format!(", {})", random.pick(&["50", "75", "90", "99.9", "100", "100.5"])),
            "count(distinct" => "))".to_owned(),
            _ => ")".to_owned(),
        };
        let wild = function != "count(distinct";
        match random.below(16) {
            0 if wild => {
                self.calls += 1;
                format!("{function}(*{end}")
            }
            1 => format!("{function}(nosuch{end}"),
            2 if wild => {
                self.calls += 1;
                format!("{function}(/[a-m]/{end}")
            }
            3 => format!("{function}({field}{}{end}", self.cast(random)),
            4 => format!("{function}({field}::field{end}"),
            _ => format!("{function}({field}{end}"),
        }
    }

    /// A call of which a bucket gives several rows; it stands alone, but for what `top` and `bottom` have beside them.
    fn many(&mut self, random: &mut Random) -> String {
        self.calls = 1;
        // Of several series' points at one time and of one value it is open which ones are the best.
        let number = self.schema.field(random, NUMBERS).filter(|_| self.schema.unique_times && random.once_in(2));
        let Some(number) = number.map(|field| name(&field.name)) else {
            let field = name(&random.pick(&self.schema.fields).name);
            return match random.below(4) {
                0 => format!("distinct {field}"),
                _ => format!("distinct({field})"),
            };
        };
        // A LIMIT cuts their points before they are ranked.
        self.ranked = true;
        let function = *random.pick(&["top", "bottom"]);
        let mut arguments = vec![number];
        // InfluxDB loses the groups of `bottom` with tags.
        let groups = function == "bottom" && self.by_tags;
        if !self.schema.tags.is_empty() && !groups && random.once_in(2) {
            self.texts = true;
            arguments.push(name(&random.pick(&self.schema.tags).0));
        }
        arguments.push(random.between(1, 6).to_string());
        let call = format!("{function}({})", arguments.join(", "));
        if random.once_in(3) {
            let beside = name(&random.pick(&self.schema.fields).name);
            self.texts |= !self.schema.all_fields(NUMBERS);
            return format!("{call}, {beside}");
        }
        call
    }

    fn calls(&mut self, random: &mut Random, by_time: bool) -> String {
        if random.once_in(7) {
            return self.many(random);
        }
        if self.schema.unique_times && random.once_in(6) {
            let function = random.pick(&["first", "last", "min", "max"]);
            if let Some(field) = self.schema.field(random, NUMBERS) {
                let any = |random: &mut Random| name(&random.pick(&self.schema.fields).name);
                let beside = match random.below(5) {
                    0 if !self.schema.tags.is_empty() => {
                        self.texts = true;
                        name(&random.pick(&self.schema.tags).0)
                    }
                    1 => "*".to_owned(),
                    2 => format!("{}, {}", any(random), any(random)),
                    _ => any(random),
                };
                self.texts |= beside == "*";
                self.calls = 1;
                return format!("{function}({}), {beside}", name(&field.name));
            }
        }
        let count = if random.once_in(2) { 1 } else { 1 + random.below(3) };
        let mut calls: Vec<String> = (0..count).map(|_| self.column(random)).collect();
        if by_time && random.once_in(8) {
            calls[0] += " AS renamed";
        }
        calls.join(", ")
    }

    /// A call, or arithmetic over calls.
    fn column(&mut self, random: &mut Random) -> String {
        let call = self.call(random);
        if self.schema.edges || call.contains('*') || call.contains('/') || !random.once_in(6) {
            return call;
        }
        if random.once_in(3) {
            let depth = 1 + random.below(2);
            self.texts = true;
            let mut leaf = |random: &mut Random| match self.call(random) {
                call if call.contains('*') || call.contains('/') => "count(nosuch)".to_owned(),
                call => call,
            };
            let text = expression(random, depth, &mut leaf);
            // What is left of a division makes the last digit the first.
            return if self.is_inexact() && text.contains('%') { call } else { text };
        }
        let other = self.call(random);
        let operator =
            random.pick(if self.is_inexact() { &["+", "-", "*", "/"] } else { &["+", "-", "*", "/", "%"][..] });
        if random.once_in(2) || other.contains('*') || other.contains('/') {
            return format!("{call} {operator} {}", random.pick(&["2", "0", "1.5", "-1"]));
        }
        format!("{call} {operator} {other}")
    }

    fn interval(&mut self, random: &mut Random) -> String {
        let width = self.schema.step * *random.pick(&[1, 2, 5, 7, 30]);
        // Without a lower bound InfluxDB makes buckets with an offset since the beginning of time.
        let offset =
            if self.lower.is_some() && random.once_in(5) { random.between(-3, 3) * self.schema.step + 1 } else { 0 };
        self.buckets = (width, offset);
        if offset == 0 { format!("time({width}ns)") } else { format!("time({width}ns, {offset}ns)") }
    }
}
