package combine

import (
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/problem"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	busy := func(after time.Duration) fanout.Answer {
		return fanout.Answer{Outcome: fanout.Failed, Reason: fanout.Status, Status: 429, RetryAfter: after}
	}
	rejected := func(after time.Duration) fanout.Answer {
		return fanout.Answer{Outcome: fanout.Rejected, Reason: fanout.RateLimited, RetryAfter: after}
	}
	for _, test := range []struct {
		name    string
		answers []fanout.Answer
		want    string
	}{
		{"a rejection says a second at least", []fanout.Answer{rejected(0)}, "1"},
		{"a part of a second is a whole one", []fanout.Answer{rejected(time.Second + 1)}, "2"},
		{"the longest of all", []fanout.Answer{rejected(3 * time.Second), rejected(2 * time.Second)}, "3"},
		{"busy backends that say nothing", []fanout.Answer{busy(0)}, "1"},
		{"busy backends that say something", []fanout.Answer{busy(0), busy(9 * time.Second)}, "9"},
		{"a day is the longest", []fanout.Answer{busy(1 << 60)}, "86400"},
		{"another failure among them", []fanout.Answer{rejected(time.Second), {Outcome: fanout.Failed, Reason: fanout.Reset}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			names := []string{"a", "b"}[:len(test.answers)]
			c := New(parseRoute("").options(names))
			got := c.Combine(&fanout.Result{Memory: testkit.Account(), Outcome: fanout.Unmet, Answers: test.answers, Deciding: -1}, nil)
			if got.Header.Get("Retry-After") != test.want {
				t.Errorf("%d, Retry-After %q", got.Status, got.Header["Retry-After"])
			}
		})
	}
}

// A single 401 of all backends is about our credentials; a client that saw it would
// look for a fault of its own.
func TestOnlyStatusesAboutTheCallPass(t *testing.T) {
	t.Parallel()
	passing := map[int]bool{400: true, 404: true, 409: true, 410: true, 412: true, 413: true, 415: true, 422: true, 429: true}
	for status := 300; status < 600; status++ {
		a := fanout.Answer{Outcome: fanout.Failed, Reason: fanout.Status, Status: status}
		c := New(parseRoute("").options([]string{"a", "b"}))
		want := 502
		if passing[status] {
			want = status
		} else if status == 503 {
			want = 503
		}
		if got := c.Combine(&fanout.Result{Memory: testkit.Account(), Outcome: fanout.Unmet, Answers: []fanout.Answer{a, a}, Deciding: -1}, nil); got.Status != want {
			t.Errorf("%d becomes %d, not %d", status, got.Status, want)
		}
	}
}

func TestPrimaryWithoutAWholeResponseIsAProblem(t *testing.T) {
	t.Parallel()
	for _, a := range []fanout.Answer{
		{Outcome: fanout.Failed, Reason: fanout.TooLarge, Status: 200},
		{Outcome: fanout.Failed, Reason: fanout.Reset, Status: 200},
		{Outcome: fanout.Failed, Reason: fanout.Connect},
		{Outcome: fanout.Canceled},
		{Outcome: fanout.Pending},
	} {
		c := New(parseRoute("type=Primary").options([]string{"a", "b"}))
		other := fanout.Answer{Outcome: fanout.Failed, Reason: fanout.Connect}
		got := c.Combine(&fanout.Result{Memory: testkit.Account(), Outcome: fanout.Unmet, Answers: []fanout.Answer{a, other}, Deciding: -1}, nil)
		if got.Status != 502 || got.Header.Get("Content-Type") != problem.ContentType {
			t.Errorf("%s %s: %d %s", a.Outcome, a.Reason, got.Status, got.Body)
		}
	}
}

// A policy that is met without an answer to pass makes a failed call and no more: neither a
// response that nobody gave, nor a fault that takes other calls along.
func TestNothingToPassIsAProblem(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"First", "Primary"} {
		c := New(parseRoute("type=" + kind).options([]string{"a"}))
		got := c.Combine(&fanout.Result{Memory: testkit.Account(), Outcome: fanout.Complete, Answers: []fanout.Answer{{Outcome: fanout.Skipped}}, Deciding: -1}, nil)
		if got.Status != 502 || got.Outcome != fanout.Unmet || got.Passed != -1 || got.Header.Get("Content-Type") != problem.ContentType {
			t.Errorf("%s: %d %s %s", kind, got.Status, got.Outcome, got.Body)
		}
	}
}

// P10: backends that are busy are told as they said it: 429 if all did, so that nobody
// repeats at once who would pass a 429 on, and always with a time.
func TestP10BusyBackends(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		answers []string
		status  int
		after   string
	}{
		{[]string{"a: 429"}, 429, "1"},
		{[]string{"a: 429", "b: 429"}, 429, "1"},
		{[]string{"a: 429 Retry-After=0", "b: 429"}, 429, "1"},
		{[]string{"a: 429 Retry-After=3", "b: 429 Retry-After=7"}, 429, "7"},
		{[]string{"a: 429 Retry-After=7", "b: skipped"}, 429, "7"},
		{[]string{"a: 503"}, 503, "1"},
		{[]string{"a: 503", "b: 503 Retry-After=5"}, 503, "5"},
		{[]string{"a: 429", "b: 503"}, 503, "1"},
		{[]string{"a: 503 Retry-After=2", "b: 429 Retry-After=9"}, 503, "9"},
		{[]string{"a: 429", "b: 404"}, 502, ""},
		{[]string{"a: 429", "b: timeout"}, 502, ""},
		{[]string{"a: 429 Retry-After=7", "b: 500 Retry-After=7"}, 502, ""},
	} {
		for _, kind := range []string{"Envelope", "Merge", "Group", "First"} {
			for _, policy := range []string{"All", "Any", "Quorum quorum=1", "BestEffort"} {
				words := "stragglers=Wait type=" + kind + " policy=" + policy
				got := parseRoute(words).play(t, row.answers...)
				if got.Status != row.status || got.Header.Get("Retry-After") != row.after {
					t.Errorf("%s of %q: %d, Retry-After %q; want %d, %q", words, row.answers, got.Status, got.Header.Get("Retry-After"), row.status, row.after)
				}
			}
		}
	}
}
