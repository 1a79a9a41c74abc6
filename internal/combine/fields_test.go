package combine

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// Case A7 of the field.
func TestA7RepeatedFieldsSurvive(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Envelope", "Merge", "Group", "First", "Primary"} {
		r := parseRoute("type=" + kind + " policy=BestEffort headersFromBackends=set-cookie,X-Order-Id,SET-COOKIE")
		got := r.play(t, "a: 200 Set-Cookie=x=1 Set-Cookie=y=2 X-Order-Id=7", "b: 200 Set-Cookie=x=3", "c: 500 Set-Cookie=z=4")
		want := []string{"x=1", "y=2"}
		if kind != "First" && kind != "Primary" {
			want = append(want, "x=3")
		}
		if !slices.Equal(got.Header["Set-Cookie"], want) || !slices.Equal(got.Header["X-Order-Id"], []string{"7"}) {
			t.Errorf("%s: %v", kind, got.Header)
		}
		if kind == "Envelope" {
			for _, want := range []string{`"headers":{"Set-Cookie":["x=1","y=2"],"X-Order-Id":["7"]}`, `"headers":{"Set-Cookie":["z=4"]}`} {
				if !strings.Contains(string(got.Body), want) {
					t.Errorf("%s lacks %s", got.Body, want)
				}
			}
		}
	}
}

// What speaks about one body or one connection would be a lie about another.
func TestCombinedResponsesRefuseFields(t *testing.T) {
	t.Parallel()
	names := []string{
		"connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
		"HTTP2-Settings", "Date", "ETag", "Location", "content-length", "Content-Type", "Content-Encoding", "Fanout-Outcome",
		"fanout-backends", "Last-Modified", "Accept-Ranges", "Digest", "Repr-Digest", "Signature", "Signature-Input", "X-Named", "X-Kept",
	}
	header := http.Header{}
	for _, name := range names {
		header.Set(name, "evil")
	}
	header.Set("Connection", "close, x-named")
	header.Set("Content-Type", "application/json")
	header.Del("Content-Encoding")
	c := New(parseRoute("type=Group headersFromBackends=" + strings.Join(names, ",")).options([]string{"a"}))
	a := fanout.Answer{Outcome: fanout.Succeeded, Status: 200, Header: header, Body: []byte("{}"), Attempts: 1}
	c.Check(0, &a, testkit.Account())
	got := c.Combine(&fanout.Result{Memory: testkit.Account(), Answers: []fanout.Answer{a}, Deciding: -1}, nil).Header
	want := http.Header{
		"Content-Type": {"application/json"}, "X-Kept": {"evil"}, "Fanout-Outcome": {"complete"},
		"Fanout-Backends": {"a;outcome=succeeded;status=200;ms=0;attempts=1"},
	}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
	for name := range want {
		if !slices.Equal(got[name], want[name]) {
			t.Errorf("%s: %q", name, got[name])
		}
	}
}

func TestSinglesPassEndToEndFieldsOnly(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"First", "Primary"} {
		got := parseRoute("type="+kind).play(t, "a: 200 ETag=x Date=y Keep-Alive=z=1 Fanout-Outcome=forged Connection=X-Named=1 Location=/l text/html <p>")
		for name, want := range map[string]string{
			"Etag": "x", "Date": "y", "Location": "/l", "Content-Type": "text/html", "Fanout-Outcome": "complete",
			"Keep-Alive": "", "Connection": "",
		} {
			if got.Header.Get(name) != want {
				t.Errorf("%s: %s is %q", kind, name, got.Header[name])
			}
		}
		if string(got.Body) != "<p>" {
			t.Errorf("%s: %q", kind, got.Body)
		}
	}
}
