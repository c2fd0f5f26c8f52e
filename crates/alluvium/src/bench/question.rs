//! A drawn question: what is asked about which hosts and which time, before any system's words.
//!
//! A window begins at a random nanosecond of the data and hosts are drawn without repetition. A question knows how many rows
//! answer it, so that a server that answers fast and says nothing is found out.

use super::Data;
use super::moment::{HOUR_NS, START_NS};
use platform::{Random, SeededRandom};
use std::ops::RangeInclusive;

/// The fields of `cpu-only`, in their order.
pub(super) const METRICS: [&str; 10] = [
    "usage_user",
    "usage_system",
    "usage_idle",
    "usage_nice",
    "usage_iowait",
    "usage_irq",
    "usage_softirq",
    "usage_steal",
    "usage_guest",
    "usage_guest_nice",
];

/// Rows that a host has in an hour of workload A, as `generate` writes it without `--step`.
const ROWS_AN_HOUR: u64 = 360;

/// How a type of question is drawn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// The greatest value of each minute.
    Minutes { metrics: usize, hosts: u32, hours: i64 },
    /// The greatest value of each of 8 hours, all fields.
    MaxAll { hosts: u32 },
    /// The mean of each of 12 hours, host by host.
    Means { metrics: usize },
    /// All of 12 hours where the processor was busy; no hosts are all hosts.
    HighCpu { hosts: u32 },
    /// The last row of every host.
    LastPoint,
    /// The first five minutes before a time.
    FirstMinutes,
    /// Everything of workload A; nothing is drawn.
    Scan(Scan),
    /// Everything of workload C; nothing is drawn.
    Series(Series),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    /// The greatest values of some hosts, of each minute or hour.
    Maxima { metrics: &'static [&'static str], hosts: Vec<u64>, window: Window, every: Every },
    /// The means of every hour, host by host; `hosts` is how many there are.
    Means { metrics: &'static [&'static str], window: Window, hosts: u32 },
    /// The rows of busy processors; no hosts are all hosts.
    HighCpu { hosts: Vec<u64>, window: Window },
    /// The last row of every host, of which there are `hosts`.
    LastPoint { hosts: u32 },
    /// The first five minutes' greatest values before a time in nanoseconds.
    FirstMinutes { end: i64 },
    /// Something over all rows of workload A, of which there are `rows` within the window.
    Scan { scan: Scan, window: Window, rows: u64 },
    /// Something over all series of workload C.
    Series(Series),
}

/// Questions that read whole columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    /// How many values of one field stand beside a value above 50 of another.
    FilteredCount,
    /// The median over all hosts, of every hour.
    Median,
    /// The steepest rise from one value to the next of a host.
    Derivative,
}

/// Questions on workload C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Series {
    /// How many points a field has.
    Count,
    /// Sums by a tag of few values.
    Sum,
    /// Ten values of a tag that has one a series.
    TenPods,
    /// All values of a tag that has a thousand.
    Hosts,
    /// How many series there are.
    Cardinality,
    /// Ten rows from the begin or from the end.
    Rows { last: bool },
}

/// A stretch of time in nanoseconds since 1970; the end is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) end: i64,
}

/// The length of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Every {
    Minute,
    Hour,
}

impl Every {
    /// The length in seconds.
    pub(super) fn seconds(self) -> u32 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3600,
        }
    }

    /// The length as all of the systems write it.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Minute => "1m",
            Self::Hour => "1h",
        }
    }
}

impl Ask {
    /// Draws the next question.
    pub(super) fn draw(&self, data: &Data, random: &SeededRandom) -> Question {
        // The window comes out of the sequence before the hosts.
        match *self {
            Self::Minutes { metrics, hosts, hours } => {
                let window = Window::draw(data, hours, random);
                let hosts = draw_hosts(data, hosts, random);
                Question::Maxima { metrics: &METRICS[..metrics], hosts, window, every: Every::Minute }
            }
            Self::MaxAll { hosts } => {
                let window = Window::draw(data, 8, random);
                let hosts = draw_hosts(data, hosts, random);
                Question::Maxima { metrics: &METRICS, hosts, window, every: Every::Hour }
            }
            Self::Means { metrics } => {
                let window = Window::draw(data, 12, random);
                Question::Means { metrics: &METRICS[..metrics], window, hosts: data.hosts }
            }
            Self::HighCpu { hosts } => {
                let window = Window::draw(data, 12, random);
                Question::HighCpu { hosts: draw_hosts(data, hosts, random), window }
            }
            Self::LastPoint => Question::LastPoint { hosts: data.hosts },
            Self::FirstMinutes => Question::FirstMinutes { end: Window::draw(data, 1, random).end },
            Self::Scan(scan) => {
                let window = Window { start: START_NS, end: START_NS + i64::from(data.hours) * HOUR_NS };
                Question::Scan { scan, window, rows: u64::from(data.hosts) * u64::from(data.hours) * ROWS_AN_HOUR }
            }
            Self::Series(series) => Question::Series(series),
        }
    }
}

