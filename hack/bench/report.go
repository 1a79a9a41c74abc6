package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is docs/benchmarks.md.
func report(s *stage, results map[string][]turn, alone []combined, rounds int, span time.Duration) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, `# Benchmarks

Written by `+"`make bench`"+` on %s, commit %s, %s, %d cores (%s).
%s.

Every contender takes turns of %v with wrk as the load, %d rounds in one run, everything on
loopback of one machine; each call is a POST of 25 bytes that goes to the same two backends. CPU
is that of the contender's process alone, user and kernel. Only the ratios mean something: they
are taken within a round, and written as min / median / max of all rounds.

`, time.Now().UTC().Format(time.DateOnly), shell("git", "rev-parse", "--short", "HEAD"), runtime.Version(),
		runtime.NumCPU(), processor(), versions(), span, rounds)
	for _, connections := range []int{1, 64} {
		table(b, s, results, connections)
	}
	targets(b, results)
	b.WriteString(beside)
	combining(b, alone)
	return b.String()
}

func table(b *strings.Builder, s *stage, results map[string][]turn, connections int) {
	fmt.Fprintf(b, "## %d connections\n\n", connections)
	fmt.Fprintln(b, "| contender | CPU µs a call | calls a second | p50 | p99 | CPU ÷ net/http |")
	fmt.Fprintln(b, "|---|---|---|---|---|---|")
	for _, c := range s.contenders {
		turns := results[c.key(connections)]
		fmt.Fprintf(b, "| %s | %.0f | %.0f | %v | %v | %s |\n", c.name,
			median(turns, func(t turn) float64 { return t.cpu }), median(turns, func(t turn) float64 { return t.rate }),
			time.Duration(median(turns, func(t turn) float64 { return float64(t.p50) })), time.Duration(median(turns, func(t turn) float64 { return float64(t.p99) })),
			besides(c, turns, results[fmt.Sprintf("net/http/%d", connections)]))
	}
	fmt.Fprintln(b, "\nnginx answers from its first backend alone and throws the other answer away; the others wait for both.")
	fmt.Fprintln(b)
}

// besides compares with net/http those that get the same bodies.
func besides(c *contender, turns, plain []turn) string {
	if strings.HasSuffix(c.name, "k") {
		return "larger bodies"
	}
	return ratio(turns, plain)
}

func targets(b *strings.Builder, results map[string][]turn) {
	fmt.Fprint(b, "## Targets\n\n| CPU a call, 64 connections | target | min / median / max | |\n|---|---|---|---|\n")
	for _, row := range []struct {
		name, of, to string
		target       float64
	}{
		{"Fanout Envelope ÷ net/http", "Fanout Envelope/64", "net/http/64", 1.4},
		{"Fanout Envelope ÷ Node Promise.all", "Fanout Envelope/64", "Node Promise.all/64", 0.3},
		{"Merge ÷ Envelope, 1 KiB", "Fanout Merge 1k/64", "Fanout Envelope 1k/64", 1.3},
		{"Merge ÷ Envelope, 64 KiB", "Fanout Merge 64k/64", "Fanout Envelope 64k/64", 1.3},
	} {
		verdict := "met"
		if middle(ratios(results[row.of], results[row.to])) > row.target {
			verdict = "**missed**"
		}
		fmt.Fprintf(b, "| %s | ≤ %.1f | %s | %s |\n", row.name, row.target, ratio(results[row.of], results[row.to]), verdict)
	}
	fmt.Fprintln(b)
}

// beside says how two commits are compared.
const beside = `## Beside another commit

` + "`make bench BASE=<commit>`" + ` measures the proxy of the working tree beside that of a commit, and exits 1 where
the tree is worse; ` + "`ROUNDS=`" + ` (9, and no fewer) and ` + "`SPAN=`" + ` (1s) make it longer. Both builds, and the
base a second time, run at once and are loaded in turns, 100 ms each, by one client on loopback: a route of
Envelope, Merge and First with two backends and of Envelope with eight, small bodies, 64 connections
and 1. Each round has new processes. A ratio is the tree's figure to the geometric mean of the base's two in
the same round, and the medians of all rounds are judged: CPU of the process a call, calls a second, p50,
p99, and the most memory resident. The spread is how far from 1 four of five ratios of the base
to itself lie. Worse is what is worse by more than 3 % and by more than that spread. The table goes to
dist/bench.md. About six minutes, and a quiet machine, or the spread hides what is there.

`

func combining(b *strings.Builder, alone []combined) {
	fmt.Fprint(b, `## Combining alone

`+"`go test -bench Response ./internal/combine`"+`: the check of two bodies of 30 keys, half of them shared, and the
making of one, without any network. Merging has to find and compare the shared keys, which is a
few µs a call; where the bodies are made of thousands of small members in shared objects it costs
twice what splicing them costs.

| bodies | Envelope | Merge | Merge ÷ Envelope (medians of 5) |
|---|---|---|---|
`)
	for _, c := range alone {
		e, m := middle(c.envelope), middle(c.merge)
		fmt.Fprintf(b, "| %s | %.1f µs | %.1f µs | %.2f |\n", strings.ReplaceAll(c.name, "/", ", "), e/1000, m/1000, m/e)
	}
}

func ratios(of, to []turn) []float64 {
	var list []float64
	for i := range min(len(of), len(to)) {
		list = append(list, of[i].cpu/to[i].cpu)
	}
	return list
}

func ratio(of, to []turn) string {
	list := ratios(of, to)
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

func shell(name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func versions() string {
	wrk, _, _ := strings.Cut(strings.TrimPrefix(shell("sh", "-c", "wrk -v 2>&1 | head -1"), "wrk "), " ")
	return fmt.Sprintf("nginx %s, Node %s, wrk %s", strings.TrimPrefix(shell("nginx", "-v"), "nginx version: nginx/"), shell("node", "--version"), wrk)
}

func processor() string {
	raw, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
