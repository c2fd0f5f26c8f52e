//! The last row of each series, where one segment or run alone has it. Of a segment they are read once for all series of a column group and
//! kept in the cache as columns, so that a page is not looked up for each value.
//!
//! What is kept is of a segment, which never changes, under the segment's own number: it cannot be stale. Rows in memory, other segments
//! and deletes are looked at each time, and whatever has a row at the same time, or may have a later one, leaves the series to its cuts.

use super::scan::Scan;
use super::source::{Opened, page_id};
use super::{Check, LOOK};
use crate::cache::{Key, Kind};
use crate::error::StorageError;
use crate::segment::Segment;
use crate::segment::directory::{Directory, Group};
use model::{Column, FieldType, Presence, Values};
use std::sync::Arc;

/// Series of a column group above which their last rows are not kept: they are all read at once.
const MOST: usize = 8_192;
/// And as many as one in so many of them must be asked for.
const PART: usize = 8;

/// How many times as long as a look at a series it takes to read a page.
const PAGE: usize = 16;
/// Pages between two looks at whether the work is wanted any longer.
const LOOK_PAGES: usize = 64;

/// The last rows of some series.
#[derive(Debug, Default)]
pub struct LastRows {
    /// For each series that was asked for the row that is its last one, if it is here.
    pub rows: Vec<Option<u32>>,
    /// The rows' times (ns).
    pub times: Vec<i64>,
    /// For each field of the scan its values in the rows.
    pub columns: Vec<Column>,
}

/// Where the last row of a series is.
#[derive(Clone, Copy)]
struct End {
    source: usize,
    at: At,
}

#[derive(Clone, Copy)]
enum At {
    /// In a segment: the number of a column group, and the series' place there.
    Group(usize, usize),
    /// In a run: the row of the table.
    Row(usize),
}

