//! What a thread has read of segments so far: for a reader that runs on one thread, and asks before and after.
//!
//! A number of the thread, not of the segment or its cache, so that nothing has to be handed down to where pages are read, and no
//! two readers count in each other. Counted once a page or a read of a file.

use std::cell::Cell;

/// What the calling thread has read of segments since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Columns of pages that the cache had decoded.
    pub kept: u64,
    /// Columns of pages that were decoded, timestamps included.
    pub decoded: u64,
    /// Those of them that are timestamps.
    pub decoded_times: u64,
    /// Columns of blocks that were read from files for it; the other pages lay in blocks that the cache had open.
    pub blocks: u64,
    /// Bytes read from files of segments, directories and indexes included.
    pub bytes: u64,
}

thread_local! {
    /// Columns of pages that were asked for, decoded or not: the one figure that is counted where nothing has to be done.
    static ASKED: Cell<u64> = const { Cell::new(0) };
    /// The others; what the cache had decoded is told by the difference.
    static READS: Cell<Reads> = const { Cell::new(Reads { kept: 0, decoded: 0, decoded_times: 0, blocks: 0, bytes: 0 }) };
}

impl Reads {
    /// What this thread has read so far.
    #[must_use]
    pub fn so_far() -> Self {
        let reads = READS.get();
        Self { kept: ASKED.get() - reads.decoded, ..reads }
    }

    /// What was read since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            kept: self.kept - before.kept,
            decoded: self.decoded - before.decoded,
            decoded_times: self.decoded_times - before.decoded_times,
            blocks: self.blocks - before.blocks,
            bytes: self.bytes - before.bytes,
        }
    }
}

/// Counts a column of a page that is asked for.
#[inline]
pub(super) fn count_asked() {
    ASKED.set(ASKED.get() + 1);
}

/// Counts what is read.
#[cold]
pub(super) fn count(add: impl FnOnce(&mut Reads)) {
    let mut reads = READS.get();
    add(&mut reads);
    READS.set(reads);
}
