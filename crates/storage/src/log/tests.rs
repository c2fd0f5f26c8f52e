//! Records round trip; torn and damaged files are told apart.

use super::append::{Content, Writer};
use super::batch::{LoggedPart, decode, encode_body};
use super::dictionary::{ReaderDictionary, WriterDictionary};
use super::format::{Head, Kind, next_record, put_record, record_at};
use super::recover::{Replay, scan};
use super::*;
use crate::error::StorageError;
use crate::run::Chunk;
use crate::schema::FieldKey;
use crate::series::SeriesTables;
use crate::{ShardId, Slot};
use model::{Column, FieldType, Presence, Strings, Value, Values};
use platform::sim::SimWorld;
use platform::{Random, SeededRandom};
use proptest::prelude::*;

const CLUSTER: [u8; 16] = [3; 16];

/// A batch with a column of every type, one of them sparse.
fn parts(slot: Slot, random: &SeededRandom, tables: &SeriesTables) -> Vec<(ShardId, Chunk)> {
    let rows = 1 + random.below(5) as usize;
    let series = tables.current();
    let ids = (0..rows).map(|_| series.enter_key(format!("m,h={}", random.below(9)).as_bytes())).collect();
    let mut strings = Strings::new();
    (0..rows).for_each(|row| strings.push(format!("text {row}").as_bytes()));
    let lists = [
        Values::Float((0..rows).map(|row| row as f64 / 3.0).collect()),
        Values::Integer((0..rows).map(|_| random.u64() as i64).collect()),
        Values::Unsigned((0..rows).map(|_| random.u64()).collect()),
        Values::String(strings),
        Values::Boolean((0..rows).map(|row| row % 2 == 0).collect()),
    ];
    let mut columns: Vec<(FieldKey, Column)> = (0u32..)
        .zip(lists)
        .map(|(id, values)| {
            let key = FieldKey { name: vec![b'a' + id as u8].into(), field_type: values.field_type(), id };
            (key, Column::dense(values))
        })
        .collect();
    let mut sparse = Column::new(FieldType::Integer);
    sparse.push(rows as u32 - 1, Value::Integer(5));
    sparse.seal(rows);
    let name = b"sparse".as_slice().into();
    columns.push((FieldKey { name, field_type: FieldType::Integer, id: 9 }, sparse));
    let times = (0..rows as i64).map(|row| slot as i64 * 1_000_000_000 + row).collect();
    vec![(4, Chunk { slots: (slot, slot), measurement: b"m".as_slice().into(), series, ids, times, columns })]
}

#[derive(Default)]
struct Collected(Vec<(LoggedPart, Vec<Vec<u8>>)>);

impl Replay for Collected {
    fn begin(&mut self) {}

    fn batch(&mut self, parts: Vec<LoggedPart>, dictionary: &ReaderDictionary) -> Result<(), StorageError> {
        for part in parts {
            let keys = part.series.iter().map(|&number| dictionary.series.key(number).to_vec()).collect();
            self.0.push((part, keys));
        }
        Ok(())
    }

    fn delete(&mut self, _slot: Slot, _dictionary: &ReaderDictionary) -> Result<(), StorageError> {
        Ok(())
    }
}

#[test]
fn batches_come_back_from_several_files() {
    let sim = SimWorld::new(1);
    let random = SeededRandom::new(1);
    let tables = SeriesTables::new(&random, 1 << 20, u64::MAX);
    let mut writer = Writer::new(sim.world(), CLUSTER, [1; 16], 64 << 10);
    let mut written = Vec::new();
    for slot in 1..=200 {
        let parts = parts(slot, &random, &tables);
        let mut body = Vec::new();
        encode_body(&parts, &mut body);
        writer.add(slot, &Content::Batch(&parts, &body)).unwrap();
        if slot % 3 == 0 {
            writer.sync().unwrap();
            writer.claim().unwrap();
        }
        written.extend(parts);
    }
    writer.sync().unwrap();
    assert!(writer.old_files().len() > 2);
    let found = scan(&sim.world(), &CLUSTER).unwrap();
    assert_eq!((found.next_slot, found.damage.len(), found.torn.clone()), (201, 0, None));
    let mut collected = Collected::default();
    assert!(found.replay(&sim.world(), &mut collected).unwrap().is_empty());
    assert_eq!(collected.0.len(), written.len());
    for ((part, keys), (shard, chunk)) in collected.0.iter().zip(&written) {
        assert_eq!((part.shard, part.slot), (*shard, chunk.slots.1));
        assert_eq!((&part.measurement, &part.times, &part.columns), (&chunk.measurement, &chunk.times, &chunk.columns));
        let store = chunk.series.store();
        assert!(keys.iter().zip(&chunk.ids).all(|(key, &id)| **key == *store.key(id)));
    }
    assert!(scan(&sim.world(), &[9; 16]).is_err(), "another data folder");
}

