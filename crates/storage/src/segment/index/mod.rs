//! The index of a measurement: its series in the order of their canonical keys, as forward columns, one a tag key. The
//! keys themselves are not kept, they are put together from the tags.
//!
//! ```text
//! tag keys   sorted strings (`codec::strings`)
//! per key    length of what follows (varint), so that one column can be read alone, then
//!   values     sorted strings, distinct, not empty
//!   ids        `ids.rs`: for each series 0 without the tag, else the value's place plus 1
//! ```
//!
//! * `build` – an index of sorted keys; `order` – sorts values; `ids` – forward columns

mod build;
mod ids;
mod order;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use build::Builder;
use ids::Ids;
pub(crate) use ids::Walk;

use codec::{CodecError, Reader, Strings};
use model::{TagSet, Text, series_key};
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

/// One tag of all series.
#[derive(Debug, PartialEq)]
pub(crate) struct TagColumn {
    /// The distinct values, sorted; none is empty.
    pub(crate) values: Strings,
    /// For each series 0, or the value's place plus 1.
    pub(crate) ids: Ids,
}

impl TagColumn {
    /// The value of a series; empty if it lacks the tag.
    pub(crate) fn value(&self, series: usize) -> &[u8] {
        self.text(self.ids.get(series))
    }

    /// The value with an id; empty for 0.
    pub(crate) fn text(&self, id: u32) -> &[u8] {
        match id {
            0 => &[],
            id => self.values.get(id as usize - 1),
        }
    }

    /// The place of the first value that is not below a text.
    pub(crate) fn place(&self, text: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.values.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.values.get(middle) < text { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The id of a value, if some series may have it; that of the empty value is 0.
    pub(crate) fn id(&self, value: &[u8]) -> Option<u32> {
        if value.is_empty() {
            return Some(0);
        }
        let place = self.place(value);
        (place < self.values.len() && self.values.get(place) == value).then_some(place as u32 + 1)
    }

    fn decode(bytes: &[u8], series: usize) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let values = codec::decode_sorted_strings(&mut reader, series, MAX_TEXT)?;
        ascending(&values)?;
        let ids = Ids::decode(&mut reader, series, values.len() as u32)?;
        reader.finish()?;
        Ok(Self { values, ids })
    }

    /// Bytes of memory that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.ids.bytes() + self.values.bytes().len() + self.values.offsets().len() * 4
    }
}

/// The series of a measurement in one segment or run.
#[derive(Debug, Default)]
pub(crate) struct TagIndex {
    /// Number of series.
    pub(crate) series: usize,
    /// The tag keys, sorted.
    pub(crate) keys: Vec<Text>,
    /// One for each key.
    pub(crate) columns: Vec<Arc<TagColumn>>,
    digest: OnceLock<u64>,
}

impl PartialEq for TagIndex {
    fn eq(&self, other: &Self) -> bool {
        self.series == other.series && self.keys == other.keys && self.columns == other.columns
    }
}

impl TagIndex {
    /// An index of these columns.
    fn new(series: usize, keys: Vec<Text>, columns: Vec<Arc<TagColumn>>) -> Self {
        Self { series, keys, columns, digest: OnceLock::new() }
    }

    /// A number that equal indexes of this process share, and others hardly ever.
    pub(crate) fn digest(&self) -> u64 {
        *self.digest.get_or_init(|| {
            let mut hasher = ahash::RandomState::with_seeds(5, 6, 7, 8).build_hasher();
            (self.series, &self.keys).hash(&mut hasher);
            for column in &self.columns {
                column.values.offsets().hash(&mut hasher);
                column.values.bytes().hash(&mut hasher);
                column.ids.hash(&mut hasher);
            }
            hasher.finish()
        })
    }

    /// The index of series from their canonical keys, in that order.
    pub(crate) fn build<'a>(keys: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut builder = Builder::default();
        keys.for_each(|key| builder.push(key));
        builder.finish()
    }

    /// The column of a tag key.
    pub(crate) fn column(&self, key: &[u8]) -> Option<&TagColumn> {
        self.keys.binary_search_by(|known| (**known).cmp(key)).ok().map(|at| &*self.columns[at])
    }

    /// The column of a tag key, shared.
    pub(crate) fn shared_column(&self, key: &[u8]) -> Option<Arc<TagColumn>> {
        self.keys.binary_search_by(|known| (**known).cmp(key)).ok().map(|at| self.columns[at].clone())
    }

    /// The tags of a series.
    pub(crate) fn tags(&self, series: usize) -> TagSet {
        let pairs = self.keys.iter().zip(&self.columns).map(|(key, column)| (key, column.value(series)));
        TagSet::new(pairs.filter(|pair| !pair.1.is_empty()).map(|(key, value)| (key.clone(), value.into())).collect())
    }

    /// Appends the canonical key of a series.
    pub(crate) fn push_key(&self, measurement: &[u8], series: usize, out: &mut Vec<u8>) {
        series_key::push_measurement(measurement, out);
        for (key, column) in self.keys.iter().zip(&self.columns) {
            let value = column.value(series);
            if !value.is_empty() {
                series_key::push_tag(key, value, out);
            }
        }
    }

    /// Bytes of memory that it takes, about.
    pub(crate) fn bytes(&self) -> u64 {
        self.columns.iter().map(|column| column.bytes() + 128).sum::<usize>() as u64 + 64
    }

    /// Appends the index.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        codec::encode_sorted_strings(self.keys.iter().map(|key| &**key), out);
        for column in &self.columns {
            let mut bytes = Vec::new();
            codec::encode_sorted_strings(column.values.iter(), &mut bytes);
            column.ids.encode(column.values.len() as u32, &mut bytes);
            codec::put_bytes(out, &bytes);
        }
    }

    /// Reads an index of `series` series.
    pub(crate) fn decode(bytes: &[u8], series: u32) -> Result<Self, CodecError> {
        let series = series as usize;
        let mut reader = Reader::new(bytes);
        let keys = take_keys(&mut reader, bytes.len())?;
        let mut columns = Vec::new();
        for _ in 0..keys.len() {
            columns.push(Arc::new(TagColumn::decode(reader.bytes()?, series)?));
        }
        reader.finish()?;
        Ok(Self::new(series, keys.iter().map(Text::from).collect(), columns))
    }

    /// Reads the tag keys of an index, and the column of one of them if it is asked for and there.
    pub(crate) fn decode_part(
        bytes: &[u8],
        series: u32,
        key: Option<&[u8]>,
    ) -> Result<(Vec<Text>, Option<TagColumn>), CodecError> {
        let mut reader = Reader::new(bytes);
        let keys = take_keys(&mut reader, bytes.len())?;
        let mut column = None;
        for known in keys.iter() {
            let bytes = reader.bytes()?;
            if Some(known) == key {
                column = Some(TagColumn::decode(bytes, series as usize)?);
            }
        }
        reader.finish()?;
        Ok((keys.iter().map(Text::from).collect(), column))
    }
}

/// Bytes that the values of a tag may take.
const MAX_TEXT: usize = 1 << 30;

fn take_keys(reader: &mut Reader<'_>, most: usize) -> Result<Strings, CodecError> {
    let keys = codec::decode_sorted_strings(reader, most, MAX_TEXT)?;
    ascending(&keys)?;
    Ok(keys)
}

fn ascending(strings: &Strings) -> Result<(), CodecError> {
    let sorted = (1..strings.len()).all(|at| strings.get(at - 1) < strings.get(at));
    if sorted { Ok(()) } else { Err(CodecError::Invalid("strings of an index out of order")) }
}
