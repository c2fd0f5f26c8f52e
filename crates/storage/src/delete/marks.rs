//! What tombstones take of one source: for each of them the series that fulfil its condition, as bits, and its range of time.

use super::Tombstone;
use crate::error::StorageError;
use crate::segment::index::TagIndex;
use crate::view::{TagCondition, matching};
use model::TimeRange;
use std::sync::Arc;

/// A set of a source's series, one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// No series of so many.
    pub(crate) fn none(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    /// Adds a series.
    pub(crate) fn set(&mut self, series: u32) {
        self.0[series as usize / 64] |= 1 << (series % 64);
    }

    /// Whether a series is in it.
    pub(crate) fn has(&self, series: u32) -> bool {
        self.0.get(series as usize / 64).is_some_and(|word| word >> (series % 64) & 1 == 1)
    }

    /// Whether no series is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    fn join(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    fn bytes(&self) -> u64 {
        self.0.len() as u64 * 8
    }
}

/// Times at which some series lose their rows.
#[derive(Clone, Debug)]
struct Mark {
    /// The series; `None` for all.
    series: Option<Bits>,
    range: TimeRange,
}

/// What is taken of a source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    list: Vec<Mark>,
    /// The series that a mark has; `None` for all.
    touched: Option<Bits>,
}

impl Marks {
    /// Evaluates tombstones on a source's index, which is asked for only if a condition needs it.
    ///
    /// # Errors
    /// The index cannot be read.
    pub(crate) fn new<'a>(
        tombstones: impl Iterator<Item = &'a Arc<Tombstone>>,
        index: impl Fn() -> Result<Arc<TagIndex>, StorageError>,
    ) -> Result<Self, StorageError> {
        let mut marks: Vec<Mark> = Vec::new();
        for tombstone in tombstones {
            let series = match &tombstone.deletion.condition {
                TagCondition::True => None,
                TagCondition::False => continue,
                condition => {
                    let index = index()?;
                    let mut bits = Bits::none(index.series);
                    let found = matching(&index, condition);
                    found.iter().for_each(|&series| bits.set(series));
                    if found.is_empty() {
                        continue;
                    }
                    (found.len() < index.series).then_some(bits)
                }
            };
            let range = tombstone.deletion.range;
            match (marks.iter_mut().find(|mark| mark.range == range), series) {
                (None, series) => marks.push(Mark { series, range }),
                (Some(mark), None) => mark.series = None,
                (Some(Mark { series: Some(known), .. }), Some(series)) => known.join(&series),
                (Some(_), Some(_)) => {}
            }
        }
        let mut all = marks.iter().map(|mark| mark.series.as_ref());
        let first = all.next().flatten().cloned();
        let touched = first.and_then(|first| {
            all.try_fold(first, |mut joined, bits| {
                joined.join(bits?);
                Some(joined)
            })
        });
        Ok(Self { list: marks, touched })
    }

    /// Whether nothing is taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether all rows at these times are taken, whatever their series is.
    pub(crate) fn takes_all(&self, range: &TimeRange) -> bool {
        covered(&self.joined(|mark| mark.series.is_none()), range)
    }

    /// The times at which a series loses its rows: ranges that neither overlap nor touch, ascending.
    pub(crate) fn ranges(&self, series: u32) -> Vec<TimeRange> {
        if self.touched.as_ref().is_some_and(|touched| !touched.has(series)) {
            return Vec::new();
        }
        self.joined(|mark| mark.series.as_ref().is_none_or(|bits| bits.has(series)))
    }

    fn joined(&self, chosen: impl Fn(&Mark) -> bool) -> Vec<TimeRange> {
        let mut ranges: Vec<TimeRange> =
            self.list.iter().filter(|mark| chosen(mark) && !mark.range.is_empty()).map(|mark| mark.range).collect();
        ranges.sort_unstable_by_key(|range| range.start);
        ranges.dedup_by(|next, last| {
            let joins = next.start <= last.end.saturating_add(1);
            if joins {
                last.end = last.end.max(next.end);
            }
            joins
        });
        ranges
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        let bits = self.list.iter().map(|mark| &mark.series).chain([&self.touched]);
        bits.map(|bits| 64 + bits.as_ref().map_or(0, Bits::bytes)).sum()
    }
}

/// Whether one of some ranges that do not touch covers all of a range.
pub(crate) fn covered(ranges: &[TimeRange], range: &TimeRange) -> bool {
    let at = ranges.partition_point(|taken| taken.end < range.start);
    ranges.get(at).is_some_and(|taken| taken.covers(range))
}

/// Whether some of a range is in one of some ranges that do not touch.
pub(crate) fn overlapped(ranges: &[TimeRange], range: &TimeRange) -> bool {
    let at = ranges.partition_point(|taken| taken.end < range.start);
    ranges.get(at).is_some_and(|taken| taken.overlaps(range))
}

/// Whether a time is in one of some ranges that do not touch.
pub(crate) fn is_taken(ranges: &[TimeRange], time: i64) -> bool {
    overlapped(ranges, &TimeRange::new(time, time))
}

/// The stretches of ascending times (`rows` of them) that are in none of some ranges.
pub(crate) fn left(times: &[i64], rows: std::ops::Range<usize>, ranges: &[TimeRange]) -> Vec<std::ops::Range<usize>> {
    let mut out = Vec::new();
    let mut from = rows.start;
    for range in ranges {
        let own = &times[from..rows.end];
        let to = from + own.partition_point(|&time| time < range.start);
        if from < to {
            out.push(from..to);
        }
        from += own.partition_point(|&time| time <= range.end);
    }
    if from < rows.end {
        out.push(from..rows.end);
    }
    out
}
