package backend

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/fanout-operator/fanout/internal/h2"
)

// unprocessing proves so many times to have done nothing.
type unprocessing struct {
	times  int
	bodies []string
}

// RoundTrip implements http.RoundTripper.
func (u *unprocessing) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	u.bodies = append(u.bodies, string(body))
	if len(u.bodies) <= u.times {
		return nil, h2.UnprocessedError{}
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// P9, for token endpoints: their requests are repeated, too, body included, as often as
// those to backends.
func TestP9TokenRequestsAreRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			times, asked int
			once, ok     bool
		}{{0, 1, false, true}, {2, 3, false, true}, {16, 17, false, true}, {17, 17, false, false}, {1, 1, true, false}} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://tokens/", strings.NewReader("grant"))
			if err != nil {
				t.Fatal(err)
			}
			if row.once {
				r.GetBody = nil
			}
			u := &unprocessing{times: row.times}
			response, err := repeated{u}.RoundTrip(r)
			if err == nil {
				_ = response.Body.Close()
			}
			if all := strings.Repeat("grant", row.asked); (err == nil) != row.ok || strings.Join(u.bodies, "") != all {
				t.Errorf("%+v: asked with %q, ok %v", row, u.bodies, err == nil)
			}
		}
	})
}
