//! Statements for a schema: all that the server executes, in all combinations that make sense and some that do not.

use super::deep::deep;
use super::into::into;
use super::schema::Schema;
use super::select::Select;
use super::sequence::{nested, sequence};
use super::show::show;
use super::whole::whole;
use super::wrong::wrong;
use crate::Random;
use crate::script::{Step, StepKind};

/// One statement, with what belongs to it; the `turn` makes the mix even.
pub(super) fn steps(schema: &Schema, random: &mut Random, turn: usize) -> Vec<Step> {
    if turn % 8 == 7 {
        let text = show(schema, random);
        // InfluxDB says `replicaN` there for the number.
        let parameters = parameters(random, text.contains("POLICIES"));
        let (text, wrong) = perhaps_wrong(schema, random, text);
        return vec![Step::new(StepKind::Query, if wrong { "ERRORS" } else { &parameters }, text)];
    }
    let (mut text, mut inexact) = match turn % 10 {
        // Buckets there begin again at the other end of time in InfluxDB.
        1 | 4 | 5 | 6 if schema.at_the_ends() => plain(schema, random, 3),
        1 => sequence(schema, random),
        // Sums of numbers at the edges are open.
        4 if !schema.edges => (nested(schema, random), true),
        5 => whole(schema, random),
        6 => deep(schema, random),
        _ => plain(schema, random, turn),
    };
    if random.once_in(20)
        && let Some(steps) = into(schema, random, &text, inexact)
    {
        return steps;
    }
    if random.once_in(20) {
        let (second, also) = plain(schema, random, turn);
        text = format!("{text}; {second}");
        inexact |= also;
    }
    let parameters = parameters(random, inexact || text.contains("GROUP BY"));
    match perhaps_wrong(schema, random, text) {
        (text, true) => vec![Step::new(StepKind::Query, "ERRORS", text)],
        (text, false) => vec![Step::new(StepKind::Query, &parameters, text)],
    }
}

/// A SELECT from measurements, and whether its floats depend on the order of addition.
fn plain(schema: &Schema, random: &mut Random, turn: usize) -> (String, bool) {
    let mut select = Select::new(schema, !turn.is_multiple_of(3), random);
    (select.text(random), select.is_inexact())
}

/// One in twenty is made wrong; whether it was.
fn perhaps_wrong(schema: &Schema, random: &mut Random, text: String) -> (String, bool) {
    if random.once_in(20) { (wrong(schema, random, &text), true) } else { (text, false) }
}

/// How the answer is asked for.
fn parameters(random: &mut Random, inexact: bool) -> String {
    let mut parameters = Vec::new();
    match random.below(16) {
        0 => parameters.push("epoch=ns".to_owned()),
        1 => parameters.push("epoch=s".to_owned()),
        2 => parameters.push("epoch=ms&chunked=true&chunk_size=7".to_owned()),
        3 => parameters.push(format!("epoch={}", random.pick(&["u", "m", "h", "µ"]))),
        4 => parameters.push("pretty=true&GET".to_owned()),
        5 => parameters.push(format!("chunked=true&chunk_size={}", random.between(1, 3))),
        // These are compared as texts.
        6 if !inexact => parameters.push("CSV".to_owned()),
        7 if !inexact => parameters.push("MSGPACK".to_owned()),
        8 if !inexact => parameters.push("CSV&chunked=true&chunk_size=5".to_owned()),
        9 => parameters.push("epoch=ns&time_format=rfc3339".to_owned()),
        _ => {}
    }
    // InfluxDB adds up means of parts, so even exact sums do not make them exact.
    if inexact {
        parameters.push("TOLERANCE=1e-9".to_owned());
    }
    parameters.join("&")
}

/// A name in quotes.
pub(super) fn name(text: impl AsRef<str>) -> String {
    format!("\"{}\"", text.as_ref().replace('\\', "\\\\").replace('"', "\\\""))
}

/// A string in quotes.
pub(super) fn quoted(text: impl AsRef<str>) -> String {
    format!("'{}'", text.as_ref().replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
}

/// What stands behind FROM.
pub(super) fn source(schema: &Schema, random: &mut Random) -> String {
    let first = &schema.measurements[random.below(schema.measurements.len())];
    match random.below(14) {
        0 => "/./".to_owned(),
        1 => "/^[a-m]/".to_owned(),
        2 if schema.measurements.len() > 1 => schema.measurements.iter().map(name).collect::<Vec<_>>().join(", "),
        3 => format!("d..{}", name(first)),
        4 => format!("autogen.{}", name(first)),
        5 if random.once_in(4) => "nosuch".to_owned(),
        6 | 7 if schema.policy => format!("other.{}", name(first)),
        8 if schema.policy => "d.other./[a-z]/".to_owned(),
        _ => name(first),
    }
}
