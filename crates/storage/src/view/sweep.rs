//! Many series at once: the rows of a shard page by page, not series by series, where pages hold rows of many series (packed pages,
//! rows in memory). A million series of a few rows each would cost a search in every source, a cut and a copy each.
//!
//! Sources may have rows of one series at one time, of which the later wins. So a first walk looks at times alone: where the rows of a
//! series in a source do not lie behind those that it has in the sources before, the series is to be read *alone*, by its
//! cuts; and so is one that has pages of its own, which have statistics. All others have each of their rows in one block, once.

use super::Check;
use super::scan::{Scan, clip};
use super::series::Numbers;
use super::source::{Opened, Piece, Place};
use crate::error::StorageError;
use crate::segment::directory::Group;
use model::{Column, FieldType, TimeRange};
use std::ops::Range;
use std::sync::Arc;

/// Rows of a table that make one block.
const TABLE_BLOCK: usize = 1 << 14;

/// What a walk over all series of a shard knows of them.
#[derive(Debug)]
pub struct Sweep {
    alone: Vec<bool>,
}

/// Rows of one series in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesRows {
    /// The series' number in the set.
    pub series: u32,
    /// Its first row in the block.
    pub start: u32,
    /// The row after its last one; it has one at least.
    pub end: u32,
}

/// Rows of several series, which lie side by side.
#[derive(Debug)]
pub struct Block<'a> {
    piece: &'a Piece,
    /// Of the rows of all blocks of a shard no two have series and time in common.
    pub rows: &'a [SeriesRows],
    /// The time of each row of the block (ns), also of those of no series.
    pub times: &'a [i64],
}

impl Block<'_> {
    /// The values of a field (its index in the scan's list, and its type there) in the rows of the block; `None` if there are none.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn column(&self, field: usize, field_type: FieldType) -> Result<Option<Arc<Column>>, StorageError> {
        if self.piece.has(field) { self.piece.column(field, field_type) } else { Ok(None) }
    }
}

impl Sweep {
    /// Bytes that a sweep over so many series takes, at its start.
    #[must_use]
    pub fn bytes(series: usize) -> usize {
        series * (size_of::<bool>() + size_of::<i64>())
    }

    /// Whether a series (its number in the set) is in no block and must be read by its cuts.
    #[must_use]
    pub fn is_alone(&self, series: usize) -> bool {
        self.alone[series]
    }
}

