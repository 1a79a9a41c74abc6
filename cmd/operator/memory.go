package main

import (
	"math"
	"runtime/debug"
)

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
