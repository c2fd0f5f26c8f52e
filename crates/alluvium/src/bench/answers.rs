//! Whether two answers say the same.
//!
//! Order counts wherever JSON has one: rows, columns and series come in an order that clients rely on. Integers must be
//! equal, other numbers nearly so; everything else must be the same. Two kinds of question have looser answers ([`Same`]).

use super::kinds::Same;
use serde_json::{Number, Value};

/// How far apart two estimates may be, as a part of the larger.
const ESTIMATE: f64 = 0.02;

/// Where two answers differ first, or none if they say the same. `tolerance` is a part of the larger number.
pub(super) fn difference(a: &Value, b: &Value, same: Same, tolerance: f64) -> Option<String> {
    let mut place = String::new();
    let found = match same {
        Same::Whole => differ(a, b, tolerance, &mut place),
        Same::Estimate => differ(&floats(a), &floats(b), ESTIMATE, &mut place),
        Same::Times => differ(&times(a), &times(b), tolerance, &mut place),
    }?;
    Some(format!("at {}: {found}", if place.is_empty() { "/" } else { &place }))
}

/// The answer with floats in the place of the integers of its rows.
fn floats(answer: &Value) -> Value {
    with_cells(answer, |row| {
        let float = |cell: &Value| cell.as_f64().map_or_else(|| cell.clone(), Value::from);
        row.iter().map(float).collect()
    })
}

/// The answer with nothing but the time in each row.
fn times(answer: &Value) -> Value {
    with_cells(answer, |row| row.first().cloned().into_iter().collect())
}

/// The answer with other cells in each row of its series.
fn with_cells(answer: &Value, cells: impl Fn(&[Value]) -> Vec<Value>) -> Value {
    let mut answer = answer.clone();
    let lists = |value: &mut Value, key: &str| value[key].as_array_mut().map(std::mem::take).unwrap_or_default();
    let results = lists(&mut answer, "results").into_iter().map(|mut result| {
        let series = lists(&mut result, "series").into_iter().map(|mut series| {
            let rows = lists(&mut series, "values").into_iter();
            let rows = rows.map(|row| Value::from(cells(row.as_array().map_or(&[], Vec::as_slice))));
            series["values"] = rows.collect();
            series
        });
        result["series"] = series.collect();
        result
    });
    answer["results"] = results.collect();
    answer
}

/// As [`difference`]; `place` is where `a` and `b` stand, and on a difference where it is.
fn differ(a: &Value, b: &Value, tolerance: f64, place: &mut String) -> Option<String> {
    match (a, b) {
        (Value::Array(x), Value::Array(y)) => {
            let pairs = x.iter().zip(y).enumerate();
            within(pairs.map(|(index, (x, y))| (index.to_string(), x, y)), tolerance, place)
                .or_else(|| (x.len() != y.len()).then(|| format!("{} elements and {}", x.len(), y.len())))
        }
        (Value::Object(x), Value::Object(y)) => {
            let keys = |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<Vec<_>>().join(", ");
            if !x.keys().eq(y.keys()) {
                return Some(format!("the keys {} and {}", keys(x), keys(y)));
            }
            within(x.iter().zip(y.values()).map(|((key, x), y)| (key.clone(), x, y)), tolerance, place)
        }
        (Value::Number(x), Value::Number(y)) if near(x, y, tolerance) => None,
        _ if a == b => None,
        _ => Some(format!("{} and {}", shown(a), shown(b))),
    }
}

/// The first difference of pairs, each with the name of its place.
fn within<'a>(
    pairs: impl Iterator<Item = (String, &'a Value, &'a Value)>,
    tolerance: f64,
    place: &mut String,
) -> Option<String> {
    for (name, x, y) in pairs {
        let outer = place.len();
        place.push('/');
        place.push_str(&name);
        if let Some(found) = differ(x, y, tolerance, place) {
            return Some(found);
        }
        place.truncate(outer);
    }
    None
}

fn near(x: &Number, y: &Number, tolerance: f64) -> bool {
    if !x.is_f64() && !y.is_f64() {
        return x == y;
    }
    match (x.as_f64(), y.as_f64()) {
        (Some(x), Some(y)) => (x - y).abs() <= tolerance * x.abs().max(y.abs()),
        _ => false,
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 100 { text.chars().take(100).chain("...".chars()).collect() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(a: &str, b: &str) -> Option<String> {
        difference(&serde_json::from_str(a).unwrap(), &serde_json::from_str(b).unwrap(), Same::Whole, 1e-12)
    }

    #[test]
    fn the_same_is_the_same() {
        let answer = r#"{"results":[{"statement_id":0,"series":[{"name":"cpu","values":[["t",1,2.5,null,true]]}]}]}"#;
        assert_eq!(compared(answer, answer), None);
        assert_eq!(compared(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#), None);
        assert_eq!(compared("[0.1]", "[0.10000000000000002]"), None);
        assert_eq!(compared("[50]", "[50.0]"), None);
        assert_eq!(compared("0.0", "0"), None);
    }

    #[test]
    fn a_difference_is_found_and_placed() {
        assert_eq!(compared(r#"{"a":[1,[2]]}"#, r#"{"a":[1,[3]]}"#).unwrap(), "at /a/1/0: 2 and 3");
        assert_eq!(compared("[1,2]", "[1]").unwrap(), "at /: 2 elements and 1");
        assert_eq!(compared(r#"{"a":[[1]]}"#, r#"{"a":[[1],[2]]}"#).unwrap(), "at /a: 1 elements and 2");
        assert_eq!(compared(r#"{"a":1}"#, r#"{"b":1}"#).unwrap(), "at /: the keys a and b");
        for (a, b) in [("1", "null"), ("1.0", "1.00000000001"), ("0", "1e-300"), ("[1,2]", "[2,1]"), ("\"1\"", "1")] {
            assert!(compared(a, b).is_some(), "{a} {b}");
        }
        // Neighbours that an f64 cannot tell apart.
        assert!(compared("9007199254740993", "9007199254740992").is_some());
    }

    /// The difference of two answers of one series with these rows.
    fn rows(a: &str, b: &str, same: Same) -> Option<String> {
        let answer = |rows: &str| {
            let text = format!(r#"{{"results":[{{"series":[{{"columns":["time","x"],"values":{rows}}}]}}]}}"#);
            serde_json::from_str::<Value>(&text).unwrap()
        };
        difference(&answer(a), &answer(b), same, 1e-12)
    }

    #[test]
    fn estimates_may_be_two_parts_in_a_hundred_apart() {
        assert_eq!(rows("[[1000]]", "[[1019]]", Same::Estimate), None);
        let place = "at /results/0/series/0/values/0/0: 1000.0 and 1030.0";
        assert_eq!(rows("[[1000]]", "[[1030]]", Same::Estimate).unwrap(), place);
        assert!(rows("[[1000]]", "[[1001]]", Same::Whole).is_some());
        assert!(rows("[[1000]]", "[]", Same::Estimate).is_some());
    }

    #[test]
    fn rows_of_a_time_may_be_others() {
        assert_eq!(rows(r#"[["t",1],["t",2]]"#, r#"[["t",3],["t",1]]"#, Same::Times), None);
        assert!(rows(r#"[["t",1],["t",2]]"#, r#"[["t",1],["u",2]]"#, Same::Times).is_some());
        assert!(rows(r#"[["t",1],["t",2]]"#, r#"[["t",1]]"#, Same::Times).is_some());
    }
}
