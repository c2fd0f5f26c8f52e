//! Accumulation on several threads: the groups of a batch, or where there are few the series of each, are cut into morsels, which
//! this thread and helpers take one after the other until none is left.
//!
//! How rows are cut does not depend on threads, nor does the order in which what is known of morsels is put together: the same
//! query over the same rows gives the same sums, to the last bit. Helpers are taken from a number that all queries share and only if
//! one is free, so that many clients are served side by side and not slower; a small query, and one that must end soon or
//! is watched stage by stage, has none.

use super::cells::{Cells, Chunk, Wanted, accumulate, collect};
use super::{Group, Job, sweep};
use crate::QueryError;
use crate::functions::Kernel;
use crate::plan::Call;
use crate::predicate::Predicate;
use parking_lot::Mutex;
use platform::clock::{Clock, SystemClock};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Series from which on a batch is cut.
const MANY: usize = 32;
/// Morsels that a batch is cut into at most.
const MORSELS: usize = 16;
/// Cells up to which series are cut: each morsel has all of them.
const FEW: usize = 1 << 12;
/// Groups from which on these are cut and not their series.
const GROUPS: usize = 8;

/// How long a query works alone (ns): to wake another thread costs a part of it.
const SMALL_NS: u64 = 1_000_000;

/// Threads that help queries now, all told.
static HELPING: AtomicUsize = AtomicUsize::new(0);

/// A helper's place among those that may help, given back on drop.
struct Place;

impl Place {
    /// One, if there are fewer than there are processors beside the one that asks.
    fn take() -> Option<Self> {
        let most = platform::process::cpus().saturating_sub(1);
        let more = |helping: usize| (helping < most).then_some(helping + 1);
        HELPING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        HELPING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Accumulates some groups over a chunk.
pub(crate) fn accumulate_all(
    job: &Job<'_>,
    groups: &[Group],
    chunk: &Chunk,
    wanted: &Wanted,
) -> Result<Cells, QueryError> {
    let series: usize = groups.iter().map(|group| group.series.len()).sum();
    let calls: Vec<usize> = (0..job.plan.calls.len()).collect();
    // A sweep reads pages, whatever their series: cut by series it would read them once for each morsel.
    if series < MANY || sweep::pays(job, &calls, wanted, series) {
        return accumulate(job, groups, chunk, wanted);
    }
    if groups.len() >= GROUPS {
        let morsels: Vec<&[Group]> = groups.chunks(groups.len().div_ceil(MORSELS)).collect();
        let parts = each(job, &morsels, &|morsel: &&[Group]| accumulate(job, morsel, chunk, wanted))?;
        return Cells::joined(parts).map_or_else(|| accumulate(job, groups, chunk, wanted), Ok);
    }
    let cells = groups.len() * chunk.count * calls.len();
    if cells > FEW || is_total(job, groups, chunk, wanted)? {
        return accumulate(job, groups, chunk, wanted);
    }
    let morsels = by_series(groups);
    let _grant = job.take(morsels.len().saturating_sub(1).saturating_mul(cells).saturating_mul(Cells::CELL))?;
    let mut parts = each(job, &morsels, &|morsel: &Vec<Group>| collect(job, morsel, chunk, wanted))?.into_iter();
    let Some(mut all) = parts.next() else { return accumulate(job, groups, chunk, wanted) };
    for part in parts {
        job.check_cancel()?;
        all.add(job, part);
    }
    all.finish(job)?;
    Ok(all)
}

/// Whether statistics of whole segments are likely to answer, which are of all series.
fn is_total(job: &Job<'_>, groups: &[Group], chunk: &Chunk, wanted: &Wanted) -> Result<bool, QueryError> {
    let [group] = groups else { return Ok(false) };
    let suffices = |call: &Call| {
        let function = call.function;
        matches!(function.entry.kernel, Kernel::Adding(_) | Kernel::Selecting(_)) && wanted.suffices(function)
    };
    let is_all = group.series.len() == job.set.len() && matches!(job.bound.filter, Predicate::Always(true));
    if !is_all || chunk.count > 1 || !job.plan.calls.iter().all(suffices) {
        return Ok(false);
    }
    let fields = job.plan.calls.iter().filter_map(|call| job.bound.field(&job.bound.inputs[call.reference]));
    let Some(field) = fields.into_iter().next() else { return Ok(false) };
    // They are not where rows are in memory, or late.
    let scan = job.table.source.scan(job.set, &job.bound.scan, chunk.range)?;
    let mut shards = job.table.source.shards().into_iter().enumerate();
    let known = |shard: usize| scan.bands(shard).iter().any(|band| scan.band_stats(band, field).is_some());
    Ok(shards.any(|(shard, times)| times.overlaps(&chunk.range) && known(shard)))
}

/// The same groups again and again, each time with a part of the series of each.
fn by_series(groups: &[Group]) -> Vec<Vec<Group>> {
    let part = |group: &Group, number: usize| {
        let share = group.series.len().div_ceil(MORSELS);
        let series = group.series.iter().skip(number * share).take(share).copied().collect();
        Group { values: Vec::new(), series }
    };
    let morsels = (0..MORSELS).map(|number| groups.iter().map(|group| part(group, number)).collect());
    morsels.filter(|groups: &Vec<Group>| groups.iter().any(|group| !group.series.is_empty())).collect()
}

/// Gives each morsel to some thread, and what comes of them, in their order; the first error if there is one.
fn each<M: Sync>(
    job: &Job<'_>,
    morsels: &[M],
    work: &(dyn Fn(&M) -> Result<Cells, QueryError> + Sync),
) -> Result<Vec<Cells>, QueryError> {
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<Result<Cells, QueryError>>>> = morsels.iter().map(|_| Mutex::new(None)).collect();
    let take_one = || {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some((morsel, slot)) = morsels.get(at).zip(done.get(at)) else { return false };
        let cells = work(morsel);
        if cells.is_err() {
            next.store(morsels.len(), Ordering::Relaxed);
        }
        *slot.lock() = Some(cells);
        true
    };
    let clock = SystemClock::new();
    let alone = job.context.deadline.is_some() || job.context.trace.is_some();
    while alone || clock.monotonic_ns() < SMALL_NS {
        if !take_one() {
            break;
        }
    }
    let left = morsels.len().saturating_sub(next.load(Ordering::Relaxed));
    let places: Vec<Place> = (1..left).map_while(|_| Place::take()).collect();
    if left > 0 {
        platform::thread::helped("query-helper", places.len(), &|| while take_one() {});
    }
    drop(places);
    let mut cells = Vec::with_capacity(morsels.len());
    for slot in done {
        match slot.into_inner() {
            Some(part) => cells.push(part?),
            // Another one failed first: its error comes.
            None => continue,
        }
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_in_one_morsel_however_uneven_groups_are() {
        let group = |series: std::ops::Range<usize>| Group { values: Vec::new(), series: series.collect() };
        for groups in [vec![group(0..400), group(400..401), group(401..401)], vec![group(0..33)]] {
            let morsels = by_series(&groups);
            assert!(morsels.iter().all(|groups| groups.iter().any(|group| !group.series.is_empty())));
            for (at, group) in groups.iter().enumerate() {
                let parts: Vec<usize> = morsels.iter().flat_map(|morsel| morsel[at].series.clone()).collect();
                assert_eq!(parts, group.series);
            }
        }
    }
}
