//! A condition on tags and times as alternatives, each a condition on tags alone in one range of time.
//!
//! Conditions are moved from the terms to where they end up; only where an alternative of one side of an AND meets several of
//! the other are they copied. Conditions made and copied are counted, and there may be [`MOST_CONDITIONS`] of them: that
//! bounds time and memory, as some conditions would double with every term.

use super::condition::condition;
use super::terms::{Decided, Term};
use crate::exec::check_cancel;
use crate::{Context, QueryError};
use model::TimeRange;
use storage::TagCondition;

/// Alternatives with different times that a condition may fall apart into.
pub(super) const MOST_ALTERNATIVES: usize = 1_000;

/// Conditions on tags that one statement may make, copies counted.
const MOST_CONDITIONS: usize = 1_000_000;

/// What must hold: all of some conditions on tags, at times in a range.
#[derive(Debug)]
pub(super) struct Alternative {
    members: Vec<TagCondition>,
    /// How many terms these have.
    terms: usize,
    pub(super) range: TimeRange,
}

impl Alternative {
    fn of(members: Vec<TagCondition>, terms: usize, range: TimeRange) -> Self {
        Self { members, terms, range }
    }

    /// Every row.
    fn all() -> Self {
        Self::of(Vec::new(), 0, TimeRange::ALL)
    }

    /// The condition on tags.
    pub(super) fn condition(mut self) -> TagCondition {
        match self.members.len() {
            0 => TagCondition::True,
            1 => self.members.remove(0),
            _ => TagCondition::And(self.members),
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.range = self.range.intersect(&other.range);
        self.terms += other.terms;
        if self.members.is_empty() {
            self.members = other.members;
        } else {
            self.members.extend(other.members);
        }
        self
    }
}

fn too_many() -> QueryError {
    QueryError::NotExecuted("so many alternatives of time in a deletion".into())
}

/// Makes alternatives, for all of one statement.
pub(super) struct Maker<'a> {
    context: &'a Context,
    conditions: usize,
}

impl<'a> Maker<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        Self { context, conditions: 0 }
    }

    /// What a term falls apart into; nothing if it never holds.
    ///
    /// # Errors
    /// A comparison that is not carried out, too many alternatives, the query was stopped.
    pub(super) fn alternatives(&mut self, term: &Decided<'_>) -> Result<Vec<Alternative>, QueryError> {
        match term {
            Term::Constant(true) => Ok(vec![Alternative::all()]),
            Term::Constant(false) => Ok(Vec::new()),
            Term::Name(never) => match *never {},
            Term::Time(range) => Ok(vec![Alternative::of(Vec::new(), 0, *range)]),
            Term::Tag(expr) => {
                self.count(1)?;
                Ok(match condition(expr)? {
                    TagCondition::True => vec![Alternative::all()],
                    TagCondition::False => Vec::new(),
                    other => vec![Alternative::of(vec![other], 1, TimeRange::ALL)],
                })
            }
            Term::And(terms) => self.all_of(terms),
            Term::Or(terms) => self.one_of(terms),
        }
    }

    fn all_of(&mut self, terms: &[Decided<'_>]) -> Result<Vec<Alternative>, QueryError> {
        // What all alternatives have in common is gathered apart, so that it is joined to them once.
        let mut common = Alternative::all();
        let mut found = vec![Alternative::all()];
        for term in terms {
            let mut more = self.alternatives(term)?;
            match (more.pop(), more.is_empty()) {
                (Some(only), true) => common = common.and(only),
                (Some(last), false) => {
                    more.push(last);
                    found = self.both(found, more)?;
                }
                (None, _) => return Ok(Vec::new()),
            }
            if found.is_empty() || common.range.is_empty() {
                return Ok(Vec::new());
            }
        }
        self.both(found, vec![common])
    }

    fn one_of(&mut self, terms: &[Decided<'_>]) -> Result<Vec<Alternative>, QueryError> {
        let (mut ranged, mut always, mut count) = (Vec::new(), Vec::new(), 0);
        for term in terms {
            for one in self.alternatives(term)? {
                if one.range != TimeRange::ALL {
                    ranged.push(one);
                } else if one.members.is_empty() {
                    return Ok(vec![Alternative::all()]);
                } else {
                    count += one.terms;
                    always.push(one.condition());
                }
            }
            if ranged.len() > MOST_ALTERNATIVES {
                return Err(too_many());
            }
        }
        let always = if always.len() > 1 { vec![TagCondition::Or(always)] } else { always };
        if !always.is_empty() {
            ranged.push(Alternative::of(always, count, TimeRange::ALL));
        }
        Ok(ranged)
    }

    /// Each of one side with each of the other, where their times meet.
    fn both(&mut self, left: Vec<Alternative>, mut right: Vec<Alternative>) -> Result<Vec<Alternative>, QueryError> {
        if left.len() * right.len() > MOST_ALTERNATIVES + 1 {
            return Err(too_many());
        }
        let mut found = Vec::new();
        let lefts = left.len();
        for (at, one) in left.into_iter().enumerate() {
            let meets = |other: &usize| !one.range.intersect(&right[*other].range).is_empty();
            let fitting: Vec<usize> = (0..right.len()).filter(meets).collect();
            let Some((&last, others)) = fitting.split_last() else { continue };
            for &other in others {
                let copies = (self.copy(&one)?, self.copy(&right[other])?);
                found.push(copies.0.and(copies.1));
            }
            let other = match at + 1 == lefts {
                true => std::mem::replace(&mut right[last], Alternative::all()),
                false => self.copy(&right[last])?,
            };
            found.push(one.and(other));
        }
        Ok(found)
    }

    fn copy(&mut self, one: &Alternative) -> Result<Alternative, QueryError> {
        self.count(one.terms)?;
        Ok(Alternative::of(one.members.clone(), one.terms, one.range))
    }

    fn count(&mut self, more: usize) -> Result<(), QueryError> {
        let before = self.conditions;
        self.conditions += more;
        if self.conditions > MOST_CONDITIONS {
            return Err(QueryError::NotExecuted("so many conditions in a deletion".into()));
        }
        if before / 4_096 != self.conditions / 4_096 { check_cancel(self.context) } else { Ok(()) }
    }
}
