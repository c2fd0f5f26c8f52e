//! Which rows a policy accepts at one instant, and what is said of the others.

use crate::catalog::Policy;
use model::{Batch, KeySpan, KeyText, Table, TimeRange, duration, time};
use std::fmt;

/// Which bound a row broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Retention,
    Future,
    Past,
}

impl Bound {
    fn name(self) -> &'static str {
        match self {
            Self::Retention => "Retention Policy Lower Bound",
            Self::Future => "Write Window Upper Bound",
            Self::Past => "Write Window Lower Bound",
        }
    }
}

/// A row outside the policy's reach, kept to be named.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Dropped {
    key: String,
    time: i64,
    bound: Bound,
    /// The instant that it should not pass (ns).
    limit: i64,
}

/// The rows of a batch outside its policy's reach; displays as InfluxDB tells of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outside {
    retention: usize,
    window: usize,
    duration: i64,
    future_limit: i64,
    past_limit: i64,
    oldest: Dropped,
    newest: Dropped,
}

impl Outside {
    /// Number of rows.
    pub(super) fn dropped(&self) -> usize {
        self.retention + self.window
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = duration::go(self.duration);
        write!(out, "dropped {} points outside retention policy of duration {kept}", self.retention)?;
        let (past, future) = (duration::go(-self.past_limit), duration::go(self.future_limit));
        match (self.past_limit, self.future_limit) {
            (0, 0) => {}
            (0, _) => write!(out, " and {} points outside write window ({future})", self.window)?,
            (_, 0) => write!(out, " and {} points outside write window ({past})", self.window)?,
            _ => write!(out, " and {} points outside write window ({past} to {future})", self.window)?,
        }
        for (which, lead, row) in [("oldest", " - ", &self.oldest), ("newest", ", ", &self.newest)] {
            let (at, limit) = (time::rfc3339(row.time), time::rfc3339(row.limit));
            let (key, bound) = (&row.key, row.bound.name());
            write!(out, "{lead}{which} point {key} at {at} dropped because it violates a {bound} at {limit}")?;
        }
        Ok(())
    }
}

/// What a policy accepts at one instant.
#[derive(Clone, Copy, Debug)]
struct Reach {
    /// The first instant that the policy keeps (ns).
    kept_from: i64,
    /// What the write window allows (ns).
    window: TimeRange,
}

impl Reach {
    fn new(policy: &Policy, now: i64) -> Self {
        let back = |span: i64| if span == 0 { i64::MIN } else { now.saturating_sub(span) };
        let ahead = if policy.future_limit == 0 { i64::MAX } else { now.saturating_add(policy.future_limit) };
        Self { kept_from: back(policy.duration), window: TimeRange::new(back(policy.past_limit), ahead) }
    }

    /// The times that pass.
    fn range(&self) -> TimeRange {
        TimeRange::new(self.kept_from.max(self.window.start), self.window.end)
    }

    /// The bound that `time`, which does not pass, breaks.
    fn broken(&self, time: i64) -> (Bound, i64) {
        if time < self.kept_from {
            (Bound::Retention, self.kept_from)
        } else if time > self.window.end {
            (Bound::Future, self.window.end)
        } else {
            (Bound::Past, self.window.start)
        }
    }
}

/// Cuts the rows that `policy` does not accept at `now` (ns) out of a batch, and tells of them.
pub(super) fn cut_outside(batch: &mut Batch, policy: &Policy, now: i64, keys: &dyn KeyText) -> Option<Outside> {
    let reach = Reach::new(policy, now);
    let range = reach.range();
    let mut counts = [0, 0];
    let mut ends: Option<[(i64, KeySpan); 2]> = None;
    for table in &mut batch.tables {
        if table.times.iter().all(|time| range.contains(*time)) {
            continue;
        }
        let mut stay = Vec::with_capacity(table.times.len());
        for (row, (&time, &key)) in (0u32..).zip(table.times.iter().zip(&table.keys)) {
            if range.contains(time) {
                stay.push(row);
                continue;
            }
            counts[usize::from(reach.broken(time).0 != Bound::Retention)] += 1;
            let [oldest, newest] = ends.get_or_insert([(time, key); 2]);
            if time < oldest.0 {
                *oldest = (time, key);
            }
            if time > newest.0 {
                *newest = (time, key);
            }
        }
        keep_rows(table, &stay);
    }
    batch.tables.retain(|table| table.rows() > 0);
    let [oldest, newest] = ends?.map(|(time, key)| {
        let (bound, limit) = reach.broken(time);
        Dropped { key: key_text(batch, key, keys), time, bound, limit }
    });
    let Policy { duration, future_limit, past_limit, .. } = *policy;
    Some(Outside { retention: counts[0], window: counts[1], duration, future_limit, past_limit, oldest, newest })
}

/// Leaves only these rows of a table, ascending.
pub(super) fn keep_rows(table: &mut Table, rows: &[u32]) {
    table.keys = rows.iter().map(|&row| table.keys[row as usize]).collect();
    table.times = rows.iter().map(|&row| table.times[row as usize]).collect();
    for column in &mut table.columns {
        column.column = column.column.take_ascending(rows);
    }
    // A column without values would still define its field.
    table.columns.retain(|column| !column.column.values.is_empty());
}

fn key_text(batch: &Batch, key: KeySpan, keys: &dyn KeyText) -> String {
    let raw = batch.key(key);
    let mut canonical = Vec::new();
    match keys.canonical(raw, &mut canonical) {
        Ok(()) => String::from_utf8_lossy(&canonical).into_owned(),
        Err(_) => String::from_utf8_lossy(raw).into_owned(),
    }
}

#[cfg(test)]
mod tests;
