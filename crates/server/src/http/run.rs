//! Runs the statements of a request and sends what they answer.
//!
//! They run one after the other. Their bytes gather in an [`Answer`]. Short queries run on the thread that serves the connection,
//! until a deadline ([`at_once`]); all else runs on a thread that may block ([`on_thread`]): a short answer is sent whole, a long
//! one in pieces through a bounded channel, so a slow reader slows its query down. When the reader goes away the channel closes,
//! and the query with it. What an answer must hold back until it is whole (`MessagePack`, indented JSON) is charged to the memory of
//! queries, until the reader has taken it.

use super::query::{Job, Refusal};
use super::{CutOff, Reply, ReplyBody, Shared, reply, shapes};
use crate::encode::{Answer, Layout};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, StreamBody};
use hyper::StatusCode;
use hyper::body::Frame;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use model::Zone;
use node::{Sink, Statement};
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

/// How the statements of a request ended.
#[derive(Clone, Copy)]
enum Ended {
    /// All were run, or failed.
    Whole,
    /// The reader has gone.
    Gone,
    /// They take longer than this thread may be kept, or answer too much.
    Late,
}

impl Job {
    /// Runs the statements, one after the other; after the first that fails, the rest is not executed. `within`: so long each of
    /// them may take.
    fn run(&mut self, out: &mut Output, within: Option<Duration>) -> Ended {
        let node = Arc::clone(&self.shared.node);
        self.request.within = within;
        let mut failed = false;
        for (id, statement) in self.statements.iter().enumerate() {
            let select = if let Statement::Select(select) = statement { Some(select) } else { None };
            // The count of rows that were written has the time 0 of no clock.
            let shown = select.filter(|select| select.target.is_none());
            let zone = shown.and_then(|select| Zone::named(select.location.as_ref()?));
            out.answer.begin(id, statement.is_selection(), zone);
            if failed {
                out.answer.end(&[], Some("not executed"));
                continue;
            }
            let done = match node.execute(statement, &self.request, out) {
                Err(error) if error.is_late() => return Ended::Late,
                done => done.map_err(|error| error.to_string()),
            };
            match done.and_then(|messages| out.short.take().map_or(Ok(messages), Err)) {
                Ok(messages) => {
                    if !statement.is_read_only() {
                        info!(target: "query", "done: {}", node::shortened(&statement.to_string()));
                    }
                    out.answer.end(&messages, None);
                }
                Err(error) => {
                    failed = true;
                    self.shared.counters.query_errors.inc();
                    let text = node::shortened(&statement.to_string());
                    warn!(target: "query", db = self.request.database.as_deref(), %error, "failed: {text}");
                    out.answer.end(&[], Some(&error));
                }
            }
            if within.is_some() && !out.is_late() {
                continue;
            }
            if out.stopped.is_some() || out.pass_on().is_break() {
                return out.stopped.take().unwrap_or(Ended::Gone);
            }
        }
        Ended::Whole
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
    /// None: all must fit in one piece.
    outlet: Option<Outlet>,
    streaming: bool,
    stopped: Option<Ended>,
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
        let gathered = self.answer.waiting().max(self.answer.held());
        let sent = if gathered >= PIECE { self.pass_on() } else { ControlFlow::Continue(()) };
        if more { sent } else { ControlFlow::Break(()) }
    }

    fn is_late(&self) -> bool {
        matches!(self.stopped, Some(Ended::Late))
    }
}

