package dashboard

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/internal/calls"
	"github.com/fanout-operator/fanout/internal/stats"
)

// maxStatus bounds what is read of a standalone proxy's report, in bytes.
const maxStatus = 32 << 20

// Proxy is the Source of a proxy that runs without a cluster, by the URL of its admin port.
type Proxy struct{ Admin string }

// open asks the admin port; the body is to be closed.
func (p Proxy) open(ctx context.Context, path string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(p.Admin, "/")+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask proxy: %w", err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("ask proxy at %s: %w", p.Admin, err)
	}
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 256))
		_ = response.Body.Close()
		err := fmt.Errorf("ask proxy at %s: %s: %s", p.Admin, response.Status, strings.TrimSpace(string(text)))
		if response.StatusCode == http.StatusNotFound {
			err = fmt.Errorf("%w: %w", err, ErrNotFound)
		}
		return nil, err
	}
	return response.Body, nil
}

// Report is what the proxy says of itself.
func (p Proxy) Report(ctx context.Context) (*stats.Report, error) {
	body, err := p.open(ctx, "/status")
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(body, maxStatus))
	if err != nil {
		return nil, fmt.Errorf("read statistics of proxy at %s: %w", p.Admin, err)
	}
	report, err := stats.Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("read statistics of proxy at %s: %w", p.Admin, err)
	}
	return report, nil
}

// Overview implements Source.
func (p Proxy) Overview(ctx context.Context) (*Overview, error) {
	report, err := p.Report(ctx)
	if err != nil {
		return nil, err
	}
	o := &Overview{Mode: Standalone, Where: p.Admin, Operators: []Operator{}, Routes: []Row{}, Note: report.Refused}
	for i := range report.Routes {
		o.Routes = append(o.Routes, served(report, &report.Routes[i]))
	}
	return o, nil
}

// served is a route as a proxy without an operator has it.
func served(report *stats.Report, r *stats.RouteReport) Row {
	row := Row{Namespace: r.Namespace, Name: r.Name, Ready: "True", Reason: "Serving", Backends: well(r)}
	if !report.Ready {
		row.Ready, row.Reason, row.Message, row.Bad = "False", "NotServing", "the proxy is not ready for calls; its /readyz says why", true
	}
	if len(r.Missing) > 0 {
		row.Ready, row.Reason, row.Message, row.Bad = "False", "CredentialMissing", Lacks(&r.Missing[0]), true
	}
	w := r.Windows.Of(stats.Window5m)
	f := ofCalls(&w)
	row.Success, row.Rate = f.Success, f.Rate
	row.P99 = stats.Short(w.Duration.Quantile(0.99))
	for i := range r.Backends {
		switch b := &r.Backends[i]; {
		case row.Bad || b.Shadow:
		case b.Circuit == stats.CircuitOpen:
			row.Reason, row.Message, row.Bad = "CircuitOpen", "the circuit breaker keeps calls from "+b.Name, true
		case Fails(b):
			row.Reason, row.Message, row.Bad = "BackendsFailing", b.Name+" fails half of its answers or more", true
			if b.LastFailure != nil {
				row.Message += " (" + failure(b.LastFailure) + ")"
			}
		}
	}
	return row
}

// Fails reports whether half of the answers of five minutes failed, or more.
func Fails(b *stats.BackendReport) bool {
	share, ok := b.Windows.Of(stats.Window5m).Answers.SuccessRate()
	return ok && share <= 0.5
}

// well counts backends of which the most answers of the last minutes succeeded.
func well(r *stats.RouteReport) string {
	good, known := 0, 0
	for i := range r.Backends {
		b := &r.Backends[i]
		if b.Shadow {
			continue
		}
		known++
		if b.Circuit != stats.CircuitOpen && !Fails(b) {
			good++
		}
	}
	return strconv.Itoa(good) + "/" + strconv.Itoa(known)
}

// Lacks says what a proxy lacks.
func Lacks(m *stats.MissingKey) string {
	text := ""
	switch {
	case m.Secret != "":
		text = "Secret " + m.Secret
	case m.ConfigMap != "":
		text = "ConfigMap " + m.ConfigMap
	case m.Issuer != "":
		text = "keys of issuer " + m.Issuer
	case m.Audience != "":
		text = "token for audience " + m.Audience
	}
	if m.Key != "" {
		text += ", key " + m.Key
	}
	if m.Backend != "" {
		text += ", for backend " + m.Backend
	}
	if m.Message != "" {
		text += ": " + m.Message
	}
	return text
}

// Route implements Source.
func (p Proxy) Route(ctx context.Context, namespace, name string) (*Route, error) {
	report, err := p.Report(ctx)
	if err != nil {
		return nil, err
	}
	r := report.Route(namespace, name)
	if r == nil {
		return nil, fmt.Errorf("route %s/%s: %w", namespace, name, ErrNotFound)
	}
	route := &Route{Row: served(report, r), Conditions: []Condition{}, Events: []Event{}, Pods: []Pod{}}
	route.Windows, route.Backends = FiguresOf(r)
	for i := range r.Missing {
		route.Missing = append(route.Missing, Lacks(&r.Missing[i]))
	}
	return route, nil
}

// Calls implements Source.
func (p Proxy) Calls(ctx context.Context, namespace, name, cursor string) (*Calls, error) {
	seen := ReadCursor(cursor)
	body, err := p.open(ctx, Ask(namespace, name, seen[""]))
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	report, err := calls.Read(body, namespace, name)
	if err != nil {
		return nil, fmt.Errorf("ask proxy at %s: %w", p.Admin, err)
	}
	return Gather([]Heard{{Report: report}}), nil
}

// Ask is the path of /calls for a reader who has seen calls up to a number.
func Ask(namespace, name string, after uint64) string {
	return calls.Path + "?" + url.Values{
		calls.ParameterRoute: {namespace + "/" + name}, calls.ParameterAfter: {strconv.FormatUint(after, 10)},
	}.Encode()
}

// Age writes how long something took or was ago, as 12s, 5m or 3h.
func Age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return itoa(int(d.Seconds())) + "s"
	case d < time.Hour:
		return itoa(int(d.Minutes())) + "m"
	case d < 48*time.Hour:
		return itoa(int(d.Hours())) + "h"
	}
	return itoa(int(d.Hours()/24)) + "d"
}

func itoa(n int) string { return strconv.Itoa(n) }
