//! What Grafana's data source for InfluxQL sends, replayed, and what its parser of answers needs back: policies by the names of columns, values
//! of variables from column 1 of `SHOW TAG VALUES` and else from column 0, an entry for each statement of a panel in its order, and types of
//! columns by the first value that is not null. The statements are those that its query editor makes, with its variables filled in. With a live
//! InfluxDB each answer is compared with its one, byte by byte.

use serde_json::{Value, json};
use testkit::{Alluvium, Client, Peer, Reply, encode};

const FROM_MS: i64 = 1_599_999_900_000;
const TO_MS: i64 = 1_600_000_100_000;

/// The server, and an InfluxDB with the same rows if there is one.
struct Servers {
    ours: Alluvium,
    peer: Option<Peer>,
}

impl Servers {
    fn clients(&self) -> impl Iterator<Item = &Client> {
        std::iter::once(self.ours.client()).chain(self.peer.as_ref().map(Peer::client))
    }

    /// The answer to a request, which must be InfluxDB's.
    fn reply(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut replies = self.clients().map(|client| client.request(method, target, headers, body).unwrap());
        let ours = replies.next().unwrap();
        // What a build is called differs.
        if let Some(peer) = replies.next().filter(|_| !target.contains("DIAGNOSTICS")) {
            let seen = |reply: &Reply| (reply.status, reply.header("content-type").map(str::to_owned), reply.text());
            assert_eq!(seen(&ours), seen(&peer), "{method} {target}: left is ours, right InfluxDB's");
        }
        ours
    }
}

/// Servers with a few minutes of two hosts.
fn servers() -> Servers {
    let peer = Peer::wanted().then(|| Peer::start("influxdb"));
    let servers = Servers { ours: crate::start(&[]), peer };
    servers.clients().for_each(fill);
    servers
}

fn fill(client: &Client) {
    assert_eq!(client.query("", "CREATE DATABASE telegraf").status, 200);
    let mut lines = String::new();
    for at in 0..20 {
        let time = FROM_MS + at * 10_000;
        for (host, value) in [("a", at), ("b.c", 100 - at)] {
            lines += &format!("cpu,host={host},dc=x value={value},idle={value}.5 {time}\n");
        }
        lines += &format!("mem,host=a free={at}i,note=\"n{at}\" {time}\n");
    }
    lines += &format!("deploys,host=a title=\"release 1\",tags=\"one,two\" {}\n", FROM_MS + 5_000);
    assert_eq!(client.write("db=telegraf&precision=ms", lines.as_bytes()).status, 204);
}

/// How the data source is set up to ask.
#[derive(Clone, Copy, Debug)]
enum Mode {
    Get,
    Post,
}

/// The results of a request, as Grafana takes them apart.
fn ask(servers: &Servers, mode: Mode, statement: &str) -> Vec<Value> {
    ask_in(servers, mode, "", statement)
}

