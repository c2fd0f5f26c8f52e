//! Reads the body of a request: never more than the settings allow, as sent and once inflated.

use super::Shared;
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, HeaderMap};
use std::io::Read;
use thiserror::Error;
use tokio::sync::OwnedSemaphorePermit;

/// Why a body could not be read.
#[derive(Debug, Error)]
pub(crate) enum BodyError {
    /// It is longer than the settings allow (413).
    #[error("Request Entity Too Large")]
    TooLarge,
    /// It says gzip and is not, or ends early (400).
    #[error("{0}")]
    Gzip(String),
    /// The client hung up or kept silent (400).
    #[error("unexpected EOF")]
    Broken,
    /// Too many bodies are under way (503).
    #[error("request throttled, queue full")]
    Busy,
}

/// A body, and its share of the memory for bodies under way.
#[derive(Debug)]
pub(crate) struct ReadBody {
    /// The bytes, inflated.
    pub(crate) bytes: Vec<u8>,
    _permit: Option<OwnedSemaphorePermit>,
}

const KIB: u64 = 1024;
/// Offsets into a body are 32 bits wide.
const LONGEST: u64 = u32::MAX as u64;

/// Reads the whole body; `gzip` bodies are inflated.
pub(crate) async fn read(shared: &Shared, headers: &HeaderMap, body: Incoming) -> Result<ReadBody, BodyError> {
    let settings = &shared.settings;
    let bound = if settings.max_body_bytes == 0 { LONGEST } else { settings.max_body_bytes.min(LONGEST) };
    if body.size_hint().lower() > bound {
        return Err(BodyError::TooLarge);
    }
    let mut held = None;
    let sent = collect(shared, body, bound, &mut held).await?;
    let gzip = headers.get(CONTENT_ENCODING).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"));
    if !gzip {
        return Ok(ReadBody { bytes: sent, _permit: held });
    }
    let most = settings.max_inflated_bytes.min(LONGEST);
    let bytes = tokio::task::spawn_blocking(move || inflate(&sent, most)).await.map_err(|_| BodyError::Broken)??;
    hold(shared, bytes.len() as u64, &mut held)?;
    Ok(ReadBody { bytes, _permit: held })
}

async fn collect(
    shared: &Shared,
    mut body: Incoming,
    bound: u64,
    held: &mut Option<OwnedSemaphorePermit>,
) -> Result<Vec<u8>, BodyError> {
    let expected = body.size_hint().exact().unwrap_or(0);
    hold(shared, expected, held)?;
    let mut sent = Vec::with_capacity(usize::try_from(expected.min(1 << 26)).unwrap_or(0));
    let mut accounted = expected;
    while let Some(data) = next(shared, &mut body).await? {
        if sent.len() as u64 + data.len() as u64 > bound {
            return Err(BodyError::TooLarge);
        }
        sent.extend_from_slice(&data);
        if sent.len() as u64 > accounted {
            hold(shared, sent.len() as u64 - accounted, held)?;
            accounted = sent.len() as u64;
        }
    }
    Ok(sent)
}

/// The next piece of the body, waited for no longer than the settings say.
async fn next(shared: &Shared, body: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    loop {
        let frame = tokio::time::timeout(shared.settings.body_timeout, body.frame()).await;
        match frame.map_err(|_| BodyError::Broken)? {
            None => return Ok(None),
            Some(Err(_)) => return Err(BodyError::Broken),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Takes memory for `bytes` more.
fn hold(shared: &Shared, bytes: u64, held: &mut Option<OwnedSemaphorePermit>) -> Result<(), BodyError> {
    if bytes == 0 {
        return Ok(());
    }
    let permits = u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX);
    let more = shared.inflight.clone().try_acquire_many_owned(permits).map_err(|_| BodyError::Busy)?;
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
    Ok(())
}

fn inflate(sent: &[u8], most: u64) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::with_capacity(sent.len().saturating_mul(4).min(1 << 26));
    let read = MultiGzDecoder::new(sent).take(most + 1).read_to_end(&mut bytes);
    match read {
        Ok(_) if bytes.len() as u64 > most => Err(BodyError::TooLarge),
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(BodyError::Gzip("unexpected EOF".to_owned()))
        }
        Err(_) => Err(BodyError::Gzip("gzip: invalid header".to_owned())),
    }
}
