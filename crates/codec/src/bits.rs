//! Bit packing: `n` numbers of `width` bits each, back to back, lowest bit first, the last byte padded with zeros.
#![allow(unsafe_code, reason = "a call behind a check of the processor")]

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
pub fn unpack<T>(bytes: &[u8], n: usize, width: u32, out: &mut Vec<T>, mut map: impl FnMut(u64) -> T) -> Result<()> {
    if width > 64 {
        return Err(CodecError::Invalid("bit width above 64"));
    }
    if bytes.len() != packed_len(n, width) {
        return Err(CodecError::Invalid("packed bits are not as long as their count says"));
    }
    let mut words = [0; PIECE];
    out.reserve(n);
    for from in (0..n).step_by(PIECE) {
        let words = &mut words[..PIECE.min(n - from)];
        let (start, len) = (packed_len(from, width), packed_len(words.len(), width));
        unpack_words(&bytes[start..start + len], width, words)?;
        out.extend(words.iter().map(|&word| map(word)));
    }
    Ok(())
}

/// Numbers that [`unpack`] takes at a time; a piece begins at a byte.
const PIECE: usize = 256;

/// As [`unpack`], of as many numbers as `out` has places: all of them are written over. Made for columns: eight numbers at a time.
pub fn unpack_words(bytes: &[u8], width: u32, out: &mut [u64]) -> Result<()> {
    if width > 64 {
        return Err(CodecError::Invalid("bit width above 64"));
    }
    if bytes.len() != packed_len(out.len(), width) {
        return Err(CodecError::Invalid("packed bits are not as long as their count says"));
    }
    match width as usize {
        0 => out.fill(0),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has BMI2.
        width @ 1..=57 if std::arch::is_x86_feature_detected!("bmi2") => unsafe { groups_bmi2(bytes, width, out) },
        width @ 1..=57 => unpack_groups(bytes, width, out),
        width => {
            let mask = u64::MAX >> (64 - width);
            for (i, value) in out.iter_mut().enumerate() {
                *value = (load(bytes, i * width / 8) >> (i * width % 8)) as u64 & mask;
            }
        }
    }
    Ok(())
}

/// So many bytes from its first one on are looked at to find eight numbers.
const WINDOW: usize = 72;

/// [`unpack_groups`], compiled for a processor that shifts in one step.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi2")]
fn groups_bmi2(bytes: &[u8], width: usize, out: &mut [u64]) {
    unpack_groups(bytes, width, out);
}

/// Eight numbers of up to 57 bits begin at a byte, and each lies in one load of eight bytes.
#[inline(always)]
fn unpack_groups(bytes: &[u8], width: usize, out: &mut [u64]) {
    let place = std::array::from_fn(|i| (i * width / 8, (i * width % 8) as u32));
    let mask = u64::MAX >> (64 - width);
    // Groups that have a whole window; the others find theirs in a copy with zeros behind it.
    let whole = bytes.len().checked_sub(WINDOW).map_or(0, |more| more / width + 1);
    let mut tail = [0; 2 * WINDOW];
    let rest = &bytes[(whole * width).min(bytes.len())..];
    tail[..rest.len()].copy_from_slice(rest);
    for (at, group) in out.chunks_mut(8).enumerate() {
        let from = if at < whole { &bytes[at * width..] } else { &tail[(at - whole) * width..] };
        let Some(window) = from.first_chunk::<WINDOW>() else { return };
        if let Some(group) = group.first_chunk_mut::<8>() {
            eight(window, &place, mask, group);
        } else {
            let mut last = [0; 8];
            eight(window, &place, mask, &mut last);
            group.copy_from_slice(&last[..group.len()]);
        }
    }
}

/// Finds eight numbers: `place` says at which byte each begins, and at which bit of it.
#[inline(always)]
fn eight(window: &[u8; WINDOW], place: &[(usize, u32); 8], mask: u64, out: &mut [u64; 8]) {
    let mut i = 0;
    while i < 8 {
        // No byte is above 49: the masks change nothing, and save checks.
        let (byte, shift) = (place[i].0 & 63, place[i].1 & 7);
        let word = window[byte..].first_chunk::<8>().map_or(0, |word| u64::from_le_bytes(*word));
        out[i] = word >> shift & mask;
        i += 1;
    }
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
            prop_assert_eq!(&back, &values);
            back.fill(77);
            unpack_words(&bytes, width, &mut back).unwrap();
            prop_assert_eq!(&back, &values);
            if (1..=57).contains(&width) {
                back.fill(77);
                unpack_groups(&bytes, width as usize, &mut back);
                prop_assert_eq!(&back, &values);
            }
        }

        #[test]
        fn a_wrong_length_is_refused(bytes: Vec<u8>, n: usize, width in 1u32..=200) {
            let mut out: Vec<u64> = Vec::new();
            let fits = width <= 64 && packed_len(n, width) == bytes.len();
            prop_assert_eq!(unpack(&bytes, n, width, &mut out, |v| v).is_ok(), fits);
            let mut words = vec![0; n % 1_000];
            let fits = width <= 64 && packed_len(words.len(), width) == bytes.len();
            prop_assert_eq!(unpack_words(&bytes, width, &mut words).is_ok(), fits);
        }
    }
}
