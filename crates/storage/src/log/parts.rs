//! Series keys in definitions: cut at their commas, parts that were there a while ago are named by where they stand.
//!
//! Most of a new key is old: the measurement and all tags but one or two. Writer and reader keep the same small tables, one
//! for each of the first parts of a key; a part stands where its hash says, and the next one with that place replaces it.
//!
//! ```text
//! varint  number of parts, then for each part a varint:
//!   0      a new part: length (varint), bytes
//!   n      the part at place n - 1 of its table
//! ```

use codec::{CodecError, Reader, put_bytes, put_u64};

/// Tables; the parts behind share the last.
const TABLES: usize = 8;
/// Places of a table.
const PLACES: usize = 1 << 12;
/// Longer parts are not kept.
const MAX_KEPT: usize = 128;

/// The parts of the keys before.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Empty until the first part comes; an empty part is none.
    tables: [Vec<Vec<u8>>; TABLES],
}

/// The place of a part; the same in every process.
fn place_of(part: &[u8]) -> usize {
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (words, rest) = part.as_chunks::<8>();
    let hash = words.iter().fold(part.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let hash = mix(hash, u64::from_le_bytes(last));
    (hash >> 52) as usize % PLACES
}

impl Parts {
    /// Where a part stands in the table of the parts of this index; kept there from now on if it does not.
    fn place(&mut self, index: usize, part: &[u8]) -> Option<usize> {
        if part.is_empty() || part.len() > MAX_KEPT {
            return None;
        }
        let table = &mut self.tables[index.min(TABLES - 1)];
        if table.is_empty() {
            table.resize(PLACES, Vec::new());
        }
        let place = place_of(part);
        if *table[place] == *part {
            return Some(place);
        }
        table[place].clear();
        table[place].extend_from_slice(part);
        None
    }

    /// Appends a key.
    pub(super) fn put(&mut self, key: &[u8], out: &mut Vec<u8>) {
        let commas = key.iter().filter(|&&byte| byte == b',').count();
        put_u64(out, commas as u64 + 1);
        let mut rest = key;
        for index in 0..=commas {
            let end = rest.iter().position(|&byte| byte == b',').unwrap_or(rest.len());
            let part = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            match self.place(index, part) {
                Some(place) => put_u64(out, place as u64 + 1),
                None => {
                    out.push(0);
                    put_bytes(out, part);
                }
            }
        }
    }

    /// Reads a key and appends it.
    ///
    /// # Errors
    /// It is cut off, or names a part that was not there; some of it may have been appended.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>, key: &mut Vec<u8>) -> Result<(), CodecError> {
        for index in 0..reader.count(reader.remaining())? {
            if index > 0 {
                key.push(b',');
            }
            match reader.count(PLACES)? {
                0 => {
                    let part = reader.bytes()?;
                    self.place(index, part);
                    key.extend_from_slice(part);
                }
                number => {
                    let known = self.tables[index.min(TABLES - 1)].get(number - 1).filter(|part| !part.is_empty());
                    key.extend_from_slice(known.ok_or(CodecError::Invalid("part of a series key"))?);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(keys: &[Vec<u8>]) -> usize {
        let (mut out, mut writer) = (Vec::new(), Parts::default());
        keys.iter().for_each(|key| writer.put(key, &mut out));
        let (mut reader, mut parts) = (Reader::new(&out), Parts::default());
        for key in keys {
            let mut read = Vec::new();
            parts.read(&mut reader, &mut read).unwrap();
            assert_eq!(read, *key);
        }
        assert!(reader.is_empty());
        out.len()
    }

    proptest! {
        #[test]
        fn keys_come_back(keys in prop::collection::vec("[ab,\\\\=]{0,40}", 0..200)) {
            round_trip(&keys.into_iter().map(String::into_bytes).collect::<Vec<_>>());
        }

        #[test]
        fn whatever_comes_is_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let (mut reader, mut parts) = (Reader::new(&bytes), Parts::default());
            while !reader.is_empty() && parts.read(&mut reader, &mut Vec::new()).is_ok() {}
        }
    }

    #[test]
    fn keys_that_resemble_others_are_short() {
        let key =
            |i: u32| format!("http_requests,host=host-{},path=/api/v{},pod=pod-{i}", i % 1_000, i % 7).into_bytes();
        let keys: Vec<Vec<u8>> = (0..20_000).map(key).collect();
        let plain: usize = keys.iter().map(Vec::len).sum();
        assert!(round_trip(&keys) * 2 < plain);
    }
}
