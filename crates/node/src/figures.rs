//! Figures for `/debug/vars`, SHOW STATS and SHOW SHARDS beside the plain counters.

use crate::node::Inner;
use model::TimeRange;
use parking_lot::Mutex;
use storage::{ShardSpan, StorageError, TagCondition};

/// How long counts of series are given out again (ns): they walk the index.
const FRESH: u64 = 10_000_000_000;

/// What a database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFigures {
    /// Its name.
    pub name: String,
    /// Measurements that have a row.
    pub measurements: i64,
    /// Series that have a row, each counted once a policy.
    pub series: i64,
}

/// A shard and its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardFigures {
    /// Its number.
    pub id: u64,
    /// Its database.
    pub database: String,
    /// Its policy.
    pub policy: String,
    /// Its span (ns), both ends inclusive.
    pub range: TimeRange,
    /// Bytes of its segments on disk.
    pub disk_bytes: i64,
    /// Number of its segments.
    pub segments: i64,
    /// Bytes of its rows in memory.
    pub run_bytes: i64,
}

/// The last counts of databases and when they were made (monotonic ns).
#[derive(Debug, Default)]
pub(crate) struct FiguresCache(Mutex<Option<(u64, Vec<DatabaseFigures>)>>);

impl Inner {
    /// See [`crate::Node::database_figures`].
    pub(crate) fn database_figures(&self) -> Vec<DatabaseFigures> {
        let now = self.world.clock.monotonic_ns();
        let mut cached = self.figures.0.lock();
        match &*cached {
            Some((made, figures)) if now.saturating_sub(*made) < FRESH => figures.clone(),
            _ => {
                let figures = self.count_databases();
                *cached = Some((now, figures.clone()));
                figures
            }
        }
    }

    fn count_databases(&self) -> Vec<DatabaseFigures> {
        let state = self.catalog.state();
        let count = |database: &crate::catalog::Database| {
            let mut figures = DatabaseFigures { name: database.name.clone(), measurements: 0, series: 0 };
            for policy in &database.policies {
                match self.count(&policy.spans_in(TimeRange::ALL)) {
                    Ok((measurements, series)) => {
                        figures.measurements = figures.measurements.max(signed(measurements));
                        figures.series += signed(series);
                    }
                    Err(error) => tracing::warn!(database = %database.name, %error, "cannot count the series"),
                }
            }
            figures
        };
        state.databases.iter().map(|database| count(database)).collect()
    }

    fn count(&self, shards: &[ShardSpan]) -> Result<(usize, usize), StorageError> {
        let view = self.engine.view(shards)?;
        let measurements = view.measurements()?;
        let mut series = 0;
        for measurement in &measurements {
            series += view.series(measurement, &TagCondition::True)?.len();
        }
        Ok((measurements.len(), series))
    }

    /// See [`crate::Node::shard_figures`].
    pub(crate) fn shard_figures(&self) -> Vec<ShardFigures> {
        let state = self.catalog.state();
        let mut shards = Vec::new();
        for (database, policy) in state.policies() {
            for shard in policy.shards.values() {
                let figures = self.engine.figures(shard.id);
                shards.push(ShardFigures {
                    id: shard.id,
                    database: database.name.clone(),
                    policy: policy.name.clone(),
                    range: shard.range,
                    disk_bytes: figures.disk_bytes.try_into().unwrap_or(i64::MAX),
                    segments: figures.segments.try_into().unwrap_or(i64::MAX),
                    run_bytes: figures.run_bytes.try_into().unwrap_or(i64::MAX),
                });
            }
        }
        shards
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
