//! Symbol tables for texts (after FSST): a byte stands for a string of one to eight bytes that occurs often. A block has one table
//! for all its pages; a page decodes by copying eight bytes a code.
//!
//! | part | bytes |
//! | --- | --- |
//! | table | how many symbols (1 byte, at most 255); the length of each (4 bits, 1 to 8); the symbols joined |
//! | text | codes, one byte each: the number of a symbol, or 255 and then a byte that stands for itself |

use crate::bits::{pack, packed_len, unpack};
use crate::varint::Reader;
use crate::{CodecError, Result};
use std::collections::HashMap;

const ESCAPE: u8 = 255;
/// Bytes of text from which a table is made.
const SAMPLE: usize = 8 << 10;
/// Stretches that the sample is taken from.
const STRETCHES: usize = 32;
/// How often the table is made better.
const ROUNDS: usize = 4;

const BAD_TABLE: CodecError = CodecError::Invalid("symbol table");
const BAD_TEXT: CodecError = CodecError::Invalid("text of symbols");

/// Up to eight bytes, the first one lowest, and their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Symbol {
    bytes: u64,
    len: u8,
}

impl Symbol {
    fn byte(byte: u8) -> Self {
        Self { bytes: u64::from(byte), len: 1 }
    }

    fn matches(self, word: u64) -> bool {
        (word ^ self.bytes) << (64 - 8 * u32::from(self.len)) == 0
    }

    /// Both, one behind the other, if they fit.
    fn join(self, next: Self) -> Option<Self> {
        let len = self.len + next.len;
        (len <= 8).then(|| Self { bytes: self.bytes | next.bytes << (8 * u32::from(self.len)), len })
    }
}

/// A symbol table.
pub(super) struct Table {
    symbols: Vec<Symbol>,
    /// By first byte: the numbers of the symbols that begin so, the longest first.
    by_first: Vec<Vec<u8>>,
}

/// The eight bytes from `at` on, zeros behind the end.
#[inline]
fn word(text: &[u8], at: usize) -> u64 {
    match text[at..].first_chunk::<8>() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => text[at..].iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

impl Table {
    /// A table for texts like this one.
    pub(super) fn of(text: &[u8]) -> Self {
        let sample = sample(text);
        let mut table = Self::with(Vec::new());
        for _ in 0..ROUNDS {
            table = Self::with(table.better(&sample));
        }
        table
    }

    fn with(symbols: Vec<Symbol>) -> Self {
        let mut by_first: Vec<Vec<u8>> = vec![Vec::new(); 256];
        for (number, symbol) in symbols.iter().enumerate() {
            by_first[usize::from(symbol.bytes as u8)].push(number as u8);
        }
        for list in &mut by_first {
            list.sort_by_key(|&number| std::cmp::Reverse(symbols[usize::from(number)].len));
        }
        Self { symbols, by_first }
    }

    /// The number of the longest symbol that stands at `at`.
    #[inline]
    fn find(&self, text: &[u8], at: usize) -> Option<u8> {
        let word = word(text, at);
        let left = text.len() - at;
        let list = &self.by_first[usize::from(word as u8)];
        let fits = |symbol: Symbol| usize::from(symbol.len) <= left && symbol.matches(word);
        list.iter().copied().find(|&number| fits(self.symbols[usize::from(number)]))
    }

    /// The symbols, and the joints of neighbours, that would have saved the most bytes.
    fn better(&self, sample: &[u8]) -> Vec<Symbol> {
        let mut gains: HashMap<Symbol, usize> = HashMap::new();
        let mut last: Option<Symbol> = None;
        let mut at = 0;
        while at < sample.len() {
            let found = self.find(sample, at).map(|number| self.symbols[usize::from(number)]);
            let symbol = found.unwrap_or(Symbol::byte(sample[at]));
            *gains.entry(symbol).or_default() += usize::from(symbol.len);
            if let Some(joint) = last.and_then(|last| last.join(symbol)) {
                *gains.entry(joint).or_default() += usize::from(joint.len);
            }
            // A single byte lets a table grow out of long symbols that are not quite right.
            if symbol.len > 1 {
                *gains.entry(Symbol::byte(sample[at])).or_default() += 1;
            }
            last = Some(symbol);
            at += usize::from(symbol.len);
        }
        let mut best: Vec<(usize, Symbol)> = gains.into_iter().map(|(symbol, gain)| (gain, symbol)).collect();
        best.sort_unstable_by(|a, b| b.cmp(a));
        best.truncate(usize::from(ESCAPE));
        best.into_iter().map(|(_, symbol)| symbol).collect()
    }

    /// Appends the table.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.push(self.symbols.len() as u8);
        pack(self.symbols.iter().map(|symbol| u64::from(symbol.len)), 4, out);
        for symbol in &self.symbols {
            out.extend_from_slice(&symbol.bytes.to_le_bytes()[..usize::from(symbol.len)]);
        }
    }

    /// Appends a text as codes.
    pub(super) fn encode(&self, text: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        while at < text.len() {
            if let Some(number) = self.find(text, at) {
                out.push(number);
                at += usize::from(self.symbols[usize::from(number)].len);
            } else {
                out.extend_from_slice(&[ESCAPE, text[at]]);
                at += 1;
            }
        }
    }
}

