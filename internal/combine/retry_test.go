package combine

import (
	"slices"
	"testing"
)

// Q11: a client is told not to repeat a call that failed after a part of it, by a method
// that is not safe, was done or may yet be, whoever was faster, and whatever the type.
func TestQ11FailedCallsThatHaveDoneSomethingAreNotRepeated(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, words string
		lines       []string
		forbidden   bool
	}{
		{"a write and a failure", "method=POST", []string{"a: 200", "b: 500"}, true},
		{"a failure, and a write that goes on", "method=POST", []string{"a: after 90ms 200", "b: 500"}, true},
		{"a failure, and a write that was stopped", "method=POST stragglers=Cancel", []string{"a: after 90ms 200", "b: 500"}, true},
		{"writes that cannot be told", "method=PUT type=Merge onConflict=Error", []string{`a: 200 application/json {"a":1}`, `b: 200 application/json {"a":2}`}, true},
		{"a write whose answer does not fit", "method=PATCH type=Merge", []string{"a: 200 text/plain x"}, true},
		{"deleted, and no other", "method=DELETE policy=Quorum quorum=2 stragglers=Wait", []string{"a: 204", "b: timeout", "c: connect"}, true},
		{"the primary's own failure", "method=POST type=Primary primary=b", []string{"a: 201", "b: 422"}, true},
		{"what the primary says of it itself", "method=POST type=Primary primary=b", []string{"a: 201", "b: 503 X-Should-Retry=true"}, true},
		{"nothing shown", "method=POST diagnostics=None", []string{"a: 200", "b: 500"}, true},

		{"reads", "method=GET", []string{"a: 200", "b: 500"}, false},
		{"only heads", "method=HEAD", []string{"a: 200", "b: 500"}, false},
		{"failures alone", "method=POST stragglers=Wait", []string{"a: 500", "b: timeout"}, false},
		{"refused before anything was sent", "method=POST", []string{"a: 200", "b: rateLimited 1s"}, false},
		{"for nobody", "method=POST", []string{"a: skipped"}, false},
		{"a part is what was asked for", "method=POST policy=BestEffort", []string{"a: 200", "b: 500"}, false},
		{"all of it", "method=POST", []string{"a: 200", "b: 200"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := parseRoute(row.words).play(t, row.lines...)
			var want []string
			if row.forbidden {
				want = []string{"false"}
			}
			if got := r.Header["X-Should-Retry"]; !slices.Equal(got, want) {
				t.Errorf("%d %s, X-Should-Retry is %q, want %q", r.Status, r.Outcome, got, want)
			}
		})
	}
}
