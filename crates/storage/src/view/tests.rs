//! Segments and runs, read through a view, against a model: what a map of rows says.

use super::*;
use crate::manifest::{SegmentEntry, SegmentRef};
use crate::run::rank::SeriesList;
use crate::run::sorted::SortedTable;
use crate::schema::FieldKey;
use crate::segment::{Files, Identity, write};
use model::{Column, TagSet, Value, Values, series_key};
use platform::World;
use platform::sim::SimWorld;
use proptest::prelude::*;
use std::collections::BTreeMap;

pub(crate) const CLUSTER: [u8; 16] = [9; 16];
const TYPES: [FieldType; 5] = FieldType::ALL;

/// A value of field `field`, made of a small number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    String(Vec<u8>),
    Boolean(bool),
}

impl Cell {
    fn new(field: usize, seed: i64) -> Self {
        match TYPES[field] {
            FieldType::Float => Self::Float(seed as f64 / 4.0),
            FieldType::Integer => Self::Integer(seed - 50),
            FieldType::Unsigned => Self::Unsigned(if seed == 0 { u64::MAX } else { seed as u64 }),
            FieldType::String => Self::String(format!("text {}", seed % 7).into_bytes()),
            FieldType::Boolean => Self::Boolean(seed % 2 == 0),
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Float(v) => Value::Float(*v),
            Self::Integer(v) => Value::Integer(*v),
            Self::Unsigned(v) => Value::Unsigned(*v),
            Self::String(v) => Value::String(v),
            Self::Boolean(v) => Value::Boolean(*v),
        }
    }

    fn of(value: Value<'_>) -> Self {
        match value {
            Value::Float(v) => Self::Float(v),
            Value::Integer(v) => Self::Integer(v),
            Value::Unsigned(v) => Self::Unsigned(v),
            Value::String(v) => Self::String(v.to_vec()),
            Value::Boolean(v) => Self::Boolean(v),
        }
    }
}

/// A condition, and the same on a canonical key.
type Case<'a> = (TagCondition, &'a dyn Fn(&[u8]) -> bool);

/// Series key -> time -> field -> value.
pub(crate) type Model = BTreeMap<Vec<u8>, BTreeMap<i64, BTreeMap<usize, Cell>>>;

/// Rows written at one time to one series: its number, first time, step, count, fields (bits), seed.
type Burst = (u8, i64, i64, usize, u8, i64);

fn burst() -> impl Strategy<Value = Burst> {
    let step = prop_oneof![Just(1_000_000_000i64), Just(10_000_000_000), Just(7), 1i64..5_000_000_000];
    (0u8..5, 0i64..2_000, step, prop_oneof![1usize..20, 50usize..700], 1u8..32, 0i64..100)
}

pub(crate) fn bursts() -> impl Strategy<Value = Vec<Vec<Burst>>> {
    proptest::collection::vec(proptest::collection::vec(burst(), 1..5), 1..6)
}

fn key_of(number: u8) -> Vec<u8> {
    let text = |text: String| Text::from(text.as_bytes());
    let mut pairs = vec![(text("host".to_owned()), text(format!("h {number}")))];
    if number % 2 == 1 {
        pairs.push((text("area".to_owned()), text(format!("a{}", number / 2))));
    }
    series_key::key(b"cpu", &TagSet::new(pairs))
}

fn apply(bursts: &[Burst], model: &mut Model) {
    for &(series, start, step, count, fields, seed) in bursts {
        let rows = model.entry(key_of(series)).or_default();
        for i in 0..count as i64 {
            let row = rows.entry(start * 1_000_000_000 + i * step).or_default();
            for field in (0..5).filter(|field| fields >> field & 1 == 1) {
                row.insert(field, Cell::new(field, (seed + i * (i % 5)) % 100));
            }
        }
    }
}

fn name(field: usize) -> Text {
    format!("f{field}").into_bytes().into()
}

