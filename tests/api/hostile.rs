//! Clients that mean harm or are broken: afterwards the server serves as before.

use super::{server, server_with, still_serves};
use std::io::{Read, Write};
use std::time::{Duration, Instant};
use testkit::encode;

#[test]
fn nested_ten_thousand_deep() {
    let server = server();
    let client = server.client();
    let (open, close) = ("(".repeat(10_000), ")".repeat(10_000));
    let statements = [
        format!("SELECT v FROM m WHERE {open}v > 1{close}"),
        format!("SELECT {open}v{close} FROM m"),
        format!("SELECT v FROM {}m{close}", "(SELECT v FROM ".repeat(10_000)),
        format!("SELECT {}v{close} FROM m", "abs(".repeat(10_000)),
        format!("SELECT {}1 FROM m", "-".repeat(10_000)),
        format!("SELECT v FROM m WHERE {open}"),
        format!("SELECT v{} FROM m", " + v".repeat(10_000)),
        format!("SELECT v FROM m WHERE v = 1{}", " OR v = 1".repeat(10_000)),
        format!("SELECT v FROM m WHERE v = 1{}", " AND h = 'a'".repeat(10_000)),
    ];
    for statement in statements {
        let reply = client.query("db=d", &statement);
        assert!(matches!(reply.status, 200 | 400), "{:.60}: {}", statement, reply.status);
    }
    let deep = format!("{{\"x\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let reply = client.query(&format!("db=d&params={}", encode(&deep)), "SELECT v FROM m");
    assert!(matches!(reply.status, 200 | 400 | 414 | 431), "{reply:?}");
    still_serves(&server);
}

#[test]
fn regular_expressions_that_explode() {
    let server = server();
    let client = server.client();
    let lines: Vec<String> =
        (0..50).map(|at| format!("m,h={}{at} s=\"{}\" 1", "a".repeat(60), "a".repeat(200))).collect();
    assert_eq!(client.write("db=d", lines.join("\n").as_bytes()).status, 204);
    let patterns = [
        "(a+)+$",
        "(a|a)*b",
        "(a{1000}){1000}",
        "((a{100}){100}){100}",
        "a{0,100000}",
        "(?:a?){60}a{60}",
        "\\pL{500}{500}",
    ];
    for pattern in patterns {
        for statement in
            [format!("SELECT s FROM m WHERE h =~ /{pattern}/"), format!("SELECT s FROM m WHERE s =~ /{pattern}/")]
        {
            let from = Instant::now();
            let reply = client.query("db=d", &statement);
            assert!(matches!(reply.status, 200 | 400), "{statement}: {}", reply.status);
            assert!(from.elapsed() < Duration::from_secs(10), "{statement} took {:?}", from.elapsed());
        }
    }
    still_serves(&server);
}

#[test]
fn half_a_request() {
    let server = server();
    let halves: [&[u8]; 6] = [
        b"POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf v=1 1\n",
        b"POST /write?db=d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nhalf v=1 1\n",
        b"POST /write?db=d HTTP/1.1\r\nHo",
        b"GET",
        b"POST /query HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nq=DROP",
        b"",
    ];
    for half in halves {
        let mut stream = server.client().connect().unwrap();
        stream.write_all(half).unwrap();
        drop(stream);
    }
    std::thread::sleep(Duration::from_millis(200));
    let text = server.client().query("db=d", "SELECT v FROM half").text();
    assert_eq!(text, "{\"results\":[{\"statement_id\":0}]}\n", "half a body is not written");
    still_serves(&server);
}

#[test]
fn garbage() {
    let server = server();
    let mut random = testkit::Random::new(5);
    let mut bytes = vec![0u8; 4_000];
    bytes.iter_mut().for_each(|byte| *byte = random.bits().to_le_bytes()[0]);
    let pieces: [&[u8]; 6] = [
        &bytes,
        b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n\x00\x01\x02garbage\r\n\r\nGET /ping HTTP/1.1\r\n\r\n",
        b"POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /write?db=d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
        b"POST /write?db=d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
    ];
    for piece in pieces {
        let mut stream = server.client().connect().unwrap();
        let _ = stream.write_all(piece); // the server may hang up first
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer); // whatever it says
    }
    let long = format!("/query?db=d&q={}", "x".repeat(1 << 20));
    if let Ok(reply) = server.client().request("GET", &long, &[], b"") {
        assert!((400..500).contains(&reply.status), "{}", reply.status);
    }
    still_serves(&server);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = server();
    let mut stream = server.client().connect().unwrap();
    let mut all = String::new();
    for at in 0..20 {
        all += &format!(
            "POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\npipe v={at} {at}",
            format!("pipe v={at} {at}").len()
        );
    }
    all += "GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(all.as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 204").count(), 21, "{answers}");
    let text = server.client().query("db=d", "SELECT count(v) FROM pipe").text();
    assert!(text.contains(",20]]"), "{text}");
}

