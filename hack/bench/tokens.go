package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
)

// metric is a figure of a benchmark, with its unit.
var metric = regexp.MustCompile(`(?m)^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// mediansOf runs benchmarks of a package and returns the medians of each, by name and unit.
func mediansOf(ctx context.Context, pkg, pattern string) (map[string]float64, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", pattern, "-benchtime", "0.3s", "-count", "9", pkg)
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("benchmark %s: %w\n%s", pkg, err, out)
	}
	found := map[string][]float64{}
	for _, line := range metric.FindAllStringSubmatch(string(out), -1) {
		for _, m := range regexp.MustCompile(`([0-9.]+) (\S+)`).FindAllStringSubmatch(line[2], -1) {
			value, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				return nil, fmt.Errorf("read figure: %w", err)
			}
			found[line[1]+" "+m[2]] = append(found[line[1]+" "+m[2]], value)
		}
	}
	medians := map[string]float64{}
	for name, list := range found {
		medians[name] = slices.Sorted(slices.Values(list))[len(list)/2]
	}
	return medians, nil
}

// callers is what it takes to know who calls, without any network, and not to ask.
func callers(ctx context.Context) (section string, err error) {
	fmt.Println("== callers alone")
	token, err := mediansOf(ctx, "./internal/jwt", "Token")
	if err != nil {
		return "", err
	}
	gate, err := mediansOf(ctx, "./internal/gate", "Admit")
	if err != nil {
		return "", err
	}
	const off, without = "Admit/with_what_is_off ", "Admit/without_it "
	if token["Token/new signatures/op"] == 0 || gate[off+"ns/op"] == 0 {
		return "", fmt.Errorf("no figures of callers: %v %v", token, gate)
	}
	return fmt.Sprintf(`
## Callers alone

`+"`go test -bench Token ./internal/jwt` and `go test -bench Admit ./internal/gate`"+`, medians of 9: a token of 1 KiB, signed by RS256 with
2048 bits. A new one is judged in turns with its signature alone; the bound is that signature and 20 µs
for each 30 µs that it takes, which is 1.67 of it. An admission to a route that asks for nothing stands
beside one from which the steps of callers, limits and validation are cut out.

| | takes | bound | things made |
|---|---|---|---|
| a token that was judged before | %.1f µs | 5 µs | %.0f |
| the signature of a new one alone | %.0f µs | | |
| a new one | %.0f µs, %.2f of its signature | 1.67 | |
| an admission with all that is off | %.2f µs | | %.0f |
| an admission without it | %.2f µs | | %.0f |
`, token["Token/judged_before ns/op"]/1000, token["Token/judged_before allocs/op"], token["Token/new signature-ns/op"]/1000,
		token["Token/new token-ns/op"]/1000, token["Token/new signatures/op"],
		gate[off+"ns/op"]/1000, gate[off+"allocs/op"], gate[without+"ns/op"]/1000, gate[without+"allocs/op"]), nil
}
