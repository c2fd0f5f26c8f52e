//! Blocks as they are read: a column's part of one for queries, through the cache, and a whole one for merges, which copy it
//! as it is or decode it page by page.

use super::directory::Group;
use super::reader::Segment;
use crate::error::StorageError;
use codec::block::{BoolBlock, BytesBlock, FloatBlock, IntBlock, TimeBlock};
use codec::{CodecError, crc32};
use model::{FieldType, Strings, Values};
use std::ops::Range;

/// The model of a column's part of a block. Decoding uses its buffers.
pub(super) enum Model {
    Times(TimeBlock),
    Float(FloatBlock),
    Integer(IntBlock<i64>),
    Unsigned(IntBlock<u64>),
    String(Box<BytesBlock>),
    Boolean(BoolBlock),
}

/// What a page decodes to.
#[derive(Debug)]
pub(super) enum Decoded {
    Times(Vec<i64>),
    Values(Values),
}

impl Model {
    /// The model of a header; `None` for timestamps.
    pub(super) fn open(header: &[u8], field_type: Option<FieldType>) -> Result<Self, CodecError> {
        Ok(match field_type {
            None => Self::Times(TimeBlock::open(header)?),
            Some(FieldType::Float) => Self::Float(FloatBlock::open(header)?),
            Some(FieldType::Integer) => Self::Integer(IntBlock::open(header)?),
            Some(FieldType::Unsigned) => Self::Unsigned(IntBlock::open(header)?),
            Some(FieldType::String) => Self::String(Box::new(BytesBlock::open(header)?)),
            Some(FieldType::Boolean) => Self::Boolean(BoolBlock::open(header)?),
        })
    }

    /// Bytes of memory that it may come to take, about, once pages were decoded.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Times(block) => block.memory(),
            Self::Float(block) => block.memory(),
            Self::Integer(block) => block.memory(),
            Self::Unsigned(block) => block.memory(),
            Self::String(_) | Self::Boolean(_) => 2_048,
        }
    }

    /// Decodes a page of so many rows.
    pub(super) fn page(&mut self, bytes: &[u8], rows: usize) -> Result<Decoded, CodecError> {
        let values = match self {
            Self::Times(block) => {
                let mut out = Vec::with_capacity(rows);
                block.page(bytes, rows, &mut out)?;
                return Ok(Decoded::Times(out));
            }
            Self::Float(block) => {
                let mut out = Vec::with_capacity(rows);
                block.page(bytes, rows, &mut out)?;
                Values::Float(out)
            }
            Self::Integer(block) => {
                let mut out = Vec::with_capacity(rows);
                block.page(bytes, rows, &mut out)?;
                Values::Integer(out)
            }
            Self::Unsigned(block) => {
                let mut out = Vec::with_capacity(rows);
                block.page(bytes, rows, &mut out)?;
                Values::Unsigned(out)
            }
            Self::String(block) => {
                let (mut offsets, mut text) = (Vec::new(), Vec::new());
                block.page(bytes, rows, &mut offsets, &mut text)?;
                offsets.drain(..offsets.len().min(1));
                Values::String(Strings::from_parts(offsets, text).ok_or(CodecError::Invalid("strings of a page"))?)
            }
            Self::Boolean(block) => {
                let mut out = Vec::with_capacity(rows);
                block.page(bytes, rows, &mut out)?;
                Values::Boolean(out)
            }
        };
        if values.len() != rows {
            return Err(CodecError::Invalid("a page holds other than its count says"));
        }
        Ok(Decoded::Values(values))
    }
}

/// All columns of a block, checked.
pub(crate) struct WholeBlock {
    bytes: Vec<u8>,
    /// Where each column's part stands in `bytes`, the timestamps' first.
    parts: Vec<Range<usize>>,
    /// Opened with the first page.
    models: Vec<Model>,
}

/// The rows of a page, all columns dense.
#[derive(Debug, Default)]
pub(crate) struct PageRows {
    /// Ascending strictly, series by series.
    pub(crate) times: Vec<i64>,
    /// One for each field of the group, as long as `times`.
    pub(crate) columns: Vec<Values>,
}

impl PageRows {
    /// Bytes of memory that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.times.len() * 8 + self.columns.iter().map(Values::bytes).sum::<usize>()
    }
}

impl WholeBlock {
    /// The block as it stands in its segment.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Decodes a page of the block; `types` are those of the group's fields.
    pub(crate) fn page(&mut self, group: &Group, page: usize, types: &[FieldType]) -> Result<PageRows, CodecError> {
        if self.models.is_empty() {
            let (block, _) = group.block_of(page);
            for (column, part) in self.parts.iter().enumerate() {
                let header = group.part(column, block)?.header as usize;
                let header = self.bytes[part.clone()].get(..header);
                let header = header.ok_or(CodecError::Invalid("a header longer than its block"))?;
                self.models.push(Model::open(header, column.checked_sub(1).map(|at| types[at]))?);
            }
        }
        let mut rows = PageRows::default();
        for (column, (part, model)) in self.parts.iter().zip(&mut self.models).enumerate() {
            let bytes = self.bytes[part.clone()].get(group.page_bytes(column, page)?);
            let bytes = bytes.ok_or(CodecError::Invalid("a page beyond its block"))?;
            match model.page(bytes, group.rows[page] as usize)? {
                Decoded::Times(times) => rows.times = times,
                Decoded::Values(values) => rows.columns.push(values),
            }
        }
        Ok(rows)
    }
}

impl Segment {
    /// Reads a block past the cache, in one piece, and checks every part of it.
    pub(crate) fn whole_block(&self, group: &Group, block: usize) -> Result<WholeBlock, StorageError> {
        let damaged = |error| self.damaged(0, error);
        let refs = (0..group.columns()).map(|column| group.part(column, block)).collect::<Result<Vec<_>, _>>();
        let refs = refs.map_err(damaged)?;
        let start = group.block_offset(block);
        let end = refs.iter().map(|part| part.offset.saturating_add(part.len)).max().unwrap_or(0);
        let bytes = self.read(start, end.saturating_sub(start))?;
        let mut parts = Vec::with_capacity(refs.len());
        for part in refs {
            let at = (part.offset - start) as usize;
            let range = at..at + part.len as usize;
            if crc32(&bytes[range.clone()]) != part.crc {
                return Err(self.damaged(part.offset, CodecError::Invalid("checksum mismatch")));
            }
            parts.push(range);
        }
        Ok(WholeBlock { bytes, parts, models: Vec::new() })
    }
}
