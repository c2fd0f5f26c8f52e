//! The directory of a measurement: its column groups, their pages and blocks, and the pages' statistics.
//!
//! A **column group** holds rows that have exactly the same fields, so that all its columns are dense. In a group of long
//! series a page is of one series; in a packed group a page holds all rows of some series that follow each other.
//!
//! ```text
//! directory  number of groups (varint), then the groups
//! group
//!   kind       1 byte: 0 long, 1 packed
//!   fields     places in the contents' list of fields (u64 column), ascending
//!   series     numbers in the index, ascending (u64 column of differences; the first is itself)
//!   long:      pages of each series (u64 column), rows of each page (u64 column)
//!   packed:    rows of each series (u64 column), series of each page (u64 column)
//!   first      the least time of each page: length (varint), header's length (varint), a block of times
//!   spans      greatest minus least time of each page (u64 column)
//!   blocks     pages of each block (u64 column), offset in the segment of each block (u64 column)
//!   columns    the timestamps', then each field's: length (varint), bytes
//! column
//!   starts     offset of its part from the block's start, for each block (u64 column)
//!   headers    length of the codec's header, for each block (u64 column)
//!   checksums  CRC-32 of header and pages, for each block (4 bytes each)
//!   lengths    length of each page (u64 column)
//!   statistics of the pages (`stats.rs`), for a number in a group of long series only
//! ```
//!
//! What is in a column is decoded when it is first asked for.

use super::group::PAGE_ROWS;
use super::stats::{FieldStats, exactly};
use crate::view::Stats;
use codec::{CodecError, Level, Reader, put_bytes, put_u64};
use model::FieldType;
use std::sync::OnceLock;

/// Where a part of a block lies in the segment, and its checksum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartRef {
    /// Offset in the segment.
    pub(crate) offset: u64,
    /// Length of header and pages.
    pub(crate) len: u64,
    /// Length of the codec's header.
    pub(crate) header: u32,
    /// CRC-32 of all.
    pub(crate) crc: u32,
}

/// One column of a group.
#[derive(Debug, Default)]
pub(crate) struct ColumnDirectory {
    pub(super) starts: Vec<u64>,
    pub(super) headers: Vec<u64>,
    pub(super) crcs: Vec<u32>,
    pub(super) lens: Vec<u64>,
    pub(super) stats: Option<FieldStats>,
    /// Bytes that the statistics take in the directory.
    pub(super) stats_len: usize,
    /// End of each page inside its part of a block, the header included; made on reading.
    pub(super) ends: Vec<u64>,
    /// The figures of all pages, made when they are first asked for.
    pub(super) total: OnceLock<Option<Stats>>,
}

/// A column group.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Whether pages hold several series.
    pub(crate) packed: bool,
    /// Places in the contents' list of fields, ascending.
    pub(crate) fields: Vec<u32>,
    /// The series, ascending.
    pub(crate) series: Vec<u32>,
    /// Long: the page after each series' last. Packed: the page of each series.
    pub(crate) series_pages: Vec<u32>,
    /// Packed: the row after each series' last inside its page.
    pub(crate) series_ends: Vec<u32>,
    /// Rows of each page.
    pub(crate) rows: Vec<u32>,
    /// The least time of each page.
    pub(crate) first: Vec<i64>,
    /// The greatest time of each page.
    pub(crate) last: Vec<i64>,
    /// The page after each block's last.
    pub(super) block_ends: Vec<u32>,
    /// Offset of each block in the segment.
    pub(super) block_offsets: Vec<u64>,
    types: Vec<Option<FieldType>>,
    raw: Vec<Vec<u8>>,
    columns: Vec<OnceLock<ColumnDirectory>>,
}

/// What the writer collects of a group before it is encoded.
#[derive(Debug, Default)]
pub(super) struct GroupParts {
    pub(super) packed: bool,
    pub(super) fields: Vec<u32>,
    pub(super) series: Vec<u32>,
    /// Long: pages of each series. Packed: rows of each series.
    pub(super) counts: Vec<u64>,
    /// Packed: series of each page.
    pub(super) page_series: Vec<u64>,
    pub(super) rows: Vec<u32>,
    pub(super) first: Vec<i64>,
    pub(super) last: Vec<i64>,
    pub(super) block_pages: Vec<u64>,
    pub(super) block_offsets: Vec<u64>,
    pub(super) columns: Vec<ColumnDirectory>,
}

