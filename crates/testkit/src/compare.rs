//! Says where two answers differ. JSON is compared value by value, everything else as text. Numbers must be written alike to the
//! last digit, unless the case allows a relative difference: sums over floats depend on the order of addition, which
//! InfluxDB does not fix either.

use crate::Json;

/// How much two floats may differ, relative to the larger one; 0: not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tolerance(pub f64);

/// The first difference between two bodies, as text; none if they are alike.
#[must_use]
pub fn difference(wanted: &str, found: &str, tolerance: Tolerance) -> Option<String> {
    if wanted == found {
        return None;
    }
    match (Json::read_all(wanted), Json::read_all(found)) {
        (Ok(wanted), Ok(found)) if !wanted.is_empty() => {
            if wanted.len() != found.len() {
                return Some(format!("{} documents, not {}", found.len(), wanted.len()));
            }
            let mut pairs = wanted.iter().zip(&found).enumerate();
            pairs.find_map(|(at, (wanted, found))| json(wanted, found, tolerance, &format!("document {at}")))
        }
        _ => Some("texts differ".to_owned()),
    }
}

fn json(wanted: &Json, found: &Json, tolerance: Tolerance, path: &str) -> Option<String> {
    match (wanted, found) {
        (Json::List(wanted), Json::List(found)) => {
            let mut pairs = wanted.iter().zip(found).enumerate();
            let inner =
                pairs.find_map(|(at, (wanted, found))| json(wanted, found, tolerance, &format!("{path}[{at}]")));
            let count = || {
                let text = format!("{path}: {} elements, not {}", found.len(), wanted.len());
                (wanted.len() != found.len()).then_some(text)
            };
            inner.or_else(count)
        }
        (Json::Object(wanted), Json::Object(found)) => {
            let names = |members: &[(String, Json)]| members.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            if names(wanted) != names(found) {
                return Some(format!("{path}: members {:?}, not {:?}", names(found), names(wanted)));
            }
            let mut pairs = wanted.iter().zip(found);
            pairs.find_map(|((name, wanted), (_, found))| json(wanted, found, tolerance, &format!("{path}.{name}")))
        }
        (Json::Number(a), Json::Number(b)) if close(a, b, tolerance) => None,
        _ if wanted == found => None,
        _ => Some(format!("{path}: {found}, not {wanted}")),
    }
}

fn close(wanted: &str, found: &str, Tolerance(relative): Tolerance) -> bool {
    if wanted == found {
        return true;
    }
    match (wanted.parse::<f64>(), found.parse::<f64>()) {
        (Ok(wanted), Ok(found)) if relative > 0.0 => {
            (wanted - found).abs() <= relative * wanted.abs().max(found.abs()).max(1.0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_differences() {
        let differ = |wanted: &str, found: &str, relative: f64| difference(wanted, found, Tolerance(relative));
        assert_eq!(differ(r#"{"a":[1, 2]}"#, r#"{"a":[1,2]}"#, 0.0), None);
        assert_eq!(differ("[1]", "[1.0]", 0.0).as_deref(), Some("document 0[0]: 1.0, not 1"));
        assert_eq!(differ("[0.3]", "[0.30000000000000004]", 1e-12), None);
        assert!(differ("[0.3]", "[0.30000000000000004]", 0.0).is_some());
        assert!(differ("[0.3]", "[0.31]", 1e-12).is_some());
        assert!(differ(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, 0.0).is_some());
        assert!(differ("{}", "{}\n{}", 0.0).is_some());
        assert!(differ("[1,2]", "[1]", 1e-12).is_some());
        assert!(differ("a", "b", 0.0).is_some());
    }
}
