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

/// The last counts of databases.
#[derive(Debug, Default)]
pub(crate) struct FiguresCache {
    /// When they were made (monotonic ns), and the counts.
    last: Mutex<Option<(u64, Vec<DatabaseFigures>)>>,
    /// Held by who counts: that may take long.
    counting: Mutex<()>,
}

impl FiguresCache {
    /// The counts of before if they are fresh or another is counting, else new ones. Waits only for the first ones of all.
    fn get(&self, now: u64, count: impl FnOnce() -> Vec<DatabaseFigures>) -> Vec<DatabaseFigures> {
        let last = |most: u64| {
            let last = self.last.lock();
            last.as_ref().filter(|(made, _)| now.saturating_sub(*made) <= most).map(|(_, figures)| figures.clone())
        };
        if let Some(figures) = last(FRESH) {
            return figures;
        }
        let _alone = match self.counting.try_lock() {
            Some(alone) => alone,
            None => match last(u64::MAX) {
                Some(figures) => return figures,
                None => self.counting.lock(),
            },
        };
        // Another may have counted before the lock was free.
        last(FRESH).unwrap_or_else(|| {
            let figures = count();
            *self.last.lock() = Some((now, figures.clone()));
            figures
        })
    }
}

impl Inner {
    /// See [`crate::Node::database_figures`].
    pub(crate) fn database_figures(&self) -> Vec<DatabaseFigures> {
        self.figures.get(self.world.clock.monotonic_ns(), || self.count_databases())
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, mpsc};

    fn figures(series: i64) -> Vec<DatabaseFigures> {
        vec![DatabaseFigures { name: "d".to_owned(), measurements: 1, series }]
    }

    #[test]
    fn old_counts_are_told_while_another_counts() {
        let cache = Arc::new(FiguresCache::default());
        assert_eq!(cache.get(0, || figures(1)), figures(1));
        assert_eq!(cache.get(FRESH, || figures(2)), figures(1), "still fresh");
        let ((begin, begun), (finish, finished)) = (mpsc::channel(), mpsc::channel());
        let counter = Arc::clone(&cache);
        let count = move || {
            begin.send(()).unwrap();
            finished.recv().unwrap();
            figures(3)
        };
        std::thread::scope(|scope| {
            let slow = scope.spawn(move || counter.get(FRESH + 1, count));
            begun.recv().unwrap();
            assert_eq!(cache.get(FRESH + 1, || panic!("one counts at a time")), figures(1));
            finish.send(()).unwrap();
            assert_eq!(slow.join().unwrap(), figures(3));
        });
        assert_eq!(cache.get(FRESH + 2, || panic!("fresh again")), figures(3));
    }
}
