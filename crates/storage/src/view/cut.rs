//! A cut: rows of one series between two instants, merged from the pieces that reach into it when they are asked for.

use super::clash::clashes;
use super::scan::clip;
use super::source::{Piece, Times};
use super::stats::{Bounds, Stats};
use crate::error::StorageError;
use model::{Column, FieldType, Presence, TimeRange, Values};
use std::sync::{Arc, OnceLock};

/// A stretch of rows of one series whose times no other cut of the same list overlaps.
#[derive(Debug)]
pub struct Cut {
    /// In the order of their sources: where times meet, the later wins, field by field.
    pieces: Vec<Piece>,
    range: TimeRange,
    fields: Arc<[FieldType]>,
    merged: OnceLock<Arc<Merged>>,
}

/// How the pieces make rows.
#[derive(Debug)]
struct Merged {
    times: Arc<Vec<i64>>,
    /// The pieces, clipped to the cut, and for each of its rows the cut's row (`None`: the same one).
    parts: Vec<(Piece, Option<Vec<u32>>)>,
    /// Which parts have which fields, ascending: fields, and places of parts. There may be thousands of both.
    having: Vec<(u32, u32)>,
}

/// A value of a cut's row: the row, which of some columns has it, and where there.
type Choice = (u32, u32, u32);

/// How many rows more than values of a field there must be for a sort of the values to be cheaper than a place for each row.
const FEW: usize = 8;

/// What a part takes besides its rows (bytes).
const PART: usize = size_of::<(Piece, Option<Vec<u32>>)>() + 16;
/// Of a piece's row: it has none of the scan's fields.
const NOWHERE: u32 = u32::MAX;

impl Cut {
    pub(super) fn new(pieces: Vec<Piece>, range: TimeRange, fields: Arc<[FieldType]>) -> Self {
        Self { pieces, range, fields, merged: OnceLock::new() }
    }

    /// A piece as a cut.
    pub(super) fn of(piece: Piece, fields: &Arc<[FieldType]>) -> Self {
        let range = piece.range;
        Self::new(vec![piece], range, fields.clone())
    }

    /// Bounds of the cut's times (ns); may be wider than its rows.
    #[must_use]
    pub fn range(&self) -> TimeRange {
        self.range
    }

    /// Upper bound of its rows; exact where [`Cut::stats`] answers.
    #[must_use]
    pub fn rows_max(&self) -> usize {
        self.pieces.iter().map(Piece::len).sum()
    }

    /// The figures of a field (its index in the scan's list) over the whole cut, if they are kept and hold: one page, or pages that
    /// follow each other, have all of its values. `None` means: ask for [`Cut::leaves`], or decode. A field without values here has figures with count 0.
    #[must_use]
    pub fn stats(&self, field: usize) -> Option<Stats> {
        let mut having = self.having(field);
        let Some(piece) = having.next() else {
            return Some(Stats { count: 0, first_time: self.range.start, last_time: self.range.end, numbers: None });
        };
        if !self.has_whole(piece) || having.next().is_some() {
            return None;
        }
        let numbers = piece.numbers(field, self.fields[field]);
        let is_number = !matches!(self.fields[field], FieldType::String | FieldType::Boolean);
        if is_number && numbers.is_none() {
            return None;
        }
        let (first_time, last_time) = (piece.range.start, piece.range.end);
        Some(Stats { count: piece.len() as u64, first_time, last_time, numbers })
    }

