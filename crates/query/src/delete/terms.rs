//! The condition of a deletion as a tree of terms, in which what concerns the name of the measurement is told apart.
//!
//! `_name` stands for the measurement's name, whatever tags there are. Parts of the condition that are about nothing else
//! become one condition each ([`Terms::names`]), so that measurements for which all of these come out alike share one
//! deletion. Once they are decided ([`Terms::decided`]), a tree of terms on tags and times is left, none of which is moot.
//! All takes time by the number of terms, never by its square.

use super::condition::{bytes_of, condition, is_constant, is_of_name};
use crate::exec::check_cancel;
use crate::predicate::tags_fulfil;
use crate::resolve::MEASUREMENT_NAME;
use crate::when::Part;
use crate::{Context, QueryError};
use influxql::ast::{DataType, Expr};
use model::{TagSet, Text, TimeRange};
use std::collections::BTreeSet;
use std::convert::Infallible;
use storage::TagCondition;

/// A term, and those that AND and OR join. `N` stands for a condition on the measurement's name.
#[derive(Clone, Debug)]
pub(super) enum Term<'a, N> {
    Constant(bool),
    Name(N),
    Time(TimeRange),
    Tag(&'a Expr),
    And(Vec<Term<'a, N>>),
    Or(Vec<Term<'a, N>>),
}

/// A term of which nothing depends on the measurement any more.
pub(super) type Decided<'a> = Term<'a, Infallible>;

/// A condition, read.
#[derive(Debug)]
pub(super) struct Terms<'a> {
    root: Term<'a, usize>,
    /// What must be known of a measurement's name, as conditions on a tag [`MEASUREMENT_NAME`].
    names: Vec<TagCondition>,
    /// What all conditions on tags take at least once they are written down (bytes).
    bytes: u64,
    count: usize,
}

/// A condition on nothing but the measurement's name, or any other.
enum Read<'a> {
    Name(TagCondition),
    Other(Term<'a, usize>),
}

impl<'a> Terms<'a> {
    /// Reads a condition.
    ///
    /// # Errors
    /// A comparison of `_name` that is not carried out, the query was stopped.
    pub(super) fn read(part: &'a Part, context: &Context) -> Result<Self, QueryError> {
        let mut terms = Self { root: Term::Constant(true), names: Vec::new(), bytes: 0, count: 0 };
        let root = terms.part(part, context)?;
        terms.root = terms.term(root);
        Ok(terms)
    }

    /// What all conditions on tags take at least once they are written down (bytes).
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many outcomes a measurement's name has.
    pub(super) fn names(&self) -> usize {
        self.names.len()
    }

    /// The outcomes for a measurement's name.
    pub(super) fn outcomes(&self, measurement: &Text) -> Vec<bool> {
        let tags = TagSet::new(vec![(MEASUREMENT_NAME.as_bytes().into(), measurement.clone())]);
        self.names.iter().map(|condition| tags_fulfil(&tags, condition)).collect()
    }

    /// What is left for measurements of these outcomes.
    pub(super) fn decided(&self, outcomes: &[bool]) -> Decided<'a> {
        decided(&self.root, outcomes)
    }

    fn part(&mut self, part: &'a Part, context: &Context) -> Result<Read<'a>, QueryError> {
        match part {
            Part::True => Ok(Read::Other(Term::Constant(true))),
            Part::Time(range) => Ok(Read::Other(Term::Time(*range))),
            Part::And(parts) => self.joined(parts, true, context),
            Part::Or(parts) => self.joined(parts, false, context),
            Part::Other(expr) => {
                self.count += 1;
                if self.count.is_multiple_of(4_096) {
                    check_cancel(context)?;
                }
                if is_of_name(expr) {
                    return Ok(Read::Name(condition(expr)?));
                }
                if is_constant(expr) {
                    return Ok(Read::Other(Term::Constant(matches!(condition(expr)?, TagCondition::True))));
                }
                self.bytes += bytes_of(expr);
                Ok(Read::Other(Term::Tag(expr)))
            }
        }
    }

    fn joined(&mut self, parts: &'a [Part], all: bool, context: &Context) -> Result<Read<'a>, QueryError> {
        let (mut names, mut others) = (Vec::new(), Vec::new());
        for part in parts {
            match self.part(part, context)? {
                Read::Name(condition) => names.push(condition),
                Read::Other(Term::Constant(holds)) if holds == all => {}
                Read::Other(Term::Constant(holds)) => return Ok(Read::Other(Term::Constant(holds))),
                Read::Other(term) => others.push(term),
            }
        }
        let names = match names.len() {
            0 => None,
            1 => names.pop(),
            _ if all => Some(TagCondition::And(names)),
            _ => Some(TagCondition::Or(names)),
        };
        match names {
            Some(names) if others.is_empty() => return Ok(Read::Name(names)),
            Some(names) => {
                let term = self.term(Read::Name(names));
                others.push(term);
            }
            None => {}
        }
        Ok(Read::Other(join(others, all)))
    }

    fn term(&mut self, read: Read<'a>) -> Term<'a, usize> {
        match read {
            Read::Other(term) => term,
            Read::Name(condition) => {
                self.names.push(condition);
                Term::Name(self.names.len() - 1)
            }
        }
    }
}

/// Joins terms, none of which is constant.
fn join<N>(mut terms: Vec<Term<'_, N>>, all: bool) -> Term<'_, N> {
    match terms.pop() {
        None => Term::Constant(all),
        Some(only) if terms.is_empty() => only,
        Some(last) => {
            terms.push(last);
            if all { Term::And(terms) } else { Term::Or(terms) }
        }
    }
}

fn decided<'a>(term: &Term<'a, usize>, outcomes: &[bool]) -> Decided<'a> {
    let (terms, all) = match term {
        Term::Constant(holds) => return Term::Constant(*holds),
        Term::Name(at) => return Term::Constant(outcomes[*at]),
        Term::Time(range) => return Term::Time(*range),
        Term::Tag(expr) => return Term::Tag(expr),
        Term::And(terms) => (terms, true),
        Term::Or(terms) => (terms, false),
    };
    let mut rest = Vec::new();
    for term in terms {
        match decided(term, outcomes) {
            Term::Constant(holds) if holds == all => {}
            Term::Constant(holds) => return Term::Constant(holds),
            other => rest.push(other),
        }
    }
    join(rest, all)
}

/// What in a condition is a field, or may be one.
#[derive(Debug, Default)]
pub(super) struct Suspects<'a> {
    /// A name is compared with what is no text, or cast to a field: no tag is.
    pub(super) certain: bool,
    /// Names that are tags unless there is such a field.
    pub(super) names: BTreeSet<&'a [u8]>,
}

impl<'a> Suspects<'a> {
    pub(super) fn of(term: &Decided<'a>) -> Self {
        let mut found = Self::default();
        found.add(term);
        found
    }

    fn add(&mut self, term: &Decided<'a>) {
        match term {
            Term::And(terms) | Term::Or(terms) => terms.iter().for_each(|term| self.add(term)),
            Term::Tag(Expr::Binary { lhs, rhs, .. }) => match (lhs.without_parens(), rhs.without_parens()) {
                (Expr::VarRef { name, cast }, other) | (other, Expr::VarRef { name, cast }) => {
                    // A tag is a string; what is compared with anything else is taken for a field.
                    let is_text = matches!(other, Expr::String(_) | Expr::Regex(_) | Expr::VarRef { .. });
                    match cast {
                        _ if !is_text => self.certain = true,
                        Some(DataType::Tag) => {}
                        Some(_) => self.certain = true,
                        None => drop(self.names.insert(name.as_bytes())),
                    }
                }
                _ => {}
            },
            Term::Name(never) => match *never {},
            Term::Constant(_) | Term::Time(_) | Term::Tag(_) => {}
        }
    }
}
