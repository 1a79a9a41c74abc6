package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// resting is for how long the operator is watched while nothing happens.
	resting = 60 * time.Second
	// editing is the time within which a tenth of all routes is edited.
	editing = 60 * time.Second
	// patience is how long anything may take.
	patience = 20 * time.Minute
)

// trial is one number of routes, from an empty cluster to the end.
type trial struct {
	cluster  *cluster
	fleet    *fleet
	nodes    *nodes
	watcher  *watcher
	routes   []types.NamespacedName
	operator *process
	log      *os.File
	dir      string
	options  options
	result   *result
}

// run makes a trial.
func run(ctx context.Context, dir string, n int, o options) (_ *result, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if dir, err = os.MkdirTemp(dir, "trial"); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	t := &trial{dir: dir, options: o, watcher: newWatcher(), result: &result{Routes: n}}
	if t.log, err = keep(fmt.Sprintf("%d-operator.log", n)); err != nil {
		return nil, err
	}
	if t.cluster, err = startCluster(ctx, dir); err != nil {
		return nil, err
	}
	defer func() {
		if t.operator != nil && t.operator.fault() == nil {
			err = errors.Join(err, t.operator.stop())
		}
		cancel()
		err = errors.Join(err, t.fleet.stop(), t.cluster.stop())
	}()
	if t.fleet, err = newFleet(time.Now()); err != nil {
		return nil, err
	}
	if t.nodes, err = startNodes(ctx, t.cluster, t.fleet, t.watcher); err != nil {
		return nil, err
	}
	if t.routes, err = t.cluster.createRoutes(ctx, n); err != nil {
		return nil, err
	}
	say("%d routes are there", n)
	steps := []func(context.Context) error{t.start, t.rest, t.edits, t.touches, t.restart}
	if o.edits {
		steps = []func(context.Context) error{t.start, t.edits}
	}
	for _, step := range steps {
		if err := errors.Join(step(ctx), t.nodes.fault()); err != nil {
			return nil, err
		}
	}
	return t.result, nil
}

func say(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "%s scale: %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, values...))
}

// usage is what the operator did and took since the last look.
type usage struct {
	CPU      float64   `json:"cpuSeconds"`
	Wall     float64   `json:"seconds"`
	Passes   float64   `json:"passes"`
	Polls    int64     `json:"polls"`
	Requests *requests `json:"requests"`
}

// look is where the operator stands.
type look struct {
	at          time.Time
	cpu, passes float64
	polls       int64
}

func (t *trial) look(ctx context.Context) (look, error) {
	var page []byte
	if err := again(ctx, func() (err error) {
		page, err = get(ctx, "http://"+t.operator.metrics+"/metrics", 10*time.Second)
		return err
	}); err != nil {
		return look{}, err
	}
	cpu, err := t.operator.cpu()
	return look{time.Now(), cpu, figure(page, "controller_runtime_reconcile_total"), t.fleet.polls.Load()}, err
}

// since returns what came after a look.
func (t *trial) since(ctx context.Context, before look) (*usage, error) {
	now, err := t.look(ctx)
	if err != nil {
		return nil, err
	}
	list, err := t.cluster.audit.take()
	if err != nil {
		return nil, err
	}
	return &usage{now.cpu - before.cpu, now.at.Sub(before.at).Seconds(), now.passes - before.passes, now.polls - before.polls, list}, nil
}

// until waits for something.
func until(ctx context.Context, what string, done func() (bool, error)) error {
	for end := time.Now().Add(patience); ; {
		if ok, err := done(); err != nil || ok {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s: not within %v", what, patience)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// settled waits until the operator has made no pass for three seconds, by looks: the machine
// may stand still between two.
func (t *trial) settled(ctx context.Context) error {
	last, same := -1.0, 0
	return until(ctx, "the operator settles", func() (bool, error) {
		now, err := t.look(ctx)
		if now.passes != last {
			last, same = now.passes, 0
		}
		same++
		return same > 12, err
	})
}

func (t *trial) launch(ctx context.Context) (err error) {
	if t.operator, err = startOperator(ctx, t.options, t.cluster.kubeconfig, t.log); err != nil {
		return err
	}
	return until(ctx, "the operator answers", func() (bool, error) {
		_, err := get(ctx, "http://"+t.operator.metrics+"/metrics", time.Second)
		return err == nil, t.operator.fault()
	})
}

// spread sums up times: p50, p99, in milliseconds.
func spread(list []time.Duration) quantiles {
	slices.Sort(list)
	at := func(q float64) float64 {
		if len(list) == 0 {
			return 0
		}
		return float64(list[min(int(q*float64(len(list))), len(list)-1)].Microseconds()) / 1000
	}
	return quantiles{at(0.5), at(0.99)}
}

// profile keeps one of the operator's.
func (t *trial) profile(ctx context.Context, kind, name string) error {
	raw, err := get(ctx, "http://"+t.operator.profile+"/debug/pprof/"+kind, time.Minute)
	if err != nil {
		return err
	}
	file, err := keep(fmt.Sprintf("%d-%s.pprof", t.result.Routes, name))
	if err != nil {
		return err
	}
	_, err = file.Write(raw)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("keep profile: %w", err)
	}
	return nil
}

// keep makes a file for whoever wants to know more.
func keep(name string) (*os.File, error) {
	folder := filepath.Join("dist", "scale")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	file, err := os.Create(filepath.Join(folder, name))
	if err != nil {
		return nil, fmt.Errorf("keep what is found: %w", err)
	}
	return file, nil
}
