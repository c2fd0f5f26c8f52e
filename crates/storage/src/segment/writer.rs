//! Writes a segment, series by series, in the order of measurements and canonical keys.
//!
//! Rows with different sets of fields go to different column groups; a series with few rows in a group goes to the group's
//! packed twin. After [`MAX_SETS`] sets of a measurement the values of a row go to groups of one field each, so that odd data
//! cost space, not memory. Memory follows the blocks that are open (one a group), the directory and the index.

use super::format::{self, Contents, Identity, MeasurementEntry, Section};
use super::group::{GroupBuilder, Rows};
use super::index;
use crate::Slot;
use crate::error::StorageError;
#[cfg(test)]
use crate::run::sorted::SortedRun;
use crate::run::sorted::SortedTable;
use crate::schema::FieldKey;
use codec::{Level, crc32, put_u64};
use model::{Column, Presence, TimeRange, Values};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Sets of fields of a measurement that get a column group.
const MAX_SETS: usize = 64;
/// A series with fewer rows than this in a group is packed together with others.
const SHORT: usize = 64;

/// What the manifest notes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// The lowest and the highest slot whose rows may be in it.
    pub(crate) slots: (Slot, Slot),
    /// Bounds of its times; empty if it has no rows.
    pub(crate) range: TimeRange,
    /// Its rows; one that falls into several column groups counts once in each.
    pub(crate) rows: u64,
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
    level: Level,
    groups: Vec<GroupBuilder>,
    /// Where the group of a set of fields is: the set as bits, and whether packed.
    places: HashMap<(Vec<u64>, bool), usize>,
    /// The sets of several fields that have a group.
    sets: HashSet<Vec<u64>>,
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
    pub(crate) fn table(&mut self, table: &SortedTable) -> Result<(), StorageError> {
        let fields: Vec<FieldKey> = table.columns.iter().map(|(key, _)| key.clone()).collect();
        self.begin(&table.measurement, &fields)?;
        for (series, key) in table.series.keys().enumerate() {
            let rows = table.rows(series);
            let columns: Vec<Column> =
                table.columns.iter().map(|(_, column)| crate::view::slice(column, rows.clone())).collect();
            self.series(key, &table.times[rows], &columns)?;
        }
        Ok(())
    }

    /// Begins a measurement, whose name is above those before; `fields` ascend by id.
    pub(crate) fn begin(&mut self, measurement: &[u8], fields: &[FieldKey]) -> Result<(), StorageError> {
        self.end()?;
        if self.contents.measurements.last().is_some_and(|last| *last.name >= *measurement) {
            return Err(StorageError::Bug("measurements of a segment out of order".to_owned()));
        }
        self.open = Some(Open {
            measurement: measurement.into(),
            fields: fields.to_vec(),
            index: index::Builder::default(),
            range: NO_RANGE,
            level: self.level,
            groups: Vec::new(),
            places: HashMap::default(),
            sets: HashSet::default(),
        });
        Ok(())
    }

    /// Adds a series, whose canonical key is above those before: its times, ascending strictly, and a column for each field.
    pub(crate) fn series(&mut self, key: &[u8], times: &[i64], columns: &[Column]) -> Result<(), StorageError> {
        let Some(open) = &mut self.open else { return Err(StorageError::Bug("no measurement is open".to_owned())) };
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else { return Ok(()) };
        let id = u32::try_from(open.index.series()).map_err(|_| StorageError::Bug("too many series".to_owned()))?;
        open.index.push(key);
        open.range = open.range.union(&TimeRange::new(first, last));
        open.push(id, times, columns, self.taken, &mut self.out);
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
        let rows = open.groups.iter().map(GroupBuilder::rows).sum();
        let groups: Vec<_> = open.groups.into_iter().map(|group| group.finish(self.taken, &mut self.out)).collect();
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
            len: self.taken + self.out.len() as u64,
        };
        Ok((self.out, summary))
    }
}

