package exposition

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/proto"

	"github.com/fanout-operator/fanout/internal/stats"
)

var texts = []string{"", "plain", `a"b`, `back\slash`, "two\nlines", "\\\"\n", "héllo", "\xff", strings.Repeat("x", 300)}

var numbers = []float64{
	0, math.Copysign(0, -1), 1, -1, 2, 17, 999_999, -999_999, 1e6, -1e6, 1_048_575, 123456789, 1 << 53, 1 << 63, 1e300, -1e300,
	0.1, 1.5, 1e-5, 2.5e-7, math.Pi, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxUint64, math.SmallestNonzeroFloat64,
}

// The text is to the byte what package expfmt makes of the same families.
func TestTextIsThatOfExpfmt(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 7))
		page := New([]time.Duration{time.Millisecond, time.Second})
		text := func() string { return texts[random.IntN(len(texts))] }
		for i := range 1 + random.IntN(6) {
			s := page.With("route", text(), "a", text())
			if i == 0 {
				s = page.With()
			}
			s.Counter("fanout_some_total", text(), random.Uint64()>>random.IntN(64), "reason", text())
			s.Gauge("fanout_some", "h", numbers[random.IntN(len(numbers))], "z", text(), "b", text())
			h := someHistogram(random)
			s.Histogram("fanout_seconds", "h", &h)
		}
		families := append(page.Families(), summary())
		var want bytes.Buffer
		for _, f := range families {
			if _, err := expfmt.MetricFamilyToText(&want, f); err != nil {
				t.Fatal(err)
			}
		}
		got, err := Encode(nil, families, expfmt.NewFormat(expfmt.TypeTextPlain))
		if err != nil || string(got) != want.String() {
			t.Fatalf("seed %d: error %v, the text is\n%s\nwant\n%s", seed, err, got, want.String())
		}
	}
}

// summary is a kind of metric that Go's own are.
func summary() *dto.MetricFamily {
	return &dto.MetricFamily{Name: new("go_gc"), Help: new("h"), Type: new(dto.MetricType_SUMMARY), Metric: []*dto.Metric{
		{Summary: &dto.Summary{SampleCount: new(uint64(3)), SampleSum: new(0.5), Quantile: []*dto.Quantile{{Quantile: new(0.5), Value: new(1.0)}}}},
	}}
}

func someHistogram(random *rand.Rand) (h stats.Histogram) {
	at := -230 + random.IntN(300)
	for range random.IntN(40) {
		h.Counts = append(h.Counts, stats.Count{Bucket: at, N: 1 + random.Uint64()>>(random.IntN(60)+2)})
		at += 1 + random.IntN(5)*random.IntN(2)
	}
	h.Seconds = random.Float64() * float64(h.Total())
	return h
}

// A native histogram is the one that client_golang makes of the same buckets, but for a time at
// which it was created, in the year 1.
func TestHistogramsAreThoseOfClientGolang(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		h := someHistogram(rand.New(rand.NewPCG(seed, 8)))
		if h.Total() > math.MaxInt64 {
			continue
		}
		positive := map[int]int64{}
		for _, c := range h.Counts {
			positive[c.Bucket] = int64(c.N)
		}
		theirs, err := prometheus.NewConstNativeHistogram(prometheus.NewDesc("d", "h", nil, nil), h.Total(), h.Seconds, positive, nil, 0, stats.Schema, 0, time.Time{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want := &dto.Metric{}
		if err := theirs.Write(want); err != nil {
			t.Fatal(err)
		}
		want.Histogram.CreatedTimestamp = nil
		if got := native(&h); !proto.Equal(got, want.Histogram) {
			t.Fatalf("seed %d: of %v there is\n%v\nwant\n%v", seed, h.Counts, got, want.Histogram)
		}
	}
}

// Classic buckets hold what is in the native ones up to theirs.
func TestClassicBucketsAddUp(t *testing.T) {
	t.Parallel()
	bounds := stats.DefaultBuckets()
	page := New(bounds)
	for seed := range uint64(100) {
		h := someHistogram(rand.New(rand.NewPCG(seed, 9)))
		for i, b := range page.classic(&h) {
			want := uint64(0)
			for _, c := range h.Counts {
				if c.Bucket <= stats.Nearest(bounds[i]) {
					want += c.N
				}
			}
			if b.GetCumulativeCount() != want || b.GetUpperBound() != bounds[i].Seconds() {
				t.Fatalf("seed %d: bucket %v is %v, want %d", seed, bounds[i], b, want)
			}
		}
	}
}

// Labels stand by their names, families too, and samples as they were added.
func TestPagesAreInOrder(t *testing.T) {
	t.Parallel()
	page := New(nil)
	one, two := page.With("route", "a", "namespace", "n"), page.With("namespace", "n", "route", "b")
	for i, s := range []*Samples{two, one, two} {
		s.Gauge("z", "h", float64(i), "backend", "x", "use", "u")
		s.Counter("a", "h", uint64(i), "c", "x", "b", "y", "a", "z", "zz", "1", "zy", "2", "zx", "3")
	}
	got, err := Encode([]byte("before\n"), page.Families(), expfmt.NewFormat(expfmt.TypeTextPlain))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"before", "# HELP a h", "# TYPE a counter",
		`a{a="z",b="y",c="x",namespace="n",route="b",zx="3",zy="2",zz="1"} 0`,
		`a{a="z",b="y",c="x",namespace="n",route="a",zx="3",zy="2",zz="1"} 1`,
		`a{a="z",b="y",c="x",namespace="n",route="b",zx="3",zy="2",zz="1"} 2`,
		"# HELP z h", "# TYPE z gauge",
		`z{backend="x",namespace="n",route="b",use="u"} 0`, `z{backend="x",namespace="n",route="a",use="u"} 1`, `z{backend="x",namespace="n",route="b",use="u"} 2`,
	}
	if lines := strings.Split(strings.TrimSpace(string(got)), "\n"); !slices.Equal(lines, want) {
		t.Errorf("the page is\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// A sample takes none of its own: not a description, nor maps.
func TestSamplesAreMadeInPieces(t *testing.T) {
	const samples = 10 * cells
	reasons := []string{"timeout", "connect", "reset", "status"}
	ours := testing.AllocsPerRun(10, func() {
		page := New(nil)
		s := page.With("namespace", "shop", "route", "orders")
		for i := range samples {
			s.Counter("fanout_answers_total", "h", uint64(i), "backend", "one", "reason", reasons[i%len(reasons)])
		}
		page.Families()
	})
	theirs := testing.AllocsPerRun(10, func() {
		for i := range samples {
			desc := prometheus.NewDesc("fanout_answers_total", "h", nil, prometheus.Labels{
				"namespace": "shop", "route": "orders", "backend": "one", "reason": reasons[i%len(reasons)],
			})
			prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(i))
		}
	})
	if ours > theirs/100 {
		t.Errorf("%v allocations for %d samples, want a hundredth of the %v of constant metrics", ours, samples, theirs)
	}
}
