//! What the next bits of a prefix coded page come to: several tokens at a look-up.

use super::{DIRECT, LIMIT};
use crate::varint::{unzigzag, zigzag};

/// Slots of a table by the next bits.
pub(super) const SLOTS: usize = 1 << LIMIT;
/// Values that one look-up gives at most.
pub(super) const STEP: usize = 6;

/// By the next [`LIMIT`] bits: what up to six tokens below 64 come to (a signed byte each: the token, or the sum of all
/// steps so far; behind the last one it is repeated), their number in byte 6, their bits in byte 7. 0 where a large token or no code
/// begins.
pub(super) type Several = [u64; SLOTS];

const COUNT: u32 = 48;
/// Where an entry's bits stand.
pub(super) const BITS: u32 = 56;
/// The first byte of six in each of them.
const EACH: u64 = 0x0101_0101_0101;

/// How many tokens an entry of [`Several`] has.
#[inline(always)]
pub(super) fn count(entry: u64) -> usize {
    (entry >> COUNT & 0xff) as usize
}

/// The entry for the next bits.
#[inline(always)]
pub(super) fn look(several: &Several, word: u64) -> u64 {
    several[word as usize & (SLOTS - 1)]
}

/// The table of several tokens; `STEPS`: tokens are zigzag steps. Each entry is made of a shorter one, without a branch that could be
/// mispredicted; these stand before the others, by fewer bits behind a one, and are not kept.
pub(super) fn several<const STEPS: bool>(single: &[u16; SLOTS]) -> Box<Several> {
    let mut lens = [0; 256];
    single
        .iter()
        .filter(|&&entry| entry > 0)
        .for_each(|&entry| lens[usize::from(entry & 0xff)] = u64::from(entry >> 8));
    let mut table = vec![0; 2 * SLOTS];
    for known in 0..=LIMIT {
        let top = 1 << known;
        for slot in 0..top {
            let (token, len) = (single[slot] & 0xff, single[slot] >> 8);
            let rest = (slot | top) >> len;
            let fits = (len != 0) & (rest != 0) & (u64::from(token) < DIRECT);
            let entry = joined::<STEPS>(u64::from(token), u64::from(len), table[rest], &lens);
            table[slot | top] = if fits { entry } else { 0 };
        }
    }
    let mut kept = Box::new([0; SLOTS]);
    kept.copy_from_slice(&table[SLOTS..]);
    kept
}

/// The entry of a token with those behind it, as many as an entry holds; 0 if a sum gets too large.
#[inline(always)]
fn joined<const STEPS: bool>(token: u64, len: u64, rest: u64, lens: &[u64; 256]) -> u64 {
    let sums = rest & 0xffff_ffff_ffff;
    // The sixth token of the rest has no place.
    let sixth = if STEPS { zigzag(i64::from((sums >> 40) as i8 - (sums >> 32) as i8)) } else { sums >> 40 };
    let full = count(rest) == STEP;
    let bits = (rest >> BITS) + len - if full { lens[sixth as usize & 0xff] } else { 0 };
    let count = (count(rest) + usize::from(!full)) as u64;
    let (sums, fits) = if STEPS {
        let step = unzigzag(token) as u64 & 0xff;
        let (each, high) = (step * EACH, 0x80 * EACH);
        let added = ((sums & !high) + (each & !high)) ^ ((sums ^ each) & high);
        // A sum of two of one sign with another sign is too large.
        (added << 8 | step, !(sums ^ each) & (sums ^ added) & high == 0)
    } else {
        (sums << 8 | token, true)
    };
    let entry = sums & 0xffff_ffff_ffff | count << COUNT | bits << BITS;
    if fits { entry } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::super::lengths::{codes, lengths};
    use super::*;
    use proptest::prelude::*;

    /// One token after the other, as long as they are whole, small and fit: sum and bits so far.
    fn tokens(single: &[u16; SLOTS], bits: usize, steps: bool) -> Vec<(i64, u32)> {
        let (mut rest, mut used, mut sum, mut found) = (bits, 0, 0, Vec::new());
        while found.len() < STEP {
            let (token, len) = (u64::from(single[rest] & 0xff), u32::from(single[rest] >> 8));
            if len == 0 || used + len > LIMIT || token >= DIRECT {
                break;
            }
            sum = if steps { sum + unzigzag(token) } else { token as i64 };
            (rest, used) = (rest >> len, used + len);
            found.push((sum, used));
        }
        found
    }

    /// The entry has what was found, but for what large sums leave out.
    fn check(entry: u64, found: &[(i64, u32)], may_be_short: bool) {
        let n = count(entry);
        assert!(n == found.len() || may_be_short && n < found.len(), "{entry:x} {found:?}");
        let sums = found[..n].iter().map(|&(sum, _)| sum);
        assert!(
            entry.to_le_bytes()[..n].iter().map(|&sum| i64::from(sum.cast_signed())).eq(sums),
            "{entry:x} {found:?}"
        );
        assert_eq!(entry >> BITS, n.checked_sub(1).map_or(0, |last| u64::from(found[last].1)));
    }

    proptest! {
        #[test]
        fn entries_are_what_one_token_after_the_other_gives(
            weights in proptest::collection::vec((0usize..super::super::TOKENS, 1u32..2_000), 1..40),
            large in 0usize..3,
        ) {
            let mut counts = [0; super::super::TOKENS];
            for (token, weight) in weights {
                counts[if large > 0 { token % 20 } else { token }] = weight;
            }
            let lens = lengths(&counts);
            let mut single = [0u16; SLOTS];
            for (token, &code) in codes(&lens).iter().enumerate().filter(|&(token, _)| lens[token] > 0) {
                (usize::from(code)..SLOTS).step_by(1 << lens[token]).for_each(|at| single[at] = token as u16 | u16::from(lens[token]) << 8);
            }
            let (steps, offsets) = (several::<true>(&single), several::<false>(&single));
            for bits in 0..SLOTS {
                check(look(&offsets, bits as u64), &tokens(&single, bits, false), false);
                let (entry, found) = (look(&steps, bits as u64), tokens(&single, bits, true));
                check(entry, &found, counts[30..64].iter().any(|&n| n > 0));
                let last = (entry << 16).cast_signed() >> 56;
                prop_assert_eq!(last, count(entry).checked_sub(1).map_or(0, |last| found[last].0));
            }
        }
    }
}
