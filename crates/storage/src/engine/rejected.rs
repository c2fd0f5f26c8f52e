//! The rows of a batch that were not accepted: all are counted, but no more of them kept than can be told.
//!
//! A hostile request has rows by the million, each of which would cost many times its bytes. So of the keys that name no
//! series the first in the order of the request are kept, within a bound of memory, and of all other rows only the first.
//! Rows come table by table, which is not the order of the request: what lies behind the bound falls off once there is twice
//! as much as it allows.

use model::{FieldType, KeyError, MOST_ERROR_BYTES, Text};

/// The rows of a batch that were not accepted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rejections {
    /// Rows whose key names no series, in the order of the request: offset of the raw key in the batch's text, and what is
    /// wrong with it. The first ones, of about [`MOST_ERROR_BYTES`].
    pub keys: Vec<(u32, KeyError)>,
    /// Further rows whose key names no series.
    pub more_keys: usize,
    /// The first of the rows that were refused for something else.
    pub first: Option<Rejected>,
    /// How many of those there are.
    pub others: usize,
    /// Memory of `keys`.
    key_bytes: usize,
    /// Offset behind which keys are only counted.
    last_kept: Option<u32>,
}

/// A row that was not accepted although its key names a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejected {
    /// Offset of the row's raw key in the batch's text.
    pub key_start: u32,
    /// Why.
    pub reason: RejectReason,
}

/// Why a row was not accepted.
#[derive(Clone, Debug, PartialEq)]
pub enum RejectReason {
    /// A field of it has another type in its shard.
    TypeConflict {
        /// The measurement.
        measurement: Text,
        /// The field.
        field: Text,
        /// The type in the request.
        given: FieldType,
        /// The type in the shard.
        existing: FieldType,
    },
    /// Its time is in none of the given shards.
    NoShard,
}

fn bytes_of(error: &KeyError) -> usize {
    size_of::<(u32, KeyError)>() + error.0.len()
}

impl Rejections {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.keys.len() + self.more_keys + self.others
    }

    /// Adds a row whose key names no series.
    pub fn add_key(&mut self, key_start: u32, error: KeyError) {
        if self.last_kept.is_some_and(|last| key_start > last) {
            self.more_keys += 1;
            return;
        }
        self.key_bytes += bytes_of(&error);
        self.keys.push((key_start, error));
        if self.key_bytes / 2 > MOST_ERROR_BYTES {
            self.order();
        }
    }

    /// Adds a row that was refused for something else; the reason is asked for if it is the first.
    pub fn add(&mut self, key_start: u32, reason: impl FnOnce() -> RejectReason) {
        self.others += 1;
        if self.first.as_ref().is_none_or(|first| key_start < first.key_start) {
            self.first = Some(Rejected { key_start, reason: reason() });
        }
    }

    /// Puts the keys in the order of the request, and lets those go that are too many. The first is always kept.
    pub(super) fn order(&mut self) {
        self.keys.sort_by_key(|(key_start, _)| *key_start);
        let mut bytes = 0;
        let fitting = self.keys.iter().take_while(|(_, error)| {
            let fits = bytes < MOST_ERROR_BYTES;
            bytes += if fits { bytes_of(error) } else { 0 };
            fits
        });
        let kept = fitting.count();
        self.key_bytes = bytes;
        if kept < self.keys.len() {
            self.more_keys += self.keys.len() - kept;
            self.keys.truncate(kept);
            self.last_kept = self.keys.last().map(|(key_start, _)| *key_start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_keys_are_kept_in_whatever_order_they_come() {
        const ROWS: u32 = 400_000;
        let mut rejections = Rejections::default();
        // Two tables whose rows take turns in the request.
        for table in 0..2 {
            for row in (table..ROWS).step_by(2) {
                rejections.add_key(row, KeyError("duplicate tags".to_owned()));
            }
        }
        rejections.order();
        let kept = rejections.keys.len();
        assert_eq!(rejections.rows(), ROWS as usize);
        assert!(rejections.keys.iter().map(|(start, _)| *start).eq(0..kept as u32), "{kept}");
        let bytes: usize = rejections.keys.iter().map(|(_, error)| bytes_of(error)).sum();
        assert!((MOST_ERROR_BYTES..MOST_ERROR_BYTES + 100).contains(&bytes), "{bytes}");
        assert!(rejections.keys.capacity() < 300_000, "{}", rejections.keys.capacity());
    }

    #[test]
    fn of_other_rows_the_first_is_kept() {
        let mut rejections = Rejections::default();
        for key_start in [7, 9, 3, 5] {
            rejections.add(key_start, || RejectReason::NoShard);
        }
        assert_eq!((rejections.others, rejections.first.as_ref().map(|first| first.key_start)), (4, Some(3)));
        assert_eq!(rejections.rows(), 4);
    }
}
