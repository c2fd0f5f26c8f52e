//! The bytes of a log file: `log/NUMBER.log`, the number in 20 digits, ascending in order of writing. Numbers are little
//! endian.
//!
//! ```text
//! offset  size  what
//!      0    88  head
//!   4096    88  the same head again: a head is synced before the first record is written, so that two bad ones mean that
//!               the file was never begun
//!   8192     -  records, one behind the other, each at a multiple of 8; behind the last one zeros, or what the file held
//!               before it was used again. Zeros also fill a block of 4096 bytes up before definitions that fit a block but
//!               not this one any more, and between longer definitions and their copy (`copies.rs`)
//!
//! head
//!      0     8  magic "ALVLOG\r\n"
//!      8     4  format version: 3
//!     12    16  cluster id
//!     28    16  put id: random, new each time a file is begun
//!     44    16  log id: random, the same in all files of a log
//!     60     8  number of the file
//!     68     8  first slot: that of the first batch or flush in it; all slots below are durable
//!     76     8  length of the file in bytes, synced before the first record is written: one that is shorter was cut later
//!     84     4  CRC-32 of the 84 bytes before
//!
//! record
//!      0     4  marker: the first 4 bytes of the put id
//!      4     4  n: length of the payload
//!      8     4  kind: 1 definitions, 2 batch, 3 flush, 4 claim, 5 delete
//!     12     4  CRC-32 of the put id, then of bytes 0 to 11, then of bytes 16 to 31+n
//!     16     8  slot; definitions carry the slot of the record that they are for, their copy the same even if others stand
//!               between, a claim the one that it claims
//!     24     8  claimed slot: all slots up to it were durable when the record was made
//!     32     n  payload
//!   32+n     -  zeros up to a multiple of 8
//! ```
//!
//! The put id under the checksum keeps what a recycled file held before from being taken for a record of now.

use super::FOLDER;
use crate::Slot;
use codec::checksum::crc32_parts;

/// Where the second head stands.
pub(crate) const SECOND_HEAD: u64 = 4096;
/// Where records begin.
pub(crate) const RECORDS: u64 = 8192;

const MAGIC: &[u8; 8] = b"ALVLOG\r\n";
const VERSION: u32 = 3;
const HEAD: usize = 88;
const RECORD_HEAD: usize = 32;
const ALIGN: usize = 8;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Definitions of series, measurements and fields.
    Define,
    /// The rows of a batch.
    Batch,
    /// The segments of a flush.
    Flush,
    /// Nothing but the claimed slot.
    Claim,
    /// Which rows of lower slots are deleted.
    Delete,
}

impl Kind {
    fn code(self) -> u32 {
        match self {
            Self::Define => 1,
            Self::Batch => 2,
            Self::Flush => 3,
            Self::Claim => 4,
            Self::Delete => 5,
        }
    }

    fn of(code: u32) -> Option<Self> {
        [Self::Define, Self::Batch, Self::Flush, Self::Claim, Self::Delete].into_iter().find(|kind| kind.code() == code)
    }
}

/// The head of a log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) cluster: [u8; 16],
    pub(crate) put_id: [u8; 16],
    pub(crate) log_id: [u8; 16],
    pub(crate) number: u64,
    pub(crate) first_slot: Slot,
    /// Of the file, in bytes.
    pub(crate) len: u64,
}

/// Why a head was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadHead {
    /// Not what was written.
    Damaged,
    /// Whole, but of a later release.
    Version(u32),
}

