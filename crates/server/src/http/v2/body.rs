//! JSON bodies of requests, and errors about them in the words of Go's `encoding/json`, which clients match.

use serde_json::error::Category;
use serde_json::{Map, Value};

/// Reads an object; `type_name` is what Go calls its type.
///
/// # Errors
/// Go's text for what is no JSON, or no object.
pub(super) fn object(bytes: &[u8], type_name: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(other) => Err(format!("json: cannot unmarshal {} into Go value of type httpd.{type_name}", kind(&other))),
        Err(error) => Err(syntax(bytes, &error)),
    }
}

/// A text of an object; none where it is missing or null.
///
/// # Errors
/// Go's text for a value of another type; `field` is what Go calls it.
pub(super) fn text<'a>(members: &'a Map<String, Value>, name: &str, field: &str) -> Result<Option<&'a str>, String> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(unfit(other, field, "string")),
    }
}

/// A whole number of an object, likewise.
///
/// # Errors
/// Go's text for a value of another type.
pub(super) fn whole(members: &Map<String, Value>, name: &str, field: &str) -> Result<Option<i64>, String> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => match number.as_i64() {
            Some(number) => Ok(Some(number)),
            None => Err(format!("json: cannot unmarshal number {number} into Go struct field {field} of type int64")),
        },
        Some(other) => Err(unfit(other, field, "int64")),
    }
}

/// Go's text for a value that does not fit its place.
pub(super) fn unfit(value: &Value, field: &str, type_name: &str) -> String {
    format!("json: cannot unmarshal {} into Go struct field {field} of type {type_name}", kind(value))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn syntax(bytes: &[u8], error: &serde_json::Error) -> String {
    if error.classify() == Category::Eof {
        return "unexpected end of JSON input".to_owned();
    }
    let line = bytes.split(|&byte| byte == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let found = line.get(error.column().saturating_sub(1)).copied().unwrap_or(b' ');
    let found = char::from(found).escape_default();
    let told = error.to_string();
    let whereabouts = match () {
        () if told.starts_with("key must be a string") => "looking for beginning of object key string",
        () if told.starts_with("trailing characters") => "after top-level value",
        () if told.starts_with("expected `,` or `}`") => "after object key:value pair",
        () if told.starts_with("expected `,` or `]`") => "after array element",
        () if told.starts_with("expected `:`") => "after object key",
        () if told.starts_with("control character") => "in string literal",
        () => "looking for beginning of value",
    };
    format!("invalid character '{found}' {whereabouts}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_as_go_tells_them() {
        let told = |text: &str| object(text.as_bytes(), "DeleteBody").unwrap_err();
        assert_eq!(told(""), "unexpected end of JSON input");
        assert_eq!(told("{\"a\":"), "unexpected end of JSON input");
        assert_eq!(told("{bad"), "invalid character 'b' looking for beginning of object key string");
        assert_eq!(told("{} x"), "invalid character 'x' after top-level value");
        assert_eq!(told("{\"a\" 1}"), "invalid character '1' after object key");
        assert_eq!(told("{\"a\":1 2}"), "invalid character '2' after object key:value pair");
        assert_eq!(told("[1"), "unexpected end of JSON input");
        assert_eq!(told("[]"), "json: cannot unmarshal array into Go value of type httpd.DeleteBody");
    }

    #[test]
    fn members_have_types() {
        let members = object(br#"{"a":"x","b":5,"c":null,"d":1.5}"#, "DeleteBody").unwrap();
        assert_eq!(text(&members, "a", "F.a"), Ok(Some("x")));
        assert_eq!(text(&members, "c", "F.c"), Ok(None));
        let unfit = "json: cannot unmarshal number into Go struct field F.b of type string";
        assert_eq!(text(&members, "b", "F.b"), Err(unfit.to_owned()));
        assert_eq!(whole(&members, "b", "F.b"), Ok(Some(5)));
        assert!(whole(&members, "d", "F.d").is_err());
    }
}
