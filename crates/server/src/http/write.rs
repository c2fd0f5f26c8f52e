//! `/write` and `/api/v2/write`: a body of line protocol to the node. 204 means durable and visible.

use super::parameters::Parameters;
use super::router::body_error;
use super::{Reply, Shared, body, reply};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use ingest::{Decoded, LineKeys, Options, Precision};
use node::{Undecoded, WriteError, WriteErrorKind, WriteTarget};
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
pub(crate) async fn serve(shared: &Arc<Shared>, request: Request<Incoming>, version: Version) -> Reply {
    shared.counters.writes.inc();
    let (parts, incoming) = request.into_parts();
    let parameters = Parameters::from_url(parts.uri.query());
    let read_target = match version {
        Version::One => target_of_one(&parameters),
        Version::Two => target_of_two(&parameters),
    };
    let target = match read_target {
        Ok(target) => target,
        Err((status, text)) => return reply::error(status, &text),
    };
    if let Err(error) = shared.node.check_target(&write_target(&target)) {
        return write_error(&error);
    }
    let read = match body::read(shared, &parts.headers, incoming).await {
        Ok(read) => read,
        Err(error) => return body_error(&error),
    };
    if read.bytes.is_empty() {
        return reply::no_content();
    }
    shared.counters.write_bytes.add(read.bytes.len() as u64);
    let for_thread = Arc::clone(shared);
    let stored = tokio::task::spawn_blocking(move || start(&for_thread, &target, read.bytes)).await;
    let (report, durable) = match stored {
        Ok(Ok(started)) => started,
        Ok(Err(error)) => return write_error(&error),
        Err(_) => return reply::error(StatusCode::INTERNAL_SERVER_ERROR, "internal error: the write panicked"),
    };
    match durable.await {
        Ok(Ok(())) => report.map_or_else(reply::no_content, |text| reply::error(StatusCode::BAD_REQUEST, &text)),
        Ok(Err(error)) => write_error(&error),
        Err(_) => reply::error(StatusCode::SERVICE_UNAVAILABLE, "engine is closed"),
    }
}

type Durable = oneshot::Receiver<Result<(), WriteError>>;

/// Decodes the body and hands it to the node: what is to be told of bad lines, and the promise of durability.
fn start(shared: &Shared, target: &Target, bytes: Vec<u8>) -> Result<(Option<String>, Durable), WriteError> {
    let options = Options { precision: target.precision, now: shared.node.now(), ..Options::default() };
    let Decoded { batch, errors, more_errors, partial } = ingest::decode(bytes, &options);
    let more = (more_errors > 0).then(|| (u32::MAX, format!("{more_errors} more lines that are no points")));
    let (sender, durable) = oneshot::channel();
    let done = Box::new(move |result| drop(sender.send(result)));
    let undecoded = Undecoded {
        lines: errors.into_iter().map(|error| (error.offset, error.text)).chain(more).collect(),
        partial: partial.reason().map(|reason| (reason.to_owned(), partial.dropped)),
        line_of_key: &ingest::key_error_text,
    };
    let refused = shared.node.write(&write_target(target), batch, &LineKeys, undecoded, done)?;
    Ok((refused, durable))
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

fn target_of_two(parameters: &Parameters) -> Result<Target, Refusal> {
    let precision = match parameters.get("precision") {
        "" | "ns" => Precision::Nanosecond,
        "us" => Precision::Microsecond,
        "ms" => Precision::Millisecond,
        "s" => Precision::Second,
        other => return Err(bad_request(format!("invalid precision \"{other}\" (use ns, us, ms or s)"))),
    };
    let bucket = parameters.get("bucket");
    let (database, policy) = match bucket.split_once('/') {
        Some(("", _)) => {
            let text = format!("bucket name \"{bucket}\" is in db/rp form but has an empty database");
            return Err((StatusCode::NOT_FOUND, text));
        }
        Some((database, policy)) => (database, Some(policy).filter(|policy| !policy.is_empty())),
        None if bucket.is_empty() => {
            let text = "bucket name \"\" is missing a slash; not in \"database/retention-policy\" format";
            return Err((StatusCode::NOT_FOUND, text.to_owned()));
        }
        None => (bucket, None),
    };
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
