package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// byHand is what stands before the sections that people have written, which stay.
const byHand = "<!-- What follows is written by hand. -->"

// write writes the page and its picture.
func (r *results) write(out string) error {
	before, err := os.ReadFile(out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, notes, _ := strings.Cut(string(before), byHand)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	picture := strings.TrimSuffix(out, filepath.Ext(out)) + ".svg"
	if err := os.WriteFile(picture, []byte(r.picture()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(out, []byte(r.page(filepath.Base(picture))+byHand+cmp.Or(notes, "\n")), 0o644)
}

// page is docs/benchmarks.md.
func (r *results) page(picture string) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, `# Benchmarks

Written by `+"`make bench`"+` on %s, commit %s, %s, %d cores (%s).
%s.

Every contender takes turns of %v, in slices of 100 ms, %d rounds in one run, everything on
loopback of one machine; each call is a POST of 25 bytes over 64 connections that goes to all backends. CPU
is that of the contender's process alone, user and kernel. Only the ratios mean something: they
are taken within a round, and written as min / median / max of all rounds. Ours knows its callers by API key, limits their
rate, counts, sets a field for each backend and logs one of 100 calls; the others do none of it.

`, time.Now().UTC().Format(time.DateOnly), shell("git", "rev-parse", "--short", "HEAD"), runtime.Version(),
		runtime.NumCPU(), processor(), versions(), r.span, r.rounds)
	r.missing(b)
	r.targets(b)
	r.table(b, "Two backends, 64 connections", r.cast.of(groupOf(2, "small")))
	r.table(b, "Two backends, one connection", r.cast.of(groupAt(1)))
	r.growth(b, picture)
	r.transports(b)
	r.added(b)
	b.WriteString(beside)
	combining(b, r.combined)
	b.WriteString(r.callers + "\n")
	return b.String()
}

// missing names who is not measured, and why.
func (r *results) missing(b *strings.Builder) {
	for _, name := range slices.Sorted(maps.Keys(r.cast.peers.missing)) {
		fmt.Fprintf(b, "**%s is not measured**: %s.\n\n", name, r.cast.peers.missing[name])
	}
}

func (r *results) table(b *strings.Builder, title string, g *group) {
	fmt.Fprintf(b, "## %s\n\n", title)
	fmt.Fprintln(b, "| contender | CPU µs a call | calls a second | p50 | p99 | resident at most | made a call | CPU ÷ net/http |")
	fmt.Fprintln(b, "|---|---|---|---|---|---|---|---|")
	for _, side := range g.sides {
		turns := g.results[side.name]
		made := "–"
		if n, ok := r.memory.made[side.name]; ok {
			made = fmt.Sprintf("%.0f", n)
		}
		fmt.Fprintf(b, "| %s | %.0f | %.0f | %v | %v | %.0f MiB | %s | %s |\n", side.name,
			median(turns, cpuOf), median(turns, rateOf),
			time.Duration(median(turns, func(t turn) float64 { return float64(t.p50) })).Round(time.Microsecond),
			time.Duration(median(turns, func(t turn) float64 { return float64(t.p99) })).Round(time.Microsecond),
			median(turns, func(t turn) float64 { return float64(t.peak) })/(1<<20), made, shown(ratios(turns, g.results[peerPlain], cpuOf)))
	}
	fmt.Fprintln(b, "\nnginx answers from its first backend alone and throws the other answer away; the others wait for both. All routes of ours are in one process.")
	fmt.Fprintln(b)
}

// growth is how the cost grows.
func (r *results) growth(b *strings.Builder, picture string) {
	fmt.Fprintf(b, "## How the cost grows\n\n![CPU of a call by backends, bodies and connections](%s)\n\n", picture)
	for _, axis := range r.axes() {
		fmt.Fprintf(b, "| CPU µs a call by %s |", axis.title)
		for _, label := range axis.labels {
			fmt.Fprintf(b, " %s |", label)
		}
		fmt.Fprintf(b, "\n|---|%s\n", strings.Repeat("---|", len(axis.labels)))
		for _, line := range axis.lines {
			fmt.Fprintf(b, "| %s |", line.name)
			for _, value := range line.values {
				if value == 0 {
					fmt.Fprint(b, " – |")
					continue
				}
				fmt.Fprintf(b, " %.0f |", value)
			}
			fmt.Fprintln(b)
		}
		fmt.Fprintln(b)
	}
}

// transports are those of which the product's last build is the measure.
func (r *results) transports(b *strings.Builder) {
	fmt.Fprintf(b, "## Transports and large bodies, beside commit %s\n\n| two backends, 64 connections | CPU µs a call | that commit's | ratio |\n|---|---|---|---|\n", today)
	for _, name := range []string{overTLS1, overTLS2, fromH2, of(oursEnvelope, 2, "1k"), of(oursEnvelope, 2, "64k")} {
		g := r.cast.having(name)
		fmt.Fprintf(b, "| %s | %.0f | %.0f | %s |\n", name, median(g.results[name], cpuOf), median(g.results[name+todays], cpuOf),
			shown(ratios(g.results[name], g.results[name+todays], cpuOf)))
	}
	fmt.Fprintln(b)
}

// having is the group in which a contender stands beside today's build.
func (c *cast) having(name string) *group {
	for _, g := range c.groups {
		if len(g.results[name+todays]) > 0 {
			return g
		}
	}
	return &group{}
}

// added is what we add to the slowest backend.
func (r *results) added(b *strings.Builder) {
	fmt.Fprintf(b, `## Added latency

p99 through us less p99 of the slowest backend asked directly, at a constant rate (vegeta): the lower of 1,000 a second and
30 %% of what this machine sustains at so many backends.

| backends | calls a second | p99 through us | p99 of the slowest backend | added, min / median / max |
|---|---|---|---|---|
`)
	for _, a := range r.latency {
		fmt.Fprintf(b, "| %d | %d | %v | %v | %s ms |\n", a.backends, a.rate, middleOf(a.through), middleOf(a.directly), shown(a.by()))
	}
	fmt.Fprintln(b)
}

func middleOf(list []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2].Round(time.Microsecond)
}

func cpuOf(t turn) float64  { return t.cpu }
func rateOf(t turn) float64 { return t.rate }

// ratios are those within each round.
func ratios(of, to []turn, value func(turn) float64) []float64 {
	var list []float64
	for i := range min(len(of), len(to)) {
		list = append(list, value(of[i])/value(to[i]))
	}
	return list
}

func shown(list []float64) string {
	if len(list) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f / %.2f / %.2f", slices.Min(list), middle(list), slices.Max(list))
}

func median(turns []turn, value func(turn) float64) float64 {
	var list []float64
	for _, t := range turns {
		list = append(list, value(t))
	}
	return middle(list)
}

func middle(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}
