//! What a filter rules out by bounds of values alone: whole segments, series of a segment, pages.

use super::Job;
use crate::QueryError;
use crate::plan::{Bound, Input};
use crate::predicate::Predicate;
use crate::source::{Cut, Scan};
use crate::trace::Count;
use model::TimeRange;
use storage::Bounds;

/// Bounds of the values of an input, by those of the field of the scan that it is.
fn input_bounds(bound: &Bound, input: usize, of_field: impl Fn(usize) -> Bounds) -> Bounds {
    match &bound.inputs[input] {
        Input::Missing => Bounds::Nothing,
        other => bound.field(other).map_or(Bounds::Unknown, of_field),
    }
}

/// Whether a row of a cut may pass.
pub(crate) fn may_pass(job: &Job<'_>, filter: &Predicate, cut: &Cut) -> bool {
    let passes = filter.may_pass(&cut.range(), &|input| input_bounds(job.bound, input, |field| cut.bounds(field)));
    if !passes {
        cut.spared(Count::PagesPassedOver);
    }
    passes
}

/// Leaves out of the scan what of a shard has no row that passes the query's filter, whatever its series.
pub(crate) fn leave_out(job: &Job<'_>, scan: &mut Scan<'_>, shard: usize) {
    if matches!(job.bound.filter, Predicate::Always(_)) {
        return;
    }
    for band in scan.bands(shard) {
        let bounds = |input| input_bounds(job.bound, input, |field| scan.band_bounds(&band, field));
        if !job.bound.filter.may_pass(&band.range(), &bounds) {
            scan.spared(&band, None);
            scan.leave_out(&band);
        }
    }
}

/// The cuts of a series with rows in a range of time, in which a row may pass its filter; of several pages only where all rows pass.
pub(crate) fn passing_cuts(
    job: &Job<'_>,
    scan: &mut Scan<'_>,
    (series, shard): (usize, usize),
    range: &TimeRange,
    filter: &Predicate,
) -> Result<Vec<Cut>, QueryError> {
    let cuts = scan.cuts_within(series, shard, range)?;
    if matches!(filter, Predicate::Always(true)) {
        return Ok(cuts);
    }
    let mut passing = Vec::new();
    for cut in cuts {
        if !may_pass(job, filter, &cut) {
            continue;
        }
        match cut.pages() {
            None => passing.push(cut),
            Some(pages) => passing.extend(pages.into_iter().filter(|page| may_pass(job, filter, page))),
        }
    }
    Ok(passing)
}
