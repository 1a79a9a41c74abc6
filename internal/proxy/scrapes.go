package proxy

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/fanout-operator/fanout/internal/exposition"
)

// scrapes answers who reads metrics: ours, and those of the process and of Go.
type scrapes struct {
	proxy   *Proxy
	process *prometheus.Registry
	// room is how long a page may be, by those before: one that grows is copied ten times.
	room atomic.Int64
}

func newScrapes(p *Proxy) *scrapes {
	s := &scrapes{proxy: p, process: prometheus.NewRegistry()}
	s.process.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s
}

// ServeHTTP implements http.Handler.
func (s *scrapes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultAcceptedFormats()...)
	page, err := s.page(format, r.URL.Query()["name[]"])
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", string(format))
	h["Vary"] = []string{"Accept", "Accept-Encoding"}
	if coding := preferred(r.Header["Accept-Encoding"]); coding != "" {
		if encoded, shorter := s.proxy.compressors.encode(coding, page); shorter {
			h.Set("Content-Encoding", coding)
			page = encoded
		}
	}
	_, _ = w.Write(page) //nolint:gosec // metrics, which no browser takes for a page
}

// page is what is shown: all metrics, or those of some names.
func (s *scrapes) page(format expfmt.Format, names []string) ([]byte, error) {
	families, err := s.process.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather metrics of the process: %w", err)
	}
	families = append(families, s.proxy.expose(time.Now()).Families()...)
	exposition.Sort(families)
	if len(names) > 0 {
		families = slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return !slices.Contains(names, f.GetName()) })
	}
	page, err := exposition.Encode(make([]byte, 0, s.room.Load()), families, format)
	if err != nil {
		return nil, err
	}
	s.room.Store(int64(len(page) + len(page)/8))
	return page, nil
}
