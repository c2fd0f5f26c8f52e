//! Sorting and merging of runs against a naive model.

use super::sorted::{SortedRun, SortedTable};
use super::*;
use crate::series::SeriesTables;
use model::{FieldType, Value, Values};
use platform::{Random, SeededRandom};
use std::collections::BTreeMap;

type Model = BTreeMap<(Vec<u8>, Vec<u8>, i64, u32), i64>;

/// The rows of a run as a map, checking its invariants on the way.
fn flat(run: &SortedRun) -> Model {
    let mut out = Model::new();
    assert!(run.tables.is_sorted_by(|a, b| a.measurement < b.measurement));
    for table in &run.tables {
        assert!(table.series.keys().is_sorted_by(|a, b| a < b) && table.starts.is_sorted_by(|a, b| a < b));
        assert_eq!(table.starts.len(), table.series.len() + 1);
        assert!(table.columns.is_sorted_by(|a, b| a.0.id < b.0.id));
        for series in 0..table.series.len() {
            let rows = table.rows(series);
            assert!(table.times[rows.clone()].is_sorted_by(|a, b| a < b));
            for row in rows {
                for (key, column) in &table.columns {
                    if let Some(Value::Integer(value)) = column.get(row) {
                        let place =
                            (table.measurement.to_vec(), table.series.key(series).to_vec(), table.times[row], key.id);
                        assert_eq!(out.insert(place, value), None);
                    }
                }
            }
        }
    }
    out
}

fn random_chunk(slot: Slot, random: &SeededRandom, tables: &SeriesTables, model: &mut Model) -> Chunk {
    let measurement: Text = vec![b'a' + random.below(2) as u8].into();
    let series = tables.current();
    let rows = 1 + random.below(20) as u32;
    let mut columns: Vec<(FieldKey, Column)> = (0..3)
        .map(|id| {
            let key = FieldKey { name: vec![b'f'].into(), field_type: FieldType::Integer, id };
            (key, Column::dense(Values::Integer(Vec::new())))
        })
        .collect();
    let (mut ids, mut times) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let key = vec![b'k', b'0' + random.below(6) as u8];
        let time = random.below(12) as i64;
        ids.push(series.enter_key(&key));
        times.push(time);
        let sure = random.below(3) as u32;
        for (field, column) in &mut columns {
            if field.id == sure || random.below(2) == 0 {
                let value = random.u64() as i64;
                column.push(row, Value::Integer(value));
                model.insert((measurement.to_vec(), key.clone(), time, field.id), value);
            }
        }
    }
    columns.iter_mut().for_each(|(_, column)| column.seal(rows as usize));
    Chunk { slots: (slot, slot), measurement, series, ids, times, columns }
}

#[test]
fn runs_say_what_a_map_says_however_they_were_sealed() {
    for seed in 0..200 {
        let random = SeededRandom::new(seed);
        let tables = SeriesTables::new(&random, 200, u64::MAX);
        let mut model = Model::new();
        let mut runs = ShardRuns::default();
        let (mut charged, mut spared) = (0, 0);
        for slot in 1..=1 + random.below(12) {
            let chunk = random_chunk(slot, &random, &tables, &mut model);
            charged += chunk.bytes();
            spared += runs.push(chunk);
            assert_eq!(runs.bytes() + spared, charged);
            if random.below(3) == 0 {
                let copy = runs.snapshot();
                runs.replace(copy.seal());
            }
            if random.below(4) == 0 {
                tables.forget(0);
            }
        }
        let sealed = runs.clone().seal();
        let merged = merge::merge(&sealed.sorted());
        assert_eq!(flat(&merged), model, "SEED {seed}");
        assert_eq!(sealed.bytes(), runs.bytes());
        let charged = runs.bytes();
        assert_eq!(runs.forget(merged.slots.1), charged);
        assert!(runs.is_empty());
    }
}

#[test]
fn slices_say_what_the_whole_says() {
    for seed in 0..200 {
        let random = SeededRandom::new(seed);
        let tables = SeriesTables::new(&random, u64::MAX, u64::MAX);
        let (mut model, mut sliced) = (Model::new(), Model::new());
        let runs: Vec<_> = (1..=1 + random.below(6))
            .map(|slot| Arc::new(sort(&[Arc::new(random_chunk(slot, &random, &tables, &mut model))])))
            .collect();
        for tables in merge::by_measurement(&runs) {
            let fields = merge::fields(&tables);
            let take = |slice: &SortedTable| {
                assert!(slice.columns.iter().map(|(key, _)| key).eq(&fields), "SEED {seed}");
                let part = flat(&SortedRun { tables: vec![slice.clone()], slots: (1, 1) });
                let before = sliced.len();
                let count = part.len();
                sliced.extend(part);
                assert_eq!(sliced.len(), before + count, "SEED {seed}");
                Ok::<_, ()>(())
            };
            merge::Parts::new(&tables).slices(1 + random.below(9) as u32, take).unwrap();
        }
        assert_eq!(sliced, model, "SEED {seed}");
    }
}

