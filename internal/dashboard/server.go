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
	"strings"
	"time"
)

//go:embed page
var page embed.FS

// Options are those of a Server; Source and Hosts are required.
type Options struct {
	Source Source
	// Hosts are the authorities under which the page may be asked for; one without a port
	// stands for that name at any. A browser that was led here by another name has been
	// deceived about where it is (DNS rebinding).
	Hosts []string
	// Admit says who asks; nil where whoever reaches the page may see all of it.
	Admit Admit
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
		value, err := s.shared.get(r.Context(), "", func(ctx context.Context) (any, error) { return s.Source.Overview(ctx) })
		if overview, ok := value.(*Overview); ok && err == nil {
			value, err = overview.within(r.Context(), sightOf(r.Context()))
		}
		answer(w, value, err)
	})
	mux.HandleFunc("GET /api/routes/{namespace}/{name}", func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, r, "route", func(ctx context.Context) (any, error) {
			return s.Source.Route(ctx, r.PathValue("namespace"), r.PathValue("name"))
		})
	})
	mux.HandleFunc("GET /api/routes/{namespace}/{name}/calls", func(w http.ResponseWriter, r *http.Request) {
		cursor := r.URL.Query().Get("cursor")
		s.answer(w, r, "calls\x00"+cursor, func(ctx context.Context) (any, error) {
			return s.Source.Calls(ctx, r.PathValue("namespace"), r.PathValue("name"), cursor)
		})
	})
	return s.guard(s.admitted(mux))
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
		case !s.named(r.Host):
			http.Error(w, "the page is not served under this name: use the address that fanoutctl printed, or name this one in the operator's --dashboard-hosts", http.StatusMisdirectedRequest)
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

// named reports whether the page is served under an authority.
func (s *server) named(authority string) bool {
	if slices.Contains(s.Hosts, authority) {
		return true
	}
	host, _, err := net.SplitHostPort(authority)
	return err == nil && slices.Contains(s.Hosts, host)
}

// LoopbackHosts are the authorities of a page on a port of loopback.
func LoopbackHosts(port string) []string {
	var hosts []string
	for _, name := range []string{"127.0.0.1", "localhost", "::1"} {
		hosts = append(hosts, net.JoinHostPort(name, port))
	}
	return hosts
}

// answer writes what the source says of a route to who may see its namespace. Readers who ask
// the same within a moment share one answer.
func (s *server) answer(w http.ResponseWriter, r *http.Request, what string, ask func(ctx context.Context) (any, error)) {
	namespace, name := r.PathValue("namespace"), r.PathValue("name")
	err := sightOf(r.Context()).namespace(r.Context(), namespace)
	var value any
	if err == nil { // and only then is anything looked up
		value, err = s.shared.get(r.Context(), strings.Join([]string{namespace, name, what}, "\x00"), ask)
	}
	answer(w, value, err)
}

// answer writes a value, or why there is none.
func answer(w http.ResponseWriter, value any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(code(err))
		value = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(value) // the reader's going away is its own business
}

// code is the status of a response that tells an error.
func code(err error) int {
	switch {
	case errors.Is(err, ErrUnauthenticated):
		return http.StatusUnauthorized
	case errors.Is(err, ErrForbidden):
		return http.StatusForbidden
	case errors.Is(err, ErrUnknowable), errors.Is(err, errBusy):
		return http.StatusServiceUnavailable
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	}
	return http.StatusBadGateway
}
