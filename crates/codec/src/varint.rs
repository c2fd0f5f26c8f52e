//! LEB128 numbers, and the bounded [`Reader`] that all decoders read with.
//!
//! A varint holds 7 bits a byte, lowest first, the top bit set on all but the last byte; at most 10 bytes. Signed numbers are
//! zigzag folded first (0, -1, 1, -2 ... become 0, 1, 2, 3 ...).

use crate::{CodecError, Result};

/// Folds a signed number so that small magnitudes become small unsigned numbers.
#[inline]
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Undoes [`zigzag`].
#[inline]
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Appends `value` as a varint, 1 to 10 bytes.
#[inline]
pub fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `value` as a zigzag varint, 1 to 10 bytes.
#[inline]
pub fn put_i64(out: &mut Vec<u8>, value: i64) {
    put_u64(out, zigzag(value));
}

/// Appends the length of `bytes` as a varint, then the bytes.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// How many bytes [`put_u64`] takes for `value`.
#[inline]
pub fn len_u64(value: u64) -> usize {
    ((64 - (value | 1).leading_zeros()) as usize).div_ceil(7)
}

/// Reads a slice from its front; every step is checked, and an error names the offset at which it stood.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// Bytes left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Whether all bytes have been read.
    pub fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// All bytes not yet read, without reading them.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Fails unless all bytes have been read.
    pub fn finish(&self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(CodecError::Invalid("bytes left over behind the value")) }
    }

    /// The next `len` bytes.
    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let taken = self.rest().get(..len).ok_or(CodecError::Truncated { offset: self.at })?;
        self.at += len;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let taken = *self.rest().first_chunk::<N>().ok_or(CodecError::Truncated { offset: self.at })?;
        self.at += N;
        Ok(taken)
    }

    /// One byte.
    #[inline]
    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// Two bytes, little endian.
    #[inline]
    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Four bytes, little endian.
    #[inline]
    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes, little endian.
    #[inline]
    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A varint. One that is longer than 10 bytes or above `u64::MAX` is invalid.
    #[inline]
    pub fn varint(&mut self) -> Result<u64> {
        let start = self.at;
        let mut value = 0u64;
        for (i, &byte) in self.rest().iter().take(10).enumerate() {
            if i == 9 && byte > 1 {
                return Err(CodecError::Invalid("varint above 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.at += i + 1;
                return Ok(value);
            }
        }
        Err(CodecError::Truncated { offset: start })
    }

    /// A zigzag varint.
    #[inline]
    pub fn varint_i64(&mut self) -> Result<i64> {
        Ok(unzigzag(self.varint()?))
    }

    /// A varint that counts items or bytes, refused above `limit`.
    #[inline]
    pub fn count(&mut self, limit: usize) -> Result<usize> {
        let declared = self.varint()?;
        let limit = limit as u64;
        if declared > limit { Err(CodecError::TooLong { declared, limit }) } else { Ok(declared as usize) }
    }

    /// A length as a varint, then that many bytes.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        self.take(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn extremes_round_trip() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::MAX >> 1, u64::MAX] {
            let mut out = Vec::new();
            put_u64(&mut out, value);
            assert_eq!(out.len(), len_u64(value));
            assert_eq!(Reader::new(&out).varint().unwrap(), value);
        }
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }

    #[test]
    fn errors_name_the_offset() {
        let mut reader = Reader::new(&[1, 2, 3, 0x80]);
        assert_eq!(reader.u16().unwrap(), 0x0201);
        assert_eq!(reader.u32(), Err(CodecError::Truncated { offset: 2 }));
        assert_eq!(reader.u8().unwrap(), 3);
        assert_eq!(reader.varint(), Err(CodecError::Truncated { offset: 3 }));
        assert!(reader.finish().is_err());
        assert!(Reader::new(&[0xff; 11]).varint().is_err());
        assert_eq!(Reader::new(&[9, 1]).bytes(), Err(CodecError::Truncated { offset: 1 }));
    }

    proptest! {
        #[test]
        fn any_number_round_trips(value: u64, signed: i64, tail: Vec<u8>) {
            let mut out = Vec::new();
            put_u64(&mut out, value);
            put_i64(&mut out, signed);
            put_bytes(&mut out, &tail);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint().unwrap(), value);
            prop_assert_eq!(reader.varint_i64().unwrap(), signed);
            prop_assert_eq!(reader.bytes().unwrap(), &tail[..]);
            reader.finish().unwrap();
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            while reader.varint().is_ok() {}
            let mut reader = Reader::new(&bytes);
            while reader.bytes().is_ok() && !reader.is_empty() {}
        }
    }
}
