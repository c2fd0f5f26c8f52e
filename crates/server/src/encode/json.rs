//! Answers in InfluxDB's JSON.
//!
//! ```text
//! whole:    {"results":[{"statement_id":0,"series":[{"name":..,"tags":{..},"columns":[..],"values":[[..],..]}],
//!           "messages":[..],"partial":true,"error":".."}]}\n
//! chunked:  one such document a line, each with rows of one series; "partial":true on a series that goes on in the next
//!           document, and on a result while more documents of its statement follow
//! ```
//!
//! It is fed statement by statement. Its bytes gather in a buffer that the owner takes away whenever it likes, so
//! an answer is never whole in memory; only in the pretty form the rewriting to indented text waits for the end.

use super::cells::{Cell, Print, Take};
use super::number::{push_float, push_integer};
use super::pretty::push_pretty;
use super::text::push_string;
use super::{Clock, Form, TimeForm};
use model::{Header, Text, Zone};
use std::sync::Arc;

/// An answer under way.
#[derive(Debug)]
pub struct Json {
    form: Form,
    out: Vec<u8>,
    statement: usize,
    statements: usize,
    /// The series under way: where answers are chunked, the `{"name":..,"tags":..,"columns":..` of it.
    series: Option<Vec<u8>>,
    /// Names of columns, and how they are printed: the next series has the same ones as a rule.
    columns: (Arc<[Text]>, Vec<u8>),
    /// Rows of the series in the document under way.
    rows: usize,
    /// Series of the statement under way that are written, or begun.
    series_count: usize,
    /// Rows of the answer so far.
    total_rows: usize,
    /// Whether rows or series were left out for [`Form::max_rows`].
    cut: Cut,
    /// Rows in a document of an answer that splits.
    chunk_rows: usize,
    /// Whether the statement under way splits: documents say then that others follow.
    splits: bool,
}

/// What [`Form::max_rows`] left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Nothing,
    Rows,
    Series,
}

impl Json {
    /// An answer without a statement.
    pub(super) fn new(form: Form) -> Self {
        Self {
            chunk_rows: form.chunk_rows.unwrap_or(usize::MAX),
            form,
            out: Vec::new(),
            statement: 0,
            statements: 0,
            series: None,
            columns: (Arc::default(), printed(&[])),
            rows: 0,
            series_count: 0,
            total_rows: 0,
            cut: Cut::Nothing,
            splits: true,
        }
    }

    /// Bytes that may be sent now: none before the end where the form is pretty.
    pub(super) fn take(&mut self) -> Vec<u8> {
        if self.form.pretty { Vec::new() } else { std::mem::take(&mut self.out) }
    }

    /// Number of bytes that wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.out.len()
    }

    /// Memory that is held until the end, with the indented text that is made then: some three times as long.
    pub(super) fn held(&self) -> usize {
        if self.form.pretty { 4 * self.out.capacity() } else { 0 }
    }

    /// Begins the answer to statement `id`; `splits`: see [`super::Answer::begin`].
    pub(super) fn begin(&mut self, id: usize, splits: bool, zone: Option<&'static Zone>) {
        self.form.zone = zone;
        self.splits = splits;
        self.form.chunk_rows = self.form.chunk_rows.map(|_| if splits { self.chunk_rows } else { usize::MAX });
        self.statement = id;
        self.series = None;
        self.rows = 0;
        self.series_count = 0;
        if self.form.chunk_rows.is_none() {
            self.out.extend_from_slice(if self.statements == 0 { b"{\"results\":[" } else { b"," });
            self.open_result();
        }
        self.statements += 1;
    }

    fn open_result(&mut self) {
        self.out.extend_from_slice(b"{\"statement_id\":");
        push_integer(self.statement, &mut self.out);
    }

    /// Appends what a series opens with.
    fn push_head(&mut self, header: &Header) {
        if !Arc::ptr_eq(&self.columns.0, &header.columns) {
            self.columns = (Arc::clone(&header.columns), printed(&header.columns));
        }
        push_head(header, &mut self.out);
        self.out.extend_from_slice(&self.columns.1);
    }

    /// Ends the series under way; `more`: another document of the statement follows.
    fn end_series(&mut self, more: bool) {
        let Some(head) = self.series.take() else { return };
        if self.rows > 0 {
            self.out.push(b']');
        }
        if self.form.chunk_rows.is_some() {
            if self.rows == 0 {
                self.open_document(&head);
            }
            self.out.extend_from_slice(b"}]");
            self.close_document(more, &[], None);
        } else {
            self.out.extend_from_slice(if self.cut == Cut::Rows { b",\"partial\":true}" } else { b"}" });
        }
    }

    fn open_document(&mut self, head: &[u8]) {
        self.out.extend_from_slice(b"{\"results\":[");
        self.open_result();
        self.out.extend_from_slice(b",\"series\":[");
        self.out.extend_from_slice(head);
    }

    fn close_document(&mut self, partial: bool, messages: &[String], error: Option<&str>) {
        push_messages(messages, &mut self.out);
        if partial {
            self.out.extend_from_slice(b",\"partial\":true");
        }
        push_error(error, &mut self.out);
        self.out.extend_from_slice(b"}]}\n");
    }

    /// Makes room for a row; `false` if the answer has all rows that it may have.
    fn open_row(&mut self) -> bool {
        let Some(chunk_rows) = self.form.chunk_rows else {
            if self.form.max_rows > 0 && self.total_rows >= self.form.max_rows {
                self.cut = Cut::Rows;
                return false;
            }
            self.out.extend_from_slice(if self.rows == 0 { b",\"values\":[" } else { b"," });
            return true;
        };
        if self.rows == chunk_rows {
            self.out.extend_from_slice(b"],\"partial\":true}]");
            self.close_document(true, &[], None);
            self.rows = 0;
        }
        if self.rows == 0 {
            let head = self.series.take().unwrap_or_default();
            self.open_document(&head);
            self.series = Some(head);
            self.out.extend_from_slice(b",\"values\":[");
        } else {
            self.out.push(b',');
        }
        true
    }

    /// Ends the answer to the statement that began last.
    pub(super) fn end(&mut self, messages: &[String], error: Option<&str>) {
        if self.form.chunk_rows.is_some() {
            self.end_chunked(messages, error);
            return;
        }
        self.end_series(false);
        if self.series_count > 0 {
            self.out.push(b']');
        }
        push_messages(messages, &mut self.out);
        if self.cut == Cut::Series {
            self.out.extend_from_slice(b",\"partial\":true");
        }
        push_error(error, &mut self.out);
        self.out.push(b'}');
        self.cut = Cut::Nothing;
    }

    fn end_chunked(&mut self, messages: &[String], error: Option<&str>) {
        let alone = self.series.is_none();
        if !alone && messages.is_empty() && error.is_none() {
            self.end_series(false);
            return;
        }
        self.end_series(true);
        self.out.extend_from_slice(b"{\"results\":[");
        self.open_result();
        self.close_document(false, messages, error);
    }

    /// Ends the answer; the bytes that are left.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.form.chunk_rows.is_none() {
            self.out.extend_from_slice(if self.statements == 0 { b"{}\n" } else { b"]}\n" });
        }
        if !self.form.pretty {
            return self.out;
        }
        let mut pretty = Vec::with_capacity(self.out.len() * 2);
        for line in self.out.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            push_pretty(line, &mut pretty);
            pretty.push(b'\n');
        }
        pretty
    }
}

