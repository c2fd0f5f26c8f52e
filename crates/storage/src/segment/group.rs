//! Builds one column group: rows come in, pages are cut, full blocks go out.
//!
//! A long series is cut at windows of time that count from the epoch, so that whole buckets of a query can be answered by
//! statistics. The window is the smallest of a ladder that fills pages well; see [`window_of`].

use super::directory::{ColumnDirectory, GroupParts};
use super::stats::FieldStats;
use codec::{Level, Pages, crc32};
use model::time::{HOUR, SECOND};
use model::{FieldType, Values};
use std::ops::Range;

/// Rows a page has at most.
pub(crate) const PAGE_ROWS: usize = 4_096;
/// Rows a block has at most.
const BLOCK_ROWS: usize = 16_384;
/// Decoded bytes that a column of a page has at most, unless it is a single value.
const PAGE_BYTES: usize = 1 << 20;
/// Decoded bytes of a column of a block above which the block ends.
const BLOCK_BYTES: usize = 4 << 20;
/// Rows that a window should hold on average.
const WINDOW_ROWS: usize = 200;

/// The windows by which pages are cut (ns).
const LADDER: [i64; 12] = [
    SECOND,
    10 * SECOND,
    60 * SECOND,
    300 * SECOND,
    600 * SECOND,
    1_800 * SECOND,
    HOUR,
    2 * HOUR,
    6 * HOUR,
    12 * HOUR,
    24 * HOUR,
    168 * HOUR,
];

/// The smallest window of the ladder whose occupied windows hold [`WINDOW_ROWS`] rows on average; `None`: not cut by time.
fn window_of(times: &[i64]) -> Option<i64> {
    let most = times.len() / WINDOW_ROWS;
    LADDER.into_iter().find(|&window| {
        let (mut windows, mut at) = (0, 0);
        while at < times.len() && windows <= most {
            at = window_end(times, at, window);
            windows += 1;
        }
        windows <= most
    })
}

/// The row after the last one that is in the same window as row `at`.
fn window_end(times: &[i64], at: usize, window: i64) -> usize {
    let last = times[at].div_euclid(window).saturating_mul(window).saturating_add(window - 1);
    // Doubling steps: the window is short against the series.
    let mut step = 1;
    while at + step < times.len() && times[at + step] <= last {
        step *= 2;
    }
    let end = times.len().min(at + step);
    let from = at + step / 2;
    from + times[from..end].partition_point(|&time| time <= last)
}

/// Cuts a series' rows into pages, before their bytes are looked at.
fn windows(times: &[i64]) -> Vec<Range<usize>> {
    let window = window_of(times);
    let mut pages = Vec::new();
    let mut at = 0;
    while at < times.len() {
        let end = window.map_or(times.len(), |window| window_end(times, at, window)).min(at + PAGE_ROWS);
        pages.push(at..end);
        at = end;
    }
    pages
}

fn byte_len(values: &Values, range: Range<usize>) -> usize {
    match values {
        Values::String(strings) => range.map(|at| strings.get(at).len() + 4).sum(),
        Values::Boolean(_) => range.len(),
        _ => range.len() * 8,
    }
}

/// Some rows of one series, all columns dense.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    /// Ascending strictly.
    pub(super) times: &'a [i64],
    /// One for each field of the group, as long as `times`.
    pub(super) columns: &'a [&'a Values],
}

impl Rows<'_> {
    /// How many of the rows in `range` fit a page by their bytes; at least one.
    fn fit(&self, range: Range<usize>) -> usize {
        let strings = self.columns.iter().filter(|values| matches!(values, Values::String(_)));
        let fit = |values: &Values| {
            let mut bytes = 0;
            let over = range.clone().position(|at| {
                bytes += byte_len(values, at..at + 1);
                bytes > PAGE_BYTES
            });
            over.unwrap_or(range.len()).max(1)
        };
        strings.map(|values| fit(values)).min().unwrap_or(range.len())
    }
}