fn run_of(model: &Model, slot: u64) -> SortedRun {
    let (mut starts, mut times) = (vec![0], Vec::new());
    let mut columns: Vec<Column> = TYPES.iter().map(|&t| Column::new(t)).collect();
    for rows in model.values() {
        for (time, row) in rows {
            for (field, cell) in row {
                columns[*field].push(times.len() as u32, cell.value());
            }
            times.push(*time);
        }
        starts.push(times.len() as u32);
    }
    columns.iter_mut().for_each(|column| column.seal(times.len()));
    let key = |at: usize| FieldKey { name: name(at), field_type: TYPES[at], id: at as u32 };
    let columns = columns.into_iter().enumerate().filter(|(_, column)| !column.values.is_empty());
    let columns = columns.map(|(at, column)| (key(at), column)).collect();
    let series = SeriesList::of_keys(model.keys().map(Vec::as_slice));
    let table = SortedTable {
        measurement: b"cpu".as_slice().into(),
        series,
        starts,
        times,
        columns,
        bounds: std::sync::OnceLock::new(),
    };
    SortedRun { tables: vec![table], slots: (slot, slot) }
}

pub(crate) fn store(world: &World, files: &Files, cache: &Arc<Cache>, path: &str, run: &SortedRun) -> Arc<Segment> {
    let (bytes, summary) = write(&Identity { cluster: CLUSTER, put_id: [1; 16], shard: 1 }, run).unwrap();
    world.disk.create_dir("segments").unwrap();
    world.disk.create(path).unwrap().write_at(3, &bytes).unwrap();
    let place = SegmentRef { file: path.to_owned(), offset: 3, len: summary.len };
    let entry = SegmentEntry {
        place,
        slots: summary.slots,
        range: summary.range,
        rows: summary.rows,
        tables: summary.tables.clone(),
        level: 0,
        purged: 0,
        cold: false,
    };
    Arc::new(Segment::new(entry, files.get(path), CLUSTER, cache.clone()))
}

pub(crate) fn view_of(segments: Vec<Arc<Segment>>, runs: Vec<Arc<SortedRun>>, cache: &Arc<Cache>) -> View {
    let span = ShardSpan { id: 1, range: TimeRange::ALL };
    View::new(vec![ShardSource { span, segments, runs, tombstones: Vec::new() }], cache.clone())
}

/// The parts as segments, the last `runs` of them as runs, and what they amount to.
pub(crate) fn parts(bursts: &[Vec<Burst>], runs: usize, cache: &Arc<Cache>) -> (World, Files, View, Model) {
    let world = SimWorld::new(1).world();
    let files = Files::new(world.disk.clone());
    let (mut all, mut segments, mut in_memory) = (Model::new(), Vec::new(), Vec::new());
    for (at, part) in bursts.iter().enumerate() {
        let mut own = Model::new();
        apply(part, &mut own);
        apply(part, &mut all);
        let run = run_of(&own, at as u64 + 1);
        if at + runs < bursts.len() {
            segments.push(store(&world, &files, cache, &format!("segments/{at}"), &run));
        } else {
            in_memory.push(Arc::new(run));
        }
    }
    let view = view_of(segments, in_memory, cache);
    (world, files, view, all)
}

fn scanned_fields(fields: &[usize]) -> Vec<(Text, FieldType)> {
    fields.iter().map(|&at| (name(at), TYPES[at])).collect()
}

/// Reads all that a view has of some fields, checking the cuts on the way.
pub(crate) fn read(view: &View, fields: &[usize], range: TimeRange) -> Result<Model, StorageError> {
    read_coarse(view, fields, range, &|_| i64::MIN)
}

