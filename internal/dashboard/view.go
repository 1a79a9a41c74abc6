// Package dashboard serves a page on which people see their routes, and how calls run through
// them: read-only, of one origin, without a build step. Where the figures are from is a Source's
// business; the page sees none but these.
package dashboard

import (
	"context"
	"errors"

	"github.com/fanout-operator/fanout/internal/calls"
)

// Source is where the figures are from. Its methods are called from several goroutines.
type Source interface {
	// Overview lists the routes.
	Overview(ctx context.Context) (*Overview, error)
	// Route is one of them; the error wraps ErrNotFound where there is none.
	Route(ctx context.Context, namespace, name string) (*Route, error)
	// Calls are its last ones. Cursor is that of the reader's last Calls, or empty.
	Calls(ctx context.Context, namespace, name, cursor string) (*Calls, error)
}

// ErrNotFound is wrapped by the error of a Source that has no such route.
var ErrNotFound = errors.New("there is no such route")

// Overview is all routes.
type Overview struct {
	// Mode is Standalone or Cluster, Where which of them.
	Mode  string `json:"mode"`
	Where string `json:"where"`
	// Operators are those that write the figures, one line for each Lease.
	Operators []Operator `json:"operators"`
	// Note says what could not be read.
	Note   string `json:"note,omitempty"`
	Routes []Row  `json:"routes"`
}

// The modes of an Overview.
const (
	Standalone = "standalone"
	Cluster    = "cluster"
)

// Operator is one that writes figures, by its Lease.
type Operator struct {
	Lease string `json:"lease"`
	// AgeSeconds is when the Lease was renewed, Gone that this was too long ago. Unknown says
	// why nothing of both is known.
	AgeSeconds float64 `json:"ageSeconds"`
	Gone       bool    `json:"gone,omitempty"`
	Unknown    string  `json:"unknown,omitempty"`
}

// Row is one route in the list.
type Row struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Ready is True, False or Unknown; Reason that of the first bad condition, and Message what
	// it says. Bad says that there is one.
	Ready   string `json:"ready"`
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
	Bad     bool   `json:"bad,omitempty"`
	// The figures are texts, empty where there are none.
	Backends string `json:"backends,omitempty"`
	Success  string `json:"success,omitempty"`
	Rate     string `json:"rate,omitempty"`
	P99      string `json:"p99,omitempty"`
	Age      string `json:"age,omitempty"`
	// Operator is the Lease of the one that writes all this, as an Operator names it.
	Operator string `json:"operator,omitempty"`
}

// Route is one route with all that is known of it.
type Route struct {
	Row

	URL        string      `json:"url,omitempty"`
	Conditions []Condition `json:"conditions"`
	Events     []Event     `json:"events"`
	Pods       []Pod       `json:"pods"`
	// Untold says what could not be read, Next what to do about what is wrong.
	Untold []string `json:"untold,omitempty"`
	Next   []string `json:"next,omitempty"`
	// Windows are keyed by 1m, 5m and 1h; there are none where no proxy has answered.
	Windows  map[string]Figures `json:"windows"`
	Backends []Backend          `json:"backends"`
	Missing  []string           `json:"missing,omitempty"`
}

// Condition is one of a route's status.
type Condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
	Age     string `json:"age,omitempty"`
	Bad     bool   `json:"bad,omitempty"`
}

// Event is one of a route's.
type Event struct {
	Age     string `json:"age"`
	Type    string `json:"type"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Pod is one proxy.
type Pod struct {
	Name     string `json:"name"`
	State    string `json:"state"`
	Restarts int32  `json:"restarts,omitempty"`
	Document string `json:"document,omitempty"`
	Refused  string `json:"refused,omitempty"`
	Silent   string `json:"silent,omitempty"`
}

// Figures are what became of calls, or of a backend's answers, within a window.
type Figures struct {
	Seconds float64 `json:"seconds"`
	// Success is a text; Share is the same as a number from 0 to 1, absent without any.
	Success string   `json:"success,omitempty"`
	Share   *float64 `json:"share,omitempty"`
	Rate    string   `json:"rate"`
	// The latencies are in milliseconds, 0 without any.
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	// Counts are by outcome and, where there is one, reason: failed timeout.
	Counts []Count `json:"counts"`
}

// Count is how often something came of it.
type Count struct {
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	N       uint64 `json:"n"`
}

// Backend is one of a route, or a shadow.
type Backend struct {
	Name    string `json:"name"`
	Shadow  bool   `json:"shadow,omitempty"`
	Circuit string `json:"circuit,omitempty"`
	// State is what the operator says of it; empty in the standalone mode.
	State       string             `json:"state,omitempty"`
	LastFailure string             `json:"lastFailure,omitempty"`
	Windows     map[string]Figures `json:"windows"`
	// Compared are a shadow's answers by what the comparison with its reference found.
	Compared []Count `json:"compared,omitempty"`
}

// Calls are the last calls of a route, of all its proxies.
type Calls struct {
	// Cursor is to be named by the next reading.
	Cursor string `json:"cursor"`
	// Missed is how many were not kept since somebody looks.
	Missed uint64 `json:"missed,omitempty"`
	// Proxies were asked; Silent says of those that did not answer why.
	Proxies int      `json:"proxies"`
	Silent  []string `json:"silent,omitempty"`
	Calls   []Call   `json:"calls"`
	// Backends are how they stand now, summed up over the proxies.
	Backends []calls.Backend `json:"backends"`
}

// Call is one call with the proxy that it went through.
type Call struct {
	calls.Call

	Proxy string `json:"proxy"`
}
