//! From a batch to the rows of shards: series are looked up, rows are dealt out by time, types of fields are checked.
//!
//! In the common case, all rows of a table in one shard and no type in dispute, columns are moved, not copied.

use super::shard::Shard;
use super::{Outcome, RejectReason, Rejected, ShardSpan};
use crate::run::Chunk;
use crate::schema::{FieldKey, Schema};
use crate::series::{NO_SERIES, SeriesId, SeriesTable};
use model::{Batch, Column, FieldType, KeySpan, KeyText, Presence, Table, TableColumn, Text};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Rows of one measurement and one shard whose fields are not checked yet.
struct Part {
    measurement: Text,
    keys: Vec<KeySpan>,
    ids: Vec<SeriesId>,
    times: Vec<i64>,
    columns: Vec<TableColumn>,
}

/// Takes a batch apart. `shards[i]` is the shard of `spans[i]`.
pub(super) fn accept(
    mut batch: Batch,
    text: &dyn KeyText,
    series: &Arc<SeriesTable>,
    spans: &[ShardSpan],
    shards: &[Arc<Shard>],
) -> (Vec<(Arc<Shard>, Chunk)>, Outcome) {
    let mut outcome = Outcome::default();
    let mut parts = Vec::new();
    for table in std::mem::take(&mut batch.tables) {
        let resolved = series.resolve(&batch, &table.keys, text);
        for (row, error) in resolved.bad {
            let key_start = table.keys[row as usize].start;
            outcome.rejected.push(Rejected { key_start, reason: RejectReason::Key(error) });
        }
        for (index, part) in deal_out(table, resolved.ids, spans, &mut outcome.rejected) {
            let shard = &shards[index];
            if let Some(chunk) = check_types(part, shard, series, &mut outcome.rejected) {
                outcome.accepted += chunk.times.len();
                parts.push((shard.clone(), chunk));
            }
        }
    }
    outcome.rejected.sort_by_key(|rejected| rejected.key_start);
    // A shard gets all rows of a slot in one step, so that no flush can come between them.
    parts.sort_by_key(|(shard, _)| shard.id);
    (parts, outcome)
}

/// The rows of a table by shard; those that belong to none are rejected.
fn deal_out(table: Table, ids: Vec<SeriesId>, spans: &[ShardSpan], rejected: &mut Vec<Rejected>) -> Vec<(usize, Part)> {
    let Some(&first) = table.times.first() else { return Vec::new() };
    let (least, greatest) =
        table.times.iter().fold((first, first), |(least, greatest), &time| (least.min(time), greatest.max(time)));
    let whole = spans.iter().position(|span| span.range.contains(least) && span.range.contains(greatest));
    if let Some(index) = whole.filter(|_| !ids.contains(&NO_SERIES)) {
        let Table { measurement, keys, times, columns } = table;
        return vec![(index, Part { measurement, keys, ids, times, columns })];
    }
    let mut rows: Vec<Vec<u32>> = vec![Vec::new(); spans.len()];
    for (row, (&time, &id)) in (0u32..).zip(table.times.iter().zip(&ids)) {
        if id == NO_SERIES {
            continue;
        }
        let index = spans.partition_point(|span| span.range.end < time);
        match spans.get(index).filter(|span| span.range.contains(time)) {
            Some(_) => rows[index].push(row),
            None => {
                let key_start = table.keys[row as usize].start;
                rejected.push(Rejected { key_start, reason: RejectReason::NoShard });
            }
        }
    }
    let mut columns = cut_columns(&table.columns, table.times.len(), &rows);
    let mut part_of = |index: usize, rows: &Vec<u32>| Part {
        measurement: table.measurement.clone(),
        keys: rows.iter().map(|&row| table.keys[row as usize]).collect(),
        ids: rows.iter().map(|&row| ids[row as usize]).collect(),
        times: rows.iter().map(|&row| table.times[row as usize]).collect(),
        columns: std::mem::take(&mut columns[index]),
    };
    let used = rows.iter().enumerate().filter(|(_, rows)| !rows.is_empty());
    used.map(|(index, rows)| (index, part_of(index, rows))).collect()
}

