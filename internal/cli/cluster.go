package cli

import (
	"context"
	"fmt"
	"io"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/internal/survey"
)

// podsAtOnce is how many proxies are asked side by side.
const podsAtOnce = 16

// cluster is one that can be asked.
type cluster struct {
	*survey.Cluster

	config  *rest.Config
	client  *kubernetes.Clientset
	objects client.Client
	// namespace is that of the context, or the one that a flag names.
	namespace string
}

// connect makes the clients of a cluster. Nothing is asked yet.
func connect(config *rest.Config, namespace string) (*cluster, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1 // podsAtOnce bounds what is under way: Pods must not time out in our own queue
	asked, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to cluster: %w", err)
	}
	objects, err := client.New(config, client.Options{Scheme: scheme()})
	if err != nil {
		return nil, fmt.Errorf("connect to cluster: %w", err)
	}
	looked := survey.New(survey.Options{Objects: objects, Live: objects, Proxies: through{asked}, AtOnce: podsAtOnce})
	return &cluster{Cluster: looked, config: config, client: asked, objects: objects, namespace: namespace}, nil
}

// through asks proxies through the API server, since their addresses are not reachable from
// outside. It takes the right to get pods/proxy.
type through struct{ client *kubernetes.Clientset }

// Open implements survey.Proxies.
func (t through) Open(ctx context.Context, pod *corev1.Pod, path string, query url.Values) (io.ReadCloser, error) {
	parameters := map[string]string{}
	for name := range query {
		parameters[name] = query.Get(name)
	}
	body, err := t.client.CoreV1().Pods(pod.Namespace).ProxyGet("http", pod.Name, "9091", path, parameters).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("by way of the API server: %w", err)
	}
	return body, nil
}
