//! Finding the end of a list of pairs `,name=value,name=value` in one pass over 64 bytes at a time.
//!
//! The bytes of a block are turned to bit masks, one bit a byte; the order of commas and equals signs is then judged for
//! all pairs of the block at once. With AVX2 where the machine has it (asked at run time), with SSE2 on every other x86-64,
//! bytewise elsewhere. Always: all of them give what the plain loop in the tests gives.
#![allow(unsafe_code, reason = "vector loads, and calls behind a check of the processor")]

/// Where the marks of a block stand: bit i is byte i.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Marks {
    comma: u64,
    equals: u64,
    space: u64,
    /// Backslashes and newlines: no list has one.
    stop: u64,
}

const BLOCK: usize = 64;

/// The end of the pairs that begin at `from`: the index of the space behind the last one (`from` itself if there are none).
/// A pair is a comma, a name, `=` and a value; neither is empty, and none has a comma, an equals sign, a space, a backslash
/// or a newline in it. `None` if it is not so, if the text ends before a space comes, or if a name is `unwanted`.
#[inline]
#[must_use]
pub fn pairs_end(text: &[u8], from: usize, unwanted: [u8; 4]) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { x86::pairs_end_avx2(text, from, unwanted) };
        }
        walk(text, from, unwanted, x86::marks_sse2)
    }
    #[cfg(not(target_arch = "x86_64"))]
    walk(text, from, unwanted, plain_marks)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn plain_marks(block: &[u8; BLOCK]) -> Marks {
    let mask = |is: fn(u8) -> bool| {
        block.iter().enumerate().fold(0, |mask, (index, &byte)| mask | u64::from(is(byte)) << index)
    };
    Marks {
        comma: mask(|byte| byte == b','),
        equals: mask(|byte| byte == b'='),
        space: mask(|byte| byte == b' '),
        stop: mask(|byte| matches!(byte, b'\\' | b'\n')),
    }
}

/// The walk over the blocks of a text.
#[inline(always)]
fn walk(text: &[u8], from: usize, unwanted: [u8; 4], marks: impl Fn(&[u8; BLOCK]) -> Marks) -> Option<usize> {
    if !matches!(text.get(from), Some(b',' | b' ')) {
        return None;
    }
    let mut at = from;
    // All ones if an odd number of marks lies before the block; whether its last byte was a mark; its last commas.
    let (mut odd, mut after_mark, mut last_commas) = (0u64, 0u64, 0u64);
    loop {
        let rest = text.get(at..)?;
        let mut last = [0; BLOCK];
        let (block, whole) = match rest.first_chunk::<BLOCK>() {
            Some(block) => (block, true),
            None => {
                last[..rest.len()].copy_from_slice(rest);
                (&last, false)
            }
        };
        let marks = marks(block);
        let ends = marks.space | marks.stop;
        let end = ends & ends.wrapping_neg();
        let inside = end.wrapping_sub(1);
        let (commas, equals) = (marks.comma & inside, marks.equals & inside);
        let both = commas | equals;
        // The first, third, fifth mark is a comma, all others are equals signs.
        let parity = prefix_xor(both) ^ odd;
        let empty = (both << 1 | after_mark) & (both | end);
        if both & parity != commas || empty != 0 {
            return None;
        }
        let mut names = equals & (commas << 5 | last_commas);
        while names != 0 {
            let name = at + names.trailing_zeros() as usize;
            if text[name - 4..name] == unwanted {
                return None;
            }
            names &= names - 1;
        }
        if end != 0 {
            let whole_pairs = parity & end == 0;
            return (whole_pairs && end & marks.space != 0).then(|| at + end.trailing_zeros() as usize);
        }
        if !whole {
            return None;
        }
        odd = (parity >> 63).wrapping_neg();
        after_mark = both >> 63;
        last_commas = commas >> (BLOCK - 5);
        at += BLOCK;
    }
}

