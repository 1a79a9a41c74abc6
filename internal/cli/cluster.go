package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/stats"
)

// clusterRoutes adds up what the Pods of all routes say. They are asked through
// the API server, since their addresses are not reachable from outside.
func clusterRoutes(ctx context.Context, kubeconfig, name string) ([]stats.RouteReport, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules,
		&clientcmd.ConfigOverrides{CurrentContext: name}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to cluster: %w", err)
	}
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.RouteLabel})
	if err != nil {
		return nil, fmt.Errorf("list proxies: %w", err)
	}
	byRoute := map[string][]stats.RouteReport{}
	var order []string
	var errs []error
	for i := range pods.Items {
		pod := &pods.Items[i]
		body, err := client.CoreV1().Pods(pod.Namespace).ProxyGet("http", pod.Name, "9091", "status", nil).DoRaw(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("ask proxy %s/%s: %w", pod.Namespace, pod.Name, err))
			continue
		}
		routes, err := decodeReport(bytes.NewReader(body))
		errs = append(errs, err)
		for _, r := range routes {
			id := r.Namespace + "/" + r.Name
			if byRoute[id] == nil {
				order = append(order, id)
			}
			byRoute[id] = append(byRoute[id], r)
		}
	}
	var out []stats.RouteReport
	for _, id := range order {
		out = append(out, stats.Merge(byRoute[id]))
	}
	if len(out) == 0 {
		return nil, errors.Join(errs...)
	}
	return out, nil
}
