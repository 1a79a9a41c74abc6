package guard_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// home is an address that may be reached, where redirects and discovery are.
const home = "10.0.0.1"

// observer listens at every address of a network, and notes at which ones connections were
// made and what was asked there.
type observer struct {
	mu    sync.Mutex
	made  map[netip.AddrPort]int
	asked map[string]bool
}

func observe(t *testing.T) *observer {
	t.Helper()
	o := &observer{made: map[netip.AddrPort]int{}, asked: map[string]bool{}}
	server := &http.Server{Handler: http.HandlerFunc(o.handle), ConnState: o.note}
	for _, port := range []string{":80", ":8080"} {
		plain := listen(t, port)
		go func() { _ = server.Serve(plain) }()
	}
	secure := listen(t, ":443")
	go func() {
		for {
			conn, err := secure.Accept()
			if err != nil {
				return
			}
			o.note(conn, http.StateNew)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = server.Close(); _ = secure.Close() })
	return o
}

func listen(t *testing.T, port string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (o *observer) note(conn net.Conn, state http.ConnState) {
	if at, ok := conn.LocalAddr().(*net.TCPAddr); ok && state == http.StateNew {
		o.mu.Lock()
		defer o.mu.Unlock()
		ap := at.AddrPort()
		o.made[netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())]++
	}
}

func (o *observer) handle(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	o.mu.Lock()
	for i := 2; i <= len(parts); i++ {
		o.asked[strings.Join(parts[:i], "/")] = true
	}
	o.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case len(parts) > 3 && parts[1] == "redirect":
		status, _ := strconv.Atoi(parts[2])
		w.Header()["Location"] = []string{decoded(parts[3])}
		w.WriteHeader(status)
	case len(parts) > 2 && parts[1] == "discovery":
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": "http://" + r.Host + "/discovery/" + parts[2], "jwks_uri": decoded(parts[2])})
	default:
		_, _ = w.Write([]byte(`{"issuer":"none"}`))
	}
}

// connected are the connections to a place, forbidden those to whatever is none. Those to
// this network's own servers are not among them, since they have ports of their own.
func (o *observer) connected(to netip.Addr, port uint16) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.made[netip.AddrPortFrom(to, port)]
}

func (o *observer) forbidden() (list []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	may := map[netip.Addr]bool{}
	for _, place := range places() {
		may[place] = true
	}
	for at, count := range o.made {
		if !may[at.Addr()] {
			list = append(list, fmt.Sprintf("%s (%d)", at, count))
		}
	}
	return list
}

// forget begins anew.
func (o *observer) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.made)
	clear(o.asked)
}

// was reports whether a path was asked, or one below it.
func (o *observer) was(path string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked[path]
}

func redirected(status int, url string) string {
	return fmt.Sprintf("http://%s/redirect/%d/%s", home, status, hex.EncodeToString([]byte(url)))
}

func discovered(url string) string {
	return "http://" + home + "/discovery/" + hex.EncodeToString([]byte(url))
}

func decoded(text string) string {
	raw, _ := hex.DecodeString(text)
	return string(raw)
}
