package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	clienthttp "github.com/influxdata/influxdb-client-go/v2/api/http"
	"github.com/influxdata/influxdb-client-go/v2/api/write"
	"github.com/influxdata/influxdb-client-go/v2/domain"
	"github.com/influxdata/influxdb-client-go/v2/log"
	first "github.com/influxdata/influxdb1-client/v2"
)

// second uses the client of InfluxDB 2 for what InfluxDB 1 has of that API, and asks back with the client of InfluxDB 1.
func second(address string) {
	log.Log = nil
	asker, err := first.NewHTTPClient(first.HTTPConfig{Addr: address, Username: "root", Password: "secret:x", Timeout: 20 * time.Second})
	must(err)
	asked("first user", asker, first.NewQuery("CREATE USER root WITH PASSWORD 'secret:x' WITH ALL PRIVILEGES", "", ""))
	asked("make", asker, first.NewQuery("CREATE DATABASE d; CREATE RETENTION POLICY short ON d DURATION 10000w REPLICATION 1", "", ""))
	passed := newProxy(address)
	defer passed.Close()
	ctx := context.Background()
	for _, zipped := range []bool{false, true} {
		fmt.Println("gzip", zipped)
		// Batches are sent when they are full and at the end, never since time has passed, so that their number is known.
		options := influxdb2.DefaultOptions().SetUseGZip(zipped).SetBatchSize(700).SetFlushInterval(600_000).SetMaxRetries(0).SetPrecision(time.Millisecond).
			SetApplicationName("clients").AddDefaultTag("own", "one")
		c := influxdb2.NewClientWithOptions(passed.URL, "root:secret:x", options)
		up, err := c.Ping(ctx)
		must(err)
		health, err := c.Health(ctx)
		must(err)
		told("up", []any{up, health.Status, health.Name, *health.Message})
		writeSecond(ctx, c)
		c.Close()
		passed.told()
		asked("rows", asker, first.NewQuery("SELECT * FROM cpu; SELECT count(v), sum(v) FROM many GROUP BY own; SELECT * FROM d.short.short; SHOW FIELD KEYS", "d", "ns"))
	}
	c := influxdb2.NewClient(address, "root:secret:x")
	defer c.Close()
	deleteSecond(ctx, c, asker)
	buckets(ctx, c)
	_, err = c.QueryAPI("").Query(ctx, `from(bucket: "d") |> range(start: 0)`)
	refused("Flux", err)
	_, err = c.QueryAPI("").QueryRaw(ctx, `from(bucket: "d") |> range(start: 0)`, influxdb2.DefaultDialect())
	refused("Flux as text", err)
	wrong := influxdb2.NewClient(address, "root:no")
	defer wrong.Close()
	refused("a wrong password", wrong.WriteAPIBlocking("", "d").WriteRecord(ctx, "cpu f=1 1"))
	nobody := influxdb2.NewClient(address, "")
	defer nobody.Close()
	refused("nobody", nobody.WriteAPIBlocking("", "d").WriteRecord(ctx, "cpu f=1 1"))
	asked("drop", asker, first.NewQuery("DROP DATABASE d; SHOW DATABASES", "", ""))
}

