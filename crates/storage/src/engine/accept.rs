//! From a batch to the rows of shards: series are looked up, rows are dealt out by time, types of fields are checked.
//!
//! In the common case, all rows of a table in one shard and no type in dispute, columns are moved, not copied.

use super::shard::Shard;
use super::{Outcome, RejectReason, Rejections, ShardSpan};
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
        let mut refuse = |row: u32, error| outcome.rejected.add_key(table.keys[row as usize].start, error);
        let ids = series.resolve(&batch, &table.keys, text, &mut refuse);
        for (index, part) in deal_out(table, ids, spans, &mut outcome.rejected) {
            let shard = &shards[index];
            if let Some(chunk) = check_types(part, shard, series, &mut outcome.rejected) {
                outcome.accepted += chunk.times.len();
                parts.push((shard.clone(), chunk));
            }
        }
    }
    outcome.rejected.order();
    // A shard gets all rows of a slot in one step, so that no flush can come between them.
    parts.sort_by_key(|(shard, _)| shard.id);
    (parts, outcome)
}

/// The rows of a table by shard (its index); those that belong to none are rejected. Takes time and memory by the rows, not by
/// the shards: a request may have many tables for many shards.
fn deal_out(table: Table, ids: Vec<SeriesId>, spans: &[ShardSpan], rejected: &mut Rejections) -> Vec<(usize, Part)> {
    let Some(&first) = table.times.first() else { return Vec::new() };
    let (least, greatest) =
        table.times.iter().fold((first, first), |(least, greatest), &time| (least.min(time), greatest.max(time)));
    let whole = span_at(spans, least).filter(|&index| spans[index].range.contains(greatest));
    if let Some(index) = whole.filter(|_| !ids.contains(&NO_SERIES)) {
        let Table { measurement, keys, times, columns } = table;
        return vec![(index, Part { measurement, keys, ids, times, columns })];
    }
    let mut dealt: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for (row, (&time, &id)) in (0u32..).zip(table.times.iter().zip(&ids)) {
        if id == NO_SERIES {
            continue;
        }
        match span_at(spans, time) {
            Some(index) => dealt.entry(index).or_default().push(row),
            None => rejected.add(table.keys[row as usize].start, || RejectReason::NoShard),
        }
    }
    let (used, rows): (Vec<usize>, Vec<Vec<u32>>) = dealt.into_iter().unzip();
    let columns = cut_columns(&table.columns, table.times.len(), &rows);
    let part_of = |rows: Vec<u32>, columns| Part {
        measurement: table.measurement.clone(),
        keys: rows.iter().map(|&row| table.keys[row as usize]).collect(),
        ids: rows.iter().map(|&row| ids[row as usize]).collect(),
        times: rows.iter().map(|&row| table.times[row as usize]).collect(),
        columns,
    };
    used.into_iter().zip(rows.into_iter().zip(columns).map(|(rows, columns)| part_of(rows, columns))).collect()
}

