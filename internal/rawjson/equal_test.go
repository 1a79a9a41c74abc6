package rawjson

import (
	"encoding/json"
	"math/big"
	"reflect"
	"strings"
	"testing"
)

// ample is a memory without an end.
type ample struct{}

func (ample) Take(int64) bool { return true }
func (ample) Give(int64)      {}

func TestDifference(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ a, b, ignored, want string }{
		{`{"a":1,"b":2}`, ` {"b":2, "a":1.0}`, "", "same"},
		{`{"a":1}`, `{"a":2}`, "", "/a"},
		{`{"a":1}`, `{"a":"1"}`, "", "/a"},
		{`{"a":1}`, `{}`, "", "/a"},
		{`{}`, `{"a":null}`, "", "/a"},
		{`[1,[2,3]]`, `[1,[2,4]]`, "", "/1/1"},
		{`[1]`, `[1,2]`, "", "/1"},
		{`{"a/b":{"c~d":1}}`, `{"a/b":{"c~d":2}}`, "", "/a~1b/c~0d"},
		{`1`, `2`, "", ""},
		{`"\u0041"`, `"A"`, "", "same"},
		{`{"a":1,"a":2}`, `{"a":2}`, "", "same"},
		{`10`, `1e1`, "", "same"}, {`0.10`, `1E-1`, "", "same"}, {`-0`, `0.0e5`, "", "same"}, {`100`, `1000`, "", ""},
		{`12345678901234567890`, `12345678901234567891`, "", ""},
		{`1e99999999999`, `1e99999999999`, "", "same"}, {`1e99999999999`, `1e99999999998`, "", ""},
		{`{"at":1,"x":1}`, `{"at":2,"x":1}`, "/at", "same"},
		{`{"at":1}`, `{}`, "/at", "same"},
		{`{"items":[{"id":1,"n":1},{"id":2,"n":1}]}`, `{"items":[{"id":3,"n":1},{"id":4,"n":2}]}`, "/items/*/id", "/items/1/n"},
		{`{"a~b":1}`, `{"a~b":2}`, "/a~0b", "same"},
		{`[1]`, `{"0":1}`, "", ""},
		{`true`, `false`, "", ""},
		{`null`, `null`, "", "same"},
	} {
		var pointers []string
		if row.ignored != "" {
			pointers = []string{row.ignored}
		}
		places, _ := NewPlaces(pointers)
		for _, pair := range [][2]string{{row.a, row.b}, {row.b, row.a}} {
			pointer, found := Difference([]byte(strings.TrimSpace(pair[0])), []byte(strings.TrimSpace(pair[1])), places, ample{})
			if got := map[bool]string{true: pointer, false: "same"}[found == Different]; got != row.want {
				t.Errorf("%s and %s: %s, want %s", pair[0], pair[1], got, row.want)
			}
		}
	}
	if _, ok := NewPlaces([]string{"a"}); ok {
		t.Error("a pointer without its slash is taken")
	}
}

// What is nested deep is not looked at again and again.
func TestDifferenceIsBounded(t *testing.T) {
	t.Parallel()
	deep := func(last string) []byte {
		return []byte(strings.Repeat(`{"a":`, 500) + `["` + strings.Repeat("x", 200_000) + last + `"]` + strings.Repeat("}", 500))
	}
	if pointer, found := Difference(deep("a"), deep("b"), nil, ample{}); found != Unknown {
		t.Errorf("%d at %s, want Unknown", found, pointer)
	}
}

// numeral is the text of a number, which equals no string.
type numeral string

// model is a value of JSON in which equal ones are the same to reflect.DeepEqual.
func model(v any) any {
	switch v := v.(type) {
	case json.Number:
		r, ok := new(big.Rat).SetString(string(v))
		if !ok {
			return numeral(v)
		}
		return numeral(r.RatString())
	case []any:
		for i := range v {
			v[i] = model(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = model(v[k])
		}
	}
	return v
}

func FuzzDifferenceAgreesWithAModel(f *testing.F) {
	f.Add(`{"a":[1,2.50]}`, `{"a":[1.0,25e-1]}`)
	f.Add(`1e3`, `1000`)
	f.Fuzz(func(t *testing.T, a, b string) {
		values := [2]any{}
		raw := [2][]byte{}
		for i, text := range []string{a, b} {
			s := Scanner{}
			value, ok := s.Scan([]byte(text))
			// An exponent of five digits makes the model's numbers too large.
			if !ok || strings.Count(text, "0") > 40 || strings.ContainsAny(text, "eE") && len(text) > 12 || strings.Contains(text, `\u`) {
				return
			}
			raw[i] = value
			decoder := json.NewDecoder(strings.NewReader(string(value)))
			decoder.UseNumber()
			if err := decoder.Decode(&values[i]); err != nil {
				t.Fatal(err)
			}
		}
		_, found := Difference(raw[0], raw[1], nil, ample{})
		if want := !reflect.DeepEqual(model(values[0]), model(values[1])); (found == Different) != want && found != Unknown {
			t.Fatalf("%s and %s differ: %v, want %v", raw[0], raw[1], found, want)
		}
	})
}
