//! Merges segments into one, series by series. What overlaps no other input is taken page by page, or block by block without
//! being decoded; what does is merged row by row (`overlap.rs`), and later slots win. Memory holds a block or two of each
//! input, the open blocks of the output, and the indexes: no series is ever held whole.

use super::input::{Input, Piece};
use super::overlap;
use crate::cache::Cache;
use crate::delete::marks::Marks;
use crate::delete::{Tombstone, touching};
use crate::engine::ShardSpan;
use crate::error::StorageError;
use crate::schema::FieldKey;
use crate::segment::{
    FILLED_ROWS, Identity, PageRows, Plan, Rows, Segment, SetId, Stretch, Summary, Writer, window_of_stretches,
};
use crate::view::{ShardSource, View};
use codec::Level;
use model::{FieldType, Text, TimeRange};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// Memory for directories and indexes, beyond those in use.
const CACHE: u64 = 1 << 20;
/// Bytes that are gathered for one write.
const GATHER: usize = 1 << 20;

/// What a merge shall make.
pub(super) struct Order<'a> {
    /// Neighbours, in slot order.
    pub(super) inputs: &'a [Arc<Segment>],
    /// What is deleted.
    pub(super) tombstones: &'a [Arc<Tombstone>],
    /// Whose it is.
    pub(super) identity: Identity,
    /// How small.
    pub(super) level: Level,
    /// Whether blocks of an input, which are of this level already, may be taken as they are.
    pub(super) copies: &'a dyn Fn(&Segment) -> bool,
}

/// Where the bytes of a merge go, and whether it goes on.
pub(super) trait Sink {
    /// Takes the next bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError>;
    /// Whether the merge shall stop and leave nothing.
    fn stopped(&self) -> bool;
    /// A block of so many bytes was copied without being decoded.
    fn copied(&mut self, bytes: usize);
}

/// Merges neighbours; `None`: it was told to stop.
pub(super) fn merge(order: &Order<'_>, sink: &mut dyn Sink) -> Result<Option<Summary>, StorageError> {
    let (Some(oldest), Some(newest)) = (order.inputs.first(), order.inputs.last()) else {
        return Err(StorageError::Bug("a merge of no segments".to_owned()));
    };
    let cache = Arc::new(Cache::new(CACHE));
    let inputs: Vec<Arc<Segment>> =
        order.inputs.iter().map(|segment| Arc::new(segment.with_cache(cache.clone()))).collect();
    let slots = (oldest.entry().slots.0, newest.entry().slots.1);
    let mut writer = Writer::new(&order.identity, slots, order.level);
    // Measurements and fields of which no row is left are not written.
    let span = ShardSpan { id: order.identity.shard, range: TimeRange::ALL };
    let (segments, tombstones) = (inputs.clone(), order.tombstones.to_vec());
    let view = View::new(vec![ShardSource { span, segments, runs: Vec::new(), tombstones }], cache);
    for measurement in view.measurements()? {
        let live = view.fields(&measurement)?;
        if !Merge::open(order, &inputs, (&measurement, &live), &mut writer)?.run(&mut writer, sink)? {
            return Ok(None);
        }
    }
    let (rest, summary) = writer.finish()?;
    sink.write(&rest)?;
    Ok(Some(summary))
}

/// Hands on what the writer has, if it is much; false: the merge shall stop.
pub(super) fn drain(writer: &mut Writer, sink: &mut dyn Sink) -> Result<bool, StorageError> {
    if writer.pending() < GATHER {
        return Ok(true);
    }
    sink.write(&writer.take())?;
    Ok(!sink.stopped())
}

/// The merge of one measurement.
struct Merge<'a> {
    order: &'a Order<'a>,
    inputs: Vec<Input>,
    types: Vec<FieldType>,
    /// Of the series at hand, ascending by time.
    pieces: Vec<Piece>,
    key: Vec<u8>,
}

