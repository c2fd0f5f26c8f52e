// Drives the JavaScript client of InfluxDB 1.x and prints what it was told, a line each. What differs between two servers that
// answer alike (versions, durations, numbers of shards) is not printed.
//
// Usage: node client.js ADDRESS, of a server with authentication where nobody is a user yet.
"use strict";

const { InfluxDB, FieldType, Precision, Raw, escape, toNanoDate } = require("influx");

const [host, port] = process.argv[2].split(":");
const moment = Date.UTC(2020, 0, 1);

function told(name, value) {
  console.log(name, JSON.stringify(value));
}

/** The rows of an answer, their times as they came. */
function rows(results) {
  return results.map((row) => {
    const plain = { ...row };
    if (row.time) plain.time = row.time.toNanoISOString ? row.time.toNanoISOString() : row.time;
    return plain;
  });
}

async function fails(name, promise) {
  try {
    await promise;
  } catch (error) {
    console.log(name, "fails:", error.message.trim());
    return;
  }
  throw new Error(`${name}: there should have been an error`);
}

async function beginning() {
  const nobody = new InfluxDB({ host, port, database: "d" });
  const [ping] = await nobody.ping(5000);
  told("ping", [ping.online, typeof ping.version]);
  await fails("nobody asks", nobody.getDatabaseNames());
  await nobody.createUser("root", "a secret", true);
  await fails("nobody asks again", nobody.getDatabaseNames());
  await fails("wrong password", new InfluxDB({ host, port, username: "root", password: "no" }).getDatabaseNames());
}

const schema = [
  {
    measurement: "cpu",
    database: "d",
    fields: { f: FieldType.FLOAT, i: FieldType.INTEGER, s: FieldType.STRING, b: FieldType.BOOLEAN },
    tags: ["host", "dc"],
  },
];

async function databases(client) {
  await client.createDatabase("d");
  await client.createDatabase('od"d');
  told("databases", await client.getDatabaseNames());
  await client.dropDatabase('od"d');
  told("databases", await client.getDatabaseNames());
  await client.createRetentionPolicy("week", { duration: "10000w", replication: 1, database: "d" });
  await client.createRetentionPolicy("main", { duration: "INF", replication: 1, isDefault: true, database: "d" });
  told("policies", await client.showRetentionPolicies("d"));
  await client.alterRetentionPolicy("week", { duration: "9000w", replication: 1, isDefault: true, database: "d" });
  told("policies", await client.showRetentionPolicies());
  await client.alterRetentionPolicy("main", { duration: "INF", replication: 1, isDefault: true, database: "d" });
  await fails("no such policy", client.alterRetentionPolicy("none", { duration: "9w", replication: 1, database: "d" }));
}

async function writes(client) {
  await client.writePoints([
    { measurement: "cpu", tags: { host: "a, b=c", dc: "x" }, fields: { f: 1.5, i: 3, s: 'q"uote \\ ', b: true }, timestamp: new Date(moment) },
    { measurement: "cpu", tags: { host: "größe" }, fields: { f: 2, i: -9007199254740991, s: "two\nlines", b: false }, timestamp: toNanoDate("1577836801000000123") },
  ]);
  await client.writeMeasurement("cpu", [{ tags: { host: "b" }, fields: { f: 4 }, timestamp: 1577836802 }], { precision: Precision.Seconds });
  await client.writeMeasurement("cpu", [{ tags: { host: "b" }, fields: { f: 5 }, timestamp: "1577836803000" }], { precision: "ms", retentionPolicy: "week" });
  await client.writePoints([{ measurement: "other", fields: { text: "plain", truth: false, number: 1e300 }, timestamp: moment }], { precision: "ms", database: "d" });
  const parsed = client.parsePoint({ measurement: "cpu", tags: { host: "p" }, fields: { f: 6 }, timestamp: new Date(moment) });
  told("parsed", parsed);
  const many = [];
  for (let at = 0; at < 5000; at++) many.push({ measurement: "many", tags: { host: String(at % 10) }, fields: { v: at }, timestamp: moment + at * 1000 });
  await client.writePoints(many, { precision: "ms" });
  await fails("another type", client.writePoints([{ measurement: "other", fields: { number: "text" }, timestamp: moment }], { precision: "ms" }));
  await fails("no database", client.writePoints([{ measurement: "other", fields: { number: 1 } }], { database: "nowhere" }));
  // InfluxDB's answer is 500, for which the client leaves a host alone for a while.
  const other = new InfluxDB({ host, port, database: "d", username: "root", password: "a secret" });
  await fails("no policy", other.writePoints([{ measurement: "other", fields: { number: 1 } }], { retentionPolicy: "nowhere" }));
}

