//! A batch on its way to storage: policy, bounds of time, shards, patience.
//!
//! The target's policy is resolved, rows outside its reach are cut out ([`Outside`]), so are those of series beyond a limit
//! ([`limits`]), shards that are missing are made in
//! one durable catalog entry, and the rest goes to `Engine::submit`. While memory or log space is short the caller waits, up
//! to `Options::write_wait`, or is told to come back where it may wait ([`Write`]). What was left out is told in InfluxDB's words (`report`), together with what the decoder could not
//! use ([`Undecoded`]).

mod limits;
mod reach;
mod report;

pub use limits::SeriesLimits;
pub use report::Undecoded;

pub(crate) use limits::Counted;

use crate::catalog::{CatalogError, Policy};
use crate::node::{Gate, Inner};
use limits::Beyond;
use model::{Batch, KeyText, TimeRange};
use platform::{Counter, Stats};
use reach::{Outside, cut_outside};
use report::Report;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use storage::engine::Done;
use storage::{ErrorKind, Outcome, ShardSpan, StorageError};
use thiserror::Error;

/// How long a write that waits for room sleeps between two attempts.
const PAUSE: Duration = Duration::from_millis(5);

/// Where a batch goes.
#[derive(Clone, Copy, Debug)]
pub struct WriteTarget<'a> {
    /// The database.
    pub database: &'a str,
    /// The policy; the database's default one for `None` or an empty name.
    pub policy: Option<&'a str>,
}

/// Called once the accepted rows are durable and visible, or will never be.
pub type WriteDone = Box<dyn FnOnce(Result<(), WriteError>) + Send>;

/// Why nothing of a batch was taken.
#[derive(Clone, Debug, Error)]
pub enum WriteError {
    /// No such database.
    #[error("database not found: \"{0}\"")]
    DatabaseNotFound(String),
    /// No such policy, or the database has no default one.
    #[error("retention policy not found: {0}")]
    PolicyNotFound(String),
    /// Memory or log space stayed short for as long as a write waits.
    #[error("{0}")]
    Busy(StorageError),
    /// The disk is full.
    #[error("{0}")]
    Full(StorageError),
    /// A row has a time that no point may have.
    #[error("time outside range {} - {}", model::time::MIN_TIME, model::time::MAX_TIME)]
    OutOfRange,
    /// The node is closing.
    #[error("the node is closed")]
    Closed,
    /// Shards could not be made.
    #[error("{0}")]
    Catalog(CatalogError),
    /// Storage failed otherwise.
    #[error("{0}")]
    Storage(StorageError),
}

/// What the caller must do about a [`WriteError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteErrorKind {
    /// The database does not exist (HTTP 404).
    NotFound,
    /// Try again later (HTTP 503 with Retry-After).
    Retry,
    /// The disk is full (HTTP 507).
    Full,
    /// Shutting down, or read-only after a failure (HTTP 503).
    Closed,
    /// The request is wrong (HTTP 400).
    Invalid,
    /// The node failed, or the policy does not exist: InfluxDB answers that so too (HTTP 500).
    Internal,
}

impl WriteError {
    /// What the caller must do.
    #[must_use]
    pub fn kind(&self) -> WriteErrorKind {
        match self {
            Self::DatabaseNotFound(_) => WriteErrorKind::NotFound,
            Self::Busy(_) => WriteErrorKind::Retry,
            Self::Full(_) => WriteErrorKind::Full,
            Self::Closed => WriteErrorKind::Closed,
            Self::OutOfRange => WriteErrorKind::Invalid,
            Self::Catalog(CatalogError::Frozen(_)) => WriteErrorKind::Closed,
            Self::Catalog(error) if error.is_full() => WriteErrorKind::Full,
            Self::PolicyNotFound(_) | Self::Catalog(_) => WriteErrorKind::Internal,
            Self::Storage(error) => match error.kind() {
                ErrorKind::Closed => WriteErrorKind::Closed,
                ErrorKind::Invalid => WriteErrorKind::Invalid,
                _ => WriteErrorKind::Internal,
            },
        }
    }
}

impl From<CatalogError> for WriteError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::DatabaseNotFound(name) => Self::DatabaseNotFound(name),
            CatalogError::PolicyNotFound(name) => Self::PolicyNotFound(name),
            other => Self::Catalog(other),
        }
    }
}

impl From<StorageError> for WriteError {
    fn from(error: StorageError) -> Self {
        match error.kind() {
            ErrorKind::Retry => Self::Busy(error),
            ErrorKind::Full => Self::Full(error),
            _ => Self::Storage(error),
        }
    }
}

