//! A scan: finds the pieces of a series in all sources of a shard and arranges them into cuts.

use super::cut::Cut;
use super::series::SeriesSet;
use super::source::{Fields, Opened, Piece, Place, Times};
use super::{View, arrange};
use crate::error::StorageError;
use crate::segment::directory::Group;
use model::{FieldType, Text, TimeRange};
use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

/// Gives the last instant (ns) of the bucket that an instant lies in.
pub type LastOf<'a> = &'a dyn Fn(i64) -> i64;

/// Rows of a run that make one piece at most.
const RUN_PIECE: usize = 4_096;
/// And the bytes of their strings, if they are several: columns of a piece are copied whole.
const RUN_BYTES: usize = 1 << 20;

/// A walk over some fields of the series of a set, in a time range.
#[derive(Debug)]
pub struct Scan<'v> {
    pub(super) set: SeriesSet,
    pub(super) fields: Arc<[FieldType]>,
    pub(super) range: TimeRange,
    /// For each source of the set; `None` if it has nothing for this scan.
    pub(super) opened: Vec<Option<Arc<Opened>>>,
    /// For each source of the set the bounds of its times.
    pub(super) ranges: Vec<TimeRange>,
    /// For each shard which of the sources are its.
    pub(super) by_shard: Vec<Range<usize>>,
    /// The times of the packed page that was read last: series after series it is the same one.
    packed: RefCell<Option<Packed>>,
    view: PhantomData<&'v View>,
}

/// A packed page of a source, a group and a number, and its times.
#[derive(Debug)]
struct Packed {
    opened: Arc<Opened>,
    group: usize,
    page: usize,
    times: Arc<Vec<i64>>,
}

impl<'v> Scan<'v> {
    pub(super) fn open(
        set: &'v SeriesSet,
        fields: &[(Text, FieldType)],
        range: TimeRange,
    ) -> Result<Self, StorageError> {
        let sources = &set.inner.sources;
        let ranges = sources.iter().map(super::source::Source::range).collect::<Result<Vec<_>, _>>()?;
        let by_name = Fields::new(fields);
        let open = |(source, own): (&super::source::Source, &TimeRange)| {
            if !own.overlaps(&range) {
                return Ok(None);
            }
            let opened = source.open(&by_name)?;
            Ok(opened.is_useful().then(|| Arc::new(opened)))
        };
        let opened = sources.iter().zip(&ranges).map(open).collect::<Result<_, StorageError>>()?;
        let fields = fields.iter().map(|(_, field_type)| *field_type).collect();
        Ok(Self {
            set: set.clone(),
            fields,
            range,
            opened,
            ranges,
            by_shard: set.by_shard(),
            packed: RefCell::default(),
            view: PhantomData,
        })
    }

