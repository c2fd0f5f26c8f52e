//! The schema of a shard: (measurement, field) -> id and type. A field has one type in a shard; an id is never used again
//! in it. Kept in the shard's manifest, and in the log until flushed.

use model::{FieldType, Text};
use std::collections::BTreeMap;

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

/// All fields of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    measurements: BTreeMap<Text, BTreeMap<Text, FieldKey>>,
    next: FieldId,
}

impl Schema {
    /// The field of this name, if there is one.
    #[must_use]
    pub fn get(&self, measurement: &[u8], name: &[u8]) -> Option<&FieldKey> {
        self.measurements.get(measurement)?.get(name)
    }

    /// The measurements that have a field here.
    pub fn measurements(&self) -> impl Iterator<Item = &Text> {
        self.measurements.iter().filter(|(_, fields)| !fields.is_empty()).map(|(name, _)| name)
    }

    /// The measurements that have, or had, a field here, ascending.
    pub(crate) fn known(&self) -> impl Iterator<Item = &Text> {
        self.measurements.keys()
    }

    /// Whether a measurement has, or had, a field here.
    pub(crate) fn knows(&self, measurement: &[u8]) -> bool {
        self.measurements.contains_key(measurement)
    }

    /// Number of measurements that have, or had, a field here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.measurements.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.measurements.is_empty()
    }

    /// The field of this name; made with the given type and a new number if there is none.
    pub fn decide(&mut self, measurement: &[u8], name: &[u8], field_type: FieldType) -> FieldKey {
        if let Some(known) = self.get(measurement, name) {
            return known.clone();
        }
        let key = FieldKey { name: name.into(), field_type, id: self.next };
        self.insert(measurement, key.clone());
        key
    }

    /// Enters a field as it was decided before. Of two of one name the one with the greater id stands: it was made when all
    /// rows with the other had been deleted.
    pub fn insert(&mut self, measurement: &[u8], key: FieldKey) {
        self.next = self.next.max(key.id.saturating_add(1));
        if !self.measurements.contains_key(measurement) {
            self.measurements.insert(measurement.into(), BTreeMap::new());
        }
        if let Some(fields) = self.measurements.get_mut(measurement) {
            let standing = fields.entry(key.name.clone()).or_insert_with(|| key.clone());
            if standing.id < key.id {
                *standing = key;
            }
        }
    }

    /// Forgets the fields of a measurement that no row has any more: all but those that `keep` picks. Their ids are not given
    /// again.
    pub fn retire(&mut self, measurement: &[u8], keep: impl Fn(&FieldKey) -> bool) {
        if let Some(fields) = self.measurements.get_mut(measurement) {
            fields.retain(|_, key| keep(key));
        }
    }

    /// Ids below `next` were given out before, whether their fields are known here or not.
    pub fn skip_to(&mut self, next: FieldId) {
        self.next = self.next.max(next);
    }
}
