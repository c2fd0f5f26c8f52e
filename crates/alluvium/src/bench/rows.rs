//! How many rows an answer has: a server that answers fast and says nothing must not count as a fast one.

use super::target::System;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::ops::RangeInclusive;

/// Whether an answer may be what was asked for. Where any number of rows may come nothing is counted, which an answer of
/// many megabytes would take longer for than the server did for the answer: it is only told whether there is any.
///
/// # Errors
/// The number of rows is none of those expected, or the answer is not of its system.
pub(super) fn has_any(system: System, body: &[u8], expected: &RangeInclusive<u64>) -> Result<bool> {
    if *expected.end() == u64::MAX {
        let mark = mark(system);
        return Ok(body.windows(mark.len()).any(|part| part == mark));
    }
    let found = count(system, body)?;
    let (least, most) = (expected.start(), expected.end());
    ensure!(
        expected.contains(&found),
        "{found} rows answer it, {least} to {most} should: were the rows made with other --hosts, --hours or --seed?"
    );
    Ok(found > 0)
}

/// What an answer with rows has in it.
fn mark(system: System) -> &'static [u8] {
    match system {
        System::Influxdb => b"\"series\"",
        System::Victoriametrics => b"\"result\":[{",
        System::Questdb => b"\"dataset\":[[",
    }
}

/// Rows of all series; for VictoriaMetrics points of all series, or elements of a list.
fn count(system: System, body: &[u8]) -> Result<u64> {
    let answer: Value = serde_json::from_slice(body).context("the answer is no JSON")?;
    let length = |value: &Value| value.as_array().map(|list| list.len() as u64);
    let counted = match system {
        System::Influxdb => answer["results"].as_array().map(|results| {
            let series = results.iter().filter_map(|result| result["series"].as_array()).flatten();
            series.filter_map(|series| length(&series["values"])).sum()
        }),
        System::Victoriametrics => match &answer["data"] {
            Value::Array(list) => Some(list.len() as u64),
            data => data["result"].as_array().map(|series| {
                // A matrix has lists of points, a vector one point of each series.
                series.iter().map(|series| length(&series["values"]).unwrap_or(1)).sum()
            }),
        },
        System::Questdb => length(&answer["dataset"]),
    };
    counted
        .with_context(|| format!("rows cannot be counted in {}", String::from_utf8_lossy(&body[..body.len().min(200)])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_rows_of_every_form() {
        let read = |system, text: &str| count(system, text.as_bytes()).unwrap();
        let influx = r#"{"results":[{"statement_id":0,"series":[{"values":[[1,2],[3,4]]},{"values":[[5,6]]}]}]}"#;
        assert_eq!(read(System::Influxdb, influx), 3);
        assert_eq!(read(System::Influxdb, r#"{"results":[{"statement_id":0}]}"#), 0);
        let matrix = r#"{"data":{"resultType":"matrix","result":[{"values":[[1,"2"],[3,"4"]]},{"values":[[1,"2"]]}]}}"#;
        assert_eq!(read(System::Victoriametrics, matrix), 3);
        let vector = r#"{"data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]}]}}"#;
        assert_eq!(read(System::Victoriametrics, vector), 1);
        assert_eq!(read(System::Victoriametrics, r#"{"data":{"resultType":"matrix","result":[]}}"#), 0);
        assert_eq!(read(System::Victoriametrics, r#"{"status":"success","data":["a","b"]}"#), 2);
        assert_eq!(read(System::Questdb, r#"{"dataset":[["t",1],["t",2]],"count":2}"#), 2);
        for system in [System::Influxdb, System::Victoriametrics, System::Questdb] {
            count(system, b"{}").unwrap_err();
            count(system, b"nonsense").unwrap_err();
        }
    }

    #[test]
    fn too_few_and_too_many_are_refused() {
        let two = br#"{"dataset":[["t",1],["t",2]],"count":2}"#;
        assert!(has_any(System::Questdb, two, &(2..=3)).unwrap());
        for wrong in [0..=1, 3..=4] {
            let error = has_any(System::Questdb, two, &wrong).unwrap_err().to_string();
            assert!(error.starts_with("2 rows answer it"), "{error}");
        }
    }

    #[test]
    fn where_any_number_will_do_it_is_told_whether_there_are_some() {
        let any = 0..=u64::MAX;
        assert!(has_any(System::Questdb, b"{\"dataset\":[[1]]", &any).unwrap());
        assert!(!has_any(System::Questdb, b"{\"dataset\":[]", &any).unwrap());
        assert!(has_any(System::Influxdb, b"{\"results\":[{\"series\":[", &any).unwrap());
        assert!(!has_any(System::Influxdb, b"{\"results\":[{}]}", &any).unwrap());
    }
}
