package guard_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/schema"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// world is whoever a proxy speaks to: backends, issuers and stores, which all behave in the
// same mode, most of them by saying aloud what they were told.
type world struct {
	*garden

	route  *routeconfig.Route
	mode   atomic.Pointer[string]
	signer *testkit.Signer
	issuer string

	mu       sync.Mutex
	received bytes.Buffer
	spans    bytes.Buffer // of them, what is no field
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{garden: newGarden(t), signer: testkit.NewSigner(t, "key")}
	w.turn("well")
	plain := w.server("", w.handle)
	issuer := w.server("idp-ca", w.handle)
	w.issuer = issuer.URL
	secured := w.server("ca", w.handle)
	w.route = w.compiled(map[string]string{
		"BACKEND": plain.URL, "TOKEN": plain.URL + "/token", "ISSUER": w.issuer, "SECURED": secured.URL, "STORE": w.store(),
	})
	return w
}

// compiled is the route of testdata, as the API server and the operator read it.
func (w *world) compiled(addresses map[string]string) *routeconfig.Route {
	w.t.Helper()
	content, err := os.ReadFile("testdata/canaries.yaml")
	if err != nil {
		w.t.Fatal(err)
	}
	text := string(content)
	for name, address := range addresses {
		text = strings.ReplaceAll(text, `"`+name, `"`+address)
	}
	object := map[string]any{}
	s, err := schema.New()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		w.t.Fatal(err)
	}
	if errs := s.Apply(object); len(errs) > 0 {
		w.t.Fatal(errs)
	}
	route := &v1alpha1.FanoutRoute{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, route); err != nil {
		w.t.Fatal(err)
	}
	out, errs := compile.Route(route, compile.Options{})
	if len(errs) > 0 {
		w.t.Fatal(errs)
	}
	return out
}

func (w *world) turn(mode string) { w.mode.Store(&mode) }

func (w *world) server(ca string, handler http.HandlerFunc) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	w.t.Cleanup(server.Close)
	if ca == "" {
		server.Start()
		return server
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{w.authority(ca).pair(w.garden, ca)}, ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	return server
}

// handle answers backends' requests, those of tokens and those of keys.
func (w *world) handle(rw http.ResponseWriter, r *http.Request) {
	dump, _ := httputil.DumpRequest(r, true)
	for _, shown := range w.certificates(r) {
		dump = append(dump, shown...)
	}
	w.mu.Lock()
	w.received.Write(dump)
	if r.URL.Path == "/otlp/v1/traces" {
		_, body, _ := bytes.Cut(dump, []byte("\r\n\r\n"))
		w.spans.Write(body)
	}
	w.mu.Unlock()
	if token, isToken := strings.CutPrefix(r.URL.Path, "/token/"); isToken && *w.mode.Load() == "well" {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(rw, `{"access_token":%q,"issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":3600}`, w.issued(token))
		return
	}
	line := strings.Join(strings.Fields(string(dump)), " ")
	switch mode := *w.mode.Load(); mode {
	case "well":
		w.well(rw, r)
	case "cut":
		w.raw(rw, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"+string(dump))
	case "no HTTP":
		w.raw(rw, line+"\r\n\r\n")
	case "odd fields":
		w.raw(rw, "HTTP/1.1 200 OK\r\nBad Field "+line+"\r\n\r\n")
	default:
		w.echo(rw, mode, line)
	}
}

// issued is the token of a token endpoint, which is a secret as good as any.
func (w *world) issued(client string) string {
	return w.text("the token endpoint", "token for "+client, "")
}

func (*world) certificates(r *http.Request) (list [][]byte) {
	if r.TLS != nil {
		for _, c := range r.TLS.PeerCertificates {
			list = append(list, c.Raw)
		}
	}
	return list
}

func (w *world) well(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		_ = json.NewEncoder(rw).Encode(map[string]string{"issuer": w.issuer, "jwks_uri": w.issuer + "/keys"})
	case r.URL.Path == "/keys":
		_, _ = rw.Write(w.signer.Keys())
	default:
		_, _ = fmt.Fprintf(rw, `{"%s":true}`, strings.Trim(r.URL.Path, "/"))
	}
}

// echo repeats what was sent, in the body, in fields and as an error of OAuth 2.0.
func (*world) echo(rw http.ResponseWriter, mode, line string) {
	status := map[string]int{"echo 200": 200, "echo 302": 302, "echo 400": 400, "echo 401": 401, "echo 403": 403, "echo 429": 429, "echo 500": 500}[mode]
	rw.Header().Set("X-Echo", line)
	rw.Header().Set("Location", "https://idp.example/"+strings.ReplaceAll(line, " ", "%20"))
	rw.Header().Set("WWW-Authenticate", "Bearer error_description="+line)
	rw.Header().Set("Warning", line)
	rw.Header().Set("Content-Type", "text/plain")
	rw.Header().Set("Trailer", "X-Last")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(map[string]string{"error": line, "error_description": line, "error_uri": line, "token_type": line, "jwks_uri": line, "issuer": line})
	rw.Header().Set("X-Last", line)
}

func (w *world) raw(rw http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		return // HTTP/2
	}
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
}

// store speaks Redis just well enough to repeat in an error whatever it is told.
func (w *world) store() string {
	w.t.Helper()
	pair := w.authority("store-ca").pair(w.garden, "store-ca")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go w.repeat(conn)
		}
	}()
	return l.Addr().String()
}

func (w *world) repeat(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	lines, heard := bufio.NewReader(conn), ""
	for {
		head, err := lines.ReadString('\n') // *COUNT, then $LENGTH and a word as often
		count, _ := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(head, "*")))
		for range 2 * count {
			word, _ := lines.ReadString('\n')
			heard += " " + strings.TrimSpace(word)
		}
		if err != nil || count == 0 {
			return
		}
		w.mu.Lock()
		w.received.WriteString(heard + "\n")
		w.mu.Unlock()
		if _, err := io.WriteString(conn, "-WRONGPASS"+heard+"\r\n"); err != nil {
			return
		}
	}
}

// traces are the spans that the collector was sent.
func (w *world) traces() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.spans.String()
}

// heard is whatever anybody was sent.
func (w *world) heard() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.received.String()
}
