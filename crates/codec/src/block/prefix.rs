//! Prefix codes (Huffman) of numbers, one code for all pages of a block. Small numbers come out several at a look-up, so a page of
//! gauges decodes at a billion values a second and takes within some hundredths of the entropy.
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
//! | page | for each number the code of its token, then its extra bits; lowest bit first, the last byte padded with zeros |
//!
//! Codes are canonical: ascending by length, then by token, the first bit of a code being the most significant.

use crate::bits::{pack, packed_len, unpack};
use crate::varint::Reader;
use crate::{CodecError, Result};

/// Numbers below this are tokens themselves.
const DIRECT: u64 = 64;
/// How many tokens there are.
pub(super) const TOKENS: usize = 64 + 2 * 58;
/// Longest code in bits.
const LIMIT: u32 = 10;
/// Slots of a table by the next bits.
const SLOTS: usize = 1 << LIMIT;
/// Symbols that one look-up gives at most.
const STEP: usize = 6;
/// From this many numbers on it pays to prepare for several symbols a look-up.
const MANY: usize = 2_000;

const BAD_MODEL: CodecError = CodecError::Invalid("code lengths of a prefix code");
const BAD_PAGE: CodecError = CodecError::Invalid("prefix coded page");

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

    /// Bytes of model and pages together, for tokens that occur this often in `pages` pages; half a byte a page too few at most.
    pub(super) fn size(&self, counts: &Counts, pages: usize) -> usize {
        let bits = |token: usize| u64::from(counts[token]) * u64::from(u32::from(self.lens[token]) + extra_bits(token));
        let bits: u64 = (0..TOKENS).map(bits).sum();
        1 + self.used().div_ceil(2) + bits.div_ceil(8) as usize + pages / 2
    }

    fn used(&self) -> usize {
        self.lens.iter().rposition(|&len| len > 0).map_or(0, |last| last + 1)
    }

    /// Appends the model.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.push(self.used() as u8);
        pack(self.lens[..self.used()].iter().map(|&len| u64::from(len)), 4, out);
    }

    /// Appends a page. Every number's token must have been counted.
    pub(super) fn page(&self, values: impl Iterator<Item = u64>, out: &mut Vec<u8>) {
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

/// Huffman's code lengths, cut at [`LIMIT`].
fn lengths(counts: &Counts) -> [u8; TOKENS] {
    let mut lens = [0u8; TOKENS];
    let mut leaves: Vec<(u32, usize)> = (0..TOKENS).filter(|&t| counts[t] > 0).map(|t| (counts[t], t)).collect();
    leaves.sort_unstable();
    for (&(_, token), depth) in leaves.iter().zip(depths(&leaves)) {
        lens[token] = depth.clamp(1, LIMIT) as u8;
    }
    let mut free =
        (1i64 << LIMIT) - leaves.iter().map(|&(_, token)| 1i64 << (LIMIT - u32::from(lens[token]))).sum::<i64>();
    // Cut codes take too much room: rarer tokens give way. What is then left goes to the most frequent.
    while free < 0 {
        let shorter = leaves.iter().map(|&(_, token)| token).filter(|&token| u32::from(lens[token]) < LIMIT);
        let Some(token) = shorter.max_by_key(|&token| (lens[token], u32::MAX - counts[token])) else { break };
        lens[token] += 1;
        free += 1 << (LIMIT - u32::from(lens[token]));
    }
    for &(_, token) in leaves.iter().rev() {
        while lens[token] > 1 && free >= 1 << (LIMIT - u32::from(lens[token])) {
            free -= 1 << (LIMIT - u32::from(lens[token]));
            lens[token] -= 1;
        }
    }
    lens
}

/// The depth of each leaf in Huffman's tree; leaves ascend by weight.
fn depths(leaves: &[(u32, usize)]) -> Vec<u32> {
    let n = leaves.len();
    let mut weights: Vec<u64> = leaves.iter().map(|&(count, _)| u64::from(count)).collect();
    let mut parents = vec![0usize; (2 * n).saturating_sub(1)];
    let (mut leaf, mut inner) = (0, n);
    for node in n..parents.len() {
        let mut weight = 0;
        for _ in 0..2 {
            let take_leaf = leaf < n && (inner >= node || weights[leaf] <= weights[inner]);
            let least = if take_leaf { &mut leaf } else { &mut inner };
            weight += weights[*least];
            parents[*least] = node;
            *least += 1;
        }
        weights.push(weight);
    }
    let mut depths = vec![0u32; parents.len()];
    for node in (0..parents.len().saturating_sub(1)).rev() {
        depths[node] = depths[parents[node]] + 1;
    }
    depths.truncate(n);
    depths
}

/// Canonical codes, their first bit lowest. The lengths leave room for all.
fn codes(lens: &[u8; TOKENS]) -> [u16; TOKENS] {
    let mut next = [0u32; LIMIT as usize + 2];
    lens.iter().filter(|&&len| len > 0).for_each(|&len| next[usize::from(len) + 1] += 1);
    for len in 1..next.len() {
        next[len] = (next[len - 1] + next[len]) << 1;
    }
    let mut codes = [0u16; TOKENS];
    for (code, &len) in codes.iter_mut().zip(lens).filter(|(_, len)| **len > 0) {
        *code = (next[usize::from(len)].reverse_bits() >> (32 - u32::from(len))) as u16;
        next[usize::from(len)] += 1;
    }
    codes
}

/// A prefix code, ready to decode pages.
pub(super) struct Decoder {
    /// By the next [`LIMIT`] bits: a token, and its code's length from bit 8 on; 0 where no code begins so.
    single: Box<[u16; SLOTS]>,
    /// By the next [`LIMIT`] bits: up to [`STEP`] tokens below 64 (a byte each), their number from bit 48 on, their bits from bit 56
    /// on. With the number 0 the token is a large one. None until it pays.
    multi: Option<Box<[u64; SLOTS]>>,
    seen: usize,
    padded: Vec<u8>,
    tokens: Vec<u8>,
    wide: Vec<u64>,
}

impl Decoder {
    /// Reads a model.
    pub(super) fn open(reader: &mut Reader<'_>) -> Result<Self> {
        let used = usize::from(reader.u8()?);
        if used > TOKENS {
            return Err(BAD_MODEL);
        }
        let mut list: Vec<u8> = Vec::with_capacity(used);
        unpack(reader.take(packed_len(used, 4))?, used, 4, &mut list, |len| len as u8)?;
        let mut lens = [0u8; TOKENS];
        lens[..used].copy_from_slice(&list);
        let room: u32 = list.iter().filter(|&&len| len > 0).map(|&len| (1 << LIMIT) >> len).sum();
        if room > 1 << LIMIT || list.iter().any(|&len| u32::from(len) > LIMIT) {
            return Err(BAD_MODEL);
        }
        let mut single = Box::new([0u16; SLOTS]);
        for (token, &code) in codes(&lens).iter().enumerate().filter(|&(token, _)| lens[token] > 0) {
            let entry = token as u16 | u16::from(lens[token]) << 8;
            let mut at = usize::from(code);
            while let Some(slot) = single.get_mut(at) {
                *slot = entry;
                at += 1 << lens[token];
            }
        }
        Ok(Self { single, multi: None, seen: 0, padded: Vec::new(), tokens: Vec::new(), wide: Vec::new() })
    }

    /// Decodes the page of `n` numbers that fills `bytes`: their tokens, and the numbers of all tokens of 64 and above.
    pub(super) fn page(&mut self, bytes: &[u8], n: usize) -> Result<(&[u8], &[u64])> {
        // A code has a bit at least.
        if n.div_ceil(8) > bytes.len() {
            return Err(BAD_PAGE);
        }
        self.seen = self.seen.saturating_add(n);
        if self.seen >= MANY && self.multi.is_none() {
            self.multi = Some(Box::new(std::array::from_fn(|bits| several(&self.single, bits))));
        }
        self.padded.clear();
        self.padded.extend_from_slice(bytes);
        self.padded.extend_from_slice(&[0; 16]);
        self.wide.clear();
        self.tokens.clear();
        self.tokens.resize(n + 8, 0);
        let mut at = Place { bit: 0, done: 0 };
        if let Some(multi) = &self.multi {
            while at.done + STEP <= n {
                let Some(wide) = many(multi, &self.padded, &mut self.tokens, n, &mut at)? else { continue };
                self.wide.push(take_wide(&self.padded, &mut self.tokens, &mut at, wide)?);
            }
        }
        while at.done < n {
            let entry = self.single[load(&self.padded, at.bit)? as usize & (SLOTS - 1)];
            let (token, bits) = (entry as u8, usize::from(entry >> 8));
            if u64::from(token) >= DIRECT || bits == 0 {
                self.wide.push(take_wide(&self.padded, &mut self.tokens, &mut at, (token, bits))?);
            } else {
                self.tokens[at.done] = token;
                at = Place { bit: at.bit + bits, done: at.done + 1 };
            }
        }
        let whole = at.bit.div_ceil(8) == bytes.len();
        if whole { Ok((&self.tokens[..n], &self.wide)) } else { Err(BAD_PAGE) }
    }
}

/// The 57 bits from `bit` on, or more.
#[inline]
fn load(padded: &[u8], bit: usize) -> Result<u64> {
    let chunk = padded.get(bit / 8..).and_then(|tail| tail.first_chunk::<8>()).ok_or(BAD_PAGE)?;
    Ok(u64::from_le_bytes(*chunk) >> (bit % 8))
}

/// Takes tokens, several at a look-up, until fewer than [`STEP`] are left or a large one comes: this and its bits are returned.
fn many(
    multi: &[u64; SLOTS],
    padded: &[u8],
    tokens: &mut [u8],
    n: usize,
    at: &mut Place,
) -> Result<Option<(u8, usize)>> {
    let Place { mut bit, mut done } = *at;
    let mut wide = None;
    'pages: while done + STEP <= n {
        let mut word = load(padded, bit)?;
        for _ in 0..5 {
            let entry = multi[word as usize & (SLOTS - 1)];
            let (count, bits) = ((entry >> 48 & 0xff) as usize, (entry >> 56) as usize);
            if count == 0 {
                wide = Some((entry as u8, bits));
                break 'pages;
            }
            let room = tokens.get_mut(done..).and_then(|tail| tail.first_chunk_mut::<8>()).ok_or(BAD_PAGE)?;
            *room = entry.to_le_bytes();
            done += count;
            bit += bits;
            word >>= bits;
            if done + STEP > n {
                break;
            }
        }
    }
    *at = Place { bit, done };
    Ok(wide)
}

