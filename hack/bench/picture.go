package main

import (
	"fmt"
	"slices"
	"strings"
)

// axis is what the cost is looked at by.
type axis struct {
	title  string
	labels []string
	lines  []line
}

// line is a contender's CPU of a call in µs, at each label; 0 where it is not measured.
type line struct {
	name   string
	values []float64
}

// axes are backends, bodies and connections.
func (r *results) axes() []axis {
	several := []string{oursEnvelope, peerPlain, peerFasthttp, peerLura}
	byCount, bySize, byConnections := axis{title: "backends"}, axis{title: "body"}, axis{title: "connections"}
	for _, n := range backendCounts {
		byCount.labels = append(byCount.labels, fmt.Sprint(n))
	}
	bySize.labels = bodySizes
	for _, n := range connectionCounts {
		byConnections.labels = append(byConnections.labels, fmt.Sprint(n))
	}
	for _, name := range append(several, peerReverseProxy) {
		l := line{name: name}
		for _, n := range backendCounts {
			l.values = append(l.values, r.cost(groupOf(n, "small"), name, n, "small"))
		}
		byCount.lines = append(byCount.lines, l)
	}
	for _, name := range []string{oursEnvelope, oursMerge, peerPlain, peerFasthttp} {
		l := line{name: name}
		for _, size := range bodySizes {
			l.values = append(l.values, r.cost(groupOf(2, size), name, 2, size))
		}
		bySize.lines = append(bySize.lines, l)
	}
	for _, name := range several {
		l := line{name: name}
		for _, n := range connectionCounts {
			group := groupAt(n)
			if n == usual {
				group = groupOf(2, "small")
			}
			l.values = append(l.values, r.cost(group, name, 2, "small"))
		}
		byConnections.lines = append(byConnections.lines, l)
	}
	return []axis{byCount, bySize, byConnections}
}

// cost is the CPU of a call of a contender, whose name is that of a route where it is ours.
func (r *results) cost(group, name string, n int, size string) float64 {
	g := r.cast.of(group)
	if turns := g.results[of(name, n, size)]; len(turns) > 0 {
		return median(turns, cpuOf)
	}
	if turns := g.results[name]; len(turns) > 0 {
		return median(turns, cpuOf)
	}
	return 0
}

// The picture's measures, in pixels.
const (
	panelWidth, panelHeight = 300, 220
	marginLeft, marginTop   = 48, 30
	gap                     = 60
)

// colors are readable on white and on black.
func colors() map[string]string {
	return map[string]string{
		oursEnvelope: "#d9480f", oursMerge: "#e8890c", peerPlain: "#1c7ed6", peerFasthttp: "#2b8a3e", peerLura: "#9c36b5", peerReverseProxy: "#868e96",
	}
}

// picture is the growth of cost as SVG: a panel an axis, labels at equal distances, from 0.
func (r *results) picture() string {
	b, axes := &strings.Builder{}, r.axes()
	width, height := marginLeft+len(axes)*(panelWidth+gap), marginTop+panelHeight+90
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="#808080">`+"\n", width, height)
	var names []string
	for i := range axes {
		panel(b, &axes[i], marginLeft+i*(panelWidth+gap))
		for _, l := range axes[i].lines {
			if slices.Max(l.values) > 0 && !slices.Contains(names, l.name) {
				names = append(names, l.name)
			}
		}
	}
	for i, name := range names {
		x := marginLeft + i*150
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="12" height="12" fill="%s"/><text x="%d" y="%d">%s</text>`+"\n", x, height-22, colors()[name], x+18, height-12, name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// panel draws one axis.
func panel(b *strings.Builder, a *axis, left int) {
	most := 1.0
	for _, l := range a.lines {
		most = max(most, slices.Max(l.values))
	}
	bottom := marginTop + panelHeight
	at := func(i int, value float64) (x, y float64) {
		return float64(left) + float64(i)*panelWidth/float64(len(a.labels)-1), float64(bottom) - value/most*panelHeight
	}
	fmt.Fprintf(b, `<text x="%d" y="18">CPU µs a call, by %s</text>`+"\n", left, a.title)
	for _, share := range []float64{0, 0.5, 1} {
		_, y := at(0, share*most)
		fmt.Fprintf(b, `<line x1="%d" y1="%.0f" x2="%d" y2="%.0f" stroke="#808080" stroke-opacity="0.4"/><text x="%d" y="%.0f" text-anchor="end">%.0f</text>`+"\n",
			left, y, left+panelWidth, y, left-6, y+4, share*most)
	}
	for i, label := range a.labels {
		x, _ := at(i, 0)
		fmt.Fprintf(b, `<text x="%.0f" y="%d" text-anchor="middle">%s</text>`+"\n", x, bottom+18, label)
	}
	for _, l := range a.lines {
		var points []string
		for i, value := range l.values {
			if value == 0 {
				continue
			}
			x, y := at(i, value)
			points = append(points, fmt.Sprintf("%.1f,%.1f", x, y))
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>%s, %s: %.0f µs</title></circle>`+"\n", x, y, colors()[l.name], l.name, a.labels[i], value)
		}
		if len(points) == 0 {
			continue
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), colors()[l.name])
	}
}