impl Take for Json {
    fn header(&mut self, header: &Header) {
        if self.form.chunk_rows.is_none() && self.form.max_rows > 0 && self.total_rows >= self.form.max_rows {
            self.cut = Cut::Series;
            return;
        }
        self.end_series(self.splits);
        self.series_count += 1;
        self.rows = 0;
        if self.form.chunk_rows.is_none() {
            self.out.extend_from_slice(if self.series_count == 1 { b",\"series\":[" } else { b"," });
            self.push_head(header);
            self.series = Some(Vec::new());
        } else {
            let before = self.out.len();
            self.push_head(header);
            self.series = Some(self.out.split_off(before));
        }
    }

    fn rows(&mut self, cells: &mut [Cell<'_>], rows: usize) {
        let print = Printed(self.form.clock());
        for _ in 0..rows {
            if !self.open_row() {
                return;
            }
            for (index, cell) in cells.iter_mut().enumerate() {
                self.out.push(if index == 0 { b'[' } else { b',' });
                cell.push(&print, &mut self.out);
            }
            self.out.push(b']');
            self.rows += 1;
            self.total_rows += 1;
        }
    }

    fn wants_more(&self) -> bool {
        self.cut == Cut::Nothing
    }
}

/// Appends `{"name":..,"tags":{..},`: what a series opens with, but for its columns.
fn push_head(header: &Header, out: &mut Vec<u8>) {
    out.push(b'{');
    if !header.name.is_empty() {
        out.extend_from_slice(b"\"name\":");
        push_string(&header.name, out);
        out.push(b',');
    }
    if let Some(tags) = header.tags.as_ref().filter(|tags| !tags.is_empty()) {
        out.extend_from_slice(b"\"tags\":{");
        for (index, (key, value)) in tags.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            push_string(key, out);
            out.push(b':');
            push_string(value, out);
        }
        out.extend_from_slice(b"},");
    }
}

/// Names of columns, as a series opens with them.
fn printed(columns: &[Text]) -> Vec<u8> {
    let mut out = b"\"columns\":[".to_vec();
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_string(column, &mut out);
    }
    out.push(b']');
    out
}

fn push_messages(messages: &[String], out: &mut Vec<u8>) {
    for (index, message) in messages.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b",\"messages\":[" } else { b"," });
        out.extend_from_slice(b"{\"level\":\"warning\",\"text\":");
        push_string(message.as_bytes(), out);
        out.push(b'}');
    }
    if !messages.is_empty() {
        out.push(b']');
    }
}

/// Appends an error as an answer of its own.
pub(super) fn push_whole_error(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"error\":");
    push_string(text.as_bytes(), out);
    out.extend_from_slice(b"}\n");
}

fn push_error(error: Option<&str>, out: &mut Vec<u8>) {
    if let Some(error) = error {
        out.extend_from_slice(b",\"error\":");
        push_string(error.as_bytes(), out);
    }
}

/// Prints values as JSON.
struct Printed(Clock);

impl Print for Printed {
    fn time(&self, time: i64, out: &mut Vec<u8>) {
        match self.0.form {
            TimeForm::Epoch(unit) => push_integer(time / unit, out),
            TimeForm::Native | TimeForm::Rfc3339 => {
                out.push(b'"');
                self.0.push(time, out);
                out.push(b'"');
            }
        }
    }

    fn float(&self, value: f64, out: &mut Vec<u8>) {
        push_float(value, out);
    }

    fn text(&self, text: &[u8], out: &mut Vec<u8>) {
        push_string(text, out);
    }

    fn list(&self, texts: &[Text], out: &mut Vec<u8>) {
        out.push(b'[');
        for (index, text) in texts.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            push_string(text, out);
        }
        out.push(b']');
    }

    fn missing(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"null");
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
