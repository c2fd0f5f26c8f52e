//! Text to tokens. Works on bytes and borrows from the text; only quoted text with escapes is copied.
//!
//! Positions are byte offsets; [`place`] turns one into line and character when an error needs it. They follow InfluxDB's own
//! count in its oddities, for messages to be equal: a string or regex stands at the character before its quote, and once the end
//! of the text has been read it lies one character further on.
//! `\r` and `\r\n` count as one line end. A NUL ends the text.

use std::borrow::Cow;

use crate::token::{Tok, lookup};

/// A token with its place and, where it has one, its text.
#[derive(Debug, Clone)]
pub(crate) struct Token<'a> {
    /// Its kind.
    pub(crate) tok: Tok,
    /// Byte offset; `text.len() + 1` is one past the end.
    pub(crate) at: usize,
    /// Text without quotes; empty for keywords and symbols.
    pub(crate) lit: Cow<'a, str>,
}

impl<'a> Token<'a> {
    fn bare(tok: Tok, at: usize) -> Token<'a> {
        Token { tok, at, lit: Cow::Borrowed("") }
    }

    fn with(tok: Tok, at: usize, lit: impl Into<Cow<'a, str>>) -> Token<'a> {
        Token { tok, at, lit: lit.into() }
    }

    /// What an error message calls this token.
    pub(crate) fn shown(&self) -> &str {
        if self.lit.is_empty() { self.tok.name() } else { &self.lit }
    }
}

/// Reads tokens from the start to the end.
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Whether the end has been read and not given back.
    past_end: bool,
}

/// The part of the text before a NUL, which InfluxDB takes for its end.
pub(crate) fn effective(text: &str) -> &str {
    text.split('\0').next().unwrap_or(text)
}

