//! What readers see: a [`View`] is an immutable picture of some shards.
//!
//! A reader asks the view for the names in it (measurements, fields, tags), for the [`SeriesSet`] that fulfils a
//! [`TagCondition`], and opens a [`Scan`] over some fields and a time range. The scan gives, for one series in one shard,
//! its [`Cut`]s: stretches of time that do not overlap, in time order. A cut that is one page answers with the page's
//! statistics; where pages or runs overlap, its leaves do, if they have no time in common; else the cut merges them (the later
//! slot wins, field by field) when its columns are asked for.
//!
//! Nothing here blocks a writer, and files that a view names stay until it is dropped.
//!
//! * `condition` – tests of tags, on an index; `series` – series of all sources; `union` – merges them by key
//! * `source` – segments and runs as pieces of rows; `arrange` – pieces to cuts; `cut` – merges pieces; `clash` – times in common
//! * `sweep` – many series at once, page by page; `reach` – which series are worth a cut; `footprint` – how much there is to read
//! * `ends` – last rows of many series; `scan` – the walk; `bands` – all series of a segment at once; `deleted` – what deletes leave of a segment

mod arrange;
mod bands;
mod clash;
mod condition;
mod cut;
mod deleted;
mod ends;
mod footprint;
mod reach;
mod scan;
mod series;
mod source;
mod stats;
mod sweep;
#[cfg(test)]
pub(crate) mod tests;
mod union;

pub use bands::Band;
pub(crate) use condition::matching;
pub use condition::{TagCondition, TagTest};
pub use cut::Cut;
pub use ends::LastRows;
pub use footprint::Footprint;
pub use scan::{LastOf, Scan};
pub use series::SeriesSet;
pub use stats::{Bounds, NumberStats, Scalar, Stats};
pub use sweep::{Block, SeriesRows, Sweep};

use crate::cache::{Cache, Key, Kind};
use crate::delete::Tombstone;
use crate::engine::ShardSpan;
use crate::error::StorageError;
use crate::run::sorted::SortedRun;
use crate::segment::Segment;
use crate::segment::index::{TagColumn, TagIndex};
use deleted::Left;
use model::{FieldType, Text, TimeRange};
use source::{Source, SourceKind};
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

/// Asked before work that may take long, with about how many series or values it looks at, and now and then meanwhile, with 0: fails if the
/// work is not wanted, or not here.
pub type Check<'c, E> = &'c dyn Fn(usize) -> Result<(), E>;

/// Series between two looks at whether the work is wanted any longer.
const LOOK: usize = 1 << 12;

/// The sources of one shard.
#[derive(Clone, Debug)]
pub(crate) struct ShardSource {
    /// The shard.
    pub(crate) span: ShardSpan,
    /// Its segments, ascending by slots.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Its rows in memory, ascending by slots, all above the segments'.
    pub(crate) runs: Vec<Arc<SortedRun>>,
    /// What is deleted of the segments, ascending by slots.
    pub(crate) tombstones: Vec<Arc<Tombstone>>,
}

/// An immutable picture of some shards, ascending by time.
#[derive(Clone, Debug)]
pub struct View {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    spans: Vec<ShardSpan>,
    shards: Vec<ShardSource>,
    cache: Arc<Cache>,
}

/// The index of a run's table, and the run that it is of: the weak reference keeps another run from taking its address.
#[derive(Debug)]
struct RunIndex {
    run: Weak<SortedRun>,
    index: Arc<TagIndex>,
}

impl View {
    /// A picture made of these shards, ascending by time.
    pub(crate) fn new(shards: Vec<ShardSource>, cache: Arc<Cache>) -> Self {
        Self { inner: Arc::new(Inner { spans: shards.iter().map(|shard| shard.span).collect(), shards, cache }) }
    }

    /// The shards, ascending by time.
    #[must_use]
    pub fn shards(&self) -> &[ShardSpan] {
        &self.inner.spans
    }

