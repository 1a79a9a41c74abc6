package main

import (
	"cmp"
	"context"
	"fmt"
	"html"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// frame is a function in the flame graph, with what is called below it.
type frame struct {
	name  string
	time  time.Duration
	below map[string]*frame
}

func (f *frame) child(name string) *frame {
	if f.below == nil {
		f.below = map[string]*frame{}
	}
	if f.below[name] == nil {
		f.below[name] = &frame{name: name}
	}
	return f.below[name]
}

// flame draws a CPU profile: who calls stands above whom, and as wide as the time that goes by below.
func flame(ctx context.Context, profile, title string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-traces", profile).Output()
	if err != nil {
		return "", fmt.Errorf("read profile %s: %w", profile, err)
	}
	root := stacks(string(out))
	const width, row = 1200, 16
	b := &strings.Builder{}
	depth := root.draw(b, 0, 0, width/float64(max(root.time, 1)), row)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="10">
<rect width="100%%" height="100%%" fill="#fff"/><text x="4" y="14" font-size="12">%s: %v of CPU</text>
<g transform="translate(0,20)">
%s</g></svg>
`, width, (depth+1)*row+24, html.EscapeString(title), root.time, b), nil
}

// stacks reads what pprof tells of each: the time, and functions from the innermost out.
func stacks(text string) *frame {
	root := &frame{name: "all"}
	for part := range strings.SplitSeq(text, "-----------+-------------------------------------------------------\n") {
		var names []string
		var spent time.Duration
		for line := range strings.Lines(part) {
			words := strings.Fields(strings.TrimSuffix(strings.TrimSpace(line), " (inline)"))
			if len(words) == 0 || !strings.HasPrefix(line, "  ") {
				continue
			}
			if d, err := time.ParseDuration(words[0]); err == nil && len(words) > 1 {
				spent, words = d, words[1:]
			}
			names = append(names, strings.Join(words, " "))
		}
		if spent == 0 {
			continue
		}
		root.time += spent
		at := root
		for _, name := range slices.Backward(names) {
			at = at.child(short(name))
			at.time += spent
		}
	}
	return root
}

// short drops the path of a package and the types of a generic function.
func short(name string) string {
	name, _, _ = strings.Cut(name, "[")
	return name[strings.LastIndex(name, "/")+1:]
}

// draw draws a frame and what is below it, and returns how deep that goes. What is narrower than
// half a percent is left out.
func (f *frame) draw(b *strings.Builder, x float64, depth int, scale float64, row int) (deepest int) {
	w := float64(f.time) * scale
	label := ""
	if fits := int(w / 5.5); fits > 3 {
		label = f.name[:min(len(f.name), fits)]
	}
	fmt.Fprintf(b, `<g><title>%s %v</title><rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s" stroke="#fff" stroke-width=".5"/><text x="%.1f" y="%d">%s</text></g>`+"\n",
		html.EscapeString(f.name), f.time, x, depth*row, w, row, colour(f.name), x+2, depth*row+12, html.EscapeString(label))
	deepest = depth
	for _, below := range slices.SortedFunc(maps.Values(f.below), func(a, b *frame) int {
		return cmp.Or(cmp.Compare(b.time, a.time), cmp.Compare(a.name, b.name))
	}) {
		if float64(below.time)*scale < 6 {
			continue
		}
		deepest = max(deepest, below.draw(b, x, depth+1, scale, row))
		x += float64(below.time) * scale
	}
	return deepest
}

// colour tells our packages from client-go's, and both from the Go runtime.
func colour(name string) string {
	of, _, _ := strings.Cut(name, ".")
	switch of {
	case "controllers", "rates", "stats", "rawjson", "wire", "desired", "compile", "report", "pods", "routeconfig", "writes":
		return "#8ec07c"
	case "runtime", "all":
		return "#ddd"
	case "json", "reflect", "proto":
		return "#f2c14e"
	case "net", "http", "http2", "syscall", "poll", "tls", "hpack":
		return "#7fb3e6"
	}
	return "#f0a58f"
}
