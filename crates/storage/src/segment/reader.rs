//! Reads a segment: contents when first asked for, directories and indexes whole, blocks one by one, all through the cache.
//!
//! Every byte is checked before it is believed: head, footer, contents, directories, indexes and each column's part of a
//! block have their checksums. What does not fit is [`StorageError::Damaged`] with file and offset.

pub(crate) mod inspect;

use super::block::{Decoded, Model};
use super::directory::{self, Directory, PartRef};
use super::file::SegmentFile;
use super::format::{self, Contents, Section};
use super::index::{TagColumn, TagIndex};
use super::reads;
use crate::cache::{Cache, Key, Kind};
use crate::error::StorageError;
use crate::manifest::SegmentEntry;
use codec::{CodecError, Pages};
use model::{Column, FieldType, Text};
use parking_lot::Mutex;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

/// A segment, open or not yet.
pub(crate) struct Segment {
    entry: SegmentEntry,
    file: Arc<SegmentFile>,
    cluster: [u8; 16],
    cache: Arc<Cache>,
    owner: u64,
    contents: OnceLock<Arc<Contents>>,
}

impl fmt::Debug for Segment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Segment").field("entry", &self.entry).finish_non_exhaustive()
    }
}

/// Which page of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageId {
    /// The measurement's place in the contents.
    pub(crate) measurement: u32,
    /// The column group's place in the directory.
    pub(crate) group: u32,
    /// 0 the timestamps, else a field's place in the group plus 1.
    pub(crate) column: u32,
    /// The page's number in the group.
    pub(crate) page: u32,
}

/// An index that the cache, or a set of series, may still hold, and its digest.
struct IndexRef {
    digest: u64,
    index: Weak<TagIndex>,
}

fn shared_index(digest: u64) -> Key {
    Key { owner: digest, kind: Kind::SharedIndex, place: [0; 4] }
}

/// A column's part of a block: its bytes, checked, and its model. The model is behind a lock since decoding uses its buffers.
struct Block {
    bytes: Vec<u8>,
    model: Mutex<Model>,
}

/// A decoded page.
#[derive(Debug)]
enum Page {
    Times(Arc<Vec<i64>>),
    Values(Arc<Column>),
}

impl Segment {
    /// The segment that an entry names; nothing is read yet.
    pub(crate) fn new(entry: SegmentEntry, file: Arc<SegmentFile>, cluster: [u8; 16], cache: Arc<Cache>) -> Self {
        let owner = cache.owner();
        Self { entry, file, cluster, cache, owner, contents: OnceLock::new() }
    }

    /// The same segment over another cache, so that a long read does not turn out what queries use.
    pub(crate) fn with_cache(&self, cache: Arc<Cache>) -> Self {
        Self::new(self.entry.clone(), self.file.clone(), self.cluster, cache)
    }

    /// Where what is read of it is kept.
    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Whose its entries of the cache are.
    pub(crate) fn owner(&self) -> u64 {
        self.owner
    }

    /// As the manifest names it.
    pub(crate) fn entry(&self) -> &SegmentEntry {
        &self.entry
    }

    /// The file that it lies in.
    pub(crate) fn file(&self) -> &Arc<SegmentFile> {
        &self.file
    }

    pub(crate) fn damaged(&self, offset: u64, error: CodecError) -> StorageError {
        self.file.damaged(self.entry.place.offset.saturating_add(offset), &error.to_string())
    }

    pub(super) fn read(&self, offset: u64, len: u64) -> Result<Vec<u8>, StorageError> {
        match offset.checked_add(len) {
            Some(end) if end <= self.entry.place.len => {
                reads::count(|reads| reads.bytes += len);
                self.file.read(self.entry.place.offset + offset, usize::try_from(len).unwrap_or(usize::MAX))
            }
            _ => Err(self.damaged(offset, CodecError::Invalid("a read beyond the segment"))),
        }
    }

    fn read_section(&self, section: &Section) -> Result<Vec<u8>, StorageError> {
        let bytes = self.read(section.offset, section.len)?;
        format::check_crc(section, &bytes).map_err(|error| self.damaged(section.offset, error))?;
        Ok(bytes)
    }

    /// What is in it.
    pub(crate) fn contents(&self) -> Result<Arc<Contents>, StorageError> {
        if let Some(contents) = self.contents.get() {
            return Ok(contents.clone());
        }
        let contents = Arc::new(self.read_contents()?);
        Ok(self.contents.get_or_init(|| contents).clone())
    }

    /// The place of a measurement in the contents; `None` if it has none. Where the entry rules it out nothing is read, so that it
    /// is known of a segment whose file is lost.
    pub(crate) fn find(&self, measurement: &[u8]) -> Result<Option<usize>, StorageError> {
        if self.entry.tables.may_have(measurement) { Ok(self.contents()?.find(measurement)) } else { Ok(None) }
    }

