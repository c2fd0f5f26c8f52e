//! Points that gather for one write: rows of answers, put together to a batch.
//!
//! A field has one type in a batch, as in a request; a row that brings another one is not taken, so that the batch can be written
//! first. Keys stand in the batch's text in canonical form.

use model::time::{MAX_TIME, MIN_TIME};
use model::{Batch, Column, FieldType, Frame, Header, KeySpan, Table, TableColumn, TagSet, Text, Value, series_key};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// The greatest length of a series key (bytes).
const LONGEST_KEY: usize = 65_535;
/// Roughly what a value takes in a column (bytes).
const VALUE: usize = 12;

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Took {
    /// It is a point.
    Point,
    /// It has nothing that can be stored.
    Nothing,
    /// A field has another type than in the points before it; nothing was taken.
    OtherType,
    /// Its key is too long (bytes).
    KeyTooLong(usize),
}

/// How rows of one output series become points.
pub(super) struct Series {
    measurement: Text,
    tags: Vec<(Text, Text)>,
    /// Columns that are tags.
    labels: Vec<(usize, Text)>,
    /// Columns that are fields; of equal names the last column counts.
    fields: Vec<(usize, Text)>,
    /// Whether a field has no name: then no row can be stored.
    nameless: bool,
}

/// Points that gather.
#[derive(Default)]
pub(super) struct Points {
    text: Vec<u8>,
    /// The key that was written last.
    last: Option<KeySpan>,
    tables: Vec<Growing>,
    by_measurement: HashMap<Text, usize>,
    rows: usize,
    values: usize,
}

struct Growing {
    table: Table,
    by_name: HashMap<Text, usize>,
}

impl Points {
    /// How rows of `header` become points of `measurement`; the columns `labels` are tags.
    pub(super) fn series(&self, measurement: &[u8], header: &Header, labels: Range<usize>) -> Series {
        let columns = || header.columns.iter().cloned().enumerate().skip(1);
        let tags = header.tags.iter().flatten().filter(|(_, value)| !value.is_empty()).cloned().collect();
        let is_last = |at: usize, name: &Text| !header.columns.iter().skip(at + 1).any(|other| other == name);
        let is_field = |(at, name): &(usize, Text)| !labels.contains(at) && is_last(*at, name);
        let fields: Vec<(usize, Text)> = columns().filter(is_field).collect();
        Series {
            measurement: measurement.into(),
            tags,
            labels: columns().filter(|(at, _)| labels.contains(at)).collect(),
            nameless: fields.iter().any(|(_, name)| name.is_empty()),
            fields,
        }
    }

    /// Takes one row of a frame.
    pub(super) fn take(&mut self, series: &Series, frame: &Frame, time: i64, row: usize) -> Took {
        let cells = || {
            let value = |at: usize| frame.columns.get(at).and_then(|column| column.get(row));
            series.fields.iter().filter_map(move |(at, name)| Some((name, value(*at)?)))
        };
        let storable = |value: &Value<'_>| !matches!(value, Value::Float(float) if float.is_nan());
        let infinite = |value: &Value<'_>| matches!(value, Value::Float(float) if float.is_infinite());
        // Of a row of buckets that begin before the first time of all nothing can be kept.
        if !(MIN_TIME..=MAX_TIME).contains(&time) {
            return Took::Nothing;
        }
        if series.nameless || cells().any(|(_, value)| infinite(&value)) {
            return Took::Nothing;
        }
        let values: Vec<(&Text, Value<'_>)> = cells().filter(|(_, value)| storable(value)).collect();
        if values.is_empty() {
            return Took::Nothing;
        }
        let table = self.table(&series.measurement);
        if values.iter().any(|(name, value)| self.tables[table].has_other_type(name, value.field_type())) {
            return Took::OtherType;
        }
        let key = self.key(series, frame, row);
        if key.len as usize > LONGEST_KEY {
            return Took::KeyTooLong(key.len as usize);
        }
        for (name, value) in values {
            self.values += VALUE + if let Value::String(text) = value { text.len() } else { 0 };
            self.tables[table].push(name, value);
        }
        let grown = &mut self.tables[table].table;
        grown.keys.push(key);
        grown.times.push(time);
        self.rows += 1;
        Took::Point
    }

    /// Points so far.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Roughly the memory that they take.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + self.values + self.rows * 16
    }

    /// The points as a batch.
    pub(super) fn into_batch(self) -> Batch {
        let sealed = |mut table: Table| {
            let rows = table.rows();
            table.columns.iter_mut().for_each(|column| column.column.seal(rows));
            table
        };
        let tables =
            self.tables.into_iter().map(|grown| sealed(grown.table)).filter(|table| table.rows() > 0).collect();
        Batch { text: Arc::new(self.text), tables }
    }

    fn table(&mut self, measurement: &Text) -> usize {
        if let Some(&at) = self.by_measurement.get(measurement) {
            return at;
        }
        let table =
            Table { measurement: measurement.clone(), keys: Vec::new(), times: Vec::new(), columns: Vec::new() };
        self.tables.push(Growing { table, by_name: HashMap::new() });
        self.by_measurement.insert(measurement.clone(), self.tables.len() - 1);
        self.tables.len() - 1
    }

