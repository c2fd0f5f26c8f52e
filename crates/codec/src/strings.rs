//! Lists of byte strings: in any order, or sorted and front coded.
//!
//! Plain ([`encode_strings`]): the lengths as a column ([`crate::column`]), then a **text**: the strings joined.
//! Sorted ([`encode_sorted_strings`]): count (varint), bytes of all strings together (varint), then a text of, for each string,
//! how many bytes it shares with the one before (varint) and how many follow (varint), then a text of those that follow. (In one
//! text they took a quarter more; a million names of pods take 3.7 B each.)
//! A text is its length (varint), a kind byte (0 as it is, 1 zstd), the length of what follows (varint), and that.

use std::io::Read;

use crate::column::{decode_u64_column, encode_u64_column};
use crate::varint::{Reader, put_bytes, put_u64};
use crate::{CodecError, Result};

const RAW: u8 = 0;
const ZSTD: u8 = 1;
const ZSTD_LEVEL: i32 = 3;
/// Of sorted strings, where little repeats but single bytes: four times as fast, and not larger.
const SORTED_LEVEL: i32 = 1;

/// Texts shorter than this are not worth a zstd frame.
const ZSTD_FROM: usize = 64;

/// Byte strings in one buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strings {
    /// Where each string begins, and the end of the last.
    offsets: Vec<u32>,
    bytes: Vec<u8>,
}

impl Default for Strings {
    fn default() -> Self {
        Self { offsets: vec![0], bytes: Vec::new() }
    }
}

impl Strings {
    /// An empty list with room for so many strings, and bytes of all together.
    pub fn with_capacity(strings: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(strings + 1);
        offsets.push(0);
        Self { offsets, bytes: Vec::with_capacity(bytes) }
    }

    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// String `i`.
    ///
    /// # Panics
    /// If `i` is not below [`Strings::len`].
    pub fn get(&self, i: usize) -> &[u8] {
        &self.bytes[self.offsets[i] as usize..self.offsets[i + 1] as usize]
    }

    /// All strings in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// Appends a string.
    ///
    /// # Panics
    /// If all strings together pass 4 GiB.
    pub fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.offsets.push(u32::try_from(self.bytes.len()).expect("lists of strings are cut far below 4 GiB"));
    }

    /// The beginnings of all strings and the end of the last, into [`Strings::bytes`].
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// All strings joined.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Offsets and bytes, as [`Strings::offsets`] and [`Strings::bytes`] show them.
    pub fn into_parts(self) -> (Vec<u32>, Vec<u8>) {
        (self.offsets, self.bytes)
    }
}

impl<'a> FromIterator<&'a [u8]> for Strings {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(strings: I) -> Self {
        let mut list = Self::default();
        strings.into_iter().for_each(|string| list.push(string));
        list
    }
}

fn put_text(text: &[u8], level: i32, out: &mut Vec<u8>) {
    put_u64(out, text.len() as u64);
    let squeezed = if text.len() < ZSTD_FROM { None } else { zstd::bulk::compress(text, level).ok() };
    match squeezed {
        Some(squeezed) if squeezed.len() * 10 <= text.len() * 9 => {
            out.push(ZSTD);
            put_bytes(out, &squeezed);
        }
        _ => {
            out.push(RAW);
            put_bytes(out, text);
        }
    }
}

/// Reads a text that [`put_text`] wrote; one that declares more than `max` bytes is refused. Memory follows the bytes that come
/// out, not those that are declared.
fn take_text(reader: &mut Reader<'_>, max: usize) -> Result<Vec<u8>> {
    let len = reader.count(max)?;
    let kind = reader.u8()?;
    let stored = reader.bytes()?;
    let text = match kind {
        RAW => stored.to_vec(),
        ZSTD => inflate(stored, len).ok_or(CodecError::Invalid("zstd frame"))?,
        _ => return Err(CodecError::Invalid("kind of a text")),
    };
    if text.len() == len { Ok(text) } else { Err(CodecError::Invalid("a text is not as long as it says")) }
}

/// Unpacks a zstd frame up to one byte beyond `len`, so that a longer one shows. Memory follows what comes out.
pub(crate) fn inflate(stored: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut decoder = zstd::stream::Decoder::with_buffer(stored).ok()?;
    decoder.window_log_max(22).ok()?;
    let mut text = Vec::with_capacity(len.min(stored.len() * 8));
    decoder.take(len as u64 + 1).read_to_end(&mut text).ok()?;
    Some(text)
}

/// Appends a list of strings: string i is `bytes[offsets[i]..offsets[i + 1]]`.
///
/// # Panics
/// If the offsets do not ascend inside `bytes`.
pub fn encode_strings(offsets: &[u32], bytes: &[u8], out: &mut Vec<u8>) {
    let lens: Vec<u64> = offsets.windows(2).map(|pair| u64::from(pair[1] - pair[0])).collect();
    encode_u64_column(&lens, out);
    let (start, end) = (offsets.first().map_or(0, |&at| at as usize), offsets.last().map_or(0, |&at| at as usize));
    put_text(&bytes[start..end], ZSTD_LEVEL, out);
}