async function queries(client) {
  told("measurements", await client.getMeasurements());
  told("series", await client.getSeries());
  told("series of one", await client.getSeries({ measurement: "other", database: "d" }));
  told("rows", rows(await client.query("SELECT * FROM cpu")));
  told("nanoseconds", rows(await client.query("SELECT f FROM cpu", { precision: "n" })));
  told("seconds", rows(await client.query("SELECT f FROM cpu", { precision: "s" })));
  told("by GET", rows(await client.query("SELECT f FROM cpu LIMIT 1", { method: "GET" })));
  told("by POST", rows(await client.query("SELECT f FROM cpu LIMIT 1", { method: "POST" })));
  told("policy", rows(await client.query("SELECT f FROM cpu", { retentionPolicy: "week" })));
  told("placeholders", rows(await client.query("SELECT f FROM cpu WHERE host = $host AND f > $least", { placeholders: { host: "a, b=c", least: 1 } })));
  told("escaped", rows(await client.query(`SELECT ${escape.quoted("f")} FROM ${escape.measurement("cpu")} WHERE host = ${escape.stringLit("größe")}`)));
  const several = await client.query(["SELECT count(v) FROM many", "SELECT mean(v) FROM many WHERE time >= 1577836800s GROUP BY host"]);
  told("several", several.map(rows));
  told("groups", several[1].groups().map((group) => [group.name, group.tags, rows(group.rows)]));
  told("one group", rows(several[1].group({ host: "3" })));
  told("raw", await client.queryRaw("SELECT max(v) FROM many", { precision: "ms", database: "d" }));
  told("raw, several", await client.queryRaw(["SHOW TAG KEYS", "SHOW FIELD KEYS"]));
  await fails("nonsense", client.query("SELECT * FROM"));
  await fails("no function", client.query("SELECT nonsense(f) FROM cpu"));
  await fails("no database", client.query("SELECT f FROM cpu", { database: "nowhere" }));
}

async function drops(client) {
  await client.dropSeries({ database: "d", measurement: (m) => m.name("many"), where: (e) => e.tag("host").equals.value("3") });
  told("after a series", rows(await client.query("SELECT count(v) FROM many")));
  await client.dropSeries({ database: "d", where: (e) => e.tag("host").matches.value(/^[45]$/) });
  told("after more series", rows(await client.query("SELECT count(v) FROM many")));
  await client.dropMeasurement("other");
  told("measurements", await client.getMeasurements("d"));
  const shards = await client.showShards("d");
  told("shards", shards.map(({ database, retention_policy, start_time, end_time }) => [database, retention_policy, start_time, end_time]).sort());
  for (const shard of shards) if (shard.retention_policy === "week") await client.dropShard(shard.id);
  told("after a shard", rows(await client.query("SELECT f FROM cpu", { retentionPolicy: "week" })));
  await client.dropRetentionPolicy("week", "d");
  told("policies", (await client.showRetentionPolicies("d")).map((policy) => policy.name));
}

async function users(client) {
  await client.createUser("ann", "first");
  await client.setPassword("ann", "it's second");
  told("users", await client.getUsers());
  const ann = new InfluxDB({ host, port, database: "d", username: "ann", password: "it's second" });
  await fails("without a right", ann.query("SELECT f FROM cpu"));
  await client.grantPrivilege("ann", "READ", "d");
  told("with one", rows(await ann.query("SELECT f FROM cpu LIMIT 1")));
  await fails("to write", ann.writePoints([{ measurement: "cpu", fields: { f: 1 } }]));
  await client.revokePrivilege("ann", "READ", "d");
  await fails("without it again", ann.query("SELECT f FROM cpu"));
  await client.grantAdminPrivilege("ann");
  told("as admin", await ann.getDatabaseNames());
  await client.revokeAdminPrivilege("ann");
  await fails("no longer", ann.createDatabase("e"));
  await client.dropUser("ann");
  await fails("a user that is gone", ann.query("SHOW DATABASES"));
  await fails("a user twice", client.createUser("root", "other"));
  told("users", await client.getUsers());
}

async function continuous(client) {
  await client.createContinuousQuery("hourly", "SELECT mean(v) INTO hours FROM many GROUP BY time(1h)", "d", "RESAMPLE EVERY 30m");
  told("continuous", rows(await client.showContinousQueries("d")));
  await client.dropContinuousQuery("hourly", "d");
  told("continuous", rows(await client.showContinousQueries()));
}

/** A port at which nobody listens: servers that are given a free one are not given this. */
const closed = 1;

/** Several hosts, one of which is down: the client asks another one, and leaves that alone for a while. */
async function hosts() {
  const hosts = [{ host, port: closed }, { host, port }];
  const client = new InfluxDB({ database: "d", username: "root", password: "a secret", hosts, pool: { maxRetries: 2, requestTimeout: 20000 } });
  told("online", (await client.ping(5000)).map((ping) => [ping.online, Number(ping.url.port) === closed]));
  for (let at = 0; at < 4; at++) {
    await client.writeMeasurement("hosts", [{ fields: { at }, timestamp: moment + at }], { precision: "ms" });
    told("by the host that is up", rows(await client.query("SELECT count(at) FROM hosts")));
  }
  const down = new InfluxDB({ database: "d", hosts: [{ host, port: closed }], pool: { maxRetries: 0 } });
  let refused;
  await down.query("SHOW DATABASES").catch((error) => (refused = error.code || error.message));
  told("all hosts are down", refused);
  const named = new InfluxDB(`http://root:a%20secret@${host}:${port}/d`);
  told("by its address", rows(await named.query("SELECT last(at) FROM hosts")));
}

async function main() {
  await beginning();
  const client = new InfluxDB({ database: "d", username: "root", password: "a secret", hosts: [{ host, port }, { host, port }], schema });
  await databases(client);
  await writes(client);
  await queries(client);
  client.addSchema({ measurement: "late", database: "d", fields: { n: FieldType.INTEGER, raw: FieldType.STRING }, tags: [] });
  await client.writeMeasurement("late", [{ fields: { n: 7, raw: "x" }, timestamp: new Date(moment) }]);
  await fails("not of the schema", (async () => client.writeMeasurement("late", [{ fields: { unknown: 7 } }]))());
  told("raw values", new Raw("r").getValue());
  told("late", rows(await client.query("SELECT n, raw FROM late")));
  await hosts();
  await client.dropMeasurement("hosts", "d");
  await drops(client);
  await users(client);
  await continuous(client);
  await client.dropDatabase("d");
  told("databases", await client.getDatabaseNames());
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
