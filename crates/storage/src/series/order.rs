//! Sorting of keys: by eight bytes at a time behind what all have in common, so that most comparisons are of integers and
//! each key's bytes are touched a few times, whatever the number of keys.

use std::ops::Range;

/// Up to so many keys are compared byte by byte.
const FEW: usize = 12;

/// A key on its way to its place.
#[derive(Clone, Copy)]
struct Item<'a> {
    /// Eight bytes of the key, zeros behind its end; the first counts most.
    word: u64,
    key: &'a [u8],
    /// Its place in the list that was given.
    index: u32,
}

/// The order of some keys: their places in the list, by key; equal keys in the order of the list.
pub(crate) fn order(keys: &[&[u8]]) -> Vec<u32> {
    let mut items: Vec<Item> = (0u32..).zip(keys).map(|(index, key)| Item { word: 0, key, index }).collect();
    // What is still to be sorted, and how many bytes its keys have in common; keys that a client chose may be nested deeper
    // than a thread's stack would bear.
    let mut todo = vec![(0..items.len(), 0)];
    while let Some((range, depth)) = todo.pop() {
        let start = range.start;
        sort(&mut items[range], depth, |group, depth| todo.push((start + group.start..start + group.end, depth)));
    }
    items.iter().map(|item| item.index).collect()
}

/// Sorts items whose keys have the first `depth` bytes in common (so that none is shorter); tells of groups that are left.
fn sort(items: &mut [Item<'_>], depth: usize, mut left: impl FnMut(Range<usize>, usize)) {
    if items.len() <= FEW {
        return by_bytes(items, depth);
    }
    let depth = depth + common(items, depth);
    for item in items.iter_mut() {
        item.word = word(&item.key[depth..]);
    }
    if !items.is_sorted_by_key(|item| item.word) {
        items.sort_unstable_by_key(|item| item.word);
    }
    let mut start = 0;
    for group in items.chunk_by_mut(|a, b| a.word == b.word) {
        let end = start + group.len();
        // A key that ends in here is told from a longer one with zeros only by its length.
        match group.len() {
            1 => {}
            2..=FEW => by_bytes(group, depth),
            _ if group.iter().any(|item| item.key.len() < depth + 8) => by_bytes(group, depth),
            _ => left(start..end, depth + 8),
        }
        start = end;
    }
}

fn by_bytes(items: &mut [Item<'_>], depth: usize) {
    items.sort_unstable_by(|a, b| a.key[depth..].cmp(&b.key[depth..]).then(a.index.cmp(&b.index)));
}

/// How many bytes behind `depth` all keys have in common.
fn common(items: &[Item<'_>], depth: usize) -> usize {
    let Some((first, rest)) = items.split_first() else { return 0 };
    let mut same = &first.key[depth..];
    for item in rest {
        let other = &item.key[depth..];
        if !other.starts_with(same) {
            same = &same[..same.iter().zip(other).take_while(|(a, b)| a == b).count()];
        }
        if same.is_empty() {
            break;
        }
    }
    same.len()
}

#[inline]
fn word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(chunk) => u64::from_be_bytes(*chunk),
        None => bytes.iter().enumerate().fold(0, |word, (at, &byte)| word | u64::from(byte) << (56 - 8 * at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(keys: &[Vec<u8>]) {
        let slices: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let mut expected: Vec<u32> = (0..keys.len() as u32).collect();
        expected.sort_by_key(|&at| &keys[at as usize]);
        assert_eq!(order(&slices), expected);
    }

    proptest! {
        #[test]
        fn sorts_as_bytes_do(keys in prop::collection::vec(prop::collection::vec(0u8..3, 0..24), 0..300)) {
            check(&keys);
        }
    }

    #[test]
    fn sorts_keys_of_series() {
        let key =
            |i: u32| format!("http,host=host-{},path=/{},pod=pod-{}", i % 100, i % 7, i.wrapping_mul(2_654_435_761));
        let mut keys: Vec<Vec<u8>> = (0..20_000).map(|i| key(i).into_bytes()).collect();
        keys.extend_from_within(50..150);
        check(&keys);
        check(&vec![b"the same".to_vec(); 100]);
    }
}
