//! The questions: TSBS's fifteen on `cpu-only`, as it words them for InfluxDB, and three on workload C.
//!
//! A query's window begins at a random nanosecond of the data and its hosts are drawn without repetition. Each type draws
//! from a sequence of its own, so that leaving types out does not change the others' queries.

use super::Data;
use super::moment::{HOUR_NS, START_NS, rfc3339};
use anyhow::{Context, Result, ensure};
use platform::{Random, SeededRandom};
use std::fmt::Write;

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

/// A type of question.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// TSBS's name, or ours.
    pub(super) name: &'static str,
    ask: Ask,
}

#[derive(Debug, PartialEq, Eq)]
enum Ask {
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
    /// Nothing is drawn.
    Fixed(&'static str),
}

const fn minutes(name: &'static str, metrics: usize, hosts: u32, hours: i64) -> Kind {
    Kind { name, ask: Ask::Minutes { metrics, hosts, hours } }
}

/// The fifteen of TSBS, in the order in which they are reported.
static CPU: [Kind; 15] = [
    minutes("single-groupby-1-1-1", 1, 1, 1),
    minutes("single-groupby-1-1-12", 1, 1, 12),
    minutes("single-groupby-1-8-1", 1, 8, 1),
    minutes("single-groupby-5-1-1", 5, 1, 1),
    minutes("single-groupby-5-1-12", 5, 1, 12),
    minutes("single-groupby-5-8-1", 5, 8, 1),
    Kind { name: "cpu-max-all-1", ask: Ask::MaxAll { hosts: 1 } },
    Kind { name: "cpu-max-all-8", ask: Ask::MaxAll { hosts: 8 } },
    Kind { name: "double-groupby-1", ask: Ask::Means { metrics: 1 } },
    Kind { name: "double-groupby-5", ask: Ask::Means { metrics: 5 } },
    Kind { name: "double-groupby-all", ask: Ask::Means { metrics: 10 } },
    Kind { name: "high-cpu-1", ask: Ask::HighCpu { hosts: 1 } },
    Kind { name: "high-cpu-all", ask: Ask::HighCpu { hosts: 0 } },
    Kind { name: "lastpoint", ask: Ask::LastPoint },
    Kind { name: "groupby-orderby-limit", ask: Ask::FirstMinutes },
];

/// What workload C is for: work that grows with the number of series.
static SERIES: [Kind; 3] = [
    Kind { name: "series-count", ask: Ask::Fixed("SELECT count(value) FROM http_requests") },
    Kind { name: "series-sum", ask: Ask::Fixed("SELECT sum(count) FROM http_requests GROUP BY path") },
    Kind { name: "series-tag-values", ask: Ask::Fixed("SHOW TAG VALUES FROM http_requests WITH KEY = pod LIMIT 10") },
];

/// The types that a list names: names with commas between them, `all` and `series`.
pub(super) fn chosen(list: &str) -> Result<Vec<&'static Kind>> {
    let mut kinds = Vec::new();
    for name in list.split(',').map(str::trim) {
        match name {
            "all" => kinds.extend(&CPU),
            "series" => kinds.extend(&SERIES),
            _ => {
                let found = CPU.iter().chain(&SERIES).find(|kind| kind.name == name);
                kinds.push(found.with_context(|| format!("no type of query is called '{name}': {}", names()))?);
            }
        }
    }
    ensure!(!kinds.is_empty(), "no types were given");
    Ok(kinds)
}

fn names() -> String {
    let names: Vec<&str> = CPU.iter().chain(&SERIES).map(|kind| kind.name).collect();
    format!("there are all, series, {}", names.join(", "))
}

impl Kind {
    /// The first `count` queries of a seed.
    pub(super) fn draw(&self, data: &Data, seed: u64, count: usize) -> Vec<String> {
        // The name's hash (FNV-1a) parts the types' sequences.
        let own = self
            .name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let random = SeededRandom::new(seed ^ own);
        (0..count).map(|_| self.ask.text(data, &random)).collect()
    }
}

impl Ask {
    fn text(&self, data: &Data, random: &SeededRandom) -> String {
        match *self {
            Self::Minutes { metrics, hosts, hours } => {
                let span = window(data, hours, random);
                let (what, whom) = (each("max", metrics), one_of(data, hosts, random));
                format!("SELECT {what} from cpu where {whom} and {span} group by time(1m)")
            }
            Self::MaxAll { hosts } => {
                let span = window(data, 8, random);
                let (what, whom) = (each("max", METRICS.len()), one_of(data, hosts, random));
                format!("SELECT {what} from cpu where {whom} and {span} group by time(1h)")
            }
            Self::Means { metrics } => {
                let span = window(data, 12, random);
                format!("SELECT {} from cpu where {span} group by time(1h),hostname", each("mean", metrics))
            }
            Self::HighCpu { hosts } => {
                let span = window(data, 12, random);
                let whom = if hosts == 0 { String::new() } else { format!("{} and ", one_of(data, hosts, random)) };
                format!("SELECT * from cpu where {whom}usage_user > 90.0 and {span}")
            }
            Self::LastPoint => "SELECT * from \"cpu\" group by \"hostname\" order by time desc limit 1".to_owned(),
            Self::FirstMinutes => {
                let (_, end) = bounds(data, 1, random);
                format!("SELECT max(usage_user) from cpu WHERE time < '{}' group by time(1m) limit 5", rfc3339(end))
            }
            Self::Fixed(text) => text.to_owned(),
        }
    }
}

