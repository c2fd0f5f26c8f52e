//! The buckets of GROUP BY time: which bucket an instant falls in, where a bucket begins.
//!
//! Without a time zone buckets are equally wide. With one they begin where the clocks show a multiple of the width, so that a day has 23
//! or 25 hours twice a year: they are pieces of equal buckets ([`Piece`]), each with the numbers of its buckets, and an instant is
//! looked for among these. Buckets follow each other without a gap, and their numbers do; who reads them need not know about zones.

use model::Zone;
use std::sync::Arc;

/// Buckets of a width, counted from epoch 0 plus an offset. Without an interval everything is bucket 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// Width (ns); 0 for none.
    pub(crate) interval: i64,
    /// Where bucket 0 begins (ns), at least 0 and less than the interval.
    pub(crate) offset: i64,
    /// Where clocks are moved, by time.
    pieces: Option<Arc<[Piece]>>,
}

/// Buckets of equal width, except that the last one ends where the next piece begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    /// Where the first bucket begins (ns).
    from: i128,
    /// The number of the first bucket.
    first: i128,
}

impl Windows {
    /// Buckets of `interval` ns, moved by `offset` ns, which may be anything, by the clocks of a zone.
    pub(crate) fn new(interval: i64, offset: i64, zone: Option<&Zone>) -> Self {
        if interval <= 0 {
            return Self { interval: 0, offset: 0, pieces: None };
        }
        let offset = offset.rem_euclid(interval);
        Self { interval, offset, pieces: zone.map(|zone| pieces(interval, offset, zone)) }
    }

    /// The same buckets by the clocks of another zone, or of none.
    pub(crate) fn within(&self, zone: Option<&Zone>) -> Self {
        Self::new(self.interval, self.offset, zone)
    }

    /// The bucket of an instant (ns).
    pub(crate) fn index(&self, time: i64) -> i64 {
        if self.interval == 0 {
            return 0;
        }
        if let Some(pieces) = &self.pieces {
            return index_among(pieces, self.interval, time);
        }
        match time.checked_sub(self.offset) {
            Some(moved) => moved.div_euclid(self.interval),
            None => i64::try_from((i128::from(time) - i128::from(self.offset)).div_euclid(i128::from(self.interval)))
                .unwrap_or(i64::MIN),
        }
    }

    /// The bucket of an instant (ns) that lies behind another bucket, and its end; given is that other one, with its end. Mostly it is the
    /// next.
    pub(crate) fn after(&self, (index, end): (i64, i64), time: i64) -> (i64, i64) {
        match end.checked_add(self.interval) {
            Some(next) if time <= next && self.pieces.is_none() => (index + 1, next),
            _ => {
                let index = self.index(time);
                (index, self.end(index))
            }
        }
    }

    /// The first instant (ns) of a bucket; clamped to `i64`.
    pub(crate) fn start(&self, index: i64) -> i64 {
        if self.interval == 0 {
            return i64::MIN;
        }
        clamp(self.begins(i128::from(index)))
    }

    /// The last instant (ns) of a bucket; clamped to `i64`.
    pub(crate) fn end(&self, index: i64) -> i64 {
        if self.interval == 0 {
            return i64::MAX;
        }
        clamp(self.begins(i128::from(index) + 1) - 1)
    }

    fn begins(&self, index: i128) -> i128 {
        let interval = i128::from(self.interval);
        let Some(pieces) = &self.pieces else { return index * interval + i128::from(self.offset) };
        let at = pieces.partition_point(|piece| piece.first <= index).saturating_sub(1);
        pieces[at].from + (index - pieces[at].first) * interval
    }
}

fn index_among(pieces: &[Piece], interval: i64, time: i64) -> i64 {
    let time = i128::from(time);
    let at = pieces.partition_point(|piece| piece.from <= time).saturating_sub(1);
    let index = pieces[at].first + (time - pieces[at].from).div_euclid(i128::from(interval));
    let last = pieces.get(at + 1).map_or(i128::MAX, |next| next.first - 1);
    clamp(index.min(last))
}

