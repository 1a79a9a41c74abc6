package expression

import (
	"strings"
	"testing"
)

// What a token says is read like a body, to its last digit; without one there is an empty map.
func TestClaims(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ claims, source, want string }{
		{`{"sub":"ada","id":9007199254740993,"roles":["a","b"],"a":{"b":1.50}}`, "request.claims.sub", "ada"},
		{`{"id":9007199254740993}`, "request.claims.id", "9007199254740993"},
		{`{"a":{"b":1.50}}`, "request.claims.a.b", "1.50"},
		{`{"https://x/y":"z"}`, "request.claims['https://x/y']", "z"},
		{"", "request.claims.size()", "0"},
		{"", "has(request.claims.sub)", "false"},
		{"", "request.claims.?sub.orValue('none')", "none"},
		{"", "request.claims.sub", "error"},
		{"[", "request.claims.sub", "error"},
		{`{"a":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`, "request.claims.a", "error"},
	} {
		compiler, err := NewCompiler()
		if err != nil {
			t.Fatal(err)
		}
		p, err := compiler.Compile(row.source, Text)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := p.Text(t.Context(), NewInput(&Request{Claims: []byte(row.claims)}, &unbounded{}))
		if err != nil {
			got = "error"
		}
		if got != row.want {
			t.Errorf("%s of %s is %s (%v), want %s", row.source, row.claims, got, err, row.want)
		}
	}
}

// unbounded has memory for everything.
type unbounded struct{}

func (*unbounded) Take(int64) bool { return true }
func (*unbounded) Give(int64)      {}

// Whether an expression reads the body is known when it is compiled, and a body that comes
// later is read by those that do.
func TestExpressionsThatReadTheBody(t *testing.T) {
	t.Parallel()
	compiler, err := NewCompiler()
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]bool{
		"request.body.a == 1": true, "has(request.body.a)": true, "[1].exists(i, request.body == i)": true, "request.body[?'a'].orValue(1) == 1": true,
		"request.path == 'request.body'": false, "request.headers.body == 'a'": false, "request.claims.body == 1": false, "true": false,
	} {
		p, err := compiler.Compile(source, Bool)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if p.ReadsBody() != want {
			t.Errorf("%s reads the body: %v, want %v", source, p.ReadsBody(), want)
		}
	}
	p, err := compiler.Compile("request.method == 'POST' && request.body.a.size() == 20000", Bool)
	if err != nil {
		t.Fatal(err)
	}
	in := NewInput(&Request{Method: "POST"}, &unbounded{})
	in.Receive([]byte(`{"a":[` + strings.Repeat(" 1,", 19_999) + `1]}`))
	if is, err := p.Bool(t.Context(), in); !is || err != nil {
		t.Errorf("a body that has come: %v, %v", is, err)
	}
	if in.meter.most < 60_000*maxKept || in.meter.scans < 0 {
		t.Errorf("there is room for %d bytes of it", in.meter.most)
	}
}
