//! Blocks of timestamps (nanoseconds since 1970). A page on a regular step costs a few bytes, whatever its length.
//!
//! A timestamp is written in **ticks**: (t - base) / unit, where base is the least of the block and unit the greatest number
//! that divides all differences. The header is
//!
//! | bytes | meaning |
//! | --- | --- |
//! | 1 | codec, see below |
//! | 1-10 | base: zigzag varint |
//! | 1-10 | unit: varint, in ns, never 0 |
//! | rest | the codec's model |
//!
//! | codec | model | a page |
//! | --- | --- | --- |
//! | 0 steps | usual step in ticks (zigzag varint) | first tick (varint); if bytes follow, pairs of step (zigzag varint) and how many times (varint); else all steps are the usual one |
//! | 1 ticks | header of an integer block | a page of that block |

use super::integer::{IntBlock, encode_u64, gcd};
use super::{Level, Marks, Pages, split};
use crate::varint::{Reader, len_u64, put_i64, put_u64, zigzag};
use crate::{CodecError, Result};

const STEPS: u8 = 0;
const TICKS: u8 = 1;

/// Appends a block of timestamps. `page_lens` cuts `values` into pages; inside a page they usually ascend, but need not.
///
/// # Panics
/// If the page lengths do not add up to the number of values.
pub fn encode_times(values: &[i64], page_lens: &[usize], level: Level, out: &mut Vec<u8>) -> Pages {
    let base = values.iter().copied().min().unwrap_or_default();
    let max = values.iter().copied().max().unwrap_or_default();
    let unit = if max.checked_sub(base).is_some() { unit_of(values, base) } else { 1 };
    let scale = Scale { base, unit };
    let start = out.len();
    if let Some(pages) = encode_steps(&scale, values, page_lens, out) {
        return pages;
    }
    out.truncate(start);
    encode_ticks(&scale, values, page_lens, level, out)
}

struct Scale {
    base: i64,
    unit: u64,
}

impl Scale {
    fn tick(&self, time: i64) -> u64 {
        time.wrapping_sub(self.base) as u64 / self.unit
    }

    #[inline]
    fn time(&self, tick: u64) -> i64 {
        self.base.wrapping_add(tick.wrapping_mul(self.unit) as i64)
    }

    /// A difference of two times in ticks; exact, as the unit divides it unless it is 1.
    fn step(&self, difference: i64) -> i64 {
        if self.unit == 1 { difference } else { difference / self.unit as i64 }
    }

    fn put(&self, codec: u8, out: &mut Vec<u8>) {
        out.push(codec);
        put_i64(out, self.base);
        put_u64(out, self.unit);
    }
}

/// The greatest number that divides all distances from `base`; 1 if all are 0. The distances must fit i64.
fn unit_of(values: &[i64], base: i64) -> u64 {
    let (mut unit, mut last, mut last_step) = (0u64, base, 0u64);
    for &value in values {
        let step = value.abs_diff(last);
        last = value;
        if step != last_step {
            last_step = step;
            unit = gcd(unit, step);
        }
    }
    unit.max(1)
}

/// The runs of equal differences of a page.
fn steps(page: &[i64]) -> impl Iterator<Item = (i64, usize)> {
    let mut at = 1;
    std::iter::from_fn(move || {
        let step = page.get(at)?.wrapping_sub(page[at - 1]);
        let run = page[at - 1..].windows(2).take_while(|pair| pair[1].wrapping_sub(pair[0]) == step).count();
        at += run;
        Some((step, run))
    })
}

/// Appends the block as steps; `None`, with a part appended, once that takes more than a byte for four values.
fn encode_steps(scale: &Scale, values: &[i64], page_lens: &[usize], out: &mut Vec<u8>) -> Option<Pages> {
    let usual = split(values, page_lens).find(|page| page.len() > 1).map_or(0, |page| page[1].wrapping_sub(page[0]));
    let budget = out.len() + 32 + page_lens.len() * 10 + values.len() / 4;
    let mut marks = Marks::new(out);
    scale.put(STEPS, out);
    put_i64(out, scale.step(usual));
    marks.header(out);
    for page in split(values, page_lens) {
        if let Some(&first) = page.first() {
            put_u64(out, scale.tick(first));
            if !steps(page).all(|(step, _)| step == usual) {
                for (step, run) in steps(page) {
                    put_i64(out, scale.step(step));
                    put_u64(out, run as u64);
                    if out.len() > budget {
                        return None;
                    }
                }
            }
        }
        marks.page(out);
    }
    Some(marks.pages)
}

