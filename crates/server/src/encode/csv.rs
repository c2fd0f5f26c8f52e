//! Answers in InfluxDB's CSV.
//!
//! ```text
//! name,tags,time,v            the columns of a statement's first series
//! m,"h=a,r=b",1,0.5           times in ns where no other form was asked for; a missing value is empty
//!                             an empty line before the next statement that has a series, and where columns change
//! name,tags,key
//! ```
//!
//! Tags that a series lacks are left out. Fields are quoted as Go does it: if they have a comma, a quote or a line break, or begin with
//! a space. InfluxDB leaves out a statement that failed; here it is told, in the form that a request has which failed: the line
//! `error`, and the text below.

use super::cells::{Cell, Print, Take};
use super::number::{push_decimal, push_integer};
use super::{Clock, Form, TimeForm};
use model::{Header, Text, Zone};
use std::sync::Arc;

/// An answer under way.
#[derive(Debug)]
pub struct Csv {
    form: Form,
    out: Vec<u8>,
    statement: usize,
    /// The statement whose columns were printed last.
    shown: Option<usize>,
    /// The columns that were printed last.
    columns: Arc<[Text]>,
    /// Name and tags of the series under way, as each of its rows begins.
    lead: Vec<u8>,
    /// Rows of the answer so far.
    rows: usize,
    /// Rows were left out of the statement under way for [`Form::max_rows`].
    cut: bool,
}

