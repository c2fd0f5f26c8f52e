//! The index of a measurement: its series in the order of their canonical keys, as forward columns, one a tag key. The
//! keys themselves are not kept, they are put together from the tags.
//!
//! ```text
//! tag keys   sorted strings (`codec::strings`)
//! per key:
//!   values     sorted strings, distinct, not empty
//!   ids        for each series: 0 without the tag, else the value's place plus 1 (u64 column)
//! ```

use codec::{CodecError, Reader, Strings};
use model::{TagSet, Text, series_key};
use std::collections::{BTreeMap, HashMap};

/// One tag of all series.
#[derive(Debug, Default)]
pub(crate) struct TagColumn {
    /// The distinct values, sorted; none is empty.
    pub(crate) values: Strings,
    /// For each series 0, or the value's place plus 1.
    pub(crate) ids: Vec<u32>,
}

impl TagColumn {
    /// The value of a series; empty if it lacks the tag.
    pub(crate) fn value(&self, series: usize) -> &[u8] {
        match self.ids[series] {
            0 => &[],
            id => self.values.get(id as usize - 1),
        }
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
    pub(crate) columns: Vec<TagColumn>,
}

impl TagIndex {
    /// The index of series from their canonical keys, in that order.
    pub(crate) fn build<'a>(keys: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut builder = Builder::default();
        keys.for_each(|key| builder.push(key));
        builder.finish()
    }

    /// The column of a tag key.
    pub(crate) fn column(&self, key: &[u8]) -> Option<&TagColumn> {
        self.keys.binary_search_by(|known| (**known).cmp(key)).ok().map(|at| &self.columns[at])
    }

    /// The tags of a series.
    pub(crate) fn tags(&self, series: usize) -> TagSet {
        let pairs = self.keys.iter().zip(&self.columns).filter(|(_, column)| column.ids[series] != 0);
        TagSet::new(pairs.map(|(key, column)| (key.clone(), column.value(series).into())).collect())
    }

    /// Appends the canonical key of a series.
    pub(crate) fn push_key(&self, measurement: &[u8], series: usize, out: &mut Vec<u8>) {
        series_key::push_measurement(measurement, out);
        for (key, column) in self.keys.iter().zip(&self.columns) {
            if column.ids[series] != 0 {
                series_key::push_tag(key, column.value(series), out);
            }
        }
    }

    /// Bytes of memory that it takes, about.
    pub(crate) fn bytes(&self) -> u64 {
        let column =
            |column: &TagColumn| column.ids.len() * 4 + column.values.bytes().len() + column.values.offsets().len() * 4;
        self.columns.iter().map(column).sum::<usize>() as u64 + 64
    }

    /// Appends the index.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        codec::encode_sorted_strings(self.keys.iter().map(|key| &**key), out);
        for column in &self.columns {
            codec::encode_sorted_strings(column.values.iter(), out);
            codec::encode_u64_column(&column.ids.iter().map(|&id| u64::from(id)).collect::<Vec<_>>(), out);
        }
    }

    /// Reads an index of `series` series.
    pub(crate) fn decode(bytes: &[u8], series: u32) -> Result<Self, CodecError> {
        const MAX_TEXT: usize = 1 << 30;
        let series = series as usize;
        let mut reader = Reader::new(bytes);
        let keys = codec::decode_sorted_strings(&mut reader, bytes.len(), MAX_TEXT)?;
        ascending(&keys)?;
        let mut index = Self { series, keys: keys.iter().map(Text::from).collect(), columns: Vec::new() };
        for _ in 0..keys.len() {
            let values = codec::decode_sorted_strings(&mut reader, series, MAX_TEXT)?;
            ascending(&values)?;
            let ids = codec::decode_u64_column(&mut reader, series)?;
            if ids.len() != series || ids.iter().any(|&id| id > values.len() as u64) {
                return Err(CodecError::Invalid("tag values of an index"));
            }
            index.columns.push(TagColumn { values, ids: ids.into_iter().map(|id| id as u32).collect() });
        }
        reader.finish()?;
        Ok(index)
    }
}

fn ascending(strings: &Strings) -> Result<(), CodecError> {
    let sorted = (1..strings.len()).all(|at| strings.get(at - 1) < strings.get(at));
    if sorted { Ok(()) } else { Err(CodecError::Invalid("strings of an index out of order")) }
}

/// Makes an index of canonical keys, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    series: usize,
    tags: BTreeMap<Text, TagBuilder>,
}

#[derive(Debug, Default)]
struct TagBuilder {
    /// The values in order of first use, and where each stands.
    places: HashMap<Text, u32>,
    ids: Vec<u32>,
}

impl Builder {
    /// Adds a series, whose key is above those before.
    pub(crate) fn push(&mut self, key: &[u8]) {
        let (_, tags) = series_key::parse(key);
        for (key, value) in tags.pairs() {
            let tag = match self.tags.get_mut(key) {
                Some(tag) => tag,
                None => self.tags.entry(key.clone()).or_default(),
            };
            let next = tag.places.len() as u32 + 1;
            let id = match tag.places.get(value) {
                Some(&id) => id,
                None => *tag.places.entry(value.clone()).or_insert(next),
            };
            tag.ids.resize(self.series, 0);
            tag.ids.push(id);
        }
        self.series += 1;
    }

    /// Series so far.
    pub(crate) fn series(&self) -> usize {
        self.series
    }

    /// The index.
    pub(crate) fn finish(self) -> TagIndex {
        let series = self.series;
        let (keys, columns) = self.tags.into_iter().map(|(key, tag)| (key, tag.finish(series))).unzip();
        TagIndex { series, keys, columns }
    }
}

impl TagBuilder {
    fn finish(mut self, series: usize) -> TagColumn {
        self.ids.resize(series, 0);
        let mut order: Vec<(Text, u32)> = self.places.into_iter().collect();
        order.sort_unstable();
        let mut ranks = vec![0; order.len() + 1];
        for (rank, (_, id)) in (1u32..).zip(&order) {
            ranks[*id as usize] = rank;
        }
        self.ids.iter_mut().for_each(|id| *id = ranks[*id as usize]);
        TagColumn { values: order.iter().map(|(value, _)| &**value).collect(), ids: self.ids }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_from_tags() {
        let keys: [&[u8]; 4] = [br"c\ pu", br"c\ pu,a=1,host=x\,y", br"c\ pu,b=2", br"c\ pu,host=x"];
        let index = TagIndex::build(keys.into_iter());
        let mut bytes = Vec::new();
        index.encode(&mut bytes);
        let index = TagIndex::decode(&bytes, 4).unwrap();
        for (series, key) in keys.into_iter().enumerate() {
            let mut out = Vec::new();
            index.push_key(b"c pu", series, &mut out);
            assert_eq!(out, key);
            assert_eq!(index.tags(series), series_key::parse(key).1);
        }
        assert!((0..bytes.len()).all(|len| TagIndex::decode(&bytes[..len], 4).is_err()));
        assert_eq!(index.column(b"host").unwrap().value(1), b"x,y");
        assert!(index.column(b"c").is_none());
    }
}
