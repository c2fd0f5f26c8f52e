//! Answers in `MessagePack`: byte for byte what InfluxDB 1.13.2 sent, and, read by another reader, what the same answers say in JSON.

use super::super::pack::tests::bytes;
use super::super::{Answer, Layout, TimeForm};
use super::*;
use model::{Column, FieldType, Frame, FrameColumn, Item, Text, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use rmpv::Value as Read;
use testkit::Json;

fn text(text: &str) -> Text {
    Text::from(text.as_bytes())
}

fn series(name: &str, tags: &[(&str, &str)], columns: &[&str]) -> Item {
    Item::Series(Header {
        name: text(name),
        tags: Some(tags.iter().map(|(key, value)| (text(key), text(value))).collect()),
        columns: columns.iter().map(|name| text(name)).collect(),
    })
}

fn column(values: &[Option<Value<'_>>], field_type: FieldType) -> FrameColumn {
    let mut column = Column::new(field_type);
    for (row, value) in (0..).zip(values) {
        if let Some(value) = *value {
            column.push(row, value);
        }
    }
    column.seal(values.len());
    FrameColumn::Values(column)
}

fn rows(times: &[i64], columns: Vec<FrameColumn>) -> Item {
    let times = FrameColumn::Times(times.to_vec());
    Item::Rows(Frame {
        rows: columns.iter().map(rows_of).next().unwrap_or(0),
        columns: [vec![times], columns].concat(),
    })
}

fn rows_of(column: &FrameColumn) -> usize {
    match column {
        FrameColumn::Times(times) => times.len(),
        FrameColumn::Labels(labels) => labels.rows.len(),
        FrameColumn::Lists(lists) => lists.len(),
        FrameColumn::Values(Column { values, presence: model::Presence::Dense }) => values.len(),
        FrameColumn::Values(Column { presence: model::Presence::Sparse(_), .. }) => unreachable!("rows come by times"),
    }
}

fn msgpack(form: Form) -> Msgpack {
    Msgpack::new(Form { layout: Layout::Msgpack, ..form })
}

/// `SELECT g FROM n; SELECT nope FROM n; SELECT x FROM a.b.c; SHOW DATABASES`
fn four_statements(mut answer: Msgpack) -> Vec<u8> {
    answer.begin(0, true, None);
    assert!(answer.item(&series("n", &[], &["time", "g"])));
    let flags = [Some(Value::Boolean(true)), Some(Value::Boolean(false))];
    assert!(answer.item(&rows(&[-1, 5], vec![column(&flags, FieldType::Boolean)])));
    answer.end(&[], None);
    answer.begin(1, true, None);
    answer.end(&[], None);
    answer.begin(2, true, None);
    answer.end(&[], Some("database not found: a"));
    answer.begin(3, false, None);
    answer.end(&[], Some("not executed"));
    assert_eq!(answer.held(), answer.out.capacity() - answer.waiting());
    answer.finish()
}

#[test]
fn as_influxdb_sends_them() {
    let whole = bytes(
        "81a7 7265 7375 6c74 7394 82ac 7374 6174 656d 656e 745f 6964 00a6 7365 7269 6573 9183 a46e 616d 65a1 6ea7 636f 6c75
        6d6e 7392 a474 696d 65a1 67a6 7661 6c75 6573 9292 00c3 9200 c282 ac73 7461 7465 6d65 6e74 5f69 6401 a673 6572 6965
        7390 81a5 6572 726f 72b5 6461 7461 6261 7365 206e 6f74 2066 6f75 6e64 3a20 6181 a565 7272 6f72 ac6e 6f74 2065 7865
        6375 7465 64",
    );
    let times = TimeForm::Epoch(1_000_000);
    assert_eq!(four_statements(msgpack(Form { times, statements: 4, ..Form::default() })), whole);
    let chunked = bytes(
        "81a7 7265 7375 6c74 7391 82ac 7374 6174 656d 656e 745f 6964 00a6 7365 7269 6573 9183 a46e 616d 65a1 6ea7 636f 6c75
        6d6e 7392 a474 696d 65a1 67a6 7661 6c75 6573 9292 c70c 05ff ffff ffff ffff ff3b 9ac9 ffc3 92c7 0c05 0000 0000 0000
        0000 0000 0005 c281 a772 6573 756c 7473 9182 ac73 7461 7465 6d65 6e74 5f69 6401 a673 6572 6965 7390 81a7 7265 7375
        6c74 7391 81a5 6572 726f 72b5 6461 7461 6261 7365 206e 6f74 2066 6f75 6e64 3a20 6181 a772 6573 756c 7473 9181 a565
        7272 6f72 ac6e 6f74 2065 7865 6375 7465 64",
    );
    assert_eq!(four_statements(msgpack(Form { chunk_rows: Some(10_000), ..Form::default() })), chunked);
}

#[test]
fn messages_and_errors_as_influxdb_sends_them() {
    let text = "deprecated use of 'CREATE DATABASE e' in a read only context, please use a POST request instead";
    let wanted = [
        bytes("81a7 7265 7375 6c74 7391 83ac 7374 6174 656d 656e 745f 6964 00a8 6d65 7373 6167 6573 9182 a56c 6576 656c a777"),
        bytes("6172 6e69 6e67 a474 6578 74d9 5f"),
        text.as_bytes().to_vec(),
        bytes("a673 6572 6965 7390"),
    ]
    .concat();
    for chunk_rows in [None, Some(10_000)] {
        let mut answer = msgpack(Form { chunk_rows, statements: 1, ..Form::default() });
        answer.begin(0, false, None);
        answer.end(&[text.to_owned()], None);
        assert_eq!(answer.take(), wanted);
        assert!(answer.finish().is_empty());
    }
    let error = "missing required parameter \"q\"";
    let wanted = [bytes("81a5 6572 726f 72be"), error.as_bytes().to_vec()].concat();
    assert_eq!(Layout::Msgpack.error(error), wanted);
    assert_eq!(msgpack(Form::default()).finish(), bytes("81a7 7265 7375 6c74 7390"));
}

#[test]
fn lists_grow_over_all_their_heads() {
    for length in [0_u32, 1, 15, 16, 17, 65_535, 65_536, 70_000] {
        let mut out = b"before".to_vec();
        let mut list = List::open(&mut out);
        for value in 0..length {
            list.add(&mut out);
            push_signed(i64::from(value % 128), &mut out);
        }
        list.close(&mut out);
        let read = rmpv::decode::read_value(&mut &out[6..]).unwrap();
        let wanted: Vec<Read> = (0..length).map(|value| Read::from(value % 128)).collect();
        assert_eq!(read, Read::Array(wanted), "{length}");
        let mut head = Vec::new();
        push_list(length, &mut head);
        assert!(out[6..].starts_with(&head));
    }
}

#[test]
fn memory_is_told_while_a_statement_is_not_whole() {
    let mut answer = msgpack(Form { statements: 1, ..Form::default() });
    answer.begin(0, true, None);
    answer.item(&series("m", &[], &["time", "v"]));
    let values = vec![Some(Value::Integer(1 << 40)); 10_000];
    answer.item(&rows(&vec![1; 10_000], vec![column(&values, FieldType::Integer)]));
    assert!(answer.waiting() < 20 && answer.held() > 10_000 * 25, "{} {}", answer.waiting(), answer.held());
    answer.end(&[], Some("no memory"));
    let found = rmpv::decode::read_value(&mut &answer.finish()[..]).unwrap();
    assert_eq!(found.to_string(), r#"{"results": [{"error": "no memory"}]}"#);
}

/// Whether both say the same. `MessagePack` always has the lists of series and values.
fn same(json: &Json, read: &Read) -> bool {
    match (json, read) {
        (Json::Null, Read::Nil) => true,
        (Json::Boolean(a), Read::Boolean(b)) => a == b,
        (Json::Number(a), Read::Integer(b)) => *a == b.to_string(),
        (Json::Number(a), Read::F64(b)) => a.parse::<f64>().unwrap().to_bits() == b.to_bits(),
        (Json::Text(a), Read::String(b)) => Some(a.as_str()) == b.as_str(),
        (Json::Text(a), Read::Ext(5, b)) => *a == instant(b),
        (Json::List(a), Read::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Read::Map(b)) => same_map(a, b),
        _ => false,
    }
}

fn same_map(json: &[(String, Json)], read: &[(Read, Read)]) -> bool {
    let of = |name: &str| json.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    if let Some(error) = of("error") {
        return read.len() == 1 && read[0].0 == Read::from("error") && same(error, &read[0].1);
    }
    let fits = |(key, value): &(Read, Read)| match of(key.as_str().unwrap()) {
        Some(json) => same(json, value),
        None => *value == Read::Array(Vec::new()),
    };
    let has = |name: &String| read.iter().any(|(key, _)| key.as_str() == Some(name));
    read.iter().all(fits) && json.iter().all(|(key, _)| has(key))
}

/// The extension's bytes as RFC 3339.
fn instant(bytes: &[u8]) -> String {
    assert_eq!(bytes.len(), 12);
    let seconds = i64::from_be_bytes(bytes[..8].try_into().unwrap());
    let nanos = u32::from_be_bytes(bytes[8..].try_into().unwrap());
    let mut out = Vec::new();
    let time = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    model::time::push_rfc3339(i64::try_from(time).unwrap(), &mut out);
    String::from_utf8(out).unwrap()
}

/// A value of each type.
#[derive(Clone, Debug)]
struct Row(i64, Option<f64>, Option<i64>, Option<u64>, Option<bool>, Option<String>);

fn a_row() -> impl Strategy<Value = Row> {
    let finite = any::<f64>().prop_filter("JSON has no such number", |value| value.is_finite());
    let float = prop_oneof![12 => finite, 1 => Just(f64::NAN)];
    let integer = prop_oneof![any::<i64>(), -200..200_i64, any::<i16>().prop_map(i64::from)];
    let unsigned = prop_oneof![any::<u64>(), 0..300_u64];
    (
        any::<i64>(),
        proptest::option::of(float),
        proptest::option::of(integer),
        proptest::option::of(unsigned),
        proptest::option::of(any::<bool>()),
        proptest::option::of(".{0,40}"),
    )
        .prop_map(|(time, float, integer, unsigned, flag, text)| Row(time, float, integer, unsigned, flag, text))
}

fn frame_of(rows: &[Row]) -> Item {
    let of = |field_type, value: &dyn for<'a> Fn(&'a Row) -> Option<Value<'a>>| {
        column(&rows.iter().map(value).collect::<Vec<_>>(), field_type)
    };
    let columns = vec![
        FrameColumn::Times(rows.iter().map(|row| row.0).collect()),
        of(FieldType::Float, &|row| row.1.map(Value::Float)),
        of(FieldType::Integer, &|row| row.2.map(Value::Integer)),
        of(FieldType::Unsigned, &|row| row.3.map(Value::Unsigned)),
        of(FieldType::Boolean, &|row| row.4.map(Value::Boolean)),
        of(FieldType::String, &|row| row.5.as_ref().map(|text| Value::String(text.as_bytes()))),
    ];
    Item::Rows(Frame { rows: rows.len(), columns })
}

/// What a statement answers: series with a tag and frames, or an error, or messages.
#[derive(Clone, Debug)]
pub(in crate::encode) struct Statement {
    is_select: bool,
    series: Vec<(String, Option<String>, Vec<Vec<Row>>)>,
    pub(in crate::encode) error: Option<String>,
    messages: Vec<String>,
}

pub(in crate::encode) fn a_statement() -> impl Strategy<Value = Statement> {
    let series = || ("[a-zé]{0,3}", proptest::option::of(".{0,300}"), vec(vec(a_row(), 0..12), 0..4));
    let told = (proptest::option::weighted(0.1, ".{0,20}"), vec(".{0,20}", 0..2));
    (any::<bool>(), prop_oneof![3 => vec(series(), 0..3), 1 => vec(series(), 14..18)], told).prop_map(
        |(is_select, series, (error, messages))| {
            // InfluxDB tells messages beside no rows, and errors beside nothing.
            let messages = if series.is_empty() && error.is_none() { messages } else { Vec::new() };
            let series = if error.is_some() { Vec::new() } else { series };
            Statement { is_select, series, error, messages }
        },
    )
}

/// The answer's bytes, taken whenever there are any.
pub(in crate::encode) fn answered(form: Form, statements: &[Statement]) -> Vec<u8> {
    let mut answer = Answer::new(form);
    let mut out = Vec::new();
    for (id, statement) in statements.iter().enumerate() {
        answer.begin(id, statement.is_select, None);
        let mut more = true;
        for (name, tag, frames) in &statement.series {
            let tags: Vec<(&str, &str)> = tag.iter().map(|value| ("k", value.as_str())).collect();
            let items = std::iter::once(series(name, &tags, &["time", "f", "i", "u", "b", "s"]));
            for item in items.chain(frames.iter().map(|rows| frame_of(rows))) {
                more = more && answer.item(&item);
                out.extend(answer.take());
            }
        }
        answer.end(&statement.messages, statement.error.as_deref());
        out.extend(answer.take());
    }
    out.extend(answer.finish());
    out
}

fn documents(mut bytes: &[u8]) -> Vec<Read> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        found.push(rmpv::decode::read_value(&mut bytes).unwrap());
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn json_and_msgpack_say_the_same(
        statements in vec(a_statement(), 1..4),
        chunk_rows in proptest::option::of(1..20_usize),
        max_rows in prop_oneof![Just(0), 1..40_usize],
        times in prop_oneof![Just(TimeForm::Native), Just(TimeForm::Rfc3339), Just(TimeForm::Epoch(1)), Just(TimeForm::Epoch(1_000_000_000))],
    ) {
        let form = Form { times, chunk_rows, max_rows, statements: statements.len(), ..Form::default() };
        let json = String::from_utf8(answered(form, &statements)).unwrap();
        let others = serde_json::Deserializer::from_str(&json).into_iter::<serde_json::Value>();
        let others: Vec<_> = others.collect::<Result<_, _>>().unwrap();
        let json = Json::read_all(&json).unwrap();
        prop_assert_eq!(others.len(), json.len());
        let read = documents(&answered(Form { layout: Layout::Msgpack, ..form }, &statements));
        prop_assert!(json.len() == read.len(), "{json:?}\n{read:?}");
        for (json, read) in json.iter().zip(&read) {
            prop_assert!(same(json, read), "{json:?}\n{read}");
        }
    }
}
