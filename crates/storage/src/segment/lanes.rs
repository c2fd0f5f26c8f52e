//! The column groups of a measurement while it is written, and the lanes of the series at hand: one for each set of fields
//! that rows of it have.
//!
//! Rows come in pieces, in time order for each set. A lane gathers them until they are too many to be packed with other series;
//! then it begins a long series in the set's group and hands on all that follows, so that no series is ever held whole.

use super::block::WholeBlock;
use super::cells::{Cell, Cells};
use super::directory::{Group, GroupParts};
use super::group::{GroupBuilder, Out, Rows, byte_len};
use super::windows::{Stretch, window_of, window_of_density};
use codec::{CodecError, Level};
use model::{Column, FieldType, Values};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// Sets of several fields that get a column group; rows with others fall apart into groups of one field each.
const MAX_SETS: usize = 64;
/// A series with fewer rows than this in a group is packed together with others.
const SHORT: usize = 64;
/// A series with more bytes than this in a column is not packed either.
const SHORT_BYTES: usize = 64 << 10;
/// Decoded bytes in open blocks above which blocks end early.
const OPEN_BYTES: usize = 64 << 20;

/// A set of fields that has a column group.
pub(crate) type SetId = usize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Gathering,
    Long,
}

/// Rows of the series at hand with one set of fields.
#[derive(Debug)]
struct Lane {
    fields: Vec<u32>,
    /// Places of the groups in [`Lanes::groups`].
    packed: Option<usize>,
    long: Option<usize>,
    state: State,
    times: Vec<i64>,
    columns: Vec<Values>,
    /// How the series is to be cut, and about how many rows it has, if it becomes a long one.
    plan: Option<Plan>,
}

/// What is known of a series before its rows come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plan {
    /// The window to cut it by.
    pub(crate) window: Option<i64>,
    /// Its rows, about.
    pub(crate) rows: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Lanes {
    types: Vec<FieldType>,
    level: Level,
    groups: Vec<GroupBuilder>,
    lanes: Vec<Lane>,
    places: HashMap<Box<[u32]>, Option<SetId>>,
    /// Sets of several fields so far.
    shared: usize,
    series: u32,
    /// The lanes that are not idle.
    active: Vec<SetId>,
    /// Bytes that came since the open blocks were last weighed.
    unweighed: usize,
}

impl Lanes {
    /// No groups yet; `types` are those of the measurement's fields.
    pub(super) fn new(types: Vec<FieldType>, level: Level) -> Self {
        Self {
            types,
            level,
            groups: Vec::new(),
            lanes: Vec::new(),
            places: HashMap::default(),
            shared: 0,
            series: 0,
            active: Vec::new(),
            unweighed: 0,
        }
    }

    /// The group of rows that have just these fields (their places, ascending; not none); `None` if there are too many sets:
    /// such rows go to each field's group.
    pub(super) fn set(&mut self, fields: &[u32]) -> Option<SetId> {
        if let Some(&known) = self.places.get(fields) {
            return known;
        }
        let set = (fields.len() == 1 || self.shared < MAX_SETS).then(|| {
            self.shared += usize::from(fields.len() > 1);
            let columns = fields.iter().map(|&at| Values::new(self.types[at as usize])).collect();
            self.lanes.push(Lane {
                fields: fields.to_vec(),
                packed: None,
                long: None,
                state: State::Idle,
                times: Vec::new(),
                columns,
                plan: None,
            });
            self.lanes.len() - 1
        });
        self.places.insert(fields.into(), set);
        set
    }

    /// Begins a series.
    pub(super) fn begin(&mut self, series: u32) {
        self.series = series;
    }

    /// Says what is known of the series' rows of a set.
    pub(super) fn plan(&mut self, set: SetId, plan: Plan) {
        self.lanes[set].plan = Some(plan);
        self.wake(set);
    }

    fn wake(&mut self, set: SetId) {
        let lane = &mut self.lanes[set];
        if lane.state == State::Idle {
            lane.state = State::Gathering;
            self.active.push(set);
        }
    }

