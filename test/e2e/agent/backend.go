package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// behaviour is how the backend answers.
type behaviour struct {
	// Status is that of every answer; 200 where it is 0.
	Status int `json:"status,omitempty"`
	// DelayMillis is how long each takes.
	DelayMillis int `json:"delayMillis,omitempty"`
	// Keys are those that X-API-Key may have; others get 401. Empty: any.
	Keys []string `json:"keys,omitempty"`
}

// backend is a receiving API.
type backend struct {
	mu        sync.Mutex
	behaviour behaviour
	count     int
	first     map[string]time.Time // first use of each key
	recent    map[string]int       // uses since the last look
}

func newBackend() *backend { return &backend{first: map[string]time.Time{}, recent: map[string]int{}} }

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("X-Api-Key")
	b.mu.Lock()
	now := b.behaviour
	b.count++
	b.recent[key]++
	n := b.count
	if _, ok := b.first[key]; !ok {
		b.first[key] = time.Now()
	}
	b.mu.Unlock()
	_, _ = io.Copy(io.Discard, r.Body)
	delay := time.NewTimer(time.Duration(now.DelayMillis) * time.Millisecond)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-r.Context().Done():
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case len(now.Keys) > 0 && !slices.Contains(now.Keys, key):
		w.WriteHeader(http.StatusUnauthorized)
	case now.Status != 0:
		w.WriteHeader(now.Status)
	}
	_, _ = fmt.Fprintf(w, `{"n":%d}`, n)
}

func (b *backend) setBehaviour(w http.ResponseWriter, r *http.Request) {
	var next behaviour
	if err := json.NewDecoder(r.Body).Decode(&next); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.behaviour = next
}

// report says how often the backend was asked, and when each key was first used.
func (b *backend) report(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = json.NewEncoder(w).Encode(map[string]any{"count": b.count, "first": maps.Clone(b.first)})
}

// reportRecent says how often each key was used since it was last asked.
func (b *backend) reportRecent(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = json.NewEncoder(w).Encode(map[string]any{"recent": b.recent})
	b.recent = map[string]int{}
}
