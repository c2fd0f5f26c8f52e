//! Blocks of signed and unsigned integers.
//!
//! A value is written as its **offset**: (value - base) / unit, where base is the block's least value and unit the greatest
//! number that divides all differences from it. The header is
//!
//! | bytes | meaning |
//! | --- | --- |
//! | 1 | codec, see below |
//! | 1-10 | base: varint, zigzag for signed |
//! | 1-10 | unit: varint, never 0; codec 0 has none |
//! | rest | the codec's model |
//!
//! | codec | model | a page |
//! | --- | --- | --- |
//! | 0 constant | - | empty: all values are the base |
//! | 1 packed | bit width w (1) | the low w bits of all offsets, bit packed; then patches |
//! | 2 deltas | usual step (zigzag varint), bit width w (1) | first offset (varint); the low w bits of the steps, bit packed; then patches |
//! | 3 runs | - | pairs of varints: offset, how many times |
//! | 4 prefix | model of a prefix code (`prefix.rs`) | the offsets, prefix coded |
//! | 5 prefix, deltas | usual step (zigzag varint), model of a prefix code | first offset (varint); the steps, prefix coded |
//! | 6 entropy | lane width in bytes (1: 1, 2, 4 or 8), pco header and chunk meta | a pco page of the offsets as lanes |
//!
//! Steps are the differences of neighbours less the usual one, zigzag.
//! A patch gives the bits of a number above w: how many numbers lie between it and the patch before (varint), then these bits
//! (varint). Patches fill the rest of the page.
//!
//! The codec is chosen by a sample of the block (`integer/shape.rs`): the smallest of packed, deltas and runs, unless a prefix code
//! saves a tenth; cold blocks go to the entropy coder where that saves another tenth.

mod decode;
mod shape;

use super::model;
use super::prefix::{self, Code};
use super::{Level, Marks, Pages, split};
use crate::Result;
use crate::bits::{pack, width_of};
use crate::varint::{Reader, len_u64, put_i64, put_u64, zigzag};
pub use decode::IntBlock;
use shape::{Layout, Packing, Shape};

const CONSTANT: u8 = 0;
const PACKED: u8 = 1;
const DELTAS: u8 = 2;
const RUNS: u8 = 3;
const PREFIX: u8 = 4;
const PREFIX_DELTAS: u8 = 5;
const ENTROPY: u8 = 6;

/// Below this many values a block is not worth a prefix code or an entropy model.
const MODEL_FROM: usize = 64;
/// The entropy coder is tried on so many values of a block that has twice as many.
const TRIAL: usize = 2_048;

/// The two integer types of columns, seen as distances from a base.
pub trait Int: Copy + Ord + Default + 'static {
    /// `self - base`; `base` is not above `self`.
    fn distance(self, base: Self) -> u64;
    /// `base + distance`, wrapping on damaged data.
    fn at(base: Self, distance: u64) -> Self;
    /// The same values as their bits.
    fn as_bits(values: &mut [Self]) -> &mut [u64];
    /// Appends the value as a varint.
    fn put(self, out: &mut Vec<u8>);
    /// Reads what [`Int::put`] wrote.
    fn get(reader: &mut Reader<'_>) -> Result<Self>;
}

impl Int for i64 {
    #[inline]
    fn distance(self, base: Self) -> u64 {
        self.wrapping_sub(base) as u64
    }
    #[inline]
    fn at(base: Self, distance: u64) -> Self {
        base.wrapping_add(distance as i64)
    }
    fn as_bits(values: &mut [Self]) -> &mut [u64] {
        zerocopy::transmute_mut!(values)
    }
    fn put(self, out: &mut Vec<u8>) {
        put_i64(out, self);
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self> {
        reader.varint_i64()
    }
}

impl Int for u64 {
    #[inline]
    fn distance(self, base: Self) -> u64 {
        self.wrapping_sub(base)
    }
    #[inline]
    fn at(base: Self, distance: u64) -> Self {
        base.wrapping_add(distance)
    }
    fn as_bits(values: &mut [Self]) -> &mut [u64] {
        values
    }
    fn put(self, out: &mut Vec<u8>) {
        put_u64(out, self);
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self> {
        reader.varint()
    }
}

/// Appends a block of signed integers. `page_lens` cuts `values` into pages.
///
/// # Panics
/// If the page lengths do not add up to the number of values.
pub fn encode_i64(values: &[i64], page_lens: &[usize], level: Level, out: &mut Vec<u8>) -> Pages {
    encode_int(values, page_lens, level, out)
}

/// Appends a block of unsigned integers, as [`encode_i64`] does.
pub fn encode_u64(values: &[u64], page_lens: &[usize], level: Level, out: &mut Vec<u8>) -> Pages {
    encode_int(values, page_lens, level, out)
}

/// Decodes one page of `n` values and appends them. For several pages of a block open an [`IntBlock`] once.
pub fn decode_i64_page(header: &[u8], page: &[u8], n: usize, out: &mut Vec<i64>) -> Result<()> {
    IntBlock::open(header)?.page(page, n, out)
}

/// Decodes one page of `n` values and appends them. For several pages of a block open an [`IntBlock`] once.
pub fn decode_u64_page(header: &[u8], page: &[u8], n: usize, out: &mut Vec<u64>) -> Result<()> {
    IntBlock::open(header)?.page(page, n, out)
}

/// How offsets become values.
#[derive(Clone, Copy)]
struct Scale<T> {
    base: T,
    unit: u64,
}

impl<T: Int> Scale<T> {
    #[inline]
    fn value(&self, offset: u64) -> T {
        T::at(self.base, offset.wrapping_mul(self.unit))
    }

