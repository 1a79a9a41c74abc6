package expression

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func compiler(t testing.TB) *Compiler {
	t.Helper()
	c, err := NewCompiler()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func input(body string) *Input {
	return NewInput(&Request{
		Method: "POST", Path: "/a%2Fb", Query: "x=1&x=2&y=a+b&%zz", Host: "orders.example.com", Caller: "till",
		ClientIP: netip.MustParseAddr("2001:db8:0::7"),
		Header:   http.Header{"X-Tenant": {"one", "two"}, "Authorization": {"Bearer hidden"}}, Hidden: func(name string) bool { return name == "Authorization" },
		Body: []byte(body),
	}, &counter{limit: 1 << 40})
}

const body = `{"id":12345678901234567890.10,"big":9007199254740993,"amount":1.10,"region":"eu","ok":true,"none":null,
 "items":[{"id":1.50,"n":2},{"id":1e2,"n":3}],"nested":{"b":1,"a":[1.0,2]},"dup":1,"dup":2,"q":"a\"b"}`

// What is only passed on keeps its bytes; what is computed with is CEL's.
func TestJSON(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	for source, want := range map[string]string{
		`request.body`:                                                           body,
		`request.body.id`:                                                        `12345678901234567890.10`,
		`{'id': request.body.id}`:                                                `{"id":12345678901234567890.10}`,
		`{'b': 1, 'a': request.body.amount}`:                                     `{"a":1.10,"b":1}`,
		`request.body.nested`:                                                    `{"b":1,"a":[1.0,2]}`,
		`request.body.big`:                                                       `9007199254740993`,
		`request.body.big + 1`:                                                   `9007199254740994`,
		`request.body.amount + 1.0`:                                              `2.1`,
		`request.body.amount == 1.1`:                                             `true`,
		`1.1 == request.body.amount`:                                             `true`,
		`request.body.items.map(i, {'id': i.id})`:                                `[{"id":1.50},{"id":1e2}]`,
		`request.body.items.filter(i, i.n > 2)`:                                  `[{"id":1e2,"n":3}]`,
		`request.body.items.map(i, i.n * 2)`:                                     `[4,6]`,
		`request.body.items[1].id`:                                               `1e2`,
		`request.body.items[request.body.dup - 1]`:                               `{"id":1e2,"n":3}`,
		`request.body.items + [1]`:                                               `[{"id":1.50,"n":2},{"id":1e2,"n":3},1]`,
		`request.body.items.exists(i, i.id == 1.5)`:                              `true`,
		`request.body.items.size()`:                                              `2`,
		`request.body.ok ? request.body.amount : 0`:                              `1.10`,
		`request.body.?missing.orValue(request.body.amount)`:                     `1.10`,
		`{?'x': request.body.?missing, ?'y': request.body.?amount}`:              `{"y":1.10}`,
		`has(request.body.region) && !has(request.body.missing)`:                 `true`,
		`'region' in request.body`:                                               `true`,
		`1.0 in request.body.nested.a`:                                           `true`,
		`request.body.nested == {'a': [1, 2], 'b': 1.0}`:                         `true`,
		`{'a': [1, 2], 'b': 1.0} == request.body.nested`:                         `true`,
		`[request.body.dup in [1, 2u], request.body.amount in [1, 1.1]]`:         `[true,true]`,
		`[request.body.dup in [1, '2'], request.body.nested in [1, 1.1]]`:        `[false,false]`,
		`[request.method in ['GET', 'POST'], request.body.none in ['', 'POST']]`: `[true,false]`,
		`[optional.of(1), optional.none()].unwrapOpt()`:                          `[1]`,
		`optional.unwrap([request.body.?amount, request.body.?missing])`:         `[1.10]`,
		`[?request.body.?amount, ?request.body.?missing]`:                        `[1.10]`,
		`timestamp('2020-01-01T00:00:00Z').getHours('+02:00')`:                   `2`,
		`request.path.matches('^/a%[0-9]F') && !matches(request.host, '^e')`:     `true`,
		`[request.body.nested.a, [1.0, 2.0]].all(l, l == request.body.nested.a)`: `true`,
		`request.body.none`:                                                      `null`,
		`request.body.dup`:                                                       `2`,
		`request.body.q`:                                                         `"a\"b"`,
		`request.body.q.upperAscii() + request.body.region`:                      `"A\"Beu"`,
		`string(request.body.big)`:                                               `"9007199254740993"`,
		`int(request.body.amount)`:                                               `1`,
		`type(request.body.big) == int`:                                          `true`,
		`type(request.body.amount) == double`:                                    `true`,
		`request.query.x + request.query['y']`:                                   `"1a b"`,
		`request.headers['x-tenant']`:                                            `"one, two"`,
		`'authorization' in request.headers`:                                     `false`,
		`request.method + request.path + request.host + request.caller`:          `"POST/a%2Fborders.example.comtill"`,
		`[request.clientIP, request.clientIP].map(a, a + '/64')`:                 `["2001:db8::7/64","2001:db8::7/64"]`,
		`b'ab'`:           `"YWI="`,
		`{1: 2, true: 3}`: `{"1":2,"true":3}`,
		`duration('90s')`: `"1m30s"`,
		`[1u, 1.5, -0.0]`: `[1,1.5,-0]`,
		`request.body.items.all(i, i.n > 1) ? request.body.items.map(i, i.id) : []`: `[1.50,1e2]`,
	} {
		p, err := c.Compile(source, JSON)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		got, err := p.JSON(t.Context(), input(body), &counter{limit: 1 << 40}, 1<<20)
		if err != nil || string(got) != want {
			t.Errorf("%s yields %s (%v), want %s", source, got, err, want)
		}
		if err == nil && !json.Valid(got) {
			t.Errorf("%s yields %s, which is no JSON", source, got)
		}
	}
}

// Numbers of the body are numbers wherever they come from.
func TestNumbersOfTheBody(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	for source, want := range map[string]string{
		`2 == request.body[?'n'].orValue(0)`:                              `true`,
		`request.body[?'n'].orValue(0) + 1`:                               `3`,
		`request.body[?'n'].orValue(0) > 1`:                               `true`,
		`request.body.ns[?0].orValue(0) + 1`:                              `2`,
		`1 == request.body.ns.first().value()`:                            `true`,
		`request.body.ns.last().value() * 2.0`:                            `6`,
		`optional.of(2) == request.body.?n`:                               `true`,
		`request.body.?n == optional.of(2)`:                               `true`,
		`[optional.of({'n': 2})] == [optional.of({'n': request.body.n})]`: `true`,
		`optional.ofNonZeroValue(request.body.zero).hasValue()`:           `false`,
		`optional.ofNonZeroValue(request.body.none).hasValue()`:           `false`,
		`optional.ofNonZeroValue(request.body.empty).hasValue()`:          `false`,
		`optional.ofNonZeroValue(request.body.n).hasValue()`:              `true`,
		`request.body.ns[?request.body.zero].value()`:                     `1`,
		`{2: 'a'}[request.body.n]`:                                        `"a"`,
		`{request.body.n: 'x'}[2]`:                                        `"x"`,
		`2 in {request.body.n: 'x'}`:                                      `true`,
		`{request.body.n: 'x'} == {2: 'x'}`:                               `true`,
		`request.body.ns + [request.body.n]`:                              `[1,2.50,3.0,2]`,
		`[request.body.n] + [1] + request.body.ns`:                        `[2,1,1,2.50,3.0]`,
		`request.body == request.body && request.body != {}`:              `true`,
		`request.body.ns == [1, 2.5, 3]`:                                  `true`,
		`request.body.ns.map(n, double(n) + 1.0)`:                         `[2,3.5,4]`,
		`request.body.ns.filter(n, n in [1, 3])`:                          `[1,3.0]`,
		`request.body.ns.exists_one(n, n == 2.5)`:                         `true`,
		`-request.body.n`:                                                 `-2`,
		`request.body.n % 2`:                                              `0`,
		`string(request.body.n) + 'x'`:                                    `"2x"`,
		`[1, 2, 3].map(x, x * request.body.n)`:                            `[2,4,6]`,
		`'a' + request.method`:                                            `"aPOST"`,
		`dyn(request.body.n) == 2 ? request.body.ns : []`:                 `[1,2.50,3.0]`,
	} {
		p, err := c.Compile(source, JSON)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		got, err := p.JSON(t.Context(), input(`{"n":2,"zero":0,"none":[],"empty":{},"ns":[1,2.50,3.0]}`), &counter{limit: 1 << 40}, 1<<20)
		if err != nil || string(got) != want {
			t.Errorf("%s yields %s (%v), want %s", source, got, err, want)
		}
	}
}

// What is short is compiled at once.
func TestCompileTime(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	chain := "request.body"
	for range 40 {
		chain += ".filter(x, x.n > 1)"
	}
	for _, source := range []string{
		strings.TrimSuffix(strings.Repeat("request.body.f == 1 && ", 150), " && "),
		strings.TrimSuffix(strings.Repeat("request.body.n + ", 120), " + ") + " == 1",
		"[" + strings.Repeat("string(request.body.f),", 100) + "].size() > 0",
		chain + " == []",
	} {
		start := time.Now()
		if _, err := c.Compile(source, Bool); err != nil {
			t.Errorf("%.60s…: %v", source, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%.60s…: %v to compile", source, took)
		}
	}
}

// Errors name the line and column.
func TestCompileErrors(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	for _, row := range []struct {
		source string
		want   Want
		words  string
	}{
		{"request.foo == 1", Bool, "line 1, column 1: request has method"},
		{"true &&\n  request.body.x >", Bool, "line 2, column 19: Syntax error"},
		{"1 + 'a'", JSON, "line 1, column 3: found no matching overload"},
		{"'a'", Bool, "yields string, a bool is wanted"},
		{"[1]", Text, "yields list(int), a string, a number, a bool or null is wanted"},
		{"type(1)", JSON, "yields type"},
		{"request.headers.x.matches('(')", Bool, "error parsing regexp"},
		{strings.Repeat("(", 300) + "true" + strings.Repeat(")", 300), Bool, "recursion"},
		{strings.Repeat("true || ", 600) + "true", Bool, "size exceeds limit"},
		{"'a'.replace('a', 'b') == ''", Bool, "undeclared reference to 'replace'"},
		{"optional.of(1).optMap(x, x).hasValue()", Bool, "undeclared reference to 'optMap'"},
		{"'a'.matches(request.body.p)", Bool, "line 1, column 12: matches needs a pattern that is written out"},
		{"'a'.matches('" + strings.Repeat("[ab]{1000}", 6) + "')", Bool, "line 1, column 13: the patterns are made of 6002 instructions, more than 5000"},
		{"'a'.matches('[ab]{999}') || 'a'.matches('[ab]{999}') || 'a'.matches('b') ||\n'a'.matches('" + strings.Repeat("[ab]{1000}", 4) + "')", Bool, "line 2, column 13: the patterns are made of 5006 instructions"},
		{"google.protobuf.Struct{fields: {}} == {}", Bool, "there are maps alone"},
	} {
		if _, err := c.Compile(row.source, row.want); err == nil || !strings.Contains(err.Error(), row.words) {
			t.Errorf("%.40q: %v, want …%s…", row.source, err, row.words)
		}
	}
}

func TestEvaluationErrors(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	for source, words := range map[string]string{
		`request.body.missing`:                "no such key",
		`request.body.items[7]`:               "index out of bounds",
		`1 / (request.body.dup - 2)`:          "division by zero",
		`request.body.big * request.body.big`: "overflow",
		`request.body.region + 1`:             "no such overload",
		`{'a': 1.0 / 0.0}`:                    "NaN or an infinity",
		`{1: 1, '1': 2}`:                      `the key "1" twice`,
		`[type(1)]`:                           "which JSON does not have",
		`[request.body, request.body]`:        "more than maxBodySize",
	} {
		p, err := c.Compile(source, JSON)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if out, err := p.JSON(t.Context(), input(body), &counter{limit: 1 << 40}, len(body)+8); err == nil || !strings.Contains(err.Error(), words) || len(out) > 0 {
			t.Errorf("%s yields %s, %v; want …%s…", source, out, err, words)
		}
	}
	for text, words := range map[string]string{"{": "no JSON", "\"\xff\"": "no JSON", strings.Repeat("[", 600): "deeper than 512"} {
		p, _ := c.Compile(`request.body == 1`, Bool)
		if _, err := p.Bool(t.Context(), input(text)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%.10q: %v, want …%s…", text, err, words)
		}
	}
	p, _ := c.Compile("request.body == null", Bool)
	if yes, err := p.Bool(t.Context(), input("")); err != nil || !yes {
		t.Errorf("no body: %v %v, want null", yes, err)
	}
	p, _ = c.Compile("request.body", Bool)
	if _, err := p.Bool(t.Context(), input("7")); err == nil || !strings.Contains(err.Error(), "yields int, a bool is wanted") {
		t.Errorf("a number where a bool is wanted: %v", err)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	for source, want := range map[string]string{
		`request.body.region`: "eu", `request.body.id`: "12345678901234567890.10", `1 + 1`: "2", `true`: "true",
		`request.body.none`: "<nothing>", `request.body.items`: "error", `'a\r\nb'`: "error", `'a\x00'`: "error", `'a\tb'`: "a\tb",
	} {
		p, err := c.Compile(source, Text)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		got, ok, err := p.Text(t.Context(), input(body))
		switch {
		case err != nil:
			got = "error"
		case !ok:
			got = "<nothing>"
		}
		if got != want {
			t.Errorf("%s yields %q (%v), want %q", source, got, err, want)
		}
	}
}

// What is nested is not scanned again and again.
func TestScans(t *testing.T) {
	t.Parallel()
	p, err := compiler(t).Compile("request.body"+strings.Repeat(".a", 100)+" == 1", Bool)
	if err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat(" ", 1<<17)
	text := strings.Repeat(`{"a":`, 100) + "1" + large + strings.Repeat("}", 100)
	if _, err := p.Bool(t.Context(), input(text)); err == nil || !strings.Contains(err.Error(), "looked into too deep") {
		t.Errorf("100 levels of a large body: %v", err)
	}
	small := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	if yes, err := p.Bool(t.Context(), input(small)); err != nil || !yes {
		t.Errorf("100 levels of a small body: %v, %v", yes, err)
	}
}

// The same value within itself many times over is not walked through.
func TestSharedValues(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	nested, lists := "a20 == a20", "5 in a20"
	for i := 20; i > 0; i-- {
		nested = fmt.Sprintf("[[a%d, a%d]].exists(a%d, %s)", i-1, i-1, i, nested)
		lists = fmt.Sprintf("[a%d + a%d].exists(a%d, %s)", i-1, i-1, i, lists)
	}
	for _, source := range []string{"[[request.body.l]].exists(a0, " + nested + ")", "[[1]].exists(a0, " + nested + ")", "[[1, 2]].exists(a0, " + lists + ")",
		"[request.body.l].exists(a0, " + lists + ")"} {
		p, err := c.Compile(source, Bool)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = p.Bool(t.Context(), input(`{"l":[1]}`))
		if took := time.Since(start); err == nil || took > 3*time.Second {
			t.Errorf("%.50s…: %v after %v", source, err, took)
		}
	}
}

// All expressions of a call together have a limit.
func TestCallCost(t *testing.T) {
	t.Parallel()
	p, err := compiler(t).Compile("request.body.all(a, a > 0)", Bool)
	if err != nil {
		t.Fatal(err)
	}
	in := input("[" + strings.Repeat("1,", 8000) + "1]")
	n := 0
	for ; n < 100; n++ {
		if _, err = p.Bool(t.Context(), in); err != nil {
			break
		}
	}
	if n < 3 || n > 20 || !strings.Contains(fmt.Sprint(err), "expressions of the call") {
		t.Errorf("%d evaluations, then %v", n, err)
	}
}

// A hostile expression, or a hostile body, is cut off.
func TestCost(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	long := `{"s":"` + strings.Repeat("a", 1<<20) + `","l":[` + strings.Repeat("1,", 200_000) + `1]}`
	for _, source := range []string{
		`request.body.l.all(a, request.body.l.all(b, request.body.l.all(c, c > 0)))`,
		`request.body.l.map(a, request.body.l).size() > 0 && request.body.l.all(a, request.body.l == request.body.l)`,
		`[1,2,3,4,5,6,7,8,9].all(x, !request.body.s.matches('(a*)*b(a*)*b(a*)*b'))`,
		`[1,2,3,4,5,6,7,8,9].all(x, (request.body.s + request.body.s).size() > 0)`,
		`request.body.l.all(a, a in request.body.l)`,
		`[1,2,3,4,5,6,7,8,9].all(x, [request.body] == [request.body] || true) && request.body.l.all(a, request.body.l.all(b, true))`,
	} {
		p, err := c.Compile(source, Bool)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		start := time.Now()
		_, err = p.Bool(t.Context(), input(long))
		if err == nil || !strings.Contains(err.Error(), "costs over 100000") {
			t.Errorf("%s: %v", source, err)
		}
		t.Logf("%v: %s", time.Since(start), source)
	}
}

// The body is not scanned for an expression that does not read it.
func TestTheBodyIsScannedForItsReadersAlone(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	for source, scanned := range map[string]bool{
		"request.method == 'POST'": false, "'request.body' != ''": false, "request.body.x == 1": true, "has(request.body.x)": true,
		"[1].all(x, request.body.x == x)": true,
	} {
		p, err := c.Compile(source, Bool)
		if err != nil {
			t.Fatal(err)
		}
		in := input(`{"x":1}`)
		if yes, err := p.Bool(t.Context(), in); err != nil || !yes || (in.body != nil) != scanned {
			t.Errorf("%s: %v, %v, body %v", source, yes, err, in.body)
		}
	}
}

// Neither panics nor endless loops, whatever expression and body; what comes out is
// JSON within the limit.
func FuzzExpressions(f *testing.F) {
	c := compiler(f)
	f.Add(`{'id': request.body.id}`, body)
	f.Add(`request.body.items.map(i, i.id + 1)`, body)
	f.Add(`request.body == request.body`, `[1,{"a":"\ud800"}]`)
	f.Add(`request.body.?a.orValue(b'\xff')`, `{}`)
	f.Fuzz(func(t *testing.T, source, text string) {
		p, err := c.Compile(source, JSON)
		if err != nil {
			return
		}
		const limit = 1 << 12
		out, err := p.JSON(t.Context(), input(text), &counter{limit: 1 << 40}, limit)
		if err == nil && (!json.Valid(out) || len(out) > 2*limit) {
			t.Fatalf("%s of %q yields %q", source, text, out)
		}
	})
}
