//! The parser and printer against tables recorded from InfluxDB 1.13.2, and properties of both.
//!
//! A table holds cases `> text` followed by `= printed form` or `! error`; `\n`, `\r`, `\t` and `\\` are escaped.

mod generate;

use super::*;
use proptest::prelude::*;

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some('t') => plain.push('\t'),
                Some('0') => plain.push('\0'),
                Some(other) => plain.push(other),
                None => {}
            },
            c => plain.push(c),
        }
    }
    plain
}

fn known_zone(name: &str) -> bool {
    ["UTC", "Local", "Europe/Berlin", "America/New_York"].contains(&name)
}

/// What InfluxDB would answer: `= printed` or `! error`.
fn answer(text: &str) -> String {
    match parse_query_with_zones(text, &Params::new(), &known_zone) {
        Ok(statements) => format!("= {}", statements.first().map(Statement::to_string).unwrap_or_default()),
        Err(error) => format!("! {error}"),
    }
}

fn check_table(table: &str) {
    let mut wrong = String::new();
    let lines: Vec<&str> = table.lines().collect();
    for case in lines.chunks(2) {
        let [text, expected] = case else { panic!("odd number of lines") };
        let text = unescape(text.strip_prefix("> ").expect("a case begins with its text"));
        let (found, expected) = (answer(&text), unescape(expected));
        if found != expected {
            wrong.push_str(&format!("{text}\n  expected {expected}\n  found    {found}\n"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{wrong}", wrong.lines().count() / 3, lines.len() / 2);
}

#[test]
fn prints_as_influxdb_does() {
    check_table(include_str!("testdata/printed.txt"));
}

#[test]
fn errors_are_those_of_influxdb() {
    check_table(include_str!("testdata/errors.txt"));
}

#[test]
fn mutated_statements_are_judged_as_by_influxdb() {
    check_table(include_str!("testdata/mutated.txt"));
}

fn with(name: &str, value: BindValue) -> Params {
    Params::from([(name.to_owned(), value)])
}

/// Parses with a parameter `x` and gives the printed form or the error.
fn bound(text: &str, value: BindValue) -> String {
    parse_query(text, &with("x", value)).map_or_else(|error| error.to_string(), |statements| print_query(&statements))
}

#[test]
fn parameters_become_one_token() {
    let where_x = "SELECT v FROM m WHERE a = $x";
    assert_eq!(bound(where_x, BindValue::String("a' OR 'b".to_owned())), r"SELECT v FROM m WHERE a = 'a\' OR \'b'");
    assert_eq!(bound(where_x, BindValue::from_json(JsonValue::Number("1.5e3"))), "SELECT v FROM m WHERE a = 1500.0");
    assert_eq!(bound(where_x, BindValue::from_json(JsonValue::Number("-7"))), "SELECT v FROM m WHERE a = -7");
    assert_eq!(bound(where_x, BindValue::Boolean(true)), "SELECT v FROM m WHERE a = true");
    let float = BindValue::from_json_object("float", JsonValue::Number("3"));
    assert_eq!(bound(where_x, float), "SELECT v FROM m WHERE a = 3.0");
    let duration = BindValue::from_json_object("duration", JsonValue::String("10m"));
    assert_eq!(bound("SELECT mean(v) FROM m GROUP BY time($x)", duration), "SELECT mean(v) FROM m GROUP BY time(10m)");
    let regex = BindValue::from_json_object("regex", JsonValue::String("a/b"));
    assert_eq!(bound("SELECT v FROM m WHERE a =~ $x", regex.clone()), r"SELECT v FROM m WHERE a =~ /a\/b/");
    assert_eq!(bound("SELECT v FROM $x", regex), r"SELECT v FROM /a\/b/");
    let name = BindValue::from_json_object("ident", JsonValue::String("a b"));
    assert_eq!(bound("SELECT $x FROM $\"x\"", name), r#"SELECT "a b" FROM "a b""#);
    assert_eq!(bound("SELECT v FROM m LIMIT $x", BindValue::Integer(-1)), "LIMIT must be >= 0 at line 1, char 23");
}

#[test]
fn parameters_that_cannot_be_bound_say_why() {
    let where_x = "SELECT v FROM m WHERE a = $x";
    assert_eq!(
        bound(where_x, BindValue::from_json(JsonValue::Null)),
        "missing parameter: unable to bind parameter with type <nil>"
    );
    let unknown = BindValue::from_json_object("foo", JsonValue::String("a"));
    assert_eq!(
        bound("SELECT v FROM m WHERE a =~ $x", unknown),
        "found unknown bind object type: foo, expected regex at line 1, char 28"
    );
    assert_eq!(parse_query(where_x, &Params::new()).unwrap_err().to_string(), "missing parameter: x");
}

/// Runs on the small stack that a worker thread has.
#[allow(clippy::disallowed_methods, reason = "the test measures the stack of a thread")]
fn on_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work).expect("a thread starts");
    thread.join().expect("the stack suffices");
}

#[test]
fn long_chains_need_no_deep_stack() {
    on_small_stack(|| {
        let conditions: Vec<String> = (0..10_000).map(|index| format!("host = 'server{index}'")).collect();
        for joint in [" AND ", " OR "] {
            let text = format!("SELECT v FROM m WHERE {}", conditions.join(joint));
            let statements = parse_query(&text, &Params::new()).expect("it parses");
            let copy = statements.clone();
            assert_eq!(copy, statements);
            assert_eq!(print_query(&copy), text);
        }
    });
}

#[test]
fn deep_nesting_is_an_error() {
    on_small_stack(|| {
        let deep = [
            format!("SELECT v FROM m WHERE {}1{}", "(".repeat(10_000), ")".repeat(10_000)),
            format!("SELECT {}v{} FROM m", "f(".repeat(10_000), ")".repeat(10_000)),
            format!("SELECT v FROM {}m{}", "(SELECT v FROM ".repeat(10_000), ")".repeat(10_000)),
            format!("SELECT {}v FROM m", "-(".repeat(10_000)),
        ];
        for text in deep {
            let error = parse_query(&text, &Params::new()).unwrap_err().to_string();
            assert!(error.starts_with("query is nested too deeply"), "{error}");
        }
        let sum = format!("SELECT {} FROM m", vec!["a"; 10_000].join(" + "));
        let error = parse_query(&sum, &Params::new()).unwrap_err().to_string();
        assert!(error.starts_with("expression is deeper than"), "{error}");
        let fine = format!("SELECT v FROM m WHERE {}a{}", "(".repeat(MAX_NESTING), ")".repeat(MAX_NESTING));
        assert!(parse_query(&fine, &Params::new()).is_ok());
    });
}

#[test]
fn columns_are_named_as_influxdb_names_them() {
    let names = |text: &str| match parse_statement(text).unwrap() {
        Statement::Select(select) => select.column_names().join(","),
        other => panic!("{other}"),
    };
    assert_eq!(names("SELECT mean(v), mean(v) FROM m"), "mean,mean_1");
    assert_eq!(names("SELECT mean(v), mean(v), sum(v) AS mean FROM m"), "mean_1,mean_2,mean");
    assert_eq!(names("SELECT v+1, mean(v)+sum(i), v+i, (v) FROM m"), "v,mean_sum,v_i,v_1");
    assert_eq!(names("SELECT top(v, h, 2) FROM m"), "top,h");
    assert_eq!(names("SELECT distinct v FROM m"), "distinct");
    assert_eq!(names("SELECT top(v, h, 2) INTO n FROM m"), "top");
}

#[test]
fn regexes_are_translated() {
    let translated = |source: &str| regex::to_rust(source).unwrap();
    assert_eq!(translated(r"^a\d+\.b$"), r"^a[0-9]+\x2Eb$");
    assert_eq!(translated(r"[a&&[\w-]"), r"[a\x26\x26\x5B[0-9A-Za-z_]\x2D]");
    assert_eq!(translated(r"\Qa.b\E*x{,2}\p{^Greek}"), r"a\x2Eb*x\x7B\x2C2\x7D\P{Greek}");
    assert_eq!(translated(r"a(?i)*"), r"a*(?i)");
    // A repetition reaches over flags, and what it repeats may be repeated already.
    assert_eq!(translated(r"a+(?i)?"), r"(?:a+)?(?i)");
    assert_eq!(translated(r"a(?i)*(?i)*b"), r"(?:a*)*(?i)(?i)b");
    assert_eq!(translated(r"x(a|b)(?i)+(?s){2}?(?i)*"), r"x(?:(?:(?:a|b)+){2}?)*(?i)(?s)(?i)");
    assert_eq!(translated(r"[ab](?i)*\d(?s)+"), r"[ab]*(?i)[0-9]+(?s)");
    assert_eq!(translated(r"(?i)(?P<n>a)(?P<n>\101)"), r"(?i)(?:a)(?:A)");
}

proptest! {
    #[test]
    fn printed_statements_parse_back(statement in generate::statement()) {
        let text = statement.to_string();
        let back = parse_query(&text, &Params::new());
        prop_assert_eq!(back, Ok(vec![statement]), "{}", text);
    }

    #[test]
    fn any_text_is_an_answer(text in "\\PC*") {
        let _ = parse_query(&text, &Params::new());
        let _ = parse_query(&format!("SELECT {text}"), &Params::new());
        let _ = regex::to_rust(&text);
    }

    #[test]
    fn regexes_accepted_compile(source in r"([a-c]|\\[dDwWsSbBAzQE.nx1]|[\[\](){}|*+?^$.,:1-3-]|\[:word:\]|\(\?i\))*") {
        if let Ok(rust) = regex::to_rust(&source) {
            prop_assert!(regex_syntax::parse(&rust).is_ok(), "{} became {}", source, rust);
        }
    }

    #[test]
    fn damaged_statements_are_an_answer(statement in generate::statement(), at in 0..500_usize, insert in "\\PC{0,3}") {
        let mut text: Vec<char> = statement.to_string().chars().collect();
        let at = at % (text.len() + 1);
        text.splice(at..(at + 1).min(text.len()), insert.chars());
        if let Ok(statements) = parse_query(&text.into_iter().collect::<String>(), &Params::new()) {
            let _ = print_query(&statements);
        }
    }
}
