package backend

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/h2"
)

// repeated repeats what the server is proved to have done nothing with, for who makes no
// attempts of his own.
type repeated struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (r repeated) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	request = request.WithContext(h1.Careful(ctx))
	for n := 0; ; n++ {
		response, err := r.RoundTripper.RoundTrip(request)
		if !untouched(err) || n == maxUnprocessed || request.GetBody == nil {
			return response, err
		}
		again := *request.WithContext(h1.Fresh(ctx))
		if again.Body, err = request.GetBody(); err != nil || !sleep(ctx, pause(n)) {
			return nil, fmt.Errorf("repeat: %w", errors.Join(err, ctx.Err()))
		}
		request = &again
	}
}

// untouched reports whether an error proves that the server did nothing with a request on
// the connection that it had.
func untouched(err error) bool {
	if _, ok := errors.AsType[h1.UnsentError](err); ok {
		return true
	}
	_, ok := errors.AsType[h2.UnprocessedError](err)
	return ok
}
