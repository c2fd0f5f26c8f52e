//! The bytes of a segment, outside in. Numbers of fixed width are little endian; varints and columns are `codec`'s. All
//! offsets count from the segment's first byte, as a segment may lie anywhere in a file.
//!
//! ```text
//! head       fixed, see below
//! blocks     of all measurements, as the directories say
//! per measurement: directory (`directory.rs`), index (`index.rs`)
//! contents   what is where, and a summary
//! footer     fixed, see below; the segment's last bytes
//!
//! head                                      footer
//! offset size                               offset size
//!      0    8  magic "ALVSEGMT"                  0    8  offset of the contents
//!      8    4  format version: 2                 8    8  length of the contents
//!     12   16  cluster id                       16    4  CRC-32 of the contents
//!     28   16  put id                           20    8  magic "ALVSEGND"
//!     44    8  shard                            28    4  CRC-32 of the 28 bytes before
//!     52    4  CRC-32 of the 52 bytes before
//!
//! contents   lowest slot, highest slot (varints); number of measurements (varint); for each, ascending by name:
//!   name       length (varint), bytes
//!   rows       varint; rows that fall into several column groups count once in each
//!   series     varint
//!   times      least, greatest minus least (zigzag varint, varint)
//!   fields     number (varint); each: name (length, bytes), type (1 byte, below), id (varint); ascending by id
//!   directory  offset, length (varints), CRC-32 (4 bytes)
//!   index      offset, length (varints), CRC-32 (4 bytes)
//!
//! types      0 float, 1 integer, 2 unsigned, 3 string, 4 boolean
//! ```

use crate::schema::FieldKey;
use crate::{ShardId, Slot};
use codec::{CodecError, Reader, crc32, put_bytes, put_i64, put_u64};
use model::{FieldType, Text, TimeRange};

/// Length of the head in bytes.
pub(crate) const HEAD: usize = 56;
/// Length of the footer in bytes.
pub(crate) const FOOTER: usize = 32;
/// The format that is written, and the only one that is read.
pub(crate) const VERSION: u32 = 2;

const MAGIC: &[u8; 8] = b"ALVSEGMT";
/// What a footer has at offset 20.
pub(super) const END_MAGIC: &[u8; 8] = b"ALVSEGND";

/// Whose segment it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The data folder's id.
    pub(crate) cluster: [u8; 16],
    /// Random, new for every attempt to write.
    pub(crate) put_id: [u8; 16],
    /// The shard that the rows belong to.
    pub(crate) shard: ShardId,
}

/// A piece of the segment with its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// Offset in the segment.
    pub(crate) offset: u64,
    /// Length in bytes.
    pub(crate) len: u64,
    /// CRC-32.
    pub(crate) crc: u32,
}

/// One measurement of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MeasurementEntry {
    /// Its name, unescaped.
    pub(crate) name: Text,
    /// Rows; one that falls into several column groups counts once in each.
    pub(crate) rows: u64,
    /// Number of series.
    pub(crate) series: u32,
    /// Bounds of the times.
    pub(crate) range: TimeRange,
    /// The fields, ascending by id.
    pub(crate) fields: Vec<FieldKey>,
    /// Where its pages are described.
    pub(crate) directory: Section,
    /// Where its series are described.
    pub(crate) index: Section,
}

/// What is in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The lowest and the highest slot whose rows may be in here.
    pub(crate) slots: (Slot, Slot),
    /// Ascending by name.
    pub(crate) measurements: Vec<MeasurementEntry>,
}

impl Contents {
    /// Where in [`Contents::measurements`] one is.
    pub(crate) fn find(&self, measurement: &[u8]) -> Option<usize> {
        self.measurements.binary_search_by(|entry| (*entry.name).cmp(measurement)).ok()
    }
}

pub(crate) fn encode_head(identity: &Identity) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&identity.cluster);
    out.extend_from_slice(&identity.put_id);
    out.extend_from_slice(&identity.shard.to_le_bytes());
    codec::checksum::seal(&mut out, 0);
    out
}

pub(crate) fn decode_head(bytes: &[u8]) -> Result<Identity, CodecError> {
    let mut head = Reader::new(bytes);
    if head.take(8)? != MAGIC {
        return Err(CodecError::Invalid("a segment does not begin here"));
    }
    let body = codec::checksum::unseal(bytes)?;
    let mut head = Reader::new(&body[8..]);
    if head.u32()? != VERSION {
        return Err(CodecError::Invalid("the segment has a format of a later release"));
    }
    let identity = Identity { cluster: array(head.take(16)?), put_id: array(head.take(16)?), shard: head.u64()? };
    head.finish()?;
    Ok(identity)
}

fn array(bytes: &[u8]) -> [u8; 16] {
    std::array::from_fn(|i| bytes[i])
}

pub(crate) fn encode_footer(contents: &Section) -> Vec<u8> {
    let mut out = Vec::with_capacity(FOOTER);
    out.extend_from_slice(&contents.offset.to_le_bytes());
    out.extend_from_slice(&contents.len.to_le_bytes());
    out.extend_from_slice(&contents.crc.to_le_bytes());
    out.extend_from_slice(END_MAGIC);
    codec::checksum::seal(&mut out, 0);
    out
}

