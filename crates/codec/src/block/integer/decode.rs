//! Reads blocks of integers; their bytes are drawn in `integer.rs`.

use super::{CONSTANT, DELTAS, ENTROPY, Int, PACKED, PREFIX, PREFIX_DELTAS, RUNS, Scale};
use crate::bits::{packed_len, unpack};
use crate::block::model::Model;
use crate::block::prefix::Decoder;
use crate::varint::{Reader, unzigzag};
use crate::{CodecError, Result};

/// The header of a block of integers, ready to decode pages.
pub struct IntBlock<T> {
    scale: Scale<T>,
    codec: Codec,
}

enum Codec {
    Constant,
    Packed(u32),
    Deltas(i64, u32),
    Runs,
    Prefix(Box<Decoder>),
    PrefixDeltas(Box<Steps>),
    Entropy8(Box<Model<u8>>, Vec<u8>),
    Entropy16(Box<Model<u16>>, Vec<u16>),
    Entropy32(Box<Model<u32>>, Vec<u32>),
    Entropy64(Box<Model<u64>>, Vec<u64>),
}

impl Codec {
    fn open(number: u8, unit: u64, reader: &mut Reader<'_>) -> Result<Self> {
        Ok(match number {
            CONSTANT => Self::Constant,
            PACKED => Self::Packed(u32::from(reader.u8()?)),
            DELTAS => Self::Deltas(reader.varint_i64()?, u32::from(reader.u8()?)),
            RUNS => Self::Runs,
            PREFIX => Self::Prefix(Box::new(Decoder::open(reader)?)),
            PREFIX_DELTAS => {
                let usual = reader.varint_i64()? as u64;
                Self::PrefixDeltas(Box::new(Steps::new(usual.wrapping_mul(unit), unit, Decoder::open(reader)?)))
            }
            ENTROPY => {
                let lane = reader.u8()?;
                let meta = reader.take(reader.remaining())?;
                match lane {
                    1 => Self::Entropy8(Box::new(Model::open(meta)?), Vec::new()),
                    2 => Self::Entropy16(Box::new(Model::open(meta)?), Vec::new()),
                    4 => Self::Entropy32(Box::new(Model::open(meta)?), Vec::new()),
                    8 => Self::Entropy64(Box::new(Model::open(meta)?), Vec::new()),
                    _ => return Err(CodecError::Invalid("lane width of an integer block")),
                }
            }
            _ => return Err(CodecError::Invalid("codec of an integer block")),
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Packed(_) => "packed",
            Self::Deltas(..) => "deltas",
            Self::Runs => "runs",
            Self::Prefix(_) => "prefix",
            Self::PrefixDeltas(..) => "prefix deltas",
            Self::Entropy8(..) | Self::Entropy16(..) | Self::Entropy32(..) | Self::Entropy64(..) => "entropy",
        }
    }
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
        let codec = Codec::open(number, unit, &mut reader)?;
        reader.finish()?;
        Ok(Self { scale: Scale { base, unit }, codec })
    }

    /// What the block's codec is called.
    pub fn codec(&self) -> &'static str {
        self.codec.name()
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
            Codec::Packed(width) => packed_page(scale, *width, page, n, out),
            Codec::Deltas(usual, width) => deltas_page(scale, *usual, *width, page, n, out),
            Codec::Runs => runs_page(scale, page, n, out),
            Codec::Prefix(decoder) => prefix_page(scale, decoder, page, n, out),
            Codec::PrefixDeltas(steps) => steps.page(scale, page, n, out),
            Codec::Entropy8(model, lanes) => entropy_page(model, lanes, scale, page, n, out),
            Codec::Entropy16(model, lanes) => entropy_page(model, lanes, scale, page, n, out),
            Codec::Entropy32(model, lanes) => entropy_page(model, lanes, scale, page, n, out),
            Codec::Entropy64(model, lanes) => entropy_page(model, lanes, scale, page, n, out),
        }
    }
}

/// The packed numbers of a page and its patches.
fn parts(page: &[u8], n: usize, width: u32) -> Result<(&[u8], Reader<'_>)> {
    let mut reader = Reader::new(page);
    let packed = reader.take(packed_len(n, width))?;
    Ok((packed, reader))
}

