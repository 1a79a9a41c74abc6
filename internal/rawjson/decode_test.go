package rawjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reference is what encoding/json makes of a text.
func reference(text []byte) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil, false
	}
	_, err := d.Token()
	return v, errors.Is(err, io.EOF)
}

// What is decoded is what encoding/json makes of it, numbers with their text.
func TestDecodeAsEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`null`, `true`, ` false `, `"a\u00e9\n"`, `1.50`, `-0`, `1E2`, `12345678901234567890123`, `[]`, `[ ]`, `{}`, `{ }`,
		`[1,"a",null,[true,{}],{"a":{"b":[]}}]`, `{"a":1,"b":"x","c":[1,2,3],"d":{"a":1}}`, "\t[\n1 , 2 ]\r\n", `{"":{"":""}}`,
	} {
		want, ok := reference([]byte(text))
		if !ok {
			t.Fatalf("%s is no JSON", text)
		}
		d := Decoder{}
		got, err := d.Decode([]byte(text))
		if err != nil || !cmp.Equal(want, got) {
			t.Errorf("%s: got %#v, %v", text, got, err)
		}
	}
	if got, err := (&Decoder{}).Decode([]byte(byteOrderMark + "1")); err != nil || got != json.Number("1") {
		t.Errorf("behind a byte order mark: %#v, %v", got, err)
	}
}

// A text that has a flaw is told by the flaw, and the place of it.
func TestDecodeTellsTheFlaw(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]DecodeError{
		``:                               {Flaw: FlawSyntax},
		`{"a":1} x`:                      {Flaw: FlawSyntax, Offset: 8},
		`[1,]`:                           {Flaw: FlawSyntax, Path: []string{"1"}, Offset: 3},
		`[1 2]`:                          {Flaw: FlawSyntax, Offset: 3},
		`[`:                              {Flaw: FlawSyntax, Path: []string{"0"}, Offset: 1},
		`{`:                              {Flaw: FlawSyntax, Offset: 1},
		`{"a":tru}`:                      {Flaw: FlawSyntax, Path: []string{"a"}, Offset: 5},
		`{"a" 1}`:                        {Flaw: FlawSyntax, Offset: 1},
		`{"a":1 "b":2}`:                  {Flaw: FlawSyntax, Offset: 7},
		`"a`:                             {Flaw: FlawSyntax},
		"\"\xff\"":                       {Flaw: FlawSyntax},
		`01`:                             {Flaw: FlawSyntax, Offset: 1},
		`{"a":[0,{"b":[]}]}`:             {Flaw: FlawDepth, Path: []string{"a", "1", "b"}, Offset: 13},
		`{"a":[{"x":1,"y":2,"x":3}]}`:    {Flaw: FlawTwice, Path: []string{"a", "0", "x"}, Offset: 6},
		`{"\u0061":1,"a":2}`:             {Flaw: FlawTwice, Path: []string{"a"}},
		`{"a/b":[1e1001]}`:               {Flaw: FlawNumber, Path: []string{"a/b", "0"}, Offset: 8},
		`1e-1001`:                        {Flaw: FlawNumber},
		`1e99999999999999999999`:         {Flaw: FlawNumber},
		strings.Repeat("9", maxNumber+1): {Flaw: FlawNumber},
	} {
		d := Decoder{Depth: 3}
		_, got := d.Decode([]byte(text))
		if got == nil || !cmp.Equal(want, *got, cmp.Transformer("path", Pointer)) {
			t.Errorf("%.40s: got %+v, want %+v", text, got, want)
		}
	}
	for _, text := range []string{`[[[1]]]`, `1e1000`, `1E-1000`, `1e+7`, strings.Repeat("9", maxNumber)} {
		if _, err := (&Decoder{Depth: 3}).Decode([]byte(text)); err != nil {
			t.Errorf("%.40s: %v", text, err)
		}
	}
}

// Memory is taken before it is used, in pieces, and none of it for a text that has none.
func TestDecodeTakesMemory(t *testing.T) {
	t.Parallel()
	text := []byte("[" + strings.Repeat(`{"a":"bc"},`, 4000) + "1]")
	taken := int64(0)
	d := Decoder{Take: func(n int64) bool { taken += n; return true }}
	if _, err := d.Decode(text); err != nil {
		t.Fatal(err)
	}
	if least := int64(len(text)) + 4000*(objectCost+memberCost+2*valueCost); taken < least-takeAtOnce || taken > least+valueCost*4 {
		t.Errorf("took %d bytes, want about %d", taken, least)
	}
	if d.Values != 8002 {
		t.Errorf("counted %d values", d.Values)
	}
	left := taken / 2
	_, got := (&Decoder{Take: func(n int64) bool { left -= n; return left >= 0 }}).Decode(text)
	if got == nil || got.Flaw != FlawMemory {
		t.Errorf("with half of it: %v", got)
	}
	_, got = (&Decoder{Take: func(int64) bool { return false }}).Decode(bytes.Repeat([]byte{' '}, takeAtOnce))
	if got == nil || got.Flaw != FlawMemory {
		t.Errorf("without any: %v", got)
	}
}

// Foreign bytes: whatever is decoded is what encoding/json makes of it, and what is
// refused is no JSON there, or has a flaw that it does not see.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2,{"b":null}]}`, `[1e5,"\ud800"]`, `{"a":1,"a":2}`, `"` + "\xff" + `"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, flaw := (&Decoder{}).Decode(text)
		want, ok := reference(bytes.TrimPrefix(text, []byte(byteOrderMark)))
		if flaw == nil && !ok {
			t.Fatalf("%q is decoded, and no JSON", text)
		}
		if flaw != nil && flaw.Flaw == FlawSyntax && ok && json.Valid(text) && bytes.Equal(bytes.ToValidUTF8(text, nil), text) {
			t.Fatalf("%q is JSON: %v", text, flaw)
		}
		if flaw == nil && !bytes.Contains(text, []byte(`\u`)) && !cmp.Equal(want, got) { // lone surrogates differ
			t.Fatalf("%q: got %#v, want %#v", text, got, want)
		}
	})
}
