//! Which measurements a segment may have, known without its file: a query of another measurement need not open it, and is
//! answered though the file is lost.
//!
//! ```text
//! number (varint), at most 1,024; 0: nothing is known, as there are more
//! each: CRC-32 of the measurement's name (4 bytes, little endian), ascending, no two alike
//! ```

use codec::{CodecError, Reader, crc32, put_u64};
use std::sync::Arc;

/// Measurements above which they are not noted: a manifest is written whole with every change.
const MOST: usize = 1_024;

/// The measurements of a segment, by checksums of their names. Two names may share one: then it is said to have both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tables {
    /// Ascending; empty if nothing is known.
    sums: Arc<[u32]>,
}

impl Tables {
    /// The measurements of these names.
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut sums: Vec<u32> = names.map(crc32).collect();
        sums.sort_unstable();
        sums.dedup();
        if sums.len() > MOST { Self::default() } else { Self { sums: sums.into() } }
    }

    /// False only if the measurement is not there.
    pub(crate) fn may_have(&self, name: &[u8]) -> bool {
        self.sums.is_empty() || self.sums.binary_search(&crc32(name)).is_ok()
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_u64(out, self.sums.len() as u64);
        self.sums.iter().for_each(|sum| out.extend_from_slice(&sum.to_le_bytes()));
    }

    pub(super) fn take(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let count = reader.count(MOST)?;
        let (bytes, _) = reader.take(4 * count)?.as_chunks::<4>();
        let sums: Arc<[u32]> = bytes.iter().map(|sum| u32::from_le_bytes(*sum)).collect();
        if !sums.is_sorted_by(|a, b| a < b) {
            return Err(CodecError::Invalid("measurements of a segment out of order"));
        }
        Ok(Self { sums })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_there_is_never_denied(names in proptest::collection::btree_set("[a-z]{1,3}", 0..60)) {
            let tables = Tables::new(names.iter().map(String::as_bytes));
            let mut bytes = Vec::new();
            tables.put(&mut bytes);
            let mut reader = Reader::new(&bytes);
            let read = Tables::take(&mut reader).unwrap();
            prop_assert!(reader.finish().is_ok());
            prop_assert_eq!(&read, &tables);
            prop_assert!(names.iter().all(|name| read.may_have(name.as_bytes())));
            prop_assert_eq!(read.may_have(b"another name"), names.is_empty());
        }
    }

    #[test]
    fn too_many_are_not_noted() {
        let names: Vec<String> = (0..=MOST).map(|at| at.to_string()).collect();
        assert!(!Tables::new(names[1..].iter().map(String::as_bytes)).may_have(b"x"));
        assert!(Tables::new(names.iter().map(String::as_bytes)).may_have(b"x"));
    }

    #[test]
    fn disorder_is_refused() {
        let take = |sums: [u8; 2]| Tables::take(&mut Reader::new(&[2, sums[0], 0, 0, 0, sums[1], 0, 0, 0])).is_ok();
        assert!(take([1, 2]) && !take([2, 1]) && !take([1, 1]));
    }
}
