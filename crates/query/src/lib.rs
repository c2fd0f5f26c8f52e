//! From a syntax tree to an answer: names and types are resolved, a plan is made, vectorised operators run over storage's
//! cuts, and the answer leaves as frames.
//!
//! A SELECT travels, inside out if it has others as sources (`nested`): `resolve` (sources, fields, tags, types, wildcards) -> `plan` (time range, buckets, series set, tag
//! condition, row filter, calls) -> `exec` (per shard and series: statistics for what lies whole inside a bucket, decode and
//! reduce at the edges, into dense [group][bucket] accumulators; or rows in time order, window by window) -> `partial`
//! (aggregates that add up) -> fill, limit -> [`Sink`]. SHOW statements over data (measurements, tag keys and values, field
//! keys, series) go through `show`; `explain` tells what a SELECT would do and, by a `trace`, what it did; `delete` says what DELETE and DROP SERIES take.
//!
//! Query knows nothing of HTTP, JSON or the catalog: it asks for names through [`Names`].

mod check;
mod datum;
pub mod delete;
mod error;
mod exec;
pub mod explain;
pub mod functions;
mod nested;
mod partial;
mod pattern;
mod plan;
mod predicate;
mod resolve;
pub mod show;
mod source;
mod trace;
mod vector;
mod when;
mod windows;

pub use datum::Datum;
pub use error::QueryError;
pub use pattern::read_test;
pub use trace::Trace;

use influxql::ast::Select;
use model::{Item, Text, TimeRange};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use storage::View;

/// Where a query asks what a database holds.
pub trait Names {
    /// A picture of the shards of a policy (the default one if `policy` is `None`) that overlap `range`.
    ///
    /// # Errors
    /// [`QueryError::DatabaseNotFound`], [`QueryError::PolicyNotFound`], or storage's.
    fn view(&self, database: &str, policy: Option<&str>, range: TimeRange) -> Result<View, QueryError>;

    /// The names of the databases that may be read, in order of creation.
    fn databases(&self) -> Vec<String>;

    /// The names of a database's policies, in order of creation.
    ///
    /// # Errors
    /// [`QueryError::DatabaseNotFound`].
    fn policies(&self, database: &str) -> Result<Vec<String>, QueryError>;

    /// The measurements of a policy's shards that overlap `range`, and perhaps some of which no row is left: cheaper than a
    /// view.
    ///
    /// # Errors
    /// As [`Names::view`].
    fn known_measurements(&self, database: &str, policy: &str, range: TimeRange) -> Result<Vec<Text>, QueryError> {
        Ok(self.view(database, Some(policy), range)?.measurements()?)
    }

    /// Whether a measurement (out of these, or any) may have a field of this name there; a view knows for sure.
    ///
    /// # Errors
    /// As [`Names::view`].
    fn may_have_field(
        &self,
        database: &str,
        policy: &str,
        range: TimeRange,
        measurements: Option<&[Text]>,
        field: &str,
    ) -> Result<bool, QueryError> {
        let _ = (database, policy, range, measurements, field);
        Ok(true)
    }

    /// The most that one deletion may take once it is written down (bytes).
    fn most_deletion_bytes(&self) -> u64 {
        u64::MAX
    }
}

/// What bounds one query.
#[derive(Clone, Debug)]
pub struct Context {
    /// The database of the request, for sources that name none.
    pub database: Option<String>,
    /// The policy of the request (`rp=`), for sources that name none.
    pub policy: Option<String>,
    /// What `now()` means (ns).
    pub now: i64,
    /// Memory that the query may take.
    pub budget: platform::budget::Budget,
    /// Set by whoever wants the query to stop; looked at at least every few milliseconds.
    pub cancel: Arc<AtomicBool>,
    /// Rows a frame may have.
    pub frame_rows: usize,
    /// Where it is written down what the query does, if somebody wants to know.
    pub trace: Option<Arc<Trace>>,
    /// What it may ask for.
    pub limits: Limits,
    /// The points that it has read, as far as `limits` bound them.
    pub points: Arc<AtomicU64>,
    /// When it must have ended, if its thread has other work to do: else it fails with [`QueryError::Late`].
    pub deadline: Option<Deadline>,
}

/// What one SELECT may ask for; 0: no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Series that it reads of each measurement.
    pub series: usize,
    /// Buckets of `GROUP BY time`, where it has a lower bound of time.
    pub buckets: u64,
    /// Points that it reads: rows that pass its condition, once for each function; what statistics tell of is not read.
    pub points: u64,
}

/// An instant, and the clock that tells whether it has passed.
#[derive(Clone, Debug)]
pub struct Deadline {
    /// The clock.
    pub clock: Arc<dyn platform::clock::Clock>,
    /// The instant (monotonic ns).
    pub at: u64,
}

/// Where the answer goes. `Break` ends the query early without an error (the client hung up).
pub trait Sink {
    /// Takes a part of the answer.
    fn item(&mut self, item: Item) -> ControlFlow<()>;

    /// Whether it broke because the answer is longer than may be made by a deadline: then the query is late.
    fn is_late(&self) -> bool {
        false
    }
}

/// Runs a SELECT.
///
/// # Errors
/// InfluxDB's error texts where it has them; [`QueryError::NotExecuted`] names what is not executed yet.
pub fn select(select: &Select, names: &dyn Names, context: &Context, sink: &mut dyn Sink) -> Result<(), QueryError> {
    let planning = trace::enter(&context.trace, trace::Stage::Planning);
    let checked = check::check(select, context)?;
    nested::check_buckets(&checked, &context.limits)?;
    let prepared = nested::prepare(select, checked, names, context)?;
    drop(planning);
    nested::execute(&prepared, &[], context, sink)?;
    Ok(())
}