    /// The cut in parts, as far as a field goes (its index in the scan's list): each whole page whose times no other piece
    /// has a value at, which answers by [`Cut::stats`], ascending; behind them, as one, what is left, if anything. The parts may
    /// overlap in time, but have no time in common at which the field has a value. `None`: there is no such page beside others.
    /// Only timestamps are decoded.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn leaves(&self, field: usize) -> Result<Option<Vec<Cut>>, StorageError> {
        let having: Vec<&Piece> = self.having(field).collect();
        if having.len() < 2 || !having.iter().any(|piece| self.has_whole(piece)) {
            return Ok(None);
        }
        let clashes = clashes(&having, field, &self.range)?;
        let (mut leaves, mut rest) = (Vec::new(), Vec::new());
        for (piece, clashes) in having.into_iter().zip(clashes) {
            if clashes || !self.has_whole(piece) {
                rest.push(piece.clone());
            } else {
                leaves.push(Cut::of(piece.clone(), &self.fields));
            }
        }
        if leaves.is_empty() {
            return Ok(None);
        }
        leaves.sort_by_key(|leaf| leaf.range.start);
        if !rest.is_empty() {
            leaves.push(Cut::new(rest, self.range, self.fields.clone()));
        }
        Ok(Some(leaves))
    }

    /// Each page as a cut, if the cut is several pages of one source; see [`super::Scan::coarse_cuts`].
    #[must_use]
    pub fn pages(&self) -> Option<Vec<Cut>> {
        self.pages_within(&TimeRange::ALL)
    }

    /// Of [`Cut::pages`] those that reach into a range of time.
    #[must_use]
    pub fn pages_within(&self, range: &TimeRange) -> Option<Vec<Cut>> {
        let [only] = &self.pieces[..] else { return None };
        let page = |page: usize| only.stretch(page..page + 1);
        let cut = |piece: Piece| Cut::of(piece, &self.fields);
        only.is_stretch().then(|| only.within(range).filter_map(page).map(cut).collect())
    }

    /// Bounds of the numbers that a field (its index in the scan's list) has in the cut's rows.
    #[must_use]
    pub fn bounds(&self, field: usize) -> Bounds {
        let bounds = self.having(field).map(|piece| piece.bounds(field, self.fields[field]));
        bounds.fold(Bounds::Nothing, Bounds::union)
    }

    /// Pages in it; 0 of rows in memory.
    #[must_use]
    pub fn page_count(&self) -> usize {
        self.pieces.iter().map(Piece::page_count).sum()
    }

    /// Whether it is made of several pieces.
    #[must_use]
    pub fn is_merged(&self) -> bool {
        self.pieces.len() > 1
    }

    /// Whether two fields have their values in the same pieces and rows, and so the same [`Cut::leaves`].
    #[must_use]
    pub fn is_alike(&self, field: usize, other: usize) -> bool {
        self.pieces.iter().all(|piece| piece.is_alike(field, other))
    }

    fn having(&self, field: usize) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().filter(move |piece| piece.has(field))
    }

    /// Whether a piece is pages that lie in the cut from end to end.
    fn has_whole(&self, piece: &Piece) -> bool {
        piece.is_whole() && self.range.covers(&piece.range)
    }

    /// The times of the cut's rows (ns), ascending strictly.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn times(&self) -> Result<Arc<Vec<i64>>, StorageError> {
        if let [only] = &self.pieces[..]
            && !only.is_stretch()
            && self.has_whole(only)
            && let Times::Page(times) = only.all_times()?
        {
            return Ok(times);
        }
        Ok(self.merged()?.times.clone())
    }

    /// Whether a piece that reaches into the cut has values of a field (its index in the scan's list).
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn has(&self, field: usize) -> Result<bool, StorageError> {
        if let [only] = &self.pieces[..]
            && only.page_count() > 0
        {
            // All rows of a page have the same fields.
            return Ok(only.has(field));
        }
        Ok(self.merged()?.having(field).next().is_some())
    }

    /// The values of a field (its index in the scan's list) in the cut's rows, as [`Cut::times`] numbers them. Decoded when
    /// asked for: ask for the columns of a filter first.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn column(&self, field: usize) -> Result<Arc<Column>, StorageError> {
        let field_type = self.fields[field];
        if let [only] = &self.pieces[..]
            && only.has(field)
            && only.counts_all()
            && self.range.covers(&only.range)
        {
            // Rows of a single piece need no times.
            let column = only.column(field, field_type)?;
            return Ok(column.unwrap_or_else(|| Arc::new(Column::empty(field_type))));
        }
        let merged = self.merged()?;
        if let [(piece, None)] = &merged.parts[..] {
            let column = piece.column(field, field_type)?;
            return Ok(column.unwrap_or_else(|| Arc::new(Column::empty(field_type))));
        }
        let mut parts = Vec::new();
        let mut columns = Vec::new();
        for part in merged.having(field) {
            let (piece, rows) = &merged.parts[part as usize];
            if let Some(column) = piece.column(field, field_type)? {
                parts.push(rows.as_deref());
                columns.push(column);
            }
        }
        let rows = merged.times.len();
        let few = columns.iter().map(|column| column.values.len()).sum::<usize>() < rows / FEW;
        Ok(Arc::new(match few {
            true => gather(field_type, rows, sorted(&parts, &columns).into_iter(), &columns),
            false => gather(field_type, rows, placed(&parts, &columns, rows), &columns),
        }))
    }

    /// Bytes of what it refers to.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.pieces.len() * size_of::<Piece>()
    }

    /// Bytes, about, of what it has read and keeps.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.merged.get().map_or(0, |merged| {
            let rows = merged.parts.iter().map(|(_, rows)| rows.as_ref().map_or(0, Vec::len));
            let parts = merged.parts.len() * PART + rows.sum::<usize>() * size_of::<u32>();
            merged.times.len() * size_of::<i64>() + parts + merged.having.len() * size_of::<(u32, u32)>()
        })
    }

    /// Keeps nothing of what was read: it is read again when it is asked for.
    pub fn forget(&mut self) {
        self.merged.take();
    }

    fn merged(&self) -> Result<Arc<Merged>, StorageError> {
        if let Some(merged) = self.merged.get() {
            return Ok(merged.clone());
        }
        let merged = Arc::new(self.merge()?);
        Ok(self.merged.get_or_init(|| merged).clone())
    }

    fn merge(&self) -> Result<Merged, StorageError> {
        let mut parts = Vec::with_capacity(self.pieces.len());
        let mut lists = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            let times = piece.all_times()?;
            let rows = clip(times.all(), piece.rows.clone(), &self.range);
            let clipped = Piece { rows: rows.clone(), ..piece.clone() };
            let counted = clipped.counted();
            if self.pieces.len() == 1 && counted.is_none() {
                let having = having(std::iter::once(&clipped));
                let times = match times {
                    Times::Page(times) if rows.len() == times.len() => times,
                    times => Arc::new(times.all()[rows].to_vec()),
                };
                return Ok(Merged { times, parts: vec![(clipped, None)], having });
            }
            let own = times.all()[rows].iter().enumerate();
            let kept = own.filter(|(row, _)| counted.as_ref().is_none_or(|counted| counted[*row]));
            lists.push(kept.map(|(_, &time)| time).collect::<Vec<i64>>());
            parts.push((clipped, counted));
        }
        let mut times = lists.concat();
        if lists.len() > 1 {
            times.sort();
            times.dedup();
        }
        let place = |(list, (piece, counted)): (Vec<i64>, (Piece, Option<Vec<bool>>))| {
            let mut list = list.into_iter();
            let mut at = 0;
            let mut next = || match list.next() {
                Some(time) => {
                    at = gallop(&times, at, time);
                    at as u32
                }
                None => NOWHERE,
            };
            let rows = match counted {
                None => (0..piece.len()).map(|_| next()).collect(),
                Some(counted) => counted.iter().map(|&counts| if counts { next() } else { NOWHERE }).collect(),
            };
            (piece, Some(rows))
        };
        let parts: Vec<(Piece, Option<Vec<u32>>)> = lists.into_iter().zip(parts).map(place).collect();
        let having = having(parts.iter().map(|(piece, _)| piece));
        Ok(Merged { times: Arc::new(times), parts, having })
    }
}

