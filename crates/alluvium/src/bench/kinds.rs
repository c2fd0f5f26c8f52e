//! The types of question: TSBS's fifteen on `cpu-only`, what grows with the number of series on workload C, and scans of the
//! whole of workload A.
//!
//! A type draws questions ([`super::question`]); what a system is sent is worded elsewhere ([`super::wording`]), so that all
//! systems are asked the same. Each type draws from a sequence of its own, so that leaving types out does not change the
//! others' questions.

use super::Data;
use super::question::{Ask, Question, Scan, Series};
use anyhow::{Context, Result, ensure};
use platform::SeededRandom;

/// A type of question.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// TSBS's name, or ours.
    pub(super) name: &'static str,
    ask: Ask,
    /// What the same answer is.
    pub(super) same: Same,
}

/// When two answers to a question say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Same {
    /// They are the same.
    Whole,
    /// Numbers are estimates.
    Estimate,
    /// They have as many rows of the same times: which rows of a time come first is not laid down.
    Times,
}

const fn of_cpu(name: &'static str, ask: Ask) -> Kind {
    Kind { name, ask, same: Same::Whole }
}

const fn minutes(name: &'static str, metrics: usize, hosts: u32, hours: i64) -> Kind {
    of_cpu(name, Ask::Minutes { metrics, hosts, hours })
}

const fn series(name: &'static str, series: Series) -> Kind {
    let same = match series {
        Series::Cardinality => Same::Estimate,
        Series::Rows { .. } => Same::Times,
        _ => Same::Whole,
    };
    Kind { name, ask: Ask::Series(series), same }
}

/// The fifteen of TSBS, in the order in which they are reported.
static CPU: [Kind; 15] = [
    minutes("single-groupby-1-1-1", 1, 1, 1),
    minutes("single-groupby-1-1-12", 1, 1, 12),
    minutes("single-groupby-1-8-1", 1, 8, 1),
    minutes("single-groupby-5-1-1", 5, 1, 1),
    minutes("single-groupby-5-1-12", 5, 1, 12),
    minutes("single-groupby-5-8-1", 5, 8, 1),
    of_cpu("cpu-max-all-1", Ask::MaxAll { hosts: 1 }),
    of_cpu("cpu-max-all-8", Ask::MaxAll { hosts: 8 }),
    of_cpu("double-groupby-1", Ask::Means { metrics: 1 }),
    of_cpu("double-groupby-5", Ask::Means { metrics: 5 }),
    of_cpu("double-groupby-all", Ask::Means { metrics: 10 }),
    of_cpu("high-cpu-1", Ask::HighCpu { hosts: 1 }),
    of_cpu("high-cpu-all", Ask::HighCpu { hosts: 0 }),
    of_cpu("lastpoint", Ask::LastPoint),
    of_cpu("groupby-orderby-limit", Ask::FirstMinutes),
];

/// What workload C is for: work that grows with the number of series.
static SERIES: [Kind; 7] = [
    series("series-count", Series::Count),
    series("series-sum", Series::Sum),
    series("series-tag-values", Series::TenPods),
    series("series-tag-values-host", Series::Hosts),
    series("series-cardinality", Series::Cardinality),
    series("series-first-rows", Series::Rows { last: false }),
    series("series-last-rows", Series::Rows { last: true }),
];

/// Every row of workload A is read.
static SCANS: [Kind; 3] = [
    of_cpu("scan-filtered-count", Ask::Scan(Scan::FilteredCount)),
    of_cpu("scan-median", Ask::Scan(Scan::Median)),
    of_cpu("scan-derivative", Ask::Scan(Scan::Derivative)),
];

/// The types that a list names: names with commas between them, `all`, `series`, `scans`.
pub(super) fn chosen(list: &str) -> Result<Vec<&'static Kind>> {
    let mut kinds = Vec::new();
    for name in list.split(',').map(str::trim) {
        match name {
            "all" => kinds.extend(&CPU),
            "series" => kinds.extend(&SERIES),
            "scans" => kinds.extend(&SCANS),
            _ => {
                let found = every().find(|kind| kind.name == name);
                kinds.push(found.with_context(|| format!("no type of query is called '{name}': {}", names()))?);
            }
        }
    }
    ensure!(!kinds.is_empty(), "no types were given");
    Ok(kinds)
}

/// The six types of one hour's or half a day's curves: what a dashboard asks.
pub(super) fn curves() -> &'static [Kind] {
    &CPU[..6]
}

fn every() -> impl Iterator<Item = &'static Kind> {
    CPU.iter().chain(&SERIES).chain(&SCANS)
}

fn names() -> String {
    let names: Vec<&str> = every().map(|kind| kind.name).collect();
    format!("there are all, series, scans, {}", names.join(", "))
}

impl Kind {
    /// The first `count` questions of a seed.
    pub(super) fn draw(&self, data: &Data, seed: u64, count: usize) -> Vec<Question> {
        // The name's hash (FNV-1a) parts the types' sequences.
        let own = self
            .name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let random = SeededRandom::new(seed ^ own);
        (0..count).map(|_| self.ask.draw(data, &random)).collect()
    }

    /// Whether a question of the type goes over everything there is, which some systems take seconds for.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.ask, Ask::Scan(_) | Ask::Series(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: Data = Data { hosts: 100, hours: 72 };

    #[test]
    fn a_seed_decides_the_questions_of_each_type_alone() {
        for kind in chosen("all").unwrap() {
            let drawn = kind.draw(&DATA, 5, 20);
            assert_eq!(drawn, kind.draw(&DATA, 5, 20), "{}", kind.name);
            assert_eq!(drawn[..7], kind.draw(&DATA, 5, 7), "{}", kind.name);
            assert!(kind.name == "lastpoint" || drawn != kind.draw(&DATA, 6, 20), "{}", kind.name);
            assert!(kind.name == "lastpoint" || drawn[0] != drawn[1], "{}", kind.name);
        }
    }

    #[test]
    fn lists_name_types() {
        assert_eq!(chosen("all").unwrap().len(), 15);
        assert_eq!(chosen("lastpoint, series").unwrap().len(), 8);
        assert_eq!(chosen("scans").unwrap().len(), 3);
        assert!(chosen("nonsense").unwrap_err().to_string().contains("double-groupby-all"));
        chosen("").unwrap_err();
    }

    #[test]
    fn curves_are_the_single_groupbys() {
        assert!(curves().iter().all(|kind| kind.name.starts_with("single-groupby-")));
        assert_eq!(every().filter(|kind| kind.name.starts_with("single-groupby-")).count(), curves().len());
    }
}
