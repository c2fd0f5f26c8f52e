//! Authentication: who is let in, by what, and what they may do. Statuses, texts and headers are those of InfluxDB 1.13.2 started
//! with the same settings.

use super::said;
use testkit::{Alluvium, Reply, encode};

const ON: (&str, &str) = ("ALLUVIUM_HTTP_AUTH_ENABLED", "true");
const SECRET: (&str, &str) = ("INFLUXDB_HTTP_SHARED_SECRET", "0123456789abcdef0123456789abcdef");
const NOBODY: &str = r#"{"error":"unable to parse authentication credentials"}"#;
const WRONG: &str = r#"{"error":"authorization failed"}"#;
const DONE: &str = r#"{"results":[{"statement_id":0}]}"#;

/// `{"username":"root","exp":4102444800}` under the secret above: until 2100.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VybmFtZSI6InJvb3QiLCJleHAiOjQxMDI0NDQ4MDB9.-PuihCDWgRfU4AWkC_hqvf8zrHPzLrbvDWAIwtvwavc";

fn ask(server: &Alluvium, authorization: &str, parameters: &str, statements: &str) -> Reply {
    let target = format!("/query?{parameters}&q={}", encode(statements));
    let headers = [("Authorization", authorization)];
    let headers = if authorization.is_empty() { &[][..] } else { &headers[..] };
    server.client().request("POST", &target, headers, b"").expect("an answer")
}

/// Status and body without the line feed.
fn told(reply: &Reply) -> (u16, String) {
    (reply.status, reply.text().trim_end().to_owned())
}

/// A server with an administrator, `d` and `e`, and users who may read, write, or neither.
fn server(settings: &[(&str, &str)]) -> Alluvium {
    let server = crate::start(settings);
    let root = "CREATE USER root WITH PASSWORD 'p' WITH ALL PRIVILEGES";
    assert_eq!(told(&ask(&server, "", "", root)), (200, DONE.to_owned()), "the first administrator needs no login");
    let made = "CREATE DATABASE d; CREATE DATABASE e; CREATE USER r WITH PASSWORD 'p'; CREATE USER w WITH PASSWORD 'p'; \
        CREATE USER n WITH PASSWORD 'p'; GRANT READ ON d TO r; GRANT WRITE ON d TO w";
    let reply = ask(&server, "Token root:p", "", made);
    assert!(reply.status == 200 && !reply.text().contains("error"), "{}", reply.text());
    server
}

fn refused(reply: &Reply, text: &str, what: &str) {
    assert_eq!(told(reply), (401, text.to_owned()), "{what}");
    assert_eq!(reply.header("www-authenticate"), Some("Basic realm=\"InfluxDB\""), "{what}");
    assert_eq!(reply.header("x-influxdb-error"), None, "{what}");
}

#[test]
fn before_the_first_administrator_nothing_else_is_allowed() {
    let server = crate::start(&[ON]);
    let first = r#"{"error":"error authorizing query: create admin user first or disable authentication"}"#;
    for (authorization, statement) in [
        ("", "SHOW DATABASES"),
        ("Token a:b", "CREATE DATABASE d"),
        ("", "CREATE USER x WITH PASSWORD 'p'"),
        ("", "CREATE DATABASE d; CREATE USER x WITH PASSWORD 'p' WITH ALL PRIVILEGES"),
    ] {
        assert_eq!(told(&ask(&server, authorization, "", statement)), (403, first.to_owned()), "{statement}");
    }
    assert_eq!(server.client().write("db=d", b"m v=1").status, 404);
    assert_eq!(said(&ask(&server, "", "", "CREATE USER x WITH PASSWORD 'p' WITH ALL PRIVILEGES")).0, 200);
    refused(&ask(&server, "", "", "CREATE USER y WITH PASSWORD 'p' WITH ALL PRIVILEGES"), NOBODY, "the second one");
    // The last administrator is gone: as in InfluxDB, nobody is let in any more.
    assert_eq!(ask(&server, "Token x:p", "", "REVOKE ALL FROM x").status, 200);
    let none = r#"{"error":"error authorizing query: no user provided"}"#;
    assert_eq!(told(&ask(&server, "Token x:p", "", "SHOW DATABASES")), (403, none.to_owned()));
}

