//! Limits on the series of a database and on the values of a tag, as InfluxDB has them; none unless they are configured.
//!
//! For a database with limits its series and tag values are kept as hashes: filled from a view of all its shards with the
//! first write, dropped whenever rows are taken away by something else than a write. Rows of series beyond a limit are cut
//! out of the batch; series that are there already go on. Batches that are on their way while the hashes are filled are
//! not among them, so a database may get a few more series than the limit. It does not end up with fewer: when rows of new series
//! were refused for another reason, what there is gets counted again before the limit refuses any, though at most a tenth of the time.
//! Where not all can be counted, as a file is lost, nothing is refused: a limit must not stop the writes that go on beside damage.

use super::{WriteError, reach};
use crate::node::Inner;
use model::{Batch, KeyText, Table, TimeRange, series_key};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use storage::{ErrorKind, StorageError, TagCondition};

/// Limits of each database; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeriesLimits {
    /// Series of the database, in all its policies.
    pub series: usize,
    /// Values of one tag of one measurement.
    pub values: usize,
}

impl SeriesLimits {
    fn any(self) -> bool {
        self.series > 0 || self.values > 0
    }
}

/// What the databases have, of which something was written since the limits were last forgotten.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    limits: SeriesLimits,
    hashers: [RandomState; 2],
    databases: Mutex<BTreeMap<String, Known>>,
    /// Those of which some series may be counted that were never stored.
    doubted: Mutex<BTreeSet<String>>,
}

/// What one database has.
#[derive(Debug, Default)]
struct Known {
    series: HashSet<u128>,
    /// By measurement and tag key, the values.
    values: HashMap<u128, HashSet<u128>>,
    /// Not all could be counted.
    is_partial: bool,
    /// When it may be counted again (monotonic, ns).
    again: u64,
}

/// Counting takes one part in so many of the time at most.
const RARELY: u64 = 10;
/// How long it is not tried again to count where not all can be read (ns).
const PAUSE_NS: u64 = 10_000_000_000;

/// What limits leave of a batch.
struct Admitted {
    /// For each table the rows that stay.
    stay: Vec<Vec<u32>>,
    beyond: Option<Beyond>,
}

/// The rows of a batch beyond a limit; displays as InfluxDB tells of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Beyond {
    database: String,
    first: Limit,
    rows: usize,
}

/// A limit that a series would break.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Limit {
    Series { limit: usize, known: usize },
    Values { limit: usize, known: usize, measurement: String, tag: String, value: String },
}

impl Beyond {
    /// Number of rows.
    pub(super) fn dropped(&self) -> usize {
        self.rows
    }
}

impl fmt::Display for Beyond {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.first {
            Limit::Series { limit, known } => {
                let (database, rows) = (&self.database, self.rows);
                write!(
                    out,
                    "max-series-per-database exceeded database={database} limit={limit} series={known} keys={rows}"
                )
            }
            Limit::Values { limit, known, measurement, tag, value } => write!(
                out,
                "max-values-per-tag limit exceeded ({known}/{limit}): measurement={measurement:?} tag={tag:?} value={value:?}"
            ),
        }
    }
}

