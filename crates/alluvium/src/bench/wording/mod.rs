//! What each system is sent for a question: InfluxQL, PromQL or SQL, over HTTP. Where a system has no words for the same
//! question there are none: a column without a figure is more honest than the answer to another question.

mod influxql;
mod promql;
mod sql;

use super::http::{encoded, query_path};
use super::question::{Question, Scan};
use super::target::System;
use std::ops::RangeInclusive;

/// A question as a system is asked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// The words, to tell of.
    pub(super) text: String,
    /// The path of a GET.
    pub(super) path: String,
    /// How many rows (of VictoriaMetrics: points) may answer it.
    pub(super) rows: RangeInclusive<u64>,
    /// How many values of fields are read for it, where whole columns are.
    pub(super) values: Option<u64>,
}

/// The request for a question, if the system has one. The database is InfluxDB's; the others have none.
pub(super) fn worded(system: System, question: &Question, db: &str) -> Option<Request> {
    let (text, path, rows) = match system {
        System::Influxdb => {
            let text = influxql::text(question);
            let path = query_path(Some(db), &text);
            (text, path, question.rows())
        }
        System::Victoriametrics => {
            let query = promql::query(question)?;
            (query.to_string(), query.path(), promql::points(question))
        }
        System::Questdb => {
            let text = sql::text(question)?;
            let path = format!("/exec?query={}", encoded(&text));
            (text, path, question.rows())
        }
    };
    Some(Request { text, path, rows, values: values(system, question) })
}

fn values(system: System, question: &Question) -> Option<u64> {
    match question {
        // The filter is on another field than the count, save in the words of VictoriaMetrics.
        Question::Scan { scan: Scan::FilteredCount, rows, .. } if system != System::Victoriametrics => Some(rows * 2),
        Question::Scan { rows, .. } => Some(*rows),
        _ => None,
    }
}

#[cfg(test)]
mod drawn {
    //! Questions with one window and hosts that can be told in advance, for the tests of the wordings.

    use crate::bench::Data;
    use crate::bench::kinds::chosen;
    use crate::bench::moment::{HOUR_NS, START_NS};
    use crate::bench::question::{Question, Window};

    /// A question of a type whose window is the second hour, a nanosecond later, and whose hosts are 3, 4 and so on.
    pub(super) fn question(name: &str) -> Question {
        let mut question = chosen(name).unwrap()[0].draw(&Data { hosts: 100, hours: 72 }, 1, 1).remove(0);
        let fixed = Window { start: START_NS + HOUR_NS + 1, end: START_NS + 2 * HOUR_NS + 1 };
        match &mut question {
            Question::Maxima { hosts, window, .. } | Question::HighCpu { hosts, window } => {
                *window = fixed;
                hosts.iter_mut().zip(3..).for_each(|(host, number)| *host = number);
            }
            Question::Means { window, .. } => *window = fixed,
            Question::FirstMinutes { end } => *end = fixed.end,
            Question::LastPoint { .. } | Question::Scan { .. } | Question::Series(_) => {}
        }
        question
    }
}

#[cfg(test)]
mod tests {
    use super::super::kinds::chosen;
    use super::*;

    #[test]
    fn every_system_is_asked_what_it_has_words_for() {
        let without = |system| {
            let kinds = chosen("all,series,scans").unwrap();
            let silent = kinds.iter().filter(|kind| worded(system, &drawn::question(kind.name), "d").is_none());
            silent.map(|kind| kind.name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(without(System::Influxdb), "");
        assert_eq!(
            without(System::Victoriametrics),
            "high-cpu-1 high-cpu-all lastpoint groupby-orderby-limit series-first-rows series-last-rows scan-median"
        );
        assert_eq!(without(System::Questdb), "series-cardinality scan-median");
    }

    #[test]
    fn paths_carry_the_words() {
        let path = |system| worded(system, &drawn::question("series-count"), "a b").unwrap().path;
        assert_eq!(path(System::Influxdb), "/query?db=a%20b&q=SELECT%20count%28value%29%20FROM%20http_requests");
        assert_eq!(path(System::Questdb), "/exec?query=SELECT%20count%28value%29%20FROM%20http_requests");
        assert_eq!(
            path(System::Victoriametrics),
            "/api/v1/query?query=sum%28count_over_time%28http_requests_value%5B25h%5D%29%29&time=1451692800&nocache=1"
        );
    }

    #[test]
    fn points_are_counted_field_by_field() {
        let rows = |system, name| worded(system, &drawn::question(name), "d").unwrap().rows;
        assert_eq!(rows(System::Influxdb, "single-groupby-5-1-1"), 60..=61);
        assert_eq!(rows(System::Questdb, "single-groupby-5-1-1"), 60..=61);
        assert_eq!(rows(System::Victoriametrics, "single-groupby-5-1-1"), 300..=305);
        assert_eq!(rows(System::Victoriametrics, "double-groupby-5"), 500..=1000);
    }

    #[test]
    fn values_are_counted_where_whole_columns_are_read() {
        let values = |system, name| worded(system, &drawn::question(name), "d").unwrap().values;
        let rows = 100 * 72 * 360;
        assert_eq!(values(System::Influxdb, "scan-filtered-count"), Some(2 * rows));
        assert_eq!(values(System::Questdb, "scan-filtered-count"), Some(2 * rows));
        assert_eq!(values(System::Victoriametrics, "scan-filtered-count"), Some(rows));
        assert_eq!(values(System::Questdb, "scan-derivative"), Some(rows));
        assert_eq!(values(System::Influxdb, "lastpoint"), None);
    }
}
