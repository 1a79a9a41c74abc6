package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// pictures are where the pages of docs have theirs.
const pictures = "docs/operations/pictures"

// write writes the page and its pictures. before are the results that stand beside, of a commit before.
func write(ctx context.Context, out string, now, before []*result) error {
	files := map[string]string{out: page(now, before), filepath.Join(pictures, "scale.svg"): curves(now, before)}
	largest := now[len(now)-1].Routes
	for name, title := range map[string]string{"start": "15 s of a cold start", "rest": "20 s at rest"} {
		profile := filepath.Join("dist", "scale", fmt.Sprintf("%d-%s.pprof", largest, name))
		drawn, err := flame(ctx, profile, fmt.Sprintf("%d routes, %s", largest, title))
		if err != nil {
			return err
		}
		files[filepath.Join(pictures, "scale-"+name+".svg")] = drawn
	}
	for file, content := range files {
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o644)); err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
	}
	return nil
}

func page(now, before []*result) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, `# Performance of the operator

Written by `+"`make scale`"+` on %s, %s, %d cores (%s). %s

![figures by the number of routes](operations/pictures/scale.svg)

`, time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU(), processor(), beside)
	b.WriteString(method)
	table(b, now, before)
	targets(b, now)
	memory(b, now)
	b.WriteString(notes)
	return b.String()
}

// row is a line of the table.
type row struct {
	name string
	cell func(*result) string
}

func rows() []row {
	used := func(of func(*result) *usage, format string, value func(*usage, *result) float64) func(*result) string {
		return func(r *result) string {
			if of(r) == nil {
				return "–"
			}
			return fmt.Sprintf(format, value(of(r), r))
		}
	}
	start, rest := func(r *result) *usage { return r.Start }, func(r *result) *usage { return r.Rest }
	edits, restart := func(r *result) *usage { return r.Edits }, func(r *result) *usage { return r.Restart }
	plain := func(format string, value func(*result) float64) func(*result) string {
		return func(r *result) string {
			if v := value(r); v != 0 {
				return fmt.Sprintf(format, v)
			}
			return "–"
		}
	}
	return []row{
		{"start: CPU seconds", used(start, "%.1f", func(u *usage, _ *result) float64 { return u.CPU })},
		{"start: CPU a route, ms", used(start, "%.1f", func(u *usage, r *result) float64 { return u.CPU / float64(r.Routes) * 1000 })},
		{"start: all ready after, s", plain("%.0f", func(r *result) float64 { return r.ReadySeconds })},
		{"start: requests a route", used(start, "%.1f", func(u *usage, r *result) float64 { return float64(u.Requests.all()) / float64(r.Routes) })},
		{"a pass with nothing to do, CPU ms", plain("%.2f", func(r *result) float64 { return r.Pass })},
		{"rest: share of a core", used(rest, "%.3f", func(u *usage, _ *result) float64 { return u.share() })},
		{"rest: the same, were each proxy asked every 5 s", used(rest, "%.3f", func(_ *usage, r *result) float64 { return r.polling() })},
		{"rest: polls a second", used(rest, "%.0f", func(u *usage, _ *result) float64 { return float64(u.Polls) / u.Wall })},
		{"rest: writes within a minute", used(rest, "%.0f", func(u *usage, _ *result) float64 { return float64(u.Requests.total() + u.Requests.events()) })},
		{"rest: resident, MiB", plain("%.0f", func(r *result) float64 { return r.Resident })},
		{"most resident before, MiB", plain("%.0f", func(r *result) float64 { return r.Peak })},
		{"an edit: writes, events among them", used(edits, "%.1f", func(u *usage, r *result) float64 {
			return float64(u.Requests.total()+u.Requests.events()) / float64(r.Edited)
		})},
		{"an edit: document written, p50 / p99, ms", func(r *result) string { return r.Written.String() }},
		{"an edit: status says served, p50 / p99, ms", func(r *result) string { return r.Shown.String() }},
		{"restart: CPU seconds", used(restart, "%.1f", func(u *usage, _ *result) float64 { return u.CPU })},
		{"restart: writes", used(restart, "%.0f", func(u *usage, _ *result) float64 { return float64(u.Requests.total() + u.Requests.events()) })},
		{"restart: resident, MiB", plain("%.0f", func(r *result) float64 { return r.RestartResident })},
	}
}

