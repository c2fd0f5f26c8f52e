//! Foreign bytes to a batch: the line protocol.
//!
//! [`decode`] takes the body of a write request and makes a [`Decoded`]: the good rows as a `model::Batch` (the body itself
//! becomes the batch's text, raw series keys are spans of it), one [`LineError`] for each line that InfluxDB would refuse,
//! and [`Partial`], which counts the points that parse but that InfluxDB drops or strips all the same. [`LineKeys`] turns a
//! raw key into the canonical one; `storage` asks it only for keys it has never seen, so that sorting tags and finding
//! duplicates cost nothing on the hot path. What such a late error says to the client is built by [`key_error_text`].
//!
//! Nothing here does I/O or reads a clock, and no input makes it panic.
//!
//! * [`line`] – the walk over a body: `fast` for common lines, `slow` for all others and for errors
//! * [`key`] – the raw series key: its structure, its canonical form
//! * [`number`] – numbers and booleans as the line protocol writes them
//! * [`precision`] – the unit of timestamps
//! * [`error`] – what is wrong with a line

pub mod error;
pub mod key;
pub mod line;
pub mod number;
pub mod precision;
mod printable;

pub use error::{LineError, LineProblem, Partial};
pub use key::{LineKeys, key_error_text};
pub use line::{Decoded, Options, OutOfMemory, decode, decode_within};
pub use precision::{InvalidPrecision, Precision};
