package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// neighbours are the namespaces beside the large one, which has half of all routes.
const neighbours = 10

// sample is the route of which all are copies.
func sample() (*v1alpha1.FanoutRoute, error) {
	raw, err := os.ReadFile(filepath.Join("config", "samples", "orders.yaml"))
	if err != nil {
		return nil, fmt.Errorf("read sample: %w", err)
	}
	route := &v1alpha1.FanoutRoute{}
	if err := yaml.UnmarshalStrict(raw, route); err != nil {
		return nil, fmt.Errorf("read sample: %w", err)
	}
	for i := range route.Spec.Backends { // a route must not name a Service of another namespace
		if a := route.Spec.Backends[i].Authentication; a != nil && a.OAuth2 != nil {
			a.OAuth2.TokenURL = "https://idp.example.com/token"
		}
	}
	return route, nil
}

// createRoutes makes them, and the Services that their backends name.
func (c *cluster) createRoutes(ctx context.Context, n int) ([]types.NamespacedName, error) {
	route, err := sample()
	if err != nil {
		return nil, err
	}
	for i := range neighbours + 1 {
		namespace := place(2 * i)
		if i == neighbours {
			namespace = place(1)
		}
		if err := c.namespace(ctx, namespace); err != nil {
			return nil, err
		}
		for _, b := range route.Spec.Backends {
			s := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: b.Service.Port}}}}
			s.Namespace, s.Name = namespace, b.Service.Name
			if err := c.admin.Create(ctx, s); err != nil {
				return nil, fmt.Errorf("create Service: %w", err)
			}
		}
	}
	keys := make([]types.NamespacedName, n)
	for i := range keys {
		keys[i] = types.NamespacedName{Namespace: place(i), Name: fmt.Sprintf("orders-%d", i)}
	}
	return keys, each(keys, func(key types.NamespacedName) error {
		next := route.DeepCopy()
		next.Namespace, next.Name = key.Namespace, key.Name
		return again(ctx, func() error { return existing(c.admin.Create(ctx, next)) })
	})
}

// place is the namespace of the i-th route.
func place(i int) string {
	if i%2 == 1 {
		return "large"
	}
	return fmt.Sprintf("tenant-%d", i/2%neighbours)
}

// edit changes one number of a route's spec.
func (c *cluster) edit(ctx context.Context, key types.NamespacedName, round int) error {
	route := &v1alpha1.FanoutRoute{}
	route.Namespace, route.Name = key.Namespace, key.Name
	patch := fmt.Appendf(nil, `{"spec":{"dispatch":{"timeout":"%dms"}}}`, 2000+round)
	return again(ctx, func() error {
		if err := c.admin.Patch(ctx, route, client.RawPatch(types.MergePatchType, patch)); err != nil {
			return fmt.Errorf("edit %s: %w", key, err)
		}
		return nil
	})
}

// each does something for each of many, a few at a time.
func each[T any](list []T, do func(T) error) error {
	var mu sync.Mutex
	var errs []error
	var working sync.WaitGroup
	work := make(chan T)
	for range 12 {
		working.Go(func() {
			for of := range work {
				if err := do(of); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, of := range list {
		work <- of
	}
	close(work)
	working.Wait()
	return errors.Join(errs...)
}

// again does something up to five times: the machine may have stood still for longer than a
// request may take.
func again(ctx context.Context, do func() error) (err error) {
	for range 5 {
		if err = do(); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
	return err
}
