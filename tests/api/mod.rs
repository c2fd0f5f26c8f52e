//! What holds of the HTTP API beside the answers of statements: status codes, headers, bodies, and that nothing a client
//! sends takes the server down.

mod auth;
mod csv;
mod ends;
mod explain;
mod hostile;
mod limits;
mod msgpack;
mod query;
mod short;
mod status;
mod v2;
mod write;

use testkit::{Alluvium, Reply};

/// A server with database `d` and one point.
fn server() -> Alluvium {
    server_with(&[])
}

fn server_with(settings: &[testkit::Setting<'_>]) -> Alluvium {
    let server = crate::start(settings);
    assert_eq!(server.client().query("", "CREATE DATABASE d").status, 200);
    assert_eq!(said(&server.client().write("db=d", b"m,h=a v=1 1")), (204, String::new()), "{}", server.log());
    server
}

/// The server still takes writes and answers queries.
fn still_serves(server: &Alluvium) {
    let client = testkit::Client::new(server.client().address());
    assert_eq!(client.get("/ping").status, 204);
    assert_eq!(client.write("db=d", b"alive v=1 1").status, 204);
    let text = client.query("db=d", "SELECT v FROM alive").text();
    assert!(text.contains(r#""values":[["1970-01-01T00:00:00.000000001Z",1]]"#), "{text}");
}

/// The answer's status and body.
fn said(reply: &Reply) -> (u16, String) {
    (reply.status, reply.text())
}
