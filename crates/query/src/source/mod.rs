//! Where the rows of a SELECT come from: storage's shards, or another SELECT whose rows are in memory ([`rows`]).
//!
//! Operators read both through the same few questions: which series there are, which cuts of time a series has, and for a cut
//! its times, columns and, if kept, statistics. What storage is asked is written down in the query's trace, if it has one. Rows in memory have no statistics: they are reduced like decoded pages.

pub(crate) mod rows;
mod several;

use crate::exec::{Meter, admit};
use crate::predicate::tags_fulfil;
use crate::trace::{Count, Guard, Stage, Trace, count, enter};
use crate::{Context, QueryError};
use model::{Column, FieldType, TagSet, Text, Texts, TimeRange};
use rows::{RowCut, RowSet};
use several::Scans;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use storage::{Band, Bounds, Footprint, LastRows, SeriesSet, Stats, TagCondition, View};

/// A source of rows.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Shards of a policy.
    Stored(View, Option<Arc<Trace>>),
    /// The answer of a SELECT.
    Rows(Arc<RowSet>),
    /// Stored ones, that FROM names one after the other.
    Several(Arc<[Source]>),
}

impl Source {
    /// Whether rows are stored. A row of another SELECT counts even if none of its values is wanted.
    pub(crate) fn is_stored(&self) -> bool {
        !matches!(self, Self::Rows(_))
    }

    /// Whether all rows count, also those beyond the times that are asked for: a SELECT with calls has read only rows of
    /// these times, but a row of it has the time at which its bucket begins.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Rows(rows) if rows.whole)
    }

    /// The time of each shard, ascending.
    pub(crate) fn shards(&self) -> Vec<TimeRange> {
        match self {
            Self::Stored(view, _) => view.shards().iter().map(|shard| shard.range).collect(),
            Self::Rows(_) => vec![TimeRange::ALL],
            Self::Several(sources) => several::shards(sources),
        }
    }

    /// The least and the greatest time (ns) of a row of the measurement; may be wider than the truth.
    pub(crate) fn time_bounds(&self, measurement: &[u8]) -> Result<Option<TimeRange>, QueryError> {
        match self {
            Self::Stored(view, _) => Ok(view.time_bounds(measurement)?),
            Self::Rows(rows) => Ok(rows.time_bounds()),
            Self::Several(sources) => {
                let mut bounds: Option<TimeRange> = None;
                for source in sources.iter() {
                    let own = source.time_bounds(measurement)?;
                    bounds = bounds.into_iter().chain(own).reduce(|left, right| left.union(&right));
                }
                Ok(bounds)
            }
        }
    }

    /// The series that fulfil a condition, in order of their tags.
    pub(crate) fn series(
        &self,
        measurement: &[u8],
        condition: &TagCondition,
        context: &Context,
    ) -> Result<Series, QueryError> {
        match self {
            Self::Stored(view, trace) => {
                let _stage = enter(trace, Stage::Series);
                let set = view.series_with(measurement, condition, &|work| admit(context, work))?;
                if let Some(trace) = trace {
                    trace.add_set(&set);
                }
                Ok(Series::Stored(set))
            }
            Self::Rows(rows) => {
                let fits = |at: &usize| rows.has_passed(*at) || tags_fulfil(rows.tags(*at), condition);
                let chosen = (0..rows.len()).filter(fits).collect();
                Ok(Series::Rows(rows.clone(), chosen))
            }
            Self::Several(sources) => {
                let series = sources.iter().map(|source| source.series(measurement, condition, context));
                Ok(Series::Several(series.collect::<Result<_, _>>()?))
            }
        }
    }

    /// Reads fields of some series.
    pub(crate) fn scan<'v>(
        &'v self,
        series: &'v Series,
        fields: &[(Text, FieldType)],
        range: TimeRange,
    ) -> Result<Scan<'v>, QueryError> {
        match (self, series) {
            (Self::Stored(view, trace), Series::Stored(set)) => {
                let _stage = enter(trace, Stage::Cuts);
                Ok(Scan::Stored(view.scan(set, fields, range)?, trace.clone()))
            }
            (Self::Rows(rows), Series::Rows(_, chosen)) => {
                Ok(Scan::Rows { rows, chosen, reads: rows.reads(fields), range })
            }
            (Self::Several(sources), Series::Several(series)) => {
                Ok(Scan::Several(Scans::new(sources, series, fields, range)?))
            }
            // A list of series is read from the source that gave it.
            _ => Err(QueryError::Invalid("series of another source".to_owned())),
        }
    }
}