impl GroupParts {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.packed));
        let wide = |list: &[u32]| list.iter().map(|&v| u64::from(v)).collect::<Vec<_>>();
        codec::encode_u64_column(&wide(&self.fields), out);
        let mut last = 0;
        let gaps = self.series.iter().map(|&id| u64::from(id - std::mem::replace(&mut last, id)));
        codec::encode_u64_column(&gaps.collect::<Vec<_>>(), out);
        codec::encode_u64_column(&self.counts, out);
        if self.packed {
            codec::encode_u64_column(&self.page_series, out);
        } else {
            codec::encode_u64_column(&wide(&self.rows), out);
        }
        let mut times = Vec::new();
        let pages = codec::encode_times(&self.first, &[self.first.len()], Level::Cold, &mut times);
        put_u64(out, times.len() as u64);
        put_u64(out, u64::from(pages.header_len));
        out.extend_from_slice(&times);
        let spans = self.first.iter().zip(&self.last).map(|(first, last)| last.abs_diff(*first));
        codec::encode_u64_column(&spans.collect::<Vec<_>>(), out);
        codec::encode_u64_column(&self.block_pages, out);
        codec::encode_u64_column(&self.block_offsets, out);
        for column in &self.columns {
            put_bytes(out, &self.encode_column(column));
        }
    }

    fn encode_column(&self, column: &ColumnDirectory) -> Vec<u8> {
        let mut out = Vec::new();
        codec::encode_u64_column(&column.starts, &mut out);
        codec::encode_u64_column(&column.headers, &mut out);
        column.crcs.iter().for_each(|crc| out.extend_from_slice(&crc.to_le_bytes()));
        codec::encode_u64_column(&column.lens, &mut out);
        if let Some(stats) = &column.stats {
            stats.encode(&self.rows, &mut out);
        }
        out
    }
}

impl Group {
    /// Number of pages.
    pub(crate) fn pages(&self) -> usize {
        self.rows.len()
    }

    /// The types of the columns, but of the timestamps.
    pub(crate) fn field_types(&self) -> impl Iterator<Item = FieldType> {
        self.types.iter().flatten().copied()
    }

    /// Rows of all pages.
    pub(crate) fn total_rows(&self) -> u64 {
        self.rows.iter().map(|&rows| u64::from(rows)).sum()
    }

    /// Number of columns, the timestamps included.
    pub(crate) fn columns(&self) -> usize {
        self.raw.len()
    }

    /// Bytes in memory, with all columns decoded.
    fn bytes(&self) -> usize {
        let raw: usize = self.raw.iter().map(Vec::len).sum();
        let columns = self.columns() * (self.pages() * 56 + self.blocks() * 20);
        raw + columns + self.pages() * 20 + self.blocks() * 12 + self.series.len() * 12
    }

    /// Number of blocks.
    pub(crate) fn blocks(&self) -> usize {
        self.block_ends.len()
    }

    /// The block of a page, and which page of it it is.
    pub(crate) fn block_of(&self, page: usize) -> (usize, usize) {
        let block = self.block_ends.partition_point(|&end| end as usize <= page);
        (block, page - self.block_start(block))
    }

    fn block_start(&self, block: usize) -> usize {
        if block == 0 { 0 } else { self.block_ends[block - 1] as usize }
    }

    /// Offset of a block in the segment.
    pub(super) fn block_offset(&self, block: usize) -> u64 {
        self.block_offsets[block]
    }

    /// The pages of a block.
    pub(crate) fn block_pages(&self, block: usize) -> std::ops::Range<usize> {
        self.block_start(block)..self.block_ends[block] as usize
    }

