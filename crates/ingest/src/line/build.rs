//! The tables that a body grows, with what makes finding them quick: the table that followed last time, the column that
//! followed last time, and maps for when they do not.
//!
//! What must hold: between rows every column has a value; the values of an unfinished row can be taken back.

use crate::error::MAX_KEY_LENGTH;
use crate::number;
use model::{Column, FieldType, KeySpan, Presence, Table, TableColumn, Text, Value, Values};
use std::collections::HashMap;

/// The bytes of a probe that are compared as words.
const PROBE: usize = 24;
/// Memory that a table or a column takes before it has values, about.
const FIXED_COST: usize = 512;
/// Memory that a row's key and time take, and a value with its place: twice their size, as vectors grow by doubling.
const ROW_COST: usize = 2 * (size_of::<KeySpan>() + size_of::<i64>());
const VALUE_COST: usize = 2 * (size_of::<i64>() + size_of::<u32>());
/// Tables with up to this many columns are searched one by one.
const FEW_COLUMNS: usize = 16;

/// All tables of a body.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) tables: Vec<TableBuilder>,
    by_name: HashMap<Text, u32>,
    /// The table of the last row.
    last: usize,
}

/// One table.
pub(super) struct TableBuilder {
    measurement: Text,
    /// The measurement is written without escapes, so that raw bytes can be compared with it.
    plain: bool,
    /// The table that followed this one last time.
    follow: usize,
    keys: Vec<KeySpan>,
    times: Vec<i64>,
    pub(super) columns: Vec<ColumnBuilder>,
    /// The first column of each name; filled once there are more than a few.
    by_name: HashMap<Text, u32>,
    /// The column that the last row began with.
    pub(super) first: u32,
    longest_name: usize,
    /// The columns that the unfinished row has values in.
    touched: Vec<u32>,
    /// Memory of new columns and of strings since the last finished row.
    extra_cost: usize,
}

/// One column.
pub(super) struct ColumnBuilder {
    name: Text,
    pub(super) probe: Probe,
    pub(super) column: Column,
    /// The column that followed this one last time.
    pub(super) follow: u32,
    /// The next column of this name, of another type.
    twin: Option<u32>,
}

/// A name and `=` as they stand in a line without escapes; empty if the name needs escapes.
pub(super) struct Probe {
    text: Box<[u8]>,
    /// The text in words, and which of their bytes are its own.
    words: [u64; PROBE / 8],
    masks: [u64; PROBE / 8],
}

impl Probe {
    fn new(text: Box<[u8]>) -> Self {
        let mut bytes = [0; PROBE];
        let mut mask = [0; PROBE];
        for (index, &byte) in text.iter().enumerate().take(PROBE) {
            (bytes[index], mask[index]) = (byte, u8::MAX);
        }
        Self { text, words: words(&bytes), masks: words(&mask) }
    }

    /// Whether `line` begins with it; never for an empty one.
    #[inline(always)]
    pub(super) fn begins(&self, line: &[u8]) -> bool {
        match line.first_chunk::<PROBE>() {
            Some(chunk) if matches!(self.text.len(), 1..=PROBE) => {
                let differs = |index: usize, word: u64| (word ^ self.words[index]) & self.masks[index];
                let [first, second, third] = words(chunk);
                differs(0, first) | differs(1, second) | differs(2, third) == 0
            }
            _ => !self.text.is_empty() && line.starts_with(&self.text),
        }
    }

    /// Its length.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }
}

#[inline(always)]
fn words(bytes: &[u8; PROBE]) -> [u64; PROBE / 8] {
    let mut words = [0; PROBE / 8];
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*chunk);
    }
    words
}

impl Builder {
    /// The table whose measurement stands, without escapes, at the start of `line`.
    #[inline]
    pub(super) fn find_raw(&mut self, line: &[u8]) -> Option<usize> {
        let last = self.tables.get(self.last)?;
        if last.begins(line) {
            return Some(self.last);
        }
        let follow = last.follow;
        let found = if self.tables.get(follow)?.begins(line) {
            follow
        } else {
            // not beyond the line: the rest of the body would be searched for each line
            let end = memchr::memchr3(b',', b' ', b'\n', line)?;
            let index = *self.by_name.get(&line[..end])? as usize;
            self.tables[index].plain.then_some(index)?
        };
        self.tables[self.last].follow = found;
        self.last = found;
        Some(found)
    }

