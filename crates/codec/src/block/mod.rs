//! Blocks: the values of one field over one or more pages, with one model for all of them.
//!
//! A block is a **header** and one **part** per page, back to back. The header is the codec's number (one byte) and its model
//! (base, bit width, dictionary, entropy tables); a page's part holds what is left, and decodes alone, given the header. The
//! lengths of the header and of each part are not in the block: [`Pages`] hands them to the caller, whose directory keeps
//! them, together with each page's count of values and with checksums.
//!
//! Each `encode_*` chooses among codecs that decode fast (constant, runs, bit packing with patches, prefix codes, dictionaries) by
//! the size that they make, looking at a sample of large blocks. For the last compaction ([`Level::Cold`]) it then tries an entropy
//! coder, which is taken only if it saves a tenth of that. Each `*Block` opens a header once and then decodes pages of it; the
//! `decode_*_page` functions do both for a single page.
//!
//! The codecs' bytes stand in the headers of `integer.rs`, `float.rs`, `boolean.rs`, `bytes.rs` and `time.rs`.

mod boolean;
mod bytes;
mod float;
mod integer;
mod model;
mod prefix;
mod symbols;
#[cfg(test)]
mod tests;
mod time;

pub use boolean::{BoolBlock, decode_bool_page, encode_bool};
pub use bytes::{BytesBlock, MAX_PAGE_BYTES, decode_bytes_page, encode_bytes};
pub use float::{FloatBlock, decode_f64_page, encode_f64};
pub use integer::{Int, IntBlock, decode_i64_page, decode_u64_page, encode_i64, encode_int, encode_u64};
pub use time::{TimeBlock, decode_times_page, encode_times};

/// How much a block may cost to make and to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// For data that are written once more soon, or read often: what a flush and the lower levels of compaction write.
    Hot,
    /// As small as an entropy coder makes it, where that saves a tenth: for the last compaction.
    Cold,
}

/// Where the parts of a block lie that was just appended: the header first, then each page, without gaps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// Length of the header in bytes.
    pub header_len: u32,
    /// Length of each page's part in bytes, in the order of the pages; may be 0 (a constant needs no bytes).
    pub page_lens: Vec<u32>,
}

impl Pages {
    /// Bytes of header and pages together.
    pub fn total_len(&self) -> usize {
        self.header_len as usize + self.page_lens.iter().map(|&len| len as usize).sum::<usize>()
    }

    /// The part of page `index` in `block`, the bytes that header and pages take; `None` beyond either.
    pub fn page<'a>(&self, block: &'a [u8], index: usize) -> Option<&'a [u8]> {
        let len = *self.page_lens.get(index)? as usize;
        let start = self.header_len as usize + self.page_lens[..index].iter().map(|&len| len as usize).sum::<usize>();
        block.get(start..start + len)
    }

    /// All parts of `block`, which is as long as these say.
    fn parts<'a>(&self, block: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = &block[self.header_len as usize..];
        self.page_lens.iter().map(move |&len| {
            let (part, tail) = rest.split_at(len as usize);
            rest = tail;
            part
        })
    }

    /// The header part of `block`, `None` if `block` is shorter.
    pub fn header<'a>(&self, block: &'a [u8]) -> Option<&'a [u8]> {
        block.get(..self.header_len as usize)
    }
}

/// Writes down where header and pages end while an encoder appends them to a buffer.
struct Marks {
    last: usize,
    pages: Pages,
}

impl Marks {
    fn new(out: &[u8]) -> Self {
        Self { last: out.len(), pages: Pages::default() }
    }

    fn step(&mut self, out: &[u8]) -> u32 {
        let len = u32::try_from(out.len() - self.last).expect("a block is far below 4 GiB: pages hold 1 MiB at most");
        self.last = out.len();
        len
    }

    fn header(&mut self, out: &[u8]) {
        self.pages.header_len = self.step(out);
    }

    fn page(&mut self, out: &[u8]) {
        let len = self.step(out);
        self.pages.page_lens.push(len);
    }
}

/// Cuts `values` into its pages.
///
/// # Panics
/// If the page lengths do not add up to the number of values: the caller cut the pages.
fn split<'a, T>(values: &'a [T], page_lens: &'a [usize]) -> impl Iterator<Item = &'a [T]> {
    assert_eq!(page_lens.iter().sum::<usize>(), values.len(), "page lengths must add up to the values of the block");
    let mut rest = values;
    page_lens.iter().map(move |&len| {
        let (page, tail) = rest.split_at(len);
        rest = tail;
        page
    })
}