/// Reads a list of strings; more than `max` of them, or more than `max_bytes` together, are refused.
pub fn decode_strings(reader: &mut Reader<'_>, max: usize, max_bytes: usize) -> Result<Strings> {
    let lens = decode_u64_column(reader, max)?;
    let bytes = take_text(reader, max_bytes.min(u32::MAX as usize))?;
    let mut offsets = Vec::with_capacity(lens.len() + 1);
    offsets.push(0);
    let mut end = 0u64;
    for len in lens {
        end = end.saturating_add(len);
        if end > bytes.len() as u64 {
            return Err(CodecError::Invalid("strings longer than their text"));
        }
        offsets.push(end as u32);
    }
    if end != bytes.len() as u64 {
        return Err(CodecError::Invalid("strings shorter than their text"));
    }
    Ok(Strings { offsets, bytes })
}

/// Appends a list of strings front coded: small if they are sorted, right in any order.
pub fn encode_sorted_strings<'a>(strings: impl IntoIterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    let (mut lens, mut suffixes, mut n, mut total) = (Vec::new(), Vec::new(), 0u64, 0u64);
    let mut last: &[u8] = &[];
    for string in strings {
        let shared = last.iter().zip(string).take_while(|(a, b)| a == b).count();
        put_u64(&mut lens, shared as u64);
        put_u64(&mut lens, (string.len() - shared) as u64);
        suffixes.extend_from_slice(&string[shared..]);
        n += 1;
        total += string.len() as u64;
        last = string;
    }
    put_u64(out, n);
    put_u64(out, total);
    put_text(&lens, SORTED_LEVEL, out);
    put_text(&suffixes, SORTED_LEVEL, out);
}

/// Reads what [`encode_sorted_strings`] wrote; more than `max` strings, or more than `max_bytes` together, are refused.
pub fn decode_sorted_strings(reader: &mut Reader<'_>, max: usize, max_bytes: usize) -> Result<Strings> {
    let n = reader.count(max)?;
    let total = reader.count(max_bytes.min(u32::MAX as usize))?;
    let lens = take_text(reader, n.saturating_mul(20))?;
    let suffixes = take_text(reader, total)?;
    let (mut lens, mut suffixes) = (Reader::new(&lens), Reader::new(&suffixes));
    let room = total.min(suffixes.remaining().saturating_mul(4));
    let mut strings = Strings::with_capacity(n.min(lens.remaining()), room);
    let mut last = 0..0;
    for _ in 0..n {
        let shared = lens.count(last.len())?;
        let suffix = suffixes.take(lens.count(total)?)?;
        let start = strings.bytes.len();
        if start + shared + suffix.len() > total {
            return Err(CodecError::Invalid("strings longer than they say"));
        }
        strings.bytes.extend_from_within(last.start..last.start + shared);
        strings.push(suffix);
        last = start..strings.bytes.len();
    }
    lens.finish()?;
    suffixes.finish()?;
    if strings.bytes.len() == total { Ok(strings) } else { Err(CodecError::Invalid("strings shorter than they say")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list() -> impl Strategy<Value = Vec<Vec<u8>>> {
        proptest::collection::vec(proptest::collection::vec(b'a'..b'd', 0..40), 0..80)
    }

    proptest! {
        #[test]
        fn lists_round_trip(strings in list()) {
            let strings: Strings = strings.iter().map(Vec::as_slice).collect();
            let mut out = Vec::new();
            encode_strings(strings.offsets(), strings.bytes(), &mut out);
            encode_sorted_strings(strings.iter(), &mut out);
            let (n, total) = (strings.len(), strings.bytes().len());
            let mut reader = Reader::new(&out);
            prop_assert_eq!(&decode_strings(&mut reader, n, total).unwrap(), &strings);
            prop_assert_eq!(&decode_sorted_strings(&mut reader, n, total).unwrap(), &strings);
            reader.finish().unwrap();
            if total > 0 {
                prop_assert!(decode_strings(&mut Reader::new(&out), n, total - 1).is_err());
                prop_assert!(decode_strings(&mut Reader::new(&out), n - 1, total).is_err());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode_strings(&mut Reader::new(&bytes), 1000, 1000);
            let _ = decode_sorted_strings(&mut Reader::new(&bytes), 1000, 1000);
        }

        #[test]
        fn damage_is_read_or_refused(strings in list(), at: proptest::sample::Index, bit in 0u8..8) {
            let strings: Strings = strings.iter().map(Vec::as_slice).collect();
            let mut out = Vec::new();
            encode_sorted_strings(strings.iter(), &mut out);
            let at = at.index(out.len());
            out[at] ^= 1 << bit;
            let _ = decode_sorted_strings(&mut Reader::new(&out), 1 << 16, 1 << 20);
        }
    }

    #[test]
    fn sorted_keys_shrink() {
        let keys: Vec<String> = (0..1000).map(|i| format!("cpu,host=host_{i:04},region=eu")).collect();
        let mut out = Vec::new();
        encode_sorted_strings(keys.iter().map(String::as_bytes), &mut out);
        assert!(out.len() < 3000, "{}", out.len());
    }
}
