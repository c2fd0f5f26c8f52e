//! The decoders of this crate's files, for the fuzz targets in `fuzz/`. Each takes any bytes and must refuse or decode them; where the
//! bytes stand under a checksum, it is made right first, so that what lies behind is reached.

use crate::delete::LoggedDelete;
use crate::log::dictionary::ReaderDictionary;
use crate::log::format::{Head, Kind, next_record, put_record};
use crate::log::{batch, flush};
use crate::segment::FieldStats;
use crate::segment::directory::{self, Directory};
use crate::segment::format;
use crate::segment::index::TagIndex;
use crate::{manifest, view};
use codec::Reader;
use model::FieldType;

fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    codec::checksum::seal(&mut bytes, 0);
    bytes
}

/// The head of a segment.
pub fn segment_head(bytes: &[u8]) {
    if let Ok(identity) = format::decode_head(&sealed(bytes)) {
        assert_eq!(format::encode_head(&identity), sealed(bytes));
    }
}

/// The footer of a segment of `len` bytes.
pub fn segment_footer(bytes: &[u8], len: u64) {
    if let Ok(section) = format::decode_footer(&sealed(bytes), len) {
        assert!(section.offset + section.len <= len);
    }
}

/// The contents of a segment of `len` bytes.
pub fn contents(bytes: &[u8], len: u64) {
    let _ = format::decode_contents(bytes, len);
}

/// The directory of a measurement whose fields have these types (numbers of [`FieldType::ALL`]), with all its columns.
pub fn directory(bytes: &[u8], types: &[u8], series: u32) {
    let types: Vec<FieldType> = types.iter().map(|&t| FieldType::ALL[usize::from(t) % FieldType::ALL.len()]).collect();
    let Ok(Directory { groups }) = directory::decode(bytes, &types, series) else { return };
    for group in &groups {
        for column in 0..group.columns() {
            if group.column(column).is_err() {
                continue;
            }
            for block in 0..group.blocks() {
                let _ = group.part(column, block);
            }
            for page in (0..group.pages()).take(64) {
                let range = group.page_bytes(column, page).expect("a page of a column that was decoded");
                assert!(range.start <= range.end);
            }
        }
    }
}

/// The index of a measurement.
pub fn index(bytes: &[u8], series: u32) {
    let Ok(index) = TagIndex::decode(bytes, series) else { return };
    let mut key = Vec::new();
    for series in 0..index.series.min(64) {
        key.clear();
        index.push_key(b"m", series, &mut key);
    }
}

/// The statistics of pages of so many rows.
pub fn statistics(bytes: &[u8], number: u8, rows: &[u32]) {
    let field_type = FieldType::ALL[usize::from(number) % FieldType::ALL.len()];
    if FieldStats::new(field_type).is_none() {
        return;
    }
    if let Ok(stats) = FieldStats::decode(&mut Reader::new(bytes), field_type, rows) {
        let _: Vec<Option<view::NumberStats>> =
            (0..rows.len()).map(|page| stats.over(0..page + 1, field_type)).collect();
    }
}

/// The manifest of a shard.
pub fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = manifest::decode(bytes) {
        let _ = manifest::check(&manifest);
    }
}

/// A flush record of the log.
pub fn flush_record(bytes: &[u8]) {
    if let Ok(shards) = flush::decode(bytes) {
        assert_eq!(flush::decode(&flush::encode(&shards)), Ok(shards));
    }
}

/// A delete record of the log.
pub fn delete_record(bytes: &[u8]) {
    let _ = LoggedDelete::decode(bytes);
}

/// Records of definitions, then one of a batch that uses them.
pub fn batch_record(definitions: &[&[u8]], bytes: &[u8]) {
    let mut dictionary = ReaderDictionary::default();
    for definition in definitions {
        let _ = dictionary.read(definition);
    }
    let _ = batch::decode(1, bytes, &dictionary);
}

/// A log file: its head, then records; one whole record stands behind the bytes and must be found.
pub fn log_file(bytes: &[u8]) {
    const PUT_ID: [u8; 16] = [7; 16];
    let _ = Head::decode(&sealed(bytes), 0);
    let mut file = bytes.to_vec();
    file.resize(file.len().next_multiple_of(8), 0);
    let last = file.len();
    put_record(&PUT_ID, Kind::Batch, 9, 8, &[b"last"], &mut file);
    let (mut at, mut found) = (0, false);
    while let Some((start, record, end)) = next_record(&file, at, &PUT_ID) {
        found |= start == last && record.payload == b"last";
        at = end;
    }
    assert!(found, "a whole record was passed over");
}
