package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// podLimit is the operator's default memory limit of a proxy, of which half is for bodies
// and nine tenths are GOMEMLIMIT.
const podLimit = 256 << 20

// program builds the proxy once: the race detector's own memory would hide what it takes.
var program = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "fanout-proxy-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(folder, "fanout-proxy")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the proxy: %w: %s", err, out)
	}
	return binary, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if binary, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

// process is a proxy of its own.
type process struct {
	t       *testing.T
	address string
	status  string
}

func start(t *testing.T, route routeconfig.Route) *process {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	call, admin := freePort(t), freePort(t)
	route.Listener.Port = call
	encoded, err := routeconfig.Encode(&routeconfig.Document{Routes: []routeconfig.Route{route}})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	document := filepath.Join(folder, "document.json")
	if err := os.WriteFile(document, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, binary, "-document", document, "-credentials", folder, "-allow-loopback",
		"-address", "127.0.0.1", "-admin", fmt.Sprintf("127.0.0.1:%d", admin), "-access-log-sample", "1000000")
	command.Env = append(os.Environ(), fmt.Sprintf("GOMEMLIMIT=%d", podLimit/10*9))
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait()
	})
	p := &process{t: t, address: fmt.Sprintf("127.0.0.1:%d", call), status: fmt.Sprintf("/proc/%d/status", command.Process.Pid)}
	testkit.Eventually(t, "the proxy is ready", func() bool {
		r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", admin))
		if err != nil {
			return false
		}
		_ = r.Body.Close()
		return r.StatusCode == 200
	})
	return p
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// peak is the most that the proxy ever had in memory, in bytes (VmHWM).
func (p *process) peak() int64 {
	p.t.Helper()
	status, err := os.ReadFile(p.status)
	if err != nil {
		p.t.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		p.t.Fatalf("no VmHWM in %s", status)
	}
	kilobytes, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return kilobytes << 10
}

// load is what clients do to the proxy.
type load struct {
	clients, calls int
	body           string
	fields         http.Header
	// unread clients read heads and leave bodies for a while.
	unread bool
}

