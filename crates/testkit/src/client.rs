//! A small HTTP/1.1 client that hides nothing: any method, target, header and body, and the raw connection where a test wants
//! to break the rules. One connection is kept and used again; it is made anew when the server closed it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Text as it stands in a query string or form.
#[must_use]
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

/// The bytes, gzipped.
///
/// # Panics
/// Never: it writes to memory.
#[must_use]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing to memory cannot fail")
}

/// What was gzipped.
///
/// # Errors
/// It is not gzip, or is cut short.
pub fn gunzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut out)?;
    Ok(out)
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Headers in the order received, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, chunks joined, as sent otherwise.
    pub body: Vec<u8>,
}

impl Reply {
    /// The first header of that name (in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as text, bad UTF-8 replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A client of one server.
#[derive(Debug)]
pub struct Client {
    address: String,
    kept: Mutex<Option<BufReader<TcpStream>>>,
}

impl Client {
    /// A client of the server at `host:port`.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self { address: address.trim_start_matches("http://").to_owned(), kept: Mutex::new(None) }
    }

    /// The server's `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A raw connection, with a time limit of 60 s on reads.
    ///
    /// # Errors
    /// It cannot connect.
    pub fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.set_write_timeout(Some(Duration::from_secs(60)))?;
        Ok(stream)
    }

    /// Sends a request and reads the answer. `Host` and `Content-Length` are added unless given.
    ///
    /// # Errors
    /// The connection fails, or what comes back is not HTTP.
    pub fn request(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Reply> {
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        let given = |name: &str| headers.iter().any(|(found, _)| found.eq_ignore_ascii_case(name));
        if !given("Host") {
            head += &format!("Host: {}\r\n", self.address);
        }
        if !given("Content-Length") && !given("Transfer-Encoding") && (!body.is_empty() || method == "POST") {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut connection, fresh) = match kept.take() {
            Some(connection) => (connection, false),
            None => (BufReader::new(self.connect()?), true),
        };
        let reply = match exchange(&mut connection, &head, body, method) {
            Err(error) if !fresh && is_closed(&error) => {
                connection = BufReader::new(self.connect()?);
                exchange(&mut connection, &head, body, method)?
            }
            other => other?,
        };
        if reply.header("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close")) {
            *kept = Some(connection);
        }
        Ok(reply)
    }

    /// `GET target`.
    ///
    /// # Panics
    /// The connection fails.
    #[must_use]
    pub fn get(&self, target: &str) -> Reply {
        self.request("GET", target, &[], b"").unwrap_or_else(|error| panic!("GET {target}: {error}"))
    }

    /// Writes lines; `parameters` as in a URL, such as `db=d&precision=s`.
    ///
    /// # Panics
    /// The connection fails.
    pub fn write(&self, parameters: &str, lines: &[u8]) -> Reply {
        let target = format!("/write?{parameters}");
        self.request("POST", &target, &[], lines).unwrap_or_else(|error| panic!("POST {target}: {error}"))
    }

    /// Runs statements; `parameters` as in a URL, such as `db=d&epoch=s`, the statements in the form.
    ///
    /// # Panics
    /// The connection fails.
    pub fn query(&self, parameters: &str, statements: &str) -> Reply {
        self.try_query(parameters, statements).unwrap_or_else(|error| panic!("{statements}: {error}"))
    }

    /// The same, with the connection's errors returned.
    ///
    /// # Errors
    /// The connection fails.
    pub fn try_query(&self, parameters: &str, statements: &str) -> Result<Reply> {
        let body = format!("q={}", encode(statements));
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        self.request("POST", &format!("/query?{parameters}"), &form, body.as_bytes())
    }
}

fn is_closed(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
    )
}

fn exchange(connection: &mut BufReader<TcpStream>, head: &str, body: &[u8], method: &str) -> Result<Reply> {
    let sent = connection.get_mut().write_all(head.as_bytes()).and_then(|()| connection.get_mut().write_all(body));
    // a server may answer and hang up before it has read a body that it refuses: its answer counts
    match read_reply(connection, method) {
        Ok(reply) => Ok(reply),
        Err(error) => sent.and(Err(error)),
    }
}

fn bad(text: &str) -> Error {
    Error::new(ErrorKind::InvalidData, text)
}

fn read_line(from: &mut impl BufRead) -> Result<String> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(String::from_utf8_lossy(&line).into_owned()) // InfluxDB repeats bytes of a line in its error header
}

/// Reads one answer; interim ones (1xx) are skipped.
pub(crate) fn read_reply(from: &mut impl BufRead, method: &str) -> Result<Reply> {
    loop {
        let status_line = read_line(from)?;
        let status =
            status_line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| bad("no status"))?;
        let mut headers = Vec::new();
        loop {
            let line = read_line(from)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| bad("a header without colon"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut reply = Reply { status, headers, body: Vec::new() };
        if (100..200).contains(&status) {
            continue;
        }
        if method != "HEAD" && status != 204 && status != 304 {
            reply.body = read_body(from, &reply)?;
        }
        return Ok(reply);
    }
}

fn read_body(from: &mut impl BufRead, reply: &Reply) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    if reply.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            let line = read_line(from)?;
            let digits = line.split(';').next().unwrap_or("").trim();
            let length = u64::from_str_radix(digits, 16).map_err(|_| bad("a chunk without length"))?;
            let read = from.take(length).read_to_end(&mut body)?;
            if (read as u64) < length {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let after = read_line(from)?;
            if length == 0 {
                return Ok(body);
            }
            if !after.is_empty() {
                return Err(bad("a chunk that does not end where it says"));
            }
        }
    }
    match reply.header("content-length") {
        Some(length) => {
            let length: u64 = length.parse().map_err(|_| bad("a length that is no number"))?;
            let read = from.take(length).read_to_end(&mut body)?;
            if (read as u64) < length {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        None => {
            from.read_to_end(&mut body)?;
        }
    }
    Ok(body)
}
