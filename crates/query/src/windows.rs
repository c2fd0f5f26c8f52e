//! The buckets of GROUP BY time: which bucket an instant falls in, where a bucket begins.

/// Buckets of equal width, counted from epoch 0 plus an offset. Without an interval everything is bucket 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// Width (ns); 0 for none.
    pub(crate) interval: i64,
    /// Where bucket 0 begins (ns), at least 0 and less than the interval.
    pub(crate) offset: i64,
}

impl Windows {
    /// Buckets of `interval` ns, moved by `offset` ns, which may be anything.
    pub(crate) fn new(interval: i64, offset: i64) -> Self {
        if interval <= 0 {
            return Self { interval: 0, offset: 0 };
        }
        Self { interval, offset: offset.rem_euclid(interval) }
    }

    /// The bucket of an instant (ns).
    pub(crate) fn index(&self, time: i64) -> i64 {
        if self.interval == 0 {
            return 0;
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
            Some(next) if time <= next => (index + 1, next),
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
        clamp(i128::from(index) * i128::from(self.interval) + i128::from(self.offset))
    }

    /// The last instant (ns) of a bucket; clamped to `i64`.
    pub(crate) fn end(&self, index: i64) -> i64 {
        if self.interval == 0 {
            return i64::MAX;
        }
        clamp((i128::from(index) + 1) * i128::from(self.interval) + i128::from(self.offset) - 1)
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
        let windows = Windows::new(10, -3);
        assert_eq!((windows.index(6), windows.index(7), windows.index(-3), windows.index(-4)), (-1, 0, -1, -2));
        assert_eq!((windows.start(0), windows.end(0)), (7, 16));
        assert_eq!(Windows::new(10, 3).index(i64::MIN), i64::MIN / 10 - 2);
        assert_eq!(Windows::new(0, 5).index(77), 0);
    }

    #[test]
    fn the_bucket_behind_another_is_that_of_the_instant() {
        let windows = Windows::new(10, 3);
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
}
