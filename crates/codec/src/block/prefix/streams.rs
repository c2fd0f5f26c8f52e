//! The two streams of a prefix coded page, read side by side.
//!
//! A look-up of the next bits gives up to six values at once, relative to the one before; they are written eight at a time, and what is
//! too much is written over. A batch of look-ups is made on bits that were loaded once, and nothing in it is asked that could be
//! mispredicted. Large tokens, the end of a stream and blocks too small for the table of several tokens take the slower way,
//! a code at a time. With AVX2 and BMI2 where the machine has them (asked at run time): the same code, compiled twice.
#![allow(unsafe_code, reason = "a call behind a check of the processor")]

use super::decode::BAD_PAGE;
use super::table::{BITS, SLOTS, STEP, Several, count, look};
use super::{DIRECT, LIMIT, wide};
use crate::Result;
use crate::varint::unzigzag;

/// Values that it writes.
const WRITTEN: usize = 8;
/// Look-ups on the 57 bits that a load gives at least.
const BATCH: usize = 5;
/// What a batch may write.
const ROOM: usize = 32;
/// Zeros before and behind a page, so that a load at either end stays inside, and room behind a stream's values for a batch.
pub(super) const PAD: usize = ROOM;

const _: () = assert!(STEP * (BATCH - 1) + WRITTEN <= ROOM && STEP * BATCH <= PAD && LIMIT as usize * BATCH <= 57);

/// What decoding looks at.
pub(super) struct Tables<'a> {
    /// By the next [`LIMIT`] bits: a token, and its code's length from bit 8 on; 0 where no code begins so.
    pub(super) single: &'a [u16; SLOTS],
    /// The same by several tokens, if it is there.
    pub(super) several: Option<&'a Several>,
    /// The page between [`PAD`] zeros.
    pub(super) padded: &'a [u8],
}

/// One half of a page, as far as it is decoded.
struct Stream<'a> {
    /// [`PAD`] longer than there are values.
    out: &'a mut [u64],
    /// How many values there are.
    n: usize,
    bit: usize,
    done: usize,
    /// What the next values are relative to.
    base: u64,
}

/// Both halves of a page; `STEPS`: numbers are steps, each value counts from the one before.
pub(super) struct Pair<'a, const STEPS: bool> {
    first: Stream<'a>,
    second: Stream<'a>,
}

/// The 57 bits, or more, from `bit` of a stream on.
trait Load: Fn(&[u8], usize) -> Result<u64> {}

impl<F: Fn(&[u8], usize) -> Result<u64>> Load for F {}

#[inline(always)]
fn forward(padded: &[u8], bit: usize) -> Result<u64> {
    let chunk = padded.get(PAD + bit / 8..).and_then(|tail| tail.first_chunk::<8>()).ok_or(BAD_PAGE)?;
    Ok(u64::from_le_bytes(*chunk) >> (bit % 8))
}

#[inline(always)]
fn backward(padded: &[u8], bit: usize) -> Result<u64> {
    let end = padded.len().checked_sub(PAD + bit / 8).ok_or(BAD_PAGE)?;
    let chunk = padded.get(..end).and_then(|head| head.last_chunk::<8>()).ok_or(BAD_PAGE)?;
    Ok(u64::from_be_bytes(*chunk) >> (bit % 8))
}

impl<'a, const STEPS: bool> Pair<'a, STEPS> {
    /// Each half: where its values go ([`PAD`] more than there are), how many there are, what they are relative to.
    pub(super) fn new(first: (&'a mut [u64], usize, u64), second: (&'a mut [u64], usize, u64)) -> Self {
        let stream = |(out, n, base)| Stream { out, n, bit: 0, done: 0, base };
        Self { first: stream(first), second: stream(second) }
    }

    /// Decodes both halves of a page of so many bytes; returns what the first one ends with.
    pub(super) fn decode(&mut self, tables: &Tables<'_>, bytes: usize) -> Result<u64> {
        while self.first.done < self.first.n || self.second.done < self.second.n {
            if let Some(several) = tables.several.filter(|_| self.first.has_batch() && self.second.has_batch()) {
                self.batches(tables, several)?;
            }
            self.first.careful::<STEPS>(tables, forward)?;
            self.second.careful::<STEPS>(tables, backward)?;
        }
        let taken = self.first.bit.div_ceil(8) + self.second.bit.div_ceil(8);
        if taken == bytes { Ok(self.first.base) } else { Err(BAD_PAGE) }
    }

    fn batches(&mut self, tables: &Tables<'_>, several: &Several) -> Result<()> {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("bmi2") {
            // SAFETY: the processor has what is asked for.
            return unsafe { self.batches_avx2(tables, several) };
        }
        self.all(tables, several, widen)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    fn batches_avx2(&mut self, tables: &Tables<'_>, several: &Several) -> Result<()> {
        self.all(tables, several, |entry, base| widen_avx2(entry, base))
    }

    /// Decodes both streams by batches until a large token comes or one of them ends.
    #[inline(always)]
    fn all(&mut self, tables: &Tables<'_>, several: &Several, widen: impl Widen) -> Result<()> {
        loop {
            let mut one = Batch::begin(forward(tables.padded, self.first.bit)?, self.first.base);
            let mut two = Batch::begin(backward(tables.padded, self.second.bit)?, self.second.base);
            let to_first = self.first.room().ok_or(BAD_PAGE)?;
            let to_second = self.second.room().ok_or(BAD_PAGE)?;
            for _ in 0..BATCH {
                one.step::<STEPS>(several, &widen, to_first);
                two.step::<STEPS>(several, &widen, to_second);
            }
            if !(self.first.accept(&one) & self.second.accept(&two)) {
                return Ok(());
            }
        }
    }
}

