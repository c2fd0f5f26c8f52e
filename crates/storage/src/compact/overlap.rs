//! Pieces of a series from several inputs that overlap in time, row by row: where timestamps meet, the later input wins, field
//! by field. Memory holds the pages that reach into one stretch of time, never a whole series.

use super::input::{Input, Piece};
use super::merge::{Sink, drain};
use crate::error::StorageError;
use crate::segment::{PageRows, Rows, Writer};
use model::{Column, FieldType, Presence, Values};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// A piece that was read.
struct Open {
    input: usize,
    group: usize,
    page: Arc<PageRows>,
    /// Its rows that are still to be taken.
    rows: Range<usize>,
    last: i64,
}

/// Merges some pieces, ascending by their first times, and writes their rows; false: it was told to stop. A block that was copied
/// may reach among them: its pieces are done, and nothing else has rows of its fields up to its end.
pub(super) fn merge(
    inputs: &mut [Input],
    pieces: &[Piece],
    types: &[FieldType],
    writer: &mut Writer,
    sink: &mut dyn Sink,
) -> Result<bool, StorageError> {
    let mut pending = pieces.iter().filter(|piece| !piece.is_done).peekable();
    let mut open: Vec<Open> = Vec::new();
    while !open.is_empty() || pending.peek().is_some() {
        // A stretch ends where the first of its pieces does, so that each round is done with one.
        let mut end = open.iter().map(|piece| piece.last).min().unwrap_or(i64::MAX);
        while let Some(piece) = pending.next_if(|piece| piece.first <= end) {
            let page = inputs[piece.input].page(piece.group, piece.page)?;
            end = end.min(piece.last);
            open.push(Open {
                input: piece.input,
                group: piece.group,
                page,
                rows: piece.rows.clone(),
                last: piece.last,
            });
        }
        open.sort_by_key(|piece| piece.input);
        let (times, columns) = stretch(inputs, &mut open, end, types)?;
        write(&times, &columns, writer)?;
        open.retain(|piece| !piece.rows.is_empty());
        if !drain(writer, sink)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes rows; at once where all of them have the same fields.
fn write(times: &[i64], columns: &BTreeMap<u32, Column>, writer: &mut Writer) -> Result<(), StorageError> {
    if !times.is_empty() && columns.values().all(|column| column.presence == Presence::Dense) {
        let fields: Vec<u32> = columns.keys().copied().collect();
        if let Some(set) = writer.set(&fields)? {
            let columns: Vec<&Values> = columns.values().map(|column| &column.values).collect();
            return writer.append(set, &Rows { times, columns: &columns }, 0..times.len());
        }
    }
    writer.mixed(times, columns)
}

/// A field's values in some rows of a piece: the piece's place, its column, and the column's place in the output.
type Source<'a> = (usize, &'a Values);

/// Takes the rows up to an instant.
fn stretch(
    inputs: &[Input],
    open: &mut [Open],
    end: i64,
    types: &[FieldType],
) -> Result<(Vec<i64>, BTreeMap<u32, Column>), StorageError> {
    let mut taken: Vec<Range<usize>> = Vec::with_capacity(open.len());
    for piece in &mut *open {
        let times = piece.page.times.get(piece.rows.clone());
        let times = times.ok_or_else(|| StorageError::Bug("rows beyond their page".to_owned()))?;
        let count = times.partition_point(|&time| time <= end);
        taken.push(piece.rows.start..piece.rows.start + count);
        piece.rows.start += count;
    }
    let of = |at: usize| &open[at].page.times[taken[at].clone()];
    let mut times: Vec<i64> = (0..open.len()).flat_map(|at| of(at).iter().copied()).collect();
    times.sort_unstable();
    times.dedup();
    // Where each piece's rows are among all.
    let places: Vec<Vec<u32>> = (0..open.len()).map(|at| places(&times, of(at))).collect();
    let mut sources: BTreeMap<u32, Vec<Source<'_>>> = BTreeMap::new();
    for (at, piece) in open.iter().enumerate().filter(|(at, _)| !taken[*at].is_empty()) {
        let target = &inputs[piece.input].targets[piece.group];
        for (&field, &column) in target.fields.iter().zip(&target.columns) {
            sources.entry(field).or_default().push((at, &piece.page.columns[column]));
        }
    }
    let mut columns = BTreeMap::new();
    for (field, sources) in sources {
        let values = Values::new(types[field as usize]);
        columns.insert(field, gather(values, times.len(), &sources, &taken, &places));
    }
    Ok((times, columns))
}

fn places(all: &[i64], own: &[i64]) -> Vec<u32> {
    let mut at = 0;
    own.iter()
        .map(|&time| {
            at += all[at..].partition_point(|&other| other < time);
            at as u32
        })
        .collect()
}

/// The values of a field, of each row the last source's that has one.
fn gather(
    mut values: Values,
    rows: usize,
    sources: &[Source<'_>],
    taken: &[Range<usize>],
    places: &[Vec<u32>],
) -> Column {
    if let [(at, only)] = sources {
        values.extend_range(only, taken[*at].clone());
        let mut column = Column { values, presence: Presence::Sparse(places[*at].clone()) };
        column.seal(rows);
        return column;
    }
    // Each value with its row of the output, its source and its row there; the sort is stable, so that the last of a row wins.
    let mut all: Vec<(u32, u32, u32)> = Vec::new();
    for (source, (at, _)) in (0u32..).zip(sources) {
        let own = places[*at].iter().zip(taken[*at].clone());
        all.extend(own.map(|(&place, row)| (place, source, row as u32)));
    }
    all.sort_by_key(|&(place, ..)| place);
    let last_of_row = all.chunk_by(|left, right| left.0 == right.0).filter_map(<[_]>::last);
    let chosen: Vec<(u32, u32, u32)> = last_of_row.copied().collect();
    for piece in chosen.chunk_by(|left, right| (left.1, left.2 + 1) == (right.1, right.2)) {
        let (_, source, row) = piece[0];
        values.extend_range(sources[source as usize].1, row as usize..row as usize + piece.len());
    }
    let present = chosen.into_iter().map(|(place, ..)| place).collect();
    let mut column = Column { values, presence: Presence::Sparse(present) };
    column.seal(rows);
    column
}
