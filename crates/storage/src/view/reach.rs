//! Which series have rows in a range of time: bounds of pages tell, and timestamps where these do not. So a reader that wants the first rows
//! of a million series passes over all others without a cut of any, at a nanosecond or so a row.
//!
//! Deletes are not looked at: a series may be named whose rows are gone.

use super::scan::{Scan, clip};
use super::source::Opened;
use crate::error::StorageError;
use crate::segment::directory::Group;
use model::TimeRange;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

/// The part of a page's rows that series are at least for all of its times to be looked at first (one in so many).
const FEW: usize = 32;
/// Times that are compared before it is asked whether one fitted.
const STEP: usize = 512;

impl Scan<'_> {
    /// For each source of a shard (its index in [`super::View::shards`]) that is read the bounds of its times, and its rows.
    #[must_use]
    pub fn spread(&self, shard: usize) -> Vec<(TimeRange, u64)> {
        let rows = |opened: &Opened| match opened {
            Opened::Segment { directory, .. } => directory.groups.iter().map(Group::total_rows).sum(),
            Opened::Run { run, table, .. } => run.tables[*table].times.len() as u64,
        };
        self.read(shard).map(|(at, opened)| (self.ranges[at], rows(opened))).collect()
    }

    /// Those of some series (numbers in the set) that may have a row in a range, ascending.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn reaching(
        &self,
        shard: usize,
        range: &TimeRange,
        series: RangeInclusive<usize>,
    ) -> Result<Vec<usize>, StorageError> {
        let range = range.intersect(&self.range);
        let mut found = Vec::new();
        for (at, opened) in self.read(shard).filter(|(at, _)| self.ranges[*at].overlaps(&range)) {
            let locals = self.set.locals(at, &series);
            if !locals.is_empty() {
                self.reach(opened, &locals, &range, &mut |local| found.extend(self.set.series_of(at, local)))?;
            }
        }
        // Several sources name a series, and several groups of one.
        if !found.is_sorted_by(|left, right| left < right) {
            found.sort_unstable();
            found.dedup();
        }
        Ok(found)
    }

    /// Gives those of a source's series that may have a row in a range.
    fn reach(
        &self,
        opened: &Arc<Opened>,
        locals: &Range<u32>,
        range: &TimeRange,
        give: &mut dyn FnMut(u32),
    ) -> Result<(), StorageError> {
        match &**opened {
            Opened::Segment { directory, columns, .. } => {
                for (number, (group, columns)) in directory.groups.iter().zip(columns).enumerate() {
                    let place = |local: u32| group.series.partition_point(|&other| other < local);
                    let places = place(locals.start)..place(locals.end);
                    if columns.is_empty() || places.is_empty() {
                        continue;
                    }
                    match group.packed {
                        true => self.reach_packed(opened, (number, group), places, range, give)?,
                        false => reach_long(group, places, range, give),
                    }
                }
            }
            Opened::Run { run, table, .. } => {
                let table = &run.tables[*table];
                let rows = table.starts[locals.start as usize] as usize..table.starts[locals.end as usize] as usize;
                if any_within(&table.times[rows], range) {
                    let has = |local: &u32| !clip(&table.times, table.rows(*local as usize), range).is_empty();
                    locals.clone().filter(has).for_each(give);
                }
            }
        }
        Ok(())
    }

    /// The same of some series of a packed group (their places in it), page after page.
    fn reach_packed(
        &self,
        opened: &Arc<Opened>,
        (number, group): (usize, &Group),
        mut places: Range<usize>,
        range: &TimeRange,
        give: &mut dyn FnMut(u32),
    ) -> Result<(), StorageError> {
        while !places.is_empty() {
            let (page, _) = group.rows_of(places.start);
            let inside = places.start..group.places_up_to(page, places.clone());
            places.start = inside.end;
            let bounds = TimeRange::new(group.first[page], group.last[page]);
            if !bounds.overlaps(range) {
                continue;
            }
            if range.covers(&bounds) {
                group.series[inside].iter().for_each(|&local| give(local));
                continue;
            }
            let times = self.packed_times(opened, number, page)?;
            // To look at all times of a page is cheap beside a look at each series, if many are asked about.
            let many = inside.len() >= times.len() / FEW;
            if !many || any_within(&times, range) {
                let has = |place: &usize| !clip(&times, group.rows_of(*place).1, range).is_empty();
                inside.filter(has).for_each(|place| give(group.series[place]));
            }
        }
        Ok(())
    }
}

/// Of a group of long series: by the bounds of pages.
fn reach_long(group: &Group, places: Range<usize>, range: &TimeRange, give: &mut dyn FnMut(u32)) {
    let pages = group.pages_of(places.start).start..group.pages_of(places.end - 1).end;
    let bounds = |pages: Range<usize>| group.first[pages.clone()].iter().zip(&group.last[pages]);
    let overlaps = |(&first, &last): (&i64, &i64)| first <= range.end && last >= range.start;
    if bounds(pages).any(overlaps) {
        let has = |place: &usize| bounds(group.pages_of(*place)).any(overlaps);
        places.filter(has).for_each(|place| give(group.series[place]));
    }
}

/// Whether one of some times lies in a range.
fn any_within(times: &[i64], range: &TimeRange) -> bool {
    let within = |times: &[i64]| times.iter().map(|&time| u32::from(range.contains(time))).sum::<u32>() > 0;
    times.chunks(STEP).any(within)
}
