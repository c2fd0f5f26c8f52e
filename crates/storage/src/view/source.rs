//! What rows of a shard can be read from: a segment, or a table of a run. And the pieces that a scan cuts them into.

use super::deleted::Deleted;
use super::scan::clip;
use crate::error::StorageError;
use crate::run::sorted::{SortedRun, SortedTable};
use crate::segment::directory::Directory;
use crate::segment::index::TagIndex;
use crate::segment::{PageId, Segment};
use model::{Column, FieldType, Presence, Text, TimeRange, Values};
use std::ops::Range;
use std::sync::Arc;

/// A source of rows of one measurement, with its shard (its place in the view).
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) shard: usize,
    pub(super) kind: SourceKind,
    /// What is deleted of it; rows in memory have lost theirs.
    pub(super) deleted: Option<Arc<Deleted>>,
}

#[derive(Clone, Debug)]
pub(super) enum SourceKind {
    /// A segment, and the measurement's place in its contents.
    Segment(Arc<Segment>, usize),
    /// A run, and the table's place in it.
    Run(Arc<SortedRun>, usize),
}

/// A source, ready to be scanned for some fields.
#[derive(Debug)]
pub(super) enum Opened {
    Segment {
        segment: Arc<Segment>,
        measurement: usize,
        directory: Arc<Directory>,
        /// For each group and each field of the scan the column in the group, 0 for none.
        columns: Vec<Vec<u32>>,
    },
    Run {
        run: Arc<SortedRun>,
        table: usize,
        /// For each field of the scan its column in the table.
        columns: Vec<Option<usize>>,
    },
}

/// Some rows of one series in one source, in time order.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) opened: Arc<Opened>,
    pub(super) place: Place,
    /// The rows: of the page, or of the table.
    pub(super) rows: Range<usize>,
    /// Bounds of their times.
    pub(super) range: TimeRange,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Page { group: usize, page: usize },
    Table,
}

impl Source {
    /// Takes the series away that deletes have left no row of.
    pub(super) fn retain_live(&self, series: &mut Vec<u32>) -> Result<(), StorageError> {
        match (&self.kind, &self.deleted) {
            (SourceKind::Segment(segment, at), Some(deleted)) => deleted.retain(segment, *at, series),
            _ => Ok(()),
        }
    }

    /// The tag keys of the series that have a row; `index` is the source's.
    pub(super) fn tag_keys(&self, index: &TagIndex) -> Result<Vec<Text>, StorageError> {
        match (&self.kind, &self.deleted) {
            (SourceKind::Segment(segment, at), Some(deleted)) => deleted.tag_keys(segment, *at, index),
            _ => Ok(index.keys.clone()),
        }
    }

    pub(super) fn open(&self, fields: &[(Text, FieldType)]) -> Result<Opened, StorageError> {
        match &self.kind {
            SourceKind::Segment(segment, measurement) => {
                let contents = segment.contents()?;
                let known = &contents.measurements[*measurement].fields;
                let directory = segment.directory(*measurement)?;
                let place = |(name, t): &(Text, FieldType)| {
                    known.iter().position(|key| key.name == *name && key.field_type == *t).map(|at| at as u32)
                };
                let places: Vec<Option<u32>> = fields.iter().map(place).collect();
                let column = |group: &crate::segment::directory::Group, place: &Option<u32>| {
                    place.and_then(|at| group.fields.binary_search(&at).ok()).map_or(0, |at| at as u32 + 1)
                };
                let columns =
                    directory.groups.iter().map(|group| places.iter().map(|at| column(group, at)).collect()).collect();
                Ok(Opened::Segment { segment: segment.clone(), measurement: *measurement, directory, columns })
            }
            SourceKind::Run(run, table) => {
                let known = &run.tables[*table].columns;
                let place = |(name, t): &(Text, FieldType)| {
                    known.iter().position(|(key, _)| key.name == *name && key.field_type == *t)
                };
                let columns = fields.iter().map(place).collect();
                Ok(Opened::Run { run: run.clone(), table: *table, columns })
            }
        }
    }
}

impl Piece {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    fn table(&self) -> Option<&SortedTable> {
        match &*self.opened {
            Opened::Run { run, table, .. } => Some(&run.tables[*table]),
            Opened::Segment { .. } => None,
        }
    }

    /// Whether rows of the piece may have a value of a field of the scan.
    pub(super) fn has(&self, field: usize) -> bool {
        match (&*self.opened, self.place) {
            (Opened::Segment { columns, .. }, Place::Page { group, .. }) => columns[group][field] != 0,
            (Opened::Run { columns, .. }, _) => columns[field].is_some(),
            _ => false,
        }
    }

    /// The page's statistics can answer for it: a page of one series, whole.
    pub(super) fn is_page(&self) -> bool {
        match (&*self.opened, self.place) {
            (Opened::Segment { directory, .. }, Place::Page { group, page }) => {
                let group = &directory.groups[group];
                !group.packed && self.rows.len() == group.rows[page] as usize
            }
            _ => false,
        }
    }

