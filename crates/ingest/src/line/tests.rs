//! Whole bodies: `fast` against `slow`, values, errors, partial writes, arbitrary bytes.

use super::*;
use crate::{LineKeys, key_error_text};
use model::{KeyText, Value, Values, series_key};
use proptest::prelude::*;

fn decoded(body: &str) -> Decoded {
    decode(body.as_bytes().to_vec(), &Options::default())
}

/// The only row of a body as `measurement field=value...`, or the first error.
fn told(body: &str) -> String {
    let decoded = decoded(body);
    decoded.errors.first().map_or_else(|| format!("{} rows", decoded.batch.rows()), |error| error.problem.to_string())
}

#[test]
fn reads_types_names_and_times() {
    let body = "m,t=a f=1.5,i=-2i,u=3u,b=T,s=\"x y\" 10\nm,t=b i=4i,f=2 20\r\n\n# comment\n  n v=f\nm,t=c s=\"1\\\\2\\\"\nz\",q\\,r=1 -5";
    let options = Options { precision: Precision::Second, now: 1_999_999_999, ..Options::default() };
    let decoded = decode(body.as_bytes().to_vec(), &options);
    assert_eq!(decoded.errors, []);
    let [m, n] = decoded.batch.tables.as_slice() else { panic!("two tables") };
    assert_eq!(m.times, [10_000_000_000, 20_000_000_000, -5_000_000_000]);
    assert_eq!(n.times, [1_000_000_000]);
    assert_eq!(decoded.batch.key(m.keys[1]), b"m,t=b");
    assert_eq!(decoded.batch.key(n.keys[0]), b"n");
    let names: Vec<_> = m.columns.iter().map(|column| String::from_utf8_lossy(&column.name).into_owned()).collect();
    assert_eq!(names, ["f", "i", "u", "b", "s", "q,r"]);
    assert_eq!(m.columns[1].column.get(1), Some(Value::Integer(4)));
    assert_eq!(m.columns[4].column.get(2), Some(Value::String(b"1\\2\"\nz")));
    assert_eq!(m.columns[4].column.get(1), None);
}

#[test]
fn a_bad_line_leaves_nothing_behind() {
    let decoded = decoded("m a=1 1\nm a=2,b=3 x\nm a=4,a=5 2\nm a=6,a=1u,a=7 3\nm a=8,c=oops 4\n");
    assert_eq!(decoded.errors.len(), 2);
    assert_eq!(decoded.errors[0].text, "unable to parse 'm a=2,b=3 x': bad timestamp");
    assert_eq!(decoded.errors[0].offset, 8);
    let table = &decoded.batch.tables[0];
    assert_eq!((table.rows(), table.columns.len()), (3, 2));
    let column = |index: usize, row| table.columns[index].column.get(row);
    assert_eq!([column(0, 0), column(0, 1), column(0, 2)], [1.0, 5.0, 7.0].map(|value| Some(Value::Float(value))));
    assert_eq!([column(1, 0), column(1, 2)], [None, Some(Value::Unsigned(1))]);
}

#[test]
fn decides_where_influxdb_errs() {
    assert_eq!(told("m b=\"x\"y 1"), "invalid field format");
    assert_eq!(told("m a=1\r\nm a=2\r\n\r\n"), "2 rows");
    assert_eq!(told("m a=\"\\,\\ \\=\""), "1 rows");
    assert_eq!(told("m a,b=\"x\"=\"y\""), "invalid field format");
    assert_eq!(told("m a\\\\=1"), "invalid value: field-key=a\\\\=1");
}

#[test]
fn counts_what_it_drops() {
    let mut body = "m,time=x v=1\nm time=1\nm time=1,v=2\nm,time=x,time=y v=1\nm v=1\n".to_owned();
    body.push_str("m s=\"aaaaa\"\nm s=\"a\\\"aaa\"\n");
    let options = Options { max_field_bytes: 4, ..Options::default() };
    let decoded = decode(body.into_bytes(), &options);
    assert_eq!(decoded.partial.dropped, 4);
    assert_eq!(decoded.partial.reason(), Some("invalid tag key: input tag \"time\" on measurement \"m\" is invalid"));
    let field = decoded.partial.field.as_deref();
    assert_eq!(field, Some("invalid field name: input field \"time\" on measurement \"m\" is invalid"));
    assert!(
        decoded.partial.stripped.is_some_and(|text| text.ends_with("Field \"time\" has been stripped from point."))
    );
    assert_eq!(decoded.errors[0].problem, LineProblem::DuplicateTags);
    assert_eq!(decoded.batch.rows(), 2);
}