/// Reads all that a view has of some fields by coarse cuts.
fn read_coarse(view: &View, fields: &[usize], range: TimeRange, last_of: LastOf<'_>) -> Result<Model, StorageError> {
    let set = view.series(b"cpu", &TagCondition::True)?;
    let mut scan = view.scan(&set, &scanned_fields(fields), range)?;
    let mut model = Model::new();
    for series in 0..set.len() {
        let mut rows: BTreeMap<i64, BTreeMap<usize, Cell>> = BTreeMap::new();
        let mut last = i64::MIN;
        for cut in scan.coarse_cuts(series, 0, last_of)? {
            let times = cut.times()?;
            check_pages(&cut, &times, last_of);
            assert!(cut.range().start > last && times.is_sorted_by(|a, b| a < b) && times.len() <= cut.rows_max());
            assert!(times.iter().all(|time| cut.range().contains(*time)));
            last = cut.range().end;
            for (at, &field) in fields.iter().enumerate() {
                let column = cut.column(at)?;
                check_stats(&cut, at, &times, &column);
                check_leaves(&cut, at, &times, &column);
                check_bounds(cut.bounds(at), &column);
                for (row, &time) in times.iter().enumerate().filter(|(_, time)| range.contains(**time)) {
                    if let Some(value) = column.get(row) {
                        rows.entry(time).or_default().insert(field, Cell::of(value));
                    }
                }
            }
            let columns: Vec<_> = (0..fields.len()).map(|at| cut.column(at).unwrap()).collect();
            let counted = |row: &usize| columns.iter().any(|column| column.get(*row).is_some());
            assert!((0..times.len()).all(|row| counted(&row)), "a row without any of the fields");
        }
        if !rows.is_empty() {
            model.insert(set.key(series), rows);
        }
    }
    Ok(model)
}

/// Reads all that a view has of some fields by blocks, and by cuts what is in none; and how many rows came by blocks.
fn read_swept(view: &View, fields: &[usize], range: TimeRange) -> Result<(Model, usize), StorageError> {
    let set = view.series(b"cpu", &TagCondition::True)?;
    let scan = view.scan(&set, &scanned_fields(fields), range)?;
    let (mut model, mut swept) = (Model::new(), 0);
    let sweep = scan.sweep(0, &|_| Ok::<_, StorageError>(()))?.expect("nothing is deleted");
    scan.blocks(0, &sweep, &mut |block| {
        for (at, &field) in fields.iter().enumerate() {
            let Some(column) = block.column(at, TYPES[field])? else { continue };
            for rows in block.rows {
                assert!(!sweep.is_alone(rows.series as usize) && rows.start < rows.end);
                let own = model.entry(set.key(rows.series as usize)).or_default();
                for row in rows.start as usize..rows.end as usize {
                    if let Some(value) = column.get(row) {
                        swept += 1;
                        let before = own.entry(block.times[row]).or_default().insert(field, Cell::of(value));
                        assert!(before.is_none() && range.contains(block.times[row]));
                    }
                }
            }
        }
        Ok::<_, StorageError>(())
    })?;
    model.retain(|_, rows| !rows.is_empty());
    let cut_by_cut = read(view, fields, range)?;
    for series in (0..set.len()).filter(|&series| sweep.is_alone(series)) {
        let key = set.key(series);
        assert!(!model.contains_key(&key), "a series is swept and alone");
        model.extend(cut_by_cut.get(&key).map(|rows| (key, rows.clone())));
    }
    Ok((model, swept))
}

fn float(value: Value<'_>) -> f64 {
    match value {
        Value::Float(v) => v,
        Value::Integer(v) => v as f64,
        Value::Unsigned(v) => v as f64,
        _ => 0.0,
    }
}

fn value_of(scalar: Scalar) -> Value<'static> {
    match scalar {
        Scalar::Float(v) => Value::Float(v),
        Scalar::Integer(v) => Value::Integer(v),
        Scalar::Unsigned(v) => Value::Unsigned(v),
    }
}

fn check_stats(cut: &Cut, field: usize, times: &[i64], column: &Column) {
    if let Some(stats) = cut.stats(field) {
        check_figures(&stats, times, column);
    }
}

