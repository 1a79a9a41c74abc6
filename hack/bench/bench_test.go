package main

import (
	"bufio"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"
)

func TestTargetsAreMetOrNot(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		target target
		want   string
	}{
		{target{bound: 1, values: []float64{0.5, 1, 3}}, "met"},
		{target{bound: 1, values: []float64{0.5, 1.1, 3}}, "**not met**"},
		{target{bound: 1, least: true, values: []float64{0.5, 1.1, 3}}, "met"},
		{target{bound: 1, least: true, values: []float64{0.5, 0.9, 3}}, "**not met**"},
		{target{bound: 1, lacks: peerLura}, "not measured: Lura is missing"},
	} {
		if got := row.target.verdict(); got != row.want {
			t.Errorf("%+v is %s, want %s", row.target, got, row.want)
		}
	}
}

func TestSlope(t *testing.T) {
	t.Parallel()
	if got := slope([]float64{1, 2, 4, 8, 16}, []float64{13, 23, 43, 83, 163}); math.Abs(got-10) > 1e-9 {
		t.Errorf("the slope is %v, want 10", got)
	}
}

// A response is read to its end, whichever way its length is told, and one that is no answer is a fault.
func TestClientsReadWholeResponses(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	for name, row := range map[string]struct {
		response string
		fine     bool
	}{
		"by length":     {ok + "content-length: 5\r\n\r\nhello", true},
		"in chunks":     {ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1f\r\n" + strings.Repeat("x", 31) + "\r\n0\r\n\r\n", true},
		"without one":   {ok + "\r\n", false},
		"empty":         {ok + "Content-Length: 0\r\n\r\n", false},
		"a failure":     {"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nhello", false},
		"broken chunks": {ok + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", false},
	} {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = io.CopyN(io.Discard, theirs, int64(len(post)))
			_, _ = io.WriteString(theirs, row.response+"after")
		}()
		c := &client{ours, bufio.NewReader(ours)}
		if err := c.call(); (err == nil) != row.fine {
			t.Errorf("%s: %v", name, err)
		} else if rest, _ := c.in.Peek(5); row.fine && string(rest) != "after" {
			t.Errorf("%s: %q is left", name, rest)
		}
		ours.Close()
		theirs.Close()
	}
}

// run is what a run has found out in which Lura was missing.
func run() *results {
	both := func(g *group, names ...string) *group {
		g.results = map[string][]turn{}
		for i, name := range names {
			g.sides = append(g.sides, &contender{name: name})
			g.results[name] = []turn{{cpu: float64(100 + i), rate: 1000, p50: time.Millisecond, p99: time.Millisecond, peak: 1 << 20}}
		}
		return g
	}
	r := &results{cast: &cast{peers: &peers{missing: map[string]string{peerLura: "LURA names no folder"}}}, memory: &memory{}, rounds: 1, span: time.Second}
	for _, n := range backendCounts {
		r.cast.groups = append(r.cast.groups, both(&group{name: groupOf(n, "small"), connections: usual}, of(oursEnvelope, n, "small"), peerPlain, peerNginx, peerNode))
		r.latency = append(r.latency, &added{backends: n, rate: 9, through: []time.Duration{time.Second}, directly: []time.Duration{time.Millisecond}})
	}
	for _, size := range bodySizes[1:] {
		name := of(oursEnvelope, 2, size)
		r.cast.groups = append(r.cast.groups, both(&group{name: groupOf(2, size)}, name, of(oursMerge, 2, size), name+todays, peerPlain))
	}
	for _, name := range []string{overTLS1, overTLS2, fromH2} {
		r.cast.groups = append(r.cast.groups, both(&group{name: name}, name, name+todays))
	}
	r.cast.groups = append(r.cast.groups, both(&group{name: groupAt(1), connections: 1}, of(oursEnvelope, 2, "small"), peerPlain),
		both(&group{name: healthy}, healthy, hanging, resetting, failing))
	return r
}

// A peer that is missing is named, with why, and where its figure would stand.
func TestThePageNamesWhoIsMissing(t *testing.T) {
	t.Parallel()
	page := run().page("benchmarks.svg")
	for _, text := range []string{
		"**Lura is not measured**: LURA names no folder.", "| CPU a call ÷ Lura, at 64 connections | ≤ 0.45 | – | not measured: Lura is missing |",
		"| CPU a call ÷ nginx mirror, at 64 connections | ≤ 1 | 0.98 / 0.98 / 0.98 | met |", "| added p99, 2 backends | ≤ 1 ms | 999.00 / 999.00 / 999.00 | **not met** |",
		"| goodput ÷ healthy, one of four hangs, quorum of 2 | ≥ 0.95 | 1.00 / 1.00 / 1.00 | met |",
	} {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q:\n%s", text, page)
		}
	}
}

// The picture can be read, and has every contender that was measured.
func TestThePictureIsWellFormed(t *testing.T) {
	t.Parallel()
	picture := run().picture()
	for decoder := xml.NewDecoder(strings.NewReader(picture)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(picture, "<polyline"); n < 6 || strings.Contains(picture, "NaN") || !strings.Contains(picture, ">net/http<") {
		t.Errorf("there are %d lines in\n%s", n, picture)
	}
}