    fn read_contents(&self) -> Result<Contents, StorageError> {
        let len = self.entry.place.len;
        let head = format::decode_head(&self.read(0, format::HEAD as u64)?).map_err(|error| self.damaged(0, error))?;
        if head.cluster != self.cluster {
            return Err(self.damaged(12, CodecError::Invalid("the segment belongs to another data folder")));
        }
        let footer_at = len.saturating_sub(format::FOOTER as u64);
        let footer = self.read(footer_at, format::FOOTER as u64)?;
        let section = format::decode_footer(&footer, len).map_err(|error| self.damaged(footer_at, error))?;
        let bytes = self.read_section(&section)?;
        format::decode_contents(&bytes, len).map_err(|error| self.damaged(section.offset, error))
    }

    fn key(&self, kind: Kind, place: [u32; 4]) -> Key {
        Key { owner: self.owner, kind, place }
    }

    /// The directory of a measurement (its place in the contents).
    pub(crate) fn directory(&self, measurement: usize) -> Result<Arc<Directory>, StorageError> {
        let key = self.key(Kind::Directory, [measurement as u32, 0, 0, 0]);
        self.cache.get_or(key, || {
            let contents = self.contents()?;
            let entry = &contents.measurements[measurement];
            let bytes = self.read_section(&entry.directory)?;
            let types: Vec<FieldType> = entry.fields.iter().map(|field| field.field_type).collect();
            let directory = directory::decode(&bytes, &types, entry.series);
            let directory = directory.map_err(|error| self.damaged(entry.directory.offset, error))?;
            let in_memory = directory.bytes();
            Ok((directory, in_memory as u64))
        })
    }

    /// The index of a measurement (its place in the contents).
    pub(crate) fn index(&self, measurement: usize) -> Result<Arc<TagIndex>, StorageError> {
        if let Some(index) = self.index_in_use(measurement) {
            return Ok(index);
        }
        let index = self.decode_index(measurement, TagIndex::decode)?;
        let mut index = Arc::new(index);
        // Steady writers give one segment after the other the same series: these are held once.
        let digest = index.digest();
        match self.cache.get::<TagIndex>(&shared_index(digest)).filter(|known| *known == index) {
            Some(equal) => index = equal,
            None => self.cache.put(shared_index(digest), index.clone(), index.bytes()),
        }
        let key = self.key(Kind::Index, [measurement as u32, 0, 0, 0]);
        self.cache.put(key, Arc::new(IndexRef { digest, index: Arc::downgrade(&index) }), 64);
        Ok(index)
    }

    /// The index of a measurement, if someone holds it.
    fn index_in_use(&self, measurement: usize) -> Option<Arc<TagIndex>> {
        let known = self.cache.get::<IndexRef>(&self.key(Kind::Index, [measurement as u32, 0, 0, 0]))?;
        let index = known.index.upgrade()?;
        // So that the cache knows that it is read.
        let _ = self.cache.get::<TagIndex>(&shared_index(known.digest));
        Some(index)
    }

    fn decode_index<T>(
        &self,
        measurement: usize,
        decode: impl FnOnce(&[u8], u32) -> Result<T, CodecError>,
    ) -> Result<T, StorageError> {
        let contents = self.contents()?;
        let entry = &contents.measurements[measurement];
        let bytes = self.read_section(&entry.index)?;
        decode(&bytes, entry.series).map_err(|error| self.damaged(entry.index.offset, error))
    }

    /// The tag keys of a measurement (its place in the contents), without the rest of its index.
    pub(crate) fn tag_keys(&self, measurement: usize) -> Result<Arc<Vec<Text>>, StorageError> {
        if let Some(index) = self.index_in_use(measurement) {
            return Ok(Arc::new(index.keys.clone()));
        }
        self.cache.get_or(self.key(Kind::TagKeys, [measurement as u32, 0, 0, 0]), || {
            let (keys, _) =
                self.decode_index(measurement, |bytes, series| TagIndex::decode_part(bytes, series, None))?;
            let size = keys.iter().map(|key| key.len() + 32).sum::<usize>() as u64;
            Ok((keys, size))
        })
    }

