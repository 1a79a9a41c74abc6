package combine

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// Case A2 of the field.
func TestA2EmptySuccessesContributeNothing(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"200 application/json", "201 application/json", "202", "204", "205", "206 application/json"} {
		for kind, want := range map[string]string{
			"Envelope": `"empty":{"outcome":"succeeded","status":` + status[:3],
			"Merge":    `{"full":1}`, "Group": `{"empty":null,"full":{"full":1}}`,
		} {
			got := parseRoute("type="+kind).play(t, "empty: "+status, "full: 200")
			if got.Status != 200 || got.Header.Get("Fanout-Outcome") != "complete" || !strings.Contains(string(got.Body), want) {
				t.Errorf("%s of %s: %d %s", kind, status, got.Status, got.Body)
			}
		}
	}
}

// Case A2 of the field.
func TestA2NotModifiedIsTheBackendsOwnAnswer(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"First", "Primary"} {
		c := New(parseRoute("type=" + kind).options([]string{"a"}))
		for _, status := range []int{http.StatusNotModified, http.StatusNoContent, http.StatusResetContent} {
			a := fanout.Answer{Outcome: fanout.Succeeded, Status: status, Header: http.Header{"Etag": {`"x"`}}, Body: []byte("must not be sent")}
			c.Check(0, &a, testkit.Account())
			got := c.Combine(&fanout.Result{Memory: testkit.Account(), Answers: []fanout.Answer{a}, Deciding: -1}, nil)
			if got.Status != status || len(got.Body) != 0 || got.Header.Get("Etag") != `"x"` {
				t.Errorf("%s: %d %q %v", kind, got.Status, got.Body, got.Header)
			}
		}
	}
}

// A response of 205 has no content (RFC 9110, section 15.3.6): what a backend sends with it
// all the same is dropped with the fields about it, but for those that say which state the
// resource is in.
func TestResetContentKeepsNoFieldsOfContentThatIsDropped(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"First", "Primary"} {
		c := New(parseRoute("type=" + kind).options([]string{"a"}))
		for body, want := range map[string]string{"dropped": "", "": "text/plain"} {
			h := http.Header{"Content-Type": {"text/plain"}, "Etag": {`"x"`}, "X-Kept": {"y"}}
			a := fanout.Answer{Outcome: fanout.Succeeded, Status: http.StatusResetContent, Header: h, Body: []byte(body)}
			got := c.Combine(&fanout.Result{Memory: testkit.Account(), Answers: []fanout.Answer{a}, Deciding: -1}, nil).Header
			if got.Get("Content-Type") != want || got.Get("Etag") != `"x"` || got.Get("X-Kept") != "y" {
				t.Errorf("%s of the body %q: %v", kind, body, got)
			}
		}
	}
}

// Case A10 of the field.
func TestA10OneBackendHasTheSameShape(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{
		"Envelope": `{"outcome":"complete","backends":{"a":{"outcome":"succeeded","status":200,"contentType":"application/json","body":{"a":1}}}}`,
		"Group":    `{"a":{"a":1}}`, "Merge": `{"a":1}`, "First": `{"a":1}`, "Primary": `{"a":1}`,
	} {
		if got := parseRoute("type="+kind).play(t, "a: 200"); string(got.Body) != want || got.Status != 200 {
			t.Errorf("%s: %d %s", kind, got.Status, got.Body)
		}
	}
}

func TestContentEncodingIsUncombinable(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Envelope", "Merge", "Group", "First", "Primary"} {
		for _, encoding := range []string{"gzip", " GZip ", "identity, gzip", "identity", ""} {
			c := New(parseRoute("type=" + kind).options([]string{"a"}))
			a := fanout.Answer{Outcome: fanout.Succeeded, Status: 200, Header: http.Header{"Content-Encoding": {"identity", encoding}}, Body: []byte("{}")}
			c.Check(0, &a, testkit.Account())
			combined := kind != "First" && kind != "Primary"
			if want := combined && strings.Contains(strings.ToLower(encoding), "gzip"); want != (a.Outcome == fanout.Failed) {
				t.Errorf("%s of %q: %s", kind, encoding, a.Outcome)
			}
		}
	}
}