/// The shards that a batch's rows lie in, ascending by time, and the spans of those that are missing.
fn route(policy: &Policy, batch: &Batch) -> (Vec<ShardSpan>, Vec<i64>) {
    let mut found: BTreeMap<i64, ShardSpan> = BTreeMap::new();
    let mut missing: BTreeMap<i64, TimeRange> = BTreeMap::new();
    let mut current = TimeRange::new(1, 0);
    for &time in batch.tables.iter().flat_map(|table| &table.times) {
        if current.contains(time) {
            continue;
        }
        if let Some(shard) = policy.shard_at(time) {
            current = shard.range;
            found.insert(current.start, shard.span());
        } else if let Some((_, planned)) = missing.range(..=time).next_back().filter(|(_, range)| range.contains(time))
        {
            current = *planned;
        } else {
            current = policy.new_span(time);
            missing.insert(current.start, current);
        }
    }
    (found.into_values().collect(), missing.into_keys().collect())
}

/// The counters of writes.
#[derive(Clone, Debug)]
pub(crate) struct Counters {
    req: Counter,
    point_req: Counter,
    point_req_local: Counter,
    write_ok: Counter,
    write_drop: Counter,
    write_error: Counter,
    write_timeout: Counter,
}

impl Counters {
    pub(crate) fn new(stats: &Stats) -> Self {
        let counter = |name, help| stats.counter("write", name, help);
        Self {
            req: counter("req", "Write requests."),
            point_req: counter("pointReq", "Points in write requests."),
            point_req_local: counter("pointReqLocal", "Points in write requests handled by this node."),
            write_ok: counter("writeOk", "Points accepted."),
            write_drop: counter("writeDrop", "Points dropped: outside the policy, or of a wrong type."),
            write_error: counter("writeError", "Write requests that failed."),
            write_timeout: counter("writeTimeout", "Write requests refused after waiting for memory or log space."),
        }
    }

    fn failed(&self, error: &WriteError) {
        match error {
            WriteError::Busy(_) => self.write_timeout.inc(),
            _ => self.write_error.inc(),
        }
    }
}

/// Whether the target's database exists: InfluxDB says so before it reads a body.
pub(crate) fn check_target(inner: &Inner, target: &WriteTarget<'_>) -> Result<(), WriteError> {
    match inner.catalog.state().database(target.database) {
        Some(_) => Ok(()),
        None => Err(WriteError::DatabaseNotFound(target.database.to_owned())),
    }
}

/// A write on its way to storage: what was decoded, and whom to tell.
pub struct Write<'a> {
    batch: Batch,
    keys: &'a dyn KeyText,
    undecoded: Undecoded<'a>,
    /// Whom to tell; storage takes it with the batch.
    done: Option<Done>,
    /// Rows of the batch at the beginning.
    rows: usize,
    outside: Option<Outside>,
    beyond: Option<Beyond>,
}

impl std::fmt::Debug for Write<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Write").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl<'a> Write<'a> {
    /// A write of `batch`, whose raw keys `keys` reads. `done` is called when its rows are durable and visible.
    #[must_use]
    pub fn new(batch: Batch, keys: &'a dyn KeyText, undecoded: Undecoded<'a>, done: WriteDone) -> Self {
        let rows = batch.rows();
        let done: Done = Box::new(move |result| done(result.map_err(WriteError::from)));
        Self { batch, keys, undecoded, done: Some(done), rows, outside: None, beyond: None }
    }

    /// If its rows turn out not to be stored, the series that they brought do not count.
    fn doubt_if_it_fails(&mut self, counted: Arc<Counted>, database: String) {
        if let Some(done) = self.done.take() {
            self.done = Some(Box::new(move |result| {
                if result.is_err() {
                    counted.doubt(&database);
                }
                done(result);
            }));
        }
    }

    /// Nothing is to be stored.
    fn finish(&mut self) {
        if let Some(done) = self.done.take() {
            done(Ok(()));
        }
    }
}

/// Why a write does not go on.
enum Stop {
    /// It would have to wait, which the caller does not want; the write is as it was.
    Wait,
    /// It failed.
    Failed(WriteError),
}

impl From<WriteError> for Stop {
    fn from(error: WriteError) -> Self {
        Self::Failed(error)
    }
}

impl From<CatalogError> for Stop {
    fn from(error: CatalogError) -> Self {
        Self::Failed(error.into())
    }
}