fn encode_ticks(scale: &Scale, values: &[i64], page_lens: &[usize], level: Level, out: &mut Vec<u8>) -> Pages {
    let prefix = 1 + len_u64(zigzag(scale.base)) + len_u64(scale.unit);
    scale.put(TICKS, out);
    let ticks: Vec<u64> = values.iter().map(|&time| scale.tick(time)).collect();
    let mut pages = encode_u64(&ticks, page_lens, level, out);
    pages.header_len += prefix as u32;
    pages
}

/// Decodes one page of `n` timestamps and appends them. For several pages of a block open a [`TimeBlock`] once.
pub fn decode_times_page(header: &[u8], page: &[u8], n: usize, out: &mut Vec<i64>) -> Result<()> {
    TimeBlock::open(header)?.page(page, n, out)
}

/// The header of a block of timestamps, ready to decode pages.
pub struct TimeBlock {
    scale: Scale,
    codec: Codec,
}

enum Codec {
    Steps(i64),
    Ticks(Box<IntBlock<u64>>, Vec<u64>),
}

impl TimeBlock {
    /// Reads a header, which must fill `header`.
    pub fn open(header: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(header);
        let number = reader.u8()?;
        let scale = Scale { base: reader.varint_i64()?, unit: reader.varint()? };
        if scale.unit == 0 {
            return Err(CodecError::Invalid("time unit of 0"));
        }
        let codec = match number {
            STEPS => {
                let step = reader.varint_i64()?;
                reader.finish()?;
                Codec::Steps(step)
            }
            TICKS => Codec::Ticks(Box::new(IntBlock::open(reader.rest())?), Vec::new()),
            _ => return Err(CodecError::Invalid("codec of a time block")),
        };
        Ok(Self { scale, codec })
    }

    /// What the block's codec is called.
    pub fn codec(&self) -> &'static str {
        match &self.codec {
            Codec::Steps(_) => "steps",
            Codec::Ticks(block, _) => block.codec(),
        }
    }

    /// Bytes of memory that it may come to take, about, once pages were decoded.
    pub fn memory(&self) -> usize {
        match &self.codec {
            Codec::Steps(_) => 256,
            Codec::Ticks(block, _) => block.memory() + 4_096,
        }
    }

    /// Decodes the page of `n` timestamps that fills `page` and appends them; on an error `out` may hold some of them.
    pub fn page(&mut self, page: &[u8], n: usize, out: &mut Vec<i64>) -> Result<()> {
        let scale = &self.scale;
        match &mut self.codec {
            Codec::Ticks(block, ticks) => {
                ticks.clear();
                block.page(page, n, ticks)?;
                out.extend(ticks.iter().map(|&tick| scale.time(tick)));
                Ok(())
            }
            Codec::Steps(usual) => steps_page(scale, *usual, page, n, out),
        }
    }
}

fn steps_page(scale: &Scale, usual: i64, page: &[u8], n: usize, out: &mut Vec<i64>) -> Result<()> {
    let mut reader = Reader::new(page);
    if n == 0 {
        return reader.finish();
    }
    let mut time = scale.time(reader.varint()?);
    out.push(time);
    let mut left = n - 1;
    let mut run = |step: i64, times: usize| {
        let step = step.wrapping_mul(scale.unit as i64);
        let first = time;
        out.extend((1..=times as i64).map(|i| first.wrapping_add(step.wrapping_mul(i))));
        time = first.wrapping_add(step.wrapping_mul(times as i64));
    };
    if reader.is_empty() {
        run(usual, left);
        return Ok(());
    }
    while left > 0 {
        let step = reader.varint_i64()?;
        let times = reader.count(left)?;
        if times == 0 {
            return Err(CodecError::Invalid("an empty run of steps"));
        }
        run(step, times);
        left -= times;
    }
    reader.finish()
}
