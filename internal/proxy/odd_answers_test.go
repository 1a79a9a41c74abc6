package proxy_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

const (
	oddAnswers = 1800
	// impatience is how long the routes wait whose backend may never say more.
	impatience = 500 * time.Millisecond
)

// oddAnswer is what the backend says to one call.
type oddAnswer struct {
	method, kind string
	hurried      bool // the route does not wait for long
	wire         []byte
	cut          int
	ending       ending
	pause        time.Duration
	whole        bool // sent at once
	content      string
	combined     fate // of a response that is made of it
	streamed     fate // of one that passes it on
}

// oddBackends are a backend that answers oddly, one that does not, and clients that
// judge what becomes of it.
type oddBackends struct {
	oddRun

	statuses, interims, fields, texts []oddLine
	contents                          []oddContent
	codings                           []oddCoding
	tails                             []string
	marker                            *regexp.Regexp
	worst                             worst
}

// TestOddAnswers has 1,800 calls that one of two backends answers oddly. Whatever it
// says: nothing panics, each call ends in a whole response, or in a broken-off one where
// it was passed on already; what is no success does not count as one, what is arrives
// byte for byte, and nothing reaches another call; and afterwards the process is as it
// was before. It does not run in parallel either.
func TestOddAnswers(t *testing.T) {
	log.SetOutput(io.Discard) // net/http's Transport tells it of what nobody has asked for
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	overBoth(t, oddAnswers, runOddAnswers)
}

func runOddAnswers(t *testing.T, http1 carrier.HTTP1, cases int) {
	t.Helper()
	b := &oddBackends{
		oddRun: oddRun{t: t, http1: http1}, statuses: oddStatuses(), interims: oddInterims(), fields: oddAnswerFields(), texts: oddTexts(), contents: oddContents(),
		codings: oddCodings(), tails: oddTails(), marker: regexp.MustCompile(`case-[0-9]+:`),
	}
	odd, plain := b.farm.listen(t, b.answer), b.farm.listen(t, answerPlainly)
	var routes []routeconfig.Route
	for _, kind := range oddKinds() {
		for _, hurried := range []bool{false, true} {
			limit := oddBound
			if hurried {
				limit = impatience
			}
			waits := func(d time.Duration) func(*routeconfig.Backend) {
				return func(r *routeconfig.Backend) { r.Timeout = testkit.Span(d) }
			}
			routes = append(routes, testkit.Route(routeOf(kind, hurried), testkit.Receivers(
				testkit.Receiver("odd", odd, request(forward), waits(limit)), testkit.Receiver("plain", plain, waits(oddBound)),
			), policy("BestEffort", 0), response(kind), func(r *routeconfig.Route) {
				r.Listener.Port += len(routes)
				r.Dispatch.Timeout, r.Response.IdleTimeout = testkit.Span(2*oddBound), testkit.Span(limit)
			}))
		}
	}
	b.start(routes...)
	b.run(cases, b.one, func() {})
	b.worst.report(t)
}

func routeOf(kind string, hurried bool) string {
	if hurried {
		return "hurried-" + kind
	}
	return kind
}

// answerPlainly answers every request in the same good way.
func answerPlainly(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		_, method, _, err := readRequest(in)
		if err != nil {
			return
		}
		content := `{"plain":true}`
		if method == "HEAD" {
			content = ""
		}
		if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n%s", content); err != nil {
			return
		}
	}
}

// answer says to each request what its case is.
func (b *oddBackends) answer(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		m, _, target, err := readRequest(in)
		if err != nil {
			if errors.Is(err, errMalformed) {
				b.worst.add("the backend got %q %q: %v", m.first, m.fields, err)
			}
			return
		}
		i, err := strconv.Atoi(strings.TrimPrefix(target, "/"))
		if err != nil {
			b.worst.add("the backend got %q", m.first)
			return
		}
		a := b.make(i)
		list := [][]byte{a.wire[:a.cut]}
		if !a.whole {
			list = pieces(oddRand(4, i), a.wire[:a.cut])
		}
		write(conn, list, a.pause)
		a.ending.end(conn)
		switch a.ending {
		case stays:
		case halfCloses:
			_, _ = io.Copy(io.Discard, in)
			return
		default:
			return
		}
	}
}

// errForeign is that of a response with something of another case.
var errForeign = errors.New("the response has something of another case")

// one makes the call of case i. What stands behind another case's answer may meet it on a
// connection that they share, in the moment before the proxy sees it and gives that up: to
// HTTP/1.1 it is the answer then, and the call is made again. What it never may be is
// another case's own answer.
func (b *oddBackends) one(i int) {
	a := b.make(i)
	err := b.try(i, a)
	for again := 0; again < 3 && err != nil && !errors.Is(err, errForeign); again++ {
		time.Sleep(20 * time.Millisecond)
		err = b.try(i, a)
	}
	if err != nil {
		b.worst.add("seed %d, case %d, %s to %s, %d of %d bytes, then %v: %v; %s", *oddSeed, i, a.method, routeOf(a.kind, a.hurried), a.cut, len(a.wire), a.ending, err, brief(a.wire))
	}
}

func (b *oddBackends) try(i int, a *oddAnswer) error {
	conn, err := net.Dial("tcp", b.Address(routeOf(a.kind, a.hurried)))
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * oddBound))
	content, framing := "", ""
	if a.method == "POST" {
		content, framing = "{}", "Content-Length: 2\r\n"
	}
	if _, err := fmt.Fprintf(conn, "%s /%d HTTP/1.1\r\nHost: x\r\n%s\r\n%s", a.method, i, framing, content); err != nil {
		return err
	}
	m, status, err := readResponse(bufio.NewReader(conn), a.method)
	return b.judge(i, a, m, status, err)
}

