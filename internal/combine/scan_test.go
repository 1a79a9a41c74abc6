package combine

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fanout-operator/fanout/internal/fanout"
)

func nested(depth int) string {
	return strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, body string
		kind       kind
		value      string
	}{
		{"space around the value is dropped", " \r\n\t{ \"a\" : 1 }\n ", jsonValue, `{ "a" : 1 }`},
		{"a byte-order mark is dropped", "\xef\xbb\xbf[1]", jsonValue, "[1]"},
		{"two byte-order marks are one too many", "\xef\xbb\xbf\xef\xbb\xbf[1]", text, ""},
		{"space before a byte-order mark is no JSON", " \xef\xbb\xbf[1]", text, ""},
		{"null is a value", "null", jsonValue, "null"},
		{"a number keeps its digits", "-0.10E+20", jsonValue, "-0.10E+20"},
		{"NaN is none", "NaN", text, ""},
		{"a plus sign is none", "+1", text, ""},
		{"a leading zero is none", "01", text, ""},
		{"a number must not end in its middle", "1.", text, ""},
		{"an exponent needs digits", "1e+", text, ""},
		{"two values are none", "{}{}", text, ""},
		{"what follows spoils it", "{} x", text, ""},
		{"a body that would forge is none", `1},"b":{`, text, ""},
		{"nothing but space is none", "  ", text, ""},
		{"an unfinished string is none", `"abc`, text, ""},
		{"an unfinished escape is none", `"\`, text, ""},
		{"an escape needs four digits", `"\u12g4"`, text, ""},
		{"a raw control character is none", "\"a\x1fb\"", text, ""},
		{"DEL is allowed", "\"\x7f\"", jsonValue, "\"\x7f\""},
		{"a lone surrogate's escape passes", `"\ud800"`, jsonValue, `"\ud800"`},
		{"a raw surrogate is no UTF-8", "\"\xed\xa0\x80\"", text, ""},
		{"an overlong form is no UTF-8", "\"12345678\xc0\xaf\"", text, ""},
		{"a cut rune is no UTF-8", "\"1234567\xe2\x82\"", text, ""},
		{"U+FFFD itself is UTF-8", "\"\uFFFD\"", jsonValue, "\"\uFFFD\""},
		{"runes across the words of the scanner", `"1234567é89012345"`, jsonValue, `"1234567é89012345"`},
		{"a key must be a string", `{1:1}`, text, ""},
		{"a key needs a colon", `{"a" 1}`, text, ""},
		{"a trailing comma is none", `[1,]`, text, ""},
		{"a trailing comma in an object is none", `{"a":1,}`, text, ""},
		{"the wrong bracket closes nothing", `[1}`, text, ""},
		{"512 levels pass", nested(512), jsonValue, nested(512)},
		{"513 levels do not", nested(513), tooDeep, ""},
		{"513 levels of objects do not", strings.Repeat(`{"a":`, 512) + "[]" + strings.Repeat("}", 512), tooDeep, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, s := range []scanner{{}, {record: true}} {
				if got := s.parse([]byte(test.body)); got.kind != test.kind || string(got.json) != test.value {
					t.Errorf("kind %d, value %q", got.kind, got.json)
				}
			}
		})
	}
}

// Objects inside arrays are never merged, and a small object inside a large array
// must not cost memory.
func TestTapeHoldsMembersOfObjectsInObjectsOnly(t *testing.T) {
	t.Parallel()
	s := scanner{record: true}
	c := s.parse([]byte(`{"a":{"b":1,"c":{}},"d":[{"e":1}],"f":{"g":2}}`))
	var keys []string
	for _, m := range c.tape {
		keys = append(keys, string(c.json[m.key:m.keyEnd]))
	}
	if got := strings.Join(keys, ""); got != `"a""b""c""d""f""g"` {
		t.Errorf("keys %s", got)
	}
	if c.tape[0].next != 3 || c.tape[3].next != 4 || c.tape[4].next != 6 {
		t.Errorf("wrong successors: %v", c.tape)
	}
}

func FuzzScannerAgreesWithEncodingJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-2.5e+3,true,false,null,"x\u00e9\ud83d\ude00"],"":{}}`, `1},"b":{`, "[1 ,2]", "\"\xff\"", `"\ud800"`, nested(600), "NaN",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if bytes.HasPrefix(body, []byte(byteOrderMark)) {
			return
		}
		s := scanner{record: true}
		got := s.parse(body)
		if got.kind == tooDeep {
			return
		}
		// json.Valid takes any bytes inside of strings.
		if want := json.Valid(body) && utf8.Valid(body); want != (got.kind == jsonValue) {
			t.Fatalf("JSON: %t, but kind %d: %q", want, got.kind, body)
		}
		if got.kind == jsonValue && !bytes.Equal(got.json, bytes.Trim(body, " \t\r\n")) {
			t.Fatalf("the value of %q is %q", body, got.json)
		}
	})
}

func FuzzKeysDecodeAsEncodingJSONDoes(f *testing.F) {
	f.Add([]byte(`"a\u0062\n\"\\\/\ud83d\ude00"`))
	f.Add([]byte(`"\ud83d\u0041"`))
	f.Add([]byte(`"\b\f\n\r\t\u00aF"`))
	f.Fuzz(func(t *testing.T, key []byte) {
		if !utf8.Valid(key) || len(key) == 0 || key[0] != '"' || scanString(key, 0) != len(key) {
			return
		}
		var want string
		if err := json.Unmarshal(key, &want); err != nil {
			t.Fatal(err)
		}
		// A lone surrogate is kept apart from U+FFFD, which encoding/json makes of it.
		if got := decodeKey(key); utf8.Valid(got) && string(got) != want {
			t.Fatalf("%s is %q, not %q", key, got, want)
		}
	})
}

func TestLoneSurrogatesAreKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	keys := map[string]string{}
	for _, key := range []string{`"\ud800"`, `"\ud801"`, `"\udc00"`, "\"\uFFFD\"", `"\ud800\ud800"`} {
		plain := string(decodeKey([]byte(key)))
		if other, ok := keys[plain]; ok {
			t.Errorf("%s and %s are one key", key, other)
		}
		keys[plain] = key
	}
}

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
			c.Check(0, &a)
			got := string(c.Combine(&fanout.Result{Answers: []fanout.Answer{a}, Deciding: -1}, nil).Body)
			if !strings.HasSuffix(got, test.want+"}}}") {
				t.Errorf("%s does not end in %s", got, test.want)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("not JSON: %s", got)
			}
		})
	}
}
