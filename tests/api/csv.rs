//! Answers in CSV, where `Accept` asks for them: what a real InfluxDB 1.13.2 sent for the same requests, but for statements that fail.

use super::server;
use testkit::{Alluvium, Reply};

const POINTS: &[u8] = br#"m,h=a\,b,r=x v=0.5,s="a \"b",i=3i 1000
m,h=c v=1e30,s=" x" 2000
n g=true 5"#;

fn filled() -> Alluvium {
    let server = server();
    assert_eq!(server.client().query("", "DROP DATABASE d; CREATE DATABASE d").status, 200);
    assert_eq!(server.client().write("db=d", POINTS).status, 204);
    server
}

fn ask(server: &Alluvium, parameters: &str, query: &str, accept: &str) -> Reply {
    let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let target = format!("/query?db=d&{parameters}&q={query}");
    server.client().request("GET", &target, &[("Accept", accept)], b"").unwrap()
}

#[test]
fn tables_as_influxdb_sends_them() {
    let server = filled();
    let all = "name,tags,time,h,i,r,s,v\nm,,1000,\"a,b\",3,x,\"a \"\"b\",0.5\nm,,2000,c,,,\" x\",1000000000000000000000000000000\n";
    for (parameters, query, wanted) in [
        ("", "SELECT * FROM m", all),
        ("pretty=true&epoch=rfc3339", "SELECT * FROM m", all),
        ("epoch=u", "SELECT i FROM m", "name,tags,time,i\nm,,1,3\n"),
        (
            "chunked=true&chunk_size=1",
            "SELECT v FROM m GROUP BY *",
            "name,tags,time,v\nm,\"h=a,b,r=x\",1000,0.5\nm,h=c,2000,1000000000000000000000000000000\n",
        ),
        (
            "",
            "SELECT i FROM m; SELECT nope FROM m; SELECT g FROM n",
            "name,tags,time,i\nm,,1000,3\n\nname,tags,time,g\nn,,5,true\n",
        ),
        (
            "",
            "SHOW MEASUREMENTS; SHOW FIELD KEYS",
            "name,tags,name\nmeasurements,,m\nmeasurements,,n\n\nname,tags,fieldKey,fieldType\nm,,i,integer\nm,,s,string\nm,,v,float\nn,,g,boolean\n",
        ),
        ("", "CREATE DATABASE e", ""),
    ] {
        for accept in ["text/csv", "application/csv", "text/html, application/csv;q=0.9, application/json;q=0.1"] {
            let reply = ask(&server, parameters, query, accept);
            assert_eq!((reply.status, reply.text().as_str()), (200, wanted), "{query}");
            let kind = if accept == "text/csv" { "text/csv" } else { "application/csv" };
            assert_eq!(reply.header("content-type"), Some(kind), "{query}");
        }
    }
    for accept in ["*/*", "application/json, text/csv", "application/json, application/x-msgpack", "image/png"] {
        let reply = ask(&server, "", "SELECT i FROM m", accept);
        assert_eq!(reply.header("content-type"), Some("application/json"), "{accept}");
        assert!(reply.text().starts_with("{\"results\":"), "{accept}: {}", reply.text());
    }
}

#[test]
fn errors_are_tables_too() {
    let server = filled();
    let reply = ask(&server, "", "SELECT foo(", "text/csv");
    let wanted =
        "error\n\"error parsing query: found EOF, expected identifier, string, number, bool at line 1, char 13\"\n";
    assert_eq!((reply.status, reply.text().as_str()), (400, wanted));
    assert_eq!(reply.header("content-type"), Some("text/csv"));
    let reply = ask(&server, "", "", "application/csv");
    assert_eq!((reply.status, reply.text().as_str()), (400, "error\n\"missing required parameter \"\"q\"\"\"\n"));
    // InfluxDB: an empty answer.
    let reply = ask(&server, "", "SELECT i FROM m; SELECT v FROM nope.x.y; SELECT i FROM m", "text/csv");
    let text = reply.text();
    assert!(text.starts_with("name,tags,time,i\nm,,1000,3\n\nerror\ndatabase not found: nope\n"), "{text}");
    assert!(text.ends_with("\n\nerror\nnot executed\n"), "{text}");
    let packed = [("Accept", "text/csv"), ("Accept-Encoding", "gzip")];
    let reply = server.client().request("GET", "/query?db=d&q=SELECT%20i%20FROM%20m", &packed, b"").unwrap();
    assert_eq!((reply.header("content-encoding"), reply.header("content-type")), (Some("gzip"), Some("text/csv")));
}
