package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// panel is one figure by the number of routes.
type panel struct {
	title  string
	value  func(*result) (float64, bool)
	target float64
}

const (
	panelWidth, panelHeight = 300, 190
	perRow                  = 3
)

// panels are those of the picture.
func panels() []panel {
	return []panel{
		{"CPU seconds to settle from a cold start", func(r *result) (float64, bool) {
			if r.Start == nil {
				return 0, false
			}
			return r.Start.CPU, true
		}, 40},
		{"CPU of a pass, ms", func(r *result) (float64, bool) { return r.Pass, r.Pass > 0 }, 0},
		{"resident at rest, MiB", func(r *result) (float64, bool) { return r.Resident, r.Resident > 0 }, 200},
		{"polling at rest, share of a core", func(r *result) (float64, bool) {
			if r.Rest == nil {
				return 0, false
			}
			return r.polling(), true
		}, 0.10},
		{"edit to document written, p99, ms", func(r *result) (float64, bool) { return r.Written.P99, r.Written.P99 > 0 }, 200},
		{"edit to status says served, p50, ms", func(r *result) (float64, bool) { return r.Shown.P50, r.Shown.P50 > 0 }, 300},
	}
}

// curves draws figures by the number of routes: now in blue, before in grey, the target dashed.
func curves(now, before []*result) string {
	b := &strings.Builder{}
	list := panels()
	rows := (len(list) + perRow - 1) / perRow
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", perRow*panelWidth, rows*panelHeight+24)
	fmt.Fprintf(b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	for i, p := range list {
		fmt.Fprintf(b, `<g transform="translate(%d,%d)">`+"\n", i%perRow*panelWidth, i/perRow*panelHeight)
		p.draw(b, now, before)
		b.WriteString("</g>\n")
	}
	fmt.Fprintf(b, `<text x="10" y="%d" fill="#555">by the number of routes; blue: now, grey: before, dashed: target</text>`+"\n</svg>\n", rows*panelHeight+14)
	return b.String()
}

func (p *panel) draw(b *strings.Builder, now, before []*result) {
	const left, top, width, height = 44, 28, panelWidth - 64, panelHeight - 60
	most, routes := p.target, 1
	for _, list := range [][]*result{now, before} {
		for _, r := range list {
			if v, ok := p.value(r); ok {
				most, routes = max(most, v), max(routes, r.Routes)
			}
		}
	}
	most = nice(most)
	x := func(n int) float64 { return left + width*float64(n)/float64(routes) }
	y := func(v float64) float64 { return top + height*(1-v/most) }
	fmt.Fprintf(b, `<text x="%d" y="16" font-weight="bold">%s</text>`+"\n", left, html.EscapeString(p.title))
	for i := range 3 {
		v := most * float64(i) / 2
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end" fill="#555">%.4g</text>`+"\n", left, y(v), left+width, left-5, y(v)+4, v)
	}
	if p.target > 0 {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#c22" stroke-dasharray="5 4"/>`+"\n", left, y(p.target), left+width)
	}
	for i, list := range [][]*result{before, now} {
		colour := []string{"#999", "#1566c0"}[i]
		var path strings.Builder
		for _, r := range list {
			v, ok := p.value(r)
			if !ok {
				continue
			}
			fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[path.Len() == 0], x(r.Routes), y(v))
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>%d routes: %.4g</title></circle>`+"\n", x(r.Routes), y(v), colour, r.Routes, v)
			fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#555">%d</text>`+"\n", x(r.Routes), top+height+14, r.Routes)
		}
		fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", path.String(), colour)
	}
}

// nice is a round number that is not below another.
func nice(most float64) float64 {
	if most <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(most)))
	for _, by := range []float64{1, 1.5, 2, 3, 4, 5, 6, 8} {
		if by*unit >= most {
			return by * unit
		}
	}
	return 10 * unit
}
