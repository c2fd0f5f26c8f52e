//! The bytes of a manifest: the payload of a chain's entry, which brings magic, ids and checksum.
//!
//! ```text
//! format     1 byte: 2
//! segments   number (varint); each:
//!   file       length (varint), bytes
//!   offset, length, lowest slot, highest slot (varints)
//!   times      least (zigzag varint), greatest minus least (varint)
//!   rows, level, slot up to which deletes are applied (varints)
//!   cold       1 byte: 1 if all its blocks are as small as they get, else 0
//!   tables     the measurements that it may have, see `tables.rs`
//! schema     number of measurements (varint); each: name (length, bytes), fields as in a segment's contents
//! next field id (varint)
//! folded     number of logs (varint); each: log id (16 bytes), slot (varint)
//! flushed    slot (varint): all rows up to it are in segments, or deleted
//! deleted    1 byte: 1 if a delete was ever folded in, else 0
//! tombstones number (varint); each: slot (varint), predicate (length, bytes; see `delete/format.rs`)
//! ```

use super::{Manifest, MeasurementSchema, SegmentEntry, SegmentRef, Tables};
use crate::delete::check_predicate;
use crate::segment::format::{put_fields, put_range, take_fields, take_range, take_u32};
use codec::{CodecError, Reader, put_bytes, put_u64};

const FORMAT: u8 = 2;

pub(super) fn encode(manifest: &Manifest) -> Vec<u8> {
    let mut out = vec![FORMAT];
    put_u64(&mut out, manifest.segments.len() as u64);
    for entry in &manifest.segments {
        put_entry(entry, &mut out);
    }
    put_u64(&mut out, manifest.schema.len() as u64);
    for entry in &manifest.schema {
        put_bytes(&mut out, &entry.measurement);
        put_fields(&entry.fields, &mut out);
    }
    put_u64(&mut out, u64::from(manifest.next_field));
    put_u64(&mut out, manifest.folded.len() as u64);
    for (log, slot) in &manifest.folded {
        out.extend_from_slice(log);
        put_u64(&mut out, *slot);
    }
    put_u64(&mut out, manifest.flushed);
    out.push(u8::from(manifest.is_deleted));
    put_u64(&mut out, manifest.tombstones.len() as u64);
    for (slot, predicate) in &manifest.tombstones {
        put_u64(&mut out, *slot);
        put_bytes(&mut out, predicate);
    }
    out
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Manifest, CodecError> {
    let mut reader = Reader::new(bytes);
    if reader.u8()? != FORMAT {
        return Err(CodecError::Invalid("the manifest has a format of a later release"));
    }
    let mut manifest = Manifest::default();
    for _ in 0..reader.count(reader.remaining())? {
        manifest.segments.push(take_entry(&mut reader)?);
    }
    for _ in 0..reader.count(reader.remaining())? {
        let measurement = reader.bytes()?.into();
        manifest.schema.push(MeasurementSchema { measurement, fields: take_fields(&mut reader)? });
    }
    manifest.next_field = take_u32(&mut reader)?;
    for _ in 0..reader.count(reader.remaining())? {
        let log = *reader.take(16)?.first_chunk().ok_or(CodecError::Invalid("log id"))?;
        manifest.folded.push((log, reader.varint()?));
    }
    manifest.flushed = reader.varint()?;
    manifest.is_deleted = reader.u8()? != 0;
    for _ in 0..reader.count(reader.remaining())? {
        let slot = reader.varint()?;
        let predicate = reader.bytes()?;
        check_predicate(predicate)?;
        manifest.tombstones.push((slot, predicate.to_vec()));
    }
    reader.finish()?;
    Ok(manifest)
}

/// Appends an entry; for flush records too.
pub(crate) fn put_entry(entry: &SegmentEntry, out: &mut Vec<u8>) {
    put_bytes(out, entry.place.file.as_bytes());
    for number in [entry.place.offset, entry.place.len, entry.slots.0, entry.slots.1] {
        put_u64(out, number);
    }
    put_range(&entry.range, out);
    put_u64(out, entry.rows);
    put_u64(out, u64::from(entry.level));
    put_u64(out, entry.purged);
    out.push(u8::from(entry.cold));
    entry.tables.put(out);
}

/// Reads what [`put_entry`] wrote.
pub(crate) fn take_entry(reader: &mut Reader<'_>) -> Result<SegmentEntry, CodecError> {
    let file = String::from_utf8(reader.bytes()?.to_vec()).map_err(|_| CodecError::Invalid("name of a file"))?;
    let place = SegmentRef { file, offset: reader.varint()?, len: reader.varint()? };
    Ok(SegmentEntry {
        place,
        slots: (reader.varint()?, reader.varint()?),
        range: take_range(reader)?,
        rows: reader.varint()?,
        level: take_u32(reader)?,
        purged: reader.varint()?,
        cold: match reader.u8()? {
            0 => false,
            1 => true,
            _ => return Err(CodecError::Invalid("whether a segment is cold")),
        },
        tables: Tables::take(reader)?,
    })
}
