//! Lists as items: a header and one frame.

use model::{Column, FieldType, Frame, FrameColumn, Header, Item, Text, Value};
use query::Sink;
use std::ops::ControlFlow;

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<String>),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Cell {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl Cell {
    fn field_type(&self) -> FieldType {
        match self {
            Self::Text(_) | Self::List(_) => FieldType::String,
            Self::Integer(_) => FieldType::Integer,
            Self::Boolean(_) => FieldType::Boolean,
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::String(text.as_bytes()),
            // A column of lists is made of none but these.
            Self::List(_) => Value::String(b""),
            Self::Integer(number) => Value::Integer(*number),
            Self::Boolean(truth) => Value::Boolean(*truth),
        }
    }
}

/// One output series: columns of one type each, rows as long as the columns are many.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) name: &'static str,
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Rows {
    pub(super) fn new(name: &'static str, columns: &[&'static str]) -> Self {
        Self { name, columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Sends it under its own name.
    pub(super) fn send(self, sink: &mut dyn Sink) -> ControlFlow<()> {
        let name = self.name;
        self.send_as(name, None, sink)
    }

    /// Sends it under another name, with tags.
    pub(super) fn send_as(self, name: &str, tags: Option<&[(&str, &str)]>, sink: &mut dyn Sink) -> ControlFlow<()> {
        let text = |text: &&str| Text::from(text.as_bytes());
        let tags = tags.map(|tags| tags.iter().map(|(key, value)| (text(key), text(value))).collect());
        let header = Header { name: text(&name), tags, columns: self.columns.iter().map(text).collect() };
        sink.item(Item::Series(header))?;
        if self.rows.is_empty() {
            return ControlFlow::Continue(());
        }
        let columns = (0..self.columns.len()).map(|index| self.frame_column(index)).collect();
        sink.item(Item::Rows(Frame { rows: self.rows.len(), columns }))
    }

    fn frame_column(&self, index: usize) -> FrameColumn {
        let list = |row: &Vec<Cell>| match row.get(index) {
            Some(Cell::List(texts)) => Some(texts.iter().map(|text| text.as_bytes().into()).collect()),
            _ => None,
        };
        let lists: Option<Vec<Vec<Text>>> = self.rows.iter().map(list).collect();
        lists.map_or_else(|| FrameColumn::Values(self.column(index)), FrameColumn::Lists)
    }

    fn column(&self, index: usize) -> Column {
        let mut cells = self.rows.iter().filter_map(|row| row.get(index)).peekable();
        let mut column = Column::new(cells.peek().map_or(FieldType::String, |cell| cell.field_type()));
        for (row, cell) in (0u32..).zip(cells) {
            column.push(row, cell.value());
        }
        column.seal(self.rows.len());
        column
    }
}
