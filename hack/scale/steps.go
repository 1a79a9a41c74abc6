package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/internal/desired"
)

// start lets the operator make everything, until all routes are ready.
func (t *trial) start(ctx context.Context) error {
	if err := t.launch(ctx); err != nil {
		return err
	}
	before := look{at: time.Now()}
	profiled := make(chan error, 1)
	go func() { profiled <- t.profile(ctx, "profile?seconds=15", "start") }()
	if err := until(ctx, "routes are ready", func() (bool, error) {
		return t.watcher.count() == len(t.routes), errors.Join(t.nodes.fault(), t.operator.fault())
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
	if err := errors.Join(err, t.profile(ctx, "heap?gc=1", "heap")); err != nil {
		return err
	}
	heap, err := get(ctx, "http://"+t.operator.metrics+"/metrics", 10*time.Second)
	if err != nil {
		return err
	}
	t.result.Live = figure(heap, "go_memstats_heap_alloc_bytes") / (1 << 20)
	return t.profile(ctx, "profile?seconds=20", "rest")
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
		return again(ctx, func() error {
			return t.cluster.admin.Patch(ctx, service, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"scale":"1"}}}`)))
		})
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
	polling := t.result.Rest.CPU / float64(t.result.Rest.Polls) * float64(used.Polls)
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
