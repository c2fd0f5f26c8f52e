//! Regexes in Go's RE2 syntax: checked as Go checks them, and translated for the `regex` crate.
//!
//! One pass reads the source, keeps what both sides understand alike and rewrites the rest:
//! - `\d \w \s \b` are ASCII in Go, so they become explicit sets or lose their Unicode flag;
//! - inside `[..]` Go knows no nested set and no `&& -- ~~`, so every symbol there is written as a code point;
//! - `\Q..\E`, octal escapes and a `{` that begins no repetition become literals;
//! - captures lose their names, which no query can use (Go allows one name twice).
//!
//! The result matches the same texts as the source does in Go.

use std::fmt::Write;

use thiserror::Error;

/// Why Go would not compile a regex, in its words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("error parsing regexp: {problem}: `{part}`")]
pub struct RegexError {
    /// What is wrong.
    pub problem: &'static str,
    /// The part of the source where it is wrong.
    pub part: String,
}

/// Greatest product of nested repetition counts.
const MAX_REPEAT: u32 = 1000;

/// Whether Go would compile `source`.
pub(crate) fn check(source: &str) -> Result<(), RegexError> {
    to_rust(source).map(drop)
}

/// The regex in the syntax of the `regex` crate.
///
/// # Errors
/// As Go's `regexp.Compile`.
pub fn to_rust(source: &str) -> Result<String, RegexError> {
    let mut translation = Translation {
        source,
        rest: source,
        out: String::with_capacity(source.len() + 8),
        groups: Vec::new(),
        level: Level::default(),
        atom: Place::default(),
    };
    translation.run()?;
    Ok(translation.out)
}

/// What is known of the group that is being read.
#[derive(Default)]
struct Level {
    /// Product of the counts within the last atom, or `None` if nothing stands there to be repeated.
    atom: Option<u32>,
    /// Largest such product of the atoms before.
    largest: u32,
    /// Where the group begins in the output.
    opened_at: usize,
}

/// Where the last atom lies in the output.
#[derive(Default)]
struct Place {
    /// Its first byte.
    start: usize,
    /// Behind it and what repeats it: flags that follow are not part of it, and Go lets a repetition reach over them.
    end: usize,
    /// Whether it is repeated already.
    is_repeated: bool,
}

struct Translation<'a> {
    source: &'a str,
    rest: &'a str,
    out: String,
    /// The groups around the present one.
    groups: Vec<Level>,
    level: Level,
    atom: Place,
}

fn fail<T>(problem: &'static str, part: &str) -> Result<T, RegexError> {
    Err(RegexError { problem, part: part.to_owned() })
}

/// The part of `text` before `rest`, its own end.
fn upto<'a>(text: &'a str, rest: &str) -> &'a str {
    &text[..text.len() - rest.len()]
}

impl<'a> Translation<'a> {
    fn run(&mut self) -> Result<(), RegexError> {
        let mut last_repeat: Option<&'a str> = None;
        while let Some(c) = self.rest.chars().next() {
            let (before, start) = (self.rest, self.out.len());
            let mut repeated = None;
            match c {
                '(' if self.rest.starts_with("(?") => self.flags_or_group()?,
                '(' => {
                    self.rest = &self.rest[1..];
                    self.open();
                }
                '|' => {
                    self.pass(c);
                    self.level.end_atom();
                    self.level.atom = None;
                }
                ')' => self.close()?,
                '[' => {
                    self.class()?;
                    self.begin_atom(start);
                }
                '*' | '+' | '?' => {
                    self.repeat(1, None, last_repeat)?;
                    repeated = Some(before);
                }
                '{' => match counts(self.rest) {
                    Some((least, most, length)) => {
                        self.check_counts(least, most, length)?;
                        self.repeat(length, Some(most.unwrap_or(least)), last_repeat)?;
                        repeated = Some(before);
                    }
                    None => self.literal_here(c),
                },
                '\\' => self.backslash()?,
                '^' | '$' | '.' => {
                    self.pass(c);
                    self.begin_atom(start);
                }
                _ => self.literal_here(c),
            }
            last_repeat = repeated;
        }
        if self.groups.is_empty() { Ok(()) } else { fail("missing closing )", self.source) }
    }

    /// Copies a character.
    fn pass(&mut self, c: char) {
        self.out.push(c);
        self.rest = &self.rest[c.len_utf8()..];
    }

    /// Reads a character that stands for itself.
    fn literal_here(&mut self, c: char) {
        self.rest = &self.rest[c.len_utf8()..];
        self.literal(c);
    }