    /// Where the row's key stands; rows with the same one as the row before share it.
    fn key(&mut self, series: &Series, frame: &Frame, row: usize) -> KeySpan {
        let mut pairs = series.tags.clone();
        for (at, name) in &series.labels {
            let value = frame.columns.get(*at).and_then(|column| column.get(row));
            if let Some(Value::String(text)) = value {
                pairs.push((name.clone(), text.into()));
            }
        }
        let begin = self.text.len();
        series_key::push_key(&series.measurement, &TagSet::new(pairs), &mut self.text);
        let (before, written) = self.text.split_at(begin);
        if let Some(last) = self.last {
            let place = last.start as usize..(last.start + last.len) as usize;
            if before.get(place) == Some(written) {
                self.text.truncate(begin);
                return last;
            }
        }
        // A batch ends at some MiB.
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let span = KeySpan { start: number(begin), len: number(self.text.len() - begin) };
        self.last = Some(span);
        span
    }
}

impl Growing {
    fn has_other_type(&self, name: &Text, field_type: FieldType) -> bool {
        self.by_name.get(name).is_some_and(|&at| self.table.columns[at].column.field_type() != field_type)
    }

    /// Appends a value to the row that follows those that are whole.
    fn push(&mut self, name: &Text, value: Value<'_>) {
        let at = *self.by_name.entry(name.clone()).or_insert_with(|| {
            let column = Column::new(value.field_type());
            self.table.columns.push(TableColumn { name: name.clone(), column });
            self.table.columns.len() - 1
        });
        let row = u32::try_from(self.table.times.len()).unwrap_or(u32::MAX);
        self.table.columns[at].column.push(row, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::FrameColumn;

    fn text(text: &str) -> Text {
        text.as_bytes().into()
    }

    fn header(tags: &[(&str, &str)], columns: &[&str]) -> Header {
        let tags = Some(tags.iter().map(|(key, value)| (text(key), text(value))).collect());
        Header { name: text("m"), tags, columns: columns.iter().map(|name| text(name)).collect() }
    }

    fn frame(columns: Vec<Vec<Option<Value<'_>>>>) -> Frame {
        let rows = columns[0].len();
        let column = |cells: Vec<Option<Value<'_>>>| {
            let kind = cells.iter().flatten().next().map_or(FieldType::Float, Value::field_type);
            let mut column = Column::new(kind);
            for (row, cell) in (0u32..).zip(cells) {
                cell.map(|value| column.push(row, value));
            }
            column.seal(rows);
            FrameColumn::Values(column)
        };
        let times = FrameColumn::Times((0..rows as i64).collect());
        Frame { rows, columns: std::iter::once(times).chain(columns.into_iter().map(column)).collect() }
    }

    #[test]
    fn rows_become_points() {
        let mut points = Points::default();
        let series = points.series(b"o", &header(&[("h", "a b"), ("r", "")], &["time", "v", "t", "v"]), 2..3);
        let float = |value: f64| Some(Value::Float(value));
        let tag = |value: &'static str| Some(Value::String(value.as_bytes()));
        let rows = frame(vec![
            vec![float(1.0), float(1.0), float(1.0), None],
            vec![tag("x"), tag("x"), tag("y"), None],
            vec![float(1.0), None, float(f64::NAN), float(f64::INFINITY)],
        ]);
        let took: Vec<Took> = (0..4).map(|row| points.take(&series, &rows, row as i64, row)).collect();
        assert_eq!(took, [Took::Point, Took::Nothing, Took::Nothing, Took::Nothing]);
        let both = frame(vec![vec![float(1.0); 2], vec![tag("x"), tag("y")], vec![float(2.0); 2]]);
        assert_eq!((0..2).map(|row| points.take(&series, &both, 7, row)).collect::<Vec<_>>(), [Took::Point; 2]);
        assert_eq!(points.rows(), 3);
        let batch = points.into_batch();
        let [table] = &batch.tables[..] else { panic!("{batch:?}") };
        let keys: Vec<_> = table.keys.iter().map(|&key| String::from_utf8_lossy(batch.key(key))).collect();
        assert_eq!(keys, [r"o,h=a\ b,t=x", r"o,h=a\ b,t=x", r"o,h=a\ b,t=y"]);
        assert_eq!(table.times, [0, 7, 7]);
        let values: Vec<_> = (0..3).map(|row| table.columns[0].column.get(row)).collect();
        assert_eq!(values, [float(1.0), float(2.0), float(2.0)]);
    }

    #[test]
    fn another_type_is_not_taken() {
        let mut points = Points::default();
        let series = points.series(b"o", &header(&[], &["time", "v"]), 0..0);
        assert_eq!(points.take(&series, &frame(vec![vec![Some(Value::Integer(1))]]), 0, 0), Took::Point);
        let other = frame(vec![vec![Some(Value::Float(1.0))]]);
        assert_eq!((points.take(&series, &other, 1, 0), points.rows()), (Took::OtherType, 1));
        assert_eq!((Points::default().take(&series, &other, 1, 0)), Took::Point);
        let nameless = points.series(b"o", &header(&[], &["time", ""]), 0..0);
        assert_eq!(points.take(&nameless, &other, 1, 0), Took::Nothing);
        let long = points.series(&[b'm'; 70_000], &header(&[], &["time", "v"]), 0..0);
        assert_eq!(points.take(&long, &other, 1, 0), Took::KeyTooLong(70_000));
    }
}