// all is the number of requests.
func (r *requests) all() (n int) {
	n = r.total() + r.events()
	for _, count := range r.Reads {
		n += count
	}
	return n
}

// String shows both, in ms.
func (q quantiles) String() string {
	if q == (quantiles{}) {
		return "–"
	}
	return fmt.Sprintf("%.0f / %.0f", q.P50, q.P99)
}

func table(b *strings.Builder, now, before []*result) {
	b.WriteString("| routes |")
	for _, list := range [][]*result{before, now} {
		for _, r := range list {
			fmt.Fprintf(b, " %s%d |", map[bool]string{true: "before: ", false: ""}[len(before) > 0 && list[0] == before[0]], r.Routes)
		}
	}
	fmt.Fprintf(b, "\n|---|%s\n", strings.Repeat("---|", len(now)+len(before)))
	for _, row := range rows() {
		fmt.Fprintf(b, "| %s |", row.name)
		for _, list := range [][]*result{before, now} {
			for _, r := range list {
				fmt.Fprintf(b, " %s |", row.cell(r))
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

// targets says which of them are met by the trial with most routes.
func targets(b *strings.Builder, now []*result) {
	first, last := now[0], now[len(now)-1]
	fmt.Fprintf(b, "## Targets, at %d routes\n\n| | target | measured | |\n|---|---|---|---|\n", last.Routes)
	line := func(name string, target, got float64, format string, known bool) {
		verdict := "met"
		switch {
		case !known:
			verdict = "not measured"
		case got > target:
			verdict = "**missed**"
		}
		fmt.Fprintf(b, "| %s | ≤ %v | "+format+" | %s |\n", name, target, got, verdict)
	}
	if last.Start != nil {
		line("CPU seconds of a cold start", 40, last.Start.CPU, "%.1f", true)
	}
	line(fmt.Sprintf("CPU of a pass ÷ that at %d routes", first.Routes), 1.2, last.Pass/max(first.Pass, 1e-9), "%.2f", first != last && last.Pass > 0 && first.Pass > 0)
	line("resident at rest, MiB", 200, last.Resident, "%.0f", last.Resident > 0)
	if last.Rest != nil {
		line("share of a core for polling", 0.10, last.polling(), "%.3f", true)
		line("writes at rest", 0, float64(last.Rest.Requests.total()+last.Rest.Requests.events()), "%.0f", true)
	}
	if last.Edits != nil {
		line("writes an edit", 4, float64(last.Edits.Requests.total()+last.Edits.Requests.events())/float64(last.Edited), "%.2f", true)
	}
	if last.Restart != nil {
		line("writes at a restart", 0, float64(last.Restart.Requests.total()+last.Restart.Requests.events()), "%.0f", true)
	}
	line("document written, p99, ms", 200, last.Written.P99, "%.0f", last.Written.P99 > 0)
	line("status says served, p50, ms", 300, last.Shown.P50, "%.0f", last.Shown.P50 > 0)
	b.WriteString("\n")
}

// memory fits what is resident to the number of routes.
func memory(b *strings.Builder, now []*result) {
	var n, x, y, xx, xy float64
	for _, r := range now {
		if r.Live > 0 {
			v := float64(r.Routes)
			n, x, y, xx, xy = n+1, x+v, y+r.Live, xx+v*v, xy+v*r.Live
		}
	}
	if n < 2 {
		return
	}
	each := (n*xy - x*y) / (n*xx - x*x)
	none := (y - each*x) / n
	fmt.Fprintf(b, "## Memory\n\nLive heap at rest = %.0f MiB + %.1f KiB × routes of two Pods and two backends, by least squares; resident is what the Go runtime makes of it.\n\n", none, each*1024)
	b.WriteString("| routes | live heap, MiB | by the formula | resident, MiB |\n|---|---|---|---|\n")
	for _, r := range now {
		if r.Live > 0 {
			fmt.Fprintf(b, "| %d | %.0f | %.0f | %.0f |\n", r.Routes, r.Live, none+each*float64(r.Routes), r.Resident)
		}
	}
	b.WriteString("\n")
}

func processor() string {
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if list, err := fs.CPUInfo(); err == nil && len(list) > 0 && list[0].ModelName != "" {
			return list[0].ModelName
		}
	}
	return runtime.GOARCH
}