/// Takes a token of 64 and above, whose code has `bits` bits, with its extra bits; its number.
fn take_wide(padded: &[u8], tokens: &mut [u8], at: &mut Place, (token, bits): (u8, usize)) -> Result<u64> {
    if bits == 0 {
        return Err(BAD_PAGE);
    }
    let (base, extra) = wide(usize::from(token));
    let low = extra.min(31);
    let bit = at.bit + bits;
    let first = load(padded, bit)? & !(u64::MAX << low);
    let second = load(padded, bit + low as usize)? & !(u64::MAX << (extra - low));
    tokens[at.done] = token;
    *at = Place { bit: bit + extra as usize, done: at.done + 1 };
    Ok(base | first | second << low)
}

#[derive(Clone, Copy)]
struct Place {
    bit: usize,
    done: usize,
}

/// The entry of the table of several symbols for these bits.
fn several(single: &[u16; SLOTS], bits: usize) -> u64 {
    let (mut rest, mut left, mut entry, mut count) = (bits, LIMIT, 0u64, 0u64);
    while count < STEP as u64 {
        let (token, len) = (u64::from(single[rest] & 0xff), u32::from(single[rest] >> 8));
        if len == 0 || len > left {
            break;
        }
        if token >= DIRECT {
            if count == 0 {
                return token | u64::from(len) << 56;
            }
            break;
        }
        entry |= token << (8 * count);
        count += 1;
        rest >>= len;
        left -= len;
    }
    entry | count << 48 | u64::from(LIMIT - left) << 56
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counted(values: &[u64]) -> Counts {
        let mut counts = [0; TOKENS];
        values.iter().for_each(|&value| counts[token(value).0] += 1);
        counts
    }

    fn check(values: &[u64]) -> usize {
        let counts = counted(values);
        let code = Code::of(&counts);
        let (mut model, mut page) = (Vec::new(), Vec::new());
        code.put(&mut model);
        code.page(values.iter().copied(), &mut page);
        let size = code.size(&counts, 1);
        assert!((model.len() + page.len()).abs_diff(size) <= 1, "{size}");
        let mut reader = Reader::new(&model);
        let mut decoder = Decoder::open(&mut reader).unwrap();
        reader.finish().unwrap();
        for _ in 0..3 {
            let (tokens, wide) = decoder.page(&page, values.len()).unwrap();
            let mut wide = wide.iter().copied();
            let back = tokens.iter().map(|&t| if u64::from(t) < DIRECT { u64::from(t) } else { wide.next().unwrap() });
            assert_eq!(back.collect::<Vec<_>>(), values);
            assert!(wide.next().is_none());
        }
        page.len()
    }

    proptest! {
        #[test]
        fn any_numbers_round_trip(values in proptest::collection::vec((any::<u64>(), 0u32..64).prop_map(|(v, s)| v >> s), 0..3000)) {
            check(&values);
        }

        #[test]
        fn skewed_numbers_round_trip(values in proptest::collection::vec((any::<u64>(), 48u32..64).prop_map(|(v, s)| v >> s), 0..5000)) {
            check(&values);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes: Vec<u8>, page: Vec<u8>, n in 0usize..4000) {
            if let Ok(mut decoder) = Decoder::open(&mut Reader::new(&bytes)) {
                let _ = decoder.page(&page, n);
                let _ = decoder.page(&page, n);
            }
        }
    }

    #[test]
    fn lengths_stay_within_the_limit_and_near_the_entropy() {
        // Counts that double give a code as long as there are tokens.
        let values: Vec<u64> = (0..18u64).flat_map(|token| std::iter::repeat_n(token, 1 << token)).collect();
        let bits = check(&values) as f64 * 8.0 / values.len() as f64;
        assert!(bits < 2.05, "{bits}");
        assert_eq!(check(&[7; 800]), 100);
        assert_eq!(check(&[]), 0);
        assert!(
            check(&(0..TOKENS as u64).map(|t| if t < 64 { t } else { wide(t as usize).0 }).collect::<Vec<_>>()) > 0
        );
    }
}
