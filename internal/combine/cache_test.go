package combine

import (
	"net/http"
	"testing"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// What may be kept of a combined response is what may be kept of each part.
func TestCaching(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name        string
		one, two    http.Header
		failed      bool
		cache, vary string
	}{
		{"the shorter age", http.Header{"Cache-Control": {"max-age=60, public"}}, http.Header{"Cache-Control": {"public, max-age=30"}}, false, "public, max-age=30", ""},
		{"public alone is not enough", http.Header{"Cache-Control": {"public, max-age=60"}}, http.Header{"Cache-Control": {"max-age=60"}}, false, "max-age=60", ""},
		{"private of one", http.Header{"Cache-Control": {"private, max-age=60"}}, http.Header{"Cache-Control": {"public, max-age=90"}}, false, "private, max-age=60", ""},
		{"no-store of one", http.Header{"Cache-Control": {"max-age=60"}}, http.Header{"Cache-Control": {"No-Store"}}, false, "no-store", ""},
		{"no-cache of one", http.Header{"Cache-Control": {"max-age=60"}}, http.Header{"Cache-Control": {"no-cache"}}, false, "no-cache", ""},
		{"nothing said by one", http.Header{"Cache-Control": {"max-age=60"}}, http.Header{}, false, "no-cache", ""},
		{"an age that is none", http.Header{"Cache-Control": {"max-age=60"}}, http.Header{"Cache-Control": {"max-age=soon"}}, false, "max-age=0", ""},
		{"no age but what is one", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"old"}}, http.Header{"Cache-Control": {"max-age=90"}, "Age": {""}}, false, "max-age=60", ""},
		{"a lifetime too large to count", http.Header{"Cache-Control": {"max-age=60"}}, http.Header{"Cache-Control": {"max-age=99999999999999999999"}}, false, "max-age=60", ""},
		{"an age too large to count", http.Header{"Cache-Control": {"max-age=60"}}, http.Header{"Cache-Control": {"max-age=60"}, "Age": {"99999999999999999999"}}, false, "max-age=0", ""},
		{"shared ages", http.Header{"Cache-Control": {"max-age=10, s-maxage=60"}}, http.Header{"Cache-Control": {"max-age=30, must-revalidate"}}, false, "max-age=10, s-maxage=30, must-revalidate", ""},
		{"two lines", http.Header{"Cache-Control": {"max-age=10", "private"}}, http.Header{"Cache-Control": {"max-age=30"}}, false, "private, max-age=10", ""},
		{"a part that has aged", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"50"}}, http.Header{"Cache-Control": {"max-age=30"}}, false, "max-age=10", ""},
		{"a part is missing", http.Header{"Cache-Control": {"max-age=60"}}, http.Header{"Cache-Control": {"max-age=60"}}, true, "no-store", ""},
		{"a cookie", http.Header{"Cache-Control": {"public, max-age=60"}, "Set-Cookie": {"a=1"}}, http.Header{"Cache-Control": {"public, max-age=60"}}, false, "private, max-age=60", ""},
		{"Vary is of all", http.Header{"Vary": {"Accept, X-A"}, "Cache-Control": {"max-age=1"}}, http.Header{"Vary": {"accept", "X-B"}, "Cache-Control": {"max-age=1"}}, false, "max-age=1", "Accept, X-A, X-B"},
		{"Vary by everything", http.Header{"Vary": {"Accept"}, "Cache-Control": {"max-age=1"}}, http.Header{"Vary": {"*"}, "Cache-Control": {"max-age=1"}}, false, "max-age=1", "*"},
	} {
		o := parseRoute("policy=BestEffort").options([]string{"one", "two"})
		o.HeadersFromBackends = []string{"cache-control", "Vary", "Set-Cookie"}
		c := New(o)
		r := &fanout.Result{Memory: testkit.Account(), Deciding: -1, Answers: []fanout.Answer{
			{Outcome: fanout.Succeeded, Status: 200, Header: row.one}, {Outcome: fanout.Succeeded, Status: 200, Header: row.two},
		}}
		if row.failed {
			r.Answers[1].Outcome, r.Outcome = fanout.Failed, fanout.Partial
		}
		h := c.Combine(r, nil).Header
		if h.Get("Cache-Control") != row.cache || h.Get("Vary") != row.vary || len(h["Cache-Control"]) != 1 {
			t.Errorf("%s: Cache-Control %q, Vary %q; want %q, %q", row.name, h["Cache-Control"], h["Vary"], row.cache, row.vary)
		}
	}
	o := parseRoute("").options([]string{"one"})
	o.HeadersFromBackends = []string{"Set-Cookie"}
	h := New(o).Combine(&fanout.Result{Memory: testkit.Account(), Deciding: -1, Answers: []fanout.Answer{
		{Outcome: fanout.Succeeded, Status: 200, Header: http.Header{"Set-Cookie": {"a=1", "b=2"}, "Cache-Control": {"public, max-age=60"}}},
	}}, nil).Header
	if h.Get("Cache-Control") != "private" || len(h["Set-Cookie"]) != 2 {
		t.Errorf("cookies alone: %v", h)
	}
}
