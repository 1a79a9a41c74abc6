package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// fewestRounds are those of which a median and a spread mean something.
	fewestRounds = 9
	// slice is how long a side is loaded before it is the next one's go. A turn is many of
	// them, so that whatever else the machine does falls on all sides alike.
	slice = 100 * time.Millisecond
)

// The sides of a comparison, in the order of their slices, forth and back. The tree stands
// between two processes of the base, so that a machine that grows slower or faster
// meanwhile favours neither.
const (
	base = iota
	tree
	again
	sides
)

// comparison is a run of two builds against each other.
type comparison struct {
	commit string
	rounds int
	span   time.Duration
	dir    string
	builds [sides]*built
	ports  [sides][]int
	stage  stage
	// results are by load and scenario, one of each side a round.
	results map[string][][sides]turn
}

// compare is the whole run. The error says which figures are worse.
func compare(ctx context.Context, commit string, rounds int, span time.Duration, out string) error {
	if rounds < fewestRounds {
		return fmt.Errorf("%d rounds are too few, it takes %d", rounds, fewestRounds)
	}
	dir, err := os.MkdirTemp("", "fanout-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := &comparison{commit: commit, rounds: rounds, span: span, dir: dir, results: map[string][][sides]turn{}, stage: stage{dir: dir}}
	if err := c.build(ctx); err != nil {
		return err
	}
	defer c.stage.stop()
	if err := c.measure(ctx); err != nil {
		return err
	}
	rows := c.rows()
	text := c.report(rows)
	fmt.Print("\n", text)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(out, []byte(text), 0o644); err != nil {
		return err
	}
	return worse(rows)
}

// build makes the proxies of the commit, in a worktree that is gone afterwards, and of
// the working tree as it stands.
func (c *comparison) build(ctx context.Context) error {
	full, err := git(ctx, "rev-parse", "--verify", "--end-of-options", c.commit+"^{commit}")
	if err != nil {
		return err
	}
	c.commit = full
	fmt.Println("== building both")
	before, err := buildCommit(ctx, full, c.dir)
	if err != nil {
		return err
	}
	now, err := buildProxy(ctx, root, filepath.Join(c.dir, "tree"))
	if err != nil {
		return err
	}
	c.builds = [sides]*built{before, now, before}
	return nil
}

func git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

func (c *comparison) measure(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if _, err := c.stage.spawn(self, "-backends"); err != nil {
		return err
	}
	for side, b := range c.builds {
		if c.ports[side], err = freePorts(len(scenarios)); err != nil {
			return err
		}
		if err := b.write(ctx, c.folder(side), document(c.ports[side])); err != nil {
			return err
		}
	}
	turns := time.Duration(c.rounds * sides * len(scenarios) * len(loads))
	fmt.Printf("== %d rounds, about %v\n", c.rounds, (turns * (c.span + slice)).Round(time.Second))
	for round := range c.rounds {
		if err := c.round(ctx); err != nil {
			return err
		}
		fmt.Printf("round %d/%d\n", round+1, c.rounds)
	}
	return nil
}

func (c *comparison) folder(side int) string { return filepath.Join(c.dir, fmt.Sprint("side", side)) }

// round gives every side its turn in everything, by new processes: what a process owes
// to where its memory happens to lie does not last.
func (c *comparison) round(ctx context.Context) error {
	log, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	processes := &stage{dir: c.dir, log: log}
	err = c.turns(ctx, processes)
	processes.stop()
	if err != nil {
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w\n%s", err, said)
	}
	return nil
}

func (c *comparison) turns(ctx context.Context, processes *stage) error {
	var pids [sides]int
	for side := range pids {
		var err error
		if pids[side], err = c.start(ctx, processes, side); err != nil {
			return err
		}
	}
	for _, connections := range loads {
		for i, s := range scenarios {
			turns, err := c.turn(ctx, pids, i, connections)
			if err != nil {
				return fmt.Errorf("%s, %d connections: %w", s.name, connections, err)
			}
			key := s.key(connections)
			c.results[key] = append(c.results[key], turns)
		}
	}
	return nil
}

// turn loads all sides with one scenario, in slices.
func (c *comparison) turn(ctx context.Context, pids [sides]int, scenario, connections int) (turns [sides]turn, err error) {
	var drivers [sides]*driver
	for side, pid := range pids {
		d, err := newDriver(ctx, pid, c.ports[side][scenario], connections)
		if err != nil {
			return turns, err
		}
		defer d.close()
		if err := d.warm(ctx, slice); err != nil {
			return turns, fmt.Errorf("%s: %w", sideName(side), err)
		}
		drivers[side] = d
	}
	order := []int{base, tree, again}
	for range max(int(c.span/slice), 1) {
		for _, side := range order {
			if err := drivers[side].slice(ctx, slice); err != nil {
				return turns, fmt.Errorf("%s: %w", sideName(side), err)
			}
		}
		slices.Reverse(order)
	}
	for side, d := range drivers {
		if turns[side], err = d.turn(); err != nil {
			return turns, err
		}
	}
	return turns, nil
}

func sideName(side int) string { return [...]string{"base", "tree", "base again"}[side] }

func (s *scenario) key(connections int) string { return fmt.Sprintf("%s/%d", s.name, connections) }

// start runs the proxy of one side and waits until it answers on every route.
func (c *comparison) start(ctx context.Context, processes *stage, side int) (int, error) {
	dir := c.folder(side)
	pid, err := processes.spawn(c.builds[side].proxy, "--document="+filepath.Join(dir, "document.json"), "--credentials="+dir,
		"--admin=", "--address=127.0.0.1", "--allow-loopback", "--drain-delay=0s", "--access-log-sample=1000000000")
	if err != nil {
		return 0, err
	}
	for i := range scenarios {
		if err := answers(ctx, c.ports[side][i]); err != nil {
			return 0, fmt.Errorf("%s, %s: %w", sideName(side), scenarios[i].name, err)
		}
	}
	return pid, nil
}
