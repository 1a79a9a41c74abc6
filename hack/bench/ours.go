package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"
)

// today is the build that the targets of transports and large bodies are relative to: the last one
// that asked backends through net/http's client.
const today = "269b3f5"

// route is a route of ours, and what its contender is called.
type route struct {
	name     string
	response string
	urls     []string
	protocol string // of backends
	quorum   int    // of them are enough; 0 where all have to answer
	h2       bool   // clients come by TLS
}

// The names of our routes, as those of contenders.
const (
	oursEnvelope = "Fanout Envelope"
	oursMerge    = "Fanout Merge"
	overTLS1     = "TLS to backends, HTTP/1.1"
	overTLS2     = "TLS to backends, HTTP/2"
	fromH2       = "HTTP/2 from clients"
	healthy      = "four healthy backends"
	hanging      = "one of four hangs"
	resetting    = "one of four resets"
	failing      = "one of four fails"
)

// of is the name of a route with so many backends and bodies.
func of(name string, n int, size string) string { return fmt.Sprintf("%s, %d × %s", name, n, size) }

// routes are all of ours.
func routes() []route {
	var list []route
	for _, n := range backendCounts {
		list = append(list, route{name: of(oursEnvelope, n, "small"), response: "Envelope", urls: backends(n, "small")})
	}
	for _, size := range []string{"1k", "64k"} {
		for name, response := range map[string]string{oursEnvelope: "Envelope", oursMerge: "Merge"} {
			list = append(list, route{name: of(name, 2, size), response: response, urls: backends(2, size)})
		}
	}
	first, second := address("https", tlsPort, "small"), address("https", h2Port, "small")
	list = append(list,
		route{name: overTLS1, response: "Envelope", urls: []string{first, first}, protocol: "HTTP1"},
		route{name: overTLS2, response: "Envelope", urls: []string{second, second}, protocol: "Auto"},
		route{name: fromH2, response: "Envelope", urls: backends(2, "small"), h2: true},
		route{name: healthy, response: "Envelope", urls: backends(4, "small"), quorum: 2})
	for name, port := range map[string]int{hanging: hangPort, resetting: resetPort, failing: failPort} {
		list = append(list, route{name: name, response: "Envelope", urls: append(backends(3, "small"), address("http", port, "small")), quorum: 2})
	}
	return list
}

// object is the route in a document: with callers' API keys, a rate limit that never refuses and a field for each backend.
func (r *route) object(i, port int) object {
	var list []object
	for j, url := range r.urls {
		name := "b" + strconv.Itoa(j)
		b := object{
			"name": name, "url": url, "timeout": "20s", "maxResponseSize": 1 << 20, "protocol": r.protocol,
			"request": object{"path": "URL", "setHeaders": []object{{"name": "X-Backend", "value": name}}},
		}
		if r.protocol != "" {
			b["tls"] = object{"caSecret": "ca"}
		}
		list = append(list, b)
	}
	response := object{"type": r.response, "diagnostics": "Full", "idleTimeout": "1m"}
	policy := object{"policy": "All", "timeout": "20s", "stragglers": "Auto", "maxInFlight": 4096}
	if r.quorum > 0 {
		policy["policy"], policy["quorum"] = "Quorum", r.quorum
		response["partialStatusCode"] = 200
	}
	listener := object{"port": port}
	if r.h2 {
		listener["tlsSecret"] = "pair"
	}
	return object{
		"namespace": "bench", "name": "r" + strconv.Itoa(i), "listener": listener,
		"authentication": object{"apiKeys": object{"secret": "callers", "header": "X-API-Key"}},
		"rateLimits":     []object{{"name": "all", "requests": 1_000_000, "per": "1s", "burst": 1_000_000}},
		"validation":     object{"maxBodySize": 1 << 20, "bodyTimeout": "30s"},
		"dispatch":       policy, "backends": list,
		"response": response,
	}
}

// ours is one build with all routes, in one process.
type ours struct {
	built *built
	dir   string
	// secrets is the folder of those of its routes.
	secrets string
	admin   string
	pid     int
	by      map[string]*contender
}

// serve starts a build with all routes, and waits until they answer.
func serve(ctx context.Context, s *stage, b *built, dir, pair string) (*ours, error) {
	list := routes()
	ports, err := freePorts(len(list) + 1)
	if err != nil {
		return nil, err
	}
	objects := make([]object, len(list))
	for i := range list {
		objects[i] = list[i].object(i, ports[i])
	}
	o := &ours{built: b, dir: dir, secrets: filepath.Dir(filepath.Dir(pair)), admin: local(ports[len(list)]), by: map[string]*contender{}}
	if err := b.write(ctx, dir, object{"routes": objects}); err != nil {
		return nil, err
	}
	if o.pid, err = s.spawn(b.proxy, o.args(o.admin)...); err != nil {
		return nil, err
	}
	for i := range list {
		r := &list[i]
		if !r.h2 {
			if err := answers(ctx, ports[i]); err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
		}
		o.by[r.name] = &contender{name: r.name, pid: o.pid, port: ports[i], h2: r.h2, mallocs: "http://" + o.admin + "/metrics?name[]=" + mallocsMetric}
	}
	return o, nil
}

// mallocsMetric is what programs in Go say they have made.
const mallocsMetric = "go_memstats_mallocs_total"

func (o *ours) args(admin string) []string {
	return []string{
		"--document=" + filepath.Join(o.dir, "document.json"), "--credentials=" + o.secrets, "--admin=" + admin, "--address=127.0.0.1",
		"--allow-loopback", "--drain-delay=0s", "--access-log-sample=100",
	}
}

// buildToday builds the proxy of the commit that is called today's.
func buildToday(ctx context.Context, dir string) (*built, error) {
	full, err := git(ctx, "rev-parse", "--verify", "--end-of-options", today+"^{commit}")
	if err != nil {
		return nil, err
	}
	return buildCommit(ctx, full, dir)
}

// buildCommit builds the proxy of a commit, in a worktree that is gone afterwards.
func buildCommit(ctx context.Context, commit, dir string) (b *built, err error) {
	tree := filepath.Join(dir, "worktree")
	if _, err := git(ctx, "worktree", "add", "--quiet", "--detach", tree, commit); err != nil {
		return nil, err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		_, gone := git(stop, "worktree", "remove", "--force", tree)
		err = errors.Join(err, gone)
	}()
	return buildProxy(ctx, tree, filepath.Join(dir, "base"))
}
