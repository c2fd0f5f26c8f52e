//! The raw series key: measurement and tags as a client wrote them.
//!
//! ```text
//! key  = measurement *("," tag)      up to the first space
//! tag  = key "=" value
//! ```
//!
//! A comma, space or equals sign with a backslash before it belongs to the name (whatever stands before the backslash); in
//! the measurement the equals sign means nothing. All other backslashes are themselves. A value may begin with `=`.
//!
//! [`key_length`] finds the end of a key and is the only judge of its structure; `fast` accepts keys that it accepts.
//! [`LineKeys`] makes the canonical form: tags sorted, escapes normalised.

use crate::error::{LineProblem, unable_to_parse};
use crate::line;
use model::{KeyError, KeyText, TagSet, Text, series_key};

/// The bytes that a backslash protects in a measurement or a field's name.
const NAME_ESCAPES: &[u8] = b",\" =";
/// The bytes that a backslash protects in a tag's key or value.
const TAG_ESCAPES: &[u8] = b",= ";

/// Unescapes a measurement's or a field's raw name.
pub(crate) fn unescape_name(raw: &[u8]) -> Text {
    series_key::unescape(raw, NAME_ESCAPES)
}

/// The length of the raw key at the start of `text`: up to the first space without a backslash, or all of the text.
///
/// # Errors
/// The key is malformed: the first thing wrong from the left, duplicate tags excepted.
pub(crate) fn key_length(text: &[u8]) -> Result<usize, LineProblem> {
    if matches!(text.first(), None | Some(b',')) {
        return Err(LineProblem::MissingMeasurement);
    }
    let mut at = 1;
    loop {
        at = find(text, at, b", ");
        if text.get(at) != Some(&b',') {
            return Ok(at);
        }
        at = tag_end(text, at + 1)?;
        if text.get(at) != Some(&b',') {
            return Ok(at);
        }
    }
}

/// The end of the tag that begins at `start`.
fn tag_end(text: &[u8], start: usize) -> Result<usize, LineProblem> {
    if matches!(text.get(start), None | Some(b' ' | b',' | b'=')) {
        return Err(LineProblem::MissingTagKey);
    }
    let equals = find(text, start + 1, b" ,=");
    if text.get(equals) != Some(&b'=') {
        return Err(LineProblem::MissingTagValue);
    }
    if matches!(text.get(equals + 1), None | Some(b',' | b' ')) {
        return Err(LineProblem::MissingTagValue);
    }
    let end = find(text, equals + 2, b" ,=");
    if text.get(end) == Some(&b'=') {
        return Err(LineProblem::InvalidTagFormat);
    }
    Ok(end)
}

/// The first byte of `marks` at or after `from` without a backslash before it, or the end.
fn find(text: &[u8], from: usize, marks: &[u8]) -> usize {
    (from..text.len()).find(|&at| marks.contains(&text[at]) && text[at - 1] != b'\\').unwrap_or(text.len())
}

/// A key's raw measurement, and what follows its comma.
fn cut_measurement(key: &[u8]) -> (&[u8], Option<&[u8]>) {
    cut(key, b',')
}

/// The raw tags of what follows a measurement.
fn raw_tags(rest: Option<&[u8]>) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = rest;
    std::iter::from_fn(move || {
        let (tag, after) = cut(rest?, b',');
        rest = after;
        let (key, value) = cut(tag, b'=');
        Some((key, value.unwrap_or_default()))
    })
}

/// Cuts at the first `mark` after the first byte without a backslash before it.
fn cut(text: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    let at = find(text, 1, &[mark]);
    if at < text.len() { (&text[..at], Some(&text[at + 1..])) } else { (text, None) }
}

/// The measurement of a well-formed raw key, unescaped.
pub(crate) fn measurement(key: &[u8]) -> Text {
    unescape_name(cut_measurement(key).0)
}

/// Whether a well-formed raw key has the tag `time`, which points may not have.
pub(crate) fn has_time_tag(key: &[u8]) -> bool {
    raw_tags(cut_measurement(key).1).any(|(tag, _)| tag == b"time")
}

