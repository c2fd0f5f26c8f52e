//! The exact reading of a line: every form that InfluxDB accepts, and its error for every form that it refuses.
//!
//! A line is cut out of the body ([`line_text`]), scanned into spans and values without touching any table, judged, and only
//! then stored. InfluxDB scans a line twice, once for errors and once for values, and the two differ on odd input: text
//! after a closing quote is cut off in silence, an extra comma may end up in a name. Here such lines are
//! `invalid field format`. A CR at the end of a line is no part of it.

use super::build::TableBuilder;
use super::{Decoder, offset};
use crate::error::{LineProblem, MAX_KEY_LENGTH};
use crate::key::{self, LineKeys};
use crate::number::{self, Number};
use crate::printable::{made_printable, quoted, valid_key};
use model::{FieldType, KeySpan, KeyText, Value};
use std::ops::Range;

/// Buffers that lines use one after the other.
#[derive(Default)]
pub(super) struct Scratch {
    fields: Vec<RawField>,
    text: Vec<u8>,
}

/// A field as it lies in a line.
struct RawField {
    name: Range<usize>,
    value: RawValue,
}

/// A value, a string as it lies between its quotes.
enum RawValue {
    Number(Number),
    Boolean(bool),
    String { span: Range<usize>, escaped: bool },
}

/// Space, tab and NUL: what may stand before a line and between its parts.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0)
}

fn skip_blank(text: &[u8], from: usize) -> usize {
    (from..text.len()).find(|&at| !is_blank(text[at])).unwrap_or(text.len())
}

/// Where the line that begins at `start` ends: at a LF that is neither in a string nor after a backslash. What is a string
/// is guessed from the number of `=` and commas since the first space, as InfluxDB does.
fn line_end(body: &[u8], start: usize) -> usize {
    let (mut in_fields, mut quoted) = (false, false);
    let (mut equals, mut commas) = (0_usize, 0_usize);
    let mut at = start;
    while at < body.len() {
        match body[at] {
            b'\\' if at + 2 < body.len() => at += 1,
            b' ' => in_fields = true,
            b'\n' if !quoted => return at,
            b'=' if in_fields && !quoted => equals += 1,
            b',' if in_fields && !quoted => commas += 1,
            b'"' if in_fields && equals > commas => quoted = !quoted,
            _ => {}
        }
        at += 1;
    }
    body.len()
}

/// The line that begins at `start`, without LF and without a CR before it.
pub(crate) fn line_text(body: &[u8], start: usize) -> &[u8] {
    trim_end(&body[start..line_end(body, start)])
}

fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

