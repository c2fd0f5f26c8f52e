//! What must hold of every manifest, as predicates on the whole state.

use super::Manifest;
use std::collections::BTreeSet;

/// Whether a rule holds, and what is wrong if it does not.
type Rule = (fn(&Manifest) -> bool, &'static str);

/// Checks a state; says what is wrong.
pub(crate) fn check(manifest: &Manifest) -> Result<(), &'static str> {
    let rules: [Rule; 7] = [
        (slots_ascend, "slots of segments overlap or are out of order"),
        (places_are_apart, "two segments share bytes of a file, or one is empty or above 64 bits"),
        (ranges_are_whole, "a segment's range of times is empty"),
        (measurements_ascend, "measurements of the schema are not sorted"),
        (fields_are_unique, "a field id is used twice, out of order, or not below the next one"),
        (logs_ascend, "a log is named twice or out of order"),
        (tombstones_ascend, "deletes are out of order"),
    ];
    rules.iter().find(|(holds, _)| !holds(manifest)).map_or(Ok(()), |(_, what)| Err(what))
}

/// Newer segments have greater slots, and no slot is in two: merging fields by version depends on it.
fn slots_ascend(manifest: &Manifest) -> bool {
    manifest.segments.iter().all(|entry| entry.slots.0 <= entry.slots.1)
        && manifest.segments.is_sorted_by(|a, b| a.slots.1 < b.slots.0)
}

fn places_are_apart(manifest: &Manifest) -> bool {
    let mut places: Vec<_> = manifest.segments.iter().map(|entry| &entry.place).collect();
    places.sort_unstable();
    places.iter().all(|place| place.len > 0 && place.offset.checked_add(place.len).is_some())
        && places.is_sorted_by(|a, b| a.file != b.file || a.offset + a.len <= b.offset)
}

fn ranges_are_whole(manifest: &Manifest) -> bool {
    manifest.segments.iter().all(|entry| !entry.range.is_empty())
}

fn measurements_ascend(manifest: &Manifest) -> bool {
    manifest.schema.is_sorted_by(|a, b| a.measurement < b.measurement)
}

fn fields_are_unique(manifest: &Manifest) -> bool {
    let mut ids = BTreeSet::new();
    manifest.schema.iter().all(|entry| {
        entry.fields.is_sorted_by(|a, b| a.id < b.id)
            && entry.fields.iter().all(|field| field.id < manifest.next_field && ids.insert(field.id))
    })
}

fn logs_ascend(manifest: &Manifest) -> bool {
    manifest.folded.is_sorted_by(|a, b| a.0 < b.0)
}

fn tombstones_ascend(manifest: &Manifest) -> bool {
    manifest.tombstones.is_sorted_by_key(|(slot, _)| *slot)
}
