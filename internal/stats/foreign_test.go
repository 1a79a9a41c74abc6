package stats

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// ofOrders bounds reports on a route with some backends and one Secret.
func ofOrders(backends int) Bounds {
	b := RouteBounds{Namespace: "shop", Name: "orders", Backends: map[string]bool{}, Secrets: map[string]bool{"partner": true}}
	for i := range backends {
		b.Backends[fmt.Sprintf("b%d", i)] = true
	}
	return Bounds{b}
}

// fullest is the longest report that a proxy can make of a route with 32 backends.
func fullest() *Report {
	spread := Histogram{Seconds: 123456789.123456}
	for i := firstBucket; i <= lastBucket; i++ {
		spread.Counts = append(spread.Counts, Count{i, 1<<32 - 1})
	}
	answers := Answers{Succeeded: 1 << 35, Failed: map[Reason]uint64{}, Canceled: 1 << 35, Skipped: 1 << 35, Faulty: 1 << 35, Late: 1 << 35, Attempts: 1 << 35}
	for r := fanout.NoReason + 1; r < fanout.RateLimited; r++ {
		answers.Failed[ReasonOf(r)] = 1 << 35
	}
	stands := Standing{1 << 35, 1 << 35, 1 << 35, 1 << 35}
	of := BackendReport{Standing: Standings{stands, stands, stands, stands}, Circuit: "halfOpen", Shadow: true,
		Compared:    map[Comparison]uint64{"same": 1, "outcome": 1, "body": 1, "incomparable": 1},
		LastFailure: &Failure{Reason: "forbiddenAddress", Cause: "certificateExpired", Status: 599, Time: start, AgeSeconds: 3600}}
	r := RouteReport{Namespace: "shop", Name: "orders"}
	for _, w := range windows() {
		of.Windows.Set(w.name, AnswersWindow{Seconds: w.slot.Seconds() * slots, Answers: answers, Duration: spread})
		r.Windows.Set(w.name, CallsWindow{Seconds: w.slot.Seconds() * slots, Calls: Calls{Complete: 1 << 35}, Duration: spread})
	}
	for i := range maxBackends {
		of.Name = fmt.Sprintf("b%d", i)
		r.Backends = append(r.Backends, of)
		for _, key := range []string{"ca.crt", "tls.crt", "tls.key", "token"} {
			r.Missing = append(r.Missing, MissingKey{Secret: "partner", Key: key, Backend: of.Name, Stale: true, Message: strings.Repeat("m", maxMissingText/4/maxBackends-32)})
		}
	}
	return &Report{Document: strings.Repeat("f", maxHash), Ready: true, Refused: "no", Routes: []RouteReport{r}}
}

