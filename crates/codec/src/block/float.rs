//! Blocks of 64 bit floats, exact to the bit: NaN payloads, infinities and the sign of zero come back.
//!
//! | codec (1 byte) | model | a page |
//! | --- | --- | --- |
//! | 0 constant | the 8 bytes of the value, little endian | empty |
//! | 1 decimal | exponent e (1 byte, 0-15), then the header of an integer block | a page of that block; a value is integer / 10^e |
//! | 2 decimal, with exceptions | as 1 | length of the exceptions (varint), the exceptions, a page as of 1 |
//! | 3 runs | - | pairs: value (8 bytes, little endian), how many times (varint) |
//! | 4 split | r (1 byte, 1-63), length of the first header (varint), headers of two unsigned blocks | length of the first part (varint), a page of each block: the upper 64 - r bits, the lower r bits |
//! | 5 entropy | pco header and chunk meta | a pco page |
//! | 6 raw | - | 8 bytes a value, little endian |
//!
//! An exception is: how many values lie between it and the one before (varint), then the value (8 bytes, little endian).
//!
//! Decimal (as ALP does) is taken when seven of eight values are such a quotient to the bit: gauges that were integers or had a few
//! decimals in the text that they came from. A division of integers below 2^51 by 10^e is what a parser of decimals would yield.
//! Split (as ALP does for real doubles) parts sign, exponent and the leading bits of the mantissa, which repeat, from the rest,
//! which is noise; where the rest ends in zeros, as that of 32 bit floats does, the integer block divides them out.

mod decimal;
mod decode;

use super::integer::{encode_i64, encode_u64, estimate};
use super::model;
use super::{Level, Marks, Pages, split};
use crate::varint::put_u64;
use decimal::Decimals;
pub use decode::{FloatBlock, decode_f64_page};

const CONSTANT: u8 = 0;
const DECIMAL: u8 = 1;
const EXCEPTIONS: u8 = 2;
const RUNS: u8 = 3;
const SPLIT: u8 = 4;
const ENTROPY: u8 = 5;
const RAW: u8 = 6;

/// Below this many values a block is not worth an entropy model.
const ENTROPY_FROM: usize = 32;
/// The entropy coder is tried on so many values of a block that has twice as many.
const TRIAL: usize = 2_048;
/// Where floats may be split: how many lower bits.
const CUTS: [u32; 7] = [28, 32, 36, 40, 44, 48, 52];
/// So many values are looked at to say where.
const LOOK: usize = 1_024;

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
    if let Some(decimals) = Decimals::of(values) {
        return encode_decimals(&decimals, values, page_lens, level, out);
    }
    let start = out.len();
    let hot = encode_binary(values, page_lens, out);
    match level {
        Level::Cold => encode_entropy(values, page_lens, start, out).unwrap_or(hot),
        Level::Hot => hot,
    }
}

fn encode_decimals(decimals: &Decimals, values: &[f64], page_lens: &[usize], level: Level, out: &mut Vec<u8>) -> Pages {
    if decimals.exceptions.is_empty() {
        out.extend_from_slice(&[DECIMAL, decimals.exponent]);
        let mut pages = encode_i64(&decimals.integers, page_lens, level, out);
        pages.header_len += 2;
        return pages;
    }
    let mut block = Vec::new();
    let pages = encode_i64(&decimals.integers, page_lens, level, &mut block);
    let mut marks = Marks::new(out);
    out.extend_from_slice(&[EXCEPTIONS, decimals.exponent]);
    out.extend_from_slice(&block[..pages.header_len as usize]);
    marks.header(out);
    let mut left = decimals.exceptions.iter().copied().peekable();
    let (mut row, mut listed) = (0, Vec::new());
    for (page, &len) in pages.parts(&block).zip(page_lens) {
        let mut next = row;
        row += len;
        listed.clear();
        while let Some(at) = left.next_if(|&at| at < row) {
            put_u64(&mut listed, (at - next) as u64);
            listed.extend_from_slice(&values[at].to_le_bytes());
            next = at + 1;
        }
        put_u64(out, listed.len() as u64);
        out.extend_from_slice(&listed);
        out.extend_from_slice(page);
        marks.page(out);
    }
    marks.pages
}

