//! `/query`: statements to the node, their answers streamed back.
//!
//! The statements run one after the other on a thread that may block. Their bytes gather in an [`Answer`]; a short answer
//! is sent whole, a long one in pieces through a bounded channel, so a slow reader slows its query down. When the reader
//! goes away the channel closes, and the query with it.

use super::body::BodyError;
use super::parameters::Parameters;
use super::router::body_error;
use super::{Reply, ReplyBody, Shared, bind, body, multipart, reply};
use crate::encode::{Answer, Form, TimeForm};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use node::{QueryRequest, Sink, Statement};
use std::convert::Infallible;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;
use tracing::{info, warn};

/// Bytes that gather before they are sent.
const PIECE: usize = 64 << 10;
/// Pieces that may wait for a slow reader.
const PIECES: usize = 4;
/// Rows that operators put into one frame at the most.
const FRAME_ROWS: usize = 4_096;
/// Greatest length of a query's text (bytes).
const LONGEST_TEXT: usize = 25_000_000;

/// Serves a query.
pub(crate) async fn serve(shared: &Arc<Shared>, request: Request<Incoming>) -> Reply {
    shared.counters.queries.inc();
    let (parts, incoming) = request.into_parts();
    let parameters = match parameters(shared, &parts, incoming).await {
        Ok(parameters) => parameters,
        Err(error) => return body_error(&error),
    };
    let job = match Job::new(shared, &parts, &parameters) {
        Ok(job) => job,
        Err((status, text)) => return reply::error(status, &text),
    };
    run(job, accepts_gzip(&parts.headers)).await
}

async fn parameters(shared: &Shared, parts: &Parts, incoming: Incoming) -> Result<Parameters, BodyError> {
    let mut parameters = Parameters::from_url(parts.uri.query());
    if parts.method != Method::POST {
        return Ok(parameters);
    }
    let read = body::read(shared, &parts.headers, incoming).await?;
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        parameters.add_form(&read.bytes);
    } else if let Some(boundary) = multipart::boundary(content_type) {
        for (name, value) in multipart::parts(&read.bytes, boundary) {
            parameters.add_part(name, value);
        }
    }
    Ok(parameters)
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
}

impl Job {
    fn new(shared: &Arc<Shared>, parts: &Parts, parameters: &Parameters) -> Result<Self, (StatusCode, String)> {
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
            statements,
            request: QueryRequest {
                database: given("db"),
                policy: given("rp"),
                read_only: parts.method == Method::GET,
                cancel: Arc::new(AtomicBool::new(false)),
                frame_rows: FRAME_ROWS,
            },
            form: Form {
                times,
                pretty: parameters.in_url("pretty") == "true",
                chunk_rows: chunked.then(|| chunk_rows.unwrap_or(shared.settings.chunk_rows)),
                max_rows: shared.settings.max_rows,
            },
        })
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
            match self.shared.node.execute(statement, &self.request, &mut out) {
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
                    out.answer.end(&[], Some(&error.to_string()));
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

/// What the thread sends: everything at once, or pieces.
enum Message {
    Whole(Vec<u8>),
    Piece(Vec<u8>),
}

/// Where the statements' items go.
struct Output {
    answer: Answer,
    gzip: Option<GzEncoder<Vec<u8>>>,
    sender: mpsc::Sender<Message>,
    streaming: bool,
    gone: bool,
    cancel: Arc<AtomicBool>,
}

impl Sink for Output {
    fn item(&mut self, item: model::Item) -> ControlFlow<()> {
        let more = self.answer.item(&item);
        let sent = if self.answer.waiting() >= PIECE { self.pass_on() } else { ControlFlow::Continue(()) };
        if more { sent } else { ControlFlow::Break(()) }
    }
}

impl Output {
    /// Sends what has gathered, if it is long enough.
    fn pass_on(&mut self) -> ControlFlow<()> {
        if self.sender.is_closed() {
            self.gone = true;
            self.cancel.store(true, Ordering::Relaxed);
            return ControlFlow::Break(());
        }
        if self.answer.waiting() < PIECE {
            return ControlFlow::Continue(());
        }
        let plain = self.answer.take();
        let piece = self.packed(plain);
        if piece.is_empty() {
            return ControlFlow::Continue(());
        }
        self.streaming = true;
        if self.sender.blocking_send(Message::Piece(piece)).is_err() {
            self.gone = true;
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

    fn finish(self) {
        let rest = self.answer.finish();
        let bytes = match self.gzip {
            None => rest,
            Some(mut gzip) => {
                let _ = gzip.write_all(&rest);
                gzip.finish().unwrap_or_default()
            }
        };
        let message = if self.streaming { Message::Piece(bytes) } else { Message::Whole(bytes) };
        // A client that has gone needs no answer.
        let _ = self.sender.blocking_send(message);
    }
}

async fn run(job: Job, gzip: bool) -> Reply {
    let (sender, mut receiver) = mpsc::channel(PIECES);
    let out = Output {
        answer: Answer::new(job.form),
        gzip: gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast())),
        sender,
        streaming: false,
        gone: false,
        cancel: Arc::clone(&job.request.cancel),
    };
    let guard = CancelOnDrop(Arc::clone(&job.request.cancel));
    let worker = tokio::task::spawn_blocking(move || job.run(out));
    let body = match receiver.recv().await {
        Some(Message::Whole(bytes)) => reply::whole(bytes),
        Some(Message::Piece(first)) => stream(first, receiver, guard),
        None => {
            let panicked = worker.await.is_err();
            let text = if panicked { "internal error: the query panicked" } else { "query interrupted" };
            return reply::error(StatusCode::INTERNAL_SERVER_ERROR, text);
        }
    };
    let mut answer = hyper::Response::new(body);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
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

fn stream(first: Vec<u8>, receiver: mpsc::Receiver<Message>, guard: CancelOnDrop) -> ReplyBody {
    let state = (Some(first), receiver, guard);
    let pieces = futures_util::stream::unfold(state, |(first, mut receiver, guard)| async move {
        let bytes = match first {
            Some(first) => first,
            None => match receiver.recv().await? {
                Message::Whole(bytes) | Message::Piece(bytes) => bytes,
            },
        };
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(bytes))), (None, receiver, guard)))
    });
    BodyExt::boxed(StreamBody::new(pieces))
}
