package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// trial is one way to make the proxy large or slow.
type trial struct {
	name string
	// modify changes the route that is loaded.
	modify func(*routeconfig.Route)
	// quiet changes the route of the bystanders.
	quiet func(*routeconfig.Route)
	// handlers are its backends.
	handlers []http.HandlerFunc
	// servers are its backends where handlers cannot behave as badly.
	servers []func(net.Conn)
	// secrets are those of the namespace, beside those of everybody.
	secrets map[string]map[string]string
	// load goes on for a bounded time. The error says what is wrong but for memory and
	// bystanders.
	load func(ctx context.Context, address string) error
	// floods says that the load takes its whole core, so that the times of bystanders are
	// those of the load.
	floods bool
}

// run has a process of its own, and a second route whose clients stand by.
func (t *trial) run(ctx context.Context, s *starter, program string, others *bystanders) error {
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	loaded, quiet, stop, err := t.document(dir, others.urls)
	defer stop()
	if err != nil {
		return err
	}
	cmd, err := start(ctx, s, program, dir)
	if err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if err := giveWay(s.thread); err != nil {
		return err
	}
	for _, address := range []string{loaded, quiet} {
		if err := reachable(ctx, address); err != nil {
			return err
		}
	}
	if _, err := others.call(quiet, 100); err != nil { // connections and pools
		return err
	}
	before, err := others.call(quiet, 300)
	if err != nil {
		return err
	}
	var failed error
	during, err := others.during(quiet, func() { failed = t.load(ctx, loaded) })
	if err != nil {
		return err
	}
	most, err := peak(cmd.Process.Pid)
	if err != nil {
		return err
	}
	fmt.Printf("memory: %s: at its most %d MiB of %d; bystanders' p99 %v, idle %v; %d of %d of their calls failed\n",
		t.name, most>>20, memoryLimit>>20, during.P99, before.P99, during.Failed, during.Calls)
	return errors.Join(failed, t.judge(most, before, during))
}

func (t *trial) judge(most uint64, before, during finding) error {
	var errs []error
	if most > memoryLimit {
		errs = append(errs, fmt.Errorf("it took %d MiB, over the limit of %d", most>>20, memoryLimit>>20))
	}
	if t.floods {
		return errors.Join(errs...)
	}
	if limit := max(2*before.P99, before.P99+10*time.Millisecond); during.P99 > limit {
		errs = append(errs, fmt.Errorf("bystanders' p99 is %v, over %v", during.P99, limit))
	}
	if during.Failed > 0 {
		errs = append(errs, fmt.Errorf("%d calls of bystanders failed", during.Failed))
	}
	return errors.Join(errs...)
}

// document writes that of both routes.
func (t *trial) document(dir string, others []string) (loaded, quiet string, stop func(), err error) {
	urls, stop, err := serveAll(t.handlers)
	if len(t.servers) > 0 {
		urls, stop, err = serveRaw(t.servers)
	}
	if err != nil {
		return "", "", stop, err
	}
	if err := writeSecrets(dir, t.secrets); err != nil {
		return "", "", stop, err
	}
	var routes []routeconfig.Route
	var addresses []string
	for name, urls := range map[string][]string{"loaded": urls, "quiet": others} {
		address, err := freeAddress()
		if err != nil {
			return "", "", stop, err
		}
		r, err := route(name, address, urls)
		if err != nil {
			return "", "", stop, err
		}
		if name == "loaded" {
			loaded = address
			if t.modify != nil {
				t.modify(&r)
			}
		} else {
			quiet = address
			if t.quiet != nil {
				t.quiet(&r)
			}
		}
		routes, addresses = append(routes, r), append(addresses, address)
	}
	if addresses[0] == addresses[1] {
		return "", "", stop, errors.New("both routes got one port")
	}
	return loaded, quiet, stop, writeDocument(dir, routes...)
}

func reply(w http.ResponseWriter, contentType string, content []byte) {
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(content)
}

// What a call may come to.
const (
	answered = iota
	refused  // with 503
	other    // another status
	none     // no response
	kinds
)

// flood has n calls under way for a span, and prints what became of them.
func flood(n int, span time.Duration, body []byte) func(context.Context, string) error {
	return func(ctx context.Context, address string) error {
		ctx, cancel := context.WithTimeout(ctx, span)
		defer cancel()
		c := newCrowd(n, address, body, nil)
		defer c.transport.CloseIdleConnections()
		var workers sync.WaitGroup
		for range n {
			workers.Go(func() {
				for ctx.Err() == nil {
					if c.call(ctx) == refused {
						time.Sleep(100 * time.Millisecond) // as Retry-After would have it, and more often
					}
				}
			})
		}
		workers.Wait()
		c.print()
		return nil
	}
}

const (
	// bursts is how often a burst comes, pauses after each.
	bursts = 5
	pauses = time.Second
)

// burst makes n calls at once, and some more when they have ended and a while has passed.
func burst(n int, fields http.Header) func(context.Context, string) error {
	return func(ctx context.Context, address string) error {
		c := newCrowd(n, address, []byte("{}"), fields)
		defer c.transport.CloseIdleConnections()
		for range bursts {
			var calls sync.WaitGroup
			for range n {
				calls.Go(func() { c.call(ctx) })
			}
			calls.Wait()
			time.Sleep(pauses)
		}
		c.print()
		return nil
	}
}

// crowd are clients that call the same.
type crowd struct {
	n         int
	url       string
	body      []byte
	fields    http.Header
	transport *http.Transport
	statuses  [kinds]atomic.Int64
}

func newCrowd(n int, address string, body []byte, fields http.Header) *crowd {
	return &crowd{n: n, url: "http://" + address + "/", body: body, fields: fields, transport: &http.Transport{MaxIdleConnsPerHost: n, DialContext: dialer(loadAddress).DialContext}}
}

func (c *crowd) call(ctx context.Context) (status int) {
	status = call(ctx, c.transport, c.url, c.body, c.fields)
	if ctx.Err() == nil { // the end cuts some off
		c.statuses[status].Add(1)
	}
	return status
}

func (c *crowd) print() {
	fmt.Printf("memory: %d calls at once: %d answered, %d refused with 503, %d with another status, %d without a response\n",
		c.n, c.statuses[answered].Load(), c.statuses[refused].Load(), c.statuses[other].Load(), c.statuses[none].Load())
}

func call(ctx context.Context, transport *http.Transport, url string, body []byte, fields http.Header) int {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return none
	}
	if fields != nil {
		r.Header = fields.Clone()
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return none
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
	switch response.StatusCode {
	case http.StatusOK, http.StatusMultiStatus:
		return answered
	case http.StatusServiceUnavailable:
		return refused
	}
	return other
}
