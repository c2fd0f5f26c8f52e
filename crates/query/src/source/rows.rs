//! The answer of a SELECT as a source of another: its output series with their tags, each with blocks of rows in order of
//! time. What it takes is charged to the query as it comes, and is given back when the outer SELECT has ended.
//!
//! Several SELECTs in one FROM whose rows have the same name are one source: its columns are those of all, and a row has
//! only those of its own SELECT.

use crate::exec::{Meter, cast_column};
use crate::{Context, QueryError, Sink};
use model::{Column, FieldType, Frame, FrameColumn, Header, Item, TagSet, Text, TimeRange, Value, Values};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Rows of one name.
#[derive(Debug, Default)]
pub(crate) struct RowSet {
    /// The columns, by name and type.
    columns: Vec<(Text, FieldType)>,
    series: Vec<RowSeries>,
    /// See [`super::Source::is_whole`].
    pub(super) whole: bool,
    memory: Vec<Arc<Meter>>,
}

#[derive(Debug)]
struct RowSeries {
    tags: Arc<TagSet>,
    /// The tags that its SELECT groups by: of these it has a value, the empty one perhaps.
    keys: Arc<[Text]>,
    blocks: Vec<Arc<Block>>,
    /// Its rows have passed the condition of the SELECT that reads them.
    passed: bool,
}

/// Some rows of a series.
#[derive(Debug)]
struct Block {
    times: Arc<Vec<i64>>,
    /// By the places of [`RowSet::columns`]; beyond the last, and where there is none, nothing has a value.
    columns: Vec<Option<Arc<Column>>>,
}

/// Where a field of a scan is found.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    /// In this column; where a series has no such column, in its tag of that name.
    Column(usize, Text),
    /// In a tag, which is the same in all rows of a series.
    Tag(Text),
}

impl RowSet {
    /// The columns, sorted.
    pub(crate) fn columns(&self) -> Vec<(Text, FieldType)> {
        let mut columns = self.columns.clone();
        columns.sort();
        columns
    }

    /// Number of series.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    pub(super) fn tags(&self, series: usize) -> &TagSet {
        &self.series[series].tags
    }

    /// Says that all rows have passed the condition of the SELECT that reads them. They stand for stored ones: a tag without a value is none.
    pub(crate) fn pass(&mut self) {
        for series in &mut self.series {
            let has = |key: &&Text| series.tags.get(key).is_some_and(|value| !value.is_empty());
            series.keys = series.keys.iter().filter(has).cloned().collect();
            series.passed = true;
        }
    }

    pub(super) fn has_passed(&self, series: usize) -> bool {
        self.series[series].passed
    }

    pub(super) fn time_bounds(&self) -> Option<TimeRange> {
        let blocks = self.series.iter().flat_map(|series| &series.blocks);
        blocks.map(|block| range(&block.times)).reduce(|left, right| left.union(&right))
    }

    /// Where fields are found: columns first.
    pub(super) fn reads(&self, fields: &[(Text, FieldType)]) -> Arc<[Read]> {
        let read = |field: &(Text, FieldType)| match self.columns.iter().position(|column| column == field) {
            Some(at) => Read::Column(at, field.0.clone()),
            None => Read::Tag(field.0.clone()),
        };
        fields.iter().map(read).collect()
    }

    /// The blocks of a series that reach into a range.
    pub(super) fn cuts(&self, series: usize, reads: &Arc<[Read]>, wanted: &TimeRange) -> Vec<RowCut> {
        let RowSeries { tags, keys, blocks, .. } = &self.series[series];
        let inside = blocks.iter().filter(|block| range(&block.times).overlaps(wanted));
        let cut = |block: &Arc<Block>| {
            let (reads, tags, keys) = (reads.clone(), tags.clone(), keys.clone());
            RowCut { block: block.clone(), reads, tags, keys }
        };
        inside.map(cut).collect()
    }

    /// Takes the series of another one, whose columns are added.
    fn append(&mut self, other: RowSet) {
        let places: Vec<usize> = other
            .columns
            .into_iter()
            .map(|column| {
                self.columns.iter().position(|known| *known == column).unwrap_or_else(|| {
                    self.columns.push(column);
                    self.columns.len() - 1
                })
            })
            .collect();
        let width = self.columns.len();
        for RowSeries { tags, keys, blocks, passed } in other.series {
            let moved = |block: Arc<Block>| {
                let mut columns = vec![None; width];
                for (column, &place) in block.columns.iter().zip(&places) {
                    columns[place].clone_from(column);
                }
                Arc::new(Block { times: block.times.clone(), columns })
            };
            self.series.push(RowSeries { tags, keys, blocks: blocks.into_iter().map(moved).collect(), passed });
        }
        self.whole |= other.whole;
        self.memory.extend(other.memory);
    }
}

