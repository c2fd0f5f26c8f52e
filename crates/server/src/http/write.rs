//! `/write` and `/api/v2/write`: a body of line protocol to the node. 204 means durable and visible.

use super::body::{BodyError, ReadBody, Received};
use super::parameters::Parameters;
use super::router::body_error;
use super::{Reply, Shared, body, reply, v2};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use ingest::{Decoded, LineKeys, Options, Precision};
use node::{Undecoded, Write, WriteError, WriteErrorKind, WriteTarget};
use platform::budget::Grant;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Whose parameters the request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// `db`, `rp`, `precision`, `consistency`.
    One,
    /// `bucket`, `precision`; `org` is ignored.
    Two,
}

/// Where the points go and how their times are to be read.
#[derive(Debug)]
struct Target {
    database: String,
    policy: Option<String>,
    precision: Precision,
}

/// Serves a write.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
    user: Option<String>,
    version: Version,
) -> Reply {
    shared.counters.writes.inc();
    let (parts, incoming) = request.into_parts();
    let parameters = Parameters::from_url(parts.uri.query());
    let target = match target_of(shared, &parameters, user.as_deref(), version) {
        Ok(target) => target,
        Err(reply) => {
            body::discard(&parts.headers, incoming).await;
            return *reply;
        }
    };
    let received = match body::receive(shared, &parts.headers, incoming).await {
        Ok(received) => received,
        Err(error) => return body_error(&error),
    };
    match store(shared, target, received).await {
        Ok(reply) => reply,
        Err(refusal) => refusal.reply(),
    }
}

/// Why nothing was stored.
enum Refused {
    Body(BodyError),
    Write(WriteError),
    Panic,
}

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl Refused {
    fn reply(&self) -> Reply {
        match self {
            Self::Body(error) => body_error(error),
            Self::Write(error) => write_error(error),
            Self::Panic => reply::error(StatusCode::INTERNAL_SERVER_ERROR, "internal error: the write panicked"),
        }
    }
}

/// Bodies up to here are decoded where they arrive, at the cost of some ten microseconds: another thread costs more.
const SMALL: usize = 16 << 10;

/// Decodes a body and stores it, on this thread if it is small and need not wait; waits until it is durable.
async fn store(shared: &Arc<Shared>, target: Target, received: Received) -> Result<Reply, Refused> {
    let small = received.is_small(SMALL);
    let (told, durable) = if small {
        let (task, durable) = Task::decode(shared, &target, received)?;
        let Some(task) = task else { return Ok(reply::no_content()) };
        match task.at_once(shared, &target) {
            Ok(told) => (told, durable),
            Err(task) => (elsewhere(shared, move |shared| Ok(task.wait(shared, &target))).await?, durable),
        }
    } else {
        let both = elsewhere(shared, move |shared| {
            let (task, durable) = Task::decode(shared, &target, received)?;
            Ok(task.map(|task| (task.wait(shared, &target), durable)))
        });
        let Some(both) = both.await? else { return Ok(reply::no_content()) };
        both
    };
    let told = told.map_err(Refused::Write)?;
    match durable.await {
        Ok(Ok(())) => Ok(told.map_or_else(reply::no_content, Said::reply)),
        Ok(Err(error)) => Err(Refused::Write(error)),
        Err(_) => Err(Refused::Write(WriteError::Closed)),
    }
}

/// Runs what may block.
async fn elsewhere<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    let shared = Arc::clone(shared);
    tokio::task::spawn_blocking(move || work(&shared)).await.map_err(|_| Refused::Panic)?
}

type Durable = oneshot::Receiver<Result<(), WriteError>>;
type Told = Result<Option<Said>, WriteError>;

/// What a client is told, and the share of the memory for requests that it has until it is sent: texts about many bad lines are
/// long, and may wait for a slow reader.
struct Said {
    text: String,
    grant: Grant,
}

impl Said {
    /// `grant` is for the request that it is about.
    fn new(text: String, mut grant: Grant) -> Self {
        let needless = grant.bytes().saturating_sub(2 * text.len() as u64);
        grant.shrink(needless);
        Self { text, grant }
    }

    fn reply(self) -> Reply {
        reply::error_holding(StatusCode::BAD_REQUEST, &self.text, self.grant)
    }
}

/// A decoded body on its way to the node.
struct Task {
    write: Box<Write<'static>>,
    /// The body, to be used again.
    text: Arc<Vec<u8>>,
    /// Memory for the body and for what was decoded of it.
    grant: Grant,
}