#[test]
fn a_recycled_file_shows_nothing_of_its_past() {
    let sim = SimWorld::new(2);
    let random = SeededRandom::new(2);
    let tables = SeriesTables::new(&random, 1 << 20, u64::MAX);
    let mut writer = Writer::new(sim.world(), CLUSTER, [1; 16], 64 << 10);
    for slot in 1..=400 {
        let parts = parts(slot, &random, &tables);
        let mut body = Vec::new();
        encode_body(&parts, &mut body);
        writer.add(slot, &Content::Batch(&parts, &body)).unwrap();
        writer.sync().unwrap();
        writer.trim(writer.old_files().len()).unwrap();
    }
    let found = scan(&sim.world(), &CLUSTER).unwrap();
    assert_eq!((found.next_slot, found.damage.len()), (401, 0));
    writer.end().unwrap();
    let found = scan(&sim.world(), &CLUSTER).unwrap();
    assert_eq!((found.next_slot, found.old_files().len()), (401, 1));
}

/// A batch of one row for each series.
fn rows(slot: Slot, keys: &[String], tables: &SeriesTables) -> Vec<(ShardId, Chunk)> {
    let series = tables.current();
    let ids = keys.iter().map(|key| series.enter_key(key.as_bytes())).collect();
    let key = FieldKey { name: b"v".as_slice().into(), field_type: FieldType::Integer, id: 0 };
    let columns = vec![(key, Column::dense(Values::Integer(vec![slot as i64; keys.len()])))];
    let times = vec![slot as i64; keys.len()];
    vec![(4, Chunk { slots: (slot, slot), measurement: b"m".as_slice().into(), series, ids, times, columns })]
}

/// A bad block takes the records that touch it, and the meaning of no other.
#[test]
fn a_bad_block_takes_what_is_in_it_alone() {
    for seed in 0..12 {
        let (sim, random) = (SimWorld::new(seed), SeededRandom::new(seed));
        let tables = SeriesTables::new(&random, 1 << 24, u64::MAX);
        let mut writer = Writer::new(sim.world(), CLUSTER, [1; 16], 4 << 20);
        for slot in 1..=120 {
            // Up to some longer than a block; half of them bring no new series.
            let count = 1 + random.below(1 << random.below(if seed < 4 { 3 } else { 8 }));
            let span = if random.below(2) == 0 { 10 } else { 1 << 40 };
            let long = "x".repeat(random.below(60) as usize);
            let keys: Vec<String> = (0..count).map(|_| format!("m,h={}{long}", random.below(span))).collect();
            let parts = rows(slot, &keys, &tables);
            let mut body = Vec::new();
            encode_body(&parts, &mut body);
            writer.add(slot, &Content::Batch(&parts, &body)).unwrap();
            if random.below(3) == 0 {
                writer.sync().unwrap();
            }
        }
        writer.sync().unwrap();
        writer.claim().unwrap();
        let disk = sim.world().disk;
        let file = disk.open(&format::path_of(1)).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_at(0, &mut bytes).unwrap();
        let put_id = Head::decode(&bytes, 0).unwrap().put_id;
        let (mut records, mut at) = (Vec::new(), 8192);
        while let Some((start, record, end)) = next_record(&bytes, at, &put_id) {
            records.push((start..end, record.kind, record.slot));
            at = end;
        }
        assert_eq!(records.iter().filter(|(_, kind, _)| *kind == Kind::Batch).count(), 120);
        let written = at.next_multiple_of(4096);
        // The claim is in the last one.
        for block in (8192..written - 4096).step_by(4096) {
            let bad = block..block + 4096;
            let mut copy = bytes.clone();
            copy[bad.clone()].fill(0xee);
            file.write_at(0, &copy).unwrap();
            let found = scan(&sim.world(), &CLUSTER).unwrap();
            let mut collected = Collected::default();
            found.replay(&sim.world(), &mut collected).unwrap();
            let seen: Vec<Slot> = collected.0.iter().map(|(part, _)| part.slot).collect();
            let whole = records.iter().filter(|(range, ..)| range.end <= bad.start || range.start >= bad.end);
            let expected: Vec<Slot> =
                whole.filter(|(_, kind, _)| *kind == Kind::Batch).map(|(.., slot)| *slot).collect();
            assert_eq!(seen, expected, "SEED {seed}, block {block}");
        }
        let definitions: usize =
            records.iter().filter(|(_, kind, _)| *kind == Kind::Define).map(|(range, ..)| range.len()).sum();
        let zeros = at - 8192 - records.iter().map(|(range, ..)| range.len()).sum::<usize>();
        assert!(zeros < definitions / 2 + 4096, "SEED {seed}: {zeros} zeros for {definitions} bytes of definitions");
    }
}