/// Figures of some values; of those at equal times the greatest is first and last.
fn check_figures(stats: &Stats, times: &[i64], column: &Column) {
    let value = |row: usize| column.get(row).map(|value| (times[row], float(value)));
    let values: Vec<(i64, f64)> = (0..times.len()).filter_map(value).collect();
    assert_eq!(stats.count, values.len() as u64);
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return };
    assert_eq!((stats.first_time, stats.last_time), (first.0, last.0));
    let Some(numbers) = stats.numbers else { return };
    let at = |time: i64| values.iter().filter(|v| v.0 == time).map(|v| v.1).fold(f64::NEG_INFINITY, f64::max);
    let float = |scalar: Scalar| float(value_of(scalar));
    assert_eq!((float(numbers.first), float(numbers.last)), (at(first.0), at(last.0)));
    assert_eq!(float(numbers.min), values.iter().map(|v| v.1).fold(f64::INFINITY, f64::min));
    assert_eq!(float(numbers.max), values.iter().map(|v| v.1).fold(f64::NEG_INFINITY, f64::max));
    let sum = match &column.values {
        Values::Float(values) => Scalar::Float(values.iter().fold(0.0, |sum, v| sum + v)),
        Values::Integer(values) => Scalar::Integer(values.iter().fold(0, |sum, v| sum.wrapping_add(*v))),
        Values::Unsigned(values) => Scalar::Unsigned(values.iter().fold(0, |sum, v| sum.wrapping_add(*v))),
        _ => numbers.sum,
    };
    assert_eq!(numbers.sum, sum);
}

/// The pages of a cut have all of its times, which lie in one bucket.
fn check_pages(cut: &Cut, times: &[i64], last_of: LastOf<'_>) {
    let Some(pages) = cut.pages() else { return };
    assert!(pages.len() > 1 && last_of(times[0]) >= times[times.len() - 1]);
    let of_pages: Vec<i64> = pages.iter().flat_map(|page| page.times().unwrap().to_vec()).collect();
    assert_eq!(of_pages, times);
    assert_eq!((cut.range().start, cut.range().end), (times[0], times[times.len() - 1]));
}

fn check_bounds(bounds: Bounds, column: &Column) {
    let mut values = (0..column.values.len()).filter_map(|at| column.values.get(at)).map(float);
    match bounds {
        Bounds::Unknown => {}
        Bounds::Nothing => assert_eq!(values.next(), None),
        Bounds::Between(min, max) => {
            assert!(values.all(|v| float(value_of(min)) <= v && v <= float(value_of(max))));
        }
    }
}

/// The totals of bands are those of the values that the model has at their times. Gives how many values totals know of.
fn check_bands(view: &View, fields: &[usize], model: &Model) -> u64 {
    let set = view.series(b"cpu", &TagCondition::True).unwrap();
    let scan = view.scan(&set, &scanned_fields(fields), TimeRange::ALL).unwrap();
    let mut known = 0;
    for band in scan.bands(0) {
        for (at, &field) in fields.iter().enumerate() {
            let rows = model.values().flatten().filter(|(time, _)| band.range().contains(**time));
            let mut rows: Vec<_> = rows.filter_map(|(time, row)| Some((*time, row.get(&field)?))).collect();
            rows.sort_by_key(|(time, _)| *time);
            let mut column = Column::new(TYPES[field]);
            for (row, (_, cell)) in (0u32..).zip(&rows) {
                column.push(row, cell.value());
            }
            column.seal(rows.len());
            check_bounds(scan.band_bounds(&band, at), &column);
            if let Some(stats) = scan.band_stats(&band, at) {
                known += stats.count;
                check_figures(&stats, &rows.iter().map(|(time, _)| *time).collect::<Vec<_>>(), &column);
            }
        }
    }
    known
}

/// The leaves of a cut have each of its values of the field once.
fn check_leaves(cut: &Cut, field: usize, times: &[i64], column: &Column) {
    let values = |times: &[i64], column: &Column| -> Vec<(i64, Cell)> {
        let value = |(row, &time): (usize, &i64)| column.get(row).map(|value| (time, Cell::of(value)));
        times.iter().enumerate().filter_map(value).collect()
    };
    let Some(leaves) = cut.leaves(field).unwrap() else { return };
    assert!(leaves.len() > 1);
    let mut all = Vec::new();
    for leaf in &leaves {
        let (times, column) = (leaf.times().unwrap(), leaf.column(field).unwrap());
        check_stats(leaf, field, &times, &column);
        assert!(cut.range().covers(&leaf.range()) && times.iter().all(|time| leaf.range().contains(*time)));
        all.extend(values(&times, &column));
    }
    all.sort_by_key(|(time, _)| *time);
    assert_eq!(all, values(times, column));
}

