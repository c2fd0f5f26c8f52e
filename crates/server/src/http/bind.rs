//! The parameter `params`: a JSON object of values for `$name` in the query's text.

use node::{BindValue, JsonValue, Params};
use serde_json::Value;

/// Reads the object; empty and `null` mean none.
///
/// # Errors
/// InfluxDB's text for what is no JSON object.
pub(crate) fn read(text: &str) -> Result<Params, String> {
    if text.trim().is_empty() {
        return Ok(Params::default());
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Null) => Ok(Params::default()),
        Ok(Value::Object(members)) => Ok(members.iter().map(|(name, value)| (name.clone(), bound(value))).collect()),
        Ok(other) => {
            let kind = match other {
                Value::Array(_) => "array",
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                _ => "string",
            };
            let text = format!("json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}");
            Err(format!("error parsing query parameters: {text}"))
        }
        Err(error) if error.is_eof() => Err("error parsing query parameters: unexpected EOF".to_owned()),
        Err(error) => Err(format!("error parsing query parameters: {error}")),
    }
}

fn bound(value: &Value) -> BindValue {
    if let Value::Object(members) = value
        && let (1, Some((kind, inner))) = (members.len(), members.iter().next())
    {
        return with_json(inner, |inner| BindValue::from_json_object(kind, inner));
    }
    with_json(value, BindValue::from_json)
}

fn with_json<T>(value: &Value, then: impl FnOnce(JsonValue<'_>) -> T) -> T {
    match value {
        Value::Null => then(JsonValue::Null),
        Value::Bool(value) => then(JsonValue::Boolean(*value)),
        Value::Number(number) => then(JsonValue::Number(&number.to_string())),
        Value::String(text) => then(JsonValue::String(text)),
        Value::Array(_) => then(JsonValue::Array),
        Value::Object(_) => then(JsonValue::Object),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_objects_and_refuses_others() {
        assert!(read("").unwrap().is_empty() && read("null").unwrap().is_empty() && read("{}").unwrap().is_empty());
        let params = read(r#"{"a":1,"b":"x","c":{"regex":"^a"},"d":1.5}"#).unwrap();
        assert_eq!(params.get("a"), Some(&BindValue::Integer(1)));
        assert_eq!(params.get("c"), Some(&BindValue::Regex("^a".to_owned())));
        assert_eq!(params.get("d"), Some(&BindValue::Number(1.5)));
        assert_eq!(read("{").unwrap_err(), "error parsing query parameters: unexpected EOF");
        assert!(read("[1]").unwrap_err().contains("cannot unmarshal array"));
    }
}
