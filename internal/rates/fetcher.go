package rates

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/fanout-operator/fanout/internal/stats"
)

const (
	// A proxy may take this much of the operator, and no more.
	fetchTimeout = 2 * time.Second
	fetchLimit   = 1 << 20
)

// HTTPFetcher asks proxies over HTTP. Redirects are not followed, and no proxy of
// the environment is used.
type HTTPFetcher struct{ transport *http.Transport }

// NewHTTPFetcher returns an HTTPFetcher.
func NewHTTPFetcher() *HTTPFetcher {
	return &HTTPFetcher{&http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, DisableCompression: true}}
}

// Fetch implements Fetcher.
func (f *HTTPFetcher) Fetch(ctx context.Context, url string) (*stats.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("ask proxy: %w", err)
	}
	response, err := f.transport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("ask proxy: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask proxy: status %d", response.StatusCode)
	}
	report := &stats.Report{}
	if err := json.NewDecoder(io.LimitReader(response.Body, fetchLimit)).Decode(report); err != nil {
		return nil, fmt.Errorf("read proxy's report: %w", err)
	}
	return report, nil
}
