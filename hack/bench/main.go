// Bench measures the proxy beside what people use today, on this machine and
// loopback alone: nginx mirror, a plain net/http program, a Node program. All of
// them take turns in one run, since only a ratio means something on a machine that
// others use too. It writes docs/benchmarks.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 5, "how often each contender has its turn")
	span := flag.Duration("span", 3*time.Second, "how long a turn takes")
	out := flag.String("out", filepath.Join("..", "..", "docs", "benchmarks.md"), "file to write")
	backends := flag.Bool("backends", false, "be the two backends")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := func() error { return bench(ctx, *rounds, *span, *out) }
	if *backends {
		run = serveBackends
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

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
	return os.WriteFile(out, []byte(report(s, results, combined, rounds, span)), 0o644)
}
