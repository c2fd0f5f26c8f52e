//! What deletes leave of a segment's measurement: which series and fields still have a row, and which stretches of a piece.
//!
//! Evaluated once for each segment, measurement and set of deletes, and kept in the cache. Whether a series that loses only
//! some times still has a row is read from the directory's bounds of pages where they tell, else from timestamps alone.

use super::ShardSource;
use super::source::Piece;
use crate::cache::{Cache, Key, Kind};
use crate::delete::marks::{Bits, Marks, covered, is_taken, left, overlapped};
use crate::delete::touching;
use crate::error::StorageError;
use crate::segment::directory::{Directory, Group};
use crate::segment::index::{TagColumn, TagIndex};
use crate::segment::{PageId, Segment};
use model::{Text, TimeRange};
use std::sync::{Arc, OnceLock};

/// What is deleted of one measurement of a segment.
#[derive(Debug)]
pub(super) struct Deleted {
    marks: Marks,
    live: OnceLock<Live>,
}

/// What has a row left.
#[derive(Debug)]
struct Live {
    series: Bits,
    /// For each field of the contents' list.
    fields: Vec<bool>,
}

/// How much of a measurement is left in a segment.
#[derive(Debug)]
pub(super) enum Left {
    /// All.
    All,
    /// Some of it, perhaps.
    Some(Arc<Deleted>),
    /// Nothing.
    Nothing,
}

/// What deletes leave of a measurement (its place in the contents) of a segment.
pub(super) fn of(shard: &ShardSource, segment: &Arc<Segment>, at: usize, cache: &Cache) -> Result<Left, StorageError> {
    let contents = segment.contents()?;
    let entry = &contents.measurements[at];
    let tombstones = || touching(&shard.tombstones, segment.entry(), &entry.name, &entry.range);
    // A later set of deletes always has a greater last one.
    let Some(last) = tombstones().last().map(|tombstone| tombstone.slot) else { return Ok(Left::All) };
    let place = [at as u32, tombstones().count() as u32, last as u32, (last >> 32) as u32];
    let deleted = cache.get_or(Key { owner: segment.owner(), kind: Kind::Deleted, place }, || {
        let marks = Marks::new(tombstones(), || segment.index(at))?;
        let bytes = marks.bytes() + u64::from(entry.series) / 8 + entry.fields.len() as u64 + 256;
        Ok::<_, StorageError>((Deleted { marks, live: OnceLock::new() }, bytes))
    })?;
    Ok(match () {
        () if deleted.marks.is_empty() => Left::All,
        () if deleted.marks.takes_all(&entry.range) => Left::Nothing,
        () => Left::Some(deleted),
    })
}

impl Deleted {
    fn live(&self, segment: &Segment, at: usize) -> Result<&Live, StorageError> {
        if let Some(live) = self.live.get() {
            return Ok(live);
        }
        let contents = segment.contents()?;
        let entry = &contents.measurements[at];
        let live = Live { series: Bits::none(entry.series as usize), fields: vec![false; entry.fields.len()] };
        let mut look = Look { segment, at, directory: &*segment.directory(at)?, marks: &self.marks, live };
        for number in 0..look.directory.groups.len() {
            look.group(number)?;
        }
        let live = look.live;
        Ok(self.live.get_or_init(|| live))
    }

    /// Whether any row is left.
    pub(super) fn has_rows(&self, segment: &Segment, at: usize) -> Result<bool, StorageError> {
        Ok(!self.live(segment, at)?.series.is_empty())
    }

    /// Takes the series away that have no row left.
    pub(super) fn retain(&self, segment: &Segment, at: usize, series: &mut Vec<u32>) -> Result<(), StorageError> {
        let live = self.live(segment, at)?;
        series.retain(|&series| live.series.has(series));
        Ok(())
    }

    /// For each field whether a row with it is left.
    pub(super) fn fields(&self, segment: &Segment, at: usize) -> Result<&[bool], StorageError> {
        Ok(&self.live(segment, at)?.fields)
    }

