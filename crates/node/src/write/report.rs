//! What a write request is told when not all of it was stored; the texts and their order are InfluxDB's.
//!
//! It tells of one thing only: what the points are (dropped by the decoder or for their types), else when they are (outside
//! the policy), else of the lines that are no points.

use super::WriteTarget;
use super::limits::Beyond;
use super::reach::Outside;
use model::{KeyError, MOST_ERROR_BYTES};
use std::fmt;
use storage::{RejectReason, Rejections};

/// What the decoder found in a request besides the batch.
pub struct Undecoded<'a> {
    /// The lines that are no points: offset in the body, and the whole message.
    pub lines: Vec<(u32, String)>,
    /// Further lines that are no points, not in `lines` because those are long enough.
    pub more_lines: u64,
    /// Why the first of the points that parse but are not stored was dropped or changed, and how many were dropped.
    pub partial: Option<(String, u64)>,
    /// The message for a raw key that names no series: body, offset of the key in it, what is wrong.
    pub line_of_key: &'a (dyn Fn(&[u8], u32, &KeyError) -> String + Sync),
}

impl Undecoded<'static> {
    /// Nothing was found.
    #[must_use]
    pub fn nothing() -> Self {
        Self { lines: Vec::new(), more_lines: 0, partial: None, line_of_key: &|_, _, error| error.to_string() }
    }
}

impl fmt::Debug for Undecoded<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Undecoded")
            .field("lines", &self.lines)
            .field("more_lines", &self.more_lines)
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
    /// Rows that storage refused.
    pub(super) rejected: Rejections,
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
            rejected: Rejections::default(),
            outside: None,
            beyond: None,
        }
    }

    /// What the client is told; `None` if all is well. `body` is what the batch's keys lie in.
    pub(super) fn text(&self, body: &[u8], undecoded: Undecoded<'_>) -> Option<String> {
        let Rejections { first, others, .. } = &self.rejected;
        let (reason, dropped) = match (&undecoded.partial, first) {
            (Some((reason, dropped)), _) => (Some(reason.clone()), *dropped),
            (None, _) if self.beyond.is_some() => (self.beyond.as_ref().map(ToString::to_string), 0),
            (None, Some(first)) => (Some(reject_text(&first.reason)), 0),
            (None, None) => (None, 0),
        };
        let refused = others + self.beyond.as_ref().map_or(0, Beyond::dropped);
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
        let text = self.lines(body, undecoded)?;
        // Without a single point the lines speak for themselves.
        match self.rows > self.rejected.rows() {
            true => Some(format!("partial write: {text} dropped=0 for database: {database}")),
            false => Some(text),
        }
    }

    /// What is told of the lines that are no points, in the order of the request, within [`MOST_ERROR_BYTES`]: texts are many
    /// times as long as short lines, so that further lines are only counted. `None` if there are none.
    fn lines(&self, body: &[u8], undecoded: Undecoded<'_>) -> Option<String> {
        let Undecoded { mut lines, more_lines, line_of_key, .. } = undecoded;
        lines.sort_by_key(|(offset, _)| *offset);
        let mut lines = lines.into_iter().peekable();
        let mut keys = self.rejected.keys.iter().peekable();
        let (mut text, mut bytes) = (String::new(), 0);
        while bytes < MOST_ERROR_BYTES {
            let next = lines.next_if(|(offset, _)| keys.peek().is_none_or(|(start, _)| offset <= start));
            let of_key = |(start, error): &(u32, KeyError)| line_of_key(body, *start, error);
            let Some(line) = next.map(|(_, line)| line).or_else(|| keys.next().map(of_key)) else { break };
            bytes += size_of::<(u32, String)>() + line.len();
            text.push_str(&line);
            text.push('\n');
        }
        let more = more_lines + super::count(self.rejected.more_keys + lines.count() + keys.count());
        if more > 0 {
            text += &format!("{more} more lines that are no points\n");
        }
        text.pop().map(|_| text)
    }
}

fn reject_text(reason: &RejectReason) -> String {
    match reason {
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
