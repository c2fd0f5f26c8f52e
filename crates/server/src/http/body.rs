//! Reads the body of a request: never more than the settings allow, as sent and once inflated, and all bodies together within
//! the memory for requests.

use super::Shared;
use super::buffers::Buffers;
use bytes::Bytes;
use codec::gzip::{GzipError, Inflater, probable_len};
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, HeaderMap};
use platform::budget::{Exhausted, Grant};
use std::io::Read;
use std::sync::Arc;
use thiserror::Error;

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

impl From<Exhausted> for BodyError {
    fn from(_: Exhausted) -> Self {
        Self::Busy
    }
}

/// A body, and its share of the memory for requests.
#[derive(Debug)]
pub(crate) struct ReadBody {
    /// The bytes, inflated.
    pub(crate) bytes: Vec<u8>,
    /// Memory that they take.
    pub(crate) grant: Grant,
}

/// A body as it was sent.
#[derive(Debug)]
pub(crate) struct Received {
    sent: ReadBody,
    gzip: bool,
}

/// Packed bodies up to here inflate to a megabyte at most.
const SMALL_GZIP: usize = 1 << 10;
/// Offsets into a body are 32 bits wide.
const LONGEST: u64 = u32::MAX as u64;

/// Reads the whole body; `gzip` bodies are inflated.
pub(crate) async fn read(shared: &Arc<Shared>, headers: &HeaderMap, body: Incoming) -> Result<ReadBody, BodyError> {
    let received = receive(shared, headers, body).await?;
    if !received.gzip {
        return Ok(received.sent);
    }
    let shared = Arc::clone(shared);
    let inflated = tokio::task::spawn_blocking(move || received.inflate(&shared)).await;
    inflated.map_err(|_| BodyError::Broken)?
}

/// Reads the whole body as it was sent.
pub(crate) async fn receive(shared: &Shared, headers: &HeaderMap, body: Incoming) -> Result<Received, BodyError> {
    let settings = &shared.settings;
    let bound = if settings.max_body_bytes == 0 { LONGEST } else { settings.max_body_bytes.min(LONGEST) };
    if body.size_hint().lower() > bound {
        return Err(BodyError::TooLarge);
    }
    let sent = collect(shared, body, bound).await?;
    let gzip = headers.get(CONTENT_ENCODING).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"));
    Ok(Received { sent, gzip })
}

impl Received {
    /// Whether the body is of at most `bytes`; of a packed one, whose length is only a claim, at most a megabyte may come of it.
    pub(crate) fn is_small(&self, bytes: usize) -> bool {
        let sent = &self.sent.bytes;
        if self.gzip { sent.len() <= SMALL_GZIP && probable_len(sent) <= bytes } else { sent.len() <= bytes }
    }

    /// The body that was meant. Takes a while if it is large.
    ///
    /// # Errors
    /// It is no gzip though it says so, becomes too large, or there is no memory.
    pub(crate) fn inflate(self, shared: &Shared) -> Result<ReadBody, BodyError> {
        let Self { sent, gzip } = self;
        if !gzip {
            return Ok(sent);
        }
        let most = usize::try_from(shared.settings.max_inflated_bytes.min(LONGEST)).unwrap_or(usize::MAX);
        let ReadBody { bytes, mut grant } = sent;
        let inflated = match inflate_at_once(&shared.buffers, &bytes, most, &mut grant) {
            Some(result) => result,
            // The other decoder is slow and says what is wrong.
            None => inflate_in_steps(&bytes, most, &mut grant),
        }?;
        shared.buffers.give(bytes);
        Ok(ReadBody { bytes: inflated, grant })
    }
}

