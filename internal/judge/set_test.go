package judge_test

import (
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/judge"
	"github.com/fanout-operator/fanout/internal/rawjson"
)

func decoded(t *testing.T, text string) any {
	t.Helper()
	v, flaw := (&rawjson.Decoder{}).Decode([]byte(text))
	if flaw != nil {
		t.Fatal(flaw)
	}
	return v
}

// Schemas of a set refer to each other by number, in the dialect of their document.
func TestSchemasOfASetReferToEachOther(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		dialect      judge.Dialect
		first, other string
		value, want  string
	}{
		{judge.DialectOpenAPI31, `{"items":{"$ref":"#/$defs/1"}}`, `{"exclusiveMinimum":3}`, `[4,3]`, "/1 exclusiveMinimum"},
		{judge.DialectOpenAPI30, `{"items":{"$ref":"#/definitions/1"}}`, `{"minimum":3,"exclusiveMinimum":true}`, `[4,3]`, "/1 exclusiveMinimum"},
		{judge.DialectOpenAPI30, `{"format":"int32"}`, `{}`, `2147483648`, " format"},
		{judge.DialectOpenAPI31, `{"format":"int32"}`, `{}`, `2147483648`, ""},
	} {
		set := judge.NewSet([]any{decoded(t, row.first), decoded(t, row.other)}, row.dialect)
		s, flaw := set.Schema(0)
		if flaw != nil {
			t.Fatal(flaw)
		}
		var got []string
		for _, f := range s.Faults(decoded(t, row.value)) {
			got = append(got, f.Pointer+" "+f.Keyword)
		}
		if strings.Join(got, ", ") != row.want {
			t.Errorf("%s with %s: got %q, want %q", row.first, row.value, got, row.want)
		}
	}
}

// What is wrong with a set is told by the schema that it is in, and the place there. Nothing
// is read from elsewhere.
func TestErrorsOfASetSayWhere(t *testing.T) {
	t.Parallel()
	for second, want := range map[string]judge.SetError{
		`{"items":{"type":"strin"}}`:                       {Index: 1, Path: []string{"items", "type"}, Text: "value must be one of"},
		`{"$ref":"http://127.0.0.1:1"}`:                    {Index: 0, Text: "no other document is read"},
		`{"allOf":[{"$ref":"#/$defs/0"}]}`:                 {Index: 0, Text: "it refers to itself"},
		`{"items":{"allOf":[{"$ref":"#/$defs/1/items"}]}}`: {Index: 1, Path: []string{"items"}, Text: "it refers to itself"},
		`{"$ref":"#/$defs/7"}`:                             {Index: 0, Text: "not found"},
	} {
		set := judge.NewSet([]any{decoded(t, `{"$ref":"#/$defs/1"}`), decoded(t, second)}, judge.DialectOpenAPI31)
		_, flaw := set.Schema(0)
		if flaw == nil {
			t.Errorf("%s compiles", second)
			continue
		}
		if flaw.Index != want.Index || rawjson.Pointer(flaw.Path) != rawjson.Pointer(want.Path) || !strings.Contains(flaw.Error(), want.Text) || strings.Contains(flaw.Text, "fanout://") {
			t.Errorf("%s: got %+v, want %+v", second, flaw, want)
		}
	}
}