impl<'a> Merge<'a> {
    fn open(
        order: &'a Order<'a>,
        segments: &[Arc<Segment>],
        (measurement, live): (&[u8], &[(Text, FieldType)]),
        writer: &mut Writer,
    ) -> Result<Self, StorageError> {
        let fields = fields(segments, measurement, live)?;
        writer.begin(measurement, &fields)?;
        let name = |field: &FieldKey| (field.name.clone(), field.field_type as u8);
        let places: HashMap<(Text, u8), u32> = fields.iter().map(name).zip(0..).collect();
        let place = |field: &FieldKey| places.get(&name(field)).copied();
        let mut inputs = Vec::new();
        for segment in segments {
            if let Some(at) = segment.contents()?.find(measurement) {
                let entry = &segment.contents()?.measurements[at];
                let touching = touching(order.tombstones, segment.entry(), measurement, &entry.range);
                let marks = Marks::new(touching, || segment.index(at))?;
                inputs.push(Input::open(segment, at, marks, place, |fields| writer.set(fields))?);
            }
        }
        let types = fields.iter().map(|field| field.field_type).collect();
        Ok(Self { order, inputs, types, pieces: Vec::new(), key: Vec::new() })
    }

    /// Merges all series; false: it was told to stop.
    fn run(mut self, writer: &mut Writer, sink: &mut dyn Sink) -> Result<bool, StorageError> {
        while self.next_series()? {
            if sink.stopped() {
                return Ok(false);
            }
            writer.begin_series(&self.key)?;
            self.pieces.sort_by_key(|piece| piece.first);
            self.plan(writer)?;
            let mut from = 0;
            while from < self.pieces.len() {
                let to = self.cluster(from);
                let goes_on = if self.is_apart(from..to) {
                    self.take_all(from..to, writer, sink)?
                } else {
                    overlap::merge(&mut self.inputs, &self.pieces[from..to], &self.types, writer, sink)?
                };
                if !goes_on {
                    return Ok(false);
                }
                from = to;
            }
            writer.end_series()?;
        }
        Ok(true)
    }

    /// Takes the pieces of the next series: the one with the least key.
    fn next_series(&mut self) -> Result<bool, StorageError> {
        let Some(least) = self.inputs.iter().filter_map(Input::key).min() else { return Ok(false) };
        self.key.clear();
        self.key.extend_from_slice(least);
        self.pieces.clear();
        for (number, input) in self.inputs.iter_mut().enumerate() {
            if input.key() == Some(&self.key) {
                input.take(number, &mut self.pieces)?;
            }
        }
        Ok(true)
    }

    /// Says how the series is to be cut, for each set of fields that its pieces have.
    fn plan(&self, writer: &mut Writer) -> Result<(), StorageError> {
        let rows: usize = self.pieces.iter().map(|piece| piece.rows.len()).sum();
        // A short series is packed: it needs no window.
        if rows < 64 {
            return Ok(());
        }
        let mut planned: Vec<SetId> = Vec::new();
        for piece in &self.pieces {
            let Some(set) = self.set(piece) else { continue };
            if planned.contains(&set) {
                continue;
            }
            planned.push(set);
            let own = self.pieces.iter().filter(|piece| self.set(piece) == Some(set));
            let rows = own.clone().map(|piece| piece.rows.len()).sum();
            let stretch = |piece: &Piece| Stretch { first: piece.first, last: piece.last, rows: piece.rows.len() };
            writer.plan(set, Plan { window: window_of_stretches(own.map(stretch)), rows })?;
        }
        Ok(())
    }

    fn set(&self, piece: &Piece) -> Option<SetId> {
        self.inputs[piece.input].targets[piece.group].set
    }

    /// The piece after the last one of those that overlap each other, from one on; those that are done count as nothing.
    fn cluster(&self, from: usize) -> usize {
        let mut last = None;
        let overlapping = self.pieces[from..].iter().take_while(|piece| {
            let meets = piece.is_done || last.is_none_or(|last| piece.first <= last);
            if meets && !piece.is_done {
                last = last.max(Some(piece.last));
            }
            meets
        });
        from + overlapping.count()
    }