/// What is to be told of a write; the write itself if it would have to wait and `may_wait` is not set.
pub(crate) fn write<'a>(
    inner: &Inner,
    target: &WriteTarget<'_>,
    mut write: Write<'a>,
    may_wait: bool,
) -> Result<Result<Option<String>, WriteError>, Box<Write<'a>>> {
    let counters = &inner.writes;
    let text = write.batch.text.clone();
    let mut report = Report::new(target, write.rows);
    let outcome = if write.batch.tables.is_empty() && write.undecoded.partial.is_none() {
        write.finish();
        Ok(())
    } else {
        resolve_and_submit(inner, target, &mut write, may_wait, &mut report)
    };
    if matches!(outcome, Err(Stop::Wait)) {
        return Err(Box::new(write));
    }
    counters.req.inc();
    counters.point_req.add(count(write.rows));
    counters.point_req_local.add(count(write.rows));
    if let Err(Stop::Failed(error)) = outcome {
        counters.failed(&error);
        return Ok(Err(error));
    }
    counters.write_ok.add(count(report.accepted));
    counters.write_drop.add(count(write.rows.saturating_sub(report.accepted)));
    Ok(Ok(report.text(&text, write.undecoded)))
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

fn resolve_and_submit(
    inner: &Inner,
    target: &WriteTarget<'_>,
    write: &mut Write<'_>,
    may_wait: bool,
    report: &mut Report,
) -> Result<(), Stop> {
    let state = inner.catalog.state();
    let (_, policy) = state.policy(target.database, target.policy)?;
    report.policy.clone_from(&policy.name);
    let outside = cut_outside(&mut write.batch, policy, inner.world.clock.wall_ns(), write.keys);
    // An earlier attempt may have cut them out already.
    write.outside = outside.or(write.outside.take());
    // Whether it brings series that count towards a limit by now.
    let mut brings_series = false;
    if inner.counted.is_limited() && !write.batch.tables.is_empty() {
        // What the database has may have to be read.
        if !may_wait {
            return Err(Stop::Wait);
        }
        (write.beyond, brings_series) =
            inner.counted.cut_beyond(inner, target.database, &mut write.batch, write.keys)?;
    }
    if write.batch.tables.is_empty() {
        write.finish();
    } else {
        if brings_series {
            write.doubt_if_it_fails(inner.counted.clone(), target.database.to_owned());
        }
        let place = Place { database: target.database, policy: &policy.name };
        let outcome = if may_wait { submit(inner, place, write) } else { attempt(inner, place, write, false) };
        if brings_series && outcome.as_ref().map_or(true, |outcome| outcome.rejected.rows() > 0) {
            inner.counted.doubt(target.database);
        }
        let outcome = outcome?;
        report.accepted = outcome.accepted;
        report.rejected = outcome.rejected;
    }
    report.outside = write.outside.take();
    report.beyond = write.beyond.take();
    Ok(())
}

/// A policy by names: what they stand for may change while a write waits.
#[derive(Clone, Copy)]
struct Place<'a> {
    database: &'a str,
    policy: &'a str,
}

/// Tries until there is room, or for as long as a write waits.
fn submit(inner: &Inner, place: Place<'_>, write: &mut Write<'_>) -> Result<Outcome, Stop> {
    let clock = &inner.world.clock;
    let wait = u64::try_from(inner.options.write_wait.as_nanos()).unwrap_or(u64::MAX);
    let deadline = clock.monotonic_ns().saturating_add(wait);
    loop {
        match attempt(inner, place, write, true) {
            Err(Stop::Failed(WriteError::Busy(_))) if clock.monotonic_ns() < deadline => clock.sleep(PAUSE),
            other => return other,
        }
    }
}

/// One attempt, inside the gate: shards cannot go between the look at the catalog and the engine.
fn attempt(inner: &Inner, place: Place<'_>, write: &mut Write<'_>, may_wait: bool) -> Result<Outcome, Stop> {
    let gate = if may_wait { inner.gate.read() } else { inner.gate.try_read().ok_or(Stop::Wait)? };
    if *gate == Gate::Shut {
        return Err(WriteError::Closed.into());
    }
    let shards = shards_for(inner, place, &write.batch, may_wait)?;
    let outcome = inner.engine.try_submit(&mut write.batch, write.keys, &shards, &mut write.done, may_wait);
    match outcome.map_err(WriteError::from) {
        Err(WriteError::Busy(_)) if !may_wait => Err(Stop::Wait),
        outcome => Ok(outcome?),
    }
}

fn shards_for(inner: &Inner, place: Place<'_>, batch: &Batch, may_wait: bool) -> Result<Vec<ShardSpan>, Stop> {
    // Within the gate nothing takes shards away, so that the second look finds them all, unless the batch has a time that no shard has.
    for _ in 0..2 {
        let state = inner.catalog.state();
        let (database, policy) = state.policy(place.database, Some(place.policy))?;
        let (found, missing) = route(policy, batch);
        if missing.is_empty() {
            return Ok(found);
        }
        if !may_wait {
            return Err(Stop::Wait);
        }
        inner.catalog.change(|state| state.ensure_shards(database.id, policy.id, missing.iter().copied()))?;
    }
    Err(WriteError::OutOfRange.into())
}

#[cfg(test)]
mod tests;