    /// The table of a measurement, made if need be.
    pub(super) fn table(&mut self, measurement: Text) -> &mut TableBuilder {
        let index = match self.by_name.get(&measurement) {
            Some(&index) => index as usize,
            None => {
                let index = self.tables.len();
                self.by_name.insert(measurement.clone(), super::offset(index));
                self.tables.push(TableBuilder::new(measurement));
                index
            }
        };
        if let Some(last) = self.tables.get_mut(self.last) {
            last.follow = index;
        }
        self.last = index;
        &mut self.tables[index]
    }

    /// Makes room for the rest of a body, of whose `all` bytes `done` have come, as if it went on as it began: vectors that
    /// double would copy all and leave up to half of the memory unused, for as long as the rows stay in it.
    pub(super) fn expect(&mut self, done: usize, all: usize) {
        // A little more than that: a last row for which there is no room would cost as much as all before.
        let more = |count: usize| {
            let total = count as u64 * all as u64 / done.max(1) as u64;
            usize::try_from(total + total / 64).unwrap_or(usize::MAX).saturating_sub(count)
        };
        for table in &mut self.tables {
            let rows = more(table.times.len());
            table.keys.reserve_exact(rows);
            table.times.reserve_exact(rows);
            for ColumnBuilder { column, .. } in &mut table.columns {
                let values = more(column.values.len());
                column.values.reserve_exact(values);
                if let Presence::Sparse(rows) = &mut column.presence {
                    rows.reserve_exact(values);
                }
            }
        }
    }

    /// The finished tables.
    pub(super) fn finish(self) -> Vec<Table> {
        self.tables.into_iter().map(TableBuilder::finish).collect()
    }
}

impl TableBuilder {
    fn new(measurement: Text) -> Self {
        let plain = !measurement.iter().any(|byte| matches!(byte, b',' | b' ' | b'\\'));
        Self {
            measurement,
            plain,
            follow: 0,
            keys: Vec::new(),
            times: Vec::new(),
            columns: Vec::new(),
            by_name: HashMap::new(),
            first: 0,
            longest_name: 0,
            touched: Vec::new(),
            extra_cost: FIXED_COST,
        }
    }

    #[inline]
    fn begins(&self, line: &[u8]) -> bool {
        self.plain
            && line.starts_with(&self.measurement)
            && matches!(line.get(self.measurement.len()), Some(b',' | b' '))
    }

    /// Length of the measurement.
    pub(super) fn measurement_length(&self) -> usize {
        self.measurement.len()
    }

    /// Whether a raw key of this length is too long for some column.
    #[inline]
    pub(super) fn may_exceed(&self, key_length: usize) -> bool {
        key_length + 4 + self.longest_name > MAX_KEY_LENGTH
    }

    /// The row that is not finished yet.
    #[inline]
    fn row(&self) -> u32 {
        super::offset(self.times.len())
    }

    /// A column by its unescaped name and type.
    pub(super) fn find(&self, name: &[u8], field_type: FieldType) -> Option<u32> {
        let mut index = self.named(name)?;
        loop {
            let column = &self.columns[index as usize];
            if column.column.field_type() == field_type {
                return Some(index);
            }
            index = column.twin?;
        }
    }

    /// The first column of a name.
    fn named(&self, name: &[u8]) -> Option<u32> {
        if self.columns.len() > FEW_COLUMNS {
            return self.by_name.get(name).copied();
        }
        self.columns.iter().position(|column| *column.name == *name).map(super::offset)
    }

