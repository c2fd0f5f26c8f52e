//! PromQL, as TSBS words its questions for VictoriaMetrics; it has no words for `high-cpu-*`, `lastpoint` and
//! `groupby-orderby-limit`. VictoriaMetrics makes a metric of each field: `cpu_usage_user`.
//!
//! A point at a time covers the bucket that ends there, so that an answer's buckets are not quite the others'; and a number of
//! series is that of fields, not of tag sets. Nothing may come from the cache of results, since every question of a run would
//! find the one before it there: `nocache=1`.

use crate::bench::http::encoded;
use crate::bench::moment::START_NS;
use crate::bench::question::{Every, Question, Scan, Series, Window};
use std::fmt;
use std::ops::RangeInclusive;

/// What is asked of which part of the API; times in seconds since 1970.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Query {
    /// A value at each step.
    Range { text: String, start: i64, end: i64, step: u32 },
    /// A value at one time.
    At { text: String, time: i64 },
    /// The values of a label among the series of a time.
    Labels { name: &'static str, start: i64, end: i64, limit: Option<u32> },
    /// How many series there are.
    Count,
}

/// The whole of workload C lies in the day from here to there; a range leaves its begin out, so it is an hour longer.
const C_START: i64 = START_NS / 1_000_000_000;
const C_END: i64 = C_START + 86_400;
const C_RANGE: &str = "25h";

/// The query of a question, if there is one.
pub(super) fn query(question: &Question) -> Option<Query> {
    match question {
        Question::Maxima { metrics, hosts, window, every } => {
            let text = format!("max(max_over_time({}[{}])) by (__name__)", selected(metrics, hosts), every.text());
            Some(range(text, window, *every))
        }
        Question::Means { metrics, window, .. } => {
            let text = format!("avg(avg_over_time({}[1h])) by (__name__, hostname)", selected(metrics, &[]));
            Some(range(text, window, Every::Hour))
        }
        Question::HighCpu { .. } | Question::LastPoint { .. } | Question::FirstMinutes { .. } => None,
        Question::Scan { scan, window, .. } => scanned(*scan, window),
        Question::Series(series) => of_series(*series),
    }
}

/// How many points answer a question: the fields are series of their own here.
pub(super) fn points(question: &Question) -> RangeInclusive<u64> {
    let rows = question.rows();
    let fields = match question {
        Question::Maxima { metrics, .. } | Question::Means { metrics, .. } => metrics.len() as u64,
        _ => 1,
    };
    rows.start() * fields..=rows.end().saturating_mul(fields)
}

fn range(text: String, window: &Window, every: Every) -> Query {
    Query::Range { text, start: window.start / 1_000_000_000, end: window.end / 1_000_000_000, step: every.seconds() }
}

fn scanned(scan: Scan, window: &Window) -> Option<Query> {
    // The last nanosecond's second: the range ends there and begins, its begin left out, a second before the window.
    let time = window.end / 1_000_000_000 - 1;
    let seconds = (window.end - window.start) / 1_000_000_000;
    let text = match scan {
        // Every row has both fields: as many have the one as have the other above 50.
        Scan::FilteredCount => format!("sum(count_gt_over_time(cpu_usage_system[{seconds}s], 50))"),
        // Medians are of one series here.
        Scan::Median => return None,
        Scan::Derivative => format!("max(rollup_deriv(cpu_usage_user[{seconds}s], \"max\"))"),
    };
    Some(Query::At { text, time })
}

fn of_series(series: Series) -> Option<Query> {
    let at = |text: String| Some(Query::At { text, time: C_END });
    let labels = |name, limit| Some(Query::Labels { name, start: C_START, end: C_END, limit });
    match series {
        Series::Count => at(format!("sum(count_over_time(http_requests_value[{C_RANGE}]))")),
        Series::Sum => at(format!("sum(sum_over_time(http_requests_count[{C_RANGE}])) by (path)")),
        Series::TenPods => labels("pod", Some(10)),
        Series::Hosts => labels("host", None),
        Series::Cardinality => Some(Query::Count),
        Series::Rows { .. } => None,
    }
}

