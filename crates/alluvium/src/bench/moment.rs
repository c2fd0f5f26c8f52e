//! Times as InfluxQL reads them.

const DAY_S: i64 = 86_400;
const SECOND_NS: i64 = 1_000_000_000;

/// When every workload begins: 2016-01-01T00:00:00Z, in nanoseconds since 1970.
pub(super) const START_NS: i64 = 1_451_606_400 * SECOND_NS;

/// An hour in nanoseconds.
pub(super) const HOUR_NS: i64 = 3600 * SECOND_NS;

/// A time in nanoseconds since 1970 as RFC 3339, in UTC, with nine digits behind the second.
pub(super) fn rfc3339(ns: i64) -> String {
    let seconds = ns.div_euclid(SECOND_NS);
    let (year, month, day) = civil(seconds.div_euclid(DAY_S));
    let second = seconds.rem_euclid(DAY_S);
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{:09}Z", ns.rem_euclid(SECOND_NS))
}

/// Year, month and day of a day counted from 1970. Years are taken to begin in March, so that the leap day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    // Days since 0000-03-01; 146,097 days make 400 years.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months from March on have 153 days.
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_known_times() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(START_NS), "2016-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(START_NS + 59 * 24 * HOUR_NS + 1), "2016-02-29T00:00:00.000000001Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(rfc3339(951_868_799 * SECOND_NS), "2000-02-29T23:59:59.000000000Z");
        assert_eq!(rfc3339(i64::MAX), "2262-04-11T23:47:16.854775807Z");
    }
}
