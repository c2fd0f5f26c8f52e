//! The schema of a shard: (measurement, field) -> id and type. A field has one type in a shard; an id is never used again
//! in it. Kept in the shard's manifest, and in the log until flushed.

use model::{FieldType, Text};

/// A field's number inside its shard.
pub type FieldId = u32;

/// A field of a measurement in one shard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldKey {
    /// Its name.
    pub name: Text,
    /// Its type, fixed for the shard.
    pub field_type: FieldType,
    /// Its number in the shard.
    pub id: FieldId,
}
