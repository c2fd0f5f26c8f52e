//! Blocks of strings.
//!
//! | codec (1 byte) | model | a page |
//! | --- | --- | --- |
//! | 0 dictionary | length of the dictionary (varint), the dictionary as [`encode_strings`] writes it, header of an integer block | a page of that block: which string of the dictionary |
//! | 1 plain | header of an integer block | length of a page of that block (varint), that page: the strings' lengths; the strings joined |
//! | 2 symbols | symbol table (`symbols.rs`), header of an integer block | as 1, but the strings joined are codes of the table |
//! | 3 squeezed | header of an integer block | as 1, but the strings joined are a zstd frame |
//!
//! The dictionary lists strings in the order of their first use. It is taken where strings repeat four times on
//! average, and holds 65,536 at most. Symbols are taken where they save a tenth of plain, and zstd in a cold block where it saves a
//! tenth of these.

use std::collections::HashMap;

use super::integer::{IntBlock, encode_u64};
use super::symbols::{Symbols, Table};
use super::{Level, Marks, Pages};
use crate::strings::{Strings, decode_strings, encode_strings, inflate};
use crate::varint::{Reader, put_bytes};
use crate::{CodecError, Result};

const DICTIONARY: u8 = 0;
const PLAIN: u8 = 1;
const SYMBOLS: u8 = 2;
const SQUEEZED: u8 = 3;

/// zstd's level in cold blocks.
const ZSTD_LEVEL: i32 = 6;

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
        None => encode_texts(offsets, bytes, page_lens, level, out),
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

/// Appends the smallest of plain, symbols and squeezed.
fn encode_texts(offsets: &[u32], bytes: &[u8], page_lens: &[usize], level: Level, out: &mut Vec<u8>) -> Pages {
    let mut at = 0;
    let text = |&len: &usize| {
        let start = at;
        at += len;
        &bytes[offsets[start] as usize..offsets[at] as usize]
    };
    let texts: Vec<&[u8]> = page_lens.iter().map(text).collect();
    let plain: usize = texts.iter().map(|text| text.len()).sum();
    let mut best = (PLAIN, Vec::new(), texts.iter().map(|text| text.to_vec()).collect::<Vec<_>>());
    let mut least = plain;
    if plain > 0 {
        let table = Table::of(&bytes[offsets[0] as usize..offsets[at] as usize]);
        let mut model = Vec::new();
        table.put(&mut model);
        let code = |text: &&[u8]| {
            let mut codes = Vec::new();
            table.encode(text, &mut codes);
            codes
        };
        let codes: Vec<Vec<u8>> = texts.iter().map(code).collect();
        let size = model.len() + codes.iter().map(Vec::len).sum::<usize>();
        if size * 10 <= plain * 9 {
            (best, least) = ((SYMBOLS, model, codes), size);
        }
    }
    if level == Level::Cold {
        let frames: Option<Vec<Vec<u8>>> =
            texts.iter().map(|text| zstd::bulk::compress(text, ZSTD_LEVEL).ok()).collect();
        if let Some(frames) = frames
            && frames.iter().map(Vec::len).sum::<usize>() * 10 <= least * 9
        {
            best = (SQUEEZED, Vec::new(), frames);
        }
    }
    let (codec, model, parts) = best;
    let lens: Vec<u64> = offsets.windows(2).map(|pair| u64::from(pair[1] - pair[0])).collect();
    let mut block = Vec::new();
    let pages = encode_u64(&lens, page_lens, level, &mut block);
    let mut marks = Marks::new(out);
    out.push(codec);
    out.extend_from_slice(&model);
    out.extend_from_slice(&block[..pages.header_len as usize]);
    marks.header(out);
    for (lens, part) in pages.parts(&block).zip(parts) {
        put_bytes(out, lens);
        out.extend_from_slice(&part);
        marks.page(out);
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
    Texts(Kind, Box<IntBlock<u64>>),
}

enum Kind {
    Plain,
    Symbols(Box<Symbols>),
    Squeezed,
}

impl BytesBlock {
    /// Reads a header, which must fill `header`.
    pub fn open(header: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(header);
        let kind = match reader.u8()? {
            DICTIONARY => {
                let mut dictionary = Reader::new(reader.bytes()?);
                let words = decode_strings(&mut dictionary, MAX_WORDS, MAX_PAGE_BYTES)?;
                dictionary.finish()?;
                return Ok(Self(Codec::Dictionary(words, Box::new(IntBlock::open(reader.rest())?))));
            }
            PLAIN => Kind::Plain,
            SYMBOLS => Kind::Symbols(Box::new(Symbols::open(&mut reader)?)),
            SQUEEZED => Kind::Squeezed,
            _ => return Err(CodecError::Invalid("codec of a string block")),
        };
        Ok(Self(Codec::Texts(kind, Box::new(IntBlock::open(reader.rest())?))))
    }

    /// What the block's codec is called.
    pub fn codec(&self) -> &'static str {
        match &self.0 {
            Codec::Dictionary(..) => "dictionary",
            Codec::Texts(Kind::Plain, _) => "plain",
            Codec::Texts(Kind::Symbols(_), _) => "symbols",
            Codec::Texts(Kind::Squeezed, _) => "squeezed",
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
            Codec::Texts(kind, block) => {
                let mut reader = Reader::new(page);
                let mut lens = Vec::new();
                block.page(reader.bytes()?, n, &mut lens)?;
                texts_page(kind, reader.rest(), &lens, offsets, bytes)
            }
        }
    }
}

fn texts_page(kind: &Kind, text: &[u8], lens: &[u64], offsets: &mut Vec<u32>, bytes: &mut Vec<u8>) -> Result<()> {
    let total = lens.iter().fold(0u64, |total, &len| total.saturating_add(len));
    let total = usize::try_from(total).ok().filter(|&total| total <= MAX_PAGE_BYTES).ok_or(TOO_LARGE)?;
    if bytes.len() + total > u32::MAX as usize {
        return Err(CodecError::TooLong { declared: (bytes.len() + total) as u64, limit: u64::from(u32::MAX) });
    }
    let start = bytes.len();
    match kind {
        Kind::Plain => bytes.extend_from_slice(text),
        Kind::Symbols(symbols) => symbols.decode(text, total, bytes)?,
        Kind::Squeezed => {
            bytes.extend_from_slice(&inflate(text, total).ok_or(CodecError::Invalid("zstd frame"))?);
        }
    }
    if bytes.len() - start != total {
        return Err(CodecError::Invalid("strings are not as long as their text"));
    }
    let mut end = start as u32;
    if offsets.is_empty() {
        offsets.push(end);
    }
    offsets.extend(lens.iter().map(|&len| {
        end += len as u32;
        end
    }));
    Ok(())
}

const TOO_LARGE: CodecError = CodecError::Invalid("a page of strings above 64 MiB");

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
            return Err(TOO_LARGE);
        }
        bytes.extend_from_slice(string);
        offsets.push(u32::try_from(bytes.len()).map_err(|_| full)?);
    }
    Ok(())
}
