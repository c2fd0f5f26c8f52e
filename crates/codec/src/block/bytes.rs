//! Blocks of strings.
//!
//! | codec (1 byte) | model | a page |
//! | --- | --- | --- |
//! | 0 dictionary | length of the dictionary (varint), the dictionary as [`encode_strings`] writes it, header of an integer block | a page of that block: which string of the dictionary |
//! | 1 plain | - | the page's strings as [`encode_strings`] writes them |
//!
//! The dictionary lists strings in the order of their first use. It is taken where strings repeat four times on
//! average, and holds 65,536 at most.

use std::collections::HashMap;

use super::integer::{IntBlock, encode_u64};
use super::{Level, Marks, Pages};
use crate::strings::{Strings, decode_strings, encode_strings};
use crate::varint::{Reader, put_bytes};
use crate::{CodecError, Result};

const DICTIONARY: u8 = 0;
const PLAIN: u8 = 1;

/// Decoded bytes of one page, or of a dictionary, above which a block is refused (64 MiB).
pub const MAX_PAGE_BYTES: usize = 64 << 20;

/// Most strings of a dictionary.
const MAX_WORDS: usize = 1 << 16;

/// Uses a string needs on average for a dictionary to pay.
const USES: usize = 4;

/// Appends a block of strings: string i is `bytes[offsets[i]..offsets[i + 1]]`, so there is one offset more than strings.
///
/// # Panics
/// If the page lengths do not add up to the number of strings, or the offsets do not ascend inside `bytes`.
pub fn encode_bytes(offsets: &[u32], bytes: &[u8], page_lens: &[usize], level: Level, out: &mut Vec<u8>) -> Pages {
    let n = offsets.len().saturating_sub(1);
    assert_eq!(page_lens.iter().sum::<usize>(), n, "page lengths must add up to the values of the block");
    match dictionary(offsets, bytes) {
        Some((words, codes)) => encode_dictionary(&words, &codes, page_lens, level, out),
        None => encode_plain(offsets, bytes, page_lens, out),
    }
}

fn string<'a>(offsets: &[u32], bytes: &'a [u8], i: usize) -> &'a [u8] {
    &bytes[offsets[i] as usize..offsets[i + 1] as usize]
}

/// The distinct strings and each string's place among them; `None` once there are too many.
fn dictionary(offsets: &[u32], bytes: &[u8]) -> Option<(Strings, Vec<u64>)> {
    let n = offsets.len().saturating_sub(1);
    let mut places: HashMap<&[u8], u64> = HashMap::new();
    let (mut words, mut codes) = (Strings::default(), Vec::with_capacity(n));
    for i in 0..n {
        let word = string(offsets, bytes, i);
        let next = places.len() as u64;
        let place = *places.entry(word).or_insert(next);
        if place == next {
            words.push(word);
            if words.len() * USES > n.max(USES) || words.len() > MAX_WORDS {
                return None;
            }
        }
        codes.push(place);
    }
    Some((words, codes))
}

fn encode_dictionary(words: &Strings, codes: &[u64], page_lens: &[usize], level: Level, out: &mut Vec<u8>) -> Pages {
    let start = out.len();
    let mut dictionary = Vec::new();
    encode_strings(words.offsets(), words.bytes(), &mut dictionary);
    out.push(DICTIONARY);
    put_bytes(out, &dictionary);
    let prefix =
        u32::try_from(out.len() - start).expect("a dictionary is a fraction of its block, and that is below 4 GiB");
    let mut pages = encode_u64(codes, page_lens, level, out);
    pages.header_len += prefix;
    pages
}

fn encode_plain(offsets: &[u32], bytes: &[u8], page_lens: &[usize], out: &mut Vec<u8>) -> Pages {
    let mut marks = Marks::new(out);
    out.push(PLAIN);
    marks.header(out);
    let mut at = 0;
    for &len in page_lens {
        encode_strings(&offsets[at..=at + len], bytes, out);
        marks.page(out);
        at += len;
    }
    marks.pages
}

/// Decodes one page of `n` strings and appends them: their bytes to `bytes`, the end of each to `offsets`, which gets a first
/// offset if it is empty. For several pages of a block open a [`BytesBlock`] once.
pub fn decode_bytes_page(
    header: &[u8],
    page: &[u8],
    n: usize,
    offsets: &mut Vec<u32>,
    bytes: &mut Vec<u8>,
) -> Result<()> {
    BytesBlock::open(header)?.page(page, n, offsets, bytes)
}

/// The header of a block of strings, ready to decode pages.
pub struct BytesBlock(Codec);

enum Codec {
    Dictionary(Strings, Box<IntBlock<u64>>),
    Plain,
}

impl BytesBlock {
    /// Reads a header, which must fill `header`.
    pub fn open(header: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(header);
        match reader.u8()? {
            DICTIONARY => {
                let mut dictionary = Reader::new(reader.bytes()?);
                let words = decode_strings(&mut dictionary, MAX_WORDS, MAX_PAGE_BYTES)?;
                dictionary.finish()?;
                Ok(Self(Codec::Dictionary(words, Box::new(IntBlock::open(reader.rest())?))))
            }
            PLAIN => {
                reader.finish()?;
                Ok(Self(Codec::Plain))
            }
            _ => Err(CodecError::Invalid("codec of a string block")),
        }
    }

    /// Decodes the page of `n` strings that fills `page` and appends them as [`decode_bytes_page`] does.
    pub fn page(&mut self, page: &[u8], n: usize, offsets: &mut Vec<u32>, bytes: &mut Vec<u8>) -> Result<()> {
        match &mut self.0 {
            Codec::Dictionary(words, block) => {
                let mut codes = Vec::new();
                block.page(page, n, &mut codes)?;
                let words = codes.iter().map(|&code| {
                    let place = usize::try_from(code).ok().filter(|&place| place < words.len());
                    place.map(|place| words.get(place)).ok_or(CodecError::Invalid("a string outside its dictionary"))
                });
                append(words, offsets, bytes)
            }
            Codec::Plain => {
                let mut reader = Reader::new(page);
                let strings = decode_strings(&mut reader, n, MAX_PAGE_BYTES)?;
                reader.finish()?;
                if strings.len() != n {
                    return Err(CodecError::Invalid("a page of strings holds fewer than its count says"));
                }
                append(strings.iter().map(Ok), offsets, bytes)
            }
        }
    }
}

fn append<'a>(
    strings: impl Iterator<Item = Result<&'a [u8]>>,
    offsets: &mut Vec<u32>,
    bytes: &mut Vec<u8>,
) -> Result<()> {
    let full = CodecError::TooLong { declared: u64::from(u32::MAX) + 1, limit: u64::from(u32::MAX) };
    let limit = bytes.len() + MAX_PAGE_BYTES;
    if offsets.is_empty() {
        offsets.push(u32::try_from(bytes.len()).map_err(|_| full)?);
    }
    for string in strings {
        let string = string?;
        if bytes.len() + string.len() > limit {
            return Err(CodecError::Invalid("a page of strings above 64 MiB"));
        }
        bytes.extend_from_slice(string);
        offsets.push(u32::try_from(bytes.len()).map_err(|_| full)?);
    }
    Ok(())
}
