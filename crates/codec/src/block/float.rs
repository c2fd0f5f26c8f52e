//! Blocks of 64 bit floats, exact to the bit: NaN payloads, infinities and the sign of zero come back.
//!
//! | codec (1 byte) | model | a page |
//! | --- | --- | --- |
//! | 0 constant | the 8 bytes of the value, little endian | empty |
//! | 1 decimal | exponent e (1 byte, 0-15), then the header of an integer block | a page of that block; a value is integer / 10^e |
//! | 2 entropy | pco header and chunk meta | a pco page |
//! | 3 raw | - | 8 bytes a value, little endian |
//!
//! Decimal is taken when every value is such a quotient to the bit: gauges that were integers or had a few decimals in the
//! text that they came from. A division of integers below 2^53 by 10^e is what a parser of decimals would yield.

use super::integer::{IntBlock, encode_i64};
use super::model::{self, Model, Search};
use super::{Level, Marks, Pages, split};
use crate::varint::Reader;
use crate::{CodecError, Result};

const CONSTANT: u8 = 0;
const DECIMAL: u8 = 1;
const ENTROPY: u8 = 2;
const RAW: u8 = 3;

/// Powers of ten, all of them exact.
const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Below this many values a block is not worth an entropy model.
const ENTROPY_FROM: usize = 32;

/// Appends a block of floats. `page_lens` cuts `values` into pages.
///
/// # Panics
/// If the page lengths do not add up to the number of values.
pub fn encode_f64(values: &[f64], page_lens: &[usize], level: Level, out: &mut Vec<u8>) -> Pages {
    let first = values.first().copied().unwrap_or_default().to_bits();
    if values.iter().all(|v| v.to_bits() == first) {
        assert_eq!(
            page_lens.iter().sum::<usize>(),
            values.len(),
            "page lengths must add up to the values of the block"
        );
        let mut marks = Marks::new(out);
        out.push(CONSTANT);
        out.extend_from_slice(&first.to_le_bytes());
        marks.header(out);
        page_lens.iter().for_each(|_| marks.page(out));
        return marks.pages;
    }
    if let Some((exponent, integers)) = as_decimals(values) {
        out.extend_from_slice(&[DECIMAL, exponent]);
        let mut pages = encode_i64(&integers, page_lens, level, out);
        pages.header_len += 2;
        return pages;
    }
    if values.len() >= ENTROPY_FROM {
        let start = out.len();
        out.push(ENTROPY);
        if let Some(mut pages) = model::encode(values, page_lens, Search::All, out)
            && (out.len() - start) * 10 <= values.len() * 8 * 9
        {
            pages.header_len += 1;
            return pages;
        }
        out.truncate(start);
    }
    encode_raw(values, page_lens, out)
}

fn encode_raw(values: &[f64], page_lens: &[usize], out: &mut Vec<u8>) -> Pages {
    let mut marks = Marks::new(out);
    out.push(RAW);
    marks.header(out);
    for page in split(values, page_lens) {
        page.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
        marks.page(out);
    }
    marks.pages
}

/// `value` as an integer over 10^exponent, if that is exact to the bit.
#[inline]
fn decimal(value: f64, exponent: usize) -> Option<i64> {
    let scaled = (value * POWERS[exponent]).round_ties_even();
    // Beyond 2^53 not every integer is a float.
    if scaled.is_nan() || scaled.abs() >= 9_007_199_254_740_992.0 {
        return None;
    }
    let integer = scaled as i64;
    (from_decimal(integer, exponent).to_bits() == value.to_bits()).then_some(integer)
}

#[inline]
fn from_decimal(integer: i64, exponent: usize) -> f64 {
    integer as f64 / POWERS[exponent]
}

/// The smallest exponent that holds all values, and the integers; `None` if there is none.
fn as_decimals(values: &[f64]) -> Option<(u8, Vec<i64>)> {
    let mut exponent = 0;
    for &value in values {
        while decimal(value, exponent).is_none() {
            exponent += 1;
            if exponent == POWERS.len() {
                return None;
            }
        }
    }
    let integers = values.iter().map(|&v| decimal(v, exponent)).collect::<Option<Vec<i64>>>()?;
    Some((exponent as u8, integers))
}

/// Decodes one page of `n` values and appends them. For several pages of a block open a [`FloatBlock`] once.
pub fn decode_f64_page(header: &[u8], page: &[u8], n: usize, out: &mut Vec<f64>) -> Result<()> {
    FloatBlock::open(header)?.page(page, n, out)
}

/// The header of a block of floats, ready to decode pages.
pub struct FloatBlock(Codec);

enum Codec {
    Constant(f64),
    Decimal(usize, Box<IntBlock<i64>>, Vec<i64>),
    Entropy(Box<Model<f64>>),
    Raw,
}

impl FloatBlock {
    /// Reads a header, which must fill `header`.
    pub fn open(header: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(header);
        Ok(Self(match reader.u8()? {
            CONSTANT => {
                let value = f64::from_bits(reader.u64()?);
                reader.finish()?;
                Codec::Constant(value)
            }
            DECIMAL => {
                let exponent = usize::from(reader.u8()?);
                if exponent >= POWERS.len() {
                    return Err(CodecError::Invalid("decimal exponent of a float block"));
                }
                Codec::Decimal(exponent, Box::new(IntBlock::open(reader.rest())?), Vec::new())
            }
            ENTROPY => Codec::Entropy(Box::new(Model::open(reader.rest())?)),
            RAW => {
                reader.finish()?;
                Codec::Raw
            }
            _ => return Err(CodecError::Invalid("codec of a float block")),
        }))
    }

    /// Decodes the page of `n` values that fills `page` and appends them; on an error `out` may hold some of them.
    pub fn page(&mut self, page: &[u8], n: usize, out: &mut Vec<f64>) -> Result<()> {
        match &mut self.0 {
            Codec::Constant(value) => {
                Reader::new(page).finish()?;
                out.resize(out.len() + n, *value);
                Ok(())
            }
            Codec::Decimal(exponent, block, integers) => {
                integers.clear();
                block.page(page, n, integers)?;
                out.extend(integers.iter().map(|&integer| from_decimal(integer, *exponent)));
                Ok(())
            }
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
