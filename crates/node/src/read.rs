//! One statement to its answer: admission and bookkeeping around what `statements/` and `query` do.

use crate::catalog::CatalogError;
use crate::node::Inner;
use crate::statements;
use influxql::Statement;
use query::{QueryError, Sink};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use storage::StorageError;
use thiserror::Error;

/// What comes with a statement.
#[derive(Clone, Debug)]
pub struct QueryRequest {
    /// The database of the request (`db=`).
    pub database: Option<String>,
    /// The policy of the request (`rp=`).
    pub policy: Option<String>,
    /// Who asks, if anybody has to say so.
    pub user: Option<String>,
    /// The client's address, for SHOW QUERIES.
    pub client: String,
    /// Whether the request may not change anything (GET): it does so all the same, with a warning.
    pub read_only: bool,
    /// Set by the caller when the client hangs up, by the node when the query is killed or times out.
    pub cancel: Arc<AtomicBool>,
    /// Rows that a frame may have.
    pub frame_rows: usize,
    /// How long it may take: a statement that takes longer fails with an error that [`ExecuteError::is_late`] tells, and is not
    /// counted.
    pub within: Option<Duration>,
}

impl Default for QueryRequest {
    fn default() -> Self {
        Self {
            database: None,
            policy: None,
            user: None,
            client: String::new(),
            read_only: false,
            cancel: Arc::default(),
            frame_rows: 4096,
            within: None,
        }
    }
}

/// Why a statement failed; the texts are InfluxDB's where it has them.
#[derive(Clone, Debug, Error)]
pub enum ExecuteError {
    /// The query over data failed.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A name is wrong, missing or taken, or the catalog could not be changed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Too many queries run.
    #[error("max-concurrent-queries limit exceeded({running}, {limit})")]
    TooMany {
        /// How many run.
        running: usize,
        /// How many may.
        limit: usize,
    },
    /// The query took too long.
    #[error("query-timeout limit exceeded")]
    Timeout,
    /// Another rule was broken; the text says which.
    #[error("{0}")]
    Invalid(String),
    /// A bug of ours; the query ended, the node goes on.
    #[error("internal error [panic:{0}]")]
    Panic(String),
}

impl ExecuteError {
    /// Whether the statement took longer than it was to, so that it should be begun anew without a limit.
    #[must_use]
    pub fn is_late(&self) -> bool {
        matches!(self, Self::Query(QueryError::Late))
    }
}

pub(crate) fn execute(
    inner: &Inner,
    statement: &Statement,
    request: &QueryRequest,
    sink: &mut dyn Sink,
) -> Result<Vec<String>, ExecuteError> {
    let ticket = inner.queries.begin(statement, request, inner.world.clock.monotonic_ns())?;
    // Locks of ours do not poison, and what a panic leaves half done is the query's own.
    let outcome = catch_unwind(AssertUnwindSafe(|| statements::run(inner, statement, request, sink)));
    let result = outcome.unwrap_or_else(|panic| Err(ExecuteError::Panic(crate::background::panic_text(&*panic))));
    let result = match result {
        Ok(()) if request.within.is_some() && sink.is_late() => Err(ExecuteError::Query(QueryError::Late)),
        Err(ExecuteError::Query(QueryError::Interrupted)) if ticket.timed_out() => Err(ExecuteError::Timeout),
        other => other,
    };
    if let Err(ExecuteError::Panic(text)) = &result {
        tracing::error!(statement = %statement, panic = %text, "a query panicked");
    }
    ticket.end(&result, inner.world.clock.monotonic_ns());
    result.map(|()| warnings(inner, statement, request))
}

fn warnings(inner: &Inner, statement: &Statement, request: &QueryRequest) -> Vec<String> {
    let mut warnings: Vec<String> = statements::promise(statement).map(str::to_owned).into_iter().collect();
    // InfluxDB says nothing about DELETE.
    if !request.read_only || statement.is_read_only() || matches!(statement, Statement::Delete(_)) {
        return warnings;
    }
    let statement = statements::in_full(inner, statement, request);
    let text = format!("deprecated use of '{statement}' in a read only context, please use a POST request instead");
    warnings.push(text);
    warnings
}
