package stage

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/fanout-operator/fanout/internal/dashboard"
	"github.com/fanout-operator/fanout/internal/stats"
)

// Source shows a cluster that does not change, but as it is told. It implements dashboard.Source.
type Source struct {
	// Routes is how many there are; the third and the sixth have a fault.
	Routes int
	// Moves has the rate of the first one change with each reading.
	Moves bool
	// Long has the second of them, and the first backend of a route, have the longest names that
	// there are.
	Long bool
	// Course has its backends do better and worse from reading to reading of the minute, and end
	// as they are without it.
	Course bool

	mu       sync.Mutex
	gone     bool
	silent   error
	sick     bool
	overview int
	route    int
}

// Heal ends what Sicken began.
func (s *Source) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sick = false
}

// Sicken has half of what inventory answers fail from now on, as its minute says.
func (s *Source) Sicken() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sick = true
}

// Lose has the operator gone, and Hush has the source fail from now on; nil ends that.
func (s *Source) Lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
}

// Hush has the source answer with an error; nil ends that.
func (s *Source) Hush(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = err
}

// Overview implements dashboard.Source.
func (s *Source) Overview(context.Context) (*dashboard.Overview, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent != nil {
		return nil, s.silent
	}
	s.overview++
	o := &dashboard.Overview{Mode: dashboard.Cluster, Where: "prod-eu.example.com", Operators: []dashboard.Operator{{Lease: "fanout-system/fanout-operator", AgeSeconds: 1.4}}}
	if s.gone {
		o.Operators[0].AgeSeconds, o.Operators[0].Gone = 300, true
	}
	for i := range s.Routes {
		o.Routes = append(o.Routes, row(i))
	}
	if s.Moves {
		o.Routes[0].Rate = fmt.Sprintf("%d/s", 38+s.overview%5)
	}
	if s.Long {
		o.Routes[1].Namespace, o.Routes[1].Name = strings.Repeat("n", 63), strings.Repeat("r", 50)
	}
	return o, nil
}

func row(i int) dashboard.Row {
	namespaces := []string{"shop", "payments", "search", "core"}
	names := []string{"orders", "refunds", "catalog", "prices", "users", "invoices", "ledger", "carts", "stock"}
	r := dashboard.Row{
		Namespace: namespaces[i%len(namespaces)], Name: names[i%len(names)], Ready: "True", Reason: "Ready",
		Backends: "3/3", Success: fmt.Sprintf("99.%d%%", 9-i%7), Rate: fmt.Sprintf("%d/s", 3+7*i%90), P99: fmt.Sprintf("%dms", 38+i*13%200), Age: fmt.Sprintf("%dd", 1+i%60),
	}
	if i >= len(names) {
		r.Name += fmt.Sprintf("-%d", i)
	}
	switch i {
	case 2:
		r.Ready, r.Reason, r.Message, r.Bad = "False", "SecretMissing", `Secret "catalog-eu" lacks the key "token" for backend "catalog-eu"`, true
		r.Backends, r.Success, r.Rate, r.P99 = "1/2", "", "", ""
	case 5:
		r.Reason, r.Message, r.Bad, r.Backends, r.Success = "BackendsFailing", "erp is Failing (status 503)", true, "2/3", "94.1%"
	}
	return r
}

