package proxy_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/klauspost/compress/gzip"

	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// scrape asks for the metrics with some fields, by name and value.
func scrape(t *testing.T, p *proxytest.Proxy, target string, fields ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	p.AdminHandler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("the metrics are %d %s", w.Code, w.Body)
	}
	return w
}

// No two samples have the same name and labels: whoever scrapes refuses the whole page.
func TestSamplesAreUnique(t *testing.T) {
	t.Parallel()
	body := scrape(t, everything(t, 3), "/metrics").Body.String()
	seen := map[string]bool{}
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# TYPE") {
			continue
		}
		series := line[:strings.LastIndex(line, " ")]
		if seen[series] {
			t.Errorf("%s is there twice", series)
		}
		seen[series] = true
	}
	if len(seen) < 300 {
		t.Errorf("there are %d series", len(seen))
	}
}

// What is asked for by its kind is what it is said to be, with native histograms in it.
func TestMetricsInProtobuf(t *testing.T) {
	t.Parallel()
	p := everything(t, 1)
	w := scrape(t, p, "/metrics", "Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
	format := expfmt.ResponseFormat(w.Header())
	if format.FormatType() != expfmt.TypeProtoDelim {
		t.Fatalf("the content type is %q", w.Header().Get("Content-Type"))
	}
	decoder, families := expfmt.NewDecoder(w.Body, format), map[string]*dto.MetricFamily{}
	for {
		f := &dto.MetricFamily{}
		if err := decoder.Decode(f); err == io.EOF { //nolint:errorlint // documented as itself
			break
		} else if err != nil {
			t.Fatal(err)
		}
		families[f.GetName()] = f
	}
	h := families["fanout_answer_duration_seconds"].GetMetric()[0].GetHistogram()
	if h.GetSampleCount() != 1 || h.GetSchema() != 4 || len(h.GetPositiveSpan()) != 1 || len(h.GetBucket()) != 15 || h.GetCreatedTimestamp() != nil {
		t.Errorf("the histogram of a backend that answered once is %v", h)
	}
	if families["go_goroutines"] == nil || families["process_open_fds"] == nil {
		t.Errorf("there are no metrics of the process among the %d", len(families))
	}
}

// The text may be compressed, and of some names alone.
func TestMetricsAsTheyAreAskedFor(t *testing.T) {
	t.Parallel()
	p := everything(t, 1)
	plain := scrape(t, p, "/metrics?name[]=fanout_attempts_total&name[]=fanout_build_info")
	if got := strings.Count(plain.Body.String(), "# TYPE"); got != 2 || plain.Header().Get("Content-Encoding") != "" {
		t.Errorf("of two names there are %d, encoded %q", got, plain.Header().Get("Content-Encoding"))
	}
	w := scrape(t, p, "/metrics", "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8; escaping=underscores" {
		t.Fatalf("the fields are %v", w.Header())
	}
	r, err := gzip.NewReader(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil || !bytes.Contains(text, []byte("\nfanout_attempts_total{")) {
		t.Errorf("decoded it is %.200q, %v", text, err)
	}
}

// A scrape makes few things: client_golang's constant metrics made twenty for each sample.
func TestAScrapeMakesFewThings(t *testing.T) {
	p := observed(t, 5)
	admin := p.AdminHandler()
	r := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
	out := &bytes.Buffer{}
	made := testing.AllocsPerRun(5, func() {
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, r)
		out = w.Body
	})
	samples := bytes.Count(out.Bytes(), []byte("\nfanout_"))
	if samples < 500 || made > 3*float64(samples) {
		t.Errorf("%v allocations for %d samples, want three each at most", made, samples)
	}
}
