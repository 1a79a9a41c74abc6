package main

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"
)

// tolerated is how much worse a figure may be, whatever the spread.
const tolerated = 0.03

// figure is one thing that is measured in each turn.
type figure struct {
	name   string
	of     func(*turn) float64
	higher bool // is better
}

var figures = []figure{
	{"CPU a call", func(t *turn) float64 { return t.cpu }, false},
	{"calls a second", func(t *turn) float64 { return t.rate }, true},
	{"p50", func(t *turn) float64 { return float64(t.p50) }, false},
	{"p99", func(t *turn) float64 { return float64(t.p99) }, false},
	{"peak memory", func(t *turn) float64 { return float64(t.peak) }, false},
}

// row is the verdict on one figure of one scenario at one load.
type row struct {
	scenario    string
	connections int
	figure      string
	base        float64 // median, in the unit of the figure
	ratio       float64 // tree ÷ base, the median of the rounds
	spread      float64 // of base ÷ base
	worse       bool
}

func (c *comparison) rows() []row {
	var rows []row
	for _, connections := range loads {
		for _, s := range scenarios {
			for _, f := range figures {
				r := judge(&f, c.results[s.key(connections)])
				r.scenario, r.connections = s.name, connections
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// judge compares within each round: the tree with the geometric mean of the base's two
// processes, and these two with each other.
func judge(f *figure, rounds [][sides]turn) row {
	r := row{figure: f.name}
	var ratios, same, values []float64
	for i := range rounds {
		first, second := f.of(&rounds[i][base]), f.of(&rounds[i][again])
		values = append(values, first, second)
		ratios = append(ratios, f.of(&rounds[i][tree])/math.Sqrt(first*second))
		same = append(same, second/first)
	}
	r.base, r.ratio, r.spread = middle(values), middle(ratios), spread(same)
	loss := r.ratio - 1
	if f.higher {
		loss = 1/r.ratio - 1
	}
	r.worse = loss > tolerated && loss > r.spread
	return r
}

// spread is how far from 1 the ratios of equals lie, four of five of them: the outermost
// is an accident of the machine.
func spread(ratios []float64) float64 {
	var far []float64
	for _, r := range ratios {
		far = append(far, math.Exp(math.Abs(math.Log(r)))-1)
	}
	slices.Sort(far)
	return far[(len(far)*4+4)/5-1]
}

// worse is the error of a comparison that some figures fail.
func worse(rows []row) error {
	var errs []error
	for _, r := range rows {
		if r.worse {
			errs = append(errs, fmt.Errorf("%s, %d connections: %s is %.3f of the base's, beyond 3 %% and the spread of %.1f %%",
				r.scenario, r.connections, r.figure, r.ratio, r.spread*100))
		}
	}
	return errors.Join(errs...)
}

func (c *comparison) report(rows []row) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, `# The working tree beside %.12s

On %s, %s, %d cores (%s). %d rounds, turns of %v. Ratios are those of the
tree to the base, medians of the rounds; beside them the spread of base to base, the base's own
figure, and whether the ratio is worse by more than 3 %% and more than the spread.

| connections | scenario | figure | base | ratio | A/A spread | |
|---|---|---|---|---|---|---|
`, c.commit, time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU(), processor(), c.rounds, c.span)
	for _, r := range rows {
		verdict := ""
		if r.worse {
			verdict = "**worse**"
		}
		fmt.Fprintf(b, "| %d | %s | %s | %s | %.3f | ±%.1f %% | %s |\n",
			r.connections, r.scenario, r.figure, r.shown(), r.ratio, r.spread*100, verdict)
	}
	return b.String()
}

// shown is the base's figure with its unit.
func (r *row) shown() string {
	switch r.figure {
	case "CPU a call":
		return fmt.Sprintf("%.0f µs", r.base)
	case "calls a second":
		return fmt.Sprintf("%.0f", r.base)
	case "peak memory":
		return fmt.Sprintf("%.1f MiB", r.base/(1<<20))
	}
	return time.Duration(r.base).Round(time.Microsecond).String()
}
