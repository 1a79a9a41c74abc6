package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// bystanders are clients of a route that nobody loads, and its backends. They are a process
// of their own, so that they wait for the proxy and not for the load's runtime.
type bystanders struct {
	urls    []string
	input   io.WriteCloser
	encoder *json.Encoder
	decoder *json.Decoder
	cmd     *exec.Cmd
}

// order is what bystanders are to do: call an address a hundred times a second, Calls
// times, or where that is 0 until they are told to do anything else.
type order struct {
	Address string
	Calls   int
}

// finding is what they found.
type finding struct {
	P99           time.Duration
	Calls, Failed int
}

// gather starts bystanders.
func gather(ctx context.Context) (*bystanders, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find program: %w", err)
	}
	b := &bystanders{cmd: exec.CommandContext(ctx, self, "-stand-by")}
	b.cmd.Stderr = os.Stderr
	if b.input, err = b.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start bystanders: %w", err)
	}
	output, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start bystanders: %w", err)
	}
	if err := b.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start bystanders: %w", err)
	}
	b.encoder, b.decoder = json.NewEncoder(b.input), json.NewDecoder(output)
	if err := b.decoder.Decode(&b.urls); err != nil {
		return nil, fmt.Errorf("start bystanders: %w", err)
	}
	return b, nil
}

func (b *bystanders) leave() {
	_ = b.input.Close()
	_ = b.cmd.Wait()
}

// call has them make n calls.
func (b *bystanders) call(address string, n int) (f finding, err error) {
	if err := b.encoder.Encode(order{address, n}); err != nil {
		return f, fmt.Errorf("tell bystanders: %w", err)
	}
	if err := b.decoder.Decode(&f); err != nil {
		return f, fmt.Errorf("ask bystanders: %w", err)
	}
	return f, nil
}

// during has them call while f runs.
func (b *bystanders) during(address string, f func()) (finding, error) {
	if err := b.encoder.Encode(order{address, 0}); err != nil {
		return finding{}, fmt.Errorf("tell bystanders: %w", err)
	}
	f()
	var found finding
	if err := b.encoder.Encode(order{}); err != nil {
		return found, fmt.Errorf("tell bystanders: %w", err)
	}
	if err := b.decoder.Decode(&found); err != nil {
		return found, fmt.Errorf("ask bystanders: %w", err)
	}
	return found, nil
}

// standBy is their process: it says where its backends are, and does what it is told until
// there is nothing more to do.
func standBy(ctx context.Context) error {
	good := func(w http.ResponseWriter, _ *http.Request) { reply(w, "application/json", []byte(`{"ok":true}`)) }
	urls, stop, err := serveAll([]http.HandlerFunc{good, good})
	defer stop()
	if err != nil {
		return err
	}
	output := json.NewEncoder(os.Stdout)
	if err := output.Encode(urls); err != nil {
		return fmt.Errorf("say where backends are: %w", err)
	}
	orders := make(chan order)
	go func() {
		defer close(orders)
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			var o order
			if json.Unmarshal(lines.Bytes(), &o) == nil {
				orders <- o
			}
		}
	}()
	transport := &http.Transport{MaxIdleConnsPerHost: atOnce, DialContext: dialer(standAddress).DialContext}
	address := ""
	for o := range orders {
		if o.Address != address { // whose connections are there already, before the load's
			transport.CloseIdleConnections()
			address = o.Address
		}
		c := &calls{transport: transport, url: "http://" + o.Address + "/"}
		var until <-chan time.Time
		if o.Calls > 0 {
			until = time.NewTimer(time.Duration(o.Calls) * pause).C
		}
		c.make(ctx, until, orders)
		if err := output.Encode(c.finding()); err != nil {
			return fmt.Errorf("say what was found: %w", err)
		}
	}
	return nil
}

const (
	// atOnce bounds the bystanders' calls, pause is between them.
	atOnce = 100
	pause  = 10 * time.Millisecond
	// keyHeader and bystanderKey are what bystanders are known by where somebody asks.
	keyHeader, bystanderKey = "X-Api-Key", "bystander-key"
)

// calls are those of bystanders to one address.
type calls struct {
	transport *http.Transport
	url       string

	mu     sync.Mutex
	took   []time.Duration
	failed int
}

// make begins a call at each tick, however long the others take: who waits for the last one
// to end measures the fewer the slower they are.
func (c *calls) make(ctx context.Context, until <-chan time.Time, orders <-chan order) {
	body := []byte(`{"x":"` + strings.Repeat("x", 8000) + `"}`) // for which a full budget has no room
	tick := time.NewTicker(pause)
	defer tick.Stop()
	var under sync.WaitGroup
	defer under.Wait()
	slots := make(chan struct{}, atOnce)
	if until != nil {
		orders = nil
	}
	for {
		select {
		case <-until:
			return
		case <-orders:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		slots <- struct{}{}
		under.Go(func() {
			defer func() { <-slots }()
			begun := time.Now()
			c.count(call(ctx, c.transport, c.url, body, http.Header{keyHeader: {bystanderKey}}), time.Since(begun))
		})
	}
}

func (c *calls) count(status int, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if status == answered {
		c.took = append(c.took, took)
	} else {
		c.failed++
	}
}

func (c *calls) finding() finding {
	f := finding{Calls: len(c.took) + c.failed, Failed: c.failed}
	if len(c.took) > 0 {
		sorted := slices.Sorted(slices.Values(c.took))
		f.P99 = sorted[len(sorted)*99/100].Round(10 * time.Microsecond)
	}
	return f
}
