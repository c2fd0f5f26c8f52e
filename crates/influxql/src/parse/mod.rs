//! Tokens to statements by recursive descent.
//!
//! [`Parser`] hands out tokens and takes up to three back. It keeps to the order in which InfluxDB's own parser asks for tokens and
//! looks at raw characters, because the texts and places of its errors follow from that order: a regex, for one, is recognised by
//! the raw character ahead even when a token has been taken back. Nesting is counted, so hostile text meets an error
//! before the stack ends.

mod admin;
mod data;
mod expr;
mod select;
mod show;
mod statement;

use std::borrow::Cow;

use crate::{
    MAX_NESTING, ParseError,
    ast::{Expr, Statement},
    duration::parse_duration,
    lexer::{self, Lexer, Token},
    params::{Params, integer_error},
    token::Tok,
};

/// Decides whether a time zone of this name is known.
pub type ZoneCheck<'a> = &'a dyn Fn(&str) -> bool;

/// Parses statements separated by `;`. Empty statements are skipped, space around the text is not counted in the places of
/// errors. Any well-formed time zone name passes.
///
/// # Errors
/// The first thing wrong in the text; no statement is returned then.
pub fn parse_query(text: &str, params: &Params) -> Result<Vec<Statement>, ParseError> {
    parse_query_with_zones(text, params, &plausible_zone)
}

/// [`parse_query`] that asks `zone_known` about the name in `tz('..')`.
///
/// # Errors
/// As [`parse_query`], and `unable to find time zone ..`.
pub fn parse_query_with_zones(
    text: &str,
    params: &Params,
    zone_known: ZoneCheck<'_>,
) -> Result<Vec<Statement>, ParseError> {
    Parser::new(text.trim(), params, zone_known).query()
}

/// Parses the first statement of a text and leaves the rest unread.
///
/// # Errors
/// What is wrong in the statement.
pub fn parse_statement(text: &str) -> Result<Statement, ParseError> {
    Parser::new(text, &Params::new(), &plausible_zone).statement()
}

/// Parses an expression at the start of a text and leaves the rest unread.
///
/// # Errors
/// What is wrong in the expression.
pub fn parse_expr(text: &str) -> Result<Expr, ParseError> {
    Parser::new(text, &Params::new(), &plausible_zone).expr()
}

/// Whether a name could be that of a time zone.
fn plausible_zone(name: &str) -> bool {
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+'));
    letters && !name.starts_with('/')
}

type Parsed<T> = Result<T, ParseError>;

/// Tokens kept so that they can be taken back.
const KEPT: usize = 3;

struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    params: &'a Params,
    zone_known: ZoneCheck<'a>,
    /// The last tokens, a ring; `newest` is the index of the one read last.
    ring: [Token<'a>; KEPT],
    newest: usize,
    /// How many of them have been taken back.
    back: usize,
    /// Parentheses, calls and subqueries that are open.
    nesting: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, params: &'a Params, zone_known: ZoneCheck<'a>) -> Parser<'a> {
        let text = lexer::effective(text);
        let none = Token { tok: Tok::Illegal, at: 0, lit: Cow::Borrowed("") };
        let ring = [none.clone(), none.clone(), none];
        Parser { text, lexer: Lexer::new(text), params, zone_known, ring, newest: 0, back: 0, nesting: 0 }
    }

    fn query(&mut self) -> Parsed<Vec<Statement>> {
        let mut statements = Vec::new();
        let mut separated = true;
        loop {
            let token = self.scan();
            match token.tok {
                Tok::Eof => return Ok(statements),
                Tok::Semicolon => separated = true,
                _ if !separated => return Err(self.expected(&token, ";")),
                _ => {
                    self.unscan();
                    statements.push(self.statement()?);
                    separated = false;
                }
            }
        }
    }

    /// The next token, spaces and comments included; parameters are replaced by their values.
    fn scan_any(&mut self) -> Token<'a> {
        self.scan_by(Lexer::next)
    }

    fn scan_by(&mut self, read: impl FnOnce(&mut Lexer<'a>) -> Token<'a>) -> Token<'a> {
        if self.back > 0 {
            self.back -= 1;
        } else {
            self.newest = (self.newest + 1) % KEPT;
            self.ring[self.newest] = read(&mut self.lexer);
        }
        let token = self.ring[(self.newest + KEPT - self.back % KEPT) % KEPT].clone();
        if token.tok == Tok::BoundParam { self.bound(token) } else { token }
    }

    /// The token a parameter stands for, or the parameter itself if it has no value.
    fn bound(&self, token: Token<'a>) -> Token<'a> {
        let name = token.lit.strip_prefix('$').unwrap_or(&token.lit);
        match self.params.get(name) {
            Some(value) if !name.is_empty() => {
                let (tok, lit) = value.token();
                Token { tok, at: token.at, lit: Cow::Owned(lit) }
            }
            _ => token,
        }
    }

    /// The next token that is neither space nor comment.
    fn scan(&mut self) -> Token<'a> {
        loop {
            let token = self.scan_any();
            if !matches!(token.tok, Tok::Ws | Tok::Comment) {
                return token;
            }
        }
    }

    /// Takes the last token back, to be read again.
    fn unscan(&mut self) {
        self.back += 1;
    }

    /// Moves behind a token of this kind, spaces before it too, and tells whether there was one.
    fn accept(&mut self, tok: Tok) -> bool {
        let found = self.scan().tok == tok;
        if !found {
            self.unscan();
        }
        found
    }

    /// As [`Parser::accept`], but only for the very next token.
    fn accept_here(&mut self, tok: Tok) -> bool {
        let found = self.scan_any().tok == tok;
        if !found {
            self.unscan();
        }
        found
    }

    /// Moves behind spaces, though not behind comments.
    fn skip_space(&mut self) {
        self.accept_here(Tok::Ws);
    }

    /// Demands tokens of these kinds in a row.
    fn expect(&mut self, tokens: &[Tok]) -> Parsed<()> {
        for tok in tokens {
            let token = self.scan();
            if token.tok != *tok {
                return Err(self.expected(&token, tok.name()));
            }
        }
        Ok(())
    }

    /// The error that `token` stands where one of `expected` was wanted.
    fn expected(&self, token: &Token<'_>, expected: impl Into<String>) -> ParseError {
        let (line, column) = lexer::place(self.text, token.at);
        ParseError::Expected { found: token.shown().to_owned(), expected: expected.into(), line, column }
    }

    /// An error about the text at a byte offset.
    fn error_at(&self, at: usize, message: impl Into<String>) -> ParseError {
        let (line, column) = lexer::place(self.text, at);
        ParseError::At { message: message.into(), line, column }
    }

    /// An error about the whole of a clause, with the place that InfluxDB gives when it knows none.
    fn error_at_start(message: impl Into<String>) -> ParseError {
        ParseError::At { message: message.into(), line: 1, column: 1 }
    }

    /// Runs `parse` one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= MAX_NESTING {
            let at = self.ring[self.newest].at;
            return Err(self.error_at(at, format!("query is nested too deeply: at most {MAX_NESTING} levels")));
        }
        self.nesting += 1;
        let result = parse(self);
        self.nesting -= 1;
        result
    }

    fn ident(&mut self) -> Parsed<String> {
        let token = self.scan();
        if token.tok == Tok::Ident { Ok(token.lit.into_owned()) } else { Err(self.expected(&token, "identifier")) }
    }

    fn string(&mut self) -> Parsed<String> {
        let token = self.scan();
        if token.tok == Tok::Str { Ok(token.lit.into_owned()) } else { Err(self.expected(&token, "string")) }
    }

    /// One or more of what `parse` reads, separated by commas.
    fn list<T>(&mut self, mut parse: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = vec![parse(self)?];
        while self.accept(Tok::Comma) {
            items.push(parse(self)?);
        }
        Ok(items)
    }

    /// Names joined by dots, up to three. A part may be missing (`db..m`); a regex or colon behind a dot is left unread.
    fn segments(&mut self) -> Parsed<Vec<String>> {
        let mut names = vec![self.ident()?];
        while self.accept_here(Tok::Dot) {
            match self.lexer.peek() {
                Some('/' | ':') => break,
                Some('.') => names.push(String::new()),
                _ => names.push(self.ident()?),
            }
        }
        if names.len() > 3 {
            return Err(Self::error_at_start(format!("too many segments in {}", crate::quote::path(&names))));
        }
        Ok(names)
    }

    /// A whole number from 1, as REPLICATION wants it.
    fn replication(&mut self) -> Parsed<u32> {
        const MAX: i64 = i32::MAX as i64;
        let token = self.scan();
        if token.tok != Tok::Integer {
            return Err(self.expected(&token, "integer"));
        }
        let value: i64 = match token.lit.parse() {
            Ok(value) => value,
            Err(_) => return Err(self.error_at(token.at, integer_error("Atoi", &token.lit))),
        };
        match u32::try_from(value) {
            Ok(count) if (1..=MAX).contains(&value) => Ok(count),
            _ => Err(self.error_at(token.at, format!("invalid value {value}: must be 1 <= n <= {MAX}"))),
        }
    }

    fn unsigned(&mut self) -> Parsed<u64> {
        let token = self.scan();
        if token.tok != Tok::Integer {
            return Err(self.expected(&token, "integer"));
        }
        token.lit.parse().map_err(|_| self.error_at(token.at, integer_error("ParseUint", &token.lit)))
    }

    /// The number behind an optional keyword; 0 without it. Numbers too large become the largest.
    fn optional_count(&mut self, keyword: Tok) -> Parsed<u64> {
        if !self.accept(keyword) {
            return Ok(0);
        }
        let token = self.scan();
        if token.tok != Tok::Integer {
            return Err(self.expected(&token, "integer"));
        }
        if token.lit.starts_with('-') {
            return Err(self.error_at(token.at, format!("{} must be >= 0", keyword.name())));
        }
        Ok(token.lit.parse::<i64>().map_or(i64::MAX as u64, i64::unsigned_abs))
    }

    /// A duration in nanoseconds; `INF` is 0.
    fn duration(&mut self) -> Parsed<i64> {
        let token = self.scan();
        match token.tok {
            Tok::Inf => Ok(0),
            Tok::DurationVal => self.duration_of(&token),
            _ => Err(self.expected(&token, "duration")),
        }
    }

    fn duration_of(&self, token: &Token<'_>) -> Parsed<i64> {
        parse_duration(&token.lit).map_err(|message| self.error_at(token.at, message))
    }

    /// A regex, if the next character that is no space begins one (or a parameter that holds one).
    fn regex(&mut self) -> Parsed<Option<String>> {
        if matches!(self.lexer.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.skip_space();
        }
        match self.lexer.peek() {
            Some('/') => {}
            Some('$') => {
                let tok = self.scan_any().tok;
                self.unscan();
                if tok != Tok::Regex {
                    return Ok(None);
                }
            }
            _ => return Ok(None),
        }
        let token = self.scan_by(Lexer::regex);
        match token.tok {
            Tok::Regex => self.checked_regex(token).map(Some),
            Tok::BadRegex => Err(self.error_at(token.at, "bad regex: ")),
            _ => Err(self.expected(&token, "regex")),
        }
    }

    /// The text of a regex that Go would compile.
    fn checked_regex(&self, token: Token<'a>) -> Parsed<String> {
        match crate::regex::check(&token.lit) {
            Ok(()) => Ok(token.lit.into_owned()),
            Err(error) => Err(self.error_at(token.at, error.to_string())),
        }
    }

    /// A regex that must be there.
    fn required_regex(&mut self) -> Parsed<String> {
        match self.regex()? {
            Some(regex) => Ok(regex),
            None => {
                let token = self.scan();
                Err(self.expected(&token, "regex"))
            }
        }
    }
}
