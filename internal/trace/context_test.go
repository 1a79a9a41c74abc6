package trace_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/trace"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// What is read of a Traceparent (W3C Trace Context, section 3.2.2), and what is not.
func TestContextOfARequest(t *testing.T) {
	t.Parallel()
	const ids = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"
	for name, row := range map[string]struct {
		values  []string
		known   bool
		sampled bool
	}{
		"sampled":                            {[]string{parent}, true, true},
		"not sampled":                        {[]string{"00-" + ids + "-00"}, true, false},
		"flags that nobody knows":            {[]string{"00-" + ids + "-fe"}, true, false},
		"random, and sampled":                {[]string{"00-" + ids + "-03"}, true, true},
		"a later version":                    {[]string{"cc-" + ids + "-01"}, true, true},
		"a later version with more":          {[]string{"cc-" + ids + "-01-what"}, true, true},
		"a later version, and no dash":       {[]string{"cc-" + ids + "-01.what"}, false, false},
		"version 00 with more":               {[]string{parent + "-what"}, false, false},
		"version ff":                         {[]string{"ff-" + ids + "-01"}, false, false},
		"none":                               {nil, false, false},
		"two":                                {[]string{parent, parent}, false, false},
		"nothing":                            {[]string{""}, false, false},
		"upper case":                         {[]string{strings.ToUpper(parent)}, false, false},
		"no hexadecimal digits":              {[]string{"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"}, false, false},
		"no trace":                           {[]string{"00-00000000000000000000000000000000-00f067aa0ba902b7-01"}, false, false},
		"no span":                            {[]string{"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"}, false, false},
		"cut off":                            {[]string{parent[:54]}, false, false},
		"other separators":                   {[]string{strings.ReplaceAll(parent, "-", "_")}, false, false},
		"a version that is no number":        {[]string{"0x-" + ids + "-01"}, false, false},
		"flags that are no number":           {[]string{"00-" + ids + "-0x"}, false, false},
		"white space, which a field has not": {[]string{" " + parent}, false, false},
	} {
		c := trace.Of(http.Header{trace.Parent: row.values})
		if c.Known() != row.known || c.Sampled() != row.sampled {
			t.Errorf("%s: known %v, sampled %v; want %v, %v", name, c.Known(), c.Sampled(), row.known, row.sampled)
		}
	}
}

// What goes on has the trace and the flags as they came, and a span of its own.
func TestTraceparentOfASpan(t *testing.T) {
	t.Parallel()
	c := trace.Of(http.Header{trace.Parent: {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-what"}})
	if got, want := c.Traceparent(trace.SpanID{1, 2, 3, 4, 5, 6, 7, 0xff}), "00-4bf92f3577b34da6a3ce929d0e0e4736-01020304050607ff-03"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if c.Trace.String() != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("the trace is %s", c.Trace)
	}
}

func FuzzContext(f *testing.F) {
	f.Add(parent)
	f.Add("cc" + parent[2:] + "-more")
	f.Fuzz(func(t *testing.T, text string) {
		c := trace.Of(http.Header{trace.Parent: {text}})
		if !c.Known() {
			return
		}
		if again := trace.Of(http.Header{trace.Parent: {c.Traceparent(c.Span)}}); again != c {
			t.Errorf("%q is %+v, and written again %+v", text, c, again)
		}
	})
}
