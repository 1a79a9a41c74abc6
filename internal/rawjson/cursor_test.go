package rawjson

import (
	"fmt"
	"strings"
	"testing"
)

// told is what a cursor finds in a text, whose values are asked for by the first letter of their key.
func told(text string) (out string, odd bool) {
	value, ok := (&Scanner{}).Scan([]byte(text))
	if !ok {
		return "no JSON", false
	}
	c := NewCursor(value)
	b := &strings.Builder{}
	var members func()
	take := func(kind byte) {
		switch kind {
		case 't':
			fmt.Fprintf(b, "%q ", c.Text())
		case 'b':
			fmt.Fprintf(b, "%v ", c.Bool())
		case 'u':
			fmt.Fprintf(b, "%d ", c.Uint())
		case 'f':
			fmt.Fprintf(b, "%g ", c.Float())
		case 'r':
			fmt.Fprintf(b, "%s ", c.Raw())
		case 'o':
			members()
		case 'a':
			b.WriteString("[ ")
			for range c.Elements {
				fmt.Fprintf(b, "%d ", c.Uint())
			}
			b.WriteString("] ")
		}
	}
	members = func() {
		b.WriteString("{ ")
		for key := range c.Members {
			take(key[0])
		}
		b.WriteString("} ")
	}
	members()
	return b.String(), c.Odd
}

// A cursor finds what is asked for, whatever stands around it.
func TestCursor(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		` { } `: "{ } ",
		`{"t":"a\u00e9\n","x":{"t":[1,{"t":"}"}]},"u":18446744073709551615,"f":-1.5e3,"b":true}`: `{ "aé\n" 18446744073709551615 -1500 true } `,
		"{\t\"o\" : { \"u\" : 7 , \"x\" : [ ] } ,\n\"a\" : [ 1 , 2 ] , \"a2\" : [ ] }":           "{ { 7 } [ 1 2 ] [ ] } ",
		`{"t":null,"b":null,"u":null,"f":null,"o":null,"a":null,"r":null}`:                       `{ "" false 0 0 { } [ ] null } `,
		`{"\u0074":"x","r":[1,{"a":"]"}],"b":false}`:                                             `{ "x" [1,{"a":"]"}] false } `,
	} {
		if got, odd := told(text); got != want || odd {
			t.Errorf("%s: got %s, odd %v, want %s", text, got, odd, want)
		}
	}
}

// What is of another type is told, and what stands after it is found all the same.
func TestCursorTellsOtherTypes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"t":1}`, `{"b":"true"}`, `{"u":-1}`, `{"u":1.0}`, `{"u":1e3}`, `{"u":18446744073709551616}`, `{"u":"1"}`, `{"u":[]}`, `{"f":"1"}`, `{"f":{}}`,
		`{"f":1e999}`, `{"o":[]}`, `{"a":{}}`, `{"a":"x"}`, `[]`, `"x"`, `1`, `true`,
	} {
		if got, odd := told(text); !odd {
			t.Errorf("%s is taken for %s", text, got)
		}
	}
	if got, odd := told(`{"t":[1,"}"],"u":7}`); got != `{ "" 7 } ` || !odd {
		t.Errorf("after another type: %s, odd %v", got, odd)
	}
}
