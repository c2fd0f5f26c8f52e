//! SELECT from SELECT from SELECT: up to four levels, each with columns, conditions, buckets, tags, fills and limits of its own. What
//! InfluxDB leaves open, or gets wrong, is left out; each place says which and why.

use super::schema::{Field, Kind, NUMBERS, Schema};
use super::sequence::{around, measurement};
use super::statement::name;
use crate::Random;

/// One level: its text, and what the one around it may ask of it.
struct Level {
    text: String,
    /// Its columns, which are numbers.
    columns: Vec<&'static str>,
    /// Its rows come in groups by the tag.
    grouped: bool,
    /// No time has two rows in a group.
    distinct: bool,
    /// How many buckets of the least width its own are wide; 0: rows at any time.
    width: i64,
}

/// What holds for all levels of a statement.
struct Deep<'a> {
    schema: &'a Schema,
    /// Bounds where buckets of all widths begin: InfluxDB gives rows for buckets that begin before the range.
    range: (i64, i64),
    base: i64,
    tag: Option<String>,
    descending: bool,
}

/// A statement, and whether its floats depend on the order of addition.
pub(super) fn deep(schema: &Schema, random: &mut Random) -> (String, bool) {
    let base = schema.step * *random.pick(&[1, 2, 5]);
    let widest = base.saturating_mul(WIDEST);
    let edge = |time: i64| time.div_euclid(widest).saturating_mul(widest);
    let tag = (!schema.tags.is_empty()).then(|| name(&random.pick(&schema.tags).0));
    let range = (edge(schema.start), edge(schema.end()).saturating_add(widest));
    let deep = Deep { schema, range, base, tag, descending: random.once_in(5) };
    let depth = 1 + random.below(3);
    let outer = deep.level(random, depth, true);
    (outer.text, true)
}

/// Arithmetic over columns. Of types that do not fit InfluxDB says nothing here, and what functions and divisions
/// make of integers it truncates; what is no number it counts.
fn calculation(random: &mut Random, column: &mut dyn FnMut(&mut Random) -> String) -> String {
    let (left, right) = (column(random), column(random));
    let operator = random.pick(&["+", "-", "*"]);
    match random.below(5) {
        0 => format!("{left} {operator} {right}"),
        1 => format!("{left} {operator} {}", random.pick(&["2", "0.5", "-1", "10"])),
        2 => format!("{} {operator} {left}", random.pick(&["2", "0.5", "10"])),
        3 => format!("{}({left})", random.pick(&["abs", "floor", "ceil", "round"])),
        _ => format!("-{left}"),
    }
}

/// The widest buckets, in those of the least width.
const WIDEST: i64 = 12;