/// The columns of each part, `parts[i]` being its rows. Takes time by the values, not by parts times columns: both may be many.
fn cut_columns(columns: &[TableColumn], rows: usize, parts: &[Vec<u32>]) -> Vec<Vec<TableColumn>> {
    let mut part_of_row = vec![u32::MAX; rows];
    for (part, rows) in (0u32..).zip(parts) {
        rows.iter().for_each(|&row| part_of_row[row as usize] = part);
    }
    let mut out: Vec<Vec<TableColumn>> = vec![Vec::new(); parts.len()];
    let mut is_found = vec![false; parts.len()];
    for column in columns {
        let mut found: Vec<usize> = Vec::new();
        let mut see = |row: u32| {
            if let Some(is_found) = is_found.get_mut(part_of_row[row as usize] as usize)
                && !std::mem::replace(is_found, true)
            {
                found.push(part_of_row[row as usize] as usize);
            }
        };
        match &column.column.presence {
            Presence::Dense => (0u32..).take(column.column.values.len()).for_each(&mut see),
            Presence::Sparse(rows) => rows.iter().copied().for_each(&mut see),
        }
        for part in found {
            is_found[part] = false;
            let taken = column.column.take_ascending(&parts[part]);
            out[part].push(TableColumn { name: column.name.clone(), column: taken });
        }
    }
    out
}

/// Decides new fields and drops rows with a field of another type than the shard has.
fn check_types(part: Part, shard: &Shard, series: &Arc<SeriesTable>, rejected: &mut Vec<Rejected>) -> Option<Chunk> {
    let mut schema = shard.schema.lock();
    let Part { measurement, keys, ids, times, columns } = part;
    if let Some(fields) = undisputed(&measurement, &columns, &mut schema) {
        let columns = fields.into_iter().zip(columns).map(|(key, column)| (key, column.column)).collect();
        return Some(Chunk { slot: 0, measurement, series: series.clone(), ids, times, columns });
    }
    let mut disputes = Disputes::new(&measurement, &columns, keys.len(), &mut schema);
    let mut kept = Vec::new();
    for (row, key) in (0u32..).zip(&keys) {
        match disputes.check(row as usize) {
            None => kept.push(row),
            Some(reason) => rejected.push(Rejected { key_start: key.start, reason }),
        }
    }
    let fields = disputes.fields();
    let fitting = fields.into_iter().zip(columns).filter_map(|(key, column)| Some((key?, column.column)));
    let columns: Vec<(FieldKey, Column)> = fitting.collect();
    let chunk = Chunk { slot: 0, measurement, series: series.clone(), ids, times, columns };
    (!kept.is_empty()).then(|| chunk.take(&kept))
}

/// The keys of all columns, if each name stands there once and with the type that the shard has, or has not yet.
fn undisputed(measurement: &[u8], columns: &[TableColumn], schema: &mut Schema) -> Option<Vec<FieldKey>> {
    // A set: a hostile batch names fields by the hundred thousand, and the shard's schema is locked.
    let mut new = BTreeSet::new();
    for column in columns {
        match schema.get(measurement, &column.name) {
            Some(key) if key.field_type == column.column.field_type() => {}
            Some(_) => return None,
            None if column.column.values.is_empty() || !new.insert(&column.name) => return None,
            None => {}
        }
    }
    Some(columns.iter().map(|column| schema.decide(measurement, &column.name, column.column.field_type())).collect())
}

/// What is known of a column whose table has types in dispute.
enum Standing {
    /// The shard has no field of the name yet.
    Open,
    /// The shard has it with this type.
    Fits(FieldKey),
    /// The shard has it with another type.
    Clashes(FieldType),
}

/// The columns of a table while its rows are checked one by one, in their order.
struct Disputes<'a> {
    measurement: &'a [u8],
    columns: &'a [TableColumn],
    standings: Vec<Standing>,
    /// The columns of each name, ascending.
    twins: BTreeMap<&'a [u8], Vec<usize>>,
    /// For each row the columns that have a value in it, ascending; without those that fit from the start.
    present: Vec<Vec<u32>>,
    schema: &'a mut Schema,
}

