//! Bind parameters: values that replace `$name` in a text.
//!
//! A value stands for exactly one token, so it can never change the shape of a statement. One that cannot be bound keeps the
//! reason and gives it as the error of the statement that uses it.

use std::collections::HashMap;

use crate::{duration::format_duration, token::Tok};

/// Values by parameter name (without `$`).
pub type Params = HashMap<String, BindValue>;

/// What a parameter stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum BindValue {
    /// A name.
    Identifier(String),
    /// A string.
    String(String),
    /// A regex in Go syntax, without slashes.
    Regex(String),
    /// A number with a point.
    Number(f64),
    /// A whole number.
    Integer(i64),
    /// A truth value.
    Boolean(bool),
    /// A duration as text, such as `10m`.
    Duration(String),
    /// A value that cannot be bound: why not.
    Invalid(String),
}

/// A value of the request's JSON, from which a [`BindValue`] is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum JsonValue<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// The number as it is spelled.
    Number(&'a str),
    /// A string, unescaped.
    String(&'a str),
    /// A list.
    Array,
    /// An object with other than one member, or one inside an object.
    Object,
}

impl JsonValue<'_> {
    /// Name of the type in InfluxDB's message.
    fn type_name(self) -> &'static str {
        match self {
            JsonValue::Null => "<nil>",
            JsonValue::Boolean(_) => "bool",
            JsonValue::Number(_) => "json.Number",
            JsonValue::String(_) => "string",
            JsonValue::Array => "[]interface {}",
            JsonValue::Object => "map[string]interface {}",
        }
    }
}

impl BindValue {
    /// The value of a plain parameter.
    pub fn from_json(value: JsonValue<'_>) -> BindValue {
        match value {
            JsonValue::Boolean(value) => BindValue::Boolean(value),
            JsonValue::String(text) => BindValue::String(text.to_owned()),
            JsonValue::Number(text) => number(text),
            JsonValue::Object => invalid("bound object parameter value must have exactly one entry"),
            JsonValue::Null | JsonValue::Array => {
                BindValue::Invalid(format!("unable to bind parameter with type {}", value.type_name()))
            }
        }
    }

    /// The value of a parameter `{kind: value}`; kinds are `identifier` (`ident`), `regex`, `string`, `float` (`number`),
    /// `integer` (`int`) and `duration`.
    pub fn from_json_object(kind: &str, value: JsonValue<'_>) -> BindValue {
        let number = match value {
            JsonValue::Number(text) => Some(number(text)),
            _ => None,
        };
        if let Some(BindValue::Invalid(reason)) = number {
            return BindValue::Invalid(reason);
        }
        match (kind, value, number) {
            ("ident" | "identifier", JsonValue::String(text), _) => BindValue::Identifier(text.to_owned()),
            ("ident" | "identifier", ..) => invalid("identifier must be a string value"),
            ("regex", JsonValue::String(text), _) => BindValue::Regex(text.to_owned()),
            ("regex", ..) => invalid("regex literal must be a string value"),
            ("string", JsonValue::String(text), _) => BindValue::String(text.to_owned()),
            ("string", ..) => invalid("string literal must be a string value"),
            ("float" | "number", _, Some(BindValue::Number(value))) => BindValue::Number(value),
            ("float" | "number", _, Some(BindValue::Integer(value))) => BindValue::Number(value as f64),
            ("float" | "number", ..) => invalid("number literal must be a float value"),
            ("int" | "integer", _, Some(BindValue::Integer(value))) => BindValue::Integer(value),
            ("int" | "integer", ..) => invalid("integer literal must be an integer value"),
            ("duration", JsonValue::String(text), _) => BindValue::Duration(text.to_owned()),
            ("duration", _, Some(BindValue::Integer(nanos))) => BindValue::Duration(format_duration(nanos)),
            ("duration", ..) => invalid("duration literal must be a string or integer value"),
            _ => BindValue::Invalid(format!("unknown bind object type: {kind}")),
        }
    }

    /// The token the parameter becomes, with its text.
    pub(crate) fn token(&self) -> (Tok, String) {
        match self {
            BindValue::Identifier(name) => (Tok::Ident, name.clone()),
            BindValue::String(text) => (Tok::Str, text.clone()),
            BindValue::Regex(text) => (Tok::Regex, text.clone()),
            BindValue::Number(value) => (Tok::Number, value.to_string()),
            BindValue::Integer(value) => (Tok::Integer, value.to_string()),
            BindValue::Boolean(true) => (Tok::True, String::new()),
            BindValue::Boolean(false) => (Tok::False, String::new()),
            BindValue::Duration(text) => (Tok::DurationVal, text.clone()),
            BindValue::Invalid(reason) => (Tok::BoundParam, reason.clone()),
        }
    }
}

fn invalid(reason: &str) -> BindValue {
    BindValue::Invalid(reason.to_owned())
}

/// A JSON number: with a point a float, else a whole number (an exponent alone is refused, as InfluxDB does).
fn number(text: &str) -> BindValue {
    if text.contains('.') {
        return match text.parse::<f64>() {
            Ok(value) if value.is_finite() => BindValue::Number(value),
            _ => BindValue::Invalid(format!("strconv.ParseFloat: parsing {text:?}: value out of range")),
        };
    }
    text.parse().map_or_else(|_| BindValue::Invalid(integer_error("ParseInt", text)), BindValue::Integer)
}

/// Why a text is no integer, in the words of Go's `strconv`.
pub(crate) fn integer_error(function: &str, text: &str) -> String {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let signed = digits.len() < text.len();
    let numeric = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let reason = if numeric && !(signed && function == "ParseUint") { "value out of range" } else { "invalid syntax" };
    format!("strconv.{function}: parsing {text:?}: {reason}")
}
