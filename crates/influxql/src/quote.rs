//! Names and strings as they are printed: quoted only when needed, with `\n`, `\\` and the quote itself escaped.

use std::fmt::{self, Display, Write};

use crate::token::{Tok, lookup};

/// Whether a name can only be written in double quotes.
pub fn needs_quotes(name: &str) -> bool {
    let mut bytes = name.bytes();
    let plain_start = bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    !plain_start || !bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') || lookup(name) != Tok::Ident
}

/// A name as printed.
pub fn ident(name: &str) -> impl Display {
    Quoted { text: name, quote: needs_quotes(name).then_some('"') }
}

/// A string as printed.
pub fn string(text: &str) -> impl Display {
    Quoted { text, quote: Some('\'') }
}

struct Quoted<'a> {
    text: &'a str,
    quote: Option<char>,
}

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(quote) = self.quote else { return f.write_str(self.text) };
        f.write_char(quote)?;
        for c in self.text.chars() {
            match c {
                '\n' => f.write_str("\\n")?,
                '\\' => f.write_str("\\\\")?,
                c if c == quote => write!(f, "\\{c}")?,
                c => f.write_char(c)?,
            }
        }
        f.write_char(quote)
    }
}

/// Names joined by dots, as the message about too many of them shows them: all but the last in quotes.
pub(crate) fn path(names: &[String]) -> String {
    let mut shown = String::new();
    let last = names.len().saturating_sub(1);
    for (index, name) in names.iter().enumerate() {
        let inner_gap = name.is_empty() && index != 0 && index != last;
        let quoted = !inner_gap && (index != last || needs_quotes(name));
        if index != 0 {
            shown.push('.');
        }
        if !inner_gap {
            shown.push_str(&Quoted { text: name, quote: quoted.then_some('"') }.to_string());
        }
    }
    shown
}
