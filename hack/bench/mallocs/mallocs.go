// Package mallocs lets a program say how many things it has made.
package mallocs

import (
	"fmt"
	"net/http"
	"runtime"
)

// Path is where a program says it.
const Path = "/mallocs"

// Count is how many things this program has made since its start.
func Count() string {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return fmt.Sprintf("go_memstats_mallocs_total %d\n", m.Mallocs)
}

// Beside answers that path, and passes on all else.
func Beside(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != Path {
			next.ServeHTTP(w, r)
			return
		}
		_, _ = w.Write([]byte(Count()))
	})
}
