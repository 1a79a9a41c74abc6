package process

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ownContainer is the operator's: others may be injected before it.
const ownContainer = "operator"

// OwnImage returns the image of the operator's own Pod, which holds the proxy too:
// whoever sets the one, by kustomize or by hand, has set the other.
func OwnImage(ctx context.Context, r client.Reader, namespace, name string) (string, error) {
	if namespace == "" || name == "" {
		return "", errors.New("POD_NAMESPACE and POD_NAME are not set")
	}
	pod := &corev1.Pod{}
	if err := r.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, pod); err != nil {
		return "", fmt.Errorf("read own pod %s/%s: %w", namespace, name, err)
	}
	for i := range pod.Spec.Containers {
		if c := &pod.Spec.Containers[i]; c.Name == ownContainer {
			return c.Image, nil
		}
	}
	return "", fmt.Errorf("pod %s/%s has no container %q", namespace, name, ownContainer)
}