// judge says what is wrong with a response.
func (b *oddBackends) judge(i int, a *oddAnswer, m *message, status int, err error) error {
	if err != nil && a.kind == "First" && (closed(err) || errors.Is(err, io.ErrUnexpectedEOF)) && a.streamed != counts {
		return nil // it was passed on already
	}
	if err != nil {
		return err
	}
	text := string(m.body)
	for _, found := range b.marker.FindAllString(text+fmt.Sprint(m.fields), -1) {
		if found != fmt.Sprintf("case-%d:", i) {
			return fmt.Errorf("%w: %s", errForeign, found)
		}
	}
	arrived := a.content != "" && strings.Contains(text, a.content)
	if a.kind == "First" {
		if a.streamed == counts && (!arrived || status/100 != 2) || a.streamed == fails && arrived {
			return fmt.Errorf("status %d, body %s", status, brief(m.body))
		}
		return nil
	}
	backends := strings.Join(m.values("Fanout-Backends"), "")
	succeeded := strings.Contains(backends, "odd;outcome=succeeded")
	switch {
	case a.method != "HEAD" && !json.Valid(m.body):
		return fmt.Errorf("the response is no JSON: %s", brief(m.body))
	case a.combined == counts && (!succeeded || !arrived), a.combined == fails && (succeeded || arrived && a.kind == "Merge"), status/100 != 2:
		return fmt.Errorf("status %d, %s, body %s", status, backends, brief(m.body))
	}
	return nil
}

// make makes case i.
func (b *oddBackends) make(i int) *oddAnswer {
	r := oddRand(3, i)
	a := &oddAnswer{method: "GET", kind: pick(r, oddKinds()), pause: time.Duration(r.IntN(3)) * time.Millisecond}
	first, interim, fields := oddLine{"HTTP/1.1 200 OK", counts}, oddLine{}, oddLine{}
	content, coding, tail := b.contents[r.IntN(2)*2], oddCoding{}, ""
	a.content = fmt.Sprintf("case-%d:%s:end", i, strings.Repeat("x", oddSize(r)))
	text := oddLine{`{"case":"` + a.content + `"}`, counts}
	for range 1 + r.IntN(2) {
		switch r.IntN(9) {
		case 0, 1:
			first = pick(r, b.statuses)
		case 2:
			interim = pick(r, b.interims)
		case 3, 4:
			fields = pick(r, b.fields)
		case 5, 6:
			content = pick(r, b.contents)
		case 7:
			coding = pick(r, b.codings)
		case 8:
			if r.IntN(2) == 0 {
				text, a.content = pick(r, b.texts), ""
			} else {
				a.content = fmt.Sprintf("case-%d:end", i) // both in one packet, see whole
				text, tail, a.whole = oddLine{`{"case":"` + a.content + `"}`, counts}, pick(r, b.tails), true
			}
		}
	}
	body := text.text
	if coding.names != "" {
		fields.text += "Content-Encoding: " + coding.names + "\r\n"
		for _, encode := range coding.encode {
			body = encode(body)
		}
	}
	framing, wire := content.frame(body)
	if !strings.HasPrefix(first.text, "HTTP/1.1") && strings.Contains(framing, "Transfer-Encoding") { // of which HTTP/1.0 knew nothing
		content.ends, content.fate = true, either
	}
	if content.fate != counts || content.ends {
		tail = "" // it would be part of the body
	}
	if first.fate == either || text.text == "" { // there may be no body to read, decode or cut
		content.fate, coding.fate = either, either
	}
	if !strings.Contains(fields.text, "Content-Type") {
		fields.text += "Content-Type: application/json\r\n"
	}
	a.wire = fmt.Appendf(nil, "%s%s\r\n%s%s\r\n%s", interim.text, first.text, fields.text, framing, wire)
	a.streamed = max(first.fate, interim.fate, fields.fate, text.fate)
	a.combined = max(a.streamed, coding.fate)
	if coding.names != "" {
		a.streamed = max(a.streamed, either) // its bytes are others
	}
	b.finish(r, a, &content, tail)
	return a
}

// finish says how the answer ends, and what becomes of it.
func (b *oddBackends) finish(r *rand.Rand, a *oddAnswer, content *oddContent, tail string) {
	whole := content.fate
	a.cut = len(a.wire)
	switch {
	case tail != "":
		a.wire = append(a.wire, tail...)
		a.cut = len(a.wire)
	case r.IntN(4) == 0:
		a.cut = r.IntN(len(a.wire))
		a.ending = ending(r.IntN(4))
		switch {
		case content.ends: // half of it may be all of it
			whole = max(whole, either)
		case whole == counts:
			whole = fails
		}
	case r.IntN(4) == 0:
		a.ending = ending(r.IntN(4))
	}
	if content.ends && a.ending == stays {
		a.ending = closes
	}
	a.combined, a.streamed = max(a.combined, whole), max(a.streamed, whole)
	switch r.IntN(10) {
	case 0:
		a.method, a.combined, a.streamed = "HEAD", either, either
	case 1: // a connection that is closed meanwhile may cost a POST
		a.method, a.combined, a.streamed = "POST", max(a.combined, either), max(a.streamed, either)
	}
	if a.ending == resets { // what has come may be lost with it
		a.combined, a.streamed = max(a.combined, either), max(a.streamed, either)
	}
	of := a.combined
	if a.kind == "First" {
		of = a.streamed
	}
	a.hurried = a.ending == stays && of > counts // more may seem to be to come
}
