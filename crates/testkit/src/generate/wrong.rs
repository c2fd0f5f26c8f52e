//! Wrong statements: one that is right is taken apart into tokens, of which some are dropped, doubled, swapped or replaced.
//! Mostly an error comes of it, and its text is compared; what is still right may ask for anything, so its rows are not.

use super::schema::Schema;
use super::statement::name;
use crate::Random;

const WORDS: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "BY",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "SLIMIT",
    "SOFFSET",
    "fill",
    "time",
    "DESC",
    "ASC",
    "AND",
    "OR",
    "INTO",
    "AS",
    "SHOW",
    "TAG",
    "KEYS",
    "VALUES",
    "WITH",
    "KEY",
    "IN",
    "EXACT",
    "CARDINALITY",
    "SERIES",
    "ON",
    "MEASUREMENT",
    "MEASUREMENTS",
    "(",
    ")",
    ",",
    ".",
    ":",
    "::",
    ";",
    "*",
    "/",
    "+",
    "-",
    "%",
    "=",
    "!=",
    "<>",
    "=~",
    "!~",
    "<",
    "<=",
    ">",
    ">=",
    "/x/",
    "/[/",
    "/a(b/",
    "1",
    "0",
    "-1",
    "1.5",
    "1e3",
    "99999999999999999999",
    "'x'",
    "''",
    "\"\"",
    "\"x\"",
    "'open",
    "\"open",
    "1s",
    "1m",
    "0s",
    "-5m",
    "1y",
    "3xs",
    "1.5h",
    "now()",
    "tz('Europe/Berlin')",
    "tz('Nowhere')",
    "tz(1)",
    "true",
    "false",
    "null",
    "none",
    "previous",
    "linear",
    "x",
    "$p",
    "?",
    "#",
    "\\",
    "'\\z'",
    "'2020-01-01'",
    "'2020-13-01'",
    "'2020-01-01T00:00:00Z'",
    "float",
    "integer",
    "string",
    "unsigned",
    "boolean",
    "tag",
    "field",
    "nosuchtype",
    "ALL",
    "DISTINCT",
    "DROP",
    "DELETE",
    "CREATE",
    "USER",
    "DATABASE",
    "EXPLAIN",
    "ANALYZE",
    "NOT",
    "LIKE",
    "-- c",
    "/* c */",
    "REGEX",
    "INF",
    "--",
];

const CALLS: &[&str] = &[
    "count",
    "sum",
    "mean",
    "median",
    "mode",
    "spread",
    "stddev",
    "integral",
    "distinct",
    "first",
    "last",
    "min",
    "max",
    "percentile",
    "top",
    "bottom",
    "sample",
    "derivative",
    "non_negative_derivative",
    "difference",
    "non_negative_difference",
    "elapsed",
    "moving_average",
    "cumulative_sum",
    "holt_winters",
    "holt_winters_with_fit",
    "exponential_moving_average",
    "double_exponential_moving_average",
    "triple_exponential_moving_average",
    "relative_strength_index",
    "triple_exponential_derivative",
    "kaufmans_efficiency_ratio",
    "kaufmans_adaptive_moving_average",
    "chande_momentum_oscillator",
    "abs",
    "floor",
    "pow",
    "atan2",
    "log",
    "ln",
    "sin",
    "count_hll",
    "sum_hll",
    "nosuch",
    "time",
    "now",
    "fill",
    "tz",
    "Mean",
    "merge_hll",
];

/// The statement with something wrong in it.
pub(super) fn wrong(schema: &Schema, random: &mut Random, text: &str) -> String {
    if random.once_in(3) {
        return call(schema, random);
    }
    let mut tokens = tokens(text);
    // Bounds of buckets stay: without them there is one for each width since 1677.
    let buckets = text.contains("time(");
    let end = tokens.iter().position(|token| buckets && token.trim() == "WHERE").unwrap_or(tokens.len());
    for _ in 0..=random.below(2) {
        let at = random.below(end.min(tokens.len()));
        let other = random.below(tokens.len());
        match random.below(8) {
            0 | 1 => {
                tokens.remove(at);
            }
            2 => tokens.insert(at, tokens[at].clone()),
            3 => tokens.swap(at, other),
            4 => tokens[at] = tokens[other].clone(),
            5 => tokens.truncate(at + 1),
            6 => tokens.insert(at, format!("{} ", random.pick(WORDS))),
            _ => tokens[at] = format!("{} ", random.pick(WORDS)),
        }
        if tokens.is_empty() {
            break;
        }
    }
    tokens.concat()
}