/// The index of the span that a time lies in.
fn span_at(spans: &[ShardSpan], time: i64) -> Option<usize> {
    let index = spans.partition_point(|span| span.range.end < time);
    spans.get(index).filter(|span| span.range.contains(time)).map(|_| index)
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
fn check_types(part: Part, shard: &Shard, series: &Arc<SeriesTable>, rejected: &mut Rejections) -> Option<Chunk> {
    let mut schema = shard.schema.lock();
    let Part { measurement, keys, ids, times, columns } = part;
    if let Some(fields) = undisputed(&measurement, &columns, &mut schema) {
        let columns = fields.into_iter().zip(columns).map(|(key, column)| (key, column.column)).collect();
        return Some(Chunk { slots: (0, 0), measurement, series: series.clone(), ids, times, columns });
    }
    let mut disputes = Disputes::new(&measurement, &columns, keys.len(), &mut schema);
    let mut kept = Vec::new();
    for (row, key) in (0u32..).zip(&keys) {
        match disputes.check(row as usize) {
            None => kept.push(row),
            Some(conflict) => rejected.add(key.start, || disputes.reason(conflict)),
        }
    }
    let fields = disputes.fields();
    let fitting = fields.into_iter().zip(columns).filter_map(|(key, column)| Some((key?, column.column)));
    let columns: Vec<(FieldKey, Column)> = fitting.collect();
    let chunk = Chunk { slots: (0, 0), measurement, series: series.clone(), ids, times, columns };
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

/// A field of a row, by its column, whose name the shard has with another type.
#[derive(Clone, Copy)]
struct Conflict {
    at: usize,
    existing: FieldType,
}

/// The columns, of those that are `wanted`, that have a value in each row, and where each row begins.
fn by_row(columns: &[TableColumn], wanted: &[bool], rows: usize) -> (Vec<u32>, Vec<usize>) {
    let each = |see: &mut dyn FnMut(usize, u32)| {
        for (number, (column, _)) in (0u32..).zip(columns.iter().zip(wanted)).filter(|(_, (_, wanted))| **wanted) {
            match &column.column.presence {
                Presence::Dense => (0..column.column.values.len().min(rows)).for_each(|row| see(row, number)),
                Presence::Sparse(rows) => rows.iter().for_each(|&row| see(row as usize, number)),
            }
        }
    };
    let mut starts = vec![0; rows + 1];
    each(&mut |row, _| starts[row + 1] += 1);
    (0..rows).for_each(|row| starts[row + 1] += starts[row]);
    let (mut present, mut next) = (vec![0; starts[rows]], starts.clone());
    each(&mut |row, number| {
        present[next[row]] = number;
        next[row] += 1;
    });
    (present, starts)
}

/// The columns of a table while its rows are checked one by one, in their order.
struct Disputes<'a> {
    measurement: &'a [u8],
    columns: &'a [TableColumn],
    standings: Vec<Standing>,
    /// The columns of each name, ascending.
    twins: BTreeMap<&'a [u8], Vec<usize>>,
    /// The columns that have a value in each row, ascending, row after row; without those that fit from the start.
    present: Vec<u32>,
    /// Where each row begins in `present`, and where the last one ends.
    starts: Vec<usize>,
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
        columns.iter().enumerate().for_each(|(at, column)| twins.entry(&*column.name).or_default().push(at));
        let open: Vec<bool> = standings.iter().map(|standing| !matches!(standing, Standing::Fits(_))).collect();
        let (present, starts) = by_row(columns, &open, rows);
        Self { measurement, columns, standings, twins, present, starts, schema }
    }

    /// The field for which a row is dropped; `None` if it stays, and then the fields that only it brings are decided.
    fn check(&mut self, row: usize) -> Option<Conflict> {
        let mut open: Vec<usize> = Vec::new();
        for place in self.starts[row]..self.starts[row + 1] {
            let at = self.present[place] as usize;
            let existing = match self.standings[at] {
                Standing::Fits(_) => continue,
                Standing::Clashes(existing) => Some(existing),
                Standing::Open => {
                    let mut twins = self.twins.get(&*self.columns[at].name).into_iter().flatten();
                    let same = twins.find(|other| open.binary_search(other).is_ok());
                    same.map(|&other| self.columns[other].column.field_type())
                }
            };
            match existing {
                None => open.push(at),
                Some(existing) => return Some(Conflict { at, existing }),
            }
        }
        open.into_iter().for_each(|at| self.decide(at));
        None
    }

    /// A conflict in words.
    fn reason(&self, conflict: Conflict) -> RejectReason {
        let Conflict { at, existing } = conflict;
        let TableColumn { name, column } = &self.columns[at];
        let (measurement, field, given) = (self.measurement.into(), name.clone(), column.field_type());
        RejectReason::TypeConflict { measurement, field, given, existing }
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
