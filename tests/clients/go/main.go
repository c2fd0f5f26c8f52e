// Drives the Go client of InfluxDB 1.x, both of its packages, and that of InfluxDB 2, and prints what they were told, a line each. What
// differs between two servers that answer alike (versions, durations, times of their own) is not printed.
//
// Usage: clients v1|v2|second ADDRESS, of a server with authentication where nobody is a user yet.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

var moment = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func main() {
	if len(os.Args) != 3 {
		usage()
	}
	address := "http://" + os.Args[2]
	switch os.Args[1] {
	case "v1":
		v1(address)
	case "v2":
		v2(address)
	case "second":
		second(address)
	default:
		usage()
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: clients v1|v2|second ADDRESS")
	os.Exit(2)
}

// must ends the program with an error that nobody expected.
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		panic(err)
	}
}

// told prints a value as JSON behind its name.
func told(name string, value any) {
	text, err := json.Marshal(value)
	must(err)
	fmt.Println(name, string(text))
}

// failed prints an error, which there must be.
func failed(name string, err error) {
	if err == nil {
		panic(name + ": there should have been an error")
	}
	fmt.Println(name, "fails:", err)
}
