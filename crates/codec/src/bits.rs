//! Bit packing: `n` numbers of `width` bits each, back to back, lowest bit first, the last byte padded with zeros.

use crate::{CodecError, Result};

/// How many bits `value` needs: 0 for 0, 64 for `u64::MAX`.
#[inline]
pub fn width_of(value: u64) -> u32 {
    64 - value.leading_zeros()
}

/// How many bytes `n` numbers of `width` bits take.
#[inline]
pub fn packed_len(n: usize, width: u32) -> usize {
    usize::try_from((n as u128 * u128::from(width)).div_ceil(8)).unwrap_or(usize::MAX)
}

/// Appends `values`, `width` bits each (0 to 64); bits of a value above `width` are lost.
pub fn pack(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let mask = u64::MAX >> (64 - width);
    let (mut buffer, mut filled) = (0u128, 0u32);
    for value in values {
        buffer |= u128::from(value & mask) << filled;
        filled += width;
        if filled >= 64 {
            out.extend_from_slice(&(buffer as u64).to_le_bytes());
            buffer >>= 64;
            filled -= 64;
        }
    }
    let rest = filled.div_ceil(8) as usize;
    out.extend_from_slice(&(buffer as u64).to_le_bytes()[..rest]);
}

/// Reads exactly `n` numbers of `width` bits (0 to 64) out of `bytes` and hands each, mapped by `map`, to `out`.
///
/// `bytes` must be just as long as [`packed_len`] says, so a wrong `n` is an error and nothing is allocated for it.
pub fn unpack<T>(bytes: &[u8], n: usize, width: u32, out: &mut Vec<T>, map: impl FnMut(u64) -> T) -> Result<()> {
    if width > 64 {
        return Err(CodecError::Invalid("bit width above 64"));
    }
    if bytes.len() != packed_len(n, width) {
        return Err(CodecError::Invalid("packed bits are not as long as their count says"));
    }
    if width == 0 {
        let mut map = map;
        out.extend((0..n).map(|_| map(0)));
    } else if width <= 8 {
        unpack_bytes(bytes, n, width as usize, out, map);
    } else if width <= 57 {
        unpack_narrow(bytes, n, width as usize, out, map);
    } else {
        unpack_wide(bytes, n, width as usize, out, map);
    }
    Ok(())
}

/// Eight values of up to 8 bits begin at a byte and lie in one 8 byte load.
fn unpack_bytes<T>(bytes: &[u8], n: usize, width: usize, out: &mut Vec<T>, mut map: impl FnMut(u64) -> T) {
    let mask = u64::MAX >> (64 - width);
    out.reserve(n);
    let (mut rest, mut left) = (bytes, n);
    while let Some(chunk) = rest.first_chunk::<8>().filter(|_| left >= 8) {
        let word = u64::from_le_bytes(*chunk);
        out.extend(std::array::from_fn::<T, 8, _>(|i| map((word >> (i * width)) & mask)));
        rest = &rest[width..];
        left -= 8;
    }
    out.extend((0..left).map(|i| map((load(rest, i * width / 8) >> (i * width % 8)) as u64 & mask)));
}

/// One unaligned 8 byte load a value: a value of up to 57 bits lies in it wherever it begins.
fn unpack_narrow<T>(bytes: &[u8], n: usize, width: usize, out: &mut Vec<T>, mut map: impl FnMut(u64) -> T) {
    let mask = u64::MAX >> (64 - width);
    let whole = if bytes.len() < 8 { 0 } else { n.min(((bytes.len() - 8) * 8 + 7) / width) };
    out.extend((0..whole).map(|i| {
        let bit = i * width;
        let word = bytes[bit / 8..].first_chunk::<8>().map_or(0, |chunk| u64::from_le_bytes(*chunk));
        map((word >> (bit % 8)) & mask)
    }));
    out.extend((whole..n).map(|i| map((load(bytes, i * width / 8) >> (i * width % 8)) as u64 & mask)));
}

fn unpack_wide<T>(bytes: &[u8], n: usize, width: usize, out: &mut Vec<T>, mut map: impl FnMut(u64) -> T) {
    let mask = u64::MAX >> (64 - width);
    out.extend((0..n).map(|i| map((load(bytes, i * width / 8) >> (i * width % 8)) as u64 & mask)));
}

/// Up to 16 bytes from `at` on, zeros behind the end.
fn load(bytes: &[u8], at: usize) -> u128 {
    let tail = &bytes[at.min(bytes.len())..];
    let mut word = [0u8; 16];
    let len = tail.len().min(16);
    word[..len].copy_from_slice(&tail[..len]);
    u128::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_width_round_trips(values: Vec<u64>, width in 0u32..=64) {
            let values: Vec<u64> = values.iter().map(|v| if width == 0 { 0 } else { v >> (64 - width) }).collect();
            let mut bytes = Vec::new();
            pack(values.iter().copied(), width, &mut bytes);
            prop_assert_eq!(bytes.len(), packed_len(values.len(), width));
            let mut back = Vec::new();
            unpack(&bytes, values.len(), width, &mut back, |v| v).unwrap();
            prop_assert_eq!(back, values);
        }

        #[test]
        fn a_wrong_length_is_refused(bytes: Vec<u8>, n: usize, width in 1u32..=200) {
            let mut out: Vec<u64> = Vec::new();
            let fits = width <= 64 && packed_len(n, width) == bytes.len();
            prop_assert_eq!(unpack(&bytes, n, width, &mut out, |v| v).is_ok(), fits);
        }
    }
}
