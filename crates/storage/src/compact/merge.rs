//! Merges segments into one, series by series: a view of just the inputs is read as a query would read it, so that later
//! slots win, and what it gives is written. Memory holds one series of the output at a time.

use crate::cache::Cache;
use crate::delete::Tombstone;
use crate::engine::ShardSpan;
use crate::error::StorageError;
use crate::manifest::{SegmentEntry, SegmentRef};
use crate::schema::FieldKey;
use crate::segment::{Identity, Segment, Summary, Writer};
use crate::view::{Cut, ShardSource, TagCondition, View};
use codec::Level;
use model::{Column, FieldType, Presence, Text, TimeRange, Values};
use platform::{Disk, DiskFile};
use std::sync::Arc;

/// Memory for what the merge decodes.
const CACHE: u64 = 32 << 20;
/// Bytes that are gathered for one write.
const GATHER: usize = 1 << 20;

/// What a merge made.
#[derive(Debug)]
pub(super) struct MergedSegment {
    /// `None`: all rows were deleted, there is no file.
    pub(super) entry: Option<SegmentEntry>,
}

/// Merges neighbours, given in slot order, without what `tombstones` take, into a new file; it and its folder are durable
/// when this returns. `None`: it was told to stop, and left nothing.
pub(super) fn merge(
    inputs: &[Arc<Segment>],
    tombstones: &[Arc<Tombstone>],
    identity: &Identity,
    disk: &Arc<dyn Disk>,
    path: &str,
    stop: &dyn Fn() -> bool,
) -> Result<Option<MergedSegment>, StorageError> {
    let (Some(oldest), Some(newest)) = (inputs.first(), inputs.last()) else {
        return Err(StorageError::Bug("a merge of no segments".to_owned()));
    };
    let mut output = Output { file: disk.create(path)?, written: 0 };
    let slots = (oldest.entry().slots.0, newest.entry().slots.1);
    let result = fill(inputs, tombstones, slots, identity, &mut output, stop);
    let summary = match result.and_then(|summary| output.file.sync_all().map(|()| summary).map_err(Into::into)) {
        Ok(Some(summary)) => summary,
        other => {
            // Nothing names it yet; what cannot be removed now is an orphan for the next start.
            let _ = disk.remove(path);
            return other.map(|_| None);
        }
    };
    if summary.rows == 0 {
        disk.remove(path)?;
        return Ok(Some(MergedSegment { entry: None }));
    }
    disk.sync_dir(platform::disk::parent(path))?;
    // One that is rewritten alone, for deletes, stays what it was.
    let level = inputs.iter().map(|segment| segment.entry().level).max().unwrap_or(0) + u32::from(inputs.len() > 1);
    let place = SegmentRef { file: path.to_owned(), offset: 0, len: summary.len };
    let Summary { slots, range, rows, .. } = summary;
    let purged = tombstones.iter().map(|tombstone| tombstone.slot).max().unwrap_or(0);
    Ok(Some(MergedSegment { entry: Some(SegmentEntry { place, slots, range, rows, level, purged }) }))
}

struct Output {
    file: Arc<dyn DiskFile>,
    written: u64,
}

impl Output {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.file.write_at(self.written, bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

fn fill(
    inputs: &[Arc<Segment>],
    tombstones: &[Arc<Tombstone>],
    slots: (u64, u64),
    identity: &Identity,
    output: &mut Output,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Summary>, StorageError> {
    let cache = Arc::new(Cache::new(CACHE));
    let segments = inputs.iter().map(|segment| Arc::new(segment.with_cache(cache.clone()))).collect();
    let span = ShardSpan { id: identity.shard, range: TimeRange::ALL };
    let view =
        View::new(vec![ShardSource { span, segments, runs: Vec::new(), tombstones: tombstones.to_vec() }], cache);
    let mut writer = Writer::new(identity, slots, Level::Cold);
    for measurement in view.measurements()? {
        let fields = fields(inputs, &measurement, &view.fields(&measurement)?)?;
        writer.begin(&measurement, &fields)?;
        let names: Vec<(Text, FieldType)> = fields.iter().map(|key| (key.name.clone(), key.field_type)).collect();
        let set = view.series(&measurement, &TagCondition::True)?;
        let mut scan = view.scan(&set, &names, TimeRange::ALL)?;
        for series in 0..set.len() {
            if stop() {
                return Ok(None);
            }
            let (times, columns) = rows(&scan.cuts(series, 0)?, &names)?;
            writer.series(&set.key(series), &times, &columns)?;
            if writer.pending() >= GATHER {
                output.write(&writer.take())?;
            }
        }
    }
    let (rest, summary) = writer.finish()?;
    output.write(&rest)?;
    Ok(Some(summary))
}

/// The fields of a measurement that have a row, ascending by id, one for each name and type: the newest.
fn fields(
    inputs: &[Arc<Segment>],
    measurement: &[u8],
    live: &[(Text, FieldType)],
) -> Result<Vec<FieldKey>, StorageError> {
    let mut fields: Vec<FieldKey> = Vec::new();
    for segment in inputs.iter().rev() {
        let contents = segment.contents()?;
        let Some(at) = contents.find(measurement) else { continue };
        for field in &contents.measurements[at].fields {
            let is_live =
                live.binary_search_by(|(name, kind)| (name, kind).cmp(&(&field.name, &field.field_type))).is_ok();
            if is_live && !fields.iter().any(|known| known.name == field.name && known.field_type == field.field_type) {
                fields.push(field.clone());
            }
        }
    }
    fields.sort_unstable_by_key(|field| field.id);
    Ok(fields)
}

/// All rows of some cuts.
fn rows(cuts: &[Cut], fields: &[(Text, FieldType)]) -> Result<(Vec<i64>, Vec<Column>), StorageError> {
    let mut times = Vec::new();
    let mut columns: Vec<(Values, Vec<u32>)> =
        fields.iter().map(|(_, field_type)| (Values::new(*field_type), Vec::new())).collect();
    for cut in cuts {
        let start = times.len() as u32;
        let own = cut.times()?;
        times.extend_from_slice(&own);
        for (field, (values, present)) in columns.iter_mut().enumerate() {
            let column = cut.column(field)?;
            values.extend_range(&column.values, 0..column.values.len());
            match &column.presence {
                Presence::Dense => present.extend((0..own.len() as u32).map(|row| start + row)),
                Presence::Sparse(rows) => present.extend(rows.iter().map(|row| start + row)),
            }
        }
    }
    let whole = |(values, present)| {
        let mut column = Column { values, presence: Presence::Sparse(present) };
        column.seal(times.len());
        column
    };
    let columns = columns.into_iter().map(whole).collect();
    Ok((times, columns))
}
