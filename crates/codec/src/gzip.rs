//! Inflating gzip in one shot: input and output are whole, which libdeflate makes two to three times as fast as a stream.
//!
//! A gzip file is one or more *members*, each with its own checksum and length at its end (RFC 1952). Always: no byte is
//! written beyond the room that the caller gave, and only bytes that were written count as the output's.
#![allow(unsafe_code, reason = "libdeflate is C")]

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_decompressor, libdeflate_free_decompressor,
    libdeflate_gzip_decompress_ex, libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE,
    libdeflate_result_LIBDEFLATE_SUCCESS,
};
use std::ptr::NonNull;
use thiserror::Error;

/// Why a member was not inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum GzipError {
    /// The room does not suffice.
    #[error("more room is needed")]
    Room,
    /// It is no gzip, ends early or is damaged.
    #[error("no gzip member")]
    Bad,
}

/// The least bytes of a member: head and end.
const MEMBER: usize = 18;
/// A byte of deflate holds no more than so many bytes.
const MOST_RATIO: usize = 1032;

/// The decoder and its tables, about 11 KiB.
#[derive(Debug)]
pub struct Inflater(NonNull<libdeflate_decompressor>);

// SAFETY: the decoder is plain memory that one owner at a time uses.
unsafe impl Send for Inflater {}

impl Inflater {
    /// A new one; `None` if there is no memory.
    #[must_use]
    pub fn new() -> Option<Self> {
        // SAFETY: it takes nothing, and what it returns is null or ours.
        NonNull::new(unsafe { libdeflate_alloc_decompressor() }).map(Self)
    }

    /// Appends what the member at the start of `sent` holds, at most `room` bytes. Returns the member's length.
    ///
    /// # Errors
    /// As [`GzipError`] says; `out` holds what it did.
    pub fn member(&mut self, sent: &[u8], room: usize, out: &mut Vec<u8>) -> Result<usize, GzipError> {
        out.reserve(room);
        let space = out.spare_capacity_mut();
        let space = &mut space[..room];
        let (mut read, mut written) = (0, 0);
        // SAFETY: the decoder is live; input and output are borrowed for the call, are as long as said and do not overlap; the
        // output may be uninitialised, as it is only written.
        let result = unsafe {
            libdeflate_gzip_decompress_ex(
                self.0.as_ptr(),
                sent.as_ptr().cast(),
                sent.len(),
                space.as_mut_ptr().cast(),
                space.len(),
                &raw mut read,
                &raw mut written,
            )
        };
        match result {
            _ if result == libdeflate_result_LIBDEFLATE_SUCCESS && written <= room && read <= sent.len() => {
                // SAFETY: the capacity is there, and the decoder has written so many bytes.
                unsafe { out.set_len(out.len() + written) };
                Ok(read)
            }
            _ if result == libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE => Err(GzipError::Room),
            _ => Err(GzipError::Bad),
        }
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: it was allocated by its library and is used no more.
        unsafe { libdeflate_free_decompressor(self.0.as_ptr()) };
    }
}

/// What `sent` may hold once inflated, by the length at its end, which is that of its last member and may be a lie; never more
/// than it can hold.
#[must_use]
pub fn probable_len(sent: &[u8]) -> usize {
    match sent.last_chunk::<4>() {
        Some(last) if sent.len() >= MEMBER => {
            let said = usize::try_from(u32::from_le_bytes(*last)).unwrap_or(usize::MAX);
            said.min(sent.len().saturating_mul(MOST_RATIO))
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{Read, Write};

    fn packed(bytes: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    proptest! {
        #[test]
        fn members_come_back_one_by_one(
            bytes in proptest::collection::vec(0u8..4, 0..3_000),
            level in 0u32..10,
            behind in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut sent = packed(&bytes, level);
            prop_assert_eq!(probable_len(&sent), bytes.len());
            let len = sent.len();
            sent.extend(behind);
            let mut out = b"before".to_vec();
            let mut inflater = Inflater::new().unwrap();
            if !bytes.is_empty() {
                prop_assert_eq!(inflater.member(&sent, bytes.len() - 1, &mut out), Err(GzipError::Room));
            }
            prop_assert_eq!(&out, b"before");
            prop_assert_eq!(inflater.member(&sent, bytes.len() + 5, &mut out), Ok(len));
            prop_assert_eq!(&out[6..], &bytes);
        }

        #[test]
        fn what_is_no_gzip_is_refused_as_another_decoder_refuses_it(
            bytes in proptest::collection::vec(0u8..4, 0..300), at in 0usize..400, bit in 0u32..8, cut in 0usize..400,
        ) {
            let mut sent = packed(&bytes, 6);
            let len = sent.len();
            sent[at % len] ^= 1 << bit;
            sent.truncate(len - cut % len);
            let mut other = Vec::new();
            let other_result = flate2::bufread::GzDecoder::new(&*sent).read_to_end(&mut other);
            let mut out = Vec::new();
            let result = Inflater::new().unwrap().member(&sent, 10_000, &mut out);
            if result.is_ok() && other_result.is_ok() {
                prop_assert_eq!(out, other);
            } else if result.is_ok() {
                // A header of which only names or flags that mean nothing changed.
                prop_assert_eq!(out, bytes);
            } else {
                prop_assert!(out.is_empty());
            }
        }

        #[test]
        fn any_bytes_are_survived(sent in proptest::collection::vec(any::<u8>(), 0..100), room in 0usize..100) {
            prop_assert!(probable_len(&sent) <= sent.len() * MOST_RATIO);
            let mut out = Vec::new();
            let _ = Inflater::new().unwrap().member(&sent, room, &mut out);
            prop_assert!(out.len() <= room);
        }
    }
}
