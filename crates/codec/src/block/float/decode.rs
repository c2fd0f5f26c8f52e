//! Reads blocks of floats; their bytes are drawn in `float.rs`.

use super::decimal::from_decimals;
use super::{CONSTANT, DECIMAL, ENTROPY, EXCEPTIONS, RAW, RUNS, SPLIT};
use crate::block::integer::IntBlock;
use crate::block::model::Model;
use crate::varint::Reader;
use crate::{CodecError, Result};

/// Decodes one page of `n` values and appends them. For several pages of a block open a [`FloatBlock`] once.
pub fn decode_f64_page(header: &[u8], page: &[u8], n: usize, out: &mut Vec<f64>) -> Result<()> {
    FloatBlock::open(header)?.page(page, n, out)
}

/// What the integers of a page of usual length take, which are kept from page to page (bytes).
const PAGE_BYTES: usize = 4_096;

/// The header of a block of floats, ready to decode pages.
pub struct FloatBlock(Codec);

enum Codec {
    Constant(f64),
    Decimal(Decimal),
    Exceptions(Decimal),
    Runs,
    Split(Box<Split>),
    Entropy(Box<Model<f64>>),
    Raw,
}

struct Decimal {
    exponent: u8,
    block: Box<IntBlock<i64>>,
    integers: Vec<i64>,
}

struct Split {
    cut: u32,
    blocks: [IntBlock<u64>; 2],
    parts: [Vec<u64>; 2],
}

impl Codec {
    fn open(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(match reader.u8()? {
            CONSTANT => Self::Constant(f64::from_bits(reader.u64()?)),
            DECIMAL => Self::Decimal(Decimal::open(reader)?),
            EXCEPTIONS => Self::Exceptions(Decimal::open(reader)?),
            RUNS => Self::Runs,
            SPLIT => Self::Split(Box::new(Split::open(reader)?)),
            ENTROPY => Self::Entropy(Box::new(Model::open(reader.take(reader.remaining())?)?)),
            RAW => Self::Raw,
            _ => return Err(CodecError::Invalid("codec of a float block")),
        })
    }
}

impl FloatBlock {
    /// Reads a header, which must fill `header`.
    pub fn open(header: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(header);
        let codec = Codec::open(&mut reader)?;
        reader.finish()?;
        Ok(Self(codec))
    }

    /// What the block's codec is called.
    pub fn codec(&self) -> &'static str {
        match &self.0 {
            Codec::Constant(_) => "constant",
            Codec::Decimal(decimal) | Codec::Exceptions(decimal) => match decimal.block.codec() {
                "packed" => "decimal, packed",
                "deltas" => "decimal, deltas",
                "runs" => "decimal, runs",
                "prefix" => "decimal, prefix",
                "prefix deltas" => "decimal, prefix deltas",
                "entropy" => "decimal, entropy",
                _ => "decimal",
            },
            Codec::Runs => "runs",
            Codec::Split(_) => "split",
            Codec::Entropy(_) => "entropy",
            Codec::Raw => "raw",
        }
    }

    /// Bytes of memory that it may come to take, about, once pages were decoded.
    pub fn memory(&self) -> usize {
        match &self.0 {
            Codec::Constant(_) | Codec::Runs | Codec::Raw => 256,
            Codec::Decimal(decimal) | Codec::Exceptions(decimal) => decimal.block.memory() + PAGE_BYTES,
            Codec::Split(split) => split.blocks.iter().map(|block| block.memory() + PAGE_BYTES).sum(),
            Codec::Entropy(_) => 8_192,
        }
    }

    /// Decodes the page of `n` values that fills `page` and appends them; on an error `out` may hold some of them.
    pub fn page(&mut self, page: &[u8], n: usize, out: &mut Vec<f64>) -> Result<()> {
        match &mut self.0 {
            Codec::Constant(value) => {
                Reader::new(page).finish()?;
                out.resize(out.len() + n, *value);
                Ok(())
            }
            Codec::Decimal(decimal) => decimal.page(page, n, out),
            Codec::Exceptions(decimal) => {
                let mut reader = Reader::new(page);
                let exceptions = reader.bytes()?;
                let start = out.len();
                decimal.page(reader.rest(), n, out)?;
                put_exceptions(exceptions, &mut out[start..])
            }
            Codec::Runs => runs_page(page, n, out),
            Codec::Split(split) => split.page(page, n, out),
            Codec::Entropy(model) => {
                let start = out.len();
                out.resize(start + n, 0.0);
                model.page(page, &mut out[start..])
            }
            Codec::Raw => {
                let (values, rest) = page.as_chunks::<8>();
                if values.len() != n || !rest.is_empty() {
                    return Err(CodecError::Invalid("raw floats are not as long as their count says"));
                }
                out.extend(values.iter().map(|&bytes| f64::from_le_bytes(bytes)));
                Ok(())
            }
        }
    }
}

impl Decimal {
    fn open(reader: &mut Reader<'_>) -> Result<Self> {
        let exponent = reader.u8()?;
        if exponent > 15 {
            return Err(CodecError::Invalid("decimal exponent of a float block"));
        }
        let block = Box::new(IntBlock::open(reader.take(reader.remaining())?)?);
        Ok(Self { exponent, block, integers: Vec::new() })
    }

    fn page(&mut self, page: &[u8], n: usize, out: &mut Vec<f64>) -> Result<()> {
        self.integers.clear();
        self.block.page(page, n, &mut self.integers)?;
        from_decimals(&self.integers, self.exponent, out);
        Ok(())
    }
}

fn put_exceptions(exceptions: &[u8], values: &mut [f64]) -> Result<()> {
    let mut reader = Reader::new(exceptions);
    let mut next = 0;
    while !reader.is_empty() {
        let at = next + reader.count(values.len())?;
        let slot = values.get_mut(at).ok_or(CodecError::Invalid("an exception beyond its page"))?;
        *slot = f64::from_bits(reader.u64()?);
        next = at + 1;
    }
    Ok(())
}

fn runs_page(page: &[u8], n: usize, out: &mut Vec<f64>) -> Result<()> {
    let mut reader = Reader::new(page);
    let mut left = n;
    while left > 0 {
        let value = f64::from_bits(reader.u64()?);
        let times = reader.count(left)?;
        if times == 0 {
            return Err(CodecError::Invalid("an empty run"));
        }
        out.resize(out.len() + times, value);
        left -= times;
    }
    reader.finish()
}

impl Split {
    fn open(reader: &mut Reader<'_>) -> Result<Self> {
        let cut = u32::from(reader.u8()?);
        if !(1..64).contains(&cut) {
            return Err(CodecError::Invalid("where floats are split"));
        }
        let upper = IntBlock::open(reader.bytes()?)?;
        let lower = IntBlock::open(reader.take(reader.remaining())?)?;
        Ok(Self { cut, blocks: [upper, lower], parts: Default::default() })
    }

    fn page(&mut self, page: &[u8], n: usize, out: &mut Vec<f64>) -> Result<()> {
        let mut reader = Reader::new(page);
        let upper = reader.bytes()?;
        for ((block, part), bytes) in self.blocks.iter_mut().zip(&mut self.parts).zip([upper, reader.rest()]) {
            part.clear();
            block.page(bytes, n, part)?;
        }
        let pairs = self.parts[0].iter().zip(&self.parts[1]);
        out.extend(pairs.map(|(upper, lower)| f64::from_bits(upper << self.cut | lower)));
        Ok(())
    }
}