func writeSecond(ctx context.Context, c influxdb2.Client) {
	blocking := c.WriteAPIBlocking("any", "d")
	fields := map[string]any{"f": 1.5, "i": 3, "s": "q\"uote \\ \n", "b": true}
	must(blocking.WritePoint(ctx, influxdb2.NewPoint("cpu", map[string]string{"host": "a, b=c", "empty": ""}, fields, moment.Add(1500*time.Microsecond))))
	must(blocking.WritePoint(ctx, influxdb2.NewPointWithMeasurement("cpu").AddTag("host", "größe").AddField("f", 1e300).AddField("i", int64(-9223372036854775808)).SetTime(moment.Add(time.Second))))
	must(blocking.WriteRecord(ctx, "cpu,host=line f=2 1577836802000", "cpu,host=line f=3 1577836803000\ncpu,host=line f=4 1577836804000"))
	must(c.WriteAPIBlocking("any", "d/short").WriteRecord(ctx, "short f=5 1577836800000"))
	blocking.EnableBatching()
	for at := range 1000 {
		must(blocking.WriteRecord(ctx, fmt.Sprintf("many,own=one v=%d %d", at, moment.UnixMilli()+int64(at))))
	}
	must(blocking.Flush(ctx))
	later := c.WriteAPI("any", "d/autogen")
	for at := 1000; at < 3000; at++ {
		later.WritePoint(write.NewPoint("many", nil, map[string]any{"v": float64(at)}, moment.Add(time.Duration(at)*time.Millisecond)))
	}
	later.Flush()
	straight := func(bucket string) func(line string) error {
		api := c.WriteAPIBlocking("any", bucket)
		return func(line string) error { return api.WriteRecord(ctx, line) }
	}
	refused("a bad line", straight("d/")("cpu f=text 7"))
	refused("another type", straight("d/")("cpu f=1 7\ncpu f=\"text\" 8"))
	refused("no database", straight("nowhere")("cpu f=1 7"))
	refused("no policy", straight("d/nowhere")("cpu f=1 7"))
	refused("no bucket", straight("")("cpu f=1 7"))
	// What nobody waits for tells its errors on the side.
	failing := c.WriteAPI("any", "nowhere/at all")
	failures := failing.Errors()
	failing.WriteRecord("cpu f=1 7")
	go failing.Flush()
	select {
	case err := <-failures:
		refused("later", err)
	case <-time.After(20 * time.Second):
		panic("no error came")
	}
}

func deleteSecond(ctx context.Context, c influxdb2.Client, asker first.Client) {
	api := c.DeleteAPI()
	until := moment.Add(10 * time.Hour)
	must(api.DeleteWithName(ctx, "", "d", moment, until, `_measurement="cpu" AND host="line"`))
	must(api.DeleteWithName(ctx, "", "d/autogen", moment, moment.Add(500*time.Millisecond), `_measurement="many"`))
	refused("a wrong predicate", api.DeleteWithName(ctx, "", "d", moment, until, `host="a" OR host="b"`))
	refused("a delete in no database", api.DeleteWithName(ctx, "", "nowhere", moment, until, ""))
	asked("left", asker, first.NewQuery("SELECT f FROM cpu; SELECT count(v), min(v) FROM many", "d", "ms"))
}

// buckets makes, finds, changes and drops policies as version 2 names them.
func buckets(ctx context.Context, c influxdb2.Client) {
	api := c.BucketsAPI()
	show := func(name string, found ...domain.Bucket) {
		for _, bucket := range found {
			rules, err := json.Marshal(bucket.RetentionRules)
			must(err)
			fmt.Println(name, bucket.Name, *bucket.Id, string(rules))
		}
	}
	made, err := api.CreateBucketWithNameWithID(ctx, "any", "made/week", domain.RetentionRule{EverySeconds: 7 * 86400})
	must(err)
	show("made", *made)
	all, err := api.GetBuckets(ctx)
	must(err)
	show("all", *all...)
	found, err := api.FindBucketByName(ctx, "d/short")
	must(err)
	show("by name", *found)
	found, err = api.FindBucketByID(ctx, "made/week")
	must(err)
	show("by number", *found)
	shards := int64(2 * 86400)
	found.RetentionRules = domain.RetentionRules{{EverySeconds: 30 * 86400, ShardGroupDurationSeconds: &shards}}
	found, err = api.UpdateBucket(ctx, found)
	must(err)
	show("changed", *found)
	must(api.DeleteBucket(ctx, found))
	_, err = api.FindBucketByID(ctx, "made/week")
	refused("a bucket that is gone", err)
	// InfluxDB writes a second document behind its error, which the client cannot read.
	_, err = api.FindBucketByName(ctx, "made/nothing")
	fmt.Println("no such bucket", err != nil)
}

// refused prints an error with its status, if it came with one.
func refused(name string, err error) {
	failed(name, err)
	var told *clienthttp.Error
	if errors.As(err, &told) {
		fmt.Println(name, "has status", told.StatusCode, "code", told.Code)
	}
}
