// Drives the Go client of InfluxDB 1.x, both of its packages, and prints what it was told, a line each. What differs between two
// servers that answer alike (versions, durations, times of their own) is not printed.
//
// Usage: clients v1|v2 ADDRESS, of a server with authentication where nobody is a user yet.
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
		fmt.Fprintln(os.Stderr, "usage: clients v1|v2 ADDRESS")
		os.Exit(2)
	}
	address := "http://" + os.Args[2]
	if os.Args[1] == "v1" {
		v1(address)
	} else {
		v2(address)
	}
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