/// The same, where a policy may be named beside the database.
fn ask_in(servers: &Servers, mode: Mode, policy: &str, statement: &str) -> Vec<Value> {
    let target = format!("/query?db=telegraf&epoch=ms{policy}");
    let reply = match mode {
        Mode::Get => servers.reply("GET", &format!("{target}&q={}", encode(statement)), &[], b""),
        Mode::Post => {
            let headers = [("Content-type", "application/x-www-form-urlencoded"), ("Accept", "application/json")];
            let body = format!("q={}", encode(statement));
            servers.reply("POST", &target, &headers, body.as_bytes())
        }
    };
    assert_eq!(reply.status, 200, "{statement}: {}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let answer: Value = serde_json::from_str(&reply.text()).unwrap();
    let results = answer["results"].as_array().unwrap().clone();
    for (number, result) in results.iter().enumerate() {
        assert_eq!(result["statement_id"], json!(number), "{statement}");
        assert!(result.get("error").is_none(), "{statement}: {result}");
    }
    results
}

fn one(servers: &Servers, mode: Mode, statement: &str) -> Value {
    let mut results = ask(servers, mode, statement);
    assert_eq!(results.len(), 1, "{statement}");
    results.remove(0)
}

/// The texts of a variable: column 1 of tag values, the only column of counts, else column 0; once each, as they first come.
fn variable(servers: &Servers, mode: Mode, statement: &str) -> Vec<String> {
    let result = one(servers, mode, statement);
    let column = usize::from(statement.contains("SHOW TAG VALUES") && !statement.contains("CARDINALITY"));
    let mut texts: Vec<String> = Vec::new();
    for series in result["series"].as_array().map(Vec::as_slice).unwrap_or_default() {
        for row in series["values"].as_array().unwrap() {
            let text = match &row[column] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    texts
}

/// A series of a panel: its name, its tags, its times, and its columns behind these.
type Drawn = (String, Value, Vec<i64>, Vec<Vec<Value>>);

/// The series of a panel.
fn frames(result: &Value) -> Vec<Drawn> {
    let mut frames = Vec::new();
    for series in result["series"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let columns = series["columns"].as_array().unwrap().len();
        assert_eq!(series["columns"][0], "time");
        let rows = series["values"].as_array().unwrap();
        assert!(rows.iter().all(|row| row.as_array().unwrap().len() == columns), "a row has all columns: {series}");
        let times = rows.iter().map(|row| row[0].as_i64().expect("epoch=ms gives whole numbers")).collect();
        let column = |at: usize| rows.iter().map(|row| row[at].clone()).collect();
        let name = series["name"].as_str().unwrap().to_owned();
        frames.push((name, series["tags"].clone(), times, (1..columns).map(column).collect()));
    }
    frames
}

/// What the parser makes of a column: the type of the first value that is not null, numbers if there is none.
fn kind(column: &[Value]) -> &'static str {
    match column.iter().find(|value| !value.is_null()) {
        Some(Value::String(_)) => "text",
        Some(Value::Bool(_)) => "truth",
        _ => "number",
    }
}

#[test]
fn the_data_source_is_tested() {
    let servers = servers();
    for mode in [Mode::Get, Mode::Post] {
        let found = one(&servers, mode, "SHOW measurements");
        assert_eq!(found["series"][0]["values"].as_array().unwrap().len(), 3);
        assert_eq!(one(&servers, mode, "SHOW MEASUREMENTS LIMIT 1")["series"][0]["values"], json!([["cpu"]]));
        let policies = one(&servers, mode, "SHOW RETENTION POLICIES on \"telegraf\"");
        let names =
            ["name", "duration", "shardGroupDuration", "replicaN", "futureWriteLimit", "pastWriteLimit", "default"];
        assert_eq!(policies["series"][0]["columns"], json!(names));
        assert!(policies["series"][0].get("name").is_none());
        assert_eq!(policies["series"][0]["values"][0][6], json!(true));
    }
    // Nothing there is no failure.
    servers.clients().for_each(|client| assert_eq!(client.query("", "CREATE DATABASE empty").status, 200));
    let text = servers.reply("GET", "/query?db=empty&epoch=ms&q=SHOW%20measurements", &[], b"").text();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!({"results": [{"statement_id": 0}]}));
}

#[test]
fn the_editor_finds_names() {
    let servers = servers();
    let texts = |statement: &str| variable(&servers, Mode::Get, statement);
    assert_eq!(texts("SHOW MEASUREMENTS WITH MEASUREMENT =~ /(?i)CP/ LIMIT 100"), ["cpu"]);
    assert_eq!(texts("SHOW MEASUREMENTS WITH MEASUREMENT =~ /(?i)m/ WHERE \"host\" = 'a' LIMIT 100"), ["mem"]);
    assert_eq!(texts("SHOW MEASUREMENTS WHERE \"dc\" = 'x' LIMIT 100"), ["cpu"]);
    assert_eq!(texts("SHOW TAG KEYS FROM \"cpu\""), ["dc", "host"]);
    assert_eq!(texts("SHOW TAG KEYS FROM \"autogen\".\"cpu\" WHERE \"host\" = 'a'"), ["dc", "host"]);
    assert_eq!(texts("SHOW TAG KEYS FROM /cpu|mem/"), ["dc", "host"]);
    assert_eq!(texts("SHOW TAG KEYS"), ["dc", "host"]);
    assert_eq!(texts("SHOW TAG VALUES FROM \"cpu\" WITH KEY = \"host\""), ["a", "b.c"]);
    assert_eq!(texts("SHOW TAG VALUES FROM \"autogen\".\"cpu\" WITH KEY = \"host\" WHERE \"dc\" = 'x'"), ["a", "b.c"]);
    assert_eq!(texts("SHOW TAG VALUES WITH KEY = \"host\""), ["a", "b.c"]);
    let within = format!("time >= {FROM_MS}ms and time <= {TO_MS}ms");
    assert_eq!(texts(&format!("SHOW TAG VALUES FROM \"cpu\" WITH KEY = \"host\" WHERE {within}")), ["a", "b.c"]);
    assert_eq!(texts(&format!("SHOW TAG KEYS FROM \"cpu\" WHERE {within}")), ["dc", "host"]);
    assert_eq!(texts("SHOW TAG VALUES FROM \"cpu\" WITH KEY = \"host\" WHERE time > now() - 1h"), [""; 0]);
    assert_eq!(texts("SHOW FIELD KEYS FROM \"cpu\""), ["idle", "value"]);
    assert_eq!(texts("SHOW FIELD KEYS FROM \"autogen\".\"mem\""), ["free", "note"]);
    assert_eq!(texts("SHOW TAG VALUES EXACT CARDINALITY FROM \"cpu\" WITH KEY = \"host\""), ["2"]);
    assert_eq!(texts("SHOW SERIES EXACT CARDINALITY FROM \"cpu\""), ["2"]);
    let diagnostics = one(&servers, Mode::Get, "SHOW DIAGNOSTICS");
    assert!(diagnostics["series"].as_array().unwrap().iter().any(|series| series["name"] == "build"));
}

#[test]
fn panels_are_drawn() {
    let servers = servers();
    let range = format!("time >= {FROM_MS}ms and time <= {TO_MS}ms");
    for mode in [Mode::Get, Mode::Post] {
        let panel = |statement: &str| frames(&one(&servers, mode, statement));
        let all = panel(&format!(
            "SELECT mean(\"value\") FROM \"cpu\" WHERE (\"host\"::tag =~ /^(a|b\\.c)$/ AND \"idle\"::field > -3) AND {range} GROUP BY time(1m), \"host\"::tag fill(null) ORDER BY time DESC limit 5 slimit 2 tz('Europe/Berlin')"
        ));
        let tags: Vec<&Value> = all.iter().map(|frame| &frame.1["host"]).collect();
        assert_eq!(tags, [&json!("b.c"), &json!("a")]);
        // 20 rows of ten seconds from 12:25:00 on; the last minute of the range begins at 12:28.
        assert_eq!(all[1].2, [1_600_000_080_000, 1_600_000_020_000, 1_599_999_960_000, 1_599_999_900_000]);
        assert_eq!(all[1].3[0], [json!(18.5), json!(14.5), json!(8.5), json!(2.5)]);
        let single = panel(&format!(
            "SELECT mean(\"value\") / 100 AS \"part\" FROM \"autogen\".\"cpu\" WHERE \"host\"::tag = 'a' AND {range} GROUP BY time(30s) fill(previous)"
        ));
        assert_eq!((single.len(), single[0].2.len(), &single[0].3[0][0]), (1, 7, &json!(0.01)));
        let statement = format!("SELECT last(\"value\") FROM \"cpu\" WHERE {range} GROUP BY \"dc\" fill(none)");
        assert_eq!(panel(&statement)[0].3[0], [json!(81)]);
        let table = panel(&format!("SELECT \"note\", \"free\" FROM \"mem\" WHERE {range} LIMIT 3"));
        let kinds: Vec<_> = table[0].3.iter().map(|column| kind(column)).collect();
        assert_eq!(kinds, ["text", "number"]);
        let both = ask(
            &servers,
            mode,
            &format!(
                "SELECT count(\"value\") FROM \"cpu\" WHERE {range};SELECT mean(\"nothing\") FROM \"cpu\" WHERE {range} GROUP BY time(1m) fill(null);SELECT count(\"free\") FROM \"mem\" WHERE {range}"
            ),
        );
        let counts: Vec<_> =
            both.iter().map(|result| frames(result).first().map(|frame| frame.3[0][0].clone())).collect();
        assert_eq!(counts, [Some(json!(40)), None, Some(json!(20))]);
        let notes = panel(&format!("SELECT \"title\", \"tags\" FROM \"deploys\" WHERE {range}"));
        assert_eq!((&notes[0].2[..], &notes[0].3[0][0]), (&[FROM_MS + 5_000][..], &json!("release 1")));
        let gaps = panel(
            "SELECT max(\"value\") FROM \"cpu\" WHERE time >= 1599999840000ms and time <= 1599999929999ms GROUP BY time(30s) fill(null)",
        );
        assert_eq!(gaps[0].3[0], [Value::Null, Value::Null, json!(100)]);
        for (fill, wanted) in [
            ("0", [json!(0), json!(0), json!(100)]),
            ("-1", [json!(-1), json!(-1), json!(100)]),
            ("linear", [Value::Null, Value::Null, json!(100)]),
        ] {
            let statement = format!(
                "SELECT max(\"value\") FROM \"cpu\" WHERE time >= 1599999840000ms and time <= 1599999929999ms GROUP BY time(30s) fill({fill})"
            );
            assert_eq!(panel(&statement)[0].3[0], wanted, "{fill}");
        }
        let old = panel("SELECT \"value\" FROM \"cpu\" WHERE \"host\" = 'a' AND time > 1600000080s");
        assert_eq!((&old[0].2[..], &old[0].3[0][..]), (&[1_600_000_090_000][..], &[json!(19)][..]));
        let named = ask_in(&servers, mode, "&rp=autogen", "SELECT sum(\"free\") FROM \"mem\"");
        assert_eq!(frames(&named[0])[0].3[0], [json!(190)]);
        assert_eq!(panel("SELECT mean(\"value\") FROM \"cpu\" WHERE time >= now() - 6h and time <= now() GROUP BY time(1m) fill(null)").len(), 0);
    }
}

#[test]
fn every_function_of_the_editor_is_answered() {
    let servers = servers();
    let range = format!("time >= {FROM_MS}ms and time <= {TO_MS}ms");
    let calls = [
        "count(\"value\")",
        "distinct(\"value\")",
        "integral(\"value\")",
        "mean(\"value\")",
        "median(\"value\")",
        "mode(\"value\")",
        "sum(\"value\")",
        "bottom(\"value\", 3)",
        "first(\"value\")",
        "last(\"value\")",
        "max(\"value\")",
        "min(\"value\")",
        "percentile(\"value\", 95)",
        "top(\"value\", 3)",
        "derivative(mean(\"value\"), 10s)",
        "spread(\"value\")",
        "non_negative_derivative(mean(\"value\"), 10s)",
        "difference(mean(\"value\"))",
        "non_negative_difference(mean(\"value\"))",
        "moving_average(mean(\"value\"), 2)",
        "cumulative_sum(mean(\"value\"))",
        "stddev(\"value\")",
        "holt_winters(mean(\"value\"), 10, 2)",
        "holt_winters_with_fit(mean(\"value\"), 10, 2)",
    ];
    for call in calls {
        let statement = format!(
            "SELECT {call} AS \"x\" FROM \"cpu\" WHERE \"host\" = 'a' AND {range} GROUP BY time(20s) fill(null)"
        );
        let found = frames(&one(&servers, Mode::Post, &statement));
        assert!(found[0].3[0].iter().any(Value::is_number), "{statement}");
    }
    let raw = frames(&one(
        &servers,
        Mode::Get,
        &format!("SELECT elapsed(\"value\", 1s) FROM \"cpu\" WHERE \"host\" = 'a' AND {range}"),
    ));
    assert!(raw[0].3[0].iter().all(|value| *value == json!(10)));
}

#[test]
fn errors_are_told_where_grafana_looks() {
    let servers = servers();
    let reply = servers.reply("GET", "/query?db=telegraf&epoch=ms&q=SELECT%20FROM", &[], b"");
    let answer: Value = serde_json::from_str(&reply.text()).unwrap();
    assert_eq!(reply.status, 400);
    assert!(answer["error"].as_str().unwrap().starts_with("error parsing query: "), "{answer}");
    let reply = servers.reply("GET", "/query?db=telegraf&epoch=ms&q=SELECT%20nonsense(value)%20FROM%20cpu", &[], b"");
    let answer: Value = serde_json::from_str(&reply.text()).unwrap();
    assert_eq!((reply.status, &answer["results"][0]["error"]), (200, &json!("undefined function nonsense()")));
}

#[test]
fn users_are_named_in_either_way() {
    let settings = [("ALLUVIUM_HTTP_AUTH_ENABLED", "true")];
    let peer = Peer::wanted().then(|| Peer::start_with("influxdb", &[("INFLUXDB_HTTP_AUTH_ENABLED", "true")]));
    let servers = Servers { ours: crate::start(&settings), peer };
    // grafana:p w, as the proxy sends it, and as browsers did
    let basic = [("Authorization", "Basic Z3JhZmFuYTpwIHc=")];
    for client in servers.clients() {
        assert_eq!(client.query("", "CREATE USER grafana WITH PASSWORD 'p w' WITH ALL PRIVILEGES").status, 200);
        let made = client.request("POST", "/query?q=CREATE%20DATABASE%20telegraf", &basic, b"").unwrap();
        assert_eq!(made.status, 200);
        let written = client.request("POST", "/write?db=telegraf", &basic, b"cpu,host=a value=1 1").unwrap();
        assert_eq!(written.status, 204);
    }
    let ask = |named: &str, headers: &[(&str, &str)]| {
        let reply =
            servers.reply("GET", &format!("/query?db=telegraf&epoch=ms{named}&q=SHOW%20measurements"), headers, b"");
        (reply.status, serde_json::from_str::<Value>(&reply.text()).unwrap())
    };
    let found = json!({"results": [{"statement_id": 0, "series": [{"name": "measurements", "columns": ["name"], "values": [["cpu"]]}]}]});
    assert_eq!(ask("", &basic), (200, found.clone()));
    assert_eq!(ask("&u=grafana&p=p%20w", &[]), (200, found));
    assert_eq!(ask("&u=grafana&p=wrong", &[]), (401, json!({"error": "authorization failed"})));
    assert_eq!(ask("", &[]), (401, json!({"error": "unable to parse authentication credentials"})));
}