func encode(t testing.TB, r *Report) string {
	t.Helper()
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func read(b Bounds, text string) (*Report, error) {
	raw, err := b.Read(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	return b.Decode(raw, start.Add(time.Hour))
}

// L2: what a proxy can say passes as it is, the longest too.
func TestL2ProxysReportIsInBounds(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]Bounds{"known names": ofOrders(maxBackends), "unknown names": {{Namespace: "shop", Name: "orders"}}} {
		want := fullest()
		got, err := read(b, encode(t, want))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if g, w := encode(t, got), encode(t, want); g != w {
			t.Errorf("%s: the report has changed to\n%s", name, g)
		}
	}
}

// L2: what no proxy can say of its route is overlooked, and counters cannot overflow.
func TestL2ForeignReportsAreBoundedByTheSpec(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	text := `{"document": "` + long + `", "ready": true, "refused": "\u001b[2J\u009b\u202eno` + long + `", "routes": [
		{"namespace": "other", "name": "orders", "backends": [{"name": "b0", "circuit": "open"}]},
		{"namespace": "shop", "name": "orders",
		 "missing": [{"secret": "stranger", "key": "k"}, {"secret": "partner", "key": "` + long + `"}, {"secret": "partner", "key": "k", "backend": "nobody"},
			{"secret": "partner", "key": "k\u001b[2J"}, {"secret": "partner", "key": "k\nk"}, {"secret": "partner", "key": "\u202ek"},
			{"secret": "partner", "key": "tls.KEY_-9"},
			{"secret": "partner", "key": "k", "backend": "b0", "message": "` + long + `"}],
		 "windows": {"9h": {"seconds": 5}, "5m": {"seconds": 1e-300, "calls": {"complete": 18446744073709551615}, "duration": {"counts": {"99999": 5, "0": 18446744073709551615}, "seconds": -5}}},
		 "backends": [
			{"name": "nobody", "circuit": "open"},
			{"name": "b0", "circuit": "ajar", "compared": {"same": 1, "odd": 2, "odder": 3},
			 "windows": {"5m": {"seconds": 1e300, "answers": {"succeeded": 1, "failed": {"timeout": 2, "boredom": 3}}}},
			 "lastFailure": {"reason": "` + long + `", "time": "2026-01-02T03:04:05Z"}},
			{"name": "b0", "circuit": "open"},
			{"name": "b1", "standing": {"25s": {"asked": 18446744073709551615, "heard": 2, "faulty": 3, "late": 4}, "9s": {}}, "lastFailure": {"reason": "status", "cause": "boredom", "status": 503, "time": "2026-01-02T03:04:05Z", "ageSeconds": -7}}]},
		{"namespace": "shop", "name": "orders", "backends": [{"name": "b1", "circuit": "open"}]}]}`
	got, err := read(ofOrders(2), text)
	if err != nil {
		t.Fatal(err)
	}
	want := &Report{Document: long[:maxHash], Ready: true, Refused: "[2Jno" + long[:maxMessage-11], Routes: []RouteReport{{
		Namespace: "shop", Name: "orders",
		Missing: []MissingKey{{Secret: "partner", Key: "tls.KEY_-9"}, {Secret: "partner", Key: "k", Backend: "b0", Message: long[:maxMessage]}},
		Windows: Windowed(Window5m, CallsWindow{Seconds: 1, Calls: Calls{Complete: maxCount}, Duration: Histogram{Counts: Counts{{0, maxCount}}}}),
		Backends: []BackendReport{
			{Name: "b0", Standing: Standings{Last5m: Standing{Asked: 6, Heard: 6}}, Compared: map[Comparison]uint64{"same": 1, "other": 5}, Windows: Windowed(Window5m, AnswersWindow{Seconds: 300, Answers: Answers{Succeeded: 1, Failed: map[Reason]uint64{"timeout": 2, "other": 3}}})},
			{Name: "b1", Standing: Standings{Last25s: Standing{maxCount, 2, 3, 4}}, LastFailure: &Failure{Reason: "status", Status: 503, Time: start.Add(5 * time.Second), AgeSeconds: 3595}},
		},
	}}}
	if g, w := encode(t, got), encode(t, want); g != w {
		t.Errorf("the report is\n%s\nwant\n%s", g, w)
	}
}

// L2: a megabyte of short entries is refused before it becomes a hundred, whichever
// list or map they stand in.
func TestL2LongReportsAreRefusedBeforeTheyAreDecoded(t *testing.T) {
	t.Parallel()
	fill := func(head, entry, tail string) string {
		n := (maxBytes - 2000) / len(entry)
		return head + strings.Repeat(entry, n) + tail
	}
	route := `{"routes":[{"namespace":"shop","name":"orders",`
	for name, text := range map[string]string{
		"routes":   fill(`{"routes":[{}`, `,{}`, `]}`),
		"missing":  fill(route+`"missing":[{}`, `,{}`, `]}]}`),
		"backends": fill(route+`"backends":[{}`, `,{}`, `]}]}`),
		"windows":  fill(route+`"windows":{"a":{}`, `,"a":{}`, `}}]}`),
		"nested":   fill(`{"a":`, `[`, `1`),
		"quoted":   fill(`{"a":"`, `\"`, `","routes":[`+strings.Repeat(`{},`, 200_000)+`{}]}`),
		"too long": strings.Repeat(" ", maxBytes+1),
	} {
		_, err := read(ofOrders(maxBackends), text)
		if !errors.Is(err, ErrUnbounded) {
			t.Errorf("%s: %v, want %v", name, err, ErrUnbounded)
		}
	}
}

// L2: adding up takes as many steps as there are entries.
func TestL2AddingUpIsLinear(t *testing.T) {
	t.Parallel()
	const entries = 50_000 // each with each, minutes
	r := RouteReport{}
	for i := range entries {
		r.Missing = append(r.Missing, MissingKey{Secret: "s", Key: fmt.Sprint(i)})
		r.Backends = append(r.Backends, BackendReport{Name: fmt.Sprint(i)})
	}
	begun := time.Now()
	sum := Merge([]RouteReport{r, r})
	if len(sum.Missing) != maxMissing || len(sum.Backends) != entries {
		t.Errorf("the sum has %d missing keys and %d backends, want %d and %d", len(sum.Missing), len(sum.Backends), maxMissing, entries)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("adding up took %v", took)
	}
}

// L2: whatever a Pod says, what is taken of it is in bounds, and taken again it is the
// same.
func FuzzForeignReport(f *testing.F) {
	full, err := json.Marshal(fullest())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	f.Add([]byte(`{"routes":[{"namespace":"shop","name":"orders","backends":[{"name":"b0","windows":{"5m":{"duration":{"counts":{"9999":1}}}}}]}]}`))
	f.Add([]byte(`{"document":"\u0000\ud800","refused":"\u001b","routes":[null,{"namespace":"shop","name":"orders","missing":[{"secret":"partner","message":"\u0007"}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b := ofOrders(maxBackends)
		first, err := read(b, string(text))
		if err != nil {
			return
		}
		if len(first.Routes) > 1 || len(first.Document) > maxHash || len(first.Refused) > maxMessage {
			t.Errorf("the report is out of bounds: %+v", first)
		}
		for i := range first.Routes {
			for j := range first.Routes[i].Backends {
				if name := first.Routes[i].Backends[j].Name; !b[0].Backends[name] {
					t.Errorf("backend %q is none of the route's", name)
				}
			}
		}
		again, err := read(b, encode(t, first))
		if err != nil {
			t.Fatalf("what was taken is not taken again: %v", err)
		}
		if g, w := encode(t, again), encode(t, first); g != w {
			t.Errorf("taken again it is\n%s\nwant\n%s", g, w)
		}
	})
}

// L2: a failure happened when its age says, whatever its Pod takes for the time: in the
// year 10000 of UTC it could not be written. One without an age, of an older proxy, is as
// old as its time, and not the youngest of all.
func TestL2FailuresAreReckonedFromNow(t *testing.T) {
	t.Parallel()
	now := start.Add(time.Hour)
	for said, want := range map[string]time.Duration{
		`"time": "9999-12-31T23:59:59-10:00", "ageSeconds": 30`:    30 * time.Second,
		`"time": "9999-12-31T23:59:59-10:00"`:                      0,
		`"time": "0000-01-01T00:00:00+10:00"`:                      maxAge,
		`"time": "0000-01-01T00:00:00+10:00", "ageSeconds": 1e300`: maxAge,
		`"time": "2026-01-02T03:04:00Z"`:                           time.Hour,
		`"time": "2026-01-02T03:04:00Z", "ageSeconds": -1e300`:     time.Hour,
		`"ageSeconds": 0`: 0,
		`"status": 5`:     maxAge,
	} {
		got, err := ofOrders(1).Decode([]byte(`{"routes":[{"namespace":"shop","name":"orders","backends":[{"name":"b0","lastFailure":{"reason":"timeout",`+said+`}}]}]}`), now)
		if err != nil {
			t.Fatalf("%s: %v", said, err)
		}
		f := got.Routes[0].Backends[0].LastFailure
		if f.AgeSeconds != want.Seconds() || !f.Time.Equal(now.Add(-want)) {
			t.Errorf("%s: at %v, %v s ago, want %v ago", said, f.Time, f.AgeSeconds, want)
		}
		encode(t, got)
	}
}

// K7: a failure of a proxy that does not say its age is younger than none that does by
// that alone.
func TestK7FailuresWithoutAgeAreAsOldAsTheirTime(t *testing.T) {
	t.Parallel()
	var reports []RouteReport
	for _, failure := range []string{
		`{"reason":"timeout","time":"2026-01-01T00:00:00Z"}`,
		`{"reason":"status","status":500,"time":"2026-01-02T03:03:30Z","ageSeconds":30}`,
	} {
		got, err := ofOrders(1).Decode([]byte(`{"routes":[{"namespace":"shop","name":"orders","backends":[{"name":"b0","lastFailure":`+failure+`}]}]}`), start)
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports, got.Routes...)
	}
	if f := Merge(reports).Backends[0].LastFailure; f.Status != 500 {
		t.Errorf("the youngest failure is %+v, want status 500 of half a minute ago", f)
	}
}

// N2: why a foreign proxy has no credential is kept within bounds, without what controls a
// terminal; R1: and so is that it was refused.
func TestN2MessagesOfFailuresAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	got, err := ofOrders(1).Decode([]byte(`{"routes":[{"namespace":"shop","name":"orders","backends":[{"name":"b0","lastFailure":{`+
		`"reason":"status","status":401,"refused":true,"ageSeconds":1,"message":"a\u001b[2J\n`+long+`"}}]}]}`), start)
	if err != nil {
		t.Fatal(err)
	}
	f := got.Routes[0].Backends[0].LastFailure
	if len(f.Message) > maxMessage || !strings.HasPrefix(f.Message, "a[2Jxxx") || !f.Refused {
		t.Errorf("kept %+v", f)
	}
	before := got.Routes[0].Size()
	f.Message = ""
	if after := got.Routes[0].Size(); after >= before {
		t.Errorf("a message takes no room: %d bytes with it, %d without", before, after)
	}
}

// A report on several routes is divided by their bounds: each has its own names, and room
// for what all of them have to say.
func TestReportsOfManyRoutesAreBoundedEach(t *testing.T) {
	t.Parallel()
	bounds := append(ofOrders(1), RouteBounds{Namespace: "shop", Name: "other", Backends: map[string]bool{"b1": true}, Secrets: map[string]bool{}})
	got, err := read(bounds, `{"version":1,"document":"h","routes":[
		{"namespace":"shop","name":"other","part":"p2","missing":[{"secret":"partner","key":"k"}],"backends":[{"name":"b0"},{"name":"b1"}]},
		{"namespace":"shop","name":"orders","part":"p1","missing":[{"secret":"partner","key":"k"}],"backends":[{"name":"b0"},{"name":"b1"}]},
		{"namespace":"shop","name":"other","part":"again"},{"namespace":"lab","name":"orders"}]}`)
	if err != nil || len(got.Routes) != 2 {
		t.Fatalf("report %+v, error %v, want two routes", got, err)
	}
	other, orders := got.Route("shop", "other"), got.Route("shop", "orders")
	if other.Part != "p2" || len(other.Missing) != 0 || len(other.Backends) != 1 || other.Backends[0].Name != "b1" {
		t.Errorf("of other it says %+v", other)
	}
	if orders.Part != "p1" || len(orders.Missing) != 1 || len(orders.Backends) != 1 || orders.Backends[0].Name != "b0" {
		t.Errorf("of orders it says %+v", orders)
	}
	if r := got.Route("lab", "orders"); r != nil {
		t.Errorf("of another namespace's route it says %+v", r)
	}
	long := `{"version":1,"routes":[],"more":"` + strings.Repeat("x", baseBytes+backendBytes) + `"}`
	if _, err := read(ofOrders(1), long); !errors.Is(err, ErrUnbounded) {
		t.Errorf("a long report of one route: error %v", err)
	}
	if _, err := read(bounds, long); err != nil {
		t.Errorf("the same of two routes: error %v", err)
	}
}