/// Bit i of the result is the parity of bits 0 to i.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{BLOCK, Marks, walk};
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
        _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
    };

    #[target_feature(enable = "avx2")]
    pub(super) fn pairs_end_avx2(text: &[u8], from: usize, unwanted: [u8; 4]) -> Option<usize> {
        walk(text, from, unwanted, |block| marks_avx2(block))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn marks_avx2(block: &[u8; BLOCK]) -> Marks {
        let halves = block.as_ptr().cast::<__m256i>();
        // SAFETY: the block has 64 bytes, and the loads need no alignment.
        let (low, high) = unsafe { (_mm256_loadu_si256(halves), _mm256_loadu_si256(halves.add(1))) };
        let equal = |half, byte: u8| _mm256_cmpeq_epi8(half, _mm256_set1_epi8(byte.cast_signed()));
        let join = |low, high| {
            let (low, high) = (_mm256_movemask_epi8(low), _mm256_movemask_epi8(high));
            u64::from(low.cast_unsigned()) | u64::from(high.cast_unsigned()) << 32
        };
        let find = |byte| join(equal(low, byte), equal(high, byte));
        let stop = |half| _mm256_or_si256(equal(half, b'\\'), equal(half, b'\n'));
        Marks { comma: find(b','), equals: find(b'='), space: find(b' '), stop: join(stop(low), stop(high)) }
    }

    #[inline]
    pub(super) fn marks_sse2(block: &[u8; BLOCK]) -> Marks {
        let quarters = block.as_ptr().cast::<__m128i>();
        // SAFETY: the block has 64 bytes, and the loads need no alignment; SSE2 is part of x86-64.
        let quarters: [__m128i; 4] = std::array::from_fn(|index| unsafe { _mm_loadu_si128(quarters.add(index)) });
        // SAFETY: SSE2 is part of x86-64.
        let equal = |quarter, byte: u8| unsafe { _mm_cmpeq_epi8(quarter, _mm_set1_epi8(byte.cast_signed())) };
        // SAFETY: as above.
        let mask = |quarter| u64::from(unsafe { _mm_movemask_epi8(quarter) }.cast_unsigned() & 0xffff);
        let join = |quarters: [u64; 4]| quarters.iter().rev().fold(0, |mask, quarter| mask << 16 | quarter);
        let find = |byte| join(quarters.map(|quarter| mask(equal(quarter, byte))));
        // SAFETY: as above.
        let stop = |quarter| mask(unsafe { _mm_or_si128(equal(quarter, b'\\'), equal(quarter, b'\n')) });
        Marks { comma: find(b','), equals: find(b'='), space: find(b' '), stop: join(quarters.map(stop)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What [`pairs_end`] says, byte by byte.
    fn naive(text: &[u8], from: usize, unwanted: [u8; 4]) -> Option<usize> {
        let part = |from: usize| {
            let length = text.get(from..)?.iter().position(|byte| b",= \\\n".contains(byte))?;
            (length > 0).then_some(from + length)
        };
        let mut at = from;
        while text.get(at) == Some(&b',') {
            let equals = part(at + 1)?;
            if text[equals] != b'=' || text[at + 1..equals] == unwanted {
                return None;
            }
            at = part(equals + 1)?;
        }
        (text.get(at) == Some(&b' ')).then_some(at)
    }

    fn agree(text: &[u8], from: usize) -> Result<(), TestCaseError> {
        let expected = naive(text, from, *b"time");
        prop_assert_eq!(pairs_end(text, from, *b"time"), expected);
        prop_assert_eq!(walk(text, from, *b"time", plain_marks), expected);
        #[cfg(target_arch = "x86_64")]
        prop_assert_eq!(walk(text, from, *b"time", x86::marks_sse2), expected);
        Ok(())
    }

    #[test]
    fn names_and_edges() {
        for (text, from, end) in [
            ("m,a=1,b=2 v=1", 1, Some(9)),
            ("m v=1", 1, Some(1)),
            ("m,time=1 ", 1, None),
            ("m,tame=1 ", 1, Some(8)),
            ("m,a=1", 1, None),
            ("m,a= ", 1, None),
            ("m,=1 ", 1, None),
            ("m,a ", 1, None),
            ("m,a=1=2 ", 1, None),
            ("m,a=1,, ", 1, None),
            ("m,a=1\\ ", 1, None),
            ("m,a=\n", 1, None),
            ("m", 2, None),
            ("mx ", 1, None),
        ] {
            assert_eq!(pairs_end(text.as_bytes(), from, *b"time"), end, "{text}");
        }
    }

    proptest! {
        #[test]
        fn as_the_plain_loop_finds(text in "(,[a-z]{0,40}=[a-z]{0,40}|[,= \\\\\na]){0,8} ?[a-z=]{0,70}", from in 0usize..3) {
            agree(text.as_bytes(), from)?;
        }

        #[test]
        fn long_lists_and_unwanted_names(
            pairs in proptest::collection::vec("(time|tame|t|[a-z]{1,30})=[a-z]{1,30}", 0..12),
            odd in prop_oneof![Just(""), Just("="), Just(","), Just("\n"), Just("\\"), Just("é")],
            place in 0usize..300,
        ) {
            let mut text = String::from("m");
            pairs.iter().for_each(|pair| text.extend([",", pair]));
            text.push_str(" v=1");
            agree(text.as_bytes(), 1)?;
            if text.is_char_boundary(place.min(text.len())) {
                text.insert_str(place.min(text.len()), odd);
            }
            agree(text.as_bytes(), 1)?;
        }

        #[test]
        fn all_ways_to_mark_agree(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b','), Just(b'=')], 64)) {
            let block = bytes.first_chunk::<64>().unwrap();
            let plain = plain_marks(block);
            #[cfg(target_arch = "x86_64")]
            {
                prop_assert_eq!(x86::marks_sse2(block), plain);
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has AVX2.
                    prop_assert_eq!(unsafe { x86::marks_avx2(block) }, plain);
                }
            }
            let _ = plain;
        }
    }
}
