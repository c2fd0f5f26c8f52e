//! Ping, health, headers, what is not found or not allowed, and the figures that the server tells of itself.

use super::{said, server};
use testkit::{Client, Json};

#[test]
fn ping() {
    let server = server();
    let client = server.client();
    for target in
        ["/ping", "/status", "/ping?wait_for_leader=5s", "/ping?verbose=0", "/ping?verbose=false", "/ping?verbose="]
    {
        let reply = client.get(target);
        assert_eq!(said(&reply), (204, String::new()), "{target}");
        assert_eq!(reply.header("x-influxdb-version"), Some("1.13.2"), "{target}");
    }
    assert_eq!(client.request("HEAD", "/ping", &[], b"").unwrap().status, 204);
    let verbose = client.get("/ping?verbose=true");
    assert_eq!((verbose.status, verbose.text().trim_end()), (200, r#"{"version":"1.13.2"}"#));
}

#[test]
fn health() {
    let server = server();
    let reply = server.client().get("/health");
    let wanted = r#"{"checks":[],"message":"ready for queries and writes","name":"influxdb","status":"pass","version":"1.13.2"}"#;
    assert_eq!(said(&reply), (200, wanted.to_owned()));
    assert_eq!(server.client().request("HEAD", "/health", &[], b"").unwrap().status, 405);
}

#[test]
fn headers_of_every_reply() {
    let server = server();
    let client = server.client();
    let replies = [
        client.get("/ping"),
        client.get("/query?q=SHOW+DATABASES"),
        client.get("/query"),
        client.write("db=d", b"m v=1 1"),
        client.write("db=nope", b"m v=1 1"),
    ];
    for reply in &replies {
        assert_eq!(reply.header("x-influxdb-version"), Some("1.13.2"), "{reply:?}");
        assert_eq!(reply.header("x-influxdb-build"), Some("OSS"), "{reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/json"), "{reply:?}");
        let id = reply.header("request-id").unwrap_or("");
        assert_eq!(id.len(), 36, "{reply:?}");
        assert_eq!(reply.header("x-request-id"), Some(id), "{reply:?}");
    }
    assert_ne!(replies[0].header("request-id"), replies[1].header("request-id"));
    assert_eq!(replies[2].header("x-influxdb-error"), Some(r#"missing required parameter "q""#));
    assert_eq!(replies[4].header("x-influxdb-error"), Some(r#"database not found: "nope""#));
    for name in ["X-Request-Id", "Request-Id"] {
        let reply = client.request("GET", "/ping", &[(name, "my own")], b"").unwrap();
        assert_eq!((reply.header("request-id"), reply.header("x-request-id")), (Some("my own"), Some("my own")));
    }
}

#[test]
fn not_found_and_not_allowed() {
    let server = server();
    let client = server.client();
    for target in ["/", "/nope", "/query/", "//ping", "/write/x", "/api/v2/ping", "/api/v2/setup"] {
        let reply = client.get(target);
        assert_eq!((reply.status, reply.text().trim_end()), (404, "404 page not found"), "{target}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{target}");
    }
    for (method, target) in
        [("GET", "/write"), ("HEAD", "/query"), ("PUT", "/query"), ("DELETE", "/write"), ("POST", "/ping")]
    {
        let reply = client.request(method, target, &[], b"").unwrap();
        assert_eq!(reply.status, 405, "{method} {target}");
        assert!(reply.header("allow").is_some(), "{method} {target}: {reply:?}");
        assert!(method == "HEAD" || reply.text().trim_end() == "Method Not Allowed", "{method} {target}: {reply:?}");
    }
    let allowed = client.request("GET", "/write", &[], b"").unwrap();
    let mut methods: Vec<&str> = allowed.header("allow").unwrap().split(", ").collect();
    methods.sort_unstable();
    assert_eq!(methods, ["OPTIONS", "POST"]);
}

#[test]
fn options() {
    let server = server();
    for target in ["/query", "/write", "/health"] {
        let reply = server.client().request("OPTIONS", target, &[], b"").unwrap();
        assert_eq!(said(&reply), (200, String::new()), "{target}");
        assert_eq!(reply.header("content-type"), None, "{target}");
    }
    assert_eq!(server.client().request("OPTIONS", "/ping", &[], b"").unwrap().status, 405);
}

#[test]
fn web_pages_are_refused_unless_listed() {
    let closed = server();
    let from = |server: &testkit::Alluvium, origin: &str| {
        server.client().request("GET", "/query?q=SHOW+DATABASES", &[("Origin", origin)], b"").unwrap()
    };
    let refused = from(&closed, "http://evil.example");
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(refused.header("access-control-allow-origin"), None);
    let open = super::server_with(&[("ALLUVIUM_ALLOWED_ORIGINS", "http://good.example")]);
    let allowed = from(&open, "http://good.example");
    assert_eq!(allowed.status, 200, "{allowed:?}");
    assert_eq!(allowed.header("access-control-allow-origin"), Some("http://good.example"));
    assert_eq!(from(&open, "http://evil.example").status, 403);
}

#[test]
fn metrics() {
    let server = server();
    let reply = server.client().get("/metrics");
    assert_eq!(reply.status, 200);
    assert!(
        reply.header("content-type").is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4")),
        "{reply:?}"
    );
    let text = reply.text();
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert!(samples.len() > 5, "{text}");
    for sample in samples {
        let (name, value) = sample.rsplit_once(' ').expect("a name and a value");
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
        let bare = name.split('{').next().unwrap_or("");
        assert!(!bare.is_empty() && bare.chars().all(is_name), "{sample}");
        assert!(value.parse::<f64>().is_ok(), "{sample}");
    }
}

#[test]
fn debug_vars() {
    let server = server();
    let reply = server.client().get("/debug/vars");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
    let vars = Json::read(&reply.text()).unwrap();
    let Json::Object(members) = &vars else { panic!("{vars}") };
    let figures: Vec<_> = members.iter().filter(|(_, value)| matches!(value.get("values"), Json::Object(_))).collect();
    assert!(!figures.is_empty(), "{vars}");
    for (key, value) in figures {
        assert!(!value.get("name").text().is_empty(), "{key}: {value}");
        assert!(matches!(value.get("tags"), Json::Object(_) | Json::Null), "{key}: {value}");
    }
    assert!(members.iter().any(|(key, _)| key.contains("database:d")), "{vars}");
}

#[test]
fn debug_requests() {
    let server = server();
    // A client of its own: each waits for its answer.
    let watcher = Client::new(server.client().address());
    let told = |seconds: &str| watcher.get(&format!("/debug/requests?seconds={seconds}"));
    assert_eq!((told("0").status, told("0").text().as_str()), (200, "{\n\n}\n"));
    let wrong = told("x");
    assert_eq!(wrong.status, 400);
    assert_eq!(wrong.text(), "{\"error\":\"strconv.ParseInt: parsing \\\"x\\\": invalid syntax\"}\n");
    std::thread::scope(|scope| {
        // Nothing tells that it has begun to count; on a busy machine that takes its time.
        let watch = scope.spawn(|| told("4"));
        std::thread::sleep(std::time::Duration::from_millis(1_500));
        for _ in 0..3 {
            server.client().query("db=d", "SHOW DATABASES");
        }
        assert_eq!(server.client().write("db=d", b"m v=1 1").status, 204);
        let reply = watch.join().expect("an answer");
        assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!(reply.text(), "{\n\"127.0.0.1\": {\"writes\":1,\"queries\":3}\n}\n");
    });
}