impl Head {
    /// The head's bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.cluster);
        out.extend_from_slice(&self.put_id);
        out.extend_from_slice(&self.log_id);
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.first_slot.to_le_bytes());
        out.extend_from_slice(&self.len.to_le_bytes());
        codec::checksum::seal(&mut out, 0);
        out
    }

    /// Reads the head at `offset` of a file.
    pub(crate) fn decode(file: &[u8], offset: u64) -> Result<Self, BadHead> {
        let bytes = usize::try_from(offset).ok().and_then(|offset| file.get(offset..offset.checked_add(HEAD)?));
        let body = bytes.and_then(|bytes| codec::checksum::unseal(bytes).ok()).ok_or(BadHead::Damaged)?;
        if !body.starts_with(MAGIC) {
            return Err(BadHead::Damaged);
        }
        match u32::from_le_bytes(array(body, 8)) {
            VERSION => {}
            version => return Err(BadHead::Version(version)),
        }
        Ok(Self {
            cluster: array(body, 12),
            put_id: array(body, 28),
            log_id: array(body, 44),
            number: u64::from_le_bytes(array(body, 60)),
            first_slot: u64::from_le_bytes(array(body, 68)),
            len: u64::from_le_bytes(array(body, 76)),
        })
    }
}

/// A record, borrowed from the file's bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Record<'a> {
    pub(crate) kind: Kind,
    pub(crate) slot: Slot,
    pub(crate) claimed: Slot,
    pub(crate) payload: &'a [u8],
}

/// Bytes that a record with such a payload takes.
pub(crate) fn record_len(payload: usize) -> usize {
    (RECORD_HEAD + payload).next_multiple_of(ALIGN)
}

/// Appends a record whose payload is some parts joined. They must be below 4 GiB together.
pub(crate) fn put_record(put_id: &[u8; 16], kind: Kind, slot: Slot, claimed: Slot, parts: &[&[u8]], out: &mut Vec<u8>) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let start = out.len();
    out.reserve(record_len(len));
    out.extend_from_slice(&put_id[..4]);
    out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&kind.code().to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&slot.to_le_bytes());
    out.extend_from_slice(&claimed.to_le_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
    let sum = crc32_parts(&[put_id, &out[start..start + 12], &out[start + 16..]]);
    out[start + 12..start + 16].copy_from_slice(&sum.to_le_bytes());
    out.resize(start + record_len(len), 0);
}

/// The record at `offset` of a file, with the offset behind it; `None` if there is no whole one.
pub(crate) fn record_at<'a>(file: &'a [u8], offset: usize, put_id: &[u8; 16]) -> Option<(Record<'a>, usize)> {
    let head = file.get(offset..offset.checked_add(RECORD_HEAD)?)?;
    if head[..4] != put_id[..4] {
        return None;
    }
    let len = u32::from_le_bytes(array(head, 4)) as usize;
    let end = offset.checked_add(RECORD_HEAD)?.checked_add(len)?;
    let rest = file.get(offset + 16..end)?;
    if crc32_parts(&[put_id, &head[..12], rest]) != u32::from_le_bytes(array(head, 12)) {
        return None;
    }
    let record = Record {
        kind: Kind::of(u32::from_le_bytes(array(head, 8)))?,
        slot: u64::from_le_bytes(array(head, 16)),
        claimed: u64::from_le_bytes(array(head, 24)),
        payload: &file[offset + RECORD_HEAD..end],
    };
    Some((record, offset + record_len(len)))
}

/// The first whole record at or behind `offset`, with its offset and the one behind it.
pub(crate) fn next_record<'a>(file: &'a [u8], offset: usize, put_id: &[u8; 16]) -> Option<(usize, Record<'a>, usize)> {
    let mut at = offset.next_multiple_of(ALIGN);
    while at + RECORD_HEAD <= file.len() {
        if let Some((record, end)) = record_at(file, at, put_id) {
            return Some((at, record, end));
        }
        at += ALIGN;
    }
    None
}

/// The path of a log file.
pub(crate) fn path_of(number: u64) -> String {
    format!("{FOLDER}/{number:020}.log")
}

/// The number in a log file's name.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// `N` bytes at `offset`, which the caller knows to be there.
fn array<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    std::array::from_fn(|index| bytes[offset + index])
}
