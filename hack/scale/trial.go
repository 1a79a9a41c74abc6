package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/internal/desired"
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
		if t.operator != nil && t.operator.cmd.ProcessState == nil {
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
		return err == nil, nil
	})
}

// start lets the operator make everything, until all routes are ready.
func (t *trial) start(ctx context.Context) error {
	if err := t.launch(ctx); err != nil {
		return err
	}
	before := look{at: time.Now()}
	profiled := make(chan error, 1)
	go func() { profiled <- t.profile(ctx, "profile?seconds=15", "start") }()
	if err := until(ctx, "routes are ready", func() (bool, error) {
		return t.watcher.count() == len(t.routes), t.nodes.fault()
	}); err != nil {
		return fmt.Errorf("%d of %d %w", t.watcher.count(), len(t.routes), err)
	}
	ready := time.Since(before.at).Seconds()
	if err := t.settled(ctx); err != nil {
		return err
	}
	used, err := t.since(ctx, before)
	if err != nil {
		return err
	}
	t.result.Start, t.result.ReadySeconds = used, ready
	say("start: %.1f CPU seconds, %.0f passes, %d writes, ready after %.0f s", used.CPU, used.Passes, used.Requests.total(), ready)
	return errors.Join(<-profiled, t.profile(ctx, "allocs", "allocs"))
}

// rest watches the operator while nothing happens.
func (t *trial) rest(ctx context.Context) error {
	time.Sleep(10 * time.Second)
	if _, err := t.cluster.audit.take(); err != nil {
		return err
	}
	before, err := t.look(ctx)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(resting):
	}
	if t.result.Rest, err = t.since(ctx, before); err != nil {
		return err
	}
	t.result.Resident, t.result.Peak, err = t.operator.resident()
	say("rest: %.3f of a core, %d polls, %d writes, %.0f MiB, at most %.0f MiB", t.result.Rest.CPU/t.result.Rest.Wall, t.result.Rest.Polls, t.result.Rest.Requests.total(),
		t.result.Resident, t.result.Peak)
	return errors.Join(err, t.profile(ctx, "heap?gc=1", "heap"), t.profile(ctx, "profile?seconds=20", "rest"))
}

// edits changes a tenth of all routes within a minute.
func (t *trial) edits(ctx context.Context) error {
	before, err := t.look(ctx)
	if err != nil {
		return err
	}
	if _, err := t.cluster.audit.take(); err != nil {
		return err
	}
	n := max(len(t.routes)/10, min(len(t.routes), 30))
	pace := time.NewTicker(editing / time.Duration(n))
	defer pace.Stop()
	for i := range n {
		key := t.routes[i*len(t.routes)/n]
		t.watcher.begin(key, time.Now())
		if err := t.cluster.edit(ctx, key, 1+i); err != nil {
			return err
		}
		<-pace.C
	}
	if err := until(ctx, "edits are served", func() (bool, error) {
		_, shown, all := t.watcher.take()
		return len(shown) == all, nil
	}); err != nil {
		return err
	}
	if err := t.settled(ctx); err != nil {
		return err
	}
	if t.result.Edits, err = t.since(ctx, before); err != nil {
		return err
	}
	written, shown, _ := t.watcher.take()
	r := t.result
	r.Edited, r.Written, r.Shown = n, spread(written), spread(shown)
	say("edits: %d, %.1f writes each, document %v, status %v: %v", n, float64(r.Edits.Requests.total())/float64(n), r.Written, r.Shown, r.Edits.Requests.Writes)
	return nil
}

// touches has one pass made over each route, in which nothing is to be done.
func (t *trial) touches(ctx context.Context) error {
	before, err := t.look(ctx)
	if err != nil {
		return err
	}
	if err := each(t.routes, func(key types.NamespacedName) error {
		service := &corev1.Service{}
		service.Namespace = key.Namespace
		route, err := sample()
		if err != nil {
			return err
		}
		route.Name = key.Name
		service.Name = desired.Name(route)
		return t.cluster.admin.Patch(ctx, service, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"scale":"1"}}}`)))
	}); err != nil {
		return fmt.Errorf("touch: %w", err)
	}
	if err := t.settled(ctx); err != nil {
		return err
	}
	if t.result.Touches, err = t.since(ctx, before); err != nil {
		return err
	}
	used := t.result.Touches
	polling := t.result.Rest.CPU / t.result.Rest.Wall * used.Wall
	t.result.Pass = (used.CPU - polling) / used.Passes * 1000
	say("a pass: %.2f ms (%.0f passes, %d writes)", t.result.Pass, used.Passes, used.Requests.total())
	return nil
}

// restart has another operator's process take over.
func (t *trial) restart(ctx context.Context) error {
	if err := t.operator.stop(); err != nil {
		return err
	}
	if _, err := t.cluster.audit.take(); err != nil {
		return err
	}
	polled := t.fleet.polls.Load()
	if err := t.launch(ctx); err != nil {
		return err
	}
	before := look{at: time.Now(), polls: polled}
	if err := until(ctx, "every proxy is asked", func() (bool, error) {
		now, err := t.look(ctx)
		return now.passes >= float64(len(t.routes)) && now.polls-polled > int64(perRoute*len(t.routes)), err
	}); err != nil {
		return err
	}
	if err := t.settled(ctx); err != nil {
		return err
	}
	var err error
	if t.result.Restart, err = t.since(ctx, before); err != nil {
		return err
	}
	t.result.RestartResident, _, err = t.operator.resident()
	used := t.result.Restart
	say("restart: %.1f CPU seconds, %.0f passes, %d writes, %.0f MiB, after %.0f s: %v", used.CPU, used.Passes, used.Requests.total(), t.result.RestartResident, used.Wall, used.Requests.Writes)
	return err
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
