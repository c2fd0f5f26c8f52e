//! Blocks of booleans.
//!
//! | codec (1 byte) | a page |
//! | --- | --- |
//! | 0, 1 constant | empty: all are false (0) or true (1) |
//! | 2 bits | one bit a value, lowest bit first |
//! | 3 runs | the first value (1 byte), then the lengths of the runs (varints), values alternating |

use super::{Marks, Pages, split};
use crate::bits::{pack, unpack};
use crate::varint::{Reader, len_u64, put_u64};
use crate::{CodecError, Result};

const FALSE: u8 = 0;
const TRUE: u8 = 1;
const BITS: u8 = 2;
const RUNS: u8 = 3;

/// Appends a block of booleans. `page_lens` cuts `values` into pages.
///
/// # Panics
/// If the page lengths do not add up to the number of values.
pub fn encode_bool(values: &[bool], page_lens: &[usize], out: &mut Vec<u8>) -> Pages {
    let codec = choose(values, page_lens);
    let mut marks = Marks::new(out);
    out.push(codec);
    marks.header(out);
    for page in split(values, page_lens) {
        match codec {
            BITS => pack(page.iter().map(|&v| u64::from(v)), 1, out),
            RUNS if !page.is_empty() => {
                out.push(u8::from(page[0]));
                page.chunk_by(|a, b| a == b).for_each(|run| put_u64(out, run.len() as u64));
            }
            _ => {}
        }
        marks.page(out);
    }
    marks.pages
}

fn choose(values: &[bool], page_lens: &[usize]) -> u8 {
    if values.iter().all(|&v| !v) {
        return FALSE;
    }
    if values.iter().all(|&v| v) {
        return TRUE;
    }
    let runs_len = |page: &[bool]| page.chunk_by(|a, b| a == b).map(|run| len_u64(run.len() as u64)).sum::<usize>();
    let runs: usize = split(values, page_lens).map(|page| 1 + runs_len(page)).sum();
    let bits: usize = page_lens.iter().map(|n| n.div_ceil(8)).sum();
    if runs < bits { RUNS } else { BITS }
}

/// Decodes one page of `n` values and appends them. For several pages of a block open a [`BoolBlock`] once.
pub fn decode_bool_page(header: &[u8], page: &[u8], n: usize, out: &mut Vec<bool>) -> Result<()> {
    BoolBlock::open(header)?.page(page, n, out)
}

/// The header of a block of booleans, ready to decode pages.
#[derive(Clone, Copy, Debug)]
pub struct BoolBlock(u8);

impl BoolBlock {
    /// Reads a header, which must fill `header`.
    pub fn open(header: &[u8]) -> Result<Self> {
        match header {
            &[codec] if codec <= RUNS => Ok(Self(codec)),
            _ => Err(CodecError::Invalid("codec of a boolean block")),
        }
    }

    /// What the block's codec is called.
    pub fn codec(&self) -> &'static str {
        match self.0 {
            BITS => "bits",
            RUNS => "runs",
            _ => "constant",
        }
    }

    /// Decodes the page of `n` values that fills `page` and appends them; on an error `out` may hold some of them.
    pub fn page(&self, page: &[u8], n: usize, out: &mut Vec<bool>) -> Result<()> {
        match self.0 {
            BITS => unpack(page, n, 1, out, |bit| bit == 1),
            RUNS => runs_page(page, n, out),
            constant => {
                Reader::new(page).finish()?;
                out.resize(out.len() + n, constant == TRUE);
                Ok(())
            }
        }
    }
}

fn runs_page(page: &[u8], n: usize, out: &mut Vec<bool>) -> Result<()> {
    let mut reader = Reader::new(page);
    if n == 0 {
        return reader.finish();
    }
    let mut value = match reader.u8()? {
        0 => false,
        1 => true,
        _ => return Err(CodecError::Invalid("a boolean that is neither 0 nor 1")),
    };
    let mut left = n;
    while left > 0 {
        let times = reader.count(left)?;
        if times == 0 {
            return Err(CodecError::Invalid("an empty run"));
        }
        out.resize(out.len() + times, value);
        value = !value;
        left -= times;
    }
    reader.finish()
}