#[test]
fn records_with_a_flipped_bit_are_stepped_over() {
    let put_id = [8; 16];
    let mut file = Vec::new();
    for slot in 1..4 {
        put_record(&put_id, Kind::Batch, slot, 0, &[b"pay", b"load"], &mut file);
    }
    let (_, second) = record_at(&file, 0, &put_id).unwrap();
    assert!(record_at(&file, 0, &[9; 16]).is_none());
    for bit in 0..(32 + 7) * 8 {
        let mut bad = file.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let (at, record, _) = next_record(&bad, 0, &put_id).unwrap();
        assert_eq!((at, record.slot, record.payload), (second, 2, b"payload".as_slice()));
    }
}

#[test]
fn definitions_tell_a_copy_from_a_gap() {
    let random = SeededRandom::new(3);
    let tables = SeriesTables::new(&random, 1 << 20, u64::MAX);
    let mut writer = WriterDictionary::default();
    let records: Vec<Vec<u8>> = (1..4)
        .map(|slot| {
            let table = tables.current();
            writer.series(&table, &[table.enter_key(&[slot])]);
            writer.measurement(&[slot]);
            writer.take_definitions().unwrap()
        })
        .collect();
    let mut reader = ReaderDictionary::default();
    for record in [&records[0], &records[0], &records[1], &records[1], &records[0]] {
        reader.read(record).unwrap();
    }
    assert_eq!((reader.series.len(), reader.measurements.len()), (2, 2));
    let mut reader = ReaderDictionary::default();
    reader.read(&records[0]).unwrap();
    assert!(reader.read(&records[2]).is_err());
}

#[test]
fn heads_round_trip() {
    let head = Head { cluster: CLUSTER, put_id: [1; 16], log_id: [2; 16], number: 7, first_slot: 9, len: 1 << 20 };
    assert_eq!(Head::decode(&head.encode(), 0), Ok(head.clone()));
    assert!(Head::decode(&head.encode(), 1).is_err() && Head::decode(&[], u64::MAX).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_a_payload_or_refused(bytes: Vec<u8>) {
        let mut dictionary = ReaderDictionary::default();
        let _ = dictionary.read(&bytes);
        let _ = decode(1, &bytes, &dictionary);
        let _ = flush::decode(&bytes);
        let _ = record_at(&bytes, 0, &[0; 16]);
    }

    #[test]
    fn a_changed_batch_is_read_or_refused(seed: u64, at: usize, byte: u8) {
        let random = SeededRandom::new(seed);
        let tables = SeriesTables::new(&random, 1 << 20, u64::MAX);
        let parts = parts(1, &random, &tables);
        let mut writer = WriterDictionary::default();
        let mut payload = Vec::new();
        super::batch::encode_heads(&parts, &mut writer, &mut payload);
        encode_body(&parts, &mut payload);
        let mut dictionary = ReaderDictionary::default();
        dictionary.read(&writer.take_definitions().unwrap()).unwrap();
        prop_assert_eq!(&decode(1, &payload, &dictionary).unwrap()[0].columns, &parts[0].1.columns);
        let at = at % payload.len();
        payload[at] = byte;
        for part in decode(1, &payload, &dictionary).into_iter().flatten() {
            for (_, column) in part.columns {
                if let Presence::Sparse(rows) = column.presence {
                    prop_assert!(rows.iter().all(|&row| (row as usize) < part.times.len()));
                }
            }
        }
    }
}
