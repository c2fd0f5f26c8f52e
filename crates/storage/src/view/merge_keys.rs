//! Series of several indexes lined up by canonical key.

use crate::segment::index::TagIndex;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Stands for a series that an index does not have.
pub(super) const NOWHERE: u32 = u32::MAX;

/// Where each series of the union is in each index: as many lists as there are, each as long as the union is.
pub(super) fn line_up(measurement: &[u8], indexes: &[(Arc<TagIndex>, Vec<u32>)]) -> (usize, Vec<Vec<u32>>) {
    if let [(_, only)] = indexes {
        return (only.len(), vec![only.clone()]);
    }
    let mut heads = BinaryHeap::with_capacity(indexes.len());
    for (at, (index, picked)) in indexes.iter().enumerate() {
        let mut head = Head { key: Vec::new(), measurement, index, picked, next: 0, at };
        if head.step() {
            heads.push(head);
        }
    }
    let mut locals = vec![Vec::new(); indexes.len()];
    let mut last = Vec::new();
    let mut len = 0;
    while let Some(mut head) = heads.peek_mut() {
        if len == 0 || head.key != last {
            len += 1;
            last.clone_from(&head.key);
        }
        let list = &mut locals[head.at];
        list.resize(len - 1, NOWHERE);
        list.push(head.picked[head.next - 1]);
        if !head.step() {
            std::collections::binary_heap::PeekMut::pop(head);
        }
    }
    locals.iter_mut().for_each(|list| list.resize(len, NOWHERE));
    (len, locals)
}

/// The next series of one index.
struct Head<'a> {
    key: Vec<u8>,
    measurement: &'a [u8],
    index: &'a TagIndex,
    picked: &'a [u32],
    /// The place in `picked` after the one that `key` belongs to.
    next: usize,
    at: usize,
}

impl Head<'_> {
    fn step(&mut self) -> bool {
        let Some(&series) = self.picked.get(self.next) else { return false };
        self.next += 1;
        self.key.clear();
        self.index.push_key(self.measurement, series as usize, &mut self.key);
        true
    }
}

impl Ord for Head<'_> {
    /// The least key is the greatest head, as the heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key).then(other.at.cmp(&self.at))
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head<'_> {}
