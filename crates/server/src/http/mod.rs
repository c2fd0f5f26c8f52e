//! One request, from its head to its reply.
//!
//! `router` finds the endpoint; `write`, `query` and `status` serve them; `accept` reads in what form an answer is wanted; `parameters` reads URL and form; `body` reads and
//! inflates what the client sent, within bounds, into `buffers`; `reply` builds replies with the headers that clients look for; `origin`
//! keeps web pages of others out, `auth` asks who is there.

mod accept;
mod auth;
mod bind;
mod body;
mod buffers;
mod figures;
mod jwt;
mod multipart;
mod origin;
mod parameters;
mod query;
mod reply;
mod requests;
mod router;
mod run;
mod shapes;
mod status;
mod v2;
mod write;

pub(crate) use parameters::Parameters;
pub(crate) use router::route;

use crate::{Server, Settings};
use buffers::Buffers;
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::header::HeaderValue;
use node::Node;
use platform::Budget;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The body of a reply: whole, or streamed.
pub(crate) type ReplyBody = BoxBody<Bytes, CutOff>;

/// The rest of an answer does not come; the connection is closed, so that the client cannot take the answer for whole.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut off")]
pub(crate) struct CutOff;

/// Requests that count series at a time: one counts, another is told the figures of before.
const COUNTING: usize = 2;

/// A reply.
pub(crate) type Reply = hyper::Response<ReplyBody>;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The database.
    pub(crate) node: Arc<Node>,
    /// Bounds and switches.
    pub(crate) settings: Settings,
    /// Memory for bodies under way and what is decoded of them.
    pub(crate) memory: Budget,
    /// The part of it for texts of queries and what is parsed of them: writes have the rest for themselves.
    pub(crate) texts: Budget,
    /// Buffers for bodies.
    pub(crate) buffers: Buffers,
    /// Permits for requests whose statements run.
    pub(crate) querying: Arc<Semaphore>,
    /// Queries that run on the thread that has read them.
    pub(crate) shapes: shapes::Shapes,
    /// Permits for requests that count series.
    pub(crate) counting: Semaphore,
    /// The version of the API, as replies name it.
    pub(crate) api_version: HeaderValue,
    /// Counters of requests.
    pub(crate) counters: figures::Counters,
    /// Those who want to know who asks.
    pub(crate) watches: requests::Watches,
}

impl Shared {
    /// What requests of one server share.
    pub(crate) fn new(server: Server) -> Self {
        let Server { node, settings } = server;
        let counters = figures::Counters::new(node.registry());
        let memory = Budget::new(settings.inflight_bytes);
        let querying = Arc::new(Semaphore::new(settings.query_threads.clamp(1, Semaphore::MAX_PERMITS)));
        let texts = memory.child("texts of queries", settings.inflight_bytes / 2);
        let counting = Semaphore::new(COUNTING);
        let api_version = HeaderValue::from_str(&settings.api_version).unwrap_or(HeaderValue::from_static("-"));
        Self {
            node,
            settings,
            api_version,
            memory,
            texts,
            buffers: Buffers::default(),
            querying,
            shapes: shapes::Shapes::default(),
            counting,
            counters,
            watches: requests::Watches::default(),
        }
    }
}
