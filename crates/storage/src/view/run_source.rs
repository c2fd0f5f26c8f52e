//! Sorted runs as a source: rows are found by bisection, nothing is decoded, no statistics are kept.

use super::source::{PageRef, Part, Slice, Source};
use crate::error::StorageError;
use crate::run::sorted::{SortedRun, SortedTable};
use crate::schema::FieldKey;
use crate::segment::index::TagIndex;
use crate::view::Stats;
use model::{Column, Presence, Text, TimeRange};
use std::ops::Range;
use std::sync::Arc;

/// Greatest number of rows that are handed out as one page.
const PAGE_ROWS: usize = 4_096;

impl Source for Arc<SortedRun> {
    fn measurements(&self) -> Result<Vec<Text>, StorageError> {
        Ok(self.tables.iter().map(|table| table.measurement.clone()).collect())
    }

    fn measurement(&self, name: &[u8]) -> Result<Option<Arc<dyn Part>>, StorageError> {
        let Ok(table) = self.tables.binary_search_by(|table| (*table.measurement).cmp(name)) else { return Ok(None) };
        Ok(Some(Arc::new(RunPart::new(self.clone(), table))))
    }
}

/// One table of a run.
#[derive(Debug)]
struct RunPart {
    run: Arc<SortedRun>,
    table: usize,
    fields: Vec<FieldKey>,
    /// Where in the table's columns each field is.
    places: Vec<usize>,
}

impl RunPart {
    fn new(run: Arc<SortedRun>, table: usize) -> Self {
        let columns = run.tables[table].columns.iter().enumerate().filter(|(_, (_, column))| !column.values.is_empty());
        let (places, fields) = columns.map(|(place, (key, _))| (place, key.clone())).unzip();
        Self { run, table, fields, places }
    }

    fn table(&self) -> &SortedTable {
        &self.run.tables[self.table]
    }

    fn values(&self, field: u32) -> &Column {
        &self.table().columns[self.places[field as usize]].1
    }
}

impl Part for RunPart {
    fn range(&self) -> TimeRange {
        let table = self.table();
        let bounds = |start: u32, end: u32| TimeRange::new(table.times[start as usize], table.times[end as usize - 1]);
        let series = table.series.iter().filter(|series| series.start < series.end);
        let ranges = series.map(|series| bounds(series.start, series.end));
        ranges.reduce(|all, range| all.union(&range)).unwrap_or(TimeRange::new(i64::MAX, i64::MIN))
    }

    fn fields(&self) -> &[FieldKey] {
        &self.fields
    }

    fn index(&self) -> Result<Arc<TagIndex>, StorageError> {
        Ok(self.table().index())
    }

    fn pages(&self, series: u32, fields: &[u32], range: TimeRange) -> Result<Vec<PageRef>, StorageError> {
        let table = self.table();
        let rows = &table.series[series as usize];
        let times = &table.times[rows.start as usize..rows.end as usize];
        let first = rows.start as usize + times.partition_point(|&time| time < range.start);
        let last = rows.start as usize + times.partition_point(|&time| time <= range.end);
        let mut pages = Vec::new();
        let mut start = first;
        while start < last {
            let end = last.min(start + PAGE_ROWS);
            if fields.iter().any(|&field| has_value(self.values(field), start..end)) {
                let range = TimeRange::new(table.times[start], table.times[end - 1]);
                pages.push(PageRef { group: 0, page: 0, rows: start as u32..end as u32, range });
            }
            start = end;
        }
        Ok(pages)
    }

    fn stats(&self, _page: &PageRef, _field: u32) -> Result<Option<Stats>, StorageError> {
        Ok(None)
    }

    fn rows(&self, page: &PageRef, fields: &[u32]) -> Option<Vec<u32>> {
        let (start, len) = (page.rows.start as usize, page.len());
        let columns = fields.iter().map(|&field| self.values(field));
        let mut sparse = Vec::new();
        for column in columns {
            match &column.presence {
                Presence::Dense => return None,
                Presence::Sparse(rows) => sparse.push(rows),
            }
        }
        let mut has = vec![false; len];
        for rows in sparse {
            let of_page = &rows[rows.partition_point(|&row| (row as usize) < start)..];
            of_page.iter().take_while(|row| **row < page.rows.end).for_each(|&row| has[row as usize - start] = true);
        }
        let listed: Vec<u32> = (0..len as u32).filter(|&row| has[row as usize]).collect();
        (listed.len() < len).then_some(listed)
    }

    fn times(&self, page: &PageRef) -> Result<Slice<Vec<i64>>, StorageError> {
        let rows = page.rows.start as usize..page.rows.end as usize;
        // The table owns its times, so the rows are copied.
        Ok(Slice { rows: 0..rows.len(), whole: Arc::new(self.table().times[rows].to_vec()) })
    }

    fn column(&self, page: &PageRef, field: u32) -> Result<Option<Slice<Column>>, StorageError> {
        let rows = page.rows.start as usize..page.rows.end as usize;
        let column = super::source::slice(self.values(field), rows.clone());
        Ok((!column.values.is_empty()).then(|| Slice { rows: 0..rows.len(), whole: Arc::new(column) }))
    }
}

fn has_value(column: &Column, rows: Range<usize>) -> bool {
    match &column.presence {
        Presence::Dense => !rows.is_empty(),
        Presence::Sparse(present) => {
            let next = present.partition_point(|&row| (row as usize) < rows.start);
            present.get(next).is_some_and(|&row| (row as usize) < rows.end)
        }
    }
}
