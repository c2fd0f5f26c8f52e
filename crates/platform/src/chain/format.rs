//! The bytes of a chain's entry: one file, one entry.
//!
//! ```text
//! offset  size  what
//!      0     8  magic "ALVCHAIN"
//!      8     4  format version, u32 little endian: 1
//!     12     8  kind: the chain's name in ASCII, zeros behind it
//!     20     8  version of the entry, u64 little endian; the same as in the file's name
//!     28    16  cluster id
//!     44    16  put id: random, new for every attempt, tells one's own entry from another's equal one
//!     60     8  n: length of the payload, u64 little endian
//!     68     n  payload
//!   68+n     4  CRC-32 (IEEE), u32 little endian, of all bytes before it
//! ```
//!
//! Valid is: the magic; a file of 72+n bytes; the checksum; then the format version, kind, entry version and cluster as
//! expected. Formats to come keep the first 12 bytes and the trailing checksum, so that "from a newer release" and "damaged"
//! can be told apart.

use super::ChainError;

const MAGIC: &[u8; 8] = b"ALVCHAIN";
const FORMAT: u32 = 1;
const HEADER: usize = 68;
const CHECKSUM: usize = 4;

/// What stands before the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The chain's name, padded with zeros.
    pub(super) kind: [u8; 8],
    pub(super) version: u64,
    pub(super) cluster: [u8; 16],
    pub(super) put_id: [u8; 16],
}

/// The kind of a chain name: at most 8 bytes of it.
pub(super) fn kind_of(name: &str) -> [u8; 8] {
    let mut kind = [0; 8];
    kind.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
    kind
}

pub(super) fn encode(header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + payload.len() + CHECKSUM);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&header.kind);
    bytes.extend_from_slice(&header.version.to_le_bytes());
    bytes.extend_from_slice(&header.cluster);
    bytes.extend_from_slice(&header.put_id);
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    debug_assert_eq!(bytes.len(), HEADER);
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// Takes an entry apart, checking all that the bytes alone can tell. `path` is for the errors.
pub(super) fn decode(path: &str, mut bytes: Vec<u8>) -> Result<(Header, Vec<u8>), ChainError> {
    let damaged = |offset: usize, what: &str| {
        Err(ChainError::Damaged { path: path.to_owned(), offset: offset as u64, what: what.to_owned() })
    };
    if !bytes.starts_with(MAGIC) {
        return damaged(0, "it does not open with the magic of a chain entry");
    }
    if bytes.len() < HEADER + CHECKSUM {
        return damaged(bytes.len(), "it ends inside its header");
    }
    let end = bytes.len() - CHECKSUM;
    if crc32fast::hash(&bytes[..end]).to_le_bytes() != bytes[end..] {
        return damaged(end, "the checksum here does not fit the bytes before it");
    }
    let format = u32::from_le_bytes(array(&bytes, 8));
    if format != FORMAT {
        return Err(ChainError::UnknownFormat { path: path.to_owned(), format });
    }
    if u64::from_le_bytes(array(&bytes, 60)) != (end - HEADER) as u64 {
        return damaged(60, "the length here does not fit the file's");
    }
    let version = u64::from_le_bytes(array(&bytes, 20));
    let header = Header { kind: array(&bytes, 12), version, cluster: array(&bytes, 28), put_id: array(&bytes, 44) };
    bytes.truncate(end);
    bytes.drain(..HEADER);
    Ok((header, bytes))
}

/// `N` bytes at `offset`, which lies inside the header, whose length is checked before.
fn array<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[offset + i])
}