/// The pieces of a zone's clocks. A bucket begins where they show its first instant for the first time, or, if they never do because
/// they are moved over it, where they are moved. Clocks that are moved by a bucket or more just count on from there: no two hours are made
/// one because both are called two o'clock.
fn pieces(interval: i64, offset: i64, zone: &Zone) -> Arc<[Piece]> {
    let (interval, offset) = (i128::from(interval), i128::from(offset));
    let mut made = Pieces { interval, all: Vec::new(), end: None };
    let mut before = 0;
    for (at, stretch) in zone.stretches().iter().enumerate() {
        let (from, shift) = (i128::from(stretch.from), i128::from(stretch.offset));
        let end = zone.stretches().get(at + 1).map_or(i128::MAX, |next| i128::from(next.from));
        // The first instant from `time` on at which the clocks show the begin of a bucket.
        let next = |time: i128| time + (offset - shift - time).rem_euclid(interval);
        let moved = shift - std::mem::replace(&mut before, shift);
        if at == 0 {
            made.all.push(Piece { from: next(from) - interval, first: from.div_euclid(interval) });
            continue;
        }
        made.end = made.end.or(Some(from));
        let some = moved.abs() < interval;
        let first = next(if some { from - moved.min(0) } else { from });
        if some && moved > 0 && first > from && first >= from + interval - moved {
            made.begin(from);
            made.end = Some(from + 1);
        }
        if first < end {
            made.begin(first);
        }
    }
    made.all.into()
}

/// Pieces in the making.
struct Pieces {
    interval: i128,
    all: Vec<Piece>,
    /// The instant (ns) from which on the clocks no longer show begins of buckets at those of the last piece.
    end: Option<i128>,
}

impl Pieces {
    /// A bucket begins; further ones, each an interval later.
    fn begin(&mut self, from: i128) {
        let (Some(last), Some(end)) = (self.all.last(), self.end.take()) else { return };
        let buckets = (end - last.from + self.interval - 1).div_euclid(self.interval);
        if last.from + buckets * self.interval != from {
            let first = last.first + buckets;
            self.all.push(Piece { from, first });
        }
    }
}

