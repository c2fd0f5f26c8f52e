//! What a DELETE or DROP SERIES takes, and what is refused.

use super::*;
use crate::QueryError;
use std::sync::Arc;
use storage::TagCondition;

/// A database of two policies with some measurements and no field.
struct Database {
    measurements: Vec<&'static str>,
    most: u64,
}

impl Names for Database {
    fn view(&self, _: &str, _: Option<&str>, _: TimeRange) -> Result<View, QueryError> {
        panic!("no row need be looked at")
    }

    fn databases(&self) -> Vec<String> {
        vec!["d".to_owned()]
    }

    fn policies(&self, _: &str) -> Result<Vec<String>, QueryError> {
        Ok(vec!["r1".to_owned(), "r2".to_owned()])
    }

    fn known_measurements(&self, _: &str, _: &str, _: TimeRange) -> Result<Vec<Text>, QueryError> {
        Ok(self.measurements.iter().map(|name| name.as_bytes().into()).collect())
    }

    fn may_have_field(&self, _: &str, _: &str, _: TimeRange, _: Option<&[Text]>, _: &str) -> Result<bool, QueryError> {
        Ok(false)
    }

    fn most_deletion_bytes(&self) -> u64 {
        self.most
    }
}

fn context() -> Context {
    Context {
        database: Some("d".to_owned()),
        policy: None,
        now: 1_000,
        budget: platform::budget::Budget::new(1 << 20),
        cancel: Arc::default(),
        frame_rows: 1_000,
        limits: Default::default(),
        deadline: None,
        trace: None,
        points: std::sync::Arc::default(),
    }
}

fn delete_from(database: &Database, statement: &str) -> Result<Option<Doomed>, QueryError> {
    let influxql::Statement::Delete(deletion) = influxql::parse_statement(statement).unwrap() else {
        panic!("{statement}")
    };
    doomed(Verb::Delete, &deletion, database, &context())
}

fn delete(statement: &str) -> Result<Option<Doomed>, QueryError> {
    delete_from(&Database { measurements: vec!["a", "b", "keep"], most: 8 << 20 }, statement)
}

/// `names condition start..end` of each deletion.
fn shown(statement: &str) -> Vec<String> {
    let show = |deletion: Deletion| {
        let names = deletion.measurements.map_or("*".to_owned(), |names| {
            names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>().join(",")
        });
        let times = match deletion.range {
            TimeRange::ALL => String::new(),
            TimeRange { start, end } => format!(" {start}..{end}"),
        };
        format!("{names} {}{times}", written(&deletion.condition))
    };
    delete(statement).unwrap().into_iter().flat_map(|doomed| doomed.deletions).map(show).collect()
}

fn written(condition: &TagCondition) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = |members: &[TagCondition]| members.iter().map(written).collect::<Vec<_>>();
    match condition {
        TagCondition::Equal(key, value) => format!("{}={}", text(key), text(value)),
        TagCondition::NotEqual(key, value) => format!("{}!={}", text(key), text(value)),
        TagCondition::And(members) => format!("({})", all(members).join("&")),
        TagCondition::Or(members) => format!("({})", all(members).join("|")),
        other => format!("{other:?}"),
    }
}

#[test]
fn names_of_measurements_are_decided_one_by_one() {
    for (statement, expected) in [
        ("DELETE WHERE _name != 'keep'", vec!["a,b True"]),
        ("DELETE WHERE _name !~ /^keep/", vec!["a,b True"]),
        ("DELETE WHERE 'a' = _name", vec!["a True"]),
        ("DELETE WHERE _name = 'c'", vec![]),
        ("DELETE WHERE _name = 'a' AND h = 'x'", vec!["a h=x"]),
        ("DELETE WHERE _name = 'a' OR h = 'x'", vec!["b,keep h=x", "a True"]),
        ("DELETE FROM a, keep, z WHERE _name =~ /a/ AND time = 7", vec!["a True 7..7"]),
        ("DELETE WHERE (_name = 'a' AND h = 'x') OR (_name = 'b' AND h = 'y')", vec!["b h=y", "a h=x"]),
        ("DELETE WHERE (_name = 'a' AND time = 1) OR (_name = 'b' AND time = 2)", vec!["b True 2..2", "a True 1..1"]),
        ("DELETE FROM keep WHERE _name != 'keep'", vec![]),
        ("DELETE WHERE h = 'x' OR true", vec!["* True"]),
        ("DELETE WHERE h = 'x' AND false", vec![]),
    ] {
        assert_eq!(shown(statement), expected, "{statement}");
    }
}

