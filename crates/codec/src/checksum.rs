//! CRC-32 (ISO-HDLC, as in zlib) over blocks, log records and directories.
//!
//! A checksum detects decay and torn writes; it is no defence against somebody who writes both data and checksum.

use crate::{CodecError, Result};

/// The CRC-32 of `bytes`.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// The CRC-32 of `parts` as if they were joined.
pub fn crc32_parts(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// Appends the CRC-32 of `out[from..]`, 4 bytes little endian.
///
/// # Panics
/// If `from` is beyond the end of `out`.
pub fn seal(out: &mut Vec<u8>, from: usize) {
    let sum = crc32(&out[from..]);
    out.extend_from_slice(&sum.to_le_bytes());
}

/// The bytes before the 4 byte checksum that ends `bytes`, if it is theirs.
pub fn unseal(bytes: &[u8]) -> Result<&[u8]> {
    let (body, sum) = bytes.split_last_chunk::<4>().ok_or(CodecError::Truncated { offset: 0 })?;
    if crc32(body) == u32::from_le_bytes(*sum) { Ok(body) } else { Err(CodecError::Invalid("checksum mismatch")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_buffer_opens_and_a_flipped_bit_does_not() {
        let mut out = b"head".to_vec();
        out.extend_from_slice(b"123456789");
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32_parts(&[b"1234", b"", b"56789"]), 0xcbf4_3926);
        seal(&mut out, 4);
        assert_eq!(unseal(&out[4..]).unwrap(), b"123456789");
        for bit in 0..(out.len() - 4) * 8 {
            let mut bad = out[4..].to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal(&bad).is_err());
        }
        assert!(unseal(b"abc").is_err());
    }
}