    fn put(&self, codec: u8, out: &mut Vec<u8>) {
        out.push(codec);
        self.base.put(out);
        put_u64(out, self.unit);
    }
}

/// Divides all distances by the greatest number that divides them, and returns it. Usually two values show that it is 1.
fn divide_out(distances: &mut [u64]) -> u64 {
    let mut unit = 0;
    for &distance in distances.iter() {
        if unit == 0 || distance % unit != 0 {
            unit = gcd(unit, distance);
            if unit == 1 {
                return 1;
            }
        }
    }
    if unit == 0 {
        return 1;
    }
    distances.iter_mut().for_each(|distance| *distance /= unit);
    unit
}

pub(super) fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Appends a block of integers of either type, as [`encode_i64`] does.
pub fn encode_int<T: Int>(values: &[T], page_lens: &[usize], level: Level, out: &mut Vec<u8>) -> Pages {
    let first = values.first().copied().unwrap_or_default();
    let (base, max) = values.iter().fold((first, first), |(base, max), &v| (base.min(v), max.max(v)));
    if base == max {
        assert_eq!(
            page_lens.iter().sum::<usize>(),
            values.len(),
            "page lengths must add up to the values of the block"
        );
        let mut marks = Marks::new(out);
        out.push(CONSTANT);
        base.put(out);
        marks.header(out);
        page_lens.iter().for_each(|_| marks.page(out));
        return marks.pages;
    }
    let mut offsets: Vec<u64> = values.iter().map(|v| v.distance(base)).collect();
    let unit = divide_out(&mut offsets);
    let block =
        Block { scale: Scale { base, unit }, greatest: max.distance(base) / unit, offsets: &offsets, page_lens };
    let start = out.len();
    let hot = block.encode_hot(out);
    match level {
        Level::Cold => block.encode_entropy(start, out).unwrap_or(hot),
        Level::Hot => hot,
    }
}

/// About how many bytes a block of such values takes in its hot form; for a sample.
pub(super) fn estimate(values: &[u64]) -> usize {
    let base = values.iter().copied().min().unwrap_or_default();
    let mut offsets: Vec<u64> = values.iter().map(|v| v - base).collect();
    divide_out(&mut offsets);
    let shape = Shape::of(std::iter::once(&offsets[..]), offsets.len(), true);
    shape.packing().size.min(shape.prefix().1)
}

/// A block that is not constant, on its way to bytes.
struct Block<'a, T> {
    scale: Scale<T>,
    greatest: u64,
    offsets: &'a [u64],
    page_lens: &'a [usize],
}

impl<T: Int> Block<'_, T> {
    fn pages(&self) -> impl Iterator<Item = &[u64]> {
        split(self.offsets, self.page_lens)
    }

    /// Appends the block in the best form that decodes fast.
    fn encode_hot(&self, out: &mut Vec<u8>) -> Pages {
        let n = self.offsets.len();
        let start = out.len();
        let (pages, guess) = self.encode_as(&Shape::of(self.pages(), n, false), out);
        if out.len() - start <= guess + guess / 4 + 64 {
            return pages;
        }
        // The sample was not like the rest.
        out.truncate(start);
        self.encode_as(&Shape::of(self.pages(), n, true), out).0
    }

    /// Appends the block in the form that is best for such a shape; also how many bytes that was thought to take.
    fn encode_as(&self, shape: &Shape, out: &mut Vec<u8>) -> (Pages, usize) {
        let (packing, runs) = (shape.packing(), shape.runs(self.greatest));
        let cheap = packing.size.min(runs);
        let (layout, prefixed) = shape.prefix();
        if self.offsets.len() >= MODEL_FROM
            && prefixed * 10 <= cheap * 9
            && let Some(pages) = self.encode_prefix(layout, shape.step, cheap, out)
        {
            return (pages, cheap);
        }
        if runs <= packing.size + packing.size / 8 {
            (self.encode_runs(out), runs)
        } else {
            (self.encode_packed(packing, shape.step, out), packing.size)
        }
    }

    /// Appends what all headers of a layout begin with; `codecs` are those of values and of deltas.
    fn put_layout(&self, layout: Layout, codecs: [u8; 2], step: i64, out: &mut Vec<u8>) {
        match layout {
            Layout::Values => self.scale.put(codecs[0], out),
            Layout::Deltas => {
                self.scale.put(codecs[1], out);
                put_i64(out, step);
            }
        }
    }