    /// A column: 0 the timestamps', then those of [`Group::fields`].
    pub(crate) fn column(&self, column: usize) -> Result<&ColumnDirectory, CodecError> {
        let cell = self.columns.get(column).ok_or(CodecError::Invalid("no such column"))?;
        if let Some(decoded) = cell.get() {
            return Ok(decoded);
        }
        let decoded = self.decode_column(column)?;
        Ok(cell.get_or_init(|| decoded))
    }

    fn decode_column(&self, column: usize) -> Result<ColumnDirectory, CodecError> {
        let (blocks, pages) = (self.blocks(), self.pages());
        let mut reader = Reader::new(&self.raw[column]);
        let starts = exactly(codec::decode_u64_column(&mut reader, blocks)?, blocks)?;
        let headers = exactly(codec::decode_u64_column(&mut reader, blocks)?, blocks)?;
        let crcs = (0..blocks).map(|_| reader.u32()).collect::<Result<Vec<_>, _>>()?;
        let lens = exactly(codec::decode_u64_column(&mut reader, pages)?, pages)?;
        let fixed = reader.offset();
        let stats = match self.types[column] {
            Some(field_type) if !self.packed && FieldStats::new(field_type).is_some() => {
                Some(FieldStats::decode(&mut reader, field_type, &self.rows)?)
            }
            _ => None,
        };
        reader.finish()?;
        let stats_len = reader.offset() - fixed;
        let mut ends = Vec::with_capacity(pages);
        for (block, &header) in headers.iter().enumerate() {
            let mut end = header;
            for page in self.block_pages(block) {
                end = end.saturating_add(lens[page]);
                ends.push(end);
            }
            if u32::try_from(end).is_err() {
                return Err(CodecError::Invalid("a block above 4 GiB"));
            }
        }
        Ok(ColumnDirectory { starts, headers, crcs, lens, stats, stats_len, ends, total: OnceLock::new() })
    }

    /// The figures of a field's values in all pages of the group; without numbers where a page has none. `None`: no pages.
    pub(crate) fn total(&self, column: usize) -> Result<Option<Stats>, CodecError> {
        let directory = self.column(column)?;
        Ok(*directory.total.get_or_init(|| {
            let all = if self.packed { self.pages() } else { self.series.len() };
            let pages = |at: usize| if self.packed { at..at + 1 } else { self.pages_of(at) };
            let figures = (0..all).map(pages).filter(|pages| !pages.is_empty()).map(|pages| Stats {
                count: self.rows[pages.clone()].iter().map(|&rows| u64::from(rows)).sum(),
                first_time: self.first[pages.start],
                last_time: self.last[pages.end - 1],
                numbers: self.types[column].zip(directory.stats()).and_then(|(t, stats)| stats.over(pages, t)),
            });
            figures.reduce(|mut total, more| {
                total.add(&more);
                total
            })
        }))
    }

    /// Where a column's part of a block lies.
    pub(crate) fn part(&self, column: usize, block: usize) -> Result<PartRef, CodecError> {
        let directory = self.column(column)?;
        let last = self.block_pages(block).end;
        let len = if last > self.block_start(block) { directory.ends[last - 1] } else { directory.headers[block] };
        Ok(PartRef {
            offset: self.block_offsets[block].saturating_add(directory.starts[block]),
            len,
            header: u32::try_from(directory.headers[block]).map_err(|_| CodecError::Invalid("a header above 4 GiB"))?,
            crc: directory.crcs[block],
        })
    }

    /// Bytes that a column takes in the directory, and how many of these are statistics.
    pub(crate) fn directory_len(&self, column: usize) -> Result<(usize, usize), CodecError> {
        Ok((self.raw[column].len(), self.column(column)?.stats_len))
    }

    /// The bytes of a page inside its column's part of a block.
    pub(crate) fn page_bytes(&self, column: usize, page: usize) -> Result<std::ops::Range<usize>, CodecError> {
        let directory = self.column(column)?;
        let end = *directory.ends.get(page).ok_or(CodecError::Invalid("no such page"))?;
        Ok((end - directory.lens[page]) as usize..end as usize)
    }
}