    /// One tag of a measurement (its place in the contents), without the rest of its index; `None` if it has none.
    pub(crate) fn tag_column(&self, measurement: usize, key: &[u8]) -> Result<Option<Arc<TagColumn>>, StorageError> {
        if let Some(index) = self.index_in_use(measurement) {
            return Ok(index.shared_column(key));
        }
        let Ok(place) = self.tag_keys(measurement)?.binary_search_by(|known| (**known).cmp(key)) else {
            return Ok(None);
        };
        let column = self.cache.get_or(self.key(Kind::TagColumn, [measurement as u32, place as u32, 0, 0]), || {
            let part = |bytes: &[u8], series| TagIndex::decode_part(bytes, series, Some(key));
            let (_, column) = self.decode_index(measurement, part)?;
            let column = column.ok_or_else(|| StorageError::Bug("a tag key without a column".to_owned()))?;
            let size = column.bytes() as u64 + 64;
            Ok::<_, StorageError>((column, size))
        })?;
        Ok(Some(column))
    }

    /// The timestamps of a page; `id.column` must be 0.
    pub(crate) fn times(&self, directory: &Directory, id: PageId) -> Result<Arc<Vec<i64>>, StorageError> {
        match &*self.page(directory, id, None)? {
            Page::Times(times) => Ok(times.clone()),
            Page::Values(_) => Err(StorageError::Bug("a page of values for timestamps".to_owned())),
        }
    }

    /// The values of a page: a dense column of that type.
    pub(crate) fn column(
        &self,
        directory: &Directory,
        id: PageId,
        field_type: FieldType,
    ) -> Result<Arc<Column>, StorageError> {
        match &*self.page(directory, id, Some(field_type))? {
            Page::Values(column) => Ok(column.clone()),
            Page::Times(_) => Err(StorageError::Bug("a page of timestamps for values".to_owned())),
        }
    }

    fn page(&self, directory: &Directory, id: PageId, t: Option<FieldType>) -> Result<Arc<Page>, StorageError> {
        let key = self.key(Kind::Page, [id.measurement, id.group, id.column, id.page]);
        reads::count_asked();
        self.cache.get_or(key, || {
            reads::count(|reads| {
                reads.decoded += 1;
                reads.decoded_times += u64::from(t.is_none());
            });
            let group = &directory.groups[id.group as usize];
            let (column, page) = (id.column as usize, id.page as usize);
            let (number, _) = group.block_of(page);
            let part = group.part(column, number).map_err(|error| self.damaged(0, error))?;
            let block_key = self.key(Kind::Block, [id.measurement, id.group, id.column, number as u32]);
            let block = self.cache.get_or(block_key, || self.block(&part, t))?;
            let range = group.page_bytes(column, page).map_err(|error| self.damaged(part.offset, error))?;
            let page =
                block.page(range, group.rows[page] as usize).map_err(|error| self.damaged(part.offset, error))?;
            if t.is_some() {
                self.cache.count_decoded();
            }
            let size = page.bytes();
            Ok((page, size))
        })
    }

    fn block(&self, part: &PartRef, field_type: Option<FieldType>) -> Result<(Block, u64), StorageError> {
        let bytes = self.read_section(&Section { offset: part.offset, len: part.len, crc: part.crc })?;
        reads::count(|reads| reads.blocks += 1);
        let damaged = |error| self.damaged(part.offset, error);
        let pages = Pages { header_len: part.header, page_lens: Vec::new() };
        let header =
            pages.header(&bytes).ok_or_else(|| damaged(CodecError::Invalid("a header longer than its block")))?;
        let model = Model::open(header, field_type).map_err(damaged)?;
        let size = (bytes.len() + model.memory()) as u64;
        let model = Mutex::new(model);
        Ok((Block { bytes, model }, size))
    }

    /// Reads all that the segment has and checks it: checksums, directories, indexes, every page.
    pub(crate) fn verify(&self) -> Result<(), StorageError> {
        let contents = self.contents()?;
        for (at, entry) in contents.measurements.iter().enumerate() {
            self.index(at)?;
            let directory = self.directory(at)?;
            for (number, group) in directory.groups.iter().enumerate() {
                for column in 0..group.columns() {
                    let field = column.checked_sub(1).map(|at| group.fields[at] as usize);
                    let field_type = field.map(|field| entry.fields[field].field_type);
                    for page in 0..group.pages() {
                        let id = PageId {
                            measurement: at as u32,
                            group: number as u32,
                            column: column as u32,
                            page: page as u32,
                        };
                        self.page(&directory, id, field_type)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Block {
    fn page(&self, range: std::ops::Range<usize>, rows: usize) -> Result<Page, CodecError> {
        let bytes = self.bytes.get(range).ok_or(CodecError::Invalid("a page beyond its block"))?;
        Ok(match self.model.lock().page(bytes, rows)? {
            Decoded::Times(times) => Page::Times(Arc::new(times)),
            Decoded::Values(values) => Page::Values(Arc::new(Column::dense(values))),
        })
    }
}

impl Page {
    fn bytes(&self) -> u64 {
        let size = match self {
            Self::Times(times) => times.len() * 8,
            Self::Values(column) => column.bytes(),
        };
        size as u64 + 128
    }
}
