//! `value` in WHERE of SHOW TAG KEYS and SHOW TAG VALUES: as in InfluxDB it is no tag, but the value of whichever tag is shown. Only terms
//! that AND joins with the rest are meant so; beneath an OR it is a tag as any other.

use crate::QueryError;
use crate::pattern::Pattern;
use crate::when::Part;
use influxql::ast::{BinaryOp, Expr};

/// What values that are shown must fulfil.
pub(super) struct ValueTest(Vec<(Term, bool)>);

enum Term {
    Equal(Vec<u8>),
    Matches(Pattern),
    /// A value compared with what is no text.
    Never,
}

impl ValueTest {
    /// A condition without its terms on values, and these.
    ///
    /// # Errors
    /// A regular expression that is none.
    pub(super) fn split(part: &Part) -> Result<(Part, Self), QueryError> {
        let (mut rest, mut terms) = (Vec::new(), Vec::new());
        take(part, &mut rest, &mut terms)?;
        let rest = match rest.len() {
            0 => Part::True,
            1 => rest.remove(0),
            _ => Part::And(rest),
        };
        Ok((rest, Self(terms)))
    }

    /// Whether all values pass.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a value is shown.
    pub(super) fn passes(&self, value: &[u8]) -> bool {
        self.0.iter().all(|(term, wanted)| match term {
            Term::Equal(text) => (value == text.as_slice()) == *wanted,
            Term::Matches(pattern) => pattern.matches(value) == *wanted,
            Term::Never => false,
        })
    }
}

fn take(part: &Part, rest: &mut Vec<Part>, terms: &mut Vec<(Term, bool)>) -> Result<(), QueryError> {
    match part {
        Part::And(parts) => parts.iter().try_for_each(|part| take(part, rest, terms))?,
        Part::True => {}
        Part::Other(expr) => match term(expr)? {
            Some(term) => terms.push(term),
            None => rest.push(part.clone()),
        },
        other => rest.push(other.clone()),
    }
    Ok(())
}

/// A comparison of the value, and whether it has to hold.
fn term(expr: &Expr) -> Result<Option<(Term, bool)>, QueryError> {
    let Expr::Binary { op, lhs, rhs } = expr.without_parens() else { return Ok(None) };
    if !matches!(&**lhs, Expr::VarRef { name, .. } if name == "value") {
        return Ok(None);
    }
    let term = match (op, rhs.without_parens()) {
        (BinaryOp::Eq | BinaryOp::Ne, Expr::String(text)) => Term::Equal(text.clone().into_bytes()),
        (BinaryOp::Eq | BinaryOp::Ne, _) => Term::Never,
        (BinaryOp::Matches | BinaryOp::NotMatches, Expr::Regex(regex)) => Term::Matches(Pattern::new(regex)?),
        _ => return Ok(None),
    };
    Ok(Some((term, matches!(op, BinaryOp::Eq | BinaryOp::Matches))))
}