    /// Whether pieces that overlap are nobody's but one input's, whose rows do not meet, and keep their groups.
    fn is_apart(&self, cluster: Range<usize>) -> bool {
        let mut left = self.pieces[cluster].iter().filter(|piece| !piece.is_done);
        let Some(first) = left.next() else { return true };
        self.set(first).is_some() && left.all(|piece| piece.input == first.input && self.set(piece).is_some())
    }

    /// Takes pieces that are apart; false: it was told to stop.
    fn take_all(
        &mut self,
        pieces: Range<usize>,
        writer: &mut Writer,
        sink: &mut dyn Sink,
    ) -> Result<bool, StorageError> {
        for at in pieces {
            self.take(at, writer, sink)?;
            if !drain(writer, sink)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes a piece that is apart.
    fn take(&mut self, at: usize, writer: &mut Writer, sink: &mut dyn Sink) -> Result<(), StorageError> {
        let piece = &self.pieces[at];
        if piece.is_done {
            return Ok(());
        }
        let Some(set) = self.set(piece) else { return Err(StorageError::Bug("a piece without a set".to_owned())) };
        if let Some(block) = self.copyable(at) {
            let input = &self.inputs[piece.input];
            let (group, target) = (input.group(piece.group), &input.targets[piece.group]);
            let whole = input.block(piece.group, block)?;
            let order: Vec<usize> = std::iter::once(0).chain(target.columns.iter().map(|column| column + 1)).collect();
            writer.copy(set, (group, block, &whole), &order)?;
            sink.copied(whole.bytes().len());
            let (own, pages) = ((piece.input, piece.group), group.block_pages(block));
            let last = group.last[pages.end - 1];
            for piece in self.pieces[at..].iter_mut().take_while(|piece| piece.first <= last) {
                piece.is_done |= (piece.input, piece.group) == own && pages.contains(&piece.page);
            }
            return Ok(());
        }
        let (group, rows) = (piece.group, piece.rows.clone());
        let input = &mut self.inputs[piece.input];
        let page: Arc<PageRows> = input.page(group, piece.page)?;
        let columns: Vec<_> = input.targets[group].columns.iter().map(|&column| &page.columns[column]).collect();
        writer.append(set, &Rows { times: &page.times, columns: &columns }, rows)
    }

    /// The block that begins with a piece, if all of it can be taken as it is.
    fn copyable(&self, at: usize) -> Option<usize> {
        let piece = &self.pieces[at];
        let input = &self.inputs[piece.input];
        if !(self.order.copies)(&input.segment) {
            return None;
        }
        let block = input.block_from(piece.group, piece.page, FILLED_ROWS)?;
        let group = input.group(piece.group);
        let pages = group.block_pages(block);
        let last = group.last[pages.end - 1];
        // Nothing of another input may lie between its pages, and all of them must be there whole.
        let mut found = 0;
        for other in self.pieces[at..].iter().take_while(|other| other.first <= last) {
            if other.input != piece.input || self.set(other).is_none() {
                return None;
            }
            let own = other.group == piece.group && pages.contains(&other.page);
            found += usize::from(own && other.rows == (0..group.rows[other.page] as usize));
        }
        (found == pages.len()).then_some(block)
    }
}

/// The fields of a measurement that have a row (sorted by name and type), ascending by id, one for each name and type: the
/// newest.
fn fields(
    inputs: &[Arc<Segment>],
    measurement: &[u8],
    live: &[(Text, FieldType)],
) -> Result<Vec<FieldKey>, StorageError> {
    let mut known: BTreeSet<(Text, u8)> = BTreeSet::new();
    let mut fields: Vec<FieldKey> = Vec::new();
    for segment in inputs.iter().rev() {
        let contents = segment.contents()?;
        let Some(at) = contents.find(measurement) else { continue };
        let is_live = |field: &FieldKey| {
            live.binary_search_by(|(name, kind)| (name, kind).cmp(&(&field.name, &field.field_type))).is_ok()
        };
        let new = |field: &&FieldKey| is_live(field) && known.insert((field.name.clone(), field.field_type as u8));
        fields.extend(contents.measurements[at].fields.iter().filter(new).cloned());
    }
    fields.sort_unstable_by_key(|field| field.id);
    Ok(fields)
}