impl Counted {
    pub(crate) fn new(limits: SeriesLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Whether there are limits: then a write may have to wait.
    pub(crate) fn is_limited(&self) -> bool {
        self.limits.any()
    }

    /// Something else than a write has changed what a database has.
    pub(crate) fn forget(&self) {
        self.databases.lock().clear();
    }

    /// Series that a batch brought may not have been stored with it.
    pub(super) fn doubt(&self, database: &str) {
        self.doubted.lock().insert(database.to_owned());
    }

    /// Cuts the rows of new series that break a limit out of a batch, and tells of them. Also tells whether other series are new.
    ///
    /// # Errors
    /// What the database has cannot be read.
    pub(super) fn cut_beyond(
        &self,
        inner: &Inner,
        database: &str,
        batch: &mut Batch,
        keys: &dyn KeyText,
    ) -> Result<(Option<Beyond>, bool), WriteError> {
        let mut databases = self.databases.lock();
        if !databases.contains_key(database) {
            databases.insert(database.to_owned(), self.count(inner, database)?);
        }
        let Some(known) = databases.get_mut(database) else { return Ok((None, false)) };
        let may_count = inner.world.clock.monotonic_ns() >= known.again;
        if known.is_partial && may_count {
            *known = self.count(inner, database)?;
        }
        if known.is_partial {
            return Ok((None, false));
        }
        let mut before = known.series.len();
        let mut admitted = self.admit_rows(known, database, batch, keys);
        if admitted.beyond.is_some() && may_count && self.doubted.lock().remove(database) {
            *known = self.count(inner, database)?;
            before = known.series.len();
            admitted = self.admit_rows(known, database, batch, keys);
        }
        for (table, stay) in batch.tables.iter_mut().zip(&admitted.stay) {
            if stay.len() < table.rows() {
                reach::keep_rows(table, stay);
            }
        }
        batch.tables.retain(|table| table.rows() > 0);
        Ok((admitted.beyond, known.series.len() > before))
    }

    fn admit_rows(&self, known: &mut Known, database: &str, batch: &Batch, keys: &dyn KeyText) -> Admitted {
        let mut beyond: Option<Beyond> = None;
        let mut canonical = Vec::new();
        let mut stays = |&(_, &span): &(u32, &_)| {
            canonical.clear();
            let named = keys.canonical(batch.key(span), &mut canonical);
            // What names no series is storage's to refuse.
            let Some(first) = named.map_or(None, |()| self.admit(known, &canonical).err()) else { return true };
            let none = || Beyond { database: database.to_owned(), first, rows: 0 };
            beyond.get_or_insert_with(none).rows += 1;
            false
        };
        let mut rows = |table: &Table| (0u32..).zip(&table.keys).filter(&mut stays).map(|(row, _)| row).collect();
        let stay = batch.tables.iter().map(&mut rows).collect();
        Admitted { stay, beyond }
    }

    /// What is in a database's shards, as far as it can be read.
    fn count(&self, inner: &Inner, database: &str) -> Result<Known, WriteError> {
        let clock = &inner.world.clock;
        let from = clock.monotonic_ns();
        let mut known = Known::default();
        match self.note_all(inner, database, &mut known) {
            Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Unreadable) => {
                tracing::warn!(database, %error, "series cannot be counted, so that limits on them do not hold for now");
                known.is_partial = true;
            }
            result => result?,
        }
        let now = clock.monotonic_ns();
        let rest = now.saturating_sub(from).saturating_mul(RARELY - 1);
        known.again = now.saturating_add(if known.is_partial { rest.max(PAUSE_NS) } else { rest });
        Ok(known)
    }

    fn note_all(&self, inner: &Inner, database: &str, known: &mut Known) -> Result<(), StorageError> {
        let state = inner.catalog.state();
        let policies = state.database(database).map(|database| &database.policies[..]).unwrap_or_default();
        for policy in policies {
            let view = inner.engine.view(&policy.spans_in(TimeRange::ALL))?;
            for measurement in view.measurements()? {
                let set = view.series(&measurement, &TagCondition::True)?;
                for series in 0..set.len() {
                    self.note(known, &set.key(series));
                }
            }
        }
        Ok(())
    }

    /// Takes a series, if it is known or breaks no limit.
    fn admit(&self, known: &mut Known, canonical: &[u8]) -> Result<(), Limit> {
        if known.series.contains(&self.hash(&[canonical])) {
            return Ok(());
        }
        if self.limits.values > 0 {
            self.check_values(known, canonical)?;
        }
        let count = known.series.len();
        if self.limits.series > 0 && count >= self.limits.series {
            return Err(Limit::Series { limit: self.limits.series, known: count });
        }
        self.note(known, canonical);
        Ok(())
    }

    fn check_values(&self, known: &Known, canonical: &[u8]) -> Result<(), Limit> {
        let limit = self.limits.values;
        let (measurement, tags) = series_key::parse(canonical);
        for (tag, value) in tags.pairs() {
            let Some(values) = known.values.get(&self.hash(&[&measurement, tag])) else { continue };
            if values.len() >= limit && !values.contains(&self.hash(&[value])) {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let (measurement, tag, value) = (text(&measurement), text(tag), text(value));
                return Err(Limit::Values { limit, known: values.len(), measurement, tag, value });
            }
        }
        Ok(())
    }

    fn note(&self, known: &mut Known, canonical: &[u8]) {
        if !known.series.insert(self.hash(&[canonical])) || self.limits.values == 0 {
            return;
        }
        let (measurement, tags) = series_key::parse(canonical);
        for (tag, value) in tags.pairs() {
            known.values.entry(self.hash(&[&measurement, tag])).or_default().insert(self.hash(&[value]));
        }
    }

    /// 128 bits, so that no two series are taken for one.
    fn hash(&self, parts: &[&[u8]]) -> u128 {
        let [high, low] = &self.hashers;
        u128::from(high.hash_one(parts)) << 64 | u128::from(low.hash_one(parts))
    }
}
