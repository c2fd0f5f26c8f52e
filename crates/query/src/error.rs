//! What can go wrong in a query; the texts are those that InfluxDB gives.

use storage::StorageError;
use thiserror::Error;

/// An error of a query.
#[derive(Clone, Debug, Error)]
pub enum QueryError {
    /// A statement or clause that is parsed but not executed yet; it is named.
    #[error("not executed yet: {0}")]
    NotExecuted(String),
    /// No such database.
    #[error("database not found: {0}")]
    DatabaseNotFound(String),
    /// No database was given.
    #[error("database name required")]
    DatabaseRequired,
    /// No such policy.
    #[error("retention policy not found: {0}")]
    PolicyNotFound(String),
    /// The statement makes no sense; the text is InfluxDB's.
    #[error("{0}")]
    Invalid(String),
    /// The query was killed or its client went away.
    #[error("query interrupted")]
    Interrupted,
    /// The query was to end by a deadline, and has not: to be begun anew where it may take longer.
    #[error("query takes too long for the thread that serves connections")]
    Late,
    /// The query asks for more buckets than one may.
    #[error("max-select-buckets limit exceeded: ({buckets}/{limit})")]
    Buckets {
        /// How many it asks for.
        buckets: u64,
        /// How many it may.
        limit: u64,
    },
    /// The query reads more series than one may.
    #[error("max-select-series limit exceeded: ({series}/{limit})")]
    Series {
        /// How many were counted.
        series: usize,
        /// How many it may.
        limit: usize,
    },
    /// The query has read more points than one may.
    #[error("max-select-point limit exceeded: ({points}/{limit})")]
    Points {
        /// How many were counted.
        points: u64,
        /// How many it may.
        limit: u64,
    },
    /// The query's memory is used up.
    #[error("query memory limit exceeded: {0}")]
    Memory(String),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
