package headers

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestRules(t *testing.T) {
	t.Parallel()
	in := http.Header{
		"Accept": {"a"}, "Authorization": {"Bearer x"}, "Cookie": {"c"}, "X-Api-Key": {"k"}, "X-Caller": {"k"}, "Connection": {"close, X-Hop", "x-other"},
		"X-Hop": {"1"}, "X-Other": {"1"}, "Keep-Alive": {"1"}, "Te": {"trailers"}, "Trailer": {"X"}, "Transfer-Encoding": {"chunked"},
		"Upgrade": {"h2c"}, "Http2-Settings": {"x"}, "Proxy-Authorization": {"x"}, "Proxy-Connection": {"x"}, "Forwarded": {"for=x"},
		"X-Forwarded-For": {"x"}, "X-Forwarded-Proto": {"x"}, "X-Real-Ip": {"x"}, "Fanout-Outcome": {"x"}, "Content-Length": {"3"},
		"Content-Type": {"t"}, "Host": {"x"}, "Expect": {"100-continue"}, "If-Match": {"x"}, "Range": {"x"}, "Accept-Encoding": {"gzip"},
		"Via": {"1.1 before"}, "X-Many": {"1", "2"}, "Idempotency-Key": {"k"},
	}
	for name, row := range map[string]struct {
		options Options
		want    []string
	}{
		"one body": {Options{Credentials: NewCredentials([]string{"x-caller"}), Via: "me"},
			[]string{"Accept", "Accept-Encoding", "Content-Type", "Idempotency-Key", "If-Match", "Range", "User-Agent", "Via", "X-Many"}},
		"combined": {Options{Credentials: NewCredentials([]string{"x-caller"}), Combined: true},
			[]string{"Accept", "Accept-Encoding", "Content-Type", "Idempotency-Key", "User-Agent", "Via", "X-Many"}},
		"forwarded credentials": {Options{Credentials: NewCredentials([]string{"X-Caller"}), Forward: []string{"authorization", "cookie", "x-api-key", "x-caller"}, Combined: true},
			[]string{"Accept", "Accept-Encoding", "Authorization", "Content-Type", "Cookie", "Idempotency-Key", "User-Agent", "Via", "X-Api-Key", "X-Caller", "X-Many"}},
		"no body": {Options{DropBody: true, Combined: true, Credentials: NewCredentials([]string{"x-caller"})},
			[]string{"Accept", "Accept-Encoding", "Idempotency-Key", "User-Agent", "Via", "X-Many"}},
		"rules": {Options{Remove: []string{"accept", "via"}, Set: []Field{{"x-many", "3"}, {"x-new", "4"}}, Combined: true, Credentials: NewCredentials([]string{"x-caller"})},
			[]string{"Accept-Encoding", "Content-Type", "Idempotency-Key", "User-Agent", "Via", "X-Many", "X-New"}},
	} {
		before := in.Clone()
		got := Compile(row.options).Apply(in, nil, Received)
		if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, row.want) {
			t.Errorf("%s: fields are\n%q, want\n%q", name, names, row.want)
		}
		if !maps.EqualFunc(in, before, slices.Equal[[]string]) {
			t.Errorf("%s: the call's own fields were changed", name)
		}
	}
	got := Compile(Options{Set: []Field{{"x-many", "3"}}, Combined: true, Via: "me"}).Apply(in, nil, Received)
	if got.Get("Accept-Encoding") != "identity" || !slices.Equal(got["X-Many"], []string{"3"}) || !slices.Equal(got["Via"], []string{"1.1 before", "1.1 me"}) {
		t.Errorf("fields are %v", got)
	}
	if agent, ok := got["User-Agent"]; !ok || agent != nil {
		t.Errorf("User-Agent is %q: net/http would invent one", agent)
	}
}

func TestVia(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{"1.1 me": true, "1.0 a, 1.1 me (x)": true, "1.1 me2": false, "me": false, "": false} {
		if got := HasVia(http.Header{"Via": {"1.1 other", line}}, "me"); got != want {
			t.Errorf("Via %q: %v, want %v", line, got, want)
		}
	}
}

// A client may name ten thousand hops, some of them as one that it looks for.
func TestViaOfManyHopsAllocatesNothing(t *testing.T) {
	long := http.Header{"Via": {strings.Repeat("1.1 other, ", 10_000) + "me"}}
	if n := testing.AllocsPerRun(10, func() { HasVia(long, "me") }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// Case A7 of the field.
func TestA7ResponseFields(t *testing.T) {
	t.Parallel()
	got := Response(http.Header{
		"Set-Cookie": {"a", "b"}, "Connection": {"X-Hop"}, "X-Hop": {"1"}, "Content-Length": {"3"}, "Content-Type": {"t"},
		"Fanout-Outcome": {"forged"}, "Etag": {"x"}, "Transfer-Encoding": {"chunked"},
	})
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, []string{"Content-Type", "Etag", "Set-Cookie"}) || len(got["Set-Cookie"]) != 2 {
		t.Errorf("fields are %v", got)
	}
}
