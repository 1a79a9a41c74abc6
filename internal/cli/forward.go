package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"

	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/pods"
	"github.com/fanout-operator/fanout/internal/survey"
)

// forward opens the port for calls of one ready proxy of a route on loopback, as kubectl
// port-forward does, until ctx ends. It takes the right to create pods/portforward.
func (c *cluster) forward(ctx context.Context, w survey.Wanted) (address string, err error) {
	pod, err := c.readyPod(ctx, w)
	if err != nil {
		return "", err
	}
	request := c.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(w.Namespace).Name(pod).SubResource("portforward")
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return "", fmt.Errorf("open a port of Pod %s: %w", pod, err)
	}
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, request.URL())
	ready, failed := make(chan struct{}), make(chan error, 1)
	ports := []string{fmt.Sprintf("0:%d", desired.CallsPort)}
	f, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, ports, ctx.Done(), ready, io.Discard, io.Discard)
	if err != nil {
		return "", fmt.Errorf("open a port of Pod %s: %w", pod, err)
	}
	go func() { failed <- f.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-failed:
		return "", survey.Explained(errors.Join(err, ctx.Err()), "open a port of Pod "+pod)
	}
	opened, err := f.GetPorts()
	if err != nil {
		return "", fmt.Errorf("open a port of Pod %s: %w", pod, err)
	}
	if len(opened) != 1 {
		return "", fmt.Errorf("open a port of Pod %s: %d are open", pod, len(opened))
	}
	return fmt.Sprintf("127.0.0.1:%d", opened[0].Local), nil
}

// readyPod is the name of a Pod whose proxy serves the route.
func (c *cluster) readyPod(ctx context.Context, w survey.Wanted) (string, error) {
	list, err := c.PodsOf(ctx, w)
	if err != nil {
		return "", err
	}
	for i := range list {
		if facts := pods.Of(&list[i]); facts.Ready {
			return facts.Name, nil
		}
	}
	return "", fmt.Errorf("none of the %d Pods of route %s/%s is ready: see fanoutctl status", len(list), w.Namespace, w.Name)
}
