//! Which segments to merge: a pure policy on their sizes.
//!
//! Tiers over neighbours in slot order: at least [`FEWEST`] segments that follow each other, of which none is much larger than
//! the others together, the cheapest first. Each row is then rewritten about once a tier, so that the work grows with the
//! logarithm of a shard's size. A stream of odd sizes can keep out of that; where the segments become too many for their
//! size, those neighbours are merged that cost least for each segment that goes. Nothing between two merged segments is left
//! out, as a later slot must win. Small segments that came late stay beside a large one until there are enough of them.

use std::ops::Range;

/// Segments that make a merge worth it.
const FEWEST: usize = 5;
/// Segments that one merge takes at most.
const MOST: usize = 16;
/// The largest one is at most this share of all, in hundredths.
const LARGEST_SHARE: u64 = 30;
/// Segments smaller than this (bytes) count as of this size.
const SMALL: u64 = 256 << 10;
/// Segments that are larger than this (bytes) are full and stay as they are.
pub(super) const FULL: u64 = 512 << 20;
/// One merge takes no more than this (bytes): it holds the directories of the measurement at hand, some 100 bytes for each page of
/// each column, which is about what a page of a gauge takes on disk.
const MOST_BYTES: u64 = 1 << 30;
/// What is not yet cold must be at least this part of what the last merge takes.
const LATE_PART: u64 = 4;
/// A shard has at least this many segments before the second rule counts.
const FEW: usize = 8;

/// The neighbours to merge, out of the sizes (bytes) of a shard's segments in slot order.
pub(super) fn choose(sizes: &[u64]) -> Option<Range<usize>> {
    if sizes.len() < FEWEST {
        return None;
    }
    cheapest(sizes, |sum, largest| largest * 100 <= sum * LARGEST_SHARE).or_else(|| {
        let open: Vec<u64> = sizes.iter().copied().filter(|size| *size <= FULL).collect();
        (open.len() > enough(open.iter().sum())).then(|| cheapest(sizes, |_, _| true)).flatten()
    })
}

/// What the last merge of a shard takes, to which nothing is written any more: neighbours that fit one segment, most of them
/// not yet as small as they get. For each segment its size (bytes), and whether it is.
pub(super) fn choose_last(segments: &[(u64, bool)]) -> Option<Range<usize>> {
    let mut start = 0;
    while start < segments.len() {
        let (mut sum, mut hot, mut end) = (0, 0, start);
        while end < segments.len() && (end == start || sum + segments[end].0 <= FULL) {
            let (size, is_cold) = segments[end];
            (sum, hot, end) = (sum + size, hot + if is_cold { 0 } else { size }, end + 1);
        }
        // A little that came late does not make it worth to go through all again.
        if hot * LATE_PART >= sum && hot > 0 {
            return Some(start..end);
        }
        start = end;
    }
    None
}

/// How many segments may stand beside each other in a shard of so many bytes: three for each fourfold size.
fn enough(total: u64) -> usize {
    FEW + 3 * (total / SMALL + 1).ilog2() as usize / 2
}

