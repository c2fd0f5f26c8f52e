//! Deletes: a [`Deletion`] says which rows go (measurements, a condition on tags, a range of time), a [`Tombstone`] is one
//! with its slot.
//!
//! A delete is a record in the log, applied in slot order to each of its shards. Rows in memory lose what it takes when they
//! are sealed (`purge`): runs never need a tombstone when they are read. To a segment it applies if all of the segment's
//! slots are below its own and no merge has applied it yet; a view asks `marks` what the tombstones take of a source,
//! before any fields are merged, and a merge reads through such a view. A tombstone stays in its shard's manifest as
//! long as some row may be below it: [`needed`].
//!
//! Memory follows predicates, never series: they are kept as they were given.

mod format;
pub(crate) mod marks;
pub(crate) mod purge;
#[cfg(test)]
mod tests;

pub(crate) use format::{LoggedDelete, check_predicate, encode_record};

use crate::Slot;
use crate::error::StorageError;
use crate::manifest::SegmentEntry;
use crate::schema::Schema;
use crate::view::{TagCondition, TagTest};
use model::{Text, TimeRange};
use std::sync::Arc;

/// Which rows a delete takes: those that fulfil all three.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// Of these measurements, or of all. Ascending once it is written down.
    pub measurements: Option<Vec<Text>>,
    /// Of the series that fulfil this. A [`TagTest`] in it must tell its source.
    pub condition: TagCondition,
    /// Of these times (ns).
    pub range: TimeRange,
}

/// Makes a test of tag values from the source that a [`TagTest`] told; `None` if it cannot. What a delete says must be
/// readable after a restart.
pub type TestReader = fn(&str) -> Option<Arc<dyn TagTest>>;

/// A delete, as a shard keeps it.
#[derive(Debug)]
pub(crate) struct Tombstone {
    /// Rows of lower slots are deleted.
    pub(crate) slot: Slot,
    /// Which of them.
    pub(crate) deletion: Deletion,
    /// The deletion's bytes.
    pub(crate) bytes: Vec<u8>,
    /// Since when this process knows it (monotonic, ns).
    pub(crate) since_ns: u64,
}

impl Deletion {
    /// The bytes that say the same.
    ///
    /// # Errors
    /// [`StorageError::Invalid`]: a test does not tell its source, or the condition is nested too deeply.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, StorageError> {
        format::encode_predicate(self)
    }

    fn is_of(&self, measurement: &[u8]) -> bool {
        self.measurements.as_ref().is_none_or(|names| names.binary_search_by(|name| (**name).cmp(measurement)).is_ok())
    }
}

impl Tombstone {
    /// Reads what [`Deletion::encode`] wrote.
    ///
    /// # Errors
    /// It is no such bytes, or a test cannot be made any more; the text says which.
    pub(crate) fn new(slot: Slot, bytes: Vec<u8>, tests: TestReader, since_ns: u64) -> Result<Self, String> {
        let deletion =
            format::decode_predicate(&bytes, &mut |source| tests(source)).map_err(|error| error.to_string())?;
        Ok(Self { slot, deletion, bytes, since_ns })
    }

    /// The same delete for a shard that has, or had, only the measurements of a schema; `None` if it names none of them.
    pub(crate) fn narrowed(self: &Arc<Self>, schema: &Schema) -> Option<Arc<Self>> {
        let Some(names) = &self.deletion.measurements else { return Some(self.clone()) };
        let here: Vec<Text> = if names.len() <= schema.len() {
            names.iter().filter(|name| schema.knows(name)).cloned().collect()
        } else {
            schema.known().filter(|name| names.binary_search(name).is_ok()).cloned().collect()
        };
        if here.is_empty() {
            return None;
        }
        if here.len() == names.len() {
            return Some(self.clone());
        }
        let deletion = Deletion { measurements: Some(here), ..self.deletion.clone() };
        // What could be written down with more names can be with fewer.
        let Ok(bytes) = deletion.encode() else { return Some(self.clone()) };
        Some(Arc::new(Self { slot: self.slot, deletion, bytes, since_ns: self.since_ns }))
    }

    /// Whether it may take rows of a measurement that lie in a range of time.
    pub(crate) fn touches(&self, measurement: &[u8], range: &TimeRange) -> bool {
        self.deletion.range.overlaps(range) && self.deletion.is_of(measurement)
    }

    /// Whether it applies to a segment, by slots and times: whether it takes rows depends on what the segment holds.
    pub(crate) fn applies(&self, entry: &SegmentEntry) -> bool {
        reach(entry) < self.slot && self.deletion.range.overlaps(&entry.range)
    }

    /// Whether it takes all rows of a segment, whatever these are.
    pub(crate) fn takes_all(&self, entry: &SegmentEntry) -> bool {
        let Deletion { measurements, condition, range } = &self.deletion;
        measurements.is_none()
            && matches!(condition, TagCondition::True)
            && range.covers(&entry.range)
            && self.applies(entry)
    }

    /// Whether it takes all that an earlier one takes, so that the earlier one is needed no more.
    pub(crate) fn covers(&self, earlier: &Tombstone) -> bool {
        let (own, other) = (&self.deletion, &earlier.deletion);
        let names = match (&own.measurements, &other.measurements) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(other)) => other.iter().all(|name| own.binary_search(name).is_ok()),
        };
        let condition = matches!(own.condition, TagCondition::True)
            || format::condition_of(&self.bytes) == format::condition_of(&earlier.bytes);
        self.slot >= earlier.slot && own.range.covers(&other.range) && names && condition
    }
}

/// The slot up to which all tombstones have been applied to a segment, or do not concern it.
pub(crate) fn reach(entry: &SegmentEntry) -> Slot {
    entry.slots.1.max(entry.purged)
}

/// The tombstones, out of a shard's, that take rows of a segment's measurement which lie in `range`.
///
/// A block that lies in no such tombstone may be copied as it is.
pub(crate) fn touching<'a>(
    tombstones: &'a [Arc<Tombstone>],
    entry: &SegmentEntry,
    measurement: &[u8],
    range: &TimeRange,
) -> impl Iterator<Item = &'a Arc<Tombstone>> {
    tombstones.iter().filter(move |tombstone| tombstone.applies(entry) && tombstone.touches(measurement, range))
}

/// Whether a tombstone may still take a row: of a segment, or of rows in memory that begin at slot `oldest`.
pub(crate) fn needed<'a>(
    tombstone: &Tombstone,
    mut segments: impl Iterator<Item = &'a SegmentEntry>,
    oldest: Option<Slot>,
) -> bool {
    oldest.is_some_and(|oldest| oldest < tombstone.slot) || segments.any(|entry| tombstone.applies(entry))
}
