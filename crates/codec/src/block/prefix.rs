//! Prefix codes (Huffman) of numbers, one code for all pages of a block. Small numbers come out several at a look-up, so that a page
//! of gauges decodes at about a nanosecond a value and takes within some hundredths of the entropy.
//!
//! A number is a **token**, and for large ones some extra bits:
//!
//! | number | token | extra bits |
//! | --- | --- | --- |
//! | 0 to 63 | itself | none |
//! | with its highest bit at e (6 to 63) | 64 + 2 (e - 6) + the bit below the highest | the e - 1 bits below these two |
//!
//! | part | bytes |
//! | --- | --- |
//! | model | how many tokens have a length (1 byte, at most 180); their code lengths, 4 bits each, 0 for a token that does not occur, 10 at most |
//! | page | two **streams**: the first half of the numbers (the greater one, if they are odd), then the second half with its bytes in reverse order |
//! | stream | for each number the code of its token, then its extra bits; lowest bit first, the last byte padded with zeros |
//!
//! Codes are canonical: ascending by length, then by token, the first bit of a code being the most significant. A page is read from
//! both ends at once: where one code ends and the next begins is known a few cycles late, and two streams wait for that together.

mod decode;
mod lengths;
mod streams;
mod table;
#[cfg(test)]
mod tests;

use crate::bits::pack;
pub(super) use decode::{Decoder, Meaning};
use lengths::{codes, lengths};

/// Numbers below this are tokens themselves.
const DIRECT: u64 = 64;
/// How many tokens there are.
pub(super) const TOKENS: usize = 64 + 2 * 58;
/// Longest code in bits.
const LIMIT: u32 = 10;

/// How often each token occurs.
pub(super) type Counts = [u32; TOKENS];

/// The token of a number, and how many extra bits follow it.
#[inline]
pub(super) fn token(value: u64) -> (usize, u32) {
    if value < DIRECT {
        return (value as usize, 0);
    }
    let top = 63 - value.leading_zeros();
    (64 + 2 * (top as usize - 6) + (value >> (top - 1) & 1) as usize, top - 1)
}

/// The least number of a token of 64 and above, and how many extra bits follow it.
#[inline]
fn wide(token: usize) -> (u64, u32) {
    let (top, half) = (6 + (token as u32 - 64) / 2, token as u64 & 1);
    (1 << top | half << (top - 1), top - 1)
}

/// How many extra bits follow a token.
pub(super) fn extra_bits(token: usize) -> u32 {
    if token < DIRECT as usize { 0 } else { wide(token).1 }
}

/// Bits of the greatest number of a token.
pub(super) fn width(token: usize) -> u32 {
    if token < DIRECT as usize { crate::bits::width_of(token as u64) } else { wide(token).1 + 2 }
}

/// A prefix code: its lengths, and the codes with their first bit lowest.
pub(super) struct Code {
    lens: [u8; TOKENS],
    /// The length of each from bit 16 on.
    codes: [u32; TOKENS],
}

impl Code {
    /// The best code for tokens that occur this often.
    pub(super) fn of(counts: &Counts) -> Self {
        let lens = lengths(counts);
        let codes = codes(&lens);
        Self { lens, codes: std::array::from_fn(|token| u32::from(codes[token]) | u32::from(lens[token]) << 16) }
    }

    /// About how many bytes model and pages take together, for tokens that occur this often in `pages` pages: up to a byte a page
    /// more or less.
    pub(super) fn size(&self, counts: &Counts, pages: usize) -> usize {
        let bits = |token: usize| u64::from(counts[token]) * u64::from(u32::from(self.lens[token]) + extra_bits(token));
        let bits: u64 = (0..TOKENS).map(bits).sum();
        1 + self.used().div_ceil(2) + bits.div_ceil(8) as usize + pages
    }

    fn used(&self) -> usize {
        self.lens.iter().rposition(|&len| len > 0).map_or(0, |last| last + 1)
    }

    /// Appends the model.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.push(self.used() as u8);
        pack(self.lens[..self.used()].iter().map(|&len| u64::from(len)), 4, out);
    }

    /// Appends a page of `n` numbers. Every number's token must have been counted.
    pub(super) fn page(&self, mut values: impl Iterator<Item = u64>, n: usize, out: &mut Vec<u8>) {
        self.stream(values.by_ref().take(n.div_ceil(2)), out);
        let middle = out.len();
        self.stream(values, out);
        out[middle..].reverse();
    }

    fn stream(&self, values: impl Iterator<Item = u64>, out: &mut Vec<u8>) {
        let mut bits = BitWriter { out, buffer: 0, filled: 0 };
        for value in values {
            let (token, extra) = token(value);
            bits.put(u64::from(self.codes[token] & 0xffff), self.codes[token] >> 16);
            if extra > 0 {
                let low = extra.min(31);
                bits.put(value & !(u64::MAX << low), low);
                bits.put(value >> low & !(u64::MAX << (extra - low)), extra - low);
            }
        }
        bits.end();
    }
}

struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    buffer: u64,
    filled: u32,
}

impl BitWriter<'_> {
    /// Appends `len` bits, 32 at most; higher bits must be 0.
    #[inline]
    fn put(&mut self, bits: u64, len: u32) {
        self.buffer |= bits << self.filled;
        self.filled += len;
        if self.filled >= 32 {
            self.out.extend_from_slice(&(self.buffer as u32).to_le_bytes());
            self.buffer >>= 32;
            self.filled -= 32;
        }
    }

    fn end(self) {
        let bytes = self.filled.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.buffer.to_le_bytes()[..bytes]);
    }
}