/// Hands place and upper bits of each patch of `n` numbers to `apply`.
fn patch(mut reader: Reader<'_>, n: usize, width: u32, mut apply: impl FnMut(usize, u64)) -> Result<()> {
    let mut next = 0;
    while !reader.is_empty() {
        let at = next + reader.count(n)?;
        let high = reader.varint()?;
        if at >= n || width > 63 {
            return Err(CodecError::Invalid("a patch beyond its page"));
        }
        apply(at, high << width);
        next = at + 1;
    }
    Ok(())
}

fn packed_page<T: Int>(scale: Scale<T>, width: u32, page: &[u8], n: usize, out: &mut Vec<T>) -> Result<()> {
    let start = out.len();
    let (packed, patches) = parts(page, n, width)?;
    unpack(packed, n, width, out, |offset| scale.value(offset))?;
    let values = &mut out[start..];
    patch(patches, n, width, |at, high| values[at] = T::at(values[at], high.wrapping_mul(scale.unit)))
}

fn deltas_page<T: Int>(scale: Scale<T>, usual: i64, width: u32, page: &[u8], n: usize, out: &mut Vec<T>) -> Result<()> {
    let mut reader = Reader::new(page);
    if n == 0 {
        return reader.finish();
    }
    let first = scale.value(reader.varint()?);
    out.push(first);
    let (mut value, unit, usual) = (first, scale.unit, (usual as u64).wrapping_mul(scale.unit));
    let step = |folded: u64| {
        value = T::at(value, (unzigzag(folded) as u64).wrapping_mul(unit).wrapping_add(usual));
        value
    };
    let (packed, patches) = parts(reader.rest(), n - 1, width)?;
    if patches.is_empty() {
        return unpack(packed, n - 1, width, out, step);
    }
    let mut folded = Vec::new();
    unpack(packed, n - 1, width, &mut folded, |v| v)?;
    patch(patches, n - 1, width, |at, high| folded[at] |= high)?;
    out.extend(folded.into_iter().map(step));
    Ok(())
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

/// The numbers of tokens; those of 64 and above stand in `wide`.
fn numbers<'a>(tokens: &'a [u8], wide: &'a [u64]) -> impl Iterator<Item = u64> + 'a {
    let mut wide = wide.iter();
    tokens.iter().map(move |&token| match token {
        0..64 => u64::from(token),
        _ => wide.next().copied().unwrap_or_default(),
    })
}

fn prefix_page<T: Int>(scale: Scale<T>, decoder: &mut Decoder, page: &[u8], n: usize, out: &mut Vec<T>) -> Result<()> {
    let (tokens, wide) = decoder.page(page, n)?;
    if wide.is_empty() {
        out.extend(tokens.iter().map(|&token| scale.value(u64::from(token))));
    } else {
        out.extend(numbers(tokens, wide).map(|offset| scale.value(offset)));
    }
    Ok(())
}

/// Prefix coded steps.
struct Steps {
    decoder: Decoder,
    usual: u64,
    unit: u64,
    /// What each token below 64 adds to a value.
    small: [u64; 64],
}

impl Steps {
    fn new(usual: u64, unit: u64, decoder: Decoder) -> Self {
        let step = |token: usize| step_of(token as u64, unit, usual);
        Self { decoder, usual, unit, small: std::array::from_fn(step) }
    }

    fn page<T: Int>(&mut self, scale: Scale<T>, page: &[u8], n: usize, out: &mut Vec<T>) -> Result<()> {
        let mut reader = Reader::new(page);
        if n == 0 {
            return reader.finish();
        }
        let mut value = scale.value(reader.varint()?);
        let (tokens, wide) = self.decoder.page(reader.rest(), n - 1)?;
        out.push(value);
        let mut step = |by: u64| {
            value = T::at(value, by);
            value
        };
        if wide.is_empty() {
            out.extend(tokens.iter().map(|&token| step(self.small[usize::from(token & 63)])));
        } else {
            out.extend(numbers(tokens, wide).map(|folded| step(step_of(folded, self.unit, self.usual))));
        }
        Ok(())
    }
}

/// What a zigzag step adds to a value, beside the usual one.
#[inline]
fn step_of(folded: u64, unit: u64, usual: u64) -> u64 {
    (unzigzag(folded) as u64).wrapping_mul(unit).wrapping_add(usual)
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
