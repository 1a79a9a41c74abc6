package creds

import "github.com/fanout-operator/fanout/internal/routeconfig"

// Config returns the handle on what is built of the text at a key of a ConfigMap, whose
// one line end at the end is cut. What goes missing, and what nothing can be built of,
// keeps the last good one. It is no secret: errors may say anything of it. Those who build
// the same have one name for it in use, and get one handle.
func Config[T any](s *Store, namespace string, from routeconfig.ConfigMapKey, use string, build func(text string) (T, error)) *Derived[T] {
	return derive(s, namespace, from.Name, kind[T]{
		of: routeconfig.KindConfigMap, name: use + "/" + from.Key, take: shown([]string{from.Key}, anything), tells: from.Key,
		make: func(snapshot *Snapshot) (T, error) { return build(snapshot.Value(from.Key).secret) },
	})
}

// Trusted is Config for what callers are held against: what is taken away is gone, and only
// what nothing can be built of keeps the last good one.
func Trusted[T any](s *Store, namespace string, from routeconfig.ConfigMapKey, use string, build func(text string) (T, error)) *Derived[T] {
	return derive(s, namespace, from.Name, kind[T]{
		of: routeconfig.KindConfigMap, name: use + "/" + from.Key, take: lined(from.Key, asItIs), tells: from.Key,
		make: func(snapshot *Snapshot) (T, error) { return build(snapshot.Value(from.Key).secret) },
	})
}

// textOf is the handle on a key of which nothing else is made.
func textOf(s *Store, namespace string, r *routeconfig.Reference) *Derived[string] {
	return Config(s, namespace, routeconfig.ConfigMapKey{Name: r.Name, Key: r.Keys[0]}, "text",
		func(text string) (string, error) { return text, nil })
}