fn range(times: &[i64]) -> TimeRange {
    TimeRange { start: times.first().copied().unwrap_or(1), end: times.last().copied().unwrap_or(0) }
}

/// A block, read by the fields of a scan.
#[derive(Debug)]
pub(crate) struct RowCut {
    block: Arc<Block>,
    reads: Arc<[Read]>,
    tags: Arc<TagSet>,
    keys: Arc<[Text]>,
}

impl RowCut {
    pub(super) fn range(&self) -> TimeRange {
        range(&self.block.times)
    }

    pub(super) fn times(&self) -> &Arc<Vec<i64>> {
        &self.block.times
    }

    pub(super) fn has(&self, field: usize) -> bool {
        self.found(field).is_some() || self.tag(field).is_some()
    }

    pub(super) fn column(&self, field: usize) -> Arc<Column> {
        match (self.found(field), self.tag(field)) {
            (Some(column), _) => column.clone(),
            // Made anew each time: kept, they would be memory that nobody counts.
            (None, Some(key)) => Arc::new(self.of_tag(key)),
            (None, None) => Arc::new(Column::empty(FieldType::Float)),
        }
    }

    fn found(&self, field: usize) -> Option<&Arc<Column>> {
        match &self.reads[field] {
            Read::Column(at, _) => self.block.columns.get(*at)?.as_ref(),
            Read::Tag(_) => None,
        }
    }

    /// The tag that a field is read from where it is no column.
    fn tag(&self, field: usize) -> Option<&Text> {
        let (Read::Column(_, name) | Read::Tag(name)) = &self.reads[field];
        self.keys.contains(name).then_some(name)
    }

    /// The value of a tag in every row.
    fn of_tag(&self, key: &[u8]) -> Column {
        let mut values = Values::new(FieldType::String);
        let value = self.tags.get(key).unwrap_or_default();
        for _ in 0..self.block.times.len() {
            values.push(Value::String(value));
        }
        Column::dense(values)
    }
}

/// A column that an outer SELECT may read.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// Its name.
    pub(crate) name: Text,
    /// Its type.
    pub(crate) field_type: FieldType,
    /// Its place among the columns of values of the answer.
    pub(crate) output: usize,
}

/// Roughly what a block takes beside its rows, and what each column of it does (bytes).
const BLOCK: usize = 160;
const COLUMN: usize = 96;

/// Takes an answer in.
pub(crate) struct Collector<'a> {
    shown: &'a [Shown],
    ascending: bool,
    whole: bool,
    memory: Meter,
    /// By the names of series.
    sets: BTreeMap<Text, RowSet>,
    open: Option<Text>,
    error: Option<QueryError>,
}

impl<'a> Collector<'a> {
    /// For an answer with these columns; `whole`: see [`super::Source::is_whole`].
    pub(crate) fn new(
        shown: &'a [Shown],
        (ascending, whole): (bool, bool),
        context: &Context,
    ) -> Result<Self, QueryError> {
        let memory = Meter::new(context)?;
        Ok(Self { shown, ascending, whole, memory, sets: BTreeMap::new(), open: None, error: None })
    }

    fn take(&mut self, item: Item) -> Result<(), QueryError> {
        match item {
            Item::Series(header) => self.open(header),
            Item::Rows(frame) => {
                let (times, columns) = columns_of(frame);
                self.add(times, columns)
            }
            Item::Many(many) => {
                let (times, columns) = columns_of(many.frame);
                let mut from = 0;
                for (header, rows) in many.series {
                    self.open(header)?;
                    let own: Vec<u32> = (0u32..).skip(from).take(rows).collect();
                    let columns = columns.iter().map(|column| column.as_ref().map(|column| column.take(&own)));
                    self.add(times[from..from + rows].to_vec(), columns.collect())?;
                    from += rows;
                }
                Ok(())
            }
        }
    }