    /// Adds rows of the series, those of `range`, that have just the fields of a set and are above its rows before.
    pub(super) fn append(&mut self, set: SetId, rows: &Rows<'_>, range: Range<usize>, out: &mut Out<'_>) {
        self.wake(set);
        self.unweighed += range.len() * 8 * (rows.columns.len() + 1);
        let lane = &self.lanes[set];
        let new = || rows.columns.iter().zip(&lane.columns);
        let heavy = |(new, kept): (&&Values, &Values)| byte_len(new, range.clone()) + kept.bytes() > SHORT_BYTES;
        if lane.state == State::Gathering && (lane.times.len() + range.len() >= SHORT || new().any(heavy)) {
            self.open_long(set, &rows.times[range.clone()], out);
        }
        let lane = &mut self.lanes[set];
        if let (State::Long, Some(group)) = (lane.state, lane.long) {
            self.groups[group].push(rows, range, out);
            self.weigh(out);
            return;
        }
        lane.times.extend_from_slice(&rows.times[range.clone()]);
        for (column, values) in lane.columns.iter_mut().zip(rows.columns) {
            column.extend_range(values, range.clone());
        }
    }

    /// Takes a block of another segment with rows of the series; see [`GroupBuilder::copy`].
    pub(super) fn copy(
        &mut self,
        set: SetId,
        (from, number, block): (&Group, usize, &WholeBlock),
        order: &[usize],
        out: &mut Out<'_>,
    ) -> Result<(), CodecError> {
        self.wake(set);
        if self.lanes[set].state == State::Gathering {
            self.open_long(set, &[], out);
        }
        let group = self.lanes[set].long.ok_or(CodecError::Invalid("no group"))?;
        self.groups[group].copy(from, number, block, order, out)
    }

    /// Turns a lane into a long series; `more` are the times that come next.
    fn open_long(&mut self, set: SetId, more: &[i64], out: &mut Out<'_>) {
        let group = self.group(set, false);
        let lane = &mut self.lanes[set];
        let plan = lane.plan.unwrap_or_else(|| {
            let first = lane.times.first().or(more.first()).copied().unwrap_or_default();
            let last = more.last().or(lane.times.last()).copied().unwrap_or_default();
            let rows = lane.times.len() + more.len();
            Plan { window: window_of_density(&Stretch { first, last, rows }), rows }
        });
        let builder = &mut self.groups[group];
        builder.begin(self.series, plan.window, plan.rows, out);
        lane.state = State::Long;
        let columns: Vec<&Values> = lane.columns.iter().collect();
        builder.push(&Rows { times: &lane.times, columns: &columns }, 0..lane.times.len(), out);
        lane.clear(&self.types);
    }

    /// Adds rows of the series that have values of some fields only: those of `rows` of the columns, which come with their
    /// places, ascending, and whose cells are given. `whole`: these are all its rows.
    pub(super) fn mixed(
        &mut self,
        times: &[i64],
        columns: &BTreeMap<u32, &Column>,
        cells: &Cells,
        rows: Range<usize>,
        whole: bool,
        out: &mut Out<'_>,
    ) {
        let mut sets: Vec<(SetId, Vec<u32>)> = Vec::new();
        // Rows by field where a set has no group of its own; one row after the other, so that each field's ascend.
        let mut alone: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
        let mut fields: Vec<u32> = Vec::new();
        let mut last = None;
        for row in rows {
            let own = cells.row(row);
            if own.is_empty() {
                continue;
            }
            if last.is_none() || !own.iter().map(|cell| cell.0).eq(fields.iter().copied()) {
                fields.clear();
                fields.extend(own.iter().map(|cell| cell.0));
                last = if fields.len() == 1 { Some(None) } else { Some(self.set(&fields)) };
            }
            match last.flatten() {
                None => {
                    own.iter().for_each(|&(field, value)| alone.entry(field).or_default().push((row as u32, value)));
                }
                Some(set) => match sets.iter_mut().find(|(known, _)| *known == set) {
                    Some((_, rows)) => rows.push(row as u32),
                    None => sets.push((set, vec![row as u32])),
                },
            }
        }
        for (set, rows) in sets {
            let value = |row: &u32, column: usize| cells.row(*row as usize)[column].1;
            let gather = |(column, field): (usize, &u32)| {
                let values: Vec<u32> = rows.iter().map(|row| value(row, column)).collect();
                gather(columns[field], &values)
            };
            let values: Vec<Values> = self.lanes[set].fields.iter().enumerate().map(gather).collect();
            let times: Vec<i64> = rows.iter().map(|&row| times[row as usize]).collect();
            self.append_owned(set, &times, &values, whole, out);
        }
        for (field, own) in alone {
            let Some(set) = self.set(&[field]) else { continue };
            let own_times: Vec<i64> = own.iter().map(|cell| times[cell.0 as usize]).collect();
            let places: Vec<u32> = own.iter().map(|cell: &Cell| cell.1).collect();
            self.append_owned(set, &own_times, &[gather(columns[&field], &places)], whole, out);
        }
    }

