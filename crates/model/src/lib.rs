//! The nouns that every layer speaks: time, durations, typed values and columns, series keys with their tag sets,
//! the batch that a write carries down and the frame that a query carries up.
//!
//! A write request becomes a [`Batch`]: one [`Table`] a measurement, its rows as columns. A query answer becomes a
//! sequence of [`Item`]s: a [`Header`] for each output series and [`Frame`]s of its rows. Nothing here does I/O, reads a
//! clock or knows a text or disk format; names and string values are bytes, because the line protocol stores them as they
//! come.
//!
//! * [`time`] – instants (ns since 1970, `i64`), ranges, civil dates
//! * [`zone`] – what the clocks of a place show
//! * [`duration`] – printing of durations
//! * [`column`] – field types, values, columns with missing values
//! * [`series_key`], [`tag_set`] – what names a series
//! * [`batch`] – the rows of one write request
//! * [`frame`] – some rows of an answer

pub mod batch;
pub mod column;
pub mod duration;
pub mod frame;
pub mod series_key;
pub mod tag_set;
pub mod time;
pub mod zone;

pub use batch::{Batch, KeyError, KeySpan, KeyText, MOST_ERROR_BYTES, Table, TableColumn};
pub use column::{Column, FieldType, Presence, Strings, Value, Values};
pub use frame::{Frame, FrameColumn, Header, Item, Labels, Many, Texts};
pub use tag_set::TagSet;
pub use time::TimeRange;
pub use zone::Zone;

/// A name or a string value: bytes, UTF-8 as a rule but not by force.
pub type Text = Box<[u8]>;
