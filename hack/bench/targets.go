package main

import (
	"fmt"
	"strings"
)

// target is what a figure is to be.
type target struct {
	name   string
	bound  float64
	least  bool // the figure is to be at least that, else at most
	unit   string
	values []float64 // of the rounds; none where it is not measured
	lacks  string    // who is missing, where somebody is
}

func (t *target) verdict() string {
	if len(t.values) == 0 {
		return "not measured: " + t.lacks + " is missing"
	}
	if value := middle(t.values); t.least && value >= t.bound || !t.least && value <= t.bound {
		return "met"
	}
	return "**not met**"
}

// targets are those of the product, with what came of them.
func (r *results) targets(b *strings.Builder) {
	fmt.Fprint(b, "## Targets\n\n| figure | target | min / median / max | |\n|---|---|---|---|\n")
	for _, t := range append(append(r.costs(), r.ofBodies()...), append(r.ofTime(), r.ofMemory()...)...) {
		sign := "≤"
		if t.least {
			sign = "≥"
		}
		fmt.Fprintf(b, "| %s | %s %.4g%s | %s | %s |\n", t.name, sign, t.bound, t.unit, shown(t.values), t.verdict())
	}
	fmt.Fprintln(b)
}

// costs are those beside peers.
func (r *results) costs() (list []target) {
	two, one := r.cast.of(groupOf(2, "small")), r.cast.of(groupAt(1))
	ours := of(oursEnvelope, 2, "small")
	for _, row := range []struct {
		peer  string
		group *group
		bound float64
	}{{peerNginx, two, 1}, {peerPlain, two, 0.67}, {peerLura, two, 0.45}, {peerNode, two, 0.10}, {peerPlain, one, 0.85}} {
		list = append(list, target{
			name: fmt.Sprintf("CPU a call ÷ %s, at %s", row.peer, groupAt(row.group.connections)), bound: row.bound,
			values: ratios(row.group.results[ours], row.group.results[row.peer], cpuOf), lacks: row.peer,
		})
	}
	list = append(list, target{
		name: "calls a second ÷ net/http, at 64 connections", bound: 1.3, least: true, values: ratios(two.results[ours], two.results[peerPlain], rateOf),
	})
	for i, g := range r.cast.of(healthy).sides[1:] {
		of := r.cast.of(healthy)
		list = append(list, target{
			name: "goodput ÷ healthy, " + g.name + ", quorum of 2", bound: 0.95, least: true, values: ratios(of.results[of.sides[i+1].name], of.results[healthy], rateOf),
		})
	}
	return list
}

// ofBodies are those of larger bodies and other transports.
func (r *results) ofBodies() (list []target) {
	for _, size := range bodySizes[1:] {
		g := r.cast.of(groupOf(2, size))
		list = append(list, target{
			name: "CPU a call of Merge ÷ Envelope, " + size, bound: 1.15, values: ratios(g.results[of(oursMerge, 2, size)], g.results[of(oursEnvelope, 2, size)], cpuOf),
		})
	}
	for _, row := range []struct {
		name  string
		bound float64
	}{{of(oursEnvelope, 2, "64k"), 0.7}, {overTLS1, 0.9}, {overTLS2, 0.9}, {fromH2, 0.9}} {
		g := r.cast.having(row.name)
		list = append(list, target{
			name: fmt.Sprintf("CPU a call ÷ commit %s, %s", today, row.name), bound: row.bound, values: ratios(g.results[row.name], g.results[row.name+todays], cpuOf),
		})
	}
	return list
}

// plainExchange is what an exchange took net/http on the machine by which costs are written, in µs.
const plainExchange = 45

// ofTime are added latency and the cost of one backend more.
func (r *results) ofTime() []target {
	var counts, differences, plain, ours []float64
	added := target{name: "added p99, 2 backends", bound: 1, unit: " ms"}
	for _, a := range r.latency {
		if a.backends == 2 {
			added.values = a.by()
		}
		counts, differences = append(counts, float64(a.backends)), append(differences, middle(a.by()))
		g := r.cast.of(groupOf(a.backends, "small"))
		plain = append(plain, median(g.results[peerPlain], cpuOf))
		ours = append(ours, median(g.results[of(oursEnvelope, a.backends, "small")], cpuOf))
	}
	exchange := slope(counts, plain)
	return []target{
		added,
		{name: "added p99 a backend more", bound: 0.15, unit: " ms", values: []float64{slope(counts, differences)}},
		{name: fmt.Sprintf("CPU a backend more, of which net/http takes %.0f µs here", exchange), bound: 20 * exchange / plainExchange, unit: " µs", values: []float64{slope(counts, ours)}},
	}
}

// slope is that of the line through some points, by least squares.
func slope(x, y []float64) float64 {
	var sx, sy, sxx, sxy float64
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	n := float64(len(x))
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

// ofMemory are what processes and calls take.
func (r *results) ofMemory() []target {
	ours := of(oursEnvelope, 2, "small")
	return []target{
		{name: "resident of an idle proxy", bound: 25, unit: " MiB", values: []float64{float64(r.memory.idle) / (1 << 20)}},
		{name: "a call in flight beyond its connections, 2 backends", bound: 24, unit: " KiB", values: []float64{r.memory.flight / (1 << 10)}},
		{name: "things made a call, 2 backends, in the whole process", bound: 12 + 8*2, values: []float64{r.memory.made[ours]}},
	}
}
