//! How far a walk over time should go at once: by bounds of what lies there, and the order of the answer.

use model::TimeRange;

/// Bounds of the times of some rows, and how many they are at most.
pub(super) type Spread = (TimeRange, u64);

/// The next piece of `range` in which, going by bounds, about `rows` rows lie; `None` if none lies in `range`.
pub(super) fn next_stretch(spread: &[Spread], range: &TimeRange, rows: u64, ascending: bool) -> Option<TimeRange> {
    let hull = spread.iter().map(|&(range, _)| range).reduce(|left, right| left.union(&right))?;
    let hull = hull.intersect(range);
    if hull.is_empty() {
        return None;
    }
    let width = hull.end.abs_diff(hull.start);
    let part = |length: u64| first_part(&hull, length, ascending);
    if estimate(spread, &hull, rows) <= rows {
        return Some(part(width));
    }
    // The longest stretch with not more rows than wanted: one instant at least.
    let (mut low, mut high) = (0, width);
    while high - low > 1 && low < high - high / 16 {
        let middle = low + (high - low) / 2;
        if estimate(spread, &part(middle), rows) <= rows {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(part(low))
}

/// What of a range the walk reaches first: an instant, and so many nanoseconds beyond it.
pub(super) fn first_part(range: &TimeRange, length: u64, ascending: bool) -> TimeRange {
    let length = length.min(range.end.abs_diff(range.start));
    match ascending {
        true => TimeRange::new(range.start, range.start.wrapping_add_unsigned(length)),
        false => TimeRange::new(range.end.wrapping_sub_unsigned(length), range.end),
    }
}

/// What of a range the walk reaches after a stretch that it began with; `None`: nothing.
pub(super) fn beyond(range: &TimeRange, stretch: &TimeRange, ascending: bool) -> Option<TimeRange> {
    let rest = match ascending {
        true => TimeRange::new(stretch.end.checked_add(1)?, range.end),
        false => TimeRange::new(range.start, stretch.start.checked_sub(1)?),
    };
    (!rest.is_empty()).then_some(rest)
}

/// About how many rows lie in a stretch, if they are spread evenly; stops counting above `enough`.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn estimate(spread: &[Spread], stretch: &TimeRange, enough: u64) -> u64 {
    let mut rows = 0.0;
    for (range, all) in spread {
        let common = range.intersect(stretch);
        if common.is_empty() {
            continue;
        }
        let share = (common.end.abs_diff(common.start) as f64 + 1.0) / (range.end.abs_diff(range.start) as f64 + 1.0);
        rows += *all as f64 * share;
        if rows > enough as f64 {
            break;
        }
    }
    rows as u64
}