impl Decoder<'_> {
    /// Decodes the line at `start`, whatever it is; returns where the next one begins.
    pub(super) fn slow(&mut self, start: usize) -> usize {
        let end = line_end(self.body, start);
        let line = trim_end(&self.body[start..end]);
        let blank = skip_blank(line, 0);
        let line = &line[blank..];
        if !matches!(line.first(), None | Some(b'#')) {
            let mut scratch = std::mem::take(&mut self.scratch);
            scratch.fields.clear();
            match self.parse(line, &mut scratch.fields) {
                Ok((key_length, time)) => self.accept(line, offset(start + blank), key_length, time, &mut scratch),
                Err(problem) => self.refuse(offset(start + blank), line, problem),
            }
            self.scratch = scratch;
        }
        end + 1
    }

    /// Scans a line into `fields`; returns the length of its key and its time.
    fn parse(&self, line: &[u8], fields: &mut Vec<RawField>) -> Result<(usize, i64), LineProblem> {
        let key_length = key::key_length(line)?;
        if key_length == line.len() {
            return Err(LineProblem::MissingFields);
        }
        let parsed = self.parse_after_key(line, key_length, fields);
        // InfluxDB finds duplicate tags before it looks at what follows the key
        if parsed.is_err() && key::has_duplicates(&line[..key_length]) {
            return Err(LineProblem::DuplicateTags);
        }
        Ok((key_length, parsed?))
    }

    fn parse_after_key(&self, line: &[u8], key_length: usize, fields: &mut Vec<RawField>) -> Result<i64, LineProblem> {
        if key_length > MAX_KEY_LENGTH {
            return Err(LineProblem::KeyTooLong(key_length));
        }
        let end = scan_fields(line, skip_blank(line, key_length), fields)?;
        let lengths = fields.iter().map(|field| key_length + 4 + field.name.len());
        if let Some(length) = lengths.into_iter().find(|&length| length > MAX_KEY_LENGTH) {
            return Err(LineProblem::KeyTooLong(length));
        }
        self.parse_time(&line[skip_blank(line, end)..])
    }

    /// The time that the rest of a line says.
    fn parse_time(&self, rest: &[u8]) -> Result<i64, LineProblem> {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b' ')).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        if token.is_empty() {
            return Ok(self.default_time);
        }
        let digits = token.strip_prefix(b"-").unwrap_or(token);
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(LineProblem::BadTimestamp);
        }
        let timestamp = number::timestamp(token)?;
        let time = self.options.precision.time(timestamp).ok_or(LineProblem::TimeOutsideRange)?;
        if after.iter().any(|&byte| byte != b' ') {
            return Err(LineProblem::PointIsInvalid);
        }
        Ok(time)
    }

    /// Stores the point of a line, or counts why it is not stored.
    fn accept(&mut self, line: &[u8], start: u32, key_length: usize, time: i64, scratch: &mut Scratch) {
        let raw_key = &line[..key_length];
        let span = KeySpan { start, len: offset(key_length) };
        if let Some(problem) = self.key_refusal(raw_key) {
            if key::has_duplicates(raw_key) {
                return self.refuse(start, line, LineProblem::DuplicateTags);
            }
            self.partial.dropped += 1;
            self.partial.key.get_or_insert(problem);
            return;
        }
        let measurement = key::measurement(raw_key);
        if let Some(problem) = self.field_refusal(line, &measurement, scratch) {
            self.partial.dropped += 1;
            self.partial.field.get_or_insert(problem);
            return;
        }
        let before = scratch.fields.len();
        scratch.fields.retain(|field| line[field.name.clone()] != *b"time");
        if scratch.fields.len() < before {
            let name = String::from_utf8_lossy(&measurement);
            self.partial.stripped = Some(format!(
                "invalid field name: input field \"time\" on measurement \"{name}\" is invalid. Field \"time\" has been stripped from point."
            ));
        }
        let table = self.builder.table(measurement);
        store(table, line, scratch);
        self.used += table.finish_row(span, time);
    }

    /// Why a key may not be stored though it is well-formed.
    fn key_refusal(&self, raw_key: &[u8]) -> Option<String> {
        if key::has_time_tag(raw_key) {
            let measurement = key::measurement(raw_key);
            let name = String::from_utf8_lossy(&measurement);
            return Some(format!("invalid tag key: input tag \"time\" on measurement \"{name}\" is invalid"));
        }
        if !self.options.validate_utf8 || valid_key(raw_key) {
            return None;
        }
        let mut canonical = Vec::new();
        // a key with duplicate tags is reported as such
        let _ = LineKeys.canonical(raw_key, &mut canonical);
        Some(format!("key contains invalid unicode: {}", quoted(made_printable(&canonical).as_bytes())))
    }

    /// Why the fields of a point may not be stored.
    fn field_refusal(&self, line: &[u8], measurement: &[u8], scratch: &mut Scratch) -> Option<String> {
        if scratch.fields.iter().all(|field| line[field.name.clone()] == *b"time") {
            let name = String::from_utf8_lossy(measurement);
            return Some(format!("invalid field name: input field \"time\" on measurement \"{name}\" is invalid"));
        }
        let limit = self.options.max_field_bytes;
        for RawField { name, value } in &scratch.fields {
            let RawValue::String { span, escaped } = value else { continue };
            if span.len() > limit {
                let length = string(&line[span.clone()], *escaped, &mut scratch.text).len();
                if length > limit {
                    let field = quoted(&key::unescape_name(&line[name.clone()]));
                    let measurement = quoted(measurement);
                    return Some(format!(
                        "input field {field} on measurement {measurement} is too long, {length} > {limit}"
                    ));
                }
            }
        }
        None
    }
}

/// Puts the fields into the columns of the unfinished row.
fn store(table: &mut TableBuilder, line: &[u8], scratch: &mut Scratch) {
    let mut last: Option<u32> = None;
    for RawField { name, value } in &scratch.fields {
        let value = match value {
            RawValue::Number(Number::Float(value)) => Value::Float(*value),
            RawValue::Number(Number::Integer(value)) => Value::Integer(*value),
            RawValue::Number(Number::Unsigned(value)) => Value::Unsigned(*value),
            RawValue::Boolean(value) => Value::Boolean(*value),
            RawValue::String { span, escaped } => {
                Value::String(string(&line[span.clone()], *escaped, &mut scratch.text))
            }
        };
        let field_type: FieldType = value.field_type();
        let raw_name = &line[name.clone()];
        let index = if raw_name.contains(&b'\\') {
            table.column(&key::unescape_name(raw_name), field_type)
        } else {
            table.column(raw_name, field_type)
        };
        match last {
            Some(last) => table.follow(last, index),
            None => table.first = index,
        }
        last = Some(index);
        table.set(index, value);
    }
}

