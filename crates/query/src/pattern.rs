//! Regular expressions of a query: Go syntax translated, compiled with bounds on their size, and sets of plain words
//! (`/^(a|b)$/`) told apart, because these need no automaton.

use crate::QueryError;
use influxql::ast::BinaryOp;
use model::Text;
use regex::bytes::{Regex, RegexBuilder};
use std::sync::Arc;
use storage::TagTest;

/// Greatest size of a compiled expression (bytes).
const SIZE_LIMIT: usize = 1 << 20;
/// Greatest size of its lazy automaton (bytes).
const AUTOMATON_LIMIT: usize = 2 << 20;

/// A compiled regular expression.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    source: Box<str>,
    /// What every text that matches begins with.
    prefix: Box<[u8]>,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    /// One of these words, sorted, and nothing around it.
    Words(Vec<Box<[u8]>>),
    /// Any other expression.
    Regex(Regex),
}

impl Pattern {
    /// Compiles the source text of an expression in Go syntax.
    pub(crate) fn new(source: &str) -> Result<Pattern, QueryError> {
        if let Some(words) = words(source) {
            return Ok(Pattern { source: source.into(), prefix: Box::default(), matcher: Matcher::Words(words) });
        }
        let translated = influxql::regex::to_rust(source).map_err(|error| QueryError::Invalid(error.to_string()))?;
        RegexBuilder::new(&translated)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(AUTOMATON_LIMIT)
            .build()
            .map(|regex| Pattern {
                source: source.into(),
                prefix: prefix(source).into(),
                matcher: Matcher::Regex(regex),
            })
            .map_err(|error| QueryError::Invalid(format!("error parsing regexp: {error}")))
    }

    /// Whether the expression matches somewhere in `text`.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Words(words) => words.binary_search_by(|word| (**word).cmp(text)).is_ok(),
            Matcher::Regex(regex) => regex.is_match(text),
        }
    }
}

/// The words of `^(a|b|c)$` or `^a$`, if the expression is nothing else.
fn words(source: &str) -> Option<Vec<Box<[u8]>>> {
    let inner = source.strip_prefix('^')?.strip_suffix('$')?;
    let list = match inner.strip_prefix('(') {
        Some(list) => list.strip_suffix(')')?.trim_start_matches("?:"),
        None if inner.contains('|') => return None,
        None => inner,
    };
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b' ' | b':' | b'/' | b'|') || byte > 127
    };
    if !list.bytes().all(plain) {
        return None;
    }
    let mut words: Vec<Box<[u8]>> = list.split('|').map(|word| word.as_bytes().into()).collect();
    words.sort();
    Some(words)
}

/// The plain bytes behind a leading `^`, up to the first that may mean more.
fn prefix(source: &str) -> &[u8] {
    let Some(rest) = source.strip_prefix('^').filter(|rest| !rest.contains('|')) else { return &[] };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b' ' | b':' | b'/');
    let len = rest.bytes().take_while(|&byte| plain(byte)).count();
    // What follows may say that the last of them need not be there.
    let optional = matches!(rest.as_bytes().get(len), Some(b'*' | b'?' | b'{'));
    &rest.as_bytes()[..len - usize::from(optional && len > 0)]
}

impl TagTest for Pattern {
    fn passes(&self, value: &[u8]) -> bool {
        self.matches(value)
    }

    fn source(&self) -> Option<String> {
        Some(format!("/{}", self.source))
    }

    fn words(&self) -> Option<&[Text]> {
        match &self.matcher {
            Matcher::Words(words) => Some(words),
            Matcher::Regex(_) => None,
        }
    }

    fn prefix(&self) -> &[u8] {
        &self.prefix
    }
}

/// Makes a test of tag values from what one told as its source: how storage reads deletes back.
#[must_use]
pub fn read_test(source: &str) -> Option<Arc<dyn TagTest>> {
    if let Some(regex) = source.strip_prefix('/') {
        return Pattern::new(regex).ok().map(|pattern| Arc::new(pattern) as Arc<dyn TagTest>);
    }
    let (symbol, bound) = source.split_once(' ')?;
    let order = Order::ALL.into_iter().find(|order| order.symbol() == symbol)?;
    Some(Arc::new(Ordered { order, bound: bound.into() }))
}

