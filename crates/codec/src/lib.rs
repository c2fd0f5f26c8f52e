//! Columns to bytes and back: the encodings of pages and of the log, byte scanning, checksums.
//!
//! This crate maps slices to slices. It knows nothing of points, files or names; it never reads a clock and does no I/O.
//!
//! * [`block`]: one field's values over one or more pages, with one model for all of them; each page decodes alone.
//! * [`column`] and [`strings`]: self-contained columns for directories and indexes (their count is written with them).
//! * [`pack`]: the log's packing: a few bytes larger than a block, but gigabytes a second both ways.
//! * [`varint`]: LEB128 numbers and [`Reader`], the only way by which decoders touch foreign bytes.
//! * [`scan`], [`reduce`]: kernels for text (byte search, decimal integers) and for columns (sum, min, max).
//! * [`checksum`]: CRC-32 over blocks, records and directories.
//! * [`gzip`]: inflating what clients send, in one shot.
//!
//! What always holds: what was encoded decodes to the same bits, NaN payloads and the sign of zero included; arbitrary bytes
//! given to a decoder are an error, never a panic, and never make it allocate more than the count that its caller declared.

pub mod bits;
pub mod block;
pub mod checksum;
pub mod column;
mod error;
pub mod gzip;
pub mod pack;
pub mod reduce;
pub mod scan;
pub mod strings;
pub mod varint;

pub use block::{
    BoolBlock, BytesBlock, FloatBlock, IntBlock, Level, Pages, TimeBlock, decode_bool_page, decode_bytes_page,
    decode_f64_page, decode_i64_page, decode_times_page, decode_u64_page, encode_bool, encode_bytes, encode_f64,
    encode_i64, encode_times, encode_u64,
};
pub use checksum::crc32;
pub use column::{
    decode_f64_column, decode_i64_column, decode_u64_column, encode_f64_column, encode_i64_column, encode_u64_column,
};
pub use error::CodecError;
pub use strings::{Strings, decode_sorted_strings, decode_strings, encode_sorted_strings, encode_strings};
pub use varint::{Reader, put_bytes, put_i64, put_u64};

/// What every decoder of this crate returns.
pub type Result<T> = std::result::Result<T, CodecError>;
