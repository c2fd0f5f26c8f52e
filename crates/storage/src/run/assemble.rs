//! Columns put together from pieces of other columns: the work that sorting and merging share.
//!
//! A [`Piece`] is a stretch of rows of one source. Pieces follow each other in the order of the output; one that is marked
//! `joins` is a single row that falls on the output row before it and overrides the fields that it has.

use crate::schema::FieldKey;
use model::{Column, FieldType, Presence, Strings, Values};
use std::ops::Range;

/// Rows of one source, in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Piece {
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
pub(crate) struct Pieces {
    list: Vec<Piece>,
    rows: u32,
    /// Whether a row falls on the one before.
    has_joins: bool,
}

impl Pieces {
    /// Appends a row of a source; `joins` says that it falls on the output row before.
    pub(crate) fn push(&mut self, source: u32, row: u32, joins: bool) {
        if !joins {
            self.rows += 1;
            if let Some(last) = self.list.last_mut()
                && (last.source, last.start + last.len, last.joins) == (source, row, false)
            {
                last.len += 1;
                return;
            }
        }
        self.has_joins |= joins;
        self.list.push(Piece { source, start: row, len: 1, joins });
    }

    /// Appends several rows of a source.
    pub(crate) fn extend(&mut self, source: u32, rows: Range<u32>) {
        self.rows += rows.len() as u32;
        self.list.push(Piece { source, start: rows.start, len: rows.len() as u32, joins: false });
    }

    /// Leaves nothing, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        (self.rows, self.has_joins) = (0, false);
    }

    /// Number of rows of the output so far.
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }
}

/// The times of the output; `times[i]` are those of source i.
pub(crate) fn times(pieces: &Pieces, times: &[&[i64]]) -> Vec<i64> {
    let mut out = Vec::with_capacity(pieces.rows as usize);
    for piece in pieces.list.iter().filter(|piece| !piece.joins) {
        let start = piece.start as usize;
        out.extend_from_slice(&times[piece.source as usize][start..start + piece.len as usize]);
    }
    out
}

/// The columns of the output, ascending by field id; `columns[i]` are those of source i.
pub(crate) fn columns(pieces: &Pieces, columns: &[&[(FieldKey, Column)]]) -> Vec<(FieldKey, Column)> {
    let all = columns.iter().enumerate();
    let mut found: Vec<(&FieldKey, usize, &Column)> =
        all.flat_map(|(source, list)| list.iter().map(move |(key, column)| (key, source, column))).collect();
    found.sort_unstable_by_key(|(key, source, _)| (key.id, *source));
    let mut ranks = None;
    let column_of = |same: &[(&FieldKey, usize, &Column)]| {
        let key = same[0].0;
        let mut sources: Vec<Option<&Column>> = vec![None; columns.len()];
        same.iter().for_each(|&(_, source, column)| sources[source] = Some(column));
        let values: usize = same.iter().map(|(_, _, column)| column.values.len()).sum();
        let few = values < pieces.list.len().max(pieces.rows as usize) / FEW;
        let ranks = few.then(|| &*ranks.get_or_insert_with(|| Ranks::new(pieces, columns.len())));
        (key.clone(), column(pieces, ranks, values, key.field_type, &sources))
    };
    found.chunk_by(|left, right| left.0.id == right.0.id).map(column_of).collect()
}

/// A column with a value in less than one of so many rows is put together value by value.
const FEW: usize = 16;

/// Where each row of the sources goes: what columns with few values need, whose cost must not depend on the number of rows.
struct Ranks {
    /// For each source and row its place among all rows of the pieces, or [`NOWHERE`].
    of_row: Vec<Vec<u32>>,
    /// For each place the row of the output.
    output: Vec<u32>,
}

impl Ranks {
    fn new(pieces: &Pieces, sources: usize) -> Self {
        let mut of_row = vec![Vec::new(); sources];
        let mut output = Vec::with_capacity(pieces.rows as usize);
        let mut row = 0u32;
        for piece in &pieces.list {
            let ranks = &mut of_row[piece.source as usize];
            let (start, end) = (piece.start as usize, (piece.start + piece.len) as usize);
            if ranks.len() < end {
                ranks.resize(end, NOWHERE);
            }
            // A row that joins falls on the row before.
            let first = if piece.joins { row - 1 } else { row };
            for (rank, step) in ranks[start..end].iter_mut().zip(0..piece.len) {
                *rank = output.len() as u32;
                output.push(first + step);
            }
            if !piece.joins {
                row += piece.len;
            }
        }
        Self { of_row, output }
    }
}

