//! Deletes: one record in the log, applied to all its shards in slot order. And what follows for types of fields.
//!
//! A field has its type in a shard as long as some row there has it; when the last is deleted it may come back with another.
//! Nothing is decided when rows are deleted: their measurement is only *doubted* ([`Doubts`]). When a batch brings a field of
//! another type for it, the fields of its rows are looked up, and those that none has are retired: the new one gets a new
//! id, which for ever after, in log and manifest alike, stands above the old one of that name
//! ([`crate::schema::Schema::insert`]). No batch may be between the check of its types and its slot meanwhile, so submitters
//! share [`Engine::deciding`] and the look holds it alone.

use super::commit::Entry;
use super::shard::{Doubts, Shard};
use super::{Done, Engine, ShardSpan};
use crate::ShardId;
use crate::delete::{Deletion, Tombstone, encode_record};
use crate::error::StorageError;
use crate::schema::{FieldKey, Schema};
use crate::view::{ShardSource, View};
use model::{Batch, Table, Text, TimeRange};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Deletes that a shard may have beside its rows; more must wait until some are purged.
const MOST_TOMBSTONES: usize = 2_048;

impl Engine {
    /// Deletes the rows of some shards that fulfil one of `deletions`: all that were submitted before and none that is
    /// submitted after this returns. `done` is called by a later [`Engine::commit_step`] when that is durable and visible.
    /// Shards of which nothing was ever written are passed over. Takes time and memory by the deletions and the shards,
    /// never by the rows.
    ///
    /// # Errors
    /// Nothing is deleted, and `done` is not called: too many deletes wait to be purged or the log is full (`Retry`), the
    /// conditions are too large or cannot be written down (`Invalid`), the engine is closed.
    pub fn delete(&self, shards: &[ShardId], deletions: Vec<Deletion>, done: Done) -> Result<(), StorageError> {
        self.waiting.lock().check_open()?;
        let owned = self.known(shards);
        let mut predicates = Vec::new();
        for mut deletion in deletions {
            if let Some(names) = &mut deletion.measurements {
                names.sort_unstable();
                names.dedup();
            }
            if !deletion.range.is_empty() {
                predicates.push(deletion.encode()?);
            }
        }
        if owned.is_empty() || predicates.is_empty() {
            done(Ok(()));
            return Ok(());
        }
        let ids: Vec<ShardId> = owned.iter().map(|shard| shard.id).collect();
        let payload = encode_record(&ids, &predicates);
        self.check_room_to_delete(&owned, payload.len() as u64)?;
        let now = self.world.clock.monotonic_ns();
        let read = |bytes| Tombstone::new(0, bytes, self.options.read_test, now).map_err(StorageError::Invalid);
        let tombstones = predicates.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        {
            let mut waiting = self.waiting.lock();
            waiting.check_open()?;
            let slot = waiting.take_slot();
            waiting.bytes += payload.len() as u64;
            let tombstones = tombstones.into_iter().map(|one| Arc::new(Tombstone { slot, ..one })).collect();
            waiting.queue.push(Entry::Delete(slot, payload, owned, tombstones, done));
        }
        self.arrived.notify_one();
        Ok(())
    }

    /// The measurements that some shards have, and some of which all rows are deleted; no row is looked at.
    #[must_use]
    pub fn known_measurements(&self, shards: &[ShardId]) -> Vec<Text> {
        let mut names = BTreeSet::new();
        for shard in self.known(shards) {
            names.extend(shard.schema.lock().measurements().cloned());
        }
        names.into_iter().collect()
    }

    /// Whether some measurement (out of these, or any) may have a field of this name in some shards; no row is looked at.
    #[must_use]
    pub fn may_have_field(&self, shards: &[ShardId], measurements: Option<&[Text]>, field: &[u8]) -> bool {
        self.known(shards).iter().any(|shard| {
            let schema = shard.schema.lock();
            match measurements {
                Some(names) => names.iter().any(|name| schema.get(name, field).is_some()),
                None => schema.measurements().any(|name| schema.get(name, field).is_some()),
            }
        })
    }

    /// The most that a record of deletions may take (bytes).
    #[must_use]
    pub fn most_deletion_bytes(&self) -> u64 {
        self.options.log_bytes / 8
    }

    fn known(&self, shards: &[ShardId]) -> Vec<Arc<Shard>> {
        let known = self.shards.read();
        shards.iter().filter_map(|id| known.get(id).cloned()).collect()
    }

