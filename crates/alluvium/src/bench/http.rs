//! A client of HTTP/1.1 that costs next to nothing: one connection, one request at a time, blocking.
//!
//! On a machine that client and server share, whatever the client uses is taken from the server; and a latency below a
//! millisecond leaves no room for a runtime. A request leaves in one call with its body; the answer is read into buffers that
//! stay. [`Answers`] does the reading and knows nothing of sockets.

use anyhow::{Context, Result, bail, ensure};
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::str::FromStr;
use std::time::Duration;

/// A longer wait is a fault of the server's.
const PATIENCE: Duration = Duration::from_secs(600);
/// Longest status line with headers that is read, in bytes.
const LONGEST_HEAD: usize = 64 << 10;

/// Where a server is: `http://host:port`, with a path in front of all others if need be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    /// `host:port`.
    authority: String,
    /// Without a slash at the end.
    prefix: String,
}

impl FromStr for Url {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let rest = text.strip_prefix("http://").with_context(|| format!("'{text}' does not begin with http://"))?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        ensure!(!authority.is_empty() && !authority.contains('@'), "'{text}' names no host, or a user");
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        Ok(Self { authority, prefix: path.trim_end_matches('/').to_owned() })
    }
}

/// The path of an InfluxQL request.
pub(super) fn query_path(db: Option<&str>, text: &str) -> String {
    let db = db.map_or_else(String::new, |db| format!("db={}&", encoded(db)));
    format!("/query?{db}q={}", encoded(text))
}

/// A text as part of a URL: all but letters, digits and `-._~` as `%XX`.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3 / 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A connection that is kept between requests, and opened again when the server has said that it closes it.
#[derive(Debug)]
pub(super) struct Client {
    url: Url,
    answers: Answers<TcpStream>,
    open: bool,
    head: Vec<u8>,
    body: Vec<u8>,
}

/// An answer; its body lies in the client and stays until the next request.
#[derive(Debug)]
pub(super) struct Response<'a> {
    /// The status.
    pub(super) status: u16,
    /// The body, its transfer encoding undone.
    pub(super) body: &'a [u8],
}

impl<'a> Response<'a> {
    /// The body, if the status is this one and the body reports no error, as InfluxDB does under a status of 200.
    pub(super) fn expect(self, status: u16) -> Result<&'a [u8]> {
        let shown = || String::from_utf8_lossy(self.body[..self.body.len().min(400)].trim_ascii()).into_owned();
        ensure!(self.status == status, "the server answered {}: {}", self.status, shown());
        // Errors stand at the start of an answer, or behind the rows of one that broke off.
        let ends = [&self.body[..self.body.len().min(400)], &self.body[self.body.len().saturating_sub(400)..]];
        let reports = |text: &[u8]| text.windows(9).any(|window| window == b"\"error\":\"");
        ensure!(!ends.into_iter().any(reports), "the server answered an error: {}", shown());
        Ok(self.body)
    }
}

impl Client {
    /// Connects.
    pub(super) fn new(url: &Url) -> Result<Self> {
        let answers = Answers::new(connect(url)?);
        Ok(Self { url: url.clone(), answers, open: true, head: Vec::new(), body: Vec::new() })
    }

    /// Sends a request and reads the answer. `headers` are whole lines, each with its `\r\n`.
    pub(super) fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<Response<'_>> {
        if !self.open {
            self.answers = Answers::new(connect(&self.url)?);
            self.open = true;
        }
        self.head.clear();
        let Url { authority, prefix } = &self.url;
        write!(self.head, "{method} {prefix}{path} HTTP/1.1\r\nHost: {authority}\r\n{headers}")?;
        if method == "POST" {
            write!(self.head, "Content-Length: {}\r\n", body.len())?;
        }
        self.head.extend_from_slice(b"\r\n");
        let sent = write_both(&mut self.answers.input, &self.head, body);
        // A server may refuse a body before it has come whole, and then its answer is worth more than our error.
        match (self.answers.read(&mut self.body), sent) {
            (Ok(head), _) => {
                self.open = head.keeps_open;
                Ok(Response { status: head.status, body: &self.body })
            }
            (Err(error), Ok(())) => Err(error).with_context(|| format!("no answer from {authority}")),
            (Err(_), Err(error)) => Err(error).with_context(|| format!("cannot send to {authority}")),
        }
    }
}

fn connect(url: &Url) -> Result<TcpStream> {
    let stream = TcpStream::connect(&url.authority).with_context(|| format!("cannot connect to {}", url.authority))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Writes both, in one call if the socket takes it all.
fn write_both(out: &mut impl Write, head: &[u8], body: &[u8]) -> io::Result<()> {
    let sent = out.write_vectored(&[IoSlice::new(head), IoSlice::new(body)])?;
    if let Some(rest) = head.get(sent..) {
        out.write_all(rest)?;
        return out.write_all(body);
    }
    out.write_all(&body[sent - head.len()..])
}

/// What the status line and headers of an answer say.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    body: BodyEnd,
    keeps_open: bool,
}

