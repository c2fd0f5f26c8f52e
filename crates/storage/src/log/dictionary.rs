//! The definitions of one log file: series, measurements and fields are numbered from 0 in the order in which records
//! define them. Each definitions record gets a second copy before the first record that begins in a later block of 4 KiB than it
//! ends in (`copies`), so that no single bad block takes the meaning of what follows it.
//!
//! ```text
//! payload of a definitions record
//! varint  number of series, measurements and fields defined before it: three varints
//! then, until the payload ends:
//!   1  series:       canonical key (see `parts`)
//!   2  measurement:  name (length, bytes)
//!   3  field:        shard (varint), number of the measurement (varint), id in the shard (varint), type (1 byte: 0 float,
//!                    1 integer, 2 unsigned, 3 string, 4 boolean), name (length, bytes)
//! ```

use super::parts::Parts;
use crate::ShardId;
use crate::schema::{FieldId, FieldKey};
use crate::segment::format::{type_code, type_of};
use crate::series::{SeriesId, SeriesTable};
use codec::{CodecError, Reader, put_bytes, put_u64};
use model::Text;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

const SERIES: u8 = 1;
const MEASUREMENT: u8 = 2;
const FIELD: u8 = 3;

/// What the writer has defined in the file that it writes.
#[derive(Debug, Default)]
pub(crate) struct WriterDictionary {
    /// For each series table in use the numbers in the file, or [`UNDEFINED`]. The log keeps no table alive.
    series: Vec<(Weak<SeriesTable>, Vec<u32>)>,
    series_count: u32,
    parts: Parts,
    measurements: HashMap<Text, u32>,
    fields: HashMap<(ShardId, FieldId), u32>,
    /// Definitions that are not in the file yet.
    fresh: Vec<u8>,
    counts_before: (u32, u32, u32),
}

const UNDEFINED: u32 = u32::MAX;

impl WriterDictionary {
    /// The numbers in the file of some series; defined where new.
    pub(crate) fn series(&mut self, table: &Arc<SeriesTable>, ids: &[SeriesId]) -> Vec<u32> {
        let is_same = |(known, _): &(Weak<SeriesTable>, _)| std::ptr::eq(known.as_ptr(), Arc::as_ptr(table));
        let at = self.series.iter().position(is_same).unwrap_or_else(|| {
            self.series.retain(|(known, _)| known.strong_count() > 0);
            self.series.push((Arc::downgrade(table), Vec::new()));
            self.series.len() - 1
        });
        let numbers = &mut self.series[at].1;
        if let Some(&greatest) = ids.iter().max()
            && greatest as usize >= numbers.len()
        {
            numbers.resize(greatest as usize + 1, UNDEFINED);
        }
        let mut fresh = Vec::new();
        for &id in ids {
            if numbers[id as usize] == UNDEFINED {
                numbers[id as usize] = self.series_count + fresh.len() as u32;
                fresh.push(id);
            }
        }
        let (definitions, parts) = (&mut self.fresh, &mut self.parts);
        table.keys(&fresh, |key| {
            definitions.push(SERIES);
            parts.put(key, definitions);
        });
        self.series_count += fresh.len() as u32;
        ids.iter().map(|&id| numbers[id as usize]).collect()
    }

    /// The number in the file of a measurement; defined if new.
    pub(crate) fn measurement(&mut self, name: &[u8]) -> u32 {
        if let Some(&number) = self.measurements.get(name) {
            return number;
        }
        let number = self.measurements.len() as u32;
        self.measurements.insert(name.into(), number);
        self.fresh.push(MEASUREMENT);
        put_bytes(&mut self.fresh, name);
        number
    }