    /// The tag keys of the series that have a row left.
    pub(super) fn tag_keys(&self, segment: &Segment, at: usize, index: &TagIndex) -> Result<Vec<Text>, StorageError> {
        let live = self.live(segment, at)?;
        let used = |column: &TagColumn| {
            (0..index.series).any(|series| live.series.has(series as u32) && column.ids.get(series) != 0)
        };
        let keys = index.keys.iter().zip(&index.columns).filter(|(_, column)| used(column));
        Ok(keys.map(|(key, _)| key.clone()).collect())
    }

    /// Cuts pieces of a series, from `from` on, so that they hold the rows that are left.
    pub(super) fn cut(&self, series: u32, from: usize, pieces: &mut Vec<Piece>) -> Result<(), StorageError> {
        let ranges = self.marks.ranges(series);
        if ranges.is_empty() {
            return Ok(());
        }
        for piece in pieces.split_off(from) {
            if !overlapped(&ranges, &piece.range) {
                pieces.push(piece);
            } else if piece.is_stretch() {
                for page in (0..piece.page_count()).filter_map(|page| piece.stretch(page..page + 1)) {
                    cut(page, &ranges, pieces)?;
                }
            } else {
                cut(piece, &ranges, pieces)?;
            }
        }
        Ok(())
    }
}

/// Adds what of a piece lies outside of some ranges.
fn cut(piece: Piece, taken: &[TimeRange], out: &mut Vec<Piece>) -> Result<(), StorageError> {
    if !overlapped(taken, &piece.range) {
        out.push(piece);
    } else if !covered(taken, &piece.range) {
        let all = piece.all_times()?;
        for rows in left(all.all(), piece.rows.clone(), taken) {
            let range = TimeRange::new(all.all()[rows.start], all.all()[rows.end - 1]);
            out.push(Piece { rows, range, ..piece.clone() });
        }
    }
    Ok(())
}

/// Looks for what is left.
struct Look<'a> {
    segment: &'a Segment,
    at: usize,
    directory: &'a Directory,
    marks: &'a Marks,
    live: Live,
}

impl Look<'_> {
    fn group(&mut self, number: usize) -> Result<(), StorageError> {
        let group = &self.directory.groups[number];
        let mut is_live = false;
        for (place, &series) in group.series.iter().enumerate() {
            if is_live && self.live.series.has(series) {
                continue;
            }
            if self.has_row(number, group, place, &self.marks.ranges(series))? {
                self.live.series.set(series);
                is_live = true;
            }
        }
        if is_live {
            group.fields.iter().for_each(|&field| self.live.fields[field as usize] = true);
        }
        Ok(())
    }

    /// Whether a series (its place in the group) has a row outside of some ranges.
    fn has_row(&self, number: usize, group: &Group, place: usize, taken: &[TimeRange]) -> Result<bool, StorageError> {
        if taken.is_empty() {
            return Ok(true);
        }
        let bounds = |page: usize| TimeRange::new(group.first[page], group.last[page]);
        if group.packed {
            let (page, rows) = group.rows_of(place);
            return Ok(match () {
                () if covered(taken, &bounds(page)) => false,
                () if !overlapped(taken, &bounds(page)) => true,
                () => self.times(number, page)?[rows].iter().any(|&time| !is_taken(taken, time)),
            });
        }
        // The bounds of a page of one series are times of rows.
        let mut unsure = Vec::new();
        for page in group.pages_of(place) {
            if !is_taken(taken, group.first[page]) || !is_taken(taken, group.last[page]) {
                return Ok(true);
            }
            unsure.extend((!covered(taken, &bounds(page))).then_some(page));
        }
        for page in unsure {
            if self.times(number, page)?.iter().any(|&time| !is_taken(taken, time)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn times(&self, group: usize, page: usize) -> Result<Arc<Vec<i64>>, StorageError> {
        let id = PageId { measurement: self.at as u32, group: group as u32, column: 0, page: page as u32 };
        self.segment.times(self.directory, id)
    }
}
