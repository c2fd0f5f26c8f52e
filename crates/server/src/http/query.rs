//! `/query`: statements to the node, their answers streamed back.
//!
//! A request becomes a [`Job`], which [`run`] runs.
//!
//! A long text is parsed on the thread that runs it, and takes its share of the memory for requests until its statements have ended: what is
//! parsed of it is many times as large.

use super::body::{BodyError, ReadBody};
use super::parameters::Parameters;
use super::router::{Asker, body_status};
use super::shapes::Shape;
use super::{Reply, Shared, accept, bind, body, multipart, reply, run};
use crate::encode::{Form, Layout, TimeForm};
use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use node::{QueryRequest, Statement};
use platform::budget::Grant;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::OwnedSemaphorePermit;

/// Rows that operators put into one frame at the most.
const FRAME_ROWS: usize = 4_096;
/// Greatest length of a query's text (bytes).
const LONGEST_TEXT: usize = 25_000_000;

/// Texts up to here are parsed where they arrive, at the cost of some hundred microseconds: another thread costs more.
const SMALL: usize = 16 << 10;
/// Texts up to here are not worth counting.
const FREE: usize = 1 << 10;
/// Memory that a text may take with all that is parsed of it, in times of its length: lists of short names have a node of a
/// hundred bytes and more for every two.
const TREE: u64 = 64;
/// Memory of a body while its parameters are decoded, in times of its length.
const DECODED: u64 = 4;

/// Serves a query.
pub(crate) async fn serve(shared: &Arc<Shared>, request: Request<Incoming>, asker: Asker) -> Reply {
    shared.counters.queries.inc();
    let (parts, incoming) = request.into_parts();
    let layout = accept::layout(&parts.headers);
    let asked = match Asked::read(shared, &parts, incoming, (layout, asker)).await {
        Ok(asked) => asked,
        Err(error) => return reply::error_in(layout, body_status(&error), &error.to_string()),
    };
    let gzip = accepts_gzip(&parts.headers);
    let cancel = Arc::clone(&asked.cancel);
    if asked.bytes > SMALL {
        let permit = permit(shared).await;
        let on_thread = Arc::clone(shared);
        return run::on_thread(shared, move || Job::new(&on_thread, asked), cancel, permit, (gzip, layout)).await;
    }
    let mut job = match Job::new(shared, asked) {
        Ok(job) => job,
        Err((status, text)) => return reply::error_in(layout, status, &text),
    };
    let permit = if job.is_about_queries() { None } else { permit(shared).await };
    if let Some(reply) = run::at_once(&mut job, (gzip, layout)) {
        return reply;
    }
    run::on_thread(shared, move || Ok(job), cancel, permit, (gzip, layout)).await
}

/// Leave to run statements; waits while too many others do.
async fn permit(shared: &Shared) -> Option<OwnedSemaphorePermit> {
    // Closed never: the semaphore lives as long as the server.
    Arc::clone(&shared.querying).acquire_owned().await.ok()
}

/// What a request asks, not parsed yet.
struct Asked {
    parameters: Parameters,
    is_get: bool,
    layout: Layout,
    asker: Asker,
    cancel: Arc<AtomicBool>,
    /// Length of what is to be parsed.
    bytes: usize,
    /// Memory for that, and for what it becomes.
    grant: Grant,
}

impl Asked {
    async fn read(
        shared: &Arc<Shared>,
        parts: &Parts,
        incoming: Incoming,
        (layout, asker): (Layout, Asker),
    ) -> Result<Self, BodyError> {
        let mut parameters = Parameters::from_url(parts.uri.query());
        // Held until the text has memory of its own.
        let _body = match parts.method {
            Method::POST => Some(add_body(shared, parts, incoming, &mut parameters).await?),
            _ => None,
        };
        let bytes = parameters.get("q").len() + parameters.get("params").len();
        let memory = if bytes <= FREE { 0 } else { TREE * bytes as u64 };
        if memory > shared.texts.limit() {
            return Err(BodyError::TooLarge);
        }
        let grant = shared.texts.try_take(memory)?;
        Ok(Self {
            parameters,
            is_get: parts.method == Method::GET,
            layout,
            asker,
            cancel: Arc::default(),
            bytes,
            grant,
        })
    }
}

