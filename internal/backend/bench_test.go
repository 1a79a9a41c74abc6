package backend

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// One call of one backend over connections of HTTP/1.1 on loopback, with its server.
func BenchmarkExchange(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	b.Cleanup(server.Close)
	for _, method := range []string{"GET", "POST"} {
		b.Run(method, func(b *testing.B) {
			backend, call := reach(b, server.URL), newCall(method)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r, refusal := backend.Reserve(b.Context(), call)
					if r == nil {
						b.Fatal(refusal)
					}
					if a := do(b.Context(), r, call, nil); a.Outcome != fanout.Succeeded {
						b.Fatal(a)
					}
				}
			})
		})
	}
}
