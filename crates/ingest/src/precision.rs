//! The unit of the timestamps of a write request, from the parameter `precision`.

use std::fmt;
use std::str::FromStr;

/// The unit of timestamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 1 ns: what a request without the parameter means.
    #[default]
    Nanosecond,
    /// 1000 ns.
    Microsecond,
    /// 10^6 ns.
    Millisecond,
    /// 10^9 ns.
    Second,
    /// 60 s.
    Minute,
    /// 3600 s.
    Hour,
}

/// The parameter of `/write` is none of the known units; prints as InfluxDB's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPrecision(String);

impl fmt::Display for InvalidPrecision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "invalid precision {} (use n, u, ms, s, m or h)", crate::printable::quoted(self.0.as_bytes()))
    }
}

impl std::error::Error for InvalidPrecision {}

impl FromStr for Precision {
    type Err = InvalidPrecision;

    /// The units of the 1.x endpoint: empty, `n`, `ns`, `u`, `ms`, `s`, `m`, `h`.
    fn from_str(text: &str) -> Result<Self, InvalidPrecision> {
        Ok(match text {
            "" | "n" | "ns" => Self::Nanosecond,
            "u" => Self::Microsecond,
            "ms" => Self::Millisecond,
            "s" => Self::Second,
            "m" => Self::Minute,
            "h" => Self::Hour,
            other => return Err(InvalidPrecision(other.to_owned())),
        })
    }
}

/// The earliest time that a point may have (ns).
pub const MIN_TIME: i64 = i64::MIN + 2;
/// The latest time that a point may have (ns).
pub const MAX_TIME: i64 = i64::MAX - 1;

impl Precision {
    /// The unit of the 2.x-compatible endpoint (empty, `ns`, `us`, `ms`, `s`), or `None` for any other text.
    #[must_use]
    pub fn from_v2(text: &str) -> Option<Self> {
        Some(match text {
            "" | "ns" => Self::Nanosecond,
            "us" => Self::Microsecond,
            "ms" => Self::Millisecond,
            "s" => Self::Second,
            _ => return None,
        })
    }

    /// Nanoseconds of one unit.
    #[must_use]
    pub fn nanoseconds(self) -> i64 {
        match self {
            Self::Nanosecond => 1,
            Self::Microsecond => 1_000,
            Self::Millisecond => 1_000_000,
            Self::Second => 1_000_000_000,
            Self::Minute => 60_000_000_000,
            Self::Hour => 3_600_000_000_000,
        }
    }

    /// The instant (ns) of a timestamp, or `None` if points may not have it.
    #[must_use]
    pub fn time(self, timestamp: i64) -> Option<i64> {
        let time = timestamp.checked_mul(self.nanoseconds())?;
        (MIN_TIME..=MAX_TIME).contains(&time).then_some(time)
    }

    /// `now` (ns) cut down to whole units: the time of a point without a timestamp.
    #[must_use]
    pub fn truncate(self, now: i64) -> i64 {
        now.saturating_sub(now.rem_euclid(self.nanoseconds())).clamp(MIN_TIME, MAX_TIME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_units_and_their_bounds() {
        assert_eq!("ms".parse(), Ok(Precision::Millisecond));
        let error = "foo".parse::<Precision>().unwrap_err();
        assert_eq!(error.to_string(), "invalid precision \"foo\" (use n, u, ms, s, m or h)");
        assert_eq!(Precision::Second.time(1_500_000_000), Some(1_500_000_000_000_000_000));
        assert_eq!(Precision::Second.time(i64::MAX / 2), None);
        assert_eq!(Precision::Nanosecond.time(i64::MAX), None);
        assert_eq!(Precision::Nanosecond.time(i64::MAX - 1), Some(i64::MAX - 1));
        assert_eq!(Precision::Minute.truncate(-1), -60_000_000_000);
        assert_eq!(Precision::Hour.truncate(i64::MIN), MIN_TIME);
        assert_eq!(Precision::from_v2("us"), Some(Precision::Microsecond));
        assert_eq!(Precision::from_v2("u"), None);
    }
}
