//! Whole, pretty and chunked answers, compared with what InfluxDB sends.

use super::*;
use model::{Column, FieldType, Frame, FrameColumn, Item, Value};

fn form(chunk_rows: Option<usize>) -> Form {
    Form { times: TimeForm::Epoch(1), chunk_rows, ..Form::default() }
}

fn series(name: &str) -> Item {
    Item::Series(Header {
        name: name.as_bytes().into(),
        tags: Some(vec![(b"h".as_slice().into(), b"a".as_slice().into())]),
        columns: ["time", "v"].map(|name| name.as_bytes().into()).into(),
    })
}

fn rows(times: &[i64]) -> Item {
    let mut column = Column::new(FieldType::Float);
    for (row, &time) in times.iter().enumerate() {
        if time % 2 == 1 {
            #[allow(clippy::cast_precision_loss, reason = "small numbers")]
            column.push(u32::try_from(row).unwrap(), Value::Float(time as f64 / 2.0));
        }
    }
    column.seal(times.len());
    Item::Rows(Frame {
        rows: times.len(),
        columns: vec![FrameColumn::Times(times.to_vec()), FrameColumn::Values(column)],
    })
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_whole_answer() {
    let mut answer = Json::new(form(None));
    answer.begin(0, true, None);
    for item in [series("m"), rows(&[1, 2]), rows(&[3]), series("n"), rows(&[5])] {
        assert!(answer.item(&item));
    }
    answer.end(&[], None);
    answer.begin(1, true, None);
    answer.end(&["careful".to_owned()], Some("broken"));
    assert_eq!(
        text(answer.finish()),
        concat!(
            r#"{"results":[{"statement_id":0,"series":["#,
            r#"{"name":"m","tags":{"h":"a"},"columns":["time","v"],"values":[[1,0.5],[2,null],[3,1.5]]},"#,
            r#"{"name":"n","tags":{"h":"a"},"columns":["time","v"],"values":[[5,2.5]]}]},"#,
            r#"{"statement_id":1,"messages":[{"level":"warning","text":"careful"}],"error":"broken"}]}"#,
            "\n"
        )
    );
}

#[test]
fn each_series_opens_with_its_own_columns() {
    let names = |names: &[&str]| names.iter().map(|name| name.as_bytes().into()).collect::<Arc<[Text]>>();
    let (two, three) = (names(&["time", "v"]), names(&["time", "v", "w"]));
    let mut answer = Json::new(form(None));
    answer.begin(0, true, None);
    for columns in [&two, &two, &three, &Arc::default(), &two] {
        answer.item(&Item::Series(Header { columns: Arc::clone(columns), ..Header::default() }));
    }
    answer.end(&[], None);
    let (two, three) = (r#"{"columns":["time","v"]}"#, r#"{"columns":["time","v","w"]}"#);
    assert_eq!(
        text(answer.finish()),
        format!(
            "{{\"results\":[{{\"statement_id\":0,\"series\":[{two},{two},{three},{},{two}]}}]}}\n",
            r#"{"columns":[]}"#
        )
    );
}

#[test]
fn a_chunked_answer() {
    let mut answer = Json::new(form(Some(2)));
    answer.begin(0, true, None);
    for item in [series("m"), rows(&[1, 2, 3]), series("n"), rows(&[5, 7])] {
        assert!(answer.item(&item));
    }
    answer.end(&[], None);
    answer.begin(1, true, None);
    answer.end(&[], None);
    assert_eq!(
        text(answer.finish()),
        concat!(
            r#"{"results":[{"statement_id":0,"series":[{"name":"m","tags":{"h":"a"},"columns":["time","v"],"#,
            r#""values":[[1,0.5],[2,null]],"partial":true}],"partial":true}]}"#,
            "\n",
            r#"{"results":[{"statement_id":0,"series":[{"name":"m","tags":{"h":"a"},"columns":["time","v"],"#,
            r#""values":[[3,1.5]]}],"partial":true}]}"#,
            "\n",
            r#"{"results":[{"statement_id":0,"series":[{"name":"n","tags":{"h":"a"},"columns":["time","v"],"#,
            r#""values":[[5,2.5],[7,3.5]]}]}]}"#,
            "\n",
            r#"{"results":[{"statement_id":1}]}"#,
            "\n"
        )
    );
}

#[test]
fn rows_beyond_the_bound_are_cut() {
    let mut answer = Json::new(Form { max_rows: 2, ..form(None) });
    answer.begin(0, true, None);
    assert!(answer.item(&series("m")));
    assert!(!answer.item(&rows(&[2, 4, 6])));
    answer.end(&[], None);
    assert!(text(answer.finish()).contains(r#""values":[[2,null],[4,null]],"partial":true}]}"#));
}

#[test]
fn an_answer_without_statements_and_a_pretty_one() {
    assert_eq!(text(Json::new(form(None)).finish()), "{}\n");
    let mut answer = Json::new(Form { pretty: true, ..form(None) });
    answer.begin(0, true, None);
    assert!(answer.take().is_empty());
    answer.end(&[], None);
    assert_eq!(
        text(answer.finish()),
        "{\n    \"results\": [\n        {\n            \"statement_id\": 0\n        }\n    ]\n}\n"
    );
}