    fn literal(&mut self, c: char) {
        let start = self.out.len();
        push_char(&mut self.out, c);
        self.begin_atom(start);
    }

    /// The output from `start` on is an atom.
    fn begin_atom(&mut self, start: usize) {
        self.level.begin_atom();
        self.atom = Place { start, end: self.out.len(), is_repeated: false };
    }

    fn open(&mut self) {
        let inner = Level { opened_at: self.out.len(), ..Level::default() };
        self.out.push_str("(?:");
        self.level.end_atom();
        self.groups.push(std::mem::replace(&mut self.level, inner));
    }

    fn close(&mut self) -> Result<(), RegexError> {
        let Some(outer) = self.groups.pop() else { return fail("unexpected )", self.source) };
        self.level.end_atom();
        let inner = std::mem::replace(&mut self.level, outer);
        self.level.atom = Some(inner.largest.max(1));
        self.pass(')');
        self.atom = Place { start: inner.opened_at, end: self.out.len(), is_repeated: false };
        Ok(())
    }

    fn check_counts(&self, least: u32, most: Option<u32>, length: usize) -> Result<(), RegexError> {
        let most = most.unwrap_or(least);
        if least > MAX_REPEAT || most > MAX_REPEAT || least > most {
            return fail("invalid repeat count", &self.rest[..length]);
        }
        Ok(())
    }

    /// An operator of `length` bytes that repeats the last atom up to `count` times, if that is told.
    fn repeat(&mut self, length: usize, count: Option<u32>, last: Option<&str>) -> Result<(), RegexError> {
        let before = self.rest;
        let length = length + usize::from(before[length..].starts_with('?'));
        let after = &before[length..];
        let operator = upto(before, after);
        if let Some(last) = last {
            return fail("invalid nested repetition operator", upto(last, after));
        }
        let Some(product) = self.level.atom else { return fail("missing argument to repetition operator", operator) };
        let product = product.saturating_mul(count.unwrap_or(1).max(1));
        if count.is_some_and(|count| count >= 2) && product > MAX_REPEAT {
            return fail("invalid repeat count", operator);
        }
        self.level.atom = Some(product);
        self.repeat_atom(operator);
        self.rest = after;
        Ok(())
    }

    /// Writes an operator behind the last atom, before flags that may stand there. An atom that is repeated already becomes a
    /// group: `a+` and `?` must not become the lazy `a+?`.
    fn repeat_atom(&mut self, operator: &str) {
        if self.atom.is_repeated {
            self.out.insert(self.atom.end, ')');
            self.out.insert_str(self.atom.start, "(?:");
            self.atom.end += "(?:)".len();
        }
        self.out.insert_str(self.atom.end, operator);
        self.atom.end += operator.len();
        self.atom.is_repeated = true;
    }

