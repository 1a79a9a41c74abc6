package exposition

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// Encode appends families in a format.
func Encode(to []byte, families []*dto.MetricFamily, format expfmt.Format) ([]byte, error) {
	if format.FormatType() == expfmt.TypeTextPlain {
		return text(to, families)
	}
	out := bytes.NewBuffer(to)
	encoder := expfmt.NewEncoder(out, format)
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			return nil, fmt.Errorf("encode metric %s: %w", f.GetName(), err)
		}
	}
	if closer, ok := encoder.(expfmt.Closer); ok {
		if err := closer.Close(); err != nil {
			return nil, fmt.Errorf("encode metrics: %w", err)
		}
	}
	return out.Bytes(), nil
}

// text is the text format 0.0.4, to the byte what package expfmt writes, which goes through an
// interface for each part of a line and took longer than all else. What is neither counter nor
// gauge nor histogram is left to it.
func text(to []byte, families []*dto.MetricFamily) ([]byte, error) {
	p := page{out: to}
	for _, f := range families {
		p.name = f.GetName()
		switch f.GetType() {
		case dto.MetricType_COUNTER:
			p.head(f, "counter")
			for _, m := range f.Metric {
				p.sample("", m.Label, m.Counter.GetValue())
			}
		case dto.MetricType_GAUGE:
			p.head(f, "gauge")
			for _, m := range f.Metric {
				p.sample("", m.Label, m.Gauge.GetValue())
			}
		case dto.MetricType_HISTOGRAM:
			p.head(f, "histogram")
			for _, m := range f.Metric {
				p.histogram(m)
			}
		default:
			out := bytes.NewBuffer(p.out)
			if _, err := expfmt.MetricFamilyToText(out, f); err != nil {
				return nil, fmt.Errorf("encode metric %s: %w", p.name, err)
			}
			p.out = out.Bytes()
		}
	}
	return p.out, nil
}

// page is text that grows.
type page struct {
	out  []byte
	name string // of the family
}

func (p *page) head(f *dto.MetricFamily, kind string) {
	if f.Help != nil {
		p.add("# HELP ", p.name, " ", helps().Replace(f.GetHelp()), "\n")
	}
	p.add("# TYPE ", p.name, " ", kind, "\n")
}

func helps() *strings.Replacer { return strings.NewReplacer(`\`, `\\`, "\n", `\n`) }

func (p *page) add(parts ...string) {
	for _, part := range parts {
		p.out = append(p.out, part...)
	}
}

func (p *page) histogram(m *dto.Metric) {
	h := m.Histogram
	finite := true
	for _, b := range h.Bucket {
		p.bucket(m.Label, b.GetUpperBound(), b.GetCumulativeCount())
		finite = finite && !math.IsInf(b.GetUpperBound(), 1)
	}
	if finite {
		p.bucket(m.Label, math.Inf(1), h.GetSampleCount())
	}
	p.sample("_sum", m.Label, h.GetSampleSum())
	p.sample("_count", m.Label, float64(h.GetSampleCount()))
}

func (p *page) bucket(labels []*dto.LabelPair, bound float64, n uint64) {
	p.add(p.name, "_bucket{")
	p.labels(labels)
	if len(labels) > 0 {
		p.add(",")
	}
	p.add(`le="`)
	p.float(bound)
	p.add(`"} `)
	p.float(float64(n))
	p.add("\n")
}

func (p *page) sample(suffix string, labels []*dto.LabelPair, value float64) {
	p.add(p.name, suffix)
	if len(labels) > 0 {
		p.add("{")
		p.labels(labels)
		p.add("}")
	}
	p.add(" ")
	p.float(value)
	p.add("\n")
}

func (p *page) labels(labels []*dto.LabelPair) {
	for i, l := range labels {
		if i > 0 {
			p.out = append(p.out, ',')
		}
		p.out = append(append(p.out, l.GetName()...), '=', '"')
		p.value(l.GetValue())
		p.out = append(p.out, '"')
	}
}

// value writes that of a label.
func (p *page) value(of string) {
	for i := range len(of) {
		switch c := of[i]; c {
		case '\\', '"':
			p.out = append(p.out, '\\', c)
		case '\n':
			p.out = append(p.out, '\\', 'n')
		default:
			p.out = append(p.out, c)
		}
	}
}

// float writes a number; those that are integers are most, and quicker to write as such.
func (p *page) float(f float64) {
	const exponent = 1_000_000 // from here on the form has one
	if n := int64(f); float64(n) == f && n > -exponent && n < exponent {
		p.out = strconv.AppendInt(p.out, n, 10)
		return
	}
	p.out = strconv.AppendFloat(p.out, f, 'g', -1, 64)
}