#[test]
fn conditions_fall_apart_by_times() {
    for (statement, expected) in [
        ("DELETE WHERE h = 'x' AND g != 'y' AND i = 'z'", vec!["* (h=x&g!=y&i=z)"]),
        ("DELETE WHERE h = 'x' OR g != 'y' OR time = 3", vec!["* True 3..3", "* (h=x|g!=y)"]),
        ("DELETE WHERE (time = 1 OR time = 2) AND h = 'x'", vec!["* h=x 1..1", "* h=x 2..2"]),
        (
            "DELETE WHERE (time = 1 OR time = 2) AND (time = 2 OR h = 'x')",
            vec!["* h=x 1..1", "* True 2..2", "* h=x 2..2"],
        ),
        ("DELETE WHERE (time = 1 AND h = 'x' OR time = 2) AND g = 'y'", vec!["* (h=x&g=y) 1..1", "* g=y 2..2"]),
    ] {
        assert_eq!(shown(statement), expected, "{statement}");
    }
}

#[test]
fn a_hundred_thousand_terms_are_a_deletion() {
    let joined = |word: &str, term: &dyn Fn(usize) -> String| {
        let terms: Vec<String> = (0..100_000).map(term).collect();
        format!("DELETE WHERE {}", terms.join(word))
    };
    let members = |statement: &str| {
        let doomed = delete(statement).unwrap().unwrap();
        doomed
            .deletions
            .iter()
            .map(|deletion| match &deletion.condition {
                TagCondition::And(members) | TagCondition::Or(members) => members.len(),
                _ => 1,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(members(&joined(" AND ", &|at| format!("h != '{at}'"))), [100_000]);
    assert_eq!(members(&joined(" OR ", &|at| format!("h = '{at}'"))), [100_000]);
    assert_eq!(members(&(joined(" OR ", &|at| format!("h = '{at}'")) + " OR time = 1")), [1, 100_000]);
    assert_eq!(members(&(joined(" AND ", &|at| format!("h != '{at}'")) + " AND (time = 1 OR time = 3)")), [100_000; 2]);
    assert_eq!(members(&joined(" AND ", &|at| format!("(time = 1 OR time = 2 AND g{at} = '')"))), [1, 100_000]);
    assert_eq!(members(&joined(" OR ", &|at| format!("_name = '{}'", ["a", "z"][at % 2]))), [1]);
}

#[test]
fn what_one_deletion_cannot_hold_is_refused() {
    let error = |statement: &str| match delete(statement) {
        Ok(_) => "carried out".to_owned(),
        Err(error) => error.to_string(),
    };
    let times: Vec<String> = (0..1_001).map(|at| format!("time = {at}")).collect();
    let times = format!("DELETE WHERE {}", times.join(" OR "));
    assert_eq!(error(&times), "not executed yet: so many alternatives of time in a deletion");
    let doubled = vec!["(time > 1 AND h = 'x' OR time < 9)"; 64];
    let doubled = format!("DELETE WHERE {}", doubled.join(" AND "));
    assert_eq!(error(&doubled), "not executed yet: so many alternatives of time in a deletion");
    // What holds since some time is copied for each.
    let copied: Vec<String> = (0..2_000).map(|at| format!("(time >= {at} AND h = '{at}' OR time = {at})")).collect();
    let copied = format!("DELETE WHERE {}", copied.join(" AND "));
    assert_eq!(error(&copied), "not executed yet: so many conditions in a deletion");
    let small = Database { measurements: vec!["a"], most: 64 };
    let long = format!("DELETE WHERE h = '{}'", "x".repeat(64));
    let expected = "a delete of more than 64 bytes is above an eighth of the log";
    assert_eq!(delete_from(&small, &long).unwrap_err().to_string(), expected);
}

#[test]
fn a_deletion_is_of_one_policy() {
    let policy =
        |statement: &str| delete(statement).map(|doomed| doomed.unwrap().policy).map_err(|error| error.to_string());
    let mixed = |wanted: &str, got: &str| {
        Err(format!("mixed retention policies not supported, wanted \"{wanted}\" got \"{got}\""))
    };
    assert_eq!(policy("DELETE FROM r1.a, r2.a"), mixed("r1", "r2"));
    assert_eq!(policy("DELETE FROM r2.a, r1.a"), mixed("r1", "r2"));
    assert_eq!(policy("DELETE FROM r1.a, a"), mixed("", "r1"));
    assert_eq!(policy("DELETE FROM r1./a/, r2.b"), mixed("r1", "r2"));
    assert_eq!(policy("DELETE FROM r1./z/, r2.b"), Ok(Some("r2".to_owned())));
    assert_eq!(policy("DELETE FROM r1.a, r1.b"), Ok(Some("r1".to_owned())));
    assert_eq!(policy("DELETE FROM a, b"), Ok(None));
}