/// Some series of a source, numbered.
#[derive(Debug)]
pub(crate) enum Series {
    /// Stored ones.
    Stored(SeriesSet),
    /// Those of a SELECT: their places there.
    Rows(Arc<RowSet>, Vec<usize>),
    /// Those of several sources, one source's after the other's.
    Several(Vec<Series>),
}

impl Series {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Stored(set) => set.len(),
            Self::Rows(_, chosen) => chosen.len(),
            Self::Several(series) => series.iter().map(Self::len).sum(),
        }
    }

    /// Whether the rows of a series have passed the condition of the SELECT that reads them.
    pub(crate) fn has_passed(&self, series: usize) -> bool {
        matches!(self, Self::Rows(rows, chosen) if rows.has_passed(chosen[series]))
    }

    /// Memory that the list takes (bytes).
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Stored(set) => set.bytes(),
            Self::Rows(_, chosen) => chosen.len() * size_of::<usize>(),
            Self::Several(series) => series.iter().map(Self::bytes).sum(),
        }
    }

    pub(crate) fn tags(&self, series: usize) -> TagSet {
        match self {
            Self::Stored(set) => set.tags(series),
            Self::Rows(rows, chosen) => rows.tags(chosen[series]).clone(),
            Self::Several(all) => several::tags(all, series),
        }
    }

    /// The values of a tag of some series, of those that have it; their memory is counted before it is taken.
    pub(crate) fn tag_of(
        &self,
        key: &[u8],
        mut series: impl Iterator<Item = usize>,
        memory: &mut Meter,
    ) -> Result<Texts, QueryError> {
        if let Self::Several(all) = self {
            return several::tag_of(all, key, series, memory);
        }
        let mut texts = Texts::default();
        let mut give = |text: Option<&[u8]>| {
            memory.add(Texts::PLACE + text.map_or(0, <[u8]>::len))?;
            texts.push(text);
            Ok::<_, QueryError>(())
        };
        match self {
            Self::Stored(set) => set.tag_of(key, series, give)?,
            Self::Rows(rows, chosen) => series.try_for_each(|at| give(rows.tags(chosen[at]).get(key)))?,
            Self::Several(_) => {}
        }
        Ok(texts)
    }

    /// The different values of a tag, ascending, and for each series which it has; one that has none has the empty one.
    pub(crate) fn tag_column(&self, key: &[u8]) -> (Vec<Text>, Vec<u32>) {
        let (rows, chosen) = match self {
            Self::Stored(set) => return set.tag_column(key),
            Self::Rows(rows, chosen) => (rows, chosen),
            Self::Several(series) => return several::tag_column(series, key),
        };
        let value = |at: &usize| rows.tags(*at).get(key).unwrap_or_default();
        let mut numbers: BTreeMap<&[u8], u32> = chosen.iter().map(|at| (value(at), 0)).collect();
        numbers.values_mut().zip(0..).for_each(|(number, at)| *number = at);
        let column = chosen.iter().map(|at| numbers.get(value(at)).copied().unwrap_or(0)).collect();
        (numbers.into_keys().map(Text::from).collect(), column)
    }
}

