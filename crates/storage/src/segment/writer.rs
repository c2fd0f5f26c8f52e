//! Writes a segment, series by series, in the order of measurements and canonical keys.
//!
//! Rows with different sets of fields go to different column groups; a series with few rows in a group goes to the group's
//! packed twin. After many sets of a measurement the values of a row go to groups of one field each, so that odd data cost
//! space, not memory (`lanes.rs`). Memory follows the open blocks, which have a bound, the directory and the index.

use super::block::WholeBlock;
use super::cells::{Cells, chunk_rows};
use super::directory::Group;
use super::format::{self, Contents, Identity, MeasurementEntry, Section};
use super::group::{Out, Rows};
use super::index;
use super::lanes::{Lanes, Plan, SetId};
use crate::Slot;
use crate::error::StorageError;
use crate::manifest::Tables;
#[cfg(test)]
use crate::run::sorted::SortedRun;
use crate::run::sorted::SortedTable;
use crate::schema::FieldKey;
use codec::{Level, crc32, put_u64};
use model::{Column, TimeRange, Values};
use std::collections::BTreeMap;
use std::ops::Range;

/// What the manifest notes of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// The lowest and the highest slot whose rows may be in it.
    pub(crate) slots: (Slot, Slot),
    /// Bounds of its times; empty if it has no rows.
    pub(crate) range: TimeRange,
    /// Its rows; one that falls into several column groups counts once in each.
    pub(crate) rows: u64,
    /// Its measurements.
    pub(crate) tables: Tables,
    /// Its length in bytes.
    pub(crate) len: u64,
}

const NO_RANGE: TimeRange = TimeRange { start: i64::MAX, end: i64::MIN };

/// Writes a segment into a buffer that its caller empties as it likes.
#[derive(Debug)]
pub(crate) struct Writer {
    out: Vec<u8>,
    /// Bytes that were taken from `out`.
    taken: u64,
    contents: Contents,
    open: Option<Open>,
    level: Level,
}

/// The measurement that is being written.
#[derive(Debug)]
struct Open {
    measurement: Box<[u8]>,
    fields: Vec<FieldKey>,
    index: index::Builder,
    range: TimeRange,
    lanes: Lanes,
    /// The series at hand, and whether the index has it: it gets there with its first row.
    key: Vec<u8>,
    known: bool,
}

/// A run as a segment: its bytes, and what the manifest notes.
#[cfg(test)]
pub(crate) fn write(identity: &Identity, run: &SortedRun) -> Result<(Vec<u8>, Summary), StorageError> {
    let mut writer = Writer::new(identity, run.slots, Level::Hot);
    for table in &run.tables {
        writer.table(table)?;
    }
    writer.finish()
}

impl Writer {
    /// A segment for the rows of these slots; `level` says how small its blocks shall be.
    pub(crate) fn new(identity: &Identity, slots: (Slot, Slot), level: Level) -> Self {
        let contents = Contents { slots, measurements: Vec::new() };
        Self { out: format::encode_head(identity), taken: 0, contents, open: None, level }
    }

    /// Adds a table, whose measurement is above those before.
    #[cfg(test)]
    pub(crate) fn table(&mut self, table: &SortedTable) -> Result<(), StorageError> {
        let fields: Vec<FieldKey> = table.columns.iter().map(|(key, _)| key.clone()).collect();
        self.begin(&table.measurement, &fields)?;
        self.rows(table)
    }

