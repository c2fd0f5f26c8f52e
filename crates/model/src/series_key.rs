//! The canonical series key: measurement and sorted tags as one byte string, as SHOW SERIES prints it.
//!
//! ```text
//! key    = name *("," tag)
//! tag    = key "=" value            sorted by the bytes of the unescaped key
//! name   : comma and space carry a backslash before them
//! key, value : comma, space and equals carry a backslash before them
//! ```
//!
//! A backslash that stands before any other byte is itself. Equal series have equal keys, whatever way they were written;
//! the order of keys is the order of their bytes.

use crate::{TagSet, Text};

/// Appends the canonical key of a measurement with its tags.
pub fn push_key(measurement: &[u8], tags: &TagSet, out: &mut Vec<u8>) {
    push_measurement(measurement, out);
    for (key, value) in tags.pairs() {
        push_tag(key, value, out);
    }
}

/// Appends what a canonical key begins with: the measurement, escaped.
pub fn push_measurement(measurement: &[u8], out: &mut Vec<u8>) {
    push_escaped(measurement, b", ", out);
}

/// Appends one tag of a canonical key, the comma before it included; tags must come in order of their keys.
pub fn push_tag(key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.push(b',');
    push_escaped(key, b",= ", out);
    out.push(b'=');
    push_escaped(value, b",= ", out);
}

/// The canonical key of a measurement with its tags.
#[must_use]
pub fn key(measurement: &[u8], tags: &TagSet) -> Vec<u8> {
    let mut out = Vec::new();
    push_key(measurement, tags, &mut out);
    out
}

fn push_escaped(text: &[u8], special: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        if special.contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

/// Takes a canonical key apart: measurement and tags, unescaped.
#[must_use]
pub fn parse(key: &[u8]) -> (Text, TagSet) {
    let (name, mut rest) = cut(key, b',');
    let measurement = unescape(name, b", ");
    let mut pairs = Vec::new();
    while let Some(text) = rest {
        let (tag, after) = cut(text, b',');
        let (tag_key, value) = cut(tag, b'=');
        pairs.push((unescape(tag_key, b",= "), unescape(value.unwrap_or_default(), b",= ")));
        rest = after;
    }
    (measurement, TagSet::new(pairs))
}

/// The escaped measurement part of a canonical key.
#[must_use]
pub fn measurement_part(key: &[u8]) -> &[u8] {
    cut(key, b',').0
}

/// Cuts at the first `mark` without a backslash before it. Whatever stands before that backslash does not matter: in
/// `\\,` the comma is protected too, and the name contains a backslash and a comma.
fn cut(text: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    let protected = |at: usize| at > 0 && text[at - 1] == b'\\';
    match (0..text.len()).find(|&at| text[at] == mark && !protected(at)) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// Removes each backslash that stands before a byte of `special`.
#[must_use]
pub fn unescape(text: &[u8], special: &[u8]) -> Text {
    if !text.contains(&b'\\') {
        return text.into();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut index = 0;
    while index < text.len() {
        if text[index] == b'\\' && text.get(index + 1).is_some_and(|next| special.contains(next)) {
            index += 1;
        }
        out.push(text[index]);
        index += 1;
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Text {
        text.as_bytes().into()
    }

    #[test]
    fn takes_apart_what_it_put_together() {
        let tags = TagSet::new(vec![(text("h,o st"), text("a=b c")), (text("a"), text("x\\y"))]);
        let key = key(b"cpu load,1", &tags);
        assert_eq!(key, br"cpu\ load\,1,a=x\y,h\,o\ st=a\=b\ c");
        let (measurement, parsed) = parse(&key);
        assert_eq!((&*measurement, &parsed), (b"cpu load,1".as_slice(), &tags));
        assert_eq!(measurement_part(&key), br"cpu\ load\,1");
    }

    #[test]
    fn keeps_a_backslash_before_a_mark() {
        let tags = TagSet::new(vec![(text("t"), text(r"a\,b"))]);
        assert_eq!(parse(&key(b"m", &tags)), (text("m"), tags));
    }
}