impl<'a> Disputes<'a> {
    /// Takes time by the values there are, not by rows times columns: both may be many.
    fn new(measurement: &'a [u8], columns: &'a [TableColumn], rows: usize, schema: &'a mut Schema) -> Self {
        let standing = |column: &TableColumn| match schema.get(measurement, &column.name) {
            None => Standing::Open,
            Some(key) if key.field_type == column.column.field_type() => Standing::Fits(key.clone()),
            Some(key) => Standing::Clashes(key.field_type),
        };
        let standings: Vec<Standing> = columns.iter().map(standing).collect();
        let mut twins: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
        let mut present: Vec<Vec<u32>> = vec![Vec::new(); rows];
        for (at, column) in columns.iter().enumerate() {
            twins.entry(&*column.name).or_default().push(at);
            if matches!(standings[at], Standing::Fits(_)) {
                continue;
            }
            let number = u32::try_from(at).unwrap_or(u32::MAX);
            match &column.column.presence {
                Presence::Dense => present.iter_mut().take(column.column.values.len()).for_each(|row| row.push(number)),
                Presence::Sparse(rows) => rows.iter().for_each(|&row| present[row as usize].push(number)),
            }
        }
        Self { measurement, columns, standings, twins, present, schema }
    }

    /// Why a row is dropped; `None` if it stays, and then the fields that only it brings are decided.
    fn check(&mut self, row: usize) -> Option<RejectReason> {
        let mut open: Vec<usize> = Vec::new();
        for at in std::mem::take(&mut self.present[row]) {
            let at = at as usize;
            let column = &self.columns[at];
            let existing = match self.standings[at] {
                Standing::Fits(_) => continue,
                Standing::Clashes(existing) => Some(existing),
                Standing::Open => {
                    let mut twins = self.twins.get(&*column.name).into_iter().flatten();
                    let same = twins.find(|other| open.binary_search(other).is_ok());
                    same.map(|&other| self.columns[other].column.field_type())
                }
            };
            match existing {
                None => open.push(at),
                Some(existing) => {
                    let given = column.column.field_type();
                    let (measurement, field) = (self.measurement.into(), column.name.clone());
                    return Some(RejectReason::TypeConflict { measurement, field, given, existing });
                }
            }
        }
        open.into_iter().for_each(|at| self.decide(at));
        None
    }

    fn decide(&mut self, at: usize) {
        let column = &self.columns[at];
        let key = self.schema.decide(self.measurement, &column.name, column.column.field_type());
        for &twin in self.twins.get(&*column.name).into_iter().flatten() {
            self.standings[twin] = Standing::Clashes(key.field_type);
        }
        self.standings[at] = Standing::Fits(key);
    }

    /// The key of each column that has a row that stays.
    fn fields(self) -> Vec<Option<FieldKey>> {
        let key = |standing| match standing {
            Standing::Fits(key) => Some(key),
            Standing::Open | Standing::Clashes(_) => None,
        };
        self.standings.into_iter().map(key).collect()
    }
}

/// Cuts rows into batches of about `limit` bytes, in order.
pub(super) fn split(parts: Vec<(Arc<Shard>, Chunk)>, limit: u64) -> Vec<Vec<(Arc<Shard>, Chunk)>> {
    let mut batches = Vec::new();
    let mut current = Vec::new();
    let mut bytes = 0;
    for (shard, chunk) in parts.into_iter().flat_map(|(shard, chunk)| cut(shard, chunk, limit)) {
        if bytes > 0 && bytes + chunk.bytes() > limit {
            batches.push(std::mem::take(&mut current));
            bytes = 0;
        }
        bytes += chunk.bytes();
        current.push((shard, chunk));
    }
    batches.push(current);
    batches.retain(|batch| !batch.is_empty());
    batches
}

fn cut(shard: Arc<Shard>, chunk: Chunk, limit: u64) -> Vec<(Arc<Shard>, Chunk)> {
    let pieces = chunk.bytes().div_ceil(limit.max(1));
    let rows = chunk.times.len() as u64;
    if pieces <= 1 || rows <= 1 {
        return vec![(shard, chunk)];
    }
    let step = usize::try_from((rows / pieces).max(1)).unwrap_or(usize::MAX);
    let all: Vec<u32> = (0..chunk.times.len() as u32).collect();
    all.chunks(step).map(|rows| (shard.clone(), chunk.take(rows))).collect()
}
