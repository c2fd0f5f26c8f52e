//! The queries that run: admission, SHOW QUERIES, KILL QUERY, time limits, and their counters.
//!
//! A statement holds a [`Ticket`] while it runs; its cancel flag is the one that the operators look at. Numbers of queries
//! are given once in the life of a process.

use crate::node::Options;
use crate::read::{ExecuteError, QueryRequest};
use influxql::Statement;
use parking_lot::Mutex;
use platform::{Counter, Gauge};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A query that runs.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) text: String,
    pub(crate) database: String,
    /// The client's address.
    pub(crate) client: String,
    /// Who asked; empty if nobody had to say so.
    pub(crate) user: String,
    /// When it began (monotonic ns).
    pub(crate) started: u64,
    pub(crate) killed: bool,
    /// The log was told that it runs for long.
    told: bool,
    cancel: Arc<AtomicBool>,
    timed_out: Arc<AtomicBool>,
}

/// What runs, and the counters.
#[derive(Debug)]
pub(crate) struct Queries {
    running: Mutex<Table>,
    limit: usize,
    timeout: Duration,
    log_after: Duration,
    log_timed_out: bool,
    active: Gauge,
    executed: Counter,
    failed: Counter,
    finished: Counter,
    duration: Counter,
    panics: Counter,
}

#[derive(Debug, Default)]
struct Table {
    last: u64,
    by_id: BTreeMap<u64, Running>,
}

/// A place among the running queries, given back on drop.
#[derive(Debug)]
pub(crate) struct Ticket<'a> {
    queries: &'a Queries,
    id: u64,
    started: u64,
    timed_out: Arc<AtomicBool>,
    /// Whether it is among those begun: one that may be begun anew is not before it has ended.
    counted: bool,
}

impl Queries {
    pub(crate) fn new(options: &Options) -> Self {
        let counter = |name, help| options.stats.counter("queryExecutor", name, help);
        Self {
            running: Mutex::default(),
            limit: options.max_queries,
            timeout: options.query_timeout,
            log_after: options.log_queries_after,
            log_timed_out: options.log_timed_out,
            active: options.stats.gauge("queryExecutor", "queriesActive", "Statements that run."),
            executed: counter("queriesExecuted", "Statements begun."),
            failed: counter("queriesFailed", "Statements that failed."),
            finished: counter("queriesFinished", "Statements ended."),
            duration: counter("queryDurationNs", "Time that statements took, in nanoseconds."),
            panics: counter("recoveredPanics", "Statements that a bug ended."),
        }
    }

    /// Admits a statement at `now` (monotonic ns).
    pub(crate) fn begin(
        &self,
        statement: &Statement,
        request: &QueryRequest,
        now: u64,
    ) -> Result<Ticket<'_>, ExecuteError> {
        let timed_out: Arc<AtomicBool> = Arc::default();
        let query = Running {
            text: statement.to_string(),
            database: request.database.clone().unwrap_or_default(),
            client: request.client.clone(),
            user: request.user.clone().unwrap_or_default(),
            started: now,
            killed: false,
            told: false,
            cancel: request.cancel.clone(),
            timed_out: timed_out.clone(),
        };
        let mut table = self.running.lock();
        let running = table.by_id.len();
        if self.limit > 0 && running >= self.limit {
            self.failed.inc();
            return Err(ExecuteError::TooMany { running, limit: self.limit });
        }
        table.last += 1;
        let id = table.last;
        table.by_id.insert(id, query);
        self.active.add(1);
        let counted = request.within.is_none();
        if counted {
            self.executed.inc();
        }
        Ok(Ticket { queries: self, id, started: now, timed_out, counted })
    }

    /// All that run, by number.
    pub(crate) fn list(&self) -> Vec<(u64, Running)> {
        self.running.lock().by_id.iter().map(|(id, query)| (*id, query.clone())).collect()
    }

    /// Stops one; false if there is none of that number.
    pub(crate) fn kill(&self, id: u64) -> bool {
        let mut table = self.running.lock();
        let Some(query) = table.by_id.get_mut(&id) else { return false };
        query.killed = true;
        query.cancel.store(true, Ordering::Relaxed);
        true
    }

    /// Stops all.
    pub(crate) fn cancel_all(&self) {
        for query in self.running.lock().by_id.values() {
            query.cancel.store(true, Ordering::Relaxed);
        }
    }

    /// Stops those that have run for too long at `now` (monotonic ns), and tells the log of those that run for long.
    pub(crate) fn stop_overdue(&self, now: u64) {
        let bound = |span: Duration| match span.as_nanos() {
            0 => u64::MAX,
            nanos => u64::try_from(nanos).unwrap_or(u64::MAX),
        };
        let (limit, long) = (bound(self.timeout), bound(self.log_after));
        let mut told = Vec::new();
        for (id, query) in &mut self.running.lock().by_id {
            let runs = now.saturating_sub(query.started);
            let mut tell = |what| told.push((*id, shortened(&query.text), query.database.clone(), what));
            if runs > long && !std::mem::replace(&mut query.told, true) {
                tell("a query runs for longer than log-queries-after");
            }
            if runs > limit && !query.timed_out.swap(true, Ordering::Relaxed) {
                query.cancel.store(true, Ordering::Relaxed);
                if self.log_timed_out {
                    tell("a query is stopped, as it runs for longer than query-timeout");
                }
            }
        }
        // A log that is not taken must not keep others from the list of queries.
        for (id, query, db, what) in told {
            tracing::warn!(id, %query, %db, "{what}");
        }
    }
}

