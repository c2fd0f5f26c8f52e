//! How much a scan may have to read, told without reading: from directories and runs alone.

use super::scan::{Scan, clip};
use super::source::Opened;
use crate::error::StorageError;
use crate::segment::directory::Group;
use model::{Column, Presence, TimeRange};
use std::collections::BTreeSet;
use std::ops::{AddAssign, Range};

/// What a scan may have to read of its series in its range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Shards that have any of it.
    pub shards: usize,
    /// Segments.
    pub segments: usize,
    /// Sets of rows in memory.
    pub runs: usize,
    /// Values in these, timestamps not counted.
    pub cached_values: u64,
    /// Columns of pages, timestamps included.
    pub pages: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl AddAssign for Footprint {
    fn add_assign(&mut self, other: Self) {
        self.shards += other.shards;
        self.segments += other.segments;
        self.runs += other.runs;
        self.cached_values += other.cached_values;
        self.pages += other.pages;
        self.bytes += other.bytes;
    }
}

impl Scan<'_> {
    /// How much there is to read at most.
    ///
    /// # Errors
    /// A directory is damaged.
    pub fn footprint(&self) -> Result<Footprint, StorageError> {
        let mut all = Footprint::default();
        for sources in &self.by_shard {
            let mut shard = Footprint::default();
            for at in sources.clone() {
                if let Some(opened) = &self.opened[at] {
                    shard += self.of_source(at, opened)?;
                }
            }
            shard.shards = usize::from(shard.segments + shard.runs > 0);
            all += shard;
        }
        Ok(all)
    }

    fn of_source(&self, at: usize, opened: &Opened) -> Result<Footprint, StorageError> {
        let mut found = Footprint::default();
        // The set's series in this source.
        let locals = || (0..self.set.len()).filter_map(|series| self.set.local(at, series));
        match opened {
            Opened::Segment { segment, directory, columns, .. } => {
                for (group, columns) in directory.groups.iter().zip(columns).filter(|(_, columns)| !columns.is_empty())
                {
                    let own: BTreeSet<usize> = match self.set.has_all(at) {
                        true => (0..group.pages()).collect(),
                        false => locals().flat_map(|local| pages_of(group, local)).collect(),
                    };
                    let reaches =
                        |page: &usize| TimeRange::new(group.first[*page], group.last[*page]).overlaps(&self.range);
                    for page in own.into_iter().filter(reaches) {
                        for column in std::iter::once(0).chain(columns.columns()) {
                            let bytes = group.page_bytes(column as usize, page);
                            let bytes = bytes.map_err(|error| segment.damaged(0, error))?;
                            found.pages += 1;
                            found.bytes += bytes.len() as u64;
                        }
                    }
                }
                found.segments = usize::from(found.pages > 0);
            }
            Opened::Run { run, table, columns, .. } => {
                let table = &run.tables[*table];
                for local in locals() {
                    let rows = clip(&table.times, table.rows(local as usize), &self.range);
                    let values = columns.iter().flatten().map(|&column| values_in(&table.columns[column].1, &rows));
                    found.cached_values += values.sum::<usize>() as u64;
                }
                found.runs = usize::from(found.cached_values > 0);
            }
        }
        Ok(found)
    }
}

/// How many of some rows have a value.
fn values_in(column: &Column, rows: &Range<usize>) -> usize {
    match &column.presence {
        Presence::Dense if column.values.is_empty() => 0,
        Presence::Dense => rows.len(),
        Presence::Sparse(present) => {
            let below = |end: usize| present.partition_point(|&row| (row as usize) < end);
            below(rows.end) - below(rows.start)
        }
    }
}

/// The pages of a series in a group.
fn pages_of(group: &Group, local: u32) -> Range<usize> {
    match group.series.binary_search(&local) {
        Err(_) => 0..0,
        Ok(at) if group.packed => {
            let page = group.rows_of(at).0;
            page..page + 1
        }
        Ok(at) => group.pages_of(at),
    }
}
