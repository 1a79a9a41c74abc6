package controllers

import (
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Ours names what we have applied of a child.
func Ours(kind string, object client.Object) ([32]byte, error) {
	for _, k := range childKinds() {
		if k.name == kind {
			return k.ours(object)
		}
	}
	return sum{}, nil
}

// Slim makes a child what the cache keeps of it.
func Slim(kind string, object client.Object) {
	for _, k := range childKinds() {
		if k.name == kind {
			k.slim(object)
		}
	}
}

// Digest names a content.
func Digest(of any) ([32]byte, error) {
	_, sum, err := digest(of)
	return sum, err
}

// SlimPod makes a Pod what the cache keeps of it.
func SlimPod(pod client.Object) { slimPod(pod) }