impl Deep<'_> {
    fn level(&self, random: &mut Random, depth: usize, last: bool) -> Level {
        let mut level = match depth {
            0 => self.innermost(random),
            _ => self.around(random, depth),
        };
        if self.descending {
            level.text += " ORDER BY time DESC";
        }
        // Limits start again with each group that follows in a subquery; of open order nothing may be cut.
        // Of raw rows beneath an aggregate InfluxDB takes the first ones of whichever series and shard comes first, and of several
        // functions it counts the buckets with values of each alone.
        let is_counted = level.width > 0 && !level.grouped && level.columns.len() == 1;
        if level.distinct && (last || is_counted) && random.once_in(5) {
            level.text += &format!(" LIMIT {}", random.between(1, 20));
            if random.once_in(3) {
                level.text += &format!(" OFFSET {}", random.between(1, 4));
            }
        }
        level
    }

    fn bounds(&self) -> String {
        format!("time >= {} AND time < {}", self.range.0, self.range.1)
    }

    fn innermost(&self, random: &mut Random) -> Level {
        let number = |random: &mut Random| self.schema.field(random, NUMBERS);
        let (first, mut second) = (number(random), number(random));
        // Unsigned numbers beside others are a type error, which InfluxDB does not see through a SELECT.
        let is_unsigned = |field: &Option<&Field>| field.is_some_and(|field| field.kind == Kind::Unsigned);
        if is_unsigned(&first) || is_unsigned(&second) {
            second = first;
        }
        let named = |field: Option<&Field>| field.map_or_else(|| "nosuch".to_owned(), |field| name(&field.name));
        let (first, second) = (named(first), named(second));
        let from = measurement(self.schema, random);
        let grouped = self.tag.is_some() && random.once_in(2);
        if random.once_in(2) {
            let mut text = format!("SELECT {first} AS a, {second} AS b FROM {from}");
            if random.once_in(2) {
                text += &format!(" WHERE {}", self.bounds());
            }
            if grouped {
                text += &format!(" GROUP BY {}", self.tag.as_deref().unwrap_or_default());
            }
            return Level { text, columns: vec!["a", "b"], grouped, distinct: self.schema.unique_times, width: 0 };
        }
        let width = *random.pick(&[1, 2, 3, 4]);
        let mut columns = vec!["a"];
        let mut text = format!("SELECT {} AS a", self.aggregate(random, &first, self.schema.unique_times));
        // Several functions with groups come repeated, with parts of their values.
        if !grouped && random.once_in(3) {
            text += &format!(", {} AS b", self.aggregate(random, &second, self.schema.unique_times));
            columns.push("b");
        }
        text += &format!(" FROM {from} WHERE {}", self.bounds());
        text += &self.grouping(width, grouped);
        if !grouped {
            text += *random.pick(&["", "", " fill(0)", " fill(previous)", " fill(none)"]);
        }
        Level { text, columns, grouped, distinct: true, width }
    }

    fn grouping(&self, width: i64, grouped: bool) -> String {
        let mut dimensions = Vec::new();
        if width > 0 {
            dimensions.push(format!("time({}ns)", self.base.saturating_mul(width)));
        }
        dimensions.extend(self.tag.clone().filter(|_| grouped));
        if dimensions.is_empty() { String::new() } else { format!(" GROUP BY {}", dimensions.join(", ")) }
    }

    fn aggregate(&self, random: &mut Random, column: &str, ordered: bool) -> String {
        let mut functions = vec!["count", "min", "max", "median", "spread"];
        if !self.schema.edges {
            functions.extend(["sum", "mean"]);
        }
        if ordered {
            functions.extend(["first", "last"]);
        }
        format!("{}({column})", random.pick(&functions))
    }

    fn around(&self, random: &mut Random, depth: usize) -> Level {
        let inner = self.level(random, depth - 1, false);
        let column = *random.pick(&inner.columns);
        // Of several groups at one time the order is open.
        let grouped = inner.grouped && random.once_in(2);
        let distinct = inner.distinct && (!inner.grouped || grouped);
        let condition = match random.below(4) {
            0 => format!(" WHERE {column} {} {}", random.pick(&["<", ">=", "!="]), random.between(-5, 50)),
            1 => format!(" WHERE {}", self.bounds()),
            _ => String::new(),
        };
        let from = format!("FROM ({}){condition}", inner.text);
        let by_tag = self.grouping(0, grouped);
        if distinct && random.once_in(3) {
            let text = format!("SELECT {} AS a {from}{by_tag}", around(self.schema, random, column));
            return Level { text, columns: vec!["a"], grouped, distinct: true, width: inner.width };
        }
        if distinct && random.once_in(3) {
            let columns = inner.columns.clone();
            let mut leaf = |random: &mut Random| (*random.pick(&columns)).to_owned();
            let value = if self.schema.edges { leaf(random) } else { calculation(random, &mut leaf) };
            let text = format!("SELECT {value} AS a, {column} AS b {from}{by_tag}");
            return Level { text, columns: vec!["a", "b"], grouped, distinct: true, width: inner.width };
        }
        let call = self.aggregate(random, column, distinct);
        let width = if random.once_in(3) { 0 } else { inner.width.max(1) * *random.pick(&[1, 2, 3]) };
        let width = if width > 0 && WIDEST % width == 0 { width } else { 0 };
        let from = match width {
            0 => from,
            _ if condition.contains("time") => from,
            _ if condition.is_empty() => format!("{from} WHERE {}", self.bounds()),
            _ => format!("{from} AND {}", self.bounds()),
        };
        let text = format!("SELECT {call} AS a {from}{}", self.grouping(width, grouped));
        Level { text, columns: vec!["a"], grouped, distinct: true, width }
    }
}
