package controllers

import (
	"context"
	"fmt"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// configMaps knows the versions of ConfigMaps that routes read. The manager's cache has
// those with our label alone, so this is another one. It watches nothing before a route
// reads a ConfigMap; from then on it has of each the name and the version.
type configMaps struct {
	cache   cache.Cache
	readers readers
	moved   func(types.NamespacedName)

	mu    sync.Mutex
	watch cache.Informer // nil before the first route
}

// cacheRunnable starts a cache as the manager starts its own: before the controllers.
type cacheRunnable struct{ cache.Cache }

// GetCache is what the manager knows a cache by.
func (c cacheRunnable) GetCache() cache.Cache { return c.Cache }

// newConfigMaps adds the cache to a manager. moved is told of a route that reads a
// ConfigMap which has changed.
func newConfigMaps(mgr ctrl.Manager, namespaces []string, moved func(types.NamespacedName)) (*configMaps, error) {
	c, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		DefaultTransform: slimmed(slimVersion), DefaultNamespaces: only(namespaces),
	})
	if err != nil {
		return nil, fmt.Errorf("set up cache of ConfigMaps: %w", err)
	}
	if err := mgr.Add(cacheRunnable{c}); err != nil {
		return nil, fmt.Errorf("add cache of ConfigMaps: %w", err)
	}
	return &configMaps{cache: c, moved: moved}, nil
}

// slimVersion keeps what tells one version of an object from another.
func slimVersion(object client.Object) {
	object.SetManagedFields(nil)
	object.SetAnnotations(nil)
	object.SetLabels(nil)
	object.SetOwnerReferences(nil)
	object.SetFinalizers(nil)
}

// versions are those of the ConfigMaps that a route reads, missing ones among them; known
// is false as long as the cache is being filled, which ends in the route being told.
func (c *configMaps) versions(ctx context.Context, s *scope) (text string, known bool, err error) {
	c.readers.set(s.key, s.configMaps)
	if len(s.configMaps) == 0 {
		return "", true, nil
	}
	if ready, err := c.begin(ctx); err != nil || !ready {
		return "", false, err
	}
	var list []string
	for _, name := range s.configMaps {
		object := metadataOf("ConfigMap")
		err := c.cache.Get(ctx, types.NamespacedName{Namespace: s.key.Namespace, Name: name}, object)
		if err != nil && !apierrors.IsNotFound(err) {
			return "", false, fmt.Errorf("read metadata of ConfigMap %s/%s: %w", s.key.Namespace, name, err)
		}
		list = append(list, version(name, object))
	}
	return strings.Join(list, " "), true, nil
}

// begin watches ConfigMaps, and reports whether all that there are have been seen.
func (c *configMaps) begin(ctx context.Context) (ready bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watch != nil {
		return c.watch.HasSynced(), nil
	}
	watch, err := c.cache.GetInformer(ctx, metadataOf("ConfigMap"), cache.BlockUntilSynced(false))
	if err != nil {
		return false, fmt.Errorf("watch ConfigMaps: %w", err)
	}
	_, err = watch.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: c.changed, DeleteFunc: c.changed, UpdateFunc: func(_, now any) { c.changed(now) },
	})
	if err != nil {
		return false, fmt.Errorf("watch ConfigMaps: %w", err)
	}
	c.watch = watch
	return watch.HasSynced(), nil
}

func (c *configMaps) changed(content any) {
	if gone, ok := content.(toolscache.DeletedFinalStateUnknown); ok {
		content = gone.Obj
	}
	object, ok := content.(client.Object)
	if !ok {
		return
	}
	for _, route := range c.readers.reading(client.ObjectKeyFromObject(object)) {
		c.moved(route)
	}
}

// metadataOf is an object of the core group of which the metadata are asked for.
func metadataOf(kind string) *metav1.PartialObjectMetadata {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
	return object
}

func version(name string, object *metav1.PartialObjectMetadata) string {
	return name + "=" + string(object.UID) + "/" + object.ResourceVersion
}