impl ColumnDirectory {
    /// Adds a block of another segment's column, and its pages' statistics, as they are.
    pub(super) fn copy_block(&mut self, from: &Self, block: usize, pages: std::ops::Range<usize>) {
        self.starts.push(from.starts[block]);
        self.headers.push(from.headers[block]);
        self.crcs.push(from.crcs[block]);
        self.lens.extend_from_slice(&from.lens[pages.clone()]);
        if let (Some(to), Some(from)) = (&mut self.stats, &from.stats) {
            to.extend(from, pages);
        }
    }

    /// The statistics of its pages, where they are kept.
    pub(crate) fn stats(&self) -> Option<&FieldStats> {
        self.stats.as_ref()
    }
}

/// The groups of a measurement.
#[derive(Debug)]
pub(crate) struct Directory {
    /// In no special order.
    pub(crate) groups: Vec<Group>,
}

impl Directory {
    /// Bytes in memory, with all columns decoded.
    pub(crate) fn bytes(&self) -> usize {
        self.groups.iter().map(Group::bytes).sum()
    }
}

/// Reads a directory; `types` are those of the contents' fields, `series` is the number of series.
pub(crate) fn decode(bytes: &[u8], types: &[FieldType], series: u32) -> Result<Directory, CodecError> {
    let mut reader = Reader::new(bytes);
    let count = reader.count(reader.remaining())?;
    let groups = (0..count).map(|_| decode_group(&mut reader, types, series, bytes.len())).collect::<Result<_, _>>()?;
    reader.finish()?;
    Ok(Directory { groups })
}

/// A constant costs nothing, so a short directory may speak of many pages: this many for each of its bytes, no more.
const ITEMS_A_BYTE: usize = 4_096;

fn decode_group(reader: &mut Reader<'_>, types: &[FieldType], series: u32, len: usize) -> Result<Group, CodecError> {
    let packed = match reader.u8()? {
        0 => false,
        1 => true,
        _ => return Err(CodecError::Invalid("kind of a column group")),
    };
    let fields = narrow(codec::decode_u64_column(reader, types.len())?)?;
    if !fields.is_sorted_by(|a, b| a < b) || fields.last().is_some_and(|&field| field as usize >= types.len()) {
        return Err(CodecError::Invalid("fields of a column group"));
    }
    let limit = len.saturating_mul(ITEMS_A_BYTE);
    let series = take_series(reader, series, limit)?;
    let counts = exactly(codec::decode_u64_column(reader, series.len())?, series.len())?;
    let sizes = narrow(codec::decode_u64_column(reader, limit)?)?;
    let mut group = Group { packed, fields, series, ..Group::default() };
    if packed {
        group.place_packed(&counts, &sizes)?
    } else {
        group.place_long(&counts, sizes)?
    }
    if group.rows.iter().any(|&rows| rows as usize > PAGE_ROWS) {
        return Err(CodecError::Invalid("rows of a page"));
    }
    group.take_times(reader)?;
    group.take_blocks(reader)?;
    group.types = std::iter::once(None).chain(group.fields.iter().map(|&at| Some(types[at as usize]))).collect();
    for _ in 0..group.types.len() {
        group.raw.push(reader.bytes()?.to_vec());
        group.columns.push(OnceLock::new());
    }
    Ok(group)
}

fn narrow(list: Vec<u64>) -> Result<Vec<u32>, CodecError> {
    let narrow = list.into_iter().map(u32::try_from).collect::<Result<_, _>>();
    narrow.map_err(|_| CodecError::Invalid("a number above 32 bits in a directory"))
}

fn take_series(reader: &mut Reader<'_>, series: u32, limit: usize) -> Result<Vec<u32>, CodecError> {
    let gaps = codec::decode_u64_column(reader, limit.min(series as usize))?;
    let mut last = 0u64;
    let mut list = Vec::with_capacity(gaps.len());
    for (at, gap) in gaps.into_iter().enumerate() {
        last = last.saturating_add(gap);
        if (at > 0 && gap == 0) || last >= u64::from(series) {
            return Err(CodecError::Invalid("series of a column group"));
        }
        list.push(last as u32);
    }
    Ok(list)
}

