package rates

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
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
	// keptText is that of a report that is many times as long as most.
	keptText = 64 << 10
)

// HTTPFetcher asks proxies over HTTP. Redirects are not followed, and no proxy of
// the environment is used. It is safe for concurrent use.
type HTTPFetcher struct {
	lines    lines
	decoding chan struct{}
	texts    sync.Pool // of *bytes.Buffer, empty
}

// NewHTTPFetcher returns an HTTPFetcher.
func NewHTTPFetcher() *HTTPFetcher {
	return &HTTPFetcher{decoding: make(chan struct{}, decoders), texts: sync.Pool{New: func() any { return &bytes.Buffer{} }}}
}

// Fetch implements Fetcher. It takes 2 s at most, and as much memory as bounds allow.
func (f *HTTPFetcher) Fetch(ctx context.Context, url string, bounds stats.Bounds) (*stats.Report, error) {
	text := f.texts.Get().(*bytes.Buffer)
	defer f.giveBack(text)
	if err := f.read(ctx, url, bounds, text); err != nil {
		return nil, fmt.Errorf("ask proxy: %w", err)
	}
	f.decoding <- struct{}{} // for milliseconds: nothing is waited for within
	defer func() { <-f.decoding }()
	report, err := bounds.Decode(text.Bytes(), time.Now())
	if err != nil {
		return nil, fmt.Errorf("ask proxy: %w", err)
	}
	return report, nil
}

// giveBack keeps the room of a text for the next one. That of the longest is let go of.
func (f *HTTPFetcher) giveBack(text *bytes.Buffer) {
	if text.Cap() <= keptText {
		text.Reset()
		f.texts.Put(text)
	}
}

func (f *HTTPFetcher) read(ctx context.Context, url string, bounds stats.Bounds, into *bytes.Buffer) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.URL.RawQuery = stats.ParameterWindow + "=" + Window // the others are half of a report, and nobody reads them
	return f.lines.ask(ctx, request, func(response *http.Response) error {
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", response.StatusCode)
		}
		return bounds.ReadInto(into, response.Body)
	})
}
