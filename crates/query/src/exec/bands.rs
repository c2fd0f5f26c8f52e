//! All series of a segment at once: their totals, where one group has every series and everything lies in one bucket.

use super::cells::Walk;
use super::{Group, prune};
use crate::partial::Partial;
use crate::plan::Input;
use crate::predicate::Predicate;
use crate::source::Scan;
use storage::Band;

impl Walk<'_, '_> {
    /// Takes those bands of a shard whose statistics tell all that is asked, and leaves out those in which no row passes: the
    /// scan reads neither after that.
    pub(super) fn bands(&mut self, scan: &mut Scan<'_>, shard: usize, groups: &[Group]) {
        prune::leave_out(self.job, scan, shard);
        let [group] = groups else { return };
        if group.series.len() < self.job.set.len() || !matches!(self.job.bound.filter, Predicate::Always(true)) {
            return;
        }
        for band in scan.bands(shard) {
            if let Some((cell, partials)) = self.totals(scan, &band) {
                for (&call, partial) in self.all.clone().iter().zip(partials) {
                    self.cells.calls[call][cell].merge(self.job.plan.calls[call].function, partial);
                }
                for field in self.all.iter().filter_map(|&call| self.field(call)) {
                    scan.spared(&band, Some(field));
                }
                scan.leave_out(&band);
            }
        }
    }

    /// What all calls know of a band, and in which cell; `None` if statistics do not tell.
    fn totals(&self, scan: &Scan<'_>, band: &Band) -> Option<(usize, Vec<Partial>)> {
        let cell = self.lone_bucket(&band.range())?;
        let total = |call: usize| {
            let planned = &self.job.plan.calls[call];
            if matches!(self.job.bound.inputs[planned.reference], Input::Missing | Input::Tag(_)) {
                return Some(Partial::Empty);
            }
            let stats = scan.band_stats(band, self.field(call).filter(|_| self.suffice(planned.function))?)?;
            Partial::from_stats(planned.function, &stats)
        };
        Some((cell, self.all.iter().map(|&call| total(call)).collect::<Option<_>>()?))
    }
}
