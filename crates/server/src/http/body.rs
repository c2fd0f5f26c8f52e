//! Reads the body of a request: never more than the settings allow, as sent and once inflated, and all bodies together within
//! the memory for requests.

use super::Shared;
use super::buffers::Buffers;
use bytes::Bytes;
use codec::gzip::{GzipError, Inflater, probable_len};
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, EXPECT, HeaderMap};
use platform::Budget;
use platform::budget::{Exhausted, Grant};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// What is read at most of a body that nobody wants (bytes), and for how long: as much as Go's servers read.
const UNWANTED: usize = 256 << 10;
const UNWANTED_FOR: Duration = Duration::from_secs(1);

/// Reads a body that is answered already. A connection that is closed before its client has sent all may lose the answer on the way, and
/// a proxy then tells its own client that there was none. Who waits to be asked for a body (`Expect`) is not asked.
pub(crate) async fn discard(headers: &HeaderMap, mut body: Incoming) {
    if headers.contains_key(EXPECT) {
        return;
    }
    let read = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > UNWANTED {
                break;
            }
        }
    };
    // What comes too late is lost.
    let _ = tokio::time::timeout(UNWANTED_FOR, read).await;
}

/// Why a body could not be read.
#[derive(Debug, Error)]
pub(crate) enum BodyError {
    /// It is longer than the settings allow (413).
    #[error("Request Entity Too Large")]
    TooLarge,
    /// It says gzip and is not, or ends early (400).
    #[error("{0}")]
    Gzip(String),
    /// The client hung up (400).
    #[error("unexpected EOF")]
    Broken,
    /// It came too slowly (408).
    #[error("Request Timeout")]
    Slow,
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
    let (memory, buffers, patience) = (&shared.memory, &shared.buffers, settings.body_timeout);
    let reading = Reading { memory, buffers, patience, now: &|| shared.node.monotonic() };
    let sent = reading.collect(body, bound).await?;
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

/// Bytes that are taken from the memory before any have come.
const FIRST_STEP: u64 = 16 << 10;
/// The greatest buffer that is made for a body at once: its length is only a claim.
const FIRST_ROOM: u64 = 1 << 26;
/// Bytes a second that a body must have at the least, on the whole.
const LEAST_RATE: u64 = 4 << 10;

/// What bodies are read with.
struct Reading<'a> {
    memory: &'a Budget,
    buffers: &'a Buffers,
    /// How long a client may keep silent, and be slow.
    patience: Duration,
    /// The time since some instant.
    now: &'a (dyn Fn() -> Duration + Sync),
}

impl Reading<'_> {
    /// Reads a body. Memory is taken for what has come, not for what is announced: a client that sends nothing costs little.
    async fn collect<B: Body<Data = Bytes> + Unpin>(&self, mut body: B, bound: u64) -> Result<ReadBody, BodyError> {
        let expected = body.size_hint().exact().unwrap_or(0);
        let mut grant = self.memory.try_take(expected.min(FIRST_STEP))?;
        let mut bytes = Vec::new();
        let begun = (self.now)();
        while let Some(data) = self.next(&mut body, begun, bytes.len() as u64).await? {
            let len = bytes.len() as u64 + data.len() as u64;
            if len > bound {
                return Err(BodyError::TooLarge);
            }
            if len > grant.bytes() {
                let step = (len + len / 4).min(expected.max(len));
                grant.resize(step).or_else(|_| grant.resize(len))?;
            }
            if bytes.is_empty() {
                bytes = self.buffers.take(usize::try_from(expected.min(FIRST_ROOM).max(len)).unwrap_or(0));
            }
            bytes.extend_from_slice(&data);
        }
        grant.resize(bytes.len() as u64)?;
        Ok(ReadBody { bytes, grant })
    }

    /// The next piece of a body of which `so_far` bytes have come since `begun`. Waited for as long as a client may keep silent,
    /// and only while the body is not slower, on the whole, than it may be.
    async fn next<B: Body<Data = Bytes> + Unpin>(
        &self,
        body: &mut B,
        begun: Duration,
        so_far: u64,
    ) -> Result<Option<Bytes>, BodyError> {
        loop {
            let spent = (self.now)().saturating_sub(begun);
            let left = (self.patience + Duration::from_secs(so_far / LEAST_RATE)).saturating_sub(spent);
            let frame = tokio::time::timeout(left.min(self.patience), body.frame()).await;
            match frame.map_err(|_| BodyError::Slow)? {
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
    use futures_util::stream;
    use http_body_util::StreamBody;
    use hyper::body::{Frame, SizeHint};
    use std::convert::Infallible;
    use std::io::Write;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

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

    /// A body that announces a length and then sends nothing.
    struct Silent(u64);

    impl Body for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0)
        }
    }

    /// Reads a body with a patience of so many milliseconds.
    async fn collected(
        body: impl Body<Data = Bytes> + Unpin,
        patience: u64,
        memory: &Budget,
    ) -> Result<ReadBody, BodyError> {
        let (buffers, clock) = (Buffers::default(), platform::SystemClock::new());
        let now = || Duration::from_nanos(platform::Clock::monotonic_ns(&clock));
        let patience = Duration::from_millis(patience);
        Reading { memory, buffers: &buffers, patience, now: &now }.collect(body, 1 << 30).await
    }

    #[tokio::test]
    async fn silent_clients_take_no_memory_for_what_they_announce() {
        let memory = Budget::new(1 << 20);
        let silent = (0..50).map(|_| Box::pin(collected(Silent(25_000_000), 600_000, &memory)));
        let mut silent: Vec<_> = silent.collect();
        let mut context = Context::from_waker(Waker::noop());
        assert!(silent.iter_mut().all(|one| one.as_mut().poll(&mut context).is_pending()));
        let whole = http_body_util::Full::new(Bytes::from(vec![7; 200_000]));
        let read = collected(whole, 600_000, &memory).await.unwrap();
        assert_eq!((read.bytes.len(), read.grant.bytes()), (200_000, 200_000));
        assert!(memory.used() > 200_000, "the others are still there");
        drop((silent, read));
        assert_eq!(memory.used(), 0);
    }

    #[tokio::test]
    async fn a_body_that_trickles_is_given_up() {
        let memory = Budget::new(1 << 20);
        // Never silent for as long as it might be, and without end.
        let trickle = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(2)).await;
            Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))), ()))
        });
        let result = collected(StreamBody::new(Box::pin(trickle)), 100, &memory).await;
        assert!(matches!(result, Err(BodyError::Slow)), "{result:?}");
        assert!(matches!(collected(Silent(10), 10, &memory).await, Err(BodyError::Slow)));
        assert_eq!(memory.used(), 0);
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