impl Task {
    /// Inflates and decodes; no task if there is nothing in the body.
    fn decode(shared: &Shared, target: &Target, received: Received) -> Result<(Option<Self>, Durable), Refused> {
        let ReadBody { bytes, mut grant } = received.inflate(shared)?;
        shared.counters.write_bytes.add(bytes.len() as u64);
        let (sender, durable) = oneshot::channel();
        if bytes.is_empty() {
            return Ok((None, durable));
        }
        let options = Options { precision: target.precision, now: shared.node.now(), ..Options::default() };
        let mut too_large = false;
        let mut more = |bytes: usize| {
            let wanted = grant.bytes().saturating_add(bytes as u64);
            too_large = wanted > shared.memory.limit();
            grant.resize(wanted).is_ok()
        };
        let Ok(decoded) = ingest::decode_within(bytes, &options, &mut more) else {
            return Err(Refused::Body(if too_large { BodyError::TooLarge } else { BodyError::Busy }));
        };
        let Decoded { batch, errors, more_errors, partial } = decoded;
        let done = Box::new(move |result| drop(sender.send(result)));
        let undecoded = Undecoded {
            lines: errors.into_iter().map(|error| (error.offset, error.text)).collect(),
            more_lines: more_errors,
            partial: partial.reason().map(|reason| (reason.to_owned(), partial.dropped)),
            line_of_key: &ingest::key_error_text,
        };
        let text = Arc::clone(&batch.text);
        let write = Box::new(Write::new(batch, &LineKeys, undecoded, done));
        Ok((Some(Self { write, text, grant }), durable))
    }

    /// Stores it if that needs no waiting.
    fn at_once(self, shared: &Shared, target: &Target) -> Result<Told, Self> {
        let Self { write, text, grant } = self;
        match shared.node.write_at_once(&write_target(target), *write) {
            Ok(told) => Ok(told.map(|said| said.map(|said| Said::new(said, grant)))),
            Err(write) => Err(Self { write, text, grant }),
        }
    }

    /// Stores it, and waits as long as need be.
    fn wait(self, shared: &Shared, target: &Target) -> Told {
        let Self { write, text, grant } = self;
        let told = shared.node.write(&write_target(target), *write);
        if let Ok(text) = Arc::try_unwrap(text) {
            shared.buffers.give(text);
        }
        told.map(|said| said.map(|said| Said::new(said, grant)))
    }
}

fn write_target(target: &Target) -> WriteTarget<'_> {
    WriteTarget { database: &target.database, policy: target.policy.as_deref() }
}

type Refusal = (StatusCode, String);

fn target_of_one(parameters: &Parameters) -> Result<Target, Refusal> {
    let database = parameters.get("db");
    if database.is_empty() {
        return Err((StatusCode::BAD_REQUEST, "database is required".to_owned()));
    }
    let precision: Precision = parameters.get("precision").parse().map_err(bad_request)?;
    if !matches!(parameters.get("consistency"), "" | "one" | "any" | "quorum" | "all") {
        return Err((StatusCode::BAD_REQUEST, "invalid consistency level".to_owned()));
    }
    let policy = Some(parameters.get("rp")).filter(|policy| !policy.is_empty());
    Ok(Target { database: database.to_owned(), policy: policy.map(str::to_owned), precision })
}

/// Where a write goes, if it may.
fn target_of(
    shared: &Shared,
    parameters: &Parameters,
    user: Option<&str>,
    version: Version,
) -> Result<Target, Box<Reply>> {
    let read_target = match version {
        Version::One => target_of_one(parameters),
        Version::Two => target_of_two(parameters),
    };
    let target = read_target.map_err(|(status, text)| Box::new(reply::error(status, &text)))?;
    shared.node.check_target(&write_target(&target)).map_err(|error| Box::new(write_error(&error)))?;
    if shared.settings.auth_enabled {
        let allowed = shared.node.authorize_write(user, &target.database);
        allowed.map_err(|text| Box::new(reply::error(StatusCode::FORBIDDEN, &text)))?;
    }
    Ok(target)
}

fn target_of_two(parameters: &Parameters) -> Result<Target, Refusal> {
    let precision = match parameters.get("precision") {
        "" | "ns" => Precision::Nanosecond,
        "us" => Precision::Microsecond,
        "ms" => Precision::Millisecond,
        "s" => Precision::Second,
        other => return Err(bad_request(format!("invalid precision \"{other}\" (use ns, us, ms or s)"))),
    };
    let (database, policy) = v2::parts_of(parameters.get("bucket")).map_err(|text| (StatusCode::NOT_FOUND, text))?;
    Ok(Target { database: database.to_owned(), policy: policy.map(str::to_owned), precision })
}

fn bad_request(error: impl ToString) -> Refusal {
    (StatusCode::BAD_REQUEST, error.to_string())
}

fn write_error(error: &WriteError) -> Reply {
    let status = match error.kind() {
        WriteErrorKind::NotFound => StatusCode::NOT_FOUND,
        WriteErrorKind::Invalid => StatusCode::BAD_REQUEST,
        WriteErrorKind::Retry | WriteErrorKind::Closed => StatusCode::SERVICE_UNAVAILABLE,
        WriteErrorKind::Full => StatusCode::INSUFFICIENT_STORAGE,
        WriteErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    };
    reply::error(status, &error.to_string())
}
