package main

import (
	"fmt"
	"io"
	"time"

	client "github.com/influxdata/influxdb1-client/v2"
)

// v2 uses everything that the package `v2` offers over HTTP.
func v2(address string) {
	nobody, err := client.NewHTTPClient(client.HTTPConfig{Addr: address, Timeout: 20 * time.Second})
	must(err)
	_, version, err := nobody.Ping(time.Second)
	must(err)
	fmt.Println("ping", version != "")
	asked("nobody", nobody, client.NewQuery("SHOW DATABASES", "", ""))
	asked("first user", nobody, client.NewQuery("CREATE USER root WITH PASSWORD 'a secret' WITH ALL PRIVILEGES", "", ""))
	must(nobody.Close())

	for _, encoding := range []client.ContentEncoding{client.DefaultEncoding, client.GzipEncoding} {
		c, err := client.NewHTTPClient(client.HTTPConfig{
			Addr: address, Username: "root", Password: "a secret", UserAgent: "clients/2", WriteEncoding: encoding,
		})
		must(err)
		fmt.Printf("encoding %q\n", encoding)
		asked("make", c, client.NewQuery("CREATE DATABASE d; CREATE RETENTION POLICY short ON d DURATION 10000w REPLICATION 1 SHARD DURATION 1d", "", ""))
		writeAll(c)
		queryAll(c)
		asked("drop", c, client.NewQuery("DROP DATABASE d; SHOW DATABASES", "", ""))
		must(c.Close())
		throughBoth(address, encoding)
	}
}

// throughBoth asks through a proxy, and asks the server itself as if it were one.
func throughBoth(address string, encoding client.ContentEncoding) {
	passed := newProxy(address)
	defer passed.Close()
	for _, proxy := range []string{passed.URL, address} {
		c, err := client.NewHTTPClient(client.HTTPConfig{
			Addr: nowhere, Username: "root", Password: "a secret", UserAgent: "clients/2", WriteEncoding: encoding, Proxy: always(proxy),
		})
		must(err)
		asked("create through a proxy", c, client.NewQuery("CREATE DATABASE proxied", "", ""))
		batch, err := client.NewBatchPoints(client.BatchPointsConfig{Database: "proxied"})
		must(err)
		point, err := client.NewPoint("line", nil, map[string]any{"f": 1.5}, moment)
		must(err)
		batch.AddPoint(point)
		written("through a proxy", c, batch)
		asked("query through a proxy", c, client.NewQuery("SELECT * FROM line; DROP DATABASE proxied", "proxied", "s"))
		must(c.Close())
	}
	passed.told()
}

func writeAll(c client.Client) {
	for group, precision := range []string{"", "ns", "us", "ms", "s"} {
		batch, err := client.NewBatchPoints(client.BatchPointsConfig{Database: "d", Precision: precision, WriteConsistency: "any"})
		must(err)
		for at, fields := range []map[string]any{
			{"f": 1.5, "i": 3, "u8": uint8(7), "s": "q\"uote \\ \n", "b": true},
			{"f": float32(0.25), "i": int64(9223372036854775807)},
			{"s": "größe 温"},
		} {
			tags := map[string]string{"host": fmt.Sprint("h ", at), "p": precision, "empty": ""}
			point, err := client.NewPoint("cpu", tags, fields, moment.Add(time.Duration(10*group+at)*1500*time.Millisecond))
			must(err)
			batch.AddPoint(point)
		}
		written("precision "+batch.Precision(), c, batch)
	}
	batch, err := client.NewBatchPoints(client.BatchPointsConfig{})
	must(err)
	batch.SetDatabase("d")
	batch.SetRetentionPolicy("short")
	batch.SetWriteConsistency("one")
	must(batch.SetPrecision("ms"))
	point, err := client.NewPoint("short", nil, map[string]any{"f": 1.0}, moment)
	must(err)
	batch.AddPoints([]*client.Point{point, client.NewPointFrom(mustPoint("parsed"))})
	written("policy "+batch.RetentionPolicy(), c, batch)
	many, err := client.NewBatchPoints(client.BatchPointsConfig{Database: "d"})
	must(err)
	for at := range 20000 {
		point, err := client.NewPoint("many", map[string]string{"host": fmt.Sprint(at % 10)}, map[string]any{"v": at}, moment.Add(time.Duration(at)*time.Second))
		must(err)
		many.AddPoint(point)
	}
	written(fmt.Sprint(len(many.Points()), " points"), c, many)
	wrong, err := client.NewBatchPoints(client.BatchPointsConfig{Database: "d"})
	must(err)
	point, err = client.NewPoint("many", map[string]string{"host": "0"}, map[string]any{"v": "text"}, moment)
	must(err)
	wrong.AddPoint(point)
	written("another type", c, wrong)
	wrong.SetDatabase("nowhere")
	written("no database", c, wrong)
}

