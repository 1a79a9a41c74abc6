package expression

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// list is an array of n elements.
func list(element string, n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + "]"
}

// members is an object of n small ones.
func members(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%c":1,`, 'a'+i)
	}
	return "{" + strings.TrimSuffix(b.String(), ",") + "}"
}

// nested holds two of each value that is inside of it, 40 levels deep: written out, it
// would never end.
func nested(inner string) string {
	for i := 40; i > 0; i-- {
		inner = fmt.Sprintf("[[a%d, a%d]].exists(a%d, %s)", i-1, i-1, i, inner)
	}
	return "[[1]].exists(a0, " + inner + ")"
}

// K3: whatever is looked at costs, by the bytes, before it is looked at, and what was found
// out is kept: neither work nor garbage is a multiple of the limits. Cost is what counts
// here and bytes allocated, not time.
func TestK3OperationsCostByTheirBytes(t *testing.T) {
	// Not parallel: what other tests allocate would be measured too.
	const (
		enough = ""
		spent  = "costs over 100000"
	)
	digits, text := "1."+strings.Repeat("0", 450_000)+"1", strings.Repeat("x", 450_000)
	var params strings.Builder
	for i := range 16_000 {
		fmt.Fprintf(&params, "%x&", i)
	}
	var repetitions strings.Builder
	for i := range 8 {
		fmt.Fprintf(&repetitions, "[ab]{%d}c|", 500+i)
	}
	c := compiler(t)
	for _, row := range []struct{ name, source, body, err string }{
		{"a long number in each turn", `request.body.l.all(i, i <= request.body.x)`, `{"x":` + digits + `,"l":` + list("1", 3000) + `}`, enough},
		{"a number longer than the limit", `request.body.x > 1.0`, `{"x":` + digits + digits[2:] + digits[2:] + `}`, spent},
		{"a long number in an array", `request.body.l.all(i, i <= request.body.x[0])`, `{"x":[` + digits + `],"l":` + list("1", 3000) + `}`, enough},
		{"a long text in an array", `request.body.l.all(i, request.body.x[0] != 'a')`, `{"x":["` + text + `"],"l":` + list("1", 3000) + `}`, enough},
		{"a long text gone through", `request.body.l.all(i, request.body.x.exists(x, true))`, `{"x":["` + text + `"],"l":` + list("1", 3000) + `}`, enough},
		{"a text of escapes", `request.body.l.all(i, request.body.x[0] != 'a')`, `{"x":["` + strings.Repeat(`\n`, 200_000) + `"],"l":` + list("1", 3000) + `}`, enough},
		{"a long text added up", `request.body.l.all(i, (request.body.x + 'a').size() > 0)`, `{"x":"` + text + `","l":` + list("1", 3000) + `}`, spent},
		{"a text doubled", `[request.body.x].all(a, [a + a].all(b, [b + b].all(c, [c + c].all(d, (d + d).size() > 0))))`, `{"x":"` + text + `"}`, spent},
		{"a long text measured", `request.body.l.all(i, size(request.body.x) > 0)`, `{"x":"` + text + `","l":` + list("1", 3000) + `}`, spent},
		{"long texts compared", `request.body.l.all(i, request.body.x == request.body.y)`, `{"x":"` + text + `","y":"` + text + `","l":` + list("1", 3000) + `}`, spent},
		{"the path compared", `request.body.all(i, request.path < request.path + 'a')`, list("1", 3000), spent},
		{"a long text searched", `request.body.l.all(i, !request.body.x.contains('y'))`, `{"x":"` + text + `","l":` + list("1", 3000) + `}`, spent},
		{"a long key", `request.body.l.all(i, request.body[?request.body.x].hasValue() || true)`, `{"x":"` + text + `","l":` + list("1", 3000) + `}`, spent},
		{"a long key of a map", `request.body.l.all(i, {request.body.x: 1}.size() > 0)`, `{"x":"` + text + `","l":` + list("1", 3000) + `}`, spent},
		{"a long key in a map", `request.body.l.all(i, !(request.body.x in request.query))`, `{"x":"` + text + `","l":` + list("1", 3000) + `}`, spent},
		{"a long text converted", `request.body.l.all(i, double(request.body.x) > 0.0)`, `{"x":"` + digits + `","l":` + list("1", 3000) + `}`, spent},
		{"a pattern with repetitions", `!request.body.matches('` + repetitions.String() + `x')`, `"` + strings.Repeat("ab", 1000) + `"`, spent},
		{"parameters gone through", `request.body.all(i, request.query.exists(q, true))`, list("1", 3000), spent},
		{"time zones", `request.body.all(i, timestamp('2020-01-01T00:00:00Z').getHours('No/Such') == 1 || true)`, list("1", 3000), spent},
		{"optionals unwrapped", `[request.body.map(x, optional.of(x))].all(l, l.all(y, l.unwrapOpt().size() > 0))`, list("1", 3000), spent},
		{"lists in lists compared", `request.body.all(a, a == [1]) && request.body.all(a, request.body == request.body)`, list("[1]", 300), spent},
		{"a list searched in each turn", `request.body.all(a, !(2 in request.body))`, list("1", 3000), spent},
		{"loops in loops", `request.body.all(a, request.body.all(b, a == b))`, list("1", 3000), spent},
		{"the body in a message", `request.body.l.all(i, [?dyn(request.body)] == [] || true)`, `{"x":"` + text + `","l":` + list("1", 3000) + `}`, enough},
		{"the body in another message", `request.body.l.all(i, [request.body].unwrapOpt() == [] || true)`, `{"x":"` + text + `","l":` + list("1", 3000) + `}`, enough},
		{"what never ends in a message", nested(`[?dyn(a40)] == [] || true`), "1", enough},
		{"what never ends in another message", nested(`[dyn(a40)].unwrapOpt() == [] || true`), "1", enough},
		{"what never ends as a key", nested(`{}[dyn(a40)] == 1`), "1", "no such key"},
		{"what never ends compared", nested(`a40 == a40`), "1", spent},
		{"small objects in small objects", `request.body.all(x, x` + strings.Repeat(".a", 60) + ` == 1)`,
			list(strings.Repeat(`{"a":`, 60)+"1"+strings.Repeat("}", 60), 1500), spent},
		{"objects of small members", `request.body.all(x, x.size() == 20)`, list(members(20), 10_000), "8 MiB and 16 times its size"},
		{"a thousand maps", `request.body.map(i, {'id': i.id, 'n': i.id}).size() == 1000`, list(`{"id":1.5}`, 1000), enough},
	} {
		p, err := c.Compile(row.source, Bool)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		in := NewInput(&Request{Method: "POST", Path: "/" + strings.Repeat("p", 20_000), Query: params.String(), Header: http.Header{}, Body: []byte(row.body)}, &counter{limit: 1 << 40})
		before := allocated()
		_, err = p.Bool(t.Context(), in)
		made := allocated() - before
		if row.err == enough && err != nil || row.err != enough && (err == nil || !strings.Contains(err.Error(), row.err)) {
			t.Errorf("%s: %v, want %q", row.name, err, row.err)
		}
		if made > 48<<20 || in.meter.spent > MaxCost+piece {
			t.Errorf("%s: %d bytes made, %d units", row.name, made, in.meter.spent)
		}
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// leaving is a memory whose call ends with the n-th piece that is taken.
type leaving struct {
	left  int
	leave context.CancelFunc
	after int // takes after that
}

func (l *leaving) Take(int64) bool {
	if l.left--; l.left == 0 {
		l.leave()
	}
	if l.left < 0 {
		l.after++
	}
	return true
}

func (*leaving) Give(int64) {}

// K3: an evaluation ends with its call, within one piece of its cost.
func TestK3EndsWithTheCall(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	numbers := list("1", 90_000)
	for _, source := range []string{
		`request.body.all(a, a > 0)`,
		`request.body.exists(a, a > 1)`,
		`request.body.all(a, request.body.all(b, a == b))`,
		`request.body.map(a, a + 1).size() > 0 || true`,
		`2 in request.body || true`,
		`request.body == request.body`,
		`[request.body + [1]].all(l, l.all(a, a > 0) || true)`,
		`request.body.all(a, [[a]] == [[1]] && 'a'.matches('^a$'))`,
	} {
		p, err := c.Compile(source, Bool)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		// The index takes memory as well: what is ended is the evaluation after it.
		in := NewInput(&Request{Body: []byte(numbers)}, &counter{limit: 1 << 40})
		in.meter.once(&in.body, in.parseBody)
		if err := in.body.(*array).index(); err != nil {
			t.Fatal(err)
		}
		in.meter.end()
		memory := &leaving{left: 3, leave: cancel}
		in.meter.memory = memory
		if _, err := p.Bool(ctx, in); !errors.Is(err, context.Canceled) || memory.after > 0 || in.meter.spent > 4*piece+2*90_000 {
			t.Errorf("%s: %v, %d pieces after the end, %d units", source, err, memory.after, in.meter.spent)
		}
		if _, err := p.Bool(ctx, in); !errors.Is(err, context.Canceled) || memory.after > 0 {
			t.Errorf("%s begun after the end: %v", source, err)
		}
	}
}

// K3: neither does it go on to find its way in a large body.
func TestK3FindingEndsWithTheCall(t *testing.T) {
	t.Parallel()
	p, err := compiler(t).Compile("request.body"+strings.Repeat(".a", 10)+" == 1", Bool)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat(`{"a":`, 10) + `"` + strings.Repeat("x", 1<<20) + `"` + strings.Repeat("}", 10)
	ctx, cancel := context.WithCancel(t.Context())
	in := NewInput(&Request{Body: []byte(text)}, &leaving{left: 3, leave: cancel}) // a piece, the body, its only member
	before := in.meter.scans
	if _, err := p.Bool(ctx, in); !errors.Is(err, context.Canceled) || before-in.meter.scans > 2*len(text) {
		t.Errorf("%v after %d bytes of a body of %d", err, before-in.meter.scans, len(text))
	}
}

// K3: an evaluation without memory fails, and gives back what it had.
func TestK3EvaluationTakesMemory(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	text := list(`{"id":"`+strings.Repeat("x", 100)+`"}`, 1000)
	for _, source := range []string{
		`request.body.map(i, {'id': i.id})`, `request.body`, `[request.body, request.body]`, `request.body.map(i, i.id).size()`,
		`request.headers`, `request.query.size()`, `request.body.map(i, [1, 2, 3, 4])`,
	} {
		p, err := c.Compile(source, JSON)
		if err != nil {
			t.Fatal(err)
		}
		memory := &counter{}
		for {
			in := NewInput(&Request{Query: "a=b", Header: http.Header{"A": {"b"}}, Body: []byte(text)}, memory)
			memory.most = 0
			out, err := p.JSON(t.Context(), in, memory, 1<<20)
			in.Close()
			if memory.taken != int64(cap(out)) || memory.most > memory.limit {
				t.Fatalf("%s with %d bytes: %d are taken for %d, at most %d (%v)", source, memory.limit, memory.taken, cap(out), memory.most, err)
			}
			if err == nil {
				break
			}
			if !errors.Is(err, ErrMemory) || out != nil {
				t.Fatalf("%s with %d bytes: %v", source, memory.limit, err)
			}
			memory.limit = memory.limit*3/2 + 100
		}
		if memory.limit == 0 {
			t.Errorf("%s takes nothing", source)
		}
	}
}
