//! Builds one column group: the rows of one series after the other come in, in pieces of any length; pages are cut, full
//! blocks go out. A block of another segment may be taken as it is.
//!
//! A page of a long series ends with its window (`windows.rs`), with [`PAGE_ROWS`], or when it is heavy; a packed one never
//! ends inside a series. A block ends before the page that it has no room for, and where a series begins while it is half
//! full, so that the blocks of long series are of one series and can be copied by a later merge.

use super::block::WholeBlock;
use super::directory::{ColumnDirectory, Group, GroupParts};
use super::stats::FieldStats;
use super::windows::{run_until, window_last};
use codec::{CodecError, Level, Pages, crc32};
use model::{FieldType, Strings, Values};
use std::ops::Range;

/// Rows a page has at most.
pub(crate) const PAGE_ROWS: usize = 4_096;
/// Rows a block has at most.
const BLOCK_ROWS: usize = 16_384;
/// Rows that make a block worth being copied as it is.
pub(crate) const FILLED_ROWS: usize = BLOCK_ROWS / 2;
/// Decoded bytes that a column of a page has at most, unless it is a single value.
const PAGE_BYTES: usize = 1 << 20;
/// Decoded bytes that all columns of a page have at most, unless it is a single row.
const WIDE_PAGE_BYTES: usize = 8 << 20;
/// Decoded bytes of a column of a block above which the block ends.
const BLOCK_BYTES: usize = 4 << 20;
/// Decoded bytes of all columns of a block above which the block ends.
const WIDE_BLOCK_BYTES: usize = 32 << 20;

/// Some rows of one series, all columns dense.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// Ascending strictly.
    pub(crate) times: &'a [i64],
    /// One for each field of the group, as long as `times`.
    pub(crate) columns: &'a [&'a Values],
}

/// Bytes that some of the values take when decoded.
pub(super) fn byte_len(values: &Values, range: Range<usize>) -> usize {
    match values {
        Values::String(strings) => {
            let end_of = |at: usize| at.checked_sub(1).map_or(0, |at| strings.ends()[at] as usize);
            range.len() * 4 + end_of(range.end) - end_of(range.start)
        }
        Values::Boolean(_) => range.len(),
        _ => range.len() * 8,
    }
}

/// Collects the rows of one column group.
#[derive(Debug)]
pub(super) struct GroupBuilder {
    parts: GroupParts,
    types: Vec<FieldType>,
    level: Level,
    /// The block that is being filled: its finished pages, and behind them the open one.
    times: Vec<i64>,
    columns: Vec<Values>,
    pages: Vec<usize>,
    /// Rows of the open page.
    open_rows: usize,
    /// Bytes of the open page, for each column.
    open_bytes: Vec<usize>,
    /// Packed: series of the open page.
    open_series: u64,
    /// Long: pages of the series that is being written, its window, and the end of the open page's window.
    series_pages: u64,
    window: Option<i64>,
    window_last: i64,
    /// Long: the last time of the series so far; whether rows of a series ever came out of order.
    above: Option<i64>,
    is_disordered: bool,
}

/// Where finished blocks go.
#[derive(Debug)]
pub(super) struct Out<'a> {
    /// Takes the blocks.
    pub(super) bytes: &'a mut Vec<u8>,
    /// Where `bytes` begins in the segment.
    pub(super) base: u64,
}

impl GroupBuilder {
    /// A group of these fields (their places in the contents, and their types).
    pub(super) fn new(packed: bool, fields: Vec<u32>, types: Vec<FieldType>, level: Level) -> Self {
        let stats = |&t: &FieldType| if packed { None } else { FieldStats::new(t) };
        let of_fields = types.iter().map(|t| ColumnDirectory { stats: stats(t), ..ColumnDirectory::default() });
        let columns = std::iter::once(ColumnDirectory::default()).chain(of_fields).collect();
        Self {
            parts: GroupParts { packed, fields, columns, ..GroupParts::default() },
            columns: types.iter().map(|&t| Values::new(t)).collect(),
            open_bytes: vec![0; types.len()],
            types,
            level,
            times: Vec::new(),
            pages: Vec::new(),
            open_rows: 0,
            open_series: 0,
            series_pages: 0,
            window: None,
            window_last: 0,
            above: None,
            is_disordered: false,
        }
    }

    /// Packed: adds a series with all its rows, those of `range`.
    pub(super) fn pack(&mut self, series: u32, rows: &Rows<'_>, range: Range<usize>, out: &mut Out<'_>) {
        self.parts.series.push(series);
        self.parts.counts.push(range.len() as u64);
        let new = |(open, values): (&usize, &&Values)| open + byte_len(values, range.clone()) > PAGE_BYTES;
        let heavy = self.open_bytes.iter().zip(rows.columns).any(new) || self.page_is_wide(range.len());
        if self.open_rows > 0 && (heavy || self.open_rows + range.len() > PAGE_ROWS) {
            self.close_page();
        }
        if self.open_rows == 0 && self.times.len() + PAGE_ROWS > BLOCK_ROWS {
            self.end_block(out);
        }
        self.append(rows, range);
        self.open_series += 1;
        self.relieve(out);
    }

