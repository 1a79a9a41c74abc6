package combine

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/tether"
)

// script is a backend that does what a line says:
//
//	NAME: [after DURATION] STATUS [FIELD=VALUE ...] [TYPE [BODY]]
//	NAME: [after DURATION] REASON
//	NAME: skipped
//
// A status other than 2xx fails. Reasons of rejections refuse before anything is
// sent. A response without a type is {"NAME":1} in JSON, unless its status has no
// body. Without a delay, answers arrive in the order of the lines.
type script struct {
	name   string
	delay  time.Duration
	answer fanout.Answer
}

func parseScript(t *testing.T, line string) *script {
	t.Helper()
	name, rest, ok := strings.Cut(strings.TrimSpace(line), ": ")
	if !ok {
		t.Fatalf("no script: %q", line)
	}
	s := &script{name: name}
	if after, found := strings.CutPrefix(rest, "after "); found {
		delay, what, _ := strings.Cut(after, " ")
		var err error
		if s.delay, err = time.ParseDuration(delay); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		rest = what
	}
	word, rest, _ := strings.Cut(rest, " ")
	if status, err := strconv.Atoi(word); err == nil {
		s.respond(status, rest)
		return s
	}
	s.fail(t, word, rest)
	return s
}

func (s *script) respond(status int, rest string) {
	s.answer = fanout.Answer{Outcome: fanout.Succeeded, Status: status, Header: http.Header{}, Attempts: 1}
	if status/100 != 2 {
		s.answer.Outcome, s.answer.Reason = fanout.Failed, fanout.Status
	}
	word, tail, _ := strings.Cut(rest, " ")
	for ; strings.Contains(word, "="); word, tail, _ = strings.Cut(tail, " ") {
		name, value, _ := strings.Cut(word, "=")
		s.answer.Header.Add(name, value)
		if seconds, err := strconv.Atoi(value); err == nil && name == "Retry-After" {
			s.answer.RetryAfter = time.Duration(seconds) * time.Second
		}
	}
	switch {
	case word != "":
		s.answer.Header.Set("Content-Type", word)
		s.answer.Body = []byte(tail)
	case !slices.Contains([]int{202, 204, 205, 304}, status):
		s.answer.Header.Set("Content-Type", "application/json")
		s.answer.Body = []byte(`{"` + s.name + `":1}`)
	}
}

func (s *script) fail(t *testing.T, word, rest string) {
	t.Helper()
	if word == fanout.Skipped.String() {
		s.answer = fanout.Answer{Outcome: fanout.Skipped}
		return
	}
	for r := fanout.Status; int(r) < fanout.Reasons; r++ {
		if r.String() != word {
			continue
		}
		s.answer = fanout.Answer{Outcome: fanout.Failed, Reason: r, Attempts: 1}
		if r >= fanout.RateLimited {
			wait, _ := time.ParseDuration(rest)
			s.answer = fanout.Answer{Outcome: fanout.Rejected, Reason: r, RetryAfter: wait}
		}
		return
	}
	t.Fatalf("no reason: %q", word)
}

// scripts are the backends of a route, and what they are responded to with.
type scripts struct {
	backends []*script
	respond  func(*fanout.Result)
}

func (s *scripts) Reserve(_ context.Context, i int, call *fanout.Call) (fanout.Reservation, fanout.Answer) {
	one := s.backends[i]
	if o := one.answer.Outcome; o == fanout.Rejected || o == fanout.Skipped {
		return nil, one.answer
	}
	return reservation{one, call.Safe()}, fanout.Answer{}
}

func (*scripts) Settle(context.Context, func(int, fanout.Answer)) {}

func (*scripts) ReserveShadow(context.Context, int, *fanout.Call) (fanout.Reservation, fanout.Answer) {
	return nil, fanout.Answer{Outcome: fanout.Skipped}
}

func (s *scripts) Respond(r *fanout.Result) { s.respond(r) }

type reservation struct {
	*script

	safe bool
}

func (r reservation) Cancel()                       {}
func (r reservation) Progress() (int, fanout.Cause) { return 1, fanout.ResponseTimeout }
func (r reservation) Safe() bool                    { return r.safe }