/// `max(usage_user), max(usage_system), ...`
fn each(function: &str, metrics: usize) -> String {
    let calls: Vec<String> = METRICS[..metrics].iter().map(|metric| format!("{function}({metric})")).collect();
    calls.join(", ")
}

/// `(hostname = 'host_3' or hostname = 'host_1')`: as many different hosts, or all if there are fewer.
fn one_of(data: &Data, hosts: u32, random: &SeededRandom) -> String {
    let mut drawn: Vec<u64> = Vec::new();
    while drawn.len() < hosts.min(data.hosts) as usize {
        let host = random.below(u64::from(data.hosts));
        if !drawn.contains(&host) {
            drawn.push(host);
        }
    }
    let mut text = String::from("(");
    for (index, host) in drawn.into_iter().enumerate() {
        let or = if index == 0 { "" } else { " or " };
        let _ = write!(text, "{or}hostname = 'host_{host}'");
    }
    text + ")"
}

/// `time >= '...' and time < '...'`
fn window(data: &Data, hours: i64, random: &SeededRandom) -> String {
    let (start, end) = bounds(data, hours, random);
    format!("time >= '{}' and time < '{}'", rfc3339(start), rfc3339(end))
}

/// The bounds of a random window that lies within the data, in nanoseconds.
fn bounds(data: &Data, hours: i64, random: &SeededRandom) -> (i64, i64) {
    let whole = i64::from(data.hours) * HOUR_NS;
    let length = (hours * HOUR_NS).min(whole);
    // The room is below 2^63, and below 0 it is not.
    let start = START_NS + random.below((whole - length) as u64) as i64;
    (start, start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: Data = Data { hosts: 100, hours: 72 };

    /// The first query of a type, with its times and hosts made plain.
    fn plain(name: &str) -> String {
        let mut text = chosen(name).unwrap()[0].draw(&DATA, 1, 1).remove(0);
        while let Some(at) = text.find("'2016-") {
            text.replace_range(at..at + "'2016-01-01T00:00:00.000000000Z'".len(), "T");
        }
        while let Some(at) = text.find("'host_") {
            let end = at + 1 + text[at + 1..].find('\'').unwrap();
            text.replace_range(at..=end, "H");
        }
        text
    }

    #[test]
    fn words_are_those_of_tsbs() {
        let one = "SELECT max(usage_user) from cpu where (hostname = H) and time >= T and time < T group by time(1m)";
        assert_eq!(plain("single-groupby-1-1-1"), one);
        assert_eq!(plain("single-groupby-1-1-12"), one);
        let five = "SELECT mean(usage_user), mean(usage_system), mean(usage_idle), mean(usage_nice), mean(usage_iowait) \
                    from cpu where time >= T and time < T group by time(1h),hostname";
        assert_eq!(plain("double-groupby-5"), five);
        let (all, eight) = (plain("cpu-max-all-1"), plain("cpu-max-all-8"));
        assert!(all.ends_with(
            "max(usage_guest_nice) from cpu where (hostname = H) and time >= T and time < T group by time(1h)"
        ));
        assert_eq!(eight.matches("hostname = H or ").count(), 7);
        assert_eq!(plain("high-cpu-all"), "SELECT * from cpu where usage_user > 90.0 and time >= T and time < T");
        let busy = "SELECT * from cpu where (hostname = H) and usage_user > 90.0 and time >= T and time < T";
        assert_eq!(plain("high-cpu-1"), busy);
        assert_eq!(plain("lastpoint"), "SELECT * from \"cpu\" group by \"hostname\" order by time desc limit 1");
        let first = "SELECT max(usage_user) from cpu WHERE time < T group by time(1m) limit 5";
        assert_eq!(plain("groupby-orderby-limit"), first);
    }

    #[test]
    fn a_seed_decides_the_queries_of_each_type_alone() {
        for kind in chosen("all").unwrap() {
            let drawn = kind.draw(&DATA, 5, 20);
            assert_eq!(drawn, kind.draw(&DATA, 5, 20), "{}", kind.name);
            assert!(kind.name == "lastpoint" || drawn != kind.draw(&DATA, 6, 20), "{}", kind.name);
            assert!(kind.name == "lastpoint" || drawn[0] != drawn[1], "{}", kind.name);
        }
    }

    #[test]
    fn windows_lie_within_the_data_and_have_their_length() {
        let random = SeededRandom::new(1);
        let end = START_NS + 72 * HOUR_NS;
        for _ in 0..1000 {
            let (from, to) = bounds(&DATA, 12, &random);
            assert!(from >= START_NS && to < end && to - from == 12 * HOUR_NS);
        }
        assert_eq!(bounds(&Data { hosts: 1, hours: 2 }, 12, &random), (START_NS, START_NS + 2 * HOUR_NS));
    }

    #[test]
    fn hosts_are_different_and_no_more_than_there_are() {
        let random = SeededRandom::new(1);
        let text = one_of(&Data { hosts: 8, hours: 1 }, 8, &random);
        assert!((0..8).all(|host| text.contains(&format!("hostname = 'host_{host}'"))), "{text}");
        assert_eq!(one_of(&Data { hosts: 1, hours: 1 }, 8, &random), "(hostname = 'host_0')");
    }

    #[test]
    fn lists_name_types() {
        assert_eq!(chosen("all").unwrap().len(), 15);
        assert_eq!(chosen("lastpoint, series").unwrap().len(), 4);
        assert!(chosen("nonsense").unwrap_err().to_string().contains("double-groupby-all"));
        chosen("").unwrap_err();
    }
}