/// The section of the contents of a segment of `len` bytes.
pub(crate) fn decode_footer(bytes: &[u8], len: u64) -> Result<Section, CodecError> {
    let mut footer = Reader::new(codec::checksum::unseal(bytes)?);
    let section = Section { offset: footer.u64()?, len: footer.u64()?, crc: footer.u32()? };
    if footer.take(8)? != END_MAGIC {
        return Err(CodecError::Invalid("a segment does not end here"));
    }
    footer.finish()?;
    check_section(section, len)
}

fn check_section(section: Section, len: u64) -> Result<Section, CodecError> {
    match section.offset.checked_add(section.len) {
        Some(end) if end <= len => Ok(section),
        _ => Err(CodecError::Invalid("a section reaches beyond its segment")),
    }
}

/// The bytes of a section, if they have its checksum.
pub(crate) fn check_crc<'a>(section: &Section, bytes: &'a [u8]) -> Result<&'a [u8], CodecError> {
    if crc32(bytes) == section.crc { Ok(bytes) } else { Err(CodecError::Invalid("checksum mismatch")) }
}

pub(crate) fn type_code(field_type: FieldType) -> u8 {
    match field_type {
        FieldType::Float => 0,
        FieldType::Integer => 1,
        FieldType::Unsigned => 2,
        FieldType::String => 3,
        FieldType::Boolean => 4,
    }
}

pub(crate) fn type_of(code: u8) -> Result<FieldType, CodecError> {
    FieldType::ALL.into_iter().find(|&t| type_code(t) == code).ok_or(CodecError::Invalid("type of a field"))
}

/// Appends fields: their number, then name, type and id of each.
pub(crate) fn put_fields(fields: &[FieldKey], out: &mut Vec<u8>) {
    put_u64(out, fields.len() as u64);
    for field in fields {
        put_bytes(out, &field.name);
        out.push(type_code(field.field_type));
        put_u64(out, u64::from(field.id));
    }
}

/// Reads what [`put_fields`] wrote.
pub(crate) fn take_fields(reader: &mut Reader<'_>) -> Result<Vec<FieldKey>, CodecError> {
    let count = reader.count(reader.remaining())?;
    let mut fields = Vec::new();
    for _ in 0..count {
        let name = reader.bytes()?.into();
        let field_type = type_of(reader.u8()?)?;
        fields.push(FieldKey { name, field_type, id: take_u32(reader)? });
    }
    Ok(fields)
}

/// A varint of at most 32 bits.
pub(crate) fn take_u32(reader: &mut Reader<'_>) -> Result<u32, CodecError> {
    u32::try_from(reader.varint()?).map_err(|_| CodecError::Invalid("number above 32 bits"))
}

/// Appends a range of times: its start, then its length.
pub(crate) fn put_range(range: &TimeRange, out: &mut Vec<u8>) {
    put_i64(out, range.start);
    put_u64(out, range.end.abs_diff(range.start));
}

/// Reads what [`put_range`] wrote.
pub(crate) fn take_range(reader: &mut Reader<'_>) -> Result<TimeRange, CodecError> {
    let start = reader.varint_i64()?;
    let end = start.checked_add_unsigned(reader.varint()?).ok_or(CodecError::Invalid("time above 64 bits"))?;
    Ok(TimeRange { start, end })
}

fn put_section(section: &Section, out: &mut Vec<u8>) {
    put_u64(out, section.offset);
    put_u64(out, section.len);
    out.extend_from_slice(&section.crc.to_le_bytes());
}

fn take_section(reader: &mut Reader<'_>, len: u64) -> Result<Section, CodecError> {
    check_section(Section { offset: reader.varint()?, len: reader.varint()?, crc: reader.u32()? }, len)
}

pub(crate) fn encode_contents(contents: &Contents) -> Vec<u8> {
    let mut out = Vec::new();
    put_u64(&mut out, contents.slots.0);
    put_u64(&mut out, contents.slots.1);
    put_u64(&mut out, contents.measurements.len() as u64);
    for entry in &contents.measurements {
        put_bytes(&mut out, &entry.name);
        put_u64(&mut out, entry.rows);
        put_u64(&mut out, u64::from(entry.series));
        put_range(&entry.range, &mut out);
        put_fields(&entry.fields, &mut out);
        put_section(&entry.directory, &mut out);
        put_section(&entry.index, &mut out);
    }
    out
}

/// Reads the contents of a segment of `len` bytes.
pub(crate) fn decode_contents(bytes: &[u8], len: u64) -> Result<Contents, CodecError> {
    let mut reader = Reader::new(bytes);
    let slots = (reader.varint()?, reader.varint()?);
    let count = reader.count(reader.remaining())?;
    let mut measurements = Vec::new();
    for _ in 0..count {
        measurements.push(MeasurementEntry {
            name: reader.bytes()?.into(),
            rows: reader.varint()?,
            series: take_u32(&mut reader)?,
            range: take_range(&mut reader)?,
            fields: take_fields(&mut reader)?,
            directory: take_section(&mut reader, len)?,
            index: take_section(&mut reader, len)?,
        });
    }
    reader.finish()?;
    if !measurements.is_sorted_by(|a, b| a.name < b.name) {
        return Err(CodecError::Invalid("measurements out of order"));
    }
    Ok(Contents { slots, measurements })
}
