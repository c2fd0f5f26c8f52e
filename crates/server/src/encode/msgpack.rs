//! Answers in InfluxDB's `MessagePack`, byte for byte but for the order of tags, which InfluxDB leaves to chance.
//!
//! ```text
//! whole:    {"results":[{"statement_id":0,"messages":[{"level":..,"text":..}],"series":[{"name":..,"tags":{..},"columns":[..],
//!           "values":[[..],..],"partial":true}],"partial":true}, {"error":".."}]}
//! chunked:  one such document after the other, nothing between, split as JSON is
//! ```
//!
//! `messages`, `name`, `tags` and `partial` are left out where there are none, `series` and `values` never. A statement that failed
//! is its error alone. Instants are the extension 5: seconds as 8 bytes, nanoseconds as 4, big-endian.
//!
//! A list tells first how long it is, so a statement, or a chunk of it, is sent when it is whole. Lists are written in place behind
//! a head that grows with them ([`List`]). Always: what lies before `ready` in the buffer is final.

use super::Form;
use super::cells::{Cell, Take};
use super::pack::{Packed, push_boolean, push_list, push_map, push_signed, push_text};
use model::{Header, Zone};

/// An answer under way.
#[derive(Debug)]
pub struct Msgpack {
    form: Form,
    out: Vec<u8>,
    /// Bytes of `out` that may be sent.
    ready: usize,
    /// Whether statements begin documents of their own.
    chunked: bool,
    /// Rows in a document of the statement under way.
    chunk_rows: usize,
    statement: usize,
    /// The result under way.
    result: Option<Open>,
    /// Name, tags and columns of the series under way, and how many of these three there are.
    head: (Vec<u8>, u8),
    /// Cells of each of its rows.
    columns: usize,
    /// The series under way, and the list of its rows.
    series: Option<Open>,
    /// Rows of the answer so far.
    total_rows: usize,
    /// Whether rows or series were left out for [`Form::max_rows`].
    cut: Cut,
}

/// What [`Form::max_rows`] left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Nothing,
    Rows,
    Series,
}

/// A map that ends in a list which is still filled.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Where the map begins; its head is one byte.
    at: usize,
    entries: u8,
    list: List,
}

impl Open {
    /// Adds `"partial":true`; nothing but that follows the list.
    fn add_partial(&mut self, out: &mut Vec<u8>) {
        push_text(b"partial", out);
        push_boolean(true, out);
        self.entries += 1;
    }

    /// Ends the map.
    fn close(self, out: &mut [u8]) {
        self.list.close(out);
        // Entries are a handful, so that the head is one byte.
        out[self.at] = 0x80 | self.entries;
    }
}

/// A list at the end of a buffer, whose head has as many bytes as its length so far needs.
#[derive(Clone, Copy, Debug)]
struct List {
    at: usize,
    length: u32,
}

impl List {
    fn open(out: &mut Vec<u8>) -> Self {
        let at = out.len();
        push_list(0, out);
        Self { at, length: 0 }
    }

    /// Makes the head ready for one more. It grows twice at the most: behind 15 and behind 65,535.
    fn add(&mut self, out: &mut Vec<u8>) {
        self.length += 1;
        if matches!(self.length, 0x10 | 0x1_0000) {
            out.splice(self.at..self.at, [0; 2]);
        }
    }

    fn close(self, out: &mut [u8]) {
        let mut head = Vec::with_capacity(5);
        push_list(self.length, &mut head);
        out[self.at..self.at + head.len()].copy_from_slice(&head);
    }
}

impl Msgpack {
    /// An answer without a statement.
    pub(super) fn new(form: Form) -> Self {
        let mut out = Vec::new();
        let chunked = form.chunk_rows.is_some();
        if !chunked {
            push_document(form.statements, &mut out);
        }
        Self {
            form,
            ready: out.len(),
            out,
            chunked,
            chunk_rows: usize::MAX,
            statement: 0,
            result: None,
            head: (Vec::new(), 0),
            columns: 0,
            series: None,
            total_rows: 0,
            cut: Cut::Nothing,
        }
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        let rest = self.out.split_off(self.ready);
        self.ready = 0;
        let back = self.result.as_mut().into_iter().chain(self.series.as_mut());
        let sent = self.out.len();
        back.for_each(|open| (open.at, open.list.at) = (open.at - sent, open.list.at - sent));
        std::mem::replace(&mut self.out, rest)
    }

    pub(super) fn waiting(&self) -> usize {
        self.ready
    }

    /// Memory of what is not whole yet.
    pub(super) fn held(&self) -> usize {
        self.out.capacity() - self.ready
    }

    /// Begins the answer to statement `id`; `splits`: see [`super::Answer::begin`].
    pub(super) fn begin(&mut self, id: usize, splits: bool, zone: Option<&'static Zone>) {
        self.form.zone = zone;
        self.statement = id;
        self.chunk_rows = self.form.chunk_rows.filter(|_| splits).unwrap_or(usize::MAX);
        self.cut = Cut::Nothing;
    }

    /// Whether the answer has all rows that it may have.
    fn is_full(&self) -> bool {
        !self.chunked && self.form.max_rows > 0 && self.total_rows >= self.form.max_rows
    }

    fn open_series(&mut self) {
        let mut result = self.result.take().unwrap_or_else(|| self.open_result());
        result.list.add(&mut self.out);
        self.result = Some(result);
        let at = self.out.len();
        self.out.push(0);
        self.out.extend_from_slice(&self.head.0);
        push_text(b"values", &mut self.out);
        self.series = Some(Open { at, entries: self.head.1 + 1, list: List::open(&mut self.out) });
    }

