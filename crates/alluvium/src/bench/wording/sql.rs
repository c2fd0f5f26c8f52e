//! QuestDB's SQL, as TSBS words its questions, with what QuestDB has renamed or no longer takes since: `LATEST ON`, and no
//! `GROUP BY` beside `SAMPLE BY`, which groups by the other columns anyway.

use crate::bench::moment::rfc3339;
use crate::bench::question::{Question, Scan, Series, Window};

/// The words of a question, if there are some.
pub(super) fn text(question: &Question) -> Option<String> {
    Some(match question {
        Question::Maxima { metrics, hosts, window, every } => format!(
            "SELECT timestamp, {} FROM cpu WHERE {} AND {} SAMPLE BY {} ALIGN TO CALENDAR",
            each("max", metrics),
            one_of(hosts),
            within(window),
            every.text()
        ),
        Question::Means { metrics, window, .. } => format!(
            "SELECT timestamp, hostname, {} FROM cpu WHERE {} SAMPLE BY 1h ALIGN TO CALENDAR",
            each("avg", metrics),
            within(window)
        ),
        Question::HighCpu { hosts, window } => {
            let whom = if hosts.is_empty() { String::new() } else { format!("{} AND ", one_of(hosts)) };
            format!("SELECT * FROM cpu WHERE usage_user > 90.0 AND {whom}{}", within(window))
        }
        Question::LastPoint { .. } => "SELECT * FROM cpu LATEST ON timestamp PARTITION BY hostname".to_owned(),
        Question::FirstMinutes { end } => format!(
            "SELECT timestamp AS minute, max(usage_user) FROM cpu WHERE timestamp < '{}' SAMPLE BY 1m \
             ALIGN TO CALENDAR LIMIT 5",
            rfc3339(*end)
        ),
        Question::Scan { scan, .. } => scanned(*scan)?.to_owned(),
        Question::Series(series) => of_series(*series)?.to_owned(),
    })
}

fn scanned(scan: Scan) -> Option<&'static str> {
    match scan {
        Scan::FilteredCount => Some("SELECT count(usage_user) FROM cpu WHERE usage_system > 50"),
        // Its medians are approximate.
        Scan::Median => None,
        Scan::Derivative => Some(
            "SELECT max((usage_user - before) * 1000000.0 / (timestamp - at)) FROM (SELECT timestamp, usage_user, \
             lag(usage_user) OVER (PARTITION BY hostname ORDER BY timestamp) AS before, \
             lag(timestamp) OVER (PARTITION BY hostname ORDER BY timestamp) AS at FROM cpu)",
        ),
    }
}

fn of_series(series: Series) -> Option<&'static str> {
    match series {
        Series::Count => Some("SELECT count(value) FROM http_requests"),
        Series::Sum => Some("SELECT path, sum(count) FROM http_requests GROUP BY path"),
        Series::TenPods => Some("SELECT DISTINCT pod FROM http_requests ORDER BY pod LIMIT 10"),
        Series::Hosts => Some("SELECT DISTINCT host FROM http_requests"),
        // A table has no series.
        Series::Cardinality => None,
        Series::Rows { last: false } => Some("SELECT * FROM http_requests ORDER BY timestamp LIMIT 10"),
        Series::Rows { last: true } => Some("SELECT * FROM http_requests ORDER BY timestamp DESC LIMIT 10"),
    }
}

/// `max(usage_user) AS max_usage_user, ...`
fn each(function: &str, metrics: &[&str]) -> String {
    let calls: Vec<String> =
        metrics.iter().map(|metric| format!("{function}({metric}) AS {function}_{metric}")).collect();
    calls.join(", ")
}

/// `hostname IN ('host_3', 'host_1')`
fn one_of(hosts: &[u64]) -> String {
    let each: Vec<String> = hosts.iter().map(|host| format!("'host_{host}'")).collect();
    format!("hostname IN ({})", each.join(", "))
}

/// `timestamp >= '...' AND timestamp < '...'`
fn within(window: &Window) -> String {
    format!("timestamp >= '{}' AND timestamp < '{}'", rfc3339(window.start), rfc3339(window.end))
}

#[cfg(test)]
mod tests {
    use super::super::drawn::question;

    fn text(name: &str) -> String {
        super::text(&question(name)).unwrap()
    }

    const SPAN: &str = "timestamp >= '2016-01-01T01:00:00.000000001Z' AND timestamp < '2016-01-01T02:00:00.000000001Z'";

    #[test]
    fn words_are_those_of_tsbs() {
        let one = "SELECT timestamp, max(usage_user) AS max_usage_user FROM cpu WHERE hostname IN ('host_3') AND";
        assert_eq!(text("single-groupby-1-1-1"), format!("{one} {SPAN} SAMPLE BY 1m ALIGN TO CALENDAR"));
        let eight = text("cpu-max-all-8");
        assert!(eight.contains("max(usage_guest_nice) AS max_usage_guest_nice FROM cpu"), "{eight}");
        assert!(eight.contains("hostname IN ('host_3', 'host_4', "), "{eight}");
        assert!(eight.ends_with("SAMPLE BY 1h ALIGN TO CALENDAR"), "{eight}");
        let mean = "SELECT timestamp, hostname, avg(usage_user) AS avg_usage_user FROM cpu WHERE";
        assert_eq!(text("double-groupby-1"), format!("{mean} {SPAN} SAMPLE BY 1h ALIGN TO CALENDAR"));
        assert_eq!(text("high-cpu-all"), format!("SELECT * FROM cpu WHERE usage_user > 90.0 AND {SPAN}"));
        let busy = format!("SELECT * FROM cpu WHERE usage_user > 90.0 AND hostname IN ('host_3') AND {SPAN}");
        assert_eq!(text("high-cpu-1"), busy);
        assert_eq!(text("lastpoint"), "SELECT * FROM cpu LATEST ON timestamp PARTITION BY hostname");
        let first = "SELECT timestamp AS minute, max(usage_user) FROM cpu WHERE \
                     timestamp < '2016-01-01T02:00:00.000000001Z' SAMPLE BY 1m ALIGN TO CALENDAR LIMIT 5";
        assert_eq!(text("groupby-orderby-limit"), first);
    }
}