/// Line and character, both from 1, of a byte offset.
pub(crate) fn place(text: &str, at: usize) -> (usize, usize) {
    let (mut line, mut column) = (1, 1);
    let mut chars = text.char_indices().peekable();
    while let Some((index, c)) = chars.next() {
        if index >= at {
            return (line, column);
        }
        let mut newline = c == '\n';
        if c == '\r' {
            newline = true;
            chars.next_if(|(_, next)| *next == '\n');
        }
        (line, column) = if newline { (line + 1, 1) } else { (line, column + 1) };
    }
    (line, column + at.saturating_sub(text.len()))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_ident(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl<'a> Lexer<'a> {
    /// Begins at the start of `text`, which must contain no NUL.
    pub(crate) fn new(text: &'a str) -> Lexer<'a> {
        Lexer { text, at: 0, past_end: false }
    }

    /// The character that would be read next. Looking at the end counts as having read it.
    pub(crate) fn peek(&mut self) -> Option<char> {
        let next = self.text[self.at..].chars().next();
        if next.is_none() {
            self.past_end = true;
        }
        next
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// Bytes from the current place that satisfy `accept`; moves behind them. Only for ASCII predicates.
    fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest.bytes().position(|byte| !accept(byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Offset of the end for a token that is the end.
    fn end(&self) -> usize {
        self.text.len() + usize::from(self.past_end)
    }

    /// Offset of the character before `at`.
    fn before(&self, at: usize) -> usize {
        let mut chars = self.text[..at].chars().rev();
        let Some(last) = chars.next() else { return 0 };
        if last == '\n' && chars.next() == Some('\r') { at - 2 } else { at - last.len_utf8() }
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Token<'a> {
        let start = self.at;
        let Some(first) = self.byte(0) else {
            let token = Token::bare(Tok::Eof, self.end());
            self.past_end = true;
            return token;
        };
        match first {
            _ if is_space(first) => self.space(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'"' => self.ident(true),
            b'0'..=b'9' => self.number(),
            b'.' if self.byte(1).is_some_and(|byte| byte.is_ascii_digit()) => self.number(),
            b'\'' => self.quoted(Tok::Str, self.before(start)),
            b'$' => self.param(),
            b'-' if self.byte(1) == Some(b'-') => self.line_comment(),
            b'/' if self.byte(1) == Some(b'*') => self.block_comment(),
            _ => self.symbol(),
        }
    }

    fn space(&mut self) -> Token<'a> {
        let start = self.at;
        let text = self.take_while(is_space);
        self.past_end |= self.at_end();
        let lit =
            if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { text.into() };
        Token::with(Tok::Ws, start, lit)
    }

    /// A name, bare or quoted, or a keyword. A quoted part right behind a bare one replaces it.
    fn ident(&mut self, keywords: bool) -> Token<'a> {
        let start = self.at;
        let bare = self.take_while(is_ident);
        if self.byte(0) == Some(b'"') {
            let before = self.before(self.at);
            let token = self.quoted(Tok::Ident, before);
            return if token.tok == Tok::Ident { Token { at: start, ..token } } else { token };
        }
        self.past_end |= self.at_end();
        match lookup(bare) {
            Tok::Ident => Token::with(Tok::Ident, start, bare),
            keyword if keywords => Token::bare(keyword, start),
            _ => Token::with(Tok::Ident, start, bare),
        }
    }

    fn param(&mut self) -> Token<'a> {
        let start = self.at;
        self.at += 1;
        let name = self.ident(false);
        let tok = if name.tok == Tok::Ident { Tok::BoundParam } else { name.tok };
        Token::with(tok, start, format!("${}", name.lit))
    }

    /// Text up to the quote that opened it; `tok` and `at` describe the token if all is well.
    fn quoted(&mut self, tok: Tok, at: usize) -> Token<'a> {
        let quote = self.text.as_bytes()[self.at];
        self.at += 1;
        let plain = self.take_while(|byte| byte != quote && !matches!(byte, b'\\' | b'\n' | b'\r'));
        if self.byte(0) == Some(quote) {
            self.at += 1;
            return Token::with(tok, at, plain);
        }
        let mut lit = plain.to_owned();
        loop {
            match self.byte(0) {
                None => {
                    self.past_end = true;
                    return Token::with(Tok::BadString, at, lit);
                }
                Some(b'\n' | b'\r') => {
                    self.newline();
                    return Token::with(Tok::BadString, at, lit);
                }
                Some(b'\\') => match self.escape() {
                    Ok(c) => lit.push(c),
                    Err(token) => return token,
                },
                Some(byte) if byte == quote => {
                    self.at += 1;
                    return Token::with(tok, at, lit);
                }
                Some(_) => lit.push_str(self.take_while(|b| b != quote && !matches!(b, b'\\' | b'\n' | b'\r'))),
            }
        }
    }

    /// Moves behind one line end.
    fn newline(&mut self) {
        self.at += if self.text[self.at..].starts_with("\r\n") { 2 } else { 1 };
    }

    /// The character an escape stands for.
    fn escape(&mut self) -> Result<char, Token<'a>> {
        self.at += 1;
        let at = if self.at_end() { self.end() } else { self.at };
        let Some(c) = self.text[self.at..].chars().next() else {
            self.past_end = true;
            return Err(Token::with(Tok::BadEscape, at, "\\\0"));
        };
        if matches!(c, '\n' | '\r') {
            self.newline();
            return Err(Token::with(Tok::BadEscape, at, "\\\n"));
        }
        self.at += c.len_utf8();
        match c {
            'n' => Ok('\n'),
            '\\' | '"' | '\'' => Ok(c),
            _ => Err(Token::with(Tok::BadEscape, at, format!("\\{c}"))),
        }
    }

    /// Integer, number or duration: the last is told by a letter right behind the digits.
    fn number(&mut self) -> Token<'a> {
        let start = self.at;
        self.take_while(|byte| byte.is_ascii_digit());
        if self.byte(0) == Some(b'.') {
            let whole = &self.text[start..self.at];
            self.at += 1;
            let fraction = self.take_while(|byte| byte.is_ascii_digit());
            let lit = if fraction.is_empty() { whole } else { &self.text[start..self.at] };
            return Token::with(Tok::Number, start, lit);
        }
        if self.duration_tail(false) {
            while self.duration_tail(true) {}
            return Token::with(Tok::DurationVal, start, &self.text[start..self.at]);
        }
        Token::with(Tok::Integer, start, &self.text[start..self.at])
    }

    /// Moves behind one character of a duration, if one stands there.
    fn duration_tail(&mut self, digits: bool) -> bool {
        match self.text[self.at..].chars().next() {
            Some(c) if c.is_ascii_alphabetic() || c == 'µ' || (digits && c.is_ascii_digit()) => {
                self.at += c.len_utf8();
                true
            }
            _ => false,
        }
    }

    fn line_comment(&mut self) -> Token<'a> {
        let start = self.at;
        self.take_while(|byte| !matches!(byte, b'\n' | b'\r'));
        if self.at_end() {
            self.past_end = true;
        } else {
            self.newline();
        }
        Token::bare(Tok::Comment, start)
    }

    fn block_comment(&mut self) -> Token<'a> {
        let start = self.at;
        match self.text[start + 2..].find("*/") {
            Some(length) => {
                self.at = start + 2 + length + 2;
                Token::bare(Tok::Comment, start)
            }
            None => {
                self.at = self.text.len();
                self.past_end = true;
                Token::bare(Tok::Illegal, start)
            }
        }
    }

    fn symbol(&mut self) -> Token<'a> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        let (tok, length) = match rest {
            [b'=', b'~', ..] => (Tok::EqRegex, 2),
            [b'!', b'=', ..] | [b'<', b'>', ..] => (Tok::Ne, 2),
            [b'!', b'~', ..] => (Tok::NeRegex, 2),
            [b'>', b'=', ..] => (Tok::Ge, 2),
            [b'<', b'=', ..] => (Tok::Le, 2),
            [b':', b':', ..] => (Tok::DoubleColon, 2),
            [first, ..] => (single(*first), 1),
            [] => (Tok::Illegal, 0),
        };
        if tok == Tok::Illegal {
            let length = self.text[start..].chars().next().map_or(0, char::len_utf8);
            self.at += length;
            return Token::with(tok, start, &self.text[start..self.at]);
        }
        self.at += length;
        Token::bare(tok, start)
    }

    /// Reads a regex; the caller has seen its opening slash with [`Lexer::peek`].
    pub(crate) fn regex(&mut self) -> Token<'a> {
        let at = self.before(self.at);
        self.at += 1;
        let mut lit = String::new();
        loop {
            lit.push_str(self.take_while(|byte| !matches!(byte, b'/' | b'\\' | b'\n' | b'\r')));
            match self.byte(0) {
                Some(b'/') => {
                    self.at += 1;
                    return Token::with(Tok::Regex, at, lit);
                }
                Some(b'\\') if self.byte(1) == Some(b'/') => {
                    self.at += 2;
                    lit.push('/');
                }
                Some(b'\\') => {
                    self.at += 1;
                    lit.push('\\');
                }
                Some(_) => {
                    self.newline();
                    return Token::bare(Tok::BadRegex, at);
                }
                None => {
                    self.past_end = true;
                    return Token::bare(Tok::BadRegex, at);
                }
            }
        }
    }
}

/// The token of one ASCII character.
fn single(byte: u8) -> Tok {
    match byte {
        b'.' => Tok::Dot,
        b'+' => Tok::Add,
        b'-' => Tok::Sub,
        b'*' => Tok::Mul,
        b'/' => Tok::Div,
        b'%' => Tok::Mod,
        b'&' => Tok::BitAnd,
        b'|' => Tok::BitOr,
        b'^' => Tok::BitXor,
        b'=' => Tok::Eq,
        b'>' => Tok::Gt,
        b'<' => Tok::Lt,
        b'(' => Tok::LParen,
        b')' => Tok::RParen,
        b',' => Tok::Comma,
        b';' => Tok::Semicolon,
        b':' => Tok::Colon,
        _ => Tok::Illegal,
    }
}
