//! One running database: the catalog (databases, retention policies, shards), the routing of writes, the execution of
//! statements, and the background work. The server hands over batches and query text; node knows no socket and no JSON
//! answer.
//!
//! `node.rs` opens and closes it; `write.rs` takes a batch through policy and shards to storage; `read.rs` takes a query
//! text through the parser, statement by statement, to items; `catalog/` holds names; `statements/` executes them;
//! `background/` steps storage and retention on threads of its own.