/// Adds the parameters in a body; returns what they hold of the memory for requests.
async fn add_body(
    shared: &Arc<Shared>,
    parts: &Parts,
    incoming: Incoming,
    parameters: &mut Parameters,
) -> Result<Grant, BodyError> {
    let ReadBody { bytes, mut grant } = body::read(shared, &parts.headers, incoming).await?;
    grant.resize(DECODED * bytes.len() as u64)?;
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        parameters.add_form(&bytes);
    } else if let Some(boundary) = multipart::boundary(content_type) {
        for (name, value) in multipart::parts(&bytes, boundary) {
            parameters.add_part(name, value);
        }
    }
    Ok(grant)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|coding| coding.trim().split(';').next() == Some("gzip"))
}

/// Statements to run, and how to answer.
pub(super) struct Job {
    pub(super) shared: Arc<Shared>,
    pub(super) statements: Vec<Statement>,
    pub(super) request: QueryRequest,
    pub(super) form: Form,
    /// Of SELECTs that write nothing.
    pub(super) shape: Option<Shape>,
    /// Memory for the statements; given back when they have ended.
    _grant: Grant,
}

/// Why nothing is run: status and text.
pub(super) type Refusal = (StatusCode, String);

impl Job {
    /// Parses what is asked. Takes a while if that is long.
    fn new(shared: &Arc<Shared>, asked: Asked) -> Result<Self, Refusal> {
        let Asked { parameters, is_get, layout, asker, cancel, grant, bytes } = asked;
        let bad = |text: String| (StatusCode::BAD_REQUEST, text);
        let text = parameters.get("q").trim();
        if text.is_empty() {
            return Err(bad("missing required parameter \"q\"".to_owned()));
        }
        if text.len() > LONGEST_TEXT {
            return Err(bad(format!("error parsing query: query is longer than {LONGEST_TEXT} bytes")));
        }
        let times = TimeForm::from_parameters(parameters.get("epoch").trim(), parameters.get("time_format"));
        let times = times.map_err(|text| bad(text.to_owned()))?;
        let params = bind::read(parameters.get("params")).map_err(bad)?;
        let statements = shared.node.parse(text, &params);
        let statements = statements.map_err(|error| bad(format!("error parsing query: {error}")))?;
        if shared.settings.auth_enabled {
            let allowed = shared.node.authorize(asker.user.as_deref(), &statements, parameters.get("db"));
            allowed.map_err(|text| (StatusCode::FORBIDDEN, format!("error authorizing query: {text}")))?;
        }
        let chunked = parameters.get("chunked") == "true";
        let chunk_rows = parameters.get("chunk_size").parse().ok().filter(|&rows| rows > 0);
        let given = |name: &str| Some(parameters.get(name)).filter(|value| !value.is_empty()).map(str::to_owned);
        let reads = |one: &Statement| matches!(one, Statement::Select(_)) && one.is_read_only();
        // Of several the first ones would have run in vain where the last is late.
        let selects = bytes <= SMALL && matches!(&statements[..], [one] if reads(one));
        let shape = selects.then(|| shared.shapes.shape(text, parameters.get("db"), parameters.get("rp")));
        Ok(Self {
            shared: Arc::clone(shared),
            shape,
            request: QueryRequest {
                database: given("db"),
                policy: given("rp"),
                user: asker.user,
                client: asker.client.to_string(),
                read_only: is_get,
                cancel,
                frame_rows: FRAME_ROWS,
                within: None,
            },
            form: Form {
                zone: None,
                layout,
                statements: statements.len(),
                times,
                pretty: parameters.in_url("pretty") == "true",
                chunk_rows: chunked.then(|| chunk_rows.unwrap_or(shared.settings.chunk_rows)),
                max_rows: shared.settings.max_rows,
            },
            statements,
            _grant: grant,
        })
    }

    /// Whether the statements only look at running queries or stop one: they must not wait for those.
    fn is_about_queries(&self) -> bool {
        self.statements.iter().all(|one| matches!(one, Statement::ShowQueries | Statement::KillQuery { .. }))
    }
}
