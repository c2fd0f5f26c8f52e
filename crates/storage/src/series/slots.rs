//! A hash table of entry numbers, cut in parts that grow one at a time: no step takes longer than a part has entries.
//!
//! A slot holds a hash with the number, so that neither probing nor growing looks at an entry that is not the one sought.

/// Parts of the table.
const PARTS: usize = 256;
/// Slots that a part begins with.
const SMALLEST: usize = 16;
/// A slot without an entry: no entry has this number.
const EMPTY: u64 = u64::MAX;

/// Numbers by hash; several may have the same hash.
#[derive(Debug)]
pub(super) struct Slots {
    parts: Vec<Part>,
    /// Slots of all parts above those that they begin with.
    grown: usize,
}

#[derive(Debug)]
struct Part {
    /// A power of two of them: the hash above, the number below.
    slots: Vec<u64>,
    used: usize,
}

impl Slots {
    pub(super) fn new() -> Self {
        Self { parts: (0..PARTS).map(|_| Part { slots: vec![EMPTY; SMALLEST], used: 0 }).collect(), grown: 0 }
    }

    /// Bytes of memory that the numbers take, without those that an empty table has.
    pub(super) fn bytes(&self) -> u64 {
        (self.grown * size_of::<u64>()) as u64
    }

    /// The numbers with a hash.
    #[inline]
    pub(super) fn with(&self, hash: u32) -> impl Iterator<Item = u32> {
        let slots = &*self.parts[part_of(hash)].slots;
        let mask = slots.len() - 1;
        let steps = (hash as usize..).map(move |at| slots[at & mask]).take_while(|&slot| slot != EMPTY);
        steps.filter(move |slot| (slot >> 32) as u32 == hash).map(|slot| slot as u32)
    }

    /// Adds a number, which is not in there yet.
    pub(super) fn insert(&mut self, hash: u32, number: u32) {
        let part = &mut self.parts[part_of(hash)];
        if part.used * 4 >= part.slots.len() * 3 {
            self.grown += part.slots.len();
            part.grow();
        }
        part.put(u64::from(hash) << 32 | u64::from(number));
        part.used += 1;
    }
}

/// Bits that do not choose the place within the part, as long as it has fewer than 2^24 slots.
fn part_of(hash: u32) -> usize {
    (hash >> 24) as usize % PARTS
}

impl Part {
    fn put(&mut self, slot: u64) {
        let mask = self.slots.len() - 1;
        let mut at = (slot >> 32) as usize & mask;
        while self.slots[at] != EMPTY {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }

    fn grow(&mut self) {
        let larger = vec![EMPTY; self.slots.len() * 2];
        for slot in std::mem::replace(&mut self.slots, larger).into_iter().filter(|&slot| slot != EMPTY) {
            self.put(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_all_of_a_hash() {
        let mut slots = Slots::new();
        let hash = |number: u32| (number / 3).wrapping_mul(0x9e37_79b9);
        (0..30_000).for_each(|number| slots.insert(hash(number), number));
        for number in (0..30_000).step_by(3) {
            let mut found: Vec<u32> = slots.with(hash(number)).collect();
            found.sort_unstable();
            assert_eq!(found, [number, number + 1, number + 2]);
        }
        assert_eq!(slots.with(hash(30_000)).count(), 0);
        assert!(slots.bytes() < 30_000 * 24);
    }
}