    /// `(?P<name>`, `(?<name>`, `(?flags)` or `(?flags:`.
    fn flags_or_group(&mut self) -> Result<(), RegexError> {
        let whole = self.rest;
        let name_at = if whole.starts_with("(?P<") && whole.len() > 4 {
            Some(4)
        } else {
            (whole.starts_with("(?<") && whole.len() > 3).then_some(3)
        };
        if let Some(start) = name_at {
            const PROBLEM: &str = "invalid named capture";
            let Some(end) = whole.find('>') else { return fail(PROBLEM, whole) };
            let name = whole.get(start..end).unwrap_or_default();
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return fail(PROBLEM, &whole[..=end]);
            }
            self.rest = &whole[end + 1..];
            self.open();
            return Ok(());
        }
        let (mut negated, mut seen) = (false, false);
        for (index, c) in whole.char_indices().skip(2) {
            let after = &whole[index + c.len_utf8()..];
            match c {
                'i' | 'm' | 's' | 'U' => seen = true,
                '-' if !negated => (negated, seen) = (true, false),
                ':' | ')' if !negated || seen => {
                    self.rest = after;
                    self.set_flags(&whole[2..index], c == ':');
                    return Ok(());
                }
                _ => return fail("invalid or unsupported Perl syntax", upto(whole, after)),
            }
        }
        fail("invalid or unsupported Perl syntax", whole)
    }

    /// Writes flags, for a new group or for the rest of the present one.
    fn set_flags(&mut self, flags: &str, group: bool) {
        if group {
            self.open();
            self.out.truncate(self.out.len() - 1);
            self.out.push_str(flags);
            self.out.push(':');
        } else if !flags.is_empty() {
            let _ = write!(self.out, "(?{flags})");
        }
    }

    fn backslash(&mut self) -> Result<(), RegexError> {
        let start = self.out.len();
        let mut chars = self.rest.chars().skip(1);
        let kind = chars.next();
        let simple = match kind {
            Some('A') => "\\A",
            Some('z') => "\\z",
            Some('b') => "(?-u:\\b)",
            Some('B') => "(?-u:\\B)",
            Some('C') => return fail("invalid escape sequence", "\\C"),
            Some('Q') => {
                self.quoted();
                return Ok(());
            }
            Some('p' | 'P') if self.rest.len() > 2 => {
                let (class, rest) = unicode_class(self.rest)?;
                self.out.push_str(&class);
                self.rest = rest;
                self.begin_atom(start);
                return Ok(());
            }
            Some(c) => match perl_class(c) {
                Some((negated, set)) => {
                    let _ = write!(self.out, "[{}{set}]", if negated { "^" } else { "" });
                    ""
                }
                None => {
                    let (c, rest) = escape(self.rest)?;
                    self.rest = rest;
                    self.literal(c);
                    return Ok(());
                }
            },
            None => return fail("trailing backslash at end of expression", ""),
        };
        self.out.push_str(simple);
        self.rest = &self.rest[2..];
        self.begin_atom(start);
        Ok(())
    }

    /// `\Q..\E`
    fn quoted(&mut self) {
        let text = &self.rest[2..];
        let (literal, rest) = text.split_once("\\E").unwrap_or((text, ""));
        self.rest = rest;
        literal.chars().for_each(|c| self.literal(c));
    }

    /// `[..]`
    fn class(&mut self) -> Result<(), RegexError> {
        let whole = self.rest;
        let mut rest = &whole[1..];
        self.out.push('[');
        if let Some(after) = rest.strip_prefix('^') {
            self.out.push('^');
            rest = after;
        }
        let mut first = true;
        while first || !rest.starts_with(']') {
            first = false;
            rest = self.class_item(rest, whole)?;
        }
        self.out.push(']');
        self.rest = &rest[1..];
        Ok(())
    }

    /// One member of a class; returns what follows it.
    fn class_item(&mut self, text: &'a str, whole: &str) -> Result<&'a str, RegexError> {
        if let Some(end) = text.strip_prefix("[:").and_then(|name| name.find(":]")) {
            let name = &text[..end + 4];
            if !POSIX.contains(&name[2..end + 2].trim_start_matches('^')) || name.contains("^^") {
                return fail("invalid character class range", name);
            }
            self.out.push_str(name);
            return Ok(&text[name.len()..]);
        }
        if text.starts_with("\\p") || text.starts_with("\\P") {
            let (class, rest) = unicode_class(text)?;
            self.out.push_str(&class);
            return Ok(rest);
        }
        let set = text.strip_prefix('\\').and_then(|rest| rest.chars().next()).and_then(perl_class);
        if let Some((negated, set)) = set {
            let _ = write!(self.out, "[{}{set}]", if negated { "^" } else { "" });
            return Ok(&text[2..]);
        }
        let (low, rest) = class_char(text, whole)?;
        push_char(&mut self.out, low);
        let Some(end) = rest.strip_prefix('-').filter(|end| !end.is_empty() && !end.starts_with(']')) else {
            return Ok(rest);
        };
        let (high, rest) = class_char(end, whole)?;
        if high < low {
            return fail("invalid character class range", upto(text, rest));
        }
        self.out.push('-');
        push_char(&mut self.out, high);
        Ok(rest)
    }
}

impl Level {
    fn begin_atom(&mut self) {
        self.end_atom();
        self.atom = Some(1);
    }

    fn end_atom(&mut self) {
        self.largest = self.largest.max(self.atom.unwrap_or(0));
    }
}

/// Names of the sets `[:name:]`, the same in Go and here.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// Writes a character so that it stands for itself, in a class too.
fn push_char(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() {
        out.push(c);
    } else {
        let _ = write!(out, "\\x{:02X}", u32::from(c));
    }
}

/// Members of `\d`, `\s` and `\w`, and whether the letter means all others.
fn perl_class(letter: char) -> Option<(bool, &'static str)> {
    let set = match letter.to_ascii_lowercase() {
        'd' => "0-9",
        's' => "\\t\\n\\x0C\\r\\x20",
        'w' => "0-9A-Za-z_",
        _ => return None,
    };
    Some((letter.is_ascii_uppercase(), set))
}