#[test]
fn names_fields_and_keys_that_cannot_be() {
    let options = Options { max_field_bytes: 4, validate_utf8: true, ..Options::default() };
    let long = decode(b"m\" s\"=\"aaaaa\"".to_vec(), &options).partial;
    assert_eq!(long.reason(), Some(r#"input field "s\"" on measurement "m\"" is too long, 5 > 4"#));
    let hidden = decode(b"m\x01,t=a v=1\nm v=1".to_vec(), &options);
    assert_eq!(hidden.partial.reason(), Some("key contains invalid unicode: \"m?,t=a\""));
    assert_eq!((hidden.partial.dropped, hidden.batch.rows()), (1, 1));
}

#[test]
fn bounds_keys() {
    let key = "k".repeat(65_529);
    assert_eq!(told(&format!("{key} fv=1")), "1 rows");
    assert_eq!(told(&format!("{key} fv=1\n{key} fvv=1")), "max key length exceeded: 65536 > 65535");
    assert_eq!(told(&format!("{key}kkkkkkk v=1")), "max key length exceeded: 65536 > 65535");
}

/// Pieces that lines are made of, odd ones among them.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "m",
        "cpu",
        ",",
        "=",
        " ",
        "\n",
        "\r\n",
        "\\",
        "\"",
        "t=a",
        ",t=b",
        ",time=x",
        " v=1",
        ",v=2i",
        "w=3u",
        "v=\"a b\"",
        ",s=\"x\"",
        " b=t",
        "b=F",
        "1",
        "-",
        ".5",
        "e5",
        "i",
        "u",
        " 1500000000000000000",
        " -7",
        "  ",
        "\t",
        "\0",
        "#",
        "time=1",
        "9223372036854775808",
        "0.1234567890123456789",
        "é",
        "\\,",
        "\\ ",
        "\\=",
        "m v=1 1\n",
        "m,t=a v=2,w=3 2\n",
        "m v=1i\n",
    ])
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::collection::vec(piece(), 0..40).prop_map(|pieces| pieces.concat().into_bytes());
    let lines = prop::collection::vec(line(), 1..12).prop_map(|lines| lines.concat().into_bytes()).boxed();
    let mutated = (lines.clone(), prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)).prop_map(
        |(mut body, changes)| {
            for (index, byte) in changes {
                let at = index.index(body.len());
                body[at] = byte;
            }
            body
        },
    );
    prop_oneof![pieces, lines, mutated]
}

fn line() -> impl Strategy<Value = String> {
    let tag = "(,[a-c]{1,2}=[a-c =\"]{0,3})";
    let value = "(-?[0-9]{1,19}(\\.[0-9]{0,17})?[iu]?|true|f|\"[a-z ,=\n]{0,4}(\\\\[\"\\\\,a])?\")";
    let field = format!("[a-d]{{1,2}}={value}");
    proptest::string::string_regex(&format!("[mn]{tag}{{0,3}} {{1,2}}{field}(,{field}){{0,4}}( -?[0-9]{{1,20}})?\r?\n"))
        .expect("the pattern is a regular expression")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn fast_and_slow_agree(body in body(), now in any::<i64>()) {
        for precision in [Precision::Nanosecond, Precision::Second] {
            let options = Options { precision, now, max_field_bytes: 3, ..Options::default() };
            let fast = decode_with(body.clone(), &options, true, &mut |_| true);
            let slow = decode_with(body.clone(), &options, false, &mut |_| true);
            prop_assert_eq!(format!("{fast:?}"), format!("{slow:?}"));
        }
    }

    #[test]
    fn what_is_decoded_is_whole(body in body()) {
        let decoded = decode(body, &Options::default());
        for table in &decoded.batch.tables {
            prop_assert!(table.rows() > 0 && table.keys.len() == table.rows());
            for row in 0..table.rows() {
                prop_assert!(table.columns.iter().any(|column| column.column.get(row).is_some()));
            }
            for column in &table.columns {
                prop_assert!(!column.column.values.is_empty() && *column.name != *b"time");
            }
            for &span in &table.keys {
                let mut key = Vec::new();
                if LineKeys.canonical(decoded.batch.key(span), &mut key).is_ok() {
                    let (measurement, tags) = series_key::parse(&key);
                    prop_assert_eq!(&measurement, &table.measurement);
                    prop_assert_eq!(&series_key::key(&measurement, &tags), &key);
                }
            }
        }
    }

    #[test]
    fn canonical_keys_stay(raw in "[a-c\\\\ ,=\"]{1,4}(,[a-c\\\\ ,=]{1,4}=[a-c\\\\ ,=]{1,4}){0,3}") {
        // in a line a space follows the key, and a backslash before it would make it part of the key
        prop_assume!(!raw.ends_with('\\'));
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        if LineKeys.canonical(raw.as_bytes(), &mut once).is_ok() {
            // a measurement with a backslash before `=` or `"` is the one name that cannot be read back
            let (measurement, _) = series_key::parse(&once);
            prop_assume!(!measurement.windows(2).any(|pair| matches!(pair, b"\\=" | b"\\\"")));
            LineKeys.canonical(&once, &mut twice).expect("a canonical key is a key");
            prop_assert_eq!(once, twice);
        }
    }

    #[test]
    fn any_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..200), at in any::<u32>()) {
        let error = model::KeyError("x".to_owned());
        prop_assert!(key_error_text(&body, at % 220, &error).starts_with("unable to parse"));
        let _ = LineKeys.canonical(&body, &mut Vec::new());
        let options = Options { validate_utf8: true, ..Options::default() };
        let decoded = decode(body, &options);
        prop_assert!(decoded.errors.len() + decoded.batch.rows() <= 200);
    }
}