/// `cpu_usage_user{hostname='host_3'}`, `{__name__=~'cpu_(usage_user|usage_system)', hostname=~'host_3|host_4'}`
fn selected(metrics: &[&str], hosts: &[u64]) -> String {
    let names: Vec<String> = hosts.iter().map(|host| format!("host_{host}")).collect();
    let whom = match &names[..] {
        [] => String::new(),
        [name] => format!("hostname='{name}'"),
        names => format!("hostname=~'{}'", names.join("|")),
    };
    match metrics {
        [metric] => format!("cpu_{metric}{{{whom}}}"),
        _ if whom.is_empty() => format!("{{__name__=~'cpu_({})'}}", metrics.join("|")),
        _ => format!("{{__name__=~'cpu_({})', {whom}}}", metrics.join("|")),
    }
}

impl Query {
    /// The path of a GET.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Range { text, start, end, step } => {
                let text = encoded(text);
                format!("/api/v1/query_range?query={text}&start={start}&end={end}&step={step}&nocache=1")
            }
            Self::At { text, time } => format!("/api/v1/query?query={}&time={time}&nocache=1", encoded(text)),
            Self::Labels { name, start, end, limit } => {
                let limit = limit.map_or_else(String::new, |limit| format!("&limit={limit}"));
                format!("/api/v1/label/{name}/values?start={start}&end={end}{limit}")
            }
            Self::Count => "/api/v1/series/count".to_owned(),
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range { text, start, end, step } => write!(f, "{text} from {start} to {end} by {step}"),
            Self::At { text, time } => write!(f, "{text} at {time}"),
            Self::Labels { .. } | Self::Count => f.write_str(&self.path()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::drawn::question;

    fn text(name: &str) -> String {
        super::query(&question(name)).unwrap().to_string()
    }

    #[test]
    fn words_are_those_of_tsbs() {
        let span = "from 1451610000 to 1451613600";
        let one = "max(max_over_time(cpu_usage_user{hostname='host_3'}[1m])) by (__name__)";
        assert_eq!(text("single-groupby-1-1-1"), format!("{one} {span} by 60"));
        let eight = text("single-groupby-5-8-1");
        let begin = "max(max_over_time({__name__=~'cpu_(usage_user|usage_system|usage_idle|usage_nice|usage_iowait)', \
                     hostname=~'host_3|host_4|";
        assert!(eight.starts_with(begin), "{eight}");
        assert!(eight.ends_with(&format!("|host_10'}}[1m])) by (__name__) {span} by 60")), "{eight}");
        let all = text("cpu-max-all-1");
        assert!(all.ends_with(&format!("|usage_guest_nice)', hostname='host_3'}}[1h])) by (__name__) {span} by 3600")));
        let mean = "avg(avg_over_time(cpu_usage_user{}[1h])) by (__name__, hostname)";
        assert_eq!(text("double-groupby-1"), format!("{mean} {span} by 3600"));
        let five = text("double-groupby-5");
        assert!(five.starts_with("avg(avg_over_time({__name__=~'cpu_(usage_user|"), "{five}");
        assert!(five.contains("|usage_iowait)'}[1h]))"), "{five}");
    }

    #[test]
    fn scans_and_series_cover_all_of_the_data() {
        // The last row of 72 hours is ten seconds before their end, the first at their begin.
        let at = 1_451_606_400 + 72 * 3600 - 1;
        let count = format!("sum(count_gt_over_time(cpu_usage_system[259200s], 50)) at {at}");
        assert_eq!(text("scan-filtered-count"), count);
        assert_eq!(text("scan-derivative"), format!("max(rollup_deriv(cpu_usage_user[259200s], \"max\")) at {at}"));
        assert_eq!(text("series-sum"), "sum(sum_over_time(http_requests_count[25h])) by (path) at 1451692800");
        assert_eq!(text("series-tag-values"), "/api/v1/label/pod/values?start=1451606400&end=1451692800&limit=10");
        assert_eq!(text("series-tag-values-host"), "/api/v1/label/host/values?start=1451606400&end=1451692800");
        assert_eq!(text("series-cardinality"), "/api/v1/series/count");
    }
}