impl Group {
    fn place_long(&mut self, pages: &[u64], rows: Vec<u32>) -> Result<(), CodecError> {
        self.rows = rows;
        self.series_pages = ends(pages)?;
        if self.series_pages.last().map_or(0, |&end| end as usize) != self.pages() {
            return Err(CodecError::Invalid("pages of a column group"));
        }
        Ok(())
    }

    fn place_packed(&mut self, rows: &[u64], series: &[u32]) -> Result<(), CodecError> {
        let mut left = rows.iter();
        for (page, &count) in series.iter().enumerate() {
            let mut end = 0u64;
            for &rows in left.by_ref().take(count as usize) {
                end = end.saturating_add(rows);
                self.series_ends.push(u32::try_from(end).map_err(|_| CodecError::Invalid("rows of a page"))?);
                self.series_pages.push(page as u32);
            }
            self.rows.push(end as u32);
        }
        let fits = series.iter().map(|&count| u64::from(count)).sum::<u64>() == rows.len() as u64;
        if fits { Ok(()) } else { Err(CodecError::Invalid("series of a page")) }
    }

    fn take_times(&mut self, reader: &mut Reader<'_>) -> Result<(), CodecError> {
        let len = reader.count(reader.remaining())?;
        let header = reader.count(len)?;
        let (header, page) = reader.take(len)?.split_at(header);
        codec::decode_times_page(header, page, self.pages(), &mut self.first)?;
        let spans = exactly(codec::decode_u64_column(reader, self.pages())?, self.pages())?;
        let last = self.first.iter().zip(spans).map(|(first, span)| first.checked_add_unsigned(span));
        self.last = last.collect::<Option<_>>().ok_or(CodecError::Invalid("time above 64 bits"))?;
        let series = if self.packed { 0 } else { self.series.len() };
        for at in 0..series {
            let pages = self.pages_of(at);
            if !pages.clone().skip(1).all(|page| self.last[page - 1] < self.first[page]) {
                return Err(CodecError::Invalid("pages of a series out of order"));
            }
        }
        Ok(())
    }

    fn take_blocks(&mut self, reader: &mut Reader<'_>) -> Result<(), CodecError> {
        let counts = codec::decode_u64_column(reader, self.pages())?;
        self.block_ends = ends(&counts)?;
        self.block_offsets = exactly(codec::decode_u64_column(reader, counts.len())?, counts.len())?;
        let whole = self.block_ends.last().map_or(0, |&end| end as usize) == self.pages();
        if whole && !counts.contains(&0) { Ok(()) } else { Err(CodecError::Invalid("blocks of a column group")) }
    }

    /// Long: the pages of a series (its place in [`Group::series`]).
    pub(crate) fn pages_of(&self, at: usize) -> std::ops::Range<usize> {
        let start = if at == 0 { 0 } else { self.series_pages[at - 1] as usize };
        start..self.series_pages[at] as usize
    }

    /// Packed: of some series (their places) where those that lie in a page, or before it, end.
    pub(crate) fn places_up_to(&self, page: usize, places: std::ops::Range<usize>) -> usize {
        places.start + self.series_pages[places].partition_point(|&other| other as usize <= page)
    }

    /// Packed: the page of a series (its place in [`Group::series`]), and its rows there.
    pub(crate) fn rows_of(&self, at: usize) -> (usize, std::ops::Range<usize>) {
        let page = self.series_pages[at];
        let same = at > 0 && self.series_pages[at - 1] == page;
        let start = if same { self.series_ends[at - 1] as usize } else { 0 };
        (page as usize, start..self.series_ends[at] as usize)
    }
}

/// Running sums.
fn ends(counts: &[u64]) -> Result<Vec<u32>, CodecError> {
    let mut end = 0u64;
    let sum = |&count: &u64| {
        end = end.saturating_add(count);
        u32::try_from(end).map_err(|_| CodecError::Invalid("counts of a directory"))
    };
    counts.iter().map(sum).collect()
}