/// A reader of some fields of some series.
pub(crate) enum Scan<'v> {
    /// Of stored ones.
    Stored(storage::Scan<'v>, Option<Arc<Trace>>),
    /// Of those of a SELECT.
    Rows {
        /// The rows.
        rows: &'v Arc<RowSet>,
        /// The series, by their places there.
        chosen: &'v [usize],
        /// Where each field is found.
        reads: Arc<[rows::Read]>,
        /// The times that are wanted.
        range: TimeRange,
    },
    /// Of those of several sources.
    Several(Scans<'v>),
}

impl Scan<'_> {
    /// Parts of a shard of which statistics are kept; see [`storage::Scan::bands`].
    pub(crate) fn bands(&self, shard: usize) -> Vec<Band> {
        match self {
            Self::Stored(scan, _) => scan.bands(shard),
            Self::Rows { .. } | Self::Several(_) => Vec::new(),
        }
    }

    /// The figures of a field in a band.
    pub(crate) fn band_stats(&self, band: &Band, field: usize) -> Option<Stats> {
        match self {
            Self::Stored(scan, trace) => {
                let _stage = enter(trace, Stage::Statistics);
                scan.band_stats(band, field)
            }
            Self::Rows { .. } | Self::Several(_) => None,
        }
    }

    /// Bounds of a field's values in a band.
    pub(crate) fn band_bounds(&self, band: &Band, field: usize) -> Bounds {
        match self {
            Self::Stored(scan, _) => scan.band_bounds(band, field),
            Self::Rows { .. } | Self::Several(_) => Bounds::Unknown,
        }
    }

    /// Does not read a band.
    pub(crate) fn leave_out(&mut self, band: &Band) {
        if let Self::Stored(scan, _) = self {
            scan.leave_out(band);
        }
    }

    /// Writes down that statistics of a field, or their bounds, spared all pages of a band.
    pub(crate) fn spared(&self, band: &Band, field: Option<usize>) {
        if let Self::Stored(scan, trace @ Some(_)) = self {
            let what = if field.is_some() { Count::PagesAnswered } else { Count::PagesPassedOver };
            count(trace, what, scan.band_pages(band, field));
        }
    }

    /// How much there is to read of it at most.
    pub(crate) fn footprint(&self) -> Result<Footprint, QueryError> {
        match self {
            Self::Stored(scan, _) => Ok(scan.footprint()?),
            Self::Rows { .. } => Ok(Footprint::default()),
            Self::Several(several) => {
                let mut all = Footprint::default();
                for scan in several.scans() {
                    all += scan.footprint()?;
                }
                Ok(all)
            }
        }
    }

    /// Whether anything of a shard is read.
    pub(crate) fn has_left(&self, shard: usize) -> bool {
        match self {
            Self::Stored(scan, _) => scan.has_left(shard),
            Self::Rows { .. } => true,
            Self::Several(several) => several.has_left(shard),
        }
    }

    /// The cuts of a series in a shard; see [`storage::Scan::coarse_cuts`].
    pub(crate) fn coarse_cuts(
        &mut self,
        series: usize,
        shard: usize,
        last_of: &dyn Fn(i64) -> i64,
    ) -> Result<Vec<Cut>, QueryError> {
        match self {
            Self::Stored(scan, trace) => {
                let _stage = enter(trace, Stage::Cuts);
                Ok(traced(trace, scan.coarse_cuts(series, shard, last_of)?))
            }
            Self::Rows { rows, chosen, reads, range } => {
                Ok(rows.cuts(chosen[series], reads, range).into_iter().map(Cut::Rows).collect())
            }
            Self::Several(several) => {
                several.cuts(series, shard, |scan, series, shard| scan.coarse_cuts(series, shard, last_of))
            }
        }
    }

    /// The same of what reaches into a part of the scan's range; see [`storage::Scan::cuts_within`].
    pub(crate) fn cuts_within(
        &mut self,
        series: usize,
        shard: usize,
        part: &TimeRange,
    ) -> Result<Vec<Cut>, QueryError> {
        match self {
            Self::Stored(scan, trace) => {
                let _stage = enter(trace, Stage::Cuts);
                Ok(traced(trace, scan.cuts_within(series, shard, part)?))
            }
            Self::Rows { rows, chosen, reads, .. } => {
                Ok(rows.cuts(chosen[series], reads, part).into_iter().map(Cut::Rows).collect())
            }
            Self::Several(several) => {
                several.cuts(series, shard, |scan, series, shard| scan.cuts_within(series, shard, part))
            }
        }
    }

    /// Which of some series may have a row in a range; see [`storage::Scan::reaching`].
    pub(crate) fn reaching(
        &self,
        shard: usize,
        range: &TimeRange,
        series: RangeInclusive<usize>,
    ) -> Result<Vec<usize>, QueryError> {
        match self {
            Self::Stored(scan, trace) => {
                let _stage = enter(trace, Stage::Cuts);
                Ok(scan.reaching(shard, range, series)?)
            }
            // Those of a SELECT are read as they are.
            Self::Rows { .. } => Ok(Vec::new()),
            Self::Several(several) => several.reaching(shard, range, &series),
        }
    }

    /// The last rows of some series, of those that have any without a cut; see [`storage::Scan::last_rows`].
    pub(crate) fn last_rows(&self, shard: usize, series: &[usize], context: &Context) -> Result<LastRows, QueryError> {
        match self {
            Self::Stored(scan, trace) => {
                let _stage = enter(trace, Stage::Reading);
                let rows = scan.last_rows(shard, series, &|work| admit(context, work))?;
                count(trace, Count::Rows, rows.times.len());
                Ok(rows)
            }
            Self::Rows { .. } | Self::Several(_) => Ok(LastRows::default()),
        }
    }

    /// Bounds of times, and numbers of rows; see [`storage::Scan::spread`].
    pub(crate) fn spread(&self, shard: usize) -> Vec<(TimeRange, u64)> {
        match self {
            Self::Stored(scan, _) => scan.spread(shard),
            Self::Rows { .. } => Vec::new(),
            Self::Several(several) => several.spread(shard),
        }
    }
}

