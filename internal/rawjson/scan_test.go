package rawjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func nested(depth int) string {
	return strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

func TestScan(t *testing.T) {
	t.Parallel()
	const json, none, tooDeep = "JSON", "none", "too deep"
	for _, test := range []struct {
		name, body string
		kind       string
		value      string
	}{
		{"space around the value is dropped", " \r\n\t{ \"a\" : 1 }\n ", json, `{ "a" : 1 }`},
		{"a byte-order mark is dropped", "\xef\xbb\xbf[1]", json, "[1]"},
		{"two byte-order marks are one too many", "\xef\xbb\xbf\xef\xbb\xbf[1]", none, ""},
		{"space before a byte-order mark is no JSON", " \xef\xbb\xbf[1]", none, ""},
		{"null is a value", "null", json, "null"},
		{"a number keeps its digits", "-0.10E+20", json, "-0.10E+20"},
		{"NaN is none", "NaN", none, ""},
		{"a plus sign is none", "+1", none, ""},
		{"a leading zero is none", "01", none, ""},
		{"a number must not end in its middle", "1.", none, ""},
		{"an exponent needs digits", "1e+", none, ""},
		{"two values are none", "{}{}", none, ""},
		{"what follows spoils it", "{} x", none, ""},
		{"a body that would forge is none", `1},"b":{`, none, ""},
		{"nothing but space is none", "  ", none, ""},
		{"an unfinished string is none", `"abc`, none, ""},
		{"an unfinished escape is none", `"\`, none, ""},
		{"an escape needs four digits", `"\u12g4"`, none, ""},
		{"a raw control character is none", "\"a\x1fb\"", none, ""},
		{"DEL is allowed", "\"\x7f\"", json, "\"\x7f\""},
		{"a lone surrogate's escape passes", `"\ud800"`, json, `"\ud800"`},
		{"a raw surrogate is no UTF-8", "\"\xed\xa0\x80\"", none, ""},
		{"an overlong form is no UTF-8", "\"12345678\xc0\xaf\"", none, ""},
		{"a cut rune is no UTF-8", "\"1234567\xe2\x82\"", none, ""},
		{"U+FFFD itself is UTF-8", "\"\uFFFD\"", json, "\"\uFFFD\""},
		{"runes across the words of the scanner", `"1234567é89012345"`, json, `"1234567é89012345"`},
		{"a key must be a string", `{1:1}`, none, ""},
		{"a key needs a colon", `{"a" 1}`, none, ""},
		{"a trailing comma is none", `[1,]`, none, ""},
		{"a trailing comma in an object is none", `{"a":1,}`, none, ""},
		{"the wrong bracket closes nothing", `[1}`, none, ""},
		{"512 levels pass", nested(512), json, nested(512)},
		{"513 levels do not", nested(513), tooDeep, ""},
		{"513 levels of objects do not", strings.Repeat(`{"a":`, 512) + "[]" + strings.Repeat("}", 512), tooDeep, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, s := range []Scanner{{}, {Record: true}} {
				value, ok := s.Scan([]byte(test.body))
				if ok != (test.kind == json) || s.TooDeep != (test.kind == tooDeep) || string(value) != test.value {
					t.Errorf("JSON: %t, too deep: %t, value %q", ok, s.TooDeep, value)
				}
			}
		})
	}
}

// Objects inside arrays are never merged, and a small object inside a large array
// must not cost memory.
func TestTapeHoldsMembersOfObjectsInObjectsOnly(t *testing.T) {
	t.Parallel()
	s := Scanner{Record: true}
	value, _ := s.Scan([]byte(`{"a":{"b":1,"c":{}},"d":[{"e":1}],"f":{"g":2}}`))
	var keys []string
	for _, m := range s.Tape {
		keys = append(keys, string(value[m.Key:m.KeyEnd]))
	}
	if got := strings.Join(keys, ""); got != `"a""b""c""d""f""g"` {
		t.Errorf("keys %s", got)
	}
	if s.Tape[0].Next != 3 || s.Tape[3].Next != 4 || s.Tape[4].Next != 6 {
		t.Errorf("wrong successors: %v", s.Tape)
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
		s := Scanner{Record: true}
		value, ok := s.Scan(body)
		if s.TooDeep {
			return
		}
		// json.Valid takes any bytes inside of strings.
		if want := json.Valid(body) && utf8.Valid(body); want != ok {
			t.Fatalf("JSON: %t, but scanned: %t: %q", want, ok, body)
		}
		if ok && !bytes.Equal(value, bytes.Trim(body, " \t\r\n")) {
			t.Fatalf("the value of %q is %q", body, value)
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
		if got := Unquote(key); utf8.Valid(got) && string(got) != want {
			t.Fatalf("%s is %q, not %q", key, got, want)
		}
	})
}

func TestLoneSurrogatesAreKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	keys := map[string]string{}
	for _, key := range []string{`"\ud800"`, `"\ud801"`, `"\udc00"`, "\"\uFFFD\"", `"\ud800\ud800"`} {
		plain := string(Unquote([]byte(key)))
		if other, ok := keys[plain]; ok {
			t.Errorf("%s and %s are one key", key, other)
		}
		keys[plain] = key
	}
}
