//! InfluxQL, as TSBS words its questions for InfluxDB.

use crate::bench::moment::rfc3339;
use crate::bench::question::{Question, Scan, Series, Window};

/// The words of a question; InfluxQL has some for every one.
pub(super) fn text(question: &Question) -> String {
    match question {
        Question::Maxima { metrics, hosts, window, every } => {
            let (what, whom, span, every) = (each("max", metrics), one_of(hosts), within(window), every.text());
            format!("SELECT {what} from cpu where {whom} and {span} group by time({every})")
        }
        Question::Means { metrics, window, .. } => {
            format!("SELECT {} from cpu where {} group by time(1h),hostname", each("mean", metrics), within(window))
        }
        Question::HighCpu { hosts, window } => {
            let whom = if hosts.is_empty() { String::new() } else { format!("{} and ", one_of(hosts)) };
            format!("SELECT * from cpu where {whom}usage_user > 90.0 and {}", within(window))
        }
        Question::LastPoint { .. } => {
            "SELECT * from \"cpu\" group by \"hostname\" order by time desc limit 1".to_owned()
        }
        Question::FirstMinutes { end } => {
            format!("SELECT max(usage_user) from cpu WHERE time < '{}' group by time(1m) limit 5", rfc3339(*end))
        }
        Question::Scan { scan, window, .. } => scanned(*scan, window),
        Question::Series(series) => of_series(*series).to_owned(),
    }
}

fn scanned(scan: Scan, window: &Window) -> String {
    match scan {
        Scan::FilteredCount => "SELECT count(usage_user) FROM cpu WHERE usage_system > 50".to_owned(),
        // Without an end InfluxDB adds an empty row for every hour until now.
        Scan::Median => format!("SELECT median(usage_user) FROM cpu WHERE {} GROUP BY time(1h)", within(window)),
        Scan::Derivative => {
            "SELECT max(d) FROM (SELECT derivative(usage_user) AS d FROM cpu GROUP BY hostname)".to_owned()
        }
    }
}

fn of_series(series: Series) -> &'static str {
    match series {
        Series::Count => "SELECT count(value) FROM http_requests",
        Series::Sum => "SELECT sum(count) FROM http_requests GROUP BY path",
        Series::TenPods => "SHOW TAG VALUES FROM http_requests WITH KEY = pod LIMIT 10",
        Series::Hosts => "SHOW TAG VALUES FROM http_requests WITH KEY = host",
        Series::Cardinality => "SHOW SERIES CARDINALITY",
        Series::Rows { last: false } => "SELECT * FROM http_requests LIMIT 10",
        Series::Rows { last: true } => "SELECT * FROM http_requests ORDER BY time DESC LIMIT 10",
    }
}

/// `max(usage_user), max(usage_system), ...`
fn each(function: &str, metrics: &[&str]) -> String {
    let calls: Vec<String> = metrics.iter().map(|metric| format!("{function}({metric})")).collect();
    calls.join(", ")
}

/// `(hostname = 'host_3' or hostname = 'host_1')`
fn one_of(hosts: &[u64]) -> String {
    let each: Vec<String> = hosts.iter().map(|host| format!("hostname = 'host_{host}'")).collect();
    format!("({})", each.join(" or "))
}

/// `time >= '...' and time < '...'`
fn within(window: &Window) -> String {
    format!("time >= '{}' and time < '{}'", rfc3339(window.start), rfc3339(window.end))
}

#[cfg(test)]
mod tests {
    use super::super::drawn::question;

    fn text(name: &str) -> String {
        super::text(&question(name))
    }

    const SPAN: &str = "time >= '2016-01-01T01:00:00.000000001Z' and time < '2016-01-01T02:00:00.000000001Z'";

    #[test]
    fn words_are_those_of_tsbs() {
        let one = format!("SELECT max(usage_user) from cpu where (hostname = 'host_3') and {SPAN} group by time(1m)");
        assert_eq!(text("single-groupby-1-1-1"), one);
        assert_eq!(text("single-groupby-1-1-12"), one);
        let five = "SELECT mean(usage_user), mean(usage_system), mean(usage_idle), mean(usage_nice), mean(usage_iowait) \
                    from cpu where";
        assert_eq!(text("double-groupby-5"), format!("{five} {SPAN} group by time(1h),hostname"));
        let (all, eight) = (text("cpu-max-all-1"), text("cpu-max-all-8"));
        let end = "max(usage_guest_nice) from cpu where (hostname = 'host_3') and";
        assert!(all.ends_with(&format!("{end} {SPAN} group by time(1h)")), "{all}");
        assert!(eight.contains("(hostname = 'host_3' or hostname = 'host_4' or "), "{eight}");
        assert_eq!(eight.matches(" or ").count(), 7);
        assert_eq!(text("high-cpu-all"), format!("SELECT * from cpu where usage_user > 90.0 and {SPAN}"));
        let busy = format!("SELECT * from cpu where (hostname = 'host_3') and usage_user > 90.0 and {SPAN}");
        assert_eq!(text("high-cpu-1"), busy);
        assert_eq!(text("lastpoint"), "SELECT * from \"cpu\" group by \"hostname\" order by time desc limit 1");
        let first =
            "SELECT max(usage_user) from cpu WHERE time < '2016-01-01T02:00:00.000000001Z' group by time(1m) limit 5";
        assert_eq!(text("groupby-orderby-limit"), first);
    }

    #[test]
    fn a_median_has_bounds() {
        let span = "time >= '2016-01-01T00:00:00.000000000Z' and time < '2016-01-04T00:00:00.000000000Z'";
        let expected = format!("SELECT median(usage_user) FROM cpu WHERE {span} GROUP BY time(1h)");
        assert_eq!(text("scan-median"), expected);
    }
}