// run returns how many responses had which status.
func (l load) run(t *testing.T, address string) map[int]int {
	t.Helper()
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: l.clients}
	defer transport.CloseIdleConnections()
	var mu sync.Mutex
	statuses := map[int]int{}
	var clients sync.WaitGroup
	for range l.clients {
		clients.Go(func() {
			for range l.calls {
				status := l.one(t.Context(), transport, address)
				mu.Lock()
				statuses[status]++
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	return statuses
}

func (l load) one(ctx context.Context, transport http.RoundTripper, address string) int {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/", strings.NewReader(l.body))
	if err != nil {
		return 0
	}
	maps.Copy(r.Header, l.fields)
	response, err := transport.RoundTrip(r)
	if err != nil {
		return 0
	}
	defer func() { _ = response.Body.Close() }()
	if l.unread {
		time.Sleep(time.Second)
		return response.StatusCode
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

const mebibyte = 1 << 20

func answer(contentType, encoding string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		if encoding != "" {
			w.Header().Set("Content-Encoding", encoding)
		}
		_, _ = w.Write(content)
	}
}

// The unluckiest bodies of just 1 MiB.
func zeros() []byte {
	return []byte(`{"a":[` + strings.Repeat("0,", mebibyte/2-8) + `0]}`)
}

func members(prefix string) []byte {
	var b bytes.Buffer
	b.WriteString(`{"":0`)
	for i := 0; b.Len() < mebibyte-32; i++ {
		_, _ = fmt.Fprintf(&b, `,"%s%s":0`, prefix, strconv.FormatInt(int64(i), 36))
	}
	b.WriteByte('}')
	return b.Bytes()
}

func numbers(from int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"a":[0`)
	for i := from; b.Len() < mebibyte-32; i++ {
		_, _ = fmt.Fprintf(&b, ",%d", i)
	}
	b.WriteString("]}")
	return b.Bytes()
}

// differing ends in another digit for each i.
func differing(body []byte, i int) []byte {
	at := bytes.LastIndexByte(body, '0')
	body[at] += byte(i)
	return body
}

func control() []byte { return bytes.Repeat([]byte{1}, mebibyte) }

func compressed(content []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll(content, nil)
}

// K5: whatever backends and callers send, the proxy stays below its Pod's limit, for every
// type of response.
func TestK5MemoryStaysBelowThePodsLimit(t *testing.T) {
	json, text := "application/json", "text/plain"
	response := func(kind, arrays string) func(*routeconfig.Route) {
		return func(r *routeconfig.Route) { r.Response.Type, r.Response.Arrays = kind, arrays }
	}
	unique := response(routeconfig.ResponseMerge, routeconfig.ArraysUnique)
	wide := http.Header{}
	for i := range 240 {
		wide.Set(fmt.Sprintf("X-%d", i), strings.Repeat("v", 200))
	}
	for name, row := range map[string]struct {
		load     load
		answers  func(i int) http.HandlerFunc
		backends int
		modify   func(*routeconfig.Route)
	}{
		"Merge Unique of zeros":        {load{8, 2, "", nil, false}, func(int) http.HandlerFunc { return answer(json, "", zeros()) }, 8, unique},
		"Merge Unique of all numbers":  {load{8, 2, "", nil, false}, func(i int) http.HandlerFunc { return answer(json, "", numbers(i*200_000)) }, 2, unique},
		"Merge of the same members":    {load{8, 2, "", nil, false}, func(int) http.HandlerFunc { return answer(json, "", members("")) }, 8, unique},
		"Merge of different members":   {load{8, 2, "", nil, false}, func(i int) http.HandlerFunc { return answer(json, "", members(strconv.Itoa(i))) }, 4, unique},
		"Envelope of control bytes":    {load{16, 2, "", nil, false}, func(int) http.HandlerFunc { return answer(text, "", control()) }, 8, response(routeconfig.ResponseEnvelope, "")},
		"Envelope that is compressed":  {load{16, 2, "", http.Header{"Accept-Encoding": {"zstd"}}, false}, func(int) http.HandlerFunc { return answer(text, "", control()) }, 2, response(routeconfig.ResponseEnvelope, "")},
		"Envelope of zstd":             {load{16, 2, "", nil, false}, func(int) http.HandlerFunc { return answer(json, "zstd", compressed(zeros())) }, 8, response(routeconfig.ResponseEnvelope, "")},
		"Envelope to many wide heads":  {load{40, 3, "", wide, false}, func(int) http.HandlerFunc { return answer(json, "", []byte("{}")) }, 8, response(routeconfig.ResponseEnvelope, "")},
		"Envelope to large requests":   {load{60, 1, strings.Repeat("x", mebibyte), nil, false}, func(int) http.HandlerFunc { return answer(json, "", zeros()) }, 8, response(routeconfig.ResponseEnvelope, "")},
		"Group":                        {load{32, 2, "", nil, false}, func(int) http.HandlerFunc { return answer(json, "", zeros()) }, 8, response(routeconfig.ResponseGroup, "")},
		"First to clients that stall":  {load{200, 1, "", nil, true}, func(int) http.HandlerFunc { return answer(json, "", zeros()) }, 2, response(routeconfig.ResponseFirst, "")},
		"Primary":                      {load{100, 2, "", nil, false}, func(int) http.HandlerFunc { return answer(json, "", zeros()) }, 2, response(routeconfig.ResponsePrimary, "")},
		"shadows compared, of zeros":   {load{32, 2, "", nil, false}, func(i int) http.HandlerFunc { return answer(json, "", differing(zeros(), i)) }, 2, compared},
		"shadows compared, of members": {load{32, 2, "", nil, false}, func(i int) http.HandlerFunc { return answer(json, "", differing(members(""), i)) }, 2, compared},
	} {
		t.Run(name, func(t *testing.T) {
			var backends []routeconfig.Backend
			for i := range row.backends {
				url := testkit.NewBackend(t, row.answers(i)).URL
				backends = append(backends, testkit.Receiver(fmt.Sprintf("b%d", i), url, func(b *routeconfig.Backend) { b.MaxResponseSize = 2 * mebibyte }))
			}
			p := start(t, testkit.Route("orders", backends, row.modify, func(r *routeconfig.Route) {
				r.Dispatch.Timeout = testkit.Span(20 * time.Second)
				r.Validation.MaxBodySize = 2 * mebibyte
			}))
			statuses := row.load.run(t, p.address)
			peak := p.peak()
			t.Logf("at most %d MiB; responses by status: %v", peak>>20, statuses)
			if peak > podLimit {
				t.Errorf("at most %d MiB, the limit is %d", peak>>20, podLimit>>20)
			}
			// What was taken is given back, once stragglers have ended, so that a call alone has
			// room.
			alone := load{1, 1, row.load.body, row.load.fields, false}
			statuses = nil
			for range 5 {
				if statuses = alone.run(t, p.address); statuses[200] == 1 {
					return
				}
			}
			t.Errorf("a call alone: %v", statuses)
		})
	}
}

// compared makes the last backend a shadow of the first.
func compared(r *routeconfig.Route) {
	last := len(r.Backends) - 1
	r.Shadows = []routeconfig.Shadow{{Backend: r.Backends[last], Percent: 100, Compare: routeconfig.CompareBody}}
	r.Backends = r.Backends[:last]
}