/// The bytes of a string: `\"` and `\\` lose their backslash.
fn string<'a>(raw: &'a [u8], escaped: bool, buffer: &'a mut Vec<u8>) -> &'a [u8] {
    if !escaped {
        return raw;
    }
    buffer.clear();
    let mut at = 0;
    while at < raw.len() {
        if raw[at] == b'\\' && matches!(raw.get(at + 1), Some(b'"' | b'\\')) {
            at += 1;
        }
        buffer.push(raw[at]);
        at += 1;
    }
    buffer
}

/// Scans the fields that begin at `start`; returns where they end.
fn scan_fields(line: &[u8], start: usize, fields: &mut Vec<RawField>) -> Result<usize, LineProblem> {
    let mut scan = FieldScan { line, at: start, name_start: start, ..FieldScan::default() };
    while let Some(&byte) = line.get(scan.at) {
        match byte {
            b'\\' if scan.at + 1 < line.len() => {
                scan.escaped = true;
                scan.at += 2;
            }
            b'"' if scan.equals > scan.commas => scan.quote(fields),
            b'=' if scan.open.is_none() => scan.value(fields)?,
            b',' if scan.open.is_none() => {
                scan.commas += 1;
                scan.at += 1;
                scan.name_start = scan.at;
            }
            b' ' if scan.open.is_none() => break,
            _ => scan.at += 1,
        }
    }
    scan.judge()?;
    Ok(scan.at)
}

/// How far the scan over some fields came.
#[derive(Default)]
struct FieldScan<'a> {
    line: &'a [u8],
    at: usize,
    name_start: usize,
    /// The name that the string to come belongs to.
    name: Range<usize>,
    equals: usize,
    commas: usize,
    /// Where the string that is open begins.
    open: Option<usize>,
    /// A backslash stands in the string that is open.
    escaped: bool,
    /// Something stands where it may not; InfluxDB reports it only after all values.
    malformed: bool,
    /// A name ends in a backslash: where it begins.
    odd_name: Option<usize>,
}

impl FieldScan<'_> {
    /// A quote that opens or closes a string.
    fn quote(&mut self, fields: &mut Vec<RawField>) {
        if let Some(open) = self.open.take() {
            let value = RawValue::String { span: open..self.at, escaped: self.escaped };
            fields.push(RawField { name: self.name.clone(), value });
            self.malformed |= !matches!(self.line.get(self.at + 1), None | Some(b',' | b' '));
        } else {
            self.malformed |= self.line[self.at - 1] != b'=';
            self.open = Some(self.at + 1);
            self.escaped = false;
        }
        self.at += 1;
    }

    /// An equals sign and the number or boolean after it; a string is left to [`FieldScan::quote`].
    fn value(&mut self, fields: &mut Vec<RawField>) -> Result<(), LineProblem> {
        self.equals += 1;
        if self.at == self.name_start {
            return Err(LineProblem::MissingFieldKey);
        }
        self.name = self.name_start..self.at;
        if self.line[self.at - 1] == b'\\' {
            self.odd_name.get_or_insert(self.name_start);
        }
        self.at += 1;
        let rest = &self.line[self.at..];
        match rest.first() {
            None | Some(b',' | b' ') => return Err(LineProblem::MissingFieldValue),
            Some(b'"') => {
                self.malformed |= self.equals <= self.commas;
                return Ok(());
            }
            Some(_) => {}
        }
        let token = &rest[..memchr::memchr2(b',', b' ', rest).unwrap_or(rest.len())];
        let value = match token[0] {
            b'0'..=b'9' | b'.' | b'-' | b'N' | b'n' => RawValue::Number(number::number(token)?),
            _ => RawValue::Boolean(number::boolean(token).ok_or(LineProblem::InvalidBoolean)?),
        };
        fields.push(RawField { name: self.name.clone(), value });
        self.at += token.len();
        Ok(())
    }

    /// What is wrong with the fields as a whole.
    fn judge(&self) -> Result<(), LineProblem> {
        if self.open.is_some() {
            return Err(LineProblem::UnbalancedQuotes);
        }
        if self.equals == 0 || self.commas != self.equals - 1 || self.malformed {
            return Err(LineProblem::InvalidFieldFormat);
        }
        if let Some(name) = self.odd_name {
            let rest = &self.line[name..self.at];
            return Err(LineProblem::InvalidFieldKey(String::from_utf8_lossy(rest).into_owned()));
        }
        Ok(())
    }
}
