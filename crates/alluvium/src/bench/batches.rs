//! A workload's file cut into request bodies before the clock starts: clients then only read and send.
//!
//! Without compression a body is a stretch of the file, read where it lies; compressed bodies are made beforehand and kept in
//! memory. Clients take bodies in order through one counter.

use super::files;
use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bodies, and what is in them.
#[derive(Debug)]
pub(super) struct Batches {
    file: File,
    parts: Vec<Part>,
    /// The compressed bodies; empty if bodies are sent as they are.
    packed: Vec<Vec<u8>>,
    next: AtomicUsize,
    /// Field values in a row; the workloads have as many in every row.
    fields: u64,
    /// The measurement, one for all rows.
    measurement: String,
}

/// A stretch of the file.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    offset: u64,
    bytes: usize,
    rows: u64,
}

impl Batches {
    /// Cuts a file after every `rows` lines.
    pub(super) fn cut(path: &Path, rows: usize, gzip: bool) -> Result<Self> {
        ensure!(rows > 0, "a batch must have rows");
        let file = files::open(path)?;
        let mut lines = BufReader::with_capacity(1 << 20, &file);
        let mut parts = Vec::new();
        let (mut part, mut fields, mut measurement, mut line) = (Part::default(), 0, String::new(), Vec::new());
        while lines.read_until(b'\n', &mut line)? > 0 {
            if fields == 0 {
                fields = field_count(&line);
                measurement = measurement_of(&line);
            }
            part.bytes += line.len();
            part.rows += 1;
            line.clear();
            if part.rows == rows as u64 {
                parts.push(part);
                part = Part { offset: part.offset + part.bytes as u64, ..Part::default() };
            }
        }
        parts.extend((part.rows > 0).then_some(part));
        ensure!(!parts.is_empty(), "{} has no rows", path.display());
        let mut batches = Self { file, parts, packed: Vec::new(), next: AtomicUsize::new(0), fields, measurement };
        if gzip {
            batches.packed = batches.parts.iter().map(|part| batches.packed(part)).collect::<Result<_>>()?;
        }
        Ok(batches)
    }

    /// Rows of all bodies.
    pub(super) fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }

    /// Field values of all bodies.
    pub(super) fn values(&self) -> u64 {
        self.rows() * self.fields
    }

    /// The measurement of the rows.
    pub(super) fn measurement(&self) -> &str {
        &self.measurement
    }

    /// Whether bodies are compressed.
    pub(super) fn gzip(&self) -> bool {
        !self.packed.is_empty()
    }

    /// The next body that no client has had; it may be put into `buffer`. None when all were given out.
    pub(super) fn next<'a>(&'a self, buffer: &'a mut Vec<u8>) -> Result<Option<&'a [u8]>> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if let Some(packed) = self.packed.get(index) {
            return Ok(Some(packed));
        }
        match self.parts.get(index) {
            Some(part) => {
                self.read(part, buffer)?;
                Ok(Some(buffer))
            }
            None => Ok(None),
        }
    }

    /// Gives out no more bodies.
    pub(super) fn stop(&self) {
        self.next.store(self.parts.len(), Ordering::Relaxed);
    }

    fn read(&self, part: &Part, buffer: &mut Vec<u8>) -> Result<()> {
        buffer.resize(part.bytes, 0);
        self.file.read_exact_at(buffer, part.offset).context("the file has shrunk")
    }

    fn packed(&self, part: &Part) -> Result<Vec<u8>> {
        let mut plain = Vec::new();
        self.read(part, &mut plain)?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(1));
        encoder.write_all(&plain)?;
        Ok(encoder.finish()?)
    }
}

/// The measurement of a line without escapes.
fn measurement_of(line: &[u8]) -> String {
    let end = line.iter().position(|byte| b", ".contains(byte)).unwrap_or(line.len());
    String::from_utf8_lossy(&line[..end]).into_owned()
}

/// Fields of a line whose tags and fields have neither escapes nor quotes.
fn field_count(line: &[u8]) -> u64 {
    let fields = line.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
    fields.iter().filter(|&&byte| byte == b'=').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::files::scratch::Scratch;
    use std::io::Read;

    fn all(batches: &Batches) -> Vec<Vec<u8>> {
        let mut buffer = Vec::new();
        let mut bodies = Vec::new();
        while let Some(body) = batches.next(&mut buffer).unwrap() {
            bodies.push(body.to_vec());
        }
        bodies
    }

    #[test]
    fn cuts_after_every_so_many_rows() {
        let scratch = Scratch::new("cut");
        let path = scratch.file("lines", b"m,t=a x=1,y=2 1\nm,t=b x=1,y=2 2\nm,t=a x=3,y=4 3\n");
        let batches = Batches::cut(&path, 2, false).unwrap();
        assert_eq!((batches.rows(), batches.values(), batches.gzip()), (3, 6, false));
        let bodies = all(&batches);
        assert_eq!(bodies, [&b"m,t=a x=1,y=2 1\nm,t=b x=1,y=2 2\n"[..], b"m,t=a x=3,y=4 3\n"]);
    }

    #[test]
    fn compressed_bodies_hold_the_same_rows() {
        let scratch = Scratch::new("gzip");
        let path = scratch.file("lines", b"m x=1 1\nm x=1 2");
        let batches = Batches::cut(&path, 1, true).unwrap();
        let mut text = String::new();
        for body in all(&batches) {
            flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
        }
        assert_eq!(text, "m x=1 1\nm x=1 2");
    }

    #[test]
    fn a_stopped_queue_gives_nothing_and_an_empty_file_is_refused() {
        let scratch = Scratch::new("stop");
        let batches = Batches::cut(&scratch.file("lines", b"m x=1 1\n"), 1, false).unwrap();
        batches.stop();
        assert_eq!(batches.next(&mut Vec::new()).unwrap(), None);
        Batches::cut(&scratch.file("empty", b""), 1, false).unwrap_err();
    }
}