    fn check_room_to_delete(&self, shards: &[Arc<Shard>], bytes: u64) -> Result<(), StorageError> {
        if bytes > self.most_deletion_bytes() {
            return Err(StorageError::Invalid(format!("a delete of {bytes} bytes is above an eighth of the log")));
        }
        // It frees space in the end, so that it need not wait for the space set aside.
        self.full.check_log(self.world.clock.monotonic_ns())?;
        let many = shards.iter().any(|shard| shard.state.lock().tombstones.len() >= MOST_TOMBSTONES);
        let what = match () {
            () if many => "deletes in a shard",
            () if self.log_bytes.load(Ordering::Relaxed) + bytes > self.options.log_bytes => "log space",
            () => return Ok(()),
        };
        self.pressed.store(true, Ordering::Relaxed);
        Err(StorageError::Busy { what })
    }

    /// Retires fields that no row has any more, where they stand in the way of a batch; busy if there are some and the caller
    /// may not wait.
    pub(super) fn settle_types(
        &self,
        batch: &Batch,
        shards: &[Arc<Shard>],
        may_wait: bool,
    ) -> Result<(), StorageError> {
        let doubted: Vec<&Arc<Shard>> =
            shards.iter().filter(|shard| shard.is_doubted.load(Ordering::Relaxed)).collect();
        if doubted.is_empty() {
            return Ok(());
        }
        let tables: HashMap<&[u8], &Table> = batch.tables.iter().map(|table| (&*table.measurement, table)).collect();
        let in_way: Vec<(&Arc<Shard>, Vec<&Table>)> = doubted
            .into_iter()
            .map(|shard| (shard, shard.in_way(&tables)))
            .filter(|(_, tables)| !tables.is_empty())
            .collect();
        if in_way.is_empty() {
            return Ok(());
        }
        if !may_wait {
            return Err(StorageError::Busy { what: "types of fields" });
        }
        let _alone = self.deciding.write();
        // What was accepted with the old types becomes visible, and counts.
        self.commit()?;
        for (shard, tables) in in_way {
            tables.into_iter().try_for_each(|table| self.settle(shard, &table.measurement))?;
        }
        Ok(())
    }

    /// Retires the fields of a doubted measurement that no row has any more.
    fn settle(&self, shard: &Shard, measurement: &Text) -> Result<(), StorageError> {
        // Before the look, so that what is deleted meanwhile is doubted anew.
        shard.doubt(|doubts| doubts.settle(measurement));
        let live = self.picture_of(shard).fields(measurement).inspect_err(|_| {
            shard.doubt(|doubts| doubts.add(Some(std::slice::from_ref(measurement))));
        })?;
        let is_live = |key: &FieldKey| {
            live.binary_search_by(|(name, kind)| (name, kind).cmp(&(&key.name, &key.field_type))).is_ok()
        };
        shard.schema.lock().retire(measurement, is_live);
        Ok(())
    }

    fn picture_of(&self, shard: &Shard) -> View {
        let picture = shard.picture();
        let span = ShardSpan { id: shard.id, range: TimeRange::ALL };
        let (segments, runs, tombstones) = (picture.segments, picture.runs, picture.tombstones);
        View::new(vec![ShardSource { span, segments, runs, tombstones }], self.cache.clone())
    }
}

/// The tables of a batch, by measurement, that have a field whose type is not that of the schema. Takes time by the smaller of
/// the two: a request may have many tables for many shards.
fn clashing<'a>(schema: &Schema, tables: &HashMap<&[u8], &'a Table>) -> Vec<&'a Table> {
    if tables.len() <= schema.len() {
        return tables.values().copied().filter(|table| clashes(schema, table)).collect();
    }
    let known = schema.measurements().filter_map(|name| tables.get(&**name).copied());
    known.filter(|table| clashes(schema, table)).collect()
}

/// Whether a table has a field whose type is not that of the schema.
fn clashes(schema: &Schema, table: &Table) -> bool {
    let other = |name: &[u8], field_type| {
        schema.get(&table.measurement, name).is_some_and(|known| known.field_type != field_type)
    };
    table.columns.iter().any(|column| other(&column.name, column.column.field_type()))
}

impl Shard {
    /// The tables of a batch for which the shard has fields of other types that may be gone.
    fn in_way<'a>(&self, tables: &HashMap<&[u8], &'a Table>) -> Vec<&'a Table> {
        let mut found = clashing(&self.schema.lock(), tables);
        if !found.is_empty() {
            let state = self.state.lock();
            found.retain(|table| state.doubts.has(&table.measurement));
        }
        found
    }

    /// Changes what is doubted.
    pub(super) fn doubt(&self, change: impl FnOnce(&mut Doubts)) {
        let mut state = self.state.lock();
        change(&mut state.doubts);
        self.is_doubted.store(!state.doubts.is_empty(), Ordering::Relaxed);
    }
}
