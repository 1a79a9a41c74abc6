// Bench measures the proxy beside what people use today, on this machine and
// loopback alone: nginx mirror, a plain net/http program, a Node program. All of
// them take turns in one run, since only a ratio means something on a machine that
// others use too. It writes docs/benchmarks.md.
//
// With -base it measures instead the proxy of the working tree beside that of another
// commit, and fails where the tree is slower.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 0, "how often each contender has its turn; 5, with -base 9, which are the fewest")
	span := flag.Duration("span", 0, "how long a turn takes; 3s, with -base 1s")
	out := flag.String("out", "", "`file` to write; docs/benchmarks.md, with -base dist/bench.md")
	base := flag.String("base", "", "`commit` whose proxy the working tree's is measured beside")
	backends := flag.Bool("backends", false, "be the two backends")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := func() error {
		return bench(ctx, cmp.Or(*rounds, 5), cmp.Or(*span, 3*time.Second), cmp.Or(*out, filepath.Join(root, "docs", "benchmarks.md")))
	}
	switch {
	case *backends:
		run = serveBackends
	case *base != "":
		run = func() error {
			return compare(ctx, *base, cmp.Or(*rounds, fewestRounds), cmp.Or(*span, time.Second), cmp.Or(*out, filepath.Join(root, "dist", "bench.md")))
		}
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// root is that of the repository, as seen from here.
const root = "../.."

func bench(ctx context.Context, rounds int, span time.Duration, out string) error {
	if err := install(ctx); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "fanout-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &stage{dir: dir}
	defer s.stop()
	if err := s.start(ctx); err != nil {
		return err
	}
	results := map[string][]turn{}
	for round := range rounds {
		for _, c := range s.contenders {
			for _, connections := range []int{1, 64} {
				t, err := c.turn(ctx, connections, span)
				if err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
				fmt.Printf("round %d/%d  %-22s %2d connections  %7.1f µs CPU a call  %8.0f calls/s  p99 %v\n",
					round+1, rounds, c.name, connections, t.cpu, t.rate, t.p99)
				key := c.key(connections)
				results[key] = append(results[key], t)
			}
		}
	}
	combined, err := combine(ctx)
	if err != nil {
		return err
	}
	known, err := callers(ctx)
	if err != nil {
		return err
	}
	return os.WriteFile(out, []byte(report(s, results, combined, rounds, span)+known), 0o644)
}
