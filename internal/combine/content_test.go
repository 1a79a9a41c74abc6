package combine

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// Case A12 of the field.
func TestA12CharsetsAndByteOrderMarks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, contentType, body, want string
	}{
		{"ISO-8859-1 is kept byte for byte", "text/plain; charset=ISO-8859-1", "caf\xe9", `"bodyBase64":"Y2Fm6Q=="`},
		{"ISO-8859-1 that looks like UTF-8 is not taken for it", "text/plain; charset=iso-8859-1", "\xc3\xa9", `"bodyBase64":"w6k="`},
		{"ISO-8859-1 of ASCII alone is text", "text/plain; charset=iso-8859-1", "cafe\n", `"body":"cafe\n"`},
		{"ISO-2022-JP hides in ASCII", "text/plain; charset=iso-2022-jp", "\x1b$B", `"bodyBase64":"GyRC"`},
		{"undeclared ISO-8859-1 is kept", "text/plain", "caf\xe9", `"bodyBase64":"Y2Fm6Q=="`},
		{"UTF-8 is text", `text/plain; Charset="UTF-8"`, "café", `"body":"café"`},
		{"text keeps its mark", "text/plain", "\xef\xbb\xbfx", `"body":"` + "\ufeff" + `x"`},
		{"JSON with a mark is JSON", "application/json", "\xef\xbb\xbf{}", `"body":{}`},
		{"JSON has no charset", "application/json; charset=iso-8859-1", `{"é":1}`, `"body":{"é":1}`},
		{"JSON in ISO-8859-1 is none", "application/json; charset=iso-8859-1", "\"\xe9\"", `"bodyBase64":"Iuki"`},
		{"JSON in UTF-16 is none", "application/json", "\xff\xfe{\x00}\x00", `"bodyBase64":"//57AH0A"`},
		{"no type and JSON is JSON", "", "[1]", `"body":[1]`},
		{"no type and no JSON is text", "", "hello", `"body":"hello"`},
		{"a suffix means JSON", "application/vnd.api+JSON", "[1]", `"body":[1]`},
		{"text/json is JSON", "Text/JSON", "[1]", `"body":[1]`},
		{"a broken parameter does not matter", "application/json; charset", "[1]", `"body":[1]`},
		{"JSON under another type is text", "text/plain", "[1]", `"body":"[1]"`},
		{"JSON that is none is text", "application/json", `{"a":NaN}`, `"body":"{\"a\":NaN}"`},
		{"control characters are escaped", "text/plain", "\x00\x1f\"\\\r\t", `"body":"\u0000\u001f\"\\\r\t"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := New(parseRoute("").options([]string{"a"}))
			a := fanout.Answer{Outcome: fanout.Succeeded, Status: 200, Header: map[string][]string{}, Body: []byte(test.body)}
			if test.contentType != "" {
				a.Header.Set("Content-Type", test.contentType)
			}
			c.Check(0, &a, testkit.Account())
			got := string(c.Combine(&fanout.Result{Memory: testkit.Account(), Answers: []fanout.Answer{a}, Deciding: -1}, nil).Body)
			if !strings.HasSuffix(got, test.want+"}}}") {
				t.Errorf("%s does not end in %s", got, test.want)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("not JSON: %s", got)
			}
		})
	}
}

func nested(depth int) string {
	return strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

const byteOrderMark = "\xef\xbb\xbf"
