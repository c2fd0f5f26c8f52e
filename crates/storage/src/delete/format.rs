//! The bytes of a delete, in the log and in manifests.
//!
//! ```text
//! record       payload of a delete record of the log:
//!   varint     number of shards, then their numbers (varints)
//!   varint     number of predicates, one or more: the rows that fulfil one of them go; each: length (varint), bytes
//!
//! predicate
//!   varint     0: all measurements; else their number plus 1, then each name (length, bytes), ascending
//!   times      least (zigzag varint), greatest minus least (varint), both inclusive
//!   condition
//!
//! condition    1 byte, then
//!   0          true: nothing
//!   1          false: nothing
//!   2, 3       equal, not equal: tag key, value (length, bytes each); a missing tag has the empty value
//!   4          test: tag key, source of the test (length, bytes each; the source in UTF-8)
//!   5, 6       and, or: number of members (varint), the members
//!   7          not: the member
//! ```

use super::Deletion;
use crate::ShardId;
use crate::error::StorageError;
use crate::segment::format::{put_range, take_range};
use crate::view::{TagCondition, TagTest};
use codec::{CodecError, Reader, put_bytes, put_u64};
use model::Text;
use std::sync::Arc;

/// Levels of a condition: parentheses in a statement may nest, and reading follows them.
const DEEPEST: u32 = 256;

/// A delete record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoggedDelete {
    /// The shards that it is for.
    pub(crate) shards: Vec<ShardId>,
    /// The bytes of its predicates.
    pub(crate) predicates: Vec<Vec<u8>>,
}

/// The payload of a delete record.
pub(crate) fn encode_record(shards: &[ShardId], predicates: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    put_u64(&mut out, shards.len() as u64);
    shards.iter().for_each(|&shard| put_u64(&mut out, shard));
    put_u64(&mut out, predicates.len() as u64);
    predicates.iter().for_each(|predicate| put_bytes(&mut out, predicate));
    out
}

impl LoggedDelete {
    /// Reads a payload.
    ///
    /// # Errors
    /// It is no such payload.
    pub(crate) fn decode(payload: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(payload);
        let mut shards = Vec::new();
        for _ in 0..reader.count(payload.len())? {
            shards.push(reader.varint()?);
        }
        let mut predicates = Vec::new();
        for _ in 0..reader.count(reader.remaining())? {
            let bytes = reader.bytes()?;
            check_predicate(bytes)?;
            predicates.push(bytes.to_vec());
        }
        reader.finish()?;
        Ok(Self { shards, predicates })
    }
}

/// The bytes of a deletion.
pub(super) fn encode_predicate(deletion: &Deletion) -> Result<Vec<u8>, StorageError> {
    let mut out = Vec::new();
    match &deletion.measurements {
        None => put_u64(&mut out, 0),
        Some(names) => {
            put_u64(&mut out, names.len() as u64 + 1);
            names.iter().for_each(|name| put_bytes(&mut out, name));
        }
    }
    put_range(&deletion.range, &mut out);
    put_condition(&deletion.condition, 0, &mut out)?;
    Ok(out)
}

fn put_condition(condition: &TagCondition, depth: u32, out: &mut Vec<u8>) -> Result<(), StorageError> {
    if depth >= DEEPEST {
        return Err(StorageError::Invalid("the condition of the delete is nested too deeply".to_owned()));
    }
    let mut pair = |code: u8, key: &[u8], value: &[u8]| {
        out.push(code);
        put_bytes(out, key);
        put_bytes(out, value);
    };
    match condition {
        TagCondition::True => out.push(0),
        TagCondition::False => out.push(1),
        TagCondition::Equal(key, value) => pair(2, key, value),
        TagCondition::NotEqual(key, value) => pair(3, key, value),
        TagCondition::Test(key, test) => {
            let source = test.source();
            let source =
                source.ok_or(StorageError::Invalid("a test of the delete cannot be written down".to_owned()))?;
            pair(4, key, source.as_bytes());
        }
        TagCondition::And(members) | TagCondition::Or(members) => {
            out.push(if matches!(condition, TagCondition::And(_)) { 5 } else { 6 });
            put_u64(out, members.len() as u64);
            members.iter().try_for_each(|member| put_condition(member, depth + 1, out))?;
        }
        TagCondition::Not(member) => {
            out.push(7);
            put_condition(member, depth + 1, out)?;
        }
    }
    Ok(())
}

/// Makes a test from its source.
type Tests<'a> = dyn FnMut(&str) -> Option<Arc<dyn TagTest>> + 'a;

/// Reads what [`encode_predicate`] wrote.
pub(super) fn decode_predicate(bytes: &[u8], tests: &mut Tests<'_>) -> Result<Deletion, CodecError> {
    let mut reader = Reader::new(bytes);
    let measurements = take_measurements(&mut reader)?;
    let range = take_range(&mut reader)?;
    let condition = take_condition(&mut reader, 0, tests)?;
    reader.finish()?;
    Ok(Deletion { measurements, condition, range })
}

/// Whether the bytes are a predicate, whatever its tests are.
pub(crate) fn check_predicate(bytes: &[u8]) -> Result<(), CodecError> {
    #[derive(Debug)]
    struct Any;
    impl TagTest for Any {
        fn passes(&self, _value: &[u8]) -> bool {
            false
        }
    }
    decode_predicate(bytes, &mut |_| Some(Arc::new(Any))).map(drop)
}

/// The part of a predicate's bytes that is its condition.
pub(super) fn condition_of(bytes: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(bytes);
    take_measurements(&mut reader).ok()?;
    take_range(&mut reader).ok()?;
    Some(reader.rest())
}

fn take_measurements(reader: &mut Reader<'_>) -> Result<Option<Vec<Text>>, CodecError> {
    let Some(count) = reader.count(reader.remaining())?.checked_sub(1) else { return Ok(None) };
    let mut names: Vec<Text> = Vec::new();
    for _ in 0..count {
        names.push(reader.bytes()?.into());
    }
    match names.is_sorted_by(|a, b| a < b) {
        true => Ok(Some(names)),
        false => Err(CodecError::Invalid("measurements of a delete are out of order")),
    }
}

fn take_condition(reader: &mut Reader<'_>, depth: u32, tests: &mut Tests<'_>) -> Result<TagCondition, CodecError> {
    if depth >= DEEPEST {
        return Err(CodecError::Invalid("a condition nested too deeply"));
    }
    Ok(match reader.u8()? {
        0 => TagCondition::True,
        1 => TagCondition::False,
        2 => TagCondition::Equal(reader.bytes()?.into(), reader.bytes()?.into()),
        3 => TagCondition::NotEqual(reader.bytes()?.into(), reader.bytes()?.into()),
        4 => {
            let key = reader.bytes()?.into();
            let source = std::str::from_utf8(reader.bytes()?).map_err(|_| CodecError::Invalid("source of a test"))?;
            TagCondition::Test(key, tests(source).ok_or(CodecError::Invalid("a test that this release does not know"))?)
        }
        code @ (5 | 6) => {
            let mut members = Vec::new();
            for _ in 0..reader.count(reader.remaining())? {
                members.push(take_condition(reader, depth + 1, tests)?);
            }
            if code == 5 { TagCondition::And(members) } else { TagCondition::Or(members) }
        }
        7 => TagCondition::Not(Box::new(take_condition(reader, depth + 1, tests)?)),
        _ => return Err(CodecError::Invalid("kind of a condition")),
    })
}
