//! What a write request is told when not all of it was stored; the texts and their order are InfluxDB's.
//!
//! It tells of one thing only: what the points are (dropped by the decoder or for their types), else when they are (outside
//! the policy), else of the lines that are no points.

use super::WriteTarget;
use super::limits::Beyond;
use super::reach::Outside;
use model::KeyError;
use std::fmt;
use storage::{RejectReason, Rejected};

/// What the decoder found in a request besides the batch.
pub struct Undecoded<'a> {
    /// The lines that are no points: offset in the body, and the whole message.
    pub lines: Vec<(u32, String)>,
    /// Why the first of the points that parse but are not stored was dropped or changed, and how many were dropped.
    pub partial: Option<(String, u64)>,
    /// The message for a raw key that names no series: body, offset of the key in it, what is wrong.
    pub line_of_key: &'a (dyn Fn(&[u8], u32, &KeyError) -> String + Sync),
}

impl Undecoded<'static> {
    /// Nothing was found.
    #[must_use]
    pub fn nothing() -> Self {
        Self { lines: Vec::new(), partial: None, line_of_key: &|_, _, error| error.to_string() }
    }
}

impl fmt::Debug for Undecoded<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Undecoded")
            .field("lines", &self.lines)
            .field("partial", &self.partial)
            .finish_non_exhaustive()
    }
}

/// What became of a batch.
#[derive(Debug)]
pub(super) struct Report {
    database: String,
    /// The policy, once it is known.
    pub(super) policy: String,
    /// Rows that the batch had.
    rows: usize,
    /// Rows that were taken.
    pub(super) accepted: usize,
    /// Rows that storage refused, in the order of the request.
    pub(super) rejected: Vec<Rejected>,
    /// Rows that lie outside the policy's reach.
    pub(super) outside: Option<Outside>,
    /// Rows of series beyond a limit.
    pub(super) beyond: Option<Beyond>,
}

impl Report {
    pub(super) fn new(target: &WriteTarget<'_>, rows: usize) -> Self {
        Self {
            database: target.database.to_owned(),
            policy: target.policy.unwrap_or_default().to_owned(),
            rows,
            accepted: 0,
            rejected: Vec::new(),
            outside: None,
            beyond: None,
        }
    }

    /// What the client is told; `None` if all is well. `body` is what the batch's keys lie in.
    pub(super) fn text(&self, body: &[u8], undecoded: Undecoded<'_>) -> Option<String> {
        let Undecoded { mut lines, partial, line_of_key } = undecoded;
        let rejected_at_all = self.rejected.len();
        let mut conflicts = self.rejected.iter().filter(|rejected| !matches!(rejected.reason, RejectReason::Key(_)));
        let conflict = conflicts.next();
        let refused = conflict.map_or(0, |_| 1 + conflicts.count());
        let (reason, dropped) = match (partial, conflict) {
            (Some((reason, dropped)), _) => (Some(reason), dropped),
            (None, _) if self.beyond.is_some() => (self.beyond.as_ref().map(ToString::to_string), 0),
            (None, Some(first)) => (Some(reject_text(&first.reason)), 0),
            (None, None) => (None, 0),
        };
        let refused = refused + self.beyond.as_ref().map_or(0, Beyond::dropped);
        let (database, policy) = (&self.database, &self.policy);
        let told = |reason: &dyn fmt::Display, dropped: u64| {
            format!("partial write: {reason} dropped={dropped} for database: {database} for retention policy: {policy}")
        };
        if let Some(reason) = reason {
            return Some(told(&reason, dropped + super::count(refused)));
        }
        if let Some(outside) = &self.outside {
            return Some(told(outside, super::count(outside.dropped())));
        }
        for Rejected { key_start, reason } in &self.rejected {
            if let RejectReason::Key(error) = reason {
                lines.push((*key_start, line_of_key(body, *key_start, error)));
            }
        }
        if lines.is_empty() {
            return None;
        }
        lines.sort_by_key(|(offset, _)| *offset);
        let text = lines.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n");
        // Without a single point the lines speak for themselves.
        match self.rows > rejected_at_all {
            true => Some(format!("partial write: {text} dropped=0 for database: {database}")),
            false => Some(text),
        }
    }
}

fn reject_text(reason: &RejectReason) -> String {
    match reason {
        RejectReason::Key(error) => error.to_string(),
        RejectReason::TypeConflict { measurement, field, given, existing } => format!(
            "field type conflict: input field \"{}\" on measurement \"{}\" is type {}, already exists as type {}",
            String::from_utf8_lossy(field),
            String::from_utf8_lossy(measurement),
            given.name(),
            existing.name()
        ),
        RejectReason::NoShard => "no shard for this time".to_owned(),
    }
}