func queryAll(c client.Client) {
	for _, precision := range []string{"", "rfc3339", "n", "u", "ms", "s", "m", "h"} {
		asked("precision "+precision, c, client.NewQuery("SELECT * FROM cpu WHERE host != 'h 2'", "d", precision))
	}
	asked("policy", c, client.NewQueryWithRP("SELECT * FROM short", "d", "short", "s"))
	asked("parsed", c, client.NewQueryWithRP("SELECT * FROM parsed", "d", "short", "ms"))
	asked("a truth", c, client.NewQueryWithParameters(
		"SELECT f FROM cpu WHERE b = $truth", "d", "ns", map[string]any{"truth": client.BooleanValue(true)}))
	asked("parameters", c, client.NewQueryWithParameters(
		"SELECT $field, i FROM cpu WHERE host = $host AND f > $least AND i >= $whole AND time >= $from AND time < $from + $span AND p =~ $some",
		"d", "ns", map[string]any{
			"field": client.Identifier("f"), "host": client.StringValue("h 0"), "least": client.NumberValue(1.25), "whole": client.IntegerValue(3),
			"from": client.TimeValue(moment), "span": client.DurationValue(time.Hour), "some": client.RegexValue("^(s|ms)$"),
		}))
	asked("plain parameters", c, client.NewQueryWithParameters(
		"SELECT f FROM cpu WHERE host = $host AND f > $least", "d", "", map[string]any{"host": "h 0", "least": 1}))
	asked("a missing parameter", c, client.NewQueryWithParameters("SELECT f FROM cpu WHERE host = $host", "d", "", map[string]any{"other": 1}))
	asked("groups", c, client.NewQuery("SELECT count(v), mean(v) FROM many GROUP BY host", "d", ""))
	asked("several", c, client.NewQuery("SHOW TAG VALUES WITH KEY = host LIMIT 2; SELECT nonsense(f) FROM cpu; SHOW FIELD KEYS", "d", ""))
	asked("nonsense", c, client.NewQuery("SELECT * FROM", "d", ""))
	asked("no database", c, client.NewQuery("SELECT * FROM cpu", "nowhere", ""))
	query := client.NewQuery("SELECT v FROM many", "d", "s")
	query.Chunked, query.ChunkSize = true, 3000
	response, err := c.Query(query)
	must(err)
	rows := 0
	for _, result := range response.Results {
		for _, series := range result.Series {
			rows += len(series.Values)
		}
	}
	fmt.Println("chunked rows", rows)
	chunks, err := c.QueryAsChunk(query)
	must(err)
	for {
		response, err := chunks.NextResponse()
		if err == io.EOF {
			break
		}
		must(err)
		for _, result := range response.Results {
			for _, series := range result.Series {
				told("chunk", []any{series.Name, series.Columns, len(series.Values), series.Values[0], series.Partial, result.StatementId})
			}
		}
	}
	must(chunks.Close())
	asked("delete", c, client.NewQuery("DELETE FROM many WHERE host = '3'; SELECT count(v) FROM many", "d", "s"))
}

func written(name string, c client.Client, batch client.BatchPoints) {
	if err := c.Write(batch); err != nil {
		failed(name, err)
		return
	}
	fmt.Println(name, "is written")
}

func asked(name string, c client.Client, query client.Query) {
	response, err := c.Query(query)
	if err != nil {
		failed(name, err)
		return
	}
	told(name, response)
	if err := response.Error(); err != nil {
		failed(name, err)
	}
}