/// The smallest of runs, split and raw.
fn encode_binary(values: &[f64], page_lens: &[usize], out: &mut Vec<u8>) -> Pages {
    let runs: usize = split(values, page_lens).map(|page| runs(page).count() * 10).sum();
    let bits: Vec<u64> = values.iter().map(|v| v.to_bits()).collect();
    let (cut, guess) = best_cut(&bits);
    let raw = values.len() * 8;
    if runs < guess.min(raw) {
        encode_runs(values, page_lens, out)
    } else if guess * 20 <= raw * 19 {
        encode_split(&bits, cut, page_lens, out)
    } else {
        encode_raw(values, page_lens, out)
    }
}

fn runs(page: &[f64]) -> impl Iterator<Item = &[f64]> {
    page.chunk_by(|a, b| a.to_bits() == b.to_bits())
}

fn encode_runs(values: &[f64], page_lens: &[usize], out: &mut Vec<u8>) -> Pages {
    let mut marks = Marks::new(out);
    out.push(RUNS);
    marks.header(out);
    for page in split(values, page_lens) {
        for run in runs(page) {
            out.extend_from_slice(&run[0].to_le_bytes());
            put_u64(out, run.len() as u64);
        }
        marks.page(out);
    }
    marks.pages
}

/// Where to split, and about how many bytes that makes of the block.
fn best_cut(bits: &[u64]) -> (u32, usize) {
    let middle = bits.len().saturating_sub(LOOK) / 2;
    let sample = &bits[middle..bits.len().min(middle + LOOK)];
    let part = |shift: u32, mask: u64| estimate(&sample.iter().map(|&v| v >> shift & mask).collect::<Vec<_>>());
    let size = |cut: u32| part(cut, u64::MAX) + part(0, !(u64::MAX << cut));
    let best = CUTS.into_iter().map(|cut| (size(cut), cut)).min().unwrap_or((usize::MAX, CUTS[0]));
    (best.1, best.0.saturating_mul(bits.len()) / sample.len().max(1))
}

fn encode_split(bits: &[u64], cut: u32, page_lens: &[usize], out: &mut Vec<u8>) -> Pages {
    let upper: Vec<u64> = bits.iter().map(|&v| v >> cut).collect();
    let lower: Vec<u64> = bits.iter().map(|&v| v & !(u64::MAX << cut)).collect();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let first_pages = encode_u64(&upper, page_lens, Level::Hot, &mut first);
    let second_pages = encode_u64(&lower, page_lens, Level::Hot, &mut second);
    let mut marks = Marks::new(out);
    out.extend_from_slice(&[SPLIT, cut as u8]);
    put_u64(out, u64::from(first_pages.header_len));
    out.extend_from_slice(&first[..first_pages.header_len as usize]);
    out.extend_from_slice(&second[..second_pages.header_len as usize]);
    marks.header(out);
    for (upper, lower) in first_pages.parts(&first).zip(second_pages.parts(&second)) {
        put_u64(out, upper.len() as u64);
        out.extend_from_slice(upper);
        out.extend_from_slice(lower);
        marks.page(out);
    }
    marks.pages
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

/// Entropy codes a block whose hot form begins at `start`, and puts this in its place if it saves a tenth.
fn encode_entropy(values: &[f64], page_lens: &[usize], start: usize, out: &mut Vec<u8>) -> Option<Pages> {
    let (n, hot) = (values.len(), out.len() - start);
    if n < ENTROPY_FROM {
        return None;
    }
    if n >= 2 * TRIAL {
        let mut spare = Vec::new();
        model::encode(&values[(n - TRIAL) / 2..][..TRIAL], &[TRIAL], &mut spare)?;
        if spare.len() * n > hot * TRIAL {
            return None;
        }
    }
    let end = out.len();
    out.push(ENTROPY);
    let coded = model::encode(values, page_lens, out);
    if coded.is_none() || (out.len() - end) * 10 > hot * 9 {
        out.truncate(end);
        return None;
    }
    out.drain(start..end);
    let mut pages = coded?;
    pages.header_len += 1;
    Some(pages)
}
