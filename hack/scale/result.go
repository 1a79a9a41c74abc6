package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// result is what came of a trial.
type result struct {
	Routes int `json:"routes"`
	// Start is from nothing to all routes ready and the operator at rest.
	Start        *usage  `json:"start,omitzero"`
	ReadySeconds float64 `json:"readySeconds,omitzero"`
	Rest         *usage  `json:"rest,omitzero"`
	// Resident is memory at rest, Peak the most before, Live what of the heap is in use, in MiB.
	Resident float64   `json:"residentMiB,omitzero"`
	Peak     float64   `json:"peakMiB,omitzero"`
	Live     float64   `json:"liveMiB,omitzero"`
	Edited   int       `json:"edited,omitzero"`
	Edits    *usage    `json:"edits,omitzero"`
	Written  quantiles `json:"written,omitzero"` // until the document was written
	Shown    quantiles `json:"shown,omitzero"`   // until the status says that it is served
	Touches  *usage    `json:"touches,omitzero"`
	// Pass is the CPU of a pass in which nothing is to be done, in ms.
	Pass            float64 `json:"passMillis,omitzero"`
	Restart         *usage  `json:"restart,omitzero"`
	RestartResident float64 `json:"restartResidentMiB,omitzero"`
}

// quantiles are in milliseconds.
type quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// readResults reads files of results, of which the later ones go before.
func readResults(files []string) ([]*result, error) {
	all := map[int]*result{}
	for _, file := range files {
		raw, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			return nil, fmt.Errorf("read results: %w", err)
		}
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, fmt.Errorf("read results of %s: %w", file, err)
		}
		for _, one := range list {
			which := result{}
			if err := json.Unmarshal(one, &which); err != nil {
				return nil, fmt.Errorf("read results of %s: %w", file, err)
			}
			if all[which.Routes] == nil {
				all[which.Routes] = &result{}
			}
			if err := json.Unmarshal(one, all[which.Routes]); err != nil {
				return nil, fmt.Errorf("read results of %s: %w", file, err)
			}
		}
	}
	var out []*result
	for _, n := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[n])
	}
	return out, nil
}

// events is how many events were written.
func (r *requests) events() (n int) {
	for kind, count := range r.Writes {
		if strings.HasSuffix(kind, " events") {
			n += count
		}
	}
	return n
}

// pace is how often the operator asks each proxy.
const pace = 5 * time.Second

// polling is the share of a core that polls take where all are made in time. Where other programs stop the machine
// there are fewer.
func (r *result) polling() float64 {
	return r.Rest.CPU / float64(r.Rest.Polls) * perRoute * float64(r.Routes) / pace.Seconds()
}

// share is how much of a core was used.
func (u *usage) share() float64 { return u.CPU / u.Wall }