/// The first place from `from` on whose time is not below a time: near it in a few steps, far in the logarithm of the way.
fn gallop(times: &[i64], from: usize, time: i64) -> usize {
    let (mut low, mut step) = (from, 1);
    while times.get(low + step - 1).is_some_and(|&other| other < time) {
        low += step;
        step *= 2;
    }
    let high = times.len().min(low + step);
    low + times[low..high].partition_point(|&other| other < time)
}

impl Merged {
    /// The parts that have a field, ascending.
    fn having(&self, field: usize) -> impl Iterator<Item = u32> {
        let from = self.having.partition_point(|&(other, _)| (other as usize) < field);
        self.having[from..].iter().take_while(move |&&(other, _)| other as usize == field).map(|&(_, part)| part)
    }
}

/// Which of some pieces have which fields of the scan, ascending.
fn having<'a>(pieces: impl Iterator<Item = &'a Piece>) -> Vec<(u32, u32)> {
    let mut having = Vec::new();
    for (part, piece) in (0u32..).zip(pieces) {
        piece.each_field(|field| having.push((field, part)));
    }
    having.sort_unstable();
    having
}

/// Gives the values of parts, in the order of the parts, with the rows that they take.
fn each_choice(parts: &[Option<&[u32]>], columns: &[Arc<Column>], mut give: impl FnMut(Choice)) {
    for (part, (rows, column)) in (0u32..).zip(parts.iter().zip(columns)) {
        let mut take = |row: u32, value: u32| match rows.map_or(row, |rows| rows[row as usize]) {
            NOWHERE => {}
            row => give((row, part, value)),
        };
        match &column.presence {
            Presence::Dense => (0..column.values.len() as u32).for_each(|row| take(row, row)),
            Presence::Sparse(rows) => (0u32..).zip(rows).for_each(|(value, &row)| take(row, value)),
        }
    }
}

