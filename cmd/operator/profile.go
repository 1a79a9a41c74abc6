//go:build profile

package main

import (
	"net/http"
	_ "net/http/pprof"
	"os"
)

// For hack/scale: a port for profiles, which no program has that is installed.
func init() {
	go func() { _ = http.ListenAndServe(os.Getenv("FANOUT_PROFILE"), nil) }()
}
