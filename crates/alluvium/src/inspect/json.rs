//! The description as one JSON object. Times are ns since 1970, sizes bytes; names that are no UTF-8 are shown with replacements.

use super::Damage;
use node::inspect::Inspection;
use serde_json::{Map, Value, json};
use storage::inspect::{ColumnReport, MeasurementReport, SegmentReport};

fn name(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The object.
pub(super) fn render(found: &Inspection, damage: &[Damage], verified: bool) -> String {
    let shards = found.owners.iter().zip(&found.storage.shards).map(|(owner, shard)| {
        json!({
            "database": owner.database,
            "policy": owner.policy,
            "shard": owner.shard,
            "start_ns": owner.range.start,
            "end_ns": owner.range.end,
            "manifest_version": shard.version,
            "tombstones": shard.tombstones,
            "segments": shard.segments.iter().map(segment).collect::<Vec<_>>(),
        })
    });
    let damage = damage.iter().map(|damage| json!({"file": damage.file, "offset": damage.offset, "what": damage.what}));
    let log = &found.storage.log;
    let hex: String = found.cluster_id.iter().map(|byte| format!("{byte:02x}")).collect();
    let all = json!({
        "cluster_id": hex,
        "verified": verified,
        "log": { "next_slot": log.next_slot, "torn": log.torn },
        "shards": shards.collect::<Vec<_>>(),
        "damage": damage.collect::<Vec<_>>(),
    });
    all.to_string()
}

fn segment(segment: &SegmentReport) -> Value {
    json!({
        "file": segment.file,
        "offset": segment.offset,
        "bytes": segment.len,
        "level": segment.level,
        "lowest_slot": segment.slots.0,
        "highest_slot": segment.slots.1,
        "first_ns": segment.range.start,
        "last_ns": segment.range.end,
        "rows": segment.rows,
        "measurements": segment.measurements.iter().map(measurement).collect::<Vec<_>>(),
    })
}

fn measurement(report: &MeasurementReport) -> Value {
    let tags: Map<String, Value> = report.tags.iter().map(|tag| (name(&tag.key), json!(tag.values))).collect();
    json!({
        "name": name(&report.name),
        "rows": report.rows,
        "series": report.series,
        "column_groups": report.groups,
        "index_bytes": report.index_bytes,
        "directory_bytes": report.directory_bytes,
        "tag_values": tags,
        "columns": report.columns.iter().map(column).collect::<Vec<_>>(),
    })
}

fn column(report: &ColumnReport) -> Value {
    let codecs = report.codecs.iter().map(|(codec, sum)| {
        ((*codec).to_owned(), json!({"blocks": sum.blocks, "values": sum.values, "bytes": sum.bytes}))
    });
    json!({
        "field": report.field.as_ref().map(|(field, _)| name(field)),
        "type": report.field.as_ref().map_or("time", |(_, field_type)| field_type.name()),
        "pages": report.pages,
        "values": report.values,
        "bytes": report.bytes,
        "directory_bytes": report.directory_bytes,
        "statistics_bytes": report.statistics_bytes,
        "codecs": codecs.collect::<Map<_, _>>(),
    })
}
