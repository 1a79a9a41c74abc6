package stats

import (
	"encoding/json"
	"math"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// What is read of one window is what all of the report says of it, whoever wrote it.
func TestOneWindowIsReadAsAllAre(t *testing.T) {
	t.Parallel()
	recorded, err := os.ReadFile("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"of a proxy":      encode(t, fullest()),
		"recorded":        string(recorded),
		"without windows": `{"version":1,"routes":[{"namespace":"shop","name":"orders","backends":[{"name":"b0"}]}]}`,
		"without standings": `{"routes":[{"namespace":"shop","name":"orders","backends":[{"name":"b0","windows":{
			"1m":{"answers":{"succeeded":3,"failed":{"timeout":2},"late":1}},"5m":{"seconds":7.5,"answers":{"succeeded":5}}}}]}]}`,
		"with buckets in no order": `{"routes":[{"namespace":"shop","name":"orders","windows":{"5m":{"duration":{"seconds":1e1,"counts":{"3":1,"-7":2,"3":4,"9999":1,"5":0}}}}}]}`,
		"with nulls":               `{"version":null,"document":null,"ready":null,"routes":[{"namespace":"shop","name":"orders","missing":null,"windows":null,"backends":[{"name":"b0","windows":{"5m":null},"standing":null,"shadow":null}]}]}`,
		"without routes":           ` {"document":"h1" , "routes" : [ ] } `,
	} {
		t.Run(name, func(t *testing.T) { sameWindow(t, ofOrders(3), text) })
	}
}

// sameWindow compares both readings of a report: whether it is one, and what it says.
func sameWindow(t *testing.T, b Bounds, text string) {
	t.Helper()
	now := start.Add(time.Hour)
	all, err := b.Decode([]byte(text), now)
	one, other := b.DecodeWindow([]byte(text), Window5m, now)
	if err != nil {
		t.Fatal(err)
	}
	if other != nil {
		t.Fatalf("one window is not read: %v", other)
	}
	if diff := cmp.Diff(kept(all), kept(one)); diff != "" {
		t.Errorf("of all, of one window:\n%s", diff)
	}
}

// kept is what of a report is shown.
func kept(r *Report) *Report {
	out := *r
	out.Routes = nil
	for i := range r.Routes {
		out.Routes = append(out.Routes, *r.Routes[i].Kept(Window5m))
	}
	return &out
}

// What is of another type than a proxy writes is no report.
func TestOneWindowOfOddTypesIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`[]`, `1`, `{"document":1}`, `{"ready":"yes"}`, `{"routes":{}}`, `{"routes":[1]}`, `{"version":"1"}`, `{"version":1.5}`,
		`{"routes":[{"backends":[{"name":"b0","standing":{"1m":{"asked":-1}}}]}]}`,
		`{"routes":[{"backends":[{"name":"b0","windows":{"5m":{"seconds":"1"}}}]}]}`,
		`{"routes":[{"windows":{"5m":{"calls":{"complete":18446744073709551616}}}}]}`,
		`{"routes":[{"windows":{"5m":{"calls":{"complete":1.0}}}}]}`,
		`{"routes":[{"windows":{"5m":{"duration":{"counts":{"x":1}}}}}]}`,
		`{"routes":[{"missing":{}}]}`, `{"routes":[`, `{"version":2}`, `{"document":"","version":2}`, ``, `{} x`,
	} {
		if got, err := ofOrders(1).DecodeWindow([]byte(text), Window5m, start); err == nil {
			t.Errorf("%s is read as %+v", text, got)
		}
	}
}

// Whatever a Pod says, both readings of what was taken of it are one, and reading one window
// takes nothing that is out of bounds.
func FuzzOneWindow(f *testing.F) {
	f.Add([]byte(encode(f, fullest())))
	f.Add([]byte(`{"routes":[{"namespace":"shop","name":"orders","backends":[{"name":"b0","windows":{"5m":{"duration":{"counts":{"3":1,"-7":2}}}}}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b := ofOrders(maxBackends)
		if all, err := b.Decode(text, start); err == nil {
			sameWindow(t, b, encode(t, all))
		}
		if one, err := b.DecodeWindow(text, Window5m, start); err == nil {
			sameWindow(t, b, encode(t, one))
		}
	})
}

// busy is what a proxy of two backends says after an hour of calls.
func busy(b *testing.B) []byte {
	b.Helper()
	r := RouteReport{Namespace: "shop", Name: "orders", Part: "fedcba9876543210"}
	route, end := NewRoute(start), start.Add(time.Hour)
	backends := []*Backend{NewBackend(start), NewBackend(start)}
	for at, n := start, 0; at.Before(end); at, n = at.Add(time.Second), n+1 {
		took := time.Duration(math.Exp(float64(n*17%40)/13) * float64(10*time.Millisecond))
		route.Record(at, fanout.Complete, took)
		for _, of := range backends {
			of.Record(at, &fanout.Answer{Outcome: fanout.Succeeded, Status: 200, Attempts: 1, Elapsed: took})
		}
	}
	r.Windows = route.Windows(end)
	for i, of := range backends {
		r.Backends = append(r.Backends, of.Report(end, []string{"api-one", "api-two"}[i]))
	}
	raw, err := json.Marshal(Report{Version: ReportVersion, Document: "0123456789abcdef", Ready: true, Routes: []RouteReport{r}})
	if err != nil {
		b.Fatal(err)
	}
	return raw
}

// Half of all CPU of an operator at rest was the decoding of reports.
func BenchmarkDecodeWindow(b *testing.B) {
	raw := busy(b)
	bounds := Bounds{{Namespace: "shop", Name: "orders"}}
	for name, decode := range map[string]func() (*Report, error){
		"all":    func() (*Report, error) { return bounds.Decode(raw, start) },
		"window": func() (*Report, error) { return bounds.DecodeWindow(raw, Window5m, start) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := decode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
