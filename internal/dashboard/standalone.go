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
	"github.com/fanout-operator/fanout/internal/rates"
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
	for i := range r.Backends {
		route.Backends[i].State = string(StateOf(r, &r.Backends[i]))
	}
	for i := range r.Missing {
		route.Missing = append(route.Missing, rates.Missing(&r.Missing[i]))
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