impl Question {
    /// How many rows answer it, where a row has a column for each field.
    pub(super) fn rows(&self) -> RangeInclusive<u64> {
        match self {
            Self::Maxima { window, every, .. } => window.buckets(*every, 1),
            Self::Means { window, hosts, .. } => window.buckets(Every::Hour, u64::from(*hosts)),
            Self::HighCpu { .. } => 0..=u64::MAX,
            Self::LastPoint { hosts } => u64::from(*hosts)..=u64::from(*hosts),
            Self::FirstMinutes { .. } => 5..=5,
            Self::Scan { scan: Scan::Median, window, .. } => {
                let hours = *window.buckets(Every::Hour, 1).start();
                hours..=hours
            }
            Self::Scan { .. } | Self::Series(Series::Count | Series::Cardinality) => 1..=1,
            Self::Series(Series::Sum) => 1..=7,
            Self::Series(Series::TenPods | Series::Rows { .. }) => 1..=10,
            Self::Series(Series::Hosts) => 1..=1000,
        }
    }
}

impl Window {
    /// A random window of so many hours that lies within the data, or all of them.
    fn draw(data: &Data, hours: i64, random: &SeededRandom) -> Self {
        let whole = i64::from(data.hours) * HOUR_NS;
        let length = (hours * HOUR_NS).min(whole);
        // The room is below 2^63, and below 0 it is not.
        let start = START_NS + random.below((whole - length) as u64) as i64;
        Self { start, end: start + length }
    }

    /// Rows of `groups` groups: a window that begins within a bucket touches one more.
    fn buckets(&self, every: Every, groups: u64) -> RangeInclusive<u64> {
        let buckets = (self.end - self.start) as u64 / (u64::from(every.seconds()) * 1_000_000_000);
        buckets * groups..=(buckets + 1) * groups
    }
}

/// As many different hosts, or all if there are fewer.
fn draw_hosts(data: &Data, hosts: u32, random: &SeededRandom) -> Vec<u64> {
    let mut drawn: Vec<u64> = Vec::new();
    while drawn.len() < hosts.min(data.hosts) as usize {
        let host = random.below(u64::from(data.hosts));
        if !drawn.contains(&host) {
            drawn.push(host);
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::super::kinds::chosen;
    use super::*;

    const DATA: Data = Data { hosts: 100, hours: 72 };

    #[test]
    fn windows_lie_within_the_data_and_have_their_length() {
        let random = SeededRandom::new(1);
        let end = START_NS + 72 * HOUR_NS;
        for _ in 0..1000 {
            let window = Window::draw(&DATA, 12, &random);
            assert!(window.start >= START_NS && window.end < end && window.end - window.start == 12 * HOUR_NS);
        }
        let short = Window::draw(&Data { hosts: 1, hours: 2 }, 12, &random);
        assert_eq!(short, Window { start: START_NS, end: START_NS + 2 * HOUR_NS });
    }

    #[test]
    fn hosts_are_different_and_no_more_than_there_are() {
        let random = SeededRandom::new(1);
        let mut drawn = draw_hosts(&Data { hosts: 8, hours: 1 }, 8, &random);
        drawn.sort_unstable();
        assert_eq!(drawn, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(draw_hosts(&Data { hosts: 1, hours: 1 }, 8, &random), [0]);
        assert!(draw_hosts(&DATA, 0, &random).is_empty());
    }

    #[test]
    fn rows_are_known_beforehand() {
        let rows = |name| chosen(name).unwrap()[0].draw(&DATA, 1, 1)[0].rows();
        assert_eq!(rows("single-groupby-1-1-1"), 60..=61);
        assert_eq!(rows("single-groupby-5-8-1"), 60..=61);
        assert_eq!(rows("single-groupby-5-1-12"), 720..=721);
        assert_eq!(rows("cpu-max-all-8"), 8..=9);
        assert_eq!(rows("double-groupby-5"), 1200..=1300);
        assert_eq!(rows("lastpoint"), 100..=100);
        assert_eq!(rows("scan-median"), 72..=72);
    }
}