/// The values by row, the last part's winning: many of them, by a place for each row.
fn placed(parts: &[Option<&[u32]>], columns: &[Arc<Column>], rows: usize) -> impl Iterator<Item = Choice> {
    let mut places: Vec<Option<(u32, u32)>> = vec![None; rows];
    each_choice(parts, columns, |(row, part, value)| {
        if let Some(place) = places.get_mut(row as usize) {
            *place = Some((part, value));
        }
    });
    (0u32..).zip(places).filter_map(|(row, place)| place.map(|(part, value)| (row, part, value)))
}

/// The same of a few values.
fn sorted(parts: &[Option<&[u32]>], columns: &[Arc<Column>]) -> Vec<Choice> {
    let mut choices = Vec::new();
    each_choice(parts, columns, |choice| choices.push(choice));
    choices.sort_unstable();
    let mut out: Vec<Choice> = Vec::with_capacity(choices.len());
    for choice in choices {
        match out.last_mut().filter(|last| last.0 == choice.0) {
            Some(last) => *last = choice,
            None => out.push(choice),
        }
    }
    out
}

/// The chosen values as a column: values that stand next to each other in a part are taken together.
fn gather(
    field_type: FieldType,
    rows: usize,
    choices: impl Iterator<Item = Choice>,
    columns: &[Arc<Column>],
) -> Column {
    let mut values = Values::new(field_type);
    let mut present = Vec::new();
    let mut choices = choices.peekable();
    while let Some((row, part, first)) = choices.next() {
        present.push(row);
        let mut end = first + 1;
        while let Some((row, ..)) = choices.next_if(|&(_, other, value)| (other, value) == (part, end)) {
            present.push(row);
            end += 1;
        }
        values.extend_range(&columns[part as usize].values, first as usize..end as usize);
    }
    let mut column = Column { values, presence: Presence::Sparse(present) };
    column.seal(rows);
    column
}
