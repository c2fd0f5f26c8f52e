//! What rows of a shard can be read from: a segment, or a table of a run. And the pieces that a scan cuts them into.

use super::deleted::Deleted;
use super::scan::clip;
use super::{Bounds, NumberStats, Stats};
use crate::error::StorageError;
use crate::run::sorted::{SortedRun, SortedTable};
use crate::segment::directory::{Directory, Group};
use crate::segment::index::TagIndex;
use crate::segment::{FieldStats, PageId, Segment};
use model::{Column, FieldType, Presence, Text, TimeRange, Values};
use std::collections::HashMap;
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
        /// For each group which fields of the scan it has.
        columns: Vec<GroupColumns>,
    },
    Run {
        run: Arc<SortedRun>,
        table: usize,
        /// For each field of the scan its column in the table.
        columns: Vec<Option<usize>>,
        /// Whether one of them has a value in every row.
        is_dense: bool,
        /// The columns of strings among them.
        texts: Vec<usize>,
    },
}

/// The fields of a scan that a column group has, ascending, and for each its column in the group. There may be thousands of fields in
/// thousands of groups, of which each has few.
#[derive(Debug)]
pub(super) struct GroupColumns(Vec<(u32, u32)>);

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
    /// Pages of a group that follow each other; several only if they are of one series.
    Pages {
        group: u32,
        page: u32,
        count: u32,
    },
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

    pub(super) fn open(&self, fields: &Fields<'_>) -> Result<Opened, StorageError> {
        match &self.kind {
            SourceKind::Segment(segment, measurement) => {
                let contents = segment.contents()?;
                let known = contents.measurements[*measurement].fields.iter().map(|key| (&key.name, key.field_type));
                let places = fields.places(known);
                let directory = segment.directory(*measurement)?;
                let columns = directory.groups.iter().map(|group| GroupColumns::new(group, &places)).collect();
                Ok(Opened::Segment { segment: segment.clone(), measurement: *measurement, directory, columns })
            }
            SourceKind::Run(run, table) => {
                let known = run.tables[*table].columns.iter().map(|(key, _)| (&key.name, key.field_type));
                let mut columns = vec![None; fields.0.len()];
                fields.places(known).into_iter().for_each(|(at, field)| columns[field as usize] = Some(at as usize));
                let dense = |&at: &usize| matches!(run.tables[*table].columns[at].1.presence, Presence::Dense);
                let is_dense = columns.iter().flatten().any(dense);
                let is_text = |&at: &usize| run.tables[*table].columns[at].0.field_type == FieldType::String;
                let texts = columns.iter().flatten().copied().filter(is_text).collect();
                Ok(Opened::Run { run: run.clone(), table: *table, columns, is_dense, texts })
            }
        }
    }
}

/// The fields of a scan by name and type, and their places among them: looked up in for every source.
pub(super) struct Fields<'a>(HashMap<(&'a Text, FieldType), u32>);

impl<'a> Fields<'a> {
    /// Of a list in which none stands twice.
    pub(super) fn new(fields: &'a [(Text, FieldType)]) -> Self {
        Self(fields.iter().map(|(name, field_type)| (name, *field_type)).zip(0..).collect())
    }

    /// Where a source has them: places in its list, ascending, and in the scan's.
    fn places<'k>(&self, known: impl Iterator<Item = (&'k Text, FieldType)>) -> Vec<(u32, u32)> {
        (0..).zip(known).filter_map(|(at, field)| Some((at, *self.0.get(&field)?))).collect()
    }
}

impl GroupColumns {
    /// `places` are those of the contents' list of fields, ascending, each with a field of the scan.
    fn new(group: &Group, places: &[(u32, u32)]) -> Self {
        let place = |(column, &at): (u32, &u32)| {
            let found = places.binary_search_by_key(&at, |&(at, _)| at).ok()?;
            Some((places[found].1, column))
        };
        let mut columns: Vec<(u32, u32)> = (1..).zip(&group.fields).filter_map(place).collect();
        columns.sort_unstable();
        Self(columns)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their columns in the group.
    pub(super) fn columns(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|&(_, column)| column)
    }

    pub(super) fn get(&self, field: usize) -> Option<u32> {
        let found = self.0.binary_search_by_key(&(field as u32), |&(field, _)| field);
        found.ok().map(|at| self.0[at].1)
    }
}

impl Opened {
    /// Where some rows of a table must end for their strings to have so many bytes at most; one stays at least.
    pub(super) fn fitting(&self, rows: Range<usize>, bytes: usize) -> usize {
        let Self::Run { run, table, texts, .. } = self else { return rows.end };
        let mut end = rows.end;
        for &at in texts {
            let column = &run.tables[*table].columns[at].1;
            while end > rows.start + 1 && text_bytes(column, rows.start..end) > bytes {
                end = rows.start + (end - rows.start) / 2;
            }
        }
        end
    }