/// Where a body ends.
#[derive(Debug, PartialEq, Eq)]
enum BodyEnd {
    Length(u64),
    Chunks,
    Close,
}

/// Reads answers from a stream of bytes.
#[derive(Debug)]
struct Answers<R> {
    input: R,
    buffer: Vec<u8>,
    /// What of the buffer is filled and not taken yet.
    from: usize,
    to: usize,
}

impl<R: Read> Answers<R> {
    fn new(input: R) -> Self {
        Self { input, buffer: vec![0; LONGEST_HEAD], from: 0, to: 0 }
    }

    /// Reads one answer; its body replaces what `body` held.
    fn read(&mut self, body: &mut Vec<u8>) -> Result<Head> {
        body.clear();
        let head = parse_head(&self.until(b"\r\n\r\n")?)?;
        match head.body {
            BodyEnd::Length(length) => self.take(length, body)?,
            BodyEnd::Chunks => self.take_chunks(body)?,
            BodyEnd::Close => {
                body.extend_from_slice(&self.buffer[self.from..self.to]);
                (self.from, self.to) = (0, 0);
                self.input.read_to_end(body)?;
            }
        }
        Ok(head)
    }

    /// Takes everything up to the next `end`, and that away.
    fn until(&mut self, end: &[u8]) -> Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            let filled = &self.buffer[self.from..self.to];
            if let Some(at) = filled[searched..].windows(end.len()).position(|window| window == end) {
                let taken = filled[..searched + at].to_vec();
                self.from += taken.len() + end.len();
                return Ok(taken);
            }
            // The end may have come in part.
            searched = filled.len().saturating_sub(end.len() - 1);
            self.fill()?;
        }
    }

    /// Appends `length` bytes to `body`; what the buffer does not hold comes straight from the stream.
    fn take(&mut self, length: u64, body: &mut Vec<u8>) -> Result<()> {
        let at_hand = usize::try_from(length).unwrap_or(usize::MAX).min(self.to - self.from);
        body.extend_from_slice(&self.buffer[self.from..self.from + at_hand]);
        self.from += at_hand;
        let missing = length - at_hand as u64;
        let read = (&mut self.input).take(missing).read_to_end(body)?;
        ensure!(read as u64 == missing, "the connection ended within an answer");
        Ok(())
    }

    fn take_chunks(&mut self, body: &mut Vec<u8>) -> Result<()> {
        loop {
            let line = self.until(b"\r\n")?;
            let digits = line.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
            let length = std::str::from_utf8(digits).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
            let length = length.context("a chunk without its length")?;
            if length == 0 {
                // Trailers, up to an empty line.
                while !self.until(b"\r\n")?.is_empty() {}
                return Ok(());
            }
            self.take(length, body)?;
            ensure!(self.until(b"\r\n")?.is_empty(), "a chunk is longer than it said");
        }
    }

    /// Reads more into the buffer, moving what is left to its start when there is no room behind.
    fn fill(&mut self) -> Result<()> {
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        }
        if self.to == self.buffer.len() {
            ensure!(self.from > 0, "the headers of an answer are too long");
            self.buffer.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        let read = self.input.read(&mut self.buffer[self.to..])?;
        ensure!(read > 0, "the connection ended within an answer");
        self.to += read;
        Ok(())
    }
}

fn parse_head(bytes: &[u8]) -> Result<Head> {
    let text = std::str::from_utf8(bytes).context("headers that are no text")?;
    let mut lines = text.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let mut words = status_line.split(' ');
    let (version, status) = (words.next().unwrap_or_default(), words.next().and_then(|word| word.parse().ok()));
    let (Some(status), true) = (status, version.starts_with("HTTP/1.")) else { bail!("not HTTP/1: {status_line}") };
    let mut head = Head { status, body: BodyEnd::Close, keeps_open: version != "HTTP/1.0" };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            // Chunks win over a length, whichever stands first.
            "content-length" if head.body != BodyEnd::Chunks => {
                head.body = BodyEnd::Length(value.parse().context("a length that is no number")?);
            }
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => head.body = BodyEnd::Chunks,
            "connection" => head.keeps_open = !value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    if matches!(status, 204 | 304) {
        head.body = BodyEnd::Length(0);
    }
    head.keeps_open &= head.body != BodyEnd::Close;
    Ok(head)
}

#[cfg(test)]
mod tests;
