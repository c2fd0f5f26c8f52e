//! A frame's columns, row after row: what of a column is printed next, for every form of answer alike.

use super::number::push_integer;
use model::{Column, FrameColumn, Presence, Values};

/// How an answer prints what is in its cells.
pub(super) trait Print {
    /// An instant (ns).
    fn time(&self, time: i64, out: &mut Vec<u8>);
    /// A float.
    fn float(&self, value: f64, out: &mut Vec<u8>);
    /// A string.
    fn text(&self, text: &[u8], out: &mut Vec<u8>);
    /// A value that is missing.
    fn missing(&self, out: &mut Vec<u8>);

    /// An integer: forms that are text print it alike.
    fn integer(&self, value: i64, out: &mut Vec<u8>) {
        push_integer(value, out);
    }

    /// An unsigned integer: forms that are text print it alike.
    fn unsigned(&self, value: u64, out: &mut Vec<u8>) {
        push_integer(value, out);
    }

    /// A boolean: forms that are text print it alike.
    fn boolean(&self, value: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// One of some values.
    fn value(&self, values: &Values, index: usize, out: &mut Vec<u8>) {
        match values {
            Values::Float(values) => self.float(values[index], out),
            Values::Integer(values) => self.integer(values[index], out),
            Values::Unsigned(values) => self.unsigned(values[index], out),
            Values::Boolean(values) => self.boolean(values[index], out),
            Values::String(values) => self.text(values.get(index), out),
        }
    }
}

/// Prints a column's rows one after the other.
pub(super) enum Cell<'a> {
    Times(std::slice::Iter<'a, i64>),
    Dense { values: &'a Values, next: usize },
    Sparse { values: &'a Values, rows: &'a [u32], row: u32, next: usize },
}

impl<'a> Cell<'a> {
    pub(super) fn new(column: &'a FrameColumn) -> Self {
        match column {
            FrameColumn::Times(times) => Self::Times(times.iter()),
            FrameColumn::Values(Column { values, presence: Presence::Dense }) => Self::Dense { values, next: 0 },
            FrameColumn::Values(Column { values, presence: Presence::Sparse(rows) }) => {
                Self::Sparse { values, rows, row: 0, next: 0 }
            }
        }
    }

    /// Prints the next row.
    pub(super) fn push(&mut self, print: &impl Print, out: &mut Vec<u8>) {
        match self {
            Self::Times(times) => match times.next() {
                Some(&time) => print.time(time, out),
                None => print.missing(out),
            },
            Self::Dense { values, next } => {
                print.value(values, *next, out);
                *next += 1;
            }
            Self::Sparse { values, rows, row, next } => {
                if rows.get(*next) == Some(row) {
                    print.value(values, *next, out);
                    *next += 1;
                } else {
                    print.missing(out);
                }
                *row += 1;
            }
        }
    }
}
