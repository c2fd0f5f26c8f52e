//! What readers see: a [`View`] is an immutable picture of some shards.
//!
//! A reader asks the view for the names in it (measurements, fields, tags), for the [`SeriesSet`] that fulfils a
//! [`TagCondition`], and opens a [`Scan`] over some fields and a time range. The scan gives, for one series in one shard,
//! its [`Cut`]s: stretches of time that do not overlap, in time order. A cut that is one page answers with the page's
//! statistics; where pages or runs overlap, the cut merges them (the later slot wins, field by field) when its columns are
//! asked for.
//!
//! Nothing here blocks a writer, and files that a view names stay until it is dropped.

use crate::engine::ShardSpan;
use crate::error::StorageError;
use model::{Column, FieldType, TagSet, Text, TimeRange};
use std::fmt::Debug;
use std::sync::Arc;

/// A test of one tag value, for conditions that storage does not know itself (a regular expression, say).
pub trait TagTest: Debug + Send + Sync {
    /// Whether the value passes; a missing tag is the empty value.
    fn passes(&self, value: &[u8]) -> bool;
}

/// A condition on the tags of a series. A missing tag has the empty value.
#[derive(Clone, Debug)]
pub enum TagCondition {
    /// Every series.
    True,
    /// No series.
    False,
    /// The tag has this value.
    Equal(Text, Text),
    /// The tag has another value.
    NotEqual(Text, Text),
    /// The tag's value passes the test.
    Test(Text, Arc<dyn TagTest>),
    /// All hold.
    And(Vec<TagCondition>),
    /// At least one holds.
    Or(Vec<TagCondition>),
    /// It does not hold.
    Not(Box<TagCondition>),
}

/// A number of one of the three numeric types.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// A float.
    Float(f64),
    /// An integer.
    Integer(i64),
    /// An unsigned integer.
    Unsigned(u64),
}

/// Figures of one field's values in a cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stats {
    /// Number of values.
    pub count: u64,
    /// Time of the first value (ns).
    pub first_time: i64,
    /// Time of the last value (ns).
    pub last_time: i64,
    /// What only numbers have; `None` for strings and booleans.
    pub numbers: Option<NumberStats>,
}

/// Figures that only numeric fields have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberStats {
    /// Sum; integers wrap around at 64 bits, floats are added in time order.
    pub sum: Scalar,
    /// Least value.
    pub min: Scalar,
    /// Greatest value.
    pub max: Scalar,
    /// The first value in time.
    pub first: Scalar,
    /// The last value in time.
    pub last: Scalar,
}

/// An immutable picture of some shards, ascending by time.
#[derive(Clone, Debug)]
pub struct View {}

impl View {
    /// The shards, ascending by time.
    #[must_use]
    pub fn shards(&self) -> &[ShardSpan] {
        todo!()
    }

    /// The measurements that have a row, sorted.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn measurements(&self) -> Result<Vec<Text>, StorageError> {
        todo!()
    }

    /// The fields of a measurement over all shards, sorted by name, then type (one entry a type where shards differ).
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn fields(&self, _measurement: &[u8]) -> Result<Vec<(Text, FieldType)>, StorageError> {
        todo!()
    }

    /// The tag keys of a measurement, sorted.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn tag_keys(&self, _measurement: &[u8]) -> Result<Vec<Text>, StorageError> {
        todo!()
    }

    /// The least and the greatest time (ns) of a row of the measurement; `None` if it has none. May be wider than the truth.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn time_bounds(&self, _measurement: &[u8]) -> Result<Option<TimeRange>, StorageError> {
        todo!()
    }

    /// The series of a measurement that fulfil a condition, in the order of their canonical keys.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn series(&self, _measurement: &[u8], _condition: &TagCondition) -> Result<SeriesSet, StorageError> {
        todo!()
    }

    /// Opens a scan of some fields in a time range. A field that a shard does not have with that type has no values there.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn scan<'v>(
        &'v self,
        _set: &'v SeriesSet,
        _fields: &[(Text, FieldType)],
        _range: TimeRange,
    ) -> Result<Scan<'v>, StorageError> {
        todo!()
    }
}

/// Some series of one measurement, ascending by canonical key, numbered from 0.
#[derive(Clone, Debug)]
pub struct SeriesSet {}

impl SeriesSet {
    /// Number of series.
    #[must_use]
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        todo!()
    }

    /// The canonical key of a series.
    #[must_use]
    pub fn key(&self, _series: usize) -> Vec<u8> {
        todo!()
    }

    /// The tags of a series.
    #[must_use]
    pub fn tags(&self, _series: usize) -> TagSet {
        todo!()
    }

    /// The tag keys that some series of the measurement has, sorted.
    #[must_use]
    pub fn tag_keys(&self) -> &[Text] {
        todo!()
    }

    /// One tag of all series: the distinct values that occur in this set, sorted (the empty value, if some series lack the
    /// tag, comes first), and for each series the index of its value among them.
    #[must_use]
    pub fn tag_column(&self, _key: &[u8]) -> (Vec<Text>, Vec<u32>) {
        todo!()
    }
}

/// A walk over some fields of the series of a set, in a time range. Keeps the last decoded pages, so go through series in
/// ascending order where there is a choice.
#[derive(Debug)]
pub struct Scan<'v> {
    _view: &'v View,
}

impl<'v> Scan<'v> {
    /// The cuts of one series (its number in the set) in one shard (its index in [`View::shards`]): they do not overlap,
    /// ascend by time, and each holds at least one row that may lie in the scan's range. Rows that have none of the
    /// scan's fields are not in any cut. A cut may reach beyond the range: the reader clips.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn cuts(&mut self, _series: usize, _shard: usize) -> Result<Vec<Cut>, StorageError> {
        todo!()
    }
}

/// A stretch of rows of one series whose times no other cut of the same list overlaps.
#[derive(Debug)]
pub struct Cut {}

impl Cut {
    /// Bounds of the cut's times (ns); may be wider than its rows.
    #[must_use]
    pub fn range(&self) -> TimeRange {
        todo!()
    }

    /// Upper bound of its rows; exact where [`Cut::stats`] answers.
    #[must_use]
    pub fn rows_max(&self) -> usize {
        todo!()
    }

    /// The figures of a field (its index in the scan's list) over the whole cut, if they are kept and hold (nothing else
    /// in the view overlaps); `None` means: decode. A field without values here has figures with count 0.
    #[must_use]
    pub fn stats(&self, _field: usize) -> Option<Stats> {
        todo!()
    }

    /// The times of the cut's rows (ns), ascending strictly.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn times(&self) -> Result<Arc<Vec<i64>>, StorageError> {
        todo!()
    }

    /// The values of a field (its index in the scan's list) in the cut's rows, as [`Cut::times`] numbers them. Decoded when
    /// asked for: ask for the columns of a filter first.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn column(&self, _field: usize) -> Result<Arc<Column>, StorageError> {
        todo!()
    }
}