/// Calls with arguments of any kind and number, beside others.
fn call(schema: &Schema, random: &mut Random) -> String {
    let one = |random: &mut Random| {
        let count = match random.below(6) {
            0 => 0,
            1 | 2 => 1,
            3 | 4 => 2,
            _ => 1 + random.below(4),
        };
        let arguments: Vec<String> = (0..count).map(|_| argument(schema, random)).collect();
        format!("{}({})", random.pick(CALLS), arguments.join(", "))
    };
    let mut columns = vec![one(random)];
    match random.below(5) {
        0 => columns.push(one(random)),
        1 => columns.push(name(&random.pick(&schema.fields).name)),
        2 => columns[0] += &format!(" {} {}", random.pick(&["+", "/", "%", "&", "="]), argument(schema, random)),
        _ => {}
    }
    let mut out = format!("SELECT {} FROM {}", columns.join(", "), name(random.pick(&schema.measurements)));
    if random.once_in(3) && !schema.at_the_ends() {
        let (from, to) = (schema.start, schema.end());
        let dimensions =
            ["time()", "time(1s, 2)", "time('1s')", "time(5)", "*, time(1s)", "time(1s), time(2s)", "x(1s)", "1"];
        let width = format!("time({}ns)", schema.step);
        let dimension = if random.once_in(2) { width } else { (*random.pick(&dimensions)).to_owned() };
        out += &format!(" WHERE time >= {from} AND time < {to} GROUP BY {dimension}");
        out += *random.pick(&[
            "",
            "",
            " fill()",
            " fill(nosuch)",
            " fill('x')",
            " fill(1, 2)",
            " fill(linear)",
            " fill(null)",
        ]);
    }
    let ends = [
        "",
        "",
        "",
        " LIMIT 1",
        " LIMIT -1",
        " LIMIT 0",
        " ORDER BY value",
        " ORDER BY time, value",
        " SLIMIT x",
        " tz('x')",
    ];
    out + *random.pick(&ends)
}

fn argument(schema: &Schema, random: &mut Random) -> String {
    let field = name(&random.pick(&schema.fields).name);
    match random.below(16) {
        0 => "1".to_owned(),
        1 => "0".to_owned(),
        2 => "-2".to_owned(),
        3 => "1.5".to_owned(),
        4 => "10s".to_owned(),
        5 => "'text'".to_owned(),
        6 => "*".to_owned(),
        7 => "/./".to_owned(),
        8 => format!("{}({field})", random.pick(CALLS)),
        9 => format!("{field} + 1"),
        10 => "true".to_owned(),
        11 => "nosuch".to_owned(),
        12 => format!("({field})"),
        _ => field,
    }
}

/// The text's words, numbers, quoted parts and signs.
fn tokens(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let from = at;
        let first = letters[at];
        at += 1;
        if first == '"' || first == '\'' {
            while at < letters.len() && letters[at] != first {
                at += if letters[at] == '\\' { 2 } else { 1 };
            }
            at = (at + 1).min(letters.len());
        } else if first.is_alphanumeric() || first == '_' {
            while at < letters.len() && (letters[at].is_alphanumeric() || letters[at] == '_') {
                at += 1;
            }
        } else if at < letters.len()
            && matches!((first, letters[at]), ('!' | '<' | '>' | '=', '=' | '~' | '>') | (':', ':'))
        {
            at += 1;
        }
        // Spaces stay with what they follow: `f (x)` is no call.
        while at < letters.len() && letters[at].is_whitespace() {
            at += 1;
        }
        out.push(letters[from..at].iter().collect());
    }
    out
}
