//! Reads blocks of integers; their bytes are drawn in `integer.rs`.

use super::{CONSTANT, DELTAS, ENTROPY, Int, PACKED, PREFIX, PREFIX_DELTAS, RUNS, Scale};
use crate::bits::{packed_len, unpack_words};
use crate::block::model::Model;
use crate::block::prefix::{Decoder, Meaning};
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
    PrefixDeltas(Box<Decoder>),
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
            PREFIX => Self::Prefix(Box::new(Decoder::open(reader, Meaning::Offsets { unit })?)),
            PREFIX_DELTAS => {
                let usual = (reader.varint_i64()? as u64).wrapping_mul(unit);
                Self::PrefixDeltas(Box::new(Decoder::open(reader, Meaning::Steps { unit, usual })?))
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

    /// Bytes of memory that it may come to take, about, once pages were decoded.
    pub fn memory(&self) -> usize {
        match self.codec {
            Codec::Constant | Codec::Packed(_) | Codec::Deltas(..) | Codec::Runs => 256,
            Codec::Prefix(_) | Codec::PrefixDeltas(_) => Decoder::MEMORY,
            Codec::Entropy8(..) | Codec::Entropy16(..) | Codec::Entropy32(..) | Codec::Entropy64(..) => 8_192,
        }
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
            Codec::Prefix(decoder) => decoder.page(scale.base, page, n, out),
            Codec::PrefixDeltas(decoder) => prefix_deltas_page(scale, decoder, page, n, out),
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
    let (packed, patches) = parts(page, n, width)?;
    let start = out.len();
    out.resize(start + n, T::default());
    let words = T::as_bits(&mut out[start..]);
    unpack_words(packed, width, words)?;
    patch(patches, n, width, |at, high| words[at] |= high)?;
    let (base, unit) = (scale.base.distance(T::default()), scale.unit);
    if unit == 1 {
        words.iter_mut().for_each(|word| *word = word.wrapping_add(base));
    } else {
        words.iter_mut().for_each(|word| *word = word.wrapping_mul(unit).wrapping_add(base));
    }
    Ok(())
}

fn deltas_page<T: Int>(scale: Scale<T>, usual: i64, width: u32, page: &[u8], n: usize, out: &mut Vec<T>) -> Result<()> {
    let mut reader = Reader::new(page);
    if n == 0 {
        return reader.finish();
    }
    let first = scale.value(reader.varint()?);
    let (packed, patches) = parts(reader.rest(), n - 1, width)?;
    let start = out.len();
    out.resize(start + n, first);
    let words = T::as_bits(&mut out[start..]);
    let (head, words) = words.split_at_mut(1);
    unpack_words(packed, width, words)?;
    patch(patches, n - 1, width, |at, high| words[at] |= high)?;
    let (mut value, unit, usual) = (head[0], scale.unit, (usual as u64).wrapping_mul(scale.unit));
    if unit == 1 {
        for word in words {
            value = value.wrapping_add((unzigzag(*word) as u64).wrapping_add(usual));
            *word = value;
        }
    } else {
        for word in words {
            value = value.wrapping_add((unzigzag(*word) as u64).wrapping_mul(unit).wrapping_add(usual));
            *word = value;
        }
    }
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

fn prefix_deltas_page<T: Int>(
    scale: Scale<T>,
    decoder: &mut Decoder,
    page: &[u8],
    n: usize,
    out: &mut Vec<T>,
) -> Result<()> {
    let mut reader = Reader::new(page);
    if n == 0 {
        return reader.finish();
    }
    let first = scale.value(reader.varint()?);
    out.push(first);
    decoder.page(first, reader.rest(), n - 1, out)
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
