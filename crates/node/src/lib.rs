//! One running database: the catalog (databases, retention policies, shards), the routing of writes, the execution of
//! statements, and the background work. The server hands over batches and query text; node knows no socket and no JSON
//! answer.
//!
//! [`node`] opens and closes it; [`write`] takes a batch through policy and shards to storage; [`read`] takes one statement
//! to items; `catalog/` holds names; `statements/` executes what is not a query over data; `accounts/` knows who may do what; [`predicate`] reads
//! deletes of the API's version 2; `background/` steps storage and
//! retention on threads of its own; `queries` knows what runs; [`inspect`] describes what is on disk; `health` tells operators how
//! the node is, `salvage` what is lost; [`figures`] counts for SHOW STATS and `/debug/vars`.

mod accounts;
mod background;
mod catalog;
pub mod figures;
mod health;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing {
    //! What the fuzz targets reach.

    /// Any bytes as the payload of a catalog entry.
    pub fn catalog(bytes: &[u8]) {
        crate::catalog::fuzz_payload(bytes);
    }
}
pub mod inspect;
pub mod node;
pub mod predicate;
mod queries;
pub mod read;
mod reserve;
mod salvage;
mod statements;
pub mod write;

pub use accounts::LoginError;
pub use catalog::CatalogError;
pub use figures::{DatabaseFigures, ShardFigures};
pub use health::Health;
pub use node::{Build, Configured, Node, NodeError, OnFatal, Options, PolicyInfo, Setting};
pub use predicate::{PredicateError, deletion};
pub use queries::shortened;
pub use read::{ExecuteError, QueryRequest};
pub use salvage::Examination;
pub use write::{SeriesLimits, Undecoded, Write, WriteDone, WriteError, WriteErrorKind, WriteTarget};

// What `server` hands through without knowing the parser or the plans.
pub use influxql::ast::{AlterRetentionPolicy, CreateDatabase, CreateRetentionPolicy};
pub use influxql::{BindValue, JsonValue, Params, ParseError, Statement};
pub use query::{Limits, Sink};
