//! Instants and ranges of them. An instant is an `i64` of nanoseconds since 1970-01-01T00:00:00Z; a [`TimeRange`] has
//! both ends inclusive, as InfluxQL's bounds come out. Civil dates are the proleptic Gregorian calendar, without leap
//! seconds (days-from-civil algorithm: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").

/// The smallest instant that a point may have (ns), InfluxDB's `MinNanoTime`.
pub const MIN_TIME: i64 = i64::MIN + 2;
/// The greatest instant that a point may have (ns), InfluxDB's `MaxNanoTime`.
pub const MAX_TIME: i64 = i64::MAX - 1;
/// Nanoseconds in a second.
pub const SECOND: i64 = 1_000_000_000;
/// Nanoseconds in an hour.
pub const HOUR: i64 = 3_600 * SECOND;

/// A range of instants in ns, both ends inclusive; empty when `start > end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// First instant in the range (ns).
    pub start: i64,
    /// Last instant in the range (ns).
    pub end: i64,
}

impl TimeRange {
    /// Every instant.
    pub const ALL: TimeRange = TimeRange { start: i64::MIN, end: i64::MAX };

    /// The range from `start` to `end`, both inclusive (ns).
    #[must_use]
    pub fn new(start: i64, end: i64) -> Self {
        Self { start, end }
    }

