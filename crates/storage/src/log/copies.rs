//! The second copies of definitions: where they go in a file. A bad block of [`BLOCK`] bytes takes the records that touch it; it must
//! not take the meaning of others.
//!
//! A definitions record that fits a block lies in one. Its copy is put off until a record is to begin behind that block, and goes
//! before it: whatever was acknowledged until then touches the block too. So the copies of many small records follow each other,
//! and nothing is padded for them. A longer record is followed by its copy at once, at the next block.

use super::format::record_len;
use crate::Slot;
use std::collections::VecDeque;

/// What may go bad at once (bytes).
pub(super) const BLOCK: u64 = 4096;

/// A definitions record whose copy is not written yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) slot: Slot,
    pub(super) payload: Vec<u8>,
    /// End of its block in the file.
    due: u64,
}

/// The copies that one file still lacks, in the order of their records.
#[derive(Debug, Default)]
pub(super) struct Copies(VecDeque<Pending>);

/// What is written before a record, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// So many zeros.
    Zeros(u64),
    /// The oldest copy that is pending.
    Pending,
    /// The record's definitions, or their copy.
    Definitions,
}

impl Copies {
    /// What goes to offset `at` before a record that needs `definitions` (length of their payload) or none, and the offset behind.
    pub(super) fn plan(&self, at: u64, definitions: Option<usize>) -> (Vec<Piece>, u64) {
        let mut plan = Plan { pieces: Vec::new(), at, pending: self.0.iter().peekable() };
        plan.take_due();
        if let Some(payload) = definitions {
            let len = record_len(payload) as u64;
            while len <= BLOCK && (plan.at % BLOCK) + len > BLOCK {
                plan.go_to_block();
            }
            plan.put(Piece::Definitions, len);
            // What is behind it may be in another block.
            if len > BLOCK || plan.at.is_multiple_of(BLOCK) {
                plan.go_to_block();
                plan.put(Piece::Definitions, len);
            }
        }
        (plan.pieces, plan.at)
    }

    /// Notes that a definitions record was written up to offset `end` of the file, for the time being once.
    pub(super) fn push(&mut self, slot: Slot, payload: Vec<u8>, end: u64) {
        self.0.push_back(Pending { slot, payload, due: end.next_multiple_of(BLOCK) });
    }

    /// The oldest that is pending, to be written now.
    pub(super) fn pop(&mut self) -> Option<Pending> {
        self.0.pop_front()
    }
}

struct Plan<'a> {
    pieces: Vec<Piece>,
    at: u64,
    pending: std::iter::Peekable<std::collections::vec_deque::Iter<'a, Pending>>,
}

impl Plan<'_> {
    fn put(&mut self, piece: Piece, len: u64) {
        self.pieces.push(piece);
        self.at += len;
    }

    fn take_due(&mut self) {
        let at = self.at;
        while let Some(one) = self.pending.next_if(|one| one.due <= at) {
            self.put(Piece::Pending, record_len(one.payload.len()) as u64);
        }
    }

    /// Fills the block up and writes what is due then, which is all that is pending.
    fn go_to_block(&mut self) {
        let rest = self.at.next_multiple_of(BLOCK) - self.at;
        if rest > 0 {
            self.put(Piece::Zeros(rest), rest);
        }
        self.take_due();
    }
}