#[test]
fn bad_utf8_in_statements() {
    let server = server();
    let client = server.client();
    for target in [
        "/query?db=d&q=SELECT+%FF%FE+FROM+m",
        "/query?db=d&q=SELECT+v+FROM+%22%C3%28%22",
        "/query?db=%FF&q=SHOW+MEASUREMENTS",
        "/query?db=d&q=%",
        "/query?db=d&q=%zz",
    ] {
        let reply = client.get(target);
        assert!(matches!(reply.status, 200 | 400), "{target}: {}", reply.status);
        assert!(String::from_utf8(reply.body.clone()).is_ok(), "{target}");
    }
    still_serves(&server);
}

#[test]
fn an_answer_that_nobody_reads() {
    let server = server();
    let lines: Vec<String> = (0..200_000).map(|at| format!("many v={at} {at}")).collect();
    assert_eq!(server.client().write("db=d", lines.join("\n").as_bytes()).status, 204);
    let target = format!("/query?db=d&q={}", encode("SELECT v FROM many"));
    for _ in 0..10 {
        let mut stream = server.client().connect().unwrap();
        stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
        drop(stream);
    }
    still_serves(&server);
}

#[test]
fn rows_that_are_refused_by_the_hundred_thousand() {
    const ROWS: usize = 200_000;
    let server = server();
    let client = server.client();
    let gzipped = [("Content-Encoding", "gzip")];
    let write = |lines: &str| {
        let reply = client.request("POST", "/write?db=d", &gzipped, &testkit::gzip(lines.as_bytes())).unwrap();
        (reply.status, reply.text())
    };
    let (status, text) = write(&"m,a=1,a=1 v=1\n".repeat(ROWS));
    let line = "unable to parse 'm,a=1,a=1 v=1': duplicate tags";
    assert_eq!(status, 400);
    assert!(text.starts_with(&format!("{{\"error\":\"{line}\\n{line}\\n")), "{:.200}", text);
    assert!(text.len() < 5 << 20, "{} bytes", text.len());
    let told = text.matches(line).count();
    let end = format!("\\n{} more lines that are no points\"}}\n", ROWS - told);
    assert!(told > 1_000 && text.ends_with(&end), "{told}: {}", &text[text.len() - 100..]);
    let (status, text) = write(&"m,h=a v=\"text\" 1\n".repeat(ROWS));
    let conflict = "partial write: field type conflict: input field \\\"v\\\" on measurement \\\"m\\\" is type string, already \
                    exists as type float";
    let wanted = format!("{{\"error\":\"{conflict} dropped={ROWS} for database: d for retention policy: autogen\"}}\n");
    assert_eq!((status, text), (400, wanted));
    still_serves(&server);
}

#[test]
fn clients_that_announce_much_and_send_nothing() {
    let server = server();
    let head = "Host: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 25000000\r\n\r\n";
    let silent: Vec<_> = (0..60)
        .map(|at| {
            let target = if at % 2 == 0 { "/write?db=d" } else { "/query?db=d" };
            let mut stream = server.client().connect().unwrap();
            stream.write_all(format!("POST {target} HTTP/1.1\r\n{head}").as_bytes()).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(200));
    still_serves(&server);
    assert_eq!(server.client().query("db=d", "SELECT v FROM m").status, 200);
    drop(silent);
}

#[test]
fn statements_without_end() {
    let server = server_with(&[("ALLUVIUM_INFLIGHT_BODY_MEMORY", "64m")]);
    let client = server.client();
    let form = |text: &str| format!("db=d&q={}", encode(text));
    let ask = |text: &str| {
        let kind = [("Content-Type", "application/x-www-form-urlencoded")];
        client.request("POST", "/query", &kind, form(text).as_bytes()).unwrap()
    };
    // Parsed elsewhere, and answered all the same.
    let long = format!("SELECT v FROM m WHERE h = 'a'{}", " OR h = 'b'".repeat(3_000));
    let reply = ask(&long);
    assert_eq!(
        (reply.status, reply.text().contains("\"values\":[[\"1970-01-01T00:00:00.000000001Z\",1]]")),
        (200, true)
    );
    let broken = ask(&format!("SELECT {} FROM", "a,".repeat(20_000)));
    assert_eq!(broken.status, 400);
    assert!(broken.text().starts_with("{\"error\":\"error parsing query: "), "{:.200}", broken.text());
    // What is parsed of it would never fit.
    let endless = ask(&format!("SELECT a{} FROM m", ",a".repeat(2_000_000)));
    assert_eq!((endless.status, endless.text()), (413, "{\"error\":\"Request Entity Too Large\"}\n".to_owned()));
    still_serves(&server);
}
