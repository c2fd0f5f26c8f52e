//! The description as text for people.

use super::Damage;
use node::inspect::Inspection;
use std::fmt::Write;
use storage::inspect::{ColumnReport, MeasurementReport, SegmentReport};

/// Appends the description.
pub(super) fn render(found: &Inspection, damage: &[Damage], verified: bool, out: &mut String) {
    // Writing to a string does not fail.
    let _ = describe(found, damage, verified, out);
}

fn describe(found: &Inspection, damage: &[Damage], verified: bool, out: &mut String) -> std::fmt::Result {
    for (owner, shard) in found.owners.iter().zip(&found.storage.shards) {
        let (start, end) = (time(owner.range.start), time(owner.range.end));
        let (database, policy) = (&owner.database, &owner.policy);
        writeln!(out, "shard {} of {database:?}.{policy:?}, {start} to {end}", owner.shard)?;
        match shard.version {
            Some(version) => writeln!(out, "  manifest version {version}, {} tombstones", shard.tombstones)?,
            None => writeln!(out, "  no manifest yet")?,
        }
        for report in &shard.segments {
            segment(report, out)?;
        }
    }
    totals(found, out)?;
    if let Some(torn) = &found.storage.log.torn {
        writeln!(out, "the log ends in a write that is not whole, as a crash leaves it; it will be cut: {torn}")?;
    }
    for damage in damage {
        let at = damage.offset.map(|offset| format!(" at offset {offset}")).unwrap_or_default();
        writeln!(out, "DAMAGED: {}{at}: {}", damage.file, damage.what)?;
    }
    match (verified, damage.is_empty()) {
        (true, true) => writeln!(out, "verified: no damage"),
        (false, true) => writeln!(out, "not verified: --verify reads everything"),
        _ => Ok(()),
    }
}

fn time(ns: i64) -> String {
    let mut text = Vec::new();
    model::time::push_rfc3339(ns, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn segment(report: &SegmentReport, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "  segment {} +{}: {} bytes, level {}, slots {}-{}, {} to {}, {} rows",
        report.file,
        report.offset,
        report.len,
        report.level,
        report.slots.0,
        report.slots.1,
        time(report.range.start),
        time(report.range.end),
        report.rows
    )?;
    report.measurements.iter().try_for_each(|report| measurement(report, out))
}

fn measurement(report: &MeasurementReport, out: &mut String) -> std::fmt::Result {
    let name = String::from_utf8_lossy(&report.name);
    writeln!(
        out,
        "    {name:?}: {} series, {} rows in {} column groups, index {} bytes, directory {} bytes",
        report.series, report.rows, report.groups, report.index_bytes, report.directory_bytes
    )?;
    if !report.tags.is_empty() {
        let tags = report.tags.iter().map(|tag| format!("{} ({})", String::from_utf8_lossy(&tag.key), tag.values));
        writeln!(out, "      tags and their values: {}", tags.collect::<Vec<_>>().join(", "))?;
    }
    report.columns.iter().try_for_each(|report| column(report, out))
}

fn column(report: &ColumnReport, out: &mut String) -> std::fmt::Result {
    let label = report.field.as_ref().map_or("time".to_owned(), |(field, field_type)| {
        format!("{:?} {}", String::from_utf8_lossy(field), field_type.name())
    });
    writeln!(
        out,
        "      {label}: {} values in {} pages, {} bytes ({}), directory {}, of it statistics {}",
        report.values,
        report.pages,
        report.bytes,
        each(report.bytes, report.values),
        report.directory_bytes,
        report.statistics_bytes
    )?;
    for (codec, sum) in &report.codecs {
        writeln!(out, "        {codec}: {} blocks, {} bytes ({})", sum.blocks, sum.bytes, each(sum.bytes, sum.values))?;
    }
    Ok(())
}

fn each(bytes: u64, values: u64) -> String {
    format!("{:.3} B/value", bytes as f64 / values.max(1) as f64)
}

fn totals(found: &Inspection, out: &mut String) -> std::fmt::Result {
    let segments = || found.storage.shards.iter().flat_map(|shard| &shard.segments);
    let measurements = || segments().flat_map(|segment| &segment.measurements);
    let fields = || measurements().flat_map(|m| &m.columns).filter(|column| column.field.is_some());
    let bytes: u64 = segments().map(|segment| segment.len).sum();
    let values: u64 = fields().map(|column| column.values).sum();
    let index: u64 = measurements().map(|m| m.index_bytes).sum();
    let directory: u64 = measurements().map(|m| m.directory_bytes).sum();
    let statistics: u64 = fields().map(|column| column.statistics_bytes).sum();
    writeln!(
        out,
        "{} shards, {} segments, {bytes} bytes, {values} values of fields ({}); index {index}, directories {directory} \
         with statistics {statistics} bytes",
        found.storage.shards.len(),
        segments().count(),
        each(bytes, values)
    )
}