/// `{n}`, `{n,}` or `{n,m}` at the start of `text`: least, most (least again if that is open) and length in bytes.
fn counts(text: &str) -> Option<(u32, Option<u32>, usize)> {
    let inner = &text[1..text.find('}')?];
    let (least, most) = inner.split_once(',').map_or((inner, None), |(least, most)| (least, Some(most)));
    let most = match most {
        None => Some(count(least)?),
        Some("") => None,
        Some(most) => Some(count(most)?),
    };
    Some((count(least)?, most, inner.len() + 2))
}

/// Digits without leading zeros; huge numbers are merely large.
fn count(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let zeros = text.len() > 1 && text.starts_with('0');
    (digits && !zeros).then(|| text.parse().unwrap_or(u32::MAX))
}

/// `\p{Name}`, `\pN` and their negations.
fn unicode_class(text: &str) -> Result<(String, &str), RegexError> {
    const PROBLEM: &str = "invalid character class range";
    let mut negated = text.starts_with("\\P");
    let Some(first) = text[2..].chars().next() else { return fail("invalid escape sequence", &text[..2]) };
    let (name, rest) = if first == '{' {
        let Some(end) = text.find('}') else { return fail(PROBLEM, text) };
        (&text[3..end], &text[end + 1..])
    } else {
        text[2..].split_at(first.len_utf8())
    };
    let plain = name.strip_prefix('^').unwrap_or(name);
    negated ^= plain.len() < name.len();
    let class = format!("\\{}{{{plain}}}", if negated { 'P' } else { 'p' });
    let spelled = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if !spelled || regex_syntax::parse(&class).is_err() {
        return fail(PROBLEM, upto(text, rest));
    }
    Ok((class, rest))
}

/// One character of a class, perhaps escaped.
fn class_char<'a>(text: &'a str, whole: &str) -> Result<(char, &'a str), RegexError> {
    match text.chars().next() {
        None => fail("missing closing ]", whole),
        Some('\\') => escape(text),
        Some(c) => Ok((c, &text[c.len_utf8()..])),
    }
}

/// The character an escape stands for, and what follows.
fn escape(text: &str) -> Result<(char, &str), RegexError> {
    const PROBLEM: &str = "invalid escape sequence";
    let Some(c) = text[1..].chars().next() else { return fail("trailing backslash at end of expression", "") };
    let rest = &text[1 + c.len_utf8()..];
    let octal = |rest: &str| rest.bytes().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let simple = match c {
        'a' => '\u{7}',
        'f' => '\u{C}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{B}',
        'x' => return hexadecimal(text, rest),
        '0'..='7' if c == '0' || octal(rest) > 0 => {
            let end = 2 + octal(rest);
            let value = u32::from_str_radix(&text[1..end], 8).unwrap_or(0);
            return Ok((scalar(value), &text[end..]));
        }
        _ if c.is_ascii() && !c.is_ascii_alphanumeric() => c,
        _ => return fail(PROBLEM, upto(text, rest)),
    };
    Ok((simple, rest))
}

/// `\xHH` or `\x{H..}`; `rest` follows the `x`.
fn hexadecimal<'a>(text: &'a str, rest: &'a str) -> Result<(char, &'a str), RegexError> {
    const PROBLEM: &str = "invalid escape sequence";
    let Some(digits) = rest.strip_prefix('{') else {
        let mut chars = rest.char_indices().skip(2).map(|(index, _)| index);
        let end = chars.next().unwrap_or(rest.len());
        let pair = &rest[..end];
        return match u32::from_str_radix(pair, 16) {
            Ok(value) if pair.len() == 2 && !pair.starts_with('+') => Ok((scalar(value), &rest[end..])),
            _ => fail(PROBLEM, upto(text, &rest[end..])),
        };
    };
    let mut value = 0_u32;
    for (index, c) in digits.char_indices() {
        let after = &digits[index + c.len_utf8()..];
        match c.to_digit(16) {
            Some(digit) if value * 16 + digit <= u32::from(char::MAX) => value = value * 16 + digit,
            None if c == '}' && index > 0 => return Ok((scalar(value), after)),
            _ => return fail(PROBLEM, upto(text, after)),
        }
    }
    fail(PROBLEM, text)
}

/// The character of a code point; half a surrogate pair is no character, and Go reads it as U+FFFD.
fn scalar(value: u32) -> char {
    char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)
}