    fn encode_runs(&self, out: &mut Vec<u8>) -> Pages {
        let mut marks = Marks::new(out);
        self.scale.put(RUNS, out);
        marks.header(out);
        for page in self.pages() {
            page.chunk_by(|a, b| a == b).for_each(|run| {
                put_u64(out, run[0]);
                put_u64(out, run.len() as u64);
            });
            marks.page(out);
        }
        marks.pages
    }

    fn encode_packed(&self, packing: Packing, step: i64, out: &mut Vec<u8>) -> Pages {
        let mut marks = Marks::new(out);
        self.put_layout(packing.layout, [PACKED, DELTAS], step, out);
        out.push(packing.width as u8);
        marks.header(out);
        for page in self.pages() {
            match packing.layout {
                Layout::Values => put_patched(page.iter().copied(), packing.width, out),
                Layout::Deltas => {
                    page.first().iter().for_each(|&&first| put_u64(out, first));
                    put_patched(deltas(page, step), packing.width, out);
                }
            }
            marks.page(out);
        }
        marks.pages
    }

    /// Appends the block prefix coded; `None`, and nothing appended, unless that saves a tenth of `cheap` bytes.
    fn encode_prefix(&self, layout: Layout, step: i64, cheap: usize, out: &mut Vec<u8>) -> Option<Pages> {
        let mut counts = [0; prefix::TOKENS];
        let mut firsts = 0;
        for page in self.pages() {
            match layout {
                Layout::Values => page.iter().for_each(|&value| counts[prefix::token(value).0] += 1),
                Layout::Deltas => {
                    firsts += page.first().map_or(0, |&first| len_u64(first));
                    deltas(page, step).for_each(|delta| counts[prefix::token(delta).0] += 1);
                }
            }
        }
        let code = Code::of(&counts);
        if (code.size(&counts, self.page_lens.len()) + firsts) * 10 > cheap * 9 {
            return None;
        }
        let mut marks = Marks::new(out);
        self.put_layout(layout, [PREFIX, PREFIX_DELTAS], step, out);
        code.put(out);
        marks.header(out);
        for page in self.pages() {
            match layout {
                Layout::Values => code.page(page.iter().copied(), page.len(), out),
                Layout::Deltas => {
                    page.first().iter().for_each(|&&first| put_u64(out, first));
                    code.page(deltas(page, step), page.len().saturating_sub(1), out);
                }
            }
            marks.page(out);
        }
        Some(marks.pages)
    }

    /// Entropy codes the block, whose hot form begins at `start`, and puts this in its place if it saves a tenth.
    fn encode_entropy(&self, start: usize, out: &mut Vec<u8>) -> Option<Pages> {
        let n = self.offsets.len();
        let hot = out.len() - start;
        if n < MODEL_FROM {
            return None;
        }
        if n >= 2 * TRIAL {
            let middle = &self.offsets[(n - TRIAL) / 2..][..TRIAL];
            let trial = Block { scale: self.scale, greatest: self.greatest, offsets: middle, page_lens: &[TRIAL] };
            let mut spare = Vec::new();
            trial.put_entropy(&mut spare)?;
            if spare.len() * n > hot * TRIAL {
                return None;
            }
        }
        let end = out.len();
        let pages = self.put_entropy(out);
        if pages.is_none() || (out.len() - end) * 10 > hot * 9 {
            out.truncate(end);
            return None;
        }
        out.drain(start..end);
        pages
    }

    fn put_entropy(&self, out: &mut Vec<u8>) -> Option<Pages> {
        let start = out.len();
        let lane = (width_of(self.greatest).div_ceil(8) as u8).next_power_of_two();
        self.scale.put(ENTROPY, out);
        out.push(lane);
        let prefix = (out.len() - start) as u32;
        let offsets = self.offsets;
        let mut pages = match lane {
            1 => model::encode(&narrow(offsets, |v| v as u8), self.page_lens, out),
            2 => model::encode(&narrow(offsets, |v| v as u16), self.page_lens, out),
            4 => model::encode(&narrow(offsets, |v| v as u32), self.page_lens, out),
            _ => model::encode(offsets, self.page_lens, out),
        }?;
        pages.header_len += prefix;
        Some(pages)
    }
}

fn narrow<L>(offsets: &[u64], lane: impl Fn(u64) -> L) -> Vec<L> {
    offsets.iter().map(|&v| lane(v)).collect()
}

/// The zigzag differences of neighbours less the usual one.
fn deltas(page: &[u64], step: i64) -> impl Iterator<Item = u64> + Clone {
    page.windows(2).map(move |pair| zigzag((pair[1].wrapping_sub(pair[0]) as i64).wrapping_sub(step)))
}

/// Appends the low `width` bits of all numbers, and patches for the rest.
fn put_patched(values: impl Iterator<Item = u64> + Clone, width: u32, out: &mut Vec<u8>) {
    pack(values.clone(), width, out);
    let mut next = 0;
    for (at, value) in values.enumerate() {
        let high = value.checked_shr(width).unwrap_or(0);
        if high != 0 {
            put_u64(out, (at - next) as u64);
            put_u64(out, high);
            next = at + 1;
        }
    }
}
