//! `/api/v2/delete` and `/api/v2/buckets`: what InfluxDB 1.13.2 has of version 2. Expected texts are a real one's, but where
//! `docs/differences.md` says otherwise.

use super::{said, server};
use testkit::Client;

const DELETE: &str = "/api/v2/delete?bucket=";

fn post(client: &Client, target: &str, body: &str) -> (u16, String) {
    said(&client.request("POST", target, &[], body.as_bytes()).unwrap())
}

fn error(text: &str) -> String {
    format!("{{\"error\":\"{}\"}}\n", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn rows(client: &Client, query: &str) -> String {
    client.query("db=d&epoch=s", query).text()
}

#[test]
fn deletes_by_predicate() {
    let server = server();
    let client = server.client();
    client.query("", "CREATE RETENTION POLICY other ON d DURATION INF REPLICATION 1");
    let write = |rp: &str| {
        let lines = b"m,h=a v=1 1000000000\nm,h=b v=2 1000000000\nn,h=a v=3 1000000000\nm,h=a v=4 5000000000";
        assert_eq!(client.write(&format!("db=d&rp={rp}"), lines).status, 204);
    };
    let delete = |bucket: &str, predicate: &str| {
        let body = format!(
            r#"{{"start":"1970-01-01T00:00:00Z","stop":"1970-01-01T00:00:05Z","predicate":"{}"}}"#,
            predicate.replace('"', "\\\"")
        );
        post(client, &format!("{DELETE}{bucket}"), &body)
    };
    let left = |policy: &str| {
        let text = rows(client, &format!("SELECT v FROM {policy}././"));
        let values = ["1", "2", "3", "4"].into_iter().filter(|value| text.contains(&format!(",{value}]")));
        values.collect::<String>()
    };
    // Where the stop begins a row is left.
    for (bucket, predicate, default, other) in [
        ("d", "_measurement=\"m\" AND h=\"a\"", "234", "234"),
        ("d/autogen", "_measurement=m", "34", "1234"),
        ("d/other", "h='a'", "1234", "24"),
        ("d/other", "(_measurement = \"n\") and (h = a)", "1234", "124"),
        ("d/", "", "4", "4"),
        ("d", "h=nosuch", "1234", "1234"),
    ] {
        write("autogen");
        write("other");
        assert_eq!(delete(bucket, predicate), (200, String::new()), "{bucket} {predicate}");
        assert_eq!((left("autogen"), left("other")), (default.into(), other.into()), "{bucket} {predicate}");
    }
    write("autogen");
    let what = r#"database: "d", retention policy: "", start: "1970-01-01T00:00:00Z", stop: "1970-01-01T00:00:05Z", predicate: "#;
    let equality = "delete - predicate only supports equality operators and conjunctions. ";
    for (predicate, text) in [
        ("h=a OR h=b", format!("{equality}{what}\"h=a OR h=b\"")),
        ("h!=a", format!("{equality}{what}\"h!=a\"")),
        ("h =~ /a/", format!("{equality}{what}\"h =~ /a/\"")),
        ("garbage", format!("delete - {what}\"garbage\", error: invalid condition expression: garbage")),
    ] {
        assert_eq!(delete("d", predicate), (400, error(&text)), "{predicate}");
    }
    // What closes more than it opens would leave the two instants out.
    assert_eq!(delete("d", "h=a) OR (h=b").0, 400);
    assert_eq!(left("autogen"), "1234");
}

#[test]
fn requests_to_delete_that_are_none() {
    let server = server();
    let client = server.client();
    for (bucket, body, status, text) in [
        ("x", "{}", 404, "delete - database not found: \"x\""),
        ("d/x", "{}", 404, "delete - retention policy not found in \"d\": \"x\""),
        (
            "",
            "{}",
            404,
            "delete - bucket: bucket name \"\" is missing a slash; not in \"database/retention-policy\" format",
        ),
        ("d", "{}", 400, "delete - start field in RFC3339Nano format required"),
        ("d", "", 400, "delete - cannot parse request body: unexpected end of JSON input"),
        (
            "d",
            "{bad",
            400,
            "delete - cannot parse request body: invalid character 'b' looking for beginning of object key string",
        ),
        (
            "d",
            r#"{"start":5}"#,
            400,
            "delete - cannot parse request body: json: cannot unmarshal number into Go struct field DeleteBody.start of type string",
        ),
        (
            "d",
            r#"{"start":"1970-01-01T00:00:00Z","stop":"1970"}"#,
            400,
            "delete - invalid format for stop field \"1970\", please use RFC3339Nano: parsing time \"1970\" as \"2006-01-02T15:04:05.999999999Z07:00\": cannot parse \"\" as \"-\"",
        ),
    ] {
        assert_eq!(post(client, &format!("{DELETE}{bucket}"), body), (status, error(text)), "{bucket} {body}");
    }
    let reply = client.get("/api/v2/delete?bucket=d");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
}

/// A bucket as it is shown.
fn bucket(database: &str, policy: &str, every: i64, shards: i64) -> String {
    format!(
        r#"{{"description":"","name":"{database}/{policy}","retentionRules":[{{"type":"","everySeconds":{every},"shardGroupDurationSeconds":{shards}}}],"orgId":"","schemaType":"implicit","id":"{database}/{policy}","type":"","rp":"{policy}","createdAt":"0001-01-01T00:00:00Z","updatedAt":"0001-01-01T00:00:00Z"}}"#
    )
}

#[test]
fn buckets_are_policies() {
    const BUCKETS: &str = "/api/v2/buckets";
    let server = server();
    let client = server.client();
    let get = |target: &str| said(&client.get(&format!("{BUCKETS}{target}")));
    let send = |method: &str, target: &str, body: &str| {
        said(&client.request(method, &format!("{BUCKETS}{target}"), &[], body.as_bytes()).unwrap())
    };
    let list = |buckets: &[String]| (200, format!("{{\"buckets\":[{}]}}\n", buckets.join(",")));
    let (first, hours) = (bucket("d", "autogen", 0, 604_800), bucket("d", "hours", 7_200, 3_600));
    assert_eq!(get(""), list(std::slice::from_ref(&first)));
    let made = r#"{"name":"d/hours","orgID":"any","retentionRules":[{"type":"expire","everySeconds":7200}]}"#;
    for _ in 0..2 {
        assert_eq!(send("POST", "", made), (201, hours.clone() + "\n"));
    }
    assert_eq!(send("POST", "", r#"{"name":"e/own"}"#), (201, bucket("e", "own", 0, 604_800) + "\n"));
    assert!(rows(client, "SHOW RETENTION POLICIES ON e").contains(r#"["own","0s","168h0m0s",1,"0s","0s",true]"#));
    let all = [first.clone(), hours.clone(), bucket("e", "own", 0, 604_800)];
    assert_eq!(get("?limit=0"), list(&all));
    assert_eq!(get("?offset=1&limit=1"), list(&all[1..2]));
    assert_eq!(get("?after=d/hours"), list(&all[2..]));
    assert_eq!(get("?name=d"), list(&all[..2]));
    assert_eq!(get("?id=d%2Fhours"), list(&all[1..2]));
    assert_eq!(get("/d%2Fhours"), (200, hours + "\n"));
    let altered = r#"{"name":"ignored","retentionRules":[{"everySeconds":14400,"shardGroupDurationSeconds":7200}]}"#;
    assert_eq!(send("PATCH", "/d%2Fhours", altered), (200, bucket("d", "hours", 14_400, 7_200) + "\n"));
    assert_eq!(send("PATCH", "/d%2Fhours", "{}"), (200, bucket("d", "hours", 14_400, 7_200) + "\n"));
    for (method, target, body, status, text) in [
        ("GET", "?name=nope", "", 404, "bucket not found: \"nope\""),
        ("GET", "?after=nope", "", 404, "list buckets \"after\" parameter not found: \"nope\""),
        ("GET", "?name=d&id=e", "", 400, "list buckets: name: \"d\" and id: \"e\" do not match"),
        (
            "GET",
            "?limit=x",
            "",
            400,
            "list buckets parameter is not an integer - limit=\"x\": strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        ("GET", "/d%2Fnope", "", 404, "bucket not found: \"d/nope\""),
        ("GET", "/d", "", 400, "bucket \"d\": illegal bucket id, empty retention policy"),
        ("GET", "/d%2Fhours/labels", "", 405, "bucket labels not supported in this version"),
        ("POST", "", r#"{"name":"d"}"#, 400, "buckets - illegal bucket name: \"d\""),
        (
            "POST",
            "",
            r#"{"name":"d/hours","retentionRules":[{"everySeconds":10800}]}"#,
            400,
            "buckets - cannot create bucket \"d/hours\": retention policy already exists",
        ),
        (
            "POST",
            "",
            r#"{"name":"d/x","rp":"y"}"#,
            400,
            "buckets - two retention policies specified: \"x\" differs from \"y\"",
        ),
        ("PATCH", "/d%2Fnope", "{}", 400, "update bucket \"d/nope\": retention policy not found: nope"),
        ("DELETE", "/d%2Fnope", "", 404, "delete bucket - not found: \"d/nope\""),
    ] {
        assert_eq!(send(method, target, body), (status, error(text)), "{method} {target} {body}");
    }
    assert_eq!(send("DELETE", "/d%2Fhours", ""), (200, String::new()));
    assert_eq!(get("?name=d"), list(&[first]));
    assert_eq!(get("/d/hours").0, 404);
    let reply = client.request("PUT", BUCKETS, &[], b"").unwrap();
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, POST")));
}