impl Csv {
    /// An answer without a statement.
    pub(super) fn new(form: Form) -> Self {
        let (out, lead, columns) = (Vec::new(), Vec::new(), Arc::default());
        Self { form, out, statement: 0, shown: None, columns, lead, rows: 0, cut: false }
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    pub(super) fn waiting(&self) -> usize {
        self.out.len()
    }

    pub(super) fn begin(&mut self, id: usize, zone: Option<&'static Zone>) {
        self.form.zone = zone;
        (self.statement, self.cut) = (id, false);
    }

    /// Whether the answer has all rows that it may have.
    fn is_full(&self) -> bool {
        self.form.chunk_rows.is_none() && self.form.max_rows > 0 && self.rows >= self.form.max_rows
    }

    /// Begins what has columns of its own.
    fn part(&mut self) {
        if self.shown.is_some() {
            self.out.push(b'\n');
        }
        self.shown = Some(self.statement);
    }

    /// Ends the answer to the statement that began last.
    pub(super) fn end(&mut self, error: Option<&str>) {
        if let Some(error) = error {
            self.part();
            self.columns = Arc::default();
            push_error(error, &mut self.out);
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }
}

impl Take for Csv {
    fn header(&mut self, header: &Header) {
        if self.is_full() {
            self.cut = true;
            return;
        }
        if self.shown != Some(self.statement) || self.columns != header.columns {
            self.part();
            self.columns.clone_from(&header.columns);
            self.out.extend_from_slice(b"name,tags");
            for column in &*header.columns {
                self.out.push(b',');
                push_field(column, &mut self.out);
            }
            self.out.push(b'\n');
        }
        self.lead.clear();
        push_field(&header.name, &mut self.lead);
        self.lead.push(b',');
        let tags = header.tags.iter().flatten().filter(|(_, value)| !value.is_empty());
        let tags: Vec<Vec<u8>> = tags.map(|(key, value)| [key, &b"="[..], value].concat()).collect();
        let tags = tags.join(&b',');
        push_field(&tags, &mut self.lead);
    }

    fn rows(&mut self, cells: &mut [Cell<'_>], rows: usize) {
        for _ in 0..rows {
            if self.is_full() {
                self.cut = true;
                return;
            }
            self.out.extend_from_slice(&self.lead);
            for cell in &mut *cells {
                self.out.push(b',');
                cell.push(&self.form.clock(), &mut self.out);
            }
            self.out.push(b'\n');
            self.rows += 1;
        }
    }

    fn wants_more(&self) -> bool {
        !self.cut
    }
}

/// Appends an error as an answer of its own.
pub(super) fn push_error(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"error\n");
    push_field(text.as_bytes(), out);
    out.push(b'\n');
}

/// Appends a field, in quotes where Go's `encoding/csv` puts them.
fn push_field(field: &[u8], out: &mut Vec<u8>) {
    let first = field.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    let needs_quotes = field == br"\."
        || first.is_some_and(char::is_whitespace)
        || field.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'));
    if !needs_quotes {
        out.extend_from_slice(field);
        return;
    }
    out.push(b'"');
    for &byte in field {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

impl Print for Clock {
    fn time(&self, time: i64, out: &mut Vec<u8>) {
        match self.form {
            TimeForm::Native => push_integer(time, out),
            TimeForm::Epoch(unit) => push_integer(time / unit, out),
            TimeForm::Rfc3339 => self.push(time, out),
        }
    }

    fn float(&self, value: f64, out: &mut Vec<u8>) {
        push_float(value, out);
    }

    fn text(&self, text: &[u8], out: &mut Vec<u8>) {
        push_field(text, out);
    }

    fn list(&self, texts: &[Text], out: &mut Vec<u8>) {
        push_field(&texts.join(&b' '), out);
    }

    fn missing(&self, _: &mut Vec<u8>) {}
}

/// Appends a float as Go's `FormatFloat` does without an exponent.
fn push_float(value: f64, out: &mut Vec<u8>) {
    match value {
        value if value.is_finite() => push_decimal(value, out),
        value if value.is_nan() => out.extend_from_slice(b"NaN"),
        value => out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Column, FieldType, Frame, FrameColumn, Item, Value};

    fn series(name: &str, tags: &[(&str, &str)], columns: &[&str]) -> Item {
        let text = |text: &str| Text::from(text.as_bytes());
        let tags = tags.iter().map(|(key, value)| (text(key), text(value))).collect();
        Item::Series(Header {
            name: text(name),
            tags: Some(tags),
            columns: columns.iter().map(|name| text(name)).collect(),
        })
    }

    fn rows(times: &[i64], values: &[Option<Value<'_>>], field_type: FieldType) -> Item {
        let mut column = Column::new(field_type);
        for (row, value) in (0..).zip(values) {
            if let Some(value) = *value {
                column.push(row, value);
            }
        }
        column.seal(times.len());
        let columns = vec![FrameColumn::Times(times.to_vec()), FrameColumn::Values(column)];
        Item::Rows(Frame { rows: times.len(), columns })
    }

    fn csv(times: TimeForm, max_rows: usize) -> Csv {
        Csv::new(Form { times, max_rows, ..Form::default() })
    }

    #[test]
    fn statements_and_columns_have_heads() {
        let mut answer = csv(TimeForm::Native, 0);
        answer.begin(0, None);
        answer.end(None);
        answer.begin(1, None);
        let float = |value: f64| Some(Value::Float(value));
        for item in [
            series("m", &[("h", "a"), ("r", "")], &["time", "v"]),
            rows(&[1, 2_000], &[float(0.5), None], FieldType::Float),
            series("n", &[("h", "b")], &["time", "v"]),
            rows(&[3, 4], &[float(1e300), float(-1e-7)], FieldType::Float),
            series("n", &[], &["time", "w"]),
        ] {
            assert!(answer.item(&item));
        }
        answer.end(None);
        answer.begin(2, None);
        answer.item(&series("n", &[], &["time", "w"]));
        answer.item(&rows(&[5], &[Some(Value::Integer(-7))], FieldType::Integer));
        answer.end(None);
        answer.begin(3, None);
        answer.end(Some("it, \"failed\""));
        answer.begin(4, None);
        answer.end(Some("not executed"));
        let wanted = format!(
            "name,tags,time,v\nm,h=a,1,0.5\nm,h=a,2000,\nn,h=b,3,1{}\nn,h=b,4,-0.0000001\n\n\
             name,tags,time,w\n\nname,tags,time,w\nn,,5,-7\n\nerror\n\"it, \"\"failed\"\"\"\n\nerror\nnot executed\n",
            "0".repeat(300)
        );
        assert_eq!(String::from_utf8(answer.finish()).unwrap(), wanted);
    }

    #[test]
    fn rows_are_bounded_and_epochs_kept() {
        let mut answer = csv(TimeForm::Epoch(1_000), 2);
        answer.begin(0, None);
        let flag = |value| Some(Value::Boolean(value));
        assert!(answer.item(&series("m", &[], &["time", "b"])));
        let frame = rows(&[1_999, -1_999, 5], &[flag(true), flag(false), flag(true)], FieldType::Boolean);
        assert!(!answer.item(&frame));
        answer.end(None);
        answer.begin(1, None);
        assert!(!answer.item(&series("n", &[], &["time", "b"])));
        assert_eq!(String::from_utf8(answer.finish()).unwrap(), "name,tags,time,b\nm,,1,true\nm,,-1,false\n");
    }

    #[test]
    fn fields_are_quoted_as_go_does() {
        for (field, wanted) in [
            ("", ""),
            ("a b", "a b"),
            (" a", "\" a\""),
            ("\u{a0}a", "\"\u{a0}a\""),
            ("a,b", "\"a,b\""),
            ("a\nb\rc", "\"a\nb\rc\""),
            ("a\"", "\"a\"\"\""),
            (r"\.", "\"\\.\""),
            (r"\.x", r"\.x"),
            ("#é", "#é"),
        ] {
            let mut out = Vec::new();
            push_field(field.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), wanted, "{field:?}");
        }
        for (float, wanted) in [(f64::INFINITY, "+Inf"), (f64::NEG_INFINITY, "-Inf"), (f64::NAN, "NaN"), (-0.0, "-0")] {
            let mut out = Vec::new();
            push_float(float, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), wanted);
        }
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod against_a_reader;