    fn open_result(&mut self) -> Open {
        if self.chunked {
            push_document(1, &mut self.out);
        }
        let at = self.out.len();
        self.out.push(0);
        push_text(b"statement_id", &mut self.out);
        push_signed(i64::try_from(self.statement).unwrap_or(i64::MAX), &mut self.out);
        push_text(b"series", &mut self.out);
        Open { at, entries: 2, list: List::open(&mut self.out) }
    }

    fn end_series(&mut self, partial: bool) {
        let Some(mut series) = self.series.take() else { return };
        if partial {
            series.add_partial(&mut self.out);
        }
        series.close(&mut self.out);
    }

    /// Ends the result, if there is one; `partial`: another document of the statement follows.
    fn end_result(&mut self, messages: &[String], partial: bool) {
        let Some(mut result) = self.result.take() else { return };
        if partial {
            result.add_partial(&mut self.out);
        }
        result.close(&mut self.out);
        if !messages.is_empty() {
            self.add_messages(result.at, messages);
        }
        self.ready = self.out.len();
    }

    /// Puts messages between the number of the statement and its series.
    fn add_messages(&mut self, result: usize, messages: &[String]) {
        let mut texts = Vec::new();
        push_text(b"messages", &mut texts);
        push_list(u32::try_from(messages.len()).unwrap_or(u32::MAX), &mut texts);
        for message in messages {
            push_map(2, &mut texts);
            push_text(b"level", &mut texts);
            push_text(b"warning", &mut texts);
            push_text(b"text", &mut texts);
            push_text(message.as_bytes(), &mut texts);
        }
        let mut number = Vec::new();
        push_text(b"statement_id", &mut number);
        push_signed(i64::try_from(self.statement).unwrap_or(i64::MAX), &mut number);
        let at = result + 1 + number.len();
        self.out.splice(at..at, texts);
        self.out[result] += 1;
    }

    /// Begins a row, in another document where this one has all that it may have.
    fn open_row(&mut self, head: &[u8]) {
        if self.series.is_some_and(|series| series.list.length as usize >= self.chunk_rows) {
            self.end_series(true);
            self.end_result(&[], true);
            self.open_series();
        }
        if let Some(series) = &mut self.series {
            series.list.add(&mut self.out);
        }
        self.out.extend_from_slice(head);
    }

    /// Ends the answer to the statement that began last. What it has is dropped if it failed, but for documents that are whole.
    pub(super) fn end(&mut self, messages: &[String], error: Option<&str>) {
        if let Some(error) = error {
            (self.result, self.series) = (None, None);
            self.out.truncate(self.ready);
            if self.chunked {
                push_document(1, &mut self.out);
            }
            push_error(error, &mut self.out);
            self.ready = self.out.len();
            return;
        }
        self.end_series(self.cut == Cut::Rows);
        if self.result.is_none() {
            self.result = Some(self.open_result());
        }
        self.end_result(messages, self.cut == Cut::Series);
    }

    /// Ends the answer; the bytes that are left.
    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }
}

impl Take for Msgpack {
    fn header(&mut self, header: &Header) {
        if self.is_full() {
            self.cut = Cut::Series;
            return;
        }
        self.end_series(false);
        if self.chunked {
            self.end_result(&[], self.chunk_rows != usize::MAX);
        }
        self.columns = header.columns.len();
        self.head = head(header);
        self.open_series();
    }

    fn rows(&mut self, cells: &mut [Cell<'_>], rows: usize) {
        let print = Packed(self.form.clock());
        let mut row = Vec::new();
        push_list(u32::try_from(self.columns).unwrap_or(u32::MAX), &mut row);
        for _ in 0..rows {
            if self.is_full() {
                self.cut = Cut::Rows;
                return;
            }
            self.open_row(&row);
            for cell in &mut *cells {
                cell.push(&print, &mut self.out);
            }
            self.total_rows += 1;
        }
    }

    fn wants_more(&self) -> bool {
        self.cut == Cut::Nothing
    }
}

/// Name, tags and columns as entries of a map, and their number.
fn head(header: &Header) -> (Vec<u8>, u8) {
    let (mut out, mut entries) = (Vec::new(), 1);
    if !header.name.is_empty() {
        entries += 1;
        push_text(b"name", &mut out);
        push_text(&header.name, &mut out);
    }
    if let Some(tags) = header.tags.as_ref().filter(|tags| !tags.is_empty()) {
        entries += 1;
        push_text(b"tags", &mut out);
        push_map(tags.len(), &mut out);
        for (key, value) in tags {
            push_text(key, &mut out);
            push_text(value, &mut out);
        }
    }
    push_text(b"columns", &mut out);
    push_list(u32::try_from(header.columns.len()).unwrap_or(u32::MAX), &mut out);
    header.columns.iter().for_each(|column| push_text(column, &mut out));
    (out, entries)
}

/// Appends an error as an answer, or a result, of its own.
pub(super) fn push_error(text: &str, out: &mut Vec<u8>) {
    push_map(1, out);
    push_text(b"error", out);
    push_text(text.as_bytes(), out);
}

/// Appends the head of a document with so many results.
fn push_document(results: usize, out: &mut Vec<u8>) {
    push_map(1, out);
    push_text(b"results", out);
    push_list(u32::try_from(results).unwrap_or(u32::MAX), out);
}

#[cfg(test)]
#[path = "msgpack_tests.rs"]
pub(super) mod tests;