    /// The cuts of one series (its number in the set) in one shard (its index in [`View::shards`]): they do not overlap,
    /// ascend by time, and each holds at least one row that may lie in the scan's range. Rows that have none of the
    /// scan's fields are not in any cut. A cut may reach beyond the range: the reader clips.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn cuts(&mut self, series: usize, shard: usize) -> Result<Vec<Cut>, StorageError> {
        self.coarse_cuts(series, shard, &|_| i64::MIN)
    }

    /// As [`Scan::cuts`], but pages of a source that lie inside the scan's range and in one bucket, and that nothing overlaps, make
    /// one cut, which answers from the statistics of all; [`Cut::pages`] has each of them. `last_of` gives the last instant (ns)
    /// of the bucket of an instant.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn coarse_cuts(&mut self, series: usize, shard: usize, last_of: LastOf<'_>) -> Result<Vec<Cut>, StorageError> {
        self.arranged((series, shard), &self.range, last_of)
    }

    /// As [`Scan::coarse_cuts`] with a single bucket, but only of pieces that reach into a part of the scan's range.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn cuts_within(&mut self, series: usize, shard: usize, part: &TimeRange) -> Result<Vec<Cut>, StorageError> {
        self.arranged((series, shard), &part.intersect(&self.range), &|_| i64::MAX)
    }

    fn arranged(
        &self,
        (series, shard): (usize, usize),
        range: &TimeRange,
        last_of: LastOf<'_>,
    ) -> Result<Vec<Cut>, StorageError> {
        let mut pieces = Vec::new();
        for (at, opened) in self.read(shard).filter(|(at, _)| self.ranges[*at].overlaps(range)) {
            let Some(local) = self.set.local(at, series) else { continue };
            let from = pieces.len();
            self.pieces((opened, local), range, last_of, &mut pieces)?;
            if let Some(deleted) = &self.set.inner.sources[at].deleted {
                deleted.cut(local, from, &mut pieces)?;
            }
        }
        Ok(arrange::cuts(pieces, &self.fields))
    }

    fn pieces(
        &self,
        (opened, local): (&Arc<Opened>, u32),
        range: &TimeRange,
        last_of: LastOf<'_>,
        out: &mut Vec<Piece>,
    ) -> Result<(), StorageError> {
        match &**opened {
            Opened::Segment { directory, columns, .. } => {
                for (number, (group, columns)) in directory.groups.iter().zip(columns).enumerate() {
                    if columns.is_empty() {
                        continue;
                    }
                    let Ok(at) = group.series.binary_search(&local) else { continue };
                    if group.packed {
                        self.packed((opened, number, group), group.rows_of(at), range, out)?;
                    } else {
                        pages((opened, number, group), group.pages_of(at), (range, last_of), out);
                    }
                }
            }
            Opened::Run { run, table, .. } => {
                let table = &run.tables[*table];
                let rows = table.rows(local as usize);
                let rows = clip(&table.times, rows, range);
                let mut start = rows.start;
                while start < rows.end {
                    let end = opened.fitting(start..rows.end.min(start + RUN_PIECE), RUN_BYTES);
                    out.push(piece(opened, Place::Table, start..end, &table.times));
                    start = end;
                }
            }
        }
        Ok(())
    }

    /// The rows of a series in a packed page: only their times tell where they are.
    fn packed(
        &self,
        (opened, number, group): (&Arc<Opened>, usize, &Group),
        (page, rows): (usize, Range<usize>),
        range: &TimeRange,
        out: &mut Vec<Piece>,
    ) -> Result<(), StorageError> {
        if !TimeRange::new(group.first[page], group.last[page]).overlaps(range) {
            return Ok(());
        }
        let times = self.packed_times(opened, number, page)?;
        let rows = clip(&times, rows, range);
        if !rows.is_empty() {
            out.push(piece(opened, Place::Pages { group: number as u32, page: page as u32, count: 1 }, rows, &times));
        }
        Ok(())
    }

    /// The times of a packed page.
    pub(super) fn packed_times(
        &self,
        opened: &Arc<Opened>,
        group: usize,
        page: usize,
    ) -> Result<Arc<Vec<i64>>, StorageError> {
        let mut last = self.packed.borrow_mut();
        let is_it = |last: &&Packed| last.group == group && last.page == page && Arc::ptr_eq(&last.opened, opened);
        if let Some(last) = last.as_ref().filter(is_it) {
            return Ok(last.times.clone());
        }
        let place = Place::Pages { group: group as u32, page: page as u32, count: 1 };
        let whole = Piece { opened: opened.clone(), place, rows: 0..0, range: TimeRange::ALL };
        let times = match whole.all_times()? {
            Times::Page(times) => times,
            Times::Table(_) => return Err(StorageError::Bug("a packed page of a table".to_owned())),
        };
        *last = Some(Packed { opened: opened.clone(), group, page, times: times.clone() });
        Ok(times)
    }
}

/// Pages of a series, those in one bucket as one piece.
fn pages(
    (opened, number, group): (&Arc<Opened>, usize, &Group),
    pages: Range<usize>,
    (range, last_of): (&TimeRange, LastOf<'_>),
    out: &mut Vec<Piece>,
) {
    let mut page = pages.start + group.last[pages.clone()].partition_point(|&last| last < range.start);
    while page < pages.end && group.first[page] <= range.end {
        let first = group.first[page];
        let mut count = 1;
        if page + 1 < pages.end && first >= range.start {
            let bucket = last_of(first).min(range.end);
            let others = &group.last[page..pages.end];
            // Pages are often as long as buckets.
            if others[1] <= bucket {
                count = others.partition_point(|&last| last <= bucket);
            }
        }
        out.push(Piece {
            opened: opened.clone(),
            place: Place::Pages { group: number as u32, page: page as u32, count: count as u32 },
            rows: 0..group.rows[page..page + count].iter().map(|&rows| rows as usize).sum(),
            range: TimeRange::new(first, group.last[page + count - 1]),
        });
        page += count;
    }
}

fn piece(opened: &Arc<Opened>, place: Place, rows: Range<usize>, times: &[i64]) -> Piece {
    let range = TimeRange::new(times[rows.start], times[rows.end - 1]);
    Piece { opened: opened.clone(), place, rows, range }
}

/// The rows whose times, which ascend, lie in a range of time.
pub(super) fn clip(times: &[i64], rows: Range<usize>, range: &TimeRange) -> Range<usize> {
    let own = &times[rows.clone()];
    let from = own.partition_point(|&time| time < range.start);
    let to = own.partition_point(|&time| time <= range.end);
    rows.start + from..rows.start + to.max(from)
}
