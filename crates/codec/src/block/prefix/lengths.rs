//! The lengths of a prefix code, from how often its tokens occur (Huffman's method), and the codes from their lengths.

use super::{Counts, LIMIT, TOKENS};

/// Huffman's code lengths, cut at [`LIMIT`].
pub(super) fn lengths(counts: &Counts) -> [u8; TOKENS] {
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
pub(super) fn codes(lens: &[u8; TOKENS]) -> [u16; TOKENS] {
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