    /// The number in the file of a field; defined if new.
    pub(crate) fn field(&mut self, shard: ShardId, measurement: u32, key: &FieldKey) -> u32 {
        let count = self.fields.len() as u32;
        *self.fields.entry((shard, key.id)).or_insert_with(|| {
            self.fresh.push(FIELD);
            put_u64(&mut self.fresh, shard);
            put_u64(&mut self.fresh, u64::from(measurement));
            put_u64(&mut self.fresh, u64::from(key.id));
            self.fresh.push(type_code(key.field_type));
            put_bytes(&mut self.fresh, &key.name);
            count
        })
    }

    /// The payload of the record that defines what is new since the last call; `None` if nothing is.
    pub(crate) fn take_definitions(&mut self) -> Option<Vec<u8>> {
        let (series, measurements, fields) = self.counts_before;
        self.counts_before = (self.series_count, self.measurements.len() as u32, self.fields.len() as u32);
        if self.fresh.is_empty() {
            return None;
        }
        let mut out = Vec::with_capacity(self.fresh.len() + 15);
        [series, measurements, fields].iter().for_each(|&count| put_u64(&mut out, u64::from(count)));
        out.append(&mut self.fresh);
        Some(out)
    }
}

/// A field as a file defines it.
#[derive(Clone, Debug)]
pub(crate) struct DefinedField {
    pub(crate) shard: ShardId,
    /// Number of its measurement in the file.
    pub(crate) measurement: u32,
    pub(crate) key: FieldKey,
}

/// Keys, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Keys {
    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A key; there must be one of the number.
    pub(crate) fn key(&self, number: u32) -> &[u8] {
        let at = number as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[at]]
    }
}

/// What a reader knows of the file that it reads.
#[derive(Debug, Default)]
pub(crate) struct ReaderDictionary {
    /// The canonical keys.
    pub(crate) series: Keys,
    /// The names.
    pub(crate) measurements: Vec<Text>,
    /// The fields.
    pub(crate) fields: Vec<DefinedField>,
    parts: Parts,
}

impl ReaderDictionary {
    /// Takes a definitions record in; the second copy of one changes nothing.
    ///
    /// # Errors
    /// It does not follow what was defined before, or is no such record.
    pub(crate) fn read(&mut self, payload: &[u8]) -> Result<(), CodecError> {
        let mut reader = Reader::new(payload);
        let before = (reader.varint()?, reader.varint()?, reader.varint()?);
        let now = (self.series.len() as u64, self.measurements.len() as u64, self.fields.len() as u64);
        if before != now {
            let copy = before.0 <= now.0 && before.1 <= now.1 && before.2 <= now.2;
            return if copy { Ok(()) } else { Err(CodecError::Invalid("definitions are missing")) };
        }
        while !reader.is_empty() {
            match reader.u8()? {
                SERIES => self.read_series(&mut reader)?,
                MEASUREMENT => self.measurements.push(reader.bytes()?.into()),
                FIELD => self.read_field(&mut reader)?,
                _ => return Err(CodecError::Invalid("kind of a definition")),
            }
        }
        Ok(())
    }

    fn read_series(&mut self, reader: &mut Reader<'_>) -> Result<(), CodecError> {
        let Keys { text, ends } = &mut self.series;
        let start = text.len();
        match self.parts.read(reader, text) {
            Ok(()) => ends.push(text.len()),
            Err(error) => {
                text.truncate(start);
                return Err(error);
            }
        }
        Ok(())
    }

    fn read_field(&mut self, reader: &mut Reader<'_>) -> Result<(), CodecError> {
        let shard = reader.varint()?;
        let measurement = reader.count(self.measurements.len().saturating_sub(1))? as u32;
        let id = u32::try_from(reader.varint()?).map_err(|_| CodecError::Invalid("id of a field"))?;
        let field_type = type_of(reader.u8()?)?;
        let name: Text = reader.bytes()?.into();
        if self.measurements.is_empty() {
            return Err(CodecError::Invalid("field without a measurement"));
        }
        self.fields.push(DefinedField { shard, measurement, key: FieldKey { name, field_type, id } });
        Ok(())
    }
}