    /// Long: begins a series of about so many rows, to be cut at a window.
    pub(super) fn begin(&mut self, series: u32, window: Option<i64>, rows: usize, out: &mut Out<'_>) {
        if self.times.len() >= FILLED_ROWS || rows >= BLOCK_ROWS {
            self.end_block(out);
        }
        self.parts.series.push(series);
        (self.series_pages, self.window, self.above) = (0, window, None);
    }

    /// Long: adds rows of the series, those of `range`, above the ones before.
    pub(super) fn push(&mut self, rows: &Rows<'_>, range: Range<usize>, out: &mut Out<'_>) {
        if let [first, .., last] | [first @ last] = &rows.times[range.clone()] {
            self.rise(*first, *last);
        }
        let mut at = range.start;
        while at < range.end {
            if self.open_rows > 0 && (rows.times[at] > self.window_last || self.open_rows >= PAGE_ROWS) {
                self.close_page();
            }
            if self.open_rows == 0 {
                self.window_last = window_last(rows.times[at], self.window);
            }
            let end = run_until(&rows.times[..range.end], at, self.window_last).min(at + PAGE_ROWS - self.open_rows);
            let end = at + self.fit(rows, at..end);
            if end == at {
                self.close_page();
                continue;
            }
            self.append(rows, at..end);
            self.relieve(out);
            at = end;
        }
    }

    /// Long: ends the series.
    pub(super) fn end(&mut self) {
        self.close_page();
        self.parts.counts.push(self.series_pages);
    }

    /// Long: takes a block of another segment, all of the series and above its rows so far, with its statistics. `order` says
    /// for each column (the timestamps first) which of the source's it is.
    pub(super) fn copy(
        &mut self,
        from: &Group,
        number: usize,
        block: &WholeBlock,
        order: &[usize],
        out: &mut Out<'_>,
    ) -> Result<(), CodecError> {
        self.close_page();
        self.end_block(out);
        let pages = from.block_pages(number);
        self.rise(from.first[pages.start], from.last[pages.end - 1]);
        self.parts.block_offsets.push(out.base + out.bytes.len() as u64);
        self.parts.block_pages.push(pages.len() as u64);
        out.bytes.extend_from_slice(block.bytes());
        for (directory, &column) in self.parts.columns.iter_mut().zip(order) {
            directory.copy_block(from.column(column)?, number, pages.clone());
        }
        self.parts.first.extend_from_slice(&from.first[pages.clone()]);
        self.parts.last.extend_from_slice(&from.last[pages.clone()]);
        self.parts.rows.extend_from_slice(&from.rows[pages.clone()]);
        self.series_pages += pages.len() as u64;
        Ok(())
    }

    /// Notes that rows of the series come.
    fn rise(&mut self, first: i64, last: i64) {
        self.is_disordered |= self.above.is_some_and(|above| above >= first);
        self.above = Some(last);
    }

    /// Whether the rows of each series came in order: a segment with others could not be read.
    pub(super) fn is_ordered(&self) -> bool {
        !self.is_disordered
    }

    /// How many of some rows fit the open page by their bytes; at least one if it is empty.
    fn fit(&self, rows: &Rows<'_>, range: Range<usize>) -> usize {
        let least = usize::from(self.open_rows == 0);
        let mut fits = range.len();
        for (values, &open) in rows.columns.iter().zip(&self.open_bytes) {
            let Values::String(_) = values else { continue };
            // Doubling, then halving: the bytes up to a row are known at once.
            let room = |count: &usize| open + byte_len(values, range.start..range.start + count) <= PAGE_BYTES;
            if !room(&fits) {
                let (mut low, mut high) = (0, fits);
                while low + 1 < high {
                    let middle = low.midpoint(high);
                    if room(&middle) { low = middle } else { high = middle }
                }
                fits = low;
            }
        }
        let width = self.types.len() * 8 + 8;
        let wide = (WIDE_PAGE_BYTES / width).saturating_sub(self.open_rows);
        fits.min(wide).max(least)
    }

    fn page_is_wide(&self, more: usize) -> bool {
        (self.open_rows + more) * (self.types.len() * 8 + 8) > WIDE_PAGE_BYTES
    }

    fn append(&mut self, rows: &Rows<'_>, range: Range<usize>) {
        self.times.extend_from_slice(&rows.times[range.clone()]);
        for ((column, values), open) in self.columns.iter_mut().zip(rows.columns).zip(&mut self.open_bytes) {
            column.extend_range(values, range.clone());
            *open += byte_len(values, range.clone());
        }
        self.open_rows += range.len();
    }

