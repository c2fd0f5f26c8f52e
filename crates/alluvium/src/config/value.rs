//! A value of the configuration, from a file or an environment variable, and its reading as what a key wants.

use anyhow::{Result, anyhow, bail};
use std::fmt;
use std::time::Duration;

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Text; all of the environment is text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A truth value.
    Boolean(bool),
    /// Texts.
    List(Vec<String>),
    /// What no key wants.
    Other,
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(out, "{text:?}"),
            Self::Integer(number) => write!(out, "{number}"),
            Self::Boolean(value) => write!(out, "{value}"),
            Self::List(texts) => write!(out, "{texts:?}"),
            Self::Other => out.write_str("(table)"),
        }
    }
}

impl Value {
    /// A value of a TOML file.
    #[must_use]
    pub(crate) fn from_toml(value: &toml::Value) -> Self {
        match value {
            toml::Value::String(text) => Self::Text(text.clone()),
            toml::Value::Integer(number) => Self::Integer(*number),
            toml::Value::Boolean(value) => Self::Boolean(*value),
            toml::Value::Array(values) => {
                Self::List(values.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect())
            }
            _ => Self::Other,
        }
    }

    /// Whether it switches off: false, none, or nothing.
    #[must_use]
    pub(crate) fn is_off(&self) -> bool {
        match self {
            Self::Text(text) => matches!(text.as_str(), "" | "0" | "0s" | "false"),
            Self::Integer(number) => *number == 0,
            Self::Boolean(value) => !value,
            Self::List(texts) => texts.is_empty(),
            Self::Other => false,
        }
    }

    /// As text.
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn text(&self) -> Result<String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            _ => bail!("a text is expected"),
        }
    }

    /// As a truth value.
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn boolean(&self) -> Result<bool> {
        match self {
            Self::Boolean(value) => Ok(*value),
            Self::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "t" => Ok(true),
                "false" | "0" | "f" => Ok(false),
                _ => bail!("true or false is expected"),
            },
            _ => bail!("true or false is expected"),
        }
    }

    /// As a count.
    ///
    /// # Errors
    /// It is something else, or negative.
    pub(crate) fn count(&self) -> Result<u64> {
        let expected = || anyhow!("a whole number is expected");
        match self {
            Self::Integer(number) => u64::try_from(*number).map_err(|_| expected()),
            Self::Text(text) => text.trim().parse().map_err(|_| expected()),
            _ => Err(expected()),
        }
    }

    /// As a size in bytes: a number, or one with `k`, `m` or `g` behind it (powers of 1,024).
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn size(&self) -> Result<u64> {
        let Self::Text(text) = self else { return self.count() };
        let text = text.trim().to_ascii_lowercase();
        let shift = match text.chars().last() {
            Some('k') => 10,
            Some('m') => 20,
            Some('g') => 30,
            _ => 0,
        };
        let digits = if shift == 0 { text.as_str() } else { &text[..text.len() - 1] };
        let number: u64 = digits.trim().parse().map_err(|_| anyhow!("a size is expected, such as 25m or 4g"))?;
        number.checked_mul(1 << shift).ok_or_else(|| anyhow!("the size is too large"))
    }

    /// As a duration: numbers with units, such as `10s` or `1h30m`; a bare `0` is none.
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn duration(&self) -> Result<Duration> {
        let expected = || anyhow!("a duration is expected, such as 10s or 1h30m");
        let text = match self {
            Self::Integer(0) => return Ok(Duration::ZERO),
            Self::Text(text) => text.trim(),
            _ => return Err(expected()),
        };
        if text == "0" {
            return Ok(Duration::ZERO);
        }
        let mut total = Duration::ZERO;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(expected)?;
            let number: f64 = rest[..digits].parse().map_err(|_| expected())?;
            let after = &rest[digits..];
            let unit_len = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let seconds = match &after[..unit_len] {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                "w" => 604_800.0,
                _ => return Err(expected()),
            };
            total += Duration::try_from_secs_f64(number * seconds).map_err(|_| expected())?;
            rest = &after[unit_len..];
        }
        if text.is_empty() { Err(expected()) } else { Ok(total) }
    }

    /// As a list of texts; text is cut at commas.
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn list(&self) -> Result<Vec<String>> {
        match self {
            Self::List(texts) => Ok(texts.clone()),
            Self::Text(text) => {
                Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
            }
            _ => bail!("a list of texts is expected"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations() {
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(text("25m").size().unwrap(), 25 << 20);
        assert_eq!(Value::Integer(7).size().unwrap(), 7);
        assert!(text("m").size().is_err() && text("").size().is_err());
        assert_eq!(text("1h30m").duration().unwrap(), Duration::from_secs(5_400));
        assert_eq!(text("500ms").duration().unwrap(), Duration::from_millis(500));
        assert_eq!(text("0").duration().unwrap(), Duration::ZERO);
        assert!(text("10").duration().is_err() && text("").duration().is_err() && text("5y").duration().is_err());
    }
}