/// The sums of an entry, each added to a base; two values more than there are sums, for the sake of speed.
trait Widen: Fn(u64, u64) -> [u64; WRITTEN] {}

impl<F: Fn(u64, u64) -> [u64; WRITTEN]> Widen for F {}

#[inline(always)]
fn widen(entry: u64, base: u64) -> [u64; WRITTEN] {
    let mut values = [base; WRITTEN];
    for (value, sum) in values.iter_mut().zip(entry.to_le_bytes()) {
        *value = value.wrapping_add(i64::from(sum.cast_signed()) as u64);
    }
    values
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn widen_avx2(entry: u64, base: u64) -> [u64; WRITTEN] {
    use std::arch::x86_64::{
        __m256i, _mm_cvtsi64_si128, _mm_srli_si128, _mm256_add_epi64, _mm256_cvtepi8_epi64, _mm256_set1_epi64x,
    };
    let (sums, base) = (_mm_cvtsi64_si128(entry as i64), _mm256_set1_epi64x(base as i64));
    let low = _mm256_add_epi64(_mm256_cvtepi8_epi64(sums), base);
    let high = _mm256_add_epi64(_mm256_cvtepi8_epi64(_mm_srli_si128::<4>(sums)), base);
    // SAFETY: both are 64 bytes of plain numbers.
    unsafe { std::mem::transmute::<[__m256i; 2], [u64; WRITTEN]>([low, high]) }
}

impl Stream<'_> {
    /// Where the values of a batch go.
    #[inline(always)]
    fn room(&mut self) -> Option<&mut [u64; ROOM]> {
        self.out.get_mut(self.done..)?.first_chunk_mut()
    }

    /// Whether a batch cannot end behind the stream.
    #[inline(always)]
    fn has_batch(&self) -> bool {
        self.done + STEP * BATCH <= self.n
    }

    /// Goes on behind a batch; false if the next may not be made: a large token comes, or the end.
    #[inline(always)]
    fn accept(&mut self, batch: &Batch) -> bool {
        self.done += batch.count;
        self.bit += batch.bits;
        self.base = batch.base;
        (count(batch.last) != 0) & self.has_batch()
    }

    /// Decodes what comes next by one look-up: a few values, or one, or nothing at the end.
    #[inline(always)]
    fn careful<const STEPS: bool>(&mut self, tables: &Tables<'_>, load: impl Load) -> Result<()> {
        if self.done == self.n {
            return Ok(());
        }
        let word = load(tables.padded, self.bit)?;
        let entry = tables.several.map_or(0, |several| look(several, word));
        if count(entry) == 0 || self.done + count(entry) > self.n {
            return self.single::<STEPS>(tables, word, load);
        }
        let mut batch = Batch::begin(word, self.base);
        batch.take::<STEPS>(entry, &widen, self.room().ok_or(BAD_PAGE)?);
        self.accept(&batch);
        Ok(())
    }

    /// Decodes one value, which begins with these bits.
    fn single<const STEPS: bool>(&mut self, tables: &Tables<'_>, word: u64, load: impl Load) -> Result<()> {
        let entry = tables.single[word as usize & (SLOTS - 1)];
        let (token, bits) = (u64::from(entry & 0xff), usize::from(entry >> 8));
        if bits == 0 {
            return Err(BAD_PAGE);
        }
        self.bit += bits;
        let number = if token < DIRECT { token } else { self.large(tables, load, token as usize)? };
        let next = self.base.wrapping_add(if STEPS { unzigzag(number) as u64 } else { number });
        self.out[self.done] = next;
        self.done += 1;
        if STEPS {
            self.base = next;
        }
        Ok(())
    }

    /// The number of a token of 64 and above, whose extra bits come next.
    fn large(&mut self, tables: &Tables<'_>, load: impl Load, token: usize) -> Result<u64> {
        let (base, extra) = wide(token);
        let low = extra.min(31);
        let first = load(tables.padded, self.bit)? & !(u64::MAX << low);
        let second = load(tables.padded, self.bit + low as usize)? & !(u64::MAX << (extra - low));
        self.bit += extra as usize;
        Ok(base | first | second << low)
    }
}

/// Some look-ups, one after the other, on the same bits.
struct Batch {
    word: u64,
    bits: usize,
    count: usize,
    base: u64,
    /// What the last look-up gave.
    last: u64,
}

impl Batch {
    #[inline(always)]
    fn begin(word: u64, base: u64) -> Self {
        Self { word, bits: 0, count: 0, base, last: 0 }
    }

    #[inline(always)]
    fn step<const STEPS: bool>(&mut self, several: &Several, widen: &impl Widen, out: &mut [u64; ROOM]) {
        self.take::<STEPS>(look(several, self.word), widen, out);
    }

    #[inline(always)]
    fn take<const STEPS: bool>(&mut self, entry: u64, widen: &impl Widen, out: &mut [u64; ROOM]) {
        if let Some(room) = out.get_mut(self.count..).and_then(|tail| tail.first_chunk_mut::<WRITTEN>()) {
            *room = widen(entry, self.base);
        }
        if STEPS {
            let sum = (entry << 16).cast_signed() >> 56;
            self.base = self.base.wrapping_add(sum as u64);
        }
        self.last = entry;
        self.count += count(entry);
        self.bits += (entry >> BITS) as usize;
        self.word >>= entry >> BITS;
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn vectors_widen_as_plain_code_does(entry: u64, base: u64) {
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2.
                prop_assert_eq!(unsafe { widen_avx2(entry, base) }, widen(entry, base));
            }
        }
    }
}
