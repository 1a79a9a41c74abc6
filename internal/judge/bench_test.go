package judge_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/fanout-operator/fanout/internal/judge"
	"github.com/fanout-operator/fanout/internal/rawjson"
)

// thirty is a schema of 30 properties, and a body of 1 KiB that it admits.
func thirty() (schema, body string) {
	var properties, required, members []string
	for i := range 30 {
		name := fmt.Sprintf("property%02d", i)
		required = append(required, fmt.Sprintf("%q", name))
		switch i % 3 {
		case 0:
			properties = append(properties, fmt.Sprintf(`%q:{"type":"string","minLength":1,"maxLength":64,"pattern":"^[a-z]+$"}`, name))
			members = append(members, fmt.Sprintf(`%q:%q`, name, strings.Repeat("abcdefg", 5)))
		case 1:
			properties = append(properties, fmt.Sprintf(`%q:{"type":"integer","minimum":0,"maximum":1000000}`, name))
			members = append(members, fmt.Sprintf(`%q:%d`, name, 1000+i))
		default:
			properties = append(properties, fmt.Sprintf(`%q:{"type":"number","multipleOf":0.01}`, name))
			members = append(members, fmt.Sprintf(`%q:%d.99`, name, i))
		}
	}
	schema = `{"type":"object","additionalProperties":false,"required":[` + strings.Join(required, ",") + `],"properties":{` + strings.Join(properties, ",") + `}}`
	return schema, "{" + strings.Join(members, ",") + "}"
}

// BenchmarkJudge decodes and judges a body of 1 KiB against a schema of 30 properties, in
// turns with the library's own way, and says how much longer ours takes: by the medians,
// since others may use the processor.
func BenchmarkJudge(b *testing.B) {
	schema, body := thirty()
	s, err := judge.Compile(schema)
	if err != nil {
		b.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		b.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("s.json", document); err != nil {
		b.Fatal(err)
	}
	theirs, err := c.Compile("s.json")
	if err != nil {
		b.Fatal(err)
	}
	raw := []byte(body)
	ours := func() bool {
		v, err := (&rawjson.Decoder{}).Decode(raw)
		return err == nil && s.Faults(v) == nil
	}
	library := func() bool {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		return err == nil && theirs.Validate(v) == nil
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	var spent [2][]time.Duration
	for b.Loop() {
		for i, f := range []func() bool{ours, library} {
			start := time.Now()
			if !f() {
				b.Fatal("the body is not admitted")
			}
			spent[i] = append(spent[i], time.Since(start))
		}
	}
	median := func(list []time.Duration) float64 {
		slices.Sort(list)
		return float64(list[len(list)/2])
	}
	b.ReportMetric(median(spent[0]), "ours-ns")
	b.ReportMetric(median(spent[1]), "library-ns")
	b.ReportMetric(median(spent[0])/median(spent[1]), "ours/library")
}
