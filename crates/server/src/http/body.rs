//! Reads the body of a request: never more than the settings allow, as sent and once inflated.

use super::Shared;
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, HeaderMap};
use std::io::Read;
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
    let inflight = Arc::clone(&shared.inflight);
    let inflated = tokio::task::spawn_blocking(move || inflate(&sent, most, &inflight, held)).await;
    inflated.map_err(|_| BodyError::Broken)?
}

async fn collect(
    shared: &Shared,
    mut body: Incoming,
    bound: u64,
    held: &mut Option<OwnedSemaphorePermit>,
) -> Result<Vec<u8>, BodyError> {
    let expected = body.size_hint().exact().unwrap_or(0);
    hold(&shared.inflight, expected, held)?;
    let mut sent = Vec::with_capacity(usize::try_from(expected.min(1 << 26)).unwrap_or(0));
    let mut accounted = expected;
    while let Some(data) = next(shared, &mut body).await? {
        if sent.len() as u64 + data.len() as u64 > bound {
            return Err(BodyError::TooLarge);
        }
        sent.extend_from_slice(&data);
        if sent.len() as u64 > accounted {
            hold(&shared.inflight, sent.len() as u64 - accounted, held)?;
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
fn hold(inflight: &Arc<Semaphore>, bytes: u64, held: &mut Option<OwnedSemaphorePermit>) -> Result<(), BodyError> {
    if bytes == 0 {
        return Ok(());
    }
    let permits = u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX);
    let more = Arc::clone(inflight).try_acquire_many_owned(permits).map_err(|_| BodyError::Busy)?;
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
    Ok(())
}

/// Bytes that are inflated between two takings of memory.
const STEP: u64 = 1 << 20;

/// Inflates piece by piece, and takes memory for each piece before it is there: a small body may hold a huge one.
fn inflate(
    sent: &[u8],
    most: u64,
    inflight: &Arc<Semaphore>,
    mut held: Option<OwnedSemaphorePermit>,
) -> Result<ReadBody, BodyError> {
    let mut bytes = Vec::new();
    let mut decoder = MultiGzDecoder::new(sent);
    loop {
        hold(inflight, STEP, &mut held)?;
        let read = decoder.by_ref().take(STEP).read_to_end(&mut bytes).map_err(|error| gzip_error(&error))?;
        if bytes.len() as u64 > most {
            return Err(BodyError::TooLarge);
        }
        if read == 0 {
            return Ok(ReadBody { bytes, _permit: held });
        }
    }
}

fn gzip_error(error: &std::io::Error) -> BodyError {
    let text = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "unexpected EOF",
        _ => "gzip: invalid header",
    };
    BodyError::Gzip(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(bytes: usize) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&vec![b'\n'; bytes]).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn memory_is_taken_before_it_is_filled() {
        let inflight = Arc::new(Semaphore::new(4 * 1024));
        let body = inflate(&packed(2_500_000), 1 << 30, &inflight, None).unwrap();
        assert_eq!(body.bytes.len(), 2_500_000);
        assert!(inflight.available_permits() <= 1024);
        drop(body);
        assert_eq!(inflight.available_permits(), 4 * 1024);
        let refused = inflate(&packed(60_000_000), 1 << 30, &inflight, None).unwrap_err();
        assert!(matches!(refused, BodyError::Busy));
        assert_eq!(inflight.available_permits(), 4 * 1024);
        assert!(matches!(inflate(&packed(3_000_000), 2_000_000, &inflight, None), Err(BodyError::TooLarge)));
        let cut = packed(1_000);
        assert!(matches!(inflate(&cut[..cut.len() - 4], 1 << 30, &inflight, None), Err(BodyError::Gzip(_))));
    }
}