async fn collect(shared: &Shared, mut body: Incoming, bound: u64) -> Result<ReadBody, BodyError> {
    let expected = body.size_hint().exact().unwrap_or(0);
    let mut grant = shared.memory.try_take(expected)?;
    let mut bytes = shared.buffers.take(usize::try_from(expected.min(1 << 26)).unwrap_or(0));
    while let Some(data) = next(shared, &mut body).await? {
        let len = bytes.len() as u64 + data.len() as u64;
        if len > bound {
            return Err(BodyError::TooLarge);
        }
        if len > grant.bytes() {
            grant.resize(len)?;
        }
        bytes.extend_from_slice(&data);
    }
    Ok(ReadBody { bytes, grant })
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

/// The least room that is made for a member; more if it does not suffice.
const LEAST_ROOM: usize = 4 << 10;

/// Inflates member by member, each in one shot, and takes memory before it is used; `None` if that does not work.
fn inflate_at_once(
    buffers: &Buffers,
    sent: &[u8],
    most: usize,
    grant: &mut Grant,
) -> Option<Result<Vec<u8>, BodyError>> {
    let mut inflater = Inflater::new()?;
    let before = grant.bytes();
    let probable = probable_len(sent).clamp(LEAST_ROOM, most.max(LEAST_ROOM));
    if grant.grow(probable as u64).is_err() {
        return Some(Err(BodyError::Busy));
    }
    let mut bytes = buffers.take(probable);
    let (mut at, mut room) = (0, probable);
    while at == 0 || at < sent.len() {
        let left = most.saturating_sub(bytes.len());
        let needed = (bytes.len() + room.min(left)) as u64;
        if before + needed > grant.bytes() && grant.resize(before + needed).is_err() {
            return Some(Err(BodyError::Busy));
        }
        match inflater.member(&sent[at..], room.min(left), &mut bytes) {
            Ok(length) => {
                at += length;
                room = LEAST_ROOM.max(bytes.capacity() - bytes.len());
            }
            Err(GzipError::Room) if room >= left => return Some(Err(BodyError::TooLarge)),
            Err(GzipError::Room) => room = room.saturating_mul(4),
            Err(GzipError::Bad) => {
                grant.shrink(grant.bytes() - before);
                return None;
            }
        }
    }
    Some(Ok(bytes))
}

/// Bytes that are inflated between two takings of memory.
const STEP: u64 = 1 << 20;

/// Inflates piece by piece, and takes memory for each piece before it is there.
fn inflate_in_steps(sent: &[u8], most: usize, grant: &mut Grant) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    let mut decoder = MultiGzDecoder::new(sent);
    loop {
        grant.grow(STEP)?;
        let read = decoder.by_ref().take(STEP).read_to_end(&mut bytes).map_err(|error| gzip_error(&error))?;
        if bytes.len() > most {
            return Err(BodyError::TooLarge);
        }
        if read == 0 {
            return Ok(bytes);
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
    use platform::Budget;
    use std::io::Write;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    /// The inflated body and the memory that it holds, by both decoders if the first one does it.
    fn inflated(sent: &[u8], most: usize, memory: &Budget) -> Result<(Vec<u8>, u64), BodyError> {
        let buffers = Buffers::default();
        let mut grant = memory.try_take(sent.len() as u64)?;
        if let Some(result) = inflate_at_once(&buffers, sent, most, &mut grant) {
            let held = grant.bytes();
            if let Ok(bytes) = &result {
                let mut other = memory.try_take(0)?;
                assert_eq!(inflate_in_steps(sent, most, &mut other).ok().as_ref(), Some(bytes));
            }
            return result.map(|bytes| (bytes, held));
        }
        let bytes = inflate_in_steps(sent, most, &mut grant)?;
        Ok((bytes, grant.bytes()))
    }

    #[test]
    fn memory_is_taken_before_it_is_filled() {
        let memory = Budget::new(8 << 20);
        let (bytes, held) = inflated(&packed(&[b'\n'; 2_500_000]), 1 << 30, &memory).unwrap();
        assert_eq!(bytes.len(), 2_500_000);
        assert!((2_500_000..2_600_000).contains(&held), "{held}");
        assert_eq!(memory.used(), 0);
        let bomb = packed(&vec![b'\n'; 60_000_000]);
        assert!(matches!(inflated(&bomb, 1 << 30, &memory), Err(BodyError::Busy)));
        assert!(matches!(inflated(&bomb, 2_000_000, &memory), Err(BodyError::TooLarge)));
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn members_follow_each_other_and_lies_about_lengths_are_found_out() {
        let memory = Budget::new(64 << 20);
        let two = [packed(b"same"), packed(b"same")].concat();
        assert_eq!(inflated(&two, 100, &memory).unwrap().0, b"samesame");
        let uneven = [packed(&[b'x'; 3_000_000]), packed(b""), packed(b"y")].concat();
        assert_eq!(inflated(&uneven, 1 << 30, &memory).unwrap().0.len(), 3_000_001);
        assert!(matches!(inflated(&uneven, 3_000_000, &memory), Err(BodyError::TooLarge)));
        assert_eq!(inflated(&packed(b"12345"), 5, &memory).unwrap().0, b"12345");
        assert!(matches!(inflated(&packed(b"123456"), 5, &memory), Err(BodyError::TooLarge)));
        for bad in [&two[..two.len() - 4], &two[..5], b"", b"plain", &[&two[..], b"junk"].concat()] {
            assert!(matches!(inflated(bad, 100, &memory), Err(BodyError::Gzip(_))), "{bad:?}");
        }
        let mut lie = packed(b"12345");
        let end = lie.len() - 1;
        lie[end] = 0x7f;
        assert!(matches!(inflated(&lie, 1 << 20, &memory), Err(BodyError::Gzip(_))));
        assert_eq!(memory.used(), 0);
    }
}
