//! The sources of a shard in bands, for all series at once: where a band is one segment, the totals of its column groups answer
//! or rule out what else each series would be asked for.

use super::scan::Scan;
use super::source::Opened;
use super::stats::{Bounds, Stats};
use model::TimeRange;
use std::sync::Arc;

/// Sources of one shard whose times no other source of it overlaps, taken over all series of the scan's measurement.
#[derive(Clone, Debug)]
pub struct Band {
    sources: Vec<usize>,
    range: TimeRange,
}

impl Band {
    /// Bounds of its times (ns); may be wider than its rows, and reach beyond the scan's range.
    #[must_use]
    pub fn range(&self) -> TimeRange {
        self.range
    }
}

impl Scan<'_> {
    /// The bands of a shard (its index in [`super::View::shards`]), ascending.
    #[must_use]
    pub fn bands(&self, shard: usize) -> Vec<Band> {
        let mut sources: Vec<usize> = self.left(shard).collect();
        sources.sort_by_key(|&at| self.ranges[at].start);
        let mut bands: Vec<Band> = Vec::new();
        for at in sources {
            let range = self.ranges[at];
            match bands.last_mut().filter(|band| band.range.overlaps(&range)) {
                Some(band) => {
                    band.sources.push(at);
                    band.range = band.range.union(&range);
                }
                None => bands.push(Band { sources: vec![at], range }),
            }
        }
        bands
    }

    /// The figures of a field (its index in the scan's list) over all rows of a band, of all series, if they hold: one segment
    /// has all values, no delete touches it, and all its series are in the set. See [`super::Cut::stats`].
    #[must_use]
    pub fn band_stats(&self, band: &Band, field: usize) -> Option<Stats> {
        let mut having = self.having(band, field);
        let Some((at, opened)) = having.next() else {
            return Some(Stats { count: 0, first_time: band.range.start, last_time: band.range.end, numbers: None });
        };
        if having.next().is_some() || self.set.inner.sources[at].deleted.is_some() || !self.set.has_all(at) {
            return None;
        }
        let totals = opened.totals(field)?;
        totals.into_iter().reduce(|mut total, more| {
            total.add(&more);
            total
        })
    }

    /// Bounds of the numbers that a field (its index in the scan's list) has in a band.
    #[must_use]
    pub fn band_bounds(&self, band: &Band, field: usize) -> Bounds {
        let of_total = |total: Stats| match total.numbers {
            Some(numbers) => Bounds::Between(numbers.min, numbers.max),
            None => Bounds::Unknown,
        };
        let of_source = |(_, opened): (usize, &Opened)| match opened.totals(field) {
            Some(totals) => totals.into_iter().map(of_total).fold(Bounds::Nothing, Bounds::union),
            None => Bounds::Unknown,
        };
        self.having(band, field).map(of_source).fold(Bounds::Nothing, Bounds::union)
    }

    /// Pages of a field (its index in the scan's list), or of any, in a band.
    #[must_use]
    pub fn band_pages(&self, band: &Band, field: Option<usize>) -> usize {
        let opened = band.sources.iter().filter_map(|&at| self.opened[at].as_deref());
        opened.map(|opened| opened.page_count(field)).sum()
    }

    /// The sources of a band that may have a value of a field.
    fn having(&self, band: &Band, field: usize) -> impl Iterator<Item = (usize, &Opened)> {
        let opened = band.sources.iter().filter_map(|&at| Some((at, self.opened[at].as_deref()?)));
        opened.filter(move |(_, opened)| opened.has(field))
    }

    /// Reads a band no more.
    pub fn leave_out(&mut self, band: &Band) {
        band.sources.iter().for_each(|&at| self.opened[at] = None);
    }

    /// Whether a shard has anything that is read.
    #[must_use]
    pub fn has_left(&self, shard: usize) -> bool {
        self.left(shard).next().is_some()
    }

    /// The sources of a shard that are read, ascending by slots.
    pub(super) fn left(&self, shard: usize) -> impl Iterator<Item = usize> {
        self.read(shard).map(|(at, _)| at)
    }

    /// The same, opened.
    pub(super) fn read(&self, shard: usize) -> impl Iterator<Item = (usize, &Arc<Opened>)> {
        let sources = self.by_shard.get(shard).cloned().unwrap_or_default();
        sources.filter_map(|at| Some((at, self.opened[at].as_ref()?)))
    }
}
