package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/tether"
)

// exchangeScript is what the transport does with one request.
type exchangeScript struct {
	after  time.Duration
	status int
	header http.Header
	body   string
	err    error // after a byte was sent
	unsent error // before
	reused bool
	broken bool // in the middle of the body
}

// transport is a RoundTripper in memory: it plays its scripts one after the other,
// the last one for ever.
type transport struct {
	mu      sync.Mutex
	scripts []exchangeScript
	at      []time.Time
	seen    []*http.Request
	bodies  []string
}

var errBroken = errors.New("connection broke")

// RoundTrip implements http.RoundTripper.
func (f *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	s := f.scripts[min(len(f.seen), len(f.scripts)-1)]
	f.seen, f.at, f.bodies = append(f.seen, r.Clone(r.Context())), append(f.at, time.Now()), append(f.bodies, string(body))
	f.mu.Unlock()
	if s.unsent != nil && !s.reused {
		return nil, s.unsent
	}
	tether.Observe(r.Context(), s.reused)
	if s.unsent != nil {
		return nil, h1.UnsentError{Err: s.unsent}
	}
	timer := time.NewTimer(s.after)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		return nil, fmt.Errorf("exchange: %w", r.Context().Err())
	}
	if s.err != nil {
		return nil, s.err
	}
	h := s.header
	if h == nil {
		h = http.Header{}
	}
	var content io.Reader = strings.NewReader(s.body)
	if s.broken {
		content = iotest.ErrReader(errBroken)
	}
	return &http.Response{StatusCode: s.status, Header: h, ContentLength: -1, Body: io.NopCloser(content)}, nil
}

// compiler is one for all: to make one takes longer than most tests.
var compiler = sync.OnceValues(expression.NewCompiler)

// newBackend is a backend over a scripted transport, with a timeout of 10 s.
func newBackend(t *testing.T, config routeconfig.Backend, scripts ...exchangeScript) (*Backend, *transport) {
	t.Helper()
	script := &transport{scripts: scripts}
	return newBackendOver(t, config, script), script
}

// newBackendOver is newBackend over any transport, with options that modify changes.
func newBackendOver(t *testing.T, config routeconfig.Backend, over http.RoundTripper, modify ...func(*Options)) *Backend {
	t.Helper()
	if config.Timeout == 0 {
		config.Timeout = testkit.Span(10 * time.Second)
	}
	config.Name, config.URL, config.MaxResponseSize = "one", "http://one.example.com/x", 16
	config.Request.Path = routeconfig.PathURL
	state := NewState(StateOptions{Namespace: "shop", Config: &config, Store: creds.NewStore(creds.Options{Tree: fstest.MapFS{}}), Dialer: dial.New(dial.Options{})})
	state.connections = over
	expressions, err := compiler()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Config: &config, State: state, Combined: true, Via: "fanout-x", Expressions: expressions, MaxBody: 1 << 10}
	for _, m := range modify {
		m(&o)
	}
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ask(t *testing.T, b *Backend, call *fanout.Call) fanout.Answer {
	t.Helper()
	r, refusal := b.Reserve(t.Context(), call, nil)
	if r == nil {
		return refusal
	}
	return do(t.Context(), r, call, nil)
}

// do asks with a context that is of this reservation alone.
func do(ctx context.Context, r fanout.Reservation, call *fanout.Call, decided <-chan struct{}) fanout.Answer {
	own := tether.New(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { own.End(context.Cause(ctx)) })
	return r.Do(own, call, decided)
}

func newCall(method string, fields ...string) *fanout.Call {
	h := http.Header{}
	for i := 0; i+1 < len(fields); i += 2 {
		h.Set(fields[i], fields[i+1])
	}
	return &fanout.Call{Method: method, Path: "/", Header: h, Body: []byte("body"), Memory: testkit.Account()}
}
