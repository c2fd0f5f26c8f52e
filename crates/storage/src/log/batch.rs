//! The payload of a batch record: the rows of one batch, column by column.
//!
//! ```text
//! varint  number of parts, then for each part its head:
//!           varint shard, varint measurement, varint rows (1 or more),
//!           series of each row (packed ids),
//!           varint columns, then for each the number of its field (varint); its type is the field's
//! then for each part its body:
//!           times (packed),
//!           for each column: 0 if every row has a value, else 1, varint count, rows that have one (packed ids);
//!                            then the values (packed)
//! ```
//!
//! Measurements, series and fields are numbers of the file's definitions. Packing is `codec::pack`'s. The body needs no
//! number of the file, so that the writing thread encodes it before it knows which file the batch goes to.

use super::dictionary::{ReaderDictionary, WriterDictionary};
use crate::run::Chunk;
use crate::schema::FieldKey;
use crate::{ShardId, Slot};
use codec::pack;
use codec::{CodecError, Reader, put_u64};
use model::{Column, Presence, Strings, Text, Values};

/// Most rows that a part may declare; far above what fits into a request.
const MAX_ROWS: usize = 1 << 28;

/// Appends the bodies of the parts.
pub(crate) fn encode_body(parts: &[(ShardId, Chunk)], out: &mut Vec<u8>) {
    for (_, chunk) in parts {
        pack::pack_times(&chunk.times, out);
        for (_, column) in &chunk.columns {
            encode_column(column, out);
        }
    }
}

fn encode_column(column: &Column, out: &mut Vec<u8>) {
    match &column.presence {
        Presence::Dense => out.push(0),
        Presence::Sparse(rows) => {
            out.push(1);
            put_u64(out, rows.len() as u64);
            pack::pack_u32(rows, out);
        }
    }
    match &column.values {
        Values::Float(values) => pack::pack_f64(values, out),
        Values::Integer(values) => pack::pack_i64(values, out),
        Values::Unsigned(values) => pack::pack_u64(values, out),
        Values::Boolean(values) => pack::pack_bool(values, out),
        Values::String(values) => {
            let mut offsets = Vec::with_capacity(values.len() + 1);
            offsets.push(0);
            offsets.extend_from_slice(values.ends());
            pack::pack_strings(&offsets, values.bytes(), out);
        }
    }
}

/// Appends the heads of the parts.
pub(crate) fn encode_heads(parts: &[(ShardId, Chunk)], dictionary: &mut WriterDictionary, out: &mut Vec<u8>) {
    put_u64(out, parts.len() as u64);
    for (shard, chunk) in parts {
        let measurement = dictionary.measurement(&chunk.measurement);
        put_u64(out, *shard);
        put_u64(out, u64::from(measurement));
        put_u64(out, chunk.times.len() as u64);
        pack::pack_u32(&dictionary.series(&chunk.series, &chunk.ids), out);
        put_u64(out, chunk.columns.len() as u64);
        for (key, _) in &chunk.columns {
            put_u64(out, u64::from(dictionary.field(*shard, measurement, key)));
        }
    }
}

/// The rows of one part as a file has them.
#[derive(Debug)]
pub(crate) struct LoggedPart {
    pub(crate) slot: Slot,
    pub(crate) shard: ShardId,
    pub(crate) measurement: Text,
    /// For each row the number of its series in the file.
    pub(crate) series: Vec<u32>,
    pub(crate) times: Vec<i64>,
    pub(crate) columns: Vec<(FieldKey, Column)>,
}

/// Reads the payload of a batch record.
///
/// # Errors
/// It is no such payload, or names what the file did not define.
pub(crate) fn decode(slot: Slot, payload: &[u8], dictionary: &ReaderDictionary) -> Result<Vec<LoggedPart>, CodecError> {
    let mut reader = Reader::new(payload);
    let count = reader.count(payload.len())?;
    let mut parts = Vec::new();
    for _ in 0..count {
        parts.push(decode_head(slot, &mut reader, dictionary)?);
    }
    for part in &mut parts {
        let rows = part.series.len();
        pack::unpack_times(&mut reader, rows, &mut part.times)?;
        for (_, column) in &mut part.columns {
            *column = decode_column(&mut reader, rows, column)?;
        }
    }
    reader.finish()?;
    Ok(parts)
}

fn decode_head(slot: Slot, reader: &mut Reader<'_>, dictionary: &ReaderDictionary) -> Result<LoggedPart, CodecError> {
    let shard = reader.varint()?;
    let measurement = reader.varint()?;
    let name = usize::try_from(measurement).ok().and_then(|at| dictionary.measurements.get(at));
    let name = name.ok_or(CodecError::Invalid("measurement that is not defined"))?;
    let rows = reader.count(MAX_ROWS)?;
    let mut series = Vec::new();
    pack::unpack_u32(reader, rows, &mut series)?;
    if series.iter().any(|&number| number as usize >= dictionary.series.len()) {
        return Err(CodecError::Invalid("series that is not defined"));
    }
    let mut columns = Vec::new();
    for _ in 0..reader.count(reader.remaining())? {
        let at = reader.count(dictionary.fields.len())?;
        let field = dictionary.fields.get(at).filter(|field| field.shard == shard);
        let key = field.ok_or(CodecError::Invalid("field that is not defined"))?.key.clone();
        let column = Column::new(key.field_type);
        columns.push((key, column));
    }
    Ok(LoggedPart { slot, shard, measurement: name.clone(), series, times: Vec::new(), columns })
}

fn decode_column(reader: &mut Reader<'_>, rows: usize, empty: &Column) -> Result<Column, CodecError> {
    let presence = match reader.u8()? {
        0 => Presence::Dense,
        1 => {
            let count = reader.count(rows)?;
            let mut present = Vec::new();
            pack::unpack_u32(reader, count, &mut present)?;
            let inside = present.last().is_none_or(|&last| (last as usize) < rows);
            if !inside || !present.is_sorted_by(|a, b| a < b) {
                return Err(CodecError::Invalid("rows of a column"));
            }
            Presence::Sparse(present)
        }
        _ => return Err(CodecError::Invalid("presence of a column")),
    };
    let count = match &presence {
        Presence::Dense => rows,
        Presence::Sparse(present) => present.len(),
    };
    let mut values = empty.values.clone();
    match &mut values {
        Values::Float(values) => pack::unpack_f64(reader, count, values)?,
        Values::Integer(values) => pack::unpack_i64(reader, count, values)?,
        Values::Unsigned(values) => pack::unpack_u64(reader, count, values)?,
        Values::Boolean(values) => pack::unpack_bool(reader, count, values)?,
        Values::String(values) => {
            let read = pack::unpack_strings(reader, count)?;
            let mut strings = Strings::new();
            for index in 0..count {
                strings.push(read.get(index));
            }
            *values = strings;
        }
    }
    Ok(Column { values, presence })
}
