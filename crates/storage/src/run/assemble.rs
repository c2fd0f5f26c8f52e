//! Columns put together from pieces of other columns: the work that sorting and merging share.
//!
//! A [`Piece`] is a stretch of rows of one source. Pieces follow each other in the order of the output; one that is marked
//! `joins` is a single row that falls on the output row before it and overrides the fields that it has.

use crate::schema::FieldKey;
use model::{Column, FieldType, Presence, Strings, Values};
use std::ops::Range;

/// Rows of one source, in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Piece {
    /// Which source.
    pub(super) source: u32,
    /// Its first row.
    pub(super) start: u32,
    /// How many.
    pub(super) len: u32,
    /// Whether its one row falls on the output row before.
    pub(super) joins: bool,
}

/// Pieces in the order of the output.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    list: Vec<Piece>,
    rows: u32,
}

impl Pieces {
    /// Appends a row of a source; `joins` says that it falls on the output row before.
    pub(super) fn push(&mut self, source: u32, row: u32, joins: bool) {
        if !joins {
            self.rows += 1;
            if let Some(last) = self.list.last_mut()
                && (last.source, last.start + last.len, last.joins) == (source, row, false)
            {
                last.len += 1;
                return;
            }
        }
        self.list.push(Piece { source, start: row, len: 1, joins });
    }

    /// Appends several rows of a source.
    pub(super) fn extend(&mut self, source: u32, rows: Range<u32>) {
        self.rows += rows.len() as u32;
        self.list.push(Piece { source, start: rows.start, len: rows.len() as u32, joins: false });
    }

    /// Number of rows of the output so far.
    pub(super) fn rows(&self) -> u32 {
        self.rows
    }
}

/// The times of the output; `times[i]` are those of source i.
pub(super) fn times(pieces: &Pieces, times: &[&[i64]]) -> Vec<i64> {
    let mut out = Vec::with_capacity(pieces.rows as usize);
    for piece in pieces.list.iter().filter(|piece| !piece.joins) {
        let start = piece.start as usize;
        out.extend_from_slice(&times[piece.source as usize][start..start + piece.len as usize]);
    }
    out
}

/// The columns of the output, ascending by field id; `columns[i]` are those of source i.
pub(super) fn columns(pieces: &Pieces, columns: &[&[(FieldKey, Column)]]) -> Vec<(FieldKey, Column)> {
    let mut fields: Vec<&FieldKey> = columns.iter().flat_map(|list| list.iter().map(|(key, _)| key)).collect();
    fields.sort_unstable_by_key(|key| key.id);
    fields.dedup_by_key(|key| key.id);
    let column_of = |key: &FieldKey| {
        let sources: Vec<Option<&Column>> = columns
            .iter()
            .map(|list| list.iter().find(|(other, _)| other.id == key.id).map(|(_, column)| column))
            .collect();
        (key.clone(), column(pieces, key.field_type, &sources))
    };
    fields.into_iter().map(column_of).collect()
}

/// Where a source's rows have their values.
enum Places {
    /// Value i belongs to row i.
    Dense,
    /// For each row the index of its value, or [`NOWHERE`].
    At(Vec<u32>),
}

const NOWHERE: u32 = u32::MAX;

impl Places {
    /// Those of a column.
    fn of(column: &Column) -> Self {
        let Presence::Sparse(rows) = &column.presence else { return Self::Dense };
        let mut at = vec![NOWHERE; rows.last().map_or(0, |&last| last as usize + 1)];
        for (index, &row) in (0u32..).zip(rows) {
            at[row as usize] = index;
        }
        Self::At(at)
    }
}

/// Values of one type.
trait Lane: Default {
    fn with_room(count: usize) -> Self;
    fn count(&self) -> usize;
    fn copy(&mut self, from: &Self, range: Range<usize>);
    fn drop_last(&mut self);
}

impl<T: Copy> Lane for Vec<T> {
    fn with_room(count: usize) -> Self {
        Vec::with_capacity(count)
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn copy(&mut self, from: &Self, range: Range<usize>) {
        self.extend_from_slice(&from[range]);
    }

    fn drop_last(&mut self) {
        self.pop();
    }
}

impl Lane for Strings {
    fn with_room(_count: usize) -> Self {
        Strings::new()
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn copy(&mut self, from: &Self, range: Range<usize>) {
        for index in range {
            self.push(from.get(index));
        }
    }

    fn drop_last(&mut self) {
        self.pop();
    }
}

/// An output column that grows.
struct Growing<L> {
    lane: L,
    /// The rows of the values, once a row has lacked one.
    rows: Option<Vec<u32>>,
}

impl<L: Lane> Growing<L> {
    /// Appends values of the rows from `row` on, none of which has one yet.
    fn append(&mut self, row: u32, from: &L, range: Range<usize>) {
        if self.rows.is_none() && self.lane.count() != row as usize {
            self.rows = Some((0..self.lane.count() as u32).collect());
        }
        if let Some(rows) = &mut self.rows {
            rows.extend(row..row + range.len() as u32);
        }
        self.lane.copy(from, range);
    }

    /// Sets the value of `row`, the last one that there is.
    fn replace(&mut self, row: u32, from: &L, index: usize) {
        let has = match &mut self.rows {
            None => self.lane.count() == row as usize + 1,
            Some(rows) => rows.pop_if(|last| *last == row).is_some(),
        };
        if has {
            self.lane.drop_last();
        }
        self.append(row, from, index..index + 1);
    }
}

/// The values of one field in the order of the output.
fn gather<L: Lane>(pieces: &Pieces, sources: &[Option<(&L, Places)>]) -> (L, Presence) {
    let mut out = Growing { lane: L::with_room(pieces.rows as usize), rows: None };
    let mut row = 0u32;
    for piece in &pieces.list {
        let start = piece.start as usize;
        let end = start + piece.len as usize;
        match &sources[piece.source as usize] {
            None => {}
            Some((lane, Places::Dense)) if !piece.joins => out.append(row, lane, start..end),
            Some((lane, Places::Dense)) => out.replace(row - 1, lane, start),
            Some((lane, Places::At(at))) => {
                for (step, &index) in (0u32..).zip(at.get(start..end.min(at.len())).unwrap_or_default()) {
                    let index_end = (index as usize).wrapping_add(1);
                    match () {
                        () if index == NOWHERE => {}
                        () if piece.joins => out.replace(row - 1, lane, index as usize),
                        () => out.append(row + step, lane, index as usize..index_end),
                    }
                }
            }
        }
        if !piece.joins {
            row += piece.len;
        }
    }
    (out.lane, out.rows.map_or(Presence::Dense, Presence::Sparse))
}

fn column(pieces: &Pieces, field_type: FieldType, sources: &[Option<&Column>]) -> Column {
    macro_rules! gather {
        ($variant:ident) => {{
            let lanes: Vec<_> = sources
                .iter()
                .map(|column| match column.map(|column| (&column.values, column)) {
                    Some((Values::$variant(lane), column)) => Some((lane, Places::of(column))),
                    _ => None,
                })
                .collect();
            let (lane, presence) = gather(pieces, &lanes);
            Column { values: Values::$variant(lane), presence }
        }};
    }
    let mut column = match field_type {
        FieldType::Float => gather!(Float),
        FieldType::Integer => gather!(Integer),
        FieldType::Unsigned => gather!(Unsigned),
        FieldType::String => gather!(String),
        FieldType::Boolean => gather!(Boolean),
    };
    column.seal(pieces.rows as usize);
    column
}
