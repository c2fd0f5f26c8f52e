//! Sorts byte strings by eight bytes at a time, past what they all begin with: the cost follows their bytes.

use codec::Strings;
use std::ops::Range;

/// The distinct strings, sorted, and for each string its place among them.
pub(super) fn order(strings: Strings) -> (Strings, Vec<u32>) {
    let count = strings.len() as u32;
    if (1..strings.len()).all(|at| strings.get(at - 1) < strings.get(at)) {
        return (strings, (0..count).collect());
    }
    let strings = &strings;
    let skip = shared(strings);
    let mut items: Vec<(u64, u32)> = (0..count).map(|at| (chunk(strings.get(at as usize), skip), at)).collect();
    let mut waiting = vec![(0..items.len(), skip)];
    while let Some((range, depth)) = waiting.pop() {
        sort(strings, &mut items, range, depth, &mut waiting);
    }
    let mut ranks = vec![0; items.len()];
    let sorted = distinct(strings, &items, &mut ranks);
    (sorted, ranks)
}

/// The strings in the order of the items, each once, and for each string its place among them. They lie all over memory: the
/// items come in blocks of which first the places are read, then the first bytes, so that the waits overlap.
fn distinct(strings: &Strings, items: &[(u64, u32)], ranks: &mut [u32]) -> Strings {
    const BLOCK: usize = 32;
    let mut sorted = Strings::with_capacity(items.len(), strings.bytes().len());
    let mut last: Option<(u64, &[u8])> = None;
    for block in items.chunks(BLOCK) {
        let mut found: [&[u8]; BLOCK] = [&[]; BLOCK];
        block.iter().zip(&mut found).for_each(|(&(_, at), found)| *found = strings.get(at as usize));
        let first = found.iter().fold(0u8, |sum, string| sum ^ string.first().copied().unwrap_or(0));
        std::hint::black_box(first);
        for (&(word, at), string) in block.iter().zip(found) {
            // What fell together has the same last word.
            if last != Some((word, string)) {
                sorted.push(string);
                last = Some((word, string));
            }
            ranks[at as usize] = sorted.len() as u32 - 1;
        }
    }
    sorted
}

/// Sorts a range, whose strings are alike up to `depth`, by the eight bytes there, which the items hold; what is alike there
/// and goes on waits for the next eight.
fn sort(
    strings: &Strings,
    items: &mut [(u64, u32)],
    range: Range<usize>,
    depth: usize,
    waiting: &mut Vec<(Range<usize>, usize)>,
) {
    items[range.clone()].sort_unstable();
    let mut from = range.start;
    while from < range.end {
        let alike = items[from..range.end].iter().take_while(|item| item.0 == items[from].0).count();
        if alike > 1 {
            // Of strings with the same eight bytes, zeros beyond their ends, the shorter come first.
            let len = |item: &(u64, u32)| strings.get(item.1 as usize).len().min(depth + 9);
            let group = &mut items[from..from + alike];
            group.sort_by_key(len);
            let longer = group.partition_point(|item| len(item) < depth + 9);
            for item in &mut group[longer..] {
                item.0 = chunk(strings.get(item.1 as usize), depth + 8);
            }
            if alike - longer > 1 {
                waiting.push((from + longer..from + alike, depth + 8));
            }
        }
        from += alike;
    }
}

/// How many bytes all of them begin with alike.
fn shared(strings: &Strings) -> usize {
    let first = if strings.is_empty() { &[] } else { strings.get(0) };
    let with_first = |string: &[u8]| first.iter().zip(string).take_while(|(a, b)| a == b).count();
    strings.iter().map(with_first).min().unwrap_or(0)
}

/// Eight bytes from a place on, the first the highest; zeros beyond the end.
fn chunk(string: &[u8], from: usize) -> u64 {
    let rest = string.get(from..).unwrap_or_default();
    match rest.first_chunk::<8>() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => rest.iter().enumerate().fold(0, |word, (at, &byte)| word | u64::from(byte) << (56 - 8 * at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn strings_are_sorted(strings in proptest::collection::vec(proptest::collection::vec(0u8..3, 0..30), 0..200), prefix in 0usize..20) {
            let strings: Vec<Vec<u8>> = strings.into_iter().map(|string| [&vec![1; prefix], &string[..]].concat()).collect();
            let (sorted, ranks) = order(strings.iter().map(Vec::as_slice).collect());
            let mut expected = strings.clone();
            expected.sort();
            expected.dedup();
            prop_assert_eq!(sorted.iter().map(<[u8]>::to_vec).collect::<Vec<_>>(), expected);
            for (string, rank) in strings.iter().zip(ranks) {
                prop_assert_eq!(sorted.get(rank as usize), &string[..]);
            }
        }
    }
}
