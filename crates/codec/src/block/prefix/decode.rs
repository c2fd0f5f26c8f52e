//! Reads prefix coded pages; their bytes are drawn in `prefix.rs`.

use super::lengths::codes;
use super::streams::{PAD, Pair, Tables};
use super::table::{SLOTS, Several, several};
use super::{LIMIT, TOKENS};
use crate::bits::{packed_len, unpack};
use crate::block::integer::Int;
use crate::varint::Reader;
use crate::{CodecError, Result};

/// From this many numbers on it pays to prepare for several tokens a look-up: that takes as long as some thousand numbers, and four
/// times the memory. Of most blocks a query reads a page or two.
const MANY: usize = 4_000;

const BAD_MODEL: CodecError = CodecError::Invalid("code lengths of a prefix code");
pub(super) const BAD_PAGE: CodecError = CodecError::Invalid("prefix coded page");

/// What the numbers of a page are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::block) enum Meaning {
    /// Offsets: a value is `base + number * unit`.
    Offsets {
        /// See there.
        unit: u64,
    },
    /// Zigzag steps: a value is the one before `+ unzigzag(number) * unit + usual`.
    Steps {
        /// See there.
        unit: u64,
        /// See there.
        usual: u64,
    },
}

/// A prefix code, ready to decode pages.
pub(in crate::block) struct Decoder {
    meaning: Meaning,
    single: Box<[u16; SLOTS]>,
    /// None until it pays.
    several: Option<Box<Several>>,
    seen: usize,
    padded: Vec<u8>,
}

impl Decoder {
    /// Bytes of memory that one takes, about: its tables and a page.
    pub(in crate::block) const MEMORY: usize = size_of::<Several>() + size_of::<[u16; SLOTS]>() + 1_024;

    /// Reads a model.
    pub(in crate::block) fn open(reader: &mut Reader<'_>, meaning: Meaning) -> Result<Self> {
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
        Ok(Self { meaning, single, several: None, seen: 0, padded: Vec::new() })
    }

    /// Decodes the page of `n` numbers that fills `bytes`, and appends their values. `base` is what offsets begin at, or the
    /// value before the first step.
    pub(in crate::block) fn page<T: Int>(&mut self, base: T, bytes: &[u8], n: usize, out: &mut Vec<T>) -> Result<()> {
        // A code has a bit at least.
        if n.div_ceil(8) > bytes.len() {
            return Err(BAD_PAGE);
        }
        self.seen = self.seen.saturating_add(n);
        if self.seen >= MANY && self.several.is_none() {
            self.several = Some(match self.meaning {
                Meaning::Offsets { .. } => several::<false>(&self.single),
                Meaning::Steps { .. } => several::<true>(&self.single),
            });
        }
        self.padded.clear();
        self.padded.resize(bytes.len() + 2 * PAD, 0);
        self.padded[PAD..PAD + bytes.len()].copy_from_slice(bytes);
        let (start, half) = (out.len(), n.div_ceil(2));
        out.resize(start + n + 2 * PAD, T::default());
        let base = base.distance(T::default());
        let bits = T::as_bits(&mut out[start..]);
        let end = self.halves(base, n, bits);
        if let Ok(end) = end {
            bits.copy_within(half + PAD..n + PAD, half);
            self.finish(base, end, half, &mut bits[..n]);
        }
        out.truncate(if end.is_ok() { start + n } else { start });
        end.map(drop)
    }

    /// What values are relative to while they are decoded: 0 where they are scaled afterwards.
    fn origin(&self, base: u64) -> u64 {
        match self.meaning {
            Meaning::Offsets { unit: 1 } | Meaning::Steps { unit: 1, usual: 0 } => base,
            _ => 0,
        }
    }

    /// Decodes the first half to the begin of `out`, the second one to [`PAD`] behind its place; of steps the second half counts
    /// from 0. Returns the last value of the first half.
    fn halves(&self, base: u64, n: usize, out: &mut [u64]) -> Result<u64> {
        let half = n.div_ceil(2);
        let (first, second) = out.split_at_mut(half + PAD);
        let tables = Tables { single: &self.single, several: self.several.as_deref(), padded: &self.padded };
        let (bytes, base) = (self.padded.len() - 2 * PAD, self.origin(base));
        match self.meaning {
            Meaning::Offsets { .. } => {
                Pair::<false>::new((first, half, base), (second, n - half, base)).decode(&tables, bytes)
            }
            Meaning::Steps { .. } => {
                Pair::<true>::new((first, half, base), (second, n - half, 0)).decode(&tables, bytes)
            }
        }
    }

    /// Makes values of what was decoded, whose first half ends with `end`.
    fn finish(&self, base: u64, end: u64, half: usize, out: &mut [u64]) {
        match self.meaning {
            Meaning::Offsets { unit: 1 } => {}
            Meaning::Offsets { unit } => {
                out.iter_mut().for_each(|value| *value = value.wrapping_mul(unit).wrapping_add(base));
            }
            Meaning::Steps { unit: 1, usual: 0 } => {
                out[half..].iter_mut().for_each(|value| *value = value.wrapping_add(end));
            }
            Meaning::Steps { unit, usual } => {
                let mut base = base;
                let (first, second) = out.split_at_mut(half);
                for (values, more) in [(first, 0), (second, end)] {
                    for value in values {
                        base = base.wrapping_add(usual);
                        *value = value.wrapping_add(more).wrapping_mul(unit).wrapping_add(base);
                    }
                }
            }
        }
    }
}
