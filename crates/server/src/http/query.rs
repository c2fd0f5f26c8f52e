//! `/query`: statements to the node, their answers streamed back.
//!
//! The statements run one after the other on a thread that may block. Their bytes gather in an [`Answer`]; a short answer
//! is sent whole, a long one in pieces through a bounded channel, so a slow reader slows its query down. When the reader
//! goes away the channel closes, and the query with it. What an answer must hold back until it is whole (`MessagePack`, indented JSON) is
//! charged to the memory of queries, until the reader has taken it.
//!
//! A long text is parsed there too, and takes its share of the memory for requests until its statements have ended: what is
//! parsed of it is many times as large.

use super::body::{BodyError, ReadBody};
use super::parameters::Parameters;
use super::router::body_status;
use super::{CutOff, Reply, ReplyBody, Shared, accept, bind, body, multipart, reply};
use crate::encode::{Answer, Form, Layout, TimeForm};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use node::{QueryRequest, Sink, Statement};
use platform::Budget;
use platform::budget::{Exhausted, Grant};
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tracing::{info, warn};

/// Bytes that gather before they are sent.
const PIECE: usize = 64 << 10;
/// Pieces that may wait for a slow reader.
const PIECES: usize = 4;
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
pub(crate) async fn serve(shared: &Arc<Shared>, request: Request<Incoming>) -> Reply {
    shared.counters.queries.inc();
    let (parts, incoming) = request.into_parts();
    let layout = accept::layout(&parts.headers);
    let asked = match Asked::read(shared, &parts, incoming, layout).await {
        Ok(asked) => asked,
        Err(error) => return reply::error_in(layout, body_status(&error), &error.to_string()),
    };
    let gzip = accepts_gzip(&parts.headers);
    let cancel = Arc::clone(&asked.cancel);
    if asked.bytes > SMALL {
        let permit = permit(shared).await;
        let on_thread = Arc::clone(shared);
        return run(shared, move || Job::new(&on_thread, asked), cancel, permit, (gzip, layout)).await;
    }
    let job = match Job::new(shared, asked) {
        Ok(job) => job,
        Err((status, text)) => return reply::error_in(layout, status, &text),
    };
    let permit = if job.is_about_queries() { None } else { permit(shared).await };
    run(shared, move || Ok(job), cancel, permit, (gzip, layout)).await
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
    cancel: Arc<AtomicBool>,
    /// Length of what is to be parsed.
    bytes: usize,
    /// Memory for that, and for what it becomes.
    grant: Grant,
}