    /// Adds the rows of a table of the measurement at hand, with all its fields. Its series, all rows of which they are, are
    /// above those before.
    pub(crate) fn rows(&mut self, table: &SortedTable) -> Result<(), StorageError> {
        let rows = table.times.len();
        let fields: Vec<u32> = (0..).zip(&table.columns).map(|(at, _)| at).collect();
        // Where earlier rows have used all sets up, these too fall apart.
        if rows > 0
            && table.columns.iter().all(|(_, column)| column.values.len() == rows)
            && let Some(set) = self.set(&fields)?
        {
            return self.dense_rows(set, table);
        }
        let columns: BTreeMap<u32, &Column> = (0..).zip(table.columns.iter().map(|(_, column)| column)).collect();
        let chunk = chunk_rows(rows, columns.values().copied());
        let mut cells = (Cells::default(), 0..0);
        for (series, key) in table.series.keys().enumerate() {
            self.begin_series(key)?;
            let own = table.rows(series);
            let (mut at, end) = (own.start, own.end);
            while at < end {
                if at >= cells.1.end {
                    let part = at..(at + chunk).min(rows);
                    cells = (Cells::of(columns.iter().map(|(&at, &column)| (at, column)), part.clone()), part);
                }
                let part = at..end.min(cells.1.end);
                let whole = part == own;
                let (open, mut out) = self.parts()?;
                open.came(&table.times[part.clone()]);
                open.lanes.mixed(&table.times, &columns, &cells.0, part.clone(), whole, &mut out);
                at = part.end;
            }
            self.end_series()?;
        }
        Ok(())
    }

    /// Rows that all have all fields: series by series, without a copy.
    fn dense_rows(&mut self, set: SetId, table: &SortedTable) -> Result<(), StorageError> {
        let columns: Vec<&Values> = table.columns.iter().map(|(_, column)| &column.values).collect();
        let rows = Rows { times: &table.times, columns: &columns };
        for (series, key) in table.series.keys().enumerate() {
            self.begin_series(key)?;
            let range = table.rows(series);
            if !range.is_empty() {
                let (open, mut out) = self.parts()?;
                open.came(&table.times[range.clone()]);
                open.lanes.whole(set, &rows, range, &mut out);
            }
            self.end_series()?;
        }
        Ok(())
    }

    /// Begins a measurement, whose name is above those before; `fields` ascend by id.
    pub(crate) fn begin(&mut self, measurement: &[u8], fields: &[FieldKey]) -> Result<(), StorageError> {
        self.end()?;
        if self.contents.measurements.last().is_some_and(|last| *last.name >= *measurement) {
            return Err(StorageError::Bug("measurements of a segment out of order".to_owned()));
        }
        let types = fields.iter().map(|field| field.field_type).collect();
        self.open = Some(Open {
            measurement: measurement.into(),
            fields: fields.to_vec(),
            index: index::Builder::default(),
            range: NO_RANGE,
            lanes: Lanes::new(types, self.level),
            key: Vec::new(),
            known: false,
        });
        Ok(())
    }

    /// The measurement that is being written, and where its blocks go.
    fn parts(&mut self) -> Result<(&mut Open, Out<'_>), StorageError> {
        let Some(open) = &mut self.open else { return Err(StorageError::Bug("no measurement is open".to_owned())) };
        Ok((open, Out { bytes: &mut self.out, base: self.taken }))
    }

    /// The group of rows that have just these fields (their places, ascending; not none); `None`: there are too many sets, and
    /// such rows go through [`Writer::mixed`].
    pub(crate) fn set(&mut self, fields: &[u32]) -> Result<Option<SetId>, StorageError> {
        Ok(self.parts()?.0.lanes.set(fields))
    }

    /// Begins a series, whose canonical key is above those before. Its rows follow in time order, at least in each set of
    /// fields; if none come it is not written.
    pub(crate) fn begin_series(&mut self, key: &[u8]) -> Result<(), StorageError> {
        let (open, _) = self.parts()?;
        open.key.clear();
        open.key.extend_from_slice(key);
        open.known = false;
        let id = u32::try_from(open.index.series()).map_err(|_| StorageError::Bug("too many series".to_owned()))?;
        open.lanes.begin(id);
        Ok(())
    }

    /// Says what is known beforehand of the series' rows of a set.
    pub(crate) fn plan(&mut self, set: SetId, plan: Plan) -> Result<(), StorageError> {
        self.parts()?.0.lanes.plan(set, plan);
        Ok(())
    }

    /// Adds the rows of a range, which have just the fields of the set.
    pub(crate) fn append(&mut self, set: SetId, rows: &Rows<'_>, range: Range<usize>) -> Result<(), StorageError> {
        let (open, mut out) = self.parts()?;
        open.came(&rows.times[range.clone()]);
        open.lanes.append(set, rows, range, &mut out);
        Ok(())
    }

