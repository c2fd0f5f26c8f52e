//! Bytes in messages: quoted as Go's `%q` does it, and InfluxDB's rule which keys are printable.

use std::fmt::Write as _;

/// The text in double quotes; quotes, backslashes and what does not print are escaped.
pub(crate) fn quoted(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for chunk in text.utf8_chunks() {
        for letter in chunk.valid().chars() {
            push_quoted(letter, &mut out);
        }
        for byte in chunk.invalid() {
            push_escape(&mut out, format_args!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

fn push_quoted(letter: char, out: &mut String) {
    match letter {
        '"' | '\\' => out.extend(['\\', letter]),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{b}' => out.push_str("\\v"),
        '\u{c}' => out.push_str("\\f"),
        _ if letter == '\u{fffd}' || prints(letter) => out.push(letter),
        _ if u32::from(letter) < 0x80 => push_escape(out, format_args!("\\x{:02x}", u32::from(letter))),
        _ if u32::from(letter) < 0x1_0000 => push_escape(out, format_args!("\\u{:04x}", u32::from(letter))),
        _ => push_escape(out, format_args!("\\U{:08x}", u32::from(letter))),
    }
}

fn push_escape(out: &mut String, escape: std::fmt::Arguments<'_>) {
    // writing to a string never fails
    let _ = out.write_fmt(escape);
}

/// Whether a key is valid UTF-8 of letters that print.
pub(crate) fn valid_key(text: &[u8]) -> bool {
    if text.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        return true;
    }
    std::str::from_utf8(text).is_ok_and(|text| text.chars().all(prints))
}

/// The text with at most three question marks for each stretch that does not print.
pub(crate) fn made_printable(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut replaced = 0;
    for chunk in text.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if prints(letter) {
                out.push(letter);
                replaced = 0;
            } else {
                push_replacement(&mut out, &mut replaced);
            }
        }
        if !chunk.invalid().is_empty() {
            push_replacement(&mut out, &mut replaced);
        }
    }
    out
}

fn push_replacement(out: &mut String, replaced: &mut u32) {
    if *replaced < 3 {
        out.push('?');
    }
    *replaced += 1;
}

/// Whether a letter leaves a mark on paper, or is the ASCII space. Without the tables of Unicode this errs on the side of
/// letters that are not assigned: they count as printing.
fn prints(letter: char) -> bool {
    let hidden = letter.is_control()
        || (letter.is_whitespace() && letter != ' ')
        || matches!(letter,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{fffd}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}');
    !hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_replaces() {
        assert_eq!(quoted(b"a\"b\\\n\x01\xff"), r#""a\"b\\\n\x01\xff""#);
        assert_eq!(quoted("é\u{200b}".as_bytes()), "\"é\\u200b\"");
        assert_eq!(made_printable(b"m\x01\x02\x03\x04n\xff"), "m???n?");
        assert!(valid_key("é x".as_bytes()) && !valid_key(b"a\xff") && !valid_key(b"a\tb"));
    }
}
