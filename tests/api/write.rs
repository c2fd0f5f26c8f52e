//! Writing over HTTP: statuses, gzip, chunked bodies, limits, bytes that are no text.

use super::{said, server, server_with, still_serves};
use std::io::{Read, Write};
use testkit::gzip;

const CHUNKED: &[(&str, &str)] = &[("Transfer-Encoding", "chunked")];

fn chunks(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

#[test]
fn statuses() {
    let server = server();
    let client = server.client();
    assert_eq!(said(&client.write("db=d", b"m v=1 1")), (204, String::new()));
    assert_eq!(said(&client.write("db=d", b"")), (204, String::new()));
    assert_eq!(client.write("db=d&precision=&rp=&consistency=", b"m v=1 1").status, 204);
    assert_eq!(said(&client.write("", b"m v=1 1")), (400, "{\"error\":\"database is required\"}\n".to_owned()));
    let unknown = "{\"error\":\"database not found: \\\"nope\\\"\"}\n".to_owned();
    assert_eq!(said(&client.write("db=nope", b"m v=1 1")), (404, unknown));
    let policy = "{\"error\":\"retention policy not found: nope\"}\n".to_owned();
    assert_eq!(said(&client.write("db=d&rp=nope", b"m v=1 1")), (500, policy));
    for kind in ["text/plain", "application/json", "application/octet-stream", ""] {
        let reply = client.request("POST", "/write?db=d", &[("Content-Type", kind)], b"m v=1 1").unwrap();
        assert_eq!(reply.status, 204, "{kind}");
    }
}

#[test]
fn gzip_and_chunked_bodies() {
    let server = server();
    let client = server.client();
    let zipped = gzip(b"z v=1 1\nz v=2 2");
    let gzipped = [("Content-Encoding", "gzip")];
    assert_eq!(client.request("POST", "/write?db=d", &gzipped, &zipped).unwrap().status, 204);
    let body = chunks(&[b"z v=3", b" 3\nz v=4 4\n", b"z v=5 5"]);
    assert_eq!(client.request("POST", "/write?db=d", CHUNKED, &body).unwrap().status, 204);
    let zipped = gzip(b"z v=6 6");
    let body = chunks(&[&zipped[..7], &zipped[7..]]);
    let both = [("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")];
    assert_eq!(client.request("POST", "/write?db=d", &both, &body).unwrap().status, 204);
    let text = client.query("db=d", "SELECT count(v), sum(v) FROM z").text();
    assert!(text.contains("[[\"1970-01-01T00:00:00Z\",6,21]]"), "{text}");
}

#[test]
fn broken_gzip() {
    let server = server();
    let client = server.client();
    let gzipped = [("Content-Encoding", "gzip")];
    let whole = gzip(&b"z v=1 1\n".repeat(1_000));
    let mut flipped = whole.clone();
    let last = flipped.len() - 6;
    flipped[last] ^= 0x55;
    for (what, body) in
        [("text", b"z v=1 1".as_slice()), ("empty", b""), ("cut", &whole[..whole.len() / 2]), ("flipped", &flipped)]
    {
        let reply = client.request("POST", "/write?db=d", &gzipped, body).unwrap();
        assert_eq!(reply.status, 400, "{what}: {}", reply.text());
        assert!(reply.text().starts_with("{\"error\":"), "{what}: {}", reply.text());
    }
    assert_eq!(client.query("db=d", "SELECT v FROM z").text(), "{\"results\":[{\"statement_id\":0}]}\n");
    still_serves(&server);
}

/// As InfluxDB does: gzip is all that is unpacked, what else a client says of its body is not heeded.
#[test]
fn other_encodings_are_not_heeded() {
    let server = server();
    let sent = |encoding: &str, body: &[u8]| {
        server.client().request("POST", "/write?db=d", &[("Content-Encoding", encoding)], body).unwrap()
    };
    for encoding in ["zstd", "deflate", "identity", "gzip, zstd"] {
        assert_eq!(sent(encoding, b"e v=1 1").status, 204, "{encoding}");
    }
    let packed = sent("zstd", b"\x28\xb5\x2f\xfd\x04\x00\x39\x00\x00e v=1 1\x00\x00\x00\x00");
    assert_eq!(packed.status, 400, "{}", packed.text());
    assert!(packed.text().contains("unable to parse"), "{}", packed.text());
}

#[test]
fn bodies_over_the_limit() {
    let server = server();
    let line = b"big,host=a value=1.5 1000\n";
    let body = line.repeat((100 << 20) / line.len());
    let reply = server.client().request("POST", "/write?db=d", &[], &body);
    if let Ok(reply) = reply {
        assert_eq!(said(&reply), (413, "{\"error\":\"Request Entity Too Large\"}\n".to_owned()));
    }
    let mut stream = server.client().connect().unwrap();
    let head = format!("POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 100 << 20);
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413", "told before the body is sent");
    let text = server.client().query("db=d", "SELECT count(value) FROM big").text();
    assert_eq!(text, "{\"results\":[{\"statement_id\":0}]}\n");
    still_serves(&server);
}

#[test]
fn small_limits_hold_for_chunked_and_gzip() {
    let server = server_with(&[("ALLUVIUM_HTTP_MAX_BODY_SIZE", "10000"), ("ALLUVIUM_MAX_INFLATED_BODY_SIZE", "50000")]);
    let client = server.client();
    let body = b"m,host=a value=1.5 1000\n".repeat(1_000);
    assert_eq!(client.write("db=d", &body[..9_600]).status, 204);
    assert_eq!(client.write("db=d", &body).status, 413);
    let sent = client.request("POST", "/write?db=d", CHUNKED, &chunks(&[&body[..9_000], &body[..9_000]])).unwrap();
    assert_eq!(sent.status, 413);
    let bomb = gzip(&body.repeat(100));
    assert!(bomb.len() < 10_000_000);
    let reply = client.request("POST", "/write?db=d", &[("Content-Encoding", "gzip")], &bomb).unwrap();
    assert_eq!(reply.status, 413, "{}", reply.text());
    still_serves(&server);
}

#[test]
fn bytes_that_are_no_text() {
    let server = server();
    let client = server.client();
    let reply = client.write("db=d", b"bin\xff,t=\xfe\xfe f\xff=\"\xc3\x28\" 1\nok v=1 1\n\xff\xfe\x00\n");
    assert!(matches!(reply.status, 204 | 400), "{reply:?}");
    let all = client.query("db=d", "SELECT v FROM ok").text();
    assert!(all.contains("[[\"1970-01-01T00:00:00.000000001Z\",1]]"), "{all}");
    for statement in ["SHOW MEASUREMENTS", "SHOW SERIES", "SHOW TAG KEYS", "SHOW FIELD KEYS", "SELECT * FROM /bin/"] {
        let reply = client.query("db=d", statement);
        assert_eq!(reply.status, 200, "{statement}");
        assert!(String::from_utf8(reply.body.clone()).is_ok(), "{statement}: JSON is UTF-8");
        assert!(testkit::Json::read(&reply.text()).is_ok(), "{statement}: {}", reply.text());
    }
    still_serves(&server);
}

#[test]
fn one_point_with_very_much() {
    let server = server();
    let client = server.client();
    let many: Vec<String> = (0..5_000).map(|at| format!("f{at}={at}")).collect();
    assert_eq!(client.write("db=d", format!("wide {} 1", many.join(",")).as_bytes()).status, 204);
    let long = "x".repeat(70_000);
    let reply = client.write("db=d", format!("long,t={long} v=1 1").as_bytes());
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("max key length exceeded: "), "{}", &reply.text()[reply.text().len() - 100..]);
    let text = "y".repeat(1_000_000);
    assert_eq!(client.write("db=d", format!("long s=\"{text}\" 1").as_bytes()).status, 204);
    let got = client.query("db=d", "SELECT s FROM long").text();
    assert!(got.contains(&text), "{} bytes", got.len());
    let text = client.query("db=d", "SELECT f17, f4999 FROM wide").text();
    assert!(text.contains(",17,4999]]"), "{text}");
}

#[test]
fn errors_come_in_the_form_that_is_asked_for() {
    let server = server();
    // What InfluxDB sends: a map of one text, and a line of headings before the text.
    for (form, wanted) in [
        ("application/x-msgpack", b"\x81\xa5error\xd9\x25unable to parse 'bad': missing fields".as_slice()),
        ("application/csv", b"error\nunable to parse 'bad': missing fields\n"),
        ("text/csv", b"error\nunable to parse 'bad': missing fields\n"),
        ("application/json", b"{\"error\":\"unable to parse 'bad': missing fields\"}\n"),
        ("*/*", b"{\"error\":\"unable to parse 'bad': missing fields\"}\n"),
    ] {
        for target in ["/write?db=d", "/api/v2/write?bucket=d"] {
            let reply = server.client().request("POST", target, &[("Accept", form)], b"bad").unwrap();
            assert_eq!(
                (reply.status, reply.header("x-influxdb-error")),
                (400, Some("unable to parse 'bad': missing fields"))
            );
            assert_eq!(
                reply.header("content-type"),
                Some(if form == "*/*" { "application/json" } else { form }),
                "{target}"
            );
            assert_eq!(reply.body, wanted, "{target} {form}");
        }
    }
    let reply =
        server.client().request("POST", "/write?db=d", &[("Accept", "application/x-msgpack")], b"m v=1 1").unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (204, Some("application/x-msgpack")));
}

/// A proxy keeps connections, and passes bodies on as they come.
#[test]
fn a_connection_outlives_a_write_that_is_refused_before_its_body_came() {
    let server = server();
    let mut stream = server.client().connect().unwrap();
    for (target, status) in [
        ("/write?db=nowhere", "404 "),
        ("/write", "400 "),
        ("/api/v2/write?bucket=nowhere", "404 "),
        ("/api/v2/query", "403 "),
        ("/api/v2/delete?bucket=nowhere", "404 "),
        ("/write?db=d", "204 "),
    ] {
        write!(stream, "POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\n").unwrap();
        stream.flush().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(60));
        stream.write_all(b"m v=1 1").unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            assert_eq!(stream.read(&mut byte).unwrap(), 1, "{target}: the connection was closed");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{target}: {head}");
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |text| text.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
    }
}