/// The text of a statement as the log tells it: passwords are left out by its printing, addresses of subscriptions, which may hold some,
/// here; and it is not longer than a line should be.
#[must_use]
pub fn shortened(text: &str) -> String {
    const LONGEST: usize = 500;
    let secret = text.starts_with("CREATE SUBSCRIPTION ").then(|| text.find(" DESTINATIONS ")).flatten();
    let longest = text.char_indices().nth(LONGEST).map_or(text.len(), |(end, _)| end);
    let end = secret.map_or(longest, |secret| secret.min(longest));
    if end < text.len() { format!("{}...", &text[..end]) } else { text.to_owned() }
}

impl Ticket<'_> {
    /// Whether it was stopped for its time.
    pub(crate) fn timed_out(&self) -> bool {
        self.timed_out.load(Ordering::Relaxed)
    }

    /// Counts how it ended, at `now` (monotonic ns).
    pub(crate) fn end(self, result: &Result<(), ExecuteError>, now: u64) {
        let queries = self.queries;
        if matches!(result, Err(error) if error.is_late()) {
            return;
        }
        if !self.counted {
            queries.executed.inc();
        }
        queries.finished.inc();
        queries.duration.add(now.saturating_sub(self.started));
        match result {
            Ok(()) => {}
            Err(ExecuteError::Panic(_)) => {
                queries.failed.inc();
                queries.panics.inc();
            }
            Err(_) => queries.failed.inc(),
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.queries.running.lock().by_id.remove(&self.id);
        self.queries.active.add(-1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queries(limit: usize, timeout: Duration) -> Queries {
        Queries::new(&Options { max_queries: limit, query_timeout: timeout, ..Options::default() })
    }

    #[test]
    fn admits_up_to_the_limit() {
        let queries = queries(1, Duration::ZERO);
        let request = QueryRequest::default();
        let first = queries.begin(&Statement::ShowDatabases, &request, 5).unwrap();
        let refused = queries.begin(&Statement::ShowDatabases, &request, 5).unwrap_err();
        assert_eq!(refused.to_string(), "max-concurrent-queries limit exceeded(1, 1)");
        first.end(&Ok(()), 9);
        let second = queries.begin(&Statement::ShowDatabases, &request, 5).unwrap();
        let (id, running) = queries.list().remove(0);
        assert_eq!((id, &*running.text), (2, "SHOW DATABASES"));
        drop(second);
        assert!(queries.list().is_empty());
        assert_eq!((queries.executed.get(), queries.failed.get(), queries.duration.get()), (2, 1, 4));
    }

    #[test]
    fn kills_by_number_and_by_time() {
        let queries = queries(0, Duration::from_nanos(10));
        let (one, two) = (QueryRequest::default(), QueryRequest::default());
        let first = queries.begin(&Statement::ShowDatabases, &one, 0).unwrap();
        let second = queries.begin(&Statement::ShowDatabases, &two, 8).unwrap();
        queries.stop_overdue(12);
        assert!(first.timed_out() && one.cancel.load(Ordering::Relaxed));
        assert!(!second.timed_out() && !two.cancel.load(Ordering::Relaxed));
        assert!(queries.kill(2) && !queries.kill(3));
        assert!(two.cancel.load(Ordering::Relaxed) && !second.timed_out());
    }

    #[test]
    fn the_log_is_told_little() {
        assert_eq!(shortened("SHOW DATABASES"), "SHOW DATABASES");
        let subscription = "CREATE SUBSCRIPTION s ON d.autogen DESTINATIONS ALL 'http://user:secret@host:1'";
        assert_eq!(shortened(subscription), "CREATE SUBSCRIPTION s ON d.autogen...");
        let long = shortened(&"é".repeat(10_000));
        assert_eq!((long.chars().count(), long.ends_with("é...")), (503, true));
    }
}
