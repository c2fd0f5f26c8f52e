package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	client "github.com/influxdata/influxdb1-client"
)

// v1 uses everything that the package at the module's root offers over HTTP.
func v1(address string) {
	where, err := url.Parse(address)
	must(err)
	parsed, err := client.ParseConnectionString(where.Host, false)
	must(err)
	config := client.NewConfig()
	config.URL = parsed
	config.UserAgent = "clients/1"
	config.Timeout = 20 * time.Second
	c, err := client.NewClient(config)
	must(err)
	fmt.Println("same address", c.Addr() == address)
	_, version, err := c.Ping()
	must(err)
	fmt.Println("ping", version != "")

	ask := func(database, command string) {
		response, err := c.Query(client.Query{Command: command, Database: database})
		answer(command, response, err)
	}
	ask("", "SHOW DATABASES")
	ask("", "CREATE USER root WITH PASSWORD 'a secret' WITH ALL PRIVILEGES")
	ask("", "SHOW DATABASES")
	c.SetAuth("root", "wrong")
	ask("", "SHOW DATABASES")
	c.SetAuth("root", "a secret")
	ask("", "CREATE DATABASE d; CREATE RETENTION POLICY short ON d DURATION 10000w REPLICATION 1 SHARD DURATION 1d")

	points := []client.Point{
		{Measurement: "cpu", Tags: map[string]string{"host": "a, b=c"}, Time: moment,
			Fields: map[string]any{"f": 1.5, "i": 3, "s": `q"uote \ `, "b": true}},
		{Measurement: "cpu", Tags: map[string]string{"host": "b", "dc": "own"}, Time: moment.Add(time.Second),
			Fields: map[string]any{"f": 2.0, "i": int64(-9223372036854775808)}},
		{Measurement: "cpu", Time: moment.Add(time.Hour), Fields: map[string]any{"f": 1e300}},
		{Raw: "raw,host=r v=1 1577836800000000000"},
	}
	batch := client.BatchPoints{Points: points, Database: "d", Tags: map[string]string{"dc": "all"}, Time: moment.Add(time.Minute)}
	response, err := c.Write(batch)
	answer("write", response, err)
	batch.RetentionPolicy, batch.WriteConsistency = "short", client.ConsistencyAll
	response, err = c.Write(batch)
	answer("write into a policy", response, err)
	second := client.BatchPoints{Database: "d", Points: []client.Point{
		{Measurement: "coarse", Time: moment.Add(1500 * time.Millisecond), Precision: "s", Fields: map[string]any{"f": 1}},
	}, Precision: "s"}
	response, err = c.Write(second)
	answer("write seconds", response, err)
	for _, precision := range []string{"n", "u", "ms", "s", "m", "h", "ns"} {
		response, err = c.WriteLineProtocol("line,p="+precision+" f=1 7", "d", "", precision, client.ConsistencyOne)
		answer("lines in "+precision, response, err)
	}
	response, err = c.WriteLineProtocol("line f=text 7", "d", "", "", "")
	answer("a bad line", response, err)
	response, err = c.WriteLineProtocol("line f=1 7\nline f=\"text\" 8", "d", "", "", "")
	answer("another type", response, err)
	response, err = c.WriteLineProtocol("line f=1 7", "nowhere", "", "", "")
	answer("no database", response, err)
	response, err = c.WriteLineProtocol("line f=1 7", "d", "nowhere", "", "")
	answer("no policy", response, err)

	ask("d", "SELECT * FROM cpu")
	ask("d", "SELECT count(f) FROM cpu; SHOW MEASUREMENTS; SELECT nonsense(f) FROM cpu; SHOW TAG KEYS")
	ask("d", "SELECT f FROM line GROUP BY p")
	ask("d", "SELECT * FROM coarse")
	ask("d", "SELECT * FROM")
	ask("nowhere", "SELECT * FROM cpu")
	response, err = c.Query(client.Query{Command: "SELECT * FROM cpu", Database: "d", RetentionPolicy: "short"})
	answer("by policy", response, err)
	for _, size := range []int{0, 1, 2} {
		response, err = c.Query(client.Query{Command: "SELECT f FROM cpu GROUP BY host", Database: "d", Chunked: true, ChunkSize: size, NodeID: 1})
		answer("chunked", response, err)
	}
	c.SetPrecision("s")
	ask("d", "SELECT f FROM cpu")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = c.QueryContext(ended, client.Query{Command: "SELECT * FROM cpu", Database: "d"})
	fmt.Println("cancelled", err != nil)
	ask("", "DROP DATABASE d; SHOW DATABASES; SHOW USERS")
	throughProxies(config, address)
}

// throughProxies asks through one that the client speaks to as to a server, and asks the server itself as if it were one: then the
// address in the first line of a request is a whole one.
func throughProxies(config client.Config, address string) {
	passed := newProxy(address)
	defer passed.Close()
	for _, proxy := range []string{passed.URL, address} {
		where, err := url.Parse(nowhere)
		must(err)
		config.URL, config.Username, config.Password, config.Proxy = *where, "root", "a secret", always(proxy)
		c, err := client.NewClient(config)
		must(err)
		_, version, err := c.Ping()
		must(err)
		fmt.Println("ping through a proxy", version != "")
		response, err := c.Query(client.Query{Command: "CREATE DATABASE proxied"})
		answer("create through a proxy", response, err)
		response, err = c.WriteLineProtocol("line f=1 7", "proxied", "", "s", "")
		answer("write through a proxy", response, err)
		response, err = c.Query(client.Query{Command: "SELECT * FROM line; DROP DATABASE proxied", Database: "proxied"})
		answer("query through a proxy", response, err)
	}
	passed.told()
}

// answer prints a response as the client reads it.
func answer(name string, response *client.Response, err error) {
	if err != nil {
		failed(name, err)
		return
	}
	if response == nil {
		fmt.Println(name, "is well")
		return
	}
	told(name, response)
	if err := response.Error(); err != nil {
		failed(name, err)
	}
}