/// The neighbours that cost least for each segment that goes, of those that `fit` by the sum and the largest of their sizes.
fn cheapest(sizes: &[u64], fit: impl Fn(u64, u64) -> bool) -> Option<Range<usize>> {
    let mut best: Option<(u64, Range<usize>)> = None;
    for end in (0..sizes.len()).rev() {
        let (mut sum, mut largest) = (0, 0);
        for start in (0..=end).rev().take(MOST) {
            if sizes[start] > FULL || sum + sizes[start] > MOST_BYTES {
                break;
            }
            let size = sizes[start].max(SMALL);
            (sum, largest) = (sum + size, largest.max(size));
            let count = end + 1 - start;
            let cost = sum / (count as u64 - 1).max(1);
            if count >= FEWEST && fit(sum, largest) && best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, start..end + 1));
            }
        }
    }
    best.map(|(_, range)| range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::{Random, SeededRandom};

    const MB: u64 = 1 << 20;

    #[test]
    fn neighbours_of_one_size() {
        assert_eq!(choose(&[1, 2, 3, 4]), None);
        assert_eq!(choose(&[1, 2, 3, 4, 5]), Some(0..5));
        assert_eq!(choose(&[100 * MB, MB, 2 * MB, MB, 2 * MB, 2 * MB]), Some(1..6));
        assert_eq!(choose(&[MB, MB, 100 * MB, MB, MB]), None, "what lies between is not left out");
        assert_eq!(choose(&[3 * FULL; 8]), None);
        assert_eq!(choose(&[1; 100]), Some(84..100));
    }

    /// What a stream of flushes comes to: bytes written for each byte, and the most segments at a time.
    fn settle(stream: impl Iterator<Item = u64>) -> (f64, usize) {
        let (mut sizes, mut flushed, mut merged, mut most) = (Vec::new(), 0u64, 0u64, 0);
        for size in stream {
            sizes.push(size);
            flushed += size;
            while let Some(range) = choose(&sizes) {
                let sum = sizes[range.clone()].iter().sum();
                merged += sum;
                sizes.splice(range, [sum]);
            }
            // Full ones stay.
            most = most.max(sizes.iter().filter(|size| **size <= FULL).count());
        }
        ((flushed + merged) as f64 / flushed as f64, most)
    }

    /// Its name and sizes, what it may come to.
    type Stream = (&'static str, Box<dyn Iterator<Item = u64>>, f64, usize);

    #[test]
    fn streams_of_flushes_stay_short_and_cheap() {
        let random = SeededRandom::new(7);
        // Sizes over five orders of magnitude.
        let odd = (0..2_000).map(move |_| (MB << random.below(9)) >> random.below(9));
        let streams: [Stream; 7] = [
            ("even", Box::new((0..2_000).map(|_| MB)), 7.0, 20),
            ("tiny", Box::new((0..2_000).map(|_| 10_000)), 10.0, 20),
            ("odd", Box::new(odd), 6.0, 36),
            ("one large, one tiny", Box::new((0..200).map(|i| if i % 2 == 0 { 100 * MB } else { 10_000 })), 5.0, 32),
            (
                "large ones are rare",
                Box::new((0..2_000).map(|i| if i % 50 == 0 { 200 * MB } else { MB / 10 })),
                5.0,
                32,
            ),
            ("growing", Box::new((0..1_000).map(|i| 10_000 + i * i * 20)), 6.0, 32),
            ("shrinking", Box::new((0..1_000).map(|i| 10_000 + (1_000 - i) * (1_000 - i) * 20)), 6.0, 32),
        ];
        for (name, stream, written, segments) in streams {
            let (amplification, most) = settle(stream);
            println!("{name}: {amplification:.2} bytes written for each, {most} segments at most");
            assert!(amplification <= written, "{name}: {amplification}");
            assert!(most <= segments, "{name}: {most}");
        }
    }

    #[test]
    fn there_is_one_last_merge() {
        assert_eq!(choose_last(&[]), None);
        assert_eq!(choose_last(&[(MB, false)]), Some(0..1));
        assert_eq!(choose_last(&[(MB, true)]), None);
        assert_eq!(choose_last(&[(100 * MB, true), (MB, false)]), None, "little is late");
        assert_eq!(choose_last(&[(100 * MB, true), (MB, false), (40 * MB, false)]), Some(0..3));
        assert_eq!(choose_last(&[(FULL, true), (FULL, false), (MB, false)]), Some(1..2));
    }

    #[test]
    fn what_is_late_waits_beside_what_is_large() {
        // One late point each: a large segment is not rewritten for them.
        let mut sizes = vec![500 * MB];
        for late in 1_000..1_100 {
            sizes.push(late);
            while let Some(range) = choose(&sizes) {
                assert!(range.start > 0, "{sizes:?}");
                let sum = sizes[range.clone()].iter().sum();
                sizes.splice(range, [sum]);
            }
        }
    }
}
