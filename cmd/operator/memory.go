package main

import (
	"math"
	"os"
	"runtime/debug"
)

// growth is by how much the heap may grow until it is collected, in percent of what is in use: the caches of
// thousands of routes stay, and little is made beside them, so that collecting two and a half times as often as Go
// does by default costs a hundredth of a core and spares a third of the memory.
const growth = 40

// collectEarly leaves it to whoever has set GOGC.
func collectEarly() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(growth)
	}
}

// The manifest sets GOMEMLIMIT to the container's limit, whatever somebody makes of it:
// Kubernetes can hand on a limit, but no share of it. A tenth is left to what the Go
// runtime does not count; at the limit itself the kernel would end the process first.
func leaveATenth() { debug.SetMemoryLimit(nineTenths(debug.SetMemoryLimit(-1))) }

// nineTenths leaves no limit as it is.
func nineTenths(limit int64) int64 {
	if limit == math.MaxInt64 {
		return limit
	}
	return limit / 10 * 9
}
