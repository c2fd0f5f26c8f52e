//! A frame's columns, row after row: what of a column is printed next, for every form of answer alike.

use super::number::push_integer;
use model::{Column, Frame, FrameColumn, Labels, Presence, Text, Values};

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

    /// What stands between two cells of a row.
    fn between(&self, out: &mut Vec<u8>) {
        out.push(b',');
    }

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
    Dense {
        values: &'a Values,
        next: usize,
    },
    Sparse {
        values: &'a Values,
        rows: &'a [u32],
        row: u32,
        next: usize,
    },
    /// Several columns.
    Joined(Joined<'a>),
}

impl<'a> Cell<'a> {
    /// The cells of a frame's rows.
    pub(super) fn all(frame: &'a Frame) -> Vec<Self> {
        let mut cells = Vec::with_capacity(frame.columns.len());
        for column in &frame.columns {
            match (column, cells.last_mut()) {
                (FrameColumn::Labels(labels), Some(Self::Joined(joined)))
                    if std::ptr::eq(joined.rows, &*labels.rows) =>
                {
                    joined.columns.push(&labels.texts);
                }
                _ => cells.push(Self::new(column)),
            }
        }
        cells
    }

    fn new(column: &'a FrameColumn) -> Self {
        match column {
            FrameColumn::Times(times) => Self::Times(times.iter()),
            FrameColumn::Labels(labels) => Self::Joined(Joined::new(labels)),
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
            Self::Joined(joined) => joined.push(print, out),
        }
    }
}

/// Columns of labels side by side whose rows have the same places: what stands at a place is printed once, what is between them included, and
/// copied for all other rows.
pub(super) struct Joined<'a> {
    columns: Vec<&'a [Option<Text>]>,
    rows: &'a [u32],
    next: usize,
    /// What is printed, and where each place's begins and ends there; `None`: not printed yet.
    printed: Vec<u8>,
    spans: Vec<Option<(usize, usize)>>,
}

impl<'a> Joined<'a> {
    fn new(labels: &'a Labels) -> Self {
        let spans = vec![None; labels.texts.len()];
        Self { columns: vec![&labels.texts], rows: &labels.rows, next: 0, printed: Vec::new(), spans }
    }

    fn push(&mut self, print: &impl Print, out: &mut Vec<u8>) {
        let place = self.rows.get(self.next).map_or(usize::MAX, |&place| place as usize);
        self.next += 1;
        let known = self.spans.get(place).copied().flatten();
        let (start, end) = known.unwrap_or_else(|| self.print(place, print));
        out.extend_from_slice(&self.printed[start..end]);
    }

    fn print(&mut self, place: usize, print: &impl Print) -> (usize, usize) {
        let start = self.printed.len();
        for (index, texts) in self.columns.iter().enumerate() {
            if index > 0 {
                print.between(&mut self.printed);
            }
            match texts.get(place) {
                Some(Some(text)) => print.text(text, &mut self.printed),
                _ => print.missing(&mut self.printed),
            }
        }
        let span = (start, self.printed.len());
        if let Some(known) = self.spans.get_mut(place) {
            *known = Some(span);
        }
        span
    }
}

#[cfg(test)]
mod tests {
    use crate::encode::{Answer, Form, Layout};
    use model::{Column, FieldType, Frame, FrameColumn, Header, Item, Labels, Text, Value};
    use std::sync::Arc;

    fn labels(texts: &[Option<&str>], rows: &Arc<[u32]>) -> FrameColumn {
        let texts = texts.iter().map(|text| text.map(|text| Text::from(text.as_bytes()))).collect();
        FrameColumn::Labels(Labels { texts, rows: Arc::clone(rows) })
    }

    /// The same answer with labels as columns of strings.
    fn spelled(frame: &Frame) -> Frame {
        let column = |column: &FrameColumn| match column {
            FrameColumn::Labels(labels) => FrameColumn::Values(labels.to_column()),
            other => other.clone(),
        };
        Frame { rows: frame.rows, columns: frame.columns.iter().map(column).collect() }
    }

    #[test]
    fn labels_are_printed_as_strings_are() {
        let (rows, others): (Arc<[u32]>, Arc<[u32]>) = ([1, 0, 1, 2].into(), [0, 0, 1, 0].into());
        let mut numbers = Column::new(FieldType::Integer);
        (0..4).for_each(|row| assert!(numbers.push(row, Value::Integer(row as i64))));
        let columns = vec![
            FrameColumn::Times(vec![1, 2, 3, 4]),
            labels(&[Some("a\"b"), None, Some("")], &rows),
            labels(&[Some("x,y"), Some("<z>"), None], &rows),
            labels(&[Some("other"), None], &others),
            FrameColumn::Values(numbers),
            labels(&[None, Some("again"), Some("c")], &rows),
        ];
        let names = ["time", "a", "b", "c", "n", "d"].map(|name| Text::from(name.as_bytes()));
        let frame = Frame { rows: 4, columns };
        for layout in [Layout::Json, Layout::TextCsv, Layout::Msgpack] {
            let answered = |frame: Frame| {
                let mut answer = Answer::new(Form { layout, statements: 1, ..Form::default() });
                answer.begin(0, true);
                answer.item(&Item::Series(Header { name: Text::default(), tags: None, columns: names.clone().into() }));
                answer.item(&Item::Rows(frame));
                answer.end(&[], None);
                answer.finish()
            };
            let text = answered(frame.clone());
            assert_eq!(text, answered(spelled(&frame)), "{}", String::from_utf8_lossy(&text));
        }
    }
}