/// Collects the rows of one column group.
#[derive(Debug)]
pub(super) struct GroupBuilder {
    parts: GroupParts,
    types: Vec<FieldType>,
    level: Level,
    /// The block that is being filled, and the rows of its finished pages.
    times: Vec<i64>,
    columns: Vec<Values>,
    pages: Vec<usize>,
    /// Packed: rows and series of the page that is being filled.
    open_rows: usize,
    open_series: u64,
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
            types,
            level,
            times: Vec::new(),
            pages: Vec::new(),
            open_rows: 0,
            open_series: 0,
        }
    }

    /// Adds the rows of a series. `out` takes finished blocks; it begins at `base` in the segment.
    pub(super) fn push(&mut self, series: u32, rows: &Rows<'_>, base: u64, out: &mut Vec<u8>) {
        self.parts.series.push(series);
        if self.parts.packed {
            self.push_packed(rows, base, out);
        } else {
            self.push_long(rows, base, out);
        }
    }

    fn push_long(&mut self, rows: &Rows<'_>, base: u64, out: &mut Vec<u8>) {
        let mut count = 0;
        for window in windows(rows.times) {
            let mut at = window.start;
            while at < window.end {
                let page = at..at + rows.fit(at..window.end);
                at = page.end;
                self.make_room(rows, page.clone(), base, out);
                self.append(rows, page.clone());
                self.close_page(page.len());
                count += 1;
            }
        }
        self.parts.counts.push(count);
    }

    fn push_packed(&mut self, rows: &Rows<'_>, base: u64, out: &mut Vec<u8>) {
        let all = 0..rows.times.len();
        let open = self.times.len() - self.open_rows;
        let column_bytes = |(kept, new): (&Values, &&Values)| {
            byte_len(kept, open..open + self.open_rows) + byte_len(new, all.clone()) > PAGE_BYTES
        };
        let heavy = self.columns.iter().zip(rows.columns).any(column_bytes);
        if self.open_rows > 0 && (heavy || self.open_rows + all.len() > PAGE_ROWS) {
            self.close_packed();
        }
        if self.open_rows == 0 {
            self.make_room(rows, all.clone(), base, out);
        }
        self.append(rows, all.clone());
        self.open_rows += all.len();
        self.open_series += 1;
        self.parts.counts.push(all.len() as u64);
    }

    /// Ends the block if the page would not fit.
    fn make_room(&mut self, rows: &Rows<'_>, page: Range<usize>, base: u64, out: &mut Vec<u8>) {
        let room = if self.parts.packed { PAGE_ROWS } else { page.len() };
        let heavy = |(kept, new): (&Values, &&Values)| kept.bytes() + byte_len(new, page.clone()) > BLOCK_BYTES;
        let heavy = self.columns.iter().zip(rows.columns).any(heavy);
        if !self.times.is_empty() && (heavy || self.times.len() + room > BLOCK_ROWS) {
            self.end_block(base, out);
        }
    }

    fn append(&mut self, rows: &Rows<'_>, range: Range<usize>) {
        self.times.extend_from_slice(&rows.times[range.clone()]);
        for (column, values) in self.columns.iter_mut().zip(rows.columns) {
            column.extend_range(values, range.clone());
        }
    }

    fn close_packed(&mut self) {
        self.parts.page_series.push(std::mem::take(&mut self.open_series));
        let rows = std::mem::take(&mut self.open_rows);
        self.close_page(rows);
    }

    /// Notes that the last `rows` rows of the block are a page.
    fn close_page(&mut self, rows: usize) {
        let start = self.times.len() - rows;
        let times = &self.times[start..];
        self.parts.first.push(times.iter().copied().min().unwrap_or_default());
        self.parts.last.push(times.iter().copied().max().unwrap_or_default());
        self.parts.rows.push(rows as u32);
        self.pages.push(rows);
        for (directory, values) in self.parts.columns[1..].iter_mut().zip(&self.columns) {
            if let Some(stats) = &mut directory.stats {
                let mut page = Values::new(values.field_type());
                page.extend_range(values, start..start + rows);
                stats.push(&page);
            }
        }
    }

    fn end_block(&mut self, base: u64, out: &mut Vec<u8>) {
        let start = out.len();
        self.parts.block_offsets.push(base + start as u64);
        self.parts.block_pages.push(self.pages.len() as u64);
        let at = out.len();
        let pages = codec::encode_times(&self.times, &self.pages, self.level, out);
        note(&mut self.parts.columns[0], &pages, 0, &out[at..]);
        for (directory, values) in self.parts.columns[1..].iter_mut().zip(&self.columns) {
            let at = out.len();
            let pages = encode(values, &self.pages, self.level, out);
            note(directory, &pages, (at - start) as u64, &out[at..]);
        }
        self.pages.clear();
        self.times.clear();
        self.columns = self.types.iter().map(|&t| Values::new(t)).collect();
    }

    /// Ends the group.
    pub(super) fn finish(mut self, base: u64, out: &mut Vec<u8>) -> GroupParts {
        if self.open_rows > 0 {
            self.close_packed();
        }
        if !self.times.is_empty() {
            self.end_block(base, out);
        }
        self.parts
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> u64 {
        self.parts.rows.iter().map(|&rows| u64::from(rows)).sum::<u64>() + self.open_rows as u64
    }
}

fn note(directory: &mut ColumnDirectory, pages: &Pages, start: u64, bytes: &[u8]) {
    directory.starts.push(start);
    directory.headers.push(u64::from(pages.header_len));
    directory.crcs.push(crc32(bytes));
    directory.lens.extend(pages.page_lens.iter().map(|&len| u64::from(len)));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(step: i64, rows: usize) -> (Option<i64>, usize) {
        let times: Vec<i64> = (0..rows as i64).map(|i| 1_600_000_000 * SECOND + i * step).collect();
        let pages = windows(&times);
        assert!(pages.iter().all(|page| (1..=PAGE_ROWS).contains(&page.len())));
        assert_eq!(pages.iter().map(ExactSizeIterator::len).sum::<usize>(), rows);
        (window_of(&times), pages.len())
    }

    #[test]
    fn windows_fill_pages() {
        assert_eq!(cut(10 * SECOND, 25_920), (Some(HOUR), 73));
        assert_eq!(cut(SECOND, 36_000).0, Some(300 * SECOND));
        assert_eq!(cut(60 * SECOND, 10_080).0, Some(6 * HOUR));
        assert_eq!(cut(1_000, 10_000), (Some(SECOND), 3));
        assert_eq!(cut(24 * HOUR, 300).0, None);
    }
}