impl Output {
    fn new(job: &Job, gzip: bool, outlet: Option<Outlet>) -> Self {
        Self {
            answer: Answer::new(job.form),
            gzip: gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast())),
            outlet,
            streaming: false,
            stopped: None,
            budget: job.shared.node.answer_memory(),
            held: None,
            short: None,
            cancel: Arc::clone(&job.request.cancel),
        }
    }

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
        let Some(outlet) = &self.outlet else {
            let fits = self.answer.waiting().max(self.answer.held()) < PIECE;
            return if fits { ControlFlow::Continue(()) } else { self.stop(Ended::Late) };
        };
        if outlet.sender.is_closed() {
            return self.stop(Ended::Gone);
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
        match &self.outlet {
            Some(outlet) if !outlet.send(Message::Piece(piece)) => self.stop(Ended::Gone),
            _ => ControlFlow::Continue(()),
        }
    }

    fn stop(&mut self, ended: Ended) -> ControlFlow<()> {
        if matches!(ended, Ended::Gone) {
            self.cancel.store(true, Ordering::Relaxed);
        }
        self.stopped = Some(ended);
        ControlFlow::Break(())
    }

    fn packed(&mut self, plain: Vec<u8>) -> Vec<u8> {
        let Some(gzip) = &mut self.gzip else { return plain };
        // Writing to a vector cannot fail.
        let _ = gzip.write_all(&plain);
        std::mem::take(gzip.get_mut())
    }

    /// All that there is, of an answer of which nothing was sent.
    fn whole(self) -> Vec<u8> {
        ended(self.gzip, self.answer.finish())
    }

    /// Sends what is left.
    fn finish(mut self) {
        let mut rest = std::mem::take(&mut self.answer).finish();
        if rest.len() > 2 * PIECE {
            let last = rest.split_off(rest.len() - PIECE);
            if self.send(std::mem::replace(&mut rest, last)).is_break() {
                return;
            }
        }
        let bytes = ended(self.gzip.take(), rest);
        if let Some(outlet) = &self.outlet {
            // A client that has gone needs no answer.
            let _ = outlet.send(if self.streaming { Message::Last(bytes) } else { Message::Whole(bytes) });
        }
    }
}

/// The last bytes of an answer, as they are sent.
fn ended(gzip: Option<GzEncoder<Vec<u8>>>, rest: Vec<u8>) -> Vec<u8> {
    let Some(mut gzip) = gzip else { return rest };
    // Writing to a vector cannot fail.
    let _ = gzip.write_all(&rest);
    gzip.finish().unwrap_or_default()
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

/// Runs a job on this thread, if its queries should be short; `None`: it must be run by another.
pub(super) fn at_once(job: &mut Job, (gzip, layout): (bool, Layout)) -> Option<Reply> {
    let (shared, shape) = (Arc::clone(&job.shared), job.shape?);
    if !shared.shapes.is_short(shape) {
        return None;
    }
    let mut out = Output::new(job, gzip, None);
    let begin = shared.node.monotonic();
    let ended = job.run(&mut out, Some(shapes::DEADLINE));
    let took = shared.node.monotonic().saturating_sub(begin);
    let is_late = matches!(ended, Ended::Late);
    shared.shapes.took(shape, if is_late { Duration::MAX } else { took });
    if is_late {
        // What took so long is in caches now: how fast it is again says nothing of the next one.
        job.shape = None;
    }
    matches!(ended, Ended::Whole).then(|| answer(reply::whole(out.whole()), gzip, layout))
}

/// Runs what `job` makes, all of it on a thread that may block.
pub(super) async fn on_thread(
    shared: &Arc<Shared>,
    job: impl FnOnce() -> Result<Job, Refusal> + Send + 'static,
    cancel: Arc<AtomicBool>,
    permit: Option<OwnedSemaphorePermit>,
    (gzip, layout): (bool, Layout),
) -> Reply {
    let (sender, mut receiver) = mpsc::channel(PIECES);
    let outlet = Outlet { sender, patience: shared.settings.send_timeout, runtime: Handle::current() };
    let guard = CancelOnDrop(cancel);
    let worker = tokio::task::spawn_blocking(move || {
        let mut job = job()?;
        let mut out = Output::new(&job, gzip, Some(outlet));
        let begin = job.shared.node.monotonic();
        let ended = job.run(&mut out, None);
        if let Some(shape) = job.shape {
            let took = job.shared.node.monotonic().saturating_sub(begin);
            job.shared.shapes.took(shape, if out.streaming { Duration::MAX } else { took });
        }
        if matches!(ended, Ended::Whole) {
            out.finish();
        }
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
    answer(body, gzip, layout)
}

fn answer(body: ReplyBody, gzip: bool, layout: Layout) -> Reply {
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