    /// Whether no instant is inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start > self.end
    }

    /// Whether `time` (ns) is inside.
    #[must_use]
    pub fn contains(&self, time: i64) -> bool {
        self.start <= time && time <= self.end
    }

    /// Whether all of `other` is inside.
    #[must_use]
    pub fn covers(&self, other: &TimeRange) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whether some instant is in both.
    #[must_use]
    pub fn overlaps(&self, other: &TimeRange) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    /// The instants in both; may be empty.
    #[must_use]
    pub fn intersect(&self, other: &TimeRange) -> TimeRange {
        TimeRange { start: self.start.max(other.start), end: self.end.min(other.end) }
    }

    /// The smallest range that covers both.
    #[must_use]
    pub fn union(&self, other: &TimeRange) -> TimeRange {
        TimeRange { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A civil date and time of day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Year, negative before year 0.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, 1 to 31.
    pub day: u32,
    /// Hour, 0 to 23.
    pub hour: u32,
    /// Minute, 0 to 59.
    pub minute: u32,
    /// Second, 0 to 59.
    pub second: u32,
    /// Nanosecond, 0 to 999,999,999.
    pub nanosecond: u32,
}

/// Days since 1970-01-01 of a civil date; the date must be valid.
#[must_use]
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = i64::from((month + 9) % 12);
    let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The civil date of a count of days since 1970-01-01: year, month, day.
#[must_use]
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = u32::try_from(day_of_year - (153 * shifted + 2) / 5 + 1).unwrap_or(1);
    let month = u32::try_from(if shifted < 10 { shifted + 3 } else { shifted - 9 }).unwrap_or(1);
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The civil date and time (UTC) of an instant in ns.
#[must_use]
pub fn civil(time: i64) -> Civil {
    let seconds = time.div_euclid(SECOND);
    let nanosecond = u32::try_from(time.rem_euclid(SECOND)).unwrap_or(0);
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let of_day = u32::try_from(seconds.rem_euclid(86_400)).unwrap_or(0);
    Civil { year, month, day, hour: of_day / 3_600, minute: of_day / 60 % 60, second: of_day % 60, nanosecond }
}

/// As [`civil`] of an instant that lies `later` seconds later, in numbers as small as the years 1677 to 2262 need, which is several
/// times faster.
#[allow(clippy::cast_possible_truncation)]
fn civil_of(time: i64, later: i64) -> Civil {
    // Days from 0000-03-01 to 1970-01-01, so that nothing is negative.
    const BEFORE: i64 = 719_468;
    let seconds = (time.div_euclid(SECOND) + later + BEFORE * 86_400) as u64;
    let (days, of_day) = ((seconds / 86_400) as u32, (seconds % 86_400) as u32);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    Civil {
        year: i64::from(era * 400 + year_of_era + u32::from(month <= 2)),
        month,
        day: day_of_year - (153 * shifted + 2) / 5 + 1,
        hour: of_day / 3_600,
        minute: of_day / 60 % 60,
        second: of_day % 60,
        nanosecond: time.rem_euclid(SECOND) as u32,
    }
}

/// The instant (ns) of a civil date and time, or `None` outside `i64`.
#[must_use]
pub fn from_civil(civil: &Civil) -> Option<i64> {
    let days = days_from_civil(civil.year, civil.month, civil.day);
    let seconds = i128::from(days) * 86_400
        + i128::from(civil.hour) * 3_600
        + i128::from(civil.minute) * 60
        + i128::from(civil.second);
    i64::try_from(seconds * i128::from(SECOND) + i128::from(civil.nanosecond)).ok()
}

/// Appends an instant (ns) as RFC 3339 in UTC, the fraction without trailing zeros: `2026-11-24T10:00:00.5Z`.
#[inline]
pub fn push_rfc3339(time: i64, out: &mut Vec<u8>) {
    push_rfc3339_of(time, 0, out);
}

/// The same, as clocks show it that are `offset` ns ahead of UTC: `2026-11-24T05:00:00.5-05:00`. Of an offset of no whole minutes the
/// seconds count but are not shown, as in Go.
pub fn push_rfc3339_of(time: i64, offset: i64, out: &mut Vec<u8>) {
    let civil = civil_of(time, offset / SECOND);
    // An instant lies in the years 1677 to 2262.
    let year = u32::try_from(civil.year).unwrap_or(0);
    let mut text = *b"0000-00-00T00:00:00Z";
    for (at, part) in [
        (0, year / 100),
        (2, year % 100),
        (5, civil.month),
        (8, civil.day),
        (11, civil.hour),
        (14, civil.minute),
        (17, civil.second),
    ] {
        text[at] = digit(part / 10);
        text[at + 1] = digit(part);
    }
    if civil.nanosecond == 0 && offset == 0 {
        out.extend_from_slice(&text);
        return;
    }
    out.extend_from_slice(&text[..text.len() - 1]);
    if civil.nanosecond != 0 {
        push_fraction(civil.nanosecond, out);
    }
    push_offset(offset, out);
}

/// The fraction of a second, without trailing zeros.
fn push_fraction(nanosecond: u32, out: &mut Vec<u8>) {
    out.push(b'.');
    let (mut rest, mut digits) = (nanosecond, [0; 9]);
    for slot in digits.iter_mut().rev() {
        *slot = digit(rest);
        rest /= 10;
    }
    let shown = digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
    out.extend_from_slice(&digits[..shown]);
}

/// An offset (ns) to UTC.
#[allow(clippy::cast_possible_truncation)]
fn push_offset(offset: i64, out: &mut Vec<u8>) {
    if offset == 0 {
        out.push(b'Z');
        return;
    }
    let minutes = (offset / (60 * SECOND)) as i32;
    out.push(if minutes < 0 { b'-' } else { b'+' });
    let (hours, minutes) = (minutes.unsigned_abs() / 60, minutes.unsigned_abs() % 60);
    out.extend_from_slice(&[digit(hours / 10), digit(hours), b':', digit(minutes / 10), digit(minutes)]);
}

/// An instant (ns) as RFC 3339 in UTC; see [`push_rfc3339`].
#[must_use]
pub fn rfc3339(time: i64) -> String {
    let mut out = Vec::with_capacity(30);
    push_rfc3339(time, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The last decimal digit of a number, as text.
#[allow(clippy::cast_possible_truncation)]
fn digit(number: u32) -> u8 {
    b'0' + (number % 10) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_rfc3339_nano() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(rfc3339(1_500_000_000_120_000_000), "2017-07-14T02:40:00.12Z");
        assert_eq!(rfc3339(MIN_TIME), "1677-09-21T00:12:43.145224194Z");
        assert_eq!(rfc3339(MAX_TIME), "2262-04-11T23:47:16.854775806Z");
    }

    #[test]
    fn civil_round_trip() {
        for time in [MIN_TIME, -1, 0, 951_782_400 * SECOND, 1_709_164_800 * SECOND, MAX_TIME] {
            assert_eq!(from_civil(&civil(time)), Some(time));
        }
        for days in (-800_000..800_000).step_by(37) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }

    #[test]
    fn ranges() {
        let range = TimeRange::new(5, 9);
        assert!(range.contains(5) && range.contains(9) && !range.contains(10));
        assert!(range.overlaps(&TimeRange::new(9, 20)) && !range.overlaps(&TimeRange::new(10, 20)));
        assert!(range.intersect(&TimeRange::new(10, 20)).is_empty());
        assert!(range.covers(&TimeRange::new(6, 9)));
    }

    #[test]
    fn small_numbers_give_the_same_dates() {
        let step = 86_399_999_999_999 * 3 + 1;
        let mut time = i64::MIN;
        while let Some(next) = time.checked_add(step) {
            assert_eq!(civil_of(time, 0), civil(time), "{time}");
            time = next;
        }
        for time in [i64::MAX, -1, 0, 1, SECOND, -SECOND, 951_782_400 * SECOND, 951_868_800 * SECOND - 1] {
            assert_eq!(civil_of(time, 0), civil(time), "{time}");
        }
    }
}
