// Package exposition makes the page of metrics that somebody scrapes: samples by family,
// in the types and the formats of Prometheus. Nothing is kept from one page to the next,
// and what makes a sample are additions to lists: client_golang's constant metrics make a
// description, two maps and a hash for each, which was most of what a scrape took.
package exposition

import (
	"cmp"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/fanout-operator/fanout/internal/stats"
)

// Page is what one scrape shows. It is not safe for concurrent use.
type Page struct {
	families map[string]*dto.MetricFamily
	pairs    map[pair]*dto.LabelPair
	bounds   []time.Duration // of classic buckets
	last     []int           // the native one that each of them ends with
	cells    []cell          // that are free
}

type pair struct{ name, value string }

// cell is all that a sample takes, in one piece.
type cell struct {
	metric  dto.Metric
	counter dto.Counter
	gauge   dto.Gauge
	value   float64
	labels  [7]*dto.LabelPair
}

// cells is how many are made at once.
const cells = 256

// New returns an empty page. Histograms have classic buckets with these upper bounds, which
// rise, beside the native ones.
func New(bounds []time.Duration) *Page {
	p := &Page{families: map[string]*dto.MetricFamily{}, pairs: map[pair]*dto.LabelPair{}, bounds: bounds}
	for _, bound := range bounds {
		p.last = append(p.last, stats.Nearest(bound))
	}
	return p
}

// Families are those of the page, by name.
func (p *Page) Families() []*dto.MetricFamily {
	list := make([]*dto.MetricFamily, 0, len(p.families))
	for _, f := range p.families {
		list = append(list, f)
	}
	Sort(list)
	return list
}

// Sort sorts families by name.
func Sort(list []*dto.MetricFamily) {
	slices.SortFunc(list, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
}

// Samples are those of a page that have labels in common.
type Samples struct {
	page   *Page
	common []*dto.LabelPair
}

// With returns the samples with these labels, names and values in turn.
func (p *Page) With(labels ...string) *Samples {
	return &Samples{page: p, common: p.labels(nil, labels)}
}

// Counter adds a counter with labels more, names and values in turn.
func (s *Samples) Counter(name, help string, n uint64, labels ...string) {
	c := s.add(name, help, dto.MetricType_COUNTER, labels)
	c.value = float64(n)
	c.counter.Value = &c.value
	c.metric.Counter = &c.counter
}

// Gauge adds a gauge with labels more, names and values in turn.
func (s *Samples) Gauge(name, help string, value float64, labels ...string) {
	c := s.add(name, help, dto.MetricType_GAUGE, labels)
	c.value = value
	c.gauge.Value = &c.value
	c.metric.Gauge = &c.gauge
}

// Histogram adds a histogram with labels more, names and values in turn: a native one, whose
// buckets are those of package stats, with classic buckets beside, for whoever reads no
// others.
func (s *Samples) Histogram(name, help string, h *stats.Histogram, labels ...string) {
	c := s.add(name, help, dto.MetricType_HISTOGRAM, labels)
	c.metric.Histogram = native(h)
	c.metric.Histogram.Bucket = s.page.classic(h)
}

func (s *Samples) add(name, help string, kind dto.MetricType, labels []string) *cell {
	p := s.page
	family := p.families[name]
	if family == nil {
		family = &dto.MetricFamily{Name: new(name), Help: new(help), Type: new(kind)}
		p.families[name] = family
	}
	if len(p.cells) == 0 {
		p.cells = make([]cell, cells)
	}
	c := &p.cells[0]
	p.cells = p.cells[1:]
	c.metric.Label = p.labels(append(c.labels[:0], s.common...), labels)
	family.Metric = append(family.Metric, &c.metric)
	return c
}

// labels adds some to a list that is sorted by name.
func (p *Page) labels(list []*dto.LabelPair, labels []string) []*dto.LabelPair {
	for i := 0; i+1 < len(labels); i += 2 {
		of := pair{labels[i], labels[i+1]}
		label := p.pairs[of]
		if label == nil {
			label = &dto.LabelPair{Name: new(of.name), Value: new(of.value)}
			p.pairs[of] = label
		}
		list = append(list, label)
		for at := len(list) - 1; at > 0 && list[at-1].GetName() > of.name; at-- {
			list[at-1], list[at] = list[at], list[at-1]
		}
	}
	return list
}