func (r reservation) Do(ctx *tether.Context, _ *fanout.Call, _ <-chan struct{}) fanout.Answer {
	select {
	case <-time.After(r.delay):
		return r.answer
	case <-ctx.Done():
		return fanout.Answer{Outcome: fanout.Canceled, Attempts: 1}
	}
}

type unobserved struct{}

func (unobserved) Answered(int, *fanout.Answer) {}

// route is a whole route as words: policy, quorum, required, stragglers, timeout,
// method, and the fields of response.
type route map[string]string

func parseRoute(words string) route {
	r := route{"policy": routeconfig.PolicyAll, "method": "GET"}
	for word := range strings.FieldsSeq(words) {
		name, value, _ := strings.Cut(word, "=")
		r[name] = value
	}
	return r
}

func (r route) options(names []string) Options {
	o := Options{Backends: names, Policy: r["policy"], Response: routeconfig.Response{
		Type: routeconfig.ResponseEnvelope, Diagnostics: routeconfig.DiagnosticsFull,
		OnConflict: r["onConflict"], Arrays: r["arrays"], Primary: max(slices.Index(names, r["primary"]), 0),
	}}
	if r["type"] != "" {
		o.Type = r["type"]
	}
	if r["diagnostics"] != "" {
		o.Diagnostics = r["diagnostics"]
	}
	if fields := r["headersFromBackends"]; fields != "" {
		o.HeadersFromBackends = strings.Split(fields, ",")
	}
	o.PartialStatusCode, _ = strconv.Atoi(r["partialStatusCode"])
	return o
}

func (r route) dispatcher(c *Combiner) *fanout.Dispatcher {
	p := fanout.Policy{Type: map[string]fanout.PolicyType{
		"All": fanout.All, "Any": fanout.Any, "Quorum": fanout.Quorum, "Required": fanout.Required,
		"BestEffort": fanout.BestEffort,
	}[r["policy"]]}
	p.Quorum, _ = strconv.Atoi(r["quorum"])
	p.Patient = p.Type == fanout.Required && c.shape != nil
	p.Required = make([]bool, len(c.Backends))
	for name := range strings.SplitSeq(r["required"], ",") {
		if i := slices.Index(c.Backends, name); i >= 0 && p.Type == fanout.Required {
			p.Required[i] = true
		}
	}
	if c.Type == routeconfig.ResponsePrimary {
		p.Required[c.Primary] = true
	}
	timeout, err := time.ParseDuration(r["timeout"])
	if err != nil {
		timeout = 5 * time.Second
	}
	return fanout.New(fanout.Options{
		Backends: len(c.Backends), Policy: p, Timeout: timeout, MaxInFlight: 1, Checker: c, Observer: unobserved{},
		Stragglers: map[string]fanout.Stragglers{"Cancel": fanout.Cancel, "Finish": fanout.Finish, "Wait": fanout.Wait}[r["stragglers"]],
	})
}

// play runs a call through the real dispatcher, on a clock of its own.
func (r route) play(t *testing.T, lines ...string) (response Response) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { response = r.run(t, lines...) })
	return response
}

// run is play on the clock that there is: for who plays many calls.
func (r route) run(t *testing.T, lines ...string) Response {
	t.Helper()
	backends := make([]*script, len(lines))
	names := make([]string, len(lines))
	for i, line := range lines {
		backends[i] = parseScript(t, line)
		names[i] = backends[i].name
		if backends[i].delay == 0 { // Any must not depend on who is scheduled first
			backends[i].delay = time.Duration(i+1) * time.Millisecond
		}
	}
	c := New(r.options(names))
	d := r.dispatcher(c)
	var response Response
	s := &scripts{backends, func(result *fanout.Result) {
		response = c.Combine(result, nil)
		again := c.Combine(result, []byte("before"))
		if want := string(response.Body); c.shape != nil && string(again.Body) != "before"+want {
			t.Errorf("the second time: %q, not %q after what was there", again.Body, want)
		}
	}}
	f, err := d.Reserve(t.Context(), &fanout.Call{Method: r["method"], Memory: testkit.Account()}, s)
	if err != nil {
		t.Fatal(err)
	}
	f.Run(t.Context(), s)
	d.Drain()
	return response
}