impl Scan<'_> {
    /// Looks which series of a shard (its index in [`super::View::shards`]) can be read by [`Scan::blocks`]; `None`: none, since
    /// rows of a source are deleted.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, or `check`, which is asked now and then, fails.
    pub fn sweep<E: From<StorageError>>(&self, shard: usize, check: Check<'_, E>) -> Result<Option<Sweep>, E> {
        let sources: Vec<usize> = self.left(shard).collect();
        if sources.iter().any(|&at| self.set.inner.sources[at].deleted.is_some()) {
            return Ok(None);
        }
        let mut alone = vec![false; self.set.len()];
        let mut parts = 0;
        for &at in &sources {
            let Some(opened) = &self.opened[at] else { continue };
            for group in useful_groups(opened) {
                parts += 1;
                let mut numbers = self.set.numbers(at);
                let own = group.filter(|group| !group.packed).map_or(&[][..], |group| &group.series);
                own.iter().filter_map(|&local| numbers.find(local)).for_each(|series| alone[series as usize] = true);
            }
        }
        if parts > 1 {
            self.find_clashes(&sources, &mut alone, check)?;
        }
        Ok(Some(Sweep { alone }))
    }

    /// Marks the series of which a source has rows that do not lie behind those of the sources before it.
    fn find_clashes<E: From<StorageError>>(
        &self,
        sources: &[usize],
        alone: &mut [bool],
        check: Check<'_, E>,
    ) -> Result<(), E> {
        let mut last = vec![i64::MIN; alone.len()];
        for &at in sources {
            self.each_block(at, &mut |block| {
                check(0)?;
                for rows in block.rows {
                    let (first, end) = (block.times[rows.start as usize], block.times[rows.end as usize - 1]);
                    let (last, alone) = (&mut last[rows.series as usize], &mut alone[rows.series as usize]);
                    *alone |= first <= *last;
                    *last = end.max(*last);
                }
                Ok::<_, E>(())
            })?;
        }
        Ok(())
    }

    /// Gives the rows in the scan's range of all series of a shard that are not alone. Rows without any of the scan's fields may be
    /// among them.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, or `give` fails.
    pub fn blocks<E: From<StorageError>>(
        &self,
        shard: usize,
        sweep: &Sweep,
        give: &mut dyn FnMut(&Block<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut inside: Vec<SeriesRows> = Vec::new();
        for at in self.left(shard) {
            self.each_block(at, &mut |block| {
                inside.clear();
                for rows in block.rows.iter().filter(|rows| !sweep.alone[rows.series as usize]) {
                    if let Some(rows) = self.inside(rows, block.times) {
                        inside.push(rows);
                    }
                }
                if inside.is_empty() { Ok(()) } else { give(&Block { rows: &inside, ..*block }) }
            })?;
        }
        Ok(())
    }

    /// Those of a series' rows that lie in the scan's range.
    fn inside(&self, rows: &SeriesRows, times: &[i64]) -> Option<SeriesRows> {
        let (start, end) = (rows.start as usize, rows.end as usize);
        if times[start] >= self.range.start && times[end - 1] <= self.range.end {
            return Some(*rows);
        }
        let own = clip(times, start..end, &self.range);
        (!own.is_empty()).then_some(SeriesRows { start: own.start as u32, end: own.end as u32, ..*rows })
    }

    /// Gives the rows of a source that pages of several series, or a table, have of series of the set, in their order there.
    fn each_block<E: From<StorageError>>(
        &self,
        at: usize,
        give: &mut dyn FnMut(&Block<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(opened) = &self.opened[at] else { return Ok(()) };
        match &**opened {
            Opened::Segment { directory, columns, .. } => {
                for (number, (group, columns)) in directory.groups.iter().zip(columns).enumerate() {
                    if group.packed && !columns.is_empty() {
                        self.packed_blocks((opened, number, group), self.set.numbers(at), give)?;
                    }
                }
                Ok(())
            }
            Opened::Run { .. } => self.table_blocks(opened, self.set.numbers(at), give),
        }
    }

    fn packed_blocks<E: From<StorageError>>(
        &self,
        (opened, number, group): (&Arc<Opened>, usize, &Group),
        mut numbers: Numbers<'_>,
        give: &mut dyn FnMut(&Block<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rows: Vec<SeriesRows> = Vec::new();
        let mut at = 0;
        while at < group.series.len() {
            let page = group.series_pages[at];
            let mut start = 0;
            rows.clear();
            while at < group.series.len() && group.series_pages[at] == page {
                let end = group.series_ends[at];
                if let Some(series) = numbers.find(group.series[at]) {
                    rows.push(SeriesRows { series, start, end });
                }
                start = end;
                at += 1;
            }
            let range = TimeRange::new(group.first[page as usize], group.last[page as usize]);
            if rows.is_empty() || !range.overlaps(&self.range) {
                continue;
            }
            let place = Place::Pages { group: number as u32, page, count: 1 };
            let piece = Piece { opened: opened.clone(), place, rows: 0..start as usize, range };
            let times = piece.all_times()?;
            give(&Block { piece: &piece, rows: &rows, times: times.all() })?;
        }
        Ok(())
    }

    fn table_blocks<E: From<StorageError>>(
        &self,
        opened: &Arc<Opened>,
        mut numbers: Numbers<'_>,
        give: &mut dyn FnMut(&Block<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Opened::Run { run, table, .. } = &**opened else { return Ok(()) };
        let table = &run.tables[*table];
        let mut rows: Vec<SeriesRows> = Vec::new();
        let (mut local, count) = (0, table.starts.len().saturating_sub(1));
        while local < count {
            let from = table.starts[local] as usize;
            rows.clear();
            let mut end = from;
            while local < count && (end == from || end - from < TABLE_BLOCK) {
                let own: Range<usize> = table.rows(local);
                end = own.end;
                let place = |row: usize| (row - from) as u32;
                if let (Some(series), false) = (numbers.find(local as u32), own.is_empty()) {
                    rows.push(SeriesRows { series, start: place(own.start), end: place(own.end) });
                }
                local += 1;
            }
            if rows.is_empty() {
                continue;
            }
            let piece = Piece { opened: opened.clone(), place: Place::Table, rows: from..end, range: self.range };
            give(&Block { piece: &piece, rows: &rows, times: &table.times[from..end] })?;
        }
        Ok(())
    }
}

/// The column groups of a source that have a field of the scan; a table is one of its own.
fn useful_groups(opened: &Opened) -> Vec<Option<&Group>> {
    match opened {
        Opened::Run { .. } => vec![None],
        Opened::Segment { directory, columns, .. } => {
            let useful = directory.groups.iter().zip(columns).filter(|(_, columns)| !columns.is_empty());
            useful.map(|(group, _)| Some(group)).collect()
        }
    }
}
