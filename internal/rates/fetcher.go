package rates

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/fanout-operator/fanout/internal/stats"
)

const (
	// A proxy may take this much of the operator, and no more.
	fetchTimeout = 2 * time.Second
	maxHead      = 16 << 10
	// decoders bounds how many reports are decoded at once, of which each may take some
	// ten times its length.
	decoders = 4
)

// HTTPFetcher asks proxies over HTTP. Redirects are not followed, and no proxy of
// the environment is used. It is safe for concurrent use.
type HTTPFetcher struct {
	lines    lines
	decoding chan struct{}
}

// NewHTTPFetcher returns an HTTPFetcher.
func NewHTTPFetcher() *HTTPFetcher {
	return &HTTPFetcher{decoding: make(chan struct{}, decoders)}
}

// Fetch implements Fetcher. It takes 2 s at most, and as much memory as bounds allow.
func (f *HTTPFetcher) Fetch(ctx context.Context, url string, bounds stats.Bounds) (*stats.Report, error) {
	raw, err := f.read(ctx, url, bounds)
	if err != nil {
		return nil, fmt.Errorf("ask proxy: %w", err)
	}
	f.decoding <- struct{}{} // for milliseconds: nothing is waited for within
	defer func() { <-f.decoding }()
	report, err := bounds.Decode(raw, time.Now())
	if err != nil {
		return nil, fmt.Errorf("ask proxy: %w", err)
	}
	return report, nil
}

func (f *HTTPFetcher) read(ctx context.Context, url string, bounds stats.Bounds) (raw []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	request.URL.RawQuery = stats.ParameterWindow + "=" + Window // the others are half of a report, and nobody reads them
	err = f.lines.ask(ctx, request, func(response *http.Response) (err error) {
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", response.StatusCode)
		}
		raw, err = bounds.Read(response.Body)
		return err
	})
	return raw, err
}