    /// The page's figures of a field of the scan.
    pub(super) fn numbers(&self, field: usize, field_type: FieldType) -> Option<super::NumberStats> {
        let (Opened::Segment { directory, columns, .. }, Place::Page { group, page }) = (&*self.opened, self.place)
        else {
            return None;
        };
        let column = columns[group][field] as usize;
        directory.groups[group].column(column).ok()?.stats()?.get(page, field_type)
    }

    /// All times of what the piece is part of: the page or the table; its own are at `rows`.
    pub(super) fn all_times(&self) -> Result<Times<'_>, StorageError> {
        match (&*self.opened, self.place) {
            (Opened::Segment { segment, measurement, directory, .. }, Place::Page { group, page }) => {
                let id = page_id(*measurement, group, 0, page);
                Ok(Times::Page(segment.times(directory, id)?))
            }
            _ => Ok(Times::Table(self.table().map_or(&[], |table| &table.times))),
        }
    }

    /// The values of a field of the scan in the piece's rows; `None` if there are none.
    pub(super) fn column(&self, field: usize, field_type: FieldType) -> Result<Option<Arc<Column>>, StorageError> {
        match (&*self.opened, self.place) {
            (Opened::Segment { segment, measurement, directory, columns }, Place::Page { group, page }) => {
                let column = columns[group][field];
                if column == 0 {
                    return Ok(None);
                }
                let id = page_id(*measurement, group, column, page);
                let whole = segment.column(directory, id, field_type)?;
                let all = self.rows.len() == directory.groups[group].rows[page] as usize;
                Ok(Some(if all { whole } else { Arc::new(slice(&whole, self.rows.clone())) }))
            }
            (Opened::Run { run, table, columns }, _) => {
                let Some(at) = columns[field] else { return Ok(None) };
                Ok(Some(Arc::new(slice(&run.tables[*table].columns[at].1, self.rows.clone()))))
            }
            _ => Ok(None),
        }
    }

    /// Whether two fields of the scan have their values in the same rows.
    pub(super) fn is_alike(&self, field: usize, other: usize) -> bool {
        let both = |presence: [Option<&[u32]>; 2]| presence[0] == presence[1];
        self.has(field) == self.has(other) && both([field, other].map(|field| self.present(field)))
    }

    /// The rows of the table, out of the piece's, that have a value of a field of the scan; `None`: all that there are, if any.
    fn present(&self, field: usize) -> Option<&[u32]> {
        let Opened::Run { run, table, columns } = &*self.opened else { return None };
        match &run.tables[*table].columns[columns[field]?].1.presence {
            Presence::Dense => None,
            Presence::Sparse(present) => {
                let place = |end: usize| present.partition_point(|&row| (row as usize) < end);
                Some(&present[place(self.rows.start)..place(self.rows.end)])
            }
        }
    }

    /// Gives the times of the piece's rows inside a range at which a field that it has has a value.
    pub(super) fn each_time(
        &self,
        field: usize,
        range: &TimeRange,
        mut give: impl FnMut(i64),
    ) -> Result<(), StorageError> {
        let times = self.all_times()?;
        let times = times.all();
        match self.present(field) {
            None => times[clip(times, self.rows.clone(), range)].iter().for_each(|&time| give(time)),
            Some(rows) => {
                rows.iter().map(|&row| times[row as usize]).filter(|&time| range.contains(time)).for_each(give);
            }
        }
        Ok(())
    }

    /// For each row whether it has a value of some field of the scan; `None`: all have.
    pub(super) fn counted(&self) -> Option<Vec<bool>> {
        let Opened::Run { columns, .. } = &*self.opened else { return None };
        let mut counted = vec![false; self.rows.len()];
        for field in (0..columns.len()).filter(|&field| columns[field].is_some()) {
            let present = self.present(field)?;
            present.iter().for_each(|&row| counted[row as usize - self.rows.start] = true);
        }
        Some(counted)
    }
}

/// Borrowed times of a table, or shared ones of a page.
pub(super) enum Times<'a> {
    Page(Arc<Vec<i64>>),
    Table(&'a [i64]),
}

impl Times<'_> {
    pub(super) fn all(&self) -> &[i64] {
        match self {
            Self::Page(times) => times,
            Self::Table(times) => times,
        }
    }
}

fn page_id(measurement: usize, group: usize, column: u32, page: usize) -> PageId {
    PageId { measurement: measurement as u32, group: group as u32, column, page: page as u32 }
}

/// The same column for the rows of a range.
fn slice(column: &Column, rows: Range<usize>) -> Column {
    let mut values = Values::new(column.field_type());
    match &column.presence {
        Presence::Dense => {
            values.extend_range(&column.values, rows);
            Column::dense(values)
        }
        Presence::Sparse(present) => {
            let from = present.partition_point(|&row| (row as usize) < rows.start);
            let to = present.partition_point(|&row| (row as usize) < rows.end);
            values.extend_range(&column.values, from..to);
            let present = present[from..to].iter().map(|&row| row - rows.start as u32).collect();
            let mut column = Column { values, presence: Presence::Sparse(present) };
            column.seal(rows.len());
            column
        }
    }
}
