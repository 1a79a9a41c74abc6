package survey

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/fanout-operator/fanout/internal/pods"
)

// Direct asks proxies at the addresses of their Pods, as who is in the network of Pods does. It
// implements Proxies.
type Direct struct{ transport *http.Transport }

// errNotStarted is the error of a Pod whose proxy is not to be asked.
var errNotStarted = errors.New("its proxy has not started")

// maxHead bounds the head of an answer, in bytes.
const maxHead = 16 << 10

// NewDirect returns a Direct. Redirects are not followed, and no proxy of the environment is used.
func NewDirect() *Direct {
	return &Direct{&http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, DisableCompression: true, MaxResponseHeaderBytes: maxHead}}
}

// Open implements Proxies.
func (d *Direct) Open(ctx context.Context, pod *corev1.Pod, path string, query url.Values) (io.ReadCloser, error) {
	admin := strings.TrimSuffix(pods.Of(pod).StatusURL, "/status")
	if admin == "" {
		return nil, errNotStarted
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	response, err := d.transport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("send request: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("status %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	return response.Body, nil
}
