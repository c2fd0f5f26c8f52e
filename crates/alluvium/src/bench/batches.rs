//! A workload's file cut into request bodies before the clock starts: clients then only read and send.
//!
//! Without compression a body is a stretch of the file, read where it lies; compressed bodies are made beforehand and kept in
//! memory. Clients take bodies in order through one counter. A file may be sent over and over until another file exists; each
//! time its rows are moved behind those of the time before, as if the workload went on.

use super::files;
use super::moment::HOUR_NS;
use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// The bodies, and what is in them.
#[derive(Debug)]
pub(super) struct Batches {
    file: File,
    parts: Vec<Part>,
    /// The compressed bodies; empty if bodies are sent as they are.
    packed: Vec<Vec<u8>>,
    next: AtomicUsize,
    stopped: AtomicBool,
    /// Whether and until when the file is sent again.
    repeat: Option<Repeat>,
    /// The first and the last line.
    ends: [Vec<u8>; 2],
    /// Field values in a row; the workloads have as many in every row.
    fields: u64,
    /// The measurement, one for all rows.
    measurement: String,
}

/// How a file is sent over and over.
#[derive(Debug)]
struct Repeat {
    /// No more is sent once this file exists.
    until: PathBuf,
    /// How much later each row is than the time before, in nanoseconds.
    later_ns: i64,
    /// Rows of the bodies that were given out.
    rows: AtomicU64,
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
        let mut ends = [Vec::new(), Vec::new()];
        while lines.read_until(b'\n', &mut line)? > 0 {
            if fields == 0 {
                fields = field_count(&line);
                measurement = measurement_of(&line);
                ends[0].clone_from(&line);
            }
            part.bytes += line.len();
            part.rows += 1;
            std::mem::swap(&mut line, &mut ends[1]);
            line.clear();
            if part.rows == rows as u64 {
                parts.push(part);
                part = Part { offset: part.offset + part.bytes as u64, ..Part::default() };
            }
        }
        parts.extend((part.rows > 0).then_some(part));
        ensure!(!parts.is_empty(), "{} has no rows", path.display());
        let mut batches = Self {
            file,
            parts,
            packed: Vec::new(),
            next: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            repeat: None,
            ends,
            fields,
            measurement,
        };
        if gzip {
            batches.packed = batches.parts.iter().map(|part| batches.packed(part)).collect::<Result<_>>()?;
        }
        Ok(batches)
    }

    /// Gives out the bodies again and again until a file exists, each time later by as many whole hours as the rows take.
    ///
    /// # Errors
    /// The bodies are compressed, or rows have no times.
    pub(super) fn repeated(mut self, until: PathBuf) -> Result<Self> {
        ensure!(!self.gzip(), "compressed bodies cannot be moved in time");
        let [first, last] = &self.ends;
        let span = time(last)?.1 - time(first)?.1;
        ensure!(span >= 0, "the rows are not in the order of their times");
        let later_ns = (span / HOUR_NS + 1) * HOUR_NS;
        self.repeat = Some(Repeat { until, later_ns, rows: AtomicU64::new(0) });
        Ok(self)
    }

    /// Rows of all bodies; if they are repeated, of those that were given out.
    pub(super) fn rows(&self) -> u64 {
        let all = || self.parts.iter().map(|part| part.rows).sum();
        self.repeat.as_ref().map_or_else(all, |repeat| repeat.rows.load(Ordering::Relaxed))
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
        if self.stopped.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if let Some(repeat) = &self.repeat {
            return self.again(repeat, index, buffer);
        }
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

    /// As [`Batches::next`], of bodies that are repeated.
    fn again<'a>(&self, repeat: &Repeat, index: usize, buffer: &'a mut Vec<u8>) -> Result<Option<&'a [u8]>> {
        if repeat.until.exists() {
            return Ok(None);
        }
        let part = &self.parts[index % self.parts.len()];
        self.read(part, buffer)?;
        let times = i64::try_from(index / self.parts.len()).context("the file was sent too often")?;
        move_times(buffer, times.saturating_mul(repeat.later_ns))?;
        repeat.rows.fetch_add(part.rows, Ordering::Relaxed);
        Ok(Some(buffer))
    }

    /// Gives out no more bodies.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
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

/// Moves the times of whole lines; they keep their number of digits.
fn move_times(mut lines: &mut [u8], by_ns: i64) -> Result<()> {
    while by_ns != 0 && !lines.is_empty() {
        let length = (&*lines).skip_until(b'\n')?;
        let (line, behind) = lines.split_at_mut(length);
        let (start, old) = time(line)?;
        let new = old.checked_add(by_ns).context("a time is past all times")?.to_string();
        let end = line.trim_ascii_end().len();
        ensure!(new.len() == end - start, "a time has more digits when it is moved");
        line[start..end].copy_from_slice(new.as_bytes());
        lines = behind;
    }
    Ok(())
}

/// Where the time of a line begins, and the time.
fn time(line: &[u8]) -> Result<(usize, i64)> {
    let line = line.trim_ascii_end();
    let start = line.iter().rposition(|&byte| byte == b' ').map_or(0, |blank| blank + 1);
    let time = std::str::from_utf8(&line[start..]).ok().and_then(|text| text.parse().ok());
    Ok((start, time.context("a row has no time")?))
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
    fn a_repeated_file_goes_on_in_time_until_it_is_enough() {
        let scratch = Scratch::new("repeat");
        let path = scratch.file(
            "lines",
            b"m,t=a x=1i 1451606400000000000\nm,t=b x=2i 1451610000000000000\nm,t=a x=3i 1451610000000000000",
        );
        let enough = scratch.path().join("enough");
        let batches = Batches::cut(&path, 2, false).unwrap().repeated(enough.clone()).unwrap();
        assert_eq!(batches.rows(), 0);
        let mut buffer = Vec::new();
        let mut next = || batches.next(&mut buffer).unwrap().map(|body| String::from_utf8(body.to_vec()).unwrap());
        let first = "m,t=a x=1i 1451606400000000000\nm,t=b x=2i 1451610000000000000\n";
        assert_eq!(next().unwrap(), first);
        assert_eq!(next().unwrap(), "m,t=a x=3i 1451610000000000000");
        // The rows take an hour and a bit: the next ones are two hours later.
        let second = "m,t=a x=1i 1451613600000000000\nm,t=b x=2i 1451617200000000000\n";
        assert_eq!(next().unwrap(), second);
        assert_eq!(next().unwrap(), "m,t=a x=3i 1451617200000000000");
        assert_eq!((batches.rows(), batches.values()), (6, 6));
        scratch.file("enough", b"");
        assert_eq!(next(), None);
        assert_eq!(batches.rows(), 6);
    }

    #[test]
    fn what_cannot_be_moved_in_time_is_not_repeated() {
        let scratch = Scratch::new("unrepeated");
        let repeated = |text: &[u8], gzip| {
            let path = scratch.file("lines", text);
            Batches::cut(&path, 1, gzip).unwrap().repeated(scratch.path().join("never")).map(drop)
        };
        repeated(b"m x=1 1451606400000000000\n", true).unwrap_err();
        repeated(b"m x=1\n", false).unwrap_err();
        repeated(b"m x=1 1451606400000000000\nm x=1 1451606300000000000\n", false).unwrap_err();
        repeated(b"m x=1 1451606400000000000\n", false).unwrap();
        move_times(&mut b"m x=1 9\n".to_vec(), 1).unwrap_err();
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
