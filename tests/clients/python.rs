//! The Python client of InfluxDB 1.x: its own calls for databases, policies, writing and asking.

use super::{exists, prepared, skipped};
use std::process::Command;
use std::time::Duration;

const PROGRAM: &str = r#"
import sys
from influxdb import InfluxDBClient
from influxdb.exceptions import InfluxDBClientError

host, port = sys.argv[1].split(":")
client = InfluxDBClient(host, int(port), database="py")
assert client.ping() == "1.13.2"
kinds = set()
client._session.hooks["response"].append(lambda reply, *rest, **more: kinds.add((reply.request.path_url.split("?")[0], reply.headers.get("Content-Type"))))
client.create_database("py")
assert {"name": "py"} in client.get_list_database(), client.get_list_database()
client.create_retention_policy("week", "7d", 1, database="py")
assert [p["name"] for p in client.get_list_retention_policies("py")] == ["autogen", "week"]
points = [
    {"measurement": "cpu", "tags": {"host": "a, b=c", "dc": "x"}, "time": "2020-01-01T00:00:00Z", "fields": {"f": 1.5, "i": 3, "s": "q\"uote", "b": True}},
    {"measurement": "cpu", "tags": {"host": "b"}, "time": "2020-01-01T00:01:00Z", "fields": {"f": 2.5}},
]
assert client.write_points(points)
assert client.write_points(points * 3000, batch_size=1000)
assert client.write(["cpu,host=line f=4 1577836920"], params={"db": "py", "precision": "s"}, protocol="line")
rows = list(client.query("SELECT * FROM cpu").get_points())
assert len(rows) == 3, rows
assert rows[0] == {"time": "2020-01-01T00:00:00Z", "b": True, "dc": "x", "f": 1.5, "host": "a, b=c", "i": 3, "s": "q\"uote"}, rows[0]
result = client.query("SELECT mean(f) FROM cpu GROUP BY host", epoch="ms")
assert [tags["host"] for (_, tags) in result.keys()] == ["a, b=c", "b", "line"], result.keys()
bound = client.query("SELECT f FROM cpu WHERE host = $h", bind_params={"h": "b"})
assert list(bound.get_points()) == [{"time": "2020-01-01T00:01:00Z", "f": 2.5}]
# Its reader of MessagePack takes one document only, so it cannot read several chunks of a real InfluxDB either.
plain = InfluxDBClient(host, int(port), database="py", headers={"Accept": "application/json"})
chunks = list(plain.query("SELECT f FROM cpu", chunked=True, chunk_size=1))
assert sum(len(list(chunk.get_points())) for chunk in chunks) == 3, chunks
both = client.query("SELECT count(f) FROM cpu; SHOW MEASUREMENTS")
assert list(both[0].get_points())[0]["count"] == 3
try:
    client.write_points([{"measurement": "cpu", "fields": {"f": "text"}, "time": "2020-01-01T00:00:00Z"}])
    raise AssertionError("a conflict was accepted")
except InfluxDBClientError as error:
    assert error.code == 400 and "field type conflict" in error.content, error
try:
    client.query("SELECT f FROM")
    raise AssertionError("nonsense was accepted")
except InfluxDBClientError as error:
    assert "error parsing query" in error.content, error
client.drop_retention_policy("week", "py")
client.drop_database("py")
assert client.get_list_database() == []
assert ("/query", "application/x-msgpack") in kinds and ("/query", "application/json") not in kinds, kinds
print("all well")
"#;

#[test]
fn python() {
    if skipped() {
        return;
    }
    assert!(exists("python3"), "Python 3 is missing: install it, or set ALLUVIUM_SKIP_CLIENTS=1");
    let server = crate::start(&[]);
    let mut command = Command::new(prepared("python-client"));
    command.args(["-c", PROGRAM, server.client().address()]);
    let (status, out, err) = testkit::run_to_end(&mut command, Duration::from_secs(60)).unwrap();
    assert!(status.success() && out.trim() == "all well", "{out}{err}");
}
