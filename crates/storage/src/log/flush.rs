//! The payload of a flush record: the segments that a flush made.
//!
//! ```text
//! varint  number of shards, then for each:
//!           varint shard, varint k: all rows of the shard up to this slot are in segments,
//!           1 byte: 1, then the segment, as in a manifest; or 0 if all rows were deleted,
//!           varint number of measurements, each: name (length, bytes), its fields as in a manifest
//! ```
//!
//! A shard's manifest folds the record in later; until then the record is what names the segment.

use crate::manifest::{MeasurementSchema, SegmentEntry, put_entry, take_entry};
use crate::segment::format::{put_fields, take_fields};
use crate::{ShardId, Slot};
use codec::{CodecError, Reader, put_bytes, put_u64};

/// What a flush did to one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlushedShard {
    pub(crate) shard: ShardId,
    /// All rows of the shard up to this slot are in segments.
    pub(crate) k: Slot,
    /// `None` if no row was left.
    pub(crate) entry: Option<SegmentEntry>,
    /// The fields that the segment has, by measurement.
    pub(crate) schema: Vec<MeasurementSchema>,
}

/// The payload's bytes.
pub(crate) fn encode(shards: &[FlushedShard]) -> Vec<u8> {
    let mut out = Vec::new();
    put_u64(&mut out, shards.len() as u64);
    for flushed in shards {
        put_u64(&mut out, flushed.shard);
        put_u64(&mut out, flushed.k);
        out.push(u8::from(flushed.entry.is_some()));
        if let Some(entry) = &flushed.entry {
            put_entry(entry, &mut out);
        }
        put_u64(&mut out, flushed.schema.len() as u64);
        for measurement in &flushed.schema {
            put_bytes(&mut out, &measurement.measurement);
            put_fields(&measurement.fields, &mut out);
        }
    }
    out
}

/// Reads a payload.
///
/// # Errors
/// It is no such payload.
pub(crate) fn decode(payload: &[u8]) -> Result<Vec<FlushedShard>, CodecError> {
    let mut reader = Reader::new(payload);
    let mut shards = Vec::new();
    for _ in 0..reader.count(payload.len())? {
        let (shard, k) = (reader.varint()?, reader.varint()?);
        let entry = match reader.u8()? {
            0 => None,
            1 => Some(take_entry(&mut reader)?),
            _ => return Err(CodecError::Invalid("whether there is a segment")),
        };
        let mut schema = Vec::new();
        for _ in 0..reader.count(reader.remaining())? {
            let measurement = reader.bytes()?.into();
            schema.push(MeasurementSchema { measurement, fields: take_fields(&mut reader)? });
        }
        shards.push(FlushedShard { shard, k, entry, schema });
    }
    reader.finish()?;
    Ok(shards)
}
