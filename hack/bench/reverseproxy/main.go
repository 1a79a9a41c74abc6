// Reverseproxy is httputil.ReverseProxy before one backend: what passing a call on costs, without
// fanning out.
package main

import (
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"

	"github.com/fanout-operator/fanout/hack/bench/mallocs"
)

func main() {
	backend, err := url.Parse(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 512},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL, r.Out.Host = backend, backend.Host
		},
	}
	log.Fatal(http.ListenAndServe(os.Args[1], mallocs.Beside(proxy)))
}
