package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing/fstest"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	peerCalls   = 10_000
	peerClients = 100
	peerBody    = 1 << 10
	peerTimeout = 30 * time.Second
)

// once counts how often each body was executed: they are all different.
type once struct {
	mu    sync.Mutex
	times map[string]int
}

// ServeHTTP implements http.Handler.
func (o *once) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	o.mu.Lock()
	o.times[string(body)]++
	o.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"ok":true}`)
}

// twice is how many bodies were executed more than once. It begins anew.
func (o *once) twice() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, times := range o.times {
		if times > 1 {
			n++
		}
	}
	o.times = map[string]int{}
	return n
}

// peers lets servers of HTTP/2 stand between the proxy and a backend that counts. They end
// their connections in good order, and refuse streams, as they do by default and oftener.
func peers(string) (section string, wrong []string, err error) {
	var b strings.Builder
	fmt.Fprintf(&b, "## Servers of HTTP/2\n\n%d POSTs of %d bytes from %d clients, each to a backend behind the server: how many failed, and how many\n"+
		"were executed twice. Beside it net/http's client, with bodies that it can read again (GetBody) and without.\n\n"+
		"| server | over | net/http, failed | without GetBody | Fanout, failed | attempts | executed twice |\n|---|---|---|---|---|---|---|\n", peerCalls, peerBody, peerClients)
	pair, err := newPeerPair()
	if err != nil {
		return "", nil, err
	}
	for _, p := range peerServers() {
		for _, secure := range []bool{false, true} {
			row, err := judgePeer(p, secure, pair)
			if err != nil {
				return "", nil, fmt.Errorf("%s: %w", p.name, err)
			}
			over := map[bool]string{false: "H2C", true: "TLS"}[secure]
			fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %d | %d |\n", p.name, over, row.bare, row.bareOnce, row.failed, row.attempts, row.twice)
			if row.failed > 0 || row.twice > 0 {
				wrong = append(wrong, fmt.Sprintf("%s over %s: %d failed, %d executed twice", p.name, over, row.failed, row.twice))
			}
		}
	}
	return b.String(), wrong, nil
}

// peerRow is a row of the table.
type peerRow struct {
	bare, bareOnce, failed, attempts, twice int64
}

// judgePeer has both clients call through one server.
func judgePeer(p peerServer, secure bool, pair *peerPair) (row peerRow, err error) {
	upstream := &once{times: map[string]int{}}
	behind, stopBehind, err := serve(upstream)
	if err != nil {
		return row, err
	}
	defer stopBehind()
	address, stop, err := p.start(behind, secure, pair)
	if err != nil {
		return row, err
	}
	defer stop()
	scheme := map[bool]string{false: "http://", true: "https://"}[secure]
	for _, again := range []bool{true, false} {
		client := bareClient(secure, pair)
		failed := storm(func(body string) bool { return post(client, scheme+address, body, again, nil) })
		client.CloseIdleConnections()
		if again {
			row.bare = failed
		} else {
			row.bareOnce = failed
		}
	}
	upstream.twice()
	row.failed, row.attempts, err = throughProxy(scheme+address+"/", secure, pair)
	row.twice = int64(upstream.twice())
	return row, err
}

// throughProxy makes the calls through the proxy, with the server as its one backend.
func throughProxy(url string, secure bool, pair *peerPair) (failed, attempts int64, err error) {
	var all atomic.Int64
	secrets := fstest.MapFS{"judged/ca/ca.crt": &fstest.MapFile{Data: []byte(pair.crt)}}
	route, stopProxy, err := startProxyWith(secrets, func(r *routeconfig.Route) {
		to := &r.Backends[0]
		to.URL, to.Protocol, to.Timeout = url, routeconfig.ProtocolH2C, routeconfig.Duration(peerTimeout)
		if secure {
			to.Protocol, to.TLS = "", &routeconfig.TLS{CASecret: "ca"}
		}
		r.Dispatch.Timeout = to.Timeout
	}, &recorder{})
	if err != nil {
		return 0, 0, err
	}
	defer stopProxy()
	client := &http.Client{Timeout: 2 * peerTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: peerClients}}
	defer client.CloseIdleConnections()
	failed = storm(func(body string) bool { return post(client, "http://"+route, body, true, &all) })
	return failed, all.Load(), nil
}

// storm makes the calls and counts those that failed.
func storm(call func(body string) bool) int64 {
	var next, failed atomic.Int64
	var running sync.WaitGroup
	for range peerClients {
		running.Go(func() {
			for n := next.Add(1); n <= peerCalls; n = next.Add(1) {
				if !call(fmt.Sprintf("%0*d", peerBody, n)) {
					failed.Add(1)
				}
			}
		})
	}
	running.Wait()
	return failed.Load()
}

// attempt finds how often the proxy has asked.
var attempt = regexp.MustCompile(`outcome=succeeded;.*attempts=(\d+)`)

// post makes one call; again says that its body can be read again.
func post(client *http.Client, url, body string, again bool, attempts *atomic.Int64) bool {
	request, err := http.NewRequest(http.MethodPost, url+"/", strings.NewReader(body))
	if err != nil {
		return false
	}
	if !again {
		request.GetBody = nil
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if attempts != nil {
		found := attempt.FindStringSubmatch(response.Header.Get("Fanout-Backends"))
		if found == nil {
			return false
		}
		n, _ := strconv.ParseInt(found[1], 10, 64)
		attempts.Add(n)
	}
	return err == nil && response.StatusCode == http.StatusOK
}

// freeAddress is one on loopback that nobody has just now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}