/// Stretches of a text, evenly spread.
fn sample(text: &[u8]) -> Vec<u8> {
    if text.len() <= SAMPLE {
        return text.to_vec();
    }
    let stretch = SAMPLE / STRETCHES;
    let starts = (0..STRETCHES).map(|i| (text.len() - stretch) / (STRETCHES - 1) * i);
    starts.flat_map(|start| text[start..start + stretch].iter().copied()).collect()
}

/// A symbol table that was read.
pub(super) struct Symbols {
    /// By code; the bytes of each, and how many; 0 for a code without a symbol.
    bytes: [u64; 256],
    lens: [u8; 256],
}

impl Symbols {
    /// Reads a table.
    pub(super) fn open(reader: &mut Reader<'_>) -> Result<Self> {
        let count = usize::from(reader.u8()?);
        let mut lens: Vec<u8> = Vec::new();
        unpack(reader.take(packed_len(count, 4))?, count, 4, &mut lens, |len| len as u8)?;
        let mut table = Self { bytes: [0; 256], lens: [0; 256] };
        for (code, len) in lens.into_iter().enumerate() {
            if !(1..=8).contains(&len) || code == usize::from(ESCAPE) {
                return Err(BAD_TABLE);
            }
            table.bytes[code] = word(reader.take(usize::from(len))?, 0);
            table.lens[code] = len;
        }
        Ok(table)
    }

    /// Appends the text of `len` bytes that the codes stand for.
    pub(super) fn decode(&self, codes: &[u8], len: usize, out: &mut Vec<u8>) -> Result<()> {
        // A code stands for eight bytes at most.
        if len > codes.len().saturating_mul(8) {
            return Err(BAD_TEXT);
        }
        let start = out.len();
        let end = start + len;
        out.resize(end + 8, 0);
        let (mut at, mut codes) = (start, codes.iter());
        while let Some(&code) = codes.next() {
            let (bytes, len) = match code {
                ESCAPE => (u64::from(*codes.next().ok_or(BAD_TEXT)?), 1),
                _ => (self.bytes[usize::from(code)], self.lens[usize::from(code)]),
            };
            let room = out.get_mut(at..).and_then(|tail| tail.first_chunk_mut::<8>()).ok_or(BAD_TEXT)?;
            *room = bytes.to_le_bytes();
            at += usize::from(len);
            if at > end || len == 0 {
                return Err(BAD_TEXT);
            }
        }
        out.truncate(end);
        if at == end { Ok(()) } else { Err(BAD_TEXT) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &[u8], like: &[u8]) -> usize {
        let table = Table::of(like);
        let (mut model, mut codes) = (Vec::new(), Vec::new());
        table.put(&mut model);
        table.encode(text, &mut codes);
        let mut reader = Reader::new(&model);
        let symbols = Symbols::open(&mut reader).unwrap();
        reader.finish().unwrap();
        let mut back = b"x".to_vec();
        symbols.decode(&codes, text.len(), &mut back).unwrap();
        assert_eq!(&back[1..], text);
        assert!(symbols.decode(&codes, text.len() + 1, &mut back).is_err());
        codes.len()
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text: Vec<u8>, like: Vec<u8>) {
            check(&text, &text);
            check(&text, &like);
        }

        #[test]
        fn texts_of_few_letters_come_back(text in proptest::collection::vec(b'a'..b'd', 0..3000)) {
            check(&text, &text);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(table: Vec<u8>, codes: Vec<u8>, len in 0usize..5000) {
            if let Ok(symbols) = Symbols::open(&mut Reader::new(&table)) {
                let mut out = Vec::new();
                let decoded = symbols.decode(&codes, len, &mut out);
                prop_assert!(decoded.is_err() || out.len() == len);
            }
        }
    }

    #[test]
    fn addresses_shrink_to_a_third() {
        let text: String =
            (0..2000).map(|i| format!("https://www.example.com/product/detail/{}", i * 7919 % 100_000)).collect();
        let size = check(text.as_bytes(), text.as_bytes());
        assert!(size * 3 < text.len(), "{size} of {}", text.len());
    }
}
