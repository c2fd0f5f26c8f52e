//! An input of a merge: the series of one measurement in one segment, in their order, as pieces of rows that are not read yet.
//!
//! Each column group is walked from its first series to its last, so that every block is read once; the block and the page at
//! hand stay in memory, and go where many groups hold too much together.

use crate::delete::marks::{Marks, covered, left, overlapped};
use crate::error::StorageError;
use crate::segment::directory::{Directory, Group};
use crate::segment::index::TagIndex;
use crate::segment::{PageRows, Segment, SetId, WholeBlock};
use model::{FieldType, TimeRange};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of blocks and pages that an input holds.
const HELD: usize = 16 << 20;

/// Some rows of a series, all in one page.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// Which input.
    pub(super) input: usize,
    /// Which group of it.
    pub(super) group: usize,
    /// Which page of the group.
    pub(super) page: usize,
    /// Which rows of the page.
    pub(super) rows: Range<usize>,
    /// The first row's time.
    pub(super) first: i64,
    /// The last row's time.
    pub(super) last: i64,
    /// Whether it is in the output already, with a block that was copied.
    pub(super) is_done: bool,
}

/// What a walk holds of one group.
#[derive(Default)]
struct Cursor {
    /// The next place in the group's list of series.
    next: usize,
    block: Option<(usize, WholeBlock)>,
    page: Option<(usize, Arc<PageRows>)>,
}

/// How a group's columns stand in the output.
#[derive(Debug)]
pub(super) struct Target {
    /// The set of the output; `None`: rows with so many fields fall apart.
    pub(super) set: Option<SetId>,
    /// Fields of the output, ascending.
    pub(super) fields: Vec<u32>,
    /// For each of them the column in the group, from 0.
    pub(super) columns: Vec<usize>,
    types: Vec<FieldType>,
    is_dead: bool,
}

/// See the module.
pub(super) struct Input {
    pub(super) segment: Arc<Segment>,
    measurement: Vec<u8>,
    index: Arc<TagIndex>,
    directory: Arc<Directory>,
    /// What is deleted.
    marks: Marks,
    pub(super) targets: Vec<Target>,
    cursors: Vec<Cursor>,
    /// The next series of each group.
    queue: BinaryHeap<Reverse<(u32, usize)>>,
    held: usize,
    /// The series at hand; at the end that is the number of series.
    series: usize,
    /// Its key.
    key: Vec<u8>,
}

impl Input {
    /// A measurement (its place in the contents) of a segment. `place` gives a field's place in the output, `set` makes groups.
    pub(super) fn open(
        segment: &Arc<Segment>,
        measurement: usize,
        marks: Marks,
        place: impl Fn(&crate::schema::FieldKey) -> Option<u32>,
        mut set: impl FnMut(&[u32]) -> Result<Option<SetId>, StorageError>,
    ) -> Result<Self, StorageError> {
        let contents = segment.contents()?;
        let entry = &contents.measurements[measurement];
        let directory = segment.directory(measurement)?;
        let mut targets = Vec::with_capacity(directory.groups.len());
        for group in &directory.groups {
            let fields = group.fields.iter().map(|&at| &entry.fields[at as usize]);
            let types = fields.clone().map(|field| field.field_type).collect();
            // Of a field that is not in the output no row is left, so that the group has none.
            let places: Option<Vec<u32>> = fields.map(&place).collect();
            let is_dead = places.is_none();
            let places = places.unwrap_or_default();
            let mut columns: Vec<usize> = (0..places.len()).collect();
            columns.sort_by_key(|&column| places[column]);
            let fields: Vec<u32> = columns.iter().map(|&column| places[column]).collect();
            let distinct = fields.is_sorted_by(|a, b| a < b) && !fields.is_empty();
            let set = if distinct { set(&fields)? } else { None };
            targets.push(Target { set, fields, columns, types, is_dead });
        }
        let first = |(at, group): (usize, &Group)| group.series.first().map(|&series| Reverse((series, at)));
        let mut input = Self {
            segment: segment.clone(),
            measurement: entry.name.to_vec(),
            index: segment.index(measurement)?,
            marks,
            targets,
            cursors: directory.groups.iter().map(|_| Cursor::default()).collect(),
            queue: directory.groups.iter().enumerate().filter_map(first).collect(),
            directory,
            held: 0,
            series: 0,
            key: Vec::new(),
        };
        input.make_key();
        Ok(input)
    }

    /// The canonical key of the series at hand; `None` after the last.
    pub(super) fn key(&self) -> Option<&[u8]> {
        (self.series < self.index.series).then_some(&self.key)
    }

