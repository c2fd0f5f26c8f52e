//! The sockets: InfluxDB's HTTP API in front of a node.
//!
//! A connection is accepted in [`listen`], within the bounds of [`Settings`]; each request goes to [`http`], whose router
//! knows every endpoint and method. A write: body (bounded, inflated) -> `ingest` -> `Node::write` -> 204 once durable. A
//! query: parameters from URL and form -> `Node::parse` -> statement by statement `Node::execute`, on a thread that may
//! block, into [`encode`], whose bytes stream to the client as they come; a client that hangs up stops its query.
//!
//! The server knows no storage and no plan, and decides nothing about data: it maps kinds of errors to status codes and
//! items to JSON. Every reply of a routed request carries the headers that InfluxDB's clients look for.

pub mod encode;
mod http;
mod listen;
mod settings;

pub use listen::{Server, run};
pub use settings::{Secret, Settings};
