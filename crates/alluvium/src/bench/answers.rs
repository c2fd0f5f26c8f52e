//! Whether two answers say the same.
//!
//! Order counts wherever JSON has one: rows, columns and series come in an order that clients rely on. Integers must be
//! equal, other numbers nearly so; everything else must be the same.

use serde_json::{Number, Value};

/// Where two answers differ first, or none if they say the same. `tolerance` is a part of the larger number.
pub(super) fn difference(a: &Value, b: &Value, tolerance: f64) -> Option<String> {
    let mut place = String::new();
    let found = differ(a, b, tolerance, &mut place)?;
    Some(format!("at {}: {found}", if place.is_empty() { "/" } else { &place }))
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
        difference(&serde_json::from_str(a).unwrap(), &serde_json::from_str(b).unwrap(), 1e-12)
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
}