/// How a value stands to a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// At or below it.
    LessOrEqual,
    /// At or above it.
    GreaterOrEqual,
    /// Below it.
    Less,
    /// Above it.
    Greater,
}

impl Order {
    /// All of them.
    const ALL: [Self; 4] = [Self::LessOrEqual, Self::GreaterOrEqual, Self::Less, Self::Greater];

    fn symbol(self) -> &'static str {
        match self {
            Self::LessOrEqual => "<=",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::Greater => ">",
        }
    }

    /// That of an operator; `mirrored` if its sides are exchanged.
    pub(crate) fn of(op: BinaryOp, mirrored: bool) -> Option<Self> {
        match (op, mirrored) {
            (BinaryOp::Le, false) | (BinaryOp::Ge, true) => Some(Self::LessOrEqual),
            (BinaryOp::Ge, false) | (BinaryOp::Le, true) => Some(Self::GreaterOrEqual),
            (BinaryOp::Lt, false) | (BinaryOp::Gt, true) => Some(Self::Less),
            (BinaryOp::Gt, false) | (BinaryOp::Lt, true) => Some(Self::Greater),
            _ => None,
        }
    }
}

/// Passes values that stand so to a bound, byte by byte.
#[derive(Clone, Debug)]
pub(crate) struct Ordered {
    pub(crate) order: Order,
    pub(crate) bound: Box<str>,
}

impl TagTest for Ordered {
    fn passes(&self, value: &[u8]) -> bool {
        let bound = self.bound.as_bytes();
        match self.order {
            Order::LessOrEqual => value <= bound,
            Order::GreaterOrEqual => value >= bound,
            Order::Less => value < bound,
            Order::Greater => value > bound,
        }
    }

    fn source(&self) -> Option<String> {
        Some(format!("{} {}", self.order.symbol(), self.bound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_a_set() {
        for source in ["^(b|a)$", "^(?:b|a)$"] {
            let pattern = Pattern::new(source).unwrap();
            assert!(matches!(&pattern.matcher, Matcher::Words(words) if words.len() == 2));
            assert!(pattern.matches(b"a") && !pattern.matches(b"ab") && !pattern.matches(b""));
        }
        let pattern = Pattern::new("^a|b$").unwrap();
        assert!(matches!(pattern.matcher, Matcher::Regex(_)));
        assert!(pattern.matches(b"ax") && pattern.matches(b"xb"));
    }

    #[test]
    fn prefixes_are_what_matches_begin_with() {
        for (source, expected) in [
            ("^abc", "abc"),
            ("^ab*", "a"),
            ("^ab?c", "a"),
            ("^ab+c", "ab"),
            ("^a{0}b", ""),
            ("^pod-1.*x$", "pod-1"),
            ("^a|b", ""),
            ("^(a|b)", ""),
            ("^*", ""),
            ("abc", ""),
            ("^a\\.b", "a"),
            ("(?i)^a", ""),
        ] {
            assert_eq!(prefix(source), expected.as_bytes(), "{source}");
        }
    }

    #[test]
    fn tests_are_read_back_from_what_they_tell() {
        let ordered = |order| Ordered { order, bound: "=b".into() };
        let tests = Order::ALL.map(|order| Arc::new(ordered(order)) as Arc<dyn TagTest>);
        let pattern: Arc<dyn TagTest> = Arc::new(Pattern::new("<b|=b$").unwrap());
        for test in tests.into_iter().chain([pattern]) {
            let again = read_test(&test.source().unwrap()).unwrap();
            for value in ["", "<b", "=", "=b", "=bc", "a=b"] {
                assert_eq!(again.passes(value.as_bytes()), test.passes(value.as_bytes()), "{test:?} {value}");
            }
        }
        assert!(read_test("b").is_none() && read_test("= b").is_none() && read_test("/(").is_none());
    }
}
