package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// maxRequests and maxSeconds bound a load, whatever becomes of who started it.
	maxRequests = 200_000
	maxSeconds  = 1200
)

// order is what a load is to be.
type order struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	// PerSecond is the pace of all workers together; Workers how many there are.
	PerSecond int `json:"perSecond"`
	Workers   int `json:"workers"`
	// KeepAlive reuses connections. Without it each request has its own, so that
	// every one of them meets the Service's endpoints of that moment.
	KeepAlive bool `json:"keepAlive,omitempty"`
}

// totals is what came of it.
type totals struct {
	Sent     int            `json:"sent"`
	Statuses map[int]int    `json:"statuses"`
	Outcomes map[string]int `json:"outcomes"` // by Fanout-Outcome
	Errors   map[string]int `json:"errors"`   // of transport
}

func newTotals() totals {
	return totals{Statuses: map[int]int{}, Outcomes: map[string]int{}, Errors: map[string]int{}}
}

// load sends requests until it is told to stop.
type load struct {
	mu     sync.Mutex
	cancel context.CancelFunc
	done   chan struct{}
	totals totals
}

func (l *load) start(w http.ResponseWriter, r *http.Request) {
	var o order
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil || o.PerSecond < 1 || o.Workers < 1 {
		http.Error(w, "url, perSecond and workers must be set", http.StatusBadRequest)
		return
	}
	l.end()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), maxSeconds*time.Second)
	done := make(chan struct{})
	l.mu.Lock()
	l.cancel, l.done = cancel, done
	l.totals = newTotals()
	l.mu.Unlock()
	go func() {
		defer close(done)
		l.run(ctx, o)
	}()
}

func (l *load) run(ctx context.Context, o order) {
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: !o.KeepAlive, MaxIdleConnsPerHost: o.Workers,
	}}
	work := make(chan struct{})
	var wait sync.WaitGroup
	for range o.Workers {
		wait.Go(func() {
			for range work {
				l.send(client, o)
			}
		})
	}
	tick := time.NewTicker(time.Second / time.Duration(o.PerSecond))
	defer tick.Stop()
	for range maxRequests {
		select {
		case <-tick.C:
			select {
			case work <- struct{}{}:
			case <-ctx.Done():
			}
			continue
		case <-ctx.Done():
		}
		break
	}
	close(work)
	wait.Wait()
}

// send is not canceled when the load ends: what was begun is to be counted.
func (l *load) send(client *http.Client, o order) {
	request, err := http.NewRequest(http.MethodPost, o.URL, strings.NewReader(`{"message":"Hello APIs!"}`))
	if err != nil {
		l.count(0, "", err)
		return
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range o.Headers {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		l.count(0, "", err)
		return
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	l.count(response.StatusCode, response.Header.Get("Fanout-Outcome"), err)
}

func (l *load) count(status int, outcome string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.totals.Sent++
	if err != nil {
		l.totals.Errors[err.Error()]++
		return
	}
	l.totals.Statuses[status]++
	if outcome != "" {
		l.totals.Outcomes[outcome]++
	}
}

func (l *load) report(w http.ResponseWriter, _ *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = json.NewEncoder(w).Encode(l.totals)
}

// stop ends the load, waits for what is under way and reports.
func (l *load) stop(w http.ResponseWriter, r *http.Request) {
	l.end()
	l.report(w, r)
}

func (l *load) end() {
	l.mu.Lock()
	cancel, done := l.cancel, l.done
	l.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}
