//! Buffers for bodies, used one after the other: fresh memory for each body costs more in page faults than reading it.
//!
//! Always: only a few of medium size are kept, so that idle buffers take little.

use std::sync::{Mutex, PoisonError};

/// Smaller buffers are cheap to make.
const LEAST: usize = 256 << 10;
/// Greater ones are rare.
const MOST: usize = 8 << 20;
/// As many are kept.
const KEPT: usize = 4;

/// The buffers that nobody uses.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// An empty buffer with room for `bytes`.
    pub(crate) fn take(&self, bytes: usize) -> Vec<u8> {
        if (LEAST..=MOST).contains(&bytes) {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(index) = kept.iter().position(|buffer| buffer.capacity() >= bytes) {
                return kept.swap_remove(index);
            }
        }
        Vec::with_capacity(bytes)
    }

    /// Takes a buffer back.
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        if !(LEAST..=MOST).contains(&buffer.capacity()) {
            return;
        }
        buffer.clear();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(buffer);
        } else if let Some(smallest) = kept.iter_mut().min_by_key(|buffer| buffer.capacity())
            && smallest.capacity() < buffer.capacity()
        {
            *smallest = buffer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medium_buffers_come_back_empty_and_few_are_kept() {
        let buffers = Buffers::default();
        let mut one = buffers.take(LEAST);
        one.push(1);
        let place = one.as_ptr();
        buffers.give(one);
        let again = buffers.take(LEAST);
        assert!(again.is_empty() && again.as_ptr() == place);
        buffers.give(Vec::with_capacity(10));
        buffers.give(Vec::with_capacity(MOST + 1));
        assert!(buffers.0.lock().unwrap().is_empty());
        (0..KEPT).for_each(|_| buffers.give(Vec::with_capacity(LEAST)));
        buffers.give(Vec::with_capacity(MOST));
        assert_eq!(buffers.0.lock().unwrap().len(), KEPT);
        assert_eq!(buffers.take(MOST).capacity(), MOST);
    }
}