/// Cuts, counted if somebody wants to know.
fn traced(trace: &Option<Arc<Trace>>, cuts: Vec<storage::Cut>) -> Vec<Cut> {
    if trace.is_some() {
        count(trace, Count::Cuts, cuts.len());
        count(trace, Count::CutsMerged, cuts.iter().filter(|cut| cut.is_merged()).count());
    }
    cuts.into_iter().map(|cut| Cut::Stored(cut, Traced::new(trace))).collect()
}

/// Who wants to know of a cut.
#[derive(Debug)]
pub(crate) struct Traced {
    trace: Option<Arc<Trace>>,
    /// Its rows are counted.
    counted: Cell<bool>,
}

impl Traced {
    fn new(trace: &Option<Arc<Trace>>) -> Self {
        Self { trace: trace.clone(), counted: Cell::new(false) }
    }

    fn parts(&self, cuts: Vec<storage::Cut>) -> Vec<Cut> {
        cuts.into_iter().map(|cut| Cut::Stored(cut, Self::new(&self.trace))).collect()
    }

    /// The stage that reads a cut.
    fn reading(&self, cut: &storage::Cut) -> Option<Guard<'_>> {
        enter(&self.trace, if cut.is_merged() { Stage::Merging } else { Stage::Reading })
    }

    /// Counts a cut's rows, the first time that it is read.
    fn count_rows(&self, rows: impl FnOnce() -> usize) {
        if self.trace.is_some() && !self.counted.replace(true) {
            count(&self.trace, Count::Rows, rows());
        }
    }
}

/// A stretch of time of one series.
#[derive(Debug)]
pub(crate) enum Cut {
    /// Of a stored one.
    Stored(storage::Cut, Traced),
    /// Of one of a SELECT.
    Rows(RowCut),
}