#[test]
fn credentials() {
    let server = server(&[ON, SECRET]);
    let users = |reply: &Reply| reply.status == 200 && reply.text().contains("[\"root\",true]");
    for header in ["Basic cm9vdDpw", "basic cm9vdDpw", "Token root:p"] {
        assert!(users(&ask(&server, header, "", "SHOW USERS")), "{header}");
    }
    assert!(users(&ask(&server, "", "u=root&p=p", "SHOW USERS")));
    assert!(users(&ask(&server, "Token root:x", "u=root&p=p", "SHOW USERS")), "the URL goes first");
    for header in
        ["", "Basic", "Basic xx", "Basic cm9vdA==", "Token", "Token root", "token root:p", "Foo bar", "bearer x"]
    {
        refused(&ask(&server, header, "", "SHOW USERS"), NOBODY, header);
        refused(&ask(&server, header, "u=root", "SHOW FOO"), NOBODY, header);
    }
    for header in ["Token root:x", "Token root:", "Token root:p:q", "Token nobody:p", "Basic cm9vdDp4"] {
        refused(&ask(&server, header, "", "SHOW USERS"), WRONG, header);
    }
    refused(&ask(&server, "Token :p", "", "SHOW USERS"), r#"{"error":"username required"}"#, "no name");
    refused(&ask(&server, "Token root:p", "u=root&p=x", "SHOW USERS"), WRONG, "the URL goes first");
    let csv = server.client().request("GET", "/query?q=SHOW+USERS", &[("Accept", "application/csv")], b"").unwrap();
    assert_eq!(said(&csv), (401, "error\nunable to parse authentication credentials\n".to_owned()));
    // A form in the body holds no credentials.
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let reply = server.client().request("POST", "/query", &form, b"q=SHOW+USERS&u=root&p=p").unwrap();
    refused(&reply, NOBODY, "form");
    assert!(!server.log().contains("p=p"), "{}", server.log());
}

#[test]
fn tokens() {
    let server = server(&[ON, SECRET]);
    let bearer = |token: &str| ask(&server, &format!("Bearer {token}"), "", "SHOW USERS");
    assert_eq!(bearer(TOKEN).status, 200);
    let (signed, _) = TOKEN.rsplit_once('.').unwrap();
    refused(&bearer(&format!("{signed}.AAAA")), r#"{"error":"signature is invalid"}"#, "another signature");
    refused(&bearer("x"), r#"{"error":"token contains an invalid number of segments"}"#, "no token");
    let none = "eyJhbGciOiJub25lIn0.eyJ1c2VybmFtZSI6InJvb3QiLCJleHAiOjQxMDI0NDQ4MDB9.";
    refused(&bearer(none), r#"{"error":"unexpected signing method: none"}"#, "not signed");
    assert_eq!(ask(&server, "Token root:p", "", "DROP USER root").status, 200);
}

#[test]
fn tokens_need_a_secret() {
    let server = server(&[ON]);
    let reply = ask(&server, &format!("Bearer {TOKEN}"), "", "SHOW USERS");
    refused(&reply, r#"{"error":"bearer auth disabled"}"#, "no secret");
}

#[test]
fn privileges_are_checked_before_anything_runs() {
    let server = server(&[ON]);
    let db = "db=d";
    let told = |user: &str, statements: &str| told(&ask(&server, &format!("Token {user}:p"), db, statements));
    let lacks = |user: &str, statement: &str, what: &str| {
        let text = format!(
            "error authorizing query: {user} not authorized to execute statement '{statement}', requires {what}"
        );
        (403, format!("{{\"error\":\"{text}\"}}"))
    };
    assert_eq!(told("r", "SELECT v FROM m"), (200, DONE.to_owned()));
    assert_eq!(told("n", "SELECT v FROM m"), lacks("n", "SELECT v FROM m", "READ on d"));
    assert_eq!(told("r", "SELECT v FROM e..m"), lacks("r", "SELECT v FROM e..m", "READ on e"));
    assert_eq!(told("r", "SELECT v INTO x FROM m"), lacks("r", "SELECT v INTO x FROM m", "WRITE on d"));
    assert_eq!(told("w", "DELETE FROM m"), (200, DONE.to_owned()));
    assert_eq!(told("r", "DELETE FROM m"), lacks("r", "DELETE FROM m", "WRITE on d"));
    assert_eq!(told("w", "DROP MEASUREMENT m"), lacks("w", "DROP MEASUREMENT m", "admin privilege"));
    let hidden = "SET PASSWORD FOR r = [REDACTED]";
    assert_eq!(told("r", "SET PASSWORD FOR r = 'secret'"), lacks("r", hidden, "admin privilege"));
    assert_eq!(told("w", "DROP SERIES FROM m; DROP DATABASE d"), lacks("w", "DROP DATABASE d", "admin privilege"));
    let databases = |names: &str| {
        (200, DONE.replace("0}", &format!("0,\"series\":[{{\"name\":\"databases\",\"columns\":[\"name\"]{names}}}]}}")))
    };
    assert_eq!(told("n", "SHOW DATABASES"), databases(""));
    assert_eq!(told("w", "SHOW DATABASES"), databases(",\"values\":[[\"d\"]]"));
    assert_eq!(told("root", "SHOW DATABASES"), databases(",\"values\":[[\"d\"],[\"e\"]]"));
    let queries = told("r", "SHOW QUERIES").1;
    assert!(queries.contains("[\"127.0.0.1\",") && queries.contains(",\"running\",\"r\"]"), "{queries}");
    assert!(!server.log().contains("secret"), "{}", server.log());
}

#[test]
fn writes_need_write() {
    let server = server(&[ON]);
    let write = |user: &str, target: &str| {
        let authorization = format!("Token {user}:p");
        let headers = [("Authorization", authorization.as_str())];
        let headers = if user.is_empty() { &[][..] } else { &headers[..] };
        server.client().request("POST", target, headers, b"m v=1").unwrap()
    };
    for target in ["/write?db=d", "/api/v2/write?bucket=d/autogen"] {
        for (user, status) in [("root", 204), ("w", 204), ("r", 403), ("n", 403), ("", 401)] {
            assert_eq!(write(user, target).status, status, "{target} {user}");
        }
        let reply = write("r", target);
        assert_eq!(told(&reply).1, r#"{"error":"\"r\" user is not authorized to write to database \"d\""}"#);
        assert_eq!(reply.header("x-influxdb-error"), Some("\"r\" user is not authorized to write to database \"d\""));
    }
    assert_eq!(write("w", "/write?db=d&u=w&p=p").status, 204);
    assert_eq!((write("r", "/write?db=nosuch").status, write("", "/write?db=nosuch").status), (404, 401));
    assert_eq!(
        (write("r", "/write?db=d&precision=foo").status, write("r", "/write?db=d&rp=nosuch").status),
        (400, 403)
    );
    assert_eq!(write("w", "/api/v2/query").status, 403);
    assert_eq!(write("", "/api/v2/query").status, 401);
}

#[test]
fn what_is_open() {
    let server = server(&[ON]);
    for (target, status) in
        [("/ping", 204), ("/status", 204), ("/health", 200), ("/metrics", 200), ("/debug/vars", 200), ("/nosuch", 404)]
    {
        assert_eq!(server.client().get(target).status, status, "{target}");
    }
    assert_eq!(server.client().request("OPTIONS", "/query", &[], b"").unwrap().status, 200);
    let closed = self::server(&[ON, ("ALLUVIUM_HTTP_PING_AUTH_ENABLED", "true")]);
    for (target, status) in [("/ping", 204), ("/status", 204), ("/health", 200), ("/metrics", 200)] {
        refused(&closed.client().get(target), NOBODY, target);
        let reply = closed.client().request("GET", target, &[("Authorization", "Token n:p")], b"").unwrap();
        assert_eq!(reply.status, status, "{target}");
    }
    assert_eq!(closed.client().get("/debug/vars").status, 200);
}

#[test]
fn a_password_that_is_known_costs_little() {
    let server = server(&[ON]);
    let took = |header: &str, status: u16, times: u32| {
        let begin = std::time::Instant::now();
        for _ in 0..times {
            assert_eq!(ask(&server, header, "db=d", "SELECT v FROM m").status, status);
        }
        begin.elapsed() / times
    };
    let first = took("Token r:p", 200, 1);
    let (known, wrong) = (took("Token r:p", 200, 100), took("Token r:x", 401, 10));
    assert!(known * 3 < wrong, "first {first:?}, known {known:?}, wrong {wrong:?}");
}

#[test]
fn version_two_asks_as_version_one_does() {
    let server = server(&[ON]);
    let client = server.client();
    let send = |authorization: &str, method: &str, target: &str, body: &str| {
        let headers = [("Authorization", authorization)];
        let headers = if authorization.is_empty() { &[][..] } else { &headers[..] };
        client.request(method, target, headers, body.as_bytes()).expect("an answer")
    };
    let delete = "/api/v2/delete?bucket=d";
    let rows = r#"{"start":"1970-01-01T00:00:00Z","stop":"1970-01-02T00:00:00Z"}"#;
    assert_eq!(client.write("db=d&u=w&p=p", b"m v=1 1").status, 204);
    for (target, method, body) in
        [(delete, "POST", rows), ("/api/v2/buckets", "GET", ""), ("/api/v2/buckets/d%2Fautogen", "DELETE", "")]
    {
        refused(&send("", method, target, body), NOBODY, target);
        refused(&send("Token w:x", method, target, body), WRONG, target);
    }
    assert_eq!(send("Token r:p", "POST", delete, rows).status, 403);
    assert_eq!(send("Token w:p", "POST", "/api/v2/buckets", r#"{"name":"d/x"}"#).status, 403);
    assert!(ask(&server, "Token r:p", "db=d", "SELECT v FROM m").text().contains("series"));
    assert_eq!(send("Token w:p", "POST", delete, rows).status, 200);
    assert!(!ask(&server, "Token r:p", "db=d", "SELECT v FROM m").text().contains("series"));
    let seen = |authorization: &str| {
        let text = send(authorization, "GET", "/api/v2/buckets", "").text();
        ["d/autogen", "e/autogen"].map(|name| text.contains(&format!("\"name\":\"{name}\"")))
    };
    assert_eq!((seen("Token root:p"), seen("Token r:p"), seen("Token n:p")), ([true; 2], [true, false], [false; 2]));
    assert_eq!(send("Token root:p", "POST", "/api/v2/buckets", r#"{"name":"d/x"}"#).status, 201);
}