impl Open {
    fn push(&mut self, id: u32, times: &[i64], columns: &[Column], base: u64, out: &mut Vec<u8>) {
        let present: Vec<usize> = (0..columns.len()).filter(|&at| !columns[at].values.is_empty()).collect();
        if present.iter().all(|&at| columns[at].values.len() == times.len()) {
            let values: Vec<&Values> = present.iter().map(|&at| &columns[at].values).collect();
            let fields: Vec<u32> = present.iter().map(|&at| at as u32).collect();
            if fields.len() == 1 || self.takes(bits_of(&fields, self.fields.len())) {
                return self.push_set(id, &fields, times, &values, base, out);
            }
            for (field, values) in fields.into_iter().zip(values) {
                self.push_set(id, &[field], times, &[values], base, out);
            }
            return;
        }
        // Rows by field where a set has no group of its own. A group must get all rows of a series at once.
        let mut alone: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (set, rows) in sets_of(times.len(), columns) {
            let fields = fields_of(&set);
            if fields.len() > 1 && self.takes(set) {
                self.push_rows(id, &fields, &rows, times, columns, base, out);
            } else {
                fields.iter().for_each(|&field| alone.entry(field).or_default().extend(&rows));
            }
        }
        for (field, mut rows) in alone {
            rows.sort_unstable();
            self.push_rows(id, &[field], &rows, times, columns, base, out);
        }
    }

    /// Whether a set of several fields has a group, or may get one.
    fn takes(&mut self, set: Vec<u64>) -> bool {
        let room = self.sets.len() < MAX_SETS;
        self.sets.contains(&set) || (room && self.sets.insert(set))
    }

    /// Adds some rows of a series, all of which have these fields.
    #[expect(clippy::too_many_arguments, reason = "rows, where they come from, and where they go")]
    fn push_rows(
        &mut self,
        id: u32,
        fields: &[u32],
        rows: &[u32],
        times: &[i64],
        columns: &[Column],
        base: u64,
        out: &mut Vec<u8>,
    ) {
        let times: Vec<i64> = rows.iter().map(|&row| times[row as usize]).collect();
        let values: Vec<Values> = fields.iter().map(|&at| columns[at as usize].take(rows).values).collect();
        self.push_set(id, fields, &times, &values.iter().collect::<Vec<_>>(), base, out);
    }

    /// Adds rows of a series that have just these fields.
    fn push_set(&mut self, id: u32, fields: &[u32], times: &[i64], values: &[&Values], base: u64, out: &mut Vec<u8>) {
        let key = (bits_of(fields, self.fields.len()), times.len() < SHORT);
        let packed = key.1;
        let at = *self.places.entry(key).or_insert_with(|| {
            let types = fields.iter().map(|&at| self.fields[at as usize].field_type).collect();
            self.groups.push(GroupBuilder::new(packed, fields.to_vec(), types, self.level));
            self.groups.len() - 1
        });
        self.groups[at].push(id, &Rows { times, columns: values }, base, out);
    }
}

fn bits_of(fields: &[u32], count: usize) -> Vec<u64> {
    let mut bits = vec![0; count.div_ceil(64)];
    fields.iter().for_each(|&field| bits[field as usize / 64] |= 1 << (field % 64));
    bits
}

fn fields_of(bits: &[u64]) -> Vec<u32> {
    (0..bits.len() as u32 * 64).filter(|field| bits[*field as usize / 64] >> (field % 64) & 1 == 1).collect()
}

/// The rows by the set of fields that they have, sets in order of first use.
fn sets_of(rows: usize, columns: &[Column]) -> Vec<(Vec<u64>, Vec<u32>)> {
    let words = columns.len().div_ceil(64);
    let mut bits = vec![0u64; rows * words];
    for (field, column) in columns.iter().enumerate() {
        let mut set = |row: usize| bits[row * words + field / 64] |= 1 << (field % 64);
        match &column.presence {
            Presence::Dense => (0..column.values.len()).for_each(&mut set),
            Presence::Sparse(present) => present.iter().for_each(|&row| set(row as usize)),
        }
    }
    let mut places: HashMap<&[u64], usize> = HashMap::default();
    let mut sets: Vec<(Vec<u64>, Vec<u32>)> = Vec::new();
    for (row, set) in (0u32..).zip(bits.chunks_exact(words)) {
        let at = *places.entry(set).or_insert_with(|| {
            sets.push((set.to_vec(), Vec::new()));
            sets.len() - 1
        });
        sets[at].1.push(row);
    }
    sets.retain(|(set, _)| set.iter().any(|word| *word != 0));
    sets
}
