//! Damaged directories are refused, and the size of workload A is bounded.

use super::*;
use crate::cache::Cache;
use crate::run::rank::SeriesList;
use crate::run::sorted::{SortedRun, SortedTable};
use crate::schema::FieldKey;
use crate::view::tests::store;
use codec::Level;
use model::{Column, FieldType, Values};
use platform::sim::SimWorld;
use proptest::prelude::*;
use std::sync::Arc;

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, series in 0u32..1_000) {
        let _ = directory::decode(&bytes, &[FieldType::Float, FieldType::String], series);
        let _ = index::TagIndex::decode(&bytes, series);
        let _ = format::decode_contents(&bytes, 1_000);
        let _ = format::decode_head(&bytes);
        let _ = format::decode_footer(&bytes, 1_000);
    }
}

/// Rows as of the TSBS `cpu-only` workload: 10 integers between 0 and 100 that walk at random, every 10 s.
fn walks(series: u32, rows: u32) -> SortedRun {
    let mut state = 1u64;
    let mut step = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // About normal, with a deviation of 1.
        let sum: f64 = (0..4).map(|at| ((state >> (at * 16)) & 0xffff) as f64 / 65_536.0).sum();
        (sum - 2.0) * 1.73
    };
    let mut walk = || {
        let one = |_| {
            let mut at = 50.0;
            (0..rows)
                .map(|_| {
                    at = f64::clamp(at + step(), 0.0, 100.0);
                    at as i64
                })
                .collect::<Vec<_>>()
        };
        Column::dense(Values::Integer((0..series).flat_map(one).collect()))
    };
    let key =
        |id: u32| FieldKey { name: format!("usage_{id}").into_bytes().into(), field_type: FieldType::Integer, id };
    let keys: Vec<String> = (0..series).map(|at| format!("cpu,host=host_{at:04},region=eu-west-1")).collect();
    let table = SortedTable {
        measurement: b"cpu".as_slice().into(),
        series: SeriesList::of_keys(keys.iter().map(String::as_bytes)),
        starts: (0..=series).map(|at| at * rows).collect(),
        times: (0..series).flat_map(|_| (0..rows).map(|row| (147_000_000 + i64::from(row)) * 10_000_000_000)).collect(),
        columns: (0..10).map(|id| (key(id), walk())).collect(),
        bounds: std::sync::OnceLock::new(),
    };
    SortedRun { tables: vec![table], slots: (1, 1) }
}

/// Bytes a value: all, and of these the directory.
fn sizes(series: u32, rows: u32, level: Level) -> (f64, f64) {
    let world = SimWorld::new(1).world();
    let files = Files::new(world.disk.clone());
    let cache = Arc::new(Cache::new(1 << 26));
    let run = walks(series, rows);
    let segment = store(&world, &files, &cache, "segments/1", &run);
    let mut writer = Writer::new(&Identity { cluster: [1; 16], put_id: [1; 16], shard: 1 }, run.slots, level);
    run.tables.iter().for_each(|table| writer.table(table).unwrap());
    let (_, summary) = writer.finish().unwrap();
    let values = f64::from(series) * f64::from(rows) * 10.0;
    let contents = segment.contents().unwrap();
    (summary.len as f64 / values, contents.measurements[0].directory.len as f64 / values)
}

#[test]
fn workload_a_is_small() {
    for level in [Level::Hot, Level::Cold] {
        let (all, directory) = sizes(10, 25_920, level);
        eprintln!("workload A, 10 of 100 series, {level:?}: {all:.4} B/value, of these directory {directory:.4}");
        assert!(all < 0.34, "{all}");
        assert!(directory < 0.03, "{directory}");
    }
}