/// As [`gather`], for columns with few values.
fn gather_few<L: Lane>(ranks: &Ranks, values: usize, sources: &[Option<(&L, &Presence)>]) -> (L, Presence) {
    let mut order: Vec<(u32, &L, u32)> = Vec::with_capacity(values);
    for (source, column) in sources.iter().enumerate() {
        let Some((lane, presence)) = column else { continue };
        for index in 0..lane.count() as u32 {
            let row = match presence {
                Presence::Dense => index,
                Presence::Sparse(rows) => rows[index as usize],
            };
            match ranks.of_row[source].get(row as usize) {
                None | Some(&NOWHERE) => {}
                Some(&rank) => order.push((rank, lane, index)),
            }
        }
    }
    order.sort_unstable_by_key(|(rank, _, _)| *rank);
    let mut out = Growing { lane: L::with_room(values), rows: None };
    for (rank, lane, index) in order {
        out.replace(ranks.output[rank as usize], lane, index as usize);
    }
    (out.lane, out.rows.map_or(Presence::Dense, Presence::Sparse))
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

    #[inline]
    fn copy(&mut self, from: &Self, range: Range<usize>) {
        // Rows of many series come one by one: a call to copy 8 bytes costs several times the copy.
        if range.len() == 1 {
            self.push(from[range.start]);
        } else {
            self.extend_from_slice(&from[range]);
        }
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

/// As [`gather`], where every row of every source has a value and none falls on another.
fn gather_dense<L: Lane>(pieces: &Pieces, sources: &[&L]) -> L {
    let mut out = L::with_room(pieces.rows as usize);
    for piece in &pieces.list {
        let start = piece.start as usize;
        out.copy(sources[piece.source as usize], start..start + piece.len as usize);
    }
    out
}

/// The values of one field in the order of the output.
fn gather<L: Lane>(pieces: &Pieces, values: usize, sources: &[Option<(&L, Places)>]) -> (L, Presence) {
    let dense = sources.iter().map(|source| match source {
        Some((lane, Places::Dense)) => Some(*lane),
        _ => None,
    });
    if !pieces.has_joins
        && let Some(sources) = dense.collect::<Option<Vec<&L>>>()
    {
        return (gather_dense(pieces, &sources), Presence::Dense);
    }
    let mut out = Growing { lane: L::with_room(values.min(pieces.rows as usize)), rows: None };
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

fn column(
    pieces: &Pieces,
    ranks: Option<&Ranks>,
    values: usize,
    field_type: FieldType,
    sources: &[Option<&Column>],
) -> Column {
    macro_rules! gather {
        ($variant:ident) => {{
            let lanes = sources.iter().map(|column| match column.map(|column| (&column.values, column)) {
                Some((Values::$variant(lane), column)) => Some((lane, column)),
                _ => None,
            });
            let (lane, presence) = if let Some(ranks) = ranks {
                let lanes: Vec<_> = lanes.map(|lane| lane.map(|(lane, column)| (lane, &column.presence))).collect();
                gather_few(ranks, values, &lanes)
            } else {
                let lanes: Vec<_> = lanes.map(|lane| lane.map(|(lane, column)| (lane, Places::of(column)))).collect();
                gather(pieces, values, &lanes)
            };
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::Value;
    use platform::{Random, SeededRandom};

    /// A source with values in some of its rows, or in all.
    fn source(rows: u32, random: &SeededRandom) -> Column {
        let mut column = Column::new(FieldType::Integer);
        let share = random.below(4);
        for row in 0..rows {
            if random.below(3) <= share {
                assert!(column.push(row, Value::Integer(random.below(1_000) as i64)));
            }
        }
        column.seal(rows as usize);
        column
    }

    #[test]
    fn value_by_value_gives_what_row_by_row_does() {
        let random = SeededRandom::new(7);
        for _ in 0..2_000 {
            let rows: Vec<u32> = (0..3).map(|_| random.below(12) as u32).collect();
            let columns: Vec<Column> = rows.iter().map(|&rows| source(rows, &random)).collect();
            let mut next = [0u32; 3];
            let mut pieces = Pieces::default();
            for _ in 0..40 {
                let at = random.below(3) as usize;
                if next[at] < rows[at] && random.below(8) > 0 {
                    pieces.push(at as u32, next[at], pieces.rows() > 0 && random.below(3) == 0);
                }
                next[at] += 1;
            }
            let sources: Vec<Option<&Column>> = columns.iter().map(Some).collect();
            let ranks = Ranks::new(&pieces, 3);
            let by_row = column(&pieces, None, 36, FieldType::Integer, &sources);
            let by_value = column(&pieces, Some(&ranks), 36, FieldType::Integer, &sources);
            assert_eq!(by_row, by_value, "{pieces:?} {columns:?}");
        }
    }

    #[test]
    fn many_nearly_empty_fields_take_room_for_their_values() {
        const FIELDS: u32 = 50_000;
        let field = |id: u32| {
            let mut column = Column::new(FieldType::Float);
            assert!(column.push(id, Value::Float(1.0)));
            column.seal(FIELDS as usize);
            (FieldKey { name: id.to_string().into_bytes().into(), field_type: FieldType::Float, id }, column)
        };
        let list: Vec<(FieldKey, Column)> = (0..FIELDS).map(field).collect();
        let mut pieces = Pieces::default();
        pieces.extend(0, 0..FIELDS);
        // Room for each field in each row would be 20 GB, looks at them some 10^9 steps.
        let out = columns(&pieces, &[&list]);
        let room: usize = out
            .iter()
            .map(|(_, column)| match &column.values {
                Values::Float(values) => values.capacity(),
                _ => 0,
            })
            .sum();
        assert_eq!(out, list);
        assert!(room <= 8 * FIELDS as usize, "{room}");
    }
}
