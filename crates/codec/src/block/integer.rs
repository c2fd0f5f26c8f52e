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
//! | 1 packed | bit width (1) | offsets, bit packed |
//! | 2 deltas | bit width (1) | first offset (varint), then zigzag differences of neighbours, bit packed |
//! | 3 runs | - | pairs of varints: offset, how many times |
//! | 4 entropy | lane width in bytes (1: 1, 2, 4 or 8), pco header and chunk meta | a pco page of the offsets as lanes |

use super::model::{self, Model, Search};
use super::{Level, Marks, Pages, split};
use crate::bits::{pack, packed_len, unpack, width_of};
use crate::varint::{Reader, len_u64, put_i64, put_u64, unzigzag, zigzag};
use crate::{CodecError, Result};

const CONSTANT: u8 = 0;
const PACKED: u8 = 1;
const DELTAS: u8 = 2;
const RUNS: u8 = 3;
const ENTROPY: u8 = 4;

/// Below this many values a block is not worth an entropy model.
const ENTROPY_FROM: usize = 64;

/// The two integer types of columns, seen as distances from a base.
pub trait Int: Copy + Ord + Default + 'static {
    /// `self - base`; `base` is not above `self`.
    fn distance(self, base: Self) -> u64;
    /// `base + distance`, wrapping on damaged data.
    fn at(base: Self, distance: u64) -> Self;
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

/// What a pass over the offsets tells about the cheap codecs.
struct Shape {
    /// Bits of the greatest offset.
    width: u32,
    /// Bits of the greatest zigzag difference inside a page.
    delta_width: u32,
    /// Size of all pages, coded as runs.
    runs_len: usize,
    /// Size of all pages' first offsets as varints.
    firsts_len: usize,
}

impl Shape {
    fn of(offsets: &[u64], page_lens: &[usize]) -> Self {
        let (mut or, mut delta_or, mut runs_len, mut firsts_len) = (0, 0, 0, 0);
        for page in split(offsets, page_lens) {
            let Some(&first) = page.first() else { continue };
            firsts_len += len_u64(first);
            or |= first;
            let (mut last, mut since) = (first, 0u64);
            for &offset in page {
                or |= offset;
                delta_or |= zigzag(offset.wrapping_sub(last) as i64);
                if offset != last {
                    runs_len += len_u64(last) + len_u64(since);
                    since = 0;
                }
                since += 1;
                last = offset;
            }
            runs_len += len_u64(last) + len_u64(since);
        }
        Self { width: width_of(or), delta_width: width_of(delta_or), runs_len, firsts_len }
    }