    /// The measurements that have a row, sorted.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn measurements(&self) -> Result<Vec<Text>, StorageError> {
        let mut names = BTreeSet::new();
        for shard in &self.inner.shards {
            for segment in &shard.segments {
                for (at, entry) in segment.contents()?.measurements.iter().enumerate() {
                    if !names.contains(&entry.name) && self.is_left(shard, segment, at)? {
                        names.insert(entry.name.clone());
                    }
                }
            }
            names.extend(shard.runs.iter().flat_map(|run| &run.tables).map(|table| table.measurement.clone()));
        }
        Ok(names.into_iter().collect())
    }

    /// Whether a measurement has a row. Segments that are known not to have it are not read.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn has_measurement(&self, measurement: &[u8]) -> Result<bool, StorageError> {
        for source in self.sources(measurement)? {
            let has = match (&source.kind, &source.deleted) {
                (SourceKind::Segment(segment, at), Some(deleted)) => deleted.has_rows(segment, *at)?,
                _ => true,
            };
            if has {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a measurement (its place in the contents) of a segment has a row.
    fn is_left(&self, shard: &ShardSource, segment: &Arc<Segment>, at: usize) -> Result<bool, StorageError> {
        match deleted::of(shard, segment, at, &self.inner.cache)? {
            Left::All => Ok(true),
            Left::Some(deleted) => deleted.has_rows(segment, at),
            Left::Nothing => Ok(false),
        }
    }

    /// Whether deletes take no row of any segment.
    pub(crate) fn is_unhurt(&self) -> Result<bool, StorageError> {
        for shard in &self.inner.shards {
            for segment in &shard.segments {
                for at in 0..segment.contents()?.measurements.len() {
                    if !matches!(deleted::of(shard, segment, at, &self.inner.cache)?, Left::All) {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// The fields of a measurement over all shards, sorted by name, then type (one entry a type where shards differ).
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn fields(&self, measurement: &[u8]) -> Result<Vec<(Text, FieldType)>, StorageError> {
        let mut fields = BTreeSet::new();
        for source in self.sources(measurement)? {
            match &source.kind {
                SourceKind::Segment(segment, at) => {
                    let contents = segment.contents()?;
                    let all = &contents.measurements[*at].fields;
                    let live = source.deleted.as_ref().map(|deleted| deleted.fields(segment, *at)).transpose()?;
                    let is_live = |at: usize| live.is_none_or(|live| live[at]);
                    let shown = all.iter().enumerate().filter(|(at, _)| is_live(*at));
                    fields.extend(shown.map(|(_, key)| (key.name.clone(), key.field_type)));
                }
                SourceKind::Run(run, at) => {
                    fields.extend(run.tables[*at].columns.iter().map(|(key, _)| (key.name.clone(), key.field_type)));
                }
            }
        }
        Ok(fields.into_iter().collect())
    }

    /// The tag keys of a measurement, sorted.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn tag_keys(&self, measurement: &[u8]) -> Result<Vec<Text>, StorageError> {
        let mut keys = BTreeSet::new();
        for source in self.sources(measurement)? {
            match &source.kind {
                SourceKind::Segment(segment, at) if source.deleted.is_none() => {
                    keys.extend(segment.tag_keys(*at)?.iter().cloned());
                }
                _ => keys.extend(source.tag_keys(&*self.index(&source)?)?),
            }
        }
        Ok(keys.into_iter().collect())
    }

    /// The least and the greatest time (ns) of a row of the measurement; `None` if it has none. May be wider than the truth.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn time_bounds(&self, measurement: &[u8]) -> Result<Option<TimeRange>, StorageError> {
        let mut bounds: Option<TimeRange> = None;
        for source in self.sources(measurement)? {
            let range = source.range()?;
            bounds = Some(bounds.map_or(range, |bounds| bounds.union(&range)));
        }
        Ok(bounds.filter(|bounds| !bounds.is_empty()))
    }

    /// The series of a measurement that fulfil a condition, in the order of their canonical keys.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn series(&self, measurement: &[u8], condition: &TagCondition) -> Result<SeriesSet, StorageError> {
        self.series_with(measurement, condition, &|_| Ok(()))
    }

    /// The same; `check` is asked before each part of the work with about how many series it looks at.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, or `check` fails.
    pub fn series_with<E: From<StorageError>>(
        &self,
        measurement: &[u8],
        condition: &TagCondition,
        check: Check<'_, E>,
    ) -> Result<SeriesSet, E> {
        let mut sources = Vec::new();
        for source in self.sources(measurement)? {
            let index = self.index_with(&source, check)?;
            sources.push((source, index));
        }
        SeriesSet::merge(measurement, sources, condition, (&self.inner.cache, check))
    }

    /// The distinct values that a tag has in the series of a measurement that fulfil a condition, sorted; the first `most`.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn tag_values(
        &self,
        measurement: &[u8],
        key: &[u8],
        condition: &TagCondition,
        most: usize,
    ) -> Result<Vec<Text>, StorageError> {
        let sources = self.sources(measurement)?;
        if !matches!(condition, TagCondition::True) || sources.iter().any(|source| source.deleted.is_some()) {
            let values = self.series(measurement, condition)?.tag_column(key).0;
            return Ok(values.into_iter().filter(|value| !value.is_empty()).take(most).collect());
        }
        // Every value of a dictionary occurs in a series of its index.
        let mut columns: Vec<Arc<TagColumn>> = Vec::new();
        for source in &sources {
            columns.extend(match &source.kind {
                SourceKind::Segment(segment, at) => segment.tag_column(*at, key)?,
                SourceKind::Run(..) => self.index(source)?.shared_column(key),
            });
        }
        columns.sort_unstable_by_key(Arc::as_ptr);
        columns.dedup_by_key(|column| Arc::as_ptr(column));
        let columns: Vec<&TagColumn> = columns.iter().map(|column| &**column).collect();
        let mut values: Vec<Text> = Vec::new();
        union::each_value(&columns, |_, value| {
            let is_new = values.last().is_none_or(|last| **last != *value);
            if is_new && values.len() < most {
                values.push(value.into());
            }
            values.len() < most
        });
        Ok(values)
    }

    /// Opens a scan of some fields in a time range. A field that a shard does not have with that type has no values there.
    /// The set must be one of this view.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn scan<'v>(
        &'v self,
        set: &'v SeriesSet,
        fields: &[(Text, FieldType)],
        range: TimeRange,
    ) -> Result<Scan<'v>, StorageError> {
        Scan::open(set, fields, range)
    }

    /// Reads all segments of the view, past the cache, and checks every checksum and page; gives what is damaged.
    #[must_use]
    pub fn verify(&self) -> Vec<StorageError> {
        let fresh = |segment: &Arc<Segment>| segment.with_cache(Arc::new(Cache::new(1 << 20))).verify().err();
        self.inner.shards.iter().flat_map(|shard| &shard.segments).filter_map(fresh).collect()
    }

    #[cfg(test)]
    pub(crate) fn segments(&self, shard: usize) -> Vec<Arc<Segment>> {
        self.inner.shards[shard].segments.clone()
    }

    /// Who has rows of a measurement: shard after shard, in each ascending by slots.
    fn sources(&self, measurement: &[u8]) -> Result<Vec<Source>, StorageError> {
        let mut sources = Vec::new();
        for (shard, parts) in self.inner.shards.iter().enumerate() {
            for segment in &parts.segments {
                let Some(at) = segment.find(measurement)? else { continue };
                let deleted = match deleted::of(parts, segment, at, &self.inner.cache)? {
                    Left::All => None,
                    Left::Some(deleted) => Some(deleted),
                    Left::Nothing => continue,
                };
                sources.push(Source { shard, kind: SourceKind::Segment(segment.clone(), at), deleted });
            }
            for run in &parts.runs {
                if let Ok(at) = run.tables.binary_search_by(|table| (*table.measurement).cmp(measurement)) {
                    sources.push(Source { shard, kind: SourceKind::Run(run.clone(), at), deleted: None });
                }
            }
        }
        Ok(sources)
    }

    fn index(&self, source: &Source) -> Result<Arc<TagIndex>, StorageError> {
        self.index_with(source, &|_| Ok(()))
    }

    fn index_with<E: From<StorageError>>(&self, source: &Source, check: Check<'_, E>) -> Result<Arc<TagIndex>, E> {
        let (run, at) = match &source.kind {
            SourceKind::Segment(segment, at) => return Ok(segment.index(*at)?),
            SourceKind::Run(run, at) => (run, *at),
        };
        let owner = Arc::as_ptr(run).addr() as u64;
        let key = Key { owner, kind: Kind::RunIndex, place: [at as u32, 0, 0, 0] };
        if let Some(known) = self.inner.cache.get::<RunIndex>(&key)
            && std::ptr::eq(known.run.as_ptr(), Arc::as_ptr(run))
        {
            return Ok(known.index.clone());
        }
        check(run.tables[at].starts.len())?;
        // An index of a million series takes a second.
        let mut failed = None;
        let keys = run.tables[at].series.keys().enumerate().map_while(|(number, key)| {
            if number % LOOK == 0 {
                failed = check(0).err();
            }
            failed.is_none().then_some(key)
        });
        let index = Arc::new(TagIndex::build(keys));
        if let Some(failed) = failed {
            return Err(failed);
        }
        let entry = RunIndex { run: Arc::downgrade(run), index: index.clone() };
        self.inner.cache.put(key, Arc::new(entry), index.bytes());
        Ok(index)
    }
}

impl Source {
    /// Bounds of the times of its rows; empty if it has none.
    fn range(&self) -> Result<TimeRange, StorageError> {
        match &self.kind {
            SourceKind::Segment(segment, at) => Ok(segment.contents()?.measurements[*at].range),
            SourceKind::Run(run, at) => Ok(run.tables[*at].range()),
        }
    }
}