    /// Whether it may have a value of any field of the scan.
    pub(super) fn is_useful(&self) -> bool {
        match self {
            Self::Segment { columns, .. } => !columns.iter().all(GroupColumns::is_empty),
            Self::Run { columns, .. } => columns.iter().any(Option::is_some),
        }
    }

    /// Whether it may have a value of a field of the scan.
    pub(super) fn has(&self, field: usize) -> bool {
        match self {
            Self::Segment { columns, .. } => columns.iter().any(|columns| columns.get(field).is_some()),
            Self::Run { columns, .. } => columns[field].is_some(),
        }
    }

    /// Pages of a field of the scan, or of any; 0 of rows in memory.
    pub(super) fn page_count(&self, field: Option<usize>) -> usize {
        let Self::Segment { directory, columns, .. } = self else { return 0 };
        let has = |columns: &GroupColumns| match field {
            Some(field) => columns.get(field).is_some(),
            None => !columns.is_empty(),
        };
        directory.groups.iter().zip(columns).filter(|(_, columns)| has(columns)).map(|(group, _)| group.pages()).sum()
    }

    /// The figures of a field of the scan in each column group that has it; `None` if they are not known.
    pub(super) fn totals(&self, field: usize) -> Option<Vec<Stats>> {
        let Self::Segment { directory, columns, .. } = self else { return None };
        let having =
            directory.groups.iter().zip(columns).filter_map(|(group, columns)| Some((group, columns.get(field)?)));
        let totals = having.map(|(group, column)| group.total(column as usize).ok());
        totals.collect::<Option<Vec<_>>>().map(|totals| totals.into_iter().flatten().collect())
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
            (Opened::Segment { columns, .. }, Place::Pages { group, .. }) => {
                columns[group as usize].get(field).is_some()
            }
            (Opened::Run { columns, .. }, _) => columns[field].is_some(),
            _ => false,
        }
    }

    /// Its group, and which pages of it; `None` of a table.
    fn pages(&self) -> Option<(&Group, Range<usize>)> {
        match (&*self.opened, self.place) {
            (Opened::Segment { directory, .. }, Place::Pages { group, page, count }) => {
                Some((&directory.groups[group as usize], page as usize..(page + count) as usize))
            }
            _ => None,
        }
    }

    /// The statistics of pages can answer for it: it is pages of one series, whole.
    pub(super) fn is_whole(&self) -> bool {
        self.pages().is_some_and(|(group, pages)| !group.packed && self.len() == rows_of(&group.rows[pages]))
    }

    /// Whether it has several pages.
    pub(super) fn is_stretch(&self) -> bool {
        matches!(self.place, Place::Pages { count: 2.., .. })
    }

    /// The pages of a whole stretch that lie within its `part`, as one piece.
    pub(super) fn stretch(&self, part: Range<usize>) -> Option<Piece> {
        let (Some((group, pages)), Place::Pages { group: number, page, .. }) = (self.pages(), self.place) else {
            return None;
        };
        let pages = page as usize + part.start..(page as usize + part.end).min(pages.end);
        let place = Place::Pages { group: number, page: pages.start as u32, count: pages.len() as u32 };
        let range = TimeRange::new(*group.first.get(pages.start)?, group.last[pages.end.checked_sub(1)?]);
        let rows = 0..rows_of(&group.rows[pages]);
        (!rows.is_empty()).then(|| Piece { opened: self.opened.clone(), place, rows, range })
    }

    /// Of the pages of a stretch those that reach into a range: their places among them, which may be none.
    pub(super) fn within(&self, range: &TimeRange) -> Range<usize> {
        let Some((group, pages)) = self.pages() else { return 0..0 };
        let from = group.last[pages.clone()].partition_point(|&last| last < range.start);
        let to = group.first[pages].partition_point(|&first| first <= range.end);
        from..to.max(from)
    }

    /// How many pages it has.
    pub(super) fn page_count(&self) -> usize {
        self.pages().map_or(0, |(_, pages)| pages.len())
    }

    /// The pages' figures of a field of the scan.
    pub(super) fn numbers(&self, field: usize, field_type: FieldType) -> Option<NumberStats> {
        let (stats, pages) = self.kept(field)?;
        stats.over(pages, field_type)
    }

    /// Bounds of the numbers that a field of the scan has in the piece.
    pub(super) fn bounds(&self, field: usize, field_type: FieldType) -> Bounds {
        let known = self.kept(field).and_then(|(stats, pages)| stats.bounds(pages, field_type));
        known.map_or(Bounds::Unknown, |(min, max)| Bounds::Between(min, max))
    }

    fn kept(&self, field: usize) -> Option<(&FieldStats, Range<usize>)> {
        let (Opened::Segment { columns, .. }, Place::Pages { group: number, .. }) = (&*self.opened, self.place) else {
            return None;
        };
        let (group, pages) = self.pages()?;
        let column = columns[number as usize].get(field)?;
        Some((group.column(column as usize).ok()?.stats()?, pages))
    }

    /// All times of what the piece is part of: the pages or the table; its own are at `rows`.
    pub(super) fn all_times(&self) -> Result<Times<'_>, StorageError> {
        match (&*self.opened, self.place) {
            (Opened::Segment { segment, measurement, directory, .. }, Place::Pages { group, page, count }) => {
                let times = |page| segment.times(directory, page_id(*measurement, group, 0, page));
                if count == 1 {
                    return Ok(Times::Page(times(page)?));
                }
                let mut all = Vec::new();
                for page in page..page + count {
                    all.extend_from_slice(&times(page)?);
                }
                Ok(Times::Page(Arc::new(all)))
            }
            _ => Ok(Times::Table(self.table().map_or(&[], |table| &table.times))),
        }
    }

    /// The values of a field of the scan in the piece's rows; `None` if there are none.
    pub(super) fn column(&self, field: usize, field_type: FieldType) -> Result<Option<Arc<Column>>, StorageError> {
        match (&*self.opened, self.place) {
            (Opened::Segment { segment, measurement, directory, columns }, Place::Pages { group, page, count }) => {
                let Some(column) = columns[group as usize].get(field) else { return Ok(None) };
                let values = |page| segment.column(directory, page_id(*measurement, group, column, page), field_type);
                let mut whole = values(page)?;
                if count > 1 {
                    let mut all = Values::new(field_type);
                    for page in page..page + count {
                        let next = values(page)?;
                        all.extend_range(&next.values, 0..next.values.len());
                    }
                    whole = Arc::new(Column::dense(all));
                }
                let all = self.len() == whole.values.len();
                Ok(Some(if all { whole } else { Arc::new(slice(&whole, self.rows.clone())) }))
            }
            (Opened::Run { run, table, columns, .. }, _) => {
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
        let Opened::Run { run, table, columns, .. } = &*self.opened else { return None };
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
                let place = |inside: &dyn Fn(i64) -> bool| rows.partition_point(|&row| inside(times[row as usize]));
                let rows = &rows[place(&|time| time < range.start)..place(&|time| time <= range.end)];
                rows.iter().for_each(|&row| give(times[row as usize]));
            }
        }
        Ok(())
    }

    /// Gives the fields of the scan that its rows have.
    pub(super) fn each_field(&self, mut give: impl FnMut(u32)) {
        match (&*self.opened, self.place) {
            (Opened::Segment { columns, .. }, Place::Pages { group, .. }) => {
                columns[group as usize].0.iter().for_each(|&(field, _)| give(field));
            }
            (Opened::Run { columns, .. }, _) => {
                let some = |&field: &usize| {
                    columns[field].is_some() && self.present(field).is_none_or(|present| !present.is_empty())
                };
                (0..columns.len()).filter(some).for_each(|field| give(field as u32));
            }
            _ => {}
        }
    }

    /// Whether each row has a value of some field of the scan.
    pub(super) fn counts_all(&self) -> bool {
        !matches!(&*self.opened, Opened::Run { is_dense: false, .. })
    }

    /// For each row whether it has a value of some field of the scan; `None`: all have.
    pub(super) fn counted(&self) -> Option<Vec<bool>> {
        let Opened::Run { columns, is_dense: false, .. } = &*self.opened else { return None };
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

/// Bytes of the strings that a column has in some rows.
fn text_bytes(column: &Column, rows: Range<usize>) -> usize {
    let Values::String(strings) = &column.values else { return 0 };
    let place = |row: usize| match &column.presence {
        Presence::Dense => row,
        Presence::Sparse(present) => present.partition_point(|&other| (other as usize) < row),
    };
    let end_of = |index: usize| index.checked_sub(1).map_or(0, |last| strings.ends()[last] as usize);
    end_of(place(rows.end)) - end_of(place(rows.start))
}

fn rows_of(pages: &[u32]) -> usize {
    pages.iter().map(|&rows| rows as usize).sum()
}

pub(super) fn page_id(measurement: usize, group: u32, column: u32, page: u32) -> PageId {
    PageId { measurement: measurement as u32, group, column, page }
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
