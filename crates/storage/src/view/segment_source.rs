//! Segments as a source: pages come from the directory with their statistics, and are decoded through the cache, where a
//! page that holds many short series stays for the next of them.

use super::source::{PageRef, Part, Slice, Source};
use crate::error::StorageError;
use crate::schema::FieldKey;
use crate::segment::directory::{Directory, Group};
use crate::segment::format::Contents;
use crate::segment::index::TagIndex;
use crate::segment::{PageId, Segment};
use crate::view::Stats;
use codec::CodecError;
use model::{Column, Text, TimeRange};
use std::sync::{Arc, OnceLock};

impl Source for Arc<Segment> {
    fn measurements(&self) -> Result<Vec<Text>, StorageError> {
        Ok(self.contents()?.measurements.iter().map(|entry| entry.name.clone()).collect())
    }

    fn measurement(&self, name: &[u8]) -> Result<Option<Arc<dyn Part>>, StorageError> {
        let contents = self.contents()?;
        let Some(at) = contents.find(name) else { return Ok(None) };
        Ok(Some(Arc::new(SegmentPart { segment: self.clone(), contents, at, directory: OnceLock::new() })))
    }
}

/// One measurement of a segment.
#[derive(Debug)]
struct SegmentPart {
    segment: Arc<Segment>,
    contents: Arc<Contents>,
    at: usize,
    directory: OnceLock<Arc<Directory>>,
}

impl SegmentPart {
    fn directory(&self) -> Result<&Arc<Directory>, StorageError> {
        if let Some(directory) = self.directory.get() {
            return Ok(directory);
        }
        let directory = self.segment.directory(self.at)?;
        Ok(self.directory.get_or_init(|| directory))
    }

    fn damaged(&self, error: &CodecError) -> StorageError {
        let offset = self.segment.entry().place.offset + self.contents.measurements[self.at].directory.offset;
        StorageError::Damaged { file: self.segment.file().path().to_owned(), offset, what: error.to_string() }
    }

    fn id(&self, page: &PageRef, column: usize) -> PageId {
        PageId { measurement: self.at as u32, group: page.group, column: column as u32, page: page.page }
    }
}

/// The column of a field in a group; `None` if the group does not have it.
fn column_of(group: &Group, field: u32) -> Option<usize> {
    group.fields.binary_search(&field).ok().map(|at| at + 1)
}

impl Part for SegmentPart {
    fn range(&self) -> TimeRange {
        self.contents.measurements[self.at].range
    }

    fn fields(&self) -> &[FieldKey] {
        &self.contents.measurements[self.at].fields
    }

    fn index(&self) -> Result<Arc<TagIndex>, StorageError> {
        self.segment.index(self.at)
    }

    fn pages(&self, series: u32, fields: &[u32], range: TimeRange) -> Result<Vec<PageRef>, StorageError> {
        let mut pages = Vec::new();
        for (number, group) in (0u32..).zip(&self.directory()?.groups) {
            if !fields.iter().any(|&field| column_of(group, field).is_some()) {
                continue;
            }
            let Ok(at) = group.series.binary_search(&series) else { continue };
            let mut add = |page: usize, rows: std::ops::Range<usize>| {
                let times = TimeRange::new(group.first[page], group.last[page]);
                if times.overlaps(&range) && !rows.is_empty() {
                    let rows = rows.start as u32..rows.end as u32;
                    pages.push(PageRef { group: number, page: page as u32, rows, range: times });
                }
            };
            if group.packed {
                let (page, rows) = group.rows_of(at);
                add(page, rows);
            } else {
                let of_series = group.pages_of(at);
                let start = of_series.start + group.last[of_series.clone()].partition_point(|&last| last < range.start);
                let end = of_series.start + group.first[of_series].partition_point(|&first| first <= range.end);
                (start..end).for_each(|page| add(page, 0..group.rows[page] as usize));
            }
        }
        Ok(pages)
    }

    fn stats(&self, page: &PageRef, field: u32) -> Result<Option<Stats>, StorageError> {
        let group = &self.directory()?.groups[page.group as usize];
        let Some(column) = column_of(group, field) else { return Ok(Some(Stats::NONE)) };
        if group.packed {
            return Ok(None);
        }
        let directory = group.column(column).map_err(|error| self.damaged(&error))?;
        let field_type = self.fields()[field as usize].field_type;
        let numbers = match directory.stats() {
            None => None,
            Some(stats) => match stats.get(page.page as usize, field_type) {
                None => return Ok(None),
                numbers => numbers,
            },
        };
        let (count, first_time, last_time) = (page.len() as u64, page.range.start, page.range.end);
        Ok(Some(Stats { count, first_time, last_time, numbers }))
    }

    fn rows(&self, _page: &PageRef, _fields: &[u32]) -> Option<Vec<u32>> {
        // Every row of a group has all of the group's fields.
        None
    }

    fn times(&self, page: &PageRef) -> Result<Slice<Vec<i64>>, StorageError> {
        let whole = self.segment.times(self.directory()?, self.id(page, 0))?;
        Ok(Slice { whole, rows: page.rows.start as usize..page.rows.end as usize })
    }

    fn column(&self, page: &PageRef, field: u32) -> Result<Option<Slice<Column>>, StorageError> {
        let directory = self.directory()?;
        let Some(column) = column_of(&directory.groups[page.group as usize], field) else { return Ok(None) };
        let field_type = self.fields()[field as usize].field_type;
        let whole = self.segment.column(directory, self.id(page, column), field_type)?;
        Ok(Some(Slice { whole, rows: page.rows.start as usize..page.rows.end as usize }))
    }
}
