package backend

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/h2"
)

// unprocessing proves so many times to have done nothing, by an error.
type unprocessing struct {
	times  int
	proof  error
	bodies []string
}

// RoundTrip implements http.RoundTripper.
func (u *unprocessing) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	u.bodies = append(u.bodies, string(body))
	if len(u.bodies) <= u.times {
		return nil, u.proof
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// P9, for token endpoints: their requests are repeated, too, body included, as often as
// those to backends, and at once where it is the first time.
func TestP9TokenRequestsAreRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		over, end := context.WithCancel(t.Context())
		end()
		var once func() (io.ReadCloser, error)
		lost := func() (io.ReadCloser, error) { return nil, errBroken }
		again := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("grant")), nil }
		for name, row := range map[string]struct {
			ctx   context.Context // of a row
			proof error
			body  func() (io.ReadCloser, error)
			times int
			asked int
			ok    bool
		}{
			"done":                         {t.Context(), nil, again, 0, 1, true},
			"not processed":                {t.Context(), h2.UnprocessedError{}, again, 2, 3, true},
			"not processed, often":         {t.Context(), h2.UnprocessedError{}, again, 16, 17, true},
			"not processed, too often":     {t.Context(), h2.UnprocessedError{}, again, 17, 17, false},
			"not sent":                     {t.Context(), h1.UnsentError{Err: errBroken}, again, 1, 2, true},
			"perhaps processed":            {t.Context(), errBroken, again, 1, 1, false},
			"a body that was there once":   {t.Context(), h2.UnprocessedError{}, once, 1, 1, false},
			"a body that is gone":          {t.Context(), h2.UnprocessedError{}, lost, 1, 1, false},
			"nobody waits for it any more": {over, h2.UnprocessedError{}, again, 1, 1, false},
		} {
			r, err := http.NewRequestWithContext(row.ctx, http.MethodPost, "http://tokens/", strings.NewReader("grant"))
			if err != nil {
				t.Fatal(err)
			}
			r.GetBody = row.body
			u := &unprocessing{times: row.times, proof: row.proof}
			begun := time.Now()
			response, err := repeated{u}.RoundTrip(r)
			if err == nil {
				_ = response.Body.Close()
			}
			if all := strings.Repeat("grant", row.asked); (err == nil) != row.ok || strings.Join(u.bodies, "") != all {
				t.Errorf("%s: asked with %q, ok %v", name, u.bodies, err == nil)
			}
			if took := time.Since(begun); row.times <= 1 && took > 0 {
				t.Errorf("%s: waited for %v", name, took)
			}
		}
	})
}
