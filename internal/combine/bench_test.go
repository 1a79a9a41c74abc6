package combine

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// BenchmarkResponse measures Check of two bodies and Combine: 30 keys each, half
// of them shared, in bodies of 1 KiB and 64 KiB. Merge is to stay below 1.3 times
// Envelope. Shared objects are those that must be merged themselves.
func BenchmarkResponse(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		for _, values := range []string{"strings", "numbers", "objects"} {
			for _, kind := range []string{routeconfig.ResponseEnvelope, routeconfig.ResponseMerge} {
				b.Run(fmt.Sprintf("%dKiB/%s/%s", size>>10, values, kind), func(b *testing.B) {
					benchmark(b, kind, benchBody("left", values, size), benchBody("right", values, size))
				})
			}
		}
	}
}

func benchmark(b *testing.B, kind string, bodies ...[]byte) {
	c := New(Options{
		Response: routeconfig.Response{
			Type: kind, OnConflict: routeconfig.ConflictFirst, Arrays: routeconfig.ArraysAppend,
			Diagnostics: routeconfig.DiagnosticsFull,
		},
		Backends: []string{"left", "right"}, Policy: routeconfig.PolicyAll,
	})
	header := http.Header{"Content-Type": {"application/json"}}
	answers := make([]fanout.Answer, len(bodies))
	total := 0
	for i, body := range bodies {
		answers[i] = fanout.Answer{Outcome: fanout.Succeeded, Status: 200, Header: header, Body: body, Attempts: 1}
		total += len(body)
	}
	account := testkit.Account()
	result := &fanout.Result{Memory: account, Answers: answers, Deciding: -1}
	var buffer []byte
	b.SetBytes(int64(total))
	b.ReportAllocs()
	for b.Loop() {
		for i := range answers {
			c.Check(i, &answers[i], account)
		}
		buffer = c.Combine(result, buffer[:0]).Body
	}
}

// benchBody has 30 keys; the first half is the same in every body.
func benchBody(name, values string, size int) []byte {
	const keys = 30
	var b strings.Builder
	b.WriteByte('{')
	for i := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		key := fmt.Sprintf("shared%02d", i)
		if i >= keys/2 {
			key = fmt.Sprintf("%s%02d", name, i)
		}
		fmt.Fprintf(&b, "%q:%s", key, benchValue(name, values, size/keys-len(key)-4))
	}
	b.WriteByte('}')
	return []byte(b.String())
}

func benchValue(name, values string, size int) string {
	switch values {
	case "numbers":
		return "[" + strings.TrimSuffix(strings.Repeat("1234.5,", max(size/7, 1)), ",") + "]"
	case "objects":
		var members []string
		for i := range max(size/20, 1) {
			members = append(members, fmt.Sprintf(`"%s%04d":"value"`, name[:2], i))
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	return `"` + strings.Repeat("x", max(size-2, 1)) + `"`
}
