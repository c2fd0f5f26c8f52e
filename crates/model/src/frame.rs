//! Some rows of an answer as columns: what query operators pass on and what the server encodes.
//!
//! An answer to one statement is a sequence of [`Item`]s: a [`Header`] opens an output series, [`Frame`]s with its rows
//! follow. An answer without a header has no series.
//!
//! Invariant: a frame has as many columns as its header has names, and all of them speak of `rows` rows.

use crate::{Column, Text};

/// What opens an output series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The series' name; empty: none is printed.
    pub name: Text,
    /// The group's tags, sorted by key; `None` where the statement does not group by tags.
    pub tags: Option<Vec<(Text, Text)>>,
    /// The names of the columns.
    pub columns: Vec<Text>,
}

/// One column of a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum FrameColumn {
    /// Instants (ns), one for each row: printed as the client asked.
    Times(Vec<i64>),
    /// Values, some of which may be missing (printed as null).
    Values(Column),
}

/// Some rows of the series that the last header opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Number of rows.
    pub rows: usize,
    /// The columns, as the header names them.
    pub columns: Vec<FrameColumn>,
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A new output series begins.
    Series(Header),
    /// Rows of the series that began last.
    Rows(Frame),
}
