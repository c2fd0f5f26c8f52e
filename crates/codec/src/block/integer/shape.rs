//! What a sample of a block's offsets tells about the codecs: how large each would make the block.

use crate::block::prefix::{self, Counts, TOKENS};
use crate::varint::{len_u64, zigzag};

/// Of so many neighbours ...
const STRETCH: usize = 256;
/// ... so many are looked at ...
const LOOK: usize = 64;
/// ... in blocks above this many values; of smaller ones all are.
const SMALL: usize = 2_048;

/// How the values of a page are laid out before they are packed or given to a prefix code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// As they are.
    Values,
    /// The first as it is, then zigzag differences of neighbours less the usual one.
    Deltas,
}

/// Tokens (see [`prefix`]) of the offsets and of their zigzag differences less the usual one, and how often neighbours differ.
pub(super) struct Shape {
    values: Counts,
    deltas: Counts,
    /// The median of the differences of neighbours.
    pub(super) step: i64,
    looked: usize,
    looked_deltas: usize,
    changes: usize,
    n: usize,
    pages: usize,
}

/// A step between neighbours that is subtracted from all differences.
fn usual(sample: &mut [i64]) -> i64 {
    let middle = sample.len() / 2;
    if sample.is_empty() { 0 } else { *sample.select_nth_unstable(middle).1 }
}

/// Bits per value, and the bytes of a block packed so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packing {
    pub(super) layout: Layout,
    pub(super) width: u32,
    pub(super) size: usize,
}

impl Shape {
    /// Looks at pages of offsets, `n` together: at a sample of a large block, unless at `all`.
    pub(super) fn of<'a>(pages: impl Iterator<Item = &'a [u64]>, n: usize, all: bool) -> Self {
        let mut shape = Self {
            values: [0; TOKENS],
            deltas: [0; TOKENS],
            step: 0,
            looked: 0,
            looked_deltas: 0,
            changes: 0,
            n,
            pages: 0,
        };
        let mut differences = Vec::new();
        for page in pages {
            shape.pages += 1;
            if all || n <= SMALL {
                shape.look(page, &mut differences);
            } else {
                let stretches = page.chunks(STRETCH).map(|stretch| &stretch[..stretch.len().min(LOOK)]);
                stretches.for_each(|stretch| shape.look(stretch, &mut differences));
            }
        }
        shape.looked_deltas = differences.len();
        shape.changes = differences.iter().filter(|&&difference| difference != 0).count();
        shape.step = usual(&mut differences);
        for difference in differences {
            shape.deltas[prefix::token(zigzag(difference.wrapping_sub(shape.step))).0] += 1;
        }
        shape
    }

    fn look(&mut self, stretch: &[u64], differences: &mut Vec<i64>) {
        self.looked += stretch.len();
        stretch.iter().for_each(|&value| self.values[prefix::token(value).0] += 1);
        differences.extend(stretch.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]) as i64));
    }

    fn counts(&self, layout: Layout) -> (&Counts, usize) {
        match layout {
            Layout::Values => (&self.values, self.looked),
            Layout::Deltas => (&self.deltas, self.looked_deltas),
        }
    }

    /// The best bit width of a layout, numbers above it being patched, and the size that follows.
    fn packing_of(&self, layout: Layout) -> Packing {
        let (counts, looked) = self.counts(layout);
        let mut widths = [0usize; 65];
        for (token, &count) in counts.iter().enumerate() {
            widths[prefix::width(token) as usize] += count as usize;
        }
        let most = widths.iter().rposition(|&count| count > 0).unwrap_or(0);
        let (mut above, mut best) = (0usize, (usize::MAX, most));
        for width in (0..=most).rev() {
            let patch = 2 + (most - width) / 7;
            let size = looked * width / 8 + above * patch;
            best = best.min((size, width));
            above += widths[width];
        }
        let size = best.0 * self.n / looked.max(1) + self.pages * usize::from(layout == Layout::Deltas) * 2;
        Packing { layout, width: best.1 as u32, size }
    }

    /// The smaller of the two layouts, bit packed.
    pub(super) fn packing(&self) -> Packing {
        let (values, deltas) = (self.packing_of(Layout::Values), self.packing_of(Layout::Deltas));
        if deltas.size < values.size { deltas } else { values }
    }

    /// The size as runs.
    pub(super) fn runs(&self, greatest: u64) -> usize {
        let runs = self.changes * self.n / self.looked_deltas.max(1) + self.pages;
        runs * (len_u64(greatest) + 1)
    }

    /// The layout that a prefix code makes the smallest, and about how small.
    pub(super) fn prefix(&self) -> (Layout, usize) {
        let size = |layout| {
            let (counts, looked) = self.counts(layout);
            let used = counts.iter().rposition(|&count| count > 0).map_or(0, |last| last / 2 + 2);
            let firsts = self.pages * usize::from(layout == Layout::Deltas) * 2;
            (bits(counts, looked) / 8.0 * self.n as f64 / looked.max(1) as f64) as usize + used + firsts
        };
        let (values, deltas) = (size(Layout::Values), size(Layout::Deltas));
        if deltas < values { (Layout::Deltas, deltas) } else { (Layout::Values, values) }
    }
}

/// The entropy of tokens with their extra bits.
fn bits(counts: &Counts, n: usize) -> f64 {
    let bits = |(token, &count): (usize, &u32)| {
        let count = f64::from(count);
        count * ((n as f64 / count).log2().max(0.2) + f64::from(prefix::extra_bits(token)))
    };
    counts.iter().enumerate().filter(|&(_, &count)| count > 0).map(bits).sum()
}
