package backend

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// doubtful is a server that answers its first request in a way of its own, and all others well:
// by the number of their connection.
type doubtful struct {
	answer string
	// late, where it is set, comes unasked once the first call is over.
	late string

	listener    net.Listener
	over, sent  chan struct{} // the first call; what is late
	made, asked atomic.Int64
	running     sync.WaitGroup
}

func newDoubtful(t *testing.T, answer, late string) *doubtful {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &doubtful{answer: answer, late: late, listener: l, over: make(chan struct{}), sent: make(chan struct{})}
	d.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n := d.made.Add(1)
			d.running.Go(func() {
				defer func() { _ = conn.Close() }()
				d.serve(conn, n)
			})
		}
	})
	return d
}

func (d *doubtful) serve(conn net.Conn, n int64) {
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		if d.asked.Add(1) > 1 {
			body := fmt.Sprintf(`{"connection":%d}`, n)
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			continue
		}
		_, _ = io.WriteString(conn, d.answer)
		if d.late != "" {
			<-d.over
			_, _ = io.WriteString(conn, d.late)
			close(d.sent)
		}
	}
}

// twice asks twice, and expects the first call to fail for a reason, or to succeed for none.
func (d *doubtful) twice(t *testing.T, name string, want fanout.Reason) (second fanout.Answer) {
	t.Helper()
	b := reach(t, "http://"+d.listener.Addr().String())
	t.Cleanup(func() {
		_ = d.listener.Close()
		b.state.Close()
		d.running.Wait()
	})
	first := ask(t, b, newCall("POST"))
	if (first.Outcome == fanout.Succeeded) != (want == taken) || first.Reason != want || strings.Contains(string(first.Body), "smuggled") {
		t.Errorf("%s: %v/%v %q, want %q", name, first.Outcome, first.Reason, first.Body, want)
	}
	close(d.over)
	if d.late != "" {
		<-d.sent
	}
	return ask(t, b, newCall("POST"))
}

// doubts are answers, and what is made of them.
type doubts map[string]struct {
	answer, late string
	want         fanout.Reason
}

const (
	taken = fanout.NoReason
	reset = fanout.Reset
)

const (
	okay     = "HTTP/1.1 200 OK\r\n"
	smuggled = okay + "Content-Length: 12\r\n\r\n{\"smuggled\"}"
)

func framings() doubts {
	const chunked = okay + "Transfer-Encoding: chunked\r\n"
	return doubts{
		"two lengths":                       {okay + "Content-Length: 2\r\nContent-Length: 4\r\n\r\n{}  ", "", reset},
		"a list of lengths":                 {okay + "Content-Length: 2, 2\r\n\r\n{}", "", reset},
		"a length with a sign":              {okay + "Content-Length: +2\r\n\r\n{}", "", reset},
		"a length and chunks":               {okay + "Content-Length: 12\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "", reset},
		"chunks and a length":               {chunked + "Content-Length: 12\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "", reset},
		"chunks, and no more of it":         {okay + "Transfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "", reset},
		"chunks of chunks":                  {chunked + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "", reset},
		"almost chunks":                     {okay + "Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "", reset},
		"chunks in HTTP/1.0":                {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "", reset},
		"a chunk with a prefix":             {chunked + "\r\n0x2\r\n{}\r\n0\r\n\r\n", "", reset},
		"a chunk with a sign":               {chunked + "\r\n-2\r\n{}\r\n0\r\n\r\n", "", reset},
		"a chunk behind a space":            {chunked + "\r\n 2\r\n{}\r\n0\r\n\r\n", "", reset},
		"a chunk of two sizes":              {chunked + "\r\n2 2\r\n{}\r\n0\r\n\r\n", "", reset},
		"a chunk beyond any number":         {chunked + "\r\n10000000000000002\r\n{}\r\n0\r\n\r\n", "", reset},
		"a chunk that is longer than it is": {chunked + "\r\n2\r\n{} \r\n0\r\n\r\n", "", reset},
		"a chunk's line with LF alone":      {chunked + "\r\n2\n{}\r\n0\r\n\r\n", "", reset},
		"a length announced as a trailer":   {chunked + "Trailer: Content-Length\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n", "", reset},
	}
}

func fields() doubts {
	field := func(line string) string { return okay + line + "Content-Length: 2\r\n\r\n{}" }
	return doubts{
		"a field that ends in LF alone":   {field("X-A: b\n"), "", reset},
		"a head that ends in LF alone":    {okay + "Content-Length: 2\r\n\n{}", "", reset},
		"a field that is folded":          {field("X-A: b\r\n c\r\n"), "", reset},
		"a length that is folded":         {okay + "Content-Length:\r\n 2\r\n\r\n{}", "", reset},
		"space before a colon":            {field("X-A : b\r\n"), "", reset},
		"space before the length's colon": {okay + "Content-Length : 12\r\nContent-Length: 2\r\n\r\n{}", "", reset},
		"space before the first field":    {field(" X-A: b\r\n"), "", reset},
		"a field without a colon":         {field("X-A\r\n"), "", reset},
		"a byte 0":                        {field("X-A: b\x00\r\n"), "", reset},
		"CR within a field":               {field("X-A: b\rContent-Length: 12\r\n"), "", reset},
		"a control byte":                  {field("X-A: \x01\r\n"), "", reset},
		"DEL":                             {field("X-A: \x7f\r\n"), "", reset},
		"a control byte in the reason":    {"HTTP/1.1 200 O\x00K\r\nContent-Length: 2\r\n\r\n{}", "", reset},
		"an upgrade that nobody wants":    {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + smuggled, "", reset},
	}
}

func answersBeyond() doubts {
	const whole = okay + "Content-Length: 2\r\n\r\n{}"
	const chunks = okay + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
	return doubts{
		"two answers at once":                 {whole + smuggled, "", taken},
		"two answers, one in chunks":          {chunks + smuggled, "", taken},
		"an answer behind none":               {"HTTP/1.1 204 No Content\r\n\r\n" + smuggled, "", taken},
		"a body with 204":                     {"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}" + smuggled, "", taken},
		"more than its length":                {whole + "x", "", taken},
		"an answer, and another one later":    {whole, smuggled, taken},
		"chunks, and another answer later":    {chunks, smuggled, taken},
		"an answer, and half a one later":     {whole, smuggled[:10], taken},
		"an answer, and an empty line later":  {whole, "\r\n", taken},
		"an answer, and an interim one later": {whole, "HTTP/1.1 103 Early Hints\r\nLink: smuggled\r\n\r\n", taken},
	}
}

// A server that smuggles, splits its answer or answers twice gets no second request on a
// connection after the doubt: the next call has a new one, and its own answer. What is no
// response is a reset.
func TestConnectionsAreNotUsedAfterADoubt(t *testing.T) {
	t.Parallel()
	for kind, rows := range map[string]doubts{"framing": framings(), "fields": fields(), "beyond": answersBeyond()} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for name, row := range rows {
				d := newDoubtful(t, row.answer, row.late)
				second := d.twice(t, name, row.want)
				if second.Outcome != fanout.Succeeded || string(second.Body) != `{"connection":2}` || d.asked.Load() != 2 {
					t.Errorf("%s: then %v/%v %q, after %d requests", name, second.Outcome, second.Reason, second.Body, d.asked.Load())
				}
			}
		})
	}
}
