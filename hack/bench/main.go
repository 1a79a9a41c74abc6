// Bench measures the proxy beside what people use today, on this machine and
// loopback alone: nginx mirror, a plain net/http program, fasthttp, httputil.ReverseProxy, Lura and a
// Node program. All of them take turns in one run, since only a ratio means something on a machine that
// others use too. It writes docs/benchmarks.md and docs/benchmarks.svg.
//
// With -base it measures instead the proxy of the working tree beside that of another
// commit, and fails where the tree is slower.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 0, "how often each contender has its turn; 5, with -base 9, which are the fewest")
	span := flag.Duration("span", 0, "how long a turn takes; 2s, with -base 1s")
	out := flag.String("out", "", "`file` to write; docs/benchmarks.md, with -base dist/bench.md")
	base := flag.String("base", "", "`commit` whose proxy the working tree's is measured beside")
	backends := flag.Bool("backends", false, "be the backends")
	pair := flag.String("pair", "", "with -backends, the `folder` of a key pair, for those with TLS")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := func() error {
		return bench(ctx, cmp.Or(*rounds, 5), cmp.Or(*span, 2*time.Second), cmp.Or(*out, filepath.Join(root, "docs", "benchmarks.md")))
	}
	switch {
	case *backends:
		run = func() error { return serveBackends(*pair) }
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

// figures are all that one run finds out.
type results struct {
	cast     *cast
	latency  []*added
	memory   *memory
	combined []combined
	callers  string
	rounds   int
	span     time.Duration
}

func bench(ctx context.Context, rounds int, span time.Duration, out string) error {
	dir, err := os.MkdirTemp("", "fanout-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &stage{dir: dir, log: io.Discard} // access logs
	defer s.stop()
	c, err := prepare(ctx, s)
	if err != nil {
		return err
	}
	if err := c.measure(ctx, rounds, span); err != nil {
		return err
	}
	r := &results{cast: c, rounds: rounds, span: span}
	if r.latency, err = c.latencies(rounds, span); err != nil {
		return err
	}
	if r.memory, err = c.remember(ctx); err != nil {
		return err
	}
	s.stop()
	if r.combined, err = combine(ctx); err != nil {
		return err
	}
	if r.callers, err = callers(ctx); err != nil {
		return err
	}
	return r.write(out)
}

// prepare builds and starts everybody.
func prepare(ctx context.Context, s *stage) (*cast, error) {
	fmt.Println("== building")
	now, err := buildProxy(ctx, root, filepath.Join(s.dir, "tree"))
	if err != nil {
		return nil, err
	}
	before, err := buildToday(ctx, s.dir)
	if err != nil {
		return nil, err
	}
	p, err := newPeers(ctx, s)
	if err != nil {
		return nil, err
	}
	pair, err := credentials(filepath.Join(s.dir, "backends"))
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if _, err := s.spawn(self, "-backends", "-pair", pair); err != nil {
		return nil, err
	}
	if err := answers(ctx, backendPort); err != nil {
		return nil, err
	}
	tree, err := serve(ctx, s, now, filepath.Join(s.dir, "now"), pair)
	if err != nil {
		return nil, err
	}
	old, err := serve(ctx, s, before, filepath.Join(s.dir, "before"), pair)
	if err != nil {
		return nil, err
	}
	return gather(ctx, s, p, tree, old)
}