fn clamp(time: i128) -> i64 {
    i64::try_from(time).unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_floor() {
        let windows = Windows::new(10, -3, None);
        assert_eq!((windows.index(6), windows.index(7), windows.index(-3), windows.index(-4)), (-1, 0, -1, -2));
        assert_eq!((windows.start(0), windows.end(0)), (7, 16));
        assert_eq!(Windows::new(10, 3, None).index(i64::MIN), i64::MIN / 10 - 2);
        assert_eq!(Windows::new(0, 5, None).index(77), 0);
    }

    #[test]
    fn the_bucket_behind_another_is_that_of_the_instant() {
        let windows = Windows::new(10, 3, None);
        for index in [-3, 0, 7] {
            let end = windows.end(index);
            for time in [end + 1, end + 10, end + 11, end + 1_000] {
                let found = windows.index(time);
                assert_eq!(windows.after((index, end), time), (found, windows.end(found)), "{index} {time}");
            }
        }
        let last = windows.index(i64::MAX);
        assert_eq!(windows.after((last - 1, windows.end(last - 1)), i64::MAX), (last, windows.end(last)));
    }

    /// The begins of buckets from `time` on, as instants less `time` in minutes.
    fn begins(zone: &str, interval: i64, offset: i64, time: &str, count: i64) -> Vec<i64> {
        let windows = Windows::new(interval * MINUTE, offset * MINUTE, Zone::named(zone));
        let time = i64::try_from(crate::when::parse_time(time, None).unwrap()).unwrap();
        let first = windows.index(time);
        (first..first + count).map(|index| (windows.start(index) - time) / MINUTE).collect()
    }

    const MINUTE: i64 = 60_000_000_000;

    #[test]
    fn buckets_begin_by_the_clocks() {
        let new_york = |interval, offset, time, count| begins("America/New_York", interval, offset, time, count);
        // Days of 25 and of 23 hours.
        assert_eq!(new_york(1_440, 0, "2018-11-03 12:00:00", 4), [-480, 960, 2_460, 3_900]);
        assert_eq!(new_york(1_440, 0, "2018-03-10 12:00:00", 4), [-420, 1_020, 2_400, 3_840]);
        assert_eq!(new_york(1_440, 360, "2018-03-10 12:00:00", 4), [-60, 1_320, 2_760, 4_200]);
        // Hours are hours.
        assert_eq!(new_york(60, 0, "2018-11-04 04:30:00", 4), [-30, 30, 90, 150]);
        assert_eq!(new_york(60, 0, "2018-03-11 05:30:00", 4), [-30, 30, 90, 150]);
        // Two hours by the clocks: three hours long where they are put back, and one where they are put forward.
        assert_eq!(new_york(120, 0, "2018-11-04 04:30:00", 4), [-30, 150, 270, 390]);
        assert_eq!(new_york(120, 0, "2018-03-11 05:30:00", 4), [-30, 90, 150, 270]);
        // 02:30 was never shown.
        assert_eq!(new_york(90, 60, "2018-03-11 05:00:00", 4), [-30, 60, 120, 180]);
        assert_eq!(begins("Australia/Lord_Howe", 60, 0, "2018-03-31 14:00:00", 4), [0, 90, 150, 210]);
        assert_eq!(begins("Asia/Kolkata", 1_440, 0, "2018-03-31 00:00:00", 2), [-330, 1_110]);
        // Midnight is shown twice, or never.
        assert_eq!(begins("America/Sao_Paulo", 1_440, 0, "2018-02-17 12:00:00", 3), [-600, 900, 2_340]);
        assert_eq!(begins("America/Sao_Paulo", 1_440, 0, "2017-10-14 12:00:00", 3), [-540, 900, 2_280]);
        assert_eq!(begins("America/Havana", 1_440, 0, "2018-11-03 12:00:00", 3), [-480, 960, 2_460]);
    }

    #[test]
    fn no_instant_is_without_its_bucket() {
        for zone in
            ["America/New_York", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia", "Africa/Monrovia", "UTC"]
        {
            for interval in [1, 7, 15, 25, 30, 40, 59, 60, 61, 90, 120, 150, 360, 1_439, 1_440, 10_080, 50_000_000] {
                for offset in [0, 13, 30, 300] {
                    let windows = Windows::new(interval * MINUTE, offset * MINUTE, Zone::named(zone));
                    let pieces = windows.pieces.clone().unwrap();
                    for piece in pieces.iter() {
                        for near in -4..=4 {
                            let first = clamp(piece.first).saturating_add(near);
                            if windows.start(first) > i64::MIN && windows.end(first) < i64::MAX {
                                assert_eq!(
                                    windows.end(first) + 1,
                                    windows.start(first + 1),
                                    "{zone} {interval} {offset}"
                                );
                                assert_eq!(windows.index(windows.start(first)), first, "{zone} {interval} {offset}");
                                assert_eq!(windows.index(windows.end(first)), first, "{zone} {interval} {offset}");
                                let width = windows.end(first) - windows.start(first);
                                assert!(width < (2 * interval + 1_500) * MINUTE && width >= 0);
                            }
                        }
                    }
                    for time in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX] {
                        let index = windows.index(time);
                        assert!(windows.start(index) <= time && time <= windows.end(index), "{zone} {interval} {time}");
                    }
                    if zone == "UTC" {
                        assert_eq!(pieces.len(), 1);
                        let plain = windows.within(None);
                        for time in [0, 1, 1_000 * MINUTE, 1_577_836_800_000_000_000] {
                            assert_eq!(windows.start(windows.index(time)), plain.start(plain.index(time)));
                        }
                    }
                }
            }
        }
    }
}
