//! Where a shard begins and ends.
//!
//! Windows of a shard duration count from the first instant of year 1, as InfluxDB's do: shards of a week begin on Mondays.
//! A new shard takes the window of its first row, cut to the gap between the shards that are there.

use model::TimeRange;
use model::time::{HOUR, MAX_TIME, MIN_TIME, SECOND};

/// Nanoseconds of a day.
const DAY: i64 = 24 * HOUR;
/// From 0001-01-01 to 1970-01-01: 719,162 days (ns).
const FROM_YEAR_ONE: i128 = 719_162 * 86_400 * SECOND as i128;

/// The least duration of a policy, and of its shards (ns).
pub(crate) const MIN_DURATION: i64 = HOUR;

/// The shard duration (ns) of a policy: as asked for (0: not at all), but at least an hour; else by the policy's duration.
pub(crate) fn shard_duration(asked: i64, duration: i64) -> i64 {
    if asked != 0 {
        return asked.max(MIN_DURATION);
    }
    if duration == 0 || duration >= 180 * DAY {
        7 * DAY
    } else if duration >= 2 * DAY {
        DAY
    } else {
        HOUR
    }
}

/// The window of `duration` (ns, above 0) that holds `time` (ns), cut to what a point's time can be.
pub(crate) fn window(time: i64, duration: i64) -> TimeRange {
    let duration = i128::from(duration.max(1));
    let since = i128::from(time) + FROM_YEAR_ONE;
    let start = since - since.rem_euclid(duration) - FROM_YEAR_ONE;
    let clamp = |instant: i128| {
        i64::try_from(instant.clamp(i128::from(MIN_TIME), i128::from(MAX_TIME))).unwrap_or(if instant < 0 {
            MIN_TIME
        } else {
            MAX_TIME
        })
    };
    TimeRange::new(clamp(start), clamp(start + duration - 1))
}

/// The span of a new shard for `time`, in which no shard lies: its window, cut to the gap between its neighbours.
pub(crate) fn fit(time: i64, duration: i64, before: Option<TimeRange>, after: Option<TimeRange>) -> TimeRange {
    let window = window(time, duration);
    let start = before.map_or(window.start, |shard| window.start.max(shard.end.saturating_add(1)));
    let end = after.map_or(window.end, |shard| window.end.min(shard.start.saturating_sub(1)));
    TimeRange::new(start, end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::time::rfc3339;
    use proptest::prelude::*;

    /// What InfluxDB 1.13.2 showed by SHOW SHARDS: shard duration (hours), time, start, end (exclusive). Starts before the
    /// least time are cut here.
    const RECORDED: [(i64, i64, &str, &str); 22] = [
        (1, 1_500_000_000, "2017-07-14T02:00:00Z", "2017-07-14T03:00:00Z"),
        (1, -1_500_000_000, "1922-06-20T21:00:00Z", "1922-06-20T22:00:00Z"),
        (1, 0, "1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z"),
        (1, -1, "1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z"),
        (24, 1_500_000_000, "2017-07-14T00:00:00Z", "2017-07-15T00:00:00Z"),
        (24, -1_500_000_000, "1922-06-20T00:00:00Z", "1922-06-21T00:00:00Z"),
        (24, -1, "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"),
        (168, 1_500_000_000, "2017-07-10T00:00:00Z", "2017-07-17T00:00:00Z"),
        (168, -1_500_000_000, "1922-06-19T00:00:00Z", "1922-06-26T00:00:00Z"),
        (168, 0, "1969-12-29T00:00:00Z", "1970-01-05T00:00:00Z"),
        (168, -1, "1969-12-29T00:00:00Z", "1970-01-05T00:00:00Z"),
        (720, 1_500_000_000, "2017-06-21T00:00:00Z", "2017-07-21T00:00:00Z"),
        (720, -1_500_000_000, "1922-06-10T00:00:00Z", "1922-07-10T00:00:00Z"),
        (720, 0, "1969-12-30T00:00:00Z", "1970-01-29T00:00:00Z"),
        (1000, 1_500_000_000, "2017-06-21T00:00:00Z", "2017-08-01T16:00:00Z"),
        (1000, -1_500_000_000, "1922-06-11T16:00:00Z", "1922-07-23T08:00:00Z"),
        (1000, 0, "1969-11-25T00:00:00Z", "1970-01-05T16:00:00Z"),
        (3, 1_500_000_000, "2017-07-14T00:00:00Z", "2017-07-14T03:00:00Z"),
        (3, -1, "1969-12-31T21:00:00Z", "1970-01-01T00:00:00Z"),
        (7, 1_500_000_000, "2017-07-14T02:00:00Z", "2017-07-14T09:00:00Z"),
        (7, -1_500_000_000, "1922-06-20T18:00:00Z", "1922-06-21T01:00:00Z"),
        (7, 0, "1969-12-31T22:00:00Z", "1970-01-01T05:00:00Z"),
    ];

    #[test]
    fn windows_are_those_of_influxdb() {
        for (hours, seconds, start, end) in RECORDED {
            let window = window(seconds * SECOND, hours * HOUR);
            assert_eq!((&*rfc3339(window.start), &*rfc3339(window.end + 1)), (start, end), "{hours}h {seconds}s");
        }
        let minutes = window(1_500_000_000 * SECOND, 90 * 60 * SECOND);
        assert_eq!(rfc3339(minutes.start), "2017-07-14T01:30:00Z");
    }

    #[test]
    fn the_ends_of_time_are_inside() {
        let last = window(MAX_TIME, HOUR);
        assert_eq!((&*rfc3339(last.start), last.end), ("2262-04-11T23:00:00Z", MAX_TIME));
        let first = window(MIN_TIME, HOUR);
        assert_eq!((first.start, &*rfc3339(first.end + 1)), (MIN_TIME, "1677-09-21T01:00:00Z"));
    }

    #[test]
    fn shard_durations() {
        let table =
            [(0, 0, 168), (0, 1, 1), (0, 47, 1), (0, 48, 24), (0, 4319, 24), (0, 4320, 168), (3, 48, 3), (168, 0, 168)];
        for (asked, duration, expected) in table {
            assert_eq!(shard_duration(asked * HOUR, duration * HOUR), expected * HOUR, "{asked} {duration}");
        }
        assert_eq!(shard_duration(60 * SECOND, 2 * HOUR), HOUR);
    }

    proptest! {
        #[test]
        fn a_span_holds_its_time_and_touches_no_neighbour(
            time in MIN_TIME..=MAX_TIME, hours in 1i64..20_000, below in 1i64..i64::MAX / 4, above in 1i64..i64::MAX / 4,
        ) {
            let before = time.checked_sub(below).map(|end| TimeRange::new(end.saturating_sub(5), end));
            let after = time.checked_add(above).map(|start| TimeRange::new(start, start.saturating_add(5)));
            let span = fit(time, hours * HOUR, before, after);
            prop_assert!(span.contains(time));
            prop_assert!(before.is_none_or(|shard| !shard.overlaps(&span)));
            prop_assert!(after.is_none_or(|shard| !shard.overlaps(&span)));
            prop_assert!(i128::from(span.end) - i128::from(span.start) < i128::from(hours * HOUR));
        }
    }
}