/// Whether two tags of a well-formed raw key have the same key.
pub(crate) fn has_duplicates(key: &[u8]) -> bool {
    let mut tags: Vec<&[u8]> = raw_tags(cut_measurement(key).1).map(|(tag, _)| tag).collect();
    tags.sort_unstable();
    tags.windows(2).any(|pair| pair[0] == pair[1])
}

/// The line protocol's keys: canonical form and errors.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineKeys;

impl KeyText for LineKeys {
    fn canonical(&self, raw: &[u8], key: &mut Vec<u8>) -> Result<(), KeyError> {
        let fail = |problem: LineProblem| KeyError(problem.to_string());
        if key_length(raw).map_err(fail)? != raw.len() {
            return Err(fail(LineProblem::InvalidTagFormat));
        }
        let (name, rest) = cut_measurement(raw);
        let mut tags: Vec<(&[u8], &[u8])> = raw_tags(rest).collect();
        let escaped = raw.contains(&b'\\');
        tags.sort_unstable();
        if tags.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(fail(LineProblem::DuplicateTags));
        }
        if escaped || tags.iter().any(|(_, value)| value.first() == Some(&b'=')) {
            let unescape = |text: &[u8]| series_key::unescape(text, TAG_ESCAPES);
            let pairs = tags.iter().map(|(tag, value)| (unescape(tag), unescape(value))).collect();
            series_key::push_key(&unescape_name(name), &TagSet::new(pairs), key);
            return Ok(());
        }
        key.reserve(raw.len());
        key.extend_from_slice(name);
        for (tag, value) in tags {
            key.push(b',');
            key.extend_from_slice(tag);
            key.push(b'=');
            key.extend_from_slice(value);
        }
        Ok(())
    }
}

/// The message for a raw key that [`LineKeys`] refuses: `unable to parse '<line>': <error>`. `key_start` is where the key
/// lies in the body.
#[must_use]
pub fn key_error_text(body: &[u8], key_start: u32, error: &KeyError) -> String {
    let start = (key_start as usize).min(body.len());
    let blank = body[..start].iter().rev().take_while(|&&byte| line::is_blank(byte)).count();
    let line = line::line_text(body, start - blank);
    unable_to_parse(line.get(blank..).unwrap_or_default(), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(raw: &str) -> Result<String, String> {
        let mut key = Vec::new();
        LineKeys.canonical(raw.as_bytes(), &mut key).map_err(|error| error.0)?;
        Ok(String::from_utf8(key).unwrap())
    }

    #[test]
    fn sorts_tags_and_normalises_escapes() {
        assert_eq!(canonical("m,b=2,a=1").unwrap(), "m,a=1,b=2");
        assert_eq!(canonical(r#"a\=b\"c\ d,t\ =x"#).unwrap(), r#"a=b"c\ d,t\ =x"#);
        assert_eq!(canonical("m,t==x").unwrap(), r"m,t=\=x");
        assert_eq!(canonical(r"m,t=a\\,b").unwrap(), r"m,t=a\\,b");
        assert_eq!(canonical(r"m,t=C:\dir").unwrap(), r"m,t=C:\dir");
    }

    #[test]
    fn names_what_is_wrong() {
        for (raw, text) in [
            (",a=1", "missing measurement"),
            ("m,", "missing tag key"),
            ("m,=1", "missing tag key"),
            ("m,a", "missing tag value"),
            ("m,a=", "missing tag value"),
            ("m,a=1=2", "invalid tag format"),
            ("m,a=1,b=2,a=3", "duplicate tags"),
        ] {
            assert_eq!(canonical(raw).unwrap_err(), text, "{raw}");
        }
    }

    #[test]
    fn finds_the_line_of_a_key() {
        let body = b"x v=1\n  m,a=1,a=2 v=\"p\nq\"\r\ny v=1";
        let error = KeyError("duplicate tags".to_owned());
        assert_eq!(key_error_text(body, 8, &error), "unable to parse 'm,a=1,a=2 v=\"p\nq\"': duplicate tags");
        assert_eq!(key_error_text(b"", 9, &error), "unable to parse '': duplicate tags");
    }
}
