//! Answers in MessagePack that are long: a list tells first how many it has, so they are held back until they are whole, and what that
//! takes is bounded. What they say is in `scripts/msgpack.txt`.

use super::{server_with, still_serves};
use testkit::{Alluvium, Reply, gunzip};

const ROWS: usize = 100_000;

fn filled(settings: &[testkit::Setting<'_>]) -> Alluvium {
    let server = server_with(settings);
    let lines: String = (0..ROWS).map(|row| format!("long v={row} {row}\n")).collect();
    assert_eq!(server.client().write("db=d", lines.as_bytes()).status, 204);
    server
}

fn ask(server: &Alluvium, parameters: &str, accept: &str, coding: &str) -> Reply {
    let target = format!("/query?db=d&{parameters}&q=SELECT%20v%20FROM%20long%3BSELECT%20v%20FROM%20m");
    server.client().request("GET", &target, &[("Accept", accept), ("Accept-Encoding", coding)], b"").unwrap()
}

#[test]
fn a_long_answer_is_whole() {
    let server = filled(&[]);
    let plain = ask(&server, "", "application/x-msgpack", "identity");
    assert_eq!(plain.header("content-type"), Some("application/x-msgpack"));
    // A row is the head of a list of two, an instant of 15 bytes and a float of 9.
    let (row, count) = (25, [&b"\xa6values\xdd"[..], &100_000_u32.to_be_bytes()].concat());
    let begin = plain.body.windows(count.len()).position(|bytes| bytes == count).unwrap() + count.len();
    let (rows, rest) = plain.body[begin..].split_at(ROWS * row);
    assert!(rows.chunks(row).all(|row| row.starts_with(b"\x92\xc7\x0c\x05") && row[16] == 0xcb));
    assert!(rest.starts_with(b"\x82\xacstatement_id\x01"), "the next statement follows");
    let packed = ask(&server, "", "application/x-msgpack", "gzip");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < plain.body.len() && gunzip(&packed.body).unwrap() == plain.body);
}

#[test]
fn what_is_held_back_is_bounded() {
    let server = filled(&[("ALLUVIUM_ONE_QUERY_MEMORY", "2m")]);
    let short = ask(&server, "", "application/x-msgpack", "identity");
    let text: String = short.text().chars().take(400).collect();
    assert_eq!(short.status, 200);
    assert!(text.contains("query memory limit exceeded: memory budget `answer` is used up"), "{text}");
    assert!(short.body.len() < 300 && text.ends_with("not executed"), "{text}");
    let pretty = ask(&server, "pretty=true", "application/json", "identity").text();
    assert!(pretty.contains("memory budget `answer` is used up"), "{} bytes", pretty.len());
    // Nothing is held back of these.
    let chunked = ask(&server, "chunked=true", "application/x-msgpack", "identity");
    assert!(chunked.body.len() > ROWS * 25 && !chunked.text().contains("exceeded"));
    let json = ask(&server, "", "application/json", "identity").text();
    assert!(json.ends_with("]]}]}]}\n") && json.len() > ROWS * 20);
    still_serves(&server);
}