// entry is what a client reads of a backend.
type envelopeEntry struct {
	Outcome, Reason, ContentType string
	Status                       int
	Headers                      map[string][]string
	Body                         json.RawMessage
	BodyBase64                   *string
}

func FuzzEnvelopeIsNeverForged(f *testing.F) {
	for _, seed := range []string{`1},"b":{`, `{}`, `{"outcome":"failed"}`, "\xff", "\xef\xbb\xbf[1]", `"`, `\`, "NaN", "1 2", "{} //", nested(513)} {
		f.Add([]byte(seed), "application/json", `x"},"c":{`)
		f.Add([]byte(seed), "text/plain; charset=latin1", "")
		f.Add([]byte(seed), `"}`, "\xff")
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType, field string) {
		c := New(parseRoute("headersFromBackends=X-Field").options([]string{"a", "b"}))
		header := http.Header{"Content-Type": {contentType}, "X-Field": {field}}
		answers := []fanout.Answer{
			{Outcome: fanout.Succeeded, Status: 200, Header: header, Body: body},
			{Outcome: fanout.Failed, Reason: fanout.Status, Status: 500, Header: header, Body: body},
		}
		for i := range answers {
			c.Check(i, &answers[i], testkit.Account())
		}
		response := c.Combine(&fanout.Result{Memory: testkit.Account(), Outcome: fanout.Partial, Answers: answers, Deciding: -1}, nil)
		checkKeys(t, response.Body, "outcome", "backends")
		var got struct {
			Outcome  string
			Backends json.RawMessage
		}
		if err := json.Unmarshal(response.Body, &got); err != nil || got.Outcome != "partial" {
			t.Fatalf("%v: %s", err, response.Body)
		}
		checkKeys(t, got.Backends, "a", "b")
		var entries map[string]envelopeEntry
		if err := json.Unmarshal(got.Backends, &entries); err != nil {
			t.Fatal(err)
		}
		checkEntry(t, entries["a"], &answers[0])
		checkEntry(t, entries["b"], &answers[1])
	})
}

// checkKeys asserts that an object has these members and no duplicates.
func checkKeys(t *testing.T, object []byte, want ...string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(object))
	var keys []string
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("%v: %s", err, object)
		}
		if delim, ok := token.(json.Delim); ok {
			if depth++; delim == '}' {
				break
			}
			continue
		}
		key, _ := token.(string)
		keys = append(keys, key)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatalf("%v: %s", err, object)
		}
	}
	if !slices.Equal(keys, want) {
		t.Fatalf("members %q, not %q", keys, want)
	}
}

// checkEntry asserts that an entry is what the answer says, and its body what the
// backend sent.
func checkEntry(t *testing.T, got envelopeEntry, a *fanout.Answer) {
	t.Helper()
	if got.Outcome != a.Outcome.String() || got.Reason != a.Reason.String() || got.Status != a.Status {
		t.Fatalf("forged: %+v", got)
	}
	switch {
	case got.BodyBase64 != nil:
		if decoded, err := base64.StdEncoding.DecodeString(*got.BodyBase64); err != nil || !bytes.Equal(decoded, a.Body) || got.Body != nil {
			t.Fatalf("body %q of %q", *got.BodyBase64, a.Body)
		}
	case got.Body == nil:
		if parsed := checked(a); len(a.Body) > 0 && parsed.kind != tooDeep {
			t.Fatalf("no body of %q", a.Body)
		}
	default:
		own := bytes.TrimSpace(bytes.TrimPrefix(a.Body, []byte(byteOrderMark)))
		if bytes.Equal(got.Body, own) {
			return
		}
		var s string
		if err := json.Unmarshal(got.Body, &s); err != nil || s != string(a.Body) {
			t.Fatalf("body %s of %q", got.Body, a.Body)
		}
	}
}
