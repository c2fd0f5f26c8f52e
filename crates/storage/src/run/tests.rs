//! Sorting and merging of runs against a naive model.

use super::sorted::SortedRun;
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
    Chunk { slot, measurement, series, ids, times, columns }
}

#[test]
fn runs_say_what_a_map_says_however_they_were_sealed() {
    for seed in 0..200 {
        let random = SeededRandom::new(seed);
        let tables = SeriesTables::new(&random, 200, u64::MAX);
        let mut model = Model::new();
        let mut runs = ShardRuns::default();
        for slot in 1..=1 + random.below(12) {
            runs.push(Arc::new(random_chunk(slot, &random, &tables, &mut model)));
            if random.below(3) == 0 {
                let copy = runs.clone();
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
