//! Asking over HTTP: where statements come from, and how answers are sent.

use super::{said, server};
use std::fmt::Write as _;
use testkit::{encode, gunzip};

const ANSWER: &str = "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\"values\":[[\"1970-01-01T00:00:00.000000001Z\",1]]}]}]}\n";

#[test]
fn where_statements_come_from() {
    let server = server();
    let client = server.client();
    let statement = encode("SELECT v FROM m");
    assert_eq!(said(&client.get(&format!("/query?db=d&q={statement}"))), (200, ANSWER.to_owned()));
    assert_eq!(
        said(&client.request("POST", &format!("/query?db=d&q={statement}"), &[], b"").unwrap()),
        (200, ANSWER.to_owned())
    );
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = format!("db=d&q={statement}");
    assert_eq!(said(&client.request("POST", "/query", &form, body.as_bytes()).unwrap()), (200, ANSWER.to_owned()));
    let form = [("Content-Type", "multipart/form-data; boundary=XX")];
    let body =
        "--XX\r\nContent-Disposition: form-data; name=\"q\"; filename=\"q.txt\"\r\n\r\nSELECT v FROM m\r\n--XX--\r\n";
    assert_eq!(said(&client.request("POST", "/query?db=d", &form, body.as_bytes()).unwrap()), (200, ANSWER.to_owned()));
    let none = (400, "{\"error\":\"missing required parameter \\\"q\\\"\"}\n".to_owned());
    assert_eq!(said(&client.get("/query?db=d")), none);
    assert_eq!(said(&client.request("POST", "/query?db=d", &[], b"q=SHOW+DATABASES").unwrap()), none);
    assert_eq!(client.get("/query?db=d&q=SELECT+v+FROM+m;SELECT+v+FROM+m").status, 200, "a raw semicolon in the URL");
}

#[test]
fn errors() {
    let server = server();
    let client = server.client();
    let parse =
        "{\"error\":\"error parsing query: found EOF, expected identifier, string, number, bool at line 1, char 8\"}\n";
    assert_eq!(said(&client.query("db=d", "SELECT ")), (400, parse.to_owned()));
    let unknown = "{\"results\":[{\"statement_id\":0,\"error\":\"database not found: nope\"}]}\n";
    assert_eq!(said(&client.query("db=nope", "SELECT v FROM m")), (200, unknown.to_owned()));
    let none = "{\"results\":[{\"statement_id\":0}]}\n";
    assert_eq!(said(&client.query("db=d", "SELECT v FROM nosuch")), (200, none.to_owned()));
}

#[test]
fn answers_are_gzipped_on_request() {
    let server = server();
    let lines: String = (0..2_000).fold(String::new(), |mut out, at| {
        let _ = writeln!(out, "many v={at} {at}");
        out
    });
    assert_eq!(server.client().write("db=d", lines.as_bytes()).status, 204);
    let target = format!("/query?db=d&q={}", encode("SELECT v FROM many"));
    let plain = server.client().get(&target);
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("transfer-encoding"), Some("chunked"));
    let zipped = server.client().request("GET", &target, &[("Accept-Encoding", "gzip")], b"").unwrap();
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert!(zipped.body.len() < plain.body.len() / 2);
    assert_eq!(gunzip(&zipped.body).unwrap(), plain.body);
}

#[test]
fn many_rows_in_chunks() {
    let server = server();
    let rows = 25_000;
    let lines: String = (0..rows).fold(String::new(), |mut out, at| {
        let _ = writeln!(out, "many v={at} {at}");
        out
    });
    assert_eq!(server.client().write("db=d", lines.as_bytes()).status, 204);
    let reply = server.client().query("db=d&chunked=true&epoch=ns", "SELECT v FROM many");
    let documents = testkit::Json::read_all(&reply.text()).unwrap();
    assert_eq!(documents.iter().map(|document| document.rows().len()).collect::<Vec<_>>(), [10_000, 10_000, 5_000]);
    let all: Vec<_> = documents.iter().flat_map(|document| document.rows().to_vec()).collect();
    assert!(all.iter().enumerate().all(|(at, row)| row.to_string() == format!("[{at},{at}]")));
}

#[test]
fn http_1_0_and_close() {
    use std::io::{Read, Write};
    let server = server();
    let mut stream = server.client().connect().unwrap();
    stream.write_all(b"POST /write?db=d HTTP/1.0\r\nContent-Length: 9\r\n\r\nold v=1 1").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 204 ") || answer.starts_with("HTTP/1.1 204 "), "{answer}");
    let reply = server.client().request("GET", "/ping", &[("Connection", "close")], b"").unwrap();
    assert_eq!(reply.status, 204);
}
