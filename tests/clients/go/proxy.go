package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// nowhere has the address of no server: only a proxy finds one behind it.
const nowhere = "http://influx.invalid:8086"

// platform is what an agent may say of the machine.
var platform = regexp.MustCompile(` \(.*\) *`)

// proxy passes requests on to a server, and remembers what they were.
type proxy struct {
	*httptest.Server
	lock sync.Mutex
	seen []string
}

// newProxy listens for requests, whatever host they are for, and passes them on to the server at this address.
func newProxy(address string) *proxy {
	target, err := url.Parse(address)
	must(err)
	pass := &httputil.ReverseProxy{Rewrite: func(request *httputil.ProxyRequest) { request.SetURL(target) }}
	made := &proxy{}
	made.Server = httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		scheme, _, _ := strings.Cut(request.Header.Get("Authorization"), " ")
		agent := platform.ReplaceAllString(request.UserAgent(), " ")
		seen := fmt.Sprintf("%s %s%s as %q, body %q, authorization %q", request.Method, request.URL.Host, request.URL.Path,
			agent, request.Header.Get("Content-Encoding"), scheme)
		made.lock.Lock()
		made.seen = append(made.seen, seen)
		made.lock.Unlock()
		pass.ServeHTTP(writer, request)
	}))
	return made
}

// told prints what came by.
func (passed *proxy) told() {
	passed.lock.Lock()
	defer passed.lock.Unlock()
	for _, seen := range passed.seen {
		fmt.Println("passed on:", seen)
	}
	passed.seen = nil
}

// always is what a client is told to find proxies by.
func always(address string) func(*http.Request) (*url.URL, error) {
	where, err := url.Parse(address)
	must(err)
	return http.ProxyURL(where)
}