    fn make_key(&mut self) {
        self.key.clear();
        if self.series < self.index.series {
            self.index.push_key(&self.measurement, self.series, &mut self.key);
        }
    }

    /// Appends the pieces of the series at hand, those of a group in time order, and goes on to the next series.
    pub(super) fn take(&mut self, input: usize, out: &mut Vec<Piece>) -> Result<(), StorageError> {
        let directory = self.directory.clone();
        let start = out.len();
        while let Some((group, at)) = self.next_group() {
            let own = &directory.groups[group];
            if self.targets[group].is_dead {
                continue;
            }
            if own.packed {
                let (page, rows) = own.rows_of(at);
                let times = self.page(group, page)?;
                if let (Some(&first), Some(&last)) = (times.times.get(rows.start), times.times.get(rows.end - 1)) {
                    out.push(Piece { input, group, page, rows, first, last, is_done: false });
                }
            } else {
                out.extend(own.pages_of(at).map(|page| Piece {
                    input,
                    group,
                    page,
                    rows: 0..own.rows[page] as usize,
                    first: own.first[page],
                    last: own.last[page],
                    is_done: false,
                }));
            }
        }
        if !self.marks.is_empty() {
            self.cut(start, out)?;
        }
        self.series += 1;
        self.make_key();
        Ok(())
    }

    /// Leaves of the pieces from `start` on what is not deleted.
    fn cut(&mut self, start: usize, pieces: &mut Vec<Piece>) -> Result<(), StorageError> {
        let ranges = self.marks.ranges(self.series as u32);
        for piece in pieces.split_off(start) {
            let bounds = TimeRange::new(piece.first, piece.last);
            if !overlapped(&ranges, &bounds) {
                pieces.push(piece);
            } else if !covered(&ranges, &bounds) {
                let page = self.page(piece.group, piece.page)?;
                pieces.extend(left(&page.times, piece.rows.clone(), &ranges).into_iter().map(|rows| Piece {
                    first: page.times[rows.start],
                    last: page.times[rows.end - 1],
                    rows,
                    ..piece
                }));
            }
        }
        Ok(())
    }

    /// A group that has the series at hand and was not asked yet, and the series' place in it.
    fn next_group(&mut self) -> Option<(usize, usize)> {
        let mut top = self.queue.peek_mut()?;
        let Reverse((series, group)) = *top;
        if series as usize > self.series {
            return None;
        }
        let at = self.cursors[group].next;
        self.cursors[group].next += 1;
        match self.directory.groups[group].series.get(at + 1) {
            Some(&next) => *top = Reverse((next, group)),
            None => drop(PeekMut::pop(top)),
        }
        Some((group, at))
    }

    /// A group.
    pub(super) fn group(&self, group: usize) -> &Group {
        &self.directory.groups[group]
    }

    /// Whether a page is the first of a block that is all of one series and well filled: its number.
    pub(super) fn block_from(&self, group: usize, page: usize, least: usize) -> Option<usize> {
        let own = self.group(group);
        let (block, 0) = own.block_of(page) else { return None };
        let pages = own.block_pages(block);
        let rows: usize = own.rows[pages.clone()].iter().map(|&rows| rows as usize).sum();
        // The series at hand was taken, so that the cursor stands behind it.
        let series = own.pages_of(self.cursors[group].next - 1);
        (!own.packed && rows >= least && pages.end <= series.end).then_some(block)
    }

    /// A block of a group, read past what is held.
    pub(super) fn block(&self, group: usize, block: usize) -> Result<WholeBlock, StorageError> {
        self.segment.whole_block(self.group(group), block)
    }

    /// The rows of a page.
    pub(super) fn page(&mut self, group: usize, page: usize) -> Result<Arc<PageRows>, StorageError> {
        if let Some((number, rows)) = &self.cursors[group].page
            && *number == page
        {
            return Ok(rows.clone());
        }
        let own = &self.directory.groups[group];
        let (number, _) = own.block_of(page);
        if !matches!(&self.cursors[group].block, Some((known, _)) if *known == number) {
            if self.held > HELD {
                self.cursors.iter_mut().for_each(|cursor| (cursor.block, cursor.page) = (None, None));
                self.held = 0;
            }
            let block = self.segment.whole_block(own, number)?;
            self.held += block.bytes().len();
            self.cursors[group].block = Some((number, block));
        }
        let Some((_, block)) = &mut self.cursors[group].block else {
            return Err(StorageError::Bug("a block that was just read".to_owned()));
        };
        let rows = block.page(own, page, &self.targets[group].types).map_err(|error| self.segment.damaged(0, error))?;
        self.held += rows.bytes();
        let rows = Arc::new(rows);
        self.cursors[group].page = Some((page, rows.clone()));
        Ok(rows)
    }
}
