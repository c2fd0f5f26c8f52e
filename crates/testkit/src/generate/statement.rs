//! Statements for a schema: all that the server executes, in all combinations that make sense and some that do not.

use super::schema::Schema;
use super::select::Select;
use super::sequence::{nested, sequence};
use super::show::show;
use crate::Random;
use crate::script::{Step, StepKind};

/// One query; the `turn` makes the mix even.
pub(super) fn step(schema: &Schema, random: &mut Random, turn: usize) -> Step {
    if turn % 8 == 7 {
        return Step::new(StepKind::Query, "", show(schema, random));
    }
    let (mut text, mut inexact) = match turn % 10 {
        1 => sequence(schema, random),
        // Sums of numbers at the edges are open.
        4 if !schema.edges => (nested(schema, random), true),
        _ => {
            let mut select = Select::new(schema, !turn.is_multiple_of(3), random);
            (select.text(random), select.is_inexact())
        }
    };
    if random.once_in(20) {
        let mut second = Select::new(schema, turn.is_multiple_of(2), random);
        text = format!("{text}; {}", second.text(random));
        inexact |= second.is_inexact();
    }
    let mut parameters = Vec::new();
    match random.below(10) {
        0 => parameters.push("epoch=ns".to_owned()),
        1 => parameters.push("epoch=s".to_owned()),
        2 => parameters.push("epoch=ms&chunked=true&chunk_size=7".to_owned()),
        3 => parameters.push(format!("epoch={}", random.pick(&["u", "m", "h", "µ"]))),
        4 => parameters.push("pretty=true&GET".to_owned()),
        _ => {}
    }
    // InfluxDB adds up means of parts, so even exact sums do not make them exact.
    if inexact {
        parameters.push("TOLERANCE=1e-9".to_owned());
    }
    Step::new(StepKind::Query, &parameters.join("&"), text)
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
