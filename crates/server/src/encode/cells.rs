//! An answer's items, and a frame's columns row after row: what of a column is printed next, for every form of answer alike.

use super::number::push_integer;
use model::{Column, Frame, FrameColumn, Header, Item, Labels, Presence, Text, Texts, Values};

/// How an answer takes series and their rows.
pub(super) trait Take {
    /// A series begins.
    fn header(&mut self, header: &Header);
    /// The next rows of a frame belong to the series that began last.
    fn rows(&mut self, cells: &mut [Cell<'_>], rows: usize);
    /// Whether the answer may have more.
    fn wants_more(&self) -> bool;

    /// Takes a part of the answer. Returns whether more is wanted.
    fn item(&mut self, item: &Item) -> bool {
        match item {
            Item::Series(header) => self.header(header),
            Item::Rows(frame) => self.rows(&mut Cell::all(frame), frame.rows),
            Item::Many(many) => {
                let mut cells = Cell::all(&many.frame);
                for (header, rows) in &many.series {
                    self.header(header);
                    if !self.wants_more() {
                        break;
                    }
                    self.rows(&mut cells, *rows);
                    if !self.wants_more() {
                        break;
                    }
                }
            }
        }
        self.wants_more()
    }
}

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

    /// A list of texts.
    fn list(&self, texts: &[Text], out: &mut Vec<u8>);

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
            // InfluxDB has no words for what is no number, in none of the formats.
            Values::Float(values) if values[index].is_nan() => self.missing(out),
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
    Lists(std::slice::Iter<'a, Vec<Text>>),
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
            FrameColumn::Lists(lists) => Self::Lists(lists.iter()),
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
            Self::Lists(lists) => match lists.next() {
                Some(texts) => print.list(texts, out),
                None => print.missing(out),
            },
        }
    }
}

/// Columns of labels side by side whose rows have the same places: what stands at a place is printed once, what is between them included, and
/// copied for all other rows.
pub(super) struct Joined<'a> {
    columns: Vec<&'a Texts>,
    rows: &'a [u32],
    next: usize,
    /// What is printed, and where each place's begins and ends there; `None`: not printed yet.
    printed: Vec<u8>,
    spans: Vec<Option<(usize, usize)>>,
    /// The least place of a row, of which the first span is: a frame of many may have few of the texts.
    first: usize,
}

impl<'a> Joined<'a> {
    fn new(labels: &'a Labels) -> Self {
        let bounds = |(low, high): (u32, u32), &place: &u32| (low.min(place), high.max(place));
        let (low, high) = labels.rows.iter().fold((u32::MAX, 0), bounds);
        let places = if low > high { 0 } else { (high - low) as usize + 1 };
        Self {
            columns: vec![&labels.texts],
            rows: &labels.rows,
            next: 0,
            printed: Vec::new(),
            spans: vec![None; places],
            first: low as usize,
        }
    }

    fn push(&mut self, print: &impl Print, out: &mut Vec<u8>) {
        let place = self.rows.get(self.next).map_or(usize::MAX, |&place| place as usize);
        self.next += 1;
        let known = self.spans.get(place.wrapping_sub(self.first)).copied().flatten();
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
                Some(text) => print.text(text, &mut self.printed),
                None => print.missing(&mut self.printed),
            }
        }
        let span = (start, self.printed.len());
        if let Some(known) = self.spans.get_mut(place.wrapping_sub(self.first)) {
            *known = Some(span);
        }
        span
    }
}

#[cfg(test)]
mod tests {
    use crate::encode::{Answer, Form, Layout};
    use model::{Column, FieldType, Frame, FrameColumn, Header, Item, Labels, Many, Text, Texts, Value};
    use std::sync::Arc;

    fn spelled_out(texts: &[Option<&str>]) -> Texts {
        let mut all = Texts::default();
        texts.iter().for_each(|text| all.push(text.map(str::as_bytes)));
        all
    }

    fn labels(texts: &[Option<&str>], rows: &Arc<[u32]>) -> FrameColumn {
        FrameColumn::Labels(Labels { texts: spelled_out(texts).into(), rows: Arc::clone(rows) })
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
                answer.begin(0, true, None);
                answer.item(&Item::Series(Header { name: Text::default(), tags: None, columns: names.clone().into() }));
                answer.item(&Item::Rows(frame));
                answer.end(&[], None);
                answer.finish()
            };
            let text = answered(frame.clone());
            assert_eq!(text, answered(spelled(&frame)), "{}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn several_series_in_one_frame_are_those_series() {
        let (rows, parts): (Arc<[u32]>, _) = ([0, 1, 1, 2, 0].into(), [1, 0, 2, 2]);
        let names: Arc<[Text]> = ["time", "h", "n"].map(|name| Text::from(name.as_bytes())).into();
        let header = |at: usize| {
            let tags = Some(vec![(Text::from(&b"h"[..]), Text::from(format!("{at}").as_bytes()))]);
            Header { name: Text::from(&b"m"[..]), tags, columns: Arc::clone(&names) }
        };
        let mut numbers = Column::new(FieldType::Integer);
        [0, 2, 4].into_iter().for_each(|row| assert!(numbers.push(row, Value::Integer(i64::from(row)))));
        numbers.seal(5);
        let texts = spelled_out(&[Some("a"), None, Some("c")]).into();
        let columns = vec![
            FrameColumn::Times(vec![5, 4, 3, 2, 1]),
            FrameColumn::Labels(Labels { texts, rows }),
            FrameColumn::Values(numbers),
        ];
        let frame = Frame { rows: 5, columns };
        let mut single = Vec::new();
        let mut from = 0u32;
        for (at, count) in parts.into_iter().enumerate() {
            let own: Vec<u32> = (from..).take(count).collect();
            let columns = frame.columns.iter().map(|column| match column {
                FrameColumn::Times(times) => FrameColumn::Times(own.iter().map(|&row| times[row as usize]).collect()),
                FrameColumn::Values(column) => FrameColumn::Values(column.take(&own)),
                FrameColumn::Labels(labels) => FrameColumn::Values(labels.to_column().take(&own)),
                FrameColumn::Lists(_) => unreachable!("none is made here"),
            });
            single.push(Item::Series(header(at)));
            single.push(Item::Rows(Frame { rows: count, columns: columns.collect() }));
            from += count as u32;
        }
        let many = [Item::Many(Many { series: (0..).map(header).zip(parts).collect(), frame })];
        for (layout, max_rows, chunk_rows) in [Layout::Json, Layout::ApplicationCsv, Layout::Msgpack]
            .into_iter()
            .flat_map(|layout| [0, 1, 2, 3, 5].map(|max| (layout, max, None)).into_iter().chain([(layout, 0, Some(1))]))
        {
            let answered = |items: &[Item]| {
                let form = Form { layout, statements: 1, max_rows, chunk_rows, ..Form::default() };
                let mut answer = Answer::new(form);
                answer.begin(0, true, None);
                for item in items {
                    if !answer.item(item) {
                        break;
                    }
                }
                answer.end(&[], None);
                answer.finish()
            };
            let text = answered(&many);
            assert_eq!(text, answered(&single), "{layout:?} {max_rows} {}", String::from_utf8_lossy(&text));
        }
    }
}