    /// A column by its unescaped name and type, made if need be.
    pub(super) fn column(&mut self, name: &[u8], field_type: FieldType) -> u32 {
        if let Some(index) = self.find(name, field_type) {
            return index;
        }
        let index = super::offset(self.columns.len());
        let mut link = self.named(name);
        while let Some(twin) = link.map(|link| &mut self.columns[link as usize].twin) {
            link = *twin;
            if link.is_none() {
                *twin = Some(index);
            }
        }
        self.longest_name = self.longest_name.max(name.len());
        self.extra_cost += FIXED_COST + 4 * name.len();
        self.columns.push(ColumnBuilder::new(name, field_type, index + 1));
        self.index_names();
        index
    }

    /// Keeps the map of names complete once the table has more than a few columns.
    fn index_names(&mut self) {
        let indexed = if self.columns.len() == FEW_COLUMNS + 1 { 0 } else { self.columns.len() - 1 };
        if self.columns.len() > FEW_COLUMNS {
            for (index, column) in self.columns.iter().enumerate().skip(indexed) {
                self.by_name.entry(column.name.clone()).or_insert(super::offset(index));
            }
        }
    }

    /// Remembers that column `next` followed `column`.
    pub(super) fn follow(&mut self, column: u32, next: u32) {
        self.columns[column as usize].follow = next;
    }

    /// Sets a value of the unfinished row; `value` must have the column's type. Of two values for a column the later stays.
    #[inline(always)]
    pub(super) fn set(&mut self, index: u32, value: Value<'_>) {
        let row = self.row();
        self.touched.push(index);
        let column = &mut self.columns[index as usize].column;
        match (&mut column.values, value) {
            (Values::Float(values), Value::Float(value))
                if values.len() == row as usize && matches!(column.presence, Presence::Dense) =>
            {
                return values.push(value);
            }
            (Values::String(_), Value::String(text)) => self.extra_cost += 2 * text.len(),
            _ => {}
        }
        column.push(row, value);
    }

    /// Reads a field of column `index` at the start of `line` whose value is a short integer, if the column has integers in
    /// all rows so far; returns the length of the field.
    #[inline(always)]
    pub(super) fn set_integer(&mut self, index: u32, line: &[u8]) -> Option<usize> {
        let row = self.times.len();
        let column = self.columns.get_mut(index as usize)?;
        if !column.probe.begins(line) {
            return None;
        }
        let name = column.probe.len();
        match (&mut column.column.values, &column.column.presence) {
            (Values::Integer(values), Presence::Dense) if values.len() == row => {
                let (value, length) = number::short_integer(line.get(name..)?)?;
                values.push(value);
                self.touched.push(index);
                Some(name + length)
            }
            _ => None,
        }
    }

    /// The unfinished row is a row; returns about what memory it took.
    #[inline]
    pub(super) fn finish_row(&mut self, key: KeySpan, time: i64) -> usize {
        self.keys.push(key);
        self.times.push(time);
        let cost = ROW_COST + VALUE_COST * self.touched.len() + std::mem::take(&mut self.extra_cost);
        self.touched.clear();
        cost
    }

    /// The unfinished row is none: its values go.
    pub(super) fn take_back_row(&mut self) {
        let row = self.row();
        for index in std::mem::take(&mut self.touched) {
            let column = &mut self.columns[index as usize].column;
            let count = column.values.len();
            match &mut column.presence {
                Presence::Dense if count > row as usize => column.values.pop(),
                Presence::Sparse(rows) if rows.last() == Some(&row) => {
                    rows.pop();
                    column.values.pop();
                }
                _ => {}
            }
        }
    }

    fn finish(self) -> Table {
        let rows = self.times.len();
        let columns = self.columns.into_iter().map(|ColumnBuilder { name, mut column, .. }| {
            column.seal(rows);
            TableColumn { name, column }
        });
        Table { measurement: self.measurement, columns: columns.collect(), keys: self.keys, times: self.times }
    }
}

impl ColumnBuilder {
    fn new(name: &[u8], field_type: FieldType, follow: u32) -> Self {
        let plain = !name.iter().any(|byte| matches!(byte, b',' | b' ' | b'=' | b'\\' | b'\n'));
        let probe = Probe::new(if plain { [name, b"="].concat().into() } else { Box::default() });
        Self { name: name.into(), probe, column: Column::new(field_type), follow, twin: None }
    }
}