#[test]
fn dense_columns_of_many_runs_are_merged_in_slices_of_whole_series() {
    let tables = SeriesTables::new(&SeededRandom::new(1), u64::MAX, u64::MAX);
    let (series, rows) = (tables.current(), 30_000u32);
    let run = |slot: Slot| {
        let key = FieldKey { name: vec![b'f'].into(), field_type: FieldType::Integer, id: 0 };
        let values = (0..rows).map(|row| i64::from(row) * slot as i64).collect();
        let chunk = Chunk {
            slots: (slot, slot),
            measurement: vec![b'm'].into(),
            series: series.clone(),
            ids: (0..rows).map(|row| series.enter_key(format!("m,k={:03}", row % 500).as_bytes())).collect(),
            times: (0..rows).map(|row| i64::from(row) + slot as i64 * 1_000_000).collect(),
            columns: vec![(key, Column::dense(Values::Integer(values)))],
        };
        Arc::new(sort(&[Arc::new(chunk)]))
    };
    let runs: Vec<_> = (1..4).map(run).collect();
    let (mut slices, mut sum) = (Vec::new(), 0);
    for tables in merge::by_measurement(&runs) {
        let take = |slice: &SortedTable| {
            slices.push((slice.series.len(), slice.times.len()));
            sum += (0..slice.times.len())
                .filter_map(|row| match slice.columns[0].1.get(row) {
                    Some(Value::Integer(value)) => Some(value),
                    _ => None,
                })
                .sum::<i64>();
            Ok::<_, ()>(())
        };
        merge::merge_slices(&tables, take).unwrap();
    }
    // 180 rows a series.
    assert_eq!(slices, [(183, 32_940), (183, 32_940), (134, 24_120)]);
    assert_eq!(sum, 6 * i64::from(rows) * i64::from(rows - 1) / 2);
}

/// A row in each of two fields.
fn small_chunk(slot: Slot, random: &SeededRandom, tables: &SeriesTables, model: &mut Model) -> Chunk {
    let measurement: Text = vec![b'a' + random.below(3) as u8].into();
    let (series, key, time) = (tables.current(), vec![b'k', b'0' + random.below(3) as u8], random.below(50) as i64);
    // One in eight has a field less.
    let fields = if random.below(8) == 0 { 0..1 } else { 0..2 };
    let columns = fields.map(|id| {
        let value = random.u64() as i64;
        model.insert((measurement.to_vec(), key.clone(), time, id), value);
        let key = FieldKey { name: vec![b'f'].into(), field_type: FieldType::Integer, id };
        (key, Column::dense(Values::Integer(vec![value])))
    });
    let columns = columns.collect();
    let ids = vec![series.enter_key(&key)];
    Chunk { slots: (slot, slot), measurement, series, ids, times: vec![time], columns }
}

#[test]
fn small_batches_grow_together_and_what_was_seen_stays() {
    for seed in 0..100 {
        let random = SeededRandom::new(seed);
        let tables = SeriesTables::new(&random, u64::MAX, u64::MAX);
        let (mut model, mut runs) = (Model::new(), ShardRuns::default());
        let (mut charged, mut spared) = (0, 0);
        let mut under_way: Option<ShardRuns> = None;
        for slot in 1..=400 {
            let chunk = small_chunk(slot, &random, &tables, &mut model);
            charged += chunk.bytes();
            spared += runs.push(chunk);
            assert_eq!((runs.bytes() + spared, runs.newest()), (charged, slot));
            match random.below(40) {
                0 if under_way.is_none() => under_way = Some(runs.snapshot()),
                1 => {
                    // Rows come between the sorting of the copy and its return.
                    if let Some(sealed) = under_way.take() {
                        runs.replace(sealed.seal());
                    }
                }
                _ => {}
            }
            assert_eq!(runs.oldest(), Some(1));
        }
        assert!(spared * 2 > charged, "SEED {seed}: {spared} of {charged}");
        let merged = merge::merge(&runs.snapshot().seal().sorted());
        assert_eq!(flat(&merged), model, "SEED {seed}");
        assert_eq!(merged.slots, (1, 400));
    }
}