    fn append_owned(&mut self, set: SetId, times: &[i64], values: &[Values], whole: bool, out: &mut Out<'_>) {
        let columns: Vec<&Values> = values.iter().collect();
        let rows = Rows { times, columns: &columns };
        if whole {
            self.whole(set, &rows, 0..times.len(), out);
        } else {
            self.append(set, &rows, 0..times.len(), out);
        }
    }

    /// Ends the series: what was gathered is packed.
    pub(super) fn end(&mut self, out: &mut Out<'_>) {
        let mut active = std::mem::take(&mut self.active);
        for set in active.drain(..) {
            let state = std::mem::replace(&mut self.lanes[set].state, State::Idle);
            self.lanes[set].plan = None;
            if let (State::Long, Some(group)) = (state, self.lanes[set].long) {
                self.groups[group].end();
            } else if !self.lanes[set].times.is_empty() {
                let group = self.group(set, true);
                let lane = &mut self.lanes[set];
                let columns: Vec<&Values> = lane.columns.iter().collect();
                let rows = Rows { times: &lane.times, columns: &columns };
                self.groups[group].pack(self.series, &rows, 0..lane.times.len(), out);
                lane.clear(&self.types);
            }
        }
        self.active = active;
        self.weigh(out);
    }

    /// Adds a whole series of one set at once; no other rows of it come.
    pub(super) fn whole(&mut self, set: SetId, rows: &Rows<'_>, range: Range<usize>, out: &mut Out<'_>) {
        let light = |values: &&Values| byte_len(values, range.clone()) <= SHORT_BYTES;
        self.unweighed += range.len() * 8 * (rows.columns.len() + 1);
        if range.len() < SHORT && rows.columns.iter().all(light) {
            let group = self.group(set, true);
            self.groups[group].pack(self.series, rows, range, out);
        } else {
            let group = self.group(set, false);
            let builder = &mut self.groups[group];
            builder.begin(self.series, window_of(&rows.times[range.clone()]), range.len(), out);
            builder.push(rows, range, out);
            builder.end();
        }
        self.weigh(out);
    }

    fn group(&mut self, set: SetId, packed: bool) -> usize {
        let lane = &mut self.lanes[set];
        let place = if packed { &mut lane.packed } else { &mut lane.long };
        *place.get_or_insert_with(|| {
            let types = lane.fields.iter().map(|&at| self.types[at as usize]).collect();
            self.groups.push(GroupBuilder::new(packed, lane.fields.clone(), types, self.level));
            self.groups.len() - 1
        })
    }

    /// Ends the larger ones of the open blocks where all together take too much memory.
    fn weigh(&mut self, out: &mut Out<'_>) {
        if self.unweighed <= OPEN_BYTES / 4 {
            return;
        }
        self.unweighed = 0;
        let open: usize = self.groups.iter().map(GroupBuilder::open_bytes).sum();
        if open > OPEN_BYTES / 2 {
            let mean = open / self.groups.len().max(1);
            self.groups.iter_mut().filter(|group| group.open_bytes() >= mean).for_each(|group| group.end_block(out));
        }
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> u64 {
        self.groups.iter().map(GroupBuilder::rows).sum()
    }

    /// Whether the rows of each series came in order.
    pub(super) fn are_ordered(&self) -> bool {
        self.groups.iter().all(GroupBuilder::is_ordered)
    }

    /// Ends all groups.
    pub(super) fn finish(self, out: &mut Out<'_>) -> Vec<GroupParts> {
        self.groups.into_iter().map(|group| group.finish(out)).collect()
    }
}

impl Lane {
    fn clear(&mut self, types: &[FieldType]) {
        self.times.clear();
        for (values, &field) in self.columns.iter_mut().zip(&self.fields) {
            match values {
                Values::Float(values) => values.clear(),
                Values::Integer(values) => values.clear(),
                Values::Unsigned(values) => values.clear(),
                Values::Boolean(values) => values.clear(),
                Values::String(_) => *values = Values::new(types[field as usize]),
            }
        }
    }
}

fn gather(column: &Column, values: &[u32]) -> Values {
    let mut out = Values::new(column.field_type());
    out.extend_at(&column.values, values);
    out
}