/// What a scan of some fields and times should give.
pub(crate) fn expected(model: &Model, fields: &[usize], range: TimeRange) -> Model {
    let row = |(time, row): (&i64, &BTreeMap<usize, Cell>)| {
        let row: BTreeMap<_, _> =
            row.iter().filter(|(f, _)| fields.contains(f)).map(|(f, c)| (*f, c.clone())).collect();
        (range.contains(*time) && !row.is_empty()).then_some((*time, row))
    };
    let series = model.iter().map(|(key, rows)| (key.clone(), rows.iter().filter_map(row).collect::<BTreeMap<_, _>>()));
    series.filter(|(_, rows)| !rows.is_empty()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn views_say_what_the_model_says(
        bursts in bursts(),
        runs in 0usize..3,
        fields in proptest::sample::subsequence(vec![0usize, 1, 2, 3, 4], 1..=5),
        start in -10i64..3_000,
        len in 0i64..4_000,
        cache_bytes in prop_oneof![Just(0u64), Just(20_000), Just(1 << 24)],
    ) {
        let cache = Arc::new(Cache::new(cache_bytes));
        let (_world, _files, view, model) = parts(&bursts, runs, &cache);
        prop_assert!(view.verify().is_empty());
        let range = TimeRange::new(start * 1_000_000_000, (start + len) * 1_000_000_000);
        prop_assert_eq!(read(&view, &fields, TimeRange::ALL).unwrap(), expected(&model, &fields, TimeRange::ALL));
        prop_assert_eq!(read(&view, &fields, range).unwrap(), expected(&model, &fields, range));
        for width in [500_000_000_000, i64::MAX / 2] {
            let last_of = |time: i64| time.div_euclid(width) * width + (width - 1);
            let coarse = read_coarse(&view, &fields, range, &last_of).unwrap();
            prop_assert_eq!(coarse, expected(&model, &fields, range));
        }
        check_bands(&view, &fields, &model);
        prop_assert_eq!(read_swept(&view, &fields, range).unwrap().0, expected(&model, &fields, range));
    }

    #[test]
    fn series_and_tags_are_merged(bursts in bursts(), runs in 0usize..3, host in 0u8..6) {
        let cache = Arc::new(Cache::new(1 << 20));
        let (_world, _files, view, model) = parts(&bursts, runs, &cache);
        let text = |text: &str| Text::from(text.as_bytes());
        let wanted = format!("h {host}");
        let is_host = TagCondition::Equal(text("host"), text(&wanted));
        let no_area = TagCondition::Equal(text("area"), text(""));
        let both = |key: &[u8]| {
            let tags = series_key::parse(key).1;
            (tags.get(b"host") == Some(wanted.as_bytes()), tags.get(b"area").is_none())
        };
        let conditions: [Case; 5] = [
            (TagCondition::True, &|_| true),
            (is_host.clone(), &|key| both(key).0),
            (TagCondition::Not(Box::new(is_host.clone())), &|key| !both(key).0),
            (TagCondition::And(vec![no_area.clone(), TagCondition::Not(Box::new(is_host.clone()))]), &|key| both(key).1 && !both(key).0),
            (TagCondition::Or(vec![no_area, is_host]), &|key| both(key).1 || both(key).0),
        ];
        let hosts: std::collections::BTreeSet<Text> =
            model.keys().filter_map(|key| series_key::parse(key).1.get(b"host").map(Text::from)).collect();
        prop_assert!(view.tag_values(b"cpu", b"host", &TagCondition::True, usize::MAX).unwrap().iter().eq(&hosts));
        prop_assert!(view.tag_values(b"cpu", b"none", &TagCondition::True, usize::MAX).unwrap().is_empty());
        for (condition, holds) in conditions {
            let set = view.series(b"cpu", &condition).unwrap();
            let keys: Vec<Vec<u8>> = (0..set.len()).map(|series| set.key(series)).collect();
            prop_assert_eq!(&keys, &model.keys().filter(|key| holds(key)).cloned().collect::<Vec<_>>());
            for tag in [b"area", b"host"] {
                let (values, ids) = set.tag_column(tag);
                prop_assert!(values.is_sorted_by(|a, b| a < b));
                let column: Vec<&[u8]> = ids.iter().map(|&id| &*values[id as usize]).collect();
                let tags: Vec<TagSet> = (0..set.len()).map(|series| set.tags(series)).collect();
                prop_assert_eq!(column, tags.iter().map(|tags| tags.get(tag).unwrap_or_default()).collect::<Vec<_>>());
                prop_assert!((0..values.len() as u32).all(|id| ids.contains(&id)));
                let present: Vec<Text> = values.into_iter().filter(|value| !value.is_empty()).collect();
                for most in [0, 1, 2, usize::MAX] {
                    let expected = &present[..present.len().min(most)];
                    prop_assert_eq!(view.tag_values(b"cpu", tag, &condition, most).unwrap(), expected);
                }
            }
        }
    }
}

#[test]
fn names_and_bounds() {
    let cache = Arc::new(Cache::new(1 << 20));
    let (_world, _files, view, _) = parts(&[vec![(0, 5, 7, 3, 2, 1)], vec![(1, 9, 7, 1, 1, 1)]], 1, &cache);
    assert_eq!(view.measurements().unwrap(), [Text::from(b"cpu".as_slice())]);
    assert_eq!(view.fields(b"cpu").unwrap(), scanned_fields(&[0, 1]));
    assert_eq!(view.tag_keys(b"cpu").unwrap().len(), 2);
    assert_eq!(view.time_bounds(b"cpu").unwrap(), Some(TimeRange::new(5_000_000_000, 9_000_000_000)));
    assert_eq!(view.time_bounds(b"mem").unwrap(), None);
}

#[test]
fn short_series_are_swept_unless_their_rows_may_meet() {
    let cache = Arc::new(Cache::new(1 << 26));
    let swept = |bursts: &[Vec<Burst>], runs: usize| {
        let (_world, _files, view, model) = parts(bursts, runs, &cache);
        let (read, swept) = read_swept(&view, &[1], TimeRange::ALL).unwrap();
        assert_eq!(read, expected(&model, &[1], TimeRange::ALL));
        swept
    };
    // Series, first second, step, rows, fields, seed.
    let first = vec![(0, 0, STEP, 4, 2, 1), (1, 0, STEP, 4, 2, 2), (2, 0, STEP, 4, 2, 3)];
    let later = vec![(0, 100, STEP, 4, 2, 1), (1, 40, STEP, 4, 2, 2)];
    for runs in 0..3 {
        assert_eq!(swept(&[first.clone(), later.clone()], runs), 20, "{runs}");
        // One of the others comes late.
        assert_eq!(swept(&[later.clone(), first.clone()], runs), 4, "{runs}");
        assert_eq!(swept(&[first.clone(), vec![(2, 5, STEP, 1, 2, 9)]], runs), 8, "{runs}");
    }
    // Another field at the same time does not count alone, but nobody looks.
    assert_eq!(swept(&[first.clone(), vec![(2, 0, STEP, 1, 4, 9)]], 0), 12);
    assert_eq!(swept(&[vec![(0, 0, STEP, 700, 2, 1)]], 0), 0, "has pages of its own");
}

const STEP: i64 = 10_000_000_000;

/// How many values of field 1 of the first series statistics say, how many are left to be decoded, and the number of cuts.
fn answered(bursts: &[Vec<Burst>], runs: usize) -> (u64, usize, usize) {
    let cache = Arc::new(Cache::new(1 << 26));
    let (_world, _files, view, model) = parts(bursts, runs, &cache);
    let fields: Vec<usize> = (0..5).collect();
    assert_eq!(read(&view, &fields, TimeRange::ALL).unwrap(), model);
    let set = view.series(b"cpu", &TagCondition::True).unwrap();
    let mut scan = view.scan(&set, &scanned_fields(&[1]), TimeRange::ALL).unwrap();
    let cuts = scan.cuts(0, 0).unwrap();
    let (mut known, mut left) = (0, 0);
    for cut in &cuts {
        let leaves = cut.leaves(0).unwrap();
        for part in leaves.as_deref().unwrap_or(std::slice::from_ref(cut)) {
            match part.stats(0) {
                Some(stats) => known += stats.count,
                None => left += part.times().unwrap().len(),
            }
        }
    }
    (known, left, cuts.len())
}

fn hour(hours: i64) -> i64 {
    hours * 3_600
}

/// A late row between the times of its page leaves all statistics alone; one at such a time turns those of its page off.
#[test]
fn a_late_row_costs_a_page_if_it_has_one_of_its_times() {
    let day = (0, hour(480_000), STEP, 8_640, 2, 1);
    let late = |seconds: i64, fields: u8| (0, hour(480_005) + seconds, 1, 1, fields, 1);
    assert_eq!(answered(&[vec![day], vec![late(1_805, 2)]], 1), (8_640, 1, 24));
    assert_eq!(answered(&[vec![day], vec![late(1_800, 2)]], 1), (8_280, 360, 24));
    assert_eq!(answered(&[vec![day], vec![late(1_800, 2)]], 0), (8_280, 360, 24), "in a segment");
    assert_eq!(answered(&[vec![day], vec![late(1_800, 1), late(1_805, 2)]], 1), (8_640, 1, 24), "of another field");
}

/// An agent that is late all the time, in rows in memory and in a segment with pages of its own.
#[test]
fn late_agents_turn_no_statistics_off() {
    let day = (0, hour(480_000), STEP, 8_640, 2, 1);
    let late = (0, hour(480_002) + 5, STEP, 1_500, 2, 7);
    assert_eq!(answered(&[vec![day], vec![late]], 1), (8_640, 1_500, 28));
    assert_eq!(answered(&[vec![day], vec![late]], 0), (10_140, 0, 24));
    let quarter = (0, hour(480_002) + 905, STEP, 90, 2, 7);
    assert_eq!(answered(&[vec![day], vec![quarter]], 0), (8_730, 0, 24), "a short page in a long one");
}

/// Backfill: even times in one segment, odd ones in another, and pages that do not end together.
#[test]
fn interleaved_segments_add_up() {
    let part = |phase: i64, rows: usize| vec![(0, hour(480_000) + phase, STEP, rows, 2, phase)];
    assert_eq!(answered(&[part(0, 8_640), part(5, 8_640)], 0), (17_280, 0, 24));
    assert_eq!(answered(&[part(0, 8_640), part(5, 8_640), part(3, 8_640), part(2, 500)], 1), (25_920, 500, 25));
}

/// A page of a day gives way to those of hours; pages in a chain do not make one cut.
#[test]
fn long_pages_and_chains_are_cut() {
    let thin = (0, hour(480_000) + 1, 300_000_000_000, 288, 2, 1);
    let (known, left, cuts) = answered(&[vec![thin], vec![(0, hour(480_000), STEP, 8_640, 2, 1)]], 0);
    assert_eq!((known, left), (8_640, 288));
    assert!(cuts >= 24);
    // Pages of 4,096 rows; in the second segment the first page ends early, and all times are there twice.
    let even = (0, 1, 2, 200_000, 2, 1);
    let (known, left, cuts) = answered(&[vec![even], vec![(0, 1, 1, 2_048, 2, 1), even]], 0);
    assert_eq!((known, left), (0, 201_024));
    assert!((10..=98).contains(&cuts), "{cuts}");
}

/// The pages of each coarse cut of the first series, in one bucket; `None` for cuts of other kinds.
fn stretches(bursts: &[Vec<Burst>], runs: usize) -> Vec<Option<usize>> {
    let cache = Arc::new(Cache::new(1 << 26));
    let (_world, _files, view, model) = parts(bursts, runs, &cache);
    assert_eq!(
        read_coarse(&view, &[1], TimeRange::ALL, &|_| i64::MAX).unwrap(),
        expected(&model, &[1], TimeRange::ALL)
    );
    let set = view.series(b"cpu", &TagCondition::True).unwrap();
    let mut scan = view.scan(&set, &scanned_fields(&[1]), TimeRange::ALL).unwrap();
    let cuts = scan.coarse_cuts(0, 0, &|_| i64::MAX).unwrap();
    cuts.iter().map(|cut| cut.pages().map(|pages| pages.len())).collect()
}

/// A day of pages is one cut; what overlaps some of them parts it there.
#[test]
fn pages_that_nothing_overlaps_make_one_cut() {
    let day = |start: i64| (0, hour(480_000 + start), STEP, 8_640, 2, 1);
    let late = |at: i64| (0, hour(480_000) + at, 1, 1, 2, 1);
    assert_eq!(stretches(&[vec![day(0)]], 0), [Some(24)]);
    assert_eq!(stretches(&[vec![day(0)], vec![day(24)], vec![late(-1)]], 1), [None, Some(24), Some(24)]);
    assert_eq!(stretches(&[vec![day(0)], vec![late(hour(5) + 7)]], 1), [Some(5), None, Some(18)]);
    assert_eq!(stretches(&[vec![day(0)], vec![late(hour(5) - 5)]], 1), [Some(5), None, Some(19)], "between two pages");
    let two = [Some(22), None, None, Some(22)];
    assert_eq!(stretches(&[vec![day(0)], vec![day(22)]], 0), two, "the last two hours are written again");
}

/// Where no other source has rows at its times, all series of a segment answer at once.
#[test]
fn a_segment_alone_in_time_has_totals() {
    let known = |bursts: &[Vec<Burst>], runs: usize| {
        let cache = Arc::new(Cache::new(1 << 26));
        let (_world, _files, view, model) = parts(bursts, runs, &cache);
        check_bands(&view, &[0, 1], &model)
    };
    // Of two series, with both fields; of another with the first field, and a few rows that are packed.
    let day = vec![(0, 0, STEP, 8_640, 3, 1), (1, 3, STEP, 8_640, 3, 2)];
    let few = vec![(2, 0, STEP, 500, 1, 1), (3, 0, STEP, 10, 3, 5)];
    assert_eq!(known(std::slice::from_ref(&day), 0), 4 * 8_640);
    assert_eq!(known(&[[day.clone(), few].concat()], 0), 4 * 8_640 + 520);
    assert_eq!(known(&[day.clone(), vec![(2, 86_500, 1, 7, 2, 1)]], 0), 4 * 8_640 + 7);
    assert_eq!(known(&[day.clone(), vec![(2, 86_500, 1, 7, 2, 1)]], 1), 4 * 8_640, "rows in memory have none");
    assert_eq!(known(&[day, vec![(2, 500, 1, 7, 2, 1)]], 1), 2 * 8_640, "only the other field's");
}

#[test]
fn a_flipped_bit_is_an_error_or_changes_nothing() {
    let world = SimWorld::new(1).world();
    let mut model = Model::new();
    apply(&[(0, 5, 10_000_000_000, 70, 31, 1), (1, 9, 7, 3, 18, 1)], &mut model);
    let run = run_of(&model, 1);
    let cache = Arc::new(Cache::new(0));
    let files = Files::new(world.disk.clone());
    let segment = store(&world, &files, &cache, "segments/1", &run);
    segment.verify().unwrap();
    let all = read(&view_of(vec![segment.clone()], Vec::new(), &cache), &[0, 1, 2, 3, 4], TimeRange::ALL).unwrap();
    assert_eq!(all, model);
    let file = world.disk.open("segments/1").unwrap();
    for at in 0..segment.entry().place.len {
        let mut byte = [0];
        file.read_at(3 + at, &mut byte).unwrap();
        file.write_at(3 + at, &[byte[0] ^ 1 << (at % 8)]).unwrap();
        let fresh = Arc::new(segment.with_cache(cache.clone()));
        match read(&view_of(vec![fresh.clone()], Vec::new(), &cache), &[0, 1, 2, 3, 4], TimeRange::ALL) {
            Ok(rows) => assert_eq!(rows, model, "byte {at}"),
            Err(StorageError::Damaged { file, .. }) => assert_eq!(file, "segments/1"),
            Err(other) => panic!("byte {at}: {other}"),
        }
        assert!(fresh.verify().is_err(), "byte {at} is in no checksum");
        file.write_at(3 + at, &byte).unwrap();
    }
}
