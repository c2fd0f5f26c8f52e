//! Some rows of an answer as columns: what query operators pass on and what the server encodes.
//!
//! An answer to one statement is a sequence of [`Item`]s: a [`Header`] opens an output series, [`Frame`]s with its rows
//! follow. An answer without a header has no series. Where series have few rows each, one frame has those of many.
//!
//! Invariant: a frame has as many columns as its header has names, and all of them speak of `rows` rows.

use crate::{Column, FieldType, Presence, Strings, Text, Value, Values};
use std::sync::Arc;

/// What opens an output series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The series' name; empty: none is printed.
    pub name: Text,
    /// The group's tags, sorted by key; `None` where the statement does not group by tags.
    pub tags: Option<Vec<(Text, Text)>>,
    /// The names of the columns, which many series share.
    pub columns: Arc<[Text]>,
}

/// One column of a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum FrameColumn {
    /// Instants (ns), one for each row: printed as the client asked.
    Times(Vec<i64>),
    /// Values, some of which may be missing (printed as null).
    Values(Column),
    /// Texts of which few differ.
    Labels(Labels),
    /// A list of texts for each row, as SHOW SUBSCRIPTIONS has one.
    Lists(Vec<Vec<Text>>),
}

impl FrameColumn {
    /// The value in a row; `None` if it is missing, or a time.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<Value<'_>> {
        match self {
            Self::Times(_) | Self::Lists(_) => None,
            Self::Values(column) => column.get(row),
            Self::Labels(labels) => labels.get(row).map(Value::String),
        }
    }
}

/// A column of texts that many rows share, as the tags of series: each row has the place of its text. Columns that share the
/// places can be printed together, once for each place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The texts; a missing one is printed as null.
    pub texts: Arc<Texts>,
    /// For each row its text's place.
    pub rows: Arc<[u32]>,
}

impl Labels {
    /// The text in a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        let place = *self.rows.get(row)?;
        self.texts.get(place as usize)
    }

    /// The same as a column of strings.
    #[must_use]
    pub fn to_column(&self) -> Column {
        let (mut strings, mut present) = (Strings::new(), Vec::new());
        for row in 0..self.rows.len() {
            if let Some(text) = self.get(row) {
                strings.push(text);
                present.push(row as u32);
            }
        }
        if strings.is_empty() {
            return Column::empty(FieldType::String);
        }
        let mut column = Column { values: Values::String(strings), presence: Presence::Sparse(present) };
        column.seal(self.rows.len());
        column
    }
}

/// Texts, some of which may be missing, without an allocation for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// A missing one is empty here.
    strings: Strings,
    present: Vec<bool>,
}

impl Texts {
    /// What a text takes beside its bytes (bytes).
    pub const PLACE: usize = size_of::<u32>() + size_of::<bool>();

    /// Appends a text, or that there is none.
    pub fn push(&mut self, text: Option<&[u8]>) {
        self.strings.push(text.unwrap_or_default());
        self.present.push(text.is_some());
    }

    /// A text; `None` if it is missing, or none of these.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let present = *self.present.get(index)?;
        present.then(|| self.strings.get(index))
    }

    /// How many there are, missing ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.present.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.present.is_empty()
    }
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
    /// Several whole series.
    Many(Many),
}

impl Item {
    /// The rows that it has.
    #[must_use]
    pub fn frame(&self) -> Option<&Frame> {
        match self {
            Self::Series(_) => None,
            Self::Rows(frame) | Self::Many(Many { frame, .. }) => Some(frame),
        }
    }
}

/// Several output series of few rows each, which have the same columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Many {
    /// What opens each, and the number of its rows.
    pub series: Vec<(Header, usize)>,
    /// Their rows, one series after the other.
    pub frame: Frame,
}
