//! The walk over the body of a write request.
//!
//! ```text
//! body = *(line LF)                 a CR before LF belongs to the line end; blank lines and lines that begin with # are skipped
//! line = key 1*SP field *("," field) [1*SP timestamp] *SP
//! ```
//!
//! Each line is tried by [`fast`], which knows lines of tables and columns seen before in this body, written without
//! escapes. All else goes to [`slow`], which is exact, alone creates tables and columns, and alone finds errors. [`build`]
//! gathers the columns. What must hold: for any body, decoding with and without `fast` gives equal results.

mod build;
mod fast;
#[cfg(test)]
mod golden;
mod slow;
#[cfg(test)]
mod tests;

use crate::error::{LineError, LineProblem, Partial};
use crate::precision::Precision;
use build::Builder;
use model::{Batch, MOST_ERROR_BYTES};
use std::sync::Arc;

pub(crate) use slow::{is_blank, line_text};

/// How to read a body.
#[derive(Clone, Debug)]
pub struct Options {
    /// The unit of timestamps.
    pub precision: Precision,
    /// The time (ns) of points without a timestamp, before it is cut down to the precision.
    pub now: i64,
    /// The longest string value in bytes; points with a longer one are dropped (see [`Partial`]).
    pub max_field_bytes: usize,
    /// Whether points are dropped whose measurement or tags are not UTF-8 that prints.
    pub validate_utf8: bool,
}

impl Default for Options {
    /// Nanoseconds, strings of up to 1 MiB, any bytes in keys; `now` is 0 and must be set.
    fn default() -> Self {
        Self { precision: Precision::Nanosecond, now: 0, max_field_bytes: 1 << 20, validate_utf8: false }
    }
}

/// What a body says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The points; their raw keys are well-formed, but may have duplicate tags.
    pub batch: Batch,
    /// The lines that are no points, in order.
    pub errors: Vec<LineError>,
    /// Further lines that are no points, not in `errors` because those are long enough.
    pub more_errors: u64,
    /// Points that parse and are not to be stored as they are; the dropped ones are not in the batch.
    pub partial: Partial,
}

/// The least memory that is asked for at a time.
const LEAST_STEP: usize = 16 << 10;

/// The part of a body from which the rest is guessed.
const EXPECTED_FROM: usize = 16;
/// The length of a body for which that is worth it.
const LEAST_EXPECTED: usize = 64 << 10;

/// There was no memory to decode a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// Decodes the body of a write request. The caller refuses bodies of 4 GiB and more; here they give one error.
#[must_use]
pub fn decode(body: Vec<u8>, options: &Options) -> Decoded {
    decode_with(body, options, true, &mut |_| true).unwrap_or_default()
}

/// As [`decode`], but asks `more` before it takes so many more bytes of memory (about, and a row too late), the body not among
/// them; it asks in steps that grow.
///
/// # Errors
/// There was no more.
pub fn decode_within(
    body: Vec<u8>,
    options: &Options,
    more: &mut dyn FnMut(usize) -> bool,
) -> Result<Decoded, OutOfMemory> {
    decode_with(body, options, true, more)
}

fn decode_with(
    body: Vec<u8>,
    options: &Options,
    try_fast: bool,
    more: &mut dyn FnMut(usize) -> bool,
) -> Result<Decoded, OutOfMemory> {
    if u32::try_from(body.len()).is_err() {
        let text = LineProblem::BodyTooLarge.to_string();
        let error = LineError { offset: 0, problem: LineProblem::BodyTooLarge, text };
        return Ok(Decoded { errors: vec![error], ..Decoded::default() });
    }
    let mut decoder = Decoder {
        body: &body,
        options,
        default_time: options.precision.truncate(options.now),
        builder: Builder::default(),
        scratch: slow::Scratch::default(),
        errors: Vec::new(),
        error_bytes: 0,
        more_errors: 0,
        partial: Partial::default(),
        used: 0,
    };
    let (mut at, mut granted) = (0, 0);
    let mut look = body.len() / EXPECTED_FROM;
    while at < body.len() {
        if decoder.used + decoder.error_bytes >= granted {
            let step = LEAST_STEP.max(granted / 4);
            if !more(step) {
                return Err(OutOfMemory);
            }
            granted += step;
        }
        let next = if try_fast { decoder.fast(at) } else { None };
        at = next.unwrap_or_else(|| decoder.slow(at));
        if at >= look {
            look = usize::MAX;
            // What is made room for is not asked for yet: half of this at most, twice what the body itself takes, which was.
            if body.len() >= LEAST_EXPECTED && decoder.used.saturating_mul(EXPECTED_FROM) <= 4 * body.len() {
                decoder.builder.expect(at, body.len());
            }
        }
    }
    let Decoder { builder, errors, more_errors, partial, .. } = decoder;
    let tables = builder.finish();
    Ok(Decoded { batch: Batch { text: Arc::new(body), tables }, errors, more_errors, partial })
}

/// The state of one walk.
struct Decoder<'a> {
    body: &'a [u8],
    options: &'a Options,
    default_time: i64,
    builder: Builder,
    scratch: slow::Scratch,
    errors: Vec<LineError>,
    error_bytes: usize,
    more_errors: u64,
    partial: Partial,
    /// Memory of tables and columns, about.
    used: usize,
}

impl Decoder<'_> {
    /// The line at `start` is no point. Texts are many times as long as short lines: above [`MOST_ERROR_BYTES`] lines are only
    /// counted. The first error is always kept whole.
    fn refuse(&mut self, start: u32, line: &[u8], problem: LineProblem) {
        if self.error_bytes >= MOST_ERROR_BYTES {
            self.more_errors += 1;
            return;
        }
        let error = LineError::new(start, line, problem);
        self.error_bytes += error.text.len() + size_of::<LineError>();
        self.errors.push(error);
    }
}

/// An offset in a body; bodies of 4 GiB are refused, so that it fits.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