// Route implements dashboard.Source.
func (s *Source) Route(_ context.Context, namespace, name string) (*dashboard.Route, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent != nil {
		return nil, s.silent
	}
	if namespace != "shop" || name != "orders" {
		return nil, fmt.Errorf("route %s/%s: %w", namespace, name, dashboard.ErrNotFound)
	}
	r := &dashboard.Route{Row: row(0), URL: "http://orders.shop.svc:8080"}
	r.Reason, r.Message, r.Bad = "BackendsFailing", "billing is Open (status 503)", true
	r.Conditions = []dashboard.Condition{
		{Type: "Accepted", Status: "True", Reason: "Accepted", Age: "12d"},
		{Type: "Ready", Status: "True", Reason: "Ready", Age: "2d", Message: "The route serves the spec"},
		{Type: "BackendsHealthy", Status: "False", Reason: "BackendsFailing", Age: "4m", Bad: true, Message: r.Message},
	}
	r.Events = []dashboard.Event{
		{Age: "2d", Type: "Normal", Reason: "Programmed", Message: "Every ready proxy serves the spec"},
		{Age: "4m", Type: "Warning", Reason: "BackendsFailing", Message: "billing is Open (status 503)"},
	}
	r.Pods = []dashboard.Pod{{Name: "orders-7c9f8d-abk4q", State: "Ready", Document: "9f3ac1d2"}, {Name: "orders-7c9f8d-x2mm7", State: "Ready", Document: "9f3ac1d2", Restarts: 1}}
	r.Next = []string{"Backend billing is kept from calls by its circuit breaker: status 503. It is probed again after circuitBreaker.openFor."}
	route := figures(0.987, 38.2, 96, 141, dashboard.Count{Outcome: "complete", N: 11_802}, dashboard.Count{Outcome: "partial", N: 402}, dashboard.Count{Outcome: "failed", N: 160}, dashboard.Count{Outcome: "clientClosed", N: 12})
	r.Windows = windows(route)
	r.Row.Backends = "2/3"
	r.Backends = backends()
	if s.Long {
		r.Backends[0].Name = strings.Repeat("b", 63)
	}
	s.route++
	s.minutes(r.Backends)
	return r, nil
}

// minutes are what the backends say of the last minute, where that is another than the last five.
func (s *Source) minutes(list []dashboard.Backend) {
	if s.sick {
		list[0].Windows["1m"] = figures(0.5, 12.4, 210, 340, succeeded(120), failed("timeout", 120))
	}
	if !s.Course {
		return
	}
	for i := range list {
		f := list[i].Windows["1m"]
		wave := math.Sin(float64(s.route*(i+3)) / 4)
		f.P95 *= 1 + 0.12*wave
		if i == 1 && s.route < 22 { // it begins to fail late
			f = figures(0.994+0.005*wave, 41, 62+6*wave, 90, f.Counts...)
		}
		list[i].Windows["1m"] = f
	}
}

func windows(f dashboard.Figures) map[string]dashboard.Figures {
	hour := f
	hour.P99 *= 1.4
	return map[string]dashboard.Figures{"1m": f, "5m": f, "1h": hour}
}

func figures(success, p50, p95, p99 float64, counts ...dashboard.Count) dashboard.Figures {
	return dashboard.Figures{Seconds: 300, Success: stats.Percent(success, true), Share: &success, Rate: "41.2/s", P50: p50, P95: p95, P99: p99, Counts: counts}
}

func succeeded(n uint64) dashboard.Count { return dashboard.Count{Outcome: "succeeded", N: n} }

func failed(reason string, n uint64) dashboard.Count {
	return dashboard.Count{Outcome: "failed", Reason: reason, N: n}
}

func backends() []dashboard.Backend {
	return []dashboard.Backend{
		{Name: "inventory", State: "Healthy", Circuit: "closed", LastFailure: "timeout, 41s ago",
			Windows: windows(figures(0.999, 12.4, 31, 55, succeeded(12_350), failed("timeout", 9), dashboard.Count{Outcome: "canceled", N: 17}))},
		{Name: "billing", State: "Open", Circuit: "open", LastFailure: "status 503, 2s ago",
			Windows: windows(figures(0.861, 41, 88, 240, succeeded(9180), failed("status", 1440), failed("reset", 31), dashboard.Count{Outcome: "rejected", Reason: "circuitOpen", N: 1725}))},
		{Name: "search-eu", State: "Healthy", LastFailure: "connect, 6m ago",
			Windows: windows(figures(0.999, 22, 93, 118, succeeded(12_011), failed("connect", 12), dashboard.Count{Outcome: "rejected", Reason: "rateLimited", N: 88}, dashboard.Count{Outcome: "canceled", N: 265}))},
		{Name: "candidate", Shadow: true, Windows: windows(figures(1, 31, 60, 81, succeeded(1236))),
			Compared: []dashboard.Count{{Outcome: "same", N: 1180}, {Outcome: "body", N: 52}, {Outcome: "outcome", N: 4}}},
	}
}
