//! The rows of one write request, decoded to columns: what `ingest` makes and `storage` takes.
//!
//! A [`Batch`] owns the request's bytes and cuts its rows by measurement into [`Table`]s; a row's series is named by where
//! its raw key (`measurement,tag=value,...` as the client wrote it) lies in those bytes. `storage` looks the raw key up and
//! only on a miss asks [`KeyText`] for the canonical form, so it never learns the text format.
//!
//! Invariants: rows of a table are in the order of the request; two tables of a batch never have the same measurement; all
//! columns of a table are sealed to its number of rows, and every row has at least one value.

use crate::{Column, Text};
use std::fmt;
use std::sync::Arc;

/// Where a row's raw series key lies in [`Batch::text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpan {
    /// Offset of the first byte.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

/// The values of one field of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableColumn {
    /// The field's name, unescaped.
    pub name: Text,
    /// Its values.
    pub column: Column,
}

/// The rows of one measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The measurement's name, unescaped.
    pub measurement: Text,
    /// The raw series key of each row.
    pub keys: Vec<KeySpan>,
    /// The timestamp of each row (ns).
    pub times: Vec<i64>,
    /// The fields; a name may stand twice with two types, the type that the request used first comes first.
    pub columns: Vec<TableColumn>,
}

impl Table {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.times.len()
    }
}

/// The rows of one write request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The bytes that the raw keys lie in; shared, so that whoever sent them can tell a bad line later.
    pub text: Arc<Vec<u8>>,
    /// The rows by measurement, in order of first appearance.
    pub tables: Vec<Table>,
}

impl Batch {
    /// Number of rows of all tables.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.tables.iter().map(Table::rows).sum()
    }

    /// The raw key at `span`; empty if the span lies outside.
    #[must_use]
    pub fn key(&self, span: KeySpan) -> &[u8] {
        let start = span.start as usize;
        self.text.get(start..start + span.len as usize).unwrap_or_default()
    }
}

/// Memory for what is kept and told of the lines of a request that are no points (bytes); further ones are counted.
pub const MOST_ERROR_BYTES: usize = 4 << 20;

/// Why a raw key names no series; the text is what InfluxDB prints after `unable to parse '<line>': `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError(pub String);

impl fmt::Display for KeyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}

/// The text format of raw series keys.
pub trait KeyText: Send + Sync {
    /// Appends the canonical key (see [`crate::series_key`]) of a raw one.
    ///
    /// # Errors
    /// The raw key names no series: duplicate tags, a missing tag value and the like. `key` is then unspecified.
    fn canonical(&self, raw: &[u8], key: &mut Vec<u8>) -> Result<(), KeyError>;
}
