//! The quick reading of a common line: its table and columns are known, nothing in it is escaped, single spaces part it.
//!
//! One pass from left to right; the first surprise gives the line up, takes back what it has stored, and leaves the line to
//! `slow`. What is accepted here `slow` reads alike: a quote counts only at the start of a value, where InfluxDB too sees a
//! string; a name is compared with names that need no escapes.

use super::build::TableBuilder;
use super::{Decoder, Options, offset};
use crate::number::{self, Number};
use model::{FieldType, KeySpan, Value};

/// Keys and names up to here are quick; longer ones are left to `slow`.
const LONG_KEY: usize = 32_768;

/// The bytes that end a number or boolean.
const VALUE_MARKS: [bool; 256] = marks(b", \r\n\\");

const fn marks(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut index = 0;
    while index < bytes.len() {
        table[bytes[index] as usize] = true;
        index += 1;
    }
    table
}

/// The index of the first marked byte of `text` at or after `from`.
#[inline]
fn find(text: &[u8], from: usize, marks: &[bool; 256]) -> Option<usize> {
    let rest = text.get(from..)?;
    rest.iter().position(|&byte| marks[usize::from(byte)]).map(|at| from + at)
}

/// The index of the first byte at or after `from` that ends a part of a key, or makes the line one for `slow`.
#[inline]
fn find_key_mark(text: &[u8], from: usize) -> Option<usize> {
    codec::scan::find_set(text, from, *b",= \\\n")
}

impl Decoder<'_> {
    /// Decodes the line at `start` if it is a common one; returns where the next line begins.
    #[inline]
    pub(super) fn fast(&mut self, start: usize) -> Option<usize> {
        if self.options.validate_utf8 {
            return None;
        }
        let line = self.body.get(start..)?;
        if matches!(line.first(), None | Some(b'#' | b' ' | b'\t' | 0)) {
            return None;
        }
        let index = self.builder.find_raw(line)?;
        let table = &mut self.builder.tables[index];
        let key_length = codec::scan::pairs_end(line, table.measurement_length(), *b"time")?;
        if key_length > LONG_KEY || table.may_exceed(key_length) {
            return None;
        }
        let key = KeySpan { start: offset(start), len: offset(key_length) };
        let row = fields(table, line, key_length + 1, self.options);
        let row = row.and_then(|at| line_tail(line, at, self.options, self.default_time));
        let Some((time, length)) = row else {
            table.take_back_row();
            return None;
        };
        self.used += table.finish_row(key, time);
        Some(start + length)
    }
}

/// Stores the fields that begin at `at`; returns where they end.
#[inline]
fn fields(table: &mut TableBuilder, line: &[u8], mut at: usize, options: &Options) -> Option<usize> {
    if matches!(line.get(at)?, b' ' | b'\t' | 0) {
        return None;
    }
    let mut expected = table.first;
    let mut last = None;
    loop {
        let rest = line.get(at..)?;
        let (index, length) = match table.set_integer(expected, rest) {
            Some(length) => (expected, length),
            None => any_field(table, rest, expected, last, options)?,
        };
        last = Some(index);
        expected = table.columns[index as usize].follow;
        at += length;
        if line.get(at) != Some(&b',') {
            return Some(at);
        }
        at += 1;
    }
}

/// Stores the field at the start of `rest`, probably one of column `expected`; returns its column and its length. `last` is
/// the column of the field before.
fn any_field(
    table: &mut TableBuilder,
    rest: &[u8],
    expected: u32,
    last: Option<u32>,
    options: &Options,
) -> Option<(u32, usize)> {
    let (mut index, name_length) = match table.columns.get(expected as usize) {
        Some(column) if column.probe.begins(rest) => (expected, column.probe.len() - 1),
        _ => named(table, rest)?,
    };
    let (value, length) = value(&rest[name_length + 1..], options)?;
    if table.columns[index as usize].column.field_type() != value.field_type() {
        index = table.find(&rest[..name_length], value.field_type())?;
    }
    if index != expected {
        match last {
            Some(last) => table.follow(last, index),
            None => table.first = index,
        }
    }
    table.set(index, value);
    Some((index, name_length + 1 + length))
}

/// The first column of the name that `rest` begins with, and the name's length.
fn named(table: &TableBuilder, rest: &[u8]) -> Option<(u32, usize)> {
    let end = find_key_mark(rest, 0)?;
    let name = &rest[..end];
    if rest[end] != b'=' || name.is_empty() {
        return None;
    }
    let first = FieldType::ALL.iter().find_map(|&field_type| table.find(name, field_type))?;
    Some((first, end))
}

/// The value at the start of `text`, and its length.
#[inline(always)]
fn value<'a>(text: &'a [u8], options: &Options) -> Option<(Value<'a>, usize)> {
    match text.first()? {
        b'"' => {
            let length = memchr::memchr2(b'"', b'\\', &text[1..])?;
            let closed = text[1 + length] == b'"' && length <= options.max_field_bytes;
            closed.then(|| (Value::String(&text[1..=length]), length + 2))
        }
        b'0'..=b'9' | b'-' | b'.' => {
            let (number, length) = match number::quick(text) {
                Some((number, length)) if text.get(length).is_none_or(|&byte| VALUE_MARKS[usize::from(byte)]) => {
                    (number, length)
                }
                _ => {
                    let length = find(text, 0, &VALUE_MARKS).unwrap_or(text.len());
                    (number::number(&text[..length]).ok()?, length)
                }
            };
            let value = match number {
                Number::Float(value) => Value::Float(value),
                Number::Integer(value) => Value::Integer(value),
                Number::Unsigned(value) => Value::Unsigned(value),
            };
            Some((value, length))
        }
        _ => {
            let length = find(text, 0, &VALUE_MARKS).unwrap_or(text.len());
            Some((Value::Boolean(number::boolean(&text[..length])?), length))
        }
    }
}

/// The time of a line whose fields end at `at`, and the length of the line with its end.
#[inline]
fn line_tail(line: &[u8], mut at: usize, options: &Options, default_time: i64) -> Option<(i64, usize)> {
    let mut time = default_time;
    if line.get(at) == Some(&b' ') {
        let (timestamp, length) = number::quick_timestamp(&line[at + 1..])?;
        time = options.precision.time(timestamp)?;
        at += 1 + length;
    }
    if line.get(at) == Some(&b'\r') {
        at += 1;
    }
    match line.get(at) {
        None | Some(b'\n') => Some((time, at + 1)),
        Some(_) => None,
    }
}
