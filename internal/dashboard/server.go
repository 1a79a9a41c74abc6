package dashboard

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"time"
)

//go:embed page
var page embed.FS

// Options are those of a Server; all are required.
type Options struct {
	Source Source
	// Hosts are the authorities under which the page may be asked for. A browser that was led
	// here by another name has been deceived about where it is (DNS rebinding).
	Hosts []string
}

// sourceTimeout bounds how long a source may take for one answer.
const sourceTimeout = 10 * time.Second

// policy lets the page load itself, and ask its own server: nothing inline, nothing from
// elsewhere, and nobody may frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// server answers the page's questions.
type server struct {
	Options

	shared shared
}

// New returns the handler of the page. It takes GET and HEAD alone.
func New(o Options) http.Handler {
	s := &server{Options: o, shared: shared{of: map[string]*asked{}}}
	files, err := fs.Sub(page, "page")
	if err != nil {
		files = page // the name is a valid one
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /api/routes", func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, r, "", func(ctx context.Context) (any, error) { return s.Source.Overview(ctx) })
	})
	mux.HandleFunc("GET /api/routes/{namespace}/{name}", func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, r, r.URL.Path, func(ctx context.Context) (any, error) {
			return s.Source.Route(ctx, r.PathValue("namespace"), r.PathValue("name"))
		})
	})
	mux.HandleFunc("GET /api/routes/{namespace}/{name}/calls", func(w http.ResponseWriter, r *http.Request) {
		cursor := r.URL.Query().Get("cursor")
		s.answer(w, r, r.URL.Path+"?"+cursor, func(ctx context.Context) (any, error) {
			return s.Source.Calls(ctx, r.PathValue("namespace"), r.PathValue("name"), cursor)
		})
	})
	return s.guard(mux)
}

// guard refuses what does not come from the page itself.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch site := r.Header.Get("Sec-Fetch-Site"); {
		case !slices.Contains(s.Hosts, r.Host):
			http.Error(w, "the page is not served under this name: use the address that fanoutctl printed", http.StatusMisdirectedRequest)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "the page is read-only", http.StatusMethodNotAllowed)
		case (site == "cross-site" || site == "same-site") && r.Header.Get("Sec-Fetch-Mode") != "navigate":
			http.Error(w, "another site may not read this", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// LoopbackHosts are the authorities of a page on a port of loopback.
func LoopbackHosts(port string) []string {
	var hosts []string
	for _, name := range []string{"127.0.0.1", "localhost", "::1"} {
		hosts = append(hosts, net.JoinHostPort(name, port))
	}
	return hosts
}

// answer writes what the source says. Readers who ask the same within a moment share one answer.
func (s *server) answer(w http.ResponseWriter, r *http.Request, key string, ask func(ctx context.Context) (any, error)) {
	value, err := s.shared.get(r.Context(), key, ask)
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		code := http.StatusBadGateway
		if errors.Is(err, ErrNotFound) {
			code = http.StatusNotFound
		}
		w.WriteHeader(code)
		value = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(value) // the reader's going away is its own business
}
