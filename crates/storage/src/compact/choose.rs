//! Which segments to merge: a pure policy on their sizes.
//!
//! Size tiers over neighbours in slot order: at least [`FEWEST`] segments that follow each other and of which none is much
//! larger than the others together. Each row is rewritten about once a tier, so that the work grows with the logarithm of a
//! shard's size. Nothing between two merged segments is left out, as a later slot must win.

use std::ops::Range;

/// Segments that make a merge worth it.
const FEWEST: usize = 4;
/// Segments that one merge takes at most.
const MOST: usize = 16;
/// How many times larger than the smallest the largest may be.
const SPREAD: u64 = 4;
/// Segments smaller than this (bytes) count as of one size.
const SMALL: u64 = 256 << 10;
/// Segments that are larger than this (bytes) stay as they are.
const LARGEST: u64 = 2 << 30;

/// The neighbours to merge, out of the sizes (bytes) of a shard's segments in slot order; the newest are preferred.
pub(super) fn choose(sizes: &[u64]) -> Option<Range<usize>> {
    (0..sizes.len()).rev().find_map(|end| {
        let (mut least, mut greatest) = (u64::MAX, 0);
        let mut start = end + 1;
        for (at, &size) in sizes[..=end].iter().enumerate().rev().take(MOST) {
            least = least.min(size.max(SMALL));
            greatest = greatest.max(size.max(SMALL));
            if size > LARGEST || greatest / SPREAD > least {
                break;
            }
            start = at;
        }
        (end + 1 - start >= FEWEST).then_some(start..end + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_size() {
        assert_eq!(choose(&[1, 2, 3]), None);
        assert_eq!(choose(&[1, 2, 3, 4]), Some(0..4));
        let mb = 1 << 20;
        assert_eq!(choose(&[100 * mb, mb, 2 * mb, mb, 3 * mb]), Some(1..5));
        assert_eq!(choose(&[mb, mb, 100 * mb, mb, mb]), None, "what lies between is not left out");
        assert_eq!(choose(&[3 * LARGEST; 8]), None);
        assert_eq!(choose(&[1; 100]), Some(84..100));
    }

    #[test]
    fn a_stream_of_flushes_stays_short() {
        let (mut sizes, mut written) = (Vec::new(), 0u64);
        for _ in 0..1_000 {
            sizes.push(1 << 20);
            while let Some(range) = choose(&sizes) {
                let merged = sizes[range.clone()].iter().sum();
                written += merged;
                sizes.splice(range, [merged]);
            }
        }
        assert!(sizes.len() < 24, "{}", sizes.len());
        assert!(written < (8 * 1_000) << 20, "{written}");
    }
}