#[test]
fn short_lines_cost_no_search_of_the_body() {
    let body = format!("m v=1 1\n{}", "x\n".repeat(300_000));
    let decoded = decoded(&body);
    assert_eq!((decoded.batch.rows(), decoded.errors.len() as u64 + decoded.more_errors), (1, 300_000));
}

#[test]
fn errors_of_lines_take_no_more_memory_than_is_set() {
    let decoded = decoded(&"x\n".repeat(300_000));
    let bytes: usize = decoded.errors.iter().map(|error| error.text.len() + size_of_val(error)).sum();
    assert!(bytes < super::MOST_ERROR_BYTES + 200 && decoded.more_errors > 200_000, "{bytes} {}", decoded.more_errors);
}

/// Memory that a batch holds, its text not counted.
fn held(decoded: &Decoded) -> usize {
    let column = |column: &model::TableColumn| {
        let rows = match &column.column.presence {
            model::Presence::Dense => 0,
            model::Presence::Sparse(rows) => 4 * rows.capacity(),
        };
        size_of_val(column) + column.name.len() + column.column.values.bytes() + rows
    };
    let table = |table: &model::Table| {
        8 * (table.keys.capacity() + table.times.capacity()) + table.columns.iter().map(column).sum::<usize>()
    };
    decoded.batch.tables.iter().map(table).sum()
}

#[test]
fn memory_is_asked_for_and_a_refusal_ends_the_decoding() {
    let many_rows = "a v=1i\n".repeat(50_000);
    let many_columns: String = (0..20_000).map(|row| format!("m f{row}=1,g=\"{}\"\n", "x".repeat(row % 50))).collect();
    let many_tables: String = (0..20_000).map(|row| format!("m{row} f=1\n")).collect();
    for body in [many_rows, many_columns, many_tables] {
        let mut asked = 0;
        let mut more = |bytes| {
            asked += bytes;
            true
        };
        let decoded = decode_within(body.clone().into_bytes(), &Options::default(), &mut more).unwrap();
        assert!(held(&decoded) <= asked, "{} {asked}", held(&decoded));
        assert!(asked <= 120 * body.len(), "{asked} {}", body.len());
        let mut left = asked / 2;
        let mut some = |bytes| match left.checked_sub(bytes) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        };
        assert_eq!(decode_within(body.into_bytes(), &Options::default(), &mut some), Err(OutOfMemory));
    }
    let mut asked = 0;
    let mut more = |bytes| {
        asked += bytes;
        true
    };
    decode_within(b"m v=1 1".to_vec(), &Options::default(), &mut more).unwrap();
    assert_eq!(asked, LEAST_STEP, "a small body takes little");
}

#[test]
fn long_bodies_leave_little_room_unused() {
    let line =
        |row: u32| format!("cpu,host=h{} usage={}i,idle={}.5 {}\n", row % 100, row % 97, row % 89, row + 1_000_000);
    let Decoded { batch, .. } = decode((0..10_000).map(line).collect::<String>().into_bytes(), &Options::default());
    let table = &batch.tables[0];
    assert_eq!((table.times.len(), table.columns.len()), (10_000, 2));
    let Values::Integer(values) = &table.columns[0].column.values else { panic!("integers") };
    for capacity in [table.times.capacity(), table.keys.capacity(), values.capacity()] {
        assert!((10_000..10_800).contains(&capacity), "{capacity}");
    }
    // A body that begins with wide rows gets no more than it has paid for.
    let wide: String = (0..2_000).map(|field| format!("f{field}=1i,")).collect();
    let body = format!("m {}\n{}", wide.trim_end_matches(','), "m f0=1i\n".repeat(30_000));
    let Decoded { batch, .. } = decode(body.into_bytes(), &Options::default());
    let Values::Integer(values) = &batch.tables[0].columns[1].column.values else { panic!("integers") };
    assert!(values.capacity() < 16, "{}", values.capacity());
}
