//! Items to bytes: an answer is written straight from column vectors, without a tree of values between.
//!
//! `json` writes whole answers and chunked ones; `number` and `text` print values exactly as InfluxDB (Go) does.

pub mod json;
mod number;
mod pretty;
mod text;

pub use json::{Answer, Form};
pub use text::push_string;

/// How instants are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeForm {
    /// RFC 3339 with nanoseconds, UTC.
    Rfc3339,
    /// An integer: nanoseconds divided by this, towards zero.
    Epoch(i64),
}

impl TimeForm {
    /// The form that the parameters `epoch` and `time_format` ask for.
    ///
    /// # Errors
    /// The text of InfluxDB's 400 for an unknown `time_format`.
    pub fn from_parameters(epoch: &str, time_format: &str) -> Result<Self, &'static str> {
        match time_format {
            "" | "epoch" => {}
            "rfc3339" => return Ok(Self::Rfc3339),
            _ => return Err("Time format must be one of the following: rfc3339,epoch"),
        }
        Ok(match epoch {
            "" => Self::Rfc3339,
            "u" => Self::Epoch(1_000),
            "ms" => Self::Epoch(1_000_000),
            "s" => Self::Epoch(1_000_000_000),
            "m" => Self::Epoch(60_000_000_000),
            "h" => Self::Epoch(3_600_000_000_000),
            _ => Self::Epoch(1),
        })
    }
}
