//! Tells known differences between Alluvium and InfluxDB that any statement may meet from those that nobody has explained. Each kind
//! is as narrow as its answers allow; all are listed in `docs/differences.md`. What only some statements meet is left out by
//! `generate` instead.

use crate::{Answer, Step};

/// The name of the kind, if the difference between the two answers is of a known one.
pub(crate) fn known(step: &Step, wanted: &Answer, found: &Answer) -> Option<&'static str> {
    let (theirs, ours) = (wanted.body.as_str(), found.body.as_str());
    if ours.contains("\"error\":\"not executed yet: ") {
        return Some("not executed yet");
    }
    if theirs.contains("json: unsupported value: ") {
        return Some("an infinite value makes the whole answer an error");
    }
    if theirs.contains("[panic:") {
        return Some("InfluxDB panics");
    }
    if theirs.contains("likely malformed statement, unable to rewrite: interface conversion") {
        return Some("InfluxDB fails inside");
    }
    if theirs.contains("unsupported count_hll iterator type: *query.floatInterruptIterator") && !is_error(ours) {
        return Some("count_hll() of nothing is an error");
    }
    let misplaced = "\"error\":\"invalid function call in condition: ";
    if ours.contains(misplaced) && !theirs.contains(misplaced) {
        return Some("an unknown function in parentheses in WHERE");
    }
    if ours.contains("\"error\":\"type error: ") && step.text.contains("_hll(") {
        return Some("arithmetic with sketches, which are texts");
    }
    if theirs.contains("invalid measurement expression \\u0026influxql.") {
        return Some("InfluxDB tells its insides of a condition of SHOW MEASUREMENTS");
    }
    if theirs.contains("unsupported expression with regex field: ") && !is_error(ours) {
        return Some("a regex that is an argument, within arithmetic");
    }
    if step.text.contains("(time)") && is_error(theirs) != is_error(ours) || step.text.contains("SELECT (time)") {
        return Some("a time in parentheses");
    }
    // InfluxDB's CSV is silent about statements that fail.
    if step.wants_csv() && ours.starts_with("error\n") && !theirs.starts_with("error\n") {
        return Some("CSV does not tell of errors");
    }
    // Wrong statements are made by chance, and some of them ask for what `generate` leaves out elsewhere.
    if step.asks_for_errors() && !is_error(theirs) && !is_error(ours) {
        return Some("a changed statement that is right, and asks for something else");
    }
    None
}

fn is_error(body: &str) -> bool {
    body.contains("\"error\":")
}
