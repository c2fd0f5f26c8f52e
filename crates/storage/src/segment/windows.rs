//! Where the pages of a long series are cut: at windows of time that count from the epoch, so that whole buckets of a query
//! can be answered by statistics. The window is the smallest of a ladder that fills pages well.

use model::time::{HOUR, SECOND};

/// Rows that a window should hold on average.
const WINDOW_ROWS: usize = 200;

/// The windows by which pages are cut (ns).
const LADDER: [i64; 12] = [
    SECOND,
    10 * SECOND,
    60 * SECOND,
    300 * SECOND,
    600 * SECOND,
    1_800 * SECOND,
    HOUR,
    2 * HOUR,
    6 * HOUR,
    12 * HOUR,
    24 * HOUR,
    168 * HOUR,
];

/// Some rows of a series, as much as is known of them without reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// The least time.
    pub(crate) first: i64,
    /// The greatest time.
    pub(crate) last: i64,
    /// How many there are; at least one.
    pub(crate) rows: usize,
}

/// The smallest window of the ladder whose occupied windows hold [`WINDOW_ROWS`] rows on average; `None`: not cut by time.
pub(super) fn window_of(times: &[i64]) -> Option<i64> {
    let most = times.len() / WINDOW_ROWS;
    LADDER.into_iter().find(|&window| {
        let (mut windows, mut at) = (0, 0);
        while at < times.len() && windows <= most {
            at = window_end(times, at, window);
            windows += 1;
        }
        windows <= most
    })
}

/// As [`window_of`], of rows that are known by their stretches only, which ascend by their first times: as if the rows of a
/// stretch were spread evenly.
pub(crate) fn window_of_stretches(stretches: impl Iterator<Item = Stretch> + Clone) -> Option<i64> {
    let most = stretches.clone().map(|stretch| stretch.rows).sum::<usize>() / WINDOW_ROWS;
    LADDER.into_iter().find(|&window| {
        let (mut windows, mut seen) = (0, None);
        for stretch in stretches.clone() {
            let (from, to) = (stretch.first.div_euclid(window), stretch.last.div_euclid(window));
            let from = if seen.is_some_and(|seen| from <= seen) { from.saturating_add(1) } else { from };
            let spread = usize::try_from(to.saturating_sub(from).saturating_add(1).max(0)).unwrap_or(usize::MAX);
            windows += spread.min(stretch.rows);
            seen = seen.max(Some(to));
            if windows > most {
                return false;
            }
        }
        true
    })
}

/// As [`window_of`], of rows of which only the beginning may be known: by how dense they are.
pub(super) fn window_of_density(known: &Stretch) -> Option<i64> {
    let span = i128::from(known.last) - i128::from(known.first) + 1;
    LADDER.into_iter().find(|&window| known.rows as i128 * i128::from(window) / span >= WINDOW_ROWS as i128)
}

/// The last instant of the window that a time lies in.
pub(super) fn window_last(time: i64, window: Option<i64>) -> i64 {
    window.map_or(i64::MAX, |window| time.div_euclid(window).saturating_mul(window).saturating_add(window - 1))
}

/// The row after the last one that is in the same window as row `at`.
fn window_end(times: &[i64], at: usize, window: i64) -> usize {
    run_until(times, at, window_last(times[at], Some(window)))
}

/// The row after the last one, from row `at` on, whose time is not above `last`; at least `at + 1`.
pub(super) fn run_until(times: &[i64], at: usize, last: i64) -> usize {
    // Doubling steps: the window is short against the series.
    let mut step = 1;
    while at + step < times.len() && times[at + step] <= last {
        step *= 2;
    }
    let end = times.len().min(at + step);
    let from = at + step / 2;
    from + times[from..end].partition_point(|&time| time <= last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(step: i64, rows: usize) -> (Option<i64>, Option<i64>) {
        let times: Vec<i64> = (0..rows as i64).map(|i| 1_600_000_000 * SECOND + i * step).collect();
        let of = |part: &[i64]| Stretch { first: part[0], last: part[part.len() - 1], rows: part.len() };
        (window_of(&times), window_of_stretches(times.chunks(300).map(of)))
    }

    #[test]
    fn windows_fill_pages() {
        assert_eq!(both(10 * SECOND, 25_920), (Some(HOUR), Some(HOUR)));
        assert_eq!(both(SECOND, 36_000), (Some(300 * SECOND), Some(300 * SECOND)));
        assert_eq!(both(60 * SECOND, 10_080), (Some(6 * HOUR), Some(6 * HOUR)));
        assert_eq!(both(1_000, 10_000), (Some(SECOND), Some(SECOND)));
        assert_eq!(both(24 * HOUR, 300), (None, None));
    }
}
