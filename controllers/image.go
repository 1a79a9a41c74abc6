package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// OwnImage returns the image of the operator's own Pod, which holds the proxy too:
// whoever sets the one, by kustomize or by hand, has set the other. While the API
// server does not answer it waits: a process that ends instead is restarted by the
// kubelet at ever longer intervals, and is late when the API server is back.
func OwnImage(ctx context.Context, r client.Reader, namespace, name string) (string, error) {
	if namespace == "" || name == "" {
		return "", errors.New("POD_NAMESPACE and POD_NAME are not set")
	}
	pod := &corev1.Pod{}
	err := wait.PollUntilContextCancel(ctx, 2*time.Second, true, func(ctx context.Context) (bool, error) {
		err := r.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, pod)
		if apierrors.IsNotFound(err) {
			return false, err //nolint:wrapcheck // below
		}
		if err != nil {
			logf.FromContext(ctx).Info("waiting for the API server", "error", err.Error())
		}
		return err == nil, nil
	})
	if err != nil {
		return "", fmt.Errorf("read own pod %s/%s: %w", namespace, name, err)
	}
	return pod.Spec.Containers[0].Image, nil
}
