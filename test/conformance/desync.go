package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	"sigs.k8s.io/yaml"
)

// scenario is a labelled request of http-desync-guardian.
type scenario struct {
	Name    string `json:"name"`
	URI     string `json:"uri"`
	Method  string `json:"method"`
	Version string `json:"version"`
	Headers []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"headers"`
	Expected struct {
		Tier string `json:"tier"`
	} `json:"expected"`
}

// tails are what may follow a head: what one reader takes for its body, another may
// take for the next request.
func tails() []string {
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	return []string{"", "hello", "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "0\r\n\r\n" + smuggled, smuggled}
}

// tier is what came of the requests of one label.
type tier struct{ sent, reached int }

// desync sends each of them, whatever follows, and counts what the backend gets.
func desync(suites string) (section string, wrong []string, err error) {
	list, err := scenarios(suites)
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	b.WriteString("## http-desync-guardian\n\nEach labelled head, with six different things behind it, sent through the proxy to a backend that counts:\n" +
		"over the exchange that it speaks HTTP/1.1 with, and over net/http's Transport in its place.\n\n" +
		"| tier | over | sent | of which a request reached the backend |\n|---|---|---|---|\n")
	for _, over := range transports() {
		tiers, bad, err := desyncOver(over, list)
		if err != nil {
			return "", nil, err
		}
		wrong = append(wrong, bad...)
		for _, name := range []string{"Compliant", "Acceptable", "Ambiguous", "Severe"} {
			if t := tiers[name]; t != nil {
				fmt.Fprintf(&b, "| %s | %s | %d | %d |\n", name, over.name, t.sent, t.reached)
			}
		}
	}
	fmt.Fprintf(&b, "\nMore requests at the backend than were sent, or a Severe one: %d.\n", len(wrong))
	return b.String(), wrong, nil
}

func desyncOver(over over, list []scenario) (tiers map[string]*tier, wrong []string, err error) {
	backend := &recorder{}
	address, stop, err := startProxyOver(over.http1, fstest.MapFS{}, nil, backend)
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	tiers = map[string]*tier{}
	for _, s := range list {
		if tiers[s.Expected.Tier] == nil {
			tiers[s.Expected.Tier] = &tier{}
		}
		wrong = append(wrong, s.judge(address, backend, tiers[s.Expected.Tier])...)
	}
	return tiers, wrong, nil
}

func scenarios(suites string) (all []scenario, err error) {
	files, err := filepath.Glob(filepath.Join(suites, "http-desync-guardian", "tests", "*.yaml"))
	if err == nil && len(files) == 0 {
		err = os.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("find scenarios of http-desync-guardian below %s: %w", suites, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			return nil, fmt.Errorf("read scenarios: %w", err)
		}
		var list []scenario
		if err := yaml.Unmarshal(content, &list); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		all = append(all, list...)
	}
	return all, nil
}

func (s *scenario) judge(address string, backend *recorder, t *tier) (wrong []string) {
	for _, tail := range tails() {
		reached := send(address, backend, s.head()+tail)
		t.sent++
		t.reached += min(reached, 1)
		most := 1 + strings.Count(tail, "/smuggled")
		if s.Expected.Tier == "Severe" && reached > 0 || reached > most {
			wrong = append(wrong, fmt.Sprintf("%s (%s, %q): %d requests reached the backend", s.Name, s.Expected.Tier, tail, reached))
		}
	}
	return wrong
}

func (s *scenario) head() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\r\n", s.Method, s.URI, s.Version)
	host := false
	for _, h := range s.Headers {
		host = host || strings.EqualFold(strings.TrimSpace(h.Name), "host")
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
	}
	if !host {
		b.WriteString("Host: x\r\n")
	}
	return b.String() + "\r\n"
}

// send returns how many requests reached the backend.
func send(address string, backend *recorder, request string) int {
	before := backend.count.Load()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0
	}
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(io.Discard, conn) })
	_, _ = io.WriteString(conn, request)
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	reading.Wait()
	_ = conn.Close()
	time.Sleep(15 * time.Millisecond) // a client that leaves may do so before its request has arrived
	return int(backend.count.Load() - before)
}