    /// The cheapest of the cheap codecs, and its size without the header.
    fn cheapest(&self, page_lens: &[usize]) -> (u8, usize) {
        let packed = page_lens.iter().map(|&n| packed_len(n, self.width)).sum();
        let deltas: usize = page_lens.iter().map(|&n| packed_len(n.saturating_sub(1), self.delta_width)).sum();
        let sizes = [(PACKED, packed), (DELTAS, deltas + self.firsts_len), (RUNS, self.runs_len)];
        sizes.into_iter().min_by_key(|&(_, size)| size).unwrap_or((PACKED, packed))
    }
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
pub fn encode_int<T: Int>(values: &[T], page_lens: &[usize], _level: Level, out: &mut Vec<u8>) -> Pages {
    let base = values.iter().copied().min().unwrap_or_default();
    let max = values.iter().copied().max().unwrap_or_default();
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
    let scale = Scale { base, unit: divide_out(&mut offsets) };
    let shape = Shape::of(&offsets, page_lens);
    let (codec, size) = shape.cheapest(page_lens);
    if values.len() >= ENTROPY_FROM
        && let Some(pages) = encode_entropy(&offsets, &scale, &shape, page_lens, size, out)
    {
        return pages;
    }
    encode_cheap(codec, &offsets, &scale, &shape, page_lens, out)
}

/// Entropy codes the offsets; `None`, and nothing appended, unless that saves a tenth of `cheap_size`.
fn encode_entropy<T: Int>(
    offsets: &[u64],
    scale: &Scale<T>,
    shape: &Shape,
    page_lens: &[usize],
    cheap_size: usize,
    out: &mut Vec<u8>,
) -> Option<Pages> {
    let start = out.len();
    let lane = (shape.width.div_ceil(8) as u8).next_power_of_two();
    scale.put(ENTROPY, out);
    out.push(lane);
    let prefix = (out.len() - start) as u32;
    // Where neighbours are this close there is no need to let the entropy coder search for the best differences.
    let search = if shape.delta_width + 2 <= shape.width { Search::Deltas } else { Search::All };
    let coded = match lane {
        1 => model::encode(&narrow(offsets, |v| v as u8), page_lens, search, out),
        2 => model::encode(&narrow(offsets, |v| v as u16), page_lens, search, out),
        4 => model::encode(&narrow(offsets, |v| v as u32), page_lens, search, out),
        _ => model::encode(offsets, page_lens, search, out),
    };
    match coded {
        Some(mut pages) if (out.len() - start) * 10 <= cheap_size * 9 => {
            pages.header_len += prefix;
            Some(pages)
        }
        _ => {
            out.truncate(start);
            None
        }
    }
}

fn narrow<L>(offsets: &[u64], lane: impl Fn(u64) -> L) -> Vec<L> {
    offsets.iter().map(|&v| lane(v)).collect()
}

fn encode_cheap<T: Int>(
    codec: u8,
    offsets: &[u64],
    scale: &Scale<T>,
    shape: &Shape,
    page_lens: &[usize],
    out: &mut Vec<u8>,
) -> Pages {
    let mut marks = Marks::new(out);
    scale.put(codec, out);
    match codec {
        PACKED => out.push(shape.width as u8),
        DELTAS => out.push(shape.delta_width as u8),
        _ => {}
    }
    marks.header(out);
    for page in split(offsets, page_lens) {
        match codec {
            PACKED => pack(page.iter().copied(), shape.width, out),
            DELTAS => put_deltas(page, shape.delta_width, out),
            _ => page.chunk_by(|a, b| a == b).for_each(|run| {
                put_u64(out, run[0]);
                put_u64(out, run.len() as u64);
            }),
        }
        marks.page(out);
    }
    marks.pages
}

fn put_deltas(page: &[u64], width: u32, out: &mut Vec<u8>) {
    if let Some(&first) = page.first() {
        put_u64(out, first);
        pack(page.windows(2).map(|pair| zigzag(pair[1].wrapping_sub(pair[0]) as i64)), width, out);
    }
}

/// The header of a block of integers, ready to decode pages.
pub struct IntBlock<T> {
    scale: Scale<T>,
    codec: Codec,
}

enum Codec {
    Constant,
    Packed(u32),
    Deltas(u32),
    Runs,
    Entropy8(Box<Model<u8>>, Vec<u8>),
    Entropy16(Box<Model<u16>>, Vec<u16>),
    Entropy32(Box<Model<u32>>, Vec<u32>),
    Entropy64(Box<Model<u64>>, Vec<u64>),
}

impl<T: Int> IntBlock<T> {
    /// Reads a header, which must fill `header`.
    pub fn open(header: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(header);
        let number = reader.u8()?;
        let base = T::get(&mut reader)?;
        let unit = if number == CONSTANT { 1 } else { reader.varint()? };
        if unit == 0 {
            return Err(CodecError::Invalid("unit 0 of an integer block"));
        }
        let codec = match number {
            CONSTANT => Codec::Constant,
            PACKED => Codec::Packed(u32::from(reader.u8()?)),
            DELTAS => Codec::Deltas(u32::from(reader.u8()?)),
            RUNS => Codec::Runs,
            ENTROPY => {
                let lane = reader.u8()?;
                let meta = reader.take(reader.remaining())?;
                match lane {
                    1 => Codec::Entropy8(Box::new(Model::open(meta)?), Vec::new()),
                    2 => Codec::Entropy16(Box::new(Model::open(meta)?), Vec::new()),
                    4 => Codec::Entropy32(Box::new(Model::open(meta)?), Vec::new()),
                    8 => Codec::Entropy64(Box::new(Model::open(meta)?), Vec::new()),
                    _ => return Err(CodecError::Invalid("lane width of an integer block")),
                }
            }
            _ => return Err(CodecError::Invalid("codec of an integer block")),
        };
        reader.finish()?;
        Ok(Self { scale: Scale { base, unit }, codec })
    }

    /// Decodes the page of `n` values that fills `page` and appends them; on an error `out` may hold some of them.
    pub fn page(&mut self, page: &[u8], n: usize, out: &mut Vec<T>) -> Result<()> {
        let scale = self.scale;
        match &mut self.codec {
            Codec::Constant => {
                Reader::new(page).finish()?;
                out.resize(out.len() + n, scale.base);
                Ok(())
            }
            Codec::Packed(width) => unpack(page, n, *width, out, |offset| scale.value(offset)),
            Codec::Deltas(width) => deltas_page(scale, *width, page, n, out),
            Codec::Runs => runs_page(scale, page, n, out),
            Codec::Entropy8(model, lanes) => entropy_page(model, lanes, scale, page, n, out),
            Codec::Entropy16(model, lanes) => entropy_page(model, lanes, scale, page, n, out),
            Codec::Entropy32(model, lanes) => entropy_page(model, lanes, scale, page, n, out),
            Codec::Entropy64(model, lanes) => entropy_page(model, lanes, scale, page, n, out),
        }
    }
}

fn deltas_page<T: Int>(scale: Scale<T>, width: u32, page: &[u8], n: usize, out: &mut Vec<T>) -> Result<()> {
    let mut reader = Reader::new(page);
    if n == 0 {
        return reader.finish();
    }
    let mut offset = reader.varint()?;
    out.push(scale.value(offset));
    unpack(reader.rest(), n - 1, width, out, |folded| {
        offset = offset.wrapping_add(unzigzag(folded) as u64);
        scale.value(offset)
    })
}

fn runs_page<T: Int>(scale: Scale<T>, page: &[u8], n: usize, out: &mut Vec<T>) -> Result<()> {
    let mut reader = Reader::new(page);
    let mut left = n;
    while left > 0 {
        let value = scale.value(reader.varint()?);
        let times = reader.count(left)?;
        if times == 0 {
            return Err(CodecError::Invalid("an empty run"));
        }
        out.resize(out.len() + times, value);
        left -= times;
    }
    reader.finish()
}

fn entropy_page<T: Int, L: pco::data_types::Number + Default + Into<u64>>(
    model: &mut Model<L>,
    lanes: &mut Vec<L>,
    scale: Scale<T>,
    page: &[u8],
    n: usize,
    out: &mut Vec<T>,
) -> Result<()> {
    lanes.resize(n, L::default());
    model.page(page, lanes)?;
    out.extend(lanes.iter().map(|&lane| scale.value(lane.into())));
    Ok(())
}