    /// A series begins.
    fn open(&mut self, header: Header) -> Result<(), QueryError> {
        let set = self.sets.entry(header.name.clone()).or_insert_with(|| RowSet {
            columns: self.shown.iter().map(|shown| (shown.name.clone(), shown.field_type)).collect(),
            ..RowSet::default()
        });
        let tags = header.tags.unwrap_or_default();
        let texts: usize = tags.iter().map(|(key, value)| 32 + key.len() + value.len()).sum();
        self.memory.add(size_of::<RowSeries>() + texts)?;
        let same = |before: &RowSeries| {
            let is_same = before.keys.iter().eq(tags.iter().map(|(key, _)| key));
            is_same.then(|| before.keys.clone())
        };
        let keys = set.series.last().and_then(same);
        let keys = keys.unwrap_or_else(|| tags.iter().map(|(key, _)| key.clone()).collect());
        set.series.push(RowSeries { tags: Arc::new(TagSet::new(tags)), keys, blocks: Vec::new(), passed: false });
        self.open = Some(header.name);
        Ok(())
    }

    /// Rows of the series that began last.
    fn add(&mut self, times: Vec<i64>, columns: Vec<Option<Column>>) -> Result<(), QueryError> {
        let block = self.block(times, columns);
        let bytes: usize = block.columns.iter().flatten().map(|column| COLUMN + column.bytes()).sum();
        self.memory.add(BLOCK + bytes + block.times.len() * size_of::<i64>())?;
        let set = self.open.as_ref().and_then(|name| self.sets.get_mut(name));
        if let Some(series) = set.and_then(|set| set.series.last_mut()) {
            series.blocks.push(Arc::new(block));
        }
        Ok(())
    }

    /// Rows in ascending order of time.
    fn block(&self, mut times: Vec<i64>, mut columns: Vec<Option<Column>>) -> Block {
        let mut turned = Vec::new();
        if !self.ascending {
            turned.extend((0u32..).take(times.len()));
            turned.reverse();
            times.reverse();
        }
        let column = |shown: &Shown| {
            let found = columns.get_mut(shown.output)?.take()?;
            let found = if self.ascending { found } else { found.take(&turned) };
            Some(Arc::new(if found.field_type() == shown.field_type {
                found
            } else {
                cast_column(&found, shown.field_type)
            }))
        };
        Block { times: Arc::new(times), columns: self.shown.iter().map(column).collect() }
    }

    /// The answer, by the names of its series, in order of their tags.
    pub(crate) fn finish(self) -> Result<Vec<(Text, RowSet)>, QueryError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let memory = Arc::new(self.memory);
        let finished = self.sets.into_iter().map(|(name, mut set)| {
            if !self.ascending {
                set.series.reverse();
                set.series.iter_mut().for_each(|series| series.blocks.reverse());
            }
            set.whole = self.whole;
            set.memory.push(memory.clone());
            (name, set)
        });
        Ok(finished.collect())
    }
}

/// The times and the other columns of a frame.
fn columns_of(frame: Frame) -> (Vec<i64>, Vec<Option<Column>>) {
    let (mut times, mut columns) = (Vec::new(), Vec::new());
    for column in frame.columns {
        match column {
            FrameColumn::Times(found) => times = found,
            FrameColumn::Values(found) => columns.push(Some(found)),
            FrameColumn::Labels(labels) => columns.push(Some(labels.to_column())),
            // No SELECT makes them.
            FrameColumn::Lists(_) => columns.push(None),
        }
    }
    (times, columns)
}

impl Sink for Collector<'_> {
    fn item(&mut self, item: Item) -> ControlFlow<()> {
        match self.take(item) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

/// The rows of several SELECTs together, by name.
pub(crate) fn together(answers: Vec<Vec<(Text, RowSet)>>) -> BTreeMap<Text, RowSet> {
    let mut all: BTreeMap<Text, RowSet> = BTreeMap::new();
    for (name, set) in answers.into_iter().flatten() {
        all.entry(name).or_default().append(set);
    }
    all
}
