//! SELECT INTO: what a statement writes is read from its target, which is dropped then.

use super::schema::Schema;
use crate::Random;
use crate::script::{Step, StepKind};

/// The statement with a target put in, looks at that, and its end; none if it has no place for one.
pub(super) fn into(schema: &Schema, random: &mut Random, text: &str, inexact: bool) -> Option<Vec<Step>> {
    let at = text.find(" FROM ")?;
    // Of points that two sources write at one time it is open which one stays.
    let single = text.matches("FROM").count() == 1 && !text.contains("FROM /") && !text.contains("./");
    if !single || text.contains(';') || schema.measurements.len() > 1 || !schema.unique_times {
        return None;
    }
    // Buckets without values are no rows of a target, so that InfluxDB counts those of each function alone.
    let several = text[..at].contains(',') || text[..at].contains('/') || text[..at].contains('*');
    if several && (text.contains(" LIMIT ") || text.contains(" OFFSET ")) {
        return None;
    }
    let targets = ["\"the target\"", "d.autogen.\"the target\"", "d..\"the target\"", "\"autogen\".\"the target\""];
    let mut changed = text.to_owned();
    changed.insert_str(at, &format!(" INTO {}", random.pick(&targets)));
    let texts = [
        changed,
        "SELECT * FROM \"the target\" GROUP BY *".to_owned(),
        "SHOW FIELD KEYS FROM \"the target\"; SHOW SERIES FROM \"the target\"".to_owned(),
        "DROP MEASUREMENT \"the target\"".to_owned(),
    ];
    let tolerance = if inexact { "TOLERANCE=1e-9" } else { "" };
    Some(texts.into_iter().map(|text| Step::new(StepKind::Query, tolerance, text)).collect())
}