impl Scan<'_> {
    /// The last rows that some series (numbers in the set) have in a shard, as far as they are within the scan's range and known without a
    /// cut.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, or `check` fails.
    pub fn last_rows<E: From<StorageError>>(
        &self,
        shard: usize,
        series: &[usize],
        check: Check<'_, E>,
    ) -> Result<LastRows, E> {
        let mut ends: Vec<End> = Vec::new();
        let mut last = LastRows::default();
        for (at, &one) in series.iter().enumerate() {
            if at % LOOK == 0 {
                check(0)?;
            }
            let end = self.end_of(shard, one, series.len()).filter(|(time, _)| self.range.contains(*time));
            last.rows.push(end.map(|(time, end)| {
                last.times.push(time);
                ends.push(end);
                ends.len() as u32 - 1
            }));
        }
        for (field, &field_type) in self.fields.iter().enumerate() {
            last.columns.push(self.end_column((field, field_type), &ends, check)?);
        }
        Ok(last)
    }

    /// The time of the last row of a series, and where it is.
    fn end_of(&self, shard: usize, series: usize, all: usize) -> Option<(i64, End)> {
        let mut best: Option<(i64, Option<End>)> = None;
        let mut note = |time: i64, end: Option<End>| match &mut best {
            Some((known, _)) if *known > time => {}
            // Who has a row at the same time has other fields of it.
            Some((known, place)) if *known == time => *place = None,
            _ => best = Some((time, end)),
        };
        for (source, opened) in self.read(shard) {
            let Some(local) = self.set.local(source, series) else { continue };
            match &**opened {
                Opened::Segment { directory, columns, .. } => {
                    for (number, (group, columns)) in directory.groups.iter().zip(columns).enumerate() {
                        if columns.is_empty() {
                            continue;
                        }
                        let Ok(place) = group.series.binary_search(&local) else { continue };
                        if group.packed {
                            note(group.last[group.rows_of(place).0], None);
                            continue;
                        }
                        let is_kept = self.set.inner.sources[source].deleted.is_none() && is_kept(group, all);
                        let end = is_kept.then_some(End { source, at: At::Group(number, place) });
                        note(group.last[group.pages_of(place).end - 1], end);
                    }
                }
                Opened::Run { run, table, columns, .. } => {
                    let table = &run.tables[*table];
                    let row = table.rows(local as usize).end - 1;
                    let mut read = columns.iter().flatten().map(|&column| &table.columns[column].1);
                    // Rows of other fields are none here, and texts are not counted.
                    let is_known =
                        !self.fields.contains(&FieldType::String) && read.any(|column| column.position(row).is_some());
                    note(table.times[row], is_known.then_some(End { source, at: At::Row(row) }));
                }
            }
        }
        best.and_then(|(time, end)| Some((time, end?)))
    }

    /// The values of a field at some ends.
    fn end_column<E: From<StorageError>>(
        &self,
        (field, field_type): (usize, FieldType),
        ends: &[End],
        check: Check<'_, E>,
    ) -> Result<Column, E> {
        let (mut values, mut present) = (Values::new(field_type), Vec::new());
        // Ends follow each other in the same group.
        let mut known: Option<(usize, usize, Option<Arc<Values>>)> = None;
        for (row, end) in (0u32..).zip(ends) {
            match end.at {
                At::Row(at) => {
                    let value = self.run_column(end.source, field).and_then(|column| column.get(at));
                    if value.is_some_and(|value| values.push(value)) {
                        present.push(row);
                    }
                }
                At::Group(group, place) => {
                    if known.as_ref().is_none_or(|(source, other, _)| (*source, *other) != (end.source, group)) {
                        known =
                            Some((end.source, group, self.kept_ends((end.source, group), (field, field_type), check)?));
                    }
                    if let Some((_, _, Some(all))) = &known {
                        values.extend_range(all, place..place + 1);
                        present.push(row);
                    }
                }
            }
        }
        let mut column = Column { values, presence: Presence::Sparse(present) };
        column.seal(ends.len());
        Ok(column)
    }

    /// The column of a field in a run, if it has one.
    fn run_column(&self, source: usize, field: usize) -> Option<&Column> {
        let Some(Opened::Run { run, table, columns, .. }) = self.opened[source].as_deref() else { return None };
        Some(&run.tables[*table].columns[columns[field]?].1)
    }

    /// The last values of a field of all series of a column group of a segment, if that has the field.
    fn kept_ends<E: From<StorageError>>(
        &self,
        (source, group): (usize, usize),
        (field, field_type): (usize, FieldType),
        check: Check<'_, E>,
    ) -> Result<Option<Arc<Values>>, E> {
        let Some(Opened::Segment { segment, measurement, directory, columns }) = self.opened[source].as_deref() else {
            return Ok(None);
        };
        let Some(column) = columns[group].get(field) else { return Ok(None) };
        let place = [*measurement as u32, group as u32, column, 0];
        let key = Key { owner: segment.owner(), kind: Kind::Ends, place };
        let ends = || read(segment, directory, (*measurement, group, column), (field_type, check));
        segment.cache().get_or(key, ends).map(Some)
    }
}

/// Whether the last rows of a group's series are kept, if so many series are asked for.
fn is_kept(group: &Group, all: usize) -> bool {
    let series = group.series.len();
    let is_small = |field_type: FieldType| field_type != FieldType::String;
    series <= MOST && series <= all.saturating_mul(PART) && group.field_types().all(is_small)
}

/// The last values of all series of a column group, and their bytes.
fn read<E: From<StorageError>>(
    segment: &Arc<Segment>,
    directory: &Arc<Directory>,
    (measurement, group, column): (usize, usize, u32),
    (field_type, check): (FieldType, Check<'_, E>),
) -> Result<(Values, u64), E> {
    let series = &directory.groups[group];
    let mut values = Values::new(field_type);
    // Each is a page.
    check(series.series.len().saturating_mul(PAGE))?;
    for place in 0..series.series.len() {
        if place % LOOK_PAGES == 0 {
            check(0)?;
        }
        let page = series.pages_of(place).end - 1;
        let read = segment.column(directory, page_id(measurement, group as u32, column, page as u32), field_type)?;
        values.extend_range(&read.values, read.values.len() - 1..read.values.len());
    }
    let bytes = values.bytes() as u64 + 128;
    Ok((values, bytes))
}
