package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// combined is what combining alone costs, without a network: nanoseconds by kind.
type combined struct {
	name            string
	envelope, merge []float64
}

var benchLine = regexp.MustCompile(`(?m)^BenchmarkResponse/(\S+)/(Envelope|Merge)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op`)

// combine runs the benchmark of package combine.
func combine(ctx context.Context) ([]combined, error) {
	fmt.Println("== combining alone")
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "Response", "-benchtime", "0.2s", "-count", "5", "./internal/combine")
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("benchmark combine: %w\n%s", err, out)
	}
	var list []combined
	for _, m := range benchLine.FindAllStringSubmatch(string(out), -1) {
		ns, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, err
		}
		at := -1
		for i := range list {
			if list[i].name == m[1] {
				at = i
			}
		}
		if at < 0 {
			at, list = len(list), append(list, combined{name: m[1]})
		}
		if m[2] == "Merge" {
			list[at].merge = append(list[at].merge, ns)
		} else {
			list[at].envelope = append(list[at].envelope, ns)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no figures in %s", out)
	}
	return list, nil
}

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
