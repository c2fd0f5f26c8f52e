//! Says of a segment what is in it and what each part takes, and with `verify` reads and checks every byte.

use super::{Model, PageId, Segment};
use crate::error::StorageError;
use crate::inspect::{CodecReport, ColumnReport, MeasurementReport, SegmentReport, TagReport};
use crate::segment::directory::Group;
use crate::segment::format::MeasurementEntry;
use codec::CodecError;
use std::collections::BTreeMap;

/// Describes a segment; what is damaged is told in the report, and left out of it.
pub(crate) fn inspect(segment: &Segment, verify: bool) -> SegmentReport {
    let entry = segment.entry();
    let mut report = SegmentReport {
        file: entry.place.file.clone(),
        offset: entry.place.offset,
        len: entry.place.len,
        level: entry.level,
        slots: entry.slots,
        range: entry.range,
        rows: entry.rows,
        measurements: Vec::new(),
        damage: Vec::new(),
    };
    match segment.contents() {
        Err(error) => report.damage.push(error),
        Ok(contents) => {
            for (at, entry) in contents.measurements.iter().enumerate() {
                let measurement = describe(segment, at, entry, verify, &mut report.damage);
                report.measurements.push(measurement);
            }
        }
    }
    // A block whose header is bad is found by its codec and by its first page.
    let mut seen = std::collections::BTreeSet::new();
    report.damage.retain(|error| match error {
        StorageError::Damaged { file, offset, .. } => seen.insert((file.clone(), *offset)),
        _ => true,
    });
    report
}

fn describe(
    segment: &Segment,
    at: usize,
    entry: &MeasurementEntry,
    verify: bool,
    damage: &mut Vec<StorageError>,
) -> MeasurementReport {
    let mut report = MeasurementReport {
        name: entry.name.clone(),
        rows: entry.rows,
        series: entry.series,
        range: entry.range,
        index_bytes: entry.index.len,
        directory_bytes: entry.directory.len,
        groups: 0,
        tags: Vec::new(),
        columns: Vec::new(),
    };
    match segment.index(at) {
        Err(error) => damage.push(error),
        Ok(index) => {
            let tags = index.keys.iter().zip(&index.columns);
            report.tags = tags.map(|(key, tag)| TagReport { key: key.clone(), values: tag.values.len() }).collect();
        }
    }
    let directory = match segment.directory(at) {
        Ok(directory) => directory,
        Err(error) => {
            damage.push(error);
            return report;
        }
    };
    report.groups = directory.groups.len();
    let times = ColumnReport { field: None, ..ColumnReport::default() };
    let fields = entry
        .fields
        .iter()
        .map(|field| ColumnReport { field: Some((field.name.clone(), field.field_type)), ..ColumnReport::default() });
    report.columns = std::iter::once(times).chain(fields).collect();
    for (number, group) in directory.groups.iter().enumerate() {
        for column in 0..group.columns() {
            let of = column.checked_sub(1).map_or(0, |field| group.fields[field] as usize + 1);
            let place = Place { segment, measurement: at, number, group, column };
            place.add(&mut report.columns[of], damage);
            if verify {
                place.verify(&directory, report.columns[of].field.as_ref().map(|field| field.1), damage);
            }
        }
    }
    report
}

/// A column of a group.
struct Place<'a> {
    segment: &'a Segment,
    measurement: usize,
    number: usize,
    group: &'a Group,
    column: usize,
}

impl Place<'_> {
    /// Adds what the column takes.
    fn add(&self, report: &mut ColumnReport, damage: &mut Vec<StorageError>) {
        let (group, column) = (self.group, self.column);
        report.pages += group.pages();
        report.values += group.rows.iter().map(|&rows| u64::from(rows)).sum::<u64>();
        match group.directory_len(column) {
            Ok((all, statistics)) => {
                report.directory_bytes += all as u64;
                report.statistics_bytes += statistics as u64;
            }
            Err(error) => return damage.push(self.segment.damaged(0, error)),
        }
        for block in 0..group.blocks() {
            match self.codec(block, report) {
                Ok((codec, bytes)) => {
                    let rows = group.rows[group.block_pages(block)].iter().map(|&rows| u64::from(rows)).sum::<u64>();
                    report.bytes += bytes;
                    add(&mut report.codecs, codec, CodecReport { blocks: 1, values: rows, bytes });
                }
                Err(error) => damage.push(error),
            }
        }
    }

    /// The codec of a block, and its bytes.
    fn codec(&self, block: usize, report: &ColumnReport) -> Result<(&'static str, u64), StorageError> {
        let part = self.group.part(self.column, block).map_err(|error| self.segment.damaged(0, error))?;
        if u64::from(part.header) > part.len {
            return Err(self.segment.damaged(part.offset, CodecError::Invalid("a header longer than its block")));
        }
        let header = self.segment.read(part.offset, u64::from(part.header))?;
        let model = Model::open(&header, report.field.as_ref().map(|field| field.1));
        let model = model.map_err(|error| self.segment.damaged(part.offset, error))?;
        Ok((model.codec(), part.len))
    }

    /// Checks and decodes all pages; one report a block.
    fn verify(
        &self,
        directory: &super::Directory,
        field_type: Option<model::FieldType>,
        damage: &mut Vec<StorageError>,
    ) {
        for block in 0..self.group.blocks() {
            for page in self.group.block_pages(block) {
                let id = PageId {
                    measurement: self.measurement as u32,
                    group: self.number as u32,
                    column: self.column as u32,
                    page: page as u32,
                };
                if let Err(error) = self.segment.page(directory, id, field_type) {
                    damage.push(error);
                    break;
                }
            }
        }
    }
}

fn add(codecs: &mut BTreeMap<&'static str, CodecReport>, codec: &'static str, block: CodecReport) {
    let sum = codecs.entry(codec).or_default();
    sum.blocks += block.blocks;
    sum.values += block.values;
    sum.bytes += block.bytes;
}

impl Model {
    fn codec(&self) -> &'static str {
        match self {
            Self::Times(block) => block.codec(),
            Self::Float(block) => block.codec(),
            Self::Integer(block) => block.codec(),
            Self::Unsigned(block) => block.codec(),
            Self::String(block) => block.codec(),
            Self::Boolean(block) => block.codec(),
        }
    }
}