impl Cut {
    /// Begins a stage of the query's work on the cut, if somebody wants to know.
    pub(crate) fn stage(&self, stage: Stage) -> Option<Guard<'_>> {
        match self {
            Self::Stored(_, traced) => enter(&traced.trace, stage),
            Self::Rows(_) => None,
        }
    }

    /// Writes down that its pages need not be read: statistics have answered, or ruled them out.
    pub(crate) fn spared(&self, what: Count) {
        if let Self::Stored(cut, Traced { trace: trace @ Some(_), .. }) = self {
            count(trace, what, cut.page_count());
        }
    }

    /// Bounds of its times (ns).
    pub(crate) fn range(&self) -> TimeRange {
        match self {
            Self::Stored(cut, _) => cut.range(),
            Self::Rows(cut) => cut.range(),
        }
    }

    /// Upper bound of its rows.
    pub(crate) fn rows_max(&self) -> usize {
        match self {
            Self::Stored(cut, _) => cut.rows_max(),
            Self::Rows(cut) => cut.times().len(),
        }
    }

    /// The figures of a field, if they are kept; see [`storage::Cut::stats`].
    pub(crate) fn stats(&self, field: usize) -> Option<Stats> {
        match self {
            Self::Stored(cut, traced) => {
                let _stage = enter(&traced.trace, Stage::Statistics);
                cut.stats(field)
            }
            Self::Rows(_) => None,
        }
    }

    /// Parts that have no time in common; see [`storage::Cut::leaves`].
    pub(crate) fn leaves(&self, field: usize) -> Result<Option<Vec<Cut>>, QueryError> {
        match self {
            Self::Stored(cut, traced) => {
                let _stage = enter(&traced.trace, Stage::Merging);
                Ok(cut.leaves(field)?.map(|cuts| traced.parts(cuts)))
            }
            Self::Rows(_) => Ok(None),
        }
    }

    /// The pages of a cut of several; see [`storage::Cut::pages`].
    pub(crate) fn pages(&self) -> Option<Vec<Cut>> {
        match self {
            Self::Stored(cut, traced) => Some(traced.parts(cut.pages()?)),
            Self::Rows(_) => None,
        }
    }

    /// Those of its pages that reach into a range; see [`storage::Cut::pages_within`].
    pub(crate) fn pages_within(&self, range: &TimeRange) -> Option<Vec<Cut>> {
        match self {
            Self::Stored(cut, traced) => Some(traced.parts(cut.pages_within(range)?)),
            Self::Rows(_) => None,
        }
    }

    /// Bounds of a field's values.
    pub(crate) fn bounds(&self, field: usize) -> Bounds {
        match self {
            Self::Stored(cut, _) => cut.bounds(field),
            Self::Rows(_) => Bounds::Unknown,
        }
    }

    /// Whether several pieces overlap in it.
    pub(crate) fn is_merged(&self) -> bool {
        match self {
            Self::Stored(cut, _) => cut.is_merged(),
            Self::Rows(_) => false,
        }
    }

    /// Whether two fields fall into the same leaves.
    pub(crate) fn is_alike(&self, field: usize, other: usize) -> bool {
        match self {
            Self::Stored(cut, _) => cut.is_alike(field, other),
            Self::Rows(_) => field == other,
        }
    }

    /// The times of its rows (ns), ascending.
    pub(crate) fn times(&self) -> Result<Arc<Vec<i64>>, QueryError> {
        match self {
            Self::Stored(cut, traced) => {
                let _stage = traced.reading(cut);
                let times = cut.times()?;
                traced.count_rows(|| times.len());
                Ok(times)
            }
            Self::Rows(cut) => Ok(cut.times().clone()),
        }
    }

    /// Whether it may have values of a field.
    pub(crate) fn has(&self, field: usize) -> Result<bool, QueryError> {
        match self {
            Self::Stored(cut, traced) => {
                let _stage = traced.reading(cut);
                Ok(cut.has(field)?)
            }
            Self::Rows(cut) => Ok(cut.has(field)),
        }
    }

    /// Bytes of what it refers to; rows of a SELECT are charged as they come.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Stored(cut, _) => cut.bytes(),
            Self::Rows(_) => size_of::<Self>(),
        }
    }

    /// Bytes, about, of what it has read and keeps.
    pub(crate) fn kept(&self) -> usize {
        match self {
            Self::Stored(cut, _) => cut.kept(),
            Self::Rows(_) => 0,
        }
    }

    /// Keeps nothing of what was read.
    pub(crate) fn forget(&mut self) {
        if let Self::Stored(cut, _) = self {
            cut.forget();
        }
    }

    /// The values of a field.
    pub(crate) fn column(&self, field: usize) -> Result<Arc<Column>, QueryError> {
        match self {
            Self::Stored(cut, traced) => {
                let _stage = traced.reading(cut);
                Ok(cut.column(field)?)
            }
            Self::Rows(cut) => Ok(cut.column(field)),
        }
    }
}