    /// Ends the block before the open page if both do not fit.
    fn relieve(&mut self, out: &mut Out<'_>) {
        let heavy = self.columns.iter().any(|values| values.bytes() > BLOCK_BYTES);
        if self.times.len() > BLOCK_ROWS || heavy || self.times.len() * self.types.len() * 8 > WIDE_BLOCK_BYTES {
            self.end_block(out);
        }
    }

    /// Ends the open page, if there is one.
    fn close_page(&mut self) {
        let rows = std::mem::take(&mut self.open_rows);
        if rows == 0 {
            return;
        }
        self.open_bytes.fill(0);
        let start = self.times.len() - rows;
        let (first, last) = if self.parts.packed {
            self.parts.page_series.push(std::mem::take(&mut self.open_series));
            let bounds = |(low, high): (i64, i64), &time: &i64| (low.min(time), high.max(time));
            self.times[start..].iter().fold((i64::MAX, i64::MIN), bounds)
        } else {
            self.series_pages += 1;
            (self.times[start], self.times[start + rows - 1])
        };
        self.parts.first.push(first);
        self.parts.last.push(last);
        self.parts.rows.push(rows as u32);
        self.pages.push(rows);
        for (directory, values) in self.parts.columns[1..].iter_mut().zip(&self.columns) {
            if let Some(stats) = &mut directory.stats {
                stats.push(values, start..start + rows);
            }
        }
    }

    /// Puts the finished pages out as a block, if there are some; the open page begins the next one.
    pub(super) fn end_block(&mut self, out: &mut Out<'_>) {
        if self.pages.is_empty() {
            return;
        }
        let closed = self.times.len() - self.open_rows;
        let start = out.bytes.len();
        self.parts.block_offsets.push(out.base + start as u64);
        self.parts.block_pages.push(self.pages.len() as u64);
        let pages = codec::encode_times(&self.times[..closed], &self.pages, self.level, out.bytes);
        note(&mut self.parts.columns[0], &pages, 0, &out.bytes[start..]);
        self.times.drain(..closed);
        for (directory, values) in self.parts.columns[1..].iter_mut().zip(&mut self.columns) {
            let rest = split_off(values, closed);
            let at = out.bytes.len();
            let pages = encode(values, &self.pages, self.level, out.bytes);
            note(directory, &pages, (at - start) as u64, &out.bytes[at..]);
            *values = rest;
        }
        self.pages.clear();
    }

    /// Ends the group.
    pub(super) fn finish(mut self, out: &mut Out<'_>) -> GroupParts {
        self.close_page();
        self.end_block(out);
        self.parts
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> u64 {
        self.parts.rows.iter().map(|&rows| u64::from(rows)).sum::<u64>() + self.open_rows as u64
    }

    /// Decoded bytes of the block that is being filled.
    pub(super) fn open_bytes(&self) -> usize {
        self.times.len() * 8 + self.columns.iter().map(Values::bytes).sum::<usize>()
    }
}

fn note(directory: &mut ColumnDirectory, pages: &Pages, start: u64, bytes: &[u8]) {
    directory.starts.push(start);
    directory.headers.push(u64::from(pages.header_len));
    directory.crcs.push(crc32(bytes));
    directory.lens.extend(pages.page_lens.iter().map(|&len| u64::from(len)));
}

/// Leaves the first `at` values; returns the others.
fn split_off(values: &mut Values, at: usize) -> Values {
    match values {
        Values::Float(values) => Values::Float(values.split_off(at)),
        Values::Integer(values) => Values::Integer(values.split_off(at)),
        Values::Unsigned(values) => Values::Unsigned(values.split_off(at)),
        Values::Boolean(values) => Values::Boolean(values.split_off(at)),
        Values::String(strings) => {
            let mut rest = Strings::new();
            (at..strings.len()).for_each(|at| rest.push(strings.get(at)));
            (at..strings.len()).rev().for_each(|_| strings.pop());
            Values::String(rest)
        }
    }
}

fn encode(values: &Values, pages: &[usize], level: Level, out: &mut Vec<u8>) -> Pages {
    match values {
        Values::Float(values) => codec::encode_f64(values, pages, level, out),
        Values::Integer(values) => codec::encode_i64(values, pages, level, out),
        Values::Unsigned(values) => codec::encode_u64(values, pages, level, out),
        Values::Boolean(values) => codec::encode_bool(values, pages, out),
        Values::String(strings) => {
            let offsets: Vec<u32> = std::iter::once(0).chain(strings.ends().iter().copied()).collect();
            codec::encode_bytes(&offsets, strings.bytes(), pages, level, out)
        }
    }
}