    /// Adds rows that have values of some fields only; the columns come with their fields' places.
    pub(crate) fn mixed(&mut self, times: &[i64], columns: &BTreeMap<u32, Column>) -> Result<(), StorageError> {
        let columns: BTreeMap<u32, &Column> = columns.iter().map(|(&at, column)| (at, column)).collect();
        let chunk = chunk_rows(times.len(), columns.values().copied());
        let (open, mut out) = self.parts()?;
        open.came(times);
        for start in (0..times.len()).step_by(chunk) {
            let rows = start..times.len().min(start + chunk);
            let cells = Cells::of(columns.iter().map(|(&at, &column)| (at, column)), rows.clone());
            open.lanes.mixed(times, &columns, &cells, rows, false, &mut out);
        }
        Ok(())
    }

    /// Takes a block of another segment as it is: it has rows of this series alone, with the fields of the set. `order` says
    /// for each column, the timestamps first, which of the source's it is.
    pub(crate) fn copy(
        &mut self,
        set: SetId,
        from: (&Group, usize, &WholeBlock),
        order: &[usize],
    ) -> Result<(), StorageError> {
        let (open, mut out) = self.parts()?;
        for page in from.0.block_pages(from.1) {
            open.came(&[from.0.first[page], from.0.last[page]]);
        }
        open.lanes.copy(set, from, order, &mut out).map_err(|error| StorageError::Bug(error.to_string()))
    }

    /// Ends the series.
    pub(crate) fn end_series(&mut self) -> Result<(), StorageError> {
        let (open, mut out) = self.parts()?;
        open.lanes.end(&mut out);
        Ok(())
    }

    /// What was written since the last call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.taken += self.out.len() as u64;
        std::mem::take(&mut self.out)
    }

    /// Bytes that [`Writer::take`] would give.
    pub(crate) fn pending(&self) -> usize {
        self.out.len()
    }

    fn end(&mut self) -> Result<(), StorageError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        if open.index.series() == 0 {
            return Ok(());
        }
        let rows = open.lanes.rows();
        if !open.lanes.are_ordered() {
            return Err(StorageError::Bug("rows of a series out of order".to_owned()));
        }
        let groups = open.lanes.finish(&mut Out { bytes: &mut self.out, base: self.taken });
        let mut directory = Vec::new();
        put_u64(&mut directory, groups.len() as u64);
        groups.iter().for_each(|group| group.encode(&mut directory));
        let series = u32::try_from(open.index.series()).unwrap_or(u32::MAX);
        let mut index = Vec::new();
        open.index.finish().encode(&mut index);
        let (directory, index) = (self.section(&directory), self.section(&index));
        self.contents.measurements.push(MeasurementEntry {
            name: open.measurement,
            rows,
            series,
            range: open.range,
            fields: open.fields,
            directory,
            index,
        });
        Ok(())
    }

    fn section(&mut self, bytes: &[u8]) -> Section {
        let section =
            Section { offset: self.taken + self.out.len() as u64, len: bytes.len() as u64, crc: crc32(bytes) };
        self.out.extend_from_slice(bytes);
        section
    }

    /// Ends the segment: what was not taken yet, and what the manifest notes.
    pub(crate) fn finish(mut self) -> Result<(Vec<u8>, Summary), StorageError> {
        self.end()?;
        let contents = format::encode_contents(&self.contents);
        let section = self.section(&contents);
        self.out.extend_from_slice(&format::encode_footer(&section));
        let measurements = &self.contents.measurements;
        let summary = Summary {
            slots: self.contents.slots,
            range: measurements.iter().fold(NO_RANGE, |range, entry| range.union(&entry.range)),
            rows: measurements.iter().map(|entry| entry.rows).sum(),
            tables: Tables::new(measurements.iter().map(|entry| &*entry.name)),
            len: self.taken + self.out.len() as u64,
        };
        Ok((self.out, summary))
    }
}

impl Open {
    /// Notes that the series has rows of these times.
    fn came(&mut self, times: &[i64]) {
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else { return };
        self.range = self.range.union(&TimeRange::new(first, last));
        if !self.known {
            self.index.push(&self.key);
            self.known = true;
        }
    }
}