impl Asked {
    async fn read(shared: &Arc<Shared>, parts: &Parts, incoming: Incoming, layout: Layout) -> Result<Self, BodyError> {
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
        Ok(Self { parameters, is_get: parts.method == Method::GET, layout, cancel: Arc::default(), bytes, grant })
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
struct Job {
    shared: Arc<Shared>,
    statements: Vec<Statement>,
    request: QueryRequest,
    form: Form,
    /// Memory for the statements; given back when they have ended.
    _grant: Grant,
}

/// Why nothing is run: status and text.
type Refusal = (StatusCode, String);

impl Job {
    /// Parses what is asked. Takes a while if that is long.
    fn new(shared: &Arc<Shared>, asked: Asked) -> Result<Self, Refusal> {
        let Asked { parameters, is_get, layout, cancel, grant, .. } = asked;
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
        let chunked = parameters.get("chunked") == "true";
        let chunk_rows = parameters.get("chunk_size").parse().ok().filter(|&rows| rows > 0);
        let given = |name: &str| Some(parameters.get(name)).filter(|value| !value.is_empty()).map(str::to_owned);
        Ok(Self {
            shared: Arc::clone(shared),
            request: QueryRequest {
                database: given("db"),
                policy: given("rp"),
                read_only: is_get,
                cancel,
                frame_rows: FRAME_ROWS,
            },
            form: Form {
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

    /// Runs the statements, one after the other; after the first that fails, the rest is not executed.
    fn run(&self, mut out: Output) {
        let mut failed = false;
        for (id, statement) in self.statements.iter().enumerate() {
            out.answer.begin(id, matches!(statement, Statement::Select(_)));
            if failed {
                out.answer.end(&[], Some("not executed"));
                continue;
            }
            let done = self.shared.node.execute(statement, &self.request, &mut out).map_err(|error| error.to_string());
            match done.and_then(|messages| out.short.take().map_or(Ok(messages), Err)) {
                Ok(messages) => {
                    if !statement.is_read_only() {
                        info!(target: "query", "done: {}", shortened(statement));
                    }
                    out.answer.end(&messages, None);
                }
                Err(error) => {
                    failed = true;
                    self.shared.counters.query_errors.inc();
                    let text = shortened(statement);
                    warn!(target: "query", db = self.request.database.as_deref(), %error, "failed: {text}");
                    out.answer.end(&[], Some(&error));
                }
            }
            if out.gone || out.pass_on().is_break() {
                return;
            }
        }
        out.finish();
    }
}

/// A statement as the log tells it: passwords left out by its printing, and not longer than a line should be.
fn shortened(statement: &Statement) -> String {
    const LONGEST: usize = 500;
    let text = statement.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// What the thread sends: everything at once, or pieces. Without a last one the answer was cut off.
enum Message {
    Whole(Vec<u8>),
    Piece(Vec<u8>),
    Last(Vec<u8>),
}

/// Where the statements' items go.
struct Output {
    answer: Answer,
    gzip: Option<GzEncoder<Vec<u8>>>,
    outlet: Outlet,
    streaming: bool,
    gone: bool,
    /// Memory for what the answer holds back.
    budget: Budget,
    held: Option<Grant>,
    /// That memory was not enough for the statement under way: the text of its error.
    short: Option<String>,
    cancel: Arc<AtomicBool>,
}

impl Sink for Output {
    fn item(&mut self, item: model::Item) -> ControlFlow<()> {
        let more = self.answer.item(&item);
        if let Err(error) = self.charge() {
            self.short = Some(format!("query memory limit exceeded: {error}"));
            return ControlFlow::Break(());
        }
        let sent = if self.answer.waiting() >= PIECE { self.pass_on() } else { ControlFlow::Continue(()) };
        if more { sent } else { ControlFlow::Break(()) }
    }
}

impl Output {
    /// Takes memory for what the answer holds back, beyond what each may.
    fn charge(&mut self) -> Result<(), Exhausted> {
        let has = self.held.as_ref().map_or(PIECE as u64, |held| PIECE as u64 + held.bytes());
        let more = (self.answer.held() as u64).saturating_sub(has);
        match &mut self.held {
            _ if more == 0 => {}
            Some(held) => held.grow(more)?,
            None => self.held = Some(self.budget.try_take(more)?),
        }
        Ok(())
    }

    /// Sends what has gathered, if it is long enough.
    fn pass_on(&mut self) -> ControlFlow<()> {
        if self.outlet.sender.is_closed() {
            self.gone = true;
            self.cancel.store(true, Ordering::Relaxed);
            return ControlFlow::Break(());
        }
        if self.answer.waiting() < PIECE {
            return ControlFlow::Continue(());
        }
        let plain = self.answer.take();
        self.send(plain)
    }

    /// Sends some bytes; many of them in pieces, so that they wait here, where they are charged.
    fn send(&mut self, plain: Vec<u8>) -> ControlFlow<()> {
        if plain.len() <= 2 * PIECE {
            return self.send_piece(plain);
        }
        plain.chunks(PIECE).try_for_each(|piece| self.send_piece(piece.to_vec()))
    }

    fn send_piece(&mut self, plain: Vec<u8>) -> ControlFlow<()> {
        let piece = self.packed(plain);
        if piece.is_empty() {
            return ControlFlow::Continue(());
        }
        self.streaming = true;
        if !self.outlet.send(Message::Piece(piece)) {
            self.gone = true;
            self.cancel.store(true, Ordering::Relaxed);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn packed(&mut self, plain: Vec<u8>) -> Vec<u8> {
        let Some(gzip) = &mut self.gzip else { return plain };
        // Writing to a vector cannot fail.
        let _ = gzip.write_all(&plain);
        std::mem::take(gzip.get_mut())
    }

    fn finish(mut self) {
        let mut rest = std::mem::take(&mut self.answer).finish();
        if rest.len() > 2 * PIECE {
            let last = rest.split_off(rest.len() - PIECE);
            if self.send(std::mem::replace(&mut rest, last)).is_break() {
                return;
            }
        }
        let bytes = match self.gzip {
            None => rest,
            Some(mut gzip) => {
                let _ = gzip.write_all(&rest);
                gzip.finish().unwrap_or_default()
            }
        };
        // A client that has gone needs no answer.
        let _ = self.outlet.send(if self.streaming { Message::Last(bytes) } else { Message::Whole(bytes) });
    }
}

/// The way to the reader.
struct Outlet {
    sender: mpsc::Sender<Message>,
    patience: Duration,
    runtime: Handle,
}

impl Outlet {
    /// Waits until the reader has room, but not for ever: it holds a thread and a picture of the data. False if it has gone or
    /// does not read.
    fn send(&self, message: Message) -> bool {
        let send = async { tokio::time::timeout(self.patience, self.sender.send(message)).await };
        matches!(self.runtime.block_on(send), Ok(Ok(())))
    }
}

/// Runs what `job` makes, all of it on a thread that may block.
async fn run(
    shared: &Arc<Shared>,
    job: impl FnOnce() -> Result<Job, Refusal> + Send + 'static,
    cancel: Arc<AtomicBool>,
    permit: Option<OwnedSemaphorePermit>,
    (gzip, layout): (bool, Layout),
) -> Reply {
    let (sender, mut receiver) = mpsc::channel(PIECES);
    let outlet = Outlet { sender, patience: shared.settings.send_timeout, runtime: Handle::current() };
    let guard = CancelOnDrop(Arc::clone(&cancel));
    let worker = tokio::task::spawn_blocking(move || {
        let job = job()?;
        let out = Output {
            answer: Answer::new(job.form),
            gzip: gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast())),
            outlet,
            streaming: false,
            gone: false,
            budget: job.shared.node.answer_memory(),
            held: None,
            short: None,
            cancel,
        };
        job.run(out);
        drop((job, permit));
        Ok(())
    });
    let body = match receiver.recv().await {
        Some(Message::Whole(bytes) | Message::Last(bytes)) => reply::whole(bytes),
        Some(Message::Piece(first)) => stream(first, receiver, guard),
        None => {
            let (status, text) = match worker.await {
                Ok(Err(refusal)) => refusal,
                Ok(Ok(())) => (StatusCode::INTERNAL_SERVER_ERROR, "query interrupted".to_owned()),
                Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal error: the query panicked".to_owned()),
            };
            return reply::error_in(layout, status, &text);
        }
    };
    let mut answer = hyper::Response::new(body);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(layout.media_type()));
    if gzip {
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

/// Stops the query when the reply is dropped before its end: the client hung up.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The pieces as they come; an answer without its last piece ends in an error.
fn stream(first: Vec<u8>, receiver: mpsc::Receiver<Message>, guard: CancelOnDrop) -> ReplyBody {
    let state = Some((Some(first), receiver, guard));
    let pieces = futures_util::stream::unfold(state, |state| async move {
        let (first, mut receiver, guard) = state?;
        let message = match first {
            Some(bytes) => Some(Message::Piece(bytes)),
            None => receiver.recv().await,
        };
        Some(match message {
            Some(Message::Piece(bytes)) => (Ok(Frame::data(Bytes::from(bytes))), Some((None, receiver, guard))),
            Some(Message::Whole(bytes) | Message::Last(bytes)) => (Ok(Frame::data(Bytes::from(bytes))), None),
            None => (Err(CutOff), None),
        })
    });
    BodyExt::boxed(StreamBody::new(pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_that_does_not_read_is_given_up() {
        let (sender, receiver) = mpsc::channel(1);
        let outlet = Outlet { sender, patience: Duration::from_millis(20), runtime: Handle::current() };
        let sent = tokio::task::spawn_blocking(move || {
            (outlet.send(Message::Piece(vec![1])), outlet.send(Message::Piece(vec![2])))
        });
        assert_eq!(sent.await.unwrap(), (true, false));
        let cut = stream(vec![0], receiver, CancelOnDrop(Arc::default())).collect().await;
        assert!(cut.is_err(), "an answer that was cut off must not look whole");
    }
}
