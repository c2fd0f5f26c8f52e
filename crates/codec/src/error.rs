//! Why bytes were refused. A decoder names what is wrong; whoever holds the file adds its name and offset.

/// Bytes that no encoder of this crate wrote, or not all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes end before the value does; `offset` counts from the start of the slice that was given.
    #[error("the data ends at byte {offset}, in the middle of a value")]
    Truncated {
        /// Where the value that did not fit begins.
        offset: usize,
    },
    /// The bytes say something impossible.
    #[error("invalid data: {0}")]
    Invalid(&'static str),
    /// A count or length that the bytes declare is above what the caller allows.
    #[error("the data declare {declared} items or bytes where at most {limit} may be")]
    TooLong {
        /// What the bytes say.
        declared: u64,
        /// What the caller allows.
        limit: u64,
    },
}
